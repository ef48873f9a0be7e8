//! The chain over a tenant's events, by which a changed past is found (OPS-11).
//!
//! Each hash covers the one before it and one event as it is kept, sealed bytes and all, so nothing
//! that happens to keys or users later changes one. Chaining goes on behind the acts, some events
//! at a time. What would surprise: whoever can write to the data can make the whole chain anew; a
//! head that was kept elsewhere is what tells.

use async_trait::async_trait;
use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;

use super::StoreResult;
use crate::id::{EventId, TenantId};
use crate::secret::Digest;

/// What stands before the first event.
pub const BEGINNING: Digest = Digest::from_bytes([0; 32]);

/// Where a chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many events it holds.
    pub count: u64,
    /// The last of them.
    pub event: EventId,
    /// The hash at its end.
    pub hash: Digest,
    /// When it came there.
    pub at: Timestamp,
}

/// The part of a store that chains events.
#[async_trait]
pub trait Trail {
    /// Chains events of a tenant that are not chained yet, some at a time; returns how many.
    async fn chain_events(&self, tenant: TenantId) -> StoreResult<u64>;
    /// Where the tenant's chain ends; `None` while it holds nothing.
    async fn find_head(&self, tenant: TenantId) -> StoreResult<Option<Head>>;
}

/// A value of an event, as it is kept.
#[derive(Debug, Clone, Copy)]
pub enum Kept<'v> {
    /// None.
    Nothing,
    /// A number.
    Number(i64),
    /// A text.
    Text(&'v [u8]),
    /// Bytes.
    Bytes(&'v [u8]),
}

/// The next hash of a chain.
pub struct Link(Context);

impl Link {
    /// Begins one that follows this hash, in the chain of this tenant.
    pub fn after(before: &Digest, tenant: TenantId) -> Self {
        let mut link = Self(Context::new(&SHA256));
        link.0.update(b"oneself trail 1");
        link.0.update(before.as_bytes());
        link.add(Kept::Number(tenant.number()));
        link
    }

    /// Adds a value, so that no two lists of values give the same bytes.
    pub fn add(&mut self, value: Kept<'_>) {
        let (kind, bytes): (u8, &[u8]) = match &value {
            Kept::Nothing => (0, &[]),
            Kept::Number(number) => (1, &number.to_be_bytes()),
            Kept::Text(text) => (2, text),
            Kept::Bytes(bytes) => (3, bytes),
        };
        self.0.update(&[kind]);
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    /// The hash.
    pub fn close(self) -> Digest {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.0.finish().as_ref());
        Digest::from_bytes(hash)
    }
}

/// What is wrong with a chain, or with the events that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This event is not as it was chained.
    Edited(EventId),
    /// This event was chained and is not there.
    Deleted(EventId),
    /// This event was not chained, though later ones were.
    Inserted(EventId),
    /// The chain itself lacks what stood at this place.
    Cut(u64),
    /// The chain ends otherwise than was noted when it was made.
    Moved,
}

/// How a chain was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// How many events were found as they were chained, from the first on.
    pub sound: u64,
    /// Events that came later and are not chained yet.
    pub unchained: u64,
    /// The hash at the end, if there is one.
    pub head: Option<Digest>,
    /// What was found first that is wrong.
    pub fault: Option<Fault>,
    /// At how many events the chain had the hash that was asked for, if it ever had.
    pub kept_at: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_and_its_place_counts() {
        let tenant = TenantId::from_number(7);
        let hash = |before: &Digest, tenant, values: &[Kept<'_>]| {
            let mut link = Link::after(before, tenant);
            values.iter().for_each(|value| link.add(*value));
            *link.close().as_bytes()
        };
        let base = [Kept::Text(b"ab"), Kept::Bytes(b"c"), Kept::Nothing];
        let seen = hash(&BEGINNING, tenant, &base);
        for other in [
            &[Kept::Text(b"a"), Kept::Bytes(b"bc"), Kept::Nothing][..],
            &[Kept::Bytes(b"ab"), Kept::Bytes(b"c"), Kept::Nothing],
            &[Kept::Text(b"ab"), Kept::Bytes(b"c"), Kept::Bytes(b"")],
            &[Kept::Text(b"ab"), Kept::Bytes(b"c"), Kept::Number(0)],
            &[Kept::Text(b"ab"), Kept::Bytes(b"c")],
        ] {
            assert_ne!(seen, hash(&BEGINNING, tenant, other), "{other:?}");
        }
        assert_eq!(seen, hash(&BEGINNING, tenant, &base));
        assert_ne!(seen, hash(&Digest::of(b""), tenant, &base));
        assert_ne!(seen, hash(&BEGINNING, TenantId::from_number(8), &base));
    }
}
