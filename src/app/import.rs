//! Users taken over from a file, by the operator: a line is a user with all her identities.
//!
//! What a line must be to become a user is decided here; how it is written in the file is the
//! command line's. A batch of lines is one act, which also keeps how far the file has got, so
//! an import that was cut off goes on where it was. What would surprise: nobody's profile is
//! checked against what dialects let callers write; what people log in with is, because it
//! leads to them.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::app::keys::token_place;
use crate::app::users::{check_username, folds_names, keep_imported, login_names};
use crate::app::{App, ImportedHash};
use crate::domain::email::is_address;
use crate::domain::profile::is_display_text;
use crate::domain::{
    Actor, Connection, ConnectionRef, EventKind, ExternalIdentity, KeyOwner, NewEvent, Object, Profile, Proof,
    TokenSet, User, connection,
};
use crate::error::{Error, Noun, Result};
use crate::id::{IdentityId, TenantId, UserId};
use crate::secret::Digest;
use crate::store::{ERASED, ImportBatch, Imported, Login, NewIdentity, NewUser, UsedKey};
pub use crate::store::{Import, Refusal};
use crate::vault::RecordKey;

/// The longest name to log in with, in bytes.
const NAME_LIMIT_BYTES: usize = 254;

/// A user as a file has her.
#[derive(Debug, Default)]
pub struct ImportedUser {
    /// What is known of her.
    pub profile: Object,
    /// Whether she may not log in.
    pub blocked: Option<bool>,
    /// When she came to be; now, if that is not said.
    pub created_at: Option<jiff::Timestamp>,
    /// Auth0's bag that she may write.
    pub user_metadata: Option<Object>,
    /// Auth0's bag that she may not write.
    pub app_metadata: Option<Object>,
    /// Her identities, primary first. Without any she is born in the built-in connection.
    pub identities: Vec<ImportedIdentity>,
}

/// An identity as a file has it.
#[derive(Debug)]
pub struct ImportedIdentity {
    /// The name or id of its connection.
    pub connection: String,
    /// Its id there; of a primary at a database connection it may be left out, and is the core id.
    pub subject: Option<String>,
    /// How we know.
    pub proof: Proof,
    /// What is said of it; of the primary, nothing: that is the user's profile.
    pub claims: Object,
    /// What its network handed out.
    pub tokens: TokenSet,
    /// Its password, if it is of a database connection.
    pub password: Option<ImportedHash>,
}

/// Some lines of a file, one after the other.
#[derive(Debug, Default)]
pub struct ImportedLines {
    /// How many lines of the file are done with these.
    pub lines: u64,
    /// Where in the file they end, in bytes.
    pub offset: u64,
    /// Whether the file ends there too.
    pub is_last: bool,
    /// Who is in them, with the number of her line.
    pub users: Vec<(u64, ImportedUser)>,
    /// The lines that nobody is in.
    pub refused: Vec<Refusal>,
}

/// An import that has been begun.
#[derive(Debug)]
pub struct Begun {
    /// Whose users they are.
    pub tenant: TenantId,
    /// How far it has got before.
    pub import: Import,
    /// When nothing of it is done: another file of the same name, which was not finished.
    pub other: Option<Import>,
    _turn: Turn,
}

/// The files that are imported now.
pub(super) type UnderWay = Arc<Mutex<HashSet<(TenantId, Digest)>>>;

/// That a file is imported now, by whoever holds this.
#[derive(Debug)]
struct Turn {
    under_way: UnderWay,
    which: (TenantId, Digest),
}

