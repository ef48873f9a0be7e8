//! From a bearer token to a [`Caller`].
//!
//! Checking a signature costs as much as a whole link, so a token that was believed once is
//! remembered by its digest until it ends. What can end it sooner is asked of the store every
//! time: the epochs of its client and of its user, and what the client is still granted. A
//! token of a removed client, of a client with a new secret, or of a person whose password
//! was changed is dead on the next request.

use std::sync::Arc;

use jiff::Timestamp;
use quick_cache::sync::Cache;

use crate::app::App;
use crate::domain::{Caller, Scope, Scopes, UserRef};
use crate::error::{Error, Result, Unauthenticated};
use crate::id::{ClientId, UserId};
use crate::jwt::{Claims, TokenKind};
use crate::secret::Digest;

/// How many believed tokens are remembered.
const REMEMBERED: usize = 10_000;

/// The member of our access tokens that carries the core id of their user.
pub(super) const USER_CLAIM: &str = "uid";

/// Tokens that were believed.
pub(super) struct Verified(Cache<Digest, Arc<Believed>>);

/// What a token says, once believed.
struct Believed {
    issuer: Arc<str>,
    client: ClientId,
    client_epoch: i64,
    user: Option<(UserId, i64)>,
    scopes: Scopes,
    expires_at: Timestamp,
}

impl Verified {
    pub(super) fn new() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl App {
    /// Who sends this token.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], saying as much as `api/auth0.md` 3.1 publishes.
    pub async fn authenticate(&self, token: &str) -> Result<Caller> {
        let digest = Digest::of(token.as_bytes());
        let now = self.clock.now();
        let believed = match self.verified.0.get(&digest) {
            Some(believed) if believed.expires_at > now => believed,
            _ => {
                let believed = Arc::new(self.believe(token).await?);
                self.verified.0.insert(digest, believed.clone());
                believed
            }
        };
        let standing = self.store.find_standing(believed.client).await?;
        let standing = standing
            .filter(|standing| standing.epoch == believed.client_epoch)
            .ok_or(Error::Unauthenticated(Unauthenticated::Invalid))?;
        if let Some((id, epoch)) = believed.user {
            let user = self.store.find_user(believed.client.tenant(), &UserRef::Id(id)).await?;
            let alive =
                user.is_some_and(|user| user.id == id && user.blocked != Some(true) && user.honours(epoch, digest));
            if !alive {
                return Err(Error::Unauthenticated(Unauthenticated::Invalid));
            }
        }
        Ok(Caller {
            tenant: believed.client.tenant(),
            client: believed.client,
            user: believed.user.map(|(id, _)| id),
            credential: believed.user.map(|_| digest),
            scopes: match believed.user {
                Some(_) => believed.scopes,
                None => still_granted(believed.scopes, standing.scopes),
            },
            issuer: believed.issuer.clone(),
        })
    }

    /// Checks signature and claims.
    async fn believe(&self, token: &str) -> Result<Believed> {
        let refuse = |why| Error::Unauthenticated(why);
        let claims = self
            .decode(token, TokenKind::Access)
            .await
            .map_err(|fault| refuse(fault.into()))?;
        let issuer = self
            .origins
            .issuer(&claims.iss)
            .ok_or_else(|| refuse(Unauthenticated::Invalid))?;
        if !claims.aud.iter().any(|aud| self.origins.is_audience(aud)) {
            return Err(refuse(Unauthenticated::WrongAudience(claims.aud.join(" "))));
        }
        let believed = read_claims(&claims, issuer);
        believed.ok_or_else(|| refuse(Unauthenticated::Invalid))
    }
}

/// What a client's own token still allows: a right over the tenant that was taken from the
/// client is gone on the next request.
fn still_granted(carried: Scopes, granted: Option<Scopes>) -> Scopes {
    let granted = granted.unwrap_or(Scopes::NONE);
    let kept = |scope: &Scope| scope.is_for_users() || granted.has(*scope);
    carried.iter().filter(kept).collect()
}

fn read_claims(claims: &Claims, issuer: Arc<str>) -> Option<Believed> {
    let user = match claims.more.get(USER_CLAIM) {
        Some(id) => Some((id.as_str()?.parse().ok()?, claims.user_epoch?)),
        None if claims.user_epoch.is_some() => return None,
        None => None,
    };
    Some(Believed {
        issuer,
        client: claims.azp.as_deref()?.parse().ok()?,
        client_epoch: claims.client_epoch?,
        user,
        scopes: Scopes::parse(claims.scope.as_deref().unwrap_or_default()),
        expires_at: Timestamp::from_second(claims.exp).ok()?,
    })
}
