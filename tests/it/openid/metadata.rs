//! Metadata is believed when it is the issuer's own and leads where we may go (FLW-12, EGR-05).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use oneself::error::{Error, NetworkFault};
use oneself::outbound::{Outbound, OutboundSettings};
use oneself::providers::oidc::{ExpectedIssuer, Metadata};
use serde_json::{Value, json};

use super::{Signer, World};

const ENDPOINTS: [&str; 6] = [
    "jwks_uri",
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
];

fn good() -> Value {
    let mut metadata = json!({"issuer": "https://idp.example", "op_policy_uri": "http://idp.example/terms"});
    for name in ENDPOINTS {
        metadata[name] = json!(format!("https://idp.example/{name}"));
    }
    metadata
}

fn read(document: &str, issuer: &str) -> Result<Metadata, NetworkFault> {
    let outbound = Outbound::new(OutboundSettings::default());
    let issuer = ExpectedIssuer::Exactly(issuer.to_owned());
    Metadata::read(document.as_bytes(), &issuer, |url| outbound.check(url).is_ok())
}

#[test]
fn sec_flw_12_the_issuer_is_the_same_byte_for_byte() {
    let metadata = good().to_string();
    assert_eq!(
        read(&metadata, "https://idp.example").unwrap().jwks_uri,
        "https://idp.example/jwks_uri"
    );
    for other in [
        "https://idp.example/",
        "https://IDP.example",
        "https://idp.example:443",
        "http://idp.example",
        "",
    ] {
        assert_eq!(read(&metadata, other), Err(NetworkFault::Misconfigured), "{other}");
    }
    for (text, fault) in [
        ("<html>", NetworkFault::Garbled),
        ("[]", NetworkFault::Garbled),
        ("{}", NetworkFault::Garbled),
        (r#"{"issuer":["https://idp.example"]}"#, NetworkFault::Garbled),
        (r#"{"issuer":"https://idp.example"}"#, NetworkFault::Misconfigured),
        (
            r#"{"issuer":"https://evil.example","issuer":"https://idp.example","jwks_uri":"https://idp.example/"}"#,
            NetworkFault::Garbled,
        ),
    ] {
        assert_eq!(read(text, "https://idp.example"), Err(fault), "{text}");
    }
}

#[test]
fn sec_egr_05_every_endpoint_is_one_that_may_be_asked() {
    for name in ENDPOINTS {
        for trap in [
            "http://idp.example/x",
            "https://10.0.0.1/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://169.254.169.254/",
            "https://localhost/",
            "https://idp.example:22/",
            "https://a@idp.example/",
            "https://idp.example/#x",
            "file:///etc/passwd",
            "",
        ] {
            let mut metadata = good();
            metadata[name] = json!(trap);
            assert_eq!(
                read(&metadata.to_string(), "https://idp.example"),
                Err(NetworkFault::Misconfigured),
                "{name} {trap}"
            );
        }
        let mut metadata = good();
        metadata[name] = json!(7);
        assert_eq!(
            read(&metadata.to_string(), "https://idp.example"),
            Err(NetworkFault::Misconfigured)
        );
    }
}

#[test]
fn microsofts_metadata_stands_for_all_directories() {
    let metadata = json!({
        "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
        "jwks_uri": "https://login.microsoftonline.com/common/discovery/v2.0/keys",
    });
    let read = |issuer| Metadata::read(metadata.to_string().as_bytes(), &issuer, |_| true);
    assert!(read(ExpectedIssuer::OfDirectory).is_ok());
    assert!(
        read(ExpectedIssuer::Exactly(
            "https://login.microsoftonline.com/x/v2.0".into()
        ))
        .is_err()
    );
}

#[tokio::test]
async fn sec_flw_12_metadata_that_became_wrong_leaves_the_old_in_force() {
    let (key, new) = (Signer::p256("1"), Signer::p256("2"));
    let w = World::new(&[&key]).await;
    w.verify(0, &key.token(&w.issuer, 0)).await.unwrap();
    let url = w.issuer.url();
    let mut now = 0;
    for (name, value) in [
        ("issuer", json!("https://evil.example")),
        ("issuer", json!(format!("{url}/"))),
        ("token_endpoint", json!("http://evil.example/token")),
        ("token_endpoint", json!("https://10.0.0.1/token")),
        // Fit to be asked, and at somebody else's.
        ("token_endpoint", json!("https://evil.example/token")),
        ("jwks_uri", json!("https://10.0.0.1/")),
        ("jwks_uri", json!("https://evil.example/keys")),
    ] {
        let mut metadata = w.issuer.metadata();
        metadata[name] = value.clone();
        w.issuer.says(&metadata);
        now += 61;
        let unknown = w.verify(now, &Signer::p256("3").token(&w.issuer, now)).await;
        assert!(
            matches!(unknown, Err(Error::Network(NetworkFault::Misconfigured))),
            "{name} {value}: {unknown:?}"
        );
        w.verify(now, &key.token(&w.issuer, now)).await.unwrap();
    }
    // The keys are looked for where they were.
    w.issuer.shows(&[&new]);
    w.verify(now + 61, &new.token(&w.issuer, now)).await.unwrap();
}

#[tokio::test]
async fn sec_egr_05_nobody_is_sent_to_a_trap() {
    let came = Arc::new(AtomicUsize::new(0));
    let trap = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = trap.local_addr().unwrap();
    let counted = came.clone();
    tokio::spawn(async move {
        while trap.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let key = Signer::p256("1");
    for name in ENDPOINTS {
        for scheme in ["http", "https"] {
            let w = World::new(&[&key]).await;
            let mut metadata = w.issuer.metadata();
            metadata[name] = json!(format!("{scheme}://{address}/"));
            w.issuer.says(&metadata);
            let outcome = w.verify(0, &key.token(&w.issuer, 0)).await;
            assert!(
                matches!(outcome, Err(Error::Network(NetworkFault::Misconfigured))),
                "{name}: {outcome:?}"
            );
        }
    }
    assert_eq!(came.load(Ordering::SeqCst), 0);
}
