//! OAuth 1.0a: signed requests (RFC 5849).
//!
//! HMAC-SHA1 alone: the other two methods of the standard are not offered (FLW-09), and SHA-1 is used
//! nowhere else. A nonce has 128 bits of chance, the time is the clock's.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::ask::{self, encoded};
use super::{At, Question};
use crate::domain::TokenSet;
use crate::secret::ExposeSecret;

/// Who signs: an application, and perhaps a person's token.
pub struct Signer<'a> {
    /// The application's key.
    pub consumer_key: &'a str,
    /// Its secret.
    pub consumer_secret: &'a str,
    /// The token and its secret.
    pub token: Option<(&'a str, &'a str)>,
}

/// A signed `GET` of this address with this query, as a person.
pub fn signed_get(at: &At<'_>, address: &str, query: &[(&str, &str)], tokens: &TokenSet) -> Option<Question> {
    let token = tokens.access_token.as_ref()?.expose_secret();
    let secret = tokens.token_secret.as_ref()?.expose_secret();
    let signer = Signer {
        consumer_key: at.client_id,
        consumer_secret: at.secret(),
        token: Some((token, secret)),
    };
    let mut nonce = [0; 16];
    at.random.fill(&mut nonce);
    let header = signer.header("GET", address, query, &hex::encode(nonce), at.now.as_second());
    let whole = match query.is_empty() {
        true => address.to_owned(),
        false => format!("{address}?{}", ask::pairs(query)),
    };
    ask::get(&whole).authorization(&header).finish()
}

impl Signer<'_> {
    /// The `Authorization` header of a request (RFC 5849, 3.5.1). `address` has no query; `parameters` are
    /// those of query and form.
    pub fn header(&self, method: &str, address: &str, parameters: &[(&str, &str)], nonce: &str, now: i64) -> String {
        let now = now.to_string();
        let mut own = vec![
            ("oauth_consumer_key", self.consumer_key),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", &now),
            ("oauth_version", "1.0"),
        ];
        own.extend(self.token.map(|(token, _)| ("oauth_token", token)));
        let all: Vec<_> = own.iter().chain(parameters).copied().collect();
        let signature = self.signature(method, address, &all);
        own.push(("oauth_signature", &signature));
        let written: Vec<_> = own
            .iter()
            .map(|(name, value)| format!("{}=\"{}\"", encoded(name), encoded(value)))
            .collect();
        format!("OAuth {}", written.join(", "))
    }

    /// The signature (RFC 5849, 3.4.2).
    pub fn signature(&self, method: &str, address: &str, parameters: &[(&str, &str)]) -> String {
        let token_secret = self.token.map_or("", |(_, secret)| secret);
        let key = format!("{}&{}", encoded(self.consumer_secret), encoded(token_secret));
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
        STANDARD.encode(hmac::sign(&key, base_string(method, address, parameters).as_bytes()))
    }
}

/// The text that is signed (RFC 5849, 3.4.1).
pub fn base_string(method: &str, address: &str, parameters: &[(&str, &str)]) -> String {
    let mut sorted: Vec<_> = parameters
        .iter()
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    sorted.sort();
    let joined: Vec<_> = sorted.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!(
        "{}&{}&{}",
        method.to_ascii_uppercase(),
        encoded(&base_address(address)),
        encoded(&joined.join("&"))
    )
}

/// Scheme, host and path: in lower case but for the path, without the port that goes with the scheme
/// (RFC 5849, 3.4.1.2).
fn base_address(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("https", address));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let scheme = scheme.to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    let usual = if scheme == "http" { ":80" } else { ":443" };
    format!("{scheme}://{}/{path}", host.strip_suffix(usual).unwrap_or(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5849, 1.2: the request for photos.
    #[test]
    fn sec_flw_09_the_example_of_the_standard_is_signed_as_there() {
        let signer = Signer {
            consumer_key: "dpf43f3p2l4k3l03",
            consumer_secret: "kd94hf93k423kf44",
            token: Some(("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00")),
        };
        let parameters = [
            ("file", "vacation.jpg"),
            ("size", "original"),
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ];
        let signature = signer.signature("GET", "http://photos.example.net/photos", &parameters);
        assert_eq!(signature, "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
    }

    /// RFC 5849, 3.4.1.1.
    #[test]
    fn sec_flw_09_the_base_string_of_the_standard_is_written_as_there() {
        let parameters = [
            ("b5", "=%3D"),
            ("a3", "a"),
            ("c@", ""),
            ("a2", "r b"),
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
            ("c2", ""),
            ("a3", "2 q"),
        ];
        let expected = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%2525\
                        3D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_\
                        signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7";
        assert_eq!(
            base_string("post", "HTTP://EXAMPLE.com:80/request", &parameters),
            expected
        );
    }

    /// The example of Twitter's page on signatures.
    #[test]
    fn sec_flw_09_the_example_of_twitter_is_signed_as_there() {
        let signer = Signer {
            consumer_key: "xvz1evFS4wEEPTGEFPHBog",
            consumer_secret: "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
            token: Some((
                "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
                "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
            )),
        };
        let header = signer.header(
            "POST",
            "https://api.twitter.com/1.1/statuses/update.json",
            &[
                ("include_entities", "true"),
                ("status", "Hello Ladies + Gentlemen, a signed OAuth request!"),
            ],
            "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
            1_318_622_958,
        );
        assert!(
            header.contains("oauth_signature=\"hCtSmYh%2BiHYCEqBWrE7C7hYmtUk%3D\""),
            "{header}"
        );
    }
}
