//! The one test program, for everything that crosses a module.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy.toml lets test functions do so, and here their helpers may too"
)]

mod auth0;
mod blackbox;
mod command;
mod durability;
mod failover;
mod flows;
mod hostile;
mod house;
mod jwt;
mod kii;
mod knodes;
mod link;
mod made_up;
mod openid;
mod outbound;
mod overload;
mod passwords;
mod providers;
mod races;
mod sandbox;
mod sdk;
mod security;
mod servers;
mod soak;
mod store;
mod support;
mod vault;
mod web;
mod wycheproof;
