//! Where everything of a cluster listens.
//!
//! Of the loopback network each cluster has a piece of its own, chosen by chance, and in it
//! every party an address of its own with the port that it usually has. What would surprise:
//! this is so that no port has to be found free. One that a killed node has left would often
//! be taken as the near end of somebody's connection before the node is back.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::network::Name;

const POSTGRES: u16 = 5432;
const REST: u16 = 8008;
const ETCD: u16 = 2379;
const ETCD_PEERS: u16 = 2380;

/// The piece of one cluster.
#[derive(Debug, Clone, Copy)]
pub struct Addresses([u8; 2]);

impl Addresses {
    pub fn by_chance() -> Self {
        let [first, second, ..] = RandomState::new().hash_one(0).to_ne_bytes();
        // Debian has put 127.0.0.1 and 127.0.1.1 to use.
        Self([first.max(1), second])
    }

    /// PostgreSQL of a node.
    pub const fn postgres(self, of: Name) -> SocketAddr {
        self.at(10 + of as u8, POSTGRES)
    }

    /// The relay to it.
    pub const fn postgres_relay(self, to: Name) -> SocketAddr {
        self.at(20 + to as u8, POSTGRES)
    }

    /// What Patroni answers to others.
    pub const fn rest(self, of: Name) -> SocketAddr {
        self.at(10 + of as u8, REST)
    }

    /// The relay to it.
    pub const fn rest_relay(self, to: Name) -> SocketAddr {
        self.at(20 + to as u8, REST)
    }

    pub const fn etcd(self) -> SocketAddr {
        self.at(1, ETCD)
    }

    /// Where etcd would listen for others of its kind.
    pub const fn etcd_peers(self) -> SocketAddr {
        self.at(1, ETCD_PEERS)
    }

    /// The relay to etcd that one node dials.
    pub const fn etcd_relay(self, from: Name) -> SocketAddr {
        self.at(30 + from as u8, ETCD)
    }

    const fn at(self, host: u8, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, self.0[0], self.0[1], host)), port)
    }
}
