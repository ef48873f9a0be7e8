//! The embedded store: two SQLite files in the data directory, for one process.
//!
//! One thread writes (`writer.rs`) and commits once for all acts that are queued; readers
//! read in place. `data.db` holds everything but keys, `keys.db` the wrapped keys, so that
//! either can be backed up and erased apart from the other. Each noun has a file with its
//! statements, each act that touches several a file of its own.
//!
//! What would surprise: dropping the store waits for what is queued and closes both files;
//! that the directory belongs to this process alone is seen to by whoever opens it.

mod absorb;
mod checkpoint;
mod clients;
mod connections;
pub mod copy;
mod create_user;
mod days;
mod events;
mod identities;
mod imports;
pub mod inspect;
mod jobs;
mod keys;
mod known;
mod link;
mod logins;
mod logs;
mod once;
mod open;
mod passwords;
mod readers;
mod replay;
mod rows;
mod search;
mod search_order;
#[cfg(test)]
mod search_plans;
mod search_sets;
mod searcher;
mod tenants;
mod terms;
mod trail;
mod unlink;
mod users;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use self::checkpoint::Log;
use self::keys::KeyRow;
use self::known::Known;
use self::open::{Database, Prepare};
pub use self::open::{OpenError, SqliteOptions};
use self::readers::Readers;
pub use self::replay::Replayed;
use self::rows::{Sql as _, corrupt};
use self::searcher::Searcher;
use self::writer::{NewKeys, Stop, Writer};
use crate::clock::{Clock, Random};
use crate::domain::tenant::OpaqueCredentials;
use crate::domain::{
    Actor, Client, Connection, ConnectionRef, Event, Identity, IdentityKey, KeyOwner, NewEvent, Settings, Tenant, User,
    UserRef, UserWithIdentities, WrappedKey,
};
use crate::id::{ClientId, ConnectionId, EventId, IdentityId, TenantId, UserId};
use crate::secret::{Digest, Sealed};
use crate::store::ledger::Ledger;
use crate::store::{
    Absorb, Acted, Created, DayCount, Link, Linked, LoginName, NewKey, NewTenant, NewUser, Page, Refresh, Repeated,
    Replaced, RetiredConnection, Search, Searched, Standing, Store, StoreResult, StoredSigningKey, Unlink, UserUpdate,
};

/// The store in a data directory.
pub struct SqliteStore {
    data: Readers,
    keys: Readers,
    searcher: Searcher,
    known: Arc<Known>,
    writer: Writer,
}

impl SqliteStore {
    /// Opens the store in this directory, and makes it if the directory has none. Nobody
    /// else may have it open.
    ///
    /// # Errors
    /// [`OpenError`]; a file with a schema newer than this binary is left as it was.
    pub fn open(
        dir: &Path,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        options: &SqliteOptions,
    ) -> Result<Self, OpenError> {
        let (data, keys) = (Database::data(dir, options), Database::keys(dir, options));
        open::prepare(&data, &keys, Prepare::Open)?;
        let mut data_writer = data.writer()?;
        let log = Log::watch(&mut data_writer, data.checkpointer()?).map_err(|error| data.explain_store(error))?;
        let keys_writer = keys.writer()?;
        let ledger = replay::ledger_batch(&data_writer)
            .map_err(|error| data.explain_store(error))
            .and_then(|batch| Ok(Ledger::open(dir, batch, clock.now())?))?;
        jobs::release_all(&data_writer).map_err(|error| data.explain_store(error))?;
        let known = Arc::new(Known::default());
        let writer = Writer::start(data_writer, keys_writer, log, ledger, known.clone(), clock, random)
            .map_err(|error| data.explain_store(error))?;
        Ok(Self {
            searcher: Searcher::new(data.clone()),
            data: Readers::new(data),
            keys: Readers::new(keys),
            known,
            writer,
        })
    }

    /// Brings the files in this directory to the schema of this binary. Nobody may have
    /// them open.
    ///
    /// # Errors
    /// [`OpenError`]; what was done before it stays, and it is safe to run again.
    pub fn migrate(dir: &Path, options: &SqliteOptions) -> Result<(), OpenError> {
        let (data, keys) = (Database::data(dir, options), Database::keys(dir, options));
        open::prepare(&data, &keys, Prepare::Migrate)
    }

    fn connection(&self, tenant: TenantId, which: &ConnectionRef) -> StoreResult<Option<Arc<Connection>>> {
        self.known.connections.get((tenant, which.clone()), |(tenant, which)| {
            let found = self
                .data
                .read_one(|sql| tenants::find_connection(sql, *tenant, which))?;
            Ok(found.map(Arc::new))
        })
    }
}

