//! The key at the top, and the line of text in which its file holds it.
//!
//! ```text
//! oneself-root-key-v1 <32 bytes, base64url> <checksum, 8 hex digits>
//! ```
//!
//! The checksum is the start of the SHA-256 of what stands before it: it tells a line
//! that was cut or mistyped from a key that belongs to other data. Where the file lies,
//! and who may read it, is not decided here.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretBox};
use zeroize::Zeroizing;

use super::key::{Key, KeyId};
use crate::clock::Random;
use crate::secret::SecretString;

/// What the line begins with; the version is of the line, not of the key.
const FORM: &str = "oneself-root-key-v1";
/// What all root key files have in common, whatever their version.
const ANY_FORM: &str = "oneself-root-key-";

/// The key that wraps all others. It is kept in a file and never in the store.
pub struct RootKey(SecretBox<[u8; 32]>);

/// Why a text is not a root key. No variant shows any of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RootKeyFault {
    /// It does not begin as a root key file does.
    #[error("this is not a root key file: it must be one line that begins with {FORM}")]
    NotAKey,
    /// It begins as a root key file of another version does.
    #[error("this root key file is of a version that this server does not know; it knows {FORM}")]
    UnknownVersion,
    /// The rest of the line is not 43 characters of base64url and 8 hex digits.
    #[error("the root key file is damaged: after {FORM} come 43 characters, a space and 8 hex digits, and no more")]
    Malformed,
    /// Some of the characters are not those that were written.
    #[error("the root key file is damaged: its checksum does not fit")]
    WrongChecksum,
}

impl RootKey {
    /// A new key.
    pub fn generate(random: &dyn Random) -> Self {
        Self(SecretBox::init_with_mut(|bytes: &mut [u8; 32]| random.fill(bytes)))
    }

    /// The key with these bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(SecretBox::init_with_mut(|own: &mut [u8; 32]| {
            own.copy_from_slice(bytes)
        }))
    }

    /// The line for the key file, with its line feed.
    pub fn to_text(&self) -> SecretString {
        let key = Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0.expose_secret()));
        let stated = Zeroizing::new(format!("{FORM} {}", key.as_str()));
        format!("{} {}\n", stated.as_str(), checksum(&stated)).into()
    }

    /// Reads the line of a key file; the line feed at its end may be missing.
    ///
    /// # Errors
    /// What is wrong with the text, in words for whoever has the file.
    pub fn from_text(text: &str) -> Result<Self, RootKeyFault> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let rest =
            line.strip_prefix(FORM)
                .and_then(|rest| rest.strip_prefix(' '))
                .ok_or(if line.starts_with(FORM) {
                    RootKeyFault::Malformed
                } else if line.starts_with(ANY_FORM) {
                    RootKeyFault::UnknownVersion
                } else {
                    RootKeyFault::NotAKey
                })?;
        let (key, sum) = rest.split_once(' ').ok_or(RootKeyFault::Malformed)?;
        if key.len() != 43 || sum.len() != 8 {
            return Err(RootKeyFault::Malformed);
        }
        let stated = Zeroizing::new(format!("{FORM} {key}"));
        if checksum(&stated) != sum {
            return Err(RootKeyFault::WrongChecksum);
        }
        let mut bytes = Zeroizing::new([0; 32]);
        match URL_SAFE_NO_PAD.decode_slice(key, bytes.as_mut_slice()) {
            Ok(32) => Ok(Self::from_bytes(&bytes)),
            _ => Err(RootKeyFault::Malformed),
        }
    }

    /// What recognises the key and reveals nothing of it.
    pub(super) fn check_value(&self) -> [u8; 32] {
        self.derived(b"check value")
    }

    /// What vouches for a text of ours that lies where others may write.
    pub(super) fn vouching_key(&self) -> hmac::Key {
        let bytes = Zeroizing::new(self.derived(b"vouching key"));
        hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice())
    }

    /// What marks accounts whose users were erased.
    pub(super) fn marking_key(&self) -> hmac::Key {
        let bytes = Zeroizing::new(self.derived(b"marking key"));
        hmac::Key::new(hmac::HMAC_SHA256, bytes.as_slice())
    }

    /// The key under which the vault wraps. Its id is made from it, for the file has none.
    pub(super) fn into_key(self) -> Key {
        let mut id: KeyId = [0; 8];
        for (to, from) in id.iter_mut().zip(self.derived(b"key id")) {
            *to = from;
        }
        Key::from_parts(id, self.0)
    }

    /// 32 bytes for a purpose of its own: HKDF of one block, spelled as the two HMACs that it
    /// is, which cannot fail. The salt is shorter than a record's, so none of these is
    /// ever the key of a record.
    fn derived(&self, purpose: &[u8]) -> [u8; 32] {
        let salt = hmac::Key::new(hmac::HMAC_SHA256, FORM.as_bytes());
        let extracted = hmac::sign(&salt, self.0.expose_secret());
        let key = hmac::Key::new(hmac::HMAC_SHA256, extracted.as_ref());
        let mut out = [0; 32];
        out.copy_from_slice(hmac::sign(&key, &[purpose, &[1]].concat()).as_ref());
        out
    }
}

