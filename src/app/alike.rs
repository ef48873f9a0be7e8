//! Accounts that look like somebody else's: a network may give an address, or a whole domain of them, to its next
//! owner.
//!
//! Nobody is found by an address (LNK-01), so such an account is a new one, of whoever shows it. The tenant is told
//! in its log, because its own people may go by what they see (LNK-08). What would surprise: only accounts that
//! a network vouches for are looked at, and the log has no address.

use jiff::Timestamp;
use serde_json::json;

use crate::app::App;
use crate::app::account::Read;
use crate::app::logs::{About, Happened, Told};
use crate::domain::{Caller, Identity, Object, Proof};
use crate::id::{ClientId, IdentityId, UserId};

struct Alike {
    client: ClientId,
    at: Timestamp,
    user: UserId,
    identity: IdentityId,
    connection: String,
    others: Vec<Identity>,
}

impl App {
    /// Tells the tenant when an account that became this user's has the e-mail address of another one at its
    /// connection. What cannot be looked up is not told, for the account is hers already.
    pub(super) async fn tell_of_alike(&self, caller: &Caller, user: UserId, identity: IdentityId, account: &Read) {
        let by_network = matches!(account.external.proof(), Proof::IdToken | Proof::AudienceChecked);
        if !by_network || account.external.profile().email.is_none() {
            return;
        }
        match self.store.list_alike(caller.tenant, &account.external).await {
            Ok(others) if others.is_empty() => {}
            Ok(others) => self.tell(Box::new(Alike {
                client: caller.client,
                at: self.clock.now(),
                user,
                identity,
                connection: account.connection.name.clone(),
                others,
            })),
            Err(error) => tracing::warn!(%error, "accounts with the same address could not be looked up"),
        }
    }
}

impl Happened for Alike {
    fn spell(self: Box<Self>) -> Vec<Told> {
        let other = |other: &Identity| json!({"user_id": other.user.to_string(), "identity": other.id.to_string()});
        let details = json!({
            "identity": self.identity.to_string(),
            "others": self.others.iter().map(other).collect::<Vec<_>>(),
        });
        let mut entry = Object::new();
        for (name, value) in [
            ("type", "w".into()),
            (
                "description",
                "possible_recycling: another account has the same address".into(),
            ),
            ("client_id", self.client.to_string().into()),
            ("user_id", self.user.to_string().into()),
            ("connection", self.connection.into()),
            ("details", details),
        ] {
            entry.insert(name.to_owned(), value);
        }
        vec![Told {
            client: self.client,
            about: About::User(self.user),
            at: self.at,
            entry,
            personal: Object::new(),
        }]
    }
}
