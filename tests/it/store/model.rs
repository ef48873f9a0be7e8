//! What the store should do, in memory and one act at a time.
//!
//! Written from the meaning of the acts, not from the store: plain maps, whole values, no
//! versions of rows. `judge` says how an act would end now; `apply` does one that is done.

use std::collections::{BTreeMap, HashMap};

use oneself::domain::*;
use oneself::id::*;
use oneself::secret::{Digest, Sealed};
use oneself::store::*;

/// One call of the store.
#[derive(Debug, Clone)]
pub enum Act {
    Create(NewUser),
    Link(Link),
    Refresh(Refresh),
    Unlink(Unlink),
    Absorb(Absorb),
    Update(UserUpdate),
    Delete(UserId, NewEvent),
}

/// How it ended.
#[expect(clippy::large_enum_variant, reason = "a few thousand of them, in a test")]
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Created(Created),
    Linked(Linked),
    Acted(Acted),
    Deleted(bool),
}

impl Answer {
    /// Whether the act was done rather than refused.
    pub fn is_done(&self) -> bool {
        matches!(
            self,
            Self::Created(Created::Done)
                | Self::Linked(Linked::Attached(_))
                | Self::Acted(Acted::Done)
                | Self::Deleted(true)
        )
    }
}

/// Everything that there is of one tenant, but keys and events.
pub struct Model {
    pub providers: HashMap<ConnectionId, String>,
    pub users: BTreeMap<UserId, UserWithIdentities>,
    pub aliases: BTreeMap<UserId, UserId>,
    pub tokens: BTreeMap<IdentityId, Sealed>,
    pub names: HashMap<(ConnectionId, LoginName), String>,
    pub passwords: BTreeMap<IdentityId, String>,
    once: HashMap<Digest, Repeated>,
    spent: HashMap<Digest, Digest>,
}

