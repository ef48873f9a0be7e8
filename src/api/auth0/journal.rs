//! Which calls of the Management API are told of in the tenant's log, and what is said of them
//! (`api/auth0.md` 10.1): the one place where they are noted.
//!
//! What changes something, or was to, is told of whether it did or not; what reads is only if
//! the answer held a secret. Here is noted what there is; it is spelled behind the answer, by
//! `calls.rs`. What would surprise: nobody is told of a request whose caller was not believed,
//! for it is in no tenant.

use std::net::IpAddr;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri, header};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};

use super::Route;
use super::calls::Call;
use crate::app::App;
use crate::domain::{Caller, Object};
use crate::web::body::{self, MediaType};
use crate::web::overheard::{Overheard, overhear};
use crate::web::{Arrival, Refusal};

/// The longest body of a request or answer that is looked at.
pub const LIMIT_BYTES: usize = 8 * 1024;

/// How often a client is told that it asked too often.
pub const LIMITED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// That an answer holds secrets which were kept here, as an extension of it.
#[derive(Debug, Clone, Copy)]
pub struct ShowsSecrets;

/// That a user is gone by this request, as an extension of its answer.
#[derive(Debug, Clone, Copy)]
pub struct Erased;

/// Where a request came from, and which way.
#[derive(Debug, Clone)]
pub struct Way {
    ip: Option<IpAddr>,
    host: Option<String>,
    user_agent: Option<String>,
}

impl Way {
    /// That of a request.
    pub fn of(arrival: Option<&Arrival>, headers: &HeaderMap) -> Self {
        let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let host = arrival.and_then(|arrival| arrival.origin.split_once("://"));
        Self {
            ip: arrival.map(|arrival| arrival.peer.ip().to_canonical()),
            host: host.map(|(_, host)| host.trim_end_matches('/').to_owned()),
            user_agent: agent.map(|agent| agent.chars().take(256).collect()),
        }
    }

    /// Says where it came from.
    pub fn tell(&self, entry: &mut Object) {
        let ip = self.ip.map(|ip| ip.to_string());
        for (name, value) in [("ip", ip), ("user_agent", self.user_agent.clone())] {
            if let Some(value) = value {
                entry.insert(name.to_owned(), value.into());
            }
        }
    }

    /// The same, as it is called among the details of a request.
    pub fn tell_details(&self, request: &mut Object) {
        self.tell(request);
        if let Some(agent) = request.remove("user_agent") {
            request.insert("userAgent".to_owned(), agent);
        }
    }

    /// Says which way it came.
    pub fn tell_host(&self, entry: &mut Object) {
        if let Some(host) = &self.host {
            entry.insert("hostname".to_owned(), host.as_str().into());
        }
    }
}

/// A request that is watched until it is answered.
pub struct Watched {
    /// Where it goes.
    pub route: &'static Route,
    /// Whose it is.
    pub caller: Caller,
    /// When it came.
    pub at: Timestamp,
    /// What it asks for.
    pub uri: Uri,
    /// Where it came from.
    pub way: Way,
    /// What is heard of its body, if it is to change something.
    pub sent: Option<Overheard>,
    /// As what its body is read. What is read as anything else, such as a file of users, is not told.
    pub media_type: Option<MediaType>,
}

impl Watched {
    /// Watches a request of this caller.
    pub fn begin(app: &App, route: &'static Route, caller: &Caller, request: Request) -> (Self, Request) {
        let mut watched = Self {
            route,
            caller: caller.clone(),
            at: app.now(),
            uri: request.uri().clone(),
            way: Way::of(request.extensions().get(), request.headers()),
            sent: None,
            media_type: body::media_type(request.headers()),
        };
        if route.method == "GET" {
            return (watched, request);
        }
        let (parts, body) = request.into_parts();
        let (body, heard) = overhear(body, LIMIT_BYTES);
        watched.sent = Some(heard);
        (watched, Request::from_parts(parts, body))
    }

    /// Notes what became of it.
    pub async fn end(self, app: &App, response: Response) -> Response {
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            if app.is_news(self.caller.client, "api_limit", LIMITED_EVERY) {
                app.tell(Box::new(Call::of(self, &response, Bytes::new())));
            }
            return response;
        }
        if self.sent.is_none() {
            if response.extensions().get::<ShowsSecrets>().is_some() {
                app.tell(Box::new(Call::of(self, &response, Bytes::new())));
            }
            return response;
        }
        let (parts, body) = response.into_parts();
        // Answers are whole before they come here, so nothing is waited for.
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return Refusal::Internal.into_response(),
        };
        let response = Response::from_parts(parts, Body::from(body.clone()));
        app.tell(Box::new(Call::of(self, &response, body)));
        response
    }
}
