//! By which attributes users are found, and what each of them is compared as.
//!
//! An attribute has a path: the name of a claim of hers, `app_metadata.…`, `user_metadata.…`,
//! `identities.profileData.…` for a linked account, with a dot for every level of an object;
//! levels of arrays are passed over. What is not there is `null`, or empty, is not found by.
//!
//! What would surprise: what is searched of one user is bounded, so that a profile of a megabyte
//! costs no more than [`LEAVES`] values of each kind; and the bounds are part of the meaning,
//! because stores write these terms and nothing else.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::Number;
use super::text::{fold, words};
use crate::domain::{Object, Profile, User};

/// How many values of metadata are searched, those of `app_metadata` first; and how many of the
/// claims that only a provider knows.
pub const LEAVES: usize = 64;

/// The longest text that is searched, in bytes.
pub const TEXT_LIMIT_BYTES: usize = 1024;

/// The longest path that is searched, in bytes.
pub const PATH_LIMIT_BYTES: usize = 256;

/// From how many words of a name on a search may begin.
pub const WORDS: usize = 16;

/// The attributes that a profile names itself.
const NAMED: &[&str] = &[
    "email",
    "email_verified",
    "username",
    "phone_number",
    "phone_verified",
    "name",
    "nickname",
    "given_name",
    "family_name",
];

/// Claims of a provider under these names are not attributes: they are ours to say, or nobody's
/// to search.
const NOT_CLAIMS: &[&str] = &[
    "app_metadata",
    "blocked",
    "created_at",
    "epoch",
    "identities",
    "kept_credential",
    "kept_since",
    "last_ip",
    "last_login",
    "last_password_reset",
    "logins_count",
    "multifactor",
    "multifactor_last_modified",
    "picture",
    "profile",
    "tenant",
    "updated_at",
    "user_id",
    "user_metadata",
    "version",
];

/// What claims are never searched by, wherever it stands in their name.
const SECRETS: &[&str] = &["token", "secret", "password", "hash", "sealed"];

/// What the values of an attribute are compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As they are.
    Exact,
    /// Without the difference of case.
    Folded,
    /// Likewise, and word by word.
    Name,
    /// As moments, which are numbers of milliseconds.
    Moment,
}

impl Kind {
    /// Of the attribute at this path.
    pub fn of(path: &str) -> Self {
        match path {
            "name" | "given_name" | "family_name" | "nickname" => Self::Name,
            "email" | "email.domain" => Self::Folded,
            "last_login" => Self::Moment,
            _ => Self::Exact,
        }
    }

    /// A text as it is compared.
    pub fn prepare(self, text: &str) -> String {
        match self {
            Self::Exact | Self::Moment => text.to_owned(),
            Self::Folded | Self::Name => fold(text),
        }
    }
}

/// Whether the claim at this path is an attribute, whoever made it.
pub fn is_claim(path: &str) -> bool {
    let folded = fold(path);
    let root = folded.split('.').next().unwrap_or_default();
    NAMED.contains(&path)
        || !(root.is_empty()
            || root.starts_with('_')
            || NAMED.contains(&root)
            || NOT_CLAIMS.contains(&root)
            || SECRETS.iter().any(|secret| folded.contains(secret)))
}

/// Whether the values at this path are always of one type. What providers say more than we know
/// may be of any.
pub fn is_typed(path: &str) -> bool {
    const OURS: &[&str] = &["blocked", "email.domain", "last_ip", "last_login", "logins_count"];
    NAMED.contains(&path) || OURS.contains(&path) || path.starts_with("identities")
}

/// A value by which a user is found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    /// Where it stands.
    pub path: String,
    /// The value, prepared as its kind wants it.
    pub value: Value,
}

/// A value, in the order in which values are sorted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A number, or a moment in milliseconds.
    Number(Number),
    /// A text.
    Text(String),
    /// Of a name: its words from one of them on, with one space between them.
    Words(String),
}

/// Where a name comes from that nobody gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FallBack {
    /// Nowhere.
    None,
    /// From the e-mail address, as such a user is shown.
    Email,
}

