//! What acts are told, and how they end.
//!
//! A struct for each act, filled by the verb that prepared it, and an enum for its endings.
//! What an act was prepared from it names with the versions that were read, so that it can
//! refuse when that has changed meanwhile.

use jiff::Timestamp;

use crate::domain::{
    Actor, Client, Connection, Dialect, ExternalIdentity, Identity, KeyOwner, NewEvent, Object, Profile, Proof, Scopes,
    Tenant, User, WrappedKey,
};
use crate::error::Unique;
use crate::id::{IdentityId, UserId};
use crate::secret::{Digest, Sealed};
use crate::store::Marked;

/// The key that what comes with an act was sealed under. An act whose key is not its owner's any
/// more is refused, for nobody could open what it would leave.
#[derive(Debug, Clone)]
pub struct UsedKey {
    /// Whose.
    pub owner: KeyOwner,
    /// The key, as it is kept.
    pub key: WrappedKey,
    /// Whether the owner had none when the act was prepared. Then it is committed before the first
    /// record that uses it.
    pub is_new: bool,
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

/// What every request asks of the client that its token was issued to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Tokens of another epoch are dead.
    pub epoch: i64,
    /// What its own tokens may carry today.
    pub scopes: Option<Scopes>,
}

/// How much happened on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCount {
    /// Days since the first of January 1970, in UTC.
    pub day: i64,
    /// Log-ins.
    pub logins: i64,
    /// Users who came to be.
    pub signups: i64,
}

impl DayCount {
    /// The day of a moment.
    pub fn day_of(at: Timestamp) -> i64 {
        at.as_second().div_euclid(86_400)
    }
}

/// How replacing a record ended that was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// Done.
    Done,
    /// It is no longer as it was read: read it again.
    Changed,
    /// It is not there any more.
    Gone,
    /// What was to be replaced cannot be while identities hang on it.
    InUse,
}

/// A connection that was deleted, and on which identities may still hang.
#[derive(Debug, Clone, PartialEq)]
pub struct RetiredConnection {
    /// As it was, without its secret.
    pub connection: Connection,
    /// When it was deleted.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
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
    /// The token that shows it, if that makes it one user's only.
    pub spend: Option<Spend>,
}

/// Everything that a new user is born with.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The user, at version 1 and epoch 1; the act happens at her `updated_at`.
    pub user: User,
    /// The primary identity.
    pub born: NewIdentity,
    /// Further identities, attached in the same act.
    pub more: Vec<NewIdentity>,
    /// What a dialect keeps with her.
    pub bag: Option<(Dialect, Object)>,
    /// The key that `tokens` and events were sealed under.
    pub key: Option<UsedKey>,
    /// Marks the request as done, if it carried an idempotency key.
    pub once: Option<Once>,
    /// `user.created`, and `identity.linked` for `more`.
    pub events: Vec<NewEvent>,
    /// Her accounts at networks, for which marks are looked.
    pub marked: Vec<Marked>,
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
    /// The token that shows an identity was used for another user.
    Spent,
    /// One of the identities was somebody's who was erased, and is refused for that.
    Erased,
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
    /// How many identities the user may have then; `None`: as many as there are.
    pub most: Option<u32>,
    /// The user's key that `tokens` was sealed under.
    pub key: Option<UsedKey>,
    /// What a dialect keeps with her from then on.
    pub bag: Option<BagChange>,
    /// Marks the request as done, if it carried an idempotency key.
    pub once: Option<Once>,
    /// `identity.linked`.
    pub event: NewEvent,
    /// Refuse when there is this mark: the account was somebody's who was erased.
    pub unless_marked: Option<Digest>,
}

/// What a dialect keeps with a user, changed along with an act.
#[derive(Debug, Clone, PartialEq)]
pub struct BagChange {
    /// Which dialect.
    pub dialect: Dialect,
    /// What it kept when the act was prepared.
    pub was: Object,
    /// What it keeps from then on.
    pub is: Object,
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
    /// The user would have more identities than the act allows.
    Full,
    /// No such user.
    NoUser,
    /// It was somebody's who was erased, and is refused for that.
    Erased,
    /// No such connection any more.
    NoConnection,
    /// The user has another key than the one that was used: seal again under that one.
    OtherKey,
    /// What a dialect keeps with the user is not what it was: change that.
    OtherBag,
    /// The token that shows it was used for another user.
    Spent,
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
    /// The user's key that `tokens` was sealed under.
    pub key: Option<UsedKey>,
    /// What a dialect keeps with her from then on.
    pub bag: Option<BagChange>,
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
    /// Read again and try again: a version is no longer the expected one, or the user has
    /// another key than the one that was used.
    Changed,
    /// The user is gone.
    NoUser,
    /// A log-in name is somebody's in that connection.
    LoginTaken(LoginKind),
    /// It would have been the last way in.
    LastCredential,
    /// An identity is somebody's.
    IdentityTaken,
    /// The user would have more identities than the act allows.
    Full,
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
    /// What a dialect keeps with her from now on; `None` keeps what it is.
    pub bag: Option<(Dialect, Object)>,
    /// `user.updated`, or none for a log-in that is only counted.
    pub event: Option<NewEvent>,
    /// What allows it, if that may be used once.
    pub spend: Option<Spend>,
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
    /// The identity's version when this was prepared.
    pub identity_version: i64,
    /// Whether the last way in may go.
    pub force: bool,
    /// What becomes of it.
    pub then: AfterUnlink,
    /// The key that the tokens or the event were sealed under.
    pub key: Option<UsedKey>,
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
        /// The new user, at version 1. When the identity was the primary of an absorbed user, her
        /// core id, whose alias ends, at an epoch that she never had before.
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
    /// All identities of the absorbed user, in order.
    pub moving: Vec<MovingIdentity>,
    /// How many identities the survivor may have then; `None`: as many as there are.
    pub most: Option<u32>,
    /// The survivor's key, under which tokens and the event were sealed.
    pub key: Option<UsedKey>,
    /// A proof that may be used once.
    pub spend: Option<Spend>,
    /// `user.absorbed`, with what an undo needs sealed under the survivor's key.
    pub event: NewEvent,
    /// The person's own credential that asks, which survives the move of the epoch.
    pub keep: Option<Digest>,
}

/// An identity that goes along when its user is absorbed.
#[derive(Debug, Clone)]
pub struct MovingIdentity {
    /// Which.
    pub identity: IdentityId,
    /// The version of it that was read.
    pub version: i64,
    /// Its tokens, if it has any, sealed again for the survivor and the next version.
    pub tokens: Option<Sealed>,
}

/// A proof that may be used once.
#[derive(Debug, Clone)]
pub struct Spend {
    /// The digest of the token.
    pub token: Digest,
    /// How long its use is remembered: until it has expired anyway.
    pub until: Timestamp,
    /// For whom it was used: the digest of both spelled ids, or of the only one.
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

/// A page of users, in the order of their ids, which is that of their creation.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// The last one seen; `None` begins.
    pub after: Option<UserId>,
    /// How many at most.
    pub limit: u32,
}
