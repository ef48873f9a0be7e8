//! `oneself demo`: a server with something in it, and what to try.
//!
//! Everything is real but the people and the networks: the same server as `serve`, with a tenant of its
//! own, and the networks of `sandbox`. Without `--data` it works in a new folder that it removes at its end. What would
//! surprise: the lines to paste read the token from a file, so that each works by itself
//! and no token stands in the list of processes.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::installation::Installation;
use super::serve::{Prepared, start_log};
use super::{Failure, Place, open, print};
use crate::app::App;
use crate::app::connections::ConnectionRequest;
use crate::app::link::{Account, Asserted};
use crate::app::log_in::AccessTokenRequest;
use crate::app::tenants::Credentials;
use crate::app::users::UserRequest;
use crate::config::LogFormat;
use crate::domain::{ConnectionRef, Object, Profile, Scopes, TokenSet, spelling};
use crate::error::{Error, Noun, Result, Unique};
use crate::id::{IdentityId, UserId};
use crate::sandbox::Sandbox;
use crate::secret::{ExposeSecret, SecretString};

const TENANT: &str = "demo";

/// What our application is called at every network.
const APPLICATION: &str = "demo-app";

/// Serve with a demo tenant, and print what to try
#[derive(Debug, Args)]
pub struct Demo {
    /// Where to serve
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8400")]
    listen: SocketAddr,
    /// Where to serve the simulated networks
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8401")]
    networks: SocketAddr,
}

/// What the demo sets, whatever the file and the environment say.
#[derive(Serialize)]
struct Flags {
    listen: SocketAddr,
    admin_listen: &'static str,
    log_format: LogFormat,
    log_level: &'static str,
}

impl Demo {
    /// Serves until a signal.
    pub fn run(self, place: &Place) -> std::result::Result<(), Failure> {
        let scratch = match place.data {
            Some(_) => None,
            None => Some(Scratch::new()?),
        };
        let place = Place {
            config: place.config.clone(),
            data: place.data.clone().or_else(|| Some(scratch.as_ref()?.0.join("data"))),
            database_url: place.database_url.clone(),
            root_key_file: place.root_key_file.clone(),
        };
        let mut config = place.settings(&Flags {
            listen: self.listen,
            admin_listen: "",
            log_format: LogFormat::Pretty,
            log_level: "warn",
        })?;
        if config.mail_smtp.is_empty() && config.mail_directory.is_none() {
            config.mail_directory = Some(config.data.with_added_extension("mail"));
            config.mail_from = "Oneself <accounts@demo.example>".to_owned();
        }
        config.check_safe()?;
        let installation = Installation::take(&config, "demo")?;
        let _log = start_log(&config)?;
        open::runtime(&config)?.block_on(async {
            let networks = Sandbox::start(self.networks).map_err(|error| Failure::failed(error.to_string()))?;
            config.sandbox = Some(networks.url().parse().map_err(Failure::Failed)?);
            let server = Prepared::new(&config, installation).await?;
            let scene = Scene::set(&server.app, &networks).await?;
            let files = Files::write(&config.data, &scene)?;
            print(&scene.what_to_try(&server.url(), networks.url(), &config.data, &files))?;
            print(&server.ready_line())?;
            server.serve().await;
            Ok(())
        })
    }
}

/// Who and what is there.
struct Scene {
    user: UserId,
    /// Her account at GitHub, which is attached already.
    github: (String, IdentityId),
    /// The JSON of tokens of her accounts elsewhere, and of one that she gave to another application.
    twitter: Value,
    google: Value,
    stray: Value,
    /// An account that nobody has.
    linkedin: String,
    /// A second person, and Twitter accounts for her and for somebody who is not known yet.
    grace: UserId,
    graces: Value,
    stranger: (String, Value),
    credentials: Credentials,
    token: SecretString,
}

