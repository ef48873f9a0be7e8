//! Tokens that are looked for everywhere but where they belong (VLT-01, -06).
//!
//! The real binary at the most talkative log level. What one would get wrong: a base64 of the
//! token in something longer begins at any of three places, so all three are looked for.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::blackbox::server::{Installation, Server};

/// A token that occurs nowhere by chance.
fn canary(n: usize) -> String {
    format!("cAnArY+{n}/tOkEn~of%some length=that-is-unmistakable")
}

/// Every form in which a token may have been written, without what depends on its neighbours.
fn forms(token: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![
        token.as_bytes().to_vec(),
        hex::encode(token).into_bytes(),
        hex::encode_upper(token).into_bytes(),
        token
            .replace('%', "%25")
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace(' ', "%20")
            .replace('=', "%3D")
            .into_bytes(),
        token
            .replace('%', "%25")
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace(' ', "+")
            .replace('=', "%3D")
            .into_bytes(),
        token.replace('/', "\\/").into_bytes(),
        format!("{:?}", token.as_bytes())
            .trim_matches(['[', ']'])
            .as_bytes()
            .to_vec(),
    ];
    for skip in 0..3 {
        let bytes = &token.as_bytes()[skip..];
        let whole = &bytes[..bytes.len() / 3 * 3];
        forms.push(STANDARD_NO_PAD.encode(whole).into_bytes());
        forms.push(URL_SAFE_NO_PAD.encode(whole).into_bytes());
    }
    forms
}

/// The places among these in which a form of a token is.
pub fn hits(places: &[(String, Vec<u8>)], tokens: &[String]) -> Vec<String> {
    let mut hits = Vec::new();
    for token in tokens {
        for form in forms(token) {
            for (name, bytes) in places {
                if bytes.windows(form.len()).any(|window| window == form) {
                    hits.push(format!("{name}: {}", String::from_utf8_lossy(&form)));
                }
            }
        }
    }
    hits
}

#[test]
fn the_search_finds_every_form() {
    let token = canary(0);
    for form in forms(&token) {
        let place = [("x".to_owned(), [b"before", form.as_slice(), b"after"].concat())];
        assert!(!hits(&place, std::slice::from_ref(&token)).is_empty());
    }
    let within = STANDARD_NO_PAD.encode(format!("a{token}b"));
    assert!(!hits(&[("x".to_owned(), within.into_bytes())], std::slice::from_ref(&token)).is_empty());
    assert!(hits(&[("x".to_owned(), canary(1).into_bytes())], &[token]).is_empty());
}

