//! What every dialect needs from HTTP, before it says anything of its own.
//!
//! A request passes `server` (the socket, its deadlines and caps), `front` (the rules of
//! `strict`, the headers that every answer carries, panics, metrics, the access log) and
//! then the router. Handlers read with `body`, `fields`, `query` and `path`. Whatever
//! these refuse is a [`Refusal`], and a handler may return it as it is: the front spells
//! it in the words of the dialect that the path belongs to.

pub mod body;
pub mod caller;
pub mod cors;
pub mod deadline;
pub mod fault;
pub mod fields;
pub mod front;
pub mod health;
pub mod json;
pub mod log_thread;
pub mod logging;
pub mod metrics;
pub mod overheard;
pub mod path;
pub mod query;
pub mod refusal;
pub mod reply;
pub mod server;
pub mod strict;
pub mod tls;

pub use fault::{Fault, JsonType, Reason};
pub use fields::Fields;
pub use front::{Arrival, Dialect, Front};
pub use refusal::{Place, Refusal, Spell};
pub use reply::Json;
pub use server::{Limits, Server};

/// Tells the operator of what is no caller's fault. The one place where the core's errors
/// go to the log; callers are told what [`crate::error::Error`] displays.
pub fn report(error: &crate::error::Error) {
    use crate::error::Error;
    match error {
        Error::Internal(source) => tracing::error!(%source, "a request failed by a fault of ours"),
        Error::CryptoIntegrity => {
            tracing::error!("a sealed record did not open in its place: keep the data and run doctor")
        }
        Error::OutcomeUnknown => tracing::error!("the store does not say whether it has done a request"),
        Error::StoreUnavailable(why) => tracing::error!(%why, "the store is unavailable"),
        _ => {}
    }
}
