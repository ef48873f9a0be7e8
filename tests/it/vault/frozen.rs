//! The layout stays what it was: what was once written opens for ever.
//!
//! `tests/data/vectors/vault-v1.json` was made once, with a random source that repeats.
//! It is opened here, and made again to see that nothing drifted. A new layout gets a
//! file of its own; this one is never written again.

use std::sync::Arc;

use oneself::clock::SeededRandom;
use oneself::domain::{KeyOwner, WrappedKey};
use oneself::id::{ConnectionId, TenantId, UserId};
use oneself::secret::{ExposeSecret as _, Sealed};
use oneself::vault::{Field, Place, RootKey, Vault};
use serde_json::{Value, json};

/// The lengths that stand around the edges of the padding.
const LENGTHS: [usize; 9] = [0, 1, 62, 63, 64, 65, 127, 128, 300];

/// How many fields there were when the file was made; others came after them.
const FIELDS: usize = 5;

/// The random source of the frozen file.
fn seeded() -> Arc<SeededRandom> {
    Arc::new(SeededRandom::new(0x0e5e_1f00))
}

fn frozen() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/vectors/vault-v1.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The file, made anew.
fn made_again() -> Value {
    let random = seeded();
    let root = RootKey::generate(&*random);
    let root_file = root.to_text().expose_secret().to_owned();
    let vault = Vault::new(root, random);
    let tenant_id = TenantId::from_number(0x1122_3344_5566_7788);
    let user = KeyOwner::User(UserId::from_bytes([0xab; 12]));
    let (tenant, of_tenant) = vault.new_tenant_key(tenant_id).unwrap();
    let (user_key, of_user) = vault.new_key(&tenant, user).unwrap();
    let (service_key, of_service) = vault.new_key(&tenant, KeyOwner::Service).unwrap();
    let pkcs8: Vec<u8> = (0..=255).collect();
    let mut records = Vec::new();
    for (n, len) in LENGTHS.into_iter().enumerate() {
        for (owner, key) in [("user", &user_key), ("service", &service_key)] {
            let place = Place {
                connection: (n % 3 != 0).then(|| ConnectionId::from_number(0x7766_5544_3322_1100)),
                issuer: ["", "https://issuer.example/", "twitter"][n % 3],
                subject: ["12345", "auth0|é\u{0}", ""][n % 3],
                field: Field::ALL[n % FIELDS],
                version: [1, i64::MAX, 0][n % 3],
            };
            let plain: Vec<u8> = (0..len).map(|byte| [0x80, 0, 0xff][byte % 3]).collect();
            let sealed = vault.seal(key, &place, &plain).unwrap();
            records.push(json!({
                "owner": owner,
                "connection": place.connection.map(ConnectionId::number),
                "issuer": place.issuer,
                "subject": place.subject,
                "field": place.field.name(),
                "version": place.version,
                "plain": hex::encode(plain),
                "sealed": hex::encode(sealed.as_bytes()),
            }));
        }
    }
    json!({
        "root_file": root_file,
        "check_value": hex::encode(vault.check_value()),
        "tenant": tenant_id.number(),
        "tenant_key": hex::encode(of_tenant.0),
        "user": hex::encode([0xab; 12]),
        "user_key": hex::encode(of_user.0),
        "service_key": hex::encode(of_service.0),
        "signing_kid": "kid",
        "signing_plain": hex::encode(&pkcs8),
        "signing_key": hex::encode(vault.wrap_signing_key("kid", &pkcs8).unwrap().0),
        "records": records,
    })
}

#[test]
fn frozen_records_open() {
    let frozen = frozen();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let bytes = |value: &Value, name: &str| hex::decode(text(value, name)).unwrap();
    let wrapped = |name: &str| WrappedKey(bytes(&frozen, name));

    let root = RootKey::from_text(&text(&frozen, "root_file")).unwrap();
    let vault = Vault::new(root, Arc::new(SeededRandom::new(99)));
    assert_eq!(vault.check_value().as_slice(), bytes(&frozen, "check_value"));
    let tenant = TenantId::from_number(frozen["tenant"].as_i64().unwrap());
    let tenant = vault.open_tenant_key(tenant, &wrapped("tenant_key")).unwrap();
    let user = UserId::from_bytes(bytes(&frozen, "user").try_into().unwrap());
    let user = vault
        .open_key(&tenant, KeyOwner::User(user), &wrapped("user_key"))
        .unwrap();
    let service = vault
        .open_key(&tenant, KeyOwner::Service, &wrapped("service_key"))
        .unwrap();
    let signing = vault.open_signing_key("kid", &wrapped("signing_key")).unwrap();
    assert_eq!(*signing, bytes(&frozen, "signing_plain"));

    let records = frozen["records"].as_array().unwrap();
    assert_eq!(records.len(), 18);
    for record in records {
        let (issuer, subject) = (text(record, "issuer"), text(record, "subject"));
        let place = Place {
            connection: record["connection"].as_i64().map(ConnectionId::from_number),
            issuer: &issuer,
            subject: &subject,
            field: *Field::ALL.iter().find(|field| record["field"] == field.name()).unwrap(),
            version: record["version"].as_i64().unwrap(),
        };
        let key = if record["owner"] == "user" { &user } else { &service };
        let opened = vault
            .open(key, &place, &Sealed::from_bytes(bytes(record, "sealed")))
            .unwrap();
        assert_eq!(*opened, bytes(record, "plain"), "{record}");
    }
}

#[test]
fn the_layout_does_not_drift() {
    let (frozen, again) = (frozen(), made_again());
    assert_eq!(frozen, again, "made again:\n{again:#}");
}

#[test]
fn fields_have_names_of_their_own() {
    let names: std::collections::HashSet<_> = Field::ALL.iter().map(|field| field.name()).collect();
    assert_eq!(names.len(), Field::ALL.len());
    for kind in ["tenant_key", "user_key", "service_key", "signing_key"] {
        assert!(!names.contains(kind), "{kind} is what a wrapped key is bound to");
    }
}
