//! Answers of the command line: as JSON for programs, as lines for people.
//!
//! Credentials are shown here and nowhere else, once, because nothing keeps them.

use serde_json::{Value, json};

use super::orders::Answer;
use crate::app::tenants::Credentials;
use crate::domain::{Client, Connection, Scopes, Settings, Tenant};
use crate::id::ClientId;
use crate::secret::{ExposeSecret, SecretString};

const SHOWN_ONCE: &str = "The secrets are shown this once: we keep only their hashes.";

/// Everything that a tenant's clients need in each dialect.
pub fn credentials(of: &Credentials) -> Answer {
    let data = json!({
        "tenant": of.tenant,
        "auth0": {
            "client_id": of.client_id,
            "client_secret": of.client_secret.expose_secret(),
            "audience": of.audience,
        },
        "kii": {
            "app_id": of.kii_app_id,
            "app_key": of.kii_app_key.expose_secret(),
            "client_id": of.kii_client_id,
            "client_secret": of.kii_client_secret.expose_secret(),
        },
        "knodes": {
            "customer_id": of.knodes_customer_id,
            "customer_secret": of.knodes_customer_secret.expose_secret(),
        },
    });
    let text = format!("{}\n\n{SHOWN_ONCE}", lines(&data));
    Answer { data, text }
}

/// A client with its secret.
pub fn client_secret(id: ClientId, secret: &SecretString) -> Answer {
    let data = json!({ "client_id": id, "client_secret": secret.expose_secret() });
    let text = format!("{}\n\n{SHOWN_ONCE}", lines(&data));
    Answer { data, text }
}

/// Names and ids of tenants.
pub fn tenants(all: &[Tenant]) -> Answer {
    let data = all
        .iter()
        .map(|tenant| json!({ "tenant": tenant.name, "id": tenant.id, "created_at": tenant.created_at }));
    list(
        data.collect(),
        "There are no tenants: make one with `oneself tenant create NAME`.",
    )
}

/// A tenant without its secrets.
pub fn tenant(tenant: &Tenant, clients: &[Client]) -> Answer {
    let data = json!({
        "tenant": tenant.name,
        "id": tenant.id,
        "created_at": tenant.created_at,
        "settings": tenant.settings,
        "clients": clients.iter().map(|client| json!(client.id)).collect::<Vec<_>>(),
        "kii": { "client_id": tenant.credentials.kii_client_id },
        "knodes": { "customer_id": tenant.credentials.knodes_customer_id },
    });
    let text = lines(&data);
    Answer { data, text }
}

/// The settings of a tenant, as they are now.
pub fn settings(settings: &Settings) -> Answer {
    let data = json!(settings);
    let text = lines(&data);
    Answer { data, text }
}

/// What an import came to.
pub fn import(data: Value) -> Answer {
    let mut shown = data.clone();
    let refused = shown
        .as_object_mut()
        .and_then(|shown| shown.shift_remove("first_refused"));
    let mut text = lines(&shown);
    let refused = refused.unwrap_or_default();
    for refusal in refused.as_array().into_iter().flatten() {
        let say = |name: &str| refusal.get(name).and_then(Value::as_str).unwrap_or_default();
        let line = refusal.get("line").and_then(Value::as_u64).unwrap_or_default();
        let why = format!("{} {}", say("path"), say("reason"));
        text.push_str(&format!("\nline {line} refused: {}", why.trim_start()));
    }
    Answer { data, text }
}

/// Clients without their secrets.
pub fn clients(all: &[Client]) -> Answer {
    let data = all.iter().map(|client| {
        json!({
            "client_id": client.id,
            "name": client.name,
            "grants": client.grants.iter().map(|grant| grant.name()).collect::<Vec<_>>(),
            "scopes": client.scopes.unwrap_or(Scopes::NONE).to_string(),
            "created_at": client.created_at,
        })
    });
    list(data.collect(), "The tenant has no clients.")
}

/// A connection without its secret.
pub fn connection(connection: &Connection) -> Answer {
    let data = connection_data(connection);
    let text = lines(&data);
    Answer { data, text }
}

/// Connections without their secrets.
pub fn connections(all: &[Connection]) -> Answer {
    list(
        all.iter().map(connection_data).collect(),
        "The tenant has no connections.",
    )
}

fn connection_data(connection: &Connection) -> Value {
    json!({
        "id": connection.id,
        "name": connection.name,
        "provider": connection.provider,
        "issuer": connection.issuer,
        "client_id": connection.client_id,
        "created_at": connection.created_at,
    })
}

fn list(all: Vec<Value>, none: &str) -> Answer {
    let text = if all.is_empty() {
        none.to_owned()
    } else {
        all.iter().map(lines).collect::<Vec<_>>().join("\n\n")
    };
    Answer {
        data: Value::Array(all),
        text,
    }
}

/// One line a value, named by its path, the names padded to one width.
fn lines(data: &Value) -> String {
    let mut named = Vec::new();
    flatten("", data, &mut named);
    let width = named.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, value): &(String, String)| format!("{name:width$}  {value}");
    named.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn flatten(name: &str, value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let name = if name.is_empty() {
                    member.clone()
                } else {
                    format!("{name} {member}")
                };
                flatten(&name, value, into);
            }
        }
        Value::Array(items) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            into.push((name.to_owned(), texts.join(" ")));
        }
        Value::Null => into.push((name.to_owned(), "-".to_owned())),
        Value::String(text) => into.push((name.to_owned(), text.clone())),
        other => into.push((name.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_a_line_for_each_value() {
        let data = json!({"tenant": "acme", "kii": {"app_id": "1", "none": null}, "clients": ["a", "b"], "n": 3});
        assert_eq!(
            lines(&data),
            "tenant      acme\nkii app_id  1\nkii none    -\nclients     a b\nn           3"
        );
    }
}
