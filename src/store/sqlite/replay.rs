//! Making gone again what the ledger says is gone, in data that came back from a backup (OPS-05).
//!
//! Only what was lost after the data was copied is looked at, which a number in both tells. What would surprise: nothing is brought back. An account
//! that was split off after the backup goes on as a user of its own again, but without its
//! tokens, which would have to be opened for that; and a password that was replaced is taken
//! away, because only the old one is there.

use std::collections::HashMap;
use std::sync::Arc;

use super::SqliteStore;
use crate::domain::{Actor, EventKind, Identity, KeyOwner, NewEvent, Profile, User};
use crate::id::{IdentityId, TenantId, UserId};
use crate::store::StoreResult;
use crate::store::ledger::{Contents, Loss};
use crate::store::sql::rows::{Json, Millis, params};
use crate::store::sql::{
    Engine, Step, Stop, Tx, clients, connections, create_user, identities, keys, meta, terms, users,
};

/// How many entries share a commit.
const AT_ONCE: usize = 500;

/// Beyond every epoch that a user ever had: those who come back get ones of up to 2^48 + 2^32.
const NEW_EPOCH: i64 = 1 << 49;

/// How much was made gone again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[expect(missing_docs, reason = "what is counted is named after itself")]
pub struct Replayed {
    pub users: u64,
    pub identities: u64,
    pub splits: u64,
    pub sessions: u64,
    pub passwords: u64,
    pub proofs: u64,
    pub credentials: u64,
    /// They are not found any more; what hung on them goes by itself when it is served.
    pub connections: u64,
    /// Token sets of users whose key is gone for good.
    pub token_sets: u64,
}

/// Who may have the identities that the ledger names: whoever has them in the copy, and whomever
/// they are split off to.
type Places = HashMap<(TenantId, IdentityId), Vec<UserId>>;

impl SqliteStore {
    /// Makes gone again what is gone by this ledger, and erases token sets that no key opens.
    /// The data counts as up to the ledger's end then.
    ///
    /// # Errors
    /// Those of the store. What was done until then stays, and it is safe to do again.
    pub async fn replay(&self, ledger: &Contents) -> StoreResult<Replayed> {
        let mut sum = Replayed {
            token_sets: self.erase_unopenable().await?,
            ..Replayed::default()
        };
        // What is older than the data is done in it, and may have been undone since.
        let known = self.engine.data.read_one(meta::ledger_batch)?;
        let later = ledger.losses.iter().filter(|(batch, _)| *batch > known);
        let later: Vec<Loss> = later.map(|(_, loss)| loss.clone()).collect();
        let places = Arc::new(self.places(&later)?);
        for losses in later.chunks(AT_ONCE) {
            let losses = losses.to_vec();
            let places = Arc::clone(&places);
            let done = self
                .engine
                .act(vec![], move |tx, _| {
                    let mut done = Replayed::default();
                    for loss in &losses {
                        again(tx, &places, loss, &mut done)?;
                    }
                    tx.lost_before();
                    Ok(done)
                })
                .await?;
            sum.users += done.users;
            sum.identities += done.identities;
            sum.splits += done.splits;
            sum.sessions += done.sessions;
            sum.passwords += done.passwords;
            sum.proofs += done.proofs;
            sum.credentials += done.credentials;
            sum.connections += done.connections;
        }
        let last = ledger.last_batch.max(known);
        self.engine
            .act(vec![], move |tx, _| Ok(meta::set_ledger_batch(tx.sql(), last)?))
            .await?;
        Ok(sum)
    }

    /// Who may have those identities that the ledger names: they may have moved since the copy.
    fn places(&self, losses: &[Loss]) -> StoreResult<Places> {
        let mut places = Places::new();
        for loss in losses {
            match loss {
                Loss::Identity { tenant, identity, .. } | Loss::Password { tenant, identity, .. } => {
                    places.entry((*tenant, *identity)).or_default();
                }
                Loss::Split {
                    tenant, identity, to, ..
                } => places.entry((*tenant, *identity)).or_default().push(*to),
                _ => {}
            }
        }
        self.engine.data.read_one(|sql| {
            let all = "SELECT tenant, id, user_id FROM identities";
            sql.walk(all, params![], &mut |row| {
                if let Some(users) = places.get_mut(&(row.get(0)?, row.get(1)?)) {
                    users.push(row.get(2)?);
                }
                Ok(Step::Next)
            })
        })?;
        Ok(places)
    }

