//! Auth0's JSON of clients, both ways (`api/auth0.md` 11.3).
//!
//! What would surprise: most properties are kept and shown, and nothing here goes by them.
//! Those that this server goes by are `grant_types`, of which it knows two;
//! `token_endpoint_auth_method`, whether there is a secret; `web_origins`; and how long ID
//! tokens live. A secret is shown when it is made and never again, for only its digest is kept.

use http::Uri;
use serde_json::{Value, json};

use super::connection_bodies::{check_metadata, is_secret, wrong_type};
use super::wire;
use crate::app::clients::ClientRequest;
use crate::app::log_in::ID_TOKEN_FOR;
use crate::domain::profile::is_display_text;
use crate::domain::{Client, Grant, Object};
use crate::secret::{ExposeSecret, SecretString};
use crate::web::{Fault, Fields, JsonType, Reason};

/// What a name must match.
pub const NAME_PATTERN: &str = "^[^<>]+$";

/// Properties that are texts, and how long they may be.
pub const TEXTS: &[(&str, usize)] = &[
    ("description", 140),
    ("logo_uri", 2048),
    ("initiate_login_uri", 2048),
    ("cross_origin_loc", 2048),
    ("form_template", 10_000),
    ("custom_login_page", 10_000),
];

/// Properties that are flags.
pub const FLAGS: &[&str] = &[
    "is_first_party",
    "oidc_conformant",
    "sso",
    "sso_disabled",
    "cross_origin_authentication",
    "cross_origin_auth",
    "custom_login_page_on",
    "is_token_endpoint_ip_header_trusted",
    "require_pushed_authorization_requests",
    "require_proof_of_possession",
];

/// Properties that are lists of texts.
pub const LISTS: &[&str] = &[
    "callbacks",
    "allowed_logout_urls",
    "allowed_origins",
    "allowed_clients",
    "client_aliases",
];

/// Properties that are objects, kept as they are.
pub const OBJECTS: &[&str] = &[
    "refresh_token",
    "mobile",
    "native_social_login",
    "oidc_logout",
    "default_organization",
];

/// Properties that are one of some words.
pub const WORDS: &[(&str, &[&str])] = &[
    ("app_type", APP_TYPES),
    ("organization_usage", &["deny", "allow", "require"]),
    (
        "organization_require_behavior",
        &["no_prompt", "pre_login_prompt", "post_login_prompt"],
    ),
    (
        "token_endpoint_auth_method",
        &["none", "client_secret_post", "client_secret_basic"],
    ),
];

/// What applications there are.
pub const APP_TYPES: &[&str] = &[
    "native",
    "spa",
    "regular_web",
    "non_interactive",
    "resource_server",
    "express_configuration",
    "rms",
    "box",
    "cloudbees",
    "concur",
    "dropbox",
    "mscrm",
    "echosign",
    "egnyte",
    "newrelic",
    "office365",
    "salesforce",
    "sentry",
    "sharepoint",
    "slack",
    "springcm",
    "zendesk",
    "zoom",
    "sso_integration",
    "oag",
];

/// The ways to ask for tokens that the contract has, and those of them that there are here.
pub const GRANT_TYPES: &[(&str, Option<Grant>)] = &[
    ("client_credentials", Some(Grant::ClientCredentials)),
    (
        "http://auth0.com/oauth/grant-type/password-realm",
        Some(Grant::PasswordRealm),
    ),
    ("authorization_code", None),
    ("implicit", None),
    ("refresh_token", None),
    ("password", None),
    ("http://auth0.com/oauth/grant-type/mfa-oob", None),
    ("http://auth0.com/oauth/grant-type/mfa-otp", None),
    ("http://auth0.com/oauth/grant-type/mfa-recovery-code", None),
    ("http://auth0.com/oauth/grant-type/passwordless/otp", None),
    ("urn:ietf:params:oauth:grant-type:device_code", None),
    ("urn:ietf:params:oauth:grant-type:token-exchange", None),
    (
        "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token",
        None,
    ),
    ("urn:openid:params:grant-type:ciba", None),
];

/// What becomes of properties that nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// They are refused.
    Refuse,
    /// They are passed over.
    Drop,
}

