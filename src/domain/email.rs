//! Which e-mail addresses we take: fewer than the standard has.
//!
//! An address that two programs read differently is how mail for one person reaches
//! another, so quotes, comments, literals, encoded words, bare host names and everything
//! outside ASCII are refused here, once, for every interface (NTF-05). What would
//! surprise: nothing is folded. Whoever compares addresses folds them first.

/// The longest address, in bytes (RFC 5321, 4.5.3.1.3, without its angle brackets).
const ADDRESS_LIMIT_BYTES: usize = 254;

/// The longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
const LOCAL_LIMIT_BYTES: usize = 64;

/// The longest part after the `@`, in bytes.
const DOMAIN_LIMIT_BYTES: usize = 253;

/// Whether a text is an e-mail address that everybody reads alike.
pub fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    text.len() <= ADDRESS_LIMIT_BYTES && is_local(local) && is_domain(domain)
}

fn is_local(local: &str) -> bool {
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/^_{}~".contains(&b))
    };
    local.len() <= LOCAL_LIMIT_BYTES && local.split('.').all(is_atom)
}

/// Two labels or more, the last of them not a number: the address of a host is no domain.
fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last_is_name = |(_, last): (&str, &str)| !last.bytes().all(|b| b.is_ascii_digit());
    domain.len() <= DOMAIN_LIMIT_BYTES
        && domain.split('.').all(is_label)
        && domain.rsplit_once('.').is_some_and(last_is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_ntf_05_addresses_have_one_reading() {
        let longest_local = format!("{}@x.example", "a".repeat(64));
        for fine in [
            "ines@x.example",
            "VICTIM@x.example",
            "a+b.c@sub.x.example",
            "a@xn--80ak6aa92e.com",
            &longest_local,
        ] {
            assert!(is_address(fine), "{fine}");
        }
        let long_local = format!("{}@x.example", "a".repeat(65));
        let long = format!("a@{}.example", "b.".repeat(130));
        for bad in [
            "",
            "a",
            "@x.example",
            "a@",
            "a@x.example\r\nBcc: v@y.example",
            "=?utf-8?q?=41?=@x.example",
            "\"a b\"@x.example",
            "a(c)@x.example",
            "<a@x.example>",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@localhost",
            "a@b",
            "ａ@x.example",
            "a@ⓔ.example",
            "a..b@x.example",
            ".a@x.example",
            "a.@x.example",
            &long_local,
            &long,
            "a%b@x.example@evil.example",
            "@r1,@r2:a@x.example",
            "a\0@x.example",
            "a\u{202e}@x.example",
            "a\u{200b}@x.example",
            "a@-x.example",
            "a@x.example.",
            " a@x.example",
        ] {
            assert!(!is_address(bad), "{bad:?}");
        }
    }
}
