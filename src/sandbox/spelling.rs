//! How ids and tokens look at each network: their alphabet, their length and their prefixes.
//!
//! Only the look is the network's; the chance in them is handed in.

use super::network::Network;
use crate::clock::Random;

const DIGITS: &[u8] = b"0123456789";
const HEX: &[u8] = b"0123456789abcdef";
const CAPITAL_HEX: &[u8] = b"0123456789ABCDEF";
const CAPITALS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// So many characters of an alphabet.
pub fn draw(random: &dyn Random, alphabet: &[u8], length: usize) -> String {
    let mut bytes = vec![0; length];
    random.fill(&mut bytes);
    let of = |byte: u8| alphabet.get(usize::from(byte) % alphabet.len().max(1)).copied();
    bytes.into_iter().filter_map(of).map(char::from).collect()
}

/// So many letters and digits.
pub fn letters(random: &dyn Random, length: usize) -> String {
    draw(random, LETTERS, length)
}

/// So many digits, of which the first is not zero.
fn number(random: &dyn Random, length: usize) -> String {
    format!("1{}", draw(random, DIGITS, length.saturating_sub(1)))
}

/// A GUID of version 4.
pub fn guid(random: &dyn Random) -> String {
    let hex = |length| draw(random, HEX, length);
    format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12))
}

/// The id of a new account.
pub fn account_id(network: Network, random: &dyn Random) -> String {
    match network {
        Network::Twitter | Network::Discord => number(random, 19),
        Network::Facebook => number(random, 17),
        Network::Google => number(random, 21),
        Network::GitHub | Network::GitLab => number(random, 8),
        Network::Foursquare => number(random, 9),
        Network::LinkedIn => letters(random, 10),
        Network::Microsoft | Network::Oidc | Network::OAuth2 => guid(random),
        Network::Apple => format!(
            "00{}.{}.{}",
            number(random, 4),
            draw(random, HEX, 32),
            draw(random, DIGITS, 4)
        ),
        Network::Slack => format!("U{}", draw(random, CAPITALS, 10)),
        Network::Qq => draw(random, CAPITAL_HEX, 32),
        Network::OAuth1 => number(random, 10),
    }
}

/// Whether an account of the network can have this id: where ids are numbers, or not empty.
pub fn is_account_id(network: Network, id: &str) -> bool {
    let is_number = !id.is_empty() && id.len() <= 19 && id.bytes().all(|byte| byte.is_ascii_digit());
    match network {
        Network::GitHub | Network::GitLab => is_number && !id.starts_with('0'),
        _ => !id.is_empty() && id.len() <= 255 && id.bytes().all(|byte| byte.is_ascii_graphic()),
    }
}

/// An OAuth 1.0a token of an account, and its secret.
pub fn signing_token(network: Network, account: &str, random: &dyn Random) -> (String, String) {
    match network {
        Network::Twitter => (format!("{account}-{}", letters(random, 40)), letters(random, 45)),
        _ => (letters(random, 24), letters(random, 32)),
    }
}

/// An access token.
pub fn access_token(network: Network, random: &dyn Random) -> String {
    match network {
        Network::Twitter => letters(random, 91),
        Network::Facebook => format!("EAA{}", letters(random, 180)),
        Network::Google => format!("ya29.a0{}", letters(random, 160)),
        Network::GitHub => format!("gho_{}", letters(random, 36)),
        Network::LinkedIn => format!("AQ{}", letters(random, 180)),
        Network::Microsoft => format!("EwB{}", letters(random, 200)),
        Network::Apple => format!("a{}.0.m{}", draw(random, HEX, 32), letters(random, 30)),
        Network::GitLab => draw(random, HEX, 64),
        Network::Discord => letters(random, 30),
        Network::Slack => format!("xoxp-{}-{}", number(random, 12), draw(random, HEX, 32)),
        Network::Qq => draw(random, CAPITAL_HEX, 32),
        Network::Foursquare => draw(random, CAPITALS, 48),
        Network::Oidc | Network::OAuth2 | Network::OAuth1 => letters(random, 43),
    }
}

/// A refresh token; `None` where the network gives none.
pub fn refresh_token(network: Network, random: &dyn Random) -> Option<String> {
    match network {
        Network::Facebook | Network::GitHub | Network::Foursquare | Network::OAuth1 => None,
        Network::Google => Some(format!("1//0{}", letters(random, 98))),
        Network::Apple => Some(format!("r{}.0.m{}", draw(random, HEX, 32), letters(random, 30))),
        Network::Microsoft => Some(format!("M.C5_{}", letters(random, 120))),
        Network::GitLab => Some(draw(random, HEX, 64)),
        Network::Slack => Some(format!("xoxe-1-{}", letters(random, 140))),
        Network::Qq => Some(draw(random, CAPITAL_HEX, 32)),
        Network::Twitter | Network::LinkedIn | Network::Discord | Network::Oidc | Network::OAuth2 => {
            Some(letters(random, 43))
        }
    }
}

/// For how many seconds an access token is good; `None` where it does not expire.
pub const fn lifetime(network: Network) -> Option<i64> {
    match network {
        Network::Twitter | Network::GitLab => Some(7_200),
        Network::Facebook | Network::LinkedIn => Some(5_184_000),
        Network::Google | Network::Microsoft | Network::Apple | Network::Oidc | Network::OAuth2 => Some(3_600),
        Network::Discord => Some(604_800),
        Network::Slack => Some(43_200),
        Network::Qq => Some(7_776_000),
        Network::GitHub | Network::Foursquare | Network::OAuth1 => None,
    }
}

/// What an access token allows unless something else is asked for.
pub const fn scopes(network: Network) -> &'static [&'static str] {
    match network {
        Network::Twitter => &["tweet.read", "users.read", "offline.access"],
        Network::Facebook => &["public_profile", "email"],
        Network::GitHub => &["read:user", "user:email"],
        Network::GitLab => &["openid", "profile", "email", "read_user"],
        Network::Discord => &["identify", "email"],
        Network::Qq => &["get_user_info"],
        Network::Google
        | Network::LinkedIn
        | Network::Microsoft
        | Network::Apple
        | Network::Slack
        | Network::Oidc
        | Network::OAuth2 => &["openid", "profile", "email"],
        Network::Foursquare | Network::OAuth1 => &[],
    }
}
