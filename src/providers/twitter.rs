//! Twitter, now X: OAuth 1.0a, where the signature itself ties a token to our application, and OAuth 2,
//! where nothing does.
//!
//! A pair that was made for another consumer key does not verify under ours, so asking who it is, signed,
//! proves both at once. A bearer token of OAuth 2 is refused: no published call says whose application it is
//! for. The subject is `id_str`; `screen_name` can be given up and taken by somebody else, so it is display data
//! (LNK-07).

use super::{At, Bare, Endpoints, Inquiry, Network, Told, Unproved, id_text, oauth1};
use crate::error::NetworkRefusal;

const CREDENTIALS: &str = "https://api.twitter.com/1.1/account/verify_credentials.json";

pub(super) static TWITTER: Network = Network {
    id: "twitter",
    name: "Twitter",
    bare: Bare::Asked(&[Inquiry {
        ask: |at, tokens, _| oauth1::signed_get(at, &at.address(CREDENTIALS), &[("include_email", "true")], tokens),
        read: credentials,
    }]),
    id_tokens: None,
    scopes: &[],
    endpoints: Endpoints {
        request_token: Some("https://api.twitter.com/oauth/request_token"),
        authorization: Some("https://api.twitter.com/oauth/authorize"),
        token: Some("https://api.twitter.com/oauth/access_token"),
        revocation: Some("https://api.twitter.com/1.1/oauth/invalidate_token"),
        refreshes: false,
    },
};

fn credentials(_: &At<'_>, answer: &super::Answer, told: &mut Told) -> Result<(), Unproved> {
    // Error 32 is "could not authenticate you", 89 an invalid or expired token, 326 a locked account.
    if answer.status.is_client_error() {
        return Err(NetworkRefusal::NotAccepted.into());
    }
    let user = answer.accepted()?;
    told.ours = true;
    told.account(id_text(user.get("id_str")))?;
    told.claim("name", user.get("name"));
    told.claim("nickname", user.get("screen_name"));
    told.claim("picture", user.get("profile_image_url_https"));
    // Twitter tells addresses only once they are confirmed, and does not say so in the answer.
    told.claim("email", user.get("email"));
    Ok(())
}
