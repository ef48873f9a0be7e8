//! How a call of the Management API is told of in the tenant's log (`api/auth0.md` 10.1): from what
//! `journal.rs` noted, behind the answer.
//!
//! What would surprise: an entry has two parts. What is personal goes with the user whom the call is about, so
//! whatever may tell something of her has to be put there (`docs/decisions/0010-logs.md`).

use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::journal::{Erased, LIMIT_BYTES, Watched};
use super::masked::{self, Values};
use super::{Route, form, names};
use crate::app::logs::{About, Happened, Told};
use crate::domain::Object;
use crate::web::body::{MediaType, Written};
use crate::web::overheard::Overheard;
use crate::web::path;

/// A call and its answer.
pub struct Call {
    watched: Watched,
    sent: Vec<u8>,
    status: StatusCode,
    erased: bool,
    answer: Bytes,
}

impl Call {
    /// That which was watched, as it was answered.
    pub fn of(watched: Watched, response: &Response, answer: Bytes) -> Self {
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
}

impl Happened for Call {
    fn spell(self: Box<Self>) -> Vec<Told> {
        let read = Read::of(&self);
        let common = read.common();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            return vec![typed(&common, "api_limit", "Rate limit on the Management API")];
        }
        let mut all = vec![read.call(&common)];
        for (kind, description) in read.also() {
            let mut told = typed(&common, kind, description);
            if let Some(connection) = read.sent.as_ref().and_then(|sent| sent.get("connection")) {
                told.entry.insert("connection".to_owned(), connection.clone());
            }
            all.push(told);
        }
        all
    }
}

/// An entry of this type, which tells what the others of its call do.
fn typed(common: &Told, kind: &str, description: &str) -> Told {
    let mut told = common.clone();
    told.entry.insert("type".to_owned(), kind.into());
    told.entry.insert("description".to_owned(), description.into());
    told
}

/// A call whose bodies were read.
struct Read<'c> {
    call: &'c Call,
    done: bool,
    /// What was sent, as far as it may be kept.
    sent: Option<Value>,
    /// What was answered, whole.
    answered: Option<Value>,
}

impl<'c> Read<'c> {
    fn of(call: &'c Call) -> Self {
        let done = call.status.is_success();
        let values = if done { Values::Shown } else { Values::Masked };
        Self {
            call,
            done,
            sent: sent(call).map(|sent| masked::value(&sent, values)),
            answered: serde_json::from_slice(&call.answer).ok(),
        }
    }

    fn answered(&self, name: &str) -> Option<String> {
        self.answered.as_ref()?.get(name)?.as_str().map(str::to_owned)
    }

    /// The user whom the call names, or made.
    fn user(&self) -> Option<String> {
        let template = self.call.watched.route.path;
        if template == "/api/v2/users" && self.done {
            return self.answered("user_id");
        }
        if template == "/api/v2/jobs/verification-email" {
            let id = self.sent.as_ref()?.get("user_id")?.as_str()?;
            return Some(id.to_owned()).filter(|_| self.done);
        }
        let of_user = ["/api/v2/users/{id}", "/api/v2/user-blocks/{id}"];
        if !of_user.iter().any(|prefix| template.starts_with(prefix)) {
            return None;
        }
        let found = path::of(template, self.call.watched.uri.path()).ok()?;
        found.into_iter().next().filter(|id| id.len() <= 256)
    }

    /// What all entries of the call tell.
    fn common(&self) -> Told {
        let Watched { caller, way, at, .. } = &self.call.watched;
        let user = self.user();
        let about = match (&user, caller.user) {
            (_, Some(own)) => About::User(own),
            (Some(id), None) => About::Named(names::user(id)),
            (None, None) => About::Nobody,
        };
        let (mut entry, mut personal) = (Object::new(), Object::new());
        entry.insert("client_id".to_owned(), caller.client.to_string().into());
        way.tell_host(&mut entry);
        // What a person may not do is often to somebody else.
        if let Some(user) = user.filter(|_| self.done || caller.user.is_none()) {
            entry.insert("user_id".to_owned(), user.into());
        }
        let mut names = ["email", "username", "name"]
            .iter()
            .filter_map(|name| self.answered(name));
        if let (About::User(_) | About::Named(_), true, Some(name)) = (&about, self.done, names.next()) {
            personal.insert("user_name".to_owned(), name.into());
        }
        // A machine's address is nobody's, a person's is hers.
        way.tell(if caller.user.is_some() {
            &mut personal
        } else {
            &mut entry
        });
        Told {
            client: caller.client,
            about,
            at: *at,
            entry,
            personal,
        }
    }

