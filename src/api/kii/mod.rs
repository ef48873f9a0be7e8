//! Kii Cloud's interface for an application's users: every path (`docs/kii.md` says of each what it does here).
//!
//! `wire` holds the JSON, `error` the refusals, `networks` what Kii calls networks, `body` the media types, `caller`
//! who asks; the other files hold handlers. What would surprise: `{user}` is an id, `me`, or a name after
//! `EMAIL:`, `PHONE:` or `LOGIN_NAME:`; a handler asks `Asking::over` whether its caller may act on her.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{any, get, post, put};

use self::addresses::Kind;
use self::caller::Asking;
use self::error::Problem;
use self::users::Field;
use crate::app::App;
use crate::web::Dialect;
use crate::web::path::Segments;

mod addresses;
mod bag;
mod body;
mod caller;
mod edge;
mod error;
mod links;
mod networks;
mod parameters;
mod passwords;
mod phone;
mod profile;
mod request;
mod tokens;
mod users;
mod wire;

/// How the front writes what it refuses by itself.
pub fn dialects() -> Vec<Dialect> {
    let spelled = |prefix| Dialect {
        prefix,
        name: "kii",
        spell: error::spell,
        logged,
    };
    vec![spelled("/api/apps"), spelled("/api/oauth2")]
}

/// A path without the addresses and names that people are selected by.
fn logged(path: &str) -> Cow<'_, str> {
    let hidden = |part: &str| {
        let (kind, _) = part
            .split_once(':')
            .or_else(|| part.split_once("%3A"))
            .or_else(|| part.split_once("%3a"))?;
        ["EMAIL", "PHONE", "LOGIN_NAME"]
            .contains(&kind)
            .then(|| format!("{kind}:*"))
    };
    if !path.split('/').any(|part| hidden(part).is_some()) {
        return Cow::Borrowed(path);
    }
    let parts: Vec<_> = path
        .split('/')
        .map(|part| hidden(part).unwrap_or_else(|| part.to_owned()))
        .collect();
    Cow::Owned(parts.join("/"))
}

/// All routes.
pub fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/api/oauth2/token", post(tokens::of_any))
        .route("/api/apps/{app}/oauth2/token", post(tokens::of_app))
        .route("/api/apps/{app}/users", post(users::create))
        .route(
            "/api/apps/{app}/users/{user}",
            get(users::find).post(users::update).delete(users::remove),
        )
        .route(
            "/api/apps/{app}/users/{user}/status",
            get(users::status).put(users::set_status),
        )
        .route("/api/apps/{app}/users/{user}/password", put(passwords::change))
        .route(
            "/api/apps/{app}/users/{user}/password/request-reset",
            post(passwords::request_reset),
        )
        .route(
            "/api/apps/{app}/users/{user}/password/reset",
            post(passwords::request_reset),
        )
        .route(
            "/api/apps/{app}/users/{user}/password/complete-reset",
            post(passwords::complete_reset),
        )
        .route(
            "/api/apps/{app}/users/{user}/phone-number/reset-verification-code",
            post(addresses::reset_code),
        )
        .route("/api/apps/{app}/users/{user}/{network}/link", post(links::link))
        .route("/api/apps/{app}/users/{user}/{network}/unlink", post(links::unlink))
        .route("/api/apps/{app}/integration/{network}", post(links::log_in))
        .route("/api/apps/{app}/configuration/parameters", get(parameters::list))
        .route("/api/apps/{app}/configuration/parameters/{name}", put(parameters::set));
    for (path, field) in [
        ("/api/apps/{app}/users/{user}/display-name", Field::DisplayName),
        ("/api/apps/{app}/users/{user}/country", Field::Country),
        ("/api/apps/{app}/users/{user}/locale", Field::Locale),
    ] {
        let show = async move |State(app): State<Arc<App>>,
                               asking: Asking,
                               Segments([_, text]): Segments<2>|
                    -> Result<Response, Problem> { users::field(app, asking, &text, field).await };
        router = router.route(path, get(show));
    }
    for (path, kind) in [
        ("/api/apps/{app}/users/{user}/email-address", Kind::Email),
        ("/api/apps/{app}/users/{user}/phone-number", Kind::Phone),
    ] {
        router = of_address(router, path, kind);
    }
    [
        "/api/apps",
        "/api/apps/{app}",
        "/api/apps/{app}/",
        "/api/apps/{app}/{*rest}",
        "/api/oauth2/{*rest}",
    ]
    .iter()
    .fold(router, |router, path| router.route(path, any(edge::nothing)))
    .route_layer(from_fn_with_state(app.clone(), edge::edge))
    .with_state(app.clone())
}

/// The routes of one kind of address.
fn of_address(router: Router<Arc<App>>, path: &str, kind: Kind) -> Router<Arc<App>> {
    let find = async move |State(app): State<Arc<App>>, asking: Asking, Segments([_, text]): Segments<2>| {
        addresses::find(&app, &asking, &text, kind).await
    };
    let set =
        async move |State(app): State<Arc<App>>,
                    asking: Asking,
                    Segments([_, text]): Segments<2>,
                    incoming: body::Incoming| { addresses::put(&app, &asking, &text, kind, incoming).await };
    let verify =
        async move |State(app): State<Arc<App>>,
                    asking: Asking,
                    Segments([_, text]): Segments<2>,
                    incoming: body::Incoming| { addresses::verify(&app, &asking, &text, kind, incoming).await };
    let resend =
        async move |State(app): State<Arc<App>>,
                    asking: Asking,
                    Segments([_, text]): Segments<2>,
                    incoming: body::Incoming| { addresses::resend(&app, &asking, &text, kind, incoming).await };
    let show = async move |State(app): State<Arc<App>>, asking: Asking, Segments([_, text]): Segments<2>| {
        addresses::show_code(&app, &asking, &text, kind).await
    };
    router
        .route(path, get(find).put(set))
        .route(&format!("{path}/verify"), post(verify))
        .route(&format!("{path}/resend-verification"), post(resend))
        .route(&format!("{path}/verification-code"), get(show))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_address_is_written_to_the_log() {
        for (path, shown) in [
            ("/api/apps/a/users/me", "/api/apps/a/users/me"),
            (
                "/api/apps/a/users/EMAIL:m@x.example/status",
                "/api/apps/a/users/EMAIL:*/status",
            ),
            ("/api/apps/a/users/PHONE%3A+49123", "/api/apps/a/users/PHONE:*"),
            ("/api/apps/a/users/LOGIN_NAME%3amira", "/api/apps/a/users/LOGIN_NAME:*"),
        ] {
            assert_eq!(logged(path), shown);
        }
    }
}
