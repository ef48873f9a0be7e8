//! A small HTTP/1.1 client for tests, and a way to send raw bytes.
//!
//! One connection at a time, kept alive, opened again when the server has closed it.
//!
//! ```text
//! let client = Client::new(address).bearer(&token);
//! let user = client.post("/link/v1/users", json!({"name": "Ines"})).await.expect(201).json();
//! client.delete("/link/v1/users/1/identities/idn_1").await.expect(204);
//! client.request("POST", "/x", &[("origin", "null")], ("text/plain", "hello")).await.expect(415);
//! ```

use std::net::SocketAddr;

use http::{HeaderMap, Method, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Mutex;

/// A client of one server.
pub struct Client {
    address: SocketAddr,
    host: String,
    bearer: Option<String>,
    from: Option<std::net::IpAddr>,
    connection: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What a request carries: `()`, a JSON value, or a media type with text or bytes.
pub struct Content(Option<&'static str>, Bytes);

impl From<()> for Content {
    fn from((): ()) -> Self {
        Self(None, Bytes::new())
    }
}

impl From<Value> for Content {
    fn from(json: Value) -> Self {
        Self(Some("application/json"), json.to_string().into())
    }
}

impl<B: Into<Bytes>> From<(&'static str, B)> for Content {
    fn from((media_type, body): (&'static str, B)) -> Self {
        Self(Some(media_type), body.into())
    }
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            host: address.to_string(),
            bearer: None,
            from: None,
            connection: Mutex::new(None),
        }
    }

    /// The same server by another name.
    pub fn host(&self, host: &str) -> Self {
        Self {
            host: host.to_owned(),
            bearer: self.bearer.clone(),
            ..Self::new(self.address)
        }
    }

    /// The same with a connection of its own.
    pub fn again(&self) -> Self {
        Self {
            host: self.host.clone(),
            bearer: self.bearer.clone(),
            from: self.from,
            ..Self::new(self.address)
        }
    }

    /// Another client of the same server, with this token.
    pub fn bearer(&self, token: &str) -> Self {
        Self {
            host: self.host.clone(),
            bearer: Some(token.to_owned()),
            ..Self::new(self.address)
        }
    }

    /// Another client with the same token, at another address of this machine.
    pub fn from(&self, address: &str) -> Self {
        Self {
            host: self.host.clone(),
            bearer: self.bearer.clone(),
            from: Some(address.parse().unwrap()),
            ..Self::new(self.address)
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.request("GET", path, &[], ()).await
    }

    pub async fn post(&self, path: &str, content: impl Into<Content>) -> Reply {
        self.request("POST", path, &[], content).await
    }

    pub async fn patch(&self, path: &str, content: impl Into<Content>) -> Reply {
        self.request("PATCH", path, &[], content).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.request("DELETE", path, &[], ()).await
    }

    /// Sends a request. Headers given replace those that the client would send itself.
    #[expect(clippy::disallowed_methods, reason = "asks the server under test")]
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        content: impl Into<Content>,
    ) -> Reply {
        let Content(media_type, body) = content.into();
        let build = || {
            let mut request = http::Request::new(Full::new(body.clone()));
            *request.method_mut() = method.parse::<Method>().unwrap();
            *request.uri_mut() = path.parse().unwrap();
            let all = request.headers_mut();
            all.insert(header::HOST, self.host.parse().unwrap());
            if let Some(token) = &self.bearer {
                all.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
            }
            if let Some(media_type) = media_type {
                all.insert(header::CONTENT_TYPE, media_type.parse().unwrap());
            }
            for (name, value) in headers {
                all.insert(name.parse::<header::HeaderName>().unwrap(), value.parse().unwrap());
            }
            request
        };
        let mut connection = self.connection.lock().await;
        if let Some(open) = connection.as_mut().filter(|open| !open.is_closed())
            && open.ready().await.is_ok()
            && let Ok(response) = open.send_request(build()).await
        {
            return Reply::read(response).await;
        }
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(from) = self.from {
            socket.bind(SocketAddr::new(from, 0)).unwrap();
        }
        let stream = socket.connect(self.address).await.expect("the server listens");
        stream.set_nodelay(true).unwrap();
        let (mut sender, driver) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(driver);
        let response = sender.send_request(build()).await.expect("the server answers");
        *connection = Some(sender);
        Reply::read(response).await
    }
}

impl Reply {
    async fn read(response: http::Response<hyper::body::Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.expect("a whole body").to_bytes(),
        }
    }

    /// The same answer, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }
}

/// Sends these bytes on a connection of their own and returns all that comes back until
/// the server closes.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    let (mut read, mut write) = stream.into_split();
    let bytes = bytes.to_vec();
    // The server may close before it has read all; what it answered still counts.
    let sending = tokio::spawn(async move {
        let _ = write.write_all(&bytes).await;
        write
    });
    let mut answer = Vec::new();
    let _ = read.read_to_end(&mut answer).await;
    sending.abort();
    answer
}