    /// The entry of the call itself.
    fn call(&self, common: &Told) -> Told {
        let Watched {
            route,
            caller,
            uri,
            way,
            sent,
            ..
        } = &self.call.watched;
        let kind = match (sent, self.done) {
            (None, _) => "mgmt_api_read",
            (Some(_), true) => "sapi",
            (Some(_), false) => "fapi",
        };
        let mut told = typed(common, kind, does(route));
        let scopes = route.any_of.iter().filter(|scope| caller.scopes.has(**scope));
        let scopes: Vec<&str> = scopes.map(|scope| scope.name()).collect();
        let mut request = Object::from_iter([
            ("method".to_owned(), route.method.to_lowercase().into()),
            (
                "path".to_owned(),
                uri.path().chars().take(512).collect::<String>().into(),
            ),
            ("channel".to_owned(), "api".into()),
            (
                "auth".to_owned(),
                json!({"strategy": "jwt", "credentials": {"scopes": scopes}}),
            ),
        ]);
        let mut response = Object::from_iter([("statusCode".to_owned(), self.call.status.as_u16().into())]);
        let (mut own_request, mut own_response) = (Object::new(), Object::new());
        way.tell_details(if caller.user.is_some() {
            &mut own_request
        } else {
            &mut request
        });
        if let Some(query) = uri.query().and_then(masked::query) {
            request.insert("query".to_owned(), query.into());
        }
        if let Some(body) = &self.sent {
            own_request.insert("body".to_owned(), body.clone());
        }
        if self.done {
            let body = self.answered.as_ref().map(|body| masked::value(body, Values::Shown));
            own_response.extend(body.map(|body| ("body".to_owned(), body)));
        } else if let Some(Value::Object(refusal)) = &self.answered {
            // The code is ours; the sentence may name what was sent.
            response.insert("body".to_owned(), only(refusal, &["statusCode", "error", "errorCode"]));
            own_response.insert("body".to_owned(), only(refusal, &["message"]));
        }
        for (part, request, response) in [
            (&mut told.entry, request, response),
            (&mut told.personal, own_request, own_response),
        ] {
            part.insert("details".to_owned(), json!({"request": request, "response": response}));
        }
        told
    }

    /// What else became of users by it.
    fn also(&self) -> Vec<(&'static str, &'static str)> {
        let Route { method, path, .. } = self.call.watched.route;
        let changed = |name: &&(&str, _, _)| self.sent.as_ref().is_some_and(|sent| sent.get(name.0).is_some());
        match (*method, *path, self.done) {
            ("POST", "/api/v2/users", true) => vec![("ss", "Successful signup")],
            ("PATCH", "/api/v2/users/{id}", true) => [
                ("email", "sce", "Changed email"),
                ("password", "scp", "Changed password"),
                ("username", "scu", "Changed username"),
            ]
            .iter()
            .filter(changed)
            .map(|(_, kind, description)| (*kind, *description))
            .collect(),
            ("DELETE", _, true) if self.call.erased => vec![("sdu", "User successfully deleted")],
            ("DELETE", "/api/v2/users/{id}", false) => vec![("fdu", "Failed user deletion")],
            _ => Vec::new(),
        }
    }
}

/// What a call sent, as its handler reads it.
fn sent(call: &Call) -> Option<Value> {
    match call.watched.media_type? {
        // Not every route reads an object.
        MediaType::Json => serde_json::from_slice(&call.sent).ok(),
        MediaType::Form => {
            let written = Written::of(MediaType::Form, &call.sent).ok()?;
            form::members(written).ok().map(Value::Object)
        }
    }
}

fn only(members: &Object, names: &[&str]) -> Value {
    let known = members.iter().filter(|(name, _)| names.contains(&name.as_str()));
    Value::Object(known.map(|(name, value)| (name.clone(), value.clone())).collect())
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
        ("POST", "jobs/users-exports") => "Create export users job",
        ("POST", "jobs/users-imports") => "Create import users job",
        ("POST", "jobs/verification-email") => "Send an email address verification email",
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
