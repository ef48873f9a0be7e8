//! Users: how they are found by any spelling, listed, kept and changed.
//!
//! What would surprise: the e-mail address is a column, because users are found by it, and
//! is left out of the profile beside it.

use super::{Lock, Sql, Step, Stop, Tx, Verdict};
use std::borrow::Cow;

use super::identities::identity_columns;
use super::rows::{Json, Millis, Row, ToValue, corrupt, params};
use super::{bags, days, identities, logins, once, opaque, tenants, terms};
use crate::domain::user::{Birthplace, KeptCredential, Logins};
use crate::domain::{ConnectionRef, Profile, User, UserRef, UserWithIdentities};
use crate::id::{ConnectionId, IdentityId, TenantId, UserId};
use crate::secret::Digest;
use crate::store::ledger::Loss;
use crate::store::{Acted, Login, Page, StoreResult, UserUpdate};

/// How many users of one e-mail address are listed.
const SAME_EMAIL_LIMIT: u32 = 100;

/// What [`read`] reads.
macro_rules! user_columns {
    () => {
        "users.id, users.version, epoch, kept_credential, kept_since, email, users.profile, blocked, user_metadata,
         app_metadata, created_at, updated_at, login_count, last_login_at, last_ip, last_password_reset"
    };
}

pub(in crate::store) use user_columns;

/// How many these are.
const USER_COLUMNS: usize = 16;

macro_rules! select_users {
    ($rest:literal) => {
        concat!("SELECT ", user_columns!(), " FROM users WHERE tenant = ?1 ", $rest)
    };
}

/// One user with identities, in one statement, so that it is of one moment.
macro_rules! select_with_identities {
    ($user:literal) => {
        concat!(
            "SELECT ",
            user_columns!(),
            ", ",
            identity_columns!(),
            " FROM users JOIN identities ON identities.tenant = users.tenant AND identities.user_id = users.id
             WHERE users.tenant = ?1 AND users.id = ",
            $user,
            " ORDER BY position"
        )
    };
}

/// The core id of the user that is meant, if there is one.
pub fn find_id(sql: &dyn Sql, tenant: TenantId, which: &UserRef) -> StoreResult<Option<UserId>> {
    match which {
        UserRef::Id(id) => find_survivor(sql, tenant, *id),
        UserRef::Born { at, subject } => {
            for (connection, issuer) in birthplaces(sql, tenant, at)? {
                if let Some((user, 0)) = identities::holder(sql, tenant, connection, &issuer, subject)? {
                    return Ok(Some(user));
                }
            }
            Ok(None)
        }
    }
}

/// The connections and issuers at which a user may have been born.
pub fn birthplaces(sql: &dyn Sql, tenant: TenantId, at: &Birthplace) -> StoreResult<Vec<(ConnectionId, String)>> {
    match at {
        Birthplace::Provider(provider) => tenants::of_provider(sql, tenant, provider),
        Birthplace::Connection(name) => {
            let which = ConnectionRef::Name(name.clone());
            Ok(tenants::key_part(sql, tenant, &which)?.into_iter().collect())
        }
    }
}

/// This user, or who has absorbed her.
pub fn find_survivor(sql: &dyn Sql, tenant: TenantId, id: UserId) -> StoreResult<Option<UserId>> {
    sql.first(
        "SELECT id FROM users WHERE tenant = ?1 AND id = ?2
         UNION ALL SELECT survivor FROM aliases WHERE tenant = ?1 AND id = ?2",
        params![tenant, id],
        |row| row.get(0),
    )
}

/// The core id of the absorbed user whose primary this identity was.
pub fn find_former(sql: &dyn Sql, tenant: TenantId, identity: IdentityId) -> StoreResult<Option<UserId>> {
    sql.first(
        "SELECT id FROM aliases WHERE tenant = ?1 AND identity = ?2",
        params![tenant, identity],
        |row| row.get(0),
    )
}

/// The user of this core id.
pub fn find(sql: &dyn Sql, tenant: TenantId, id: UserId) -> StoreResult<Option<User>> {
    sql.first(select_users!("AND id = ?2"), params![tenant, id], read)
}

