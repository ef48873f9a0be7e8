//! Clients that mean no good: what they send is broken, never comes to its end, or is new each time
//! in whatever somebody might keep it under.
//!
//! What would surprise: they come from ever new addresses of this machine; and what is new is as long as
//! it may be, so that it shows when it is kept.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use oneself::clock::{Random, SeededRandom};
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

use super::site::{Ending, Site};

/// How long one of them waits after each attack.
const REST: Duration = Duration::from_millis(5);

/// How many half requests one of them keeps open at once.
const HELD: usize = 50;

/// What may be done.
#[derive(Debug, Clone, Copy)]
enum Attack {
    MalformedJson,
    OversizedBody,
    HalfRequest,
    SilentConnection,
    WrongToken,
    RandomPath,
    UnknownName,
    UnknownClient,
    UnknownAccount,
    HugeHeader,
    PipelinedGarbage,
    AbortedBody,
    UnheardAnswer,
    UnheardLogIn,
    OddSearch,
    OddHost,
    OverTheLimit,
}

/// What becomes of a connection when everything is sent.
enum Then {
    /// The next answer is read.
    Read,
    /// It is closed at once.
    HangUp,
    /// It stays open for a while.
    Hold,
}

const ATTACKS: [Attack; 17] = [
    Attack::MalformedJson,
    Attack::OversizedBody,
    Attack::HalfRequest,
    Attack::SilentConnection,
    Attack::WrongToken,
    Attack::RandomPath,
    Attack::UnknownName,
    Attack::UnknownClient,
    Attack::UnknownAccount,
    Attack::HugeHeader,
    Attack::PipelinedGarbage,
    Attack::AbortedBody,
    Attack::UnheardAnswer,
    Attack::UnheardLogIn,
    Attack::OddSearch,
    Attack::OddHost,
    Attack::OverTheLimit,
];

/// One of them.
pub struct Hostile<'s> {
    site: &'s Site,
    runtime: Runtime,
    chance: SeededRandom,
    held: VecDeque<TcpStream>,
}

impl<'s> Hostile<'s> {
    pub fn new(site: &'s Site, number: u64) -> Self {
        Self {
            site,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            chance: SeededRandom::new(number),
            held: VecDeque::new(),
        }
    }

    /// Attacks until the load ends.
    ///
    /// # Panics
    /// When an answer says that something went wrong in the server.
    pub fn attack(mut self) {
        let _ending = Ending(self.site);
        for attack in ATTACKS.into_iter().cycle() {
            if self.site.has_ended() {
                return;
            }
            // The server may end the connection at any moment; that is an answer too.
            let status = self.try_to(attack).unwrap_or(0);
            self.site.count(&format!("{attack:?}"), status);
            assert!(status < 500 || status == 503, "{attack:?} was answered with {status}");
            self.site.rest(REST);
        }
    }

    /// Does it; the status of the answer, or 0 where none is waited for.
    fn try_to(&mut self, attack: Attack) -> io::Result<u16> {
        let (bytes, then) = self.sent(attack);
        let mut stream = self.connect()?;
        // What is refused before its end cannot be sent to its end; the refusal is there all the same.
        let _ = stream.write_all(&bytes);
        match then {
            Then::Read => return status(&mut stream),
            Then::HangUp => {}
            Then::Hold => {
                self.held.push_back(stream);
                if self.held.len() > HELD {
                    self.held.pop_front();
                }
            }
        }
        Ok(0)
    }

