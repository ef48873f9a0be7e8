//! Makes marks of accounts.
//!
//! A mark is an HMAC under a key of its own. Whoever has the account and the root key gets the same one
//! whenever it is made; whoever has only the mark learns nothing, not even by trying all accounts of a
//! network.

use aws_lc_rs::hmac;

use crate::domain::IdentityKey;
use crate::id::TenantId;

/// Makes marks of accounts. It can do nothing else of what the vault does, so it may be handed on.
#[derive(Clone)]
pub struct Marker(pub(super) hmac::Key);

impl Marker {
    /// The mark of this account in this tenant.
    pub fn mark(&self, tenant: TenantId, key: &IdentityKey) -> [u8; 32] {
        let mut account = b"erased identity".to_vec();
        account.extend(tenant.number().to_be_bytes());
        account.extend(key.connection.number().to_be_bytes());
        for text in [&key.issuer, &key.subject] {
            account.extend((text.len() as u64).to_be_bytes());
            account.extend(text.as_bytes());
        }
        let mut out = [0; 32];
        out.copy_from_slice(hmac::sign(&self.0, &account).as_ref());
        out
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use crate::clock::SeededRandom;
    use crate::domain::IdentityKey;
    use crate::id::{ConnectionId, TenantId};
    use crate::vault::{RootKey, Vault};

    #[test]
    fn a_mark_is_of_one_account_in_one_tenant_under_one_root_key() {
        let vault = |byte| Vault::new(RootKey::from_bytes(&[byte; 32]), Arc::new(SeededRandom::new(1)));
        let key = |connection, issuer: &str, subject: &str| IdentityKey {
            connection: ConnectionId::from_number(connection),
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
        };
        let mut seen = HashSet::new();
        for (root, tenant, key) in [
            (7, 1, key(1, "google", "42")),
            (8, 1, key(1, "google", "42")),
            (7, 2, key(1, "google", "42")),
            (7, 1, key(2, "google", "42")),
            (7, 1, key(1, "google4", "2")),
            (7, 1, key(1, "google", "43")),
        ] {
            let mark = || vault(root).marker().mark(TenantId::from_number(tenant), &key);
            assert_eq!(mark(), mark());
            assert!(seen.insert(mark()), "{root} {tenant} {key:?}");
        }
        let known = seen.len();
        seen.insert(vault(7).vouch_for(b"erased identity"));
        assert_eq!(seen.len(), known + 1);
    }
}
