//! Secrets that stood in an address: which, and when, told in the log of the customer whose they are (API-06).
//!
//! What would surprise: it is told whether such secrets are taken or not, because they were seen on the way in either
//! case; and of each kind once an hour, so that clients that know no other way do not fill the log.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::app::App;
use crate::app::logs::{About, Happened, Told};
use crate::domain::Object;
use crate::id::ClientId;
use crate::web::Arrival;

/// How often it is told of one kind of secret.
const EVERY: SignedDuration = SignedDuration::from_hours(1);

struct Exposed {
    customer: ClientId,
    names: Vec<&'static str>,
    at: Timestamp,
    ip: Option<String>,
}

/// Tells the customer that secrets of these names stood in an address of its own.
pub fn tell(app: &App, customer: ClientId, names: &[&'static str], arrival: Option<&Arrival>) {
    let is_news = |name: &&'static str| app.is_news(customer, name, EVERY);
    let names: Vec<_> = names.iter().copied().filter(is_news).collect();
    if !names.is_empty() {
        app.tell(Box::new(Exposed {
            customer,
            names,
            at: app.now(),
            ip: arrival.map(|arrival| arrival.peer.ip().to_canonical().to_string()),
        }));
    }
}

impl Happened for Exposed {
    fn spell(self: Box<Self>) -> Vec<Told> {
        let mut entry = Object::new();
        let description = "Secrets were sent in the address, where others see them: replace them";
        entry.insert("type".to_owned(), "depnote".into());
        entry.insert("description".to_owned(), description.into());
        entry.insert("client_id".to_owned(), self.customer.to_string().into());
        if let Some(ip) = self.ip {
            entry.insert("ip".to_owned(), ip.into());
        }
        entry.insert("details".to_owned(), json!({ "exposed": self.names }));
        vec![Told {
            client: self.customer,
            about: About::Nobody,
            at: self.at,
            entry,
            personal: Object::new(),
        }]
    }
}
