//! Which addresses are outside: the public internet, and the nets that an operator allows.
//!
//! The blocks are those of IANA's special-purpose registries for IPv4 and IPv6 (RFC 6890), whole:
//! what stands there is refused even where a part of it is globally reachable, because no network
//! that people have accounts at lives there. What would surprise: an IPv6 address can carry an
//! IPv4 address, in more ways than one, and is never better than the address that it carries.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// What an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// On the public internet.
    Public,
    /// Anything else, in a few words.
    Refused(&'static str),
}

/// A block of addresses, such as `10.1.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Net {
    first: IpAddr,
    prefix: u8,
}

impl Net {
    /// Whether the address, however it is spelled, is in the block.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                in_block(first.to_bits().into(), address.to_bits().into(), self.prefix, 32)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => in_block(first.to_bits(), address.to_bits(), self.prefix, 128),
            _ => false,
        }
    }
}

impl FromStr for Net {
    type Err = String;

    /// # Errors
    /// What is wrong with it, and how it is written.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{text:?} {why}: a net is written such as 10.1.0.0/16 or fd00:1::/32");
        let (first, prefix) = text.split_once('/').ok_or_else(|| wrong("has no length"))?;
        let first: IpAddr = first.parse().map_err(|_| wrong("has no address"))?;
        let bits = if first.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = Some(prefix)
            .filter(|prefix| prefix.bytes().all(|byte| byte.is_ascii_digit()) && !prefix.starts_with('0'))
            .and_then(|prefix| prefix.parse().ok())
            .filter(|prefix| *prefix <= bits)
            .ok_or_else(|| wrong(&format!("has a length that is not from 1 to {bits}")))?;
        let leftmost = match first {
            IpAddr::V4(first) => u128::from(first.to_bits()) << 96,
            IpAddr::V6(first) => first.to_bits(),
        };
        if leftmost.checked_shl(prefix.into()).is_some_and(|rest| rest != 0) {
            return Err(wrong("is an address within its net"));
        }
        if first.to_canonical() != first {
            return Err(wrong("is an IPv4 net in IPv6 dress"));
        }
        Ok(Self { first, prefix })
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// Whether this address is on the public internet.
pub fn verdict(address: IpAddr) -> Verdict {
    match address.to_canonical() {
        IpAddr::V4(address) => of_v4(address),
        IpAddr::V6(address) => of_v6(address),
    }
}

/// IPv4: what is in no block is public.
const V4: &[(Ipv4Addr, u8, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "unspecified"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared with a carrier"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    // Public by its number; in Azure, the agent of every virtual machine.
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a cloud's agent"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "for protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "for AS112"),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "for AMT"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a 6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(192, 175, 48, 0), 24, "for AS112"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// IPv6: the first block that fits decides, and what is in none is not public.
const V6: &[(Ipv6Addr, u8, Verdict)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, Verdict::Refused("unspecified")),
    (Ipv6Addr::LOCALHOST, 128, Verdict::Refused("loopback")),
    // Carries a public IPv4 address, or it would not have come here.
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96, Verdict::Public),
    (
        Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0),
        48,
        Verdict::Refused("a local translator"),
    ),
    (
        Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0),
        64,
        Verdict::Refused("discarded"),
    ),
    (
        Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0),
        32,
        Verdict::Refused("a Teredo tunnel"),
    ),
    (
        Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0),
        23,
        Verdict::Refused("for protocols"),
    ),
    (
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
        32,
        Verdict::Refused("for documentation"),
    ),
    (
        Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0),
        16,
        Verdict::Refused("a 6to4 tunnel"),
    ),
    (
        Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0),
        48,
        Verdict::Refused("for AS112"),
    ),
    (
        Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0),
        20,
        Verdict::Refused("for documentation"),
    ),
    (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3, Verdict::Public),
    (
        Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0),
        16,
        Verdict::Refused("for segment routing"),
    ),
    (
        Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0),
        7,
        Verdict::Refused("private"),
    ),
    (
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0),
        10,
        Verdict::Refused("link-local"),
    ),
    (
        Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0),
        10,
        Verdict::Refused("site-local"),
    ),
    (
        Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0),
        8,
        Verdict::Refused("multicast"),
    ),
];

