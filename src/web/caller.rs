//! Who is asking: the bearer token of a request, believed.
//!
//! Dialects that take bearer tokens make their own extractor of this function, so that a
//! refusal is spelled in their words. A handler without a [`Caller`] argument can reach no
//! verb that wants one.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::app::App;
use crate::domain::Caller;
use crate::error::{Error, Result, Unauthenticated};

/// Who sends this request (RFC 6750, 2.1).
///
/// # Errors
/// [`Error::Unauthenticated`].
pub async fn caller(app: &App, headers: &HeaderMap) -> Result<Caller> {
    let refuse = |why| Error::Unauthenticated(why);
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let header = given.next().ok_or_else(|| refuse(Unauthenticated::Missing))?;
    if given.next().is_some() {
        return Err(refuse(Unauthenticated::MalformedHeader));
    }
    let header = header.to_str().map_err(|_| refuse(Unauthenticated::MalformedHeader))?;
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() => {
            app.authenticate(token).await
        }
        _ => Err(refuse(Unauthenticated::MalformedHeader)),
    }
}
