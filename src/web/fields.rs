//! Typed reading of JSON members, with faults that name the member and the reason.
//!
//! A dialect takes what it knows out of [`Fields`] and ends with [`Fields::finish`],
//! which refuses what is left, or leaves that out where its clients send more than the
//! contract says. A [`Fault`] says what is wrong as data, so that each dialect can write
//! it in its own form. What would surprise: `null` is a type of its own and not absence,
//! unless [`Fields::without_nulls`] came first.

use std::fmt;
use std::ops::RangeInclusive;

use serde_json::Value;

use crate::domain::Object;
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

/// The members of a JSON object that have not been taken yet.
#[derive(Debug, Clone)]
pub struct Fields {
    path: String,
    members: Object,
}

impl Fields {
    /// The members of a whole body.
    pub fn new(members: Object) -> Self {
        Self {
            path: String::new(),
            members,
        }
    }

    /// The same without the members that are `null`, for contracts in which `null` and
    /// absence mean the same.
    #[must_use]
    pub fn without_nulls(mut self) -> Self {
        self.members.retain(|_, value| !value.is_null());
        self
    }

    /// A fault of the member of this name, with its whole path.
    pub fn fault(&self, name: &str, reason: Reason) -> Fault {
        Fault::new(join(&self.path, name), reason)
    }

