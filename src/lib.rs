//! `kasacare`: the engine that bills Kasa Care, cloud storage for home cameras.
//!
//! The core decides ([`domain`]), the shell does. See `ARCHITECTURE.md` for the walk through the folders.

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
pub mod store;
#[cfg(feature = "proptest")]
pub mod strategies;
