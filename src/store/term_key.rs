//! How the values by which users are found are kept: as bytes that sort like them, so that a test
//! of a value is one or two ranges of keys, in every store alike.
//!
//! What would surprise: ranges are half open, and the key after `k` is `k` with a zero byte
//! behind it. Flags come before numbers, numbers before texts, and the words of names last, so
//! that everything but words is one range too.

use std::ops::Bound;

use crate::domain::search::attributes::{Kind, Value};
use crate::domain::search::text::words;
use crate::domain::search::{Between, Literal, Number, Pattern, Test};

const FLAG: u8 = 1;
const NUMBER: u8 = 2;
const TEXT: u8 = 3;
const WORDS: u8 = 4;

/// Before the key of every value.
pub const FIRST: &[u8] = &[FLAG];

/// After the key of every value but the words of names.
pub const AFTER_VALUES: &[u8] = &[WORDS];

/// The key of a value.
pub fn key(value: &Value) -> Vec<u8> {
    match value {
        Value::Flag(flag) => vec![FLAG, u8::from(*flag)],
        Value::Number(number) => [&[NUMBER], number.as_bytes().as_slice()].concat(),
        Value::Text(text) => [&[TEXT], text.as_bytes()].concat(),
        Value::Words(words) => [&[WORDS], words.as_bytes()].concat(),
    }
}

/// Keys from one to before another, and what is still to be asked of those between.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyRange {
    /// The first key.
    pub from: Vec<u8>,
    /// The first key after.
    pub until: Vec<u8>,
    /// What the text of a key must fit.
    pub filter: Option<Filter>,
}

/// What is still to be asked of a key in a range.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// The whole text fits.
    Whole(Pattern),
    /// Its first word does.
    FirstWord(Pattern),
}

impl Filter {
    /// Whether a key passes.
    pub fn passes(&self, key: &[u8]) -> bool {
        let text = key.split_first().and_then(|(_, text)| str::from_utf8(text).ok());
        let Some(text) = text else { return false };
        match self {
            Self::Whole(pattern) => pattern.fits(text),
            Self::FirstWord(pattern) => pattern.fits(text.split(' ').next().unwrap_or_default()),
        }
    }
}

impl KeyRange {
    fn new(from: Vec<u8>, until: Vec<u8>) -> Self {
        Self {
            from,
            until,
            filter: None,
        }
    }

    fn one(key: Vec<u8>) -> Self {
        let until = after(key.clone());
        Self::new(key, until)
    }

    fn beginning_with(key: Vec<u8>) -> Self {
        let until = after_all_with(&key);
        Self::new(key, until)
    }

    /// Whether it holds one key only.
    pub fn is_one(&self) -> bool {
        self.until.split_last() == Some((&0, self.from.as_slice()))
    }
}

/// The ranges in which the keys are that pass a test, for values that are compared so.
pub fn ranges(kind: Kind, test: &Test) -> Vec<KeyRange> {
    match test {
        Test::Exists => vec![KeyRange::new(FIRST.to_vec(), AFTER_VALUES.to_vec())],
        Test::Is(literal) => of_literal(kind, literal),
        Test::Like(pattern) => of_pattern(kind, pattern),
        Test::Within(between) => of_between(kind, between),
    }
}

fn of_literal(kind: Kind, literal: &Literal) -> Vec<KeyRange> {
    let mut ranges = Vec::new();
    if let Some(text) = &literal.text {
        ranges.push(KeyRange::one(key(&Value::Text(kind.prepare(text)))));
        let words = words(text).join(" ");
        if kind == Kind::Name && !words.is_empty() {
            ranges.push(KeyRange::beginning_with(key(&Value::Words(format!("{words} ")))));
            ranges.push(KeyRange::one(key(&Value::Words(words))));
        }
    }
    let number = literal.number.map(Value::Number);
    let flag = literal.flag.map(Value::Flag);
    ranges.extend(number.iter().chain(&flag).map(|value| KeyRange::one(key(value))));
    ranges
}

fn of_pattern(kind: Kind, pattern: &Pattern) -> Vec<KeyRange> {
    let pattern = match kind {
        Kind::Exact | Kind::Moment => pattern.clone(),
        Kind::Folded | Kind::Name => pattern.folded(),
    };
    let head = pattern.head();
    let whole = KeyRange {
        filter: (!pattern.is_prefix()).then(|| Filter::Whole(pattern.clone())),
        ..KeyRange::beginning_with(key(&Value::Text(head.clone())))
    };
    if kind != Kind::Name {
        return vec![whole];
    }
    let first_word = KeyRange {
        filter: Some(Filter::FirstWord(pattern)),
        ..KeyRange::beginning_with(key(&Value::Words(head)))
    };
    vec![whole, first_word]
}

fn of_between(kind: Kind, between: &Between) -> Vec<KeyRange> {
    let text = between.text.as_ref().map(|(from, until)| {
        let value = |text: &String| key(&Value::Text(kind.prepare(text)));
        of_bounds(TEXT, from.as_ref().map(value), until.as_ref().map(value))
    });
    let number = between.number.as_ref().map(|(from, until)| {
        let value = |number: &Number| key(&Value::Number(*number));
        of_bounds(NUMBER, from.as_ref().map(value), until.as_ref().map(value))
    });
    text.into_iter().chain(number).collect()
}

fn of_bounds(tag: u8, from: Bound<Vec<u8>>, until: Bound<Vec<u8>>) -> KeyRange {
    let from = match from {
        Bound::Included(key) => key,
        Bound::Excluded(key) => after(key),
        Bound::Unbounded => vec![tag],
    };
    let until = match until {
        Bound::Included(key) => after(key),
        Bound::Excluded(key) => key,
        Bound::Unbounded => vec![tag.saturating_add(1)],
    };
    KeyRange::new(from, until)
}

/// The key that comes next.
fn after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

/// The first key after all that begin with this one.
fn after_all_with(key: &[u8]) -> Vec<u8> {
    let mut after = key.to_vec();
    while let Some(last) = after.pop() {
        if let Some(next) = last.checked_add(1) {
            after.push(next);
            break;
        }
    }
    after
}
