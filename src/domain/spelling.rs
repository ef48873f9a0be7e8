//! How the dialects spell a user's id, and what they call providers.
//!
//! It stands in the domain because ids cross dialects: `/link/v1` takes an id in any
//! spelling, and tokens of ours carry Auth0's in `sub`. Auth0's form is that of the identity
//! that the user was born with (`api/auth0.md` 6.4); Kii's is a UUIDv8 with the bits of the
//! core id; Knodes' is the core id as it is.

use crate::domain::user::Birthplace;
use crate::domain::{Connection, UserRef, connection};
use crate::id::UserId;

/// Names that Auth0 has for providers that we call otherwise.
const RENAMED: [(&str, &str); 4] = [
    (connection::DATABASE, "auth0"),
    ("google", "google-oauth2"),
    ("microsoft", "windowslive"),
    ("microsoft", "waad"),
];

/// Every provider name that Auth0's interface takes (`api/auth0.md` 6.3).
pub const AUTH0_PROVIDERS: &[&str] = &[
    "ad",
    "adfs",
    "amazon",
    "aol",
    "apple",
    "auth0",
    "auth0-adldap",
    "auth0-oidc",
    "baidu",
    "bitbucket",
    "bitly",
    "box",
    "custom",
    "daccount",
    "dropbox",
    "dwolla",
    "email",
    "evernote",
    "evernote-sandbox",
    "exact",
    "facebook",
    "fitbit",
    "flickr",
    "github",
    "google-apps",
    "google-oauth2",
    "instagram",
    "ip",
    "line",
    "linkedin",
    "miicard",
    "oauth1",
    "oauth2",
    "office365",
    "oidc",
    "okta",
    "paypal",
    "paypal-sandbox",
    "pingfederate",
    "planningcenter",
    "renren",
    "salesforce",
    "salesforce-community",
    "salesforce-sandbox",
    "samlp",
    "sharepoint",
    "shop",
    "shopify",
    "sms",
    "soundcloud",
    "thecity",
    "thecity-sandbox",
    "thirtysevensignals",
    "twitter",
    "untappd",
    "vkontakte",
    "waad",
    "weibo",
    "windowslive",
    "wordpress",
    "yahoo",
    "yammer",
    "yandex",
];

/// Auth0's providers whose user ids carry the connection's name: enterprise connections and
/// custom social ones.
const NAMED_BY_CONNECTION: &[&str] = &[
    "ad",
    "adfs",
    "custom",
    "oauth1",
    "oauth2",
    "oidc",
    "okta",
    "pingfederate",
    "samlp",
];

/// Networks that Knodes does not have.
const NOT_IN_KNODES: [&str; 3] = ["microsoft", "qq", "renren"];

/// What Auth0 calls a provider of ours; `oauth2` when it has no name for it.
pub fn auth0_provider(core: &str) -> &str {
    if let Some((_, theirs)) = RENAMED.iter().find(|(ours, _)| *ours == core) {
        return theirs;
    }
    AUTH0_PROVIDERS
        .iter()
        .find(|known| **known == core && core != "renren")
        .unwrap_or(&"oauth2")
}

/// What we call a provider of Auth0's.
pub fn core_provider(auth0: &str) -> &str {
    RENAMED
        .iter()
        .find(|(_, theirs)| *theirs == auth0)
        .map_or(auth0, |(ours, _)| ours)
}

/// What Knodes calls a provider of ours; `None` when it has no name for it.
pub fn knodes_network(core: &str) -> Option<&str> {
    let has_name = connection::is_network(core) && !NOT_IN_KNODES.contains(&core);
    has_name.then_some(core)
}

/// What Auth0 calls the provider of this connection, which it fixed when it made it.
pub fn auth0_strategy(connection: &Connection) -> &str {
    match connection.auth0.get("strategy").and_then(serde_json::Value::as_str) {
        Some(strategy) => strategy,
        None => auth0_provider(&connection.provider),
    }
}

/// The part of Auth0's spelling after the first bar.
pub fn auth0_local_id(strategy: &str, connection: &str, subject: &str) -> String {
    match NAMED_BY_CONNECTION.contains(&strategy) {
        true => format!("{connection}|{subject}"),
        false => subject.to_owned(),
    }
}

