//! The integration tests: one binary, one file a story. [`world`] is the harness.

#![expect(clippy::disallowed_methods, reason = "the harness finds programs by the environment, as a shell would")]

mod check;
mod cli;
mod explain;
mod faults;
mod import_files;
mod journal;
mod kill;
mod laws;
mod machine;
mod mail;
mod performance;
mod provider;
mod quote;
mod recompute;
mod reconcile;
mod reconcile_join;
mod reconcile_with;
mod reports;
mod reports_shown;
mod rows;
mod settlement_fixtures;
mod show;
mod store_seam;
mod stories;
mod stripe;
mod tidy;
mod tour;
mod world;
mod year;
