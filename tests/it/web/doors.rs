//! Every answer's headers, spellings, panics, metrics, TLS, and the way down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use oneself::app::Origins;
use oneself::web::health::{Readiness, routes};
use oneself::web::logging::{Form, Lines};
use oneself::web::metrics::Metrics;
use oneself::web::{Front, Limits, Server, tls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tracing_subscriber::layer::SubscriberExt;

use super::{Door, SLOW_ONES};
use crate::support::authority::pem;
use crate::support::http::Client;

#[tokio::test]
async fn sec_api_18_every_answer_has_its_id_and_is_not_stored() {
    let door = Door::open().await;
    let client = Client::new(door.address);
    let mut ids = Vec::new();
    for (path, status) in [("/ok", 200), ("/gone", 404), ("/panic", 500), ("/page?x=1", 400)] {
        let reply = client.get(path).await.expect(status);
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        let id = reply.header("x-request-id").to_owned();
        assert!(id.starts_with("req_") && id.len() == 20, "{path}: {id}");
        assert!(!ids.contains(&id));
        ids.push(id);
    }
    let chosen = client.request("GET", "/ok", &[("x-request-id", "mine")], ()).await;
    assert_ne!(chosen.header("x-request-id"), "mine");
    door.down().await;
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let door = Door::open().await;
    let client = Client::new(door.address).bearer("a token");
    client.get("/ok").await.expect(200);
    client.post("/json", serde_json::json!({"a": 1})).await.expect(200);
    client.patch("/ok", serde_json::json!({})).await.expect(405);
    client.delete("/ok").await.expect(405);
    assert_eq!(door.metrics.connections_open.get(), 1);
    door.down().await;
}

#[tokio::test]
async fn refusals_are_spelled_by_the_dialect_of_the_path() {
    let door = Door::open().await;
    let client = Client::new(door.address);
    let problem = client.get("/link/v1/users/%00").await.expect(400);
    assert_eq!(problem.header("content-type"), "application/problem+json");
    assert_eq!(
        problem.json(),
        serde_json::json!({
            "type": "about:blank", "title": "Bad Request", "status": 400,
            "code": "invalid_value", "detail": "id must not hold a NUL", "field": "id",
        })
    );
    let other = client.get("/other/users/%00").await.expect(400);
    assert_eq!(
        other.json(),
        serde_json::json!({"statusCode": 400, "errorCode": "invalid_value"})
    );
    let foreign = client.host("evil.example").get("/other/users").await.expect(400);
    assert_eq!(foreign.json()["errorCode"], "foreign_host");
    assert_eq!(
        client.get("/other/nothing").await.expect(404).json()["errorCode"],
        "no_route"
    );
    assert_eq!(client.get("/others").await.expect(404).json()["code"], "no_route");
    let wrong = client.delete("/other/users").await.expect(405);
    assert_eq!(wrong.json()["errorCode"], "method_not_allowed");
    assert_eq!(wrong.header("allow"), "GET,HEAD");
    door.down().await;
}

#[tokio::test]
async fn sec_ops_04_a_panic_is_one_500_that_tells_nothing() {
    let door = Door::open().await;
    let client = Client::new(door.address);
    let reply = client.get("/panic").await.expect(500);
    assert_eq!(reply.json()["code"], "internal");
    assert!(!reply.text().contains("secret"));
    assert_eq!(door.metrics.panics.get(), 1);
    let counted = r#"oneself_http_requests_total{dialect="none",method="GET",route="/panic",status="5xx"} 1"#;
    assert!(door.metrics.text().unwrap().contains(counted));
    client.get("/ok").await.expect(200);
    door.down().await;
}

#[tokio::test]
async fn sec_ops_01_each_request_is_one_line_without_its_query() {
    let lines = Arc::new(parking_lot::Mutex::new(String::new()));
    let kept = Arc::clone(&lines);
    let clock = Arc::new(oneself::clock::ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap()));
    let log = Lines::new(Form::Json, clock, move |line: String| kept.lock().push_str(&line));
    let _log = tracing::subscriber::set_default(tracing_subscriber::registry().with(log));

    let door = Door::open().await;
    let client = Client::new(door.address);
    let reply = client
        .get("/link/v1/users/a%0d%0ab?customer_secret=canary")
        .await
        .expect(400);
    let all = lines.lock().clone();
    let access: Vec<serde_json::Value> = all
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| line["target"] == "access")
        .collect();
    let [line] = &access[..] else { panic!("{all}") };
    assert_eq!(line["method"], "GET");
    assert_eq!(line["dialect"], "link");
    assert_eq!(line["route"], "/link/v1/users/{id}");
    assert_eq!(line["path"], "/link/v1/users/a%0d%0ab");
    assert_eq!(line["status"], 400);
    assert_eq!(line["request_id"], reply.header("x-request-id"));
    assert!(line["duration_us"].is_u64());
    let ours = all
        .lines()
        .filter(|line| line.contains("oneself") || line.contains("access"));
    assert!(ours.into_iter().all(|line| !line.contains("canary")), "{all}");
    door.down().await;
}

#[tokio::test]
async fn sec_api_18_little_of_a_name_is_echoed_and_nothing_of_a_value() {
    let door = Door::open().await;
    let client = Client::new(door.address);
    let long = format!("/page?{}=canary", "n".repeat(3_000));
    let reply = client.get(&long).await.expect(400);
    assert!(
        reply.body.len() < 400 && !reply.text().contains("canary"),
        "{}",
        reply.text()
    );
    let reply = client.get("/page?%3Cscript%3E%E2%80%AE=1").await.expect(400);
    assert_eq!(reply.json()["field"], "<script>?");
    door.down().await;
}

