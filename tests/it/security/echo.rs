//! Networks that send back what they were asked with: in errors, in headers, in redirects, in what is
//! no JSON. Nothing of it is told or written (VLT-06).

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use super::canary::hits;
use crate::blackbox::server::{Installation, Server};

/// A network that answers each request in its turn in one of these ways, with all of the request in it.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let mut asked = vec![0; 16_384];
            let read = stream.read(&mut asked).unwrap_or(0);
            let asked = String::from_utf8_lossy(&asked[..read]).into_owned();
            let line = asked.replace(['\r', '\n'], " ");
            let (status, header, body) = match n % 6 {
                0 => ("400 Bad Request", String::new(), json!({"error": line}).to_string()),
                1 => ("500 Oh", String::new(), json!({"error": line}).to_string()),
                2 => (
                    "302 Found",
                    format!("Location: http://{address}/?{}\r\n", line.replace(' ', "")),
                    line,
                ),
                3 => ("401 No", format!("WWW-Authenticate: Bearer error=\"{line}\"\r\n"), line),
                4 => ("200 OK", String::new(), format!("{{\"access_token\": {line}")),
                _ => (
                    "200 OK",
                    String::new(),
                    json!({"aud": line, "sub": line, "exp": "1"}).to_string(),
                ),
            };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\n{header}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    address
}

#[test]
fn sec_vlt_06_what_a_network_echoes_is_told_and_written_nowhere() {
    let installation = Installation::new();
    let network = echo();
    let secret = installation.folder().join("secret");
    fs::write(&secret, "cAnArY-client-secret").unwrap();
    for name in ["google", "facebook", "github", "qq", "discord"] {
        let file = secret.to_str().unwrap();
        installation.answer(&[
            "connection",
            "add",
            "--tenant",
            "acme",
            name,
            "--provider",
            name,
            "--client-id",
            "app",
            "--client-secret-file",
            file,
            "--json",
        ]);
    }
    let log = installation.folder().join("log");
    let sandbox = format!("http://{network}");
    let mut command = installation.command(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "",
        "--sandbox",
        &sandbox,
    ]);
    command
        .env("ONESELF_LOG_LEVEL", "trace")
        .stderr(Stdio::from(fs::File::create(&log).unwrap()));
    let server = Server::start(command, installation.credentials());
    let mut client = server.client();
    let user = client
        .post("/link/v1/users", &json!({}))
        .unwrap()
        .expect(201)
        .text("id")
        .to_owned();
    let path = format!("/link/v1/users/{user}/identities");
    let mut tokens = vec!["cAnArY-client-secret".to_owned()];
    let mut places = Vec::new();
    for n in 0..4 {
        for name in ["google", "facebook", "github", "qq", "discord"] {
            let token = format!("cAnArY-{name}-{n}-tOkEn");
            let body = json!({"connection": name, "verify": true, "tokens": {"access_token": token}});
            let answer = client.post(&path, &body).unwrap();
            assert!(answer.status >= 400, "{answer:?}");
            places.push((format!("answer about {token}"), answer.bytes));
            tokens.push(token);
        }
    }
    server.kill();
    places.push(("log".to_owned(), fs::read(&log).unwrap()));
    places.extend(installation.places());
    assert!(places.iter().any(|(name, bytes)| name == "log" && !bytes.is_empty()));
    let hits = hits(&places, &tokens);
    assert!(hits.is_empty(), "{}", hits.join("\n"));
}
