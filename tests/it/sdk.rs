//! The public client libraries, unmodified, against the real binary.
//!
//! They are not part of the build: `./test` installs them where it can, and says by
//! `ONESELF_TEST_PYTHON` which Python has what `tests/sdk/python/requirements.txt` names.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::blackbox::server::{Installation, Server};

/// The number of distinct calls that the script pins over each protocol.
const CALLS: [(&str, usize); 2] = [("http", 15), ("https", 16)];

/// Writes `ca.pem`, and `cert.pem` with `key.pem` for this machine, signed by it.
fn throw_away_authority(folder: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "throw-away authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);

    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let mut params = CertificateParams::new(names).unwrap();
    params.use_authority_key_identifier_extension = true;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    fs::write(folder.join("ca.pem"), pem("CERTIFICATE", authority.der())).unwrap();
    fs::write(folder.join("cert.pem"), pem("CERTIFICATE", certificate.der())).unwrap();
    fs::write(folder.join("key.pem"), pem("PRIVATE KEY", &key.serialize_der())).unwrap();
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| str::from_utf8(line).unwrap())
        .collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[test]
fn auth0_python_does_every_call_over_http_and_over_tls() {
    let Some(python) = std::env::var_os("ONESELF_TEST_PYTHON") else {
        println!("skipped: ONESELF_TEST_PYTHON names no Python with auth0-python; ./test sets it");
        return;
    };
    for (protocol, calls) in CALLS {
        let installation = Installation::new();
        let folder = installation.folder();
        let client = [
            "client",
            "add",
            "--tenant",
            "acme",
            "--grant",
            "password-realm",
            "--json",
        ];
        let client = installation.answer(&client);
        fs::write(folder.join("tenant.json"), installation.credentials().to_string()).unwrap();
        fs::write(folder.join("client.json"), client.to_string()).unwrap();
        let mut command = installation.serve_command();
        if protocol == "https" {
            throw_away_authority(folder);
            command.arg("--tls-cert").arg(folder.join("cert.pem"));
            command.arg("--tls-key").arg(folder.join("key.pem"));
        }
        let server = Server::start(command, installation.credentials());
        let mut script = Command::new(&python);
        if protocol == "https" {
            script.env("SSL_CERT_FILE", folder.join("ca.pem"));
            script.env("REQUESTS_CA_BUNDLE", folder.join("ca.pem"));
        }
        let output = script
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/python/run.py"))
            .args(["--protocol", protocol, "--host", &server.address().to_string()])
            .args(["--tenant", "tenant.json", "--client", "client.json"])
            .current_dir(folder)
            .output()
            .unwrap();
        let (out, errors) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "over {protocol}: {out}\n{errors}");
        assert_eq!(out.trim(), format!("{calls} distinct calls of the SDK over {protocol}"));
        println!("{}", out.trim());
    }
}
