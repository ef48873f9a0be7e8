//! Positions in a list, sealed so that nobody can edit one or carry it to another tenant
//! or another list (API-13).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use crate::app::App;
use crate::domain::KeyOwner;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::secret::Sealed;
use crate::vault::{Field, Place};

/// How long a cursor can be used (D-140).
const LIVES_FOR: Duration = Duration::from_secs(30 * 86_400);

impl App {
    /// A text that stands for this position in this list.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn seal_cursor(&self, tenant: TenantId, list: &str, position: &[u8; 12]) -> Result<String> {
        let (key, _) = self.key_for(tenant, KeyOwner::Service).await?;
        let plain = [&self.clock.now().as_second().to_be_bytes()[..], position].concat();
        let sealed = self.vault.seal(&key, &place(list), &plain)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed.as_bytes()))
    }

    /// The position that such a text stands for.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `after` for every text that was not made here for this
    /// tenant and list in the last 30 days.
    pub async fn open_cursor(&self, tenant: TenantId, list: &str, text: &str) -> Result<[u8; 12]> {
        let refuse = || Error::invalid("after", "is not a cursor of this list, or too old");
        let sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse())?;
        let (key, _) = self.key_for(tenant, KeyOwner::Service).await?;
        let plain = self
            .vault
            .open(&key, &place(list), &Sealed::from_bytes(sealed))
            .map_err(|_| refuse())?;
        let (at, position) = plain.split_first_chunk::<8>().ok_or_else(refuse)?;
        let at = Timestamp::from_second(i64::from_be_bytes(*at)).map_err(|_| refuse())?;
        if self.clock.now().duration_since(at).unsigned_abs() > LIVES_FOR {
            return Err(refuse());
        }
        position.try_into().map_err(|_| refuse())
    }
}

const fn place(list: &str) -> Place<'_> {
    Place {
        connection: None,
        issuer: "",
        subject: list,
        field: Field::Cursor,
        version: 1,
    }
}
