//! Any OAuth 1.0a server, by configuration alone.
//!
//! Options of the connection: `profile_endpoint`, which tells who a token is, and `subject_claim`, where the
//! id is if not in `id`. As everywhere with OAuth 1.0a the signature ties a token to our application.

use super::{Answer, At, Bare, Endpoints, Inquiry, Network, Told, Unproved, id_text, oauth1, standard_claims};

pub(super) static OAUTH1: Network = Network {
    id: "oauth1",
    name: "OAuth 1.0a",
    bare: Bare::Asked(&[Inquiry {
        ask: |at, tokens, _| oauth1::signed_get(at, at.option("profile_endpoint")?, &[], tokens),
        read: profile,
    }]),
    id_tokens: None,
    scopes: &[],
    endpoints: Endpoints::OF_CONNECTION,
};

fn profile(at: &At<'_>, answer: &Answer, told: &mut Told) -> Result<(), Unproved> {
    let person = answer.accepted()?;
    told.ours = true;
    told.account(id_text(person.get(at.option("subject_claim").unwrap_or("id"))))?;
    told.claims.extend(standard_claims(person));
    Ok(())
}
