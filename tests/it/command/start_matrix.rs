//! What starts and what does not (OPS-07, VLT-03, OPS-10): configurations, the exit of the
//! real binary for each, and what it must have said.
//!
//! A row that should start is started on a port of its own, and must be ready and then end
//! well on SIGTERM.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::{Folder, Running};
use crate::support::authority::pem;

/// One configuration of `serve`. The port of every address is free.
struct Row {
    name: &'static str,
    arrange: fn(&Folder),
    flags: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
    exit: i32,
    /// Words of the message, or of the ready line.
    says: &'static [&'static str],
}

const fn row(
    name: &'static str,
    arrange: fn(&Folder),
    flags: &'static [&'static str],
    exit: i32,
    says: &'static [&'static str],
) -> Row {
    Row {
        name,
        arrange,
        flags,
        environment: &[],
        exit,
        says,
    }
}

const fn with(mut row: Row, environment: &'static [(&'static str, &'static str)]) -> Row {
    row.environment = environment;
    row
}

fn nothing(_: &Folder) {}

/// On ports that are free, unless the row is about those: rows are played side by side.
fn settings(folder: &Folder, text: &str) {
    let ports = match text.contains("listen") {
        true => "",
        false => "listen = '127.0.0.1:0'\nadmin_listen = '127.0.0.1:0'\n",
    };
    fs::write(folder.join("settings.toml"), format!("{ports}{text}")).unwrap();
}

const FILE: &[&str] = &["--config", "settings.toml"];

/// A directory that has been worked on, with its root key beside it.
fn data(folder: &Folder) {
    folder.done(&["tenant", "create", "acme"]);
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn key_with_mode(folder: &Folder, bits: u32) {
    data(folder);
    mode(&folder.join("data.root.key"), bits);
}

fn certificate(folder: &Folder) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("cert.pem"), pem("CERTIFICATE", made.cert.der())).unwrap();
    fs::write(
        folder.join("key.pem"),
        pem("PRIVATE KEY", &made.signing_key.serialize_der()),
    )
    .unwrap();
}

const TLS: &[&str] = &["--tls-cert", "cert.pem", "--tls-key", "key.pem"];

fn newer_schema(folder: &Folder) {
    data(folder);
    let file = rusqlite::Connection::open(folder.join("data/data.db")).unwrap();
    file.pragma_update(None, "user_version", 9_999).unwrap();
}

#[rustfmt::skip]
const STARTS: &[Row] = &[
    row("nothing set", nothing, &[], 0, &["http://127.0.0.1:", "admin http://127.0.0.1:", "data data"]),
    row("another loopback address", nothing, &["--listen", "127.0.0.2:0"], 0, &["http://127.0.0.2:"]),
    row("public behind a proxy", nothing, &["--listen", "0.0.0.0:0", "--behind-proxy"], 0, &["http://0.0.0.0:"]),
    with(row("public behind a proxy, by environment", nothing, &["--listen", "0.0.0.0:0"], 0, &["0.0.0.0"]),
        &[("ONESELF_BEHIND_PROXY", "true")]),
    row("public with TLS", certificate, &["--listen", "0.0.0.0:0", "--tls-cert", "cert.pem", "--tls-key", "key.pem"], 0,
        &["https://0.0.0.0:"]),
    row("loopback with TLS", certificate, TLS, 0, &["https://127.0.0.1:"]),
    row("no admin address", nothing, &["--admin-listen", ""], 0, &[" (data data)"]),
    row("settings from a file", |f| {
        settings(f, "listen = '127.0.0.3:0'\nadmin_listen = ''\nlog_format = 'pretty'");
    }, FILE, 0, &["127.0.0.3", " (data data)"]),
    row("ways out", |f| {
        settings(f, "egress_ports = [443, 8443]\negress_allow = ['10.1.0.0/16', 'fd00:1::/32']");
    }, &["--config", "settings.toml", "--sandbox", "http://127.0.0.1:8401"], 0, &["ready"]),
    row("mail into files", |f| settings(f, "mail_from = 'a@x.example'\nmail_directory = 'mail'"), FILE, 0, &["ready"]),
    row("mail to a server", |f| {
        fs::write(f.join("password"), "secret\n").unwrap();
        mode(&f.join("password"), 0o400);
        settings(f, "mail_from = 'A <a@x.example>'\nmail_smtp = 'localhost:25'\nmail_smtp_security = 'none'\n\
            mail_smtp_user = 'a'\nmail_smtp_password_file = 'password'");
    }, FILE, 0, &["ready"]),
    row("an empty directory that others may read", |f| {
        fs::create_dir(f.join("data")).unwrap();
        mode(&f.join("data"), 0o755);
    }, &[], 0, &["ready"]),
    row("a root key elsewhere", nothing, &["--root-key-file", "elsewhere.key"], 0, &["ready"]),
    row("a root key that its owner may write", |f| key_with_mode(f, 0o600), &[], 0, &["ready"]),
    row("a root key behind a link", |f| {
        data(f);
        fs::rename(f.join("data.root.key"), f.join("kept")).unwrap();
        symlink(f.join("kept"), f.join("data.root.key")).unwrap();
    }, &[], 0, &["ready"]),
    row("what another run left behind", |f| {
        data(f);
        fs::write(f.join("data/control.sock"), "").unwrap();
        fs::write(f.join("data/lock"), "oneself serve, process 1").unwrap();
    }, &[], 0, &["ready"]),
];

