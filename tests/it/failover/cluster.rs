//! Two nodes of PostgreSQL under Patroni, one the synchronous standby of the other, and etcd.
//!
//! The primary can be struck in three ways, one at a time, and be healed. What would surprise:
//! on a busy machine Patroni may change the primary without any fault; whoever strikes asks
//! first who it is, and acknowledged writes are kept all the same.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::{Client, NoTls};

use super::network::{Name, Network};
use super::node::{Node, PASSWORD, Replication};
use super::processes::Sweeper;
use super::programs::{Programs, log_of};

/// Two clusters would be in each other's way on a small machine, and be slow to notice a fault.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// No step of Patroni takes longer, or something is wrong.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is done to a primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// PostgreSQL and its Patroni get SIGKILL.
    Kill,
    /// They get SIGSTOP: connections stay and nobody answers.
    Freeze,
    /// Nothing gets through any more to it or from it; it goes on running.
    CutOff,
}

impl Fault {
    pub const ALL: [Self; 3] = [Self::Kill, Self::Freeze, Self::CutOff];
}

/// A cluster, for as long as it is held.
pub struct Cluster {
    nodes: [Node; 2],
    network: Network,
    replication: Replication,
    fault: Option<(Name, Fault)>,
    folder: PathBuf,
    _etcd: Child,
    _sweeper: Sweeper,
    _alone: MutexGuard<'static, ()>,
}

impl Cluster {
    /// Starts one and waits until it has its standby. It has the database `oneself`, that
    /// belongs to the user `oneself`.
    pub async fn start(programs: &Programs, replication: Replication) -> Self {
        let alone = ONE_AT_A_TIME.lock().await;
        let folder = tempfile::tempdir().unwrap().keep();
        let sweeper = Sweeper::new(&folder);
        programs.make_folder(&folder);
        let network = Network::new(&folder);
        let mut cluster = Self {
            nodes: Name::ALL.map(|name| Node::new(name, programs, &network, replication)),
            replication,
            fault: None,
            _etcd: start_etcd(programs, &network, &folder.join("etcd")),
            _sweeper: sweeper,
            _alone: alone,
            folder,
            network,
        };
        cluster.node_mut(Name::A).start();
        let primary = cluster.primary().await;
        cluster.make_database(primary).await;
        cluster.node_mut(primary.other()).start();
        cluster.whole().await;
        cluster
    }

    /// For clients: both nodes, of which they are to take the one that takes writes.
    pub fn url(&self) -> String {
        let addresses = Name::ALL.map(|name| self.network.addresses().postgres_relay(name).to_string());
        let [first, second] = addresses;
        format!("postgres://oneself:{PASSWORD}@{first},{second}/oneself?target_session_attrs=read-write")
    }

    /// One node alone, and past its relay: for who is on the same machine as the node.
    pub fn url_beside(&self, node: Name) -> String {
        let address = self.node(node).postgres();
        format!("postgres://oneself:{PASSWORD}@{address}/oneself?target_session_attrs=read-write")
    }

    /// Who takes writes; waits for one that has not been struck.
    pub async fn primary(&self) -> Name {
        let began = Instant::now();
        loop {
            if let Some(primary) = self.primary_now().await {
                return primary;
            }
            self.wait(began, "a primary").await;
        }
    }

    /// Who takes writes now, if anybody does who has not been struck.
    pub async fn primary_now(&self) -> Option<Name> {
        for node in &self.nodes {
            let struck = self.fault.is_some_and(|(name, _)| name == node.name);
            if !struck && node.is("primary").await {
                return Some(node.name);
            }
        }
        None
    }

    /// Strikes the primary; returns who that was when it is done.
    ///
    /// # Panics
    /// When the last fault was not healed.
    pub async fn strike(&mut self, fault: Fault) -> Name {
        assert_eq!(self.fault, None, "one fault at a time");
        let name = self.primary().await;
        match fault {
            Fault::Kill => self.node_mut(name).kill(),
            Fault::Freeze => self.node(name).freeze(),
            Fault::CutOff => self.network.cut_off(name),
        }
        self.fault = Some((name, fault));
        name
    }

    /// Cuts the nodes off from each other; everything else gets through.
    pub fn part(&self) {
        self.network.part();
    }

    /// Brings back whom the last fault has struck and mends what is cut, and waits until one
    /// node is the primary and the other its standby, whichever is which.
    pub async fn heal(&mut self) {
        let fault = self.fault.take();
        self.network.mend();
        match fault {
            Some((name, Fault::Kill)) => self.node_mut(name).start(),
            Some((name, Fault::Freeze)) => self.node(name).thaw(),
            Some((_, Fault::CutOff)) | None => {}
        }
        self.whole().await;
    }

    async fn whole(&self) {
        let standby = match self.replication {
            Replication::Synchronous => "sync",
            Replication::Asynchronous => "replica",
        };
        let began = Instant::now();
        while !self.node(self.primary().await.other()).is(standby).await {
            self.wait(began, &format!("a standby ({standby})")).await;
        }
    }

    /// A superuser's connection to the database of the primary, past its relay.
    pub async fn client(&self) -> Client {
        self.connect(self.primary().await, "oneself").await
    }

    async fn connect(&self, node: Name, database: &str) -> Client {
        let address = self.node(node).postgres();
        let url = format!("postgres://postgres:{PASSWORD}@{address}/{database}");
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    async fn make_database(&self, primary: Name) {
        let client = self.connect(primary, "postgres").await;
        let user = format!("CREATE ROLE oneself LOGIN PASSWORD '{PASSWORD}'");
        for statement in [user.as_str(), "CREATE DATABASE oneself OWNER oneself"] {
            client.batch_execute(statement).await.unwrap();
        }
    }

    const fn node(&self, name: Name) -> &Node {
        &self.nodes[name as usize]
    }

    const fn node_mut(&mut self, name: Name) -> &mut Node {
        &mut self.nodes[name as usize]
    }

    /// Waits a moment for somebody else's doing, which cannot be hurried by any clock of ours.
    async fn wait(&self, began: Instant, what: &str) {
        if began.elapsed() > PATIENCE {
            for folder in ["etcd", "a", "b"] {
                println!("--- {folder}:\n{}", last_lines(&log_of(&self.folder.join(folder))));
            }
            panic!("waited for {what} for {PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn start_etcd(programs: &Programs, network: &Network, folder: &Path) -> Child {
    programs.make_folder(folder);
    let clients = format!("http://{}", network.addresses().etcd());
    let peers = format!("http://{}", network.addresses().etcd_peers());
    let itself = format!("etcd={peers}");
    let arguments = [
        "--name=etcd",
        "--data-dir=data",
        "--enable-v2=true",
        &format!("--listen-client-urls={clients}"),
        &format!("--advertise-client-urls={clients}"),
        &format!("--listen-peer-urls={peers}"),
        &format!("--initial-advertise-peer-urls={peers}"),
        &format!("--initial-cluster={itself}"),
    ];
    programs.start(&programs.etcd, &arguments, folder)
}

fn last_lines(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
