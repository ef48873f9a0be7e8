//! Oneself: one person, every account.
//!
//! The map, in order of dependency; a module names only what stands above it
//! (`tests/it/house.rs` holds the table and checks it).
//!
//! Start at `docs/architecture.md`, which follows one link and one look-up from the
//! door to the disk and back.

pub mod outbound;

pub mod clock;
pub mod config;
pub mod error;
pub mod id;
pub mod secret;

pub mod domain;

pub mod jwt;
pub mod mail;
pub mod providers;
pub mod store;
pub mod vault;

pub mod app;

pub mod web;

pub mod api;

pub mod sandbox;

pub mod command;
