//! E-mail addresses as we take them: the plain form that every mail system agrees on.

/// Characters of a local part besides letters and digits (RFC 5322, 3.2.3 `atext`).
const ATOM: &[u8] = b"!#$%&'*+-/=?^_`{|}~.";

/// Whether a text is an address of the plain form `local@domain.tld`: no quoting, no
/// comments, no address literals, no line breaks, ASCII only, a domain with a dot whose
/// labels are letters, digits and dashes. At most 64 bytes before the `@` and 254 in all
/// (RFC 5321, 4.5.3.1).
pub fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let local_fits = (1..=64).contains(&local.len())
        && local.bytes().all(|b| b.is_ascii_alphanumeric() || ATOM.contains(&b))
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        // The mark of an encoded word (RFC 2047), which mail software would decode.
        && !local.starts_with("=?");
    let label_fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 254 && local_fits && domain.contains('.') && domain.split('.').all(label_fits)
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn hostile_addresses_are_refused() {
        for fine in [
            "a@x.example",
            "a.b+c@x-y.example",
            "a%b@x.example",
            "a@xn--80ak6aa92e.com",
            "VICTIM@X.EXAMPLE",
        ] {
            assert!(is_address(fine), "{fine}");
        }
        let long_local = format!("{}@x.example", "a".repeat(65));
        let long = format!("a@{}.example", "x.".repeat(130));
        for bad in [
            "",
            "a",
            "@",
            "a@",
            "@x.example",
            "a@x.example\r\nBcc: v@y.example",
            "=?utf-8?q?=41?=@x.example",
            "\"a b\"@x.example",
            "a(c)@x.example",
            "<a@x.example>",
            "a@[127.0.0.1]",
            "a@localhost",
            "a@b",
            "ａ@x.example",
            "a@ⓔ.example",
            "a..b@x.example",
            ".a@x.example",
            "a%b@x.example@evil.example",
            "@r1,@r2:a@x.example",
            "a\0@x.example",
            "a\u{202e}@x.example",
            "a@x..example",
            "a@-x.example",
            &long_local,
            &long,
        ] {
            assert!(!is_address(bad), "{bad:?}");
        }
    }
}