    /// Erases the token sets of users who have no key: they were erased after the backup of the
    /// data and before that of the keys.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn erase_unopenable(&self) -> StoreResult<u64> {
        let owners: Vec<(TenantId, UserId)> = self.engine.data.read_one(|sql| {
            sql.all(
                "SELECT DISTINCT tenant, user_id FROM identities WHERE has_tokens = 1",
                params![],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        })?;
        let mut without = Vec::new();
        for (tenant, user) in owners {
            let key = self
                .engine
                .keys
                .read_one(|sql| keys::find(sql, tenant, KeyOwner::User(user)))?;
            if key.is_none() {
                without.push((tenant, user));
            }
        }
        self.engine
            .act(vec![], move |tx, _| {
                let mut erased = 0;
                for (tenant, user) in &without {
                    for mut identity in identities::of_user(tx.sql(), *tenant, *user)? {
                        if identity.has_tokens {
                            identities::delete_tokens(tx.sql(), *tenant, &identity)?;
                            identity.has_tokens = false;
                            identities::update(tx.sql(), *tenant, &identity)?;
                            erased += 1;
                        }
                    }
                }
                Ok(erased)
            })
            .await
    }
}

/// How one entry ends: it cannot be refused.
type Done = Result<(), Stop<Replayed>>;

/// Makes one thing gone again.
fn again(tx: &mut dyn Tx, places: &Places, loss: &Loss, done: &mut Replayed) -> Done {
    match loss {
        Loss::User { tenant, user } => {
            if users::version(tx.sql(), *tenant, *user)?.is_some() {
                erase_user(tx, *tenant, *user)?;
                done.users += 1;
            }
        }
        Loss::Identity { tenant, user, identity } => {
            if let Some(found) = find(tx, places, *tenant, *user, *identity)? {
                erase(tx, *tenant, &found)?;
                done.identities += 1;
            }
        }
        Loss::Split {
            tenant,
            user,
            identity,
            to,
        } => match find(tx, places, *tenant, *user, *identity)? {
            Some(found) if found.user != *to && !found.is_primary() => {
                split(tx, *tenant, &found, *to)?;
                done.splits += 1;
            }
            _ => {}
        },
        Loss::Sessions {
            tenant,
            user,
            epoch,
            blocked,
        } => {
            if let Some(old) = users::find(tx.sql(), *tenant, *user)?
                && old.epoch <= *epoch
            {
                let mut user = old.clone();
                (user.epoch, user.kept) = (*epoch, None);
                user.blocked = blocked.or(user.blocked);
                user.version += 1;
                users::put(tx.sql(), *tenant, &user)?;
                terms::update_user(tx.sql(), *tenant, &old)?;
                done.sessions += 1;
            }
        }
        Loss::Password { tenant, user, identity } => {
            if let Some(found) = find(tx, places, *tenant, *user, *identity)?
                && found.has_password
            {
                tx.sql().run(
                    "UPDATE identities SET password = NULL WHERE tenant = ?1 AND user_id = ?2 AND position = ?3",
                    params![tenant, found.user, found.position],
                )?;
                done.passwords += 1;
            }
        }
        Loss::Proof {
            tenant,
            token,
            pair,
            until,
        } => {
            let spent = tx.sql().run(
                "INSERT INTO spent_proofs (tenant, token, pair, ends_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO NOTHING",
                params![tenant, token, pair, Millis(*until)],
            )?;
            done.proofs += spent as u64;
        }
        Loss::Client { client, secret, epoch } => {
            let rotated = tx.sql().run(
                "UPDATE clients SET secret = ?3, epoch = ?4 WHERE tenant = ?1 AND id = ?2 AND epoch < ?4",
                params![client.tenant(), client, secret, epoch],
            )?;
            done.credentials += rotated as u64;
        }
        Loss::Connection { tenant, connection } => {
            let now = tx.now();
            match connections::retire(tx, *tenant, *connection, now, Actor::Operator) {
                Ok(retired) => done.connections += u64::from(retired),
                Err(Stop::Failed(error)) => return Err(Stop::Failed(error)),
                Err(Stop::Refused(_)) => {}
            }
        }
        Loss::ClientGone { client } => {
            done.credentials += u64::from(clients::remove(tx.sql(), *client)?);
        }
        Loss::Credentials {
            tenant,
            kii_app_key,
            kii_client_secret,
            knodes_customer_secret,
        } => {
            let rotated = tx.sql().run(
                "UPDATE tenants SET kii_app_key = ?2, kii_client_secret = ?3, knodes_customer_secret = ?4 WHERE id = ?1",
                params![tenant, kii_app_key, kii_client_secret, knodes_customer_secret],
            )?;
            done.credentials += rotated as u64;
        }
    }
    Ok(())
}

