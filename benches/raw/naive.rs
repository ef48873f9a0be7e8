//! The yardstick of links on a database: what one writes without thinking about it.
//!
//! A transaction of five round trips for each link, on as many connections as the store has, with
//! the same rows and the same durability, and each statement prepared once. It asks of the user
//! alone, and of nothing that `store/postgres/links.rs` must answer besides: a race that it loses
//! is an error.

use oneself::store::postgres::CONNECTIONS;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_postgres::{Client, NoTls, Statement};

use crate::Outcome;
use crate::world::{Person, World};

const USER: &str = "SELECT version FROM oneself.users WHERE tenant = $1 AND id = $2 FOR UPDATE";

const IDENTITY: &str = "
    INSERT INTO oneself.identities (tenant, user_id, position, id, connection, issuer, subject, proof, proved_at,
        proved_by, version, profile, has_tokens)
    SELECT $1, $2, max(position) + 1, $3, $4, $5, $6, 0, $7, $8, 1, '{}', 1
    FROM oneself.identities WHERE tenant = $1 AND user_id = $2";

const TOKENS_AND_EVENT: &str = "
    WITH tokens AS (INSERT INTO oneself.token_sets (tenant, identity, sealed) VALUES ($1, $3, $7))
    INSERT INTO oneself.unplaced_events (tenant, written_at, id, kind, user_id, identity, connection, proof, actor, at)
    VALUES ($1, $5, $8, 4, $2, $3, $4, 0, $6, $5)";

/// The connections, and who waits for one.
pub struct Naive {
    free: Semaphore,
    connections: Mutex<Vec<Connection>>,
}

struct Connection {
    client: Client,
    user: Statement,
    identity: Statement,
    tokens_and_event: Statement,
}

impl Naive {
    pub async fn connect(url: &str) -> Outcome<Self> {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            connections.push(Connection {
                user: client.prepare(USER).await?,
                identity: client.prepare(IDENTITY).await?,
                tokens_and_event: client.prepare(TOKENS_AND_EVENT).await?,
                client,
            });
        }
        Ok(Self {
            free: Semaphore::new(CONNECTIONS),
            connections: Mutex::new(connections),
        })
    }

    pub async fn link(&self, world: &World, person: &Person) -> Outcome<()> {
        let _turn = self.free.acquire().await?;
        let mut connection = self.connections.lock().pop().ok_or("no connection is free")?;
        let linked = connection.link(world, person).await;
        self.connections.lock().push(connection);
        linked
    }
}

impl Connection {
    async fn link(&mut self, world: &World, person: &Person) -> Outcome<()> {
        let (new, event) = world.account(person.user, &person.key, &world.subject())?;
        let key = new.external.key();
        let sealed = new.tokens.as_ref().ok_or("nothing was sealed")?;
        let (tenant, connection) = (world.tenant.number(), key.connection.number());
        let (user, id) = (person.user.as_bytes().as_slice(), new.id.as_bytes().as_slice());
        let actor = world.actor.to_bytes();
        let at = event.at.as_millisecond();
        // Ids of events must only differ here.
        let event = world.event_id();

        let transaction = self.client.transaction().await?;
        transaction.query_one(&self.user, &[&tenant, &user]).await?;
        transaction
            .execute(
                &self.identity,
                &[&tenant, &user, &id, &connection, &key.issuer, &key.subject, &at, &actor],
            )
            .await?;
        transaction
            .execute(
                &self.tokens_and_event,
                &[
                    &tenant,
                    &user,
                    &id,
                    &connection,
                    &at,
                    &actor,
                    &sealed.as_bytes(),
                    &event.as_slice(),
                ],
            )
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}
