//! Thousands of random acts from many tasks, replayed on the model in the commit order that
//! the store reports.
//!
//! Each act carries its number in its events, which says where in the order it was done. An
//! act that was refused must have been refusable at some moment between its call and its
//! answer. In the end the store, the model, and what follows from the events alone must be
//! the same (invariants I1, I2 and I7).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::model::{Act, Answer, Model};
use super::search;
use super::world::{World, name, sealed};
use oneself::clock::{Random, SeededRandom, SystemRandomness};
use oneself::domain::*;
use oneself::id::*;
use oneself::secret::{Digest, Sealed};
use oneself::store::*;

const TASKS: u64 = 16;
const ACTS_OF_A_TASK: u64 = 320;

/// How many subjects each connection has, so that tasks want the same ones.
const SUBJECTS: u64 = 60;

/// From how many users on none are made but by splits.
const USERS: usize = 30;

/// An act, how it ended, and between how many done acts it was called and answered.
struct Call {
    act: Act,
    answer: Answer,
    called: EventId,
    answered: EventId,
}

struct Player {
    w: Arc<World>,
    connections: Vec<Connection>,
    users: Arc<Mutex<Vec<UserId>>>,
    chance: SeededRandom,
    seen: EventId,
}

impl Player {
    fn below(&self, limit: u64) -> u64 {
        let mut bytes = [0; 8];
        self.chance.fill(&mut bytes);
        u64::from_be_bytes(bytes) % limit
    }

    fn one_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// The last event that can be seen by now.
    async fn look(&mut self) -> EventId {
        let events = self
            .w
            .store
            .list_events(self.w.tenant, Some(self.seen), 1_000_000)
            .await;
        if let Some(last) = events.unwrap().last() {
            self.seen = last.id;
        }
        self.seen
    }

    async fn some_user(&self) -> Option<UserWithIdentities> {
        let users = self.users.lock().clone();
        let id = users.get(self.below(users.len().max(1) as u64) as usize)?;
        self.w.find(*id).await
    }

    fn some_new_identity(&self) -> NewIdentity {
        let connection = &self.connections[self.below(self.connections.len() as u64) as usize];
        let subject = self.below(SUBJECTS).to_string();
        let email = serde_json::json!({"email": format!("{}@mail", self.below(9)), "email_verified": true});
        match self.below(4) {
            0 | 1 => self.w.with_tokens(connection, &subject),
            2 => self.w.identity(connection, &subject),
            _ => search::with_claims(&self.w, connection, &subject, &email),
        }
    }

    fn some_login(&self) -> Login {
        let mut names = vec![name(LoginKind::Email, &format!("{}@x", self.below(100)))];
        if self.one_in(3) {
            names.push(name(LoginKind::Username, &self.below(100).to_string()));
        }
        Login {
            names,
            password: (!self.one_in(3)).then(|| "$argon2id$".into()),
        }
    }

    fn some_once(&self, user: UserId, identity: IdentityId) -> Option<Once> {
        let key = self.one_in(10).then(|| self.below(200).to_string())?;
        Some(Once {
            identity: Some(identity),
            ..self.w.once(&key, &format!("request {user}"), user)
        })
    }

    fn some_create(&self) -> Act {
        let mut new = match self.one_in(3) {
            true => self.w.born(self.some_new_identity()),
            false => self.w.new_user(),
        };
        if new.born.external.key().connection == self.w.built_in.id && self.one_in(2) {
            new.born.login = self.some_login();
        }
        if self.one_in(3) {
            let more = self.some_new_identity();
            let link = self.w.link(new.user.id, more.clone());
            new.events.push(link.event);
            new.more = vec![more];
        }
        new.once = self.some_once(new.user.id, new.born.id);
        Act::Create(new)
    }

    /// A user who is born with the subject of this one's primary, at the other connection of
    /// the same provider; `None` when there is no other.
    fn twin_of(&self, with: &UserWithIdentities) -> Option<Act> {
        let born = &with.identities.first()?.key;
        let provider = |id| self.connections.iter().find(|c| c.id == id).map(|c| &c.provider);
        let other = self
            .connections
            .iter()
            .find(|c| c.id != born.connection && Some(&c.provider) == provider(born.connection))?;
        Some(Act::Create(self.w.born(self.w.identity(other, &born.subject))))
    }