    /// What is sent for it.
    fn sent(&self, attack: Attack) -> (Vec<u8>, Then) {
        let odd = self.odd();
        let own = self.site.token.as_str();
        let get = |path: &str, token: &str| self.request("GET", path, token, "");
        let ask_token = |request: &Value| self.request("POST", "/oauth/token", "", &request.to_string());
        let malformed = || self.request("POST", "/link/v1/users", own, &format!("{{\"name\": \"{odd}\", ["));
        match attack {
            Attack::MalformedJson => (malformed(), Then::Read),
            Attack::OversizedBody => {
                let request = self.request("POST", "/api/v2/users", own, &" ".repeat(3_000_000));
                (request, Then::Read)
            }
            Attack::HalfRequest => (format!("GET /link/v1/{odd} HTTP/1.1\r\nHost: ").into(), Then::Hold),
            Attack::SilentConnection => (Vec::new(), Then::HangUp),
            Attack::WrongToken => {
                let edited = format!("{}{}", &own[..own.len() - odd.len()], odd.repeat(100));
                (get("/api/v2/users", &edited), Then::Read)
            }
            Attack::RandomPath => (get(&format!("/{odd}/{}", odd.repeat(100)), own), Then::Read),
            Attack::UnknownName => {
                let request = self.site.log_in(&format!("{}@nobody.example", odd.repeat(60)), &odd);
                (ask_token(&request), Then::Read)
            }
            Attack::UnknownClient => {
                let id = json!(hex::encode(&odd[..16]));
                (ask_token(&self.site.client_credentials(&id, &json!(odd))), Then::Read)
            }
            Attack::UnknownAccount => (
                get(&format!("/link/v1/identities/twitter/{}", odd.repeat(7)), own),
                Then::Read,
            ),
            Attack::HugeHeader => (get("/link/v1/users", &odd.repeat(8_000)), Then::Read),
            Attack::PipelinedGarbage => {
                let mut bytes = get("/link/v1/users?limit=1", own).repeat(3);
                bytes.extend(odd.bytes().map(|byte| byte.wrapping_mul(7)));
                (bytes, Then::Read)
            }
            Attack::AbortedBody => {
                let mut bytes = malformed();
                bytes.truncate(bytes.len() - 10);
                (bytes, Then::HangUp)
            }
            Attack::UnheardAnswer => (get(&self.search("p"), own), Then::HangUp),
            Attack::UnheardLogIn => (ask_token(&self.site.log_in(&odd, &odd)), Then::HangUp),
            Attack::OddSearch => (get(&self.search(&odd), own), Then::Read),
            Attack::OddHost => {
                let request = format!("GET /link/v1/users HTTP/1.1\r\nHost: {odd}.example\r\n\r\n");
                (request.into(), Then::Read)
            }
            Attack::OverTheLimit => (get("/api/v2/users", &self.site.limited), Then::Read),
        }
    }

    /// A search of a shape that was perhaps never asked for.
    fn search(&self, odd: &str) -> String {
        let term = |n| match self.below(4) {
            0 => format!("user_metadata.{odd}{n}:%22{odd}%22"),
            1 => format!("(name:{odd}*%20OR%20NOT%20email:{odd})"),
            2 => format!("logins_count:%5B{n}%20TO%20{}%5D", n + 5),
            _ => format!("identities.connection:{odd}"),
        };
        let terms: Vec<String> = (0..=self.below(6)).map(term).collect();
        let sort = ["created_at", "email", "last_login", "name"][self.below(4) as usize];
        format!("/api/v2/users?q={}&sort={sort}:-1", terms.join("%20AND%20"))
    }

    fn request(&self, method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
        let authorization = match token {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{authorization}Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.site.address,
            body.len()
        );
        request.into()
    }

    /// A connection from an address that was perhaps never seen.
    fn connect(&self) -> io::Result<TcpStream> {
        let from = Ipv4Addr::from(0x7f00_0000 | (self.below(1 << 24) as u32 | 2));
        let stream = self.runtime.block_on(async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
            socket.connect(self.site.address).await?.into_std()
        })?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(Duration::from_secs(15)))?;
        stream.set_write_timeout(Some(Duration::from_secs(15)))?;
        Ok(stream)
    }

    /// A word that was never used.
    fn odd(&self) -> String {
        let mut bytes = [0; 16];
        self.chance.fill(&mut bytes);
        format!("x{}", hex::encode(bytes))
    }

    fn below(&self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        self.chance.fill(&mut bytes);
        u64::from_be_bytes(bytes) % end
    }
}

/// The status of the answer that comes next.
fn status(stream: &mut TcpStream) -> io::Result<u16> {
    let mut line = [0; 12];
    stream.read_exact(&mut line)?;
    let status = std::str::from_utf8(&line[9..])
        .ok()
        .and_then(|status| status.parse().ok());
    status.ok_or(io::ErrorKind::InvalidData.into())
}
