//! A record opens in its own place, whole, under its own key, and nowhere else.

use std::collections::HashSet;
use std::sync::Arc;

use oneself::clock::SystemRandomness;
use oneself::domain::{KeyOwner, WrappedKey};
use oneself::error::Error;
use oneself::id::{ConnectionId, TenantId, UserId};
use oneself::secret::Sealed;
use oneself::vault::{Field, Place, RootKey, Vault};

use super::{PLACE, TENANT, USER, assert_refused, key_of, vault};

const HEADER_LEN: usize = 86;
const TAG_LEN: usize = 16;

#[test]
fn what_was_sealed_opens_and_its_length_is_hidden() {
    let vault = vault();
    let key = key_of(&vault, TENANT, USER);
    for len in 0..400 {
        let plain: Vec<u8> = (0..len).map(|n| [0x80, 0, 1][n % 3]).collect();
        let sealed = vault.seal(&key, &PLACE, &plain).unwrap();
        let body = sealed.as_bytes().len() - HEADER_LEN - TAG_LEN;
        assert_eq!(body, (len / 64 + 1) * 64, "{len} bytes");
        assert_eq!(*vault.open(&key, &PLACE, &sealed).unwrap(), plain, "{len} bytes");
    }
}

#[test]
fn sec_vlt_02_every_bit_flip_and_truncation_of_100_records_is_refused() {
    let vault = vault();
    let key = key_of(&vault, TENANT, USER);
    let mut refused = 0;
    for n in 0..100 {
        let sealed = vault.seal(&key, &PLACE, &vec![0x55; n]).unwrap();
        let bytes = sealed.as_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_refused(
                vault.open(&key, &PLACE, &Sealed::from_bytes(flipped)),
                &format!("record {n}, bit {bit}"),
            );
            refused += 1;
        }
        for len in 0..bytes.len() {
            for cut in [&bytes[..len], &bytes[bytes.len() - len..]] {
                assert_refused(
                    vault.open(&key, &PLACE, &Sealed::from_bytes(cut.to_vec())),
                    &format!("record {n}, {len} bytes of it"),
                );
                refused += 1;
            }
        }
        let longer = [bytes, &[0]].concat();
        assert_refused(vault.open(&key, &PLACE, &Sealed::from_bytes(longer)), "a byte more");
        assert!(vault.open(&key, &PLACE, &sealed).is_ok());
    }
    assert!(refused > 100 * 1_600, "{refused}");
}

#[test]
fn sec_vlt_02_every_bit_flip_of_a_wrapped_key_is_refused() {
    let vault = vault();
    let (tenant, of_tenant) = vault.new_tenant_key(TENANT).unwrap();
    let (_, of_user) = vault.new_key(&tenant, USER).unwrap();
    let of_signing = vault.wrap_signing_key("kid", b"a private key").unwrap();
    for bit in 0..of_tenant.0.len() * 8 {
        let flipped = flip(&of_tenant, bit);
        assert_refused(
            vault.open_tenant_key(TENANT, &flipped),
            &format!("tenant key, bit {bit}"),
        );
    }
    for bit in 0..of_user.0.len() * 8 {
        let flipped = flip(&of_user, bit);
        assert_refused(vault.open_key(&tenant, USER, &flipped), &format!("user key, bit {bit}"));
    }
    for bit in 0..of_signing.0.len() * 8 {
        let flipped = flip(&of_signing, bit);
        assert_refused(
            vault.open_signing_key("kid", &flipped),
            &format!("signing key, bit {bit}"),
        );
    }
    assert_eq!(*vault.open_signing_key("kid", &of_signing).unwrap(), b"a private key");
}

fn flip(wrapped: &WrappedKey, bit: usize) -> WrappedKey {
    let mut bytes = wrapped.0.clone();
    bytes[bit / 8] ^= 1 << (bit % 8);
    WrappedKey(bytes)
}

#[test]
fn sec_vlt_02_a_record_opens_in_no_other_place() {
    let vault = vault();
    let key = key_of(&vault, TENANT, USER);
    let others = [
        (
            "connection",
            Place {
                connection: Some(ConnectionId::from_number(8)),
                ..PLACE
            },
        ),
        (
            "no connection",
            Place {
                connection: None,
                ..PLACE
            },
        ),
        (
            "issuer",
            Place {
                issuer: "https://issuer.example",
                ..PLACE
            },
        ),
        ("no issuer", Place { issuer: "", ..PLACE }),
        (
            "subject",
            Place {
                subject: "Subject",
                ..PLACE
            },
        ),
        ("no subject", Place { subject: "", ..PLACE }),
        ("version", Place { version: 2, ..PLACE }),
        ("negative version", Place { version: -1, ..PLACE }),
        (
            "client secret",
            Place {
                field: Field::ClientSecret,
                ..PLACE
            },
        ),
        (
            "event",
            Place {
                field: Field::Event,
                ..PLACE
            },
        ),
        (
            "cursor",
            Place {
                field: Field::Cursor,
                ..PLACE
            },
        ),
        (
            "undo",
            Place {
                field: Field::Undo,
                ..PLACE
            },
        ),
    ];
    let at_home = vault.seal(&key, &PLACE, b"secret").unwrap();
    for (what, other) in &others {
        assert_refused(vault.open(&key, other, &at_home), what);
        let elsewhere = vault.seal(&key, other, b"secret").unwrap();
        assert_refused(vault.open(&key, &PLACE, &elsewhere), what);
        assert!(vault.open(&key, other, &elsewhere).is_ok(), "{what}");
    }
}