#[rustfmt::skip]
const REFUSED: &[Row] = &[
    // Addresses.
    row("every address in clear", nothing, &["--listen", "0.0.0.0:0"], 78, &["0.0.0.0", "tls_cert", "behind_proxy"]),
    row("every IPv6 address in clear", nothing, &["--listen", "[::]:0"], 78, &["not a loopback address"]),
    row("a public address in clear", nothing, &["--listen", "192.0.2.1:0"], 78, &["192.0.2.1"]),
    row("a private address in clear", nothing, &["--listen", "10.0.0.1:0"], 78, &["10.0.0.1"]),
    row("a public address in IPv6 dress", nothing, &["--listen", "[::ffff:192.0.2.1]:0"], 78, &["192.0.2.1"]),
    with(row("in clear, by environment", nothing, &[], 78, &["0.0.0.0"]), &[("ONESELF_LISTEN", "0.0.0.0:0")]),
    row("in clear, by file", |f| settings(f, "listen = '0.0.0.0:0'"), FILE, 78, &["0.0.0.0"]),
    row("the proxy is denied", |f| settings(f, "behind_proxy = false"),
        &["--config", "settings.toml", "--listen", "0.0.0.0:0"], 78, &["behind_proxy"]),
    row("public admin address", nothing, &["--admin-listen", "0.0.0.0:0"], 78, &["admin_listen", "loopback only"]),
    row("public admin address behind a proxy", nothing, &["--admin-listen", "192.0.2.1:0", "--behind-proxy"], 78,
        &["admin_listen"]),
    row("one address for both", nothing, &["--listen", "127.0.0.1:18499", "--admin-listen", "127.0.0.1:18499"], 78,
        &["listen and admin_listen"]),
    row("no connection at all", |f| settings(f, "max_connections = 0"), FILE, 78, &["max_connections is 0"]),
    row("an origin with a path", nothing, &["--origin", "https://id.example/x"], 78, &["origin"]),
    row("an origin without a scheme", nothing, &["--origin", "id.example"], 78, &["origin"]),
    // TLS.
    row("a certificate without a key", certificate, &["--tls-cert", "cert.pem"], 78, &["tls_cert", "tls_key"]),
    row("a key without a certificate", certificate, &["--tls-key", "key.pem"], 78, &["tls_key", "tls_cert"]),
    row("a certificate that is not there", nothing, TLS, 78, &["cert.pem"]),
    row("a certificate that is none", |f| {
        certificate(f);
        fs::write(f.join("cert.pem"), "x").unwrap();
    }, TLS, 78, &["cert.pem"]),
    row("the key of another certificate", |f| {
        certificate(f);
        let other = fs::read(f.join("key.pem")).unwrap();
        certificate(f);
        fs::write(f.join("key.pem"), other).unwrap();
    }, TLS, 78, &["key.pem"]),
    // The root key (VLT-03).
    row("the root key within the data", nothing, &["--root-key-file", "data/root.key"], 78, &["within the data"]),
    row("the root key within the data, by a linked folder", |f| {
        fs::create_dir(f.join("data")).unwrap();
        symlink(f.join("data"), f.join("link")).unwrap();
    }, &["--root-key-file", "link/root.key"], 78, &["within the data"]),
    row("the root key linked to within the data", |f| {
        data(f);
        fs::rename(f.join("data.root.key"), f.join("data/key")).unwrap();
        symlink(f.join("data/key"), f.join("data.root.key")).unwrap();
    }, &[], 78, &["within the data"]),
    row("a root key that the group reads", |f| key_with_mode(f, 0o440), &[], 78, &["chmod 400", "0440"]),
    row("a root key that everybody reads", |f| key_with_mode(f, 0o404), &[], 78, &["chmod 400"]),
    row("a root key that the group writes", |f| key_with_mode(f, 0o620), &[], 78, &["chmod 400"]),
    row("a folder for a root key", |f| fs::create_dir(f.join("data.root.key")).unwrap(), &[], 78, &["not a file"]),
    row("anything for a root key", |f| {
        fs::write(f.join("data.root.key"), "s3cret").unwrap();
        mode(&f.join("data.root.key"), 0o400);
    }, &[], 78, &["data.root.key", "not a root key"]),
    row("half a root key", |f| {
        data(f);
        let whole = fs::read(f.join("data.root.key")).unwrap();
        fs::remove_file(f.join("data.root.key")).unwrap();
        fs::write(f.join("data.root.key"), &whole[..40]).unwrap();
        mode(&f.join("data.root.key"), 0o400);
    }, &[], 78, &["damaged", "put back the copy"]),
    with(row("a root key in the environment", nothing, &[], 78, &["ONESELF_ROOT_KEY", "file of mode 0400"]),
        &[("ONESELF_ROOT_KEY", "c2VjcmV0")]),
    row("a root key among the settings", |f| settings(f, "root_key = 'c2VjcmV0'"), FILE, 78, &["settings.toml", "root_key_file"]),
    row("data without its root key", |f| {
        data(f);
        fs::remove_file(f.join("data.root.key")).unwrap();
    }, &[], 78, &["missing", "data.root.key"]),
    row("data with another root key", |f| {
        data(f);
        let other = Folder::new();
        data(&other);
        fs::rename(other.join("data.root.key"), f.join("data.root.key")).unwrap();
    }, &[], 78, &["another root key"]),
    // The data directory.
    row("somebody's home for the data", |f| {
        fs::create_dir(f.join("data")).unwrap();
        fs::write(f.join("data/thesis.txt"), "").unwrap();
    }, &[], 78, &["thesis.txt", "--data"]),
    row("a directory that everybody writes", |f| {
        fs::create_dir(f.join("data")).unwrap();
        mode(&f.join("data"), 0o777);
    }, &[], 78, &["chmod 700"]),
    row("data that the group writes", |f| {
        data(f);
        mode(&f.join("data"), 0o770);
    }, &[], 78, &["chmod 700"]),
    row("data of a newer version", newer_schema, &[], 78, &["9999", "newer"]),
    row("data that is none", |f| {
        data(f);
        fs::write(f.join("data/data.db"), "not a database, but long enough to look like one".repeat(99)).unwrap();
    }, &[], 78, &["data.db"]),
    row("data without its keys", |f| {
        data(f);
        fs::remove_file(f.join("data/keys.db")).unwrap();
    }, &[], 78, &["keys.db"]),
    // Settings.
    row("mail two ways", |f| settings(f, "mail_from = 'a@x.example'\nmail_directory = 'mail'\nmail_smtp = 'localhost:25'"), FILE, 78,
        &["mail_smtp and mail_directory"]),
    row("mail from nobody", |f| settings(f, "mail_directory = 'mail'"), FILE, 78, &["mail_from is not set"]),
    row("mail from no address", |f| settings(f, "mail_from = 'accounts'\nmail_directory = 'mail'"), FILE, 78,
        &["mail_from", "accounts@example.org"]),
    row("mail in clear", |f| {
        settings(f, "mail_from = 'a@x.example'\nmail_smtp = 'smtp.x.example:25'\nmail_smtp_security = 'none'");
    }, FILE, 78, &["mail_smtp_security", "not this machine"]),
    row("a mail server without a port", |f| settings(f, "mail_from = 'a@x.example'\nmail_smtp = 'localhost'"), FILE, 78,
        &["mail_smtp", "smtp.example.org:587"]),
    row("a user of mail without a password", |f| {
        settings(f, "mail_from = 'a@x.example'\nmail_smtp = 'localhost:25'\nmail_smtp_user = 'a'");
    }, FILE, 78, &["mail_smtp_password_file", "both or neither"]),
    row("a password of mail that others may read", |f| {
        fs::write(f.join("password"), "secret").unwrap();
        mode(&f.join("password"), 0o644);
        settings(f, "mail_from = 'a@x.example'\nmail_smtp = 'localhost:25'\nmail_smtp_user = 'a'\n\
            mail_smtp_password_file = 'password'");
    }, FILE, 78, &["mail_smtp_password_file", "chmod 0400"]),
    row("a net that is none", |f| settings(f, "egress_allow = ['10.1.0.0']"), FILE, 78,
        &["egress_allow", "settings.toml", "10.1.0.0/16"]),
    row("an address within a net", |f| settings(f, "egress_allow = ['10.1.2.3/16']"), FILE, 78, &["egress_allow", "within its net"]),
    with(row("every net", nothing, &[], 78, &["egress_allow", "from 1 to 32"]), &[("ONESELF_EGRESS_ALLOW", "0.0.0.0/0")]),
    row("a port that is none", |f| settings(f, "egress_ports = [0]"), FILE, 78, &["egress_ports"]),
    row("a port beyond the last", |f| settings(f, "egress_ports = [70000]"), FILE, 78, &["egress_ports"]),
    row("a sandbox by name", nothing, &["--sandbox", "http://localhost:8401"], 78, &["sandbox", "http://127.0.0.1:8401"]),
    row("a sandbox with a path", |f| settings(f, "sandbox = 'http://127.0.0.1:8401/x'"), FILE, 78, &["sandbox", "settings.toml"]),
    row("a limit that is none", |f| settings(f, "rate_limit_per_address = 'some'"), FILE, 78, &["rate_limit_per_address", "off"]),
    row("a setting that there is not", |f| settings(f, "lisen = '127.0.0.1:0'"), FILE, 78,
        &["lisen", "settings.toml", "max_connections"]),
    with(row("a variable that there is not", nothing, &[], 78, &["behind_proxi", "ONESELF_BEHIND_PROXI", "behind_proxy"]),
        &[("ONESELF_BEHIND_PROXI", "1")]),
    row("a value of another kind", |f| settings(f, "drain_seconds = 'soon'"), FILE, 78, &["drain_seconds", "soon"]),
    row("settings that are not there", nothing, FILE, 78, &["settings.toml"]),
    row("settings that are not TOML", |f| settings(f, "listen = ="), FILE, 78, &["settings.toml", "not TOML"]),
    with(row("a log filter that is none", nothing, &[], 78, &["log_level"]), &[("ONESELF_LOG_LEVEL", "oneself=loud")]),
    // Usage.
    row("an address that is none", nothing, &["--listen", "localhost"], 2, &["--listen"]),
    row("a flag that there is not", nothing, &["--insecure"], 2, &["--insecure"]),
    // Failures.
    row("a file for a data directory", |f| fs::write(f.join("data"), "").unwrap(), &[], 1, &["data"]),
];

