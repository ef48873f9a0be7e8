//! `prove`: asks the network of a connection whose account a token opens, and for which application it was
//! made.
//!
//! The one place where a token from a caller becomes a proof (`security.md` section 3). What is needed is
//! told by `providers/`; here it is asked, and what comes out is a [`Proved`] account, which can be made
//! nowhere else. Nothing is written, and nothing is when the network cannot be asked.
//!
//! What would surprise: when there are an ID token and an access token, both are proved where the
//! network can tell, and they must be of one account.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::app::App;
use crate::app::account::{Read, ShownIdToken};
use crate::app::key_sets::KeySource;
use crate::domain::{Connection, ConnectionRef, ExternalIdentity, Object, Proof, TokenSet};
use crate::error::{Error, NetworkFault, NetworkRefusal, Result};
use crate::id::TenantId;
use crate::providers::oidc::{self, Expected, ExpectedIssuer};
use crate::providers::{self, At, Bare, Inquiry, Issuer, Network, Told, Unproved};
use crate::secret::{Digest, ExposeSecret, SecretString};

/// The longest token of any kind, in bytes: ID tokens with many claims are the longest.
const TOKEN_LIMIT_BYTES: usize = 16_384;

/// What a caller presents of an account.
#[derive(Debug)]
pub struct Presented {
    /// Where the account is.
    pub connection: ConnectionRef,
    /// What opens it.
    pub tokens: TokenSet,
    /// Whose it is said to be; the network must say so too.
    pub subject: Option<String>,
}

/// An account that its network has vouched for.
#[derive(Debug, Clone)]
pub struct Proved(Arc<Read>);

impl Proved {
    /// Where it is.
    pub fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// Its own id there.
    pub fn subject(&self) -> &str {
        &self.0.external.key().subject
    }

    pub(super) fn read(&self) -> Arc<Read> {
        self.0.clone()
    }
}

impl App {
    /// Asks the network.
    ///
    /// # Errors
    /// [`Error::NotFound`] of the connection; [`Error::Invalid`] naming the token that can be none;
    /// [`Error::NotConfigured`]; [`Error::NetworkRefused`] when the token proves nothing;
    /// [`Error::Network`] when it cannot be asked.
    pub async fn prove(&self, tenant: TenantId, presented: Presented) -> Result<Proved> {
        check_tokens(&presented.tokens)?;
        let connection = self.existing_connection(tenant, &presented.connection).await?;
        let network =
            providers::named(&connection.provider).ok_or(Error::NetworkRefused(NetworkRefusal::CannotTell))?;
        let client_id = connection.client_id.as_deref().ok_or(Error::NotConfigured)?;
        let client_secret = self.client_secret(tenant, &connection).await?;
        let at = At {
            connection: &connection,
            client_id,
            client_secret: client_secret.as_deref(),
            sandbox: self.networks.sandbox(),
            now: self.clock.now(),
            random: &*self.random,
        };
        self.introduce(tenant, &at).await;
        let mut told = Told::default();
        let (mut proof, mut shown) = (None, None);
        if let (Some(rules), Some(id_token)) = (&network.id_tokens, &presented.tokens.id_token) {
            let (source, issuer) = keys_of(&at, rules.issuer);
            let expected = Expected {
                issuer,
                client_id: client_id.to_owned(),
                nonce: None,
            };
            let claims = self
                .verify_id_token(tenant, &connection, source, id_token.expose_secret(), &expected)
                .await?;
            told.account((rules.subject)(&claims)).map_err(error_of)?;
            shown = Some(shown_by(id_token, &claims)?);
            told.claims = (rules.claims)(claims);
            proof = Some(Proof::IdToken);
        }
        if let Some(inquiries) = asked_of_bare(network, &presented.tokens)
            && self
                .inquire(tenant, &at, inquiries, &presented.tokens, &mut told)
                .await?
        {
            proof = proof.or(Some(Proof::AudienceChecked));
        }
        let (Some(proof), Some(subject)) = (proof, told.subject) else {
            return Err(Error::NetworkRefused(NetworkRefusal::CannotTell));
        };
        if presented.subject.is_some_and(|claimed| claimed != subject) {
            return Err(Error::NetworkRefused(NetworkRefusal::SomeoneElse));
        }
        // What the network says is not the caller's fault.
        let external = ExternalIdentity::from_claims(&connection, &subject, &told.claims, proof)
            .map_err(|_| Error::Network(NetworkFault::Garbled))?;
        let mut tokens = presented.tokens;
        tokens.expires_at = told.expires_at.or(tokens.expires_at);
        if !told.scopes.is_empty() {
            tokens.scopes = told.scopes;
        }
        Ok(Proved(Arc::new(Read {
            connection,
            external,
            tokens,
            shown,
        })))
    }

