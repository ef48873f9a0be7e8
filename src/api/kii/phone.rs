//! Phone numbers: kept in the international form (E.164), taken in the national one of some countries
//! (`api/kii.md` 3.3 and 4.1).
//!
//! What would surprise: a country that is not in the table is refused by name rather than guessed, because
//! whether the leading zero of a national number stays differs from country to country.

/// The code of a country, and what its national numbers begin with that international ones do not have.
const COUNTRIES: [(&str, &str, &str); 27] = [
    ("AT", "43", "0"),
    ("AU", "61", "0"),
    ("BE", "32", "0"),
    ("CA", "1", "1"),
    ("CH", "41", "0"),
    ("CN", "86", "0"),
    ("DE", "49", "0"),
    ("DK", "45", ""),
    ("ES", "34", ""),
    ("FI", "358", "0"),
    ("FR", "33", "0"),
    ("GB", "44", "0"),
    ("HK", "852", ""),
    ("ID", "62", "0"),
    ("IE", "353", "0"),
    ("IN", "91", "0"),
    ("IT", "39", ""),
    ("JP", "81", "0"),
    ("KR", "82", "0"),
    ("MY", "60", "0"),
    ("NL", "31", "0"),
    ("NO", "47", ""),
    ("PH", "63", "0"),
    ("SE", "46", "0"),
    ("SG", "65", ""),
    ("TH", "66", "0"),
    ("US", "1", "1"),
];

/// The international form of a number; `None` when it has none.
pub fn international(number: &str, country: Option<&str>) -> Option<String> {
    let number: String = number.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
    let digits = match number.strip_prefix('+') {
        Some(digits) => digits.to_owned(),
        None => {
            let country = country?.to_ascii_uppercase();
            let (_, code, trunk) = COUNTRIES.iter().find(|(name, ..)| *name == country)?;
            let own = number.strip_prefix(trunk).unwrap_or(&number);
            format!("{code}{own}")
        }
    };
    let fits =
        (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    fits.then(|| format!("+{digits}"))
}

/// The international form of what stands after `PHONE:`, which is `+number` or `CC-number`.
pub fn selected(text: &str) -> Option<String> {
    match text.split_once('-') {
        Some((country, number)) if country.len() == 2 => international(number, Some(country)),
        _ => international(text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        for (number, country, form) in [
            ("+819012345678", None, Some("+819012345678")),
            ("090-1234-5678", Some("jp"), Some("+819012345678")),
            ("(415) 555-0132", Some("US"), Some("+14155550132")),
            ("06 1234 5678", Some("IT"), Some("+390612345678")),
            ("09012345678", None, None),
            ("09012345678", Some("XX"), None),
            ("+0123456789", None, None),
            ("+12", None, None),
            ("+1415555013a", None, None),
            ("+1234567890123456", None, None),
        ] {
            assert_eq!(international(number, country).as_deref(), form, "{number} {country:?}");
        }
        assert_eq!(selected("JP-09012345678").as_deref(), Some("+819012345678"));
        assert_eq!(selected("+81 90-1234-5678").as_deref(), Some("+819012345678"));
    }
}
