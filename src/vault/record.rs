//! The layout of what is sealed, and how it is sealed and opened.
//!
//! ```text
//! version 1 | alg 1 | key id 8 | salt 32 | commitment 32 | nonce 12 | ciphertext | tag 16
//! ```
//!
//! Salt and owner's key give 64 bytes by HKDF-SHA-256, with everything that the record is
//! bound to as `info`: 32 are the AES-256-GCM key of this one record, 32 the commitment
//! to it. The same bytes are the associated data. What would surprise: the commitment is
//! compared before anything is decrypted, because GCM alone lets one ciphertext open
//! under two keys. Vectors of this layout are in `tests/data/vectors/`; a second
//! implementation of it is `tests/second/record.py`.

use aws_lc_rs::{aead, hkdf};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::Place;
use super::key::{Key, KeyId, RecordKey};
use crate::clock::Random;
use crate::error::{Error, Result};
use crate::id::TenantId;

const LAYOUT: u8 = 1;
const AES_256_GCM: u8 = 1;
const SALT_LEN: usize = 32;
const COMMITMENT_LEN: usize = 32;
const HEADER_LEN: usize = 1 + 1 + 8 + SALT_LEN + COMMITMENT_LEN + aead::NONCE_LEN;
const TAG_LEN: usize = 16;
/// Ciphertexts of records have a multiple of this length.
const BLOCK: usize = 64;
/// Begins the padding: one byte of this, then zeros. There is always one, so what was
/// padded ends at the last such byte and nowhere else.
const PADDING_MARK: u8 = 0x80;

/// Everything that a record or a wrapped key is bound to, but for the key it is under.
#[derive(Clone, Copy)]
pub(super) struct Bound<'a> {
    pub(super) tenant: Option<TenantId>,
    pub(super) owner: &'a [u8],
    pub(super) connection: &'a [u8],
    pub(super) issuer: &'a str,
    pub(super) subject: &'a str,
    pub(super) field: &'static str,
    pub(super) version: i64,
}

impl<'a> Bound<'a> {
    /// Bound to nothing but what it is.
    pub(super) const fn nowhere(field: &'static str) -> Self {
        Self {
            tenant: None,
            owner: &[],
            connection: &[],
            issuer: "",
            subject: "",
            field,
            version: 0,
        }
    }

    /// What a record under this key at this place is bound to.
    pub(super) fn record(key: &'a RecordKey, place: &Place<'a>, connection: Option<&'a [u8; 8]>) -> Self {
        Self {
            tenant: Some(key.tenant()),
            owner: key.owner_bytes(),
            connection: connection.map_or(&[], |id| id.as_slice()),
            issuer: place.issuer,
            subject: place.subject,
            field: place.field.name(),
            version: place.version,
        }
    }

    /// Each part with its length before it, so that no two places have the same bytes;
    /// `None` when a part is longer than a length can say.
    fn to_aad(self, key: &KeyId) -> Option<Vec<u8>> {
        let tenant = self.tenant.map(|id| id.number().to_be_bytes());
        let parts: [&[u8]; 10] = [
            &[LAYOUT],
            &[AES_256_GCM],
            tenant.as_ref().map_or(&[], |id| id.as_slice()),
            self.owner,
            self.connection,
            self.issuer.as_bytes(),
            self.subject.as_bytes(),
            self.field.as_bytes(),
            key,
            &self.version.to_be_bytes(),
        ];
        let mut aad = Vec::with_capacity(parts.iter().map(|part| 2 + part.len()).sum());
        for part in parts {
            aad.extend_from_slice(&u16::try_from(part.len()).ok()?.to_be_bytes());
            aad.extend_from_slice(part);
        }
        Some(aad)
    }
}

/// Whether the length of what is sealed is hidden.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// Not: keys are as long as keys are.
    None,
    /// To the next multiple of [`BLOCK`].
    To64,
}

/// Seals `plain` under a key of this one record, derived from `key`.
pub(super) fn seal(
    key: &Key,
    bound: &Bound<'_>,
    padding: Padding,
    plain: &[u8],
    random: &dyn Random,
) -> Result<Vec<u8>> {
    let aad = bound
        .to_aad(key.id())
        .ok_or_else(|| Error::internal("a part of a record's place is longer than 65,535 bytes"))?;
    let mut chance = [0; SALT_LEN + aead::NONCE_LEN];
    random.fill(&mut chance);
    let (salt, nonce) = chance.split_at(SALT_LEN);
    let derived = Derived::new(key, salt, &aad).ok_or_else(failed)?;

    // Zeroized if anything fails before the plain text in it is encrypted.
    let mut out = Zeroizing::new(Vec::with_capacity(HEADER_LEN + plain.len() + BLOCK + TAG_LEN));
    out.extend_from_slice(&[LAYOUT, AES_256_GCM]);
    out.extend_from_slice(key.id());
    out.extend_from_slice(salt);
    out.extend_from_slice(derived.commitment());
    out.extend_from_slice(nonce);
    out.extend_from_slice(plain);
    if padding == Padding::To64 {
        out.push(PADDING_MARK);
        let blocks = (plain.len() + 1).div_ceil(BLOCK);
        out.resize(HEADER_LEN + blocks * BLOCK, 0);
    }
    let body = out.get_mut(HEADER_LEN..).ok_or_else(failed)?;
    let nonce = aead::Nonce::try_assume_unique_for_key(nonce).map_err(|_| failed())?;
    let tag = derived
        .cipher()
        .and_then(|cipher| {
            cipher
                .seal_in_place_separate_tag(nonce, aead::Aad::from(aad), body)
                .ok()
        })
        .ok_or_else(failed)?;
    out.extend_from_slice(tag.as_ref());
    Ok(std::mem::take(&mut *out))
}

