//! Made-up tokens: a good one, and what an attacker makes of it.
//!
//! Each is named, so that a file of data can ask for it. All are signed by the fixed key of the
//! tests where their name does not say otherwise: what refuses them is never a signature
//! that merely does not fit.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::jwt::{forge, pair};

/// What tokens are made of.
pub struct Mint {
    /// The header of a good ID token.
    pub header: Value,
    /// The claims of a good ID token of the second account.
    pub claims: Value,
    /// The public key as the server publishes it.
    pub jwk: Value,
    /// An access token that the server made for the client.
    pub access_token: String,
    /// Another client of the same tenant.
    pub sister: String,
    /// The first account itself, as `sub`.
    pub own: String,
    /// A user of another tenant, as `sub`.
    pub foreign: String,
}

impl Mint {
    /// Reads a good ID token and keeps what it is made of.
    pub fn of(id_token: &str, jwk: Value) -> Self {
        let part = |n| decoded(id_token.split('.').nth(n).unwrap());
        Self {
            header: part(0),
            claims: part(1),
            jwk,
            access_token: String::new(),
            sister: String::new(),
            own: String::new(),
            foreign: String::new(),
        }
    }

    /// The good token with other claims, signed.
    pub fn with(&self, changes: &[(&str, Value)]) -> String {
        let mut claims = self.claims.clone();
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        sign(&self.header, &claims)
    }

    /// The good token without a claim, signed.
    pub fn without(&self, claim: &str) -> String {
        let mut claims = self.claims.clone();
        claims.as_object_mut().unwrap().shift_remove(claim);
        sign(&self.header, &claims)
    }

    /// The good token under another header, signed.
    pub fn headed(&self, changes: &[(&str, Value)]) -> String {
        let mut header = self.header.clone();
        for (name, value) in changes {
            header[*name] = value.clone();
        }
        sign(&header, &self.claims)
    }

    /// The token of this name.
    pub fn token(&self, name: &str) -> String {
        let now = self.claims["iat"].as_i64().unwrap();
        let good = self.with(&[]);
        let (message, _) = good.rsplit_once('.').unwrap();
        let one = |claim: &str, value: Value| self.with(&[(claim, value)]);
        match name {
            "good" => good,
            "own" => one("sub", json!(self.own)),
            "other_tenants_user" => one("sub", json!(self.foreign)),
            "nobodys" => one("sub", json!("auth0|000000000000000000000000")),
            "access_token" => self.access_token.clone(),
            "logout_token" => one(
                "events",
                json!({"http://schemas.openid.net/event/backchannel-logout": {}}),
            ),
            "with_scope" => one("scope", json!("read:users")),

            "exp_u64_max" => one("exp", json!(u64::MAX)),
            "exp_1e30" => one("exp", json!(1e30)),
            "exp_text" => one("exp", json!("99999999999")),
            "exp_negative" => one("exp", json!(-5)),
            "exp_null" => one("exp", Value::Null),
            "exp_list" => one("exp", json!([1])),
            "exp_with_a_fraction" => one("exp", json!(now as f64 + 60.5)),
            "nbf_later" => one("nbf", json!(now + 9999)),
            "nbf_text" => one("nbf", json!("999")),
            "iat_later" => one("iat", json!(now + 99_999)),
            "iat_61_minutes" => one("iat", json!(now - 3_661)),

            "aud_number" => one("aud", json!(5)),
            "aud_empty" => one("aud", json!([])),
            "aud_two" => one("aud", json!([self.claims["aud"], self.sister])),
            "aud_two_azp" => self.with(&[
                ("aud", json!([self.claims["aud"], self.sister])),
                ("azp", self.claims["aud"].clone()),
            ]),
            "aud_sister" => one("aud", json!(self.sister)),
            "iss_list" => one("iss", json!([self.claims["iss"]])),
            "iss_no_slash" => one("iss", json!(self.claims["iss"].as_str().unwrap().trim_end_matches('/'))),
            "iss_other" => one("iss", json!("https://accounts.example/")),
            "sub_empty" => one("sub", json!("")),
            "sub_number" => one("sub", json!(5)),
            "sub_256" => one("sub", json!(format!("auth0|{}", "x".repeat(250)))),
            "sub_nul" => one("sub", json!(format!("{}\0", self.claims["sub"].as_str().unwrap()))),
            "sub_no_bar" => one("sub", json!("000000000000000000000000")),
            "exp_absent" => self.without("exp"),
            "no_aud" => self.without("aud"),
            "iss_absent" => self.without("iss"),
            "sub_absent" => self.without("sub"),

            "access_typ" => self.headed(&[("typ", json!("at+jwt"))]),
            "with_jku" => self.headed(&[("jku", json!("http://127.0.0.1:9/jwks.json"))]),
            "with_jwk" => self.headed(&[("jwk", self.jwk.clone())]),
            "with_x5u" => self.headed(&[("x5u", json!("http://127.0.0.1:9/cert.pem"))]),
            "with_x5c" => self.headed(&[("x5c", self.jwk["x5c"].clone())]),
            "crit_exp" => self.headed(&[("crit", json!(["exp"]))]),
            "b64_false" => self.headed(&[("b64", json!(false)), ("crit", json!(["b64"]))]),
            "alg_twice" => {
                let header = self.header.to_string().replacen('{', r#"{"alg":"none","#, 1);
                forge(header.as_bytes(), self.claims.to_string().as_bytes())
            }
            "sub_twice" => {
                let claims = self.claims.to_string().replacen('{', r#"{"sub":"auth0|x","#, 1);
                forge(self.header.to_string().as_bytes(), claims.as_bytes())
            }

            "empty_signature" => format!("{message}."),
            "hs256_with_public_pem" => {
                let body = STANDARD.encode(pair().public_key().as_ref());
                let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{body}\n-----END RSA PUBLIC KEY-----\n");
                self.keyed(pem.as_bytes())
            }
            "hs256_with_public_der" => self.keyed(pair().public_key().as_ref()),
            "hs256_with_public_jwk" => self.keyed(self.jwk.to_string().as_bytes()),

            "two_parts" => message.to_owned(),
            "four_parts" => format!("{good}.x"),
            "five_parts" => format!("{good}.x.y"),
            "padded" => format!("{good}=="),
            "spare_bits" => {
                const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
                let last = good.chars().next_back().unwrap();
                let next = ALPHABET.find(last).unwrap() + 1;
                format!("{}{}", &good[..good.len() - 1], &ALPHABET[next..=next])
            }
            "seventeen_kilobytes" => one("pad", json!("x".repeat(13_000))),
            alg => {
                let alg = alg.strip_prefix("alg_").unwrap_or_else(|| panic!("no token {name}"));
                let unsigned = self.headed(&[("alg", json!(alg))]);
                format!("{}.", unsigned.rsplit_once('.').unwrap().0)
            }
        }
    }

    /// A token that says HS256, under a MAC of this key.
    fn keyed(&self, key: &[u8]) -> String {
        let unsigned = self.headed(&[("alg", json!("HS256"))]);
        let (message, _) = unsigned.rsplit_once('.').unwrap();
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))
    }
}

fn sign(header: &Value, claims: &Value) -> String {
    forge(header.to_string().as_bytes(), claims.to_string().as_bytes())
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