/// The row of a key that comes with an act.
fn key_rows(tenant: TenantId, new: Option<NewKey>) -> Vec<KeyRow> {
    new.into_iter()
        .map(|new| KeyRow::Owned(tenant, new.owner, new.key))
        .collect()
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_tenant(&self, mut new: NewTenant) -> StoreResult<bool> {
        let id = new.tenant.id;
        let take = |key: &mut WrappedKey| WrappedKey(std::mem::take(&mut key.0));
        let keys = vec![
            KeyRow::Tenant(id, take(&mut new.key)),
            KeyRow::Owned(id, KeyOwner::Service, take(&mut new.service_key)),
        ];
        self.writer
            .act(keys, move |tx, keys| match keys {
                NewKeys::Kept => tenants::create(tx, &new),
                NewKeys::Exist => Err(Stop::refused(false)),
            })
            .await
    }

    async fn find_tenant(&self, id: TenantId) -> StoreResult<Option<Tenant>> {
        self.data.read_one(|sql| tenants::find(sql, id))
    }

    async fn find_tenant_named(&self, name: &str) -> StoreResult<Option<Tenant>> {
        self.data.read_one(|sql| tenants::find_named(sql, name))
    }

    async fn list_tenants(&self) -> StoreResult<Vec<Tenant>> {
        self.data.read_one(tenants::list)
    }

    async fn find_settings(&self, tenant: TenantId) -> StoreResult<Option<Settings>> {
        let read = |id: &_| self.data.read_one(|sql| tenants::find(sql, *id));
        self.known
            .settings
            .get(tenant, |id| Ok(read(id)?.map(|tenant| tenant.settings)))
    }

    async fn update_settings(&self, tenant: TenantId, settings: &Settings) -> StoreResult<bool> {
        let settings = settings.clone();
        self.writer
            .act(vec![], move |tx, _| tenants::update_settings(tx, tenant, &settings))
            .await
    }

    async fn update_credentials(&self, tenant: TenantId, credentials: &OpaqueCredentials) -> StoreResult<bool> {
        let credentials = credentials.clone();
        self.writer
            .act(vec![], move |tx, _| {
                tenants::update_credentials(tx, tenant, &credentials)
            })
            .await
    }

    async fn create_client(&self, client: &Client) -> StoreResult<()> {
        let client = client.clone();
        self.writer
            .act(vec![], move |tx, _| Ok(clients::create(tx.sql, &client)?))
            .await
    }

    async fn find_client(&self, id: ClientId) -> StoreResult<Option<Client>> {
        self.data.read_one(|sql| clients::find(sql, id))
    }

    async fn find_standing(&self, id: ClientId) -> StoreResult<Option<Standing>> {
        let read = |id: &_| self.data.read_one(|sql| clients::find_standing(sql, *id));
        self.known.standings.get(id, read)
    }

    async fn update_client(&self, was: &Client, is: &Client) -> StoreResult<Replaced> {
        let (was, is) = (was.clone(), is.clone());
        self.writer
            .act(vec![], move |tx, _| clients::update(tx, &was, &is))
            .await
    }

    async fn has_web_origin(&self, client: Option<ClientId>, origin: &str) -> StoreResult<bool> {
        self.data.read_one(|sql| clients::has_web_origin(sql, client, origin))
    }

    async fn list_clients(&self, tenant: TenantId) -> StoreResult<Vec<Client>> {
        self.data.read_one(|sql| clients::list(sql, tenant))
    }

    async fn rotate_client(&self, id: ClientId, secret: Digest) -> StoreResult<bool> {
        self.writer
            .act(vec![], move |tx, _| clients::rotate(tx, id, secret))
            .await
    }

    async fn delete_client(&self, id: ClientId) -> StoreResult<bool> {
        self.writer.act(vec![], move |tx, _| clients::delete(tx, id)).await
    }

    async fn create_connection(&self, tenant: TenantId, connection: &Connection) -> StoreResult<bool> {
        let connection = connection.clone();
        self.writer
            .act(vec![], move |tx, _| tenants::create_connection(tx, tenant, &connection))
            .await
    }

    async fn find_connection(&self, tenant: TenantId, which: &ConnectionRef) -> StoreResult<Option<Connection>> {
        Ok(self.connection(tenant, which)?.map(Arc::unwrap_or_clone))
    }

    async fn list_connections(&self, tenant: TenantId) -> StoreResult<Vec<Connection>> {
        self.data.read_one(|sql| tenants::list_connections(sql, tenant))
    }

    async fn update_connection(&self, tenant: TenantId, was: &Connection, is: &Connection) -> StoreResult<Replaced> {
        let (was, is) = (was.clone(), is.clone());
        self.writer
            .act(vec![], move |tx, _| connections::update(tx, tenant, &was, &is))
            .await
    }

    async fn retire_connection(
        &self,
        tenant: TenantId,
        id: ConnectionId,
        at: Timestamp,
        by: Actor,
    ) -> StoreResult<bool> {
        self.writer
            .act(vec![], move |tx, _| connections::retire(tx, tenant, id, at, by))
            .await
    }

    async fn list_retired_connections(&self, tenant: TenantId) -> StoreResult<Vec<RetiredConnection>> {
        self.data.read_one(|sql| connections::retired(sql, tenant))
    }

    async fn list_identities_at(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        limit: u32,
    ) -> StoreResult<Vec<Identity>> {
        self.data.read_one(|sql| identities::at(sql, tenant, connection, limit))
    }

    async fn delete_connection(&self, tenant: TenantId, id: ConnectionId) -> StoreResult<bool> {
        self.writer
            .act(vec![], move |tx, _| tenants::delete_connection(tx, tenant, id))
            .await
    }

    async fn find_tenant_key(&self, tenant: TenantId) -> StoreResult<Option<WrappedKey>> {
        self.keys.read_one(|sql| keys::find_tenant(sql, tenant))
    }

    async fn find_key(&self, tenant: TenantId, owner: KeyOwner) -> StoreResult<Option<WrappedKey>> {
        self.keys.read_one(|sql| keys::find(sql, tenant, owner))
    }

    async fn sweep_keys(&self, owners: Vec<(TenantId, UserId)>) -> StoreResult<()> {
        self.writer.act(vec![], move |tx, _| keys::sweep(tx, &owners)).await
    }

    async fn list_signing_keys(&self) -> StoreResult<Vec<StoredSigningKey>> {
        self.keys.read_one(keys::list_signing)
    }

    async fn create_signing_key(&self, key: &StoredSigningKey) -> StoreResult<()> {
        let keys = vec![KeyRow::Signing(key.clone())];
        self.writer
            .act(keys, |_, keys| match keys {
                NewKeys::Kept => Ok(()),
                NewKeys::Exist => Err(Stop::Failed(corrupt("signing_keys: the new kid is in use"))),
            })
            .await
    }

    async fn find_key_check(&self) -> StoreResult<Option<[u8; 32]>> {
        self.keys.read_one(keys::find_check)
    }

    async fn set_key_check(&self, value: [u8; 32]) -> StoreResult<()> {
        self.writer
            .act(vec![KeyRow::Check(value)], |_, keys| match keys {
                NewKeys::Kept => Ok(()),
                NewKeys::Exist => Err(Stop::Failed(corrupt("key_check: there is a value already"))),
            })
            .await
    }

    async fn find_user_id(&self, tenant: TenantId, which: &UserRef) -> StoreResult<Option<UserId>> {
        match which {
            UserRef::Id(id) => self.data.read_one(|sql| users::find_survivor(sql, tenant, *id)),
            UserRef::Born { .. } => self.data.read(|sql| users::find_id(sql, tenant, which)),
        }
    }

    async fn find_user(&self, tenant: TenantId, which: &UserRef) -> StoreResult<Option<User>> {
        self.data.read(|sql| match users::find_id(sql, tenant, which)? {
            Some(id) => users::find(sql, tenant, id),
            None => Ok(None),
        })
    }

    async fn find_user_with_identities(
        &self,
        tenant: TenantId,
        which: &UserRef,
    ) -> StoreResult<Option<UserWithIdentities>> {
        if let UserRef::Id(id) = which
            && let Some(found) = self
                .data
                .read_one(|sql| users::find_with_identities(sql, tenant, *id))?
        {
            return Ok(Some(found));
        }
        self.data.read(|sql| match users::find_id(sql, tenant, which)? {
            Some(id) => users::find_with_identities(sql, tenant, id),
            None => Ok(None),
        })
    }

    async fn resolve(
        &self,
        tenant: TenantId,
        connection: &ConnectionRef,
        subject: &str,
    ) -> StoreResult<Option<UserWithIdentities>> {
        let Some(connection) = self.connection(tenant, connection)? else {
            return Ok(None);
        };
        let (id, issuer) = (connection.id, &connection.issuer);
        self.data
            .read_one(|sql| users::find_holder(sql, tenant, id, issuer, subject))
    }

    async fn find_identity(&self, tenant: TenantId, key: &IdentityKey) -> StoreResult<Option<Identity>> {
        self.data.read_one(|sql| identities::find(sql, tenant, key))
    }

    async fn find_former_user(&self, tenant: TenantId, identity: IdentityId) -> StoreResult<Option<UserId>> {
        self.data.read_one(|sql| users::find_former(sql, tenant, identity))
    }

    async fn find_tokens(&self, tenant: TenantId, identity: IdentityId) -> StoreResult<Option<Sealed>> {
        self.data.read_one(|sql| identities::find_tokens(sql, tenant, identity))
    }

    async fn list_users(&self, tenant: TenantId, page: Page) -> StoreResult<Vec<UserWithIdentities>> {
        self.data.read(|sql| users::list(sql, tenant, page))
    }

    async fn list_users_by_email(&self, tenant: TenantId, email: &str) -> StoreResult<Vec<UserWithIdentities>> {
        self.data.read(|sql| users::list_by_email(sql, tenant, email))
    }

    async fn search_users(&self, tenant: TenantId, search: Search, patience: Duration) -> StoreResult<Searched> {
        self.searcher.search(tenant, search, patience).await
    }

    async fn find_login(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        name: &LoginName,
    ) -> StoreResult<Option<(Identity, Option<String>)>> {
        self.data.read(|sql| logins::find(sql, tenant, connection, name))
    }

    async fn create_user(&self, tenant: TenantId, mut new: NewUser) -> StoreResult<Created> {
        let keys = key_rows(tenant, new.new_key.take());
        self.writer
            .act(keys, move |tx, keys| create_user::create_user(tx, tenant, &new, keys))
            .await
    }

    async fn update_user(&self, tenant: TenantId, update: UserUpdate) -> StoreResult<Acted> {
        self.writer
            .act(vec![], move |tx, _| users::update(tx, tenant, &update))
            .await
    }

    async fn delete_user(&self, tenant: TenantId, user: UserId, event: NewEvent) -> StoreResult<bool> {
        self.writer
            .act(vec![], move |tx, _| create_user::delete_user(tx, tenant, user, &event))
            .await
    }

    async fn link(&self, tenant: TenantId, mut link: Link) -> StoreResult<Linked> {
        let keys = key_rows(tenant, link.new_key.take());
        self.writer
            .act(keys, move |tx, keys| link::link(tx, tenant, &link, keys))
            .await
    }

    async fn refresh(&self, tenant: TenantId, mut refresh: Refresh) -> StoreResult<Acted> {
        let keys = key_rows(tenant, refresh.new_key.take());
        self.writer
            .act(keys, move |tx, keys| link::refresh(tx, tenant, &refresh, keys))
            .await
    }

    async fn unlink(&self, tenant: TenantId, mut unlink: Unlink) -> StoreResult<Acted> {
        let keys = key_rows(tenant, unlink.new_key.take());
        self.writer
            .act(keys, move |tx, keys| unlink::unlink(tx, tenant, &unlink, keys))
            .await
    }

    async fn absorb(&self, tenant: TenantId, mut absorb: Absorb) -> StoreResult<Acted> {
        let keys = key_rows(tenant, absorb.new_key.take());
        self.writer
            .act(keys, move |tx, keys| absorb::absorb(tx, tenant, &absorb, keys))
            .await
    }

    async fn count_active_users(&self, tenant: TenantId, since: i64) -> StoreResult<u64> {
        self.data.read_one(|sql| days::active_since(sql, tenant, since))
    }

    async fn list_days(&self, tenant: TenantId, from: i64, to: i64) -> StoreResult<Vec<DayCount>> {
        self.data.read_one(|sql| days::list(sql, tenant, from, to))
    }

    async fn find_spent(&self, tenant: TenantId, token: Digest) -> StoreResult<Option<Digest>> {
        self.data.read_one(|sql| once::find_spent(sql, tenant, token))
    }

    async fn find_once(&self, tenant: TenantId, key: Digest, now: Timestamp) -> StoreResult<Option<Repeated>> {
        self.data.read_one(|sql| once::find(sql, tenant, key, now))
    }

    async fn forget_ended(&self, now: Timestamp) -> StoreResult<u64> {
        self.writer.act(vec![], move |tx, _| once::forget_ended(tx, now)).await
    }

    async fn list_events(&self, tenant: TenantId, after: Option<EventId>, limit: u32) -> StoreResult<Vec<Event>> {
        self.data.read_one(|sql| events::list(sql, tenant, after, limit))
    }

    async fn check(&self) -> StoreResult<()> {
        self.keys.read_one(|sql| keys::find_check(sql).map(|_| ()))?;
        self.writer
            .act(vec![], |tx, _| {
                let now = tx.now().as_millisecond();
                tx.sql.run(
                    "INSERT INTO meta (name, value) VALUES ('checked_at', ?1)
                     ON CONFLICT (name) DO UPDATE SET value = ?1",
                    [now],
                )?;
                Ok(())
            })
            .await
    }
}
