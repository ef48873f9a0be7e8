//! What is kept, as operations in domain words.
//!
//! Each write is one atomic *act*: it happens with its event or not at all, and its
//! transaction never leaves this module, so nobody can hold one open across the network.
//! Reads return `None` for what is not there. Every write has its `now` handed in with
//! its event. A tenant is in every key: there is no question without one.
//!
//! What would surprise: expected refusals of an act (`Taken`, `Changed`, …) are values of
//! its outcome; [`StoreError`] is for a store that cannot answer.

pub mod sqlite;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::{
    Actor, Client, Connection, ConnectionRef, Event, ExternalIdentity, Identity, IdentityKey, KeyOwner, NewEvent,
    Profile, Proof, Settings, Tenant, User, UserRef, WrappedKey,
};
use crate::error::{Error, Unique};
use crate::id::{ClientId, ConnectionId, EventId, IdentityId, TenantId, UserId};
use crate::secret::{Digest, Sealed};

/// Why the store cannot answer. Nothing of the act was kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Disk full, input or output error, read-only file: reads may go on.
    #[error("{0}")]
    Unavailable(String),
    /// The store contradicts itself: table, column and row.
    #[error("the store contradicts itself: {0}")]
    Corrupt(String),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => Self::StoreUnavailable(why),
            StoreError::Corrupt(_) => Self::internal(error),
        }
    }
}

/// What the store answers.
pub type StoreResult<T> = Result<T, StoreError>;

/// A key that an act needs and that was not there when it was prepared. It is committed
/// before the first record that uses it.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whose.
    pub owner: KeyOwner,
    /// The key.
    pub key: WrappedKey,
}

/// A signing key of our own tokens, wrapped by the root key.
#[derive(Debug, Clone)]
pub struct StoredSigningKey {
    /// Its name in the JWKS.
    pub kid: String,
    /// The private key.
    pub wrapped: WrappedKey,
    /// The self-signed certificate that goes with it, DER.
    pub certificate: Vec<u8>,
    /// When it was made; the newest signs.
    pub created_at: Timestamp,
}

/// A tenant with everything that it is born with.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// The tenant.
    pub tenant: Tenant,
    /// Its key, wrapped by the root key.
    pub key: WrappedKey,
    /// Its service key, wrapped by its key.
    pub service_key: WrappedKey,
    /// Its first connections.
    pub connections: Vec<Connection>,
    /// Its first client.
    pub client: Client,
}

/// A name by which somebody logs in at a database connection; unique there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LoginName {
    /// Which kind of name; also what a conflict is called.
    pub kind: LoginKind,
    /// The name in the form that is compared: folded by whoever handed it in.
    pub value: String,
}

/// Kinds of names to log in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoginKind {
    /// An e-mail address.
    Email,
    /// A user name.
    Username,
    /// A phone number.
    PhoneNumber,
}

impl LoginKind {
    /// What a second use of the name conflicts with.
    pub const fn unique(self) -> Unique {
        match self {
            Self::Email => Unique::Email,
            Self::Username => Unique::Username,
            Self::PhoneNumber => Unique::PhoneNumber,
        }
    }
}

/// What a database identity logs in with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// The names.
    pub names: Vec<LoginName>,
    /// The password, as a PHC string; `None` while there is none.
    pub password: Option<String>,
}

/// An identity on its way into an act; the store gives it its position.
#[derive(Debug, Clone)]
pub struct NewIdentity {
    /// Its id.
    pub id: IdentityId,
    /// Key, proof and profile.
    pub external: ExternalIdentity,
    /// Who vouches.
    pub proved_by: Actor,
    /// Its token set, sealed for version 1 of this identity of this user.
    pub tokens: Option<Sealed>,
    /// What it logs in with, if it is of a database connection.
    pub login: Login,
}

/// Everything that a new user is born with.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The user, at version 1 and epoch 1.
    pub user: User,
    /// The primary identity.
    pub born: NewIdentity,
    /// A further identity, attached in the same act.
    pub more: Option<NewIdentity>,
    /// The key that `tokens` and events were sealed under, if it is new.
    pub new_key: Option<NewKey>,
    /// Marks the request as done, if it carried an idempotency key.
    pub once: Option<Once>,
    /// `user.created`, and `identity.linked` for `more`.
    pub events: Vec<NewEvent>,
}

/// How `create_user` ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    /// Done.
    Done,
    /// One of the identities is somebody's.
    IdentityTaken,
    /// A log-in name is somebody's in that connection.
    LoginTaken(LoginKind),
    /// Another primary of the same provider has this subject, at another connection.
    BirthplaceTaken,
    /// The idempotency key was used.
    Repeated(Repeated),
}

/// Attaching one identity.
#[derive(Debug, Clone)]
pub struct Link {
    /// To whom.
    pub user: UserId,
    /// What.
    pub identity: NewIdentity,
    /// Refuse when the user has an identity of the same provider, as some dialects do.
    pub one_per_provider: bool,
    /// The user's key that `tokens` was sealed under, if it is new.
    pub new_key: Option<NewKey>,
    /// Marks the request as done, if it carried an idempotency key.
    pub once: Option<Once>,
    /// `identity.linked`.
    pub event: NewEvent,
}