impl Model {
    /// A tenant with these connections and nobody in it.
    pub fn new(connections: &[Connection]) -> Self {
        Self {
            providers: connections.iter().map(|c| (c.id, c.provider.clone())).collect(),
            users: BTreeMap::new(),
            aliases: BTreeMap::new(),
            tokens: BTreeMap::new(),
            names: HashMap::new(),
            passwords: BTreeMap::new(),
            once: HashMap::new(),
            spent: HashMap::new(),
        }
    }

    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.users.values().flat_map(|user| &user.identities)
    }

    fn holder(&self, key: &IdentityKey) -> Option<&Identity> {
        self.identities().find(|identity| identity.key == *key)
    }

    fn identity(&self, user: UserId, id: IdentityId) -> Option<&Identity> {
        self.users
            .get(&user)?
            .identities
            .iter()
            .find(|identity| identity.id == id)
    }

    fn repeated(&self, once: Option<&Once>) -> Option<Repeated> {
        self.once.get(&once?.key).cloned()
    }

    fn is_way_in(&self, identity: &Identity) -> bool {
        self.providers[&identity.key.connection] != "database" || self.passwords.contains_key(&identity.id)
    }

    fn is_birthplace_taken(&self, key: &IdentityKey) -> bool {
        self.identities().any(|other| {
            other.position == 0
                && other.key.subject == key.subject
                && other.key.connection != key.connection
                && self.providers[&other.key.connection] == self.providers[&key.connection]
        })
    }

    fn taken_name(&self, key: &IdentityKey, names: &[LoginName]) -> Option<LoginKind> {
        let other = |name: &&LoginName| {
            let holder = self.names.get(&(key.connection, (*name).clone()));
            holder.is_some_and(|subject| *subject != key.subject)
        };
        names.iter().find(other).map(|name| name.kind)
    }

    fn expect(&self, user: UserId, version: i64) -> Result<(), Acted> {
        match self.users.get(&user) {
            None => Err(Acted::NoUser),
            Some(found) if found.user.version != version => Err(Acted::Changed),
            Some(_) => Ok(()),
        }
    }

    /// How the act would end now.
    pub fn judge(&self, act: &Act) -> Answer {
        match act {
            Act::Create(new) => Answer::Created(self.judge_create(new)),
            Act::Link(link) => Answer::Linked(self.judge_link(link)),
            Act::Refresh(refresh) => Answer::Acted(self.judge_refresh(refresh)),
            Act::Unlink(unlink) => Answer::Acted(self.judge_unlink(unlink).err().unwrap_or(Acted::Done)),
            Act::Absorb(absorb) => Answer::Acted(self.judge_absorb(absorb).err().unwrap_or(Acted::Done)),
            Act::Update(update) => Answer::Acted(self.judge_update(update).err().unwrap_or(Acted::Done)),
            Act::Delete(user, _) => Answer::Deleted(self.users.contains_key(user)),
        }
    }

    fn judge_create(&self, new: &NewUser) -> Created {
        if let Some(repeated) = self.repeated(new.once.as_ref()) {
            return Created::Repeated(repeated);
        }
        for identity in std::iter::once(&new.born).chain(&new.more) {
            if self.holder(identity.external.key()).is_some() {
                return Created::IdentityTaken;
            }
            if let Some(kind) = self.taken_name(identity.external.key(), &identity.login.names) {
                return Created::LoginTaken(kind);
            }
        }
        if self.is_birthplace_taken(new.born.external.key()) {
            return Created::BirthplaceTaken;
        }
        let is_born = |more: &NewIdentity| more.external.key() == new.born.external.key();
        if new.more.iter().any(is_born) {
            return Created::IdentityTaken;
        }
        Created::Done
    }

    fn judge_link(&self, link: &Link) -> Linked {
        if let Some(repeated) = self.repeated(link.once.as_ref()) {
            return Linked::Repeated(repeated);
        }
        let Some(user) = self.users.get(&link.user) else {
            return Linked::NoUser;
        };
        let key = link.identity.external.key();
        match self.holder(key) {
            Some(held) if held.user == link.user => return Linked::AlreadyYours(held.clone()),
            Some(_) => return Linked::Taken,
            None => {}
        }
        let provider = |connection: &ConnectionId| &self.providers[connection];
        let same = |held: &Identity| provider(&held.key.connection) == provider(&key.connection);
        if link.one_per_provider && user.identities.iter().any(same) {
            return Linked::ProviderTaken;
        }
        if link.most.is_some_and(|most| user.identities.len() >= most as usize) {
            return Linked::Full;
        }
        let position = user.identities.last().map_or(0, |last| last.position) + 1;
        Linked::Attached(made(link.user, position, link.event.at, &link.identity))
    }

    fn judge_refresh(&self, refresh: &Refresh) -> Acted {
        if let Some(repeated) = self.repeated(refresh.once.as_ref()) {
            return Acted::Repeated(repeated);
        }
        if !self.users.contains_key(&refresh.user) {
            return Acted::NoUser;
        }
        match self.identity(refresh.user, refresh.identity) {
            Some(identity) if identity.version == refresh.expected_version => Acted::Done,
            _ => Acted::Changed,
        }
    }

    fn judge_unlink(&self, unlink: &Unlink) -> Result<(), Acted> {
        self.expect(unlink.user, unlink.expected_version)?;
        let identity = self.identity(unlink.user, unlink.identity).ok_or(Acted::Changed)?;
        if identity.position == 0 || identity.version != unlink.identity_version {
            return Err(Acted::Changed);
        }
        let others = self.users[&unlink.user]
            .identities
            .iter()
            .filter(|other| other.id != identity.id);
        if !unlink.force && self.is_way_in(identity) && !others.clone().any(|other| self.is_way_in(other)) {
            return Err(Acted::LastCredential);
        }
        match &unlink.then {
            AfterUnlink::Split { user, .. } if self.users.contains_key(&user.id) => Err(Acted::Changed),
            AfterUnlink::Split { .. } if self.is_birthplace_taken(&identity.key) => Err(Acted::IdentityTaken),
            _ => Ok(()),
        }
    }

    fn judge_absorb(&self, absorb: &Absorb) -> Result<(), Acted> {
        if absorb
            .spend
            .as_ref()
            .is_some_and(|spend| self.spent.contains_key(&spend.token))
        {
            return Err(Acted::Spent);
        }
        self.expect(absorb.survivor, absorb.survivor_version)?;
        self.expect(absorb.absorbed, absorb.absorbed_version)?;
        let versions = |user: &UserWithIdentities| -> Vec<_> {
            user.identities
                .iter()
                .map(|identity| (identity.id, identity.version))
                .collect()
        };
        let read: Vec<_> = absorb
            .moving
            .iter()
            .map(|moving| (moving.identity, moving.version))
            .collect();
        let after = self.users[&absorb.survivor].identities.len() + read.len();
        match versions(&self.users[&absorb.absorbed]) == read {
            true if absorb.most.is_some_and(|most| after > most as usize) => Err(Acted::Full),
            true => Ok(()),
            false => Err(Acted::Changed),
        }
    }

    fn judge_update(&self, update: &UserUpdate) -> Result<(), Acted> {
        self.expect(update.user.id, update.expected_version)?;
        if let Some((id, login)) = &update.login {
            let identity = self.identity(update.user.id, *id).ok_or(Acted::Changed)?;
            if let Some(kind) = self.taken_name(&identity.key, &login.names) {
                return Err(Acted::LoginTaken(kind));
            }
        }
        Ok(())
    }

    fn put(&mut self, identity: Identity, new: &NewIdentity) {
        if let Some(sealed) = &new.tokens {
            self.tokens.insert(identity.id, sealed.clone());
        }
        self.log_in(&identity, &new.login);
        self.users.get_mut(&identity.user).unwrap().identities.push(identity);
    }

    fn log_in(&mut self, identity: &Identity, login: &Login) {
        let (connection, subject) = (identity.key.connection, &identity.key.subject);
        self.names
            .retain(|(at, _), holder| *at != connection || holder != subject);
        for name in &login.names {
            self.names.insert((connection, name.clone()), subject.clone());
        }
        if let Some(password) = &login.password {
            self.passwords.insert(identity.id, password.clone());
        }
    }

    fn erase(&mut self, identity: &Identity) {
        self.log_in(identity, &Login::default());
        self.passwords.remove(&identity.id);
        self.tokens.remove(&identity.id);
    }

    fn end_sessions(&mut self, user: UserId, at: jiff::Timestamp) {
        let user = &mut self.users.get_mut(&user).unwrap().user;
        user.version += 1;
        user.epoch += 1;
        user.updated_at = at;
    }

    fn remember(&mut self, once: Option<&Once>) {
        if let Some(once) = once {
            let done = Repeated {
                request: once.request,
                user: once.user,
                identity: once.identity,
            };
            self.once.insert(once.key, done);
        }
    }

    /// Hands an identity over, with tokens that were sealed for its new place.
    fn place(
        &mut self,
        mut identity: Identity,
        user: UserId,
        position: u32,
        profile: Profile,
        tokens: Option<&Sealed>,
    ) {
        identity.user = user;
        identity.position = position;
        identity.version += 1;
        identity.profile = profile;
        identity.has_tokens = tokens.is_some();
        if let Some(sealed) = tokens {
            self.tokens.insert(identity.id, sealed.clone());
        }
        self.users.get_mut(&user).unwrap().identities.push(identity);
    }

    /// Does an act that is done.
    pub fn apply(&mut self, act: &Act) {
        match act {
            Act::Create(new) => {
                let user = UserWithIdentities {
                    user: new.user.clone(),
                    identities: vec![],
                };
                self.users.insert(new.user.id, user);
                for (identity, position) in std::iter::once(&new.born).chain(&new.more).zip(0..) {
                    let made = made(new.user.id, position, new.user.created_at, identity);
                    self.put(made, identity);
                }
                self.remember(new.once.as_ref());
            }
            Act::Link(link) => {
                if let Linked::Attached(identity) = self.judge_link(link) {
                    self.put(identity, &link.identity);
                }
                self.remember(link.once.as_ref());
            }
            Act::Refresh(refresh) => self.apply_refresh(refresh),
            Act::Unlink(unlink) => self.apply_unlink(unlink),
            Act::Absorb(absorb) => self.apply_absorb(absorb),
            Act::Update(update) => {
                if let Some((id, login)) = &update.login {
                    let identity = self.identity(update.user.id, *id).unwrap().clone();
                    self.log_in(&identity, login);
                    let changed = &mut self.users.get_mut(&update.user.id).unwrap().identities;
                    let changed = changed.iter_mut().find(|identity| identity.id == *id).unwrap();
                    changed.has_password |= login.password.is_some();
                }
                self.users.get_mut(&update.user.id).unwrap().user = update.user.clone();
            }
            Act::Delete(user, _) => {
                for identity in self.users.remove(user).unwrap().identities {
                    self.erase(&identity);
                }
                self.aliases.retain(|_, survivor| survivor != user);
            }
        }
    }

    fn apply_refresh(&mut self, refresh: &Refresh) {
        let identities = &mut self.users.get_mut(&refresh.user).unwrap().identities;
        let identity = identities
            .iter_mut()
            .find(|identity| identity.id == refresh.identity)
            .unwrap();
        identity.version += 1;
        identity.proof = refresh.proof;
        identity.proved_at = refresh.event.at;
        identity.proved_by = refresh.proved_by;
        identity.has_tokens = refresh.tokens.is_some();
        match &refresh.tokens {
            Some(sealed) => self.tokens.insert(refresh.identity, sealed.clone()),
            None => self.tokens.remove(&refresh.identity),
        };
        self.remember(refresh.once.as_ref());
    }

    fn apply_unlink(&mut self, unlink: &Unlink) {
        let identities = &mut self.users.get_mut(&unlink.user).unwrap().identities;
        let at = identities
            .iter()
            .position(|identity| identity.id == unlink.identity)
            .unwrap();
        let identity = identities.remove(at);
        match &unlink.then {
            AfterUnlink::Free => self.erase(&identity),
            AfterUnlink::Split { user, tokens, .. } => {
                let new = UserWithIdentities {
                    user: User::clone(user),
                    identities: vec![],
                };
                self.aliases.remove(&user.id);
                self.users.insert(user.id, new);
                self.place(identity, user.id, 0, Profile::default(), tokens.as_ref());
            }
        }
        self.end_sessions(unlink.user, unlink.events[0].at);
    }

    fn apply_absorb(&mut self, absorb: &Absorb) {
        let gone = self.users.remove(&absorb.absorbed).unwrap();
        for (identity, moving) in gone.identities.into_iter().zip(&absorb.moving) {
            let last = self.users[&absorb.survivor].identities.last().unwrap().position;
            let profile = match identity.position {
                0 => absorb.profile.clone(),
                _ => identity.profile.clone(),
            };
            self.place(identity, absorb.survivor, last + 1, profile, moving.tokens.as_ref());
        }
        for survivor in self
            .aliases
            .values_mut()
            .filter(|survivor| **survivor == absorb.absorbed)
        {
            *survivor = absorb.survivor;
        }
        self.aliases.insert(absorb.absorbed, absorb.survivor);
        self.end_sessions(absorb.survivor, absorb.event.at);
        if let Some(spend) = &absorb.spend {
            self.spent.insert(spend.token, spend.pair);
        }
    }
}

/// What becomes of a new identity at this position.
fn made(user: UserId, position: u32, at: jiff::Timestamp, new: &NewIdentity) -> Identity {
    Identity {
        id: new.id,
        user,
        position,
        key: new.external.key().clone(),
        proof: new.external.proof(),
        proved_at: at,
        proved_by: new.proved_by,
        version: 1,
        profile: match position {
            0 => Profile::default(),
            _ => new.external.profile().clone(),
        },
        has_tokens: new.tokens.is_some(),
        has_password: new.login.password.is_some(),
    }
}
