//! A JSON reader that accepts one meaning only.
//!
//! `serde_json` alone lets the last of two members of one name win, passes NUL and nests
//! 127 deep (measured, `1.0.154`). This reader builds the same `Value` over it and refuses
//! those at every depth, within bags that the core keeps unread too. What would surprise:
//! the path of a fault is gathered while the error travels up, so that a good body pays
//! nothing for it.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::fault::{Fault, Reason};

/// How deep arrays and objects may be nested.
pub const DEPTH_LIMIT: usize = 32;

/// How many members a body may have, all levels together.
pub const MEMBER_LIMIT: usize = 1_000;

/// Reads exactly one JSON value.
///
/// # Errors
/// A fault with the path of the member that it is in.
pub fn read(bytes: &[u8]) -> Result<Value, Fault> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(Fault::new("", Reason::ByteOrderMark));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::new("", Reason::NotUtf8))?;
    let reading = Reading::default();
    let mut json = serde_json::Deserializer::from_str(text);
    match (Node {
        reading: &reading,
        depth: 0,
    })
    .deserialize(&mut json)
    {
        Ok(value) => match json.end() {
            Ok(()) => Ok(value),
            Err(_) => Err(Fault::new("", Reason::TrailingBytes)),
        },
        Err(_) => Err(reading.into_fault()),
    }
}

/// What is known of one body while it is read.
#[derive(Default)]
struct Reading {
    members: Cell<usize>,
    reason: RefCell<Option<Reason>>,
    /// The names on the way to the fault, innermost first.
    trail: RefCell<Vec<Step>>,
}

enum Step {
    Member(String),
    Item(usize),
}

impl Reading {
    /// Keeps why, and gives the error that carries it up.
    fn fail<E: serde::de::Error>(&self, reason: Reason) -> E {
        *self.reason.borrow_mut() = Some(reason);
        E::custom("refused")
    }

    fn check_text<E: serde::de::Error>(&self, text: &str) -> Result<(), E> {
        if text.contains('\0') {
            return Err(self.fail(Reason::Nul));
        }
        Ok(())
    }

    fn count_member<E: serde::de::Error>(&self) -> Result<(), E> {
        let seen = self.members.get() + 1;
        self.members.set(seen);
        if seen > MEMBER_LIMIT {
            return Err(self.fail(Reason::TooManyMembers(MEMBER_LIMIT)));
        }
        Ok(())
    }

    fn into_fault(self) -> Fault {
        let mut path = String::new();
        for step in self.trail.into_inner().into_iter().rev() {
            match step {
                Step::Item(n) => path.push_str(&format!("[{n}]")),
                Step::Member(name) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(&name);
                }
            }
        }
        Fault::new(path, self.reason.into_inner().unwrap_or(Reason::NotJson))
    }
}

#[derive(Clone, Copy)]
struct Node<'a> {
    reading: &'a Reading,
    depth: usize,
}

impl Node<'_> {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_LIMIT {
            return Err(self.reading.fail(Reason::TooDeep(DEPTH_LIMIT)));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        // Minus zero arrives here, and would come out again as another text than it went in.
        if number == 0.0 {
            return Ok(Value::from(0));
        }
        match Number::from_f64(number) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(self.reading.fail(Reason::NotJson)),
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        self.reading.check_text(&text)?;
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut items = Vec::new();
        loop {
            match access.next_element_seed(inside) {
                Ok(Some(item)) => items.push(item),
                Ok(None) => return Ok(Value::Array(items)),
                Err(error) => {
                    self.reading.trail.borrow_mut().push(Step::Item(items.len()));
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            self.reading.check_text(&name)?;
            self.reading.count_member()?;
            let at = |name: &String| self.reading.trail.borrow_mut().push(Step::Member(name.clone()));
            match members.entry(name) {
                Entry::Occupied(first) => {
                    at(first.key());
                    return Err(self.reading.fail(Reason::Duplicate));
                }
                Entry::Vacant(place) => match access.next_value_seed(inside) {
                    Ok(value) => {
                        place.insert(value);
                    }
                    Err(error) => {
                        at(place.key());
                        return Err(error);
                    }
                },
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fault(text: &str) -> (String, Reason) {
        let fault = read(text.as_bytes()).unwrap_err();
        (fault.path, fault.reason)
    }

    #[test]
    fn good_json_reads_as_serde_json_reads_it() {
        for text in [
            r#"{"a":[1,-2,3.5,"x\u00e9\ud83d\ude00",null,true],"b":{}}"#,
            "  [] \n",
            "\"text\"",
            "18446744073709551615",
        ] {
            assert_eq!(
                read(text.as_bytes()).unwrap(),
                serde_json::from_str::<Value>(text).unwrap()
            );
        }
        assert_eq!(read(b"-0").unwrap(), json!(0));
    }

    proptest::proptest! {
        #[test]
        fn sec_api_10_what_is_read_is_what_serde_json_reads(text in r#"[\[\]{}:,"a\\0u1 -.e+]{0,24}"#) {
            if let Ok(value) = read(text.as_bytes()) {
                let theirs: Value = serde_json::from_str(&text).unwrap();
                proptest::prop_assert!(value == theirs || text.contains("-0"), "{text}");
            }
        }
    }

    #[test]
    fn sec_api_10_one_meaning_only() {
        assert_eq!(fault(r#"{"a":1,"a":2}"#), ("a".to_owned(), Reason::Duplicate));
        assert_eq!(
            fault(r#"{"user_metadata":{"x":[0,{"y":{"z":1,"\u007a":2}}]}}"#),
            ("user_metadata.x[1].y.z".to_owned(), Reason::Duplicate)
        );
        assert_eq!(fault(r#"{"a":{"b":"x\u0000"}}"#), ("a.b".to_owned(), Reason::Nul));
        assert_eq!(fault(r#"{"a\u0000":1}"#), (String::new(), Reason::Nul));
        assert_eq!(fault(r#"{"a":1} x"#), (String::new(), Reason::TrailingBytes));
        assert_eq!(fault("\u{feff}{}"), (String::new(), Reason::ByteOrderMark));
        for (text, path) in [
            (r#"{"a":NaN}"#, "a"),
            (r#"{"a":1e400}"#, "a"),
            (r#"{"a":"\ud800"}"#, "a"),
            (r#"{"a":01}"#, "a"),
            (r#"{"a":[1,]}"#, "a"),
            (r#"{"a":1,}"#, ""),
            ("", ""),
            ("{'a':1}", ""),
        ] {
            let (found, reason) = fault(text);
            assert_eq!(reason, Reason::NotJson, "{text}");
            assert!(found.starts_with(path), "{text}: {found}");
        }
        let overlong = [b"{\"a\":\"".as_slice(), b"\xc0\xaf", b"\"}"].concat();
        assert_eq!(read(&overlong).unwrap_err().reason, Reason::NotUtf8);
    }

    #[test]
    fn sec_api_10_depth_and_members_are_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read(nested(32).as_bytes()).is_ok());
        assert_eq!(read(nested(33).as_bytes()).unwrap_err().reason, Reason::TooDeep(32));
        assert_eq!(
            read("[".repeat(200_000).as_bytes()).unwrap_err().reason,
            Reason::TooDeep(32)
        );
        let wide = |count: usize| {
            let members: Vec<String> = (0..count).map(|n| format!("\"m{n}\":{n}")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(read(wide(1_000).as_bytes()).is_ok());
        assert_eq!(
            read(wide(1_001).as_bytes()).unwrap_err().reason,
            Reason::TooManyMembers(1_000)
        );
    }
}