/// Reads a client to be made.
pub fn read(body: Object, unknown: Unknown) -> Result<ClientRequest, Fault> {
    let mut changes = Changes::read_fields(Fields::new(body), unknown)?;
    let name = changes
        .name
        .take()
        .ok_or_else(|| Fault::new("name", Reason::MissingRequired))?;
    let kind = changes.kept.get("app_type").and_then(Value::as_str);
    let for_devices = matches!(kind, Some("spa" | "native"));
    if for_devices && !changes.kept.contains_key("token_endpoint_auth_method") {
        let method = json!("none");
        changes.kept.insert("token_endpoint_auth_method".to_owned(), method);
    }
    let public = changes
        .kept
        .get("token_endpoint_auth_method")
        .is_some_and(|method| method == "none");
    let grants = match changes.grants {
        Some(grants) => grants,
        None if public => Vec::new(),
        None => vec![Grant::ClientCredentials],
    };
    Ok(ClientRequest {
        name,
        grants,
        auth0: changes.kept,
    })
}

/// What shall be different about a client.
pub struct Changes {
    name: Option<String>,
    grants: Option<Vec<Grant>>,
    kept: Object,
}

impl Changes {
    /// Reads the changes: a body with at least one property.
    pub fn read(body: Object, unknown: Unknown) -> Result<Self, Fault> {
        if body.is_empty() {
            return Err(Fault::new("", Reason::Other("At least one property is needed")));
        }
        Self::read_fields(Fields::new(body), unknown)
    }

    /// Changes a client.
    pub fn apply(&self, client: &mut Client) {
        if let Some(name) = &self.name {
            client.name.clone_from(name);
        }
        if let Some(grants) = &self.grants {
            client.grants.clone_from(grants);
        }
        client.auth0.extend(self.kept.clone());
    }

    fn read_fields(mut fields: Fields, unknown: Unknown) -> Result<Self, Fault> {
        let name = fields.opt_text("name")?;
        if let Some(name) = &name {
            check_text(&fields, "name", name, 255)?;
            if name.is_empty() || name.contains(['<', '>']) {
                return Err(fields.fault("name", Reason::Pattern(NAME_PATTERN)));
            }
        }
        let mut kept = Object::new();
        for (name, max) in TEXTS {
            if let Some(text) = fields.opt_text(name)? {
                check_text(&fields, name, &text, *max)?;
                kept.insert((*name).to_owned(), text.into());
            }
        }
        for name in FLAGS {
            if let Some(flag) = fields.opt_bool(name)? {
                kept.insert((*name).to_owned(), flag.into());
            }
        }
        for (name, words) in WORDS {
            if let Some(word) = fields.opt_word(name, words)? {
                kept.insert((*name).to_owned(), word.into());
            }
        }
        for name in LISTS {
            if let Some(texts) = read_texts(&mut fields, name)? {
                kept.insert((*name).to_owned(), texts.into());
            }
        }
        for name in OBJECTS {
            if let Some(object) = fields.opt_object(name)? {
                if let Some(secret) = object
                    .keys()
                    .find(|member| is_secret(member) && *member != "refresh_token")
                {
                    let reason = Reason::Other("Nothing secret can be kept here");
                    return Err(Fault::new(format!("{name}.{secret}"), reason));
                }
                kept.insert((*name).to_owned(), object.into());
            }
        }
        if let Some(origins) = read_texts(&mut fields, "web_origins")? {
            if let Some(n) = origins.iter().position(|origin| !is_origin(origin)) {
                let reason = Reason::Other("It must be what browsers send: scheme://host:port in lower case, no more");
                return Err(Fault::new(format!("web_origins[{n}]"), reason));
            }
            kept.insert("web_origins".to_owned(), origins.into());
        }
        if let Some(metadata) = fields.opt_object("client_metadata")? {
            check_metadata("client_metadata", &metadata)?;
            kept.insert("client_metadata".to_owned(), metadata.into());
        }
        if let Some(configuration) = fields.opt_fields("jwt_configuration")? {
            kept.insert("jwt_configuration".to_owned(), read_jwt(configuration)?.into());
        }
        let grants = match read_texts(&mut fields, "grant_types")? {
            None => None,
            Some(names) => {
                let grants = read_grants(&names)?;
                kept.insert("grant_types".to_owned(), names.into());
                Some(grants)
            }
        };
        if unknown == Unknown::Refuse {
            fields.finish()?;
        }
        Ok(Self { name, grants, kept })
    }
}

fn check_text(fields: &Fields, name: &str, text: &str, max: usize) -> Result<(), Fault> {
    let len = text.chars().count();
    if len > max {
        return Err(fields.fault(name, Reason::TooLong { len, max }));
    }
    match is_display_text(text) {
        true => Ok(()),
        false => Err(fields.fault(name, Reason::Control)),
    }
}

