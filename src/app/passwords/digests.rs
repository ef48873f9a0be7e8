//! The digests that imported hashes were made with, alone, in HMAC (RFC 2104) and in PBKDF2
//! (RFC 8018).
//!
//! The family of SHA comes from aws-lc; MD4 and MD5, which nothing else here uses, from crates
//! of their own. None of them guards anything of ours: a hash that was made with one is
//! replaced at the next log-in.

use std::num::NonZeroU32;

use ::hmac::{Hmac, KeyInit as _, Mac as _};
use aws_lc_rs::{digest, hmac, pbkdf2};
use md4::{Digest as _, Md4};
use md5::Md5;

use crate::error::{Error, Result};

/// A digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DigestKind {
    Md4,
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl DigestKind {
    /// The names that Auth0's contract has for them.
    pub const NAMES: &'static str = "md4, md5, sha1, sha224, sha256, sha384 or sha512";

    /// The digest of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "md4" => Self::Md4,
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    /// How long what it makes is, in bytes.
    pub const fn length(self) -> usize {
        match self {
            Self::Md4 | Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of a text.
    pub fn digest(self, text: &[u8]) -> Vec<u8> {
        let sha = match self {
            Self::Md4 => return Md4::digest(text).to_vec(),
            Self::Md5 => return Md5::digest(text).to_vec(),
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => &digest::SHA224,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(sha, text).as_ref().to_vec()
    }

    /// The HMAC of a text.
    pub fn hmac(self, key: &[u8], text: &[u8]) -> Result<Vec<u8>> {
        let sha = match self {
            Self::Md4 => {
                let mut mac = Hmac::<Md4>::new_from_slice(key).map_err(|e| Error::internal(e.to_string()))?;
                mac.update(text);
                return Ok(mac.finalize().into_bytes().to_vec());
            }
            Self::Md5 => {
                let mut mac = Hmac::<Md5>::new_from_slice(key).map_err(|e| Error::internal(e.to_string()))?;
                mac.update(text);
                return Ok(mac.finalize().into_bytes().to_vec());
            }
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => hmac::HMAC_SHA224,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        };
        Ok(hmac::sign(&hmac::Key::new(sha, key), text).as_ref().to_vec())
    }

    /// Whether PBKDF2 can be computed with it.
    pub const fn has_pbkdf2(self) -> bool {
        !matches!(self, Self::Sha224)
    }

    /// So many bytes of PBKDF2.
    pub fn pbkdf2(self, rounds: NonZeroU32, salt: &[u8], password: &[u8], length: usize) -> Result<Vec<u8>> {
        let mut made = vec![0; length];
        let sha = match self {
            Self::Md4 => {
                ::pbkdf2::pbkdf2_hmac::<Md4>(password, salt, rounds.get(), &mut made);
                return Ok(made);
            }
            Self::Md5 => {
                ::pbkdf2::pbkdf2_hmac::<Md5>(password, salt, rounds.get(), &mut made);
                return Ok(made);
            }
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha224 => return Err(Error::internal("PBKDF2 with SHA-224 was let in")),
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        };
        pbkdf2::derive(sha, rounds, salt, password, &mut made);
        Ok(made)
    }
}