/// Whether the header names this key.
pub(super) fn is_under(key: &Key, sealed: &[u8]) -> bool {
    sealed.get(2..10) == Some(key.id().as_slice())
}

/// Opens what was sealed under this key for this place.
pub(super) fn open(key: &Key, bound: &Bound<'_>, padding: Padding, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    opened(key, bound, padding, sealed).ok_or(Error::CryptoIntegrity)
}

fn opened(key: &Key, bound: &Bound<'_>, padding: Padding, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (&[version, alg], rest) = sealed.split_first_chunk()?;
    let (id, rest) = rest.split_first_chunk::<8>()?;
    let (salt, rest) = rest.split_first_chunk::<SALT_LEN>()?;
    let (commitment, rest) = rest.split_first_chunk::<COMMITMENT_LEN>()?;
    let (nonce, rest) = rest.split_first_chunk::<{ aead::NONCE_LEN }>()?;
    let (body, _) = rest.split_last_chunk::<TAG_LEN>()?;
    if version != LAYOUT || alg != AES_256_GCM || id != key.id() {
        return None;
    }
    if padding == Padding::To64 && body.len() % BLOCK != 0 {
        return None;
    }

    let aad = bound.to_aad(key.id())?;
    let derived = Derived::new(key, salt, &aad)?;
    if !bool::from(derived.commitment().ct_eq(commitment)) {
        return None;
    }
    let mut plain = Zeroizing::new(rest.to_vec());
    let nonce = aead::Nonce::assume_unique_for_key(*nonce);
    derived
        .cipher()?
        .open_in_place(nonce, aead::Aad::from(aad), &mut plain)
        .ok()?;
    plain.truncate(body.len());
    if padding == Padding::To64 {
        let mark = plain.iter().rposition(|byte| *byte != 0)?;
        if plain.get(mark) != Some(&PADDING_MARK) || plain.len() - mark > BLOCK {
            return None;
        }
        plain.truncate(mark);
    }
    Some(plain)
}

/// What HKDF gives for one record.
struct Derived(Zeroizing<[u8; 32 + COMMITMENT_LEN]>);

/// How much that is, as the library wants to be told.
struct Len;

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        32 + COMMITMENT_LEN
    }
}

impl Derived {
    fn new(key: &Key, salt: &[u8], aad: &[u8]) -> Option<Self> {
        let mut out = Zeroizing::new([0; 32 + COMMITMENT_LEN]);
        hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
            .extract(key.bytes())
            .expand(&[aad], Len)
            .and_then(|okm| okm.fill(out.as_mut_slice()))
            .ok()?;
        Some(Self(out))
    }

    fn cipher(&self) -> Option<aead::LessSafeKey> {
        let (key, _) = self.0.split_at(32);
        Some(aead::LessSafeKey::new(
            aead::UnboundKey::new(&aead::AES_256_GCM, key).ok()?,
        ))
    }

    fn commitment(&self) -> &[u8] {
        self.0.split_at(32).1
    }
}

