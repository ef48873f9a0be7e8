//! Facebook: the Graph API's `debug_token`, and `/me` with `appsecret_proof`.
//!
//! Errors as in *Handling Errors* of the Graph API: code 190 for tokens, with a subcode that says what
//! became of them. What would surprise: applications here require `appsecret_proof`, which is a setting
//! of an application at Facebook; and paths are the same with a version and without.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::consent;
use super::exchange::{self, Wrong};
use super::world::{Application, Found, Issued, Order, Standing, World};
use super::wrong::WrongFact;

/// Answers a request; nothing when there is nothing at its path.
pub fn answer(world: &World, call: &Call) -> Option<Answer> {
    let parts = call.segments();
    let rest = match parts.as_slice() {
        [version, rest @ ..] if is_version(version) => rest,
        rest => rest,
    };
    match (call.method.as_str(), rest) {
        ("GET", ["debug_token"]) => Some(debug_token(world, call)),
        ("GET", ["me"]) => Some(me(world, call)),
        ("GET" | "POST", ["oauth", "access_token"]) => Some(token(world, call)),
        ("GET" | "POST", ["dialog", "oauth"]) => Some(consent::oauth2(world, call)),
        ("DELETE", [id, "permissions"]) => Some(take_back(world, call, id)),
        _ => None,
    }
}

fn is_version(part: &str) -> bool {
    let number = part.strip_prefix('v').and_then(|number| number.split_once('.'));
    number.is_some_and(|(major, minor)| major.parse::<u8>().is_ok() && minor.parse::<u8>().is_ok())
}

/// The application whose access token this is: its id, a bar, its secret.
fn application_of(world: &World, call: &Call) -> Option<Application> {
    let (id, secret) = access_token(call)?.split_once('|')?;
    world.authenticate(call.network, id, secret)
}

fn access_token(call: &Call) -> Option<&str> {
    call.parameter("access_token").or_else(|| call.bearer())
}

fn debug_token(world: &World, call: &Call) -> Answer {
    let Some(application) = application_of(world, call) else {
        return oauth_exception(190, None, "Invalid OAuth access token signature.");
    };
    let Some(presented) = call.parameter("input_token") else {
        return oauth_exception(100, None, "(#100) The parameter input_token is required.");
    };
    let Some(found) = world.find(call, presented) else {
        return invalid(
            190,
            None,
            "Invalid OAuth access token - Cannot parse access token",
            json!({}),
        );
    };
    if !found.is_for(&application.id) {
        return oauth_exception(
            100,
            None,
            "(#100) The App_id in the input_token did not match the Viewing App",
        );
    }
    let is_wrong = |fact| world.is_wrong(call.network, fact);
    let about = json!({
        "app_id": world.audience_for(&found, &application.id),
        "type": if is_wrong(WrongFact::TokenType) { "PAGE" } else { "USER" },
        "application": "Sandbox",
        "data_access_expires_at": world.after(7_776_000).as_second(),
        "expires_at": found.token.expires_at.map_or(0, jiff::Timestamp::as_second),
        "issued_at": found.token.issued_at.as_second(),
        "scopes": found.token.scopes,
        "user_id": found.account.id,
    });
    match dead(&found) {
        None => {
            let mut data = about;
            if let Some(data) = data.as_object_mut() {
                data.insert("is_valid".to_owned(), json!(true));
            }
            Answer::json(200, &json!({"data": data}))
        }
        Some((subcode, message)) => invalid(190, Some(subcode), message, about),
    }
}

/// What became of a token that is not good: the subcode and the message.
fn dead(found: &Found) -> Option<(u32, &'static str)> {
    match found.standing {
        Standing::Good => None,
        Standing::Expired => Some((463, "Error validating access token: Session has expired.")),
        Standing::Revoked => Some((
            458,
            "Error validating access token: The user has not authorized application.",
        )),
    }
}

fn invalid(code: u32, subcode: Option<u32>, message: &str, about: Value) -> Answer {
    let mut data = about;
    if let Some(data) = data.as_object_mut() {
        let mut error = json!({"code": code, "message": message});
        if let (Some(error), Some(subcode)) = (error.as_object_mut(), subcode) {
            error.insert("subcode".to_owned(), json!(subcode));
        }
        data.insert("error".to_owned(), error);
        data.insert("is_valid".to_owned(), json!(false));
        data.entry("scopes").or_insert_with(|| json!([]));
    }
    Answer::json(200, &json!({"data": data}))
}

/// The bearer, when the proof is there too.
fn bearer(world: &World, call: &Call) -> Result<Found, Answer> {
    let text = access_token(call).ok_or_else(|| {
        oauth_exception(
            2500,
            None,
            "An active access token must be used to query information about the current user.",
        )
    })?;
    let found = world
        .find(call, text)
        .ok_or_else(|| oauth_exception(190, None, "Invalid OAuth access token - Cannot parse access token"))?;
    if let Some((subcode, message)) = dead(&found) {
        return Err(oauth_exception(190, Some(subcode), message));
    }
    let given = call
        .parameter("appsecret_proof")
        .ok_or_else(|| graph_exception("API calls from the server require an appsecret_proof argument"))?;
    let known = world.state.lock().applications.get(&call.network).cloned();
    let is_proof = |application: &Application| {
        let key = if world.is_wrong(call.network, WrongFact::ProofKey) {
            &application.id
        } else {
            &application.secret
        };
        found.is_for(&application.id) && proof(key, text) == given
    };
    if !known.unwrap_or_default().iter().any(is_proof) {
        return Err(graph_exception("Invalid appsecret_proof provided in the API argument"));
    }
    Ok(found)
}

