//! A second implementation of the layout, in Python, and ours read each other.
//!
//! `tests/second/record.py` was written from the description alone. It wants the package
//! `cryptography`: `ONESELF_TEST_PYTHON` names the interpreter of a virtualenv that has it, and `./test` makes
//! one. Without it the test says that it was skipped.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use oneself::clock::{Random as _, SeededRandom};
use oneself::domain::{KeyOwner, WrappedKey};
use oneself::id::{ConnectionId, TenantId, UserId};
use oneself::secret::{ExposeSecret as _, Sealed};
use oneself::vault::{Field, Place, RootKey, Vault};
use serde_json::{Value, json};

use super::TENANT;

const RECORDS: usize = 1_000;

/// A place and a secret, drawn.
struct Drawn {
    connection: Option<ConnectionId>,
    issuer: String,
    subject: String,
    field: Field,
    version: i64,
    plain: Vec<u8>,
}

impl Drawn {
    fn new(random: &SeededRandom) -> Self {
        let byte = || {
            let mut byte = [0];
            random.fill(&mut byte);
            usize::from(byte[0])
        };
        let text = |len: usize| (0..len).map(|_| ['a', '|', '\0', 'é', '/'][byte() % 5]).collect();
        let mut plain = vec![0; byte() * (byte() % 5)];
        random.fill(&mut plain);
        Self {
            connection: (byte() % 4 != 0).then(|| ConnectionId::new(random)),
            issuer: text(byte() % 40),
            subject: text(byte()),
            field: Field::ALL[byte() % Field::ALL.len()],
            version: i64::try_from(byte()).unwrap(),
            plain,
        }
    }

    fn place(&self) -> Place<'_> {
        Place {
            connection: self.connection,
            issuer: &self.issuer,
            subject: &self.subject,
            field: self.field,
            version: self.version,
        }
    }
}

#[test]
fn python_opens_our_records_and_we_open_pythons() {
    let Some(python) = std::env::var_os("ONESELF_TEST_PYTHON") else {
        println!("skipped: ONESELF_TEST_PYTHON names no interpreter with the package cryptography");
        return;
    };
    let random = Arc::new(SeededRandom::new(77));
    let root = RootKey::generate(&*random);
    let root_file = root.to_text().expose_secret().to_owned();
    let vault = Vault::new(root, random.clone());
    let user = KeyOwner::User(UserId::from_bytes([5; 12]));
    let (tenant, of_tenant) = vault.new_tenant_key(TENANT).unwrap();
    let (key, of_user) = vault.new_key(&tenant, user).unwrap();
    let (_, of_service) = vault.new_key(&tenant, KeyOwner::Service).unwrap();

    let drawn: Vec<Drawn> = (0..RECORDS).map(|_| Drawn::new(&random)).collect();
    let records: Vec<Value> = drawn
        .iter()
        .map(|record| {
            json!({
                "connection": record.connection.map(ConnectionId::number),
                "issuer": record.issuer,
                "subject": record.subject,
                "field": record.field.name(),
                "version": record.version,
                "plain": hex::encode(&record.plain),
                "sealed": hex::encode(vault.seal(&key, &record.place(), &record.plain).unwrap().as_bytes()),
            })
        })
        .collect();
    let theirs = run(
        &python,
        &json!({
            "root_file": root_file,
            "tenant": TENANT.number(),
            "tenant_key": hex::encode(of_tenant.0),
            "user": hex::encode([5; 12]),
            "user_key": hex::encode(of_user.0),
            "service_key": hex::encode(of_service.0),
            "records": records,
        }),
    );

    let bytes = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    assert_eq!(theirs["opened"], RECORDS, "{theirs}");
    assert_eq!(theirs["refused"], RECORDS, "records with one bit flipped");
    assert_eq!(bytes(&theirs["check_value"]), vault.check_value());
    let sealed = theirs["sealed"].as_array().unwrap();
    assert_eq!(sealed.len(), RECORDS);
    for (record, sealed) in drawn.iter().zip(sealed) {
        let opened = vault
            .open(&key, &record.place(), &Sealed::from_bytes(bytes(sealed)))
            .unwrap();
        assert_eq!(*opened, record.plain);
    }
    let new_tenant = TenantId::from_number(99);
    let tenant = vault
        .open_tenant_key(new_tenant, &WrappedKey(bytes(&theirs["new_tenant_key"])))
        .unwrap();
    let key = vault
        .open_key(
            &tenant,
            KeyOwner::Service,
            &WrappedKey(bytes(&theirs["new_service_key"])),
        )
        .unwrap();
    let opened = vault
        .open(
            &key,
            &super::PLACE,
            &Sealed::from_bytes(bytes(&theirs["under_new_key"])),
        )
        .unwrap();
    assert_eq!(*opened, b"under a key that Python made");
}

/// What the program answers on its standard output to this on its standard input.
fn run(python: &std::ffi::OsStr, input: &Value) -> Value {
    let mut child = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/second/record.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", python.display()));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "record.py failed: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}
