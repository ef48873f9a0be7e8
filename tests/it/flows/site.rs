//! A tenant as its interfaces see it, and what each of them asks for to make, show, link and unlink.

use std::collections::BTreeMap;

use oneself::domain::{UserRef, spelling};
use oneself::id::UserId;
use oneself::secret::ExposeSecret;
use serde_json::{Map, Value, json};

use crate::knodes::{Account, Customer, FORM, World, encode, text};
use crate::link::add_network;
use crate::support::http::{Client, Reply};
use crate::support::people::{DATABASE, PASSWORD};

/// An interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    Link,
    Auth0,
    Kii,
    Knodes,
}

pub const VIEWS: [View; 4] = [View::Link, View::Auth0, View::Kii, View::Knodes];

/// What a network is called: by us, by Auth0, in Kii's listing, by Knodes.
pub const NAMES: [(&str, &str, Option<&str>, Option<&str>); 8] = [
    ("twitter", "twitter", Some("twitter"), Some("twitter")),
    ("facebook", "facebook", Some("facebook"), Some("facebook")),
    ("google", "google-oauth2", Some("googleplus"), Some("google")),
    ("linkedin", "linkedin", Some("linkedin"), Some("linkedin")),
    ("microsoft", "windowslive", Some("hotmail"), None),
    ("qq", "oauth2", Some("qq"), None),
    ("foursquare", "oauth2", None, Some("foursquare")),
    ("github", "github", None, Some("github")),
];

/// Networks whose accounts every interface can link: the first of [`NAMES`].
pub const COMMON: [&str; 3] = ["twitter", "facebook", "google"];

/// A tenant with all networks.
pub struct Site {
    pub world: World,
    pub hands: Hands,
}

