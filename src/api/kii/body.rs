//! Bodies of this dialect: each request has a media type of its own, and `application/json` means the same
//! (`api/kii.md` 2.4).
//!
//! What would surprise: a body without a type is read as JSON, and where none is due any type will do, as
//! long as there is nothing in it.

use axum::body::Body;
use axum::extract::Request;
use http::{HeaderMap, header};

use super::error::Problem;
use crate::domain::Object;
use crate::web::body::{self, MediaType, Written};
use crate::web::{Fields, Reason};

/// The longest body: custom fields may have 63 KB, and there is more beside them.
const LIMIT_BYTES: usize = 96 * 1024;

/// A request's head and body, not yet read.
pub struct Incoming {
    /// Its headers.
    pub headers: HeaderMap,
    body: Body,
}

impl<S: Sync> axum::extract::FromRequest<S> for Incoming {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        Ok(Self {
            headers: parts.headers,
            body,
        })
    }
}

impl Incoming {
    /// Which of these requests it is, by its type; the first for JSON and for none.
    ///
    /// # Errors
    /// That it is of another type.
    pub fn is_one_of(&self, requests: &[&'static str]) -> Result<&'static str, Problem> {
        let first = requests.first().copied().unwrap_or_default();
        match media_type(&self.headers)? {
            None => Ok(first),
            Some(name) if name == "application/json" => Ok(first),
            Some(name) => requests
                .iter()
                .copied()
                .find(|request| name == vendor_type(request))
                .ok_or_else(Problem::data_type),
        }
    }

    /// The members of a request of this type.
    ///
    /// # Errors
    /// That it is another one, or none that can be read.
    pub async fn object(self, request: &'static str) -> Result<Fields, Problem> {
        self.is_one_of(&[request])?;
        self.read().await
    }

    /// The members, whatever the type.
    ///
    /// # Errors
    /// Those of reading.
    pub async fn read(self) -> Result<Fields, Problem> {
        let bytes = self.bytes().await?;
        match body::object(&bytes) {
            Ok(members) => Ok(Fields::new(members)),
            Err(refusal) => match &refusal {
                crate::web::Refusal::Invalid { fault, .. } if matches!(fault.reason, Reason::WrongType { .. }) => {
                    Err(Problem::invalid("body", "The body must be a JSON object"))
                }
                _ => Err(refusal.into()),
            },
        }
    }

    /// The members of a request that may be a form too.
    ///
    /// # Errors
    /// As [`Incoming::object`].
    pub async fn object_or_form(self, request: &'static str) -> Result<Fields, Problem> {
        if media_type(&self.headers)?.as_deref() != Some("application/x-www-form-urlencoded") {
            return self.object(request).await;
        }
        match Written::of(MediaType::Form, &self.bytes().await?)? {
            Written::Json(members) => Ok(Fields::new(members)),
            Written::Form(pairs) => {
                let mut members = Object::new();
                for (name, value) in pairs {
                    if members.insert(name.clone(), value.into()).is_some() {
                        return Err(Problem::invalid(&name, "A field is there more than once"));
                    }
                }
                Ok(Fields::new(members))
            }
        }
    }

    /// That nothing is said: an empty body or an empty object. One that may say something has the type of
    /// this request.
    ///
    /// # Errors
    /// That something is.
    pub async fn empty_or(self, request: Option<&'static str>) -> Result<Fields, Problem> {
        let known = self.is_one_of(request.as_slice());
        let bytes = self.bytes().await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Fields::new(Object::new()));
        }
        known?;
        let members = body::object(&bytes)?;
        match request.is_some() || members.is_empty() {
            true => Ok(Fields::new(members)),
            false => Err(Problem::invalid("body", "The body must be empty")),
        }
    }

    /// A text of the type `text/plain`.
    ///
    /// # Errors
    /// That it is none.
    pub async fn bytes(self) -> Result<bytes::Bytes, Problem> {
        Ok(body::read(Request::new(self.body), LIMIT_BYTES).await?)
    }
}

/// The media type in lower case, without its parameters.
fn media_type(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut all = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(first) = all.next() else { return Ok(None) };
    let text = first.to_str().map_err(|_| Problem::data_type())?;
    match all.next() {
        Some(_) => Err(Problem::data_type()),
        None => Ok(Some(
            text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase(),
        )),
    }
}

fn vendor_type(request: &str) -> String {
    format!("application/vnd.kii.{}+json", request.to_ascii_lowercase())
}
