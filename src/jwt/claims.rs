//! What a token says, read strictly: a claim that is not what it must be is an error,
//! never an absent claim.
//!
//! Every time is in whole seconds from 0 to [`LATEST`]. What would surprise: `cep` and
//! `uep` are ours, the epochs of client and user at which the token was made; whoever
//! takes the token compares them with the store, and that is how a token is revoked.

use serde_json::{Map, Value};

use super::{Fault, TokenKind};
use crate::domain::Object;

/// The last second of the year 9999; no time in a token is later.
pub const LATEST: i64 = 253_402_300_799;
/// How far the clocks of two machines may differ, in seconds.
const LEEWAY: i64 = 30;
/// The `gty` of a token that acts for no person.
const CLIENT_CREDENTIALS: &str = "client-credentials";

/// What a token says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Claims {
    /// The origin that issued it, with a slash.
    pub iss: String,
    /// Of whom it speaks: 1 to 255 bytes.
    pub sub: String,
    /// For whom it was made; at least one.
    pub aud: Vec<String>,
    /// The client that it was issued to; there when several are in `aud`, and in every
    /// access token.
    pub azp: Option<String>,
    /// When it ends, in seconds.
    pub exp: i64,
    /// When it was made, in seconds.
    pub iat: i64,
    /// What it allows, separated by spaces; in access tokens only.
    pub scope: Option<String>,
    /// By which grant it was given, where that is told.
    pub gty: Option<String>,
    /// Its own name.
    pub jti: Option<String>,
    /// `cep`: the client's epoch; in every access token.
    pub client_epoch: Option<i64>,
    /// `uep`: the user's epoch; in every access token that acts for a person.
    pub user_epoch: Option<i64>,
    /// Every other member, unread.
    pub more: Object,
}

impl Claims {
    /// The claims as they travel. `more` comes last and replaces nothing.
    pub(super) fn into_json(self) -> Value {
        let mut json = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                json.insert(name.into(), value);
            }
        };
        put("iss", Some(self.iss.into()));
        put("sub", Some(self.sub.into()));
        put(
            "aud",
            Some(match <[String; 1]>::try_from(self.aud) {
                Ok([only]) => only.into(),
                Err(several) => several.into(),
            }),
        );
        put("iat", Some(self.iat.into()));
        put("exp", Some(self.exp.into()));
        put("azp", self.azp.map(Value::from));
        put("scope", self.scope.map(Value::from));
        put("gty", self.gty.map(Value::from));
        put("jti", self.jti.map(Value::from));
        put("cep", self.client_epoch.map(Value::from));
        put("uep", self.user_epoch.map(Value::from));
        for (name, value) in self.more {
            json.entry(name).or_insert(value);
        }
        Value::Object(json)
    }

    /// Reads the claims of a token whose signature fits.
    ///
    /// Kind first, then time, then the rest: an expired token is told as expired,
    /// whatever else is wrong with it.
    pub(super) fn from_json(mut json: Object, kind: TokenKind, now: i64) -> Result<Self, Fault> {
        if kind == TokenKind::Id && looks_like_another_kind(&json) {
            return Err(Fault::WrongKind);
        }
        let (exp, iat) = check_times(&json, now)?;
        for read in ["exp", "iat", "nbf"] {
            json.remove(read);
        }
        let sub = match json.remove("sub") {
            None | Some(Value::Null) => return Err(Fault::MissingSub),
            Some(Value::String(sub)) if is_name(&sub) => sub,
            Some(_) => return Err(Fault::MalformedSub),
        };
        let iss = match json.remove("iss") {
            Some(Value::String(iss)) if is_name(&iss) => iss,
            _ => return Err(Fault::MalformedIssuer),
        };
        let azp = text(json.remove("azp").as_ref(), "azp")?;
        let claims = Self {
            iss,
            sub,
            aud: audience(json.remove("aud").as_ref(), azp.is_some())?,
            azp,
            exp,
            iat,
            scope: match json.remove("scope") {
                None => None,
                Some(Value::String(scopes)) => Some(scopes),
                Some(_) => return Err(Fault::MalformedClaim("scope")),
            },
            gty: text(json.remove("gty").as_ref(), "gty")?,
            jti: text(json.remove("jti").as_ref(), "jti")?,
            client_epoch: epoch(&mut json, "cep")?,
            user_epoch: epoch(&mut json, "uep")?,
            more: json,
        };
        if kind == TokenKind::Access {
            claims.can_be_revoked()?;
        }
        Ok(claims)
    }

    /// An access token names the client, and the epochs at which it dies.
    fn can_be_revoked(&self) -> Result<(), Fault> {
        if self.azp.is_none() {
            return Err(Fault::MalformedClaim("azp"));
        }
        if self.client_epoch.is_none() {
            return Err(Fault::MalformedClaim("cep"));
        }
        if self.user_epoch.is_none() && self.gty.as_deref() != Some(CLIENT_CREDENTIALS) {
            return Err(Fault::MalformedClaim("uep"));
        }
        Ok(())
    }
}