fn of_v4(address: Ipv4Addr) -> Verdict {
    V4.iter()
        .find(|(first, prefix, _)| in_block(first.to_bits().into(), address.to_bits().into(), *prefix, 32))
        .map_or(Verdict::Public, |(_, _, what)| Verdict::Refused(what))
}

fn of_v6(address: Ipv6Addr) -> Verdict {
    let carried = carried(address)
        .into_iter()
        .flatten()
        .map(of_v4)
        .find(|verdict| *verdict != Verdict::Public);
    carried.unwrap_or_else(|| {
        V6.iter()
            .find(|(first, prefix, _)| in_block(first.to_bits(), address.to_bits(), *prefix, 128))
            .map_or(Verdict::Refused("not assigned"), |(_, _, verdict)| *verdict)
    })
}

/// The IPv4 addresses that an IPv6 address carries; those of `::ffff:0:0/96` were taken out before.
fn carried(address: Ipv6Addr) -> [Option<Ipv4Addr>; 3] {
    let bits = address.to_bits();
    let at = |shift: u32| {
        Some(Ipv4Addr::from_bits(
            u32::try_from((bits >> shift) & 0xffff_ffff).unwrap_or(0),
        ))
    };
    match address.segments() {
        // `::` and `::1` are themselves and carry nothing.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None; 3],
        // IPv4-compatible (RFC 4291, 2.5.5.1), and translated (RFC 7915).
        [0, 0, 0, 0, 0, 0, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] => [at(0), None, None],
        // NAT64 (RFC 6052, 2.1).
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => [at(0), None, None],
        // 6to4 (RFC 3056, 2).
        [0x2002, ..] => [at(80), None, None],
        // Teredo (RFC 4380, 4): the server, and the client with its bits turned.
        [0x2001, 0, ..] => [at(64), at(0).map(|client| Ipv4Addr::from_bits(!client.to_bits())), None],
        // ISATAP (RFC 5214, 6.1), within any prefix.
        [_, _, _, _, 0 | 0x200, 0x5efe, _, _] => [at(0), None, None],
        _ => [None; 3],
    }
}

/// Whether the first bits are the same.
fn in_block(first: u128, address: u128, prefix: u8, bits: u8) -> bool {
    (first ^ address).checked_shr(u32::from(bits - prefix)).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nets_have_one_spelling() {
        for good in [
            "10.1.0.0/16",
            "192.0.2.7/32",
            "fd00:1::/32",
            "::1/128",
            "128.0.0.0/1",
            "fe80::/10",
        ] {
            assert_eq!(good.parse::<Net>().unwrap().to_string(), good);
        }
        for (bad, why) in [
            ("10.1.0.0", "has no length"),
            ("10.1/16", "has no address"),
            ("10.1.0.0/33", "from 1 to 32"),
            ("10.1.0.0/08", "from 1 to 32"),
            ("10.1.0.0/+8", "from 1 to 32"),
            ("10.1.0.0/", "from 1 to 32"),
            ("0.0.0.0/0", "from 1 to 32"),
            ("::/0", "from 1 to 128"),
            ("fd00::/129", "from 1 to 128"),
            ("10.1.0.1/16", "is an address within its net"),
            ("10.0.0.1/31", "is an address within its net"),
            ("fd00::1/127", "is an address within its net"),
            ("::ffff:10.0.0.0/104", "in IPv6 dress"),
            ("example.org/8", "has no address"),
        ] {
            let said = bad.parse::<Net>().unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn a_net_ends_where_it_ends() {
        let net: Net = "10.1.0.0/16".parse().unwrap();
        for (address, within) in [
            ("10.1.0.0", true),
            ("10.1.255.255", true),
            ("::ffff:10.1.2.3", true),
            ("10.0.255.255", false),
            ("10.2.0.0", false),
            ("::10.1.2.3", false),
        ] {
            assert_eq!(net.contains(address.parse().unwrap()), within, "{address}");
        }
    }
}