/// How `link` ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Linked {
    /// Attached, at this position.
    Attached(Identity),
    /// The user has it already; nothing was written.
    AlreadyYours(Identity),
    /// Somebody else has it.
    Taken,
    /// The user has another one of the same provider.
    ProviderTaken,
    /// No such user.
    NoUser,
    /// No such connection any more.
    NoConnection,
    /// The user has got a key meanwhile: seal again under that one.
    KeyExists,
    /// The idempotency key was used.
    Repeated(Repeated),
}

/// New tokens, proof and profile for an identity that the user has already.
#[derive(Debug, Clone)]
pub struct Refresh {
    /// Whose.
    pub user: UserId,
    /// Which, and from which version.
    pub identity: IdentityId,
    /// The version that `tokens` was sealed for is one more than this.
    pub expected_version: i64,
    /// The new proof.
    pub proof: Proof,
    /// Who vouches.
    pub proved_by: Actor,
    /// A new profile; `None` keeps the old one.
    pub profile: Option<Profile>,
    /// Tokens sealed for the new version: new ones, or the old ones sealed again.
    pub tokens: Option<Sealed>,
    /// The user's key, if it is new.
    pub new_key: Option<NewKey>,
    /// Marks the request as done, if it carried an idempotency key.
    pub once: Option<Once>,
    /// `identity.refreshed`.
    pub event: NewEvent,
}

/// How an act ended that was prepared from what may have changed meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acted {
    /// Done.
    Done,
    /// Read again and try again: a version is no longer the expected one, or the user
    /// has got a key.
    Changed,
    /// The user is gone.
    NoUser,
    /// A log-in name is somebody's in that connection.
    LoginTaken(LoginKind),
    /// It would have been the last way in.
    LastCredential,
    /// An identity is somebody's.
    IdentityTaken,
    /// The proof was spent before.
    Spent,
    /// The idempotency key was used.
    Repeated(Repeated),
}

/// A change of a user's own record.
#[derive(Debug, Clone)]
pub struct UserUpdate {
    /// The user as she shall be: version and epoch are the new ones, and the act expects
    /// the version before.
    pub user: User,
    /// The version that was read.
    pub expected_version: i64,
    /// New log-in names of one database identity, and a new password unless that is `None`;
    /// `None` keeps both.
    pub login: Option<(IdentityId, Login)>,
    /// A new profile of one secondary identity; `None` keeps it.
    pub identity_profile: Option<(IdentityId, Profile)>,
    /// `user.updated`, or none for a log-in that is only counted.
    pub event: Option<NewEvent>,
}

/// Taking an identity off a user.
#[derive(Debug, Clone)]
pub struct Unlink {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub identity: IdentityId,
    /// The user's version when this was prepared.
    pub expected_version: i64,
    /// Whether the last way in may go.
    pub force: bool,
    /// What becomes of it.
    pub then: AfterUnlink,
    /// The key that the tokens or the event were sealed under, if it is new.
    pub new_key: Option<NewKey>,
    /// `identity.freed`, or `identity.split` and `user.created`.
    pub events: Vec<NewEvent>,
    /// The person's own credential that asks, which survives the move of the epoch.
    pub keep: Option<Digest>,
}

/// What becomes of an identity that is taken off.
#[derive(Debug, Clone)]
pub enum AfterUnlink {
    /// It is erased, and free for anyone.
    Free,
    /// It goes on as the primary of this user.
    Split {
        /// The new user, at version 1 and epoch 1. When the identity was the primary of an
        /// absorbed user, her core id, whose alias ends.
        user: Box<User>,
        /// Its tokens sealed again for the new user and the next version.
        tokens: Option<Sealed>,
    },
}

/// One user becoming part of another.
#[derive(Debug, Clone)]
pub struct Absorb {
    /// Who stays.
    pub survivor: UserId,
    /// The version of it that was read.
    pub survivor_version: i64,
    /// Who goes.
    pub absorbed: UserId,
    /// The version of it that was read.
    pub absorbed_version: i64,
    /// The profile that the absorbed user's primary identity takes along.
    pub profile: Profile,
    /// For every identity of the absorbed user that has tokens: sealed again for the
    /// survivor and the next version.
    pub tokens: Vec<(IdentityId, Sealed)>,
    /// The survivor's key, if it is new.
    pub new_key: Option<NewKey>,
    /// A proof that may be used once.
    pub spend: Option<Spend>,
    /// `user.absorbed`, with what an undo needs sealed under the survivor's key.
    pub event: NewEvent,
    /// The person's own credential that asks, which survives the move of the epoch.
    pub keep: Option<Digest>,
}

/// A proof that may be used once.
#[derive(Debug, Clone)]
pub struct Spend {
    /// The digest of the token.
    pub token: Digest,
    /// How long its use is remembered: until it has expired anyway.
    pub until: Timestamp,
    /// For which pair it was used: the digest of both spelled ids.
    pub pair: Digest,
}