/// The first 8 hex digits of the SHA-256.
fn checksum(stated: &str) -> String {
    let digest = digest::digest(&digest::SHA256, stated.as_bytes());
    hex::encode(digest.as_ref().iter().take(4).copied().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hkdf;

    use super::*;

    const LINE: &str = "oneself-root-key-v1 BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc ";

    fn fault(text: &str) -> RootKeyFault {
        RootKey::from_text(text).err().unwrap()
    }

    #[test]
    fn a_key_survives_its_file() {
        let key = RootKey::from_bytes(&[7; 32]);
        let text = key.to_text().expose_secret().to_owned();
        assert!(text.starts_with(LINE) && text.ends_with('\n'), "{text}");
        for text in [&text, text.trim_end(), &text.replace('\n', "\r\n")] {
            let back = RootKey::from_text(text).unwrap();
            assert_eq!(*back.0.expose_secret(), [7; 32]);
        }
    }

    #[test]
    fn a_damaged_file_says_what_is_wrong_and_shows_nothing() {
        let good = RootKey::from_bytes(&[7; 32]).to_text().expose_secret().to_owned();
        assert_eq!(fault(""), RootKeyFault::NotAKey);
        assert_eq!(fault("-----BEGIN PRIVATE KEY-----"), RootKeyFault::NotAKey);
        assert_eq!(fault(&good.replace("v1", "v2")), RootKeyFault::UnknownVersion);
        assert_eq!(fault(LINE.trim_end()), RootKeyFault::Malformed);
        assert_eq!(fault(&good.replace(' ', "  ")), RootKeyFault::Malformed);
        assert_eq!(fault(&format!("{good}{good}")), RootKeyFault::Malformed);
        assert_eq!(fault(&format!("{good}\n")), RootKeyFault::Malformed);
        assert_eq!(fault(&good.replacen("Bwc", "Bwd", 1)), RootKeyFault::WrongChecksum);
        assert_eq!(fault(&good.to_uppercase()), RootKeyFault::NotAKey);
        for end in 0..good.len() - 1 {
            assert!(!fault(&good[..end]).to_string().contains("Bwc"), "cut at {end}");
        }
    }

    #[test]
    fn what_is_derived_is_hkdf() {
        let key = RootKey::from_bytes(&[7; 32]);
        let mut expected = [0; 32];
        hkdf::Salt::new(hkdf::HKDF_SHA256, FORM.as_bytes())
            .extract(&[7; 32])
            .expand(&[b"check value"], hkdf::HKDF_SHA256)
            .unwrap()
            .fill(&mut expected)
            .unwrap();
        assert_eq!(key.check_value(), expected);
        assert_ne!(RootKey::from_bytes(&[8; 32]).check_value(), expected);
    }
}
