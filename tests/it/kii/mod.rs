//! Kii's interface, as its users see it. Tests that are checks of `api/kii.md`, section 15, have its number.

mod addresses;
pub mod doors;
mod links;
mod social;
mod tokens;
mod users;

use oneself::secret::ExposeSecret;
use serde_json::{Value, json};

use crate::support::http::{Client, Content, Reply};
use crate::support::server::{Tenant, TestServer};

pub const PASSWORD: &str = "correct-horse";
pub const OLD_TOKEN: &str = "/api/oauth2/token";
pub const FORM: &str = "application/x-www-form-urlencoded";

/// A server with an application.
pub struct World {
    pub server: TestServer,
    pub tenant: Tenant,
    pub app: String,
}

/// A person with a token.
pub struct Person {
    pub id: String,
    pub token: String,
    pub client: Client,
}

impl World {
    pub async fn new() -> Self {
        Self::on(TestServer::start().await).await
    }

    /// One with these settings of the tenant.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let w = Self::new().await;
        w.set(settings).await;
        w
    }

    pub async fn on(server: TestServer) -> Self {
        let tenant = server.tenant("shop").await;
        let app = tenant.credentials.kii_app_id.clone();
        Self { server, tenant, app }
    }

    pub async fn set(&self, settings: &[(&str, &str)]) {
        let owned = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let changes: Vec<_> = owned.collect();
        self.server.app.set_settings("shop", &changes).await.unwrap();
    }

    /// A path of the application.
    pub fn at(&self, rest: &str) -> String {
        format!("/api/apps/{}/{rest}", self.app)
    }

    /// Nobody in particular.
    pub fn anybody(&self) -> Client {
        self.server.client()
    }

    /// Asks for a token as JavaScript clients do.
    pub async fn token(&self, body: Value) -> Reply {
        let headers = [("x-kii-appid", self.app.as_str()), ("x-kii-appkey", "x")];
        self.anybody().request("POST", OLD_TOKEN, &headers, body).await
    }

    pub async fn log_in(&self, name: &str, password: &str) -> Reply {
        self.token(json!({"username": name, "password": password})).await
    }

    /// Signs somebody up with this login name; her id.
    pub async fn register(&self, name: &str) -> String {
        self.sign_up(json!({"loginName": name, "password": PASSWORD})).await
    }

    /// Signs somebody up; her id.
    pub async fn sign_up(&self, body: Value) -> String {
        let made = self.anybody().post(&self.at("users"), body).await.expect(201).json();
        text(&made, "userID")
    }

    /// Somebody with this login name, logged in.
    pub async fn person(&self, name: &str) -> Person {
        let id = self.register(name).await;
        let token = text(&self.log_in(name, PASSWORD).await.expect(200).json(), "access_token");
        self.holder(id, token)
    }

    /// A person without a password.
    pub async fn pseudo(&self) -> Person {
        let made = vendor(&self.anybody(), "POST", &self.at("users"), WITH_TOKEN, json!({})).await;
        let made = made.expect(201).json();
        self.holder(text(&made, "userID"), text(&made, "_accessToken"))
    }

    pub fn holder(&self, id: String, token: String) -> Person {
        Person {
            client: self.server.client().bearer(&token),
            id,
            token,
        }
    }

    /// What the administrator asks for a token with.
    pub fn admin_request(&self) -> Value {
        json!({
            "client_id": self.tenant.credentials.kii_client_id,
            "client_secret": self.tenant.credentials.kii_client_secret.expose_secret(),
        })
    }

    pub async fn admin(&self) -> Client {
        let token = self.token(self.admin_request()).await.expect(200).json();
        self.server.client().bearer(&text(&token, "access_token"))
    }

    /// A user, as she sees herself.
    pub async fn me(&self, person: &Person) -> Value {
        person.client.get(&self.at("users/me")).await.expect(200).json()
    }

    pub async fn update(&self, person: &Person, body: Value) -> Reply {
        person.client.post(&self.at("users/me"), body).await
    }

    /// The mails that were sent, oldest first.
    pub fn mails(&self) -> Vec<String> {
        let Ok(files) = std::fs::read_dir(self.server.directory.path().join("mail")) else {
            return Vec::new();
        };
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort_by_key(|file| std::fs::metadata(file).unwrap().modified().unwrap());
        files
            .iter()
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect()
    }

    /// The code in the last mail.
    pub fn code(&self) -> String {
        let mail = self.mails().pop().expect("a mail was sent").replace("=\r\n", "");
        let (_, rest) = mail.split_once(" is ").filter(|_| mail.contains("code")).unwrap();
        let digits = rest.split(|c: char| !c.is_ascii_digit()).find(|part| part.len() >= 8);
        digits.unwrap_or_else(|| panic!("{mail}")).to_owned()
    }
}