/// The user of this core id, with identities.
pub fn find_with_identities(sql: &dyn Sql, tenant: TenantId, id: UserId) -> StoreResult<Option<UserWithIdentities>> {
    gather(sql, select_with_identities!("?2"), params![tenant, id])
}

/// The user who has this account, with all her identities.
pub fn find_holder(
    sql: &dyn Sql,
    tenant: TenantId,
    connection: ConnectionId,
    issuer: &str,
    subject: &str,
) -> StoreResult<Option<UserWithIdentities>> {
    gather(
        sql,
        select_with_identities!(
            "(SELECT user_id FROM identities
              WHERE tenant = ?1 AND connection = ?2 AND issuer = ?3 AND subject = ?4)"
        ),
        params![tenant, connection, issuer, subject],
    )
}

/// One user from rows that each have the user and one identity.
fn gather(sql: &dyn Sql, statement: &str, params: &[&dyn ToValue]) -> StoreResult<Option<UserWithIdentities>> {
    let mut gathering = Gathering::default();
    sql.each(statement, params, &mut |row| {
        gathering.take(row)?;
        Ok(Step::Next)
    })?;
    Ok(gathering.0)
}

/// A user as she is read row by row.
#[derive(Default)]
pub struct Gathering(pub Option<UserWithIdentities>);

impl Gathering {
    /// Takes a row that has the user's columns and then those of one identity.
    pub fn take(&mut self, row: &Row<'_>) -> StoreResult<()> {
        let identity = identities::read(row, USER_COLUMNS)?;
        match &mut self.0 {
            Some(found) => found.identities.push(identity),
            None => {
                self.0 = Some(UserWithIdentities {
                    user: read(row)?,
                    identities: vec![identity],
                });
            }
        }
        Ok(())
    }
}

fn with_identities(sql: &dyn Sql, tenant: TenantId, user: User) -> StoreResult<UserWithIdentities> {
    Ok(UserWithIdentities {
        identities: identities::of_user(sql, tenant, user.id)?,
        user,
    })
}

/// A page of users in the order of their ids.
pub fn list(sql: &dyn Sql, tenant: TenantId, page: Page) -> StoreResult<Vec<UserWithIdentities>> {
    let after = page.after.unwrap_or(UserId::from_bytes([0; 12]));
    let users = sql.all(
        select_users!("AND id > ?2 ORDER BY id LIMIT ?3"),
        params![tenant, after, page.limit],
        read,
    )?;
    users
        .into_iter()
        .map(|user| with_identities(sql, tenant, user))
        .collect()
}

/// The users whose own e-mail is exactly this, oldest first.
pub fn list_by_email(sql: &dyn Sql, tenant: TenantId, email: &str) -> StoreResult<Vec<UserWithIdentities>> {
    let users = sql.all(
        select_users!("AND email = ?2 ORDER BY id LIMIT ?3"),
        params![tenant, email, SAME_EMAIL_LIMIT],
        read,
    )?;
    users
        .into_iter()
        .map(|user| with_identities(sql, tenant, user))
        .collect()
}

pub const COUNT: &str = "SELECT count(*) FROM users WHERE tenant = ?1";

/// How many there are.
pub fn count(sql: &dyn Sql, tenant: TenantId) -> StoreResult<u64> {
    let count = sql.first(COUNT, params![tenant], |row| row.get::<i64>(0))?;
    u64::try_from(count.unwrap_or(0)).map_err(corrupt)
}

