//! The rows of accounts, against the real databases: what is saved is loaded again, a chunk takes a fixed number of statements,
//! the database itself refuses what must never happen.

mod aggregate;
mod sample;
mod schema;
