//! `delete_connection`: a connection goes, and with it the identities that hang on it.
//!
//! In two steps. The connection is *retired* by one act: from then on nobody finds it, logs in
//! at it or links to it. What hung on it is erased afterwards, each identity by an act of its own
//! among those of others: with her user if she was born with it, and off her list if not. A
//! crash in between leaves a retired connection, and [`App::finish_deletions`] goes on at the
//! next start.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::app::App;
use crate::app::link::ATTEMPTS;
use crate::domain::{Actor, Caller, ConnectionRef, EventKind, Identity, NewEvent, Scope, UserRef};
use crate::error::{Error, Noun, Result};
use crate::id::{ConnectionId, TenantId};
use crate::store::{Acted, AfterUnlink, LoginKind, LoginName, RetiredConnection, Unlink};

/// How many identities are erased at a time. They share a commit, in which there is room for
/// the acts of others.
const AT_A_TIME: u32 = 32;

impl App {
    /// Deletes a connection, and has the identities that hang on it erased afterwards; when it
    /// was deleted, or `None` when there is no such connection.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::Unsupported`] for the built-in connection.
    pub async fn delete_connection(self: &Arc<Self>, caller: &Caller, id: ConnectionId) -> Result<Option<Timestamp>> {
        caller.needs(&[Scope::DeleteConnections])?;
        let found = self
            .store
            .find_connection(caller.tenant, &ConnectionRef::Id(id))
            .await?;
        let Some(connection) = found else { return Ok(None) };
        if connection.is_built_in() {
            return Err(Error::Unsupported("deleting the built-in connection"));
        }
        let (at, by) = (self.clock.now(), caller.actor());
        if !self.store.retire_connection(caller.tenant, id, at, by).await? {
            return Ok(None);
        }
        let (app, tenant) = (Arc::clone(self), caller.tenant);
        let retired = RetiredConnection { connection, at, by };
        tokio::spawn(async move {
            if let Err(error) = app.finish_deletion(tenant, &retired).await {
                tracing::warn!(%error, "identities of a deleted connection are left; it is tried again");
            }
        });
        Ok(Some(at))
    }

    /// Erases what is left of the connections that were deleted; returns how many are gone
    /// now. For the start of a server, and for what failed while it ran.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn finish_deletions(self: &Arc<Self>) -> Result<u64> {
        let mut gone = 0;
        for tenant in self.store.list_tenants().await? {
            for retired in self.store.list_retired_connections(tenant.id).await? {
                self.finish_deletion(tenant.id, &retired).await?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    async fn finish_deletion(self: &Arc<Self>, tenant: TenantId, retired: &RetiredConnection) -> Result<()> {
        let (id, by) = (retired.connection.id, retired.by);
        loop {
            let hanging = self.store.list_identities_at(tenant, id, AT_A_TIME).await?;
            if hanging.is_empty() && self.store.delete_connection(tenant, id).await? {
                return Ok(());
            }
            let mut acts = JoinSet::new();
            for identity in hanging {
                let app = Arc::clone(self);
                acts.spawn(async move { app.erase_identity(tenant, &identity, by).await });
            }
            while let Some(ended) = acts.join_next().await {
                ended.map_err(Error::internal)??;
            }
        }
    }

    /// Erases the person who logs in by this e-mail address at a database connection, or only
    /// that identity of hers when she was not born with it. Nothing happens when there is none.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::NotFound`] of the connection; [`Error::Invalid`] naming
    /// `id` when it is no database.
    pub async fn delete_user_at(&self, caller: &Caller, at: ConnectionId, email: &str) -> Result<bool> {
        caller.needs(&[Scope::DeleteUsers])?;
        let connection = self.existing_connection(caller.tenant, &ConnectionRef::Id(at)).await?;
        if !connection.is_database() {
            return Err(Error::invalid("id", "must be that of a database connection"));
        }
        let name = LoginName {
            kind: LoginKind::Email,
            value: email.to_lowercase(),
        };
        match self.store.find_login(caller.tenant, at, &name).await? {
            Some((identity, _)) => {
                self.erase_identity(caller.tenant, &identity, caller.actor()).await?;
                Ok(identity.is_primary())
            }
            None => Ok(false),
        }
    }

    /// Erases an identity: with its user if she was born with it.
    async fn erase_identity(&self, tenant: TenantId, identity: &Identity, by: Actor) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let found = self.store.find_identity(tenant, &identity.key).await?;
            let Some(found) = found.filter(|found| found.id == identity.id) else {
                return Ok(());
            };
            let event = |kind, sealed| NewEvent {
                kind,
                user: found.user,
                actor: by,
                at: self.clock.now(),
                sealed,
            };
            if found.is_primary() {
                let deleted = event(EventKind::UserDeleted, None);
                let marking = self.marking(tenant).await?;
                self.store.delete_user(tenant, found.user, deleted, marking).await?;
                self.forget_key(tenant, found.user);
                // Unless she was absorbed meanwhile, the next look finds nothing.
                continue;
            }
            let owner = self.store.find_user(tenant, &UserRef::Id(found.user)).await?;
            let owner = owner.ok_or(Error::NotFound(Noun::User))?;
            let (sealed, key) = self.seal_farewell(tenant, &found).await?;
            let freed = EventKind::IdentityFreed {
                identity: found.id,
                connection: found.key.connection,
            };
            let unlink = Unlink {
                user: found.user,
                identity: found.id,
                expected_version: owner.version,
                identity_version: found.version,
                force: true,
                then: AfterUnlink::Free,
                key: Some(key),
                events: vec![event(freed, Some(sealed))],
                keep: None,
            };
            match self.store.unlink(tenant, unlink).await? {
                Acted::Done => return Ok(()),
                Acted::Changed | Acted::NoUser => self.forget_key(tenant, found.user),
                other => return Err(Error::internal(format!("an unlink ended as {other:?}"))),
            }
        }
        Err(Error::Busy { retry_after: 1 })
    }
}