/// Reads Auth0's spelling; `None` when there is no bar, or nothing on either side of it.
pub fn parse_auth0(text: &str) -> Option<UserRef> {
    let (provider, local) = text.split_once('|')?;
    if provider.is_empty() || local.is_empty() {
        return None;
    }
    let (at, subject) = match local.split_once('|') {
        Some((name, subject)) if NAMED_BY_CONNECTION.contains(&provider) && !subject.is_empty() => {
            (Birthplace::Connection(name.to_owned()), subject)
        }
        _ => (Birthplace::Provider(core_provider(provider).to_owned()), local),
    };
    Some(UserRef::Born {
        at,
        subject: subject.to_owned(),
    })
}

/// Reads an id in any spelling; `None` for what is none.
pub fn parse(text: &str) -> Option<UserRef> {
    if let Ok(id) = text.parse() {
        return Some(UserRef::Id(id));
    }
    parse_uuid(text).map(UserRef::Id).or_else(|| parse_auth0(text))
}

/// Kii's spelling: a UUIDv8 (RFC 9562, 5.8) whose 96 free bits before its last 26 are the
/// core id's.
pub fn uuid(id: UserId) -> String {
    let [a @ .., m, n, o, p, q, r] = *id.as_bytes();
    let [a0, a1, a2, a3, a4, a5] = a;
    // 48 bits, the version, 12 bits, the variant, and the remaining 36 bits on the left of 62.
    let rest = u64::from_be_bytes([0, 0, m, n, o, p, q, r]);
    let first_12 = rest >> 36;
    let last_36 = rest & ((1 << 36) - 1);
    let tail = (0b10 << 62) | (last_36 << 26);
    format!(
        "{:02x}{:02x}{:02x}{:02x}-{:02x}{:02x}-8{:03x}-{:04x}-{:012x}",
        a0,
        a1,
        a2,
        a3,
        a4,
        a5,
        first_12,
        tail >> 48,
        tail & 0xffff_ffff_ffff
    )
}

fn parse_uuid(text: &str) -> Option<UserId> {
    if text.len() != 36 {
        return None;
    }
    let hex: String = text.split('-').collect();
    let mut head = [0; 16];
    hex::decode_to_slice(&hex, &mut head).ok()?;
    let whole = u128::from_be_bytes(head);
    let first_48 = whole >> 80;
    let first_12 = (whole >> 64) & 0xfff;
    let last_36 = (whole >> 26) & ((1 << 36) - 1);
    let bits = (first_48 << 48) | (first_12 << 36) | last_36;
    let [_, _, _, _, id @ ..] = bits.to_be_bytes();
    let id = UserId::from_bytes(id);
    // Only the exact spelling counts: version, variant, padding, dashes and case.
    (uuid(id) == text).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_user_reads_back() {
        let id = UserId::from_bytes([0x66, 0xa1, 0xc0, 0xff, 0xee, 1, 2, 3, 4, 5, 6, 0xef]);
        assert_eq!(parse(&id.to_string()), Some(UserRef::Id(id)));
        let uuid = uuid(id);
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "8");
        assert_eq!(parse(&uuid), Some(UserRef::Id(id)), "{uuid}");
        assert_eq!(parse(&uuid.to_uppercase()), None);
        let born = |at, subject: &str| {
            Some(UserRef::Born {
                at,
                subject: subject.to_owned(),
            })
        };
        assert_eq!(
            parse("google-oauth2|12"),
            born(Birthplace::Provider("google".into()), "12")
        );
        assert_eq!(parse("auth0|a|b"), born(Birthplace::Provider("database".into()), "a|b"));
        assert_eq!(
            parse("oauth2|my-shop|12"),
            born(Birthplace::Connection("my-shop".into()), "12")
        );
        assert_eq!(
            parse("samlp|corp|a@b"),
            born(Birthplace::Connection("corp".into()), "a@b")
        );
        for none in ["", "|", "a|", "|b", "abc", "66A1C0FFEE010203040506EF"] {
            assert_eq!(parse(none), None, "{none}");
        }
    }

    #[test]
    fn providers_have_a_name_on_both_sides() {
        for (core, auth0) in [
            ("database", "auth0"),
            ("google", "google-oauth2"),
            ("github", "github"),
            ("qq", "oauth2"),
            ("renren", "oauth2"),
            ("foursquare", "oauth2"),
        ] {
            assert_eq!(auth0_provider(core), auth0);
        }
        assert_eq!(knodes_network("google"), Some("google"));
        for none in ["microsoft", "qq", "renren", "database", "email", "sms"] {
            assert_eq!(knodes_network(none), None, "{none}");
        }
        assert_eq!(core_provider("waad"), "microsoft");
        assert_eq!(core_provider("windowslive"), "microsoft");
        assert_eq!(core_provider("github"), "github");
    }
}