/// At most a hundred texts of at most 2048 characters.
fn read_texts(fields: &mut Fields, name: &str) -> Result<Option<Vec<String>>, Fault> {
    let Some(items) = fields.opt_array(name)? else {
        return Ok(None);
    };
    if items.len() > 100 {
        let (len, max) = (items.len(), 100);
        return Err(fields.fault(name, Reason::TooLong { len, max }));
    }
    let mut texts = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let path = format!("{name}[{n}]");
        let text = item.as_str().ok_or_else(|| wrong_type(&path, JsonType::String, item))?;
        check_text(fields, &path, text, 2048)?;
        texts.push(text.to_owned());
    }
    Ok(Some(texts))
}

fn read_grants(names: &[String]) -> Result<Vec<Grant>, Fault> {
    let mut grants = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let known = GRANT_TYPES.iter().find(|(known, _)| known == name);
        let (_, grant) = known.ok_or_else(|| {
            let reason = Reason::Other("There is no such grant type");
            Fault::new(format!("grant_types[{n}]"), reason)
        })?;
        if let Some(grant) = grant.filter(|grant| !grants.contains(grant)) {
            grants.push(grant);
        }
    }
    Ok(grants)
}

fn read_jwt(mut fields: Fields) -> Result<Object, Fault> {
    let mut kept = Object::new();
    if let Some(seconds) = fields.opt_integer("lifetime_in_seconds", 1..=2_592_000)? {
        kept.insert("lifetime_in_seconds".to_owned(), seconds.into());
    }
    if let Some(alg) = fields.opt_word("alg", &["RS256"])? {
        kept.insert("alg".to_owned(), alg.into());
    }
    if let Some(flag) = fields.opt_bool("secret_encoded")? {
        kept.insert("secret_encoded".to_owned(), flag.into());
    }
    if let Some(scopes) = fields.opt_object("scopes")? {
        kept.insert("scopes".to_owned(), scopes.into());
    }
    fields.finish()?;
    Ok(kept)
}

/// Whether a text is an origin as browsers send it (RFC 6454, 6.1): there is one spelling.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return false;
    };
    let default_port = if scheme == "https" { 443 } else { 80 };
    let port = authority.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-:[]".contains(&b);
    text == format!("{scheme}://{}{port}", authority.host())
        && authority.port_u16() != Some(default_port)
        && !authority.host().is_empty()
        && authority.host().bytes().all(plain)
}

/// A client, with its secret if it has just been made.
pub fn show(client: &Client, tenant: &str, secret: Option<&SecretString>) -> Object {
    let grant_types = |client: &Client| -> Value {
        let names = GRANT_TYPES
            .iter()
            .filter(|(_, grant)| grant.is_some_and(|grant| client.grants.contains(&grant)));
        names.map(|(name, _)| Value::from(*name)).collect()
    };
    let mut shown = Object::new();
    let mut put = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    put("tenant", tenant.into());
    put("global", json!(false));
    put("client_id", client.id.to_string().into());
    put("name", client.name.clone().into());
    put("is_first_party", json!(true));
    put("oidc_conformant", json!(true));
    put("callbacks", json!([]));
    put("grant_types", grant_types(client));
    put("token_endpoint_auth_method", json!("client_secret_post"));
    if let Some(secret) = secret {
        put("client_secret", secret.expose_secret().into());
    }
    let mut jwt = wire::object(json!({
        "alg": "RS256", "lifetime_in_seconds": ID_TOKEN_FOR.as_secs(), "secret_encoded": false,
    }));
    let mut kept = client.auth0.clone();
    if let Some(Value::Object(configuration)) = kept.shift_remove("jwt_configuration") {
        jwt.extend(configuration);
    }
    put("jwt_configuration", jwt.into());
    shown.extend(kept);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_api_15_an_origin_has_one_spelling() {
        for fine in [
            "https://app.example",
            "http://localhost:3000",
            "https://xn--bcher-kva.example:8443",
            "http://[::1]:8080",
        ] {
            assert!(is_origin(fine), "{fine}");
        }
        for bad in [
            "",
            "*",
            "null",
            "https://*.app.example",
            "https://app.example/",
            "https://app.example/path",
            "https://app.example:443",
            "http://app.example:80",
            "https://app.example:",
            "https://App.example",
            "HTTPS://app.example",
            "https://user@app.example",
            "https://app.example?x",
            "https://app.example#x",
            "app.example",
            "file://x",
            "https://",
            "https://a b",
            "https://app.example:0443",
            "https://b\u{fc}cher.example",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
