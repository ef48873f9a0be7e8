//! Microsoft: discovery and key sets of its tenants, and who somebody is at Graph.
//!
//! What would surprise: the issuer of an ID token is that of the account's own tenant, and the discovery
//! documents of `common` and `organizations` have a template in its place; `sub` is another one for each
//! application, and `oid` in the tenant is what stays.

use serde_json::json;

use super::answer::Answer;
use super::call::Call;
use super::consent;
use super::exchange::{self, Wrong};
use super::network::Network;
use super::oauth2;
use super::oidc::{self, Endpoints};
use super::world::{Standing, World};

/// The tenant of personal accounts.
pub const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Answers a request; nothing when there is nothing at its path.
pub fn answer(world: &World, call: &Call) -> Option<Answer> {
    let parts = call.segments();
    match (call.method.as_str(), call.host.as_str(), parts.as_slice()) {
        ("GET", "login.microsoftonline.com", [tenant, "v2.0", ".well-known", "openid-configuration"]) => {
            Some(discovery(world, tenant))
        }
        ("GET", "login.microsoftonline.com", [tenant, "discovery", "v2.0", "keys"]) => Some(oidc::key_set(
            world,
            Network::Microsoft,
            &json!({"issuer": issuer(tenant)}),
        )),
        ("GET" | "POST", "login.microsoftonline.com", [_, "oauth2", "v2.0", "authorize"]) => {
            Some(consent::oauth2(world, call))
        }
        ("POST", "login.microsoftonline.com", [_, "oauth2", "v2.0", "token"]) => {
            Some(match exchange::exchange(world, call) {
                Ok(exchanged) => Answer::json(200, &exchanged.to_json("Bearer", " ")),
                Err(wrong) => refuse_exchange(world, wrong),
            })
        }
        ("GET" | "POST", "graph.microsoft.com", ["oidc", "userinfo"]) => Some(userinfo(world, call)),
        ("GET", "graph.microsoft.com", ["v1.0", "me"]) => Some(me(world, call)),
        _ => None,
    }
}

/// The issuer of a tenant, or the template of those that stand for several.
fn issuer(tenant: &str) -> String {
    let tenant = match tenant {
        "common" | "organizations" => "{tenantid}",
        "consumers" => PERSONAL,
        own => own,
    };
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

fn discovery(world: &World, tenant: &str) -> Answer {
    let at = |path: &str| format!("https://login.microsoftonline.com/{tenant}/{path}");
    oidc::discovery(
        world,
        &Endpoints {
            issuer: &issuer(tenant),
            authorization: &at("oauth2/v2.0/authorize"),
            token: &at("oauth2/v2.0/token"),
            userinfo: Some("https://graph.microsoft.com/oidc/userinfo"),
            keys: &at("discovery/v2.0/keys"),
            revocation: None,
            introspection: None,
        },
    )
}

/// A refusal with the number that Microsoft's list of codes has for it.
fn refuse_exchange(world: &World, wrong: Wrong) -> Answer {
    let (status, error, code, why) = match wrong {
        Wrong::Application => (
            400,
            "unauthorized_client",
            700_016,
            "Application was not found in the directory.",
        ),
        Wrong::Secret => (401, "invalid_client", 7_000_215, "Invalid client secret provided."),
        Wrong::GrantType => (
            400,
            "unsupported_grant_type",
            70_003,
            "The grant type is not supported.",
        ),
        Wrong::Absent => (
            400,
            "invalid_request",
            900_144,
            "The request body must contain the parameter.",
        ),
        Wrong::Code | Wrong::Refresh => (400, "invalid_grant", 70_000, "The provided grant is invalid."),
        Wrong::UsedCode => (
            400,
            "invalid_grant",
            54_005,
            "OAuth2 Authorization code was already redeemed.",
        ),
        Wrong::RedirectUri => (400, "invalid_grant", 50_011, "The redirect URI does not match."),
        Wrong::Verifier => (
            400,
            "invalid_grant",
            501_481,
            "The Code_Verifier does not match the code_challenge.",
        ),
    };
    Answer::json(
        status,
        &json!({
            "error": error,
            "error_description": format!("AADSTS{code}: {why}"),
            "error_codes": [code],
            "timestamp": world.now().to_string(),
            "trace_id": "00000000-0000-0000-0000-000000000000",
            "correlation_id": "00000000-0000-0000-0000-000000000000",
        }),
    )
}

fn userinfo(world: &World, call: &Call) -> Answer {
    match world.good(call, call.bearer()) {
        Ok(found) => {
            let mut claims = oauth2::standard_claims(&found);
            if let Some(claims) = claims.as_object_mut() {
                let subject = oidc::pairwise(&found.account, &world.audience(&found));
                claims.insert("sub".to_owned(), json!(subject));
                claims.shift_remove("preferred_username");
                claims.shift_remove("email_verified");
            }
            Answer::json(200, &claims)
        }
        Err(standing) => refuse(standing),
    }
}

fn me(world: &World, call: &Call) -> Answer {
    match world.good(call, call.bearer()) {
        Ok(found) => {
            let account = &found.account;
            let (given, family) = account.names();
            Answer::json(
                200,
                &json!({
                    "id": account.id,
                    "displayName": account.name,
                    "givenName": given,
                    "surname": family,
                    "mail": account.email,
                    "userPrincipalName": account.email.as_deref().unwrap_or(&account.username),
                }),
            )
        }
        Err(standing) => refuse(standing),
    }
}

fn refuse(standing: Option<Standing>) -> Answer {
    let message = match standing {
        Some(Standing::Expired) => "Lifetime validation failed, the token is expired.",
        Some(Standing::Revoked | Standing::Good) | None => "Access token validation failure.",
    };
    Answer::json(
        401,
        &json!({"error": {"code": "InvalidAuthenticationToken", "message": message, "innerError": {}}}),
    )
    .asking("Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\"")
}
