//! Which calls of the Management API are told of in the tenant's log, and what is said of them
//! (`api/auth0.md` 10.1): the one place where they are noted.
//!
//! What changes something, or was to, is told of whether it did or not; what reads is only if
//! the answer held a secret. Here is noted what there is; it is spelled behind the answer, by
//! [`Happened::spell`]. What would surprise: nobody is told of a request whose caller was not believed,
//! for it is in no tenant.

use std::net::IpAddr;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::masked::{self, Values};
use super::{Route, names};
use crate::app::App;
use crate::app::logs::{About, Happened, Told};
use crate::domain::{Caller, Object};
use crate::web::overheard::{Overheard, overhear};
use crate::web::path;
use crate::web::{Arrival, Refusal};

/// The longest body of a request or answer that is looked at.
const LIMIT_BYTES: usize = 8 * 1024;

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

    /// Says which way it came.
    pub fn tell_host(&self, entry: &mut Object) {
        if let Some(host) = &self.host {
            entry.insert("hostname".to_owned(), host.as_str().into());
        }
    }
}

/// A request that is watched until it is answered.
pub struct Watched {
    route: &'static Route,
    caller: Caller,
    at: Timestamp,
    method: Method,
    uri: Uri,
    way: Way,
    sent: Option<Overheard>,
}

