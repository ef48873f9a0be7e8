//! The public client libraries, unmodified, against the real binary.
//!
//! They are not part of the build: `./test` installs them, and says by `ONESELF_TEST_PYTHON`
//! which Python has what `tests/sdk/python/requirements.txt` names, and by `ONESELF_TEST_NODE` in
//! which folder are the packages of `tests/sdk/node/package.json`.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::blackbox::server::{Installation, Server};
use crate::support::authority::throw_away_authority;

/// The numbers of distinct calls that the scripts pin over each protocol.
const PYTHON_CALLS: [(&str, usize); 2] = [("http", 59), ("https", 60)];
const NODE_CALLS: [(&str, usize); 2] = [("http", 58), ("https", 58)];

/// Runs a script against a server of its own over each protocol, and expects these numbers.
fn run(program: &OsStr, script: &Path, calls: [(&str, usize); 2]) {
    for (protocol, calls) in calls {
        let installation = Installation::on_named_store();
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
            throw_away_authority(folder, &["localhost", "127.0.0.1"]);
            command.arg("--tls-cert").arg(folder.join("cert.pem"));
            command.arg("--tls-key").arg(folder.join("key.pem"));
        }
        let server = Server::start(command, installation.credentials());
        let mut command = Command::new(program);
        if protocol == "https" {
            for trust in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
                command.env(trust, folder.join("ca.pem"));
            }
        }
        let output = command
            .arg(script)
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

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(name)
}

#[test]
fn auth0_python_does_every_call_over_http_and_over_tls() {
    match std::env::var_os("ONESELF_TEST_PYTHON") {
        Some(python) => run(&python, &script("python/run.py"), PYTHON_CALLS),
        None => println!("skipped: ONESELF_TEST_PYTHON names no Python with auth0-python; ./test sets it"),
    }
}

#[test]
fn auth0_node_does_every_call_over_http_and_over_tls() {
    let Some(packages) = std::env::var_os("ONESELF_TEST_NODE") else {
        println!("skipped: ONESELF_TEST_NODE names no folder with auth0's package; ./test sets it");
        return;
    };
    // Node looks for packages beside the script.
    let copy = Path::new(&packages).join("run.mjs");
    fs::copy(script("node/run.mjs"), &copy).unwrap();
    run(OsStr::new("node"), &copy, NODE_CALLS);
}

#[test]
fn auth0_deploy_cli_exports_a_tenant() {
    let Some(packages) = std::env::var_os("ONESELF_TEST_NODE") else {
        println!("skipped: ONESELF_TEST_NODE names no folder with auth0-deploy-cli; ./test sets it");
        return;
    };
    let installation = Installation::on_named_store();
    let folder = installation.folder();
    throw_away_authority(folder, &["localhost", "127.0.0.1"]);
    let mut command = installation.serve_command();
    command.arg("--tls-cert").arg(folder.join("cert.pem"));
    command.arg("--tls-key").arg(folder.join("key.pem"));
    let server = Server::start(command, installation.credentials());
    let host = server.address().to_string();
    let credentials = &installation.credentials()["auth0"];
    // Its databases ask for actions too, of which this server has none.
    let config = json!({
        "AUTH0_DOMAIN": host,
        "AUTH0_CLIENT_ID": credentials["client_id"],
        "AUTH0_CLIENT_SECRET": credentials["client_secret"],
        "AUTH0_AUDIENCE": format!("https://{host}/api/v2/"),
        "AUTH0_INCLUDED_ONLY": ["tenant", "clients", "connections", "resourceServers", "clientGrants"],
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let output = Command::new("node")
        .arg(Path::new(&packages).join("node_modules/auth0-deploy-cli/lib/index.js"))
        .args([
            "export",
            "--format",
            "yaml",
            "--output_folder",
            "out",
            "--config_file",
            "config.json",
        ])
        .env("NODE_EXTRA_CA_CERTS", folder.join("ca.pem"))
        .current_dir(folder)
        .output()
        .unwrap();
    let (out, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}\n{errors}");
    let exported = fs::read_to_string(folder.join("out/tenant.yaml")).unwrap();
    for told in [
        "resourceServers:\n  - name: Management API\n",
        "clients:\n  - name: default\n",
        "connections:\n  - name: twitter\n    strategy: twitter\n",
        "  friendly_name: acme\n",
        "clientGrants:",
    ] {
        assert!(exported.contains(told), "no {told:?} in {exported}");
    }
}

/// How many distinct calls of Kii's SDK the script makes.
const KII_CALLS: usize = 42;

#[test]
fn check_23_kiis_sdk_does_all_with_another_site() {
    let Some(packages) = std::env::var_os("ONESELF_TEST_NODE") else {
        println!("skipped: ONESELF_TEST_NODE names no folder with kii-cloud-sdk; ./test sets it");
        return;
    };
    let copy = Path::new(&packages).join("kii.mjs");
    fs::copy(script("node/kii.mjs"), &copy).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let networks = runtime.block_on(async { oneself::sandbox::Sandbox::start("127.0.0.1:0".parse().unwrap()) });
    let networks = networks.unwrap();
    let installation = Installation::on_named_store();
    fs::write(installation.folder().join("secret"), "our-secret").unwrap();
    let secret = installation.folder().join("secret");
    assert!(
        installation
            .run(&["connection", "remove", "--tenant", "acme", "twitter"])
            .status
            .success()
    );
    for network in ["twitter", "facebook", "google", "qq"] {
        let add = [
            "connection",
            "add",
            "--tenant",
            "acme",
            network,
            "--provider",
            network,
            "--client-id",
            "our-app",
        ];
        let with = ["--client-secret-file", secret.to_str().unwrap(), "--json"];
        installation.answer(&[&add[..], &with[..]].concat());
        let application = json!({"network": network, "client_id": "our-app", "client_secret": "our-secret"});
        networks.order("applications", &application).unwrap();
    }
    let mut command = installation.serve_command();
    command.args(["--sandbox", networks.url()]);
    let mail = installation.folder().join("mail");
    let mail = [
        ("ONESELF_MAIL_FROM", "a@x.example"),
        ("ONESELF_MAIL_DIRECTORY", mail.to_str().unwrap()),
    ];
    command.envs(mail);
    let server = Server::start(command, installation.credentials());
    let of = |name: &str| installation.credentials()["kii"][name].as_str().unwrap().to_owned();
    let output = Command::new("node")
        .arg(&copy)
        .args(["--site", &format!("http://{}/api", server.address())])
        .args(["--app", &of("app_id"), "--client-id", &of("client_id")])
        .args(["--client-secret", &of("client_secret"), "--sandbox", networks.url()])
        .current_dir(installation.folder())
        .output()
        .unwrap();
    let (out, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}\n{errors}");
    assert_eq!(out.trim(), format!("{KII_CALLS} distinct calls of Kii's SDK"));
}
