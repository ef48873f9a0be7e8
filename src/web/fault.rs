//! What can be wrong with a value of a request, as data.
//!
//! A [`Fault`] names the value and holds the [`Reason`] apart from its words, so that each
//! dialect can write it in its own form. What would surprise: the path may be text that
//! the caller chose, such as the name of an unknown member; [`Fault::subject`] is the form
//! of it that may be shown.

use std::fmt;
use std::ops::RangeInclusive;

use serde_json::Value;

use crate::error::Error;

/// What is wrong with one value of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Which, as `identity.subject` or `items[3]`; empty for the whole.
    pub path: String,
    /// What.
    pub reason: Reason,
}

/// What can be wrong with a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// It has to be there.
    MissingRequired,
    /// It is of another type.
    WrongType {
        /// The type that it must have.
        expected: JsonType,
        /// The type that it has.
        found: JsonType,
    },
    /// It has fewer bytes or items than it must.
    TooShort {
        /// How many it has.
        len: usize,
        /// How many it must have.
        min: usize,
    },
    /// It has more bytes or items than it may.
    TooLong {
        /// How many it has.
        len: usize,
        /// How many it may have.
        max: usize,
    },
    /// It does not match this pattern.
    Pattern(&'static str),
    /// It is not of this format, which is named: `email`, `uri`.
    Format(&'static str),
    /// There is no such member or parameter.
    UnknownMember,
    /// It is not one of these.
    NotInEnum(&'static [&'static str]),
    /// It is not a whole number between these.
    OutOfRange {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// It is there twice.
    Duplicate,
    /// It holds a NUL.
    Nul,
    /// It holds a control character.
    Control,
    /// It is not UTF-8.
    NotUtf8,
    /// Its percent-encoding is broken.
    PercentEncoding,
    /// It is a path segment of dots only.
    DotSegment,
    /// It is not JSON, or not after this point.
    NotJson,
    /// It begins with a byte order mark.
    ByteOrderMark,
    /// Something follows the JSON value.
    TrailingBytes,
    /// It is nested deeper than this.
    TooDeep(usize),
    /// It has more members than this, all levels together.
    TooManyMembers(usize),
    /// It is what the sentence says.
    Other(&'static str),
}

/// The types of JSON, and the whole numbers among the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is a type of JSON")]
pub enum JsonType {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl JsonType {
    /// The type of a value; a whole number is an integer.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_f64() => Self::Number,
            Value::Number(_) => Self::Integer,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }

    /// The name that JSON Schema gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

impl Reason {
    /// A word for programs, which never changes.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::MissingRequired => "missing_member",
            Self::WrongType { .. } => "wrong_type",
            Self::TooShort { .. } => "too_short",
            Self::TooLong { .. } => "too_long",
            Self::UnknownMember => "unknown_member",
            Self::NotInEnum(_) => "not_in_list",
            Self::OutOfRange { .. } => "out_of_range",
            Self::Duplicate => "duplicate_member",
            Self::NotJson | Self::ByteOrderMark | Self::TrailingBytes | Self::TooDeep(_) | Self::TooManyMembers(_) => {
                "invalid_json"
            }
            Self::Pattern(_)
            | Self::Format(_)
            | Self::Nul
            | Self::Control
            | Self::NotUtf8
            | Self::PercentEncoding
            | Self::DotSegment
            | Self::Other(_) => "invalid_value",
        }
    }
}

impl fmt::Display for Reason {
    /// The end of a sentence that begins with the name of the field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingRequired => f.write_str("is required"),
            Self::WrongType { expected, found } => {
                write!(f, "must be of type {}, not {}", expected.name(), found.name())
            }
            Self::TooShort { len, min } => write!(f, "is too short: {len}, at least {min}"),
            Self::TooLong { len, max } => write!(f, "is too long: {len}, at most {max}"),
            Self::Pattern(pattern) => write!(f, "must match {pattern}"),
            Self::Format(format) => write!(f, "must be of the format {format}"),
            Self::UnknownMember => f.write_str("is not known here"),
            Self::NotInEnum(names) => write!(f, "must be one of: {}", names.join(", ")),
            Self::OutOfRange { min, max } => write!(f, "must be a whole number from {min} to {max}"),
            Self::Duplicate => f.write_str("is there more than once"),
            Self::Nul => f.write_str("must not hold a NUL"),
            Self::Control => f.write_str("must not hold control characters"),
            Self::NotUtf8 => f.write_str("must be UTF-8"),
            Self::PercentEncoding => f.write_str("has a broken percent-encoding"),
            Self::DotSegment => f.write_str("must not consist of dots"),
            Self::NotJson => f.write_str("is not valid JSON"),
            Self::ByteOrderMark => f.write_str("must not begin with a byte order mark"),
            Self::TrailingBytes => f.write_str("must end after the JSON value"),
            Self::TooDeep(max) => write!(f, "must not be nested deeper than {max}"),
            Self::TooManyMembers(max) => write!(f, "must not have more than {max} members"),
            Self::Other(sentence) => f.write_str(sentence),
        }
    }
}

impl Fault {
    /// A fault of what this path names.
    pub fn new(path: impl Into<String>, reason: Reason) -> Self {
        Self {
            path: path.into(),
            reason,
        }
    }

    /// What is at fault, in words that can begin a sentence. A path that is long or holds
    /// what does not print is cut and cleaned: it may be the caller's own text (API-18).
    pub fn subject(&self) -> String {
        if self.path.is_empty() {
            return "the body".to_owned();
        }
        let clean = |c: char| if c.is_ascii_graphic() { c } else { '?' };
        self.path.chars().take(64).map(clean).collect()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.subject(), self.reason)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::invalid(fault.subject(), fault.reason.to_string())
    }
}

/// The reason of a number that is not in the range.
pub fn out_of(range: &RangeInclusive<i64>) -> Reason {
    Reason::OutOfRange {
        min: *range.start(),
        max: *range.end(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_api_18_a_path_is_cut_and_cleaned_before_it_is_shown() {
        let fault = Fault::new(format!("\u{1b}[31m\u{202e}{}", "x".repeat(500)), Reason::UnknownMember);
        let shown = fault.to_string();
        assert!(shown.is_ascii() && shown.len() < 100, "{shown}");
        assert!(!shown.contains('\u{1b}'));
    }
}
