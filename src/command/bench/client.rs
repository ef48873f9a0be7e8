//! Clients of a server: each asks one thing at a time over a connection of its own, which
//! it keeps.
//!
//! What would surprise: all of them run in one thread when the caller's runtime has one, so
//! that the processors are left to the server; and an error of the connection is an answer
//! too, after which the client connects again.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A connection that is kept.
pub type Connection = SendRequest<Full<Bytes>>;

/// A server, and the token that it is shown.
#[derive(Debug, Clone)]
pub struct Site {
    /// Host and port.
    pub authority: String,
    /// The bearer token; empty for none.
    pub token: String,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Its method.
    pub method: Method,
    /// Its target.
    pub path: String,
    /// Its JSON.
    pub body: Option<Bytes>,
}

impl Ask {
    /// A request without a body.
    pub fn get(path: String) -> Self {
        Self {
            method: Method::GET,
            path,
            body: None,
        }
    }

    /// A request with this body.
    pub fn post(path: impl Into<String>, body: &serde_json::Value) -> Self {
        Self {
            method: Method::POST,
            path: path.into(),
            body: Some(body.to_string().into()),
        }
    }
}

/// What became of a request.
#[derive(Debug)]
pub struct Seen {
    /// When it was sent.
    pub began: Instant,
    /// When its answer was there.
    pub ended: Instant,
    /// The answer, or why there is none.
    pub answer: io::Result<(StatusCode, Bytes)>,
}

impl Site {
    /// One request over a connection of its own.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn ask(&self, ask: Ask) -> io::Result<(StatusCode, Bytes)> {
        self.send(&mut self.connect().await?, ask).await
    }

    /// Has so many clients ask, until there is nothing more to be asked, and shows what they see.
    ///
    /// # Errors
    /// When a client cannot connect.
    pub async fn ask_all<N, S>(self, clients: usize, next: N, seen: S) -> io::Result<()>
    where
        N: Fn() -> Option<Ask> + Send + Sync + 'static,
        S: Fn(Seen) + Send + Sync + 'static,
    {
        let shared = Arc::new((self, next, seen));
        let mut asking: JoinSet<io::Result<()>> = JoinSet::new();
        for _ in 0..clients {
            let shared = Arc::clone(&shared);
            asking.spawn(async move {
                let (site, next, seen) = &*shared;
                let mut connection = site.connect().await?;
                while let Some(ask) = next() {
                    let began = Instant::now();
                    let answer = site.send(&mut connection, ask).await;
                    let broken = answer.is_err();
                    seen(Seen {
                        began,
                        ended: Instant::now(),
                        answer,
                    });
                    if broken {
                        connection = site.connect().await?;
                    }
                }
                Ok(())
            });
        }
        while let Some(ended) = asking.join_next().await {
            ended.map_err(io::Error::other)??;
        }
        Ok(())
    }

    /// A connection of its own.
    ///
    /// # Errors
    /// When the server takes none.
    #[expect(clippy::disallowed_methods, reason = "measures a server, and asks nobody else")]
    pub async fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// One request over this connection, which is of no more use after an error.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn send(&self, connection: &mut Connection, ask: Ask) -> io::Result<(StatusCode, Bytes)> {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(ask.path)
            .header(HOST, &self.authority);
        if !self.token.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.token));
        }
        if ask.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(ask.body.unwrap_or_default()))
            .map_err(io::Error::other)?;
        connection.ready().await.map_err(io::Error::other)?;
        let answer = connection.send_request(request).await.map_err(io::Error::other)?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(io::Error::other)?;
        Ok((status, body.to_bytes()))
    }
}
