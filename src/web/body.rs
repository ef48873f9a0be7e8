//! Reading request bodies: how many bytes, of which media type, and what they say.
//!
//! Nothing is read of a body that announces more than the limit, and nothing is kept of
//! one that turns out longer. What would surprise: a missing or slow body is not timed
//! here but in `deadline`, for whoever reads it; this module only tells it apart.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde_json::Value;

use super::deadline::BodyTimedOut;
use super::fault::{Fault, JsonType, Reason};
use super::json;
use super::query;
use super::refusal::Refusal;
use crate::domain::Object;

/// What an ordinary body may have.
pub const ORDINARY_LIMIT_BYTES: usize = 64 * 1024;

/// What Auth0's contract allows for writing a user.
pub const USER_LIMIT_BYTES: usize = 1024 * 1024;

/// A body that is one JSON object, of the media type `application/json`.
#[derive(Debug)]
pub struct JsonObject<const LIMIT_BYTES: usize = ORDINARY_LIMIT_BYTES>(pub Object);

/// A body that is one JSON array, of the media type `application/json`.
#[derive(Debug)]
pub struct JsonArray(pub Vec<Value>);

/// A body that is one JSON object of the media type `application/json`, or empty.
#[derive(Debug)]
pub struct Optional(pub Option<Object>);

/// A body that is one JSON object or a form, whose values then are strings; for the OAuth
/// endpoints, where clients send either.
#[derive(Debug)]
pub struct JsonOrForm(pub Object);

impl<S: Sync, const LIMIT_BYTES: usize> FromRequest<S> for JsonObject<LIMIT_BYTES> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        if media_type(request.headers()) != Some(MediaType::Json) {
            return Err(Refusal::MediaType {
                expected: "application/json",
            });
        }
        object(&read(request, LIMIT_BYTES).await?).map(Self)
    }
}

impl<S: Sync> FromRequest<S> for JsonArray {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        if media_type(request.headers()) != Some(MediaType::Json) {
            return Err(Refusal::MediaType {
                expected: "application/json",
            });
        }
        match json::read(&read(request, ORDINARY_LIMIT_BYTES).await?)? {
            Value::Array(items) => Ok(Self(items)),
            other => Err(not(JsonType::Array, &other)),
        }
    }
}

impl<S: Sync> FromRequest<S> for Optional {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let is_json = media_type(request.headers()) == Some(MediaType::Json);
        let bytes = read(request, ORDINARY_LIMIT_BYTES).await?;
        match bytes.is_empty() {
            true => Ok(Self(None)),
            false if is_json => object(&bytes).map(|members| Self(Some(members))),
            false => Err(Refusal::MediaType {
                expected: "application/json",
            }),
        }
    }
}

impl<S: Sync> FromRequest<S> for JsonOrForm {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        match Written::read(request, ORDINARY_LIMIT_BYTES).await? {
            Written::Json(members) => Ok(Self(members)),
            Written::Form(pairs) => Ok(Self(strings(pairs)?)),
        }
    }
}

/// A body that is one JSON object, or the pairs of a form in their order.
#[derive(Debug)]
pub enum Written {
    /// Of the media type `application/json`.
    Json(Object),
    /// Of the media type `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
}

impl Written {
    /// Reads it, up to so many bytes.
    ///
    /// # Errors
    /// Those of [`read`] and [`object`]; [`Refusal::MediaType`] when it is of neither type.
    pub async fn read(request: Request, limit_bytes: usize) -> Result<Self, Refusal> {
        let Some(media_type) = media_type(request.headers()) else {
            return Err(Refusal::MediaType {
                expected: "application/json or application/x-www-form-urlencoded",
            });
        };
        Self::of(media_type, &read(request, limit_bytes).await?)
    }

    /// What bytes of this type say.
    ///
    /// # Errors
    /// As [`object`].
    pub fn of(media_type: MediaType, bytes: &[u8]) -> Result<Self, Refusal> {
        match media_type {
            MediaType::Json => object(bytes).map(Self::Json),
            MediaType::Form => pairs(bytes).map(Self::Form),
        }
    }
}

