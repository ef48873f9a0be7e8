//! The simulated networks: that they answer as the networks do, and tell nothing that is secret.
//!
//! Who talks to networks is tested against them elsewhere; here they are what is tested.

mod checks;
mod control;
mod faults;
mod flows;
mod id_tokens;
mod signatures;
mod tokens;

use oneself::clock::Clock;
use oneself::sandbox::{base_string, signature};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::support::sandbox::Sandbox;

/// The application that tests are.
const OURS: (&str, &str) = ("our-app", "our-secret");

/// Another one.
const OTHER: (&str, &str) = ("other-app", "other-secret");

/// The networks, of which each knows both applications.
fn networks(names: &[&str]) -> Sandbox {
    let networks = Sandbox::start();
    for name in names {
        networks.application(name, OTHER.0, OTHER.1);
        networks.application(name, OURS.0, OURS.1);
    }
    networks
}

/// A text as it stands in a form or a header.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// What a request is signed with.
struct Signing<'a> {
    application: (&'a str, &'a str),
    token: (&'a str, &'a str),
    nonce: &'a str,
    /// How many seconds after now.
    later: i64,
    /// What else of the protocol it says.
    more: &'a [(&'a str, &'a str)],
}

impl Signing<'_> {
    /// The `Authorization` of a request without body, as RFC 5849 has it.
    fn header(&self, networks: &Sandbox, method: &str, path: &str) -> String {
        let (place, query) = path.split_once('?').unwrap_or((path, ""));
        let at = (networks.clock.now().as_second() + self.later).to_string();
        let own = [
            ("oauth_consumer_key", self.application.0),
            ("oauth_nonce", self.nonce),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", &at),
            ("oauth_token", self.token.0),
            ("oauth_version", "1.0"),
        ];
        let own = own
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .chain(self.more.iter().copied());
        let own: Vec<(&str, &str)> = own.collect();
        let of_query = query.split('&').filter_map(|pair| pair.split_once('='));
        let all: Vec<(String, String)> = own
            .iter()
            .copied()
            .chain(of_query)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let base = base_string(method, &format!("{}{place}", networks.url()), &all);
        let signature = signature(&base, self.application.1, self.token.1);
        let own = own.into_iter().chain([("oauth_signature", signature.as_str())]);
        let parts: Vec<String> = own
            .map(|(name, value)| format!("{name}=\"{}\"", encoded(value)))
            .collect();
        format!("OAuth {}", parts.join(", "))
    }
}
