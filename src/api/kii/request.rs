//! What handlers of this dialect read of a request's head: who asks which application, and which user is meant
//! (`api/kii.md` 2.2).
//!
//! What would surprise: whoever is neither the administrator nor the user herself is told that he may not, be
//! there such a user or not.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath};
use http::request::Parts;

use super::caller::{self, Asking, app_id};
use super::error::Problem;
use super::tokens;
use crate::app::App;
use crate::app::opaque::{Holder, LoginKind, LoginName};
use crate::app::resolve::Selector;
use crate::domain::{UserRef, UserWithIdentities, spelling};
use crate::error::{Error, Noun};
use crate::id::UserId;
use crate::web::{Arrival, Refusal, path};

impl FromRequestParts<Arc<App>> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let template = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let segments = path::of(template, parts.uri.path()).map_err(|fault| Refusal::Invalid {
            place: crate::web::Place::Path,
            fault,
        })?;
        let id = segments.first().map_or("", String::as_str);
        let tenant = caller::app(app, id).await?;
        let arrival = parts.extensions.get::<Arrival>().ok_or(Refusal::Internal)?;
        caller::asking(app, &parts.headers, tenant, &arrival.origin).await
    }
}

/// The prefixes of what is no id, and the name of what follows.
const ADDRESSES: [(&str, &str); 3] = [
    ("EMAIL:", "emailAddress"),
    ("PHONE:", "phoneNumber"),
    ("LOGIN_NAME:", "loginName"),
];

/// Whom a selector means; `None` for what can mean nobody.
fn selector(text: &str) -> Option<Selector> {
    if text.starts_with("EMAIL:") || text.starts_with("PHONE:") {
        return tokens::names(text)?.pop().map(Selector::Name);
    }
    if let Some(name) = text.strip_prefix("LOGIN_NAME:") {
        return Some(Selector::Name(LoginName {
            kind: LoginKind::Username,
            value: name.to_lowercase(),
        }));
    }
    match spelling::parse(text)? {
        UserRef::Id(id) => Some(Selector::Id(id)),
        UserRef::Born { .. } => None,
    }
}

impl Asking {
    /// The user whom a selector means, if there is one.
    ///
    /// # Errors
    /// 401 when nobody is `me`.
    pub async fn find(&self, app: &App, text: &str) -> Result<Option<UserWithIdentities>, Problem> {
        let selector = match text {
            "me" => Some(Selector::Id(self.user().ok_or_else(|| self.unauthorized())?)),
            _ => selector(text),
        };
        match selector {
            Some(selector) => Ok(app.select_user(self.tenant, &selector).await?),
            None => Ok(None),
        }
    }

    /// The user whom a selector means, if this caller may act on her: herself, or the administrator.
    ///
    /// # Errors
    /// 401; 404 for the administrator.
    pub async fn over(&self, app: &App, text: &str) -> Result<UserWithIdentities, Problem> {
        if self.holder == Holder::Anybody {
            return Err(self.unauthorized());
        }
        let found = self.find(app, text).await?;
        if self.is_admin() {
            return found.ok_or_else(|| self.no_user(text));
        }
        found
            .filter(|found| Some(found.user.id) == self.user())
            .ok_or_else(|| self.unauthorized())
    }

    /// That the administrator asks, about somebody who is there.
    ///
    /// # Errors
    /// 401, 404.
    pub async fn as_admin(&self, app: &App, text: &str) -> Result<UserWithIdentities, Problem> {
        match self.is_admin() {
            true => self.over(app, text).await,
            false => Err(self.unauthorized()),
        }
    }

    /// That nobody is meant by this.
    pub fn no_user(&self, text: &str) -> Problem {
        let known = ADDRESSES.iter();
        let (field, value) = known
            .filter_map(|(prefix, field)| Some((*field, text.strip_prefix(prefix)?)))
            .next()
            .unwrap_or(("userID", text));
        Problem::from(Error::NotFound(Noun::User))
            .with("field", field)
            .of_value(value)
            .with("appID", app_id(self.tenant))
    }

    /// A problem of one user, with what most of them have.
    pub fn about(&self, problem: Problem, user: UserId) -> Problem {
        problem
            .with("userID", spelling::uuid(user))
            .with("appID", app_id(self.tenant))
    }
}