fn failed() -> Error {
    Error::internal("the crypto library could not seal")
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretBox;

    use crate::clock::SeededRandom;

    fn secret(byte: u8) -> SecretBox<[u8; 32]> {
        SecretBox::new(Box::new([byte; 32]))
    }

    /// A product in the field of GHASH (NIST SP 800-38D, 6.3).
    fn product(x: u128, y: u128) -> u128 {
        let (mut z, mut v) = (0, y);
        for bit in (0..128).rev() {
            if x >> bit & 1 == 1 {
                z ^= v;
            }
            v = (v >> 1) ^ if v & 1 == 1 { 0xe1 << 120 } else { 0 };
        }
        z
    }

    fn power(x: u128, exponent: u128) -> u128 {
        let one = 1 << 127;
        (0..128).rev().fold(one, |so_far, bit| {
            let squared = product(so_far, so_far);
            if exponent >> bit & 1 == 1 {
                product(squared, x)
            } else {
                squared
            }
        })
    }

    fn inverse(x: u128) -> u128 {
        power(x, u128::MAX - 1)
    }

    /// What GHASH sums up: each part in blocks of 16 bytes, then both lengths in bits.
    fn blocks(aad: &[u8], body: &[u8]) -> Vec<u128> {
        let block = |bytes: &[u8]| {
            let mut block = [0; 16];
            block[..bytes.len()].copy_from_slice(bytes);
            u128::from_be_bytes(block)
        };
        let lengths = ((aad.len() as u128 * 8) << 64) | (body.len() as u128 * 8);
        let parts = aad.chunks(16).chain(body.chunks(16)).map(block);
        parts.chain([lengths]).collect()
    }

    /// The two secrets that make a GCM tag: the hash key, and the mask for this nonce.
    struct Gcm {
        hash_key: u128,
        mask: u128,
    }

    impl Gcm {
        /// Found out by asking for two tags: that of nothing at all is the mask alone.
        fn of(derived: &Derived) -> Self {
            let tag = |aad: &[u8]| {
                let tag = derived
                    .cipher()
                    .unwrap()
                    .seal_in_place_separate_tag(nonce(), aead::Aad::from(aad), &mut [])
                    .unwrap();
                u128::from_be_bytes(tag.as_ref().try_into().unwrap())
            };
            let mask = tag(&[]);
            let lengths = 128 << 64;
            Self {
                hash_key: product(tag(&[0; 16]) ^ mask, inverse(lengths)),
                mask,
            }
        }

        fn tag(&self, blocks: &[u128]) -> u128 {
            blocks.iter().fold(0, |sum, block| product(sum ^ block, self.hash_key)) ^ self.mask
        }
    }

    const NONCE: [u8; aead::NONCE_LEN] = [9; aead::NONCE_LEN];

    fn nonce() -> aead::Nonce {
        aead::Nonce::assume_unique_for_key(NONCE)
    }

    #[test]
    fn sec_vlt_13_one_ciphertext_for_two_keys_is_refused_at_the_commitment() {
        let random = SeededRandom::new(1);
        let (ours, theirs) = (Key::from_parts([1; 8], secret(2)), Key::from_parts([1; 8], secret(3)));
        let bound = Bound::nowhere("event");
        let aad = bound.to_aad(ours.id()).unwrap();
        let salt = [4; SALT_LEN];
        let both = [&ours, &theirs].map(|key| Derived::new(key, &salt, &aad).unwrap());

        // The last block of the ciphertext is chosen so that the tag fits both keys.
        let mut body = vec![5; BLOCK];
        random.fill(&mut body);
        body[BLOCK - 16..].fill(0);
        let [first, second] = [&both[0], &both[1]].map(Gcm::of);
        let sums = blocks(&aad, &body);
        let difference = first.tag(&sums) ^ second.tag(&sums);
        let weights = power(first.hash_key, 2) ^ power(second.hash_key, 2);
        body[BLOCK - 16..].copy_from_slice(&product(difference, inverse(weights)).to_be_bytes());
        let sums = blocks(&aad, &body);
        assert_eq!(first.tag(&sums), second.tag(&sums));
        body.extend_from_slice(&first.tag(&sums).to_be_bytes());

        // GCM alone opens it under either key, to two different texts.
        let texts = [&both[0], &both[1]].map(|derived| {
            let mut text = body.clone();
            let cipher = derived.cipher().unwrap();
            cipher.open_in_place(nonce(), aead::Aad::from(&aad), &mut text).unwrap();
            text
        });
        assert_ne!(texts[0], texts[1]);

        // The record opens under the key that it is committed to, and under no other.
        for (committed, derived) in both.iter().enumerate() {
            let mut sealed = vec![LAYOUT, AES_256_GCM];
            sealed.extend_from_slice(&[[1; 8].as_slice(), &salt, derived.commitment(), &NONCE, &body].concat());
            for (n, key) in [&ours, &theirs].into_iter().enumerate() {
                let answer = open(key, &bound, Padding::None, &sealed);
                assert_eq!(answer.is_ok(), n == committed, "key {n}, committed to {committed}");
            }
        }
    }

    #[test]
    fn padding_that_is_not_ours_is_refused() {
        let key = Key::from_parts([1; 8], secret(2));
        let random = SeededRandom::new(1);
        let bound = Bound::nowhere("event");
        let opens = |plain: &[u8]| {
            let sealed = seal(&key, &bound, Padding::None, plain, &random).unwrap();
            open(&key, &bound, Padding::To64, &sealed).ok().map(|plain| plain.len())
        };
        let padded = |text: usize, zeros: usize| [vec![1; text], vec![PADDING_MARK], vec![0; zeros]].concat();
        assert_eq!(opens(&padded(63, 0)), Some(63));
        assert_eq!(opens(&padded(0, 63)), Some(0));
        assert_eq!(opens(&padded(64, 63)), Some(64));
        assert_eq!(opens(&padded(63, 64)), None, "a block too many");
        assert_eq!(opens(&padded(10, 52)), None, "not a whole block");
        assert_eq!(opens(&[0; 64]), None, "no mark");
        assert_eq!(opens(&[1; 64]), None, "no mark");
        assert_eq!(opens(&[]), None, "nothing");
    }
}
