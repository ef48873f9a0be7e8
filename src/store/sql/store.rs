//! A store of an engine: what each operation runs.
//!
//! What would surprise: what is handed to an engine goes to another thread, so it is owned.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;

use super::keys::KeyRow;
use super::rows::{corrupt, params};
use super::{
    Engine, NewKeys, Stop, absorb, bags, clients, connections, create_user, days, events, identities, keys, link,
    logins, marks, once, tenants, terms, unlink, users,
};
use crate::domain::tenant::OpaqueCredentials;
use crate::domain::{
    Actor, Client, Connection, ConnectionRef, Dialect, Event, ExternalIdentity, Identity, IdentityKey, KeyOwner,
    NewEvent, Object, Settings, Tenant, User, UserRef, UserWithIdentities, WrappedKey,
};
use crate::id::{ClientId, ConnectionId, EventId, IdentityId, TenantId, UserId};
use crate::secret::{Digest, Sealed};
use crate::store::{
    Absorb, Acted, Created, DayCount, Link, Linked, LoginName, Marking, NewTenant, NewUser, Page, Refresh, Repeated,
    Replaced, RetiredConnection, Search, Searched, Standing, Store, StoreResult, StoredSigningKey, Unlink, UserUpdate,
};

/// The store of an engine.
pub struct SqlStore<E> {
    pub(in crate::store) engine: E,
}

impl<E: Engine> SqlStore<E> {
    async fn connection(&self, tenant: TenantId, which: &ConnectionRef) -> StoreResult<Option<Arc<Connection>>> {
        let key = which.clone();
        let read = self
            .engine
            .read_one(move |sql| Ok(tenants::find_connection(sql, tenant, &key)?.map(Arc::new)));
        self.engine.known().connections.get((tenant, which.clone()), read).await
    }
}

#[async_trait]
impl<E: Engine> Store for SqlStore<E> {
    async fn create_tenant(&self, mut new: NewTenant) -> StoreResult<bool> {
        let id = new.tenant.id;
        let take = |key: &mut WrappedKey| WrappedKey(std::mem::take(&mut key.0));
        let keys = vec![
            KeyRow::Tenant(id, take(&mut new.key)),
            KeyRow::Owned(id, KeyOwner::Service, take(&mut new.service_key)),
        ];
        self.engine
            .act(keys, move |tx, keys| match keys {
                NewKeys::Kept => tenants::create(tx, &new),
                NewKeys::Exist => Err(Stop::refused(false)),
            })
            .await
    }

    async fn find_tenant(&self, id: TenantId) -> StoreResult<Option<Tenant>> {
        self.engine.read_one(move |sql| tenants::find(sql, id)).await
    }

    async fn find_tenant_named(&self, name: &str) -> StoreResult<Option<Tenant>> {
        let name = name.to_owned();
        self.engine.read_one(move |sql| tenants::find_named(sql, &name)).await
    }

    async fn list_tenants(&self) -> StoreResult<Vec<Tenant>> {
        self.engine.read_one(tenants::list).await
    }

    async fn find_settings(&self, tenant: TenantId) -> StoreResult<Option<Settings>> {
        let read = self.engine.read_one(move |sql| tenants::find(sql, tenant));
        let settings = async { Ok(read.await?.map(|tenant| tenant.settings)) };
        self.engine.known().settings.get(tenant, settings).await
    }

    async fn update_settings(&self, tenant: TenantId, settings: &Settings) -> StoreResult<bool> {
        let settings = settings.clone();
        self.engine
            .act(vec![], move |tx, _| tenants::update_settings(tx, tenant, &settings))
            .await
    }

    async fn update_credentials(&self, tenant: TenantId, credentials: &OpaqueCredentials) -> StoreResult<bool> {
        let credentials = credentials.clone();
        self.engine
            .act(vec![], move |tx, _| {
                tenants::update_credentials(tx, tenant, &credentials)
            })
            .await
    }

    async fn create_client(&self, client: &Client) -> StoreResult<()> {
        let client = client.clone();
        self.engine
            .act(vec![], move |tx, _| Ok(clients::create(tx.sql(), &client)?))
            .await
    }

    async fn find_client(&self, id: ClientId) -> StoreResult<Option<Client>> {
        self.engine.read_one(move |sql| clients::find(sql, id)).await
    }

