//! The networks, simulated on the wire: for newcomers, for tests, and for the tests of those who use us.
//!
//! `https://HOST/PATH` of a network is at `/HOST/PATH` here, and `/_control` says who has accounts and
//! what goes wrong (`control.rs`). Each network is one file, written from its documentation; the
//! protocols are `oauth1.rs`, `oauth2.rs` and `oidc.rs`. It shares nothing with the code that talks to
//! networks, or each would believe the other's mistakes.
//!
//! What would surprise: it is a program to play with. Everything is in memory, whoever reaches it may
//! do everything, and nothing that it says of anybody is true.

mod answer;
mod apple;
mod call;
mod client_secret;
mod consent;
mod control;
mod discord;
mod exchange;
mod facebook;
mod fault;
mod foursquare;
mod github;
mod gitlab;
mod google;
mod keys;
mod linkedin;
mod log;
mod members;
mod microsoft;
mod network;
mod oauth1;
mod oauth2;
mod oidc;
mod payload;
mod plain;
mod qq;
mod request_tokens;
mod slack;
mod spelling;
mod twitter;
mod world;
mod wrong;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::clock::{Clock, Random, SystemClock, SystemRandomness};
use answer::Answer;
use call::Call;
use network::Network;
pub use oauth1::{base_string, signature};
use payload::Payload;
use world::World;
pub use wrong::WrongFact;

/// The first part of the control API's paths.
const CONTROL: &str = "_control";

/// How much a request may carry.
const BODY_LIMIT_BYTES: usize = 1 << 20;

/// How long to wait before the next accept when the system refuses one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The networks, for as long as it is held.
pub struct Sandbox {
    address: SocketAddr,
    world: Arc<World>,
    task: JoinHandle<()>,
}

impl Sandbox {
    /// Serves the networks at this address, in a task of the runtime that this is called in.
    ///
    /// # Errors
    /// Those of the system, with the address in the message.
    pub fn start(address: SocketAddr) -> io::Result<Self> {
        let clock = Arc::new(SystemClock::default());
        Self::start_with(address, clock, Arc::new(SystemRandomness::new()))
    }

    /// The same with another clock and other chance.
    ///
    /// # Errors
    /// Those of the system, with the address in the message.
    pub fn start_with(address: SocketAddr, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> io::Result<Self> {
        let listener = listen(address)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
        let address = listener.local_addr()?;
        let world = Arc::new(World::new(format!("http://{address}"), clock, random));
        let task = tokio::spawn(serve(listener, world.clone()));
        Ok(Self { address, world, task })
    }

    /// Where it is, with the port that the system chose for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.world.url
    }

    /// What `POST /_control/{order}` does, without a request.
    ///
    /// # Errors
    /// The member that is wrong, and why.
    pub fn order(&self, order: &str, members: &Value) -> Result<Value, String> {
        let members = members.as_object().ok_or("members: must be an object")?;
        control::obey(&self.world, order, members.clone())
    }

    /// What `GET /_control/log` answers.
    pub fn log(&self) -> Value {
        self.world.state.lock().log.to_json()
    }
}

impl Drop for Sandbox {
    /// Its connections end with it.
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn serve(listener: TcpListener, world: Arc<World>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(converse(stream, world.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "the sandbox could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, world: Arc<World>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| respond(world.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    // That a caller went away, or that a network is down, is nothing to tell anybody.
    let _ = connection.await;
}

/// Answers a request; an error closes the connection.
async fn respond(world: Arc<World>, request: Request<Incoming>) -> io::Result<Response<Payload>> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT_BYTES).collect().await else {
        return Ok(payload::whole(Answer::text(413, "Payload Too Large")));
    };
    let body = body.to_bytes().to_vec();
    let (host, rest) = call::split(parts.uri.path());
    if host == CONTROL {
        return Ok(payload::whole(control::answer(
            &world,
            parts.method.as_str(),
            rest,
            &body,
        )));
    }
    let entry = log::Entry {
        at: world.now().to_string(),
        network: Network::at(host).map(Network::name),
        method: parts.method.to_string(),
        path: masked(&world, parts.uri.path()),
        has_query: parts.uri.query().is_some(),
        headers: parts.headers.keys().map(ToString::to_string).collect(),
        status: None,
    };
    let response = match Network::at(host) {
        Some(network) => {
            let fault = world.state.lock().faults.entry(network).or_default().next();
            tokio::time::sleep(fault.wait()).await;
            if fault.mode == fault::Mode::Down && fault.closes {
                world.state.lock().log.keep(entry);
                return Err(io::Error::other("down on purpose"));
            }
            let call = Call::new(network, parts.method, &parts.uri, parts.headers, body, fault.mode);
            let answer = fault.answer(network).unwrap_or_else(|| of_network(&world, &call));
            if fault.mode == fault::Mode::Lost {
                world.state.lock().log.keep(entry);
                return Err(io::Error::other("lost on purpose"));
            }
            payload::of_network(&world, network, answer)
        }
        None => payload::whole(nothing_here("no network answers at this host")),
    };
    world.state.lock().log.keep(log::Entry {
        status: Some(response.status().as_u16()),
        ..entry
    });
    Ok(response)
}

/// The answer of the network.
fn of_network(world: &World, call: &Call) -> Answer {
    let answer = match call.network {
        Network::Twitter => twitter::answer,
        Network::Facebook => facebook::answer,
        Network::Google => google::answer,
        Network::GitHub => github::answer,
        Network::LinkedIn => linkedin::answer,
        Network::Microsoft => microsoft::answer,
        Network::Apple => apple::answer,
        Network::GitLab => gitlab::answer,
        Network::Discord => discord::answer,
        Network::Slack => slack::answer,
        Network::Qq => qq::answer,
        Network::Foursquare => foursquare::answer,
        Network::Oidc => plain::oidc,
        Network::OAuth2 => plain::oauth2,
        Network::OAuth1 => plain::oauth1,
    };
    answer(world, call).unwrap_or_else(|| nothing_here("the network has nothing at this path and method"))
}

fn nothing_here(why: &str) -> Answer {
    Answer::json(404, &json!({"error": why}))
}

/// A path in which every known token is masked, and every part that is as long as one.
fn masked(world: &World, path: &str) -> String {
    const LONGEST: usize = 64;
    let state = world.state.lock();
    let parts = path.split('/').map(|part| {
        let is_secret = part.len() > LONGEST || state.tokens.contains_key(part) || state.grants.contains_key(part);
        if is_secret { "…" } else { part }
    });
    parts.collect::<Vec<_>>().join("/")
}