    /// The connection of this network that interfaces use which know one of each: the oldest.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the tenant has none.
    pub async fn default_connection(&self, tenant: TenantId, provider: &str) -> Result<Connection> {
        let oldest = ConnectionRef::Oldest(provider.to_owned());
        self.existing_connection(tenant, &oldest).await
    }

    /// Asks what a bare token is; `false` when the network, as it is configured, is asked nothing or does not
    /// say for which application it is.
    async fn inquire(
        &self,
        tenant: TenantId,
        at: &At<'_>,
        inquiries: &[Inquiry],
        tokens: &TokenSet,
        told: &mut Told,
    ) -> Result<bool> {
        for inquiry in inquiries {
            let write = || (inquiry.ask)(at, tokens, told);
            if let Some(answer) = self.ask(tenant, at, write).await? {
                (inquiry.read)(at, &answer, told).map_err(error_of)?;
            }
        }
        Ok(told.ours)
    }
}

/// Where the keys are that sign ID tokens of this network, and whose they are.
fn keys_of(at: &At<'_>, issuer: Issuer) -> (KeySource, ExpectedIssuer) {
    let discovery = |url: &str| KeySource::Discovery(at.address(url));
    match issuer {
        Issuer::Fixed { issuer, discovery: url } => (discovery(url), ExpectedIssuer::Exactly(issuer.to_owned())),
        Issuer::OfDirectory => (discovery(oidc::DIRECTORIES), ExpectedIssuer::OfDirectory),
        Issuer::OfConnection => {
            let issuer = &at.connection.issuer;
            let source = match (at.option("jwks_uri"), at.option("discovery_url")) {
                (Some(url), _) => KeySource::Keys(url.to_owned()),
                (None, Some(url)) => KeySource::Discovery(url.to_owned()),
                (None, None) => discovery(&oidc::metadata_of(issuer)),
            };
            (source, ExpectedIssuer::Exactly(issuer.clone()))
        }
    }
}

/// What is known of an ID token that was verified.
fn shown_by(id_token: &SecretString, claims: &Object) -> Result<ShownIdToken> {
    let seconds = claims.get("iat").and_then(Value::as_f64).unwrap_or_default();
    Ok(ShownIdToken {
        token: Digest::of(id_token.expose_secret().as_bytes()),
        issued_at: Timestamp::from_second(seconds as i64).map_err(Error::internal)?,
    })
}

/// What is asked of a bare token, if there is one and the network can tell.
fn asked_of_bare<'a>(network: &'a Network, tokens: &TokenSet) -> Option<&'a [Inquiry]> {
    match network.bare {
        Bare::Asked(inquiries) if tokens.access_token.is_some() => Some(inquiries),
        Bare::Asked(_) | Bare::IdTokenOnly | Bare::CannotTell => None,
    }
}

pub(super) const fn error_of(unproved: Unproved) -> Error {
    match unproved {
        Unproved::Refused(refusal) => Error::NetworkRefused(refusal),
        Unproved::Garbled => Error::Network(NetworkFault::Garbled),
        Unproved::Misconfigured => Error::Network(NetworkFault::Misconfigured),
    }
}

/// That tokens can be such: visible ASCII, as RFC 6750, 2.1 and RFC 5849 have it, of a length that networks use.
fn check_tokens(tokens: &TokenSet) -> Result<()> {
    let all: [(&'static str, &Option<SecretString>); 4] = [
        ("access_token", &tokens.access_token),
        ("token_secret", &tokens.token_secret),
        ("refresh_token", &tokens.refresh_token),
        ("id_token", &tokens.id_token),
    ];
    for (name, token) in all {
        let Some(token) = token else { continue };
        let token = token.expose_secret();
        if token.is_empty() || token.len() > TOKEN_LIMIT_BYTES || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::invalid(name, "must have 1 to 16384 visible ASCII characters"));
        }
    }
    if tokens.access_token.is_none() && tokens.id_token.is_none() {
        return Err(Error::invalid("access_token", "is missing, and so is an ID token"));
    }
    Ok(())
}
