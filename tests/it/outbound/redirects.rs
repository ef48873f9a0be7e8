//! Nobody is led elsewhere: not by a redirect, and not by the environment.

use std::process::Command;

use http::StatusCode;

use super::{Fake, get};

#[tokio::test]
async fn sec_egr_04_a_redirect_is_an_answer_and_is_not_followed() {
    let trap = Fake::trap().await;
    for location in [
        "http://169.254.169.254/".to_owned(),
        trap.url("/"),
        "/elsewhere".to_owned(),
    ] {
        for status in ["301 x", "302 x", "303 x", "307 x", "308 x"] {
            let server = Fake::says(&format!(
                "HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
            ))
            .await;
            let client = server.client(|settings| settings.allowed.push(trap.address));
            let reply = get(&client, &server.url("/")).await.unwrap();
            assert!(reply.status.is_redirection(), "{status}");
            assert_eq!(reply.headers["location"], location.as_str());
            assert_eq!(server.came(), 1, "one request");
        }
    }
    assert_eq!(trap.came(), 0);
}

/// Run by the next test in a process whose environment names a proxy.
#[tokio::test]
async fn requests_go_where_the_url_says() {
    let server = Fake::trap().await;
    let reply = get(&server.client(|_| ()), &server.url("/")).await.unwrap();
    assert_eq!((reply.status, server.came()), (StatusCode::OK, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_egr_04_variables_that_name_a_proxy_are_nothing_to_us() {
    let trap = Fake::trap().await;
    let proxy = format!("http://{}", trap.address);
    let mut test = Command::new(std::env::current_exe().unwrap());
    test.args(["--exact", "outbound::redirects::requests_go_where_the_url_says"]);
    for name in [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ] {
        test.env(name, &proxy);
    }
    let ended = tokio::task::spawn_blocking(move || test.output())
        .await
        .unwrap()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(trap.came(), 0);
}

#[tokio::test]
async fn a_connection_is_used_again_for_the_same_server() {
    let server = Fake::start(|mut stream| async move {
        use tokio::io::AsyncWriteExt as _;
        loop {
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            if super::head(&mut stream).await.is_empty() {
                return;
            }
        }
    })
    .await;
    let client = server.client(|_| ());
    for _ in 0..5 {
        assert_eq!(
            get(&client, &server.url("/")).await.unwrap().status,
            StatusCode::NO_CONTENT
        );
    }
    assert_eq!(server.came(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_ended_is_replaced() {
    let server = Fake::says("HTTP/1.1 204 No Content\r\n\r\n").await;
    let client = server.client(|_| ());
    for count in 1..5 {
        assert_eq!(
            get(&client, &server.url("/")).await.unwrap().status,
            StatusCode::NO_CONTENT
        );
        assert_eq!(server.came(), count);
        // Until the end of the connection is noticed.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
}
