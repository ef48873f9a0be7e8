//! A user as she travels in this dialect, and answers with their media types.
//!
//! What would surprise: names that mean something to this interface never come from a custom field, in or out
//! (`api/kii.md` 5.2). Clients post back all that they have read, live tokens included.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::bag::Bag;
use super::networks;
use crate::app::App;
use crate::domain::{Object, UserWithIdentities, spelling};
use crate::error::Error;
use crate::id::{TenantId, UserId};

/// Names that are no custom fields.
const RESERVED: [&str; 27] = [
    "userID",
    "id",
    "internalUserID",
    "loginName",
    "displayName",
    "country",
    "locale",
    "emailAddress",
    "emailAddressVerified",
    "phoneNumber",
    "phoneNumberVerified",
    "password",
    "created",
    "modified",
    "createdAt",
    "modifiedAt",
    "access_token",
    "refresh_token",
    "expires_in",
    "token_type",
    "new_user_created",
    "errorCode",
    "message",
    "suppressed",
    "error",
    "error_description",
    "appID",
];

/// How much of a user is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Everything: to herself and the administrator.
    Whole,
    /// What the application lets others see.
    Exposed,
    /// Who she is.
    Name,
}

/// Whether a name may be that of a custom field.
pub fn is_custom(name: &str) -> bool {
    !name.starts_with('_') && !RESERVED.contains(&name)
}

/// A number of a user that stays, exact in a number of JavaScript.
pub fn internal_id(user: UserId) -> u64 {
    let [_, _, _, _, a, b, c, d, e, f, g, h] = *user.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) & ((1 << 52) - 1)
}

/// Whether she has a password here.
pub fn has_password(found: &UserWithIdentities) -> bool {
    found.identities.iter().any(|identity| identity.has_password)
}

/// A user.
///
/// # Errors
/// Those of the store.
pub async fn user(
    app: &App,
    tenant: TenantId,
    found: &UserWithIdentities,
    bag: &Bag,
    sight: Sight,
) -> Result<Object, Error> {
    let profile = &found.user.profile;
    let mut shown = Object::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            shown.insert(name.to_owned(), value);
        }
    };
    let text = |value: &Option<String>| value.clone().map(Value::from);
    put("userID", Some(spelling::uuid(found.user.id).into()));
    put("loginName", text(&profile.username));
    put("displayName", text(&profile.name));
    put("_disabled", Some((found.user.blocked == Some(true)).into()));
    if sight == Sight::Name {
        return Ok(shown);
    }
    put("internalUserID", Some(internal_id(found.user.id).into()));
    put("country", text(&bag.country));
    put("locale", text(&bag.locale));
    for (name, address, verified) in [
        ("emailAddress", &profile.email, profile.email_verified),
        ("phoneNumber", &profile.phone_number, profile.phone_verified),
    ] {
        if let Some(address) = address {
            put(name, Some(address.clone().into()));
            put(&format!("{name}Verified"), Some((verified == Some(true)).into()));
        }
    }
    put("created", Some(found.user.created_at.as_millisecond().into()));
    put("modified", Some(found.updated_at().as_millisecond().into()));
    if sight == Sight::Whole {
        put("_hasPassword", Some(has_password(found).into()));
        let pending = |to_prove: &Option<super::bag::ToProve>, is: &Option<String>| {
            let address = to_prove.as_ref().map(|to_prove| to_prove.address.clone());
            address.filter(|address| Some(address) != is.as_ref()).map(Value::from)
        };
        put("_emailAddressPending", pending(&bag.email, &profile.email));
        put("_phoneNumberPending", pending(&bag.phone, &profile.phone_number));
        put("_thirdPartyAccounts", Some(accounts(app, tenant, found).await?.into()));
    }
    for (name, value) in &bag.custom {
        if is_custom(name) {
            shown.insert(name.clone(), value.clone());
        }
    }
    Ok(shown)
}

/// Her accounts elsewhere: of each network the oldest.
async fn accounts(app: &App, tenant: TenantId, found: &UserWithIdentities) -> Result<Object, Error> {
    let mut accounts = Object::new();
    for identity in &found.identities {
        let label = app.label(tenant, identity.key.connection).await?;
        let Some(network) = networks::of_provider(&label.provider) else {
            continue;
        };
        if accounts.contains_key(network.key) {
            continue;
        }
        // The first half of an id is when it was made.
        let [a, b, c, d, e, f, ..] = *identity.id.as_bytes();
        let account = json!({
            "id": identity.key.subject,
            "type": network.key,
            "createdAt": u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
        });
        accounts.insert(network.key.to_owned(), account);
    }
    Ok(accounts)
}

/// An answer of one of Kii's types.
pub fn answer(status: StatusCode, name: &str, body: &Object) -> Response {
    let mut response = json_text(status, body);
    if let Ok(media_type) = HeaderValue::try_from(format!("application/vnd.kii.{name}+json")) {
        response.headers_mut().insert(CONTENT_TYPE, media_type);
    }
    response
}

/// An answer of the type `application/json`.
pub fn json_text(status: StatusCode, body: &Object) -> Response {
    let text = serde_json::to_string(body).unwrap_or_default();
    let mut response = (status, text).into_response();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
