//! What is kept, as operations in domain words.
//!
//! Each write is one atomic *act*: it happens with its event or not at all, and its
//! transaction never leaves this module, so nobody can hold one open across the network.
//! Reads return `None` for what is not there. Every write has its `now` handed in with
//! its event. A tenant is in every key: there is no question without one.
//!
//! What would surprise: expected refusals of an act (`Taken`, `Changed`, …) are values of
//! its outcome; [`StoreError`] is for a store that cannot answer.

pub mod acts;
mod imports;
pub mod inspect;
pub mod jobs;
pub mod ledger;
mod logs;
mod marks;
mod opaque;
mod passwords;
pub mod postgres;
mod search;
mod sql;
pub mod sqlite;
mod term_key;
pub mod trail;
pub mod transfer;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::acts::{
    Absorb, Acted, AfterUnlink, BagChange, Created, DayCount, Link, Linked, Login, LoginKind, LoginName,
    MovingIdentity, NewIdentity, NewTenant, NewUser, Once, Page, Refresh, Repeated, Replaced, RetiredConnection, Spend,
    Standing, StoredSigningKey, Unlink, UsedKey, UserUpdate,
};
pub use self::imports::{ERASED, Import, ImportBatch, Imported, Imports, Refusal};
pub use self::jobs::{AfterStep, JobPart, JobStep, Jobs};
pub use self::logs::{About, Log, LogOrder, LogPage, Logs, NewLog};
pub use self::marks::{Marked, Marking};
pub use self::opaque::{AllowedBy, Bearer, Issued, NewTokens, OpaqueTokens, Renewal};
pub use self::passwords::{Passwords, ReplacedHash};
pub use self::search::{Search, Searched};
pub use self::trail::{Head, Trail};
use crate::domain::tenant::OpaqueCredentials;
use crate::domain::{
    Actor, Client, Connection, ConnectionRef, Dialect, Event, ExternalIdentity, Identity, IdentityKey, KeyOwner,
    NewEvent, Object, Settings, Tenant, User, UserRef, UserWithIdentities, WrappedKey,
};
use crate::error::Error;
use crate::id::{ClientId, ConnectionId, EventId, IdentityId, TenantId, UserId};
use crate::secret::{Digest, Sealed};

/// How long work may have waited before what comes next is refused, so that what was accepted
/// stays quick.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// How long work that came in a crowd may wait before it is refused itself.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(2);

/// Why the store cannot answer. Nothing of the act was kept, unless it is [`StoreError::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Disk full, input or output error, read-only file: reads may go on.
    #[error("{0}")]
    Unavailable(String),
    /// It was asked to do it, and nobody says whether it did.
    #[error("it is not known whether the store has done it")]
    Unknown,
    /// More is under way than it can do: later it may.
    #[error("the store has too much to do")]
    Busy,
    /// The store contradicts itself: table, column and row.
    #[error("the store contradicts itself: {0}")]
    Corrupt(String),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => Self::StoreUnavailable(why),
            StoreError::Unknown => Self::OutcomeUnknown,
            StoreError::Busy => Self::Busy { retry_after: 1 },
            StoreError::Corrupt(_) => Self::internal(error),
        }
    }
}

/// What the store answers.
pub type StoreResult<T> = Result<T, StoreError>;

/// What a store must be able to do.
#[async_trait]
pub trait Store: Imports + Jobs + Logs + OpaqueTokens + Passwords + Trail + Send + Sync {
    // Tenants and what belongs to them: rare, by operators.

    /// Makes a tenant; `false` when the name is in use.
    async fn create_tenant(&self, new: NewTenant) -> StoreResult<bool>;
    /// The tenant of this id.
    async fn find_tenant(&self, id: TenantId) -> StoreResult<Option<Tenant>>;
    /// The tenant of this name.
    async fn find_tenant_named(&self, name: &str) -> StoreResult<Option<Tenant>>;
    /// Every tenant, by name.
    async fn list_tenants(&self) -> StoreResult<Vec<Tenant>>;
    /// The settings of a tenant, and nothing else of it: requests ask.
    async fn find_settings(&self, tenant: TenantId) -> StoreResult<Option<Settings>>;
    /// Replaces settings; `false` when there is no such tenant.
    async fn update_settings(&self, tenant: TenantId, settings: &Settings) -> StoreResult<bool>;
    /// Replaces the credentials of the opaque dialects; `false` when there is no such tenant.
    async fn update_credentials(&self, tenant: TenantId, credentials: &OpaqueCredentials) -> StoreResult<bool>;