#[test]
fn sec_vlt_01_06_no_token_is_anywhere_but_in_its_answer() {
    let installation = Installation::on_named_store();
    let log = installation.folder().join("log");
    let admin = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut command = installation.command(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", &admin.to_string()]);
    command
        .env("ONESELF_LOG_LEVEL", "trace")
        .stderr(Stdio::from(fs::File::create(&log).unwrap()));
    let server = Server::start(command, installation.credentials());
    let bearer = server.token();
    let mut client = server.client();
    let mut tokens: Vec<String> = (0..12).map(canary).collect();
    let set = |n: usize| json!({"access_token": canary(n), "token_secret": canary(n + 1), "refresh_token": canary(n + 2), "id_token": canary(n + 3), "expires_in": 3600});

    // Where tokens go in.
    let made = client
        .post(
            "/link/v1/users",
            &json!({"identity": {"connection": "twitter", "subject": "1", "tokens": set(0)}}),
        )
        .unwrap()
        .expect(201);
    let id = made.text("id").to_owned();
    let identities = format!("/link/v1/users/{id}/identities");
    let link = |subject: &str, n: usize| json!({"connection": "twitter", "subject": subject, "tokens": set(n)});
    client.post(&identities, &link("2", 4)).unwrap().expect(201);
    client.post(&identities, &link("2", 8)).unwrap().expect(200);
    let second = client
        .post("/link/v1/users", &json!({}))
        .unwrap()
        .expect(201)
        .text("id")
        .to_owned();
    let absorb = json!({"provider": "auth0", "user_id": format!("auth0|{id}")});
    client
        .post(&format!("/api/v2/users/auth0%7C{second}/identities"), &absorb)
        .unwrap()
        .expect(201);

    // Where they come out, and there only.
    let shown = client
        .get(&format!("/api/v2/users/auth0%7C{second}"))
        .unwrap()
        .expect(200);
    assert!(shown.body.to_string().contains(&canary(8)), "{:?}", shown.body);
    let split = client
        .delete(&format!("/api/v2/users/auth0%7C{second}/identities/twitter/2"))
        .unwrap()
        .expect(200);

    // Where they are refused: in bodies, names, paths, queries and headers.
    let mut answers: Vec<(String, Vec<u8>)> = vec![("split".to_owned(), split.bytes)];
    let encoded = "cAnArY%2B0%2FtOkEn~of%25some%20length%3Dthat-is-unmistakable";
    let wrong = [
        (
            "POST",
            identities.clone(),
            json!({"connection": "twitter", "subject": "3", "tokens": {"access_token": [canary(0)]}}),
        ),
        (
            "POST",
            identities.clone(),
            json!({"connection": "nowhere", "subject": "3", "tokens": set(0)}),
        ),
        (
            "POST",
            identities.clone(),
            json!({"connection": "twitter", "subject": "3", "tokens": canary(0)}),
        ),
        (
            "POST",
            identities.clone(),
            json!({"connection": "twitter", "subject": "3", "tokens": set(0), "verify": true}),
        ),
        (
            "POST",
            identities.clone(),
            json!({"connection": canary(0), "subject": canary(1), "tokens": set(0)}),
        ),
        (
            "POST",
            format!("/api/v2/users/auth0%7C{second}/identities"),
            json!({"link_with": canary(0)}),
        ),
        (
            "POST",
            "/oauth/token".to_owned(),
            json!({"grant_type": "client_credentials", "client_id": canary(0), "client_secret": canary(1), "audience": canary(2)}),
        ),
        ("GET", format!("/link/v1/users?after={encoded}"), Value::Null),
        ("GET", format!("/api/v2/users?access_token={encoded}"), Value::Null),
        ("GET", "/link/v1/users".to_owned(), Value::Null),
        ("GET", "/link/v1/events".to_owned(), Value::Null),
        ("GET", "/api/v2/connections".to_owned(), Value::Null),
    ];
    for (method, path, body) in wrong {
        let body = (!body.is_null()).then_some(&body);
        let answer = client.send(method, &path, &[], body).unwrap();
        answers.push((format!("{method} {path} {body:?}"), answer.bytes));
    }
    // Knodes' clients send their secret, and tokens, in the address.
    let credential = |name: &str| installation.credentials()["knodes"][name].as_str().unwrap().to_owned();
    let own = format!(
        "customer_id={}&customer_secret={}",
        credential("customer_id"),
        credential("customer_secret")
    );
    for (method, path, body) in [
        ("GET", format!("/v1/customers.json?{own}"), Value::Null),
        ("GET", format!("/users.json?{own}&token={encoded}"), Value::Null),
        (
            "GET",
            format!("/users.json?customer_id={encoded}&customer_secret={encoded}"),
            Value::Null,
        ),
        ("GET", format!("/unheard/of?{own}&token={encoded}"), Value::Null),
        (
            "POST",
            format!("/users/connect.json?{own}"),
            json!({"network": "twitter", "network_id": "2", "token": canary(0)}),
        ),
        (
            "POST",
            format!("/users/connect.json?{own}"),
            json!({"network": canary(0), "network_id": canary(1), "token": canary(2),
            "secret": canary(3), "refresh_token": canary(4), "notifications.first_index_begin.url_callback": canary(5)}),
        ),
        (
            "POST",
            format!("/customers//connect.json?{own}"),
            json!({"network": "google", "id": "1", "secret": canary(6)}),
        ),
        (
            "POST",
            "/users/connect.json".to_owned(),
            json!({"customer_id": canary(0), "customer_secret": [canary(1)]}),
        ),
    ] {
        let body = (!body.is_null()).then_some(&body);
        let answer = client.send(method, &path, &[], body).unwrap();
        answers.push((format!("{method} {path} {body:?}"), answer.bytes));
    }
    let mut stranger = server.stranger();
    for token in [canary(0), format!("{}.{}.{}", canary(0), canary(1), canary(2))] {
        let header = [("authorization", &*format!("Bearer {token}"))];
        answers.push((
            "a stranger".to_owned(),
            stranger.send("GET", "/link/v1/users", &header, None).unwrap().bytes,
        ));
    }
    let mut places: Vec<(String, Vec<u8>)> = answers
        .into_iter()
        .map(|(name, body)| (format!("answer to {name:.60}"), body))
        .collect();

    let metrics = metrics(admin);
    let counted = String::from_utf8_lossy(&metrics);
    let spelled_once = counted.contains("\"/users/connect\"") && !counted.contains("{*rest}");
    assert!(
        spelled_once,
        "a route is counted by the one spelling that it has: {counted}"
    );
    places.push(("metrics".to_owned(), metrics));
    places.extend(installation.places());
    // The log is written by a thread of its own, a moment later.
    let logged = (0..500)
        .map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            fs::read_to_string(&log).unwrap()
        })
        .find(|logged| logged.lines().count() >= 20)
        .unwrap_or_default();
    places.push(("log".to_owned(), logged.clone().into_bytes()));
    places.extend(processes());
    assert!(logged.lines().count() >= 20, "every request is a line: {logged}");
    assert!(
        places
            .iter()
            .any(|(name, bytes)| (name.ends_with("data.db-wal") || name == "oneself.token_sets") && !bytes.is_empty()),
        "tokens are kept somewhere"
    );

    // The secrets of the tenant and the bearer token are held to the same.
    tokens.push(bearer);
    for secret in [
        "/auth0/client_secret",
        "/kii/app_key",
        "/kii/client_secret",
        "/knodes/customer_secret",
    ] {
        tokens.push(
            installation
                .credentials()
                .pointer(secret)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    let hits = hits(&places, &tokens);
    assert!(hits.is_empty(), "{}", hits.join("\n"));
    server.kill();
    assert!(self::hits(&installation.places(), &tokens).is_empty());
}

fn metrics(admin: std::net::SocketAddr) -> Vec<u8> {
    let mut stream = TcpStream::connect(admin).unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    answer
}

/// What the system tells everybody of our processes: how they were called, and with what around
/// them.
fn processes() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().map(Result::unwrap) {
        let path = entry.path();
        let Ok(program) = fs::read_link(path.join("exe")) else {
            continue;
        };
        if program.ends_with("oneself") {
            for part in ["cmdline", "environ"] {
                found.push((
                    path.join(part).display().to_string(),
                    fs::read(path.join(part)).unwrap_or_default(),
                ));
            }
        }
    }
    assert!(!found.is_empty(), "the server is among them");
    found
}
