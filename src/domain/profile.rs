//! What is known of a person, or of an account of hers elsewhere.
//!
//! One shape for both: linking an account makes the second user's profile the
//! identity's, and splitting it off makes it a user's again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::Object;

/// Profile attributes, under the names of OpenID Connect Core 5.1 where it has one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// As given: only dialects compare e-mail addresses, each in its own way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Yes, no, or unknown. Nothing may read `email` as verified without this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    /// The name to log in with, where a connection has such names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// Yes, no, or unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_verified: Option<bool>,
    /// The full name, for display.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What friends say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// First names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Last names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// An absolute address of a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// What else the provider said.
    #[serde(flatten)]
    pub others: Object,
}

impl Profile {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads a verified flag as providers write it: `true`, `false`, or those words as text.
/// Everything else, absence included, is unknown (LNK-02).
pub fn verified(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text == "true" => Some(true),
        Value::String(text) if text == "false" => Some(false),
        _ => None,
    }
}

/// Whether a name can be shown anywhere as it is: it holds no control character, and none
/// that turns the direction of what follows or ends its line (API-09, D-84).
pub fn is_display_text(text: &str) -> bool {
    text.chars().all(is_displayed)
}

/// What can be shown of a name that somebody else made.
pub fn display_text(text: &str) -> String {
    text.chars().filter(|c| is_displayed(*c)).collect()
}

fn is_displayed(c: char) -> bool {
    let turns_or_breaks =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !turns_or_breaks
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sec_lnk_02_only_true_is_verified() {
        let read = |value| verified(Some(&value));
        assert_eq!(read(json!(true)), Some(true));
        assert_eq!(read(json!("true")), Some(true));
        assert_eq!(read(json!(false)), Some(false));
        assert_eq!(read(json!("false")), Some(false));
        for other in [
            json!(1),
            json!(0),
            json!(null),
            json!([]),
            json!({}),
            json!("TRUE"),
            json!("yes"),
        ] {
            assert_eq!(verified(Some(&other)), None, "{other}");
        }
        assert_eq!(verified(None), None);
    }

    #[test]
    fn sec_api_09_names_do_not_turn_the_line_around() {
        for fine in ["Ines Roth", "<img src=x>", "ᴮᴵᴳᴮᴵᴿᴰ", "עדי", "👩‍🚀"] {
            assert!(is_display_text(fine), "{fine}");
        }
        for bad in [
            "\u{202e}x",
            "x\u{2066}",
            "\u{85}",
            "\u{2028}",
            "\u{1b}[31m",
            "X\nBcc: y",
            "a\0",
        ] {
            assert!(!is_display_text(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_profile_keeps_what_it_does_not_know() {
        let json = json!({"name": "Ines", "locale": "de", "email_verified": false});
        let profile: Profile = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(profile.others.get("locale"), Some(&json!("de")));
        assert_eq!(
            serde_json::to_value(&profile).unwrap(),
            json!({
                "email_verified": false, "name": "Ines", "locale": "de"
            })
        );
        assert!(Profile::default().is_empty());
    }
}