#[tokio::test]
async fn sec_ops_07_metrics_name_routes_and_no_ids() {
    let door = Door::open().await;
    let client = Client::new(door.address);
    client.get("/link/v1/users/auth0%7Ccanary?q=canary").await.expect(200);
    client.get("/canary").await.expect(404);
    let text = door.metrics.text().unwrap();
    for line in [
        r#"oneself_http_requests_total{dialect="link",method="GET",route="/link/v1/users/{id}",status="2xx"} 1"#,
        r#"oneself_http_requests_total{dialect="none",method="GET",route="none",status="4xx"} 1"#,
        r#"oneself_http_request_seconds_count{dialect="link",method="GET",route="/link/v1/users/{id}"} 1"#,
        "oneself_http_connections_open 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("canary"));
    door.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_under_way_end_before_the_server_does() {
    let mut door = Door::open().await;
    let idle = Client::new(door.address);
    idle.get("/ok").await.expect(200);
    let _silent = TcpStream::connect(door.address).await.unwrap();
    let address = door.address;
    let under_way = tokio::spawn(async move { Client::new(address).get("/slow").await });
    while SLOW_ONES.load(Ordering::Relaxed) == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    let began = Instant::now();
    door.stop();
    let reply = under_way.await.unwrap().expect(200);
    assert_eq!(reply.header("connection"), "close");
    door.down().await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_is_broken_off_at_the_deadline() {
    let limits = Limits {
        drain: Duration::from_millis(50),
        ..Limits::default()
    };
    let door = Door::open_with(limits, None).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    stream
        .write_all(b"GET /never HTTP/1.1\r\nHost: ok.example\r\n\r\n")
        .await
        .unwrap();
    sleep(Duration::from_millis(50)).await;
    timeout(Duration::from_secs(3), door.down())
        .await
        .expect("down at the deadline");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn operators_see_health_readiness_and_metrics() {
    let metrics = Metrics::new().unwrap();
    let broken = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&broken);
    let readiness = Readiness::new(Arc::new(move || {
        let broken = asked.load(Ordering::Relaxed);
        Box::pin(async move { if broken { Err("no disk".to_owned()) } else { Ok(()) } })
    }));
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), None, Limits::default())
        .await
        .unwrap();
    let client = Client::new(server.address()).host("any.name.at.all");
    let router = routes(readiness.clone(), metrics.clone());
    let random = oneself::clock::SystemRandomness::new();
    tokio::spawn(server.serve(
        Front::new(router, Origins::any(), Vec::new(), metrics, &random),
        std::future::pending(),
    ));
    client.get("/healthz").await.expect(200);
    client.get("/readyz").await.expect(200);
    broken.store(true, Ordering::Relaxed);
    assert_eq!(client.get("/readyz").await.expect(503).text(), "not ready: no disk\n");
    broken.store(false, Ordering::Relaxed);
    client.get("/readyz").await.expect(200);
    readiness.drain();
    assert_eq!(client.get("/readyz").await.expect(503).text(), "not ready: draining\n");
    client.get("/healthz").await.expect(200);
    let text = client.get("/metrics").await.expect(200);
    assert!(text.header("content-type").starts_with("text/plain; version=0.0.4"));
    assert!(text.text().contains("oneself_http_connections_open"));
}

/// A certificate for `ok.example`, signed by itself, as files.
fn certificate(directory: &tempfile::TempDir) -> (std::path::PathBuf, std::path::PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["ok.example".to_owned()]).unwrap();
    let (certificate, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    std::fs::write(&certificate, pem("CERTIFICATE", made.cert.der())).unwrap();
    std::fs::write(&key, pem("PRIVATE KEY", &made.signing_key.serialize_der())).unwrap();
    (certificate, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_with_the_files_given() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(&directory);
    let limits = Limits {
        time: Duration::from_millis(300),
        ..Limits::default()
    };
    let door = Door::open_with(limits, Some(tls::acceptor(&certificate, &key).unwrap())).await;

    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let ask = async |host: &str| {
        let stream = TcpStream::connect(door.address).await.unwrap();
        let name = ServerName::try_from("ok.example").unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let request = format!("GET /arrival HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = ask("ok.example").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains(r#""tls":true,"origin":"https://ok.example/""#),
        "{answer}"
    );
    let answer = ask("evil.example").await;
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");

    let mut silent = TcpStream::connect(door.address).await.unwrap();
    let closed = timeout(Duration::from_secs(2), silent.read(&mut [0; 1])).await;
    assert!(matches!(closed.expect("closed at the limit"), Ok(0) | Err(_)));
    let mut plain = TcpStream::connect(door.address).await.unwrap();
    plain
        .write_all(b"GET /ok HTTP/1.1\r\nHost: ok.example\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"));
    door.down().await;
}

#[test]
fn tls_files_that_cannot_be_used_are_named_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(&directory);
    let (_, other_key) = {
        let other = tempfile::tempdir().unwrap();
        let (_, key) = self::certificate(&other);
        let moved = directory.path().join("other.pem");
        std::fs::copy(key, &moved).unwrap();
        ((), moved)
    };
    let gone = directory.path().join("gone.pem");
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    for (certificate, key, words) in [
        (&gone, &key, vec!["certificates", "gone.pem", "No such file"]),
        (&empty, &key, vec!["no certificate", "empty.pem"]),
        (&certificate, &gone, vec!["private key", "gone.pem", "No such file"]),
        (&certificate, &empty, vec!["private key", "empty.pem", "none"]),
        (&certificate, &other_key, vec!["cert.pem", "other.pem"]),
    ] {
        let Err(error) = tls::acceptor(certificate, key) else {
            panic!("{words:?}");
        };
        let told = error.to_string();
        assert!(words.iter().all(|word| told.contains(word)), "{told}");
    }
}
