//! Hostile answers: slow, endless, packed, with too many headers, cut off. Each ends in time, small.

use std::time::{Duration, Instant};

use oneself::outbound::{OutboundError, OutboundSettings};
use tokio::io::AsyncWriteExt as _;

use super::{Fake, get};

const SHORT: Duration = Duration::from_millis(80);

fn short(settings: &mut OutboundSettings) {
    settings.limits.first_byte = SHORT;
    settings.limits.total = 3 * SHORT;
}

async fn outcome_of(server: &Fake) -> OutboundError {
    let began = Instant::now();
    let error = get(&server.client(short), &server.url("/")).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    error
}

#[tokio::test]
async fn sec_egr_06_an_answer_that_trickles_is_given_up() {
    for head in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"] {
        let server = Fake::start(move |mut stream| async move {
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(b"H").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        assert_eq!(outcome_of(&server).await, OutboundError::TimedOut, "{head:?}");
    }
}

#[tokio::test]
async fn sec_egr_06_silence_is_given_up() {
    let server = Fake::start(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    assert_eq!(outcome_of(&server).await, OutboundError::TimedOut);
}

#[tokio::test]
async fn sec_egr_06_an_endless_answer_is_cut_off_at_the_limit() {
    for (head, before) in [
        ("HTTP/1.1 200 OK\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "10000\r\n"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n", ""),
    ] {
        let server = Fake::start(move |mut stream| async move {
            let _ = stream.write_all(head.as_bytes()).await;
            let block = format!(
                "{before}{}{}",
                "x".repeat(0x10000),
                if before.is_empty() { "" } else { "\r\n" }
            );
            let mut sent = 0_usize;
            while stream.write_all(block.as_bytes()).await.is_ok() {
                sent += block.len();
                assert!(sent < 64 << 20, "somebody reads on");
            }
        })
        .await;
        assert_eq!(outcome_of(&server).await, OutboundError::TooLarge, "{head:?}");
    }
}

#[tokio::test]
async fn sec_egr_06_what_fits_exactly_is_taken_and_one_byte_more_is_not() {
    for (length, fits) in [(1000, true), (1001, false)] {
        let body = "x".repeat(length);
        for head in ["".to_owned(), format!("content-length: {length}\r\n")] {
            let server = Fake::says(&format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}")).await;
            let client = server.client(|settings| settings.limits.body_bytes = 1000);
            let outcome = get(&client, &server.url("/")).await;
            assert_eq!(outcome.is_ok(), fits, "{length} {head:?} {outcome:?}");
        }
    }
}

#[tokio::test]
async fn sec_egr_06_nothing_is_unpacked() {
    for encoding in ["gzip", "br", "deflate", "zstd", "gzip, gzip"] {
        let server = Fake::says(&format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: 10000000000\r\n\r\n\u{1f}"
        ))
        .await;
        let error = outcome_of(&server).await;
        assert!(matches!(error, OutboundError::BadReply(_)), "{encoding} {error}");
        assert!(!server.heads.lock()[0].contains("accept-encoding"));
    }
}

#[tokio::test]
async fn sec_egr_06_headers_are_counted() {
    let with = |count: usize, value: &str| {
        let headers: String = (0..count).map(|n| format!("x-{n}: {value}\r\n")).collect();
        format!("HTTP/1.1 200 OK\r\n{headers}\r\n")
    };
    let server = Fake::says(&with(64, "y")).await;
    assert_eq!(
        get(&server.client(short), &server.url("/"))
            .await
            .unwrap()
            .headers
            .len(),
        64
    );
    for flood in [with(65, "y"), with(10_000, "y"), with(60, &"y".repeat(10_000))] {
        assert_eq!(outcome_of(&Fake::says(&flood).await).await, OutboundError::TooLarge);
    }
}

#[tokio::test]
async fn sec_egr_06_an_answer_that_ends_early_is_none() {
    for text in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhal",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhal",
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
    ] {
        let error = outcome_of(&Fake::says(text).await).await;
        assert!(matches!(error, OutboundError::BadReply(_)), "{text:?} {error:?}");
    }
    for text in ["", "HTTP/1.1 20"] {
        let error = outcome_of(&Fake::says(text).await).await;
        assert!(matches!(error, OutboundError::Unreachable(_)), "{text:?} {error:?}");
    }
}
