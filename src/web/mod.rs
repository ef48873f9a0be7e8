//! What every dialect needs from HTTP, before it says anything of its own.
//!
//! A request passes `server` (the socket, its deadlines and caps), `front` (the rules of
//! `strict`, the headers that every answer carries, panics, metrics, the access log) and
//! then the router. Handlers read with `body`, `fields`, `query` and `path`. Whatever
//! these refuse is a [`Refusal`], and a handler may return it as it is: the front spells
//! it in the words of the dialect that the path belongs to.

pub mod body;
pub mod deadline;
pub mod fault;
pub mod fields;
pub mod front;
pub mod health;
pub mod json;
pub mod logging;
pub mod metrics;
pub mod path;
pub mod query;
pub mod refusal;
pub mod reply;
pub mod server;
pub mod strict;
pub mod tls;

pub use fault::{Fault, JsonType, Reason};
pub use fields::Fields;
pub use front::{Arrival, Dialect, Front, Origins};
pub use refusal::{Place, Refusal, Spell};
pub use reply::Json;
pub use server::{Limits, Server};
