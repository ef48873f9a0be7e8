//! Typed reading of JSON members, with faults that name the member and the reason.
//!
//! A dialect takes what it knows out of [`Fields`] and ends with [`Fields::finish`],
//! which refuses what is left, or leaves that out where its clients send more than the
//! contract says. What would surprise: `null` is a type of its own and not absence,
//! unless [`Fields::without_nulls`] came first.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::fault::{Fault, JsonType, Reason, out_of};
use crate::domain::Object;

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

    /// The members of an object that stands at this path of the body.
    pub fn below(path: &str, members: Object) -> Self {
        Self {
            path: path.to_owned(),
            members,
        }
    }

    /// The members of the n-th object of a body that is an array.
    pub fn item(n: usize, item: Value) -> Result<Self, Fault> {
        let path = format!("[{n}]");
        match item {
            Value::Object(members) => Ok(Self { path, members }),
            other => {
                let (expected, found) = (JsonType::Object, JsonType::of(&other));
                Err(Fault::new(path, Reason::WrongType { expected, found }))
            }
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

    /// Takes the member if it is `null`; whether it was.
    pub fn take_null(&mut self, name: &str) -> bool {
        let null = self.members.get(name).is_some_and(Value::is_null);
        if null {
            self.take(name);
        }
        null
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
        if self.take_null(name) {
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
}
