//! What every handler of this dialect reads from a request: who asks, which user is meant,
//! where a page begins, and whether the request takes effect once.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::api::link::error::Problem;
use crate::app::App;
use crate::app::link::OnceKey;
use crate::domain::{Caller, UserRef, spelling};
use crate::error::{Error, Noun};
use crate::secret::Digest;
use crate::web;
use crate::web::query::Query;

/// The longest idempotency key, in bytes.
const KEY_LIMIT_BYTES: usize = 255;

/// Who asks.
pub struct Asking(pub Caller);

impl FromRequestParts<Arc<App>> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        Ok(Self(web::caller::caller(app, &parts.headers).await?))
    }
}

/// The client's `Idempotency-Key`, if it sent one.
pub struct Idempotency(Option<String>);

impl FromRequestParts<Arc<App>> for Idempotency {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        let refuse = |reason: &'static str| Problem::Core(Error::invalid("Idempotency-Key", reason));
        let mut given = parts.headers.get_all("idempotency-key").iter();
        let Some(key) = given.next() else { return Ok(Self(None)) };
        if given.next().is_some() {
            return Err(refuse("must be sent once"));
        }
        match key.to_str() {
            Ok(key) if (1..=KEY_LIMIT_BYTES).contains(&key.len()) => Ok(Self(Some(key.to_owned()))),
            _ => Err(refuse("must have 1 to 255 printable ASCII characters")),
        }
    }
}

impl Idempotency {
    /// The key as it is kept: the client's own, with the route and the body that it stands
    /// for (API-14).
    pub fn of(self, caller: &Caller, route: &str, body: &crate::domain::Object) -> Option<OnceKey> {
        let key = self.0?;
        let body = serde_json::to_string(body).unwrap_or_default();
        Some(OnceKey {
            key: Digest::of(format!("{}\n{key}", caller.client).as_bytes()),
            request: Digest::of(format!("{route}\n{body}").as_bytes()),
        })
    }
}

/// The user that a path means. What is no id in any spelling names nobody.
pub fn user(text: &str) -> Result<UserRef, Problem> {
    spelling::parse(text).ok_or(Problem::Core(Error::NotFound(Noun::User)))
}

/// Where a page of a list begins and how long it may be.
pub struct PageRequest {
    list: &'static str,
    /// The position after which it begins.
    pub after: Option<[u8; 12]>,
    /// How many items at most.
    pub limit: u32,
}

impl PageRequest {
    /// Reads `after` and `limit` (1 to 100, default 50) for this list.
    pub async fn read(app: &App, caller: &Caller, list: &'static str, mut query: Query) -> Result<Self, Problem> {
        let limit = query.opt_integer("limit", 1..=100)?.unwrap_or(50);
        let after = query.opt_text("after");
        query.finish()?;
        let after = match after {
            None => None,
            Some(cursor) => Some(app.open_cursor(caller.tenant, list, &cursor).await?),
        };
        Ok(Self {
            list,
            after,
            limit: u32::try_from(limit).unwrap_or(50),
        })
    }

    /// `next` of a page that ends at this position; an empty one has none.
    pub async fn next(&self, app: &App, caller: &Caller, last: Option<&[u8; 12]>) -> Result<Option<String>, Problem> {
        match last {
            Some(last) => Ok(Some(app.seal_cursor(caller.tenant, self.list, last).await?)),
            None => Ok(None),
        }
    }
}
