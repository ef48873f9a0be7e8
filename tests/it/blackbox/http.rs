//! One keep-alive connection that asks one thing at a time, and costs next to nothing.
//!
//! Blocking and without a pool, so that 64 of them in 64 threads leave the processor to the
//! server. What one would get wrong: an error of the connection is an answer too here
//! (the server may be killed under it), and after one the connection is of no more use.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A connection, with the token that it sends.
pub struct Client {
    stream: BufReader<TcpStream>,
    token: String,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// After how many seconds to ask again, if it says so.
    pub retry_after: Option<u64>,
    pub body: Value,
    /// The same as it came.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// A member of the body that is a text.
    #[track_caller]
    pub fn text(&self, name: &str) -> &str {
        match self.body[name].as_str() {
            Some(text) => text,
            None => panic!("no {name} in {self:?}"),
        }
    }

    /// The answer, which must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}", self.body);
        self
    }
}

impl Client {
    /// Connects; `token` is empty for none.
    pub fn connect(address: SocketAddr, token: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            stream: BufReader::new(stream),
            token: token.to_owned(),
        })
    }

    pub fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send("GET", path, &[], None)
    }

    pub fn post(&mut self, path: &str, body: &Value) -> io::Result<Answer> {
        self.send("POST", path, &[], Some(body))
    }

    pub fn delete(&mut self, path: &str) -> io::Result<Answer> {
        self.send("DELETE", path, &[], None)
    }

    /// Sends a body of this media type.
    pub fn upload(&mut self, path: &str, media_type: &str, body: &[u8]) -> io::Result<Answer> {
        let address = self.stream.get_ref().peer_addr()?;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: {media_type}\r\n\
             content-length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        self.stream.get_mut().write_all(head.as_bytes())?;
        self.stream.get_mut().write_all(body)?;
        self.answer()
    }

    /// Any request, with further headers.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> io::Result<Answer> {
        let address = self.stream.get_ref().peer_addr()?;
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\n");
        if !self.token.is_empty() {
            request += &format!("authorization: Bearer {}\r\n", self.token);
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        match body {
            Some(body) => {
                let body = body.to_string();
                request += &format!(
                    "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
            }
            None => request += "\r\n",
        }
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        let (mut length, mut chunked, mut retry_after) = (0, false, None);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(": ") {
                None => break,
                Some(("content-length", value)) => length = value.parse().map_err(|_| io::ErrorKind::InvalidData)?,
                Some(("transfer-encoding", _)) => chunked = true,
                Some(("retry-after", seconds)) => retry_after = seconds.parse().ok(),
                Some(_) => {}
            }
        }
        assert!(!chunked, "no answer of ours is chunked");
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Answer {
            status,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            bytes: body,
            retry_after,
        })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}
