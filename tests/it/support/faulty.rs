//! A store that cannot answer its n-th call, as a disk that fails there would have it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use oneself::domain::job::JobFile;
use oneself::domain::tenant::OpaqueCredentials;
use oneself::domain::*;
use oneself::id::*;
use oneself::secret::{Digest, Sealed};
use oneself::store::*;
use parking_lot::Mutex;
use tokio::sync::watch;

/// What stands in every error of it.
pub const CANARY: &str = "canary-of-the-store";

/// How a call fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// As with a disk that is full.
    #[default]
    Unavailable,
    /// As with a database that does not answer any more.
    Unknown,
    /// As with data that contradicts itself.
    Corrupt,
}

impl Fault {
    pub const ALL: [Self; 3] = [Self::Unavailable, Self::Unknown, Self::Corrupt];

    /// The status of the answer to whoever made the call.
    pub const fn status(self) -> u16 {
        match self {
            Self::Unavailable => 503,
            Self::Unknown => 504,
            Self::Corrupt => 500,
        }
    }
}

/// A store in which calls fail on order.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    left: AtomicI64,
    last: AtomicI64,
    fault: Mutex<Fault>,
    gives_up: AtomicBool,
    steps: watch::Sender<u64>,
}

impl FaultyStore {
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            left: AtomicI64::new(0),
            last: AtomicI64::new(0),
            fault: Mutex::default(),
            gives_up: AtomicBool::new(false),
            steps: watch::Sender::new(0),
        }
    }

    /// The n-th call from now on fails, and no other.
    pub fn fail_at(&self, n: i64) {
        self.last.store(1, Ordering::SeqCst);
        self.left.store(n, Ordering::SeqCst);
    }

    /// Every call from the n-th on fails in this way.
    pub fn fail_from(&self, n: i64, fault: Fault) {
        *self.fault.lock() = fault;
        self.last.store(i64::MAX, Ordering::SeqCst);
        self.left.store(n, Ordering::SeqCst);
    }

    /// From now on every search takes too long, or none.
    pub fn give_up(&self, gives_up: bool) {
        self.gives_up.store(gives_up, Ordering::SeqCst);
    }

    /// How many steps of jobs were kept.
    pub fn steps(&self) -> watch::Receiver<u64> {
        self.steps.subscribe()
    }

    /// Nothing fails any more; whether something did since the order.
    pub fn heal(&self) -> bool {
        *self.fault.lock() = Fault::default();
        self.last.store(0, Ordering::SeqCst);
        self.left.swap(0, Ordering::SeqCst) <= 0
    }

    fn call(&self) -> StoreResult<()> {
        if self.last.load(Ordering::SeqCst) == 0 {
            return Ok(());
        }
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        if left > 1 || left <= 1_i64.saturating_sub(self.last.load(Ordering::SeqCst)) {
            return Ok(());
        }
        Err(match *self.fault.lock() {
            Fault::Unavailable => StoreError::Unavailable(CANARY.to_owned()),
            Fault::Unknown => StoreError::Unknown,
            Fault::Corrupt => StoreError::Corrupt(CANARY.to_owned()),
        })
    }
}

macro_rules! delegate_jobs {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Jobs for FaultyStore {
            $(async fn $name(&self, $($argument: $type),*) -> StoreResult<$answer> {
                self.call()?;
                self.inner.$name($($argument),*).await
            })*

            async fn step_job(&self, tenant: TenantId, step: JobStep) -> StoreResult<bool> {
                self.call()?;
                let kept = self.inner.step_job(tenant, step).await?;
                self.steps.send_modify(|steps| *steps += u64::from(kept));
                Ok(kept)
            }
        }
    };
}

delegate_jobs! {
    fn create_job(job: &Job, input: Vec<JobPart>) -> bool;
    fn find_job(tenant: TenantId, id: JobId) -> Option<Job>;
    fn take_job(now: Timestamp, until: Timestamp) -> Option<Job>;
    fn find_job_part(tenant: TenantId, id: JobId, file: JobFile, n: u32) -> Option<Sealed>;
    fn drop_jobs(now: Timestamp) -> bool;
}