/// Clients of all interfaces, each with a connection of its own.
pub struct Hands {
    /// With a bearer token of the tenant's first client.
    pub admin: Client,
    /// With a token of Kii's administrator.
    kii: Client,
    kii_app: String,
    knodes: Client,
    customer: [(&'static str, String); 2],
}

impl Site {
    pub async fn new() -> Self {
        let world = World::new().await;
        world.acme.deposit("google").await;
        for (network, ..) in &NAMES[COMMON.len()..] {
            add_network(&world.server, "acme", network).await;
        }
        world.set("link_unknown", "create").await;
        let hands = Hands::new(&world.acme, world.server.client()).await;
        Self { world, hands }
    }

    /// A new user, as the interface answers; her id as it spells it.
    pub async fn make(&self, view: View, name: &str) -> String {
        let hands = &self.hands;
        let (made, member) = match view {
            View::Link => (
                hands
                    .admin
                    .post("/link/v1/users", json!({ "name": name }))
                    .await
                    .expect(201),
                "id",
            ),
            View::Auth0 => {
                let email = format!("{name}@x.example");
                let body = json!({"connection": DATABASE, "email": email, "password": PASSWORD});
                (hands.admin.post("/api/v2/users", body).await.expect(201), "user_id")
            }
            View::Kii => {
                let body = json!({"loginName": name, "password": PASSWORD});
                let path = format!("{}/users", hands.kii_app);
                (hands.kii.post(&path, body).await.expect(201), "userID")
            }
            View::Knodes => {
                // Who comes by Knodes brings an account along, which is taken off again.
                let account = self.world.account("facebook", name);
                let made = self.world.acme.connected(&account, &[]).await;
                (
                    hands.unlink(view, core(text(&made["id"])), &account).await.expect(200),
                    "id",
                )
            }
        };
        text(&made.json()[member]).to_owned()
    }

    /// A user as the interface shows her.
    pub async fn get(&self, view: View, id: UserId) -> Value {
        self.hands.get(view, id).await.expect(200).json()
    }

    /// The accounts of a user, by the names that the interface has for their networks.
    pub async fn accounts(&self, view: View, id: UserId) -> BTreeMap<String, String> {
        let user = self.get(view, id).await;
        let of_list = |name: &str, id: &str, own: &str| -> BTreeMap<String, String> {
            let all = user["identities"].as_array().unwrap().iter();
            let others = all.filter(|one| one[name] != own);
            others
                .map(|one| (text(&one[name]).to_owned(), id_text(&one[id])))
                .collect()
        };
        let of_map = |map: &Value, id: fn(&Value) -> &Value| -> BTreeMap<String, String> {
            let all = map.as_object().unwrap().iter();
            all.map(|(name, one)| (name.clone(), text(id(one)).to_owned()))
                .collect()
        };
        match view {
            View::Link => of_list("provider", "subject", "database"),
            View::Auth0 => of_list("provider", "user_id", "auth0"),
            View::Kii => of_map(&user["_thirdPartyAccounts"], |one| &one["id"]),
            View::Knodes => of_map(&user["networks"], |one| one),
        }
    }
}

impl Hands {
    async fn new(customer: &Customer, client: Client) -> Self {
        let credentials = &customer.tenant.credentials;
        let kii_app = format!("/api/apps/{}", credentials.kii_app_id);
        let request = json!({
            "grant_type": "client_credentials",
            "client_id": credentials.kii_client_id,
            "client_secret": credentials.kii_client_secret.expose_secret(),
        });
        let given = client.post(&format!("{kii_app}/oauth2/token"), request).await;
        let given = given.expect(200).json();
        let machine = customer.tenant.token(oneself::domain::Scopes::for_machines()).await;
        Self {
            admin: client.bearer(&machine),
            kii: client.bearer(text(&given["access_token"])),
            kii_app,
            knodes: client,
            customer: [
                ("customer_id", customer.id.clone()),
                ("customer_secret", customer.secret.clone()),
            ],
        }
    }

    /// The same with connections of their own.
    pub fn again(&self) -> Self {
        Self {
            admin: self.admin.again(),
            kii: self.kii.again(),
            kii_app: self.kii_app.clone(),
            knodes: self.knodes.again(),
            customer: self.customer.clone(),
        }
    }

    /// Where a user is in an interface.
    fn path(&self, view: View, id: UserId) -> String {
        match view {
            View::Link => format!("/link/v1/users/{id}"),
            View::Auth0 => format!("/api/v2/users/auth0%7C{id}"),
            View::Kii => format!("{}/users/{}", self.kii_app, spelling::uuid(id)),
            View::Knodes => format!("/users/{id}.json"),
        }
    }

    pub async fn get(&self, view: View, id: UserId) -> Reply {
        let path = self.path(view, id);
        match view {
            View::Link | View::Auth0 => self.admin.get(&path).await,
            View::Kii => self.kii.get(&path).await,
            View::Knodes => self.knodes.get(&format!("{path}?{}", self.form(&[]))).await,
        }
    }

    pub async fn link(&self, view: View, id: UserId, account: &Account) -> Reply {
        let path = self.path(view, id);
        let tokens = |token: &str, secret: &str| -> Map<String, Value> {
            let secret_of = account.secret.iter().map(|text| (secret.to_owned(), json!(text)));
            std::iter::once((token.to_owned(), json!(account.token)))
                .chain(secret_of)
                .collect()
        };
        match view {
            View::Link => {
                let tokens = tokens("access_token", "token_secret");
                let body = json!({"connection": account.network, "subject": account.id, "tokens": tokens});
                self.admin.post(&format!("{path}/identities"), body).await
            }
            View::Auth0 => {
                let body = json!({"provider": spelling::auth0_provider(account.network), "user_id": account.id});
                self.admin.post(&format!("{path}/identities"), body).await
            }
            View::Kii => {
                let body = Value::Object(tokens("accessToken", "accessTokenSecret"));
                self.kii.post(&format!("{path}/{}/link", account.network), body).await
            }
            View::Knodes => {
                let id = id.to_string();
                let mut pairs = account.named();
                pairs.extend([("user_id", id.as_str()), ("token", &account.token)]);
                pairs.extend(account.secret.as_deref().map(|secret| ("secret", secret)));
                self.knodes_post("/users/connect.json", &pairs).await
            }
        }
    }

    /// Takes an account off, or answers that she has not got it.
    pub async fn unlink(&self, view: View, id: UserId, account: &Account) -> Reply {
        let path = self.path(view, id);
        match view {
            View::Link => {
                let shown = self.admin.get(&path).await;
                let user = shown.json();
                let all = user["identities"].as_array().into_iter().flatten();
                let is_meant =
                    |one: &&Value| one["provider"] == account.network && one["subject"] == account.id.as_str();
                match all.clone().find(is_meant) {
                    Some(identity) => {
                        let identity = text(&identity["id"]);
                        self.admin
                            .delete(&format!("{path}/identities/{identity}?force=true"))
                            .await
                    }
                    None => shown,
                }
            }
            View::Auth0 => {
                let provider = spelling::auth0_provider(account.network);
                self.admin
                    .delete(&format!("{path}/identities/{provider}/{}", account.id))
                    .await
            }
            View::Kii => self.kii.post(&format!("{path}/{}/unlink", account.network), ()).await,
            View::Knodes => {
                let id = id.to_string();
                let pairs = [&account.named()[..], &[("user_id", &id)]].concat();
                self.knodes_post("/users/disconnect.json", &pairs).await
            }
        }
    }

    /// What a client of Knodes posts.
    pub async fn knodes_post(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        self.knodes.post(path, (FORM, self.form(pairs))).await
    }

    /// Credentials and these, as a form.
    fn form(&self, pairs: &[(&str, &str)]) -> String {
        let own = self.customer.iter().map(|(name, value)| (*name, value.as_str()));
        encode(&own.chain(pairs.iter().copied()).collect::<Vec<_>>())
    }
}

/// An id as text: of some networks Auth0's interface writes numbers.
fn id_text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

/// The core id that any spelling of it means.
pub fn core(spelled: &str) -> UserId {
    match spelling::parse(spelled) {
        Some(UserRef::Id(id)) => id,
        Some(UserRef::Born { subject, .. }) => subject.parse().unwrap(),
        None => panic!("{spelled} is no id"),
    }
}
