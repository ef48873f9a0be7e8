//! `connect`: whoever shows an account gets its user, found, made, or the one that it is to be
//! attached to.
//!
//! It puts other verbs together: proving, linking, arriving. What would surprise: with nothing shown
//! an account is only recognised, and nothing is written; and where there is no network to ask, a
//! caller's word is enough, but only for a user whom it names.

use crate::app::App;
use crate::app::bags::Keeping;
use crate::app::connections::ConnectionRequest;
use crate::app::link::{Account, Asserted, IfOwned, IfUnknown, LinkOutcome, LinkRequest, OnSame, PerNetwork};
use crate::app::verify::Presented;
use crate::domain::connection::is_network;
use crate::domain::{Caller, Connection, ConnectionRef, Object, Scope, TokenSet, User, UserRef, UserWithIdentities};
use crate::error::{Error, Noun, Result, Unique};

/// An account that somebody comes with.
pub struct ConnectRequest<'a> {
    /// To whom it is to be attached; `None`: whoever has it, or somebody new.
    pub user: Option<UserRef>,
    /// Our own name of its network.
    pub provider: String,
    /// Its own id there.
    pub subject: String,
    /// What shows that it is the person's.
    pub shown: Shown,
    /// What becomes of what a dialect keeps with the user, unless nothing is written.
    pub keeping: Keeping<'a>,
}

/// What shows that an account is the person's.
#[derive(Debug)]
pub enum Shown {
    /// Tokens, which its network is asked about.
    Tokens(TokenSet),
    /// Nothing: the account must be known.
    Nothing,
    /// The caller's word, for what no network can be asked about; with tokens to keep, if there are any.
    Word(TokenSet),
}

/// How connecting ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connected {
    /// A user came to be with it.
    Made,
    /// It is the user's from now on.
    Attached,
    /// It was already, and has new tokens.
    Renewed,
    /// It was already, and nothing was written.
    Recognised,
}

impl App {
    /// The user whose account this is from now on.
    ///
    /// # Errors
    /// [`Error::InsufficientScope`]; [`Error::NotFound`] of the user that was named, of a connection to that
    /// network, or of an identity that nobody has when nothing shows it; [`Error::NotConfigured`];
    /// [`Error::Blocked`]; [`Error::IdentityTaken`]; [`Error::IdentityErased`]; [`Error::NetworkTaken`]; [`Error::Invalid`]; those
    /// of [`App::prove`].
    pub async fn connect(
        &self,
        caller: &Caller,
        request: ConnectRequest<'_>,
    ) -> Result<(UserWithIdentities, Connected)> {
        caller.needs(&[Scope::UpdateUsers])?;
        let user = match &request.user {
            None => None,
            Some(which) => {
                let found = self.store.find_user(caller.tenant, which).await?;
                Some(admitted(found.ok_or(Error::NotFound(Noun::User))?)?)
            }
        };
        let connection = self.connection_to(caller, &request).await?;
        match request.shown {
            Shown::Nothing => {
                self.recognise(caller, &connection, &request.subject, user.as_ref())
                    .await
            }
            Shown::Word(tokens) => {
                let user = user.ok_or(Error::NotFound(Noun::User))?;
                let account = Account::Asserted(Asserted {
                    connection: ConnectionRef::Id(connection.id),
                    subject: request.subject,
                    claims: Object::new(),
                    tokens,
                });
                self.attach_shown(caller, &user, account, request.keeping).await
            }
            Shown::Tokens(tokens) => {
                let presented = Presented {
                    connection: ConnectionRef::Id(connection.id),
                    tokens,
                    subject: Some(request.subject),
                };
                let proved = self.prove(caller.tenant, presented).await?;
                match user {
                    Some(user) => {
                        self.attach_shown(caller, &user, Account::Proved(proved), request.keeping)
                            .await
                    }
                    None => {
                        let arrival = self.arrive_keeping(caller, proved, Some(request.keeping)).await?;
                        let ending = match arrival.is_new {
                            true => Connected::Made,
                            false => Connected::Renewed,
                        };
                        Ok((arrival.user, ending))
                    }
                }
            }
        }
    }

    /// The connection by which a network is asked. What takes the caller's word needs no application,
    /// so it comes to be when it is first used.
    async fn connection_to(&self, caller: &Caller, request: &ConnectRequest<'_>) -> Result<Connection> {
        match self.default_connection(caller.tenant, &request.provider).await {
            Ok(connection) if !is_network(&connection.provider) => Err(Error::NotFound(Noun::Connection)),
            Ok(connection) if connection.is_withdrawn() => Err(Error::NotConfigured),
            Err(Error::NotFound(Noun::Connection)) if matches!(request.shown, Shown::Word(_)) => {
                let wanted = ConnectionRequest {
                    name: request.provider.clone(),
                    provider: request.provider.clone(),
                    ..ConnectionRequest::default()
                };
                match self.make_connection(caller.tenant, wanted).await {
                    // Somebody was quicker.
                    Err(Error::Conflict(Unique::ConnectionName)) => {
                        self.default_connection(caller.tenant, &request.provider).await
                    }
                    made => made,
                }
            }
            found => found,
        }
    }

    async fn attach_shown(
        &self,
        caller: &Caller,
        user: &User,
        account: Account,
        keeping: Keeping<'_>,
    ) -> Result<(UserWithIdentities, Connected)> {
        let request = LinkRequest {
            user: UserRef::Id(user.id),
            account,
            on_same: OnSame::Refresh,
            if_owned: IfOwned::Refuse,
            if_unknown: IfUnknown::Attach,
            per_network: PerNetwork::One,
            once: None,
            dry_run: false,
        };
        let ending = match self.link_keeping(caller, request, Some(keeping)).await? {
            LinkOutcome::Attached(_) => Connected::Attached,
            LinkOutcome::Refreshed(_) => Connected::Renewed,
            LinkOutcome::Absorbed | LinkOutcome::Repeated(_) => {
                return Err(Error::internal("a link ended as it was not asked to"));
            }
        };
        Ok((self.user_after_act(caller.tenant, user.id).await?, ending))
    }

    /// Whose account this is, by nothing but its name (LNK-14).
    async fn recognise(
        &self,
        caller: &Caller,
        connection: &Connection,
        subject: &str,
        user: Option<&User>,
    ) -> Result<(UserWithIdentities, Connected)> {
        let at = ConnectionRef::Id(connection.id);
        let found = self.store.resolve(caller.tenant, &at, subject).await?;
        let found = found.ok_or(Error::NotFound(Noun::Identity))?;
        if user.is_some_and(|user| user.id != found.user.id) {
            return Err(Error::IdentityTaken);
        }
        admitted(found.user.clone())?;
        tracing::info!(
            user = %found.user.id,
            connection = %connection.id,
            client = %caller.client,
            proof = "none",
            "an account was recognised without proof"
        );
        Ok((found, Connected::Recognised))
    }
}

/// That a user may come in.
fn admitted(user: User) -> Result<User> {
    match user.blocked {
        Some(true) => Err(Error::Blocked),
        _ => Ok(user),
    }
}
