//! What is kept of accounts whose users were erased, and what follows from it when one comes again (LNK-20).
//!
//! The tenant says for how long, and whether such an account comes back. Vault and store meet here: one
//! makes marks and the other looks for them. What would surprise: where accounts may come back, linking
//! one to somebody who is there looks for no mark, because she is not who was erased.

use std::time::Duration;

use jiff::Timestamp;

use crate::app::App;
use crate::domain::tenant::RecreatedAccounts;
use crate::domain::{Connection, EventKind, IdentityKey, NewEvent};
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::secret::Digest;
use crate::store::{Marked, Marking, NewIdentity};

/// A day.
const DAY: Duration = Duration::from_secs(86_400);

impl App {
    /// How the accounts of somebody are marked who is erased now; `None` where her tenant wants no marks.
    pub(super) async fn marking(&self, tenant: TenantId) -> Result<Option<Marking>> {
        let days = self.settings_of(tenant).await?.erased_accounts_days;
        if days == 0 {
            return Ok(None);
        }
        let until = self.clock.now().saturating_add(DAY.saturating_mul(days));
        let marker = self.vault.marker();
        Ok(Some(Marking::new(until.unwrap_or(Timestamp::MAX), move |key| {
            Digest::from_bytes(marker.mark(tenant, key))
        })))
    }

    /// What an act is told of an account with which a new user comes: nothing, unless it is of a network. `event`
    /// is any event of hers, as it is made in that act.
    pub(super) async fn marked(
        &self,
        tenant: TenantId,
        connection: &Connection,
        identity: &NewIdentity,
        event: &NewEvent,
    ) -> Result<Option<Marked>> {
        if connection.is_database() {
            return Ok(None);
        }
        let told = NewEvent {
            kind: EventKind::IdentityRecreated {
                identity: identity.id,
                connection: connection.id,
            },
            sealed: None,
            ..event.clone()
        };
        Ok(Some(Marked {
            identity: identity.id,
            mark: self.mark_of(tenant, identity.external.key()),
            told: (!self.refuses_marked(tenant).await?).then_some(told),
        }))
    }

    /// The mark for which an account is refused to somebody who is there already; `None` where it never is.
    pub(super) async fn refused_mark(
        &self,
        tenant: TenantId,
        connection: &Connection,
        key: &IdentityKey,
    ) -> Result<Option<Digest>> {
        let refused = !connection.is_database() && self.refuses_marked(tenant).await?;
        Ok(refused.then(|| self.mark_of(tenant, key)))
    }

    /// That there is no such mark.
    ///
    /// # Errors
    /// [`Error::IdentityErased`]; those of the store.
    pub(super) async fn check_unmarked(&self, tenant: TenantId, mark: Option<Digest>) -> Result<()> {
        match mark {
            Some(mark) if self.store.is_marked(tenant, mark, self.clock.now()).await? => Err(Error::IdentityErased),
            _ => Ok(()),
        }
    }

    async fn refuses_marked(&self, tenant: TenantId) -> Result<bool> {
        let settings = self.settings_of(tenant).await?;
        Ok(settings.recreated_accounts == RecreatedAccounts::Refused)
    }

    fn mark_of(&self, tenant: TenantId, key: &IdentityKey) -> Digest {
        Digest::from_bytes(self.vault.marker().mark(tenant, key))
    }
}
