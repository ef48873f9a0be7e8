//! Hostile URLs from `tests/data/hostile_urls.toml`, and good ones beside them.

use oneself::outbound::{Outbound, OutboundError, OutboundSettings};
use serde::Deserialize;

const URLS: &str = include_str!("../../data/hostile_urls.toml");

#[derive(Deserialize)]
struct Corpus {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    url: String,
    why: String,
}

/// With what stands for many letters written out.
fn expanded(text: &str) -> String {
    let Some((before, rest)) = text.split_once("<<") else {
        return text.to_owned();
    };
    let (pattern, after) = rest.split_once(">>").unwrap();
    let (letters, times) = pattern.split_once('*').unwrap();
    format!("{before}{}{after}", letters.repeat(times.parse().unwrap()))
}

#[tokio::test]
async fn sec_egr_04_hostile_urls_are_refused_before_anything_is_sent() {
    let client = Outbound::new(OutboundSettings::default());
    let rows = toml::from_str::<Corpus>(URLS).unwrap().rows;
    assert!(rows.len() > 70, "{}", rows.len());
    for Row { id, url, why } in rows {
        let url = expanded(&url);
        match client.check(&url) {
            Err(OutboundError::NotAllowed(said)) => assert!(said.contains(&why), "{id} {url:?}: {said}"),
            other => panic!("{id} {url:?}: {other:?}"),
        }
        // What is a URL to the library all the same goes nowhere either, but for what it drops or
        // what is only too long.
        if why != "fragment"
            && !why.starts_with("longer")
            && let Ok(uri) = url.parse::<http::Uri>()
        {
            let mut request = http::Request::new(Vec::new());
            *request.uri_mut() = uri;
            let sent = client.send(request).await;
            assert!(super::not_allowed(&sent), "{id} {url:?}: {sent:?}");
        }
    }
}

#[test]
fn usual_urls_are_allowed() {
    let client = Outbound::new(OutboundSettings::default());
    for url in [
        "https://graph.facebook.com/debug_token?input_token=a%20b&access_token=c|d",
        "https://api.twitter.com/1.1/account/verify_credentials.json",
        "https://Example.COM:443/",
        "https://example.com",
        "https://xn--bcher-kva.example/",
        "https://8.8.8.8/",
        "https://[2001:4860:4860::8888]/",
        "https://notlocalhost/",
        "https://a.b.c.d.example/?x",
    ] {
        assert!(client.check(url).is_ok(), "{url}: {:?}", client.check(url));
    }
}

#[tokio::test]
async fn sec_egr_01_the_allowed_address_is_exactly_one() {
    let (sandbox, trap) = (super::Fake::trap().await, super::Fake::trap().await);
    let client = sandbox.client(|_| ());
    let (port, trapped) = (sandbox.address.port(), trap.address.port());
    assert_eq!(
        super::get(&client, &sandbox.url("/x?y=1")).await.unwrap().body,
        b"secret"
    );
    assert!(sandbox.heads.lock()[0].starts_with("GET /x?y=1 HTTP/1.1\r\n"));
    assert!(sandbox.heads.lock()[0].contains(&format!("host: {}\r\n", sandbox.address)));
    for url in [
        format!("http://localhost:{port}/"),
        format!("http://127.0.0.2:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://127.0.0.1:{trapped}/"),
        format!("https://127.0.0.1:{trapped}/"),
        format!("http://x@127.0.0.1:{port}/"),
        format!("http://127.1:{port}/"),
    ] {
        let outcome = super::get(&client, &url).await;
        assert!(super::not_allowed(&outcome), "{url}: {outcome:?}");
    }
    assert_eq!((sandbox.came(), trap.came()), (1, 0));
}

#[tokio::test]
async fn errors_do_not_repeat_the_url() {
    let client = Outbound::new(OutboundSettings::default());
    for url in [
        "http://example.com/secret?token=secret",
        "https://secret:secret@example.com/",
    ] {
        let error = super::get(&client, url).await.unwrap_err();
        assert!(!format!("{error:?} {error}").contains("secret"));
    }
}
