//! The pieces of a query: words, phrases, ranges (`api/auth0.md` section 9).
//!
//! What would surprise: a backslash makes any character literal, also one that needs none; and a
//! word that stands without quotation marks may hold signs in the middle that mean something at
//! its beginning.

use std::iter::Peekable;
use std::ops::Bound;
use std::str::Chars;

use super::syntax::{AFTER_LEADING_WILDCARD, Value, WILD_TERMS_LIMIT, WILDCARDS_LIMIT};
use super::{Refused, shown};
use crate::domain::search::{Pattern, Piece};

/// What is left of a query.
pub(super) struct Scanner<'q> {
    pub rest: Peekable<Chars<'q>>,
    wild_terms: usize,
}

/// A word that stood without quotation marks.
pub(super) struct Word {
    pieces: Vec<Piece>,
    /// Whether a character of it was written with a backslash.
    escaped: bool,
}

impl Word {
    /// Its text, if it has no wildcard.
    pub fn text(&self) -> Option<String> {
        let char = |piece: &Piece| match piece {
            Piece::Char(c) => Some(*c),
            _ => None,
        };
        self.pieces.iter().map(char).collect()
    }

    pub fn is_keyword(&self, keyword: &str) -> bool {
        !self.escaped && self.text().as_deref() == Some(keyword)
    }
}

impl<'q> Scanner<'q> {
    pub fn new(text: &'q str) -> Self {
        Self {
            rest: text.chars().peekable(),
            wild_terms: 0,
        }
    }

    pub fn skip_spaces(&mut self) {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {}
    }

    pub fn read_word(&mut self) -> Result<Word, Refused> {
        let mut word = Word {
            pieces: Vec::new(),
            escaped: false,
        };
        while let Some(c) = self.rest.peek().copied() {
            let piece = match c {
                c if c.is_whitespace() => break,
                '(' | ')' | '[' | ']' | '{' | '}' | '"' | ':' | '~' | '^' => break,
                '/' if word.pieces.is_empty() => {
                    return Err(Refused::new(
                        "Regular expressions are not supported; a slash is written as \\/",
                    ));
                }
                '+' if word.pieces.is_empty() => {
                    return Err(Refused::new(
                        "+ is not supported: join terms by AND, or write it as \\+",
                    ));
                }
                ';' | '<' | '>' => {
                    return Err(Refused::new(format!(
                        "{c} must stand in quotation marks, or be written as \\{c}"
                    )));
                }
                '\\' => {
                    self.rest.next();
                    word.escaped = true;
                    let escaped = self.rest.peek().copied();
                    Piece::Char(escaped.ok_or_else(|| Refused::new("A backslash has nothing to escape"))?)
                }
                '*' => Piece::Many,
                '?' => Piece::One,
                c => Piece::Char(c),
            };
            self.rest.next();
            word.pieces.push(piece);
        }
        if word.pieces.is_empty() {
            let found = self
                .rest
                .peek()
                .copied()
                .map_or_else(|| "the end".to_owned(), |c| shown(c.encode_utf8(&mut [0; 4])));
            return Err(Refused::new(format!("A term is missing before {found}")));
        }
        self.check_end()?;
        Ok(word)
    }

    /// That nothing follows a term that belongs to it and is not supported.
    pub fn check_end(&mut self) -> Result<(), Refused> {
        match self.rest.peek() {
            Some('~') => Err(Refused::new("Fuzzy and proximity searches (~) are not supported")),
            Some('^') => Err(Refused::new("Boosting (^) is not supported")),
            _ => Ok(()),
        }
    }

    pub fn value_of(&mut self, word: Word) -> Result<Value, Refused> {
        if let Some(text) = word.text() {
            return Ok(Value::Text(text));
        }
        self.wild_terms = self.wild_terms.saturating_add(1);
        if self.wild_terms > WILD_TERMS_LIMIT {
            return Err(Refused::new(format!(
                "Query has more than {WILD_TERMS_LIMIT} terms with wildcards"
            )));
        }
        let is_open = |piece: &&Piece| !matches!(piece, Piece::Char(_));
        if word.pieces.iter().filter(is_open).count() > WILDCARDS_LIMIT {
            return Err(Refused::new(format!(
                "A term has more than {WILDCARDS_LIMIT} wildcards"
            )));
        }
        let after = word.pieces.iter().skip_while(is_open);
        let literal = after.take_while(|piece| !is_open(piece)).count();
        if word.pieces.first().as_ref().is_some_and(is_open) && literal < AFTER_LEADING_WILDCARD {
            return Err(Refused::new(format!(
                "A wildcard at the beginning needs at least {AFTER_LEADING_WILDCARD} characters after it; \
                 _exists_:field asks whether a field is there"
            )));
        }
        Ok(Value::Like(Pattern::new(word.pieces)))
    }

    pub fn read_phrase(&mut self) -> Result<String, Refused> {
        self.rest.next();
        let mut text = String::new();
        loop {
            match self.rest.next() {
                None => return Err(Refused::new("A quotation mark is opened and not closed")),
                Some('"') => break,
                Some('\\') => {
                    let escaped = self.rest.next();
                    text.push(escaped.ok_or_else(|| Refused::new("A backslash has nothing to escape"))?);
                }
                Some(c) => text.push(c),
            }
        }
        self.check_end()?;
        Ok(text)
    }

    /// `[a TO b]`, with `{` or `}` at an end that is not included and `*` for one that is open.
    pub fn read_range(&mut self) -> Result<Value, Refused> {
        let malformed = || Refused::new("A range is written as [a TO b], {a TO b}, [a TO *] or the like");
        let from_included = self.rest.next() == Some('[');
        let from = self.read_end()?;
        self.skip_spaces();
        let to = self.read_end()?.ok_or_else(malformed)?;
        if to != "TO" {
            return Err(malformed());
        }
        let until = self.read_end()?;
        self.skip_spaces();
        let until_included = match self.rest.next() {
            Some(']') => true,
            Some('}') => false,
            _ => return Err(malformed()),
        };
        self.check_end()?;
        let end = |text: Option<String>, included| match (text, included) {
            (None, _) => Bound::Unbounded,
            (Some(text), true) => Bound::Included(text),
            (Some(text), false) => Bound::Excluded(text),
        };
        match (end(from, from_included), end(until, until_included)) {
            (Bound::Unbounded, Bound::Unbounded) => Ok(Value::Exists),
            (from, until) => Ok(Value::Range(from, until)),
        }
    }

    /// One end of a range; `None` if it is open.
    fn read_end(&mut self) -> Result<Option<String>, Refused> {
        self.skip_spaces();
        if self.rest.peek() == Some(&'"') {
            return self.read_phrase().map(Some);
        }
        let (mut text, mut escaped) = (String::new(), false);
        while let Some(c) = self
            .rest
            .next_if(|c| !c.is_whitespace() && !matches!(c, '[' | ']' | '{' | '}' | '"'))
        {
            match (c, c == '\\') {
                (_, true) => {
                    escaped = true;
                    let next = self.rest.next();
                    text.push(next.ok_or_else(|| Refused::new("A backslash has nothing to escape"))?);
                }
                (c, false) => text.push(c),
            }
        }
        match text.as_str() {
            "" => Err(Refused::new("A range is missing an end; an open end is written as *")),
            "*" if !escaped => Ok(None),
            other if other.contains('*') && !escaped => Err(Refused::new("The ends of a range have no wildcards")),
            _ => Ok(Some(text)),
        }
    }
}
