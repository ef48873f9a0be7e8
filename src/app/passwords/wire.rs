//! Auth0's `custom_password_hash` (`api/auth0.md` 10.3), read into what verifies it.
//!
//!     {"algorithm", "hash": {"value", "encoding", "digest", "key": {"value", "encoding"}},
//!      "salt": {"value", "encoding", "position"}, "password": {"encoding"},
//!      "keylen", "cost", "blockSize", "parallelization"}
//!
//! The object is closed. A member that its algorithm has no use for is refused rather than
//! passed over: it says that the algorithm is another one than was meant.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::digests::DigestKind;
use super::imported::{Encoding, Form, Kept, Salt};
use crate::domain::Object;
use crate::error::{Error, Result};

/// The longest text in it, in bytes.
const TEXT_LIMIT_BYTES: usize = 2048;

const ALGORITHMS: &str = "must be one of argon2, bcrypt, hmac, ldap, md4, md5, sha1, sha256, sha512, pbkdf2 and scrypt";

/// Base64 with or without its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads the object.
///
/// # Errors
/// [`Error::Invalid`] with the path of the member.
pub(super) fn read(object: &Object) -> Result<Kept> {
    let whole = Members {
        path: "",
        members: object,
    };
    let algorithm = whole.text("algorithm")?.ok_or_else(|| whole.missing("algorithm"))?;
    let hash = whole.object("hash")?.ok_or_else(|| whole.missing("hash"))?;
    let value = hash.text("value")?.ok_or_else(|| hash.missing("value"))?;
    let encoding = match whole.object("password")? {
        None => Encoding::Utf8,
        Some(password) => {
            password.only(&["encoding"])?;
            password_encoding(&password)?
        }
    };
    let salted = ["algorithm", "hash", "password", "salt"];
    let unsalted = ["algorithm", "hash", "password"];
    let form = match algorithm {
        "argon2" | "bcrypt" | "pbkdf2" | "ldap" => {
            whole.only(&unsalted)?;
            hash.only(&["value", "encoding"])?;
            if hash.text("encoding")?.is_some_and(|encoding| encoding != "utf8") {
                return Err(hash.invalid("encoding", "must be utf8 for this algorithm"));
            }
            match algorithm {
                "argon2" => Form::argon2("hash.value", value)?,
                "bcrypt" => Form::bcrypt("hash.value", value)?,
                "pbkdf2" => pbkdf2(value)?,
                _ => ldap(value)?,
            }
        }
        "scrypt" => {
            whole.only(&[
                "algorithm",
                "hash",
                "password",
                "salt",
                "keylen",
                "cost",
                "blockSize",
                "parallelization",
            ])?;
            hash.only(&["value", "encoding"])?;
            let salt = salt(&whole)?.ok_or_else(|| whole.missing("salt"))?;
            let hash = digest_bytes(&hash, value, None)?;
            let length = whole.number("keylen")?.ok_or_else(|| whole.missing("keylen"))?;
            if u64::try_from(hash.len()) != Ok(length) {
                return Err(whole.invalid("keylen", "must be the length of the hash in bytes"));
            }
            Form::scrypt(
                whole.number("cost")?.unwrap_or(16_384),
                whole.number("blockSize")?.unwrap_or(8),
                whole.number("parallelization")?.unwrap_or(1),
                [salt.before, salt.after].concat(),
                hash,
            )?
        }
        "hmac" => {
            whole.only(&salted)?;
            hash.only(&["value", "encoding", "digest", "key"])?;
            let name = hash.text("digest")?.ok_or_else(|| hash.missing("digest"))?;
            let kind = DigestKind::named(name)
                .ok_or_else(|| hash.invalid("digest", format!("must be {}", DigestKind::NAMES)))?;
            let key = hash.object("key")?.ok_or_else(|| hash.missing("key"))?;
            key.only(&["value", "encoding"])?;
            let key = key.bytes()?;
            Form::Hmac {
                kind,
                key,
                salt: salt(&whole)?.unwrap_or_default(),
                hash: digest_bytes(&hash, value, Some(kind))?,
            }
        }
        "md4" | "md5" | "sha1" | "sha256" | "sha512" => {
            whole.only(&salted)?;
            hash.only(&["value", "encoding"])?;
            let kind = DigestKind::named(algorithm).ok_or_else(|| whole.invalid("algorithm", ALGORITHMS))?;
            Form::Digest {
                kind,
                salt: salt(&whole)?.unwrap_or_default(),
                hash: digest_bytes(&hash, value, Some(kind))?,
            }
        }
        _ => return Err(whole.invalid("algorithm", ALGORITHMS)),
    };
    Ok(Kept { form, encoding })
}

