//! ID tokens of other issuers, their keys and their metadata, with an issuer in this process.
//!
//! The issuer is on loopback over plain HTTP, which only its one address is allowed.

mod connections;
mod keys;
mod metadata;
mod sets;
mod tokens;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use oneself::app::key_sets::{KeySets, KeySource};
use oneself::error::Result;
use oneself::id::{ConnectionId, TenantId};
use oneself::outbound::{Outbound, OutboundSettings};
use oneself::providers::oidc::{Expected, ExpectedIssuer};
use parking_lot::Mutex;
use serde_json::{Value, json};

/// When these tests begin, in seconds.
const NOON: i64 = 1_790_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOON + seconds).unwrap()
}

/// A key of an issuer.
struct Signer {
    kid: &'static str,
    pair: Pair,
}

enum Pair {
    P256(EcdsaKeyPair),
    Rsa(rsa::KeyPair),
}

impl Signer {
    fn p256(kid: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self {
            kid,
            pair: Pair::P256(pair),
        }
    }

    fn rsa(kid: &'static str) -> Self {
        let pair = rsa::KeyPair::from_pkcs8(include_bytes!("../../data/jwt/signing-key.pk8")).unwrap();
        Self {
            kid,
            pair: Pair::Rsa(pair),
        }
    }

    fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": self.kid, "x": text(&point[1..33]), "y": text(&point[33..])})
            }
            Pair::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
                json!({"kty": "RSA", "use": "sig", "kid": self.kid, "n": text(n), "e": text(e)})
            }
        }
    }

    /// A token with this header and these claims, by the algorithm that the header names.
    fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        self.sign_parts(&text(header), &text(claims), header["alg"] == "PS256")
    }

    fn sign_parts(&self, header: &str, claims: &str, pss: bool) -> String {
        let message = format!("{header}.{claims}");
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::P256(pair) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut out = vec![0; pair.public_modulus_len()];
                let padding: &'static dyn aws_lc_rs::signature::RsaEncoding =
                    if pss { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(padding, &random, message.as_bytes(), &mut out).unwrap();
                out
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn header(&self) -> Value {
        let alg = match self.pair {
            Pair::P256(_) => "ES256",
            Pair::Rsa(_) => "RS256",
        };
        json!({"alg": alg, "kid": self.kid, "typ": "JWT"})
    }

    /// A good token of this issuer, made at this second.
    fn token(&self, issuer: &FakeIssuer, made: i64) -> String {
        self.sign(&self.header(), &claims(&issuer.url(), made))
    }
}

/// The claims of a good token.
fn claims(issuer: &str, made: i64) -> Value {
    json!({"iss": issuer, "sub": "ada", "aud": "our-app", "iat": NOON + made, "exp": NOON + made + 600})
}

/// An issuer that says what it is told to, and counts who asks.
struct FakeIssuer {
    address: SocketAddr,
    told: Arc<Told>,
}

#[derive(Default)]
struct Told {
    metadata: Mutex<String>,
    keys: Mutex<String>,
    is_down: Mutex<bool>,
    asked_for_metadata: AtomicUsize,
    asked_for_keys: AtomicUsize,
}

impl Told {
    fn answer(&self, count: &AtomicUsize, document: &Mutex<String>) -> (StatusCode, String) {
        count.fetch_add(1, Ordering::SeqCst);
        match *self.is_down.lock() {
            true => (StatusCode::SERVICE_UNAVAILABLE, String::new()),
            false => (StatusCode::OK, document.lock().clone()),
        }
    }
}

impl FakeIssuer {
    async fn start(keys: &[&Signer]) -> Self {
        let told = Arc::new(Told::default());
        let router =
            Router::new()
                .route(
                    "/.well-known/openid-configuration",
                    get(|State(told): State<Arc<Told>>| async move {
                        told.answer(&told.asked_for_metadata, &told.metadata)
                    }),
                )
                .route(
                    "/keys",
                    get(|State(told): State<Arc<Told>>| async move { told.answer(&told.asked_for_keys, &told.keys) }),
                )
                .with_state(told.clone());
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let issuer = Self { address, told };
        issuer.shows(keys);
        issuer.says(&issuer.metadata());
        issuer
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn metadata(&self) -> Value {
        let url = self.url();
        json!({
            "issuer": url,
            "jwks_uri": format!("{url}/keys"),
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
        })
    }

    fn says(&self, metadata: &Value) {
        *self.told.metadata.lock() = metadata.to_string();
    }

    fn shows(&self, keys: &[&Signer]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        *self.told.keys.lock() = json!({ "keys": keys }).to_string();
    }

    fn shows_text(&self, text: &str) {
        text.clone_into(&mut self.told.keys.lock());
    }

    fn is_down(&self, down: bool) {
        *self.told.is_down.lock() = down;
    }

    /// How often it was asked for metadata and for keys.
    fn asked(&self) -> (usize, usize) {
        let count = |asked: &AtomicUsize| asked.load(Ordering::SeqCst);
        (count(&self.told.asked_for_metadata), count(&self.told.asked_for_keys))
    }

    fn expected(&self) -> Expected {
        Expected {
            issuer: ExpectedIssuer::Exactly(self.url()),
            client_id: "our-app".to_owned(),
            nonce: None,
        }
    }
}

/// One connection to an issuer.
struct World {
    issuer: FakeIssuer,
    sets: KeySets,
    outbound: Outbound,
    ids: (TenantId, ConnectionId),
}

impl World {
    async fn new(keys: &[&Signer]) -> Self {
        let issuer = FakeIssuer::start(keys).await;
        let random = oneself::clock::SeededRandom::new(1);
        Self {
            sets: KeySets::default(),
            outbound: Outbound::new(OutboundSettings {
                allowed: vec![issuer.address],
                ..OutboundSettings::default()
            }),
            ids: (TenantId::new(&random), ConnectionId::new(&random)),
            issuer,
        }
    }

    /// What comes of a token at this second.
    async fn verify(&self, seconds: i64, token: &str) -> Result<oneself::domain::Object> {
        let source = KeySource::Discovery(format!("{}/.well-known/openid-configuration", self.issuer.url()));
        let whose = (self.ids.0, self.ids.1, source);
        let expected = self.issuer.expected();
        self.sets
            .verify(&self.outbound, at(seconds), whose, token, &expected)
            .await
    }
}
