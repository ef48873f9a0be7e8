//! Typed ids, so that an identity's id cannot be passed for a user's.
//!
//! Ids of 96 bits are 48 bits of milliseconds and 48 random bits: they sort by the time
//! at which they were made, which keeps tables that are clustered by them append-mostly.
//! None of them is a secret. What would surprise: ids of clients begin with the id of
//! their tenant, so that a request names its tenant before the store is asked.

use std::fmt;
use std::str::FromStr;

use crate::clock::{Clock, Random};

/// Why a text is not an id: it has the wrong prefix, length or alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a well-formed id")]
pub struct MalformedId;

macro_rules! time_ordered_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 12]);

        impl $name {
            /// A new id from the clock and the random source handed in.
            pub fn new(clock: &dyn Clock, random: &dyn Random) -> Self {
                let mut bytes = [0; 12];
                random.fill(&mut bytes);
                let [_, _, time @ ..] = clock.now().as_millisecond().max(0).to_be_bytes();
                if let Some(first) = bytes.first_chunk_mut() {
                    *first = time;
                }
                Self(bytes)
            }

            /// The id with these bytes.
            pub const fn from_bytes(bytes: [u8; 12]) -> Self {
                Self(bytes)
            }

            /// The bytes, big-endian time first.
            pub const fn as_bytes(&self) -> &[u8; 12] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Without an allocation: an answer has several of them.
                let mut digits = [0; 24];
                hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
                f.write_str($prefix)?;
                f.write_str(str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            /// Exactly the form that `Display` writes: lower-case digits only.
            fn from_str(text: &str) -> Result<Self, MalformedId> {
                Ok(Self(lower_hex(text.strip_prefix($prefix).ok_or(MalformedId)?)?))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

time_ordered_id!(
    /// The core id of a user: 24 hex digits, as Knodes writes it. Kii's and Auth0's
    /// spellings are made from it by their dialects.
    UserId,
    ""
);
time_ordered_id!(
    /// An identity, for as long as it is attached to anybody: `idn_` and 24 hex digits.
    IdentityId,
    "idn_"
);
time_ordered_id!(
    /// An event. The store makes it when it commits, so ids sort in commit order.
    EventId,
    "evt_"
);
time_ordered_id!(
    /// An entry of a tenant's log. The store makes it, so ids of a tenant sort as its entries came.
    LogId,
    "log_"
);

/// A tenant: a random positive number of 63 bits, written as `ten_` and 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(i64);

/// A connection: a random positive number of 63 bits, written as `con_` and 16 hex
/// digits, which is within the form that Auth0 asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(i64);

/// A job: a random positive number of 63 bits, written as `job_` and 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(i64);

macro_rules! random_id {
    ($name:ident, $prefix:literal) => {
        impl $name {
            /// A new random id.
            pub fn new(random: &dyn Random) -> Self {
                let mut bytes = [0; 8];
                random.fill(&mut bytes);
                Self((i64::from_be_bytes(bytes) & i64::MAX).max(1))
            }

            /// The id with this number.
            pub const fn from_number(number: i64) -> Self {
                Self(number)
            }

            /// The number that the store keeps.
            pub const fn number(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{:016x}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                let bytes = lower_hex(text.strip_prefix($prefix).ok_or(MalformedId)?)?;
                match i64::from_be_bytes(bytes) {
                    number if number > 0 => Ok(Self(number)),
                    _ => Err(MalformedId),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

random_id!(TenantId, "ten_");
random_id!(ConnectionId, "con_");
random_id!(JobId, "job_");

/// An application of a tenant: 32 hex digits, the first 16 of them the tenant's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId {
    tenant: TenantId,
    own: [u8; 8],
}

impl ClientId {
    /// A new client of this tenant.
    pub fn new(tenant: TenantId, random: &dyn Random) -> Self {
        let mut own = [0; 8];
        random.fill(&mut own);
        Self { tenant, own }
    }

    /// The client that stands for whoever comes by a dialect in which a tenant has no clients. It is
    /// kept nowhere, and no other has its id: theirs are random.
    pub fn of_dialect(tenant: TenantId, dialect: &[u8]) -> Self {
        let mut own = [0; 8];
        for (to, from) in own.iter_mut().zip(dialect) {
            *to = *from;
        }
        Self { tenant, own }
    }

    /// The tenant that the client belongs to, if it exists.
    pub const fn tenant(self) -> TenantId {
        self.tenant
    }

    /// The 16 bytes that the store keeps.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let (tenant, own) = bytes.split_at_mut(8);
        tenant.copy_from_slice(&self.tenant.0.to_be_bytes());
        own.copy_from_slice(&self.own);
        bytes
    }

    /// The id with these bytes; `None` when no tenant can have that number.
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        let (tenant, own) = bytes.split_first_chunk::<8>()?;
        let tenant = i64::from_be_bytes(*tenant);
        (tenant > 0).then_some(Self {
            tenant: TenantId(tenant),
            own: own.try_into().ok()?,
        })
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.to_bytes()))
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ClientId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        Self::from_bytes(lower_hex(text)?).ok_or(MalformedId)
    }
}

impl serde::Serialize for ClientId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads lower-case hex of exactly `N` bytes: one spelling for each id, so that ids can
/// be compared as text too.
fn lower_hex<const N: usize>(text: &str) -> Result<[u8; N], MalformedId> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(MalformedId);
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| MalformedId)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_reads_back_what_it_writes() {
        let user = UserId::from_bytes([7; 12]);
        assert_eq!(user.to_string().parse(), Ok(user));
        let identity = IdentityId::from_bytes([0xab; 12]);
        assert_eq!(identity.to_string(), "idn_abababababababababababab");
        assert_eq!(identity.to_string().parse(), Ok(identity));
        let connection = ConnectionId::from_number(0x1234);
        assert_eq!(connection.to_string(), "con_0000000000001234");
        assert_eq!(connection.to_string().parse(), Ok(connection));
        let client = ClientId::from_bytes([1; 16]).unwrap();
        assert_eq!(client.to_string().parse(), Ok(client));
        assert_eq!(client.tenant(), TenantId::from_number(0x0101_0101_0101_0101));
        let of_kii = ClientId::of_dialect(client.tenant(), b"kii");
        assert_eq!(of_kii.to_string(), "01010101010101016b69690000000000");
    }

    #[test]
    fn other_spellings_of_an_id_are_refused() {
        for text in [
            "",
            "AB",
            "ABABABABABABABABABABABAB",
            "abababababababababababa",
            "idn_00",
        ] {
            assert!(text.parse::<UserId>().is_err(), "{text}");
        }
        assert!("con_ffffffffffffffff".parse::<ConnectionId>().is_err());
        assert!("con_0000000000000000".parse::<ConnectionId>().is_err());
        assert!("con_0000000000001234\n".parse::<ConnectionId>().is_err());
    }
}
