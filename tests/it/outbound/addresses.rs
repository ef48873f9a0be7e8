//! What every kind of address is, from a table, and for IPv4 in IPv6 dress from a property.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use oneself::outbound::{Net, Outbound, OutboundSettings, Verdict, verdict};
use proptest::prelude::*;
use serde::Deserialize;

const TABLE: &str = include_str!("../../data/addresses.toml");

#[derive(Deserialize)]
struct Table {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    address: IpAddr,
    verdict: String,
}

fn table() -> Vec<Row> {
    toml::from_str::<Table>(TABLE).unwrap().rows
}

#[test]
fn sec_egr_03_a_table_of_addresses_has_its_verdicts() {
    let client = Outbound::new(OutboundSettings::default());
    let rows = table();
    assert!(rows.len() >= 120, "{}", rows.len());
    for Row {
        address,
        verdict: wanted,
    } in rows
    {
        let found = match verdict(address) {
            Verdict::Public => "public",
            Verdict::Refused(what) => what,
        };
        assert_eq!(found, wanted, "{address}");
        let host = if address.is_ipv6() {
            format!("[{address}]")
        } else {
            address.to_string()
        };
        let checked = client.check(&format!("https://{host}/"));
        assert_eq!(checked.is_ok(), wanted == "public", "{address} as a host");
    }
}

#[test]
fn sec_egr_01_an_operator_allows_nets_by_name() {
    let client = Outbound::new(OutboundSettings {
        nets: ["10.1.0.0/16", "fd00:1::/32"]
            .map(|net| net.parse::<Net>().unwrap())
            .to_vec(),
        ..OutboundSettings::default()
    });
    for (url, allowed) in [
        ("https://10.1.2.3/", true),
        ("https://[::ffff:10.1.2.3]/", true),
        ("https://[fd00:1::5]/", true),
        ("https://idp.corp.internal/", true),
        ("https://10.2.2.3/", false),
        ("https://[64:ff9b::10.1.2.3]/", false),
        ("https://[fd00:2::5]/", false),
        ("https://127.0.0.1/", false),
        ("http://10.1.2.3/", false),
        ("https://10.1.2.3:8443/", false),
    ] {
        assert_eq!(client.check(url).is_ok(), allowed, "{url}");
    }
}

proptest! {
    /// No spelling of an IPv4 address is better than the address, and whatever the machine sends
    /// over IPv4 in the end is as good as it.
    #[test]
    fn sec_egr_03_an_ipv4_address_in_ipv6_dress_is_no_better(random: u32, row: usize, prefix: u16) {
        let v4s = table().into_iter().filter_map(|row| match row.address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        });
        let v4s: Vec<Ipv4Addr> = v4s.collect();
        let of_table = v4s[row % v4s.len()];
        for v4 in [of_table, Ipv4Addr::from_bits(random)] {
            let wanted = verdict(v4.into());
            let [high, low] = [(v4.to_bits() >> 16) as u16, v4.to_bits() as u16];
            let same = [v4.to_ipv6_mapped(), Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low)];
            for address in same {
                prop_assert_eq!(verdict(address.into()), wanted, "{} as {}", v4, address);
            }
            let tunnels = [
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, prefix, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, high, low, 0, 0, 0xf7f7, 0xf7f7),
                Ipv6Addr::new(0x2001, 0, 0x808, 0x808, 0, 0, !high, !low),
            ];
            for address in tunnels {
                match wanted {
                    Verdict::Public => prop_assert_ne!(verdict(address.into()), Verdict::Public, "{}", address),
                    refused => prop_assert_eq!(verdict(address.into()), refused, "{} as {}", v4, address),
                }
            }
            let within_a_prefix = Ipv6Addr::new(0x2a00, 0x1450, prefix, 8, 0x200, 0x5efe, high, low);
            prop_assert_eq!(verdict(within_a_prefix.into()), wanted, "{} as {}", v4, within_a_prefix);
        }
    }
}
