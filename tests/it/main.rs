//! The integration tests: one binary, one file a story. [`world`] is the harness.

mod check;
mod import_files;
mod laws;
mod mail;
mod provider;
mod quote;
mod rows;
mod store_seam;
mod stories;
mod world;
mod year;