impl Turn {
    fn take(under_way: &UnderWay, which: (TenantId, Digest)) -> Option<Self> {
        let is_first = under_way.lock().insert(which);
        is_first.then(|| Self {
            under_way: under_way.clone(),
            which,
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.under_way.lock().remove(&self.which);
    }
}

impl App {
    /// Begins with the file of this digest, or goes on with it. As long as the answer is kept,
    /// nobody else in this process does.
    ///
    /// # Errors
    /// [`Error::NotFound`] of the tenant; [`Error::Busy`] when somebody imports this file now.
    pub async fn begin_import(&self, tenant: &str, file: Digest, name: &str) -> Result<Begun> {
        let tenant = self.find_tenant(tenant).await?.id;
        let turn = Turn::take(&self.imports, (tenant, file)).ok_or(Error::Busy { retry_after: 60 })?;
        let known = self.store.find_import(tenant, file).await?;
        let other = match &known {
            Some(_) => None,
            None => {
                let unfinished = self.store.list_unfinished_imports(tenant).await?;
                unfinished.into_iter().find(|import| import.name == name)
            }
        };
        Ok(Begun {
            tenant,
            import: known.unwrap_or_else(|| Import::new(file, name.to_owned(), self.clock.now())),
            other,
            _turn: turn,
        })
    }

    /// Makes the users of some lines; how far the file has got then.
    ///
    /// # Errors
    /// [`Error::Busy`] when another import of the same file is under way. Nothing was made then.
    pub async fn import_users(&self, tenant: TenantId, from: Import, lines: ImportedLines) -> Result<Import> {
        let (users, refused) = self.new_users(tenant, lines.users, lines.refused).await?;
        let batch = ImportBatch {
            from,
            lines: lines.lines,
            offset: lines.offset,
            users,
            refused,
            ended_at: lines.is_last.then(|| self.clock.now()),
        };
        match self.store.import_users(tenant, batch).await? {
            Imported::Done(import) => Ok(import),
            Imported::Elsewhere => Err(Error::Busy { retry_after: 60 }),
        }
    }

    /// What [`App::import_users`] would do, as far as that can be told from who is there now and who was
    /// `seen` in the lines before.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn check_import(
        &self,
        tenant: TenantId,
        from: Import,
        lines: ImportedLines,
        seen: &mut Seen,
    ) -> Result<Import> {
        let (users, mut refused) = self.new_users(tenant, lines.users, lines.refused).await?;
        let mut import = Import {
            lines: lines.lines,
            offset: lines.offset,
            ..from
        };
        for (line, new) in &users {
            let conflict = match self.find_conflict(tenant, new).await? {
                None => seen.find_or_note(new),
                found => found,
            };
            match conflict {
                Some((path, reason)) => refused.push(Refusal {
                    line: *line,
                    path,
                    reason: reason.to_owned(),
                }),
                None => {
                    import.users += 1;
                    import.identities += 1 + new.more.len() as u64;
                }
            }
        }
        refused.sort_by_key(|refusal| refusal.line);
        import.refused += refused.len() as u64;
        import.last_refused = refused;
        Ok(import)
    }

    async fn find_conflict(&self, tenant: TenantId, new: &NewUser) -> Result<Option<(String, &'static str)>> {
        for (n, identity) in std::iter::once(&new.born).chain(&new.more).enumerate() {
            let key = identity.external.key();
            if self.store.find_identity(tenant, key).await?.is_some() {
                return Ok(Some((format!("identities[{n}]"), "belongs to somebody already")));
            }
            let its = new.marked.iter().filter(|marked| marked.identity == identity.id);
            for refused in its.filter(|marked| marked.told.is_none()) {
                if self.store.is_marked(tenant, refused.mark, self.clock.now()).await? {
                    return Ok(Some((format!("identities[{n}]"), ERASED)));
                }
            }
            for name in &identity.login.names {
                if self.store.find_login(tenant, key.connection, name).await?.is_some() {
                    let reason = "has a name that somebody logs in with at this connection";
                    return Ok(Some((format!("identities[{n}]"), reason)));
                }
            }
        }
        Ok(None)
    }

    /// The users of some lines, ready to be made, and all refusals together.
    async fn new_users(
        &self,
        tenant: TenantId,
        users: Vec<(u64, ImportedUser)>,
        mut refused: Vec<Refusal>,
    ) -> Result<(Vec<(u64, NewUser)>, Vec<Refusal>)> {
        let mut ready = Vec::with_capacity(users.len());
        for (line, user) in users {
            match self.new_user(tenant, user).await {
                Ok(new) => ready.push((line, new)),
                Err(Error::Invalid { field, reason }) => refused.push(Refusal {
                    line,
                    path: field.into_owned(),
                    reason: reason.into_owned(),
                }),
                Err(error) => return Err(error),
            }
        }
        Ok((ready, refused))
    }

    async fn new_user(&self, tenant: TenantId, mut from: ImportedUser) -> Result<NewUser> {
        let now = self.clock.now();
        let id = UserId::new(&*self.clock, &*self.random);
        let mut user = User::new(id, Profile::default(), now);
        user.blocked = from.blocked;
        user.user_metadata = from.user_metadata;
        user.app_metadata = from.app_metadata;
        if let Some(created_at) = from.created_at {
            if created_at > now {
                return Err(Error::invalid("created_at", "must not lie in the future"));
            }
            user.created_at = created_at;
        }
        let mut identities = std::mem::take(&mut from.identities);
        if identities.is_empty() {
            identities.push(ImportedIdentity {
                connection: connection::BUILT_IN.to_owned(),
                subject: None,
                proof: Proof::Asserted,
                claims: Object::new(),
                tokens: TokenSet::default(),
                password: None,
            });
        }
        let mut key = None;
        let (mut events, mut marked) = (Vec::with_capacity(identities.len()), Vec::new());
        let mut ready = Vec::with_capacity(identities.len());
        for (n, identity) in identities.into_iter().enumerate() {
            let at = |error| below(n, error);
            let connection = self.connection_of(tenant, &identity.connection).await.map_err(at)?;
            let mut claims = match n {
                0 => std::mem::take(&mut from.profile),
                _ => identity.claims,
            };
            if folds_names(&connection) {
                fold_claims(&mut claims);
            }
            let subject = match identity.subject {
                Some(subject) => subject,
                None if n == 0 && connection.is_database() => id.to_string(),
                None => return Err(at(Error::invalid("subject", "is missing"))),
            };
            let external =
                ExternalIdentity::from_claims(&connection, &subject, &claims, identity.proof).map_err(|error| {
                    match error {
                        Error::Invalid { field, reason } if n == 0 && field.starts_with("profile") => {
                            Error::Invalid { field, reason }
                        }
                        error => at(error),
                    }
                })?;
            let login = new_login(&connection, external.profile(), identity.password).map_err(at)?;
            let new = NewIdentity {
                id: IdentityId::new(&*self.clock, &*self.random),
                proved_by: Actor::Operator,
                tokens: self
                    .seal_imported(tenant, id, &external, &identity.tokens, &mut key)
                    .await?,
                login,
                external,
                spend: None,
            };
            let kind = if n == 0 { user_created } else { identity_linked };
            let event = NewEvent {
                kind: kind(&new),
                user: id,
                actor: Actor::Operator,
                at: now,
                sealed: None,
            };
            marked.extend(self.marked(tenant, &connection, &new, &event).await?);
            events.push(event);
            ready.push(new);
        }
        refuse_twins(&ready)?;
        let born = ready.remove(0);
        user.profile = born.external.profile().clone();
        Ok(NewUser {
            user,
            born,
            more: ready,
            bag: None,
            key: key.map(|(_, used)| used),
            once: None,
            events,
            marked,
        })
    }

    async fn connection_of(&self, tenant: TenantId, name: &str) -> Result<Connection> {
        match self.existing_connection(tenant, &ConnectionRef::parse(name)).await {
            Err(Error::NotFound(Noun::Connection)) => Err(Error::invalid("connection", "is not one of this tenant")),
            found => found,
        }
    }

    /// A token set sealed for its row, under the key that the user gets with her first one.
    async fn seal_imported(
        &self,
        tenant: TenantId,
        user: UserId,
        external: &ExternalIdentity,
        tokens: &TokenSet,
        key: &mut Option<(RecordKey, UsedKey)>,
    ) -> Result<Option<crate::secret::Sealed>> {
        if tokens.is_empty() {
            return Ok(None);
        }
        let (record, _) = match key {
            Some(key) => key,
            None => key.insert(self.make_key(tenant, KeyOwner::User(user)).await?),
        };
        let place = token_place(external.key(), 1);
        Ok(Some(self.vault.seal(record, &place, &tokens.to_plain())?))
    }
}

/// The accounts and log-in names of the lines that were looked at, as digests.
#[derive(Debug, Default)]
pub struct Seen(HashSet<Digest>);

impl Seen {
    /// How many are held, at some 70 bytes each; who comes after those is compared with them alone.
    const LIMIT: usize = 1_000_000;

