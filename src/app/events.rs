//! The audit: what happened in a tenant, oldest first.

use serde_json::Value;

use crate::app::App;
use crate::app::keys::event_place;
use crate::domain::{Caller, Event, EventKind, Scope};
use crate::error::Result;
use crate::id::{EventId, TenantId};

/// An event with its personal fields, as far as its user has not been erased.
#[derive(Debug)]
pub struct ReadEvent {
    /// The event.
    pub event: Event,
    /// What was sealed with it.
    pub personal: Option<Value>,
}

impl App {
    /// Events after this one, in the order in which they were committed.
    ///
    /// # Errors
    /// [`crate::error::Error::InsufficientScope`].
    pub async fn list_events(&self, caller: &Caller, after: Option<EventId>, limit: u32) -> Result<Vec<ReadEvent>> {
        caller.needs(&[Scope::ReadLogs])?;
        let mut read = Vec::new();
        for event in self.store.list_events(caller.tenant, after, limit).await? {
            let personal = self.open_event(caller.tenant, &event).await?;
            read.push(ReadEvent { event, personal });
        }
        Ok(read)
    }

    /// The personal fields of an event; `None` when it has none, or their key is gone.
    async fn open_event(&self, tenant: TenantId, event: &Event) -> Result<Option<Value>> {
        let Some(sealed) = &event.what.sealed else {
            return Ok(None);
        };
        let about = match &event.what.kind {
            EventKind::IdentityFreed { identity, .. } => identity.to_string(),
            EventKind::UserAbsorbed { absorbed, .. } => absorbed.to_string(),
            _ => return Ok(None),
        };
        let Some(key) = self.key_to_open(tenant, event.what.user, sealed).await? else {
            return Ok(None);
        };
        if !self.vault.is_under(&key, sealed) {
            return Ok(None);
        }
        let plain = self.vault.open(&key, &event_place(&about), sealed)?;
        Ok(serde_json::from_slice(&plain).ok())
    }
}
