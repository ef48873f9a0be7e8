//! Peers that are slow, silent or many (API-12), with limits short enough for a test.

use std::time::{Duration, Instant};

use oneself::web::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::Door;
use crate::support::http::Client;

const LIMIT: Duration = Duration::from_millis(300);

/// Sends these bytes at once and then nothing; returns what came back, and when the
/// server closed.
async fn fall_silent_after(door: &Door, bytes: &str) -> (String, Duration) {
    let began = Instant::now();
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(Duration::from_secs(4), stream.read_to_end(&mut answer))
        .await
        .expect("the server closes")
        .ok();
    (String::from_utf8(answer).unwrap(), began.elapsed())
}

/// Waits until no connection is counted as open any more.
async fn all_gone(door: &Door) {
    let gone = async {
        while door.metrics.connections_open.get() > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(4), gone)
        .await
        .expect("every place is given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_api_12_silent_peers_are_closed_at_the_limit() {
    let door = Door::open_for(LIMIT).await;
    let ok = "GET /ok HTTP/1.1\r\nHost: ok.example\r\n\r\n";
    let body = "POST /json HTTP/1.1\r\nHost: ok.example\r\nContent-Type: application/json\r\n";
    let cases = [
        ("no byte at all", String::new(), ""),
        ("one byte", "G".to_owned(), ""),
        ("half a header", "GET /ok HTTP/1.1\r\nHost: ok".to_owned(), ""),
        ("idle after an answer", ok.to_owned(), "200"),
        ("half a second header", format!("{ok}GET /o"), "200"),
        ("no body", format!("{body}Content-Length: 9\r\n\r\n"), "408"),
        ("half a body", format!("{body}Content-Length: 9\r\n\r\n{{\"a"), "408"),
        (
            "half a chunk",
            format!("{body}Transfer-Encoding: chunked\r\n\r\n9\r\n{{"),
            "408",
        ),
        (
            "no body on a route that reads none",
            ok.replace("\r\n\r\n", "\r\nContent-Length: 9\r\n\r\n"),
            "200",
        ),
    ];
    for (what, bytes, status) in &cases {
        let (answer, after) = fall_silent_after(&door, bytes).await;
        assert_eq!(
            answer.split(' ').nth(1).unwrap_or_default(),
            *status,
            "{what}: {answer}"
        );
        assert!(after < LIMIT * 5, "{what}: closed after {after:?}");
    }
    all_gone(&door).await;
    door.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_api_12_a_body_that_trickles_does_not_move_the_deadline() {
    let door = Door::open_for(LIMIT).await;
    let began = Instant::now();
    let stream = TcpStream::connect(door.address).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    write
        .write_all(
            b"POST /json HTTP/1.1\r\nHost: ok.example\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n",
        )
        .await
        .unwrap();
    let trickle = tokio::spawn(async move {
        while write.write_all(b" ").await.is_ok() {
            sleep(Duration::from_millis(50)).await;
        }
    });
    let mut answer = Vec::new();
    let _ = read.read_to_end(&mut answer).await;
    trickle.abort();
    assert!(
        answer.starts_with(b"HTTP/1.1 408"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    assert!(began.elapsed() < LIMIT * 5, "{:?}", began.elapsed());
    door.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_api_12_a_peer_that_does_not_read_is_closed() {
    let door = Door::open_for(LIMIT).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let request = b"GET /ok HTTP/1.1\r\nHost: ok.example\r\n\r\n".repeat(1_000);
    let flood = async { while stream.write_all(&request).await.is_ok() {} };
    timeout(Duration::from_secs(4), flood).await.expect("the server closes");
    door.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_still_sends_gets_its_refusal_and_no_reset() {
    let door = Door::open().await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let head =
        "POST /json HTTP/1.1\r\nHost: ok.example\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..9 {
        stream.write_all(&[b' '; 100_000]).await.expect("no reset");
        sleep(Duration::from_millis(10)).await;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("no reset");
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    door.down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_api_12_connections_are_capped_and_given_back() {
    for limits in [
        Limits {
            connections: 3,
            ..Limits::default()
        },
        Limits {
            per_address: 3,
            ..Limits::default()
        },
    ] {
        let door = Door::open_with(limits, None).await;
        let clients: Vec<Client> = (0..3).map(|_| Client::new(door.address)).collect();
        for client in &clients {
            client.get("/ok").await.expect(200);
        }
        let mut refused = TcpStream::connect(door.address).await.unwrap();
        let ended = timeout(Duration::from_secs(4), refused.read(&mut [0; 1]))
            .await
            .expect("closed at once");
        assert!(matches!(ended, Ok(0) | Err(_)));
        assert_eq!(door.metrics.connections_refused.get(), 1);
        assert_eq!(door.metrics.connections_open.get(), 3);
        drop(clients);
        all_gone(&door).await;
        Client::new(door.address).get("/ok").await.expect(200);
        door.down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_api_12_honest_clients_are_served_beside_idle_sockets() {
    let door = Door::open_for(Duration::from_secs(3)).await;
    let mut idle = Vec::new();
    for n in 0..300 {
        let mut stream = TcpStream::connect(door.address).await.unwrap();
        stream.write_all(&b"GET /ok HTTP/1.1\r\nHos"[..n % 22]).await.unwrap();
        idle.push(stream);
    }
    let client = Client::new(door.address);
    let began = Instant::now();
    for _ in 0..50 {
        client.get("/ok").await.expect(200);
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    drop(idle);
    door.down().await;
}