/// What a user is found by.
pub fn of_user(user: &User, fall_back: FallBack) -> BTreeSet<Term> {
    let mut terms = Terms::default();
    let profile = &user.profile;
    terms.account("", profile);
    if let Some(email) = &profile.email {
        if let Some((_, domain)) = email.rsplit_once('@') {
            terms.text("email.domain", domain);
        }
        if fall_back == FallBack::Email {
            let local = email.split('@').next().unwrap_or_default();
            terms.text("name", profile.name.as_ref().unwrap_or(email));
            terms.text("nickname", profile.nickname.as_deref().unwrap_or(local));
        }
    }
    let names = [
        ("name", &profile.name),
        ("nickname", &profile.nickname),
        ("given_name", &profile.given_name),
        ("family_name", &profile.family_name),
        ("phone_number", &profile.phone_number),
        ("last_ip", &user.logins.last_ip),
    ];
    for (path, text) in names {
        terms.text(path, text.as_deref().unwrap_or_default());
    }
    terms.flag("phone_verified", profile.phone_verified);
    terms.flag("blocked", user.blocked);
    if user.logins.count > 0 {
        let count = i64::try_from(user.logins.count).unwrap_or(i64::MAX);
        terms.put("logins_count", Value::Number(Number::from_i64(count)));
    }
    if let Some(at) = user.logins.last_at {
        terms.put("last_login", moment(at));
    }
    terms.0.extend(of_claims(&profile.others));
    let mut left = LEAVES;
    for (name, bag) in [
        ("app_metadata", &user.app_metadata),
        ("user_metadata", &user.user_metadata),
    ] {
        terms.members(name, bag.iter().flatten(), &mut left);
    }
    terms.0
}

fn of_claims(claims: &Object) -> BTreeSet<Term> {
    let mut terms = Terms::default();
    let mut left = LEAVES;
    for (name, value) in claims.iter().filter(|(name, _)| is_claim(name)) {
        terms.leaves(name, value, &mut left);
    }
    terms
        .0
        .retain(|term| is_claim(&term.path) && !NAMED.contains(&term.path.as_str()));
    terms.0
}

/// What a user is found by because of an account that was linked to her.
pub fn of_account(profile: &Profile) -> BTreeSet<Term> {
    let mut terms = Terms::default();
    terms.account("identities.profileData.", profile);
    terms.0
}

/// A moment, as a value.
pub fn moment(at: Timestamp) -> Value {
    Value::Number(Number::from_i64(at.as_millisecond()))
}

#[derive(Default)]
struct Terms(BTreeSet<Term>);

impl Terms {
    /// What users are found by whether it is theirs or a linked account's.
    fn account(&mut self, before: &str, profile: &Profile) {
        for (name, text) in [("email", &profile.email), ("username", &profile.username)] {
            if let Some(text) = text {
                self.text(&format!("{before}{name}"), text);
            }
        }
        if profile.email_verified.is_some() {
            self.flag(&format!("{before}email_verified"), profile.email_verified);
        }
    }

    fn put(&mut self, path: &str, value: Value) {
        if path.len() <= PATH_LIMIT_BYTES {
            self.0.insert(Term {
                path: path.to_owned(),
                value,
            });
        }
    }

    fn flag(&mut self, path: &str, flag: Option<bool>) {
        if let Some(flag) = flag {
            self.put(path, Value::Flag(flag));
        }
    }

    fn text(&mut self, path: &str, text: &str) {
        if text.is_empty() || text.len() > TEXT_LIMIT_BYTES {
            return;
        }
        let kind = Kind::of(path);
        self.put(path, Value::Text(kind.prepare(text)));
        if kind == Kind::Name {
            let words = words(text);
            let mut rest = words.as_slice();
            for _ in 0..WORDS {
                let Some((_, after)) = rest.split_first() else { break };
                self.put(path, Value::Words(rest.join(" ")));
                rest = after;
            }
        }
    }

