//! Hashes of passwords that were made elsewhere: checked when they come, believed when their
//! person logs in.
//!
//! What is kept is a text: a PHC string of argon2, a bcrypt hash, or, for everything else,
//! the JSON object that it came as (`api/auth0.md` 10.3, `wire.rs`). So reading what is
//! kept is the same check as letting it in, and whoever looks at the column can tell what it
//! is. The first log-in makes an argon2id hash of ours of it.
//!
//! What would surprise: parameters are bounded here, at the door, because verifying spends
//! what they say. One hash costs at most 256 MiB and a few seconds.

use std::num::NonZeroU32;

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params};
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use super::digests::DigestKind;
use super::wire;
use crate::domain::Object;
use crate::error::{Error, Result};
use crate::secret::{ExposeSecret, SecretString};

/// The memory that verifying one hash may take, in KiB.
const MEMORY_LIMIT_KIB: u64 = 256 * 1024;

/// How often that memory, filled or half filled, may be gone through: KiB times passes.
const MEMORY_WORK_LIMIT_KIB: u64 = 4 * MEMORY_LIMIT_KIB;

/// How many lanes argon2 may have.
const LANES_LIMIT: u32 = 16;

/// How often PBKDF2 may compute a block.
const ROUNDS_LIMIT: u64 = 6_000_000;

/// The costs of bcrypt that are let in: each doubles the time, and the highest takes seconds.
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=15;

/// The hash of a password that was made elsewhere, in the form in which it is kept.
#[derive(Debug, Clone)]
pub struct ImportedHash(SecretString);

impl ImportedHash {
    /// A PHC string of argon2 (`$argon2id$`, `$argon2i$`, `$argon2d$`) or a bcrypt hash (`$2a$`, `$2b$`,
    /// `$2y$`).
    ///
    /// # Errors
    /// [`Error::Invalid`] of `field`: it is neither, or verifying it would cost too much.
    pub fn from_text(field: &'static str, text: &str) -> Result<Self> {
        Form::of_text(field, text)?;
        Ok(Self(text.to_owned().into()))
    }

    /// Auth0's `custom_password_hash`.
    ///
    /// # Errors
    /// [`Error::Invalid`] whose field is the path inside the object, such as `hash.value`: a member is
    /// missing, unknown, malformed, or of no use with its algorithm, or verifying would cost too much.
    pub fn from_custom(object: &Object) -> Result<Self> {
        wire::read(object)?;
        Ok(Self(Value::Object(object.clone()).to_string().into()))
    }

    /// The text that is kept.
    pub fn as_text(&self) -> &SecretString {
        &self.0
    }
}

/// What is kept of a password, read.
pub(super) struct Kept {
    pub form: Form,
    pub encoding: Encoding,
}

impl Kept {
    /// # Errors
    /// [`Error::Invalid`] when it was never let in.
    pub fn read(text: &str) -> Result<Self> {
        if text.starts_with('{') {
            let object = serde_json::from_str(text).map_err(|_| Error::invalid("password", "is no JSON object"))?;
            return wire::read(&object);
        }
        Ok(Self {
            form: Form::of_text("password", text)?,
            encoding: Encoding::Utf8,
        })
    }

    /// Whether this password was hashed to it.
    pub fn fits(&self, password: &SecretString) -> Result<bool> {
        match self.encoding.bytes(password.expose_secret()) {
            Some(password) => self.form.fits(&password),
            None => Ok(false),
        }
    }
}

/// How a text became bytes before it was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Utf16Le,
    Ascii,
    Latin1,
}

impl Encoding {
    /// The bytes of this password; `None` when it has a character that the encoding has not.
    fn bytes(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.as_bytes().to_vec()),
            Self::Utf16Le => Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Self::Ascii => text.is_ascii().then(|| text.as_bytes().to_vec()),
            Self::Latin1 => text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect(),
        }
    }
}

/// What stands before and after a password in what is hashed.
#[derive(Default)]
pub(super) struct Salt {
    pub before: Vec<u8>,
    pub after: Vec<u8>,
}

impl Salt {
    fn around(&self, password: &[u8]) -> Vec<u8> {
        [&self.before, password, &self.after].concat()
    }
}

