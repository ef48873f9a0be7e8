//! The live credential of an identity, opened for a caller with the right to see it.

use crate::app::App;
use crate::app::keys::token_place;
use crate::app::link::ATTEMPTS;
use crate::domain::{Caller, Identity, Scope, TokenSet};
use crate::error::{Error, Result};

impl App {
    /// The token set of an identity; `None` when there is none, or when the identity is
    /// gone meanwhile.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::CryptoIntegrity`].
    pub async fn read_tokens(&self, caller: &Caller, identity: &Identity) -> Result<Option<TokenSet>> {
        caller.needs(&[Scope::ReadUserIdpTokens])?;
        let mut identity = identity.clone();
        for _ in 0..ATTEMPTS {
            match self.open_tokens(caller, &identity).await {
                Err(Error::CryptoIntegrity) => {}
                read => return read,
            }
            // Tokens are sealed for one owner and one version; both may have moved on.
            match self.store.find_identity(caller.tenant, &identity.key).await? {
                None => return Ok(None),
                Some(now) if now == identity => return Err(Error::CryptoIntegrity),
                Some(now) => identity = now,
            }
        }
        Err(Error::Busy { retry_after: 1 })
    }

    async fn open_tokens(&self, caller: &Caller, identity: &Identity) -> Result<Option<TokenSet>> {
        let tenant = caller.tenant;
        let Some(sealed) = self.store.find_tokens(tenant, identity.id).await? else {
            return Ok(None);
        };
        let Some(key) = self.key_to_open(tenant, identity.user, &sealed).await? else {
            return Ok(None);
        };
        let plain = self
            .vault
            .open(&key, &token_place(&identity.key, identity.version), &sealed)?;
        TokenSet::from_plain(&plain).map(Some).ok_or(Error::CryptoIntegrity)
    }
}
