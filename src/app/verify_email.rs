//! Verifying an e-mail address: a ticket is sent there, and whoever brings it back reads mail there.
//!
//! A ticket names a user, one of her identities, the address and which application asked. What would
//! surprise: asking again leaves earlier tickets as they are, and each of them can be used once, for as long
//! as the address is still the same; a changed address, an unlinked account and an erased user end them all.

use jiff::{SignedDuration, Timestamp};

use crate::app::App;
use crate::app::jobs::Job;
use crate::app::link::ATTEMPTS;
use crate::app::users::login_names;
use crate::domain::{Actor, Caller, ConnectionRef, EventKind, Identity, NewEvent, Scope, UserRef, UserWithIdentities};
use crate::error::{Error, Result};
use crate::id::{ClientId, IdentityId, TenantId, UserId};
pub use crate::mail::{Letter, NotSent};
use crate::secret::Digest;
use crate::store::{Acted, Login, Spend, UserUpdate};
use crate::vault::Field;

/// How long a ticket can be used.
pub const TICKET_LIVES_FOR: SignedDuration = SignedDuration::from_hours(5 * 24);

/// What a ticket says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Said {
    at: Timestamp,
    user: UserId,
    identity: IdentityId,
    client: ClientId,
    address: Digest,
}

/// A ticket that can be used, or just was.
#[derive(Debug, Clone)]
pub struct EmailTicket {
    /// For which application it was sent.
    pub client: ClientId,
    /// Whose.
    pub tenant: TenantId,
    /// Whose address it is.
    pub whose: UserWithIdentities,
    /// By which identity she has it.
    pub identity: Identity,
    /// The address.
    pub address: String,
    said: Said,
}

impl Said {
    fn to_bytes(self) -> Vec<u8> {
        [
            &self.at.as_millisecond().to_be_bytes()[..],
            self.user.as_bytes(),
            self.identity.as_bytes(),
            &self.client.to_bytes(),
            self.address.as_bytes(),
        ]
        .concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (at, rest) = bytes.split_first_chunk()?;
        let (user, rest) = rest.split_first_chunk()?;
        let (identity, rest) = rest.split_first_chunk()?;
        let (client, address) = rest.split_first_chunk()?;
        Some(Self {
            at: Timestamp::from_millisecond(i64::from_be_bytes(*at)).ok()?,
            user: UserId::from_bytes(*user),
            identity: IdentityId::from_bytes(*identity),
            client: ClientId::from_bytes(*client)?,
            address: Digest::from_bytes(address.try_into().ok()?),
        })
    }

    fn ends_at(self) -> Timestamp {
        self.at.saturating_add(TICKET_LIVES_FOR).unwrap_or(Timestamp::MAX)
    }
}

/// The address that a user has by one of her identities: her own by the primary.
pub fn address_of<'a>(whose: &'a UserWithIdentities, identity: &'a Identity) -> Option<&'a str> {
    let profile = match identity.is_primary() {
        true => &whose.user.profile,
        false => &identity.profile,
    };
    profile.email.as_deref()
}

impl App {
    /// What an application is called, of which mail to people speaks; nothing when there is none.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`], and those of the store.
    pub async fn name_to_people(&self, caller: &Caller, client: ClientId) -> Result<Option<String>> {
        caller.needs(&[Scope::UpdateUsers])?;
        if client.tenant() != caller.tenant {
            return Ok(None);
        }
        Ok(self.store.find_client(client).await?.map(|found| found.name))
    }

