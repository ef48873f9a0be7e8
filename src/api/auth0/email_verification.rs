//! The page that a verification mail leads to.
//!
//! What would surprise: opening it changes nothing, because programs that look for harm in mail follow
//! links; a button does. And whatever is wrong with a ticket, the same page says so, so that nobody
//! learns from it what is here.

use std::sync::{Arc, LazyLock};

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;

use super::error::Problem;
use super::html::{STYLE, document, escaped};
use super::journal::Way;
use super::names::Names;
use crate::app::App;
use crate::app::logs::{About, Happened, Told};
use crate::app::verify_email::EmailTicket;
use crate::domain::Object;
use crate::secret::Digest;
use crate::web::body::JsonOrForm;
use crate::web::query::Query;
use crate::web::{Arrival, Fields, Refusal};

/// Where it is.
pub const PATH: &str = "/u/email-verification";

/// Nothing is fetched, run or framed; the one style is known by its digest, and the form comes back here.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = STANDARD.encode(Digest::of(STYLE.as_bytes()).as_bytes());
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
});

/// `GET /u/email-verification?ticket=…`: asks whether the address is to be confirmed.
pub async fn ask(State(app): State<Arc<App>>, query: Result<Query, Refusal>) -> Result<Response, Problem> {
    let given = query.ok().and_then(|mut query| query.text("ticket").ok());
    let Some(given) = given else { return Ok(no_ticket()) };
    let Some(ticket) = app.find_email_ticket(&given).await? else {
        return Ok(no_ticket());
    };
    let (address, given) = (escaped(&ticket.address), escaped(&given));
    let body = format!(
        "<p>Is <strong>{address}</strong> your e-mail address?</p>\n<form method=\"post\" action=\"{PATH}\">\n\
         <input type=\"hidden\" name=\"ticket\" value=\"{given}\">\n<p><button type=\"submit\">Yes, confirm it</button>\
         </p>\n</form>\n<p class=\"small\">If it is not, close this page. Nothing happens then.</p>\n"
    );
    Ok(page(StatusCode::OK, "Confirm your e-mail address", &body))
}

/// `POST /u/email-verification`: confirms it.
pub async fn confirm(
    State(app): State<Arc<App>>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    body: Result<JsonOrForm, Refusal>,
) -> Result<Response, Problem> {
    let given = body
        .ok()
        .and_then(|JsonOrForm(body)| Fields::new(body).text("ticket").ok());
    let Some(given) = given else { return Ok(no_ticket()) };
    let Some(ticket) = app.verify_email(&given).await? else {
        return Ok(no_ticket());
    };
    let names = Names::of(&app, ticket.tenant, &ticket.whose).await?;
    app.tell(Box::new(Verified {
        at: app.now(),
        way: Way::of(Some(&arrival), &headers),
        user_id: names.id_of(&ticket.whose),
        connection: names.label(&ticket.identity).map(|label| label.name.clone()),
        ticket: ticket.clone(),
    }));
    let address = escaped(&ticket.address);
    let body = format!("<p><strong>{address}</strong> is confirmed. You can close this page.</p>\n");
    Ok(page(StatusCode::OK, "Thank you", &body))
}

fn no_ticket() -> Response {
    let body = "<p>It may be too old, may have been used already, or was cut off on its way. If the address is still to \
                be confirmed, ask for a new mail where you have your account.</p>\n";
    page(StatusCode::NOT_FOUND, "This link does not work", body)
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let mut response = (status, document(title, body)).into_response();
    let headers = response.headers_mut();
    let policy = HeaderValue::from_str(&POLICY);
    for (name, value) in [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            header::CONTENT_SECURITY_POLICY,
            policy.unwrap_or(HeaderValue::from_static("default-src 'none'")),
        ),
    ] {
        headers.insert(name, value);
    }
    response
}

/// That somebody confirmed her address, for the tenant's log.
struct Verified {
    at: Timestamp,
    way: Way,
    user_id: String,
    connection: Option<String>,
    ticket: EmailTicket,
}

impl Happened for Verified {
    fn spell(self: Box<Self>) -> Vec<Told> {
        let ticket = self.ticket;
        let (mut entry, mut personal) = (Object::new(), Object::new());
        let mut put = |name: &str, value: String| entry.insert(name.to_owned(), value.into());
        put("type", "sv".to_owned());
        put("description", "Success Verification Email".to_owned());
        put("client_id", ticket.client.to_string());
        put("user_id", self.user_id);
        if let Some(connection) = self.connection {
            put("connection", connection);
            put("connection_id", ticket.identity.key.connection.to_string());
            put("strategy", "auth0".to_owned());
            put("strategy_type", "database".to_owned());
        }
        personal.insert("user_name".to_owned(), ticket.address.into());
        self.way.tell_host(&mut entry);
        self.way.tell(&mut personal);
        vec![Told {
            client: ticket.client,
            about: About::User(ticket.whose.user.id),
            at: self.at,
            entry,
            personal,
        }]
    }
}