/// Whether what carries the `typ` of an ID token is an access token or a logout token by
/// its claims (RFC 8725, 3.12).
fn looks_like_another_kind(json: &Object) -> bool {
    json.contains_key("scope")
        || json.contains_key("events")
        || (json.contains_key("client_id") && !json.contains_key("azp"))
}

/// That a token has not ended and was made before now; when it ends and when it was made.
pub(super) fn check_times(json: &Object, now: i64) -> Result<(i64, i64), Fault> {
    let exp = seconds(json, "exp")?.ok_or(Fault::MalformedClaim("exp"))?;
    let iat = seconds(json, "iat")?.ok_or(Fault::MalformedClaim("iat"))?;
    let nbf = seconds(json, "nbf")?;
    if exp.saturating_add(LEEWAY) <= now {
        return Err(Fault::Expired);
    }
    if iat.max(nbf.unwrap_or(0)) > now.saturating_add(LEEWAY) {
        return Err(Fault::NotYetValid);
    }
    Ok((exp, iat))
}

/// A name of somebody: 1 to 255 bytes, no control characters.
pub(super) fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && !text.chars().any(char::is_control)
}

pub(super) fn text(value: Option<&Value>, name: &'static str) -> Result<Option<String>, Fault> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) if is_name(text) => Ok(Some(text.clone())),
        Some(_) => Err(Fault::MalformedClaim(name)),
    }
}

fn epoch(json: &mut Object, name: &'static str) -> Result<Option<i64>, Fault> {
    match json.remove(name) {
        None => Ok(None),
        Some(value) => match value.as_i64() {
            Some(epoch @ 0..) => Ok(Some(epoch)),
            _ => Err(Fault::MalformedClaim(name)),
        },
    }
}

pub(super) fn audience(value: Option<&Value>, has_azp: bool) -> Result<Vec<String>, Fault> {
    let list = match value {
        Some(only @ Value::String(_)) => std::slice::from_ref(only),
        Some(Value::Array(list)) => list,
        _ => return Err(Fault::MalformedAudience),
    };
    if list.is_empty() || (list.len() > 1 && !has_azp) {
        return Err(Fault::MalformedAudience);
    }
    list.iter()
        .map(|one| match one {
            Value::String(one) if is_name(one) => Ok(one.clone()),
            _ => Err(Fault::MalformedAudience),
        })
        .collect()
}

/// A time: a JSON number, a fraction rounded down; a text is never a time (CVE-2026-25537).
fn seconds(json: &Object, name: &'static str) -> Result<Option<i64>, Fault> {
    let Some(value) = json.get(name) else {
        return Ok(None);
    };
    whole_seconds(value).map(Some).ok_or(Fault::MalformedClaim(name))
}

fn whole_seconds(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    if let Some(whole) = number.as_i64() {
        return (0..=LATEST).contains(&whole).then_some(whole);
    }
    let down = number.as_f64()?.floor();
    // LATEST is below 2^53, so that both conversions are exact.
    (0.0..=LATEST as f64).contains(&down).then_some(down as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sec_jwt_08_a_time_is_in_range_or_refused() {
        for (value, expected) in [
            (json!(0), Some(0)),
            (json!(-0.0), Some(0)),
            (json!(1.999), Some(1)),
            (json!(1e3), Some(1000)),
            (json!(LATEST), Some(LATEST)),
            (json!(253_402_300_799.5), Some(LATEST)),
            (json!(253_402_300_800.0), None),
            (json!(LATEST + 1), None),
            (json!(-1), None),
            (json!(-0.5), None),
            (json!(1e30), None),
            (json!(u64::MAX), None),
            (json!(i64::MIN), None),
            (json!("99"), None),
            (json!(null), None),
            (json!([1]), None),
            (json!(true), None),
        ] {
            assert_eq!(whole_seconds(&value), expected, "{value}");
        }
    }
}