    /// What of this user a line before has; nothing if she can be made, and then she is noted.
    fn find_or_note(&mut self, new: &NewUser) -> Option<(String, &'static str)> {
        let mut own = Vec::new();
        for (n, identity) in std::iter::once(&new.born).chain(&new.more).enumerate() {
            let key = identity.external.key();
            let account = (Digest::of(format!("{key:?}").as_bytes()), "is in a line before");
            let names = identity.login.names.iter().map(|name| {
                let reason = "has a name that somebody in a line before logs in with at this connection";
                (Digest::of(format!("{:?} {name:?}", key.connection).as_bytes()), reason)
            });
            for (digest, reason) in std::iter::once(account).chain(names) {
                if self.0.contains(&digest) {
                    return Some((format!("identities[{n}]"), reason));
                }
                own.push(digest);
            }
        }
        let room = Self::LIMIT.saturating_sub(self.0.len());
        self.0.extend(own.into_iter().take(room));
        None
    }
}

fn user_created(new: &NewIdentity) -> EventKind {
    EventKind::UserCreated {
        identity: new.id,
        connection: new.external.key().connection,
        proof: new.external.proof(),
    }
}

fn identity_linked(new: &NewIdentity) -> EventKind {
    EventKind::IdentityLinked {
        identity: new.id,
        connection: new.external.key().connection,
        proof: new.external.proof(),
    }
}

/// The same fault, of the n-th identity.
fn below(n: usize, error: Error) -> Error {
    match error {
        Error::Invalid { field, reason } => Error::invalid(format!("identities[{n}].{field}"), reason),
        error => error,
    }
}

/// The names that databases keep in lower case, in it.
fn fold_claims(claims: &mut Object) {
    for name in ["email", "username"] {
        if let Some(serde_json::Value::String(text)) = claims.get_mut(name) {
            *text = text.to_lowercase();
        }
    }
}

/// What an identity logs in with, if it does. There and at passwordless ones names lead to people, so
/// those that could be taken for somebody else's are refused.
fn new_login(connection: &Connection, profile: &Profile, password: Option<ImportedHash>) -> Result<Login> {
    let password = password.map(|hash| keep_imported(connection, &hash)).transpose()?;
    let has_names = connection.is_database() || matches!(connection.provider.as_str(), "email" | "sms");
    if !has_names {
        return Ok(Login::default());
    }
    check_names(connection, profile)?;
    Ok(Login {
        names: login_names(connection, profile, password.is_some()),
        password,
    })
}

fn check_names(connection: &Connection, profile: &Profile) -> Result<()> {
    if connection.is_database() {
        check_username(connection, profile.username.as_deref())?;
    }
    if profile.email.as_deref().is_some_and(|email| !is_address(email)) {
        return Err(Error::invalid("profile.email", "must be an e-mail address"));
    }
    let is_name = |name: &str| !name.is_empty() && name.len() <= NAME_LIMIT_BYTES && is_display_text(name);
    for (field, name) in [
        ("profile.username", &profile.username),
        ("profile.phone_number", &profile.phone_number),
    ] {
        // Whoever has somebody else's address as another name would log in by it.
        if name.as_deref().is_some_and(|name| !is_name(name) || is_address(name)) {
            return Err(Error::invalid(field, "must be a name that is no e-mail address"));
        }
    }
    Ok(())
}

/// That no two identities of one user are the same, or share a name to log in with.
fn refuse_twins(identities: &[NewIdentity]) -> Result<()> {
    let (mut keys, mut names) = (HashSet::new(), HashSet::new());
    for (n, identity) in identities.iter().enumerate() {
        let key = identity.external.key();
        if !keys.insert(key) {
            return Err(Error::invalid(format!("identities[{n}]"), "is there twice"));
        }
        for name in &identity.login.names {
            if !names.insert((key.connection, name)) {
                let reason = "shares a name to log in with with another of the same connection";
                return Err(Error::invalid(format!("identities[{n}].profile"), reason));
            }
        }
    }
    Ok(())
}