    /// Whether the member is there, `null` included, and was not taken yet.
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// The member as it is; `None` when it is absent.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.members.shift_remove(name)
    }

    /// A string that has to be there.
    pub fn text(&mut self, name: &str) -> Result<String, Fault> {
        self.opt_text(name)?.ok_or_else(|| self.missing(name))
    }

    /// A string that may be absent.
    pub fn opt_text(&mut self, name: &str) -> Result<Option<String>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, JsonType::String, &other)),
        }
    }

    /// A string that may be absent or `null`; `Some(None)` is `null`.
    pub fn nullable_text(&mut self, name: &str) -> Result<Option<Option<String>>, Fault> {
        if self.members.get(name).is_some_and(Value::is_null) {
            self.take(name);
            return Ok(Some(None));
        }
        Ok(self.opt_text(name)?.map(Some))
    }

    /// One of these words, that may be absent.
    pub fn opt_word(&mut self, name: &str, words: &'static [&'static str]) -> Result<Option<&'static str>, Fault> {
        let Some(text) = self.opt_text(name)? else {
            return Ok(None);
        };
        match words.iter().find(|word| **word == text) {
            Some(word) => Ok(Some(word)),
            None => Err(self.fault(name, Reason::NotInEnum(words))),
        }
    }

    /// A boolean that may be absent.
    pub fn opt_bool(&mut self, name: &str) -> Result<Option<bool>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(self.wrong(name, JsonType::Boolean, &other)),
        }
    }

    /// A boolean that has to be there.
    pub fn bool(&mut self, name: &str) -> Result<bool, Fault> {
        self.opt_bool(name)?.ok_or_else(|| self.missing(name))
    }

    /// A whole number in this range, that may be absent.
    pub fn opt_integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Fault> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        if JsonType::of(&value) != JsonType::Integer {
            return Err(self.wrong(name, JsonType::Integer, &value));
        }
        match value.as_i64().filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.fault(name, out_of(&range))),
        }
    }

    /// A whole number in this range, that has to be there.
    pub fn integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Result<i64, Fault> {
        self.opt_integer(name, range)?.ok_or_else(|| self.missing(name))
    }

    /// An object that is kept as it is, and may be absent.
    pub fn opt_object(&mut self, name: &str) -> Result<Option<Object>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members)),
            Some(other) => Err(self.wrong(name, JsonType::Object, &other)),
        }
    }

    /// An object that is kept as it is, and has to be there.
    pub fn object(&mut self, name: &str) -> Result<Object, Fault> {
        self.opt_object(name)?.ok_or_else(|| self.missing(name))
    }

    /// The members of an object that may be absent, to be read in turn.
    pub fn opt_fields(&mut self, name: &str) -> Result<Option<Self>, Fault> {
        let members = self.opt_object(name)?;
        Ok(members.map(|members| Self {
            path: join(&self.path, name),
            members,
        }))
    }

    /// The members of an object that has to be there, to be read in turn.
    pub fn fields(&mut self, name: &str) -> Result<Self, Fault> {
        self.opt_fields(name)?.ok_or_else(|| self.missing(name))
    }

    /// An array that may be absent.
    pub fn opt_array(&mut self, name: &str) -> Result<Option<Vec<Value>>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(self.wrong(name, JsonType::Array, &other)),
        }
    }

    /// An array that has to be there.
    pub fn array(&mut self, name: &str) -> Result<Vec<Value>, Fault> {
        self.opt_array(name)?.ok_or_else(|| self.missing(name))
    }

    /// An array of objects that has to be there, each to be read in turn.
    pub fn items(&mut self, name: &str) -> Result<Vec<Self>, Fault> {
        let items = self.array(name)?.into_iter().enumerate();
        items
            .map(|(n, item)| {
                let name = format!("{name}[{n}]");
                match item {
                    Value::Object(members) => Ok(Self {
                        path: join(&self.path, &name),
                        members,
                    }),
                    other => Err(self.wrong(&name, JsonType::Object, &other)),
                }
            })
            .collect()
    }

    /// The names that have not been taken.
    pub fn rest(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// The members that have not been taken.
    pub fn into_rest(self) -> Object {
        self.members
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// [`Reason::UnknownMember`] with the first member that nobody took.
    pub fn finish(self) -> Result<(), Fault> {
        match self.rest().next() {
            None => Ok(()),
            Some(name) => Err(self.fault(name, Reason::UnknownMember)),
        }
    }

    fn missing(&self, name: &str) -> Fault {
        self.fault(name, Reason::MissingRequired)
    }

    fn wrong(&self, name: &str, expected: JsonType, found: &Value) -> Fault {
        let found = JsonType::of(found);
        self.fault(name, Reason::WrongType { expected, found })
    }
}

/// The reason of a number that is not in the range.
pub fn out_of(range: &RangeInclusive<i64>) -> Reason {
    Reason::OutOfRange {
        min: *range.start(),
        max: *range.end(),
    }
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        match value {
            Value::Object(members) => Fields::new(members),
            _ => panic!("not an object"),
        }
    }

    #[test]
    fn members_are_read_by_type_and_the_rest_is_refused() {
        let mut body = fields(json!({
            "name": "Ines", "age": 30, "on": true, "none": null,
            "identity": {"subject": "1", "x": 2}, "list": [{"a": 1}],
        }));
        assert_eq!(body.text("name").unwrap(), "Ines");
        assert_eq!(body.integer("age", 0..=150).unwrap(), 30);
        assert!(body.bool("on").unwrap());
        assert_eq!(body.nullable_text("none").unwrap(), Some(None));
        assert_eq!(body.nullable_text("none").unwrap(), None);
        let mut identity = body.fields("identity").unwrap();
        assert_eq!(identity.text("subject").unwrap(), "1");
        let fault = identity.finish().unwrap_err();
        assert_eq!(fault.to_string(), "identity.x is not known here");
        let mut list = body.items("list").unwrap();
        let fault = list[0].text("a").unwrap_err();
        assert_eq!(fault.to_string(), "list[0].a must be of type string, not integer");
        assert!(body.finish().is_ok());
    }

    #[test]
    fn faults_say_what_is_wrong() {
        let mut body = fields(json!({"n": 7.5, "big": u64::MAX, "word": "c", "null": null}));
        let found = |fault: Fault| (fault.path, fault.reason);
        assert_eq!(
            found(body.text("gone").unwrap_err()),
            ("gone".to_owned(), Reason::MissingRequired)
        );
        assert!(matches!(
            body.opt_integer("n", 0..=9).unwrap_err().reason,
            Reason::WrongType {
                found: JsonType::Number,
                ..
            }
        ));
        assert_eq!(
            body.opt_integer("big", 0..=9).unwrap_err().reason,
            Reason::OutOfRange { min: 0, max: 9 }
        );
        assert_eq!(
            body.opt_word("word", &["a", "b"]).unwrap_err().to_string(),
            "word must be one of: a, b"
        );
        assert!(body.clone().opt_text("null").is_err());
        assert_eq!(body.without_nulls().opt_text("null"), Ok(None));
    }

    #[test]
    fn sec_api_18_a_path_is_cut_and_cleaned_before_it_is_shown() {
        let fault = Fault::new(format!("\u{1b}[31m\u{202e}{}", "x".repeat(500)), Reason::UnknownMember);
        let shown = fault.to_string();
        assert!(shown.is_ascii() && shown.len() < 100, "{shown}");
        assert!(!shown.contains('\u{1b}'));
    }
}
