//! The act by which one user becomes part of another.
//!
//! What would surprise: an alias always leads to a user. When a survivor is absorbed later
//! herself, the aliases that led to her are pointed on, so that nobody follows a chain.

use rusqlite::params;

use super::rows::Sql as _;
use super::rows::corrupt;
use super::users::{self, Sessions};
use super::writer::{NewKeys, Stop, Tx, Verdict};
use super::{identities, once};
use crate::domain::Identity;
use crate::id::TenantId;
use crate::secret::Sealed;
use crate::store::{Absorb, Acted};

/// Makes one user part of another.
pub(super) fn absorb(tx: &mut Tx<'_>, tenant: TenantId, absorb: &Absorb, keys: NewKeys) -> Verdict<Acted> {
    if let Some(spend) = &absorb.spend
        && once::find_spent(tx.sql, tenant, spend.token)?.is_some()
    {
        return Err(Stop::refused(Acted::Spent));
    }
    users::expect_version(tx.sql, tenant, absorb.survivor, absorb.survivor_version)?;
    users::expect_version(tx.sql, tenant, absorb.absorbed, absorb.absorbed_version)?;
    let moving = identities::of_user(tx.sql, tenant, absorb.absorbed)?;
    let next = identities::next_position(tx.sql, tenant, absorb.survivor)?;
    let (Some(next), true) = (next, keys == NewKeys::Kept && is_sealed_again(&moving, absorb)) else {
        return Err(Stop::refused(Acted::Changed));
    };
    let Some(born) = moving.first() else {
        return Err(Stop::Failed(corrupt(format!(
            "identities: {} has none",
            absorb.absorbed
        ))));
    };
    for (identity, position) in moving.iter().zip(next..) {
        let profile = if identity.is_primary() {
            &absorb.profile
        } else {
            &identity.profile
        };
        let tokens = sealed_for(absorb, identity);
        identities::hand_over(tx.sql, tenant, identity, absorb.survivor, position, profile, tokens)?;
    }
    users::delete(tx.sql, tenant, absorb.absorbed)?;
    tx.sql.run(
        "UPDATE aliases SET survivor = ?3 WHERE tenant = ?1 AND survivor = ?2",
        params![tenant, absorb.absorbed, absorb.survivor],
    )?;
    tx.sql.run(
        "INSERT INTO aliases (tenant, id, survivor, identity) VALUES (?1, ?2, ?3, ?4)",
        params![tenant, absorb.absorbed, absorb.survivor, born.id],
    )?;
    users::touch(
        tx.sql,
        tenant,
        absorb.survivor,
        absorb.event.at,
        Sessions::GoBut(absorb.keep),
    )?;
    tx.doom_key(tenant, absorb.absorbed)?;
    if let Some(spend) = &absorb.spend {
        once::spend(tx.sql, tenant, spend)?;
    }
    tx.record(tenant, &absorb.event)?;
    Ok(Acted::Done)
}

/// Whether the token sets that were sealed again are those of the identities that move,
/// and the two users are two.
fn is_sealed_again(moving: &[Identity], absorb: &Absorb) -> bool {
    let with_tokens = moving.iter().filter(|identity| identity.has_tokens);
    absorb.survivor != absorb.absorbed
        && with_tokens.clone().count() == absorb.tokens.len()
        && with_tokens
            .clone()
            .all(|identity| sealed_for(absorb, identity).is_some())
}

fn sealed_for<'a>(absorb: &'a Absorb, identity: &Identity) -> Option<&'a Sealed> {
    absorb
        .tokens
        .iter()
        .find(|(id, _)| *id == identity.id)
        .map(|(_, sealed)| sealed)
}