impl Watched {
    /// Watches a request of this caller.
    pub fn begin(app: &App, route: &'static Route, caller: &Caller, request: Request) -> (Self, Request) {
        let mut watched = Self {
            route,
            caller: caller.clone(),
            at: app.now(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            way: Way::of(request.extensions().get(), request.headers()),
            sent: None,
        };
        if !watched.changes() {
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
        if !self.changes() {
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

    fn changes(&self) -> bool {
        self.method != Method::GET
    }
}

/// A call and its answer.
struct Call {
    watched: Watched,
    sent: Vec<u8>,
    status: StatusCode,
    erased: bool,
    answer: Bytes,
}

impl Call {
    fn of(watched: Watched, response: &Response, answer: Bytes) -> Self {
        Self {
            sent: watched.sent.as_ref().map(Overheard::take).unwrap_or_default(),
            status: response.status(),
            erased: response.extensions().get::<Erased>().is_some(),
            answer: if answer.len() > LIMIT_BYTES {
                Bytes::new()
            } else {
                answer
            },
            watched,
        }
    }

    /// The user in the path.
    fn user_in_path(&self) -> Option<String> {
        let template = self.watched.route.path;
        let of_user = ["/api/v2/users/{id}", "/api/v2/user-blocks/{id}"];
        if !of_user.iter().any(|prefix| template.starts_with(prefix)) {
            return None;
        }
        let found = path::of(template, self.watched.uri.path()).ok()?;
        found.into_iter().next().filter(|id| id.len() <= 256)
    }
}

impl Happened for Call {
    fn spell(self: Box<Self>) -> Vec<Told> {
        let Watched {
            route,
            caller,
            at,
            uri,
            way,
            ..
        } = &self.watched;
        let done = self.status.is_success();
        let values = if done { Values::Shown } else { Values::Masked };
        let answered: Option<Value> = serde_json::from_slice(&self.answer).ok();
        let text = |name: &str| answered.as_ref()?.get(name)?.as_str().map(str::to_owned);
        let sent = masked::json(&self.sent, values);

        let user = self.user_in_path().or_else(|| {
            let makes_user = route.path == "/api/v2/users" && done;
            makes_user.then(|| text("user_id")).flatten()
        });
        let about = match (&user, caller.user) {
            (_, Some(own)) => About::User(own),
            (Some(id), None) => About::Named(names::user(id)),
            (None, None) => About::Nobody,
        };
        let mut entry = Object::new();
        let mut personal = Object::new();
        entry.insert("client_id".to_owned(), caller.client.to_string().into());
        way.tell_host(&mut entry);
        // What a person may not do is often to somebody else.
        if let Some(user) = user.as_ref().filter(|_| done || caller.user.is_none()) {
            entry.insert("user_id".to_owned(), user.as_str().into());
        }
        let name = || text("email").or_else(|| text("username")).or_else(|| text("name"));
        if let Some(name) = user.as_ref().filter(|_| done).and_then(|_| name()) {
            personal.insert("user_name".to_owned(), name.into());
        }
        // A machine's address is nobody's, a person's is hers.
        way.tell(if caller.user.is_some() {
            &mut personal
        } else {
            &mut entry
        });
        let told = |kind: &str, description: &str, more: &Object| {
            let mut entry = entry.clone();
            entry.insert("type".to_owned(), kind.into());
            entry.insert("description".to_owned(), description.into());
            entry.extend(more.clone());
            Told {
                client: caller.client,
                about: about.clone(),
                at: *at,
                entry,
                personal: personal.clone(),
            }
        };

        if self.status == StatusCode::TOO_MANY_REQUESTS {
            let limited = told("api_limit", "Rate limit on the Management API", &Object::new());
            return vec![limited];
        }
        let mut all = Vec::new();
        if done {
            let connection = sent.as_ref().and_then(|sent| sent.get("connection")).cloned();
            let at_connection = connection.map(|name| Object::from_iter([("connection".to_owned(), name)]));
            for (kind, description) in self.also() {
                all.push(told(
                    kind,
                    description,
                    at_connection.as_ref().unwrap_or(&Object::new()),
                ));
            }
        } else if (route.method, route.path) == ("DELETE", "/api/v2/users/{id}") {
            all.push(told("fdu", "Failed user deletion", &Object::new()));
        }

        let scopes = route.any_of.iter().filter(|scope| caller.scopes.has(**scope));
        let mut call = told(self.kind(), does(route), &Object::new());
        let refused = answered
            .as_ref()
            .filter(|_| !done)
            .and_then(Value::as_object)
            .map(refusal);
        let mut public = json!({
            "request": {
                "method": route.method.to_lowercase(),
                "path": uri.path().chars().take(512).collect::<String>(),
                "channel": "api",
                "auth": {
                    "strategy": "jwt",
                    "credentials": { "scopes": scopes.map(|scope| scope.name()).collect::<Vec<_>>() },
                },
            },
            "response": { "statusCode": self.status.as_u16() },
        });
        if let (Some(refused), Some(Value::Object(response))) = (refused, public.get_mut("response")) {
            response.insert("body".to_owned(), refused);
        }
        call.entry.insert("details".to_owned(), public);
        let (mut request, mut response) = (Object::new(), Object::new());
        if let Some(body) = sent {
            request.insert("body".to_owned(), body);
        }
        if let Some(query) = uri.query().and_then(|pairs| masked::query(pairs, values)) {
            request.insert("query".to_owned(), query.into());
        }
        let body = match done {
            true => masked::json(&self.answer, Values::Shown),
            // The code is ours; the sentence may name what was sent.
            false => text("message").map(|message| json!({ "message": message })),
        };
        if let Some(body) = body {
            response.insert("body".to_owned(), body);
        }
        call.personal
            .insert("details".to_owned(), json!({"request": request, "response": response}));
        let mut from = Object::new();
        way.tell(&mut from);
        if let Some(agent) = from.remove("user_agent") {
            from.insert("userAgent".to_owned(), agent);
        }
        let whose = if caller.user.is_some() {
            &mut call.personal
        } else {
            &mut call.entry
        };
        if let Some(Value::Object(request)) = whose.get_mut("details").and_then(|details| details.get_mut("request")) {
            request.extend(from);
        }
        all.insert(0, call);
        all
    }
}

impl Call {
    const fn is_read(&self) -> bool {
        self.watched.sent.is_none()
    }

    fn kind(&self) -> &'static str {
        match self.is_read() {
            true => "mgmt_api_read",
            false if self.status.is_success() => "sapi",
            false => "fapi",
        }
    }

    /// What else is told of when it went well.
    fn also(&self) -> Vec<(&'static str, &'static str)> {
        let route = self.watched.route;
        let sent: Option<Object> = serde_json::from_slice(&self.sent).ok();
        let changed = |name: &str| {
            sent.as_ref()
                .is_some_and(|sent| sent.get(name).is_some_and(|it| !it.is_null()))
        };
        let mut also = Vec::new();
        match (route.method, route.path) {
            ("POST", "/api/v2/users") => also.push(("ss", "Successful signup")),
            ("PATCH", "/api/v2/users/{id}") => {
                for (name, kind, description) in [
                    ("email", "sce", "Changed email"),
                    ("password", "scp", "Changed password"),
                    ("username", "scu", "Changed username"),
                ] {
                    if changed(name) {
                        also.push((kind, description));
                    }
                }
            }
            ("DELETE", _) if self.erased => also.push(("sdu", "User successfully deleted")),
            _ => {}
        }
        also
    }
}

/// What of a refusal is never anybody's own.
fn refusal(answered: &Object) -> Value {
    let known = |(name, _): &(&String, &Value)| ["statusCode", "error", "errorCode"].contains(&name.as_str());
    let members = answered.iter().filter(known);
    Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// What a route does, as logs say it.
fn does(route: &Route) -> &'static str {
    let path = route.path.strip_prefix("/api/v2/").unwrap_or_default();
    match (route.method, path) {
        ("POST", "users") => "Create a User",
        ("PATCH", "users/{id}") => "Update a User",
        ("DELETE", "users/{id}") => "Delete a User",
        ("POST", "users/{id}/identities") => "Link a User Account",
        ("DELETE", "users/{id}/identities/{provider}/{user_id}") => "Unlink a User Identity",
        ("POST", "connections") => "Create a connection",
        ("PATCH", "connections/{id}") => "Update a connection",
        ("DELETE", "connections/{id}") => "Delete a connection",
        ("PATCH", "connections/{id}/clients") => "Update enabled clients for a connection",
        ("DELETE", "connections/{id}/users") => "Delete a connection user",
        ("POST", "clients") => "Create a client",
        ("PATCH", "clients/{id}") => "Update a client",
        ("DELETE", "clients/{id}") => "Delete a client",
        ("POST", "clients/{id}/rotate-secret") => "Rotate a client secret",
        ("POST", "client-grants") => "Create client grant",
        ("PATCH", "client-grants/{id}") => "Update client grant",
        ("DELETE", "client-grants/{id}") => "Delete client grant",
        ("DELETE", "users/{id}/sessions") => "Delete sessions for a user",
        ("DELETE", "users/{id}/refresh-tokens") => "Delete refresh tokens for a user",
        ("POST", "users/{id}/revoke-access") => "Revoke access of a user",
        ("DELETE", "user-blocks") => "Unblock by identifier",
        ("DELETE", "user-blocks/{id}") => "Unblock a user",
        ("GET", "users") => "List or Search Users",
        ("GET", "users-by-email") => "Search Users by Email",
        ("GET", "users/{id}") => "Get a User",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_that_changes_something_says_what_it_does() {
        for route in super::super::GUARDED {
            assert!(
                route.method == "GET" || !does(route).is_empty(),
                "{} {}",
                route.method,
                route.path
            );
        }
    }
}
