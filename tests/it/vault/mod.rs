//! The vault, from outside: layout, binding, primitives, and what secrets cannot do.

mod binding;
mod frozen;
mod primitives;
mod second;
mod secrets;

use std::sync::Arc;

use oneself::clock::SeededRandom;
use oneself::domain::KeyOwner;
use oneself::error::Error;
use oneself::id::{ConnectionId, TenantId, UserId};
use oneself::vault::{Field, Place, RecordKey, RootKey, Vault};

const TENANT: TenantId = TenantId::from_number(0x0123_4567_89ab_cdef);
const USER: KeyOwner = KeyOwner::User(UserId::from_bytes(*b"a user's id."));
const PLACE: Place<'static> = Place {
    connection: Some(ConnectionId::from_number(7)),
    issuer: "https://issuer.example/",
    subject: "subject",
    field: Field::TokenSet,
    version: 1,
};

/// A vault whose chance repeats.
fn vault() -> Vault {
    Vault::new(RootKey::from_bytes(&[1; 32]), Arc::new(SeededRandom::new(1)))
}

/// A new key of a new tenant.
fn key_of(vault: &Vault, tenant: TenantId, owner: KeyOwner) -> RecordKey {
    let (tenant, _) = vault.new_tenant_key(tenant).unwrap();
    vault.new_key(&tenant, owner).unwrap().0
}

/// That it did not open, with the one error that there is for that.
#[track_caller]
fn assert_refused<T>(result: Result<T, Error>, what: &str) {
    match result {
        Err(Error::CryptoIntegrity) => {}
        Err(other) => panic!("{what}: another error, {other:?}"),
        Ok(_) => panic!("{what}: opened"),
    }
}