fn read(row: &Row<'_>) -> StoreResult<User> {
    let kept: Option<Digest> = row.get(3)?;
    let Json(mut profile) = row.get::<Json<Profile>>(6)?;
    profile.email = row.get(5)?;
    let Millis(created_at) = row.get(10)?;
    let Millis(updated_at) = row.get(11)?;
    Ok(User {
        id: row.get(0)?,
        version: row.get(1)?,
        epoch: row.get(2)?,
        kept: kept
            .zip(row.get(4)?)
            .map(|(credential, since)| KeptCredential { credential, since }),
        profile,
        blocked: row.get(7)?,
        user_metadata: row.get::<Option<Json<_>>>(8)?.map(|json| json.0),
        app_metadata: row.get::<Option<Json<_>>>(9)?.map(|json| json.0),
        created_at,
        updated_at,
        logins: Logins {
            count: u64::try_from(row.get::<i64>(12)?).unwrap_or(0),
            last_at: row.get::<Option<Millis>>(13)?.map(|at| at.0),
            last_ip: row.get(14)?,
        },
        last_password_reset: row.get::<Option<Millis>>(15)?.map(|at| at.0),
    })
}

/// Keeps a new user, or what became of one; what she is found by, `terms` keeps.
pub fn put(sql: &dyn Sql, tenant: TenantId, user: &User) -> StoreResult<()> {
    sql.run(
        "INSERT INTO users (tenant, id, version, epoch, email, profile, blocked, user_metadata, app_metadata,
            created_at, updated_at, login_count, last_login_at, last_ip, last_password_reset,
            kept_credential, kept_since)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
         ON CONFLICT (tenant, id) DO UPDATE SET version = ?3, epoch = ?4, email = ?5, profile = ?6, blocked = ?7,
            user_metadata = ?8, app_metadata = ?9, created_at = ?10, updated_at = ?11, login_count = ?12,
            last_login_at = ?13, last_ip = ?14, last_password_reset = ?15, kept_credential = ?16, kept_since = ?17",
        params![
            tenant,
            user.id,
            user.version,
            user.epoch,
            user.profile.email,
            Json(without_email(&user.profile)),
            user.blocked,
            user.user_metadata.as_ref().map(Json),
            user.app_metadata.as_ref().map(Json),
            Millis(user.created_at),
            Millis(user.updated_at),
            i64::try_from(user.logins.count).unwrap_or(i64::MAX),
            user.logins.last_at.map(Millis),
            user.logins.last_ip,
            user.last_password_reset.map(Millis),
            user.kept.map(|kept| kept.credential),
            user.kept.map(|kept| kept.since),
        ],
    )?;
    Ok(())
}

fn without_email(profile: &Profile) -> Cow<'_, Profile> {
    if profile.email.is_none() {
        return Cow::Borrowed(profile);
    }
    Cow::Owned(Profile {
        email: None,
        ..profile.clone()
    })
}

/// The version of a user; `None` when she is not there.
pub fn version(sql: &dyn Sql, tenant: TenantId, id: UserId) -> StoreResult<Option<i64>> {
    sql.first(
        "SELECT version FROM users WHERE tenant = ?1 AND id = ?2",
        params![tenant, id],
        |row| row.get(0),
    )
}

/// That the user is there at this version.
pub fn expect_version(sql: &dyn Sql, tenant: TenantId, id: UserId, expected: i64) -> Verdict<Acted> {
    match version(sql, tenant, id)? {
        None => Err(Stop::refused(Acted::NoUser)),
        Some(found) if found != expected => Err(Stop::refused(Acted::Changed)),
        Some(_) => Ok(Acted::Done),
    }
}

/// Ends the sessions of a user, all but the one that `keep` made the change by.
pub fn end_sessions(
    tx: &mut dyn Tx,
    tenant: TenantId,
    id: UserId,
    at: jiff::Timestamp,
    keep: Option<Digest>,
) -> StoreResult<()> {
    let gone = || corrupt(format!("identities: {id} has identities and no row in users"));
    let mut user = find(tx.sql(), tenant, id)?.ok_or_else(gone)?;
    user.move_epoch(keep);
    user.version += 1;
    user.updated_at = at;
    put(tx.sql(), tenant, &user)?;
    tx.lose(Loss::Sessions {
        tenant,
        user: id,
        epoch: user.epoch,
        blocked: None,
    });
    Ok(())
}

