//! Orders of the operator: what `tenant`, `client`, `connection`, `backup create`, `audit`, `doctor`,
//! `import` and `keys status` ask for, as data.
//!
//! One function executes them, in this process when the data directory is free and in the
//! server that holds it otherwise. Access to the directory is the operator's credential:
//! no order reaches this file by HTTP. What would surprise: orders carry texts as they
//! were typed; they are understood where they are executed, so that both ways refuse alike.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::installation::Installation;
use super::{Failure, Place, audit, backup, control, doctor, import, keys, open, print, render};
use crate::app::App;
use crate::app::connections::ConnectionRequest;
use crate::config::{Config, Unsafe};
use crate::domain::{ConnectionRef, Grant, Object, Scope, Scopes};
use crate::error::{Error, Result};

/// How long whoever holds the directory may take to listen for orders or to be done.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an operator can have done. No `Debug`: one of them carries a secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    CreateTenant {
        name: String,
    },
    ListTenants,
    ShowTenant {
        name: String,
    },
    SetTenant {
        name: String,
        settings: Vec<(String, String)>,
    },
    RotateSecret {
        name: String,
        client: Option<String>,
    },
    AddClient {
        tenant: String,
        name: String,
        grants: Vec<String>,
        scopes: Vec<String>,
    },
    ListClients {
        tenant: String,
    },
    RemoveClient {
        tenant: String,
        client: String,
    },
    AddConnection {
        tenant: String,
        name: String,
        provider: String,
        issuer: Option<String>,
        client_id: Option<String>,
        client_secret: Option<String>,
        options: BTreeMap<String, String>,
    },
    ListConnections {
        tenant: String,
    },
    RemoveConnection {
        tenant: String,
        connection: String,
    },
    CreateBackup {
        to: PathBuf,
        keys: Option<PathBuf>,
    },
    Examine {
        sweep: bool,
    },
    ImportUsers {
        tenant: String,
        file: PathBuf,
        dry_run: bool,
        errors: Option<PathBuf>,
    },
    ShowKeys,
    VerifyAudit {
        tenant: Option<String>,
        head: Option<String>,
    },
    ShowHeads {
        tenant: Option<String>,
    },
}

impl Order {
    /// Whether it may take as long as there is data.
    pub const fn is_long(&self) -> bool {
        matches!(
            self,
            Self::CreateBackup { .. }
                | Self::Examine { .. }
                | Self::ImportUsers { .. }
                | Self::ShowKeys
                | Self::VerifyAudit { .. }
                | Self::ShowHeads { .. }
        )
    }
}

/// What an order gave, for programs and for people. No `Debug`: some show a secret, once.
#[derive(Serialize, Deserialize)]
pub struct Answer {
    /// For `--json`.
    pub data: Value,
    /// Without it.
    pub text: String,
}

/// Has the order executed by whoever holds the data directory, and prints the answer.
///
/// # Errors
/// Those of the order; unsafe when the directory is held by a process that takes no orders.
pub fn give(place: &Place, order: &Order, json: bool) -> std::result::Result<(), Failure> {
    let config = place.settings(&Value::Object(serde_json::Map::new()))?;
    let answer = reach(&config, order)?;
    if json {
        print(&answer.data.to_string())
    } else {
        print(&answer.text)
    }
}

/// Has the order executed by whoever holds the data directory.
///
/// # Errors
/// Those of the order; unsafe when the directory is held by a process that takes no orders.
pub fn reach(config: &Config, order: &Order) -> std::result::Result<Answer, Failure> {
    reach_or(config, order, |installation| here(config, installation, order))
}

/// Has the order executed by the process that holds the data directory, or, when none does,
/// does that instead.
///
/// # Errors
/// As [`reach`], and those of `instead`.
pub fn reach_or(
    config: &Config,
    order: &Order,
    instead: impl FnOnce(&Installation) -> std::result::Result<Answer, Failure>,
) -> std::result::Result<Answer, Failure> {
    let started = Instant::now();
    loop {
        let holder = match Installation::claim(config, "order")? {
            Ok(installation) => return instead(&installation),
            Err(holder) => holder,
        };
        if let Some(answer) = control::send(&config.data, order)? {
            return Ok(answer);
        }
        if started.elapsed() > PATIENCE {
            return Err(Unsafe(format!(
                "the directory {} is in use by {holder}, which takes no orders: wait for its end",
                config.data.display()
            ))
            .into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn here(config: &Config, installation: &Installation, order: &Order) -> std::result::Result<Answer, Failure> {
    open::runtime(config)?.block_on(async {
        let app = open::app(config, installation, config.listen).await?;
        obey(&Arc::new(app), config, order.clone(), ()).await
    })
}

/// Executes an order in the process that holds the directory of these settings. What takes long
/// is done apart from the threads that answer requests, and `lock` is kept until it has ended,
/// even if nobody waits for it any more.
///
/// # Errors
/// Those of the order.
pub async fn obey(
    app: &Arc<App>,
    config: &Config,
    order: Order,
    lock: impl Send + 'static,
) -> std::result::Result<Answer, Failure> {
    let (held, config) = (app.clone(), config.clone());
    match order {
        Order::CreateBackup { to, keys } => {
            apart(lock, move || {
                backup::create::create(&held, &config.data, &to, keys.as_deref())
            })
            .await
        }
        Order::Examine { sweep } => {
            let (mut report, unused) = apart(lock, move || Ok(doctor::examine(&config, Some(held.vault())))).await?;
            if sweep && !unused.is_empty() {
                app.sweep_keys(unused.clone()).await?;
            }
            doctor::say_unused(&mut report, unused.len(), sweep);
            Ok(report.answer())
        }
        Order::VerifyAudit { tenant, head } => {
            if let Some(name) = &tenant {
                app.find_tenant(name).await?;
            }
            app.chain_events().await?;
            apart(lock, move || audit::verify(&config, tenant.as_deref(), head.as_deref())).await
        }
        Order::ShowHeads { tenant } => {
            app.chain_events().await?;
            Ok(audit::heads(&app.heads(tenant.as_deref()).await?))
        }
        Order::ShowKeys => apart(lock, move || keys::show(&config, held.now())).await,
        Order::ImportUsers { .. } => {
            let done = import::obey(app, order, |_, _| {}).await;
            drop(lock);
            done
        }
        order => Ok(execute(app, &order).await?),
    }
}

async fn apart<T: Send + 'static>(
    lock: impl Send + 'static,
    work: impl FnOnce() -> std::result::Result<T, Failure> + Send + 'static,
) -> std::result::Result<T, Failure> {
    let done = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(lock);
        done
    });
    let done = done.await;
    done.unwrap_or_else(|error| Err(Failure::failed(format!("it was cut short: {error}"))))
}

impl From<Error> for Failure {
    /// What cannot be meant is wrong usage; the rest was tried and failed.
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid { .. } => Self::Usage(error.to_string()),
            Error::Internal(source) => Self::failed(format!("internal error: {source}")),
            _ => Self::failed(error.to_string()),
        }
    }
}

