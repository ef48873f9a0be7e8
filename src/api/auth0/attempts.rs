//! Which requests for tokens are told of in the tenant's log, and what is said of them
//! (`api/auth0.md` 10.1).
//!
//! What would surprise: what a refused request wrote is not repeated, but for an e-mail address that
//! somebody tried to log in by; and of a client that did not prove itself, which anybody can name,
//! only one failure a second is told.

use jiff::{SignedDuration, Timestamp};

use super::journal::{LIMITED_EVERY, Way};
use crate::app::App;
use crate::app::log_in::Tried;
use crate::app::logs::{About, Happened, Told};
use crate::domain::Object;
use crate::domain::email::is_address;
use crate::id::{ClientId, UserId};

/// How often it is told of a client that somebody failed to prove to be it.
const UNPROVED_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// Who asks for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum For {
    /// A client, for itself.
    #[default]
    Client,
    /// A person.
    Person,
}

/// A request for tokens, as far as it is known what it is.
#[derive(Debug, Default)]
pub struct Attempt {
    /// The client that it names.
    pub client: Option<ClientId>,
    /// Whether the client proved to be it.
    pub is_proved: bool,
    /// For whom.
    pub on_behalf: For,
    /// The connection, by its name, and the name there.
    pub realm: String,
    pub username: String,
    /// Who was tried.
    pub tried: Tried,
    /// Whether it was only name or password that was wrong.
    pub is_mistaken: bool,
    /// Who got in: her id, and what she is called.
    pub person: Option<(UserId, String, String)>,
    /// For what tokens were given.
    pub audience: Option<String>,
    pub scope: Option<String>,
}

/// How it ended: why not, as a code.
pub type End = Result<(), &'static str>;

struct Ended {
    attempt: Attempt,
    client: ClientId,
    at: Timestamp,
    way: Way,
    end: End,
}

impl Attempt {
    /// Notes how it ended.
    pub fn end(self, app: &App, way: Way, end: End) {
        let Some(client) = self.client else { return };
        let is_told = match (end, self.is_proved) {
            (Err("too_many_requests"), _) => app.is_news(client, "api_limit", LIMITED_EVERY),
            (_, false) => app.is_news(client, "unproved", UNPROVED_EVERY),
            (_, true) => true,
        };
        if is_told {
            app.tell(Box::new(Ended {
                client,
                at: app.now(),
                way,
                end,
                attempt: self,
            }));
        }
    }
}

impl Happened for Ended {
    fn spell(self: Box<Self>) -> Vec<Told> {
        let Self {
            attempt,
            client,
            at,
            way,
            end,
        } = *self;
        let identity = attempt.tried.identity.as_ref();
        let (kind, description) = match (attempt.on_behalf, end) {
            (_, Err("too_many_requests")) => ("api_limit", "Rate limit on the Authentication API"),
            (For::Client, Ok(())) => ("seccft", "Client Credentials for Access Token"),
            (For::Client, Err(why)) => ("feccft", why),
            (For::Person, Ok(())) => ("s", "Successful login"),
            (For::Person, Err(_)) if attempt.is_mistaken => match identity {
                Some(_) => ("fp", "Wrong email or password."),
                None => ("fu", "Wrong email or password."),
            },
            (For::Person, Err(why)) => ("f", why),
        };
        let (mut entry, mut personal) = (Object::new(), Object::new());
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                entry.insert(name.to_owned(), value.into());
            }
        };
        put("type", Some(kind.to_owned()));
        put("description", Some(description.to_owned()));
        put("client_id", Some(client.to_string()));
        put("audience", attempt.audience);
        put("scope", attempt.scope);
        if identity.is_some() {
            put("connection", Some(attempt.realm));
            put(
                "connection_id",
                identity.map(|identity| identity.key.connection.to_string()),
            );
            put("strategy", Some("auth0".to_owned()));
            put("strategy_type", Some("database".to_owned()));
        }
        let about = match (&attempt.person, identity) {
            (Some((user, id, name)), _) => {
                put("user_id", Some(id.clone()));
                personal.insert("user_name".to_owned(), name.as_str().into());
                About::User(*user)
            }
            (None, Some(identity)) => {
                let own = identity.is_primary().then(|| format!("auth0|{}", identity.key.subject));
                put("user_id", own);
                About::User(identity.user)
            }
            (None, None) => About::Nobody,
        };
        if attempt.person.is_none() && attempt.on_behalf == For::Person && is_address(&attempt.username) {
            personal.insert("user_name".to_owned(), attempt.username.into());
        }
        way.tell_host(&mut entry);
        way.tell(match attempt.on_behalf {
            For::Client => &mut entry,
            For::Person => &mut personal,
        });
        vec![Told {
            client,
            about,
            at,
            entry,
            personal,
        }]
    }
}
