//! Query parameters: decoded once, each at most once, numbers in one spelling only.
//!
//! A handler takes what it knows out of a [`Query`], and decides with [`Query::finish`]
//! or [`Query::unknown`] what becomes of the rest. What would surprise: `+` is a space,
//! as browsers and client libraries write it in queries, but not in paths.

use std::ops::RangeInclusive;

use axum::extract::FromRequestParts;
use http::Uri;
use http::request::Parts;

use super::fault::{Fault, Reason, out_of};
use super::path::percent_decode;
use super::refusal::{Place, Refusal};
use crate::error::Error;

/// A fault in a query; as a refusal, it says that it is one.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryFault(pub Fault);

impl From<Fault> for QueryFault {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl From<QueryFault> for Error {
    fn from(QueryFault(fault): QueryFault) -> Self {
        fault.into()
    }
}

impl From<QueryFault> for Refusal {
    fn from(QueryFault(fault): QueryFault) -> Self {
        Self::Invalid {
            place: Place::Query,
            fault,
        }
    }
}

/// The parameters of a query that have not been taken yet, in the order of the request.
#[derive(Debug, Clone, Default)]
pub struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Refusal;

    /// A query without repeatable parameters.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Ok(Self::of(&parts.uri, &[])?)
    }
}

impl Query {
    /// The parameters of this address. Those named may come more than once.
    ///
    /// # Errors
    /// A fault when the encoding is broken or another parameter comes twice.
    pub fn of(uri: &Uri, repeatable: &[&str]) -> Result<Self, QueryFault> {
        let pairs = decode_pairs(uri.query().unwrap_or_default())?;
        for (n, (name, _)) in pairs.iter().enumerate() {
            let again = pairs.iter().skip(n + 1).any(|(other, _)| other == name);
            if again && !repeatable.contains(&name.as_str()) {
                return Err(QueryFault(Fault::new(name, Reason::Duplicate)));
            }
        }
        Ok(Self(pairs))
    }

    /// A parameter that may be absent.
    pub fn opt_text(&mut self, name: &str) -> Option<String> {
        let n = self.0.iter().position(|(found, _)| found == name)?;
        Some(self.0.remove(n).1)
    }

    /// A parameter that has to be there.
    pub fn text(&mut self, name: &str) -> Result<String, QueryFault> {
        self.opt_text(name).ok_or_else(|| fault(name, Reason::MissingRequired))
    }

    /// Every value of a repeatable parameter.
    pub fn all(&mut self, name: &str) -> Vec<String> {
        std::iter::from_fn(|| self.opt_text(name)).collect()
    }

    /// A whole number in this range, that may be absent.
    pub fn opt_integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, QueryFault> {
        let Some(text) = self.opt_text(name) else {
            return Ok(None);
        };
        match decimal(&text).filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(fault(name, out_of(&range))),
        }
    }

    /// `true` or `false`, that may be absent.
    pub fn opt_bool(&mut self, name: &str) -> Result<Option<bool>, QueryFault> {
        match self.opt_text(name).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(fault(name, Reason::NotInEnum(&["true", "false"]))),
        }
    }

    /// The names that have not been taken.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// [`Reason::UnknownMember`] with the first parameter that nobody took.
    pub fn finish(self) -> Result<(), QueryFault> {
        match self.unknown().next() {
            None => Ok(()),
            Some(name) => Err(fault(name, Reason::UnknownMember)),
        }
    }
}

fn fault(name: &str, reason: Reason) -> QueryFault {
    QueryFault(Fault::new(name, reason))
}

/// A whole number without sign, in the one spelling that has no spaces, no separators,
/// no exponent and no leading zeros.
pub fn decimal(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}

/// Every parameter of an address in order, for contracts that take one more than once.
///
/// # Errors
/// A fault when the encoding is broken.
pub fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, QueryFault> {
    Ok(decode_pairs(uri.query().unwrap_or_default())?)
}

/// The pairs of a query or a form, in order.
pub(super) fn decode_pairs(text: &str) -> Result<Vec<(String, String)>, Fault> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = decode(name).map_err(|reason| Fault::new(name, reason))?;
            let value = decode(value).map_err(|reason| Fault::new(&name, reason))?;
            Ok((name, value))
        })
        .collect()
}

fn decode(text: &str) -> Result<String, Reason> {
    let decoded = percent_decode(&text.replace('+', " "))?;
    if decoded.contains('\0') {
        return Err(Reason::Nul);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<Query, QueryFault> {
        Query::of(&format!("/x?{text}").parse().unwrap(), &["many"])
    }

    #[test]
    fn parameters_are_decoded_once_and_taken_once() {
        let mut query = query("email=a%2Bb%40x.example&q=a+b&page=0&on=true&many=1&many=2&left").unwrap();
        assert_eq!(query.text("email").unwrap(), "a+b@x.example");
        assert_eq!(query.opt_text("q").unwrap(), "a b");
        assert_eq!(query.opt_integer("page", 0..=9), Ok(Some(0)));
        assert_eq!(query.opt_bool("on"), Ok(Some(true)));
        assert_eq!(query.all("many"), ["1", "2"]);
        assert_eq!(query.opt_text("email"), None);
        assert_eq!(query.unknown().collect::<Vec<_>>(), ["left"]);
        assert_eq!(query.finish().unwrap_err().0.to_string(), "left is not known here");
        assert_eq!(
            Query::default().text("gone").unwrap_err().0.reason,
            Reason::MissingRequired
        );
    }

    #[test]
    fn sec_api_16_numbers_have_one_spelling() {
        for text in ["0", "7", "100"] {
            assert!(decimal(text).is_some(), "{text}");
        }
        for text in [
            "",
            "-1",
            "+3",
            " 3",
            "3 ",
            "10,000",
            "1e9",
            "1.0",
            "0x10",
            "00",
            "٣٦",
            "３",
            "9223372036854775808",
            "99999999999999999999",
        ] {
            assert_eq!(decimal(text), None, "{text}");
        }
        for text in [
            "per_page=101",
            "per_page=-1",
            "per_page=1e9",
            "per_page=10,000",
            "per_page=",
            "per_page=%2B3",
        ] {
            let fault = query(text).unwrap().opt_integer("per_page", 1..=100).unwrap_err();
            assert_eq!(
                fault.0.to_string(),
                "per_page must be a whole number from 1 to 100",
                "{text}"
            );
        }
    }

    #[test]
    fn a_parameter_comes_once_and_well_encoded() {
        for (text, reason) in [
            ("a=1&a=1", Reason::Duplicate),
            ("a=1&%61=2", Reason::Duplicate),
            ("a=%", Reason::PercentEncoding),
            ("a=%ff", Reason::NotUtf8),
            ("a=%00", Reason::Nul),
        ] {
            assert_eq!(query(text).unwrap_err().0, Fault::new("a", reason), "{text}");
        }
    }
}
