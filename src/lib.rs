//! `kasacare`: the engine that bills Kasa Care, cloud storage for home cameras.
//!
//! The core decides ([`domain`]), the shell does. See `ARCHITECTURE.md` for the walk through the folders.

#[macro_use]
pub mod store;

pub mod cli;
pub mod clock;
pub mod demo;
pub mod domain;
pub mod engine;
pub mod http;
pub mod import;
pub mod jobs;
pub mod mail;
pub mod provider;
pub mod reports;
#[cfg(feature = "proptest")]
pub mod strategies;
