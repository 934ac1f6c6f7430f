//! The integration tests: one binary, one file a story. [`world`] is the harness.

mod import_files;
mod mail;
mod store_seam;
mod world;