    /// A ticket for the address that a user has by this identity, and the address; nothing when there is
    /// none any more.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn make_email_ticket(
        &self,
        job: &Job,
        user: UserId,
        identity: IdentityId,
    ) -> Result<Option<(String, String)>> {
        let Some((whose, identity)) = self.find_holder(job.tenant, user, identity).await? else {
            return Ok(None);
        };
        let Some(address) = address_of(&whose, &identity) else {
            return Ok(None);
        };
        let said = Said {
            at: self.clock.now(),
            user,
            identity: identity.id,
            client: job.client,
            address: Digest::of(address.as_bytes()),
        };
        let ticket = self
            .seal_ticket(job.tenant, Field::EmailTicket, &said.to_bytes())
            .await?;
        Ok(Some((ticket, address.to_owned())))
    }

    /// Sends a letter. The store is not asked meanwhile.
    ///
    /// # Errors
    /// Why it was not sent.
    pub async fn send_mail(&self, letter: &Letter) -> std::result::Result<(), NotSent> {
        match &self.mailer {
            Some(mailer) => mailer.send(letter).await,
            None => Err(NotSent::Ever("This server has no way to send mail.".to_owned())),
        }
    }

    /// What a ticket is for; nothing for every text that cannot be used now.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn find_email_ticket(&self, text: &str) -> Result<Option<EmailTicket>> {
        let Some((tenant, plain)) = self.open_ticket(Field::EmailTicket, text).await? else {
            return Ok(None);
        };
        let Some(said) = Said::from_bytes(&plain).filter(|said| self.clock.now() < said.ends_at()) else {
            return Ok(None);
        };
        if self
            .store
            .find_spent(tenant, Digest::of(text.as_bytes()))
            .await?
            .is_some()
        {
            return Ok(None);
        }
        let Some((whose, identity)) = self.find_holder(tenant, said.user, said.identity).await? else {
            return Ok(None);
        };
        let address = address_of(&whose, &identity).map(str::to_owned);
        let same = address.filter(|address| Digest::of(address.as_bytes()) == said.address);
        Ok(same.map(|address| EmailTicket {
            client: said.client,
            tenant,
            whose,
            identity,
            address,
            said,
        }))
    }

    /// Uses a ticket: its address is verified from now on. Nothing for every text that cannot be used.
    ///
    /// # Errors
    /// Those of the store; the ticket can still be used then.
    pub async fn verify_email(&self, text: &str) -> Result<Option<EmailTicket>> {
        for _ in 0..ATTEMPTS {
            let Some(ticket) = self.find_email_ticket(text).await? else {
                return Ok(None);
            };
            let update = self.verified(&ticket, text).await?;
            match self.store.update_user(ticket.tenant, update).await? {
                Acted::Done => return Ok(Some(ticket)),
                // What has become of it is seen when it is read again.
                Acted::Changed | Acted::NoUser | Acted::Spent => {}
                // Somebody else has verified it as her own.
                Acted::LoginTaken(_) => return Ok(None),
                other => return Err(Error::internal(format!("a verification ended as {other:?}"))),
            }
        }
        Err(Error::Busy { retry_after: 1 })
    }

    async fn verified(&self, ticket: &EmailTicket, text: &str) -> Result<UserUpdate> {
        let now = self.clock.now();
        let mut user = ticket.whose.user.clone();
        let mut secondary = (!ticket.identity.is_primary()).then(|| ticket.identity.profile.clone());
        let profile = secondary.as_mut().unwrap_or(&mut user.profile);
        profile.email_verified = Some(true);
        let at = ConnectionRef::Id(ticket.identity.key.connection);
        let login = match self.store.find_connection(ticket.tenant, &at).await? {
            Some(connection) if connection.is_built_in() => {
                let names = login_names(&connection, profile, ticket.identity.has_password);
                Some((ticket.identity.id, Login { names, password: None }))
            }
            _ => None,
        };
        user.version = user.version.saturating_add(1);
        user.updated_at = now;
        Ok(UserUpdate {
            expected_version: ticket.whose.user.version,
            login,
            identity_profile: secondary.map(|profile| (ticket.identity.id, profile)),
            event: Some(NewEvent {
                kind: EventKind::UserUpdated {
                    fields: "email_verified".to_owned(),
                },
                user: user.id,
                actor: Actor::User(user.id),
                at: now,
                sealed: None,
            }),
            bag: None,
            spend: Some(Spend {
                token: Digest::of(text.as_bytes()),
                until: ticket.said.ends_at(),
                pair: Digest::of(&ticket.said.to_bytes()),
            }),
            user,
        })
    }

    /// A user with one of her identities. One who has become part of another since is not there.
    async fn find_holder(
        &self,
        tenant: TenantId,
        user: UserId,
        identity: IdentityId,
    ) -> Result<Option<(UserWithIdentities, Identity)>> {
        let found = self
            .store
            .find_user_with_identities(tenant, &UserRef::Id(user))
            .await?
            .filter(|found| found.user.id == user);
        Ok(found.and_then(|found| {
            let identity = found.identities.iter().find(|own| own.id == identity).cloned()?;
            Some((found, identity))
        }))
    }
}
