//! The one way out, against names that lie, servers that are hostile and certificates that are bad.
//!
//! Every server here is on loopback, which only what a test allows reaches: a net, for names whose
//! addresses the test makes up, or one socket address.

mod addresses;
mod certificates;
mod limits;
mod names;
mod redirects;
mod urls;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use oneself::outbound::{Outbound, OutboundError, OutboundSettings, Reply, Resolve};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A resolver that gives these answers, one after the other, and the last for ever.
struct Answers {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Answers {
    fn of(answers: &[&[&str]]) -> Arc<Self> {
        let read = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self {
            answers: Mutex::new(answers.iter().map(read).collect()),
            asked: AtomicUsize::new(0),
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Resolve for Answers {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock();
        let answer = if answers.len() > 1 {
            answers.pop_front()
        } else {
            answers.front().cloned()
        };
        answer
            .filter(|answer| !answer.is_empty())
            .ok_or(io::ErrorKind::NotFound.into())
    }
}

/// A server that counts who comes, and does this with each, once it has the head of a request.
struct Fake {
    address: SocketAddr,
    came: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    async fn start<F, D>(does: F) -> Self
    where
        F: Fn(TcpStream) -> D + Send + 'static,
        D: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (came, heads) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (counted, noted) = (came.clone(), heads.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let head = head(&mut stream).await;
                noted.lock().push(head);
                tokio::spawn(does(stream));
            }
        });
        Self { address, came, heads }
    }

    /// Answers everybody with this and closes.
    async fn says(text: &str) -> Self {
        let text = text.to_owned();
        Self::start(move |mut stream| {
            let text = text.clone();
            async move {
                let _ = stream.write_all(text.as_bytes()).await;
            }
        })
        .await
    }

    /// Answers nobody: nobody should come.
    async fn trap() -> Self {
        Self::says("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret").await
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }

    /// A client that may come here.
    fn client(&self, change: impl FnOnce(&mut OutboundSettings)) -> Outbound {
        let mut settings = OutboundSettings {
            allowed: vec![self.address],
            ..OutboundSettings::default()
        };
        change(&mut settings);
        Outbound::new(settings)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// All of a request until its empty line.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

async fn get(client: &Outbound, url: &str) -> Result<Reply, OutboundError> {
    client.send(http::Request::get(url).body(Vec::new()).unwrap()).await
}

fn not_allowed(outcome: &Result<Reply, OutboundError>) -> bool {
    matches!(outcome, Err(OutboundError::NotAllowed(_)))
}
