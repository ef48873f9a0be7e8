//! How domain values are written into columns and read back, whatever database keeps them.
//!
//! Ids are bytes, tenants, connections and proofs numbers, times milliseconds, attributes
//! JSON. A database knows a [`Value`] on its way in and a [`Cell`] on its way out, and nothing
//! of the domain.
//! What would surprise: a value that cannot be read back is [`StoreError::Corrupt`], and
//! so is a broken constraint, for acts check before they write; only what the machine
//! cannot do at the moment is [`StoreError::Unavailable`].

use std::borrow::Cow;
use std::error::Error as StdError;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::job::{JobKind, JobStatus};
use crate::domain::{Actor, Dialect, KeyOwner, Proof, WrappedKey};
use crate::id::{ClientId, ConnectionId, EventId, IdentityId, JobId, LogId, TenantId, UserId};
use crate::secret::{Digest, Sealed};
use crate::store::{LoginKind, StoreError, StoreResult};

/// What a statement is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// A number.
    Number(i64),
    /// A text.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// Numbers, one for each row; only where many rows are written at once.
    Numbers(Vec<i64>),
    /// Likewise bytes.
    Blobs(Vec<Vec<u8>>),
}

/// What a column of a row holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// A number.
    Number(i64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// What can be given to a statement.
pub trait ToValue {
    /// In the form in which it is kept.
    ///
    /// # Errors
    /// When it has none.
    fn to_value(&self) -> StoreResult<Value<'_>>;
}

/// What can be read from a column.
pub trait FromCell: Sized {
    /// Reads it; `None` when the column holds no such thing.
    fn from_cell(cell: Cell<'_>) -> Option<Self>;
}

/// A row of an answer, in the database's own form.
pub trait Cells {
    /// The column at this place, from 0.
    ///
    /// # Errors
    /// When there is none, or it holds what no column of ours does.
    fn cell(&self, column: usize) -> StoreResult<Cell<'_>>;
    /// The place of the column of this name.
    fn place_of(&self, name: &str) -> Option<usize>;
}

/// A row of an answer.
pub struct Row<'a>(pub &'a dyn Cells);

impl Row<'_> {
    /// Reads a column, by its place or its name.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it holds something else.
    pub fn get<T: FromCell>(&self, column: impl Column) -> StoreResult<T> {
        let cell = self.cell(&column)?;
        T::from_cell(cell).ok_or_else(|| corrupt(format!("column {column:?} holds what cannot be read")))
    }

    /// A column as it is, by its place or its name.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when there is none.
    pub fn cell(&self, column: &impl Column) -> StoreResult<Cell<'_>> {
        let place = column.place_in(self.0);
        self.0
            .cell(place.ok_or_else(|| corrupt(format!("there is no column {column:?}")))?)
    }

    /// A column that holds a text.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it holds something else.
    pub fn text(&self, column: usize) -> StoreResult<&str> {
        match self.0.cell(column)? {
            Cell::Text(text) => Ok(text),
            _ => Err(corrupt(format!("column {column} holds no text"))),
        }
    }
}

/// How a column is named.
pub trait Column: std::fmt::Debug {
    /// Its place in this row.
    fn place_in(&self, row: &dyn Cells) -> Option<usize>;
}

impl Column for usize {
    fn place_in(&self, _: &dyn Cells) -> Option<usize> {
        Some(*self)
    }
}

impl Column for &str {
    fn place_in(&self, row: &dyn Cells) -> Option<usize> {
        row.place_of(self)
    }
}

/// The values of a statement, in the order of their numbers in it.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$(&$value as &dyn $crate::store::sql::rows::ToValue),*] };
}
pub(in crate::store) use params;

macro_rules! bytes_column {
    ($($name:ident),*) => { $(
        impl ToValue for $name {
            fn to_value(&self) -> StoreResult<Value<'_>> {
                Ok(Value::Bytes(Cow::Borrowed(self.as_bytes().as_slice())))
            }
        }

        impl FromCell for $name {
            fn from_cell(cell: Cell<'_>) -> Option<Self> {
                FromCell::from_cell(cell).map(Self::from_bytes)
            }
        }
    )* };
}

bytes_column!(UserId, IdentityId, EventId, LogId, Digest);

macro_rules! number_column {
    ($($name:ident),*) => { $(
        impl ToValue for $name {
            fn to_value(&self) -> StoreResult<Value<'_>> {
                Ok(Value::Number(self.number()))
            }
        }

        impl FromCell for $name {
            fn from_cell(cell: Cell<'_>) -> Option<Self> {
                FromCell::from_cell(cell).map(Self::from_number)
            }
        }
    )* };
}

number_column!(TenantId, ConnectionId, JobId);

macro_rules! word_column {
    ($($name:ident),*) => { $(
        impl ToValue for $name {
            fn to_value(&self) -> StoreResult<Value<'_>> {
                Ok(Value::Text(Cow::Borrowed(self.name())))
            }
        }

        impl FromCell for $name {
            fn from_cell(cell: Cell<'_>) -> Option<Self> {
                match cell {
                    Cell::Text(text) => Self::named(text),
                    _ => None,
                }
            }
        }
    )* };
}