/// The HMAC-SHA256 of a token under the application's secret, in hex.
fn proof(secret: &str, token: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, token.as_bytes()))
}

fn me(world: &World, call: &Call) -> Answer {
    let found = match bearer(world, call) {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    let account = &found.account;
    let (first, last) = account.names();
    let all = json!({
        "id": account.id,
        "name": account.name,
        "first_name": first,
        "last_name": last,
        // Facebook gives an address only when it has confirmed it.
        "email": account.email.as_ref().filter(|_| account.email_verified),
        "picture": {"data": {
            "height": 50, "is_silhouette": account.picture.is_none(), "url": account.picture, "width": 50,
        }},
    });
    let fields = call.parameter("fields").unwrap_or("id,name");
    let wanted = |name: &str| name == "id" || fields.split(',').any(|field| field.trim() == name);
    let Value::Object(mut shown) = all else {
        return Answer::empty(500);
    };
    shown.retain(|name, value| wanted(name) && !value.is_null());
    Answer::json(200, &Value::Object(shown))
}

/// The token endpoint, which also makes an application's own token and a longer one of a short one.
fn token(world: &World, call: &Call) -> Answer {
    let exchanged = match call.parameter("grant_type") {
        Some("client_credentials") => match exchange::client(world, call) {
            Ok(application) => {
                let token = format!("{}|{}", application.id, application.secret);
                return Answer::json(200, &json!({"access_token": token, "token_type": "bearer"}));
            }
            Err(wrong) => Err(wrong),
        },
        Some("fb_exchange_token") => longer(world, call),
        _ => exchange::exchange(world, call).map(|exchanged| exchanged.issued),
    };
    match exchanged {
        Ok(issued) => Answer::json(
            200,
            &json!({"access_token": issued.access, "token_type": "bearer", "expires_in": issued.lifetime}),
        ),
        Err(wrong) => refuse_exchange(wrong),
    }
}

/// Another token of the same account, with the whole lifetime before it.
fn longer(world: &World, call: &Call) -> Result<Issued, Wrong> {
    let application = exchange::client(world, call)?;
    let text = call.parameter("fb_exchange_token").ok_or(Wrong::Absent)?;
    let found = world
        .find(call, text)
        .filter(|found| found.is_good() && found.is_for(&application.id));
    let token = found.ok_or(Wrong::Refresh)?.token;
    Ok(world.issue(&Order {
        network: call.network,
        account: token.account,
        client: Some(application.id),
        scopes: token.scopes,
        lifetime: None,
        family: Some(token.family),
        with_refresh: false,
        signs: false,
    }))
}

fn refuse_exchange(wrong: Wrong) -> Answer {
    match wrong {
        Wrong::Application => oauth_exception(101, None, "Error validating application. Invalid application ID."),
        Wrong::Secret => oauth_exception(1, None, "Error validating client secret."),
        Wrong::GrantType | Wrong::Absent => oauth_exception(1, None, "Missing or invalid parameter."),
        Wrong::Code => oauth_exception(100, None, "Invalid verification code format."),
        Wrong::UsedCode => oauth_exception(100, Some(36009), "This authorization code has been used."),
        Wrong::RedirectUri => {
            let why = "Error validating verification code. Please make sure your redirect_uri is identical to the one you \
                       used in the OAuth dialog request";
            oauth_exception(100, Some(36008), why)
        }
        Wrong::Verifier => oauth_exception(1, None, "Invalid code_verifier parameter"),
        Wrong::Refresh => oauth_exception(190, None, "Invalid OAuth access token - Cannot parse access token"),
    }
}

/// The application gives up what the account allowed it.
fn take_back(world: &World, call: &Call, id: &str) -> Answer {
    let found = match bearer(world, call) {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    if id != "me" && id != found.account.id {
        return graph_exception("Unsupported delete request.");
    }
    world.revoke(|token| {
        token.network == call.network && token.account == found.token.account && token.client == found.token.client
    });
    Answer::json(200, &json!({"success": true}))
}

/// An error about tokens.
fn oauth_exception(code: u32, subcode: Option<u32>, message: &str) -> Answer {
    let mut error = json!({"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "sandbox"});
    if let (Some(error), Some(subcode)) = (error.as_object_mut(), subcode) {
        error.insert("error_subcode".to_owned(), json!(subcode));
    }
    Answer::json(400, &json!({"error": error}))
}

/// An error about a call.
fn graph_exception(message: &str) -> Answer {
    let error = json!({"message": message, "type": "GraphMethodException", "code": 100, "fbtrace_id": "sandbox"});
    Answer::json(400, &json!({"error": error}))
}
