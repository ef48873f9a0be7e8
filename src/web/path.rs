//! Ids in paths: split on a literal `/`, then decoded exactly once, here and nowhere else.
//!
//! axum decodes path parameters itself and lets NUL, CR LF and a lone `%` through
//! (measured, 0.8.9), so handlers take [`Segments`] instead of its `Path`. What would
//! surprise: `%25` followed by hex is data; an id may hold a percent sign. How long an id
//! may be is not asked here: one that is too long is an id that nobody has.

use axum::extract::{FromRequestParts, MatchedPath};
use http::request::Parts;

use super::fault::{Fault, Reason};
use super::refusal::{Place, Refusal};

/// The decoded values of the `N` parameters of the route, from left to right.
#[derive(Debug)]
pub struct Segments<const N: usize>(pub [String; N]);

impl<S: Sync, const N: usize> FromRequestParts<S> for Segments<N> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let template = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let found = of(template, parts.uri.path()).map_err(|fault| Refusal::Invalid {
            place: Place::Path,
            fault,
        })?;
        match <[String; N]>::try_from(found) {
            Ok(segments) => Ok(Self(segments)),
            Err(found) => {
                tracing::error!(
                    template,
                    found = found.len(),
                    wanted = N,
                    "a route has other parameters than its handler reads"
                );
                Err(Refusal::Internal)
            }
        }
    }
}

/// The decoded parameters of a path by its route's template. Both are read from their
/// ends, since a nested router sees a path without the prefix that it is mounted at.
///
/// # Errors
/// A fault named after the parameter that it is in.
pub fn of(template: &str, path: &str) -> Result<Vec<String>, Fault> {
    let pairs = template.rsplit('/').zip(path.rsplit('/'));
    let mut found = pairs
        .filter_map(|(name, raw)| Some((name.strip_prefix('{')?.strip_suffix('}')?, raw)))
        .map(|(name, raw)| decode_segment(raw).map_err(|reason| Fault::new(name, reason)))
        .collect::<Result<Vec<_>, _>>()?;
    found.reverse();
    Ok(found)
}

/// One path segment, decoded.
///
/// # Errors
/// The reason, when it holds control characters, is not UTF-8, has a lone percent sign or
/// is nothing but dots.
pub fn decode_segment(raw: &str) -> Result<String, Reason> {
    let text = percent_decode(raw)?;
    if text.contains('\0') {
        return Err(Reason::Nul);
    }
    if text.chars().any(char::is_control) {
        return Err(Reason::Control);
    }
    if !text.is_empty() && text.bytes().all(|b| b == b'.') {
        return Err(Reason::DotSegment);
    }
    Ok(text)
}

/// Decodes `%xx` once.
pub(super) fn percent_decode(raw: &str) -> Result<String, Reason> {
    if !raw.contains('%') {
        return Ok(raw.to_owned());
    }
    let mut bytes = raw.bytes();
    let mut decoded = Vec::with_capacity(raw.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
        match (digit(), digit()) {
            (Some(high), Some(low)) => decoded.push((high << 4 | low) as u8),
            _ => return Err(Reason::PercentEncoding),
        }
    }
    String::from_utf8(decoded).map_err(|_| Reason::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_api_08_segments_are_decoded_once() {
        assert_eq!(decode_segment("auth0%7Cabc"), decode_segment("auth0|abc"));
        assert_eq!(decode_segment("a%2Fb").unwrap(), "a/b");
        assert_eq!(decode_segment("a%252Fb").unwrap(), "a%2Fb");
        assert_eq!(decode_segment("%C3%A9+").unwrap(), "é+");
        for (raw, reason) in [
            ("a%00b", Reason::Nul),
            ("%ff", Reason::NotUtf8),
            ("%c0%af", Reason::NotUtf8),
            ("%", Reason::PercentEncoding),
            ("%2", Reason::PercentEncoding),
            ("%zz", Reason::PercentEncoding),
            ("%+1", Reason::PercentEncoding),
            ("a%0d%0ab", Reason::Control),
            ("a%C2%85", Reason::Control),
            ("..", Reason::DotSegment),
            ("%2e%2E", Reason::DotSegment),
            (".", Reason::DotSegment),
        ] {
            assert_eq!(decode_segment(raw), Err(reason), "{raw}");
        }
    }

    proptest::proptest! {
        #[test]
        fn sec_api_08_decoding_undoes_one_encoding(text in "\\PC{0,20}") {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
            proptest::prop_assert_eq!(percent_decode(&encoded).unwrap(), text.clone());
            let _ = decode_segment(&text);
        }
    }

    #[test]
    fn parameters_are_found_by_position_in_nested_routers_too() {
        let template = "/api/v2/users/{id}/identities/{provider}/{user_id}";
        let wanted = vec!["a|b".to_owned(), "twitter".to_owned(), "1/2".to_owned()];
        for path in [
            "/api/v2/users/a%7Cb/identities/twitter/1%2F2",
            "/users/a|b/identities/twitter/1%2F2",
        ] {
            assert_eq!(of(template, path).unwrap(), wanted);
        }
        let fault = of(template, "/api/v2/users/%00/identities/t/1").unwrap_err();
        assert_eq!(fault.to_string(), "id must not hold a NUL");
    }
}
