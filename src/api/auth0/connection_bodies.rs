//! What the bodies of `/api/v2/connections` may hold (`api/auth0.md` 11.1).
//!
//! What would surprise: `options` is an open object, but what looks like a secret in it is
//! refused, unless it is `client_secret`: that one alone is kept sealed. It is shown to
//! nobody, so whoever sends `options` back as they were read has not got it; it stays then,
//! with the application that it belongs to.

use serde_json::{Value, json};

use super::names;
use crate::app::connections::ConnectionRequest;
use crate::domain::profile::is_display_text;
use crate::domain::spelling::{self, AUTH0_PROVIDERS};
use crate::domain::{Connection, Object};
use crate::secret::SecretString;
use crate::web::{Fault, Fields, JsonType, Reason};

/// What a name must match.
pub const NAME_PATTERN: &str = "^[a-zA-Z0-9](-[a-zA-Z0-9]|[a-zA-Z0-9])*$";

/// How good passwords must be, from the least on.
pub const POLICIES: &[&str] = &["none", "low", "fair", "good", "excellent"];

/// Reads a connection to be made.
pub fn read(body: Object) -> Result<ConnectionRequest, Fault> {
    let mut fields = Fields::new(body);
    let name = fields.text("name")?;
    check_name(&name).map_err(|reason| fields.fault("name", reason))?;
    let strategy = fields.opt_word("strategy", AUTH0_PROVIDERS)?;
    let strategy = strategy.ok_or_else(|| fields.fault("strategy", Reason::MissingRequired))?;
    let mut kept = Object::new();
    kept.insert("strategy".to_owned(), strategy.into());
    kept.extend(read_members(&mut fields)?);
    let options = match fields.opt_fields("options")? {
        Some(options) => Options::read(options)?,
        None => Options::default(),
    };
    fields.finish()?;
    options.check(strategy)?;
    let issuer = options.kept.get("issuer").and_then(Value::as_str).map(str::to_owned);
    kept.insert("options".to_owned(), options.kept.into());
    Ok(ConnectionRequest {
        name,
        provider: spelling::core_provider(strategy).to_owned(),
        issuer: issuer.filter(|_| names::has_own_issuer(strategy)),
        client_id: options.client_id,
        client_secret: options.client_secret,
        auth0: kept,
    })
}

/// What shall be different about a connection.
pub struct Changes {
    /// Members that replace those of the same name.
    kept: Object,
    /// Options that replace all that there were.
    options: Option<Options>,
}

impl Changes {
    /// Reads the changes: a body with at least one member. Without a `display_name` that
    /// becomes the name again.
    pub fn read(body: Object) -> Result<Self, Fault> {
        if body.is_empty() {
            return Err(Fault::new("", Reason::Other("At least one property is needed")));
        }
        let mut fields = Fields::new(body);
        let mut kept = Object::new();
        if fields.take_null("enabled_clients") {
            kept.insert("enabled_clients".to_owned(), json!([]));
        }
        kept.extend(read_members(&mut fields)?);
        let options = fields.opt_fields("options")?.map(Options::read).transpose()?;
        fields.finish()?;
        Ok(Self { kept, options })
    }

    /// A new secret of our application at the provider.
    pub fn client_secret(&self) -> Option<&SecretString> {
        self.options.as_ref()?.client_secret.as_ref()
    }

    /// Changes a connection.
    pub fn apply(&self, connection: &mut Connection) -> Result<(), Fault> {
        let strategy = spelling::auth0_strategy(connection).to_owned();
        let members = &mut connection.auth0;
        members.insert("display_name".to_owned(), connection.name.clone().into());
        members.extend(self.kept.clone());
        let Some(options) = &self.options else { return Ok(()) };
        options.check(&strategy)?;
        let issuer = options.kept.get("issuer").and_then(Value::as_str);
        if names::has_own_issuer(&strategy) && issuer.is_some_and(|issuer| issuer != connection.issuer) {
            let reason = Reason::Other("It is fixed, because users are known by it");
            return Err(Fault::new("options.issuer", reason));
        }
        members.insert("options".to_owned(), options.kept.clone().into());
        connection.client_id.clone_from(&options.client_id);
        Ok(())
    }
}