word_column!(JobKind, JobStatus);

macro_rules! integer_column {
    ($($name:ident),*) => { $(
        impl ToValue for $name {
            fn to_value(&self) -> StoreResult<Value<'_>> {
                i64::try_from(*self).map(Value::Number).map_err(corrupt)
            }
        }

        impl FromCell for $name {
            fn from_cell(cell: Cell<'_>) -> Option<Self> {
                match cell {
                    Cell::Number(number) => Self::try_from(number).ok(),
                    _ => None,
                }
            }
        }
    )* };
}

integer_column!(i64, u32, usize);

impl ToValue for Value<'_> {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Number(number) => Value::Number(*number),
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            Self::Numbers(numbers) => Value::Numbers(numbers.clone()),
            Self::Blobs(blobs) => Value::Blobs(blobs.clone()),
        })
    }
}

impl ToValue for bool {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        Ok(Value::Number(i64::from(*self)))
    }
}

impl FromCell for bool {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Number(number) => Some(number != 0),
            _ => None,
        }
    }
}

impl ToValue for str {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        Ok(Value::Text(Cow::Borrowed(self)))
    }
}

impl ToValue for String {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        self.as_str().to_value()
    }
}

impl FromCell for String {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(text) => Some(text.to_owned()),
            _ => None,
        }
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        Ok(Value::Bytes(Cow::Borrowed(self)))
    }
}

impl ToValue for Vec<u8> {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        self.as_slice().to_value()
    }
}

impl FromCell for Vec<u8> {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Bytes(bytes) => Some(bytes.to_vec()),
            _ => None,
        }
    }
}

impl<const N: usize> ToValue for [u8; N] {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        self.as_slice().to_value()
    }
}

impl<const N: usize> FromCell for [u8; N] {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Bytes(bytes) => bytes.try_into().ok(),
            _ => None,
        }
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        T::to_value(self)
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        self.as_ref().map_or(Ok(Value::Null), ToValue::to_value)
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => T::from_cell(cell).map(Some),
        }
    }
}

impl ToValue for Sealed {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        self.as_bytes().to_value()
    }
}

impl FromCell for Sealed {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        FromCell::from_cell(cell).map(Self::from_bytes)
    }
}

impl ToValue for WrappedKey {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        self.0.to_value()
    }
}

impl FromCell for WrappedKey {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        FromCell::from_cell(cell).map(Self)
    }
}

impl ToValue for KeyOwner {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        match self {
            Self::User(user) => user.to_value(),
            Self::Service => Ok(Value::Bytes(Cow::Borrowed(&[]))),
        }
    }
}

impl ToValue for ClientId {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        Ok(Value::Bytes(Cow::Owned(self.to_bytes().to_vec())))
    }
}

impl FromCell for ClientId {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        FromCell::from_cell(cell).and_then(Self::from_bytes)
    }
}

impl ToValue for Actor {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        Ok(Value::Bytes(Cow::Owned(self.to_bytes())))
    }
}

impl FromCell for Actor {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Bytes(bytes) => Self::from_bytes(bytes),
            _ => None,
        }
    }
}

impl ToValue for Proof {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        Ok(Value::Number(proof_number(*self)))
    }
}

impl FromCell for Proof {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        let number: i64 = FromCell::from_cell(cell)?;
        Self::ALL.into_iter().find(|proof| proof_number(*proof) == number)
    }
}

/// What a proof is kept as: it stands in every identity and event, where names would take
/// ten times the space.
const fn proof_number(proof: Proof) -> i64 {
    match proof {
        Proof::Asserted => 1,
        Proof::IdToken => 2,
        Proof::AudienceChecked => 3,
        Proof::CodeFlow => 4,
        Proof::TwoProof => 5,
    }
}

impl ToValue for Dialect {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        Ok(Value::Text(Cow::Borrowed(self.name())))
    }
}

impl ToValue for LoginKind {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        Ok(Value::Text(Cow::Borrowed(match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::PhoneNumber => "phone_number",
        })))
    }
}

/// A moment, kept in milliseconds.
pub struct Millis(pub Timestamp);

impl ToValue for Millis {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        Ok(Value::Number(self.0.as_millisecond()))
    }
}

impl FromCell for Millis {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        let millis = FromCell::from_cell(cell)?;
        Timestamp::from_millisecond(millis).map(Self).ok()
    }
}

/// A value that SQL does not look into.
pub struct Json<T>(pub T);

impl<T: Serialize> ToValue for Json<T> {
    fn to_value(&self) -> StoreResult<Value<'_>> {
        serde_json::to_string(&self.0)
            .map(|text| Value::Text(Cow::Owned(text)))
            .map_err(corrupt)
    }
}

impl<T: DeserializeOwned> FromCell for Json<T> {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Text(text) => serde_json::from_str(text).map(Self).ok(),
            _ => None,
        }
    }
}

/// That the store contradicts itself, in a sentence.
pub fn corrupt(what: impl Into<Box<dyn StdError + Send + Sync>>) -> StoreError {
    StoreError::Corrupt(what.into().to_string())
}
