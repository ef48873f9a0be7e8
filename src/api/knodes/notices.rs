//! What a request says of notifications (`api/knodes.md` 9): flat names with dots in them.
//!
//! Types and suffixes that nobody knows are passed over. What would surprise: the key of a context
//! may itself have dots, so a name is taken apart from its left.

use std::collections::BTreeMap;

use http::Uri;

use super::error::Problem;
use super::params::Params;

const BEGINNING: &str = "notifications.";

/// How many options a request may have.
const MOST: usize = 64;

/// The longest option, its name included.
const OPTION_LIMIT_BYTES: usize = 2_048;

/// The options that a request has, by what follows `notifications.` in their names.
///
/// # Errors
/// 400 when there are too many, when one is too long, says two things, or when the address that is to be called is none.
pub fn read(params: &Params) -> Result<BTreeMap<String, String>, Problem> {
    let mut options = BTreeMap::new();
    for (name, value) in params.below(BEGINNING).filter(|(name, _)| is_known(name)) {
        let refuse = |why: &str| Problem::bad_request(format!("{BEGINNING}{} {why}", shown(name)));
        if name.len().saturating_add(value.len()) > OPTION_LIMIT_BYTES {
            return Err(refuse("is too long"));
        }
        if name.ends_with(".url_callback") && !name.contains(".context.") && !is_callback(value) {
            return Err(refuse("must be an absolute http or https address"));
        }
        if options
            .insert(name.to_owned(), value.to_owned())
            .is_some_and(|before| before != value)
        {
            return Err(refuse("says two things"));
        }
        if options.len() > MOST {
            return Err(Problem::bad_request(format!(
                "there are more than {MOST} options of notifications"
            )));
        }
    }
    Ok(options)
}

fn is_known(name: &str) -> bool {
    let Some((kind, suffix)) = name.split_once('.') else {
        return false;
    };
    let completes = kind == "first_index_complete";
    match suffix {
        "template_id" | "disable" | "url_callback" => completes || kind == "first_index_begin",
        "no_results_template_id" => completes,
        _ if suffix.strip_prefix("context.").is_some_and(|key| !key.is_empty()) => {
            completes || kind == "first_index_begin"
        }
        _ => {
            let number = suffix.strip_prefix('q');
            completes && number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
        }
    }
}

fn is_callback(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
}

fn shown(name: &str) -> String {
    let clean = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    name.chars().take(64).map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_known_by_type_and_suffix() {
        for known in [
            "first_index_begin.template_id",
            "first_index_begin.context.targetUrl",
            "first_index_complete.context.a.b.c",
            "first_index_complete.q0",
            "first_index_complete.q12",
            "first_index_complete.no_results_template_id",
            "first_index_begin.disable",
            "first_index_complete.url_callback",
        ] {
            assert!(is_known(known), "{known}");
        }
        for unknown in [
            "",
            "first_index_begin",
            "first_index_begin.q1",
            "first_index_begin.no_results_template_id",
            "first_index_complete.q",
            "first_index_complete.qx",
            "first_index_complete.context.",
            "other.template_id",
            "first_index_complete.other",
        ] {
            assert!(!is_known(unknown), "{unknown}");
        }
        assert!(is_callback("https://birdhouse.example/hooks?x=1"));
        assert!(!is_callback("/hooks") && !is_callback("javascript:alert(1)") && !is_callback("https://"));
    }
}