    /// Keeps a client.
    async fn create_client(&self, client: &Client) -> StoreResult<()>;
    /// The client of this id.
    async fn find_client(&self, id: ClientId) -> StoreResult<Option<Client>>;
    /// How the client of this id stands, and nothing else of it: every request asks.
    async fn find_standing(&self, id: ClientId) -> StoreResult<Option<Standing>>;
    /// Every client of the tenant, oldest first.
    async fn list_clients(&self, tenant: TenantId) -> StoreResult<Vec<Client>>;
    /// Replaces a client that was read before.
    async fn update_client(&self, was: &Client, is: &Client) -> StoreResult<Replaced>;
    /// Whether browsers may call from this origin for this client; `None`: for any.
    async fn has_web_origin(&self, client: Option<ClientId>, origin: &str) -> StoreResult<bool>;
    /// Gives the client a new secret and moves its epoch; `false` when it is gone.
    async fn rotate_client(&self, id: ClientId, secret: Digest) -> StoreResult<bool>;
    /// Removes a client; `false` when it is not there.
    async fn delete_client(&self, id: ClientId) -> StoreResult<bool>;

    /// Keeps a connection; `false` when its name is in use.
    async fn create_connection(&self, tenant: TenantId, connection: &Connection) -> StoreResult<bool>;
    /// The connection that is meant.
    async fn find_connection(&self, tenant: TenantId, which: &ConnectionRef) -> StoreResult<Option<Connection>>;
    /// Every connection of the tenant, oldest first.
    async fn list_connections(&self, tenant: TenantId) -> StoreResult<Vec<Connection>>;
    /// Replaces what may change of a connection: the application's secret, its id while no
    /// identity hangs on the connection, and what Auth0's dialect keeps.
    async fn update_connection(&self, tenant: TenantId, was: &Connection, is: &Connection) -> StoreResult<Replaced>;
    /// Makes a connection live for nobody and erases its secret; `false` when there is none.
    /// Its name stays taken until [`Store::delete_connection`].
    async fn retire_connection(
        &self,
        tenant: TenantId,
        id: ConnectionId,
        at: Timestamp,
        by: Actor,
    ) -> StoreResult<bool>;
    /// The connections that were retired and are still there.
    async fn list_retired_connections(&self, tenant: TenantId) -> StoreResult<Vec<RetiredConnection>>;
    /// Some of the identities that hang on a connection, live or retired.
    async fn list_identities_at(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        limit: u32,
    ) -> StoreResult<Vec<Identity>>;
    /// Removes a connection without identities; `false` when identities hang on it.
    /// One that is not there counts as removed.
    async fn delete_connection(&self, tenant: TenantId, id: ConnectionId) -> StoreResult<bool>;

    // Keys.

    /// The tenant's key, wrapped by the root key.
    async fn find_tenant_key(&self, tenant: TenantId) -> StoreResult<Option<WrappedKey>>;
    /// A key below the tenant's.
    async fn find_key(&self, tenant: TenantId, owner: KeyOwner) -> StoreResult<Option<WrappedKey>>;
    /// Deletes the keys of these users, but of none who is there after all.
    async fn sweep_keys(&self, owners: Vec<(TenantId, UserId)>) -> StoreResult<()>;
    /// The signing keys, newest first.
    async fn list_signing_keys(&self) -> StoreResult<Vec<StoredSigningKey>>;
    /// Keeps a signing key.
    async fn create_signing_key(&self, key: &StoredSigningKey) -> StoreResult<()>;
    /// The value by which a root key is recognised; `None` while no key was ever used here.
    async fn find_key_check(&self) -> StoreResult<Option<[u8; 32]>>;
    /// Keeps that value, once.
    async fn set_key_check(&self, value: [u8; 32]) -> StoreResult<()>;

    // Users and identities.