#[test]
fn sec_vlt_02_a_record_is_bound_to_tenant_owner_and_key() {
    let vault = vault();
    let other_user = KeyOwner::User(UserId::from_bytes([9; 12]));
    let other_tenant = TenantId::from_number(5);
    let (tenant, of_tenant) = vault.new_tenant_key(TENANT).unwrap();
    let (key, of_user) = vault.new_key(&tenant, USER).unwrap();
    let sealed = vault.seal(&key, &PLACE, b"secret").unwrap();

    assert_refused(
        vault.open_tenant_key(other_tenant, &of_tenant),
        "a key of another tenant",
    );
    assert_refused(vault.open_key(&tenant, other_user, &of_user), "a key of another user");
    assert_refused(
        vault.open_key(&tenant, KeyOwner::Service, &of_user),
        "a user's key as service key",
    );
    assert_refused(vault.open_key(&tenant, USER, &of_tenant), "a tenant's key as user's");
    assert_refused(vault.open_tenant_key(TENANT, &of_user), "a user's key as tenant's");
    let (stranger, _) = vault.new_tenant_key(TENANT).unwrap();
    assert_refused(
        vault.open_key(&stranger, USER, &of_user),
        "another key of the same tenant",
    );
    let elsewhere = Vault::new(RootKey::from_bytes(&[2; 32]), Arc::new(SystemRandomness::new()));
    assert_refused(elsewhere.open_tenant_key(TENANT, &of_tenant), "another root key");
    assert_ne!(elsewhere.check_value(), vault.check_value());
    let signing = vault.wrap_signing_key("kid", &[3; 40]).unwrap();
    assert_refused(vault.open_signing_key("KID", &signing), "a signing key of another name");
    assert_refused(vault.open_tenant_key(TENANT, &signing), "a signing key as tenant's");

    let (another, _) = vault.new_key(&tenant, USER).unwrap();
    assert_refused(vault.open(&another, &PLACE, &sealed), "another key of the same user");
    let again = vault
        .open_key(&vault.open_tenant_key(TENANT, &of_tenant).unwrap(), USER, &of_user)
        .unwrap();
    assert_eq!((again.tenant(), again.owner()), (TENANT, USER));
    assert_eq!(*vault.open(&again, &PLACE, &sealed).unwrap(), b"secret");
}

#[test]
fn sec_vlt_02_a_letter_cannot_move_from_one_part_to_the_next() {
    let vault = vault();
    let key = key_of(&vault, TENANT, USER);
    let place = |issuer, subject| Place {
        issuer,
        subject,
        ..PLACE
    };
    let sealed = vault.seal(&key, &place("ab", "c"), b"secret").unwrap();
    for (issuer, subject) in [("a", "bc"), ("abc", ""), ("", "abc"), ("ab\0\u{1}c", "")] {
        assert_refused(vault.open(&key, &place(issuer, subject), &sealed), issuer);
    }
}

#[test]
fn a_part_that_has_no_length_is_refused() {
    let vault = vault();
    let key = key_of(&vault, TENANT, USER);
    let longest = "x".repeat(65_535);
    let too_long = "x".repeat(65_536);
    let place = |subject| Place { subject, ..PLACE };
    let sealed = vault.seal(&key, &place(&longest), b"secret").unwrap();
    assert!(vault.open(&key, &place(&longest), &sealed).is_ok());
    assert!(matches!(
        vault.seal(&key, &place(&too_long), b""),
        Err(Error::Internal(_))
    ));
    assert_refused(vault.open(&key, &place(&too_long), &sealed), "a part that is too long");
}

#[test]
fn sec_vlt_13_salts_do_not_repeat() {
    const RECORDS: usize = 100_000;
    let vault = Vault::new(RootKey::from_bytes(&[1; 32]), Arc::new(SystemRandomness::new()));
    let key = key_of(&vault, TENANT, USER);
    let salts: HashSet<Vec<u8>> = (0..RECORDS)
        .map(|_| vault.seal(&key, &PLACE, b"").unwrap().as_bytes()[10..42].to_vec())
        .collect();
    assert_eq!(salts.len(), RECORDS);
}