macro_rules! delegate {
    ($trait:ident { $($own:tt)* } $(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl $trait for FaultyStore {
            $(async fn $name(&self, $($argument: $type),*) -> StoreResult<$answer> {
                self.call()?;
                self.inner.$name($($argument),*).await
            })*

            $($own)*
        }
    };
}

delegate! {
    Imports {}
    fn find_import(tenant: TenantId, file: Digest) -> Option<Import>;
    fn list_unfinished_imports(tenant: TenantId) -> Vec<Import>;
    fn import_users(tenant: TenantId, batch: ImportBatch) -> Imported;
}

delegate! {
    OpaqueTokens {}
    fn issue_tokens(tenant: TenantId, new: NewTokens, allowed_by: AllowedBy) -> Issued;
    fn find_token(tenant: TenantId, access: Digest, now: Timestamp) -> Option<Bearer>;
    fn refresh_tokens(tenant: TenantId, refresh: Digest, new: Renewal) -> Option<Bearer>;
}

delegate! {
    Passwords {}
    fn replace_hash(tenant: TenantId, hash: ReplacedHash) -> bool;
    fn find_hash(tenant: TenantId, user: UserId, identity: IdentityId) -> Option<String>;
    fn find_next_hash(tenant: TenantId, connection: ConnectionId, after: &str) -> Option<String>;
}

delegate! {
    Store {
        async fn search_users(&self, tenant: TenantId, search: Search, patience: Duration) -> StoreResult<Searched> {
            self.call()?;
            match self.gives_up.load(Ordering::SeqCst) {
                true => Ok(Searched::GaveUp),
                false => self.inner.search_users(tenant, search, patience).await,
            }
        }
    }
    fn create_tenant(new: NewTenant) -> bool;
    fn find_tenant(id: TenantId) -> Option<Tenant>;
    fn find_tenant_named(name: &str) -> Option<Tenant>;
    fn list_tenants() -> Vec<Tenant>;
    fn find_settings(tenant: TenantId) -> Option<Settings>;
    fn update_settings(tenant: TenantId, settings: &Settings) -> bool;
    fn update_credentials(tenant: TenantId, credentials: &OpaqueCredentials) -> bool;
    fn create_client(client: &Client) -> ();
    fn find_client(id: ClientId) -> Option<Client>;
    fn find_standing(id: ClientId) -> Option<Standing>;
    fn update_client(was: &Client, is: &Client) -> Replaced;
    fn has_web_origin(client: Option<ClientId>, origin: &str) -> bool;
    fn list_clients(tenant: TenantId) -> Vec<Client>;
    fn rotate_client(id: ClientId, secret: Digest) -> bool;
    fn delete_client(id: ClientId) -> bool;
    fn create_connection(tenant: TenantId, connection: &Connection) -> bool;
    fn find_connection(tenant: TenantId, which: &ConnectionRef) -> Option<Connection>;
    fn list_connections(tenant: TenantId) -> Vec<Connection>;
    fn update_connection(tenant: TenantId, was: &Connection, is: &Connection) -> Replaced;
    fn retire_connection(tenant: TenantId, id: ConnectionId, at: Timestamp, by: Actor) -> bool;
    fn list_retired_connections(tenant: TenantId) -> Vec<RetiredConnection>;
    fn list_identities_at(tenant: TenantId, connection: ConnectionId, limit: u32) -> Vec<Identity>;
    fn delete_connection(tenant: TenantId, id: ConnectionId) -> bool;
    fn find_tenant_key(tenant: TenantId) -> Option<WrappedKey>;
    fn find_key(tenant: TenantId, owner: KeyOwner) -> Option<WrappedKey>;
    fn sweep_keys(owners: Vec<(TenantId, UserId)>) -> ();
    fn list_signing_keys() -> Vec<StoredSigningKey>;
    fn create_signing_key(key: &StoredSigningKey) -> ();
    fn find_key_check() -> Option<[u8; 32]>;
    fn set_key_check(value: [u8; 32]) -> ();
    fn find_user_id(tenant: TenantId, which: &UserRef) -> Option<UserId>;
    fn find_user(tenant: TenantId, which: &UserRef) -> Option<User>;
    fn find_user_with_identities(tenant: TenantId, which: &UserRef) -> Option<UserWithIdentities>;
    fn resolve(tenant: TenantId, connection: &ConnectionRef, subject: &str) -> Option<UserWithIdentities>;
    fn find_identity(tenant: TenantId, key: &IdentityKey) -> Option<Identity>;
    fn list_alike(tenant: TenantId, account: &ExternalIdentity) -> Vec<Identity>;
    fn find_former_user(tenant: TenantId, identity: IdentityId) -> Option<UserId>;
    fn find_tokens(tenant: TenantId, identity: IdentityId) -> Option<Sealed>;
    fn find_bag(tenant: TenantId, user: UserId, dialect: Dialect) -> Object;
    fn list_users(tenant: TenantId, page: Page) -> Vec<UserWithIdentities>;
    fn list_users_by_email(tenant: TenantId, email: &str) -> Vec<UserWithIdentities>;
    fn find_login(tenant: TenantId, connection: ConnectionId, name: &LoginName) -> Option<(Identity, Option<String>)>;
    fn create_user(tenant: TenantId, new: NewUser) -> Created;
    fn update_user(tenant: TenantId, update: UserUpdate) -> Acted;
    fn delete_user(tenant: TenantId, user: UserId, event: NewEvent, marking: Option<Marking>) -> bool;
    fn is_marked(tenant: TenantId, mark: Digest, now: Timestamp) -> bool;
    fn link(tenant: TenantId, link: Link) -> Linked;
    fn refresh(tenant: TenantId, refresh: Refresh) -> Acted;
    fn unlink(tenant: TenantId, unlink: Unlink) -> Acted;
    fn absorb(tenant: TenantId, absorb: Absorb) -> Acted;
    fn count_active_users(tenant: TenantId, since: i64) -> u64;
    fn list_days(tenant: TenantId, from: i64, to: i64) -> Vec<DayCount>;
    fn find_spent(tenant: TenantId, token: Digest) -> Option<Digest>;
    fn find_once(tenant: TenantId, key: Digest, now: Timestamp) -> Option<Repeated>;
    fn forget_ended(now: Timestamp) -> u64;
    fn list_events(tenant: TenantId, after: Option<EventId>, limit: u32) -> Vec<Event>;
    fn check() -> ();
}

/// What is written behind answers would count calls whenever it comes.
#[async_trait]
impl Logs for FaultyStore {
    async fn append_logs(&self, new: Vec<NewLog>) -> StoreResult<()> {
        self.inner.append_logs(new).await
    }

    async fn list_logs(&self, tenant: TenantId, page: LogPage) -> StoreResult<Vec<Log>> {
        self.call()?;
        self.inner.list_logs(tenant, page).await
    }

    async fn count_logs(&self, tenant: TenantId, user: Option<UserId>) -> StoreResult<u64> {
        self.call()?;
        self.inner.count_logs(tenant, user).await
    }

    async fn find_log(&self, tenant: TenantId, id: LogId) -> StoreResult<Option<Log>> {
        self.call()?;
        self.inner.find_log(tenant, id).await
    }

    async fn forget_logs(&self, tenant: TenantId, before: Timestamp) -> StoreResult<u64> {
        self.call()?;
        self.inner.forget_logs(tenant, before).await
    }
}

#[async_trait]
impl Trail for FaultyStore {
    async fn chain_events(&self, tenant: TenantId) -> StoreResult<u64> {
        self.call()?;
        self.inner.chain_events(tenant).await
    }

    async fn find_head(&self, tenant: TenantId) -> StoreResult<Option<Head>> {
        self.call()?;
        self.inner.find_head(tenant).await
    }
}

#[tokio::test]
async fn it_fails_where_it_was_ordered_to() {
    use oneself::clock::{ManualClock, SeededRandom};
    use oneself::store::sqlite::{SqliteOptions, SqliteStore};
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
    let random = Arc::new(SeededRandom::new(1));
    let inner = SqliteStore::open(directory.path(), clock, random, &SqliteOptions::default());
    let store = FaultyStore::new(Arc::new(inner.unwrap()));
    store.fail_at(2);
    let mut got = Vec::new();
    for _ in 0..4 {
        got.push(store.list_tenants().await.is_ok());
    }
    assert_eq!(got, [true, false, true, true]);
    assert!(store.heal());
    store.fail_from(2, Fault::Unavailable);
    got.clear();
    for _ in 0..4 {
        got.push(store.list_tenants().await.is_ok());
    }
    assert_eq!(got, [true, false, false, false]);
    store.fail_at(3);
    assert!(!store.heal());
    assert!(store.list_tenants().await.is_ok());
}