/// The encodings of Node's `Buffer` that texts have; `ucs2` and `binary` are its other names.
fn password_encoding(password: &Members<'_>) -> Result<Encoding> {
    Ok(match password.text("encoding")? {
        None | Some("utf8") => Encoding::Utf8,
        Some("utf16le" | "ucs2") => Encoding::Utf16Le,
        Some("ascii") => Encoding::Ascii,
        Some("latin1" | "binary") => Encoding::Latin1,
        Some(_) => {
            return Err(password.invalid(
                "encoding",
                "must be one of utf8, utf16le, ucs2, ascii, latin1 and binary",
            ));
        }
    })
}

/// The salt, where it stands; before the password unless it says otherwise.
fn salt(whole: &Members<'_>) -> Result<Option<Salt>> {
    let Some(salt) = whole.object("salt")? else {
        return Ok(None);
    };
    salt.only(&["value", "encoding", "position"])?;
    let bytes = salt.bytes()?;
    match salt.text("position")? {
        None | Some("prefix") => Ok(Some(Salt {
            before: bytes,
            after: Vec::new(),
        })),
        Some("suffix") => Ok(Some(Salt {
            before: Vec::new(),
            after: bytes,
        })),
        Some(_) => Err(salt.invalid("position", "must be prefix or suffix")),
    }
}

/// What a digest made, in hexadecimal or base64, and as long as this digest makes it.
fn digest_bytes(hash: &Members<'_>, value: &str, kind: Option<DigestKind>) -> Result<Vec<u8>> {
    let bytes = match hash.text("encoding")? {
        Some("hex") => hex::decode(value).ok(),
        Some("base64") => base64(value),
        Some(_) => return Err(hash.invalid("encoding", "must be hex or base64 for this algorithm")),
        None => return Err(hash.missing("encoding")),
    };
    let bytes = bytes.ok_or_else(|| hash.invalid("value", "is not in its encoding"))?;
    match kind {
        Some(kind) if bytes.len() != kind.length() => {
            Err(hash.invalid("value", format!("must have {} bytes for this digest", kind.length())))
        }
        _ if bytes.is_empty() => Err(hash.invalid("value", "must not be empty")),
        _ => Ok(bytes),
    }
}

/// Base64 in either alphabet.
fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.replace('-', "+").replace('_', "/")).ok()
}

/// `$pbkdf2-<digest>$i=<rounds>,l=<bytes>$<salt>$<hash>`.
fn pbkdf2(text: &str) -> Result<Form> {
    const FIELD: &str = "hash.value";
    let malformed = || {
        Error::invalid(
            FIELD,
            "must be $pbkdf2-<digest>$i=<iterations>,l=<bytes>$<salt>$<hash>, both in base64",
        )
    };
    let parts: Vec<&str> = text.split('$').collect();
    let ["", name, params, salt, hash] = parts.as_slice() else {
        return Err(malformed());
    };
    let kind = name
        .strip_prefix("pbkdf2-")
        .and_then(DigestKind::named)
        .filter(|kind| kind.has_pbkdf2())
        .ok_or_else(|| Error::invalid(FIELD, "must be of md4, md5, sha1, sha256, sha384 or sha512"))?;
    let (mut rounds, mut length) = (None, None);
    for param in params.split(',') {
        let place = match param.split_once('=') {
            Some(("i", value)) => (&mut rounds, value),
            Some(("l", value)) => (&mut length, value),
            _ => return Err(malformed()),
        };
        if place
            .0
            .replace(place.1.parse::<NonZeroU32>().map_err(|_| malformed())?)
            .is_some()
        {
            return Err(malformed());
        }
    }
    let (salt, hash) = base64(salt).zip(base64(hash)).ok_or_else(malformed)?;
    if hash.is_empty() || length.is_some_and(|length| u32::try_from(hash.len()) != Ok(length.get())) {
        return Err(Error::invalid(FIELD, "must have a hash of l bytes"));
    }
    Form::pbkdf2(FIELD, kind, rounds.ok_or_else(malformed)?, salt, hash)
}

