//! The harness: real databases for tests.
//!
//! A test body gets a database of its own, with the schema in place, and runs on SQLite and on PostgreSQL in turn ([`on_both`]).
//! PostgreSQL is a private server that the harness starts from the installed programs; see [`postgres`].

pub mod databases;
pub mod postgres;
pub mod town;

pub use databases::{TestDb, on_both, on_postgres, on_sqlite};
pub use postgres::PrivateServer;