    /// An act as a verb would prepare it from what it reads.
    async fn prepare(&self) -> Act {
        let Some(with) = self.some_user().await else {
            return self.some_create();
        };
        let identity = with.identities[self.below(with.identities.len() as u64) as usize].clone();
        let (user, version) = (with.user.id, with.user.version);
        match self.below(100) {
            0..5 if let Some(twin) = self.twin_of(&with) => twin,
            0..15 if self.users.lock().len() < USERS => self.some_create(),
            0..55 => {
                let mut link = self.w.link(user, self.some_new_identity());
                link.one_per_provider = self.one_in(4);
                link.most = self.one_in(4).then(|| 2 + self.below(3) as u32);
                link.once = self.some_once(user, link.identity.id);
                Act::Link(link)
            }
            55..65 => {
                let mut refresh = self.w.refresh_of(&identity, Proof::ALL[self.below(5) as usize]);
                refresh.tokens = (!self.one_in(3)).then(|| sealed(&format!("fresh {}", self.below(1000))));
                refresh.once = self.some_once(user, identity.id);
                Act::Refresh(refresh)
            }
            65..78 => {
                let mut unlink = self.w.unlink_at(&identity, version);
                unlink.force = self.one_in(8);
                Act::Unlink(unlink)
            }
            78..85 => {
                let own = identity.key.subject.parse().ok();
                let to = own.filter(|_| identity.key.connection == self.w.built_in.id);
                let to = to.unwrap_or_else(|| self.w.user_id());
                let mut split = self.w.split_at(&identity, version, to);
                split.force = self.one_in(2);
                Act::Unlink(split)
            }
            85..91 => {
                let Some(other) = self.some_user().await.filter(|other| other.user.id != user) else {
                    return self.some_create();
                };
                let mut absorb = self.w.absorb_at(&with, &other);
                absorb.most = self.one_in(4).then_some(3);
                absorb.spend = self.one_in(3).then(|| Spend {
                    token: Digest::of(&[self.below(60) as u8]),
                    until: self.w.now() + Duration::from_secs(3600),
                    pair: Digest::of(b"pair"),
                });
                Act::Absorb(absorb)
            }
            91..97 => {
                let mut next = with.user.clone();
                next.version += 1;
                next.profile.email = self.one_in(2).then(|| format!("{}@mail", self.below(9)));
                next.blocked = Some(self.one_in(2));
                let login = self.one_in(2) && identity.key.connection == self.w.built_in.id;
                let kind = EventKind::UserUpdated { fields: "email".into() };
                Act::Update(UserUpdate {
                    user: next,
                    expected_version: version,
                    login: login.then(|| (identity.id, self.some_login())),
                    bag: None,
                    spend: None,
                    identity_profile: None,
                    event: Some(self.w.event(user, kind)),
                })
            }
            _ => Act::Delete(user, self.w.event(user, EventKind::UserDeleted)),
        }
    }

    /// Keeps the list of users to act on; absorbed ones stay in it, as aliases.
    fn follow(&self, act: &Act) {
        let mut users = self.users.lock();
        match act {
            Act::Create(NewUser { user, .. }) => users.push(user.id),
            Act::Unlink(Unlink {
                then: AfterUnlink::Split { user, .. },
                ..
            }) => users.push(user.id),
            Act::Delete(user, _) => users.retain(|id| id != user),
            _ => {}
        }
    }

    async fn play(mut self, numbers: std::ops::Range<u64>) -> Vec<(u64, Call)> {
        let mut calls = Vec::new();
        for number in numbers {
            let mut act = self.prepare().await;
            for event in events_of(&mut act) {
                event.sealed = Some(Sealed::from_bytes(number.to_be_bytes().to_vec()));
            }
            if self.one_in(50) {
                self.w.clock.advance(Duration::from_millis(self.below(400)));
            }
            let called = self.look().await;
            let answer = call(&*self.w.store, self.w.tenant, act.clone()).await;
            let answered = self.look().await;
            if answer.is_done() {
                self.follow(&act);
            }
            calls.push((
                number,
                Call {
                    act,
                    answer,
                    called,
                    answered,
                },
            ));
        }
        calls
    }
}

fn events_of(act: &mut Act) -> Vec<&mut NewEvent> {
    match act {
        Act::Create(new) => new.events.iter_mut().collect(),
        Act::Unlink(unlink) => unlink.events.iter_mut().collect(),
        Act::Link(link) => vec![&mut link.event],
        Act::Refresh(refresh) => vec![&mut refresh.event],
        Act::Absorb(absorb) => vec![&mut absorb.event],
        Act::Update(update) => update.event.iter_mut().collect(),
        Act::Delete(_, event) => vec![event],
    }
}