/// What is wrong with how the row ended, if anything.
fn complaint(row: &Row) -> Option<String> {
    let folder = Folder::new();
    (row.arrange)(&folder);
    let mut arguments = vec!["serve"];
    let mut environment = match row.flags {
        // The environment would win over the file that the row is about.
        ["--config", ..] => Vec::new(),
        _ => vec![
            ("ONESELF_LISTEN", "127.0.0.1:0"),
            ("ONESELF_ADMIN_LISTEN", "127.0.0.1:0"),
        ],
    };
    environment.extend(row.environment);
    arguments.extend(row.flags);
    let before = fs::read(folder.join("data/data.db")).ok();
    let ended = match Running::start(folder.command(&arguments, &environment)) {
        Ok(running) => running.signal("TERM"),
        Err(ended) => ended,
    };
    let text = if row.exit == 0 { &ended.out } else { &ended.err };
    let unsaid: Vec<&&str> = row.says.iter().filter(|words| !text.contains(**words)).collect();
    if ended.exit != row.exit || !unsaid.is_empty() {
        return Some(format!(
            "{}: exit {} (expected {}), without the words {unsaid:?}:\n{}{}",
            row.name, ended.exit, row.exit, ended.out, ended.err
        ));
    }
    if row.exit != 0 && fs::read(folder.join("data/data.db")).ok() != before {
        return Some(format!("{}: it was refused, and yet the data changed", row.name));
    }
    None
}

