//! What a request carries, and which customer it proves (`api/knodes.md` 2, 2.1).
//!
//! Parameters stand in the address or in the body, as a form or as a flat JSON object; an empty one
//! counts as none, and what is not known is passed over, as its clients need. A parameter that comes
//! twice must say the same twice. The credentials may be in HTTP Basic instead.
//!
//! What would surprise: nothing here can be shown, because tokens are among the parameters. And the
//! customer is asked for its secret before it is told that it sent the secret in a place that it
//! has closed, so that strangers learn nothing of its settings.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method, Uri, header};
use serde_json::Value;

use super::error::Problem;
use super::exposed;
use crate::app::App;
use crate::domain::{Caller, Tenant};
use crate::secret::SecretString;
use crate::web::body::{self, MediaType, ORDINARY_LIMIT_BYTES, Written};
use crate::web::query::{self, decimal};
use crate::web::{Arrival, Refusal};

const ID: &str = "customer_id";
const SECRET: &str = "customer_secret";

/// Parameters that nobody on the way should see.
const SECRETS: [&str; 4] = [SECRET, "token", "secret", "refresh_token"];

/// A request of a customer that has proved itself.
pub struct Asked {
    /// The customer, for the verbs.
    pub caller: Caller,
    /// Its record.
    pub tenant: Tenant,
    /// What it sent.
    pub params: Params,
    /// The origin of ours that the request came by, with a slash.
    pub origin: Arc<str>,
    /// Whether a page in a browser sent it.
    pub from_page: bool,
}

impl FromRequest<Arc<App>> for Asked {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let uri = request.uri().clone();
        let headers = request.headers().clone();
        let arrival = request.extensions().get::<Arrival>().cloned();
        let first = || app.origins().first_issuer();
        let origin = arrival.as_ref().map_or_else(first, |arrival| arrival.origin.clone());
        let params = Params::read(request).await?;
        let (id, secret) = params.credentials(&headers)?;
        let (caller, tenant) = app.authenticate_customer(&id, &secret, &origin).await?;
        let exposed = secrets_in_query(&uri);
        exposed::tell(app, caller.client, &exposed, arrival.as_ref());
        if !tenant.settings.query_secrets && !exposed.is_empty() {
            return Err(Problem::bad_request(
                "secrets are not taken from the address here: send them in the body or by HTTP Basic",
            ));
        }
        app.admit(caller.client).await?;
        Ok(Self {
            caller,
            tenant,
            params,
            origin,
            from_page: headers.contains_key(header::ORIGIN),
        })
    }
}

/// The parameters of a request, wherever they stood. No `Debug`: some are secrets.
pub struct Params(Vec<(String, Given)>);

/// The value of a parameter.
enum Given {
    Text(String),
    /// A JSON value that no parameter has: a list, an object, or a number that is not whole.
    Other,
}

impl Params {
    async fn read(request: Request) -> Result<Self, Problem> {
        let mut all = texts(query::pairs(request.uri())?);
        if request.method() == Method::POST {
            let media_type = body::media_type(request.headers());
            let bytes = body::read(request, ORDINARY_LIMIT_BYTES).await?;
            match media_type {
                Some(media_type) => all.extend(written(media_type, &bytes)?),
                None if bytes.is_empty() => {}
                None => {
                    let expected = "application/x-www-form-urlencoded or application/json";
                    return Err(Refusal::MediaType { expected }.into());
                }
            }
        }
        Ok(Self(all))
    }

    /// A parameter that may be absent.
    ///
    /// # Errors
    /// 400 when it says two things, or what no parameter can.
    pub fn opt(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut found = None;
        for (_, given) in self.0.iter().filter(|(known, _)| known == name) {
            match given {
                Given::Other => return Err(Problem::bad_request(format!("{name} must be a text"))),
                Given::Text(text) if text.is_empty() => {}
                Given::Text(text) if found.is_some_and(|other| other != text) => return Err(twice(name)),
                Given::Text(text) => found = Some(text.as_str()),
            }
        }
        Ok(found)
    }

    /// A parameter that may be absent, and that says something when it is empty.
    ///
    /// # Errors
    /// As [`Params::opt`].
    pub fn stated(&self, name: &str) -> Result<Option<&str>, Problem> {
        let is_there = self.0.iter().any(|(known, _)| known == name);
        Ok(self.opt(name)?.or(is_there.then_some("")))
    }

    /// A parameter that has to be there.
    ///
    /// # Errors
    /// As [`Params::opt`], and 400 when it is absent.
    pub fn text(&self, name: &str) -> Result<&str, Problem> {
        self.opt(name)?.ok_or_else(|| missing(name))
    }

    /// A parameter that is kept sealed.
    ///
    /// # Errors
    /// As [`Params::opt`].
    pub fn secret(&self, name: &str) -> Result<Option<SecretString>, Problem> {
        Ok(self.opt(name)?.map(|text| SecretString::from(text.to_owned())))
    }