async fn call(store: &dyn Store, tenant: TenantId, act: Act) -> Answer {
    match act {
        Act::Create(new) => Answer::Created(store.create_user(tenant, new).await.unwrap()),
        Act::Link(link) => Answer::Linked(store.link(tenant, link).await.unwrap()),
        Act::Refresh(refresh) => Answer::Acted(store.refresh(tenant, refresh).await.unwrap()),
        Act::Unlink(unlink) => Answer::Acted(store.unlink(tenant, unlink).await.unwrap()),
        Act::Absorb(absorb) => Answer::Acted(store.absorb(tenant, absorb).await.unwrap()),
        Act::Update(update) => Answer::Acted(store.update_user(tenant, update).await.unwrap()),
        Act::Delete(user, event) => Answer::Deleted(store.delete_user(tenant, user, event, None).await.unwrap()),
    }
}

fn number_of(event: &Event) -> u64 {
    let sealed = event.what.sealed.as_ref().expect("every event of the play is numbered");
    u64::from_be_bytes(sealed.as_bytes().try_into().unwrap())
}

/// Replays what was done and finds a moment for each refusal.
fn replay(mut model: Model, calls: &BTreeMap<u64, Call>, events: &[Event]) -> Model {
    let mut done = HashSet::new();
    let mut unjustified: BTreeMap<u64, &Call> = calls
        .iter()
        .filter(|(_, call)| !call.answer.is_done())
        .map(|(number, call)| (*number, call))
        .collect();
    let mut rest = events.iter().peekable();
    let mut last = EventId::from_bytes([0; 12]);
    loop {
        let next = rest.peek().map(|event| event.id);
        // A refusal may be of this moment when it was called before the next act was seen
        // and answered when this one could be.
        unjustified.retain(|_, call| {
            let now = next.is_none_or(|next| call.called < next) && call.answered >= last;
            !(now && model.judge(&call.act) == call.answer)
        });
        let Some(event) = rest.next() else {
            break;
        };
        let number = number_of(event);
        let call = &calls[&number];
        assert!(done.insert(number), "act {number} was done in two places");
        assert!(
            call.called < event.id && event.id <= call.answered,
            "act {number} was done outside its call"
        );
        assert_eq!(model.judge(&call.act), call.answer, "act {number}: {:?}", call.act);
        model.apply(&call.act);
        let mut expected = call.act.clone();
        let mut expected = events_of(&mut expected).into_iter().map(|event| event.kind.clone());
        assert_eq!(Some(event.what.kind.clone()), expected.next());
        last = event.id;
        for kind in expected {
            let event = rest.next().expect("all events of an act come together");
            assert_eq!((number_of(event), &event.what.kind), (number, &kind));
            last = event.id;
        }
    }
    for (number, call) in calls {
        assert_eq!(
            call.answer.is_done(),
            done.contains(number),
            "act {number}: {:?}",
            call.answer
        );
    }
    if let Some((number, call)) = unjustified.first_key_value() {
        panic!(
            "{} refusals had no cause; act {number} ended {:?}: {:?}",
            unjustified.len(),
            call.answer,
            call.act
        );
    }
    model
}

/// Users with their identities, in order: what the events alone tell.
type Told = BTreeMap<UserId, Vec<(IdentityId, ConnectionId, Proof)>>;

fn told(events: &[Event]) -> Told {
    let mut users = Told::new();
    for Event { what, .. } in events {
        match &what.kind {
            EventKind::UserCreated {
                identity,
                connection,
                proof,
            } => {
                let before = users.insert(what.user, vec![(*identity, *connection, *proof)]);
                assert_eq!(before, None);
            }
            EventKind::IdentityLinked {
                identity,
                connection,
                proof,
            } => {
                users
                    .get_mut(&what.user)
                    .unwrap()
                    .push((*identity, *connection, *proof));
            }
            EventKind::IdentityRefreshed { identity, proof, .. } => {
                let identities = users.get_mut(&what.user).unwrap();
                identities.iter_mut().find(|(id, ..)| id == identity).unwrap().2 = *proof;
            }
            EventKind::IdentityFreed { identity, .. } | EventKind::IdentitySplit { identity, .. } => {
                users.get_mut(&what.user).unwrap().retain(|(id, ..)| id != identity);
            }
            EventKind::UserAbsorbed { absorbed, .. } => {
                let moved = users.remove(absorbed).unwrap();
                users.get_mut(&what.user).unwrap().extend(moved);
            }
            EventKind::UserDeleted => {
                users.remove(&what.user).unwrap();
            }
            EventKind::UserUpdated { .. } | EventKind::IdentityRecreated { .. } => {}
        }
    }
    users
}

