//! Certificates that are not to be believed get nothing: no request is sent.

use std::net::Ipv4Addr;
use std::sync::Arc;

use oneself::outbound::{Outbound, OutboundError, OutboundSettings};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::{Answers, get};

/// An authority that only these tests trust.
struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }
}

/// A server with one certificate; the port, and what it was sent after each handshake.
async fn server(name: &str, signed_by: Option<&Authority>, until: i32) -> (u16, mpsc::UnboundedReceiver<String>) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = rcgen::date_time_ymd(2000, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = match signed_by {
        Some(authority) => params.signed_by(&key, &authority.issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sent, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let name = stream.get_ref().1.server_name().unwrap_or("nobody").to_owned();
            let mut buffer = [0; 1024];
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            if read > 0 {
                let _ = sent.send(format!("{name} {}", String::from_utf8_lossy(&buffer[..read])));
            }
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        }
    });
    (port, received)
}

fn client(port: u16, authority: &Authority) -> Outbound {
    Outbound::new(OutboundSettings {
        nets: vec!["127.0.0.0/8".parse().unwrap()],
        ports: vec![port],
        resolver: Answers::of(&[&["127.0.0.1"]]),
        roots: vec![authority.certificate.clone()],
        ..OutboundSettings::default()
    })
}

#[tokio::test]
async fn sec_egr_02_the_name_of_the_url_is_asked_for_and_shown() {
    let authority = Authority::named("one");
    let (port, mut received) = server("idp.example", Some(&authority), 2100).await;
    let reply = get(&client(port, &authority), &format!("https://idp.example:{port}/x"))
        .await
        .unwrap();
    assert_eq!(reply.status, 204);
    let request = received.recv().await.unwrap();
    assert!(request.starts_with("idp.example GET /x HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: idp.example:{port}\r\n")), "{request}");
}

#[tokio::test]
async fn sec_egr_09_bad_certificates_get_nothing() {
    let (authority, other) = (Authority::named("one"), Authority::named("another"));
    for (what, name, signed_by, until, says) in [
        ("expired", "idp.example", Some(&authority), 2020, "xpired"),
        ("self-signed", "idp.example", None, 2100, "nknownIssuer"),
        (
            "of another authority",
            "idp.example",
            Some(&other),
            2100,
            "nknownIssuer",
        ),
        (
            "of another name",
            "other.example",
            Some(&authority),
            2100,
            "not valid for name",
        ),
    ] {
        let (port, mut received) = server(name, signed_by, until).await;
        let outcome = get(&client(port, &authority), &format!("https://idp.example:{port}/")).await;
        match outcome {
            Err(OutboundError::Unreachable(said)) => assert!(said.contains(says), "{what}: {said}"),
            other => panic!("{what}: {other:?}"),
        }
        assert!(received.try_recv().is_err(), "{what}: something was sent");
    }
}

#[tokio::test]
async fn sec_egr_09_what_does_not_speak_tls_gets_nothing() {
    let server = super::Fake::says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let url = format!("https://{}/secret", server.address);
    let client = server.client(|settings| settings.limits.connect = std::time::Duration::from_millis(200));
    let error = get(&client, &url).await.unwrap_err();
    assert!(
        matches!(error, OutboundError::Unreachable(_) | OutboundError::TimedOut),
        "{error:?}"
    );
    assert!(!server.heads.lock().iter().any(|head| head.contains("secret")));
}

/// However a library calls what would believe anything.
#[test]
fn sec_egr_09_nothing_switches_the_checks_off() {
    for path in crate::house::files_below("src", "rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        for switch in [
            ".dangerous()",
            "danger_accept",
            "ServerCertVerifier",
            "with_custom_certificate_verifier",
        ] {
            assert!(!text.contains(switch), "{} has {switch}", path.display());
        }
    }
}