/// Executes an order.
///
/// # Errors
/// Those of the verb; [`Error::Invalid`] for a text that cannot be understood.
async fn execute(app: &App, order: &Order) -> Result<Answer> {
    Ok(match order {
        Order::CreateTenant { name } => render::credentials(&app.create_tenant(name).await?),
        Order::ListTenants => render::tenants(&app.list_tenants().await?),
        Order::ShowTenant { name } => {
            let tenant = app.find_tenant(name).await?;
            render::tenant(&tenant, &app.list_clients(name).await?)
        }
        Order::SetTenant { name, settings } => render::settings(&app.set_settings(name, settings).await?),
        Order::RotateSecret { name, client: None } => render::credentials(&app.rotate_secrets(name).await?),
        Order::RotateSecret {
            name,
            client: Some(client),
        } => {
            let client = parse_client(client)?;
            render::client_secret(client, &app.rotate_client(name, client).await?)
        }
        Order::AddClient {
            tenant,
            name,
            grants,
            scopes,
        } => {
            let (client, secret) = app
                .add_client(tenant, name, &parse_grants(grants)?, parse_scopes(scopes)?)
                .await?;
            render::client_secret(client.id, &secret)
        }
        Order::ListClients { tenant } => render::clients(&app.list_clients(tenant).await?),
        Order::RemoveClient { tenant, client } => {
            app.remove_client(tenant, parse_client(client)?).await?;
            done("removed", client)
        }
        Order::AddConnection {
            tenant,
            name,
            provider,
            issuer,
            client_id,
            client_secret,
            options,
        } => {
            let options: Object = options
                .iter()
                .map(|(name, value)| (name.clone(), value.clone().into()))
                .collect();
            let request = ConnectionRequest {
                name: name.clone(),
                provider: provider.clone(),
                issuer: issuer.clone(),
                client_id: client_id.clone(),
                client_secret: client_secret.clone().map(Into::into),
                auth0: Object::from_iter((!options.is_empty()).then(|| ("options".to_owned(), options.into()))),
            };
            render::connection(&app.add_connection(tenant, request).await?)
        }
        Order::ListConnections { tenant } => render::connections(&app.connections_of_tenant(tenant).await?),
        Order::RemoveConnection { tenant, connection } => {
            app.remove_connection(tenant, &ConnectionRef::parse(connection)).await?;
            done("removed", connection)
        }
        Order::CreateBackup { .. }
        | Order::Examine { .. }
        | Order::ImportUsers { .. }
        | Order::ShowKeys
        | Order::VerifyAudit { .. }
        | Order::ShowHeads { .. } => {
            return Err(Error::internal("an order that takes long has a way of its own"));
        }
    })
}

fn done(what: &str, which: &str) -> Answer {
    Answer {
        data: json!({ what: which }),
        text: format!("{what} {which}"),
    }
}

fn parse_client(text: &str) -> Result<crate::id::ClientId> {
    text.parse()
        .map_err(|_| Error::invalid("client id", "must be 32 hex digits"))
}

/// Every client may ask for tokens of its own; what is named comes on top of that.
fn parse_grants(names: &[String]) -> Result<Vec<Grant>> {
    let mut grants = vec![Grant::ClientCredentials];
    for name in names {
        let grant = name
            .parse()
            .map_err(|why: String| Error::invalid("grant", format!("{name:?} is unknown: {why}")))?;
        if !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    Ok(grants)
}

/// The scopes named; `None` when none is.
fn parse_scopes(names: &[String]) -> Result<Option<Scopes>> {
    let scopes = names
        .iter()
        .map(|name| match Scope::named(name) {
            Some(scope) if scope.is_for_users() => Err(Error::invalid(
                "scope",
                format!("{name} is a right of persons over themselves, which no client is given"),
            )),
            Some(scope) => Ok(scope),
            None => Err(Error::invalid("scope", format!("{name:?} is unknown"))),
        })
        .collect::<Result<Scopes>>()?;
    Ok((!names.is_empty()).then_some(scopes))
}