/// Reads the members that are the same in all bodies, but for `options`.
fn read_members(fields: &mut Fields) -> Result<Object, Fault> {
    let mut kept = Object::new();
    if let Some(display_name) = fields.opt_text("display_name")? {
        let (len, max) = (display_name.chars().count(), 128);
        if len > max {
            return Err(fields.fault("display_name", Reason::TooLong { len, max }));
        }
        if !is_display_text(&display_name) {
            return Err(fields.fault("display_name", Reason::Control));
        }
        kept.insert("display_name".to_owned(), display_name.into());
    }
    for flag in ["is_domain_connection", "show_as_button"] {
        if let Some(value) = fields.opt_bool(flag)? {
            kept.insert(flag.to_owned(), value.into());
        }
    }
    for list in ["enabled_clients", "realms"] {
        if let Some(items) = fields.opt_array(list)? {
            if let Some((n, other)) = items.iter().enumerate().find(|(_, item)| !item.is_string()) {
                return Err(wrong_type(&format!("{list}[{n}]"), JsonType::String, other));
            }
            kept.insert(list.to_owned(), items.into());
        }
    }
    if let Some(metadata) = fields.opt_object("metadata")? {
        check_metadata("metadata", &metadata)?;
        kept.insert("metadata".to_owned(), metadata.into());
    }
    for purpose in ["authentication", "connected_accounts"] {
        if let Some(mut purposes) = fields.opt_fields(purpose)? {
            let mut flags = json!({ "active": purposes.bool("active")? });
            if let (Some(value), Some(flags)) = (purposes.opt_bool("cross_app_access")?, flags.as_object_mut()) {
                flags.insert("cross_app_access".to_owned(), value.into());
            }
            purposes.finish()?;
            kept.insert(purpose.to_owned(), flags);
        }
    }
    Ok(kept)
}

/// Options, and what of them is kept elsewhere.
#[derive(Default)]
struct Options {
    kept: Object,
    client_id: Option<String>,
    client_secret: Option<SecretString>,
}

impl Options {
    /// Reads the options that this server goes by, and keeps the rest as it is.
    fn read(mut options: Fields) -> Result<Self, Fault> {
        let client_id = options.opt_text("client_id")?;
        let client_secret = options.opt_text("client_secret")?.map(Into::into);
        if let Some(name) = options.rest().find(|name| is_secret(name)) {
            let reason = Reason::Other("Only client_secret can be kept here without being read by others");
            return Err(options.fault(name, reason));
        }
        let issuer = options.clone().opt_text("issuer")?;
        if issuer.is_some_and(|issuer| !(1..=255).contains(&issuer.len())) {
            return Err(options.fault("issuer", Reason::TooLong { len: 256, max: 255 }));
        }
        Ok(Self {
            kept: options.into_rest(),
            client_id,
            client_secret,
        })
    }

    /// That the options mean something for a connection of this strategy.
    fn check(&self, strategy: &str) -> Result<(), Fault> {
        if strategy == "auth0" {
            let mut known = Fields::below("options", self.kept.clone());
            known.opt_bool("requires_username")?;
            known.opt_word("passwordPolicy", POLICIES)?;
        }
        Ok(())
    }
}

/// Whether a member of this name would hold a secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["secret", "token", "password", "private_key", "privatekey", "signingkey"]
        .iter()
        .any(|end| name.ends_with(end))
        || name == "configuration"
}

fn check_name(name: &str) -> Result<(), Reason> {
    let (len, max) = (name.len(), 128);
    if len > max {
        return Err(Reason::TooLong { len, max });
    }
    let words = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric());
    match name.split('-').all(words) {
        true => Ok(()),
        false => Err(Reason::Pattern(NAME_PATTERN)),
    }
}

/// At most ten pairs of strings, each of at most 255 characters.
pub fn check_metadata(path: &str, metadata: &Object) -> Result<(), Fault> {
    if metadata.len() > 10 {
        let (len, max) = (metadata.len(), 10);
        return Err(Fault::new(path, Reason::TooLong { len, max }));
    }
    for (key, value) in metadata {
        let path = format!("{path}.{key}");
        let text = value
            .as_str()
            .ok_or_else(|| wrong_type(&path, JsonType::String, value))?;
        let (len, max) = (key.chars().count().max(text.chars().count()), 255);
        if len > max {
            return Err(Fault::new(path, Reason::TooLong { len, max }));
        }
    }
    Ok(())
}

/// A fault of a value that has another type.
pub fn wrong_type(path: &str, expected: JsonType, found: &Value) -> Fault {
    let found = JsonType::of(found);
    Fault::new(path, Reason::WrongType { expected, found })
}