/// That the store holds what the model holds, and what the events tell.
async fn compare(w: &World, model: &Model, events: &[Event], ever: &[UserId]) {
    let page = Page {
        after: None,
        limit: 1_000_000,
    };
    let users = w.store.list_users(w.tenant, page).await.unwrap();
    let expected: Vec<_> = model.users.values().cloned().collect();
    assert_eq!(users, expected);
    search::check(w).await;
    let found: Told = users
        .iter()
        .map(|with| {
            let identities = with.identities.iter();
            (
                with.user.id,
                identities.map(|i| (i.id, i.key.connection, i.proof)).collect(),
            )
        })
        .collect();
    assert_eq!(found, told(events), "I7: the state follows from the events");
    let mut owners = HashSet::new();
    for identity in users.iter().flat_map(|with| &with.identities) {
        assert!(owners.insert(&identity.key), "I1: {:?} has two owners", identity.key);
        assert_eq!(
            w.store.find_identity(w.tenant, &identity.key).await.unwrap().as_ref(),
            Some(identity)
        );
        let tokens = w.store.find_tokens(w.tenant, identity.id).await.unwrap();
        assert_eq!(tokens.as_ref(), model.tokens.get(&identity.id));
        assert_eq!(tokens.is_some(), identity.has_tokens);
    }
    for ((connection, name), subject) in &model.names {
        let login = w.store.find_login(w.tenant, *connection, name).await.unwrap();
        let (identity, password) = login.expect("the name leads to somebody");
        assert_eq!(identity.key.subject, *subject);
        assert_eq!(password.as_ref(), model.passwords.get(&identity.id));
    }
    for id in ever {
        let survivor = model.aliases.get(id).or(model.users.contains_key(id).then_some(id));
        assert_eq!(w.find(*id).await.map(|with| with.user.id).as_ref(), survivor, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn random_acts_from_many_tasks_replay_on_the_model_in_commit_order() {
    let mut seed = [0; 8];
    SystemRandomness::new().fill(&mut seed);
    let seed = u64::from_be_bytes(seed);
    println!("seed {seed}");
    let w = World::new().await;
    let mut second = w.twitter.clone();
    second.id = ConnectionId::new(w.random.as_ref());
    second.name = "twitter-2".into();
    assert!(w.store.create_connection(w.tenant, &second).await.unwrap());
    let connections = vec![w.built_in.clone(), w.twitter.clone(), w.google.clone(), second];
    let w = Arc::new(w);
    let users = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let player = Player {
                w: w.clone(),
                connections: connections.clone(),
                users: users.clone(),
                chance: SeededRandom::new(seed.wrapping_add(task)),
                seen: EventId::from_bytes([0; 12]),
            };
            tokio::spawn(player.play(task * ACTS_OF_A_TASK..(task + 1) * ACTS_OF_A_TASK))
        })
        .collect();
    let mut calls = BTreeMap::new();
    for task in tasks {
        calls.extend(task.await.unwrap());
    }
    let events = w.events().await;
    let model = replay(Model::new(&connections), &calls, &events);
    let ever: Vec<_> = events.iter().map(|event| event.what.user).collect();
    compare(&w, &model, &events, &ever).await;
    let refused = |answer: Answer| calls.values().filter(|call| call.answer == answer).count();
    for (answer, least) in [
        (Answer::Linked(Linked::Taken), 50),
        (Answer::Acted(Acted::LastCredential), 10),
        (Answer::Created(Created::IdentityTaken), 10),
        (Answer::Created(Created::BirthplaceTaken), 1),
        (Answer::Acted(Acted::Done), 300),
        (Answer::Deleted(true), 30),
    ] {
        assert!(
            refused(answer.clone()) >= least,
            "{answer:?} came only {} times",
            refused(answer.clone())
        );
    }
    let w = Arc::into_inner(w).unwrap().reopened().await;
    compare(&w, &model, &events, &ever).await;
}
