//! Texts that carry an authority of their own: what is allowed, sealed for its tenant.
//!
//! They are 256 bits of a tenant's key to whoever wants to make one, and nothing of them is kept here. What
//! would surprise: how long one lives, and whether it may be used twice, is for whoever opens it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::app::App;
use crate::domain::KeyOwner;
use crate::error::Result;
use crate::id::TenantId;
use crate::secret::Sealed;
use crate::vault::{Field, Place};

impl App {
    /// A text for a URL, which says this to us and nothing to anybody else.
    pub(super) async fn seal_ticket(&self, tenant: TenantId, field: Field, plain: &[u8]) -> Result<String> {
        let (key, _) = self.key_for(tenant, KeyOwner::Service).await?;
        let sealed = self.vault.seal(&key, &place_of(field), plain)?;
        let text = [&tenant.number().to_be_bytes()[..], sealed.as_bytes()].concat();
        Ok(URL_SAFE_NO_PAD.encode(text))
    }

    /// What such a text says, and whose it is; nothing when it was not made here.
    pub(super) async fn open_ticket(&self, field: Field, text: &str) -> Result<Option<(TenantId, Zeroizing<Vec<u8>>)>> {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) else {
            return Ok(None);
        };
        let Some((tenant, sealed)) = bytes.split_first_chunk::<8>() else {
            return Ok(None);
        };
        let tenant = TenantId::from_number(i64::from_be_bytes(*tenant));
        let Some(key) = self.find_key(tenant, KeyOwner::Service).await? else {
            return Ok(None);
        };
        let plain = self
            .vault
            .open(&key, &place_of(field), &Sealed::from_bytes(sealed.to_vec()));
        Ok(plain.ok().map(|plain| (tenant, plain)))
    }
}

const fn place_of(field: Field) -> Place<'static> {
    Place {
        connection: None,
        issuer: "",
        subject: "",
        field,
        version: 1,
    }
}
