//! Who is asking, in Kii's ways: nobody in particular, a person, or the application's administrator
//! (`api/kii.md` 2.1 and 2.3).
//!
//! What would surprise: the application's key and the second half of Basic are not looked at, as Kii's own
//! pages have it; what they are sent with is a stranger's request.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};

use super::error::Problem;
use crate::app::App;
use crate::app::opaque::Holder;
use crate::domain::{Caller, Dialect, spelling};
use crate::id::{ClientId, TenantId, UserId};

/// The client that stands for whoever comes by this dialect.
fn client(tenant: TenantId) -> ClientId {
    ClientId::of_dialect(tenant, Dialect::Kii.name().as_bytes())
}

/// Who sends a request to one application.
#[derive(Debug)]
pub struct Asking {
    /// The application.
    pub tenant: TenantId,
    /// Who.
    pub holder: Holder,
    /// The same for the verbs.
    pub caller: Caller,
    /// The origin of ours by which the request came, with a slash.
    pub origin: Arc<str>,
}

/// How Kii writes the id of an application.
pub fn app_id(tenant: TenantId) -> String {
    format!("{:016x}", tenant.number())
}

/// The application of this id.
///
/// # Errors
/// That there is none.
pub async fn app(app: &App, id: &str) -> Result<TenantId, Problem> {
    let tenant = parse(id).ok_or_else(Problem::no_app)?;
    app.settings_of(tenant).await?;
    Ok(tenant)
}

/// Reads an id of an application, be there such an application or not.
pub fn parse(id: &str) -> Option<TenantId> {
    format!("ten_{id}").parse().ok()
}

/// Who sends these headers to this application.
///
/// # Errors
/// 403 for a bearer token that is none, 401 for one of another application and for everything that is no
/// credential.
pub async fn asking(app: &App, headers: &HeaderMap, tenant: TenantId, origin: &Arc<str>) -> Result<Asking, Problem> {
    let (holder, token) = match headers.get(header::AUTHORIZATION) {
        None => (Holder::Anybody, None),
        Some(header) => {
            let header = header.to_str().map_err(|_| Problem::unauthorized())?;
            let (scheme, given) = header.split_once(' ').ok_or_else(Problem::unauthorized)?;
            let given = given.trim();
            if scheme.eq_ignore_ascii_case("basic") {
                match basic(given) {
                    Some(id) if parse(&id) == Some(tenant) => (Holder::Anybody, None),
                    _ => return Err(Problem::unauthorized()),
                }
            } else if scheme.eq_ignore_ascii_case("bearer") {
                let (of, holder) = app.believe_opaque(given).await?;
                if of != tenant {
                    return Err(Problem::unauthorized().with("authenticatedAppID", app_id(of)));
                }
                (holder, Some(given))
            } else {
                return Err(Problem::unauthorized());
            }
        }
    };
    // Strangers count by their address alone, or they could lock a tenant out.
    if holder != Holder::Anybody {
        app.admit(client(tenant)).await?;
    }
    Ok(Asking {
        tenant,
        holder,
        caller: app.caller_by(tenant, holder, Dialect::Kii, token, origin),
        origin: origin.clone(),
    })
}

/// The first half of a Basic credential.
pub fn basic(given: &str) -> Option<String> {
    let decoded = String::from_utf8(STANDARD.decode(given).ok()?).ok()?;
    Some(decoded.split_once(':')?.0.to_owned())
}

impl Asking {
    /// The person who asks.
    pub const fn user(&self) -> Option<UserId> {
        match self.holder {
            Holder::User(user) => Some(user),
            Holder::Anybody | Holder::Admin => None,
        }
    }

    /// Whether the administrator asks.
    pub const fn is_admin(&self) -> bool {
        matches!(self.holder, Holder::Admin)
    }

    /// That this caller lacks the right.
    pub fn unauthorized(&self) -> Problem {
        let problem = Problem::unauthorized();
        match self.holder {
            Holder::Anybody => problem,
            Holder::User(user) => problem
                .with("authenticatedAppID", app_id(self.tenant))
                .with("authenticatedPrincipalID", spelling::uuid(user)),
            Holder::Admin => problem.with("authenticatedAppID", app_id(self.tenant)),
        }
    }
}