/// `{SCHEME}` and base64 (RFC 2307, section 5.3): the digest, and after it the salt of a
/// scheme that begins with an S, which stood after the password too.
fn ldap(text: &str) -> Result<Form> {
    const FIELD: &str = "hash.value";
    let (scheme, value) = text
        .strip_prefix('{')
        .and_then(|rest| rest.split_once('}'))
        .ok_or_else(|| Error::invalid(FIELD, "must be {SCHEME} and base64"))?;
    let (kind, salted) = match scheme.to_ascii_uppercase().replace('-', "").as_str() {
        "MD5" => (DigestKind::Md5, false),
        "SMD5" => (DigestKind::Md5, true),
        "SHA" | "SHA1" => (DigestKind::Sha1, false),
        "SSHA" | "SSHA1" => (DigestKind::Sha1, true),
        "SHA256" => (DigestKind::Sha256, false),
        "SSHA256" => (DigestKind::Sha256, true),
        "SHA384" => (DigestKind::Sha384, false),
        "SSHA384" => (DigestKind::Sha384, true),
        "SHA512" => (DigestKind::Sha512, false),
        "SSHA512" => (DigestKind::Sha512, true),
        _ => {
            return Err(Error::invalid(
                FIELD,
                "must have one of the schemes MD5, SMD5, SHA, SSHA, and SHA and SSHA with 256, 384 or 512",
            ));
        }
    };
    let bytes = base64(value).ok_or_else(|| Error::invalid(FIELD, "must have base64 after its scheme"))?;
    match bytes.split_at_checked(kind.length()) {
        Some((hash, salt)) if salt.is_empty() != salted => Ok(Form::Digest {
            kind,
            salt: Salt {
                before: Vec::new(),
                after: salt.to_vec(),
            },
            hash: hash.to_vec(),
        }),
        _ => Err(Error::invalid(
            FIELD,
            "must have a digest of its scheme, and a salt after it if the scheme is salted",
        )),
    }
}

/// An object of it, and where it stands.
struct Members<'a> {
    path: &'static str,
    members: &'a Object,
}

impl<'a> Members<'a> {
    fn invalid(&self, name: &str, reason: impl Into<String>) -> Error {
        Error::invalid(format!("{}{name}", self.path), reason.into())
    }

    fn missing(&self, name: &str) -> Error {
        self.invalid(name, "is missing")
    }

    /// That nothing else is in it. What is no member of any form is named by its place alone.
    fn only(&self, names: &[&str]) -> Result<()> {
        match self.members.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(self.invalid(
                &name.chars().take(40).collect::<String>(),
                "is unknown, or of no use with this algorithm",
            )),
        }
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>> {
        match self.members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= TEXT_LIMIT_BYTES => Ok(Some(text)),
            Some(Value::String(_)) => Err(self.invalid(name, format!("must have at most {TEXT_LIMIT_BYTES} bytes"))),
            Some(_) => Err(self.invalid(name, "must be a string")),
        }
    }

    fn number(&self, name: &str) -> Result<Option<u64>> {
        match self.members.get(name) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(number) => Ok(Some(number)),
                None => Err(self.invalid(name, "must be a whole number, not negative")),
            },
        }
    }

    fn object(&self, name: &str) -> Result<Option<Self>> {
        let path = match (self.path, name) {
            ("", "hash") => "hash.",
            ("", "salt") => "salt.",
            ("", "password") => "password.",
            _ => "hash.key.",
        };
        match self.members.get(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Self { path, members })),
            Some(_) => Err(self.invalid(name, "must be an object")),
        }
    }

    /// The bytes of a `value` with its `encoding`, which is utf8 unless it says otherwise.
    fn bytes(&self) -> Result<Vec<u8>> {
        let value = self.text("value")?.ok_or_else(|| self.missing("value"))?;
        let bytes = match self.text("encoding")? {
            None | Some("utf8") => Some(value.as_bytes().to_vec()),
            Some("hex") => hex::decode(value).ok(),
            Some("base64") => base64(value),
            Some(_) => return Err(self.invalid("encoding", "must be base64, hex or utf8")),
        };
        bytes.ok_or_else(|| self.invalid("value", "is not in its encoding"))
    }
}
