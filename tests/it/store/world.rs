//! A fresh store with one tenant and three connections, and builders for acts on it.
//!
//! What a builder makes is complete and ordinary; a test changes the field that it is about.

use std::sync::Arc;

use jiff::Timestamp;
use oneself::clock::{Clock, ManualClock, SeededRandom};
use oneself::domain::connection::{BUILT_IN, DATABASE};
use oneself::domain::tenant::OpaqueCredentials;
use oneself::domain::*;
use oneself::id::*;
use oneself::secret::{Digest, Sealed};
use oneself::store::*;
use serde_json::json;

use crate::support::kept::Kept;

pub struct World {
    pub store: Arc<dyn Store>,
    pub clock: Arc<ManualClock>,
    pub random: Arc<SeededRandom>,
    pub tenant: TenantId,
    pub built_in: Connection,
    pub twitter: Connection,
    pub google: Connection,
    pub kept: Arc<Kept>,
}

impl World {
    pub async fn new() -> Self {
        let clock = Arc::new(ManualClock::at("2027-01-15T08:00:00Z".parse().unwrap()));
        let random = Arc::new(SeededRandom::new(7));
        let kept = Arc::new(Kept::new().await);
        let store = kept.open(clock.clone(), random.clone()).await;
        Self::found(store, clock, random, kept, "acme").await
    }

    /// Makes a tenant of this name with connections of its own in the store.
    async fn found(
        store: Arc<dyn Store>,
        clock: Arc<ManualClock>,
        random: Arc<SeededRandom>,
        kept: Arc<Kept>,
        name: &str,
    ) -> Self {
        let connection = |name: &str, provider: &str| Connection {
            id: ConnectionId::new(random.as_ref()),
            name: name.into(),
            provider: provider.into(),
            issuer: provider.into(),
            client_id: None,
            client_secret: None,
            auth0: Object::new(),
            created_at: clock.now(),
        };
        let world = Self {
            tenant: TenantId::new(random.as_ref()),
            built_in: connection(BUILT_IN, DATABASE),
            twitter: connection("twitter", "twitter"),
            google: connection("google", "google"),
            store,
            clock,
            random,
            kept,
        };
        assert!(world.store.create_tenant(world.new_tenant(name)).await.unwrap());
        world
    }

    /// Another tenant in the same store.
    pub async fn foreign(&self) -> Self {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        Self::found(store, clock, self.random.clone(), self.kept.clone(), "foreign").await
    }