/// Somebody called mika, her token and the administrator's, for tests of all interfaces.
pub async fn callers(server: &TestServer, tenant: &Tenant) -> (String, String, String) {
    let at = |rest: &str| format!("/api/apps/{}/{rest}", tenant.credentials.kii_app_id);
    let body = json!({"loginName": "mika", "password": PASSWORD});
    let made = server.client().post(&at("users"), body).await.expect(201).json();
    let ask = async |body: Value| {
        let token = server.client().post(&at("oauth2/token"), body).await.expect(200);
        text(&token.json(), "access_token")
    };
    let person = ask(json!({"username": "mika", "password": PASSWORD})).await;
    let admin = json!({
        "client_id": tenant.credentials.kii_client_id,
        "client_secret": tenant.credentials.kii_client_secret.expose_secret(),
    });
    (text(&made, "userID"), person, ask(admin).await)
}

pub const WITH_TOKEN: &str = "application/vnd.kii.RegistrationAndAuthorizationRequest+json";

/// Sends JSON of this type.
pub async fn vendor(client: &Client, method: &str, path: &str, media_type: &'static str, body: Value) -> Reply {
    client.request(method, path, &[], (media_type, body.to_string())).await
}

pub async fn put(client: &Client, path: &str, content: impl Into<Content>) -> Reply {
    client.request("PUT", path, &[], content).await
}

#[track_caller]
pub fn text(json: &Value, name: &str) -> String {
    let found = json[name].as_str();
    found.unwrap_or_else(|| panic!("no {name} in {json}")).to_owned()
}

/// That it is this error, of this exception unless that is empty; its body.
#[track_caller]
pub fn refused(reply: Reply, status: u16, exception: &str, code: &str) -> Value {
    let media_type = match exception {
        "" => "application/json".to_owned(),
        exception => format!("application/vnd.kii.{exception}+json"),
    };
    let raw = reply.text();
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (status, media_type.as_str()),
        "{raw}"
    );
    assert!(!raw.contains('%'), "a raw percent sign: {raw}");
    assert_eq!(reply.header("access-control-allow-origin"), "*", "{raw}");
    let body = reply.json();
    assert_eq!(body["errorCode"], code, "{raw}");
    assert_eq!(reply.headers.contains_key("www-authenticate"), status == 401, "{raw}");
    match body.get("error") {
        Some(error) => {
            assert_eq!(error, code);
            let description = body["error_description"].as_str().unwrap();
            assert!(!description.is_empty() && !description.contains(':'), "{raw}");
        }
        None => assert!(body["message"].is_string() && body["suppressed"] == json!([]), "{raw}"),
    }
    body
}

/// That the caller lacks the right.
#[track_caller]
pub fn unauthorized(reply: Reply) -> Value {
    refused(reply, 401, "UnauthorizedAccessException", "UNAUTHORIZED")
}

/// That the token is none.
#[track_caller]
pub fn wrong_token(reply: Reply) -> Value {
    refused(reply, 403, "WrongTokenException", "WRONG_TOKEN")
}

/// That it is the one answer of a log-in that fails.
#[track_caller]
pub fn invalid_grant(reply: Reply) {
    let body = refused(reply, 400, "", "invalid_grant");
    assert_eq!(
        body["error_description"],
        "The user was not found or a wrong password was provided"
    );
}