/// The identity, wherever it may be.
fn find(
    tx: &dyn Tx,
    places: &Places,
    tenant: TenantId,
    user: UserId,
    identity: IdentityId,
) -> StoreResult<Option<Identity>> {
    if let Some(found) = identities::of(tx.sql(), tenant, user, identity)? {
        return Ok(Some(found));
    }
    for user in places.get(&(tenant, identity)).into_iter().flatten() {
        if let Some(found) = identities::of(tx.sql(), tenant, *user, identity)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn event(tx: &dyn Tx, user: UserId, kind: EventKind) -> NewEvent {
    NewEvent {
        kind,
        user,
        actor: Actor::Operator,
        at: tx.now(),
        sealed: None,
    }
}

fn erase_user(tx: &mut dyn Tx, tenant: TenantId, user: UserId) -> Done {
    let deleted = event(tx, user, EventKind::UserDeleted);
    match create_user::delete_user(tx, tenant, user, &deleted, None) {
        Ok(_) | Err(Stop::Refused(_)) => Ok(()),
        Err(Stop::Failed(error)) => Err(Stop::Failed(error)),
    }
}

/// Erases an identity. With the one that she was born with a user goes, unless she has others:
/// then the next one takes its place.
fn erase(tx: &mut dyn Tx, tenant: TenantId, identity: &Identity) -> Done {
    let user = identity.user;
    if identity.is_primary() {
        let all = identities::of_user(tx.sql(), tenant, user)?;
        let Some(next) = all.get(1) else {
            return erase_user(tx, tenant, user);
        };
        terms::delete_user(tx.sql(), tenant, user)?;
        identities::delete(tx.sql(), tenant, identity)?;
        promote(tx, tenant, next)?;
        terms::insert_user(tx.sql(), tenant, user)?;
    } else {
        identities::delete(tx.sql(), tenant, identity)?;
    }
    let kind = EventKind::IdentityFreed {
        identity: identity.id,
        connection: identity.key.connection,
    };
    let freed = event(tx, user, kind);
    tx.record(tenant, &freed)?;
    Ok(())
}

/// Makes an identity the primary of its user, whose profile is its own from now on.
fn promote(tx: &dyn Tx, tenant: TenantId, next: &Identity) -> StoreResult<()> {
    terms::delete_account(tx.sql(), tenant, next)?;
    tx.sql().run(
        "UPDATE identities SET position = 0, profile = ?4 WHERE tenant = ?1 AND user_id = ?2 AND position = ?3",
        params![tenant, next.user, next.position, Json(Profile::default())],
    )?;
    if let Some(mut user) = users::find(tx.sql(), tenant, next.user)? {
        user.profile = next.profile.clone();
        user.version += 1;
        user.updated_at = tx.now();
        users::put(tx.sql(), tenant, &user)?;
    }
    Ok(())
}

/// Makes the identity the primary of a user of its own, without its tokens.
fn split(tx: &mut dyn Tx, tenant: TenantId, identity: &Identity, to: UserId) -> Done {
    let taken = users::version(tx.sql(), tenant, to)?.is_some()
        || create_user::is_birthplace_taken(tx.sql(), tenant, &identity.key)?;
    if taken {
        return erase(tx, tenant, identity);
    }
    tx.sql()
        .run("DELETE FROM aliases WHERE tenant = ?1 AND id = ?2", params![tenant, to])?;
    let mut user = User::new(to, identity.profile.clone(), tx.now());
    user.epoch = NEW_EPOCH + tx.now().as_millisecond();
    users::put(tx.sql(), tenant, &user)?;
    identities::hand_over(tx.sql(), tenant, identity, to, 0, &Profile::default(), None)?;
    terms::insert_user(tx.sql(), tenant, to)?;
    let connection = identity.key.connection;
    let kind = EventKind::IdentitySplit {
        identity: identity.id,
        connection,
        to,
    };
    let split = event(tx, identity.user, kind);
    tx.record(tenant, &split)?;
    let kind = EventKind::UserCreated {
        identity: identity.id,
        connection,
        proof: identity.proof,
    };
    let created = event(tx, to, kind);
    tx.record(tenant, &created)?;
    Ok(())
}