impl Scene {
    /// Makes the tenant, or takes over the one of an earlier demo, and a user with one
    /// account elsewhere. Subjects are the time, so that no two demos meet.
    async fn set(app: &Arc<App>, networks: &Sandbox) -> Result<Self> {
        let credentials = match app.create_tenant(TENANT).await {
            Err(Error::Conflict(Unique::TenantName)) => app.rotate_secrets(TENANT).await?,
            made => made?,
        };
        // Auth0's contract links only accounts that somebody has logged in with, unless
        // the tenant wants it otherwise.
        let settings = [("link_unknown".to_owned(), "create".to_owned())];
        app.set_settings(TENANT, &settings).await?;
        for (name, provider) in [
            ("github", "github"),
            ("google-oauth2", "google"),
            ("twitter", "twitter"),
            ("linkedin", "linkedin"),
        ] {
            let request = ConnectionRequest {
                name: name.to_owned(),
                provider: provider.to_owned(),
                client_id: Some(APPLICATION.to_owned()),
                client_secret: Some("a-secret-of-the-demo".to_owned().into()),
                ..ConnectionRequest::default()
            };
            match app.add_connection(TENANT, request).await {
                Err(Error::Conflict(Unique::ConnectionName)) => {}
                made => drop(made?),
            }
        }
        let client = app
            .authenticate_client(&credentials.client_id.to_string(), &credentials.client_secret)
            .await?;
        let (token, _) = app.issue_access_token(AccessTokenRequest {
            client: &client,
            subject: format!("{}@clients", client.id),
            user: None,
            scopes: client.scopes.unwrap_or(Scopes::NONE),
            issuer: &app.origins().first_issuer(),
            audience: credentials.audience.clone(),
        })?;
        let caller = app.authenticate(token.expose_secret()).await?;
        let now = app.now().as_millisecond();
        let at_github = Account::Asserted(Asserted {
            connection: ConnectionRef::Name("github".to_owned()),
            subject: now.to_string(),
            claims: Object::new(),
            tokens: TokenSet::default(),
        });
        let (ada, _) = app
            .create_user(
                &caller,
                UserRequest {
                    profile: Profile {
                        name: Some("Ada Lovelace".to_owned()),
                        ..Profile::default()
                    },
                    also: Some(at_github),
                    ..UserRequest::default()
                },
            )
            .await?;
        let (grace, _) = app
            .create_user(
                &caller,
                UserRequest {
                    profile: Profile {
                        name: Some("Grace Hopper".to_owned()),
                        ..Profile::default()
                    },
                    ..UserRequest::default()
                },
            )
            .await?;
        let github = ada.identities.last().ok_or(Error::NotFound(Noun::Identity))?;
        Ok(Self {
            user: ada.user.id,
            github: (now.to_string(), github.id),
            twitter: account(networks, "twitter", APPLICATION)?.1,
            google: account(networks, "google", APPLICATION)?.1,
            stray: account(networks, "google", "another-app")?.1,
            linkedin: now.saturating_add(1).to_string(),
            grace: grace.user.id,
            graces: account(networks, "twitter", APPLICATION)?.1,
            stranger: account(networks, "twitter", APPLICATION)?,
            credentials,
            token,
        })
    }