/// A media type that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// The media type of a body; `None` when there is none, more than one, or it is another
/// type or another charset than UTF-8. Suffixes as in `application/x+json` do not count.
pub fn media_type(headers: &HeaderMap) -> Option<MediaType> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let mut parts = value.split(';').map(str::trim);
    let name = parts.next()?;
    let charset_is_utf8 = |parameter: &str| {
        parameter.split_once('=').is_some_and(|(name, value)| {
            let value = value
                .strip_prefix('"')
                .and_then(|value| value.strip_suffix('"'))
                .unwrap_or(value);
            name.eq_ignore_ascii_case("charset") && value.eq_ignore_ascii_case("utf-8")
        })
    };
    if !parts.next().is_none_or(charset_is_utf8) || parts.next().is_some() {
        return None;
    }
    if name.eq_ignore_ascii_case("application/json") {
        Some(MediaType::Json)
    } else if name.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Some(MediaType::Form)
    } else {
        None
    }
}

/// All bytes of a body.
///
/// # Errors
/// [`Refusal::BodyTooLarge`] before anything is read when the body announces more than
/// the limit, and as soon as it has more; [`Refusal::BodyTimeout`] and
/// [`Refusal::BodyBroken`] when it does not come.
pub async fn read(request: Request, limit_bytes: usize) -> Result<Bytes, Refusal> {
    let too_large = Refusal::BodyTooLarge { limit: limit_bytes };
    let mut body: Body = request.into_body();
    let announced = hyper::body::Body::size_hint(&body).lower();
    if announced > limit_bytes as u64 {
        return Err(too_large);
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() else {
            continue;
        };
        if first.len() + all.len() + data.len() > limit_bytes {
            return Err(too_large);
        }
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// The JSON object that these bytes are.
///
/// # Errors
/// [`Refusal::Invalid`] with the path of what is at fault.
pub fn object(bytes: &[u8]) -> Result<Object, Refusal> {
    match json::read(bytes)? {
        Value::Object(members) => Ok(members),
        other => Err(not(JsonType::Object, &other)),
    }
}

/// That a whole body is of another type.
fn not(expected: JsonType, found: &Value) -> Refusal {
    let found = JsonType::of(found);
    Fault::new("", Reason::WrongType { expected, found }).into()
}

/// The pairs of a form.
fn pairs(bytes: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::new("", Reason::NotUtf8))?;
    Ok(query::decode_pairs(text)?)
}

/// The pairs of a form, as an object of strings.
fn strings(pairs: Vec<(String, String)>) -> Result<Object, Refusal> {
    let mut members = Object::new();
    for (name, value) in pairs {
        if members.contains_key(&name) {
            return Err(Fault::new(name, Reason::Duplicate).into());
        }
        members.insert(name, Value::String(value));
    }
    Ok(members)
}

fn broken(error: &axum::Error) -> Refusal {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if error.is::<BodyTimedOut>() {
            return Refusal::BodyTimeout;
        }
        source = error.source();
    }
    Refusal::BodyBroken
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn sec_api_10_media_types_are_exact() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
            media_type(&headers)
        };
        for fine in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
        ] {
            assert_eq!(read(fine), Some(MediaType::Json), "{fine}");
        }
        assert_eq!(read("application/x-www-form-urlencoded"), Some(MediaType::Form));
        for bad in [
            "text/plain",
            "application/json; charset=utf-16",
            "application/json; charset=utf-8; charset=utf-16",
            "application/problem+json",
            "application/json, text/plain",
            "application/jsonp",
            "",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(media_type(&HeaderMap::new()), None);
    }

    #[test]
    fn forms_are_objects_of_strings() {
        let form = |bytes: &[u8]| strings(pairs(bytes)?);
        let fields = form(b"grant_type=password&username=a%2Bb+c").unwrap();
        assert_eq!(fields.get("username"), Some(&Value::from("a+b c")));
        assert!(form(b"a=1&a=2").is_err());
        assert!(form(b"a=%00").is_err());
        assert!(form(b"a=%f").is_err());
    }
}