    async fn find_standing(&self, id: ClientId) -> StoreResult<Option<Standing>> {
        let read = self.engine.read_one(move |sql| clients::find_standing(sql, id));
        self.engine.known().standings.get(id, read).await
    }

    async fn update_client(&self, was: &Client, is: &Client) -> StoreResult<Replaced> {
        let (was, is) = (was.clone(), is.clone());
        self.engine
            .act(vec![], move |tx, _| clients::update(tx, &was, &is))
            .await
    }

    async fn has_web_origin(&self, client: Option<ClientId>, origin: &str) -> StoreResult<bool> {
        let origin = origin.to_owned();
        self.engine
            .read_one(move |sql| clients::has_web_origin(sql, client, &origin))
            .await
    }

    async fn list_clients(&self, tenant: TenantId) -> StoreResult<Vec<Client>> {
        self.engine.read_one(move |sql| clients::list(sql, tenant)).await
    }

    async fn rotate_client(&self, id: ClientId, secret: Digest) -> StoreResult<bool> {
        self.engine
            .act(vec![], move |tx, _| clients::rotate(tx, id, secret))
            .await
    }

    async fn delete_client(&self, id: ClientId) -> StoreResult<bool> {
        self.engine.act(vec![], move |tx, _| clients::delete(tx, id)).await
    }

    async fn create_connection(&self, tenant: TenantId, connection: &Connection) -> StoreResult<bool> {
        let connection = connection.clone();
        self.engine
            .act(vec![], move |tx, _| tenants::create_connection(tx, tenant, &connection))
            .await
    }

    async fn find_connection(&self, tenant: TenantId, which: &ConnectionRef) -> StoreResult<Option<Connection>> {
        Ok(self.connection(tenant, which).await?.map(Arc::unwrap_or_clone))
    }

    async fn list_connections(&self, tenant: TenantId) -> StoreResult<Vec<Connection>> {
        self.engine
            .read_one(move |sql| tenants::list_connections(sql, tenant))
            .await
    }

    async fn update_connection(&self, tenant: TenantId, was: &Connection, is: &Connection) -> StoreResult<Replaced> {
        let (was, is) = (was.clone(), is.clone());
        self.engine
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
        self.engine
            .act(vec![], move |tx, _| connections::retire(tx, tenant, id, at, by))
            .await
    }

    async fn list_retired_connections(&self, tenant: TenantId) -> StoreResult<Vec<RetiredConnection>> {
        self.engine.read_one(move |sql| connections::retired(sql, tenant)).await
    }

    async fn list_identities_at(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        limit: u32,
    ) -> StoreResult<Vec<Identity>> {
        self.engine
            .read_one(move |sql| identities::at(sql, tenant, connection, limit))
            .await
    }

    async fn delete_connection(&self, tenant: TenantId, id: ConnectionId) -> StoreResult<bool> {
        self.engine
            .act(vec![], move |tx, _| tenants::delete_connection(tx, tenant, id))
            .await
    }

    async fn find_tenant_key(&self, tenant: TenantId) -> StoreResult<Option<WrappedKey>> {
        self.engine.read_keys(move |sql| keys::find_tenant(sql, tenant)).await
    }

    async fn find_key(&self, tenant: TenantId, owner: KeyOwner) -> StoreResult<Option<WrappedKey>> {
        self.engine.find_key(tenant, owner).await
    }

    async fn sweep_keys(&self, owners: Vec<(TenantId, UserId)>) -> StoreResult<()> {
        self.engine.act(vec![], move |tx, _| keys::sweep(tx, &owners)).await
    }

    async fn list_signing_keys(&self) -> StoreResult<Vec<StoredSigningKey>> {
        self.engine.read_keys(keys::list_signing).await
    }

    async fn create_signing_key(&self, key: &StoredSigningKey) -> StoreResult<()> {
        let keys = vec![KeyRow::Signing(key.clone())];
        self.engine
            .act(keys, |_, keys| match keys {
                NewKeys::Kept => Ok(()),
                NewKeys::Exist => Err(Stop::Failed(corrupt("signing_keys: the new kid is in use"))),
            })
            .await
    }

