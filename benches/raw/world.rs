//! A store with one tenant, and people in it who link and are looked up, without HTTP.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use oneself::clock::{Clock as _, Random as _, SeededRandom, SystemClock, SystemRandomness};
use oneself::command::bench::account::{self, Measured};
use oneself::domain::tenant::OpaqueCredentials;
use oneself::domain::{
    Actor, Client, Connection, ConnectionRef, EventKind, ExternalIdentity, KeyOwner, NewEvent, Object, Profile, Proof,
    Scopes, Settings, Tenant, TokenSet, User,
};
use oneself::id::{ClientId, ConnectionId, IdentityId, TenantId, UserId};
use oneself::secret::Digest;
use oneself::store::postgres::{self, Address, PostgresStore};
use oneself::store::sqlite::{SqliteOptions, SqliteStore};
use oneself::store::{Created, Link, Linked, Login, NewIdentity, NewTenant, NewUser, Store, UsedKey};
use oneself::vault::{Field, Place, RecordKey, RootKey, TenantKey, Vault};

use crate::Outcome;

const TOKEN_BYTES: usize = 256;

/// Where a store keeps its data.
pub enum Home<'h> {
    /// In files.
    Folder(&'h Path),
    /// In an empty database.
    Database(&'h Address),
}

/// A store with one tenant, and who was made in it.
pub struct World {
    store: Arc<dyn Store>,
    measured: Measured,
    vault: Vault,
    clock: Arc<SystemClock>,
    random: Arc<SystemRandomness>,
    pub tenant: TenantId,
    key: TenantKey,
    pub actor: Actor,
    built_in: Connection,
    pub network: Connection,
    subjects: AtomicU64,
}

/// Somebody with an account elsewhere.
pub struct Person {
    pub user: UserId,
    pub key: RecordKey,
    pub used: UsedKey,
    pub subject: String,
}

impl World {
    pub async fn new(home: Home<'_>) -> Outcome<Self> {
        let clock = Arc::new(SystemClock::default());
        let random = Arc::new(SystemRandomness::new());
        let server = std::process::id();
        let (store, database): (Arc<dyn Store>, _) = match home {
            Home::Folder(folder) => {
                let options = SqliteOptions::default();
                let store = SqliteStore::open(folder, clock.clone(), random.clone(), &options)?;
                (Arc::new(store), None)
            }
            Home::Database(address) => {
                let connections = postgres::CONNECTIONS;
                let store = PostgresStore::open(address, connections, clock.clone(), random.clone()).await?;
                let address = address.clone();
                let looking = tokio::task::spawn_blocking(move || postgres::look_at_backend(&address, account::parent));
                (Arc::new(store), Some(looking.await???))
            }
        };
        let vault = Vault::new(RootKey::generate(&*random), random.clone());
        let tenant = TenantId::new(&*random);
        let connection = |name: &str, provider: &str| Connection {
            id: ConnectionId::new(&*random),
            name: name.to_owned(),
            provider: provider.to_owned(),
            issuer: provider.to_owned(),
            client_id: None,
            client_secret: None,
            auth0: Object::new(),
            created_at: clock.now(),
        };
        let (built_in, network) = (connection("oneself", "database"), connection("bench", "twitter"));
        let client = ClientId::new(tenant, &*random);
        let (key, wrapped) = vault.new_tenant_key(tenant)?;
        let (_, service_key) = vault.new_key(&key, KeyOwner::Service)?;
        let nobody = Digest::of(b"");
        let made = store
            .create_tenant(NewTenant {
                tenant: Tenant {
                    id: tenant,
                    name: "raw".to_owned(),
                    settings: Settings::default(),
                    credentials: OpaqueCredentials {
                        kii_app_key: nobody,
                        kii_client_id: String::new(),
                        kii_client_secret: nobody,
                        knodes_customer_id: String::new(),
                        knodes_customer_secret: nobody,
                    },
                    created_at: clock.now(),
                },
                key: wrapped,
                service_key,
                connections: vec![built_in.clone(), network.clone()],
                client: Client {
                    id: client,
                    name: "raw".to_owned(),
                    secret: None,
                    grants: Vec::new(),
                    scopes: Some(Scopes::for_machines()),
                    auth0: Object::new(),
                    epoch: 1,
                    created_at: clock.now(),
                },
            })
            .await?;
        if !made {
            return Err("the tenant was not made".into());
        }
        Ok(Self {
            actor: Actor::Client(client),
            subjects: AtomicU64::new(0),
            store,
            measured: Measured { server, database },
            vault,
            clock,
            random,
            tenant,
            key,
            built_in,
            network,
        })
    }

    /// The processor time of this process, and of the database if there is one.
    pub fn cpu(&self) -> Outcome<Duration> {
        Ok(self.measured.cpu()?)
    }

    /// Eighteen digits in no order, as a network's own ids come.
    pub fn subject(&self) -> String {
        let mut digits = [0; 8];
        SeededRandom::new(self.subjects.fetch_add(1, Ordering::Relaxed)).fill(&mut digits);
        format!("{:018}", u64::from_be_bytes(digits) % 1_000_000_000_000_000_000)
    }

    /// The id of an event, for whoever writes one by hand.
    pub fn event_id(&self) -> [u8; 12] {
        *IdentityId::new(&*self.clock, &*self.random).as_bytes()
    }

    /// A new account with its tokens sealed, and the event that tells of it.
    pub fn account(&self, user: UserId, key: &RecordKey, subject: &str) -> Outcome<(NewIdentity, NewEvent)> {
        let external = ExternalIdentity::from_claims(&self.network, subject, &Object::new(), Proof::Asserted)?;
        let tokens = TokenSet {
            access_token: Some(format!("{subject:0>TOKEN_BYTES$}").into()),
            ..TokenSet::default()
        };
        let place = Place {
            connection: Some(self.network.id),
            issuer: &external.key().issuer,
            subject,
            field: Field::TokenSet,
            version: 1,
        };
        let sealed = self.vault.seal(key, &place, &tokens.to_plain())?;
        let id = IdentityId::new(&*self.clock, &*self.random);
        let event = self.event(
            user,
            EventKind::IdentityLinked {
                identity: id,
                connection: self.network.id,
                proof: external.proof(),
            },
        );
        Ok((self.identity(id, external, Some(sealed)), event))
    }

    fn identity(
        &self,
        id: IdentityId,
        external: ExternalIdentity,
        tokens: Option<oneself::secret::Sealed>,
    ) -> NewIdentity {
        NewIdentity {
            id,
            external,
            proved_by: self.actor,
            tokens,
            login: Login::default(),
            spend: None,
        }
    }

    fn event(&self, user: UserId, kind: EventKind) -> NewEvent {
        NewEvent {
            kind,
            user,
            actor: self.actor,
            at: self.clock.now(),
            sealed: None,
        }
    }

    fn new_key(&self, user: UserId) -> Outcome<(RecordKey, UsedKey)> {
        let owner = KeyOwner::User(user);
        let (open, key) = self.vault.new_key(&self.key, owner)?;
        let is_new = true;
        Ok((open, UsedKey { owner, key, is_new }))
    }

    /// Somebody with one account and a key.
    pub async fn make_person(&self) -> Outcome<Person> {
        let user = UserId::new(&*self.clock, &*self.random);
        let (key, used) = self.new_key(user)?;
        let born = IdentityId::new(&*self.clock, &*self.random);
        let external =
            ExternalIdentity::from_claims(&self.built_in, &user.to_string(), &Object::new(), Proof::Asserted)?;
        let created = self.event(
            user,
            EventKind::UserCreated {
                identity: born,
                connection: self.built_in.id,
                proof: external.proof(),
            },
        );
        let subject = self.subject();
        let (more, linked) = self.account(user, &key, &subject)?;
        let new = NewUser {
            user: User::new(user, Profile::default(), self.clock.now()),
            born: self.identity(born, external, None),
            more: vec![more],
            bag: None,
            key: Some(used.clone()),
            once: None,
            events: vec![created, linked],
            marked: Vec::new(),
        };
        match self.store.create_user(self.tenant, new).await? {
            Created::Done => Ok(Person {
                user,
                key,
                used: UsedKey { is_new: false, ..used },
                subject,
            }),
            other => Err(format!("a user was not made: {other:?}").into()),
        }
    }

    /// Somebody who was born with an account elsewhere: one identity, one event, one key.
    pub async fn make_born(&self) -> Outcome<()> {
        let user = UserId::new(&*self.clock, &*self.random);
        let (key, used) = self.new_key(user)?;
        let (born, _) = self.account(user, &key, &self.subject())?;
        let kind = EventKind::UserCreated {
            identity: born.id,
            connection: self.network.id,
            proof: born.external.proof(),
        };
        let new = NewUser {
            user: User::new(user, Profile::default(), self.clock.now()),
            born,
            more: Vec::new(),
            bag: None,
            key: Some(used),
            once: None,
            events: vec![self.event(user, kind)],
            marked: Vec::new(),
        };
        match self.store.create_user(self.tenant, new).await? {
            Created::Done => Ok(()),
            other => Err(format!("a user was not made: {other:?}").into()),
        }
    }

    pub async fn link(&self, person: &Person) -> Outcome<()> {
        let (identity, event) = self.account(person.user, &person.key, &self.subject())?;
        let link = Link {
            user: person.user,
            identity,
            one_per_provider: false,
            most: None,
            key: Some(person.used.clone()),
            bag: None,
            once: None,
            event,
            unless_marked: None,
        };
        match self.store.link(self.tenant, link).await? {
            Linked::Attached(_) => Ok(()),
            other => Err(format!("not linked: {other:?}").into()),
        }
    }

    pub async fn resolve(&self, person: &Person) -> Outcome<()> {
        let at = ConnectionRef::Name(self.network.name.clone());
        match self.store.resolve(self.tenant, &at, &person.subject).await? {
            Some(found) if found.user.id == person.user => Ok(()),
            found => Err(format!("resolved to {found:?}").into()),
        }
    }
}