    /// The core id of the user that is meant.
    async fn find_user_id(&self, tenant: TenantId, which: &UserRef) -> StoreResult<Option<UserId>>;
    /// The user that is meant.
    async fn find_user(&self, tenant: TenantId, which: &UserRef) -> StoreResult<Option<User>>;
    /// The user that is meant, with identities.
    async fn find_user_with_identities(
        &self,
        tenant: TenantId,
        which: &UserRef,
    ) -> StoreResult<Option<UserWithIdentities>>;
    /// Whose account this is.
    async fn resolve(
        &self,
        tenant: TenantId,
        connection: &ConnectionRef,
        subject: &str,
    ) -> StoreResult<Option<UserWithIdentities>>;
    /// Whose identity has this key.
    async fn find_identity(&self, tenant: TenantId, key: &IdentityKey) -> StoreResult<Option<Identity>>;
    /// Other accounts at this one's connection of which the same e-mail address is told, as far as they are
    /// found soon.
    async fn list_alike(&self, tenant: TenantId, account: &ExternalIdentity) -> StoreResult<Vec<Identity>>;
    /// The core id of the absorbed user whose primary this identity was, if it was one.
    async fn find_former_user(&self, tenant: TenantId, identity: IdentityId) -> StoreResult<Option<UserId>>;
    /// The sealed token set of an identity.
    async fn find_tokens(&self, tenant: TenantId, identity: IdentityId) -> StoreResult<Option<Sealed>>;
    /// What a dialect keeps with a user; nothing when it keeps nothing.
    async fn find_bag(&self, tenant: TenantId, user: UserId, dialect: Dialect) -> StoreResult<Object>;
    /// A page of users, with identities.
    async fn list_users(&self, tenant: TenantId, page: Page) -> StoreResult<Vec<UserWithIdentities>>;
    /// The users whose own e-mail is exactly this, oldest first, at most 100.
    async fn list_users_by_email(&self, tenant: TenantId, email: &str) -> StoreResult<Vec<UserWithIdentities>>;
    /// The users that a search finds, unless it takes longer than that.
    async fn search_users(&self, tenant: TenantId, search: Search, patience: Duration) -> StoreResult<Searched>;
    /// Who logs in by this name at this connection, with the password's PHC string.
    async fn find_login(
        &self,
        tenant: TenantId,
        connection: ConnectionId,
        name: &LoginName,
    ) -> StoreResult<Option<(Identity, Option<String>)>>;

    /// Makes a user.
    async fn create_user(&self, tenant: TenantId, new: NewUser) -> StoreResult<Created>;
    /// Changes a user's own record.
    async fn update_user(&self, tenant: TenantId, update: UserUpdate) -> StoreResult<Acted>;
    /// Erases a user: record, identities, tokens, log-in names, aliases, key; her accounts at networks
    /// are marked if it is said how. `false` when there is none.
    async fn delete_user(
        &self,
        tenant: TenantId,
        user: UserId,
        event: NewEvent,
        marking: Option<Marking>,
    ) -> StoreResult<bool>;
    /// Whether an account with this mark was somebody's who was erased, by what is kept of that.
    async fn is_marked(&self, tenant: TenantId, mark: Digest, now: Timestamp) -> StoreResult<bool>;
    /// Attaches an identity: the only way in for one that is not born with its user.
    async fn link(&self, tenant: TenantId, link: Link) -> StoreResult<Linked>;
    /// Renews an identity.
    async fn refresh(&self, tenant: TenantId, refresh: Refresh) -> StoreResult<Acted>;
    /// Takes an identity off.
    async fn unlink(&self, tenant: TenantId, unlink: Unlink) -> StoreResult<Acted>;
    /// Makes one user part of another.
    async fn absorb(&self, tenant: TenantId, absorb: Absorb) -> StoreResult<Acted>;

    /// How many users logged in on this day, as [`DayCount`] counts them, or later.
    async fn count_active_users(&self, tenant: TenantId, since: i64) -> StoreResult<u64>;
    /// What happened on these days, both included; days on which nothing did are left out.
    async fn list_days(&self, tenant: TenantId, from: i64, to: i64) -> StoreResult<Vec<DayCount>>;

    /// The pair that a proof was spent for.
    async fn find_spent(&self, tenant: TenantId, token: Digest) -> StoreResult<Option<Digest>>;
    /// What an idempotency key was used for, unless that is forgotten by `now`.
    async fn find_once(&self, tenant: TenantId, key: Digest, now: Timestamp) -> StoreResult<Option<Repeated>>;
    /// Forgets spent proofs and idempotency keys that have ended; returns how many.
    async fn forget_ended(&self, now: Timestamp) -> StoreResult<u64>;

    /// Events after this one in commit order, oldest first; only those that no later
    /// commit can still come before.
    async fn list_events(&self, tenant: TenantId, after: Option<EventId>, limit: u32) -> StoreResult<Vec<Event>>;

    /// That the store can read and write, for readiness.
    async fn check(&self) -> StoreResult<()>;
}