/// The kinds of hashes, with all that their verification needs.
pub(super) enum Form {
    Argon2(String),
    Bcrypt(String),
    Digest {
        kind: DigestKind,
        salt: Salt,
        hash: Vec<u8>,
    },
    Hmac {
        kind: DigestKind,
        key: Vec<u8>,
        salt: Salt,
        hash: Vec<u8>,
    },
    Pbkdf2 {
        kind: DigestKind,
        rounds: NonZeroU32,
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
    Scrypt {
        params: scrypt::Params,
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
}

impl Form {
    fn of_text(field: &'static str, text: &str) -> Result<Self> {
        if text.starts_with("$argon2") {
            Self::argon2(field, text)
        } else if text.starts_with("$2") {
            Self::bcrypt(field, text)
        } else {
            Err(Error::invalid(
                field,
                "must be a PHC string of argon2 or a bcrypt hash; other kinds are given as custom_password_hash",
            ))
        }
    }

    /// A PHC string of one of the three kinds of argon2.
    pub fn argon2(field: &'static str, text: &str) -> Result<Self> {
        let malformed = || Error::invalid(field, "must be a PHC string of argon2id, argon2i or argon2d");
        let parsed = PasswordHash::new(text).map_err(|_| malformed())?;
        Algorithm::try_from(parsed.algorithm.as_str()).map_err(|_| malformed())?;
        let params = Params::try_from(&parsed).map_err(|_| malformed())?;
        if parsed.salt.is_none() || parsed.hash.is_none() || !params.data().is_empty() || !params.keyid().is_empty() {
            return Err(malformed());
        }
        let (memory, passes) = (u64::from(params.m_cost()), u64::from(params.t_cost()));
        let work = memory.saturating_mul(passes);
        if memory > MEMORY_LIMIT_KIB || work > MEMORY_WORK_LIMIT_KIB || params.p_cost() > LANES_LIMIT {
            return Err(Error::invalid(
                field,
                "costs too much: m may be 262144, m times t 1048576, p 16",
            ));
        }
        // What does not say its version is of the first one (PHC string format, "argon2").
        let text = match (parsed.version, text.split_once("$m=")) {
            (None, Some((algorithm, rest))) => format!("{algorithm}$v=16$m={rest}"),
            _ => text.to_owned(),
        };
        Ok(Self::Argon2(text))
    }

    /// A hash of bcrypt. `$2x$` is the mark of hashes that a faulty implementation made.
    pub fn bcrypt(field: &'static str, text: &str) -> Result<Self> {
        let malformed = || Error::invalid(field, "must be a bcrypt hash that begins with $2a$, $2b$ or $2y$");
        if !["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix)) {
            return Err(malformed());
        }
        let parts: bcrypt::HashParts = text.parse().map_err(|_| malformed())?;
        if !BCRYPT_COSTS.contains(&parts.get_cost()) {
            return Err(Error::invalid(field, "must have a cost from 4 to 15"));
        }
        Ok(Self::Bcrypt(text.to_owned()))
    }

    /// A hash of PBKDF2 (RFC 8018).
    pub fn pbkdf2(
        field: &'static str,
        kind: DigestKind,
        rounds: NonZeroU32,
        salt: Vec<u8>,
        hash: Vec<u8>,
    ) -> Result<Self> {
        let blocks = u64::try_from(hash.len().div_ceil(kind.length())).unwrap_or(u64::MAX);
        if u64::from(rounds.get()).saturating_mul(blocks) > ROUNDS_LIMIT {
            return Err(Error::invalid(
                field,
                "costs too much: i times the blocks of the hash may be 6000000",
            ));
        }
        Ok(Self::Pbkdf2 {
            kind,
            rounds,
            salt,
            hash,
        })
    }

    /// A hash of scrypt (RFC 7914). The error is of the first parameter that is out of bounds.
    pub fn scrypt(cost: u64, block_size: u64, parallelization: u64, salt: Vec<u8>, hash: Vec<u8>) -> Result<Self> {
        if !cost.is_power_of_two() || cost < 2 {
            return Err(Error::invalid("cost", "must be a power of two, at least 2"));
        }
        let memory_kib = cost.saturating_mul(block_size).div_ceil(8);
        if block_size == 0 || memory_kib > MEMORY_LIMIT_KIB {
            return Err(Error::invalid(
                "blockSize",
                "must be at least 1, and cost times blockSize at most 2097152",
            ));
        }
        if parallelization == 0 || memory_kib.saturating_mul(parallelization) > MEMORY_WORK_LIMIT_KIB {
            return Err(Error::invalid(
                "parallelization",
                "must be at least 1, and cost times blockSize times parallelization at most 8388608",
            ));
        }
        let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let log_n = u8::try_from(cost.ilog2()).unwrap_or(u8::MAX);
        let params = scrypt::Params::new(log_n, small(block_size), small(parallelization))
            .map_err(|_| Error::invalid("cost", "cannot be used with this blockSize and parallelization"))?;
        Ok(Self::Scrypt { params, salt, hash })
    }

    fn fits(&self, password: &[u8]) -> Result<bool> {
        let made = match self {
            Self::Argon2(phc) => {
                let parsed = PasswordHash::new(phc).map_err(|e| Error::internal(e.to_string()))?;
                return Ok(Argon2::default().verify_password(password, &parsed).is_ok());
            }
            Self::Bcrypt(hash) => {
                return bcrypt::verify(password, hash).map_err(|e| Error::internal(e.to_string()));
            }
            Self::Digest { kind, salt, .. } => kind.digest(&salt.around(password)),
            Self::Hmac { kind, key, salt, .. } => kind.hmac(key, &salt.around(password))?,
            Self::Pbkdf2 {
                kind,
                rounds,
                salt,
                hash,
            } => kind.pbkdf2(*rounds, salt, password, hash.len())?,
            Self::Scrypt { params, salt, hash } => {
                let mut made = vec![0; hash.len()];
                scrypt::scrypt(password, salt, params, &mut made).map_err(|e| Error::internal(e.to_string()))?;
                made
            }
        };
        Ok(self.hash().ct_eq(&made).into())
    }

    fn hash(&self) -> &[u8] {
        match self {
            Self::Argon2(_) | Self::Bcrypt(_) => &[],
            Self::Digest { hash, .. }
            | Self::Hmac { hash, .. }
            | Self::Pbkdf2 { hash, .. }
            | Self::Scrypt { hash, .. } => hash,
        }
    }
}