    /// The same, after the store was closed and opened again.
    pub async fn reopened(self) -> Self {
        let Self { store, .. } = self;
        assert_eq!(Arc::strong_count(&store), 1, "somebody still uses the store");
        drop(store);
        Self {
            store: self.kept.open(self.clock.clone(), self.random.clone()).await,
            ..self
        }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn new_tenant(&self, name: &str) -> NewTenant {
        NewTenant {
            tenant: Tenant {
                id: self.tenant,
                name: name.into(),
                settings: Settings::default(),
                credentials: self.credentials("first"),
                created_at: self.now(),
            },
            key: WrappedKey(vec![1; 60]),
            service_key: WrappedKey(vec![2; 60]),
            connections: vec![self.built_in.clone(), self.twitter.clone(), self.google.clone()],
            client: self.client("first"),
        }
    }

    pub fn credentials(&self, salt: &str) -> OpaqueCredentials {
        OpaqueCredentials {
            kii_app_key: Digest::of(format!("app key {salt}").as_bytes()),
            kii_client_id: format!("kii {salt}"),
            kii_client_secret: Digest::of(format!("kii {salt}").as_bytes()),
            knodes_customer_id: format!("knodes {salt}"),
            knodes_customer_secret: Digest::of(format!("knodes {salt}").as_bytes()),
        }
    }

    pub fn client(&self, name: &str) -> Client {
        Client {
            id: ClientId::new(self.tenant, self.random.as_ref()),
            name: name.into(),
            secret: Some(Digest::of(name.as_bytes())),
            grants: vec![Grant::ClientCredentials, Grant::PasswordRealm],
            scopes: Some(Scopes::for_machines()),
            auth0: Object::new(),
            epoch: 1,
            created_at: self.now(),
        }
    }

    pub fn user_id(&self) -> UserId {
        UserId::new(self.clock.as_ref(), self.random.as_ref())
    }

    pub fn user(&self) -> User {
        User::new(self.user_id(), Profile::default(), self.now())
    }

    pub fn identity(&self, connection: &Connection, subject: &str) -> NewIdentity {
        let claims = json!({"name": format!("{subject} at {}", connection.name), "locale": "de"});
        let external =
            ExternalIdentity::from_claims(connection, subject, claims.as_object().unwrap(), Proof::Asserted).unwrap();
        NewIdentity {
            id: IdentityId::new(self.clock.as_ref(), self.random.as_ref()),
            external,
            proved_by: Actor::Operator,
            tokens: None,
            login: Login::default(),
            spend: None,
        }
    }

    /// The same identity, with a token set.
    pub fn with_tokens(&self, connection: &Connection, subject: &str) -> NewIdentity {
        NewIdentity {
            tokens: Some(sealed(subject)),
            ..self.identity(connection, subject)
        }
    }

    /// A user who is born with this identity.
    pub fn born(&self, born: NewIdentity) -> NewUser {
        let user = self.user();
        let event = self.event(user.id, created(&born));
        NewUser {
            user,
            born,
            more: Vec::new(),
            bag: None,
            key: None,
            once: None,
            events: vec![event],
            marked: Vec::new(),
        }
    }

    /// A user who is born in the built-in connection, as most are.
    pub fn new_user(&self) -> NewUser {
        let mut new = self.born(self.identity(&self.built_in, "replaced"));
        let subject = new.user.id.to_string();
        new.born = self.identity(&self.built_in, &subject);
        new.events = vec![self.event(new.user.id, created(&new.born))];
        new
    }

    /// Makes such a user.
    pub async fn make_user(&self) -> UserId {
        self.make(self.new_user()).await
    }

    /// Makes this user.
    pub async fn make(&self, new: NewUser) -> UserId {
        let id = new.user.id;
        let created = self.store.create_user(self.tenant, new).await.unwrap();
        assert_eq!(created, Created::Done);
        id
    }

    pub fn event(&self, user: UserId, kind: EventKind) -> NewEvent {
        NewEvent {
            kind,
            user,
            actor: Actor::Operator,
            at: self.now(),
            sealed: None,
        }
    }

    pub fn link(&self, user: UserId, identity: NewIdentity) -> Link {
        let kind = EventKind::IdentityLinked {
            identity: identity.id,
            connection: identity.external.key().connection,
            proof: identity.external.proof(),
        };
        Link {
            user,
            identity,
            one_per_provider: false,
            most: None,
            key: None,
            bag: None,
            once: None,
            event: self.event(user, kind),
            unless_marked: None,
        }
    }

    /// Attaches an identity, which must work.
    pub async fn attach(&self, user: UserId, identity: NewIdentity) -> Identity {
        match self.store.link(self.tenant, self.link(user, identity)).await.unwrap() {
            Linked::Attached(identity) => identity,
            other => panic!("{other:?}"),
        }
    }

    /// An unlink as its user is now.
    pub async fn unlink_of(&self, identity: &Identity) -> Unlink {
        self.unlink_at(identity, self.get(identity.user).await.user.version)
    }

    /// An unlink that was prepared at this version of the user.
    pub fn unlink_at(&self, identity: &Identity, expected_version: i64) -> Unlink {
        let kind = EventKind::IdentityFreed {
            identity: identity.id,
            connection: identity.key.connection,
        };
        Unlink {
            user: identity.user,
            identity: identity.id,
            expected_version,
            identity_version: identity.version,
            force: false,
            then: AfterUnlink::Free,
            key: None,
            keep: None,
            events: vec![self.event(identity.user, kind)],
        }
    }

    /// A split as the user is now, to a user of this id.
    pub async fn split_of(&self, identity: &Identity, to: UserId) -> Unlink {
        self.split_at(identity, self.get(identity.user).await.user.version, to)
    }

    /// A split that was prepared at this version of the user.
    pub fn split_at(&self, identity: &Identity, expected_version: i64, to: UserId) -> Unlink {
        let user = User {
            id: to,
            profile: identity.profile.clone(),
            ..self.user()
        };
        let connection = identity.key.connection;
        let split = EventKind::IdentitySplit {
            identity: identity.id,
            connection,
            to,
        };
        let born = EventKind::UserCreated {
            identity: identity.id,
            connection,
            proof: identity.proof,
        };
        Unlink {
            then: AfterUnlink::Split {
                user: Box::new(user),
                tokens: identity.has_tokens.then(|| sealed("split")),
            },
            events: vec![self.event(identity.user, split), self.event(to, born)],
            ..self.unlink_at(identity, expected_version)
        }
    }

    /// An absorption of one user by another as both are now.
    pub async fn absorb_of(&self, survivor: UserId, absorbed: UserId) -> Absorb {
        self.absorb_at(&self.get(survivor).await, &self.get(absorbed).await)
    }

    /// An absorption that was prepared from these two.
    pub fn absorb_at(&self, survivor: &UserWithIdentities, absorbed: &UserWithIdentities) -> Absorb {
        let kind = EventKind::UserAbsorbed {
            absorbed: absorbed.user.id,
            proof: Proof::TwoProof,
        };
        let moving = absorbed.identities.iter().map(|identity| MovingIdentity {
            identity: identity.id,
            version: identity.version,
            tokens: identity.has_tokens.then(|| sealed("absorbed")),
        });
        Absorb {
            survivor: survivor.user.id,
            survivor_version: survivor.user.version,
            absorbed: absorbed.user.id,
            absorbed_version: absorbed.user.version,
            profile: absorbed.user.profile.clone(),
            moving: moving.collect(),
            most: None,
            key: None,
            keep: None,
            spend: None,
            event: self.event(survivor.user.id, kind),
        }
    }

    pub fn refresh_of(&self, identity: &Identity, proof: Proof) -> Refresh {
        Refresh {
            user: identity.user,
            identity: identity.id,
            expected_version: identity.version,
            proof,
            proved_by: Actor::User(identity.user),
            profile: None,
            tokens: Some(sealed("fresh")),
            key: None,
            bag: None,
            once: None,
            event: self.event(
                identity.user,
                EventKind::IdentityRefreshed {
                    identity: identity.id,
                    connection: identity.key.connection,
                    proof,
                },
            ),
        }
    }

    pub fn once(&self, key: &str, request: &str, user: UserId) -> Once {
        Once {
            key: Digest::of(key.as_bytes()),
            request: Digest::of(request.as_bytes()),
            user,
            identity: None,
            until: self.now() + jiff::SignedDuration::from_hours(24),
        }
    }

    pub fn new_key(&self, user: UserId, byte: u8) -> UsedKey {
        UsedKey {
            owner: KeyOwner::User(user),
            key: WrappedKey(vec![byte; 60]),
            is_new: true,
        }
    }

    pub async fn find(&self, id: UserId) -> Option<UserWithIdentities> {
        let which = UserRef::Id(id);
        self.store.find_user_with_identities(self.tenant, &which).await.unwrap()
    }

    pub async fn get(&self, id: UserId) -> UserWithIdentities {
        self.find(id).await.expect("the user is there")
    }

    pub async fn key_of(&self, user: UserId) -> Option<u8> {
        let key = self.store.find_key(self.tenant, KeyOwner::User(user)).await.unwrap();
        key.map(|key| key.0[0])
    }

    pub async fn resolve(&self, connection: &Connection, subject: &str) -> Option<UserId> {
        let which = ConnectionRef::Id(connection.id);
        let found = self.store.resolve(self.tenant, &which, subject).await.unwrap();
        found.map(|found| found.user.id)
    }

    pub async fn events(&self) -> Vec<Event> {
        self.store.list_events(self.tenant, None, 1_000_000).await.unwrap()
    }
}

pub fn sealed(what: &str) -> Sealed {
    Sealed::from_bytes(format!("sealed {what}").into_bytes())
}

pub fn created(born: &NewIdentity) -> EventKind {
    EventKind::UserCreated {
        identity: born.id,
        connection: born.external.key().connection,
        proof: born.external.proof(),
    }
}

pub fn name(kind: LoginKind, value: &str) -> LoginName {
    LoginName {
        kind,
        value: value.into(),
    }
}