    fn members<'a>(&mut self, path: &str, members: impl Iterator<Item = (&'a String, &'a Json)>, left: &mut usize) {
        for (name, value) in members {
            self.leaves(&format!("{path}.{name}"), value, left);
        }
    }

    /// Every value below this one, in the order in which they stand there.
    fn leaves(&mut self, path: &str, value: &Json, left: &mut usize) {
        let mut waiting = vec![(path.to_owned(), value)];
        while let Some((path, value)) = waiting.pop() {
            if *left == 0 {
                return;
            }
            match value {
                Json::Null => continue,
                Json::String(text) if text.is_empty() => continue,
                Json::Array(items) => {
                    waiting.extend(items.iter().rev().map(|item| (path.clone(), item)));
                    continue;
                }
                Json::Object(members) => {
                    // A path that is too long only grows.
                    if path.len() <= PATH_LIMIT_BYTES {
                        let below = |(name, value)| (format!("{path}.{name}"), value);
                        waiting.extend(members.iter().rev().map(below));
                    }
                    continue;
                }
                Json::Bool(flag) => self.put(&path, Value::Flag(*flag)),
                Json::Number(number) => {
                    if let Some(number) = Number::from_json(number) {
                        self.put(&path, Value::Number(number));
                    }
                }
                Json::String(text) => self.text(&path, text),
            }
            *left = left.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;
    use serde_json::json;

    fn user(profile: Json, app: Json, own: Json) -> User {
        let profile = serde_json::from_value(profile).unwrap();
        let mut user = User::new(UserId::from_bytes([1; 12]), profile, Timestamp::UNIX_EPOCH);
        user.app_metadata = app.as_object().cloned();
        user.user_metadata = own.as_object().cloned();
        user
    }

    fn shown(terms: &BTreeSet<Term>) -> Vec<String> {
        let show = |term: &Term| match &term.value {
            Value::Flag(flag) => format!("{}={flag}", term.path),
            Value::Number(_) => format!("{}=#", term.path),
            Value::Text(text) => format!("{}={text}", term.path),
            Value::Words(words) => format!("{}~{words}", term.path),
        };
        terms.iter().map(show).collect()
    }

    #[test]
    fn what_is_there_is_found_by_and_what_is_empty_is_not() {
        let user = user(
            json!({"email": "A@X.example", "email_verified": false, "given_name": "Mary-Ann Roth", "nickname": "",
                   "picture": "p", "locale": "de", "address": {"city": "Köln", "none": null},
                   "access_token": "t", "deep": {"id_token": "t"}, "epoch": 1, "tenant": "x", "_id": "y"}),
            json!({"roles": ["admin", "admin", {"name": "x"}], "n": 1, "off": false, "e": "", "l": [], "o": {}}),
            json!({"a": {"b": "Deep"}}),
        );
        assert_eq!(
            shown(&of_user(&user, FallBack::None)),
            [
                "address.city=Köln",
                "app_metadata.n=#",
                "app_metadata.off=false",
                "app_metadata.roles=admin",
                "app_metadata.roles.name=x",
                "email=a@x.example",
                "email.domain=x.example",
                "email_verified=false",
                "given_name=mary-ann roth",
                "given_name~ann roth",
                "given_name~mary ann roth",
                "given_name~roth",
                "locale=de",
                "user_metadata.a.b=Deep",
            ]
        );
        let with_names = of_user(&user, FallBack::Email);
        let names: Vec<_> = shown(&with_names)
            .into_iter()
            .filter(|term| term.starts_with("n"))
            .collect();
        assert_eq!(
            names,
            ["name=a@x.example", "name~a x example", "name~example", "name~x example"]
        );
    }

    #[test]
    fn accounts_are_found_by_three_attributes() {
        let profile = json!({"email": "A@x.example", "email_verified": true, "username": "u", "name": "n", "x": 1});
        let terms = of_account(&serde_json::from_value(profile).unwrap());
        assert_eq!(
            shown(&terms),
            [
                "identities.profileData.email=A@x.example",
                "identities.profileData.email_verified=true",
                "identities.profileData.username=u",
            ]
        );
        let plain = json!({"name": "Ines", "locale": "de"});
        assert_eq!(of_account(&serde_json::from_value(plain).unwrap()), BTreeSet::new());
    }

    #[test]
    fn sec_api_02_what_is_searched_of_a_user_is_bounded() {
        let many: Object = (0..5_000).map(|n| (format!("k{n}"), json!(n))).collect();
        let long = "x".repeat(TEXT_LIMIT_BYTES + 1);
        let mut deep = json!("found");
        for _ in 0..PATH_LIMIT_BYTES {
            deep = json!({ "d": deep });
        }
        let words = "w ".repeat(500);
        let user = user(
            json!({"name": words, "claims": many, "long": long}),
            json!({"long": long, "deep": deep, "many": many}),
            json!({"never": "seen"}),
        );
        let terms = of_user(&user, FallBack::None);
        assert!(terms.len() <= 2 * LEAVES + 2 * WORDS, "{}", terms.len());
        let bytes: usize = shown(&terms).iter().map(String::len).sum();
        assert!(bytes < 64 * 1024, "{bytes}");
        assert!(terms.iter().any(|term| term.path == "app_metadata.many.k0"));
        assert!(
            !terms.iter().any(|term| term.path.starts_with("user_metadata")),
            "app_metadata comes first"
        );
    }
}