/// Has the ledger say that the sessions of a user who goes have ended.
pub fn lose_sessions(tx: &mut dyn Tx, tenant: TenantId, id: UserId) -> StoreResult<()> {
    let epoch: Option<i64> = tx.sql().first(
        "SELECT epoch FROM users WHERE tenant = ?1 AND id = ?2",
        params![tenant, id],
        |row| row.get(0),
    )?;
    if let Some(epoch) = epoch {
        tx.lose(Loss::Sessions {
            tenant,
            user: id,
            epoch: epoch.saturating_add(1),
            blocked: None,
        });
    }
    Ok(())
}

/// Has the ledger say what an update ends: sessions, and a password.
fn lose_before(tx: &mut dyn Tx, tenant: TenantId, old: &User, update: &UserUpdate) {
    let user = &update.user;
    if (old.epoch, old.blocked) != (user.epoch, user.blocked) {
        tx.lose(Loss::Sessions {
            tenant,
            user: user.id,
            epoch: user.epoch,
            blocked: user.blocked,
        });
    }
    if let Some((identity, Login { password: Some(_), .. })) = &update.login {
        tx.lose(Loss::Password {
            tenant,
            user: user.id,
            identity: *identity,
        });
    }
}

/// Changes a user's own record.
pub fn update(tx: &mut dyn Tx, tenant: TenantId, update: &UserUpdate) -> Verdict<Acted> {
    let id = update.user.id;
    let is_there = tx.lock(Lock::User(tenant, id))?;
    let mut ends_tokens = false;
    let old = match find(tx.sql(), tenant, id)?.filter(|_| is_there) {
        None => return Err(Stop::refused(Acted::NoUser)),
        Some(old) if old.version != update.expected_version => return Err(Stop::refused(Acted::Changed)),
        Some(old) => old,
    };
    if once::is_spent(tx.sql(), tenant, update.spend.as_ref())? {
        return Err(Stop::refused(Acted::Spent));
    }
    if let Some((identity, login)) = &update.login {
        let Some(identity) = identities::of(tx.sql(), tenant, id, *identity)? else {
            return Err(Stop::refused(Acted::Changed));
        };
        if let Some(kind) = logins::taken(tx.sql(), tenant, &identity.key, &login.names)? {
            return Err(Stop::refused(Acted::LoginTaken(kind)));
        }
        logins::delete(tx.sql(), tenant, &identity.key)?;
        logins::insert(tx.sql(), tenant, &identity.key, &login.names)?;
        if let Some(password) = &login.password {
            ends_tokens = identity.has_password;
            identities::set_password(tx.sql(), tenant, &identity, password)?;
        }
    }
    if let Some((identity, profile)) = &update.identity_profile {
        match identities::of(tx.sql(), tenant, id, *identity)? {
            Some(identity) if !identity.is_primary() => identities::set_profile(tx.sql(), tenant, &identity, profile)?,
            _ => return Err(Stop::refused(Acted::Changed)),
        }
    }
    once::spend(tx, tenant, update.spend.as_ref())?;
    lose_before(tx, tenant, &old, update);
    put(tx.sql(), tenant, &update.user)?;
    bags::put(tx.sql(), tenant, id, update.bag.as_ref())?;
    if ends_tokens || (update.user.blocked == Some(true) && old.blocked != Some(true)) {
        opaque::end_of_user(tx.sql(), tenant, id)?;
    }
    terms::update_user(tx.sql(), tenant, &old)?;
    match (&update.event, update.user.logins.last_at) {
        (Some(event), _) => tx.record(tenant, event)?,
        (None, Some(at)) => days::count_log_in(tx, tenant, id, at)?,
        (None, None) => {}
    }
    Ok(Acted::Done)
}

/// Removes the row of a user, and what only she has beside it.
pub fn delete(sql: &dyn Sql, tenant: TenantId, id: UserId) -> StoreResult<()> {
    sql.run("DELETE FROM users WHERE tenant = ?1 AND id = ?2", params![tenant, id])?;
    bags::forget(sql, tenant, id)?;
    opaque::end_of_user(sql, tenant, id)?;
    days::forget(sql, tenant, id)
}