    fn what_to_try(&self, url: &str, networks: &str, data: &Path, files: &Files) -> String {
        let Self {
            user,
            github: (at_github, identity),
            twitter,
            google,
            stray,
            linkedin,
            stranger: (stranger, strangers),
            ..
        } = self;
        let token =
            |tokens: &Value, name: &str| tokens.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let curl = format!("curl -sS -w '\\n' -H @{}", files.token.0.display());
        let oneself = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("oneself"));
        let data = std::path::absolute(data).unwrap_or_else(|_| data.to_owned());
        let json = "-H 'content-type: application/json'";
        let link = format!("{curl} {json} {url}/link/v1/users/{user}/identities -d");
        let kii = format!("{url}/api/apps/{}", self.credentials.kii_app_id);
        let grace = spelling::uuid(self.grace);
        let kii_token = format!(
            r#"$(curl -sS {json} {url}/api/oauth2/token -d @{} | sed 's/.*"access_token":"\([^"]*\)".*/\1/')"#,
            files.kii.0.display()
        );
        format!(
            r#"Oneself: one person, every account. A demo tenant with one user, Ada Lovelace, who has an account at GitHub; and the
networks, simulated, at {networks}. Paste these in a second terminal; Ctrl-C here ends the demo.

# Whose account is this? (our own interface, /link/v1)
{curl} {url}/link/v1/identities/github/{at_github}

# Link her Twitter account by its token: Twitter is asked whose it is, and whether it was made for this application
{link} '{{"connection":"twitter","verify":true,"tokens":{twitter}}}'

# Likewise her Google account; a token that she gave to another application is refused
{link} '{{"connection":"google-oauth2","verify":true,"tokens":{google}}}'
{link} '{{"connection":"google-oauth2","verify":true,"tokens":{stray}}}'

# Unlink her GitHub account: it is free for anyone then
{curl} -X DELETE {url}/link/v1/users/{user}/identities/{identity}

# Link a LinkedIn account as Auth0's clients do, and see the user as Auth0 shows her
{curl} {json} '{url}/api/v2/users/auth0%7C{user}/identities' -d '{{"provider":"linkedin","user_id":"{linkedin}"}}'
{curl} '{url}/api/v2/users/auth0%7C{user}'

# Link a Twitter account to another user, Grace Hopper, as Kii's clients do: their administrator has a token of his own
curl -sS -w '\n' {json} -H "Authorization: Bearer {kii_token}" {kii}/users/{grace}/twitter/link -d '{{"accessToken":"{graces_token}","accessTokenSecret":"{graces_secret}"}}'

# And as Knodes' clients do: whoever comes with an account that nobody has, is a user from then on
curl -sS -w '\n' {url}/users/connect.json -d @{knodes} -d network=twitter -d network_id={stranger} -d token={strangers_token} -d secret={strangers_secret}

# What happened here, and what the networks were asked
{curl} {url}/link/v1/events
curl -sS -w '\n' {networks}/_control/log

# The operator's side, answered by this server
{oneself} tenant show {TENANT} --data {data}
"#,
            graces_token = token(&self.graces, "access_token"),
            graces_secret = token(&self.graces, "token_secret"),
            strangers_token = token(strangers, "access_token"),
            strangers_secret = token(strangers, "token_secret"),
            knodes = files.knodes.0.display(),
            oneself = oneself.display(),
            data = data.display(),
        )
    }
}

/// The id of an account of somebody's at a network, and its tokens, made for this application there.
fn account(networks: &Sandbox, network: &str, application: &str) -> Result<(String, Value)> {
    let about = json!({
        "network": network,
        "name": "Ada Lovelace",
        "email": "ada@demo.example",
        "email_verified": true,
        "client_id": application,
    });
    let account = networks.order("accounts", &about).map_err(Error::internal)?;
    let members = ["access_token", "token_secret"].iter();
    let tokens: Object = members
        .filter_map(|name| Some(((*name).to_owned(), account.get(*name)?.clone())))
        .collect();
    let id = account.get("id").and_then(Value::as_str).unwrap_or_default();
    Ok((id.to_owned(), tokens.into()))
}

/// A folder for one demo, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::result::Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("oneself-demo-{}", std::process::id()));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| Failure::failed(format!("cannot make the folder {}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What curl reads secrets from, so that none stands in the list of processes.
struct Files {
    /// `-H @`: a token for `/link/v1` and Auth0's interface.
    token: SecretFile,
    /// `-d @`: Kii's administrator.
    kii: SecretFile,
    /// `-d @`: Knodes' customer.
    knodes: SecretFile,
}

impl Files {
    fn write(data: &Path, scene: &Scene) -> std::result::Result<Self, Failure> {
        let its = &scene.credentials;
        let kii = json!({
            "client_id": its.kii_client_id,
            "client_secret": its.kii_client_secret.expose_secret(),
        });
        let knodes = format!(
            "customer_id={}&customer_secret={}",
            its.knodes_customer_id,
            its.knodes_customer_secret.expose_secret()
        );
        let token = format!("Authorization: Bearer {}", scene.token.expose_secret());
        Ok(Self {
            token: SecretFile::write(data, "demo-token", &token)?,
            kii: SecretFile::write(data, "demo-kii", &kii.to_string())?,
            knodes: SecretFile::write(data, "demo-knodes", &knodes)?,
        })
    }
}

/// A file beside the data with one line, removed at the end.
struct SecretFile(PathBuf);

impl SecretFile {
    fn write(data: &Path, extension: &str, line: &str) -> std::result::Result<Self, Failure> {
        let path = std::path::absolute(data)
            .unwrap_or_else(|_| data.to_owned())
            .with_added_extension(extension);
        let _ = std::fs::remove_file(&path);
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| writeln!(file, "{line}"))
            .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
