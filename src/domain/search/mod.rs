//! What users are searched for, as a tree that every store can answer.
//!
//! Dialects make the tree from whatever their callers write; a store answers it from what it has
//! written in the same act as the user. What an attribute is searched by stands in
//! `attributes.rs`, how texts and numbers compare in `text.rs` and `number.rs`.
//!
//! What would surprise: the tree is a flat list, so that no depth of it can exhaust a stack, not
//! even by being dropped; and a condition on identities asks for any one of them, so two
//! conditions may be met by two identities.

use std::ops::Bound;

use jiff::Timestamp;

use crate::id::ConnectionId;

pub mod attributes;
pub mod number;
pub mod text;

pub use number::Number;
pub use text::{Pattern, Piece};

/// Which users are meant: a tree whose root is the last node; without nodes, everyone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query(Vec<Node>);

/// A node of a query. Others are named by their place in it, which is before this one's.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Those who meet a condition.
    Is(Condition),
    /// Everybody but those.
    Not(usize),
    /// Those who are in all of these; everyone, if there are none.
    All(Vec<usize>),
    /// Those who are in any of these; nobody, if there are none.
    Any(Vec<usize>),
}

impl Query {
    /// Adds a node, which is the root until the next one; its place. The nodes that it names
    /// must be there, and each may be named once.
    pub fn push(&mut self, node: Node) -> usize {
        self.0.push(node);
        self.0.len().saturating_sub(1)
    }

    /// The nodes, the root last.
    pub fn nodes(&self) -> &[Node] {
        &self.0
    }
}

/// What is asked of a user.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// An attribute of hers, or of an account that was linked to her, passes a test.
    Attribute {
        /// Its path, as in `attributes.rs`.
        path: String,
        /// The test.
        test: Test,
    },
    /// Any of her own attributes does, but those of `user_metadata` and moments.
    AnyAttribute(Test),
    /// She was made at such a time.
    Created(Span),
    /// Anything of hers changed last at such a time.
    Updated(Span),
    /// She has such an identity.
    Identity {
        /// Which of hers count.
        role: Role,
        /// At which connections; any of them will do.
        at: Vec<Place>,
        /// What its subject, with what is written before it, must pass.
        subject: Option<Test>,
    },
}

/// Which identities of a user are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Any of them.
    Any,
    /// The one that she was born with.
    Primary,
}

/// A connection, and how subjects there are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The connection.
    pub connection: ConnectionId,
    /// What is written before a subject.
    pub before: String,
}

/// From a moment to before another; an end that is `None` is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// The first moment.
    pub from: Option<Timestamp>,
    /// The first moment after.
    pub until: Option<Timestamp>,
}

impl Span {
    /// Whether a moment is in it.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

/// What a value must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// It is there.
    Exists,
    /// It is this.
    Is(Literal),
    /// It is a text of this form.
    Like(Pattern),
    /// It lies between two ends.
    Within(Between),
}

/// A value as it was written, in every kind that it can be read as.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Literal {
    /// As a text.
    pub text: Option<String>,
    /// As a number.
    pub number: Option<Number>,
    /// As a flag.
    pub flag: Option<bool>,
}

impl Literal {
    /// A text, and whatever else it can be read as.
    pub fn of(text: &str) -> Self {
        Self {
            text: Some(text.to_owned()),
            number: Number::parse(text),
            flag: text.parse().ok(),
        }
    }

    /// A flag only.
    pub fn flag(flag: bool) -> Self {
        Self {
            flag: Some(flag),
            ..Self::default()
        }
    }

    /// A number only.
    pub fn number(number: Number) -> Self {
        Self {
            number: Some(number),
            ..Self::default()
        }
    }
}

/// The ends between which a value lies, for each kind of value that has an order; `None` when no
/// value of that kind does.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Between {
    /// Of texts, byte by byte.
    pub text: Option<(Bound<String>, Bound<String>)>,
    /// Of numbers.
    pub number: Option<(Bound<Number>, Bound<Number>)>,
}

/// In which order users are shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// Which way. Those who lack what is sorted by come last either way.
    pub direction: Direction,
}

/// By what users are sorted; those who are equal in it by their ids, the same way.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum SortBy {
    /// The order in which they first came to be: that of their ids.
    #[default]
    Creation,
    /// When they were made.
    Created,
    /// When anything of theirs changed last.
    Updated,
    /// The attribute at this path; of several values the one that comes first.
    Attribute(String),
    /// The subject of the primary identity, with what is written before it at these places.
    Primary(Vec<Place>),
}

/// Which way an order goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// The least first.
    #[default]
    Ascending,
    /// The greatest first.
    Descending,
}