    async fn find_key_check(&self) -> StoreResult<Option<[u8; 32]>> {
        self.engine.read_keys(keys::find_check).await
    }

    async fn set_key_check(&self, value: [u8; 32]) -> StoreResult<()> {
        self.engine
            .act(vec![KeyRow::Check(value)], |_, keys| match keys {
                NewKeys::Kept => Ok(()),
                NewKeys::Exist => Err(Stop::Failed(corrupt("key_check: there is a value already"))),
            })
            .await
    }

    async fn find_user_id(&self, tenant: TenantId, which: &UserRef) -> StoreResult<Option<UserId>> {
        match which.clone() {
            UserRef::Id(id) => {
                self.engine
                    .read_one(move |sql| users::find_survivor(sql, tenant, id))
                    .await
            }
            which @ UserRef::Born { .. } => self.engine.read(move |sql| users::find_id(sql, tenant, &which)).await,
        }
    }

    async fn find_user(&self, tenant: TenantId, which: &UserRef) -> StoreResult<Option<User>> {
        if let UserRef::Id(id) = *which
            && let Some(found) = self.engine.read_one(move |sql| users::find(sql, tenant, id)).await?
        {
            return Ok(Some(found));
        }
        let which = which.clone();
        self.engine
            .read(move |sql| match users::find_id(sql, tenant, &which)? {
                Some(id) => users::find(sql, tenant, id),
                None => Ok(None),
            })
            .await
    }

    async fn find_user_with_identities(
        &self,
        tenant: TenantId,
        which: &UserRef,
    ) -> StoreResult<Option<UserWithIdentities>> {
        if let UserRef::Id(id) = *which
            && let Some(found) = self
                .engine
                .read_one(move |sql| users::find_with_identities(sql, tenant, id))
                .await?
        {
            return Ok(Some(found));
        }
        let which = which.clone();
        self.engine
            .read(move |sql| match users::find_id(sql, tenant, &which)? {
                Some(id) => users::find_with_identities(sql, tenant, id),
                None => Ok(None),
            })
            .await
    }

    async fn resolve(
        &self,
        tenant: TenantId,
        connection: &ConnectionRef,
        subject: &str,
    ) -> StoreResult<Option<UserWithIdentities>> {
        let Some(connection) = self.connection(tenant, connection).await? else {
            return Ok(None);
        };
        self.engine.find_holder(tenant, connection, subject.to_owned()).await
    }

    async fn find_identity(&self, tenant: TenantId, key: &IdentityKey) -> StoreResult<Option<Identity>> {
        let key = key.clone();
        self.engine
            .read_one(move |sql| identities::find(sql, tenant, &key))
            .await
    }

    async fn list_alike(&self, tenant: TenantId, account: &ExternalIdentity) -> StoreResult<Vec<Identity>> {
        let account = account.clone();
        self.engine.read(move |sql| terms::alike(sql, tenant, &account)).await
    }

    async fn find_former_user(&self, tenant: TenantId, identity: IdentityId) -> StoreResult<Option<UserId>> {
        self.engine
            .read_one(move |sql| users::find_former(sql, tenant, identity))
            .await
    }

    async fn find_tokens(&self, tenant: TenantId, identity: IdentityId) -> StoreResult<Option<Sealed>> {
        self.engine
            .read_one(move |sql| identities::find_tokens(sql, tenant, identity))
            .await
    }

    async fn find_bag(&self, tenant: TenantId, user: UserId, dialect: Dialect) -> StoreResult<Object> {
        self.engine
            .read_one(move |sql| bags::find(sql, tenant, user, dialect))
            .await
    }

    async fn list_users(&self, tenant: TenantId, page: Page) -> StoreResult<Vec<UserWithIdentities>> {
        self.engine.read(move |sql| users::list(sql, tenant, page)).await
    }

    async fn list_users_by_email(&self, tenant: TenantId, email: &str) -> StoreResult<Vec<UserWithIdentities>> {
        let email = email.to_owned();
        self.engine
            .read(move |sql| users::list_by_email(sql, tenant, &email))
            .await
    }

    async fn search_users(&self, tenant: TenantId, search: Search, patience: Duration) -> StoreResult<Searched> {
        self.engine
            .search(tenant, search, Instant::now().checked_add(patience))
            .await
    }

