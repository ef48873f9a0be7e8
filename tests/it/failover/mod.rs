//! The primary of the database fails, and nothing that was acknowledged is lost.
//!
//! Real programs on loopback, so their time is real time: these tests wait for Patroni as long
//! as it takes, and run only where everything is to be tested. What would surprise: they show
//! nothing about a disk that is lost, since a killed node comes back with its own.

mod addresses;
mod cluster;
mod linkers;
mod links;
mod network;
mod node;
mod processes;
mod programs;
mod rows;
mod writers;
