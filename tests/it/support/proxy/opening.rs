//! How connections come to the proxy and are opened.
//!
//! What would surprise: a request to cancel a statement is a connection of its own, which carries
//! nothing else; it is passed on whatever the faults are.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{mpsc, watch};

use super::chance::Chance;
use super::frames::Frames;
use super::relay::Relay;
use super::{Mode, Orders, Shared};

const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

/// Relays every connection until nobody gives orders any more.
pub async fn accept(
    listener: TcpListener,
    upstream: SocketAddr,
    seed: u64,
    shared: Arc<Shared>,
    mut orders: watch::Receiver<Orders>,
) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (client, _) = tokio::select! {
            accepted = listener.accept() => accepted.unwrap(),
            changed = orders.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        let mut counts = shared.counts.lock();
        counts.connections += 1;
        if orders.borrow().mode == Mode::Refusing {
            counts.refused += 1;
            continue;
        }
        let chance = Chance::new(seed.rotate_left(32) ^ counts.connections, shared.clone());
        let relayed = relay(client, upstream, chance, shared.clone(), orders.clone());
        let cuts = orders.borrow().cuts;
        let mut orders = orders.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = relayed => {}
                _ = orders.wait_for(|orders| orders.cuts != cuts) => {}
            }
        });
    }
}

/// Opens a connection of a client, and keeps it up until somebody has closed it.
async fn relay(
    client: TcpStream,
    upstream: SocketAddr,
    chance: Chance,
    shared: Arc<Shared>,
    mut orders: watch::Receiver<Orders>,
) -> Option<()> {
    client.set_nodelay(true).ok()?;
    let (from_client, mut to_client) = client.into_split();
    let mut from_client = Frames::new(from_client);
    let (code, first) = loop {
        let (code, first) = from_client.next_untagged().await?;
        orders.wait_for(|orders| orders.mode != Mode::Stalled).await.ok()?;
        if code != SSL_REQUEST && code != GSS_REQUEST {
            break (code, first);
        }
        to_client.write_all(b"N").await.ok()?;
    };
    let mut server = TcpStream::connect(upstream).await.ok()?;
    server.set_nodelay(true).ok()?;
    server.write_all(&first).await.ok()?;
    if code == CANCEL_REQUEST {
        server.read_to_end(&mut Vec::new()).await.ok()?;
        return None;
    }
    let (from_server, to_server) = server.into_split();
    let mut relay = Relay::new(queue(to_client), queue(to_server), chance, shared);
    relay.run(from_client, Frames::new(from_server), orders).await
}

/// Writes what is queued, so that who queues it never waits for one side while the other waits
/// for it.
fn queue(mut stream: OwnedWriteHalf) -> mpsc::UnboundedSender<Bytes> {
    let (queue, mut queued) = mpsc::unbounded_channel::<Bytes>();
    tokio::spawn(async move {
        while let Some(bytes) = queued.recv().await {
            stream.write_all(&bytes).await?;
        }
        stream.shutdown().await
    });
    queue
}
