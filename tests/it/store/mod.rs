//! What every store must do, written over `&dyn Store`; and what only the embedded one has.
//!
//! `world` opens a fresh store with one tenant, its connections and builders for acts. A
//! further database gets a line in `World::new` and passes the same files.

mod absorb;
mod bags;
mod changes;
mod events;
mod files;
mod imports;
mod jobs;
mod ledger;
mod link;
mod logs;
mod marks;
mod model;
mod opaque;
mod passwords;
mod play;
mod races;
mod reopened;
mod schema;
mod search;
mod tenants;
mod trail;
mod unlink;
mod users;
mod world;