/// A request that must take effect once, however often it is sent.
#[derive(Debug, Clone)]
pub struct Once {
    /// The digest of the key that the client chose, with the client's id.
    pub key: Digest,
    /// The digest of the request.
    pub request: Digest,
    /// What it is about, for the answer to a repetition.
    pub user: UserId,
    /// Likewise.
    pub identity: Option<IdentityId>,
    /// How long it is remembered.
    pub until: Timestamp,
}

/// What an idempotency key was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated {
    /// The digest of the request that came first.
    pub request: Digest,
    /// What it was about.
    pub user: UserId,
    /// Likewise.
    pub identity: Option<IdentityId>,
}

/// A user with identities, primary first, in the order in which they were attached.
#[derive(Debug, Clone, PartialEq)]
pub struct UserWithIdentities {
    /// The user.
    pub user: User,
    /// The identities.
    pub identities: Vec<Identity>,
}

/// A page of users, in the order of their ids, which is that of their creation.
#[derive(Debug, Clone, Copy)]
pub enum Page {
    /// From an offset.
    Offset {
        /// How many to pass over.
        skip: u32,
        /// How many at most.
        limit: u32,
    },
    /// From the one after this id.
    After {
        /// The last one seen; `None` begins.
        id: Option<UserId>,
        /// How many at most.
        limit: u32,
    },
}

/// What a store must be able to do.
#[async_trait]
pub trait Store: Send + Sync {
    // Tenants and what belongs to them: rare, by operators.

    /// Makes a tenant; `false` when the name is in use.
    async fn create_tenant(&self, new: NewTenant) -> StoreResult<bool>;
    /// The tenant of this id.
    async fn find_tenant(&self, id: TenantId) -> StoreResult<Option<Tenant>>;
    /// The tenant of this name.
    async fn find_tenant_named(&self, name: &str) -> StoreResult<Option<Tenant>>;
    /// Every tenant, by name.
    async fn list_tenants(&self) -> StoreResult<Vec<Tenant>>;
    /// Replaces settings; `false` when there is no such tenant.
    async fn update_settings(&self, tenant: TenantId, settings: &Settings) -> StoreResult<bool>;
    /// Replaces the credentials of the opaque dialects; `false` when there is no such tenant.
    async fn update_credentials(
        &self,
        tenant: TenantId,
        credentials: &crate::domain::tenant::OpaqueCredentials,
    ) -> StoreResult<bool>;

    /// Keeps a client.
    async fn create_client(&self, client: &Client) -> StoreResult<()>;
    /// The client of this id.
    async fn find_client(&self, id: ClientId) -> StoreResult<Option<Client>>;
    /// The epoch of the client of this id, and nothing else of it: every request asks.
    async fn find_client_epoch(&self, id: ClientId) -> StoreResult<Option<i64>>;
    /// Every client of the tenant, oldest first.
    async fn list_clients(&self, tenant: TenantId) -> StoreResult<Vec<Client>>;
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
    /// Removes a connection without identities; `false` when identities hang on it.
    /// One that is not there counts as removed.
    async fn delete_connection(&self, tenant: TenantId, id: ConnectionId) -> StoreResult<bool>;

    // Keys.

    /// The tenant's key, wrapped by the root key.
    async fn find_tenant_key(&self, tenant: TenantId) -> StoreResult<Option<WrappedKey>>;
    /// A key below the tenant's.
    async fn find_key(&self, tenant: TenantId, owner: KeyOwner) -> StoreResult<Option<WrappedKey>>;
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
    /// The core id of the absorbed user whose primary this identity was, if it was one.
    async fn find_former_user(&self, tenant: TenantId, identity: IdentityId) -> StoreResult<Option<UserId>>;
    /// The sealed token set of an identity.
    async fn find_tokens(&self, tenant: TenantId, identity: IdentityId) -> StoreResult<Option<Sealed>>;
    /// A page of users, with identities.
    async fn list_users(&self, tenant: TenantId, page: Page) -> StoreResult<Vec<UserWithIdentities>>;
    /// How many users the tenant has.
    async fn count_users(&self, tenant: TenantId) -> StoreResult<u64>;
    /// The users whose own e-mail is exactly this, oldest first, at most 100.
    async fn list_users_by_email(&self, tenant: TenantId, email: &str) -> StoreResult<Vec<UserWithIdentities>>;
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
    /// Erases a user: record, identities, tokens, log-in names, aliases, key. `false` when
    /// there is none.
    async fn delete_user(&self, tenant: TenantId, user: UserId, event: NewEvent) -> StoreResult<bool>;
    /// Attaches an identity: the only way in for one that is not born with its user.
    async fn link(&self, tenant: TenantId, link: Link) -> StoreResult<Linked>;
    /// Renews an identity.
    async fn refresh(&self, tenant: TenantId, refresh: Refresh) -> StoreResult<Acted>;
    /// Takes an identity off.
    async fn unlink(&self, tenant: TenantId, unlink: Unlink) -> StoreResult<Acted>;
    /// Makes one user part of another.
    async fn absorb(&self, tenant: TenantId, absorb: Absorb) -> StoreResult<Acted>;

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
