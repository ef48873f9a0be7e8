//! The network between clients, nodes and etcd: relays, through which all of it goes, and of
//! which those to and from one node can be cut.
//!
//! Relays and not network namespaces, because those need the rights of root over the whole
//! machine, change it for others and outlive a test that is killed. What is cut is not closed:
//! as with a pulled cable nobody is told, whoever dials is kept waiting, and what was on its
//! way arrives when the cable is back. What would surprise: all nodes dial from one address,
//! so a relay asks the kernel which process has dialled it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::addresses::Addresses;
use super::processes::hold_connection;

/// A node by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    A,
    B,
}

impl Name {
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// As it is in paths and in Patroni's settings.
    pub const fn text(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// Where its processes work, in the folder of the cluster.
    fn folder(self, cluster: &Path) -> PathBuf {
        cluster.join(self.text())
    }
}

/// What does not get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Nothing,
    /// Whatever goes to this node or comes from it.
    Around(Name),
    /// Whatever goes from one node to the other.
    Between,
}

/// The relays, on a thread of their own so that a busy test does not hold them up.
pub struct Network {
    cluster: PathBuf,
    addresses: Addresses,
    cut: watch::Sender<Cut>,
    runtime: Option<Runtime>,
}

impl Network {
    /// None yet, for the nodes whose folders are in this one.
    pub fn new(cluster: &Path) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self {
            cluster: cluster.to_owned(),
            addresses: Addresses::by_chance(),
            cut: watch::Sender::new(Cut::Nothing),
            runtime: Some(runtime.unwrap()),
        }
    }

    /// Where everything listens.
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Where the processes of a node work.
    pub fn folder(&self, node: Name) -> PathBuf {
        node.folder(&self.cluster)
    }

    /// Relays from an address to a node.
    pub fn relay_to(&self, node: Name, address: SocketAddr, target: SocketAddr) {
        self.relay(Relay {
            from: None,
            to: Some(node),
            address,
            target,
        });
    }

    /// Relays from an address that only this node dials to what is no node.
    pub fn relay_from(&self, node: Name, address: SocketAddr, target: SocketAddr) {
        self.relay(Relay {
            from: Some(node),
            to: None,
            address,
            target,
        });
    }

    fn relay(&self, relay: Relay) {
        let (cluster, cut) = (self.cluster.clone(), self.cut.subscribe());
        let listener = std::net::TcpListener::bind(relay.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.runtime.as_ref().unwrap().spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let Ok((near, peer)) = listener.accept().await else {
                    continue;
                };
                let ends = [relay.from.or_else(|| relay.dialled_by(&cluster, peer)), relay.to];
                let cable = Cable { ends, cut: cut.clone() };
                tokio::spawn(cable.carry(near, relay.target));
            }
        });
    }

    /// Cuts a node off from everybody.
    pub fn cut_off(&self, node: Name) {
        self.cut.send_replace(Cut::Around(node));
    }

    /// Cuts the nodes off from each other only.
    pub fn part(&self) {
        self.cut.send_replace(Cut::Between);
    }

    /// Everything gets through again.
    pub fn mend(&self) {
        self.cut.send_replace(Cut::Nothing);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[derive(Clone, Copy)]
struct Relay {
    from: Option<Name>,
    to: Option<Name>,
    address: SocketAddr,
    target: SocketAddr,
}

impl Relay {
    fn dialled_by(&self, cluster: &Path, peer: SocketAddr) -> Option<Name> {
        let dialled = |name: &Name| hold_connection(&name.folder(cluster), peer, self.address);
        Name::ALL.into_iter().find(dialled)
    }
}

/// One connection, whose ends are nodes or somebody else.
#[derive(Clone)]
struct Cable {
    ends: [Option<Name>; 2],
    cut: watch::Receiver<Cut>,
}

impl Cable {
    async fn carry(mut self, mut near: TcpStream, target: SocketAddr) {
        if self.whole().await.is_err() {
            return;
        }
        let Ok(mut far) = TcpStream::connect(target).await else {
            return;
        };
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let ((near_in, near_out), (far_in, far_out)) = (near.split(), far.split());
        tokio::join!(self.clone().pump(near_in, far_out), self.pump(far_in, near_out));
    }

    /// Carries one direction until its end, which has to get through as well.
    async fn pump(mut self, mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin) {
        let mut bytes = vec![0; 16 << 10];
        loop {
            let length = from.read(&mut bytes).await.unwrap_or(0);
            if self.whole().await.is_err() {
                return;
            }
            if length == 0 || to.write_all(&bytes[..length]).await.is_err() {
                let _ = to.shutdown().await;
                return;
            }
        }
    }

    /// Waits while nothing gets through; fails when the network is gone.
    async fn whole(&mut self) -> Result<(), watch::error::RecvError> {
        let ends = self.ends;
        let whole = |cut: &Cut| match cut {
            Cut::Nothing => true,
            Cut::Around(node) => !ends.contains(&Some(*node)),
            Cut::Between => ends.contains(&None),
        };
        self.cut.wait_for(whole).await.map(drop)
    }
}