    /// A whole number that may be absent.
    ///
    /// # Errors
    /// As [`Params::opt`], and 400 when it is no whole number.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Problem> {
        let Some(text) = self.opt(name)? else { return Ok(None) };
        let (digits, negative) = match text.strip_prefix('-') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        let fine = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let size = match (fine, digits.trim_start_matches('0')) {
            (false, _) => return Err(Problem::bad_request(format!("{name} must be a whole number"))),
            (true, "") => 0,
            // What has more digits than fit is as large as a number can be.
            (true, digits) => decimal(digits).unwrap_or(i64::MAX),
        };
        Ok(Some(if negative { -size } else { size }))
    }

    /// The parameters whose names begin like this, without that beginning.
    pub fn below<'a>(&'a self, beginning: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |(name, given)| match given {
            Given::Text(text) if !text.is_empty() => Some((name.strip_prefix(beginning)?, text.as_str())),
            _ => None,
        })
    }

    /// Who asks: in parameters, in HTTP Basic, or the same in both.
    fn credentials(&self, headers: &HeaderMap) -> Result<(String, SecretString), Problem> {
        let (mut id, mut secret) = (self.opt(ID)?.map(str::to_owned), self.opt(SECRET)?.map(str::to_owned));
        if let Some((basic_id, basic_secret)) = basic(headers) {
            for (name, given, basic) in [(ID, &mut id, basic_id), (SECRET, &mut secret, basic_secret)] {
                match given {
                    Some(given) if *given != basic => return Err(twice(name)),
                    _ => *given = Some(basic),
                }
            }
        }
        match (id, secret) {
            (Some(id), Some(secret)) => Ok((id, secret.into())),
            _ => Err(Problem::unauthorized()),
        }
    }
}

/// Whether a secret stands in an address.
pub fn has_secret_in_query(uri: &Uri) -> bool {
    !secrets_in_query(uri).is_empty()
}

/// What the secrets are called that stand in an address.
fn secrets_in_query(uri: &Uri) -> Vec<&'static str> {
    // An address that cannot be read is refused before anybody looks at what it says.
    let pairs = query::pairs(uri).unwrap_or_default();
    let stands = |secret: &&str| pairs.iter().any(|(name, value)| name == *secret && !value.is_empty());
    SECRETS.into_iter().filter(stands).collect()
}

/// Name and password of HTTP Basic (RFC 7617); `None` for any other header.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, encoded) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

fn written(media_type: MediaType, bytes: &[u8]) -> Result<Vec<(String, Given)>, Refusal> {
    Ok(match Written::of(media_type, bytes)? {
        Written::Form(pairs) => texts(pairs),
        Written::Json(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, given(value)))
            .collect(),
    })
}

fn given(value: Value) -> Given {
    match value {
        Value::String(text) => Given::Text(text),
        Value::Bool(flag) => Given::Text(flag.to_string()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Given::Text(number.to_string()),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => Given::Other,
    }
}

fn texts(pairs: Vec<(String, String)>) -> Vec<(String, Given)> {
    pairs
        .into_iter()
        .map(|(name, text)| (name, Given::Text(text)))
        .collect()
}

fn missing(name: &str) -> Problem {
    Problem::bad_request(format!("{name} is required"))
}

fn twice(name: &str) -> Problem {
    Problem::bad_request(format!("{name} says two things"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        let pairs = pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Params(texts(pairs.collect()))
    }

    #[test]
    fn a_parameter_says_one_thing() {
        let params = params(&[("a", ""), ("a", "1"), ("a", "1"), ("b", "1"), ("b", "2"), ("c", "")]);
        assert_eq!(params.opt("a").ok().flatten(), Some("1"));
        assert!(params.opt("b").is_err());
        assert!(matches!(params.opt("c"), Ok(None)));
        assert!(params.text("c").is_err());
    }

    #[test]
    fn numbers_are_whole_and_as_large_as_they_get() {
        let read = |text| params(&[("n", text)]).number("n").ok().flatten();
        assert_eq!(read("7"), Some(7));
        assert_eq!(read("-3"), Some(-3));
        assert_eq!(read("007"), Some(7));
        assert_eq!(read("99999999999999999999"), Some(i64::MAX));
        for bad in ["x", "1.5", "1e3", "-", "+1", " 1", "٣"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn json_has_the_same_parameters() {
        let body = br#"{"a": "x", "n": 700100200, "on": true, "none": null, "f": 1.5, "o": {"a": 1}}"#;
        let params = Params(written(MediaType::Json, body).unwrap());
        assert_eq!(params.opt("a").ok().flatten(), Some("x"));
        assert_eq!(params.opt("n").ok().flatten(), Some("700100200"));
        assert_eq!(params.opt("on").ok().flatten(), Some("true"));
        assert!(matches!(params.opt("none"), Ok(None)));
        assert!(params.opt("f").is_err() && params.opt("o").is_err());
    }

    #[test]
    fn sec_api_06_secrets_in_an_address_are_seen() {
        let has = |query: &str| has_secret_in_query(&format!("/users?{query}").parse().unwrap());
        assert!(has("customer_secret=x") && has("a=1&customer%5Fsecret=x") && has("token=x"));
        assert!(!has("customer_id=x") && !has("customer_secret=") && !has("q=token"));
    }
}
