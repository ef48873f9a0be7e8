//! What secrets cannot do, asked of the compiler.

use std::marker::PhantomData;

use oneself::clock::SystemRandomness;
use oneself::domain::TokenSet;
use oneself::jwt::{KeyRing, SigningKey};
use oneself::secret::{SecretSlice, SecretString};
use oneself::vault::{RecordKey, RootKey, TenantKey, Vault};

use super::{TENANT, USER, key_of, vault};

/// Whether a type implements a trait. Where it does, the constant of `Probe` itself is
/// found before that of the trait, which every `Probe` has.
macro_rules! implements {
    ($type:ty, $($bound:tt)+) => {{
        struct Probe<T: ?Sized>(PhantomData<T>);
        trait _Otherwise {
            const _ANSWER: bool = false;
        }
        impl<T: ?Sized> _Otherwise for Probe<T> {}
        impl<T: ?Sized + $($bound)+> Probe<T> {
            const _ANSWER: bool = true;
        }
        <Probe<$type>>::_ANSWER
    }};
}

macro_rules! assert_mute {
    ($($type:ty),+) => {$(
        assert!(!implements!($type, std::fmt::Display), concat!(stringify!($type), " can be shown"));
        assert!(!implements!($type, serde::Serialize), concat!(stringify!($type), " can be serialized"));
        assert!(!implements!($type, PartialEq), concat!(stringify!($type), " can be compared"));
    )+};
}

#[test]
fn the_question_has_two_answers() {
    assert!(implements!(String, std::fmt::Display));
    assert!(implements!(str, serde::Serialize));
    assert!(implements!(u8, PartialEq));
    assert!(implements!(String, Clone));
    assert!(!implements!(Vec<u8>, std::fmt::Display));
    assert!(!implements!(SystemRandomness, Clone));
}

#[test]
fn sec_vlt_06_secrets_cannot_be_shown_serialized_or_copied() {
    assert_mute!(
        SecretString,
        SecretSlice<u8>,
        TokenSet,
        RootKey,
        TenantKey,
        RecordKey,
        Vault,
        SigningKey,
        KeyRing
    );
    assert!(!implements!(TokenSet, Clone));
    assert!(!implements!(RootKey, Clone));
    assert!(!implements!(Vault, Clone));
    assert!(!implements!(SigningKey, Clone));
    assert!(!implements!(KeyRing, Clone));
    assert!(!implements!(RootKey, std::fmt::Debug));
    assert!(!implements!(SigningKey, std::fmt::Debug));
}

#[test]
fn sec_vlt_12_digests_are_the_only_secrets_that_compare() {
    assert!(!implements!(SecretString, PartialEq<str>));
    assert!(!implements!(SecretString, PartialEq<String>));
    assert!(!implements!(RootKey, PartialEq<[u8; 32]>));
    assert!(implements!(oneself::secret::Digest, PartialEq));
}

#[test]
fn sec_vlt_06_keys_show_whose_they_are_and_nothing_more() {
    let vault = vault();
    let key = key_of(&vault, TENANT, USER);
    assert_eq!(
        format!("{key:?}"),
        "RecordKey(ten_0123456789abcdef, User(61207573657227732069642e))"
    );
    let (tenant, wrapped) = vault.new_tenant_key(TENANT).unwrap();
    assert_eq!(format!("{tenant:?}"), "TenantKey(ten_0123456789abcdef)");
    assert_eq!(format!("{wrapped:?}"), "WrappedKey");
    let secret = SecretString::from("canary".to_owned());
    assert!(!format!("{secret:?}").contains("canary"));
}
