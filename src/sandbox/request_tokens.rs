//! OAuth 1.0a from the request token to the access token (RFC 5849, 2).

use super::answer::Answer;
use super::call::Call;
use super::oauth1::{self, Refusal, With};
use super::spelling;
use super::world::{Asked, Grant, Order, World};

/// For how many seconds a request token is good.
const LIFETIME_SECONDS: i64 = 600;

/// Makes a request token (2.1).
pub fn request(world: &World, call: &Call, refuse: fn(Refusal) -> Answer) -> Answer {
    let signed = match oauth1::check(world, call, With::Nothing) {
        Ok(signed) => signed,
        Err(refusal) => return refuse(refusal),
    };
    let Some(callback) = signed
        .parameter("oauth_callback")
        .filter(|callback| !callback.is_empty())
    else {
        return refuse(Refusal::Absent("oauth_callback"));
    };
    let (token, secret) = (
        spelling::letters(&*world.random, 27),
        spelling::letters(&*world.random, 32),
    );
    let grant = Grant {
        network: call.network,
        account: None,
        client: signed.application.id.clone(),
        redirect_uri: callback.to_owned(),
        expires_at: world.after(LIFETIME_SECONDS),
        asked: Asked::Token {
            secret: secret.clone(),
            verifier: spelling::letters(&*world.random, 32),
        },
    };
    world.state.lock().grants.insert(token.clone(), grant);
    Answer::form(
        200,
        &[
            ("oauth_token", &token),
            ("oauth_token_secret", &secret),
            ("oauth_callback_confirmed", "true"),
        ],
    )
}

/// Exchanges a request token, once, for an access token (2.3).
pub fn exchange(world: &World, call: &Call, refuse: fn(Refusal) -> Answer) -> Answer {
    let signed = match oauth1::check(world, call, With::RequestToken) {
        Ok(signed) => signed,
        Err(refusal) => return refuse(refusal),
    };
    let of_body = call.field("oauth_verifier");
    let given = signed.parameter("oauth_verifier").map(str::to_owned).or(of_body);
    let Some(given) = given else {
        return refuse(Refusal::Absent("oauth_verifier"));
    };
    let grant = world.state.lock().grants.remove(&signed.token);
    let account = match grant {
        Some(Grant {
            account: Some(account),
            asked: Asked::Token { verifier, .. },
            ..
        }) if verifier == given => account,
        Some(_) | None => return refuse(Refusal::Token),
    };
    let Some(owner) = world.account(call.network, &account) else {
        return refuse(Refusal::Token);
    };
    let issued = world.issue(&Order {
        network: call.network,
        account,
        client: Some(signed.application.id),
        scopes: Vec::new(),
        lifetime: None,
        family: None,
        with_refresh: false,
        signs: true,
    });
    Answer::form(
        200,
        &[
            ("oauth_token", &issued.access),
            ("oauth_token_secret", issued.secret.as_deref().unwrap_or_default()),
            ("user_id", &owner.id),
            ("screen_name", &owner.username),
        ],
    )
}