    async fn find_login(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        name: &LoginName,
    ) -> StoreResult<Option<(Identity, Option<String>)>> {
        let name = name.clone();
        self.engine
            .read(move |sql| logins::find(sql, tenant, connection, &name))
            .await
    }

    async fn create_user(&self, tenant: TenantId, new: NewUser) -> StoreResult<Created> {
        let keys = super::key_rows(tenant, new.key.as_ref());
        self.engine
            .act(keys, move |tx, keys| create_user::create_user(tx, tenant, &new, keys))
            .await
    }

    async fn update_user(&self, tenant: TenantId, update: UserUpdate) -> StoreResult<Acted> {
        self.engine
            .act(vec![], move |tx, _| users::update(tx, tenant, &update))
            .await
    }

    async fn delete_user(
        &self,
        tenant: TenantId,
        user: UserId,
        event: NewEvent,
        marking: Option<Marking>,
    ) -> StoreResult<bool> {
        self.engine
            .act(vec![], move |tx, _| {
                create_user::delete_user(tx, tenant, user, &event, marking.as_ref())
            })
            .await
    }

    async fn is_marked(&self, tenant: TenantId, mark: Digest, now: Timestamp) -> StoreResult<bool> {
        self.engine
            .read_one(move |sql| marks::is_there(sql, tenant, mark, now))
            .await
    }

    async fn link(&self, tenant: TenantId, link: Link) -> StoreResult<Linked> {
        self.engine.link(tenant, link).await
    }

    async fn refresh(&self, tenant: TenantId, refresh: Refresh) -> StoreResult<Acted> {
        let keys = super::key_rows(tenant, refresh.key.as_ref());
        self.engine
            .act(keys, move |tx, keys| link::refresh(tx, tenant, &refresh, keys))
            .await
    }

    async fn unlink(&self, tenant: TenantId, unlink: Unlink) -> StoreResult<Acted> {
        let keys = super::key_rows(tenant, unlink.key.as_ref());
        self.engine
            .act(keys, move |tx, keys| unlink::unlink(tx, tenant, &unlink, keys))
            .await
    }

    async fn absorb(&self, tenant: TenantId, absorb: Absorb) -> StoreResult<Acted> {
        let keys = super::key_rows(tenant, absorb.key.as_ref());
        self.engine
            .act(keys, move |tx, keys| absorb::absorb(tx, tenant, &absorb, keys))
            .await
    }

    async fn count_active_users(&self, tenant: TenantId, since: i64) -> StoreResult<u64> {
        self.engine
            .read_one(move |sql| days::active_since(sql, tenant, since))
            .await
    }

    async fn list_days(&self, tenant: TenantId, from: i64, to: i64) -> StoreResult<Vec<DayCount>> {
        self.engine.read_one(move |sql| days::list(sql, tenant, from, to)).await
    }

    async fn find_spent(&self, tenant: TenantId, token: Digest) -> StoreResult<Option<Digest>> {
        self.engine
            .read_one(move |sql| once::find_spent(sql, tenant, token))
            .await
    }

    async fn find_once(&self, tenant: TenantId, key: Digest, now: Timestamp) -> StoreResult<Option<Repeated>> {
        self.engine.read_one(move |sql| once::find(sql, tenant, key, now)).await
    }

    async fn forget_ended(&self, now: Timestamp) -> StoreResult<u64> {
        self.engine.keep_up(now).await?;
        self.engine.act(vec![], move |tx, _| once::forget_ended(tx, now)).await
    }

    async fn list_events(&self, tenant: TenantId, after: Option<EventId>, limit: u32) -> StoreResult<Vec<Event>> {
        self.engine.place_events(tenant).await?;
        self.engine
            .read_one(move |sql| events::list(sql, tenant, after, limit))
            .await
    }

    async fn check(&self) -> StoreResult<()> {
        self.engine.read_keys(keys::find_check).await?;
        self.engine
            .act(vec![], |tx, _| {
                let now = tx.now().as_millisecond();
                tx.sql().run(
                    "INSERT INTO meta (name, value) VALUES ('checked_at', ?1)
                     ON CONFLICT (name) DO UPDATE SET value = ?1",
                    params![now],
                )?;
                Ok(())
            })
            .await
    }
}