/// Rows side by side: most of their time is spent in other processes.
fn play(rows: &'static [Row]) {
    let complaints: Vec<String> = rows
        .chunks(rows.len().div_ceil(4))
        .map(|rows| std::thread::spawn(|| rows.iter().filter_map(complaint).collect::<Vec<_>>()))
        .collect::<Vec<_>>()
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn sec_ops_07_what_is_safe_starts() {
    play(STARTS);
}

#[test]
fn sec_ops_07_sec_vlt_03_what_is_unsafe_is_refused_with_the_reason() {
    const { assert!(STARTS.len() + REFUSED.len() >= 30) };
    play(REFUSED);
}

#[test]
fn sec_vlt_03_a_missing_root_key_is_made_for_an_empty_directory_and_never_again() {
    let folder = Folder::new();
    let made = folder.run(&["tenant", "create", "acme"]);
    assert_eq!(made.exit, 0, "{}", made.err);
    assert!(made.err.contains("made the root key data.root.key"), "{}", made.err);
    let key = folder.join("data.root.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o7777, 0o400);
    assert_eq!(
        fs::metadata(folder.join("data")).unwrap().permissions().mode() & 0o7777,
        0o700
    );
    assert!(!folder.run(&["tenant", "list"]).err.contains("made"));
    fs::remove_file(&key).unwrap();
    for command in [
        &["tenant", "list"][..],
        &["serve", "--listen", "127.0.0.1:0", "--admin-listen", ""],
        &[
            "demo",
            "--data",
            "data",
            "--listen",
            "127.0.0.1:0",
            "--networks",
            "127.0.0.1:0",
        ],
        &["client", "list", "--tenant", "acme"],
    ] {
        let refused = folder.run(command);
        assert_eq!(refused.exit, 78, "{command:?}: {}", refused.err);
        assert!(!key.exists(), "{command:?}");
    }
}

#[test]
fn a_port_that_is_taken_is_a_failure_that_says_so() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let failed = Folder::new().run(&["serve", "--listen", &address]);
    assert_eq!(failed.exit, 1);
    assert!(failed.err.contains(&address), "{}", failed.err);
}
