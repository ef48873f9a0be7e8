//! Short codes that people type in, and passwords that they prove: what only this server can tell.
//!
//! A code is made of the words that it stands for by the root key, so none is kept anywhere and a copy of the
//! data tells none. What would surprise: a code is short enough to be guessed, so whoever compares one counts
//! the try first.

use crate::app::App;
use crate::app::passwords::Verdict;
use crate::domain::{Caller, Identity, Scope};
use crate::error::{Error, Result};
use crate::id::{TenantId, UserId};
use crate::secret::{Digest, SecretString};

impl App {
    /// What makes one code unlike all that came before.
    pub fn new_nonce(&self) -> String {
        self.new_hex::<16>()
    }

    /// The code of so many digits for what these words say of a user.
    pub fn code_for(&self, tenant: TenantId, user: UserId, words: &[&str], digits: u32) -> String {
        let mut all = b"code".to_vec();
        all.extend(tenant.number().to_be_bytes());
        all.extend(user.as_bytes());
        for word in words {
            all.extend((word.len() as u64).to_be_bytes());
            all.extend(word.as_bytes());
        }
        let [a, b, c, d, e, f, g, h, ..] = self.vault.vouch_for(&all);
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]) % 10_u64.saturating_pow(digits);
        let width = usize::try_from(digits).unwrap_or_default();
        format!("{number:0width$}")
    }

    /// Whether a code is this one, in the same time whatever the answer is.
    pub fn is_code(&self, code: &str, given: &SecretString) -> bool {
        Digest::of(code.as_bytes()).matches(given)
    }

    /// That this is the password of an identity of the caller's own.
    ///
    /// # Errors
    /// [`Error::NotYourself`]; [`Error::WrongCredentials`]; [`Error::Busy`].
    pub async fn check_own_password(
        &self,
        caller: &Caller,
        identity: &Identity,
        password: &SecretString,
    ) -> Result<()> {
        const OWN: &[Scope] = &[Scope::UpdateCurrentUserIdentities];
        caller.needs_over(identity.user, &[], OWN, OWN)?;
        let kept = self.store.find_hash(caller.tenant, identity.user, identity.id).await?;
        match self.passwords.verify(password, kept, &*self.random).await? {
            Verdict::Fits | Verdict::FitsOnce(_) => Ok(()),
            Verdict::Wrong => Err(Error::WrongCredentials),
        }
    }
}
