//! The command line as people use it: the built program on real databases, its words and its exit codes.

mod amounts;
mod breaks;
mod breaks_late;
mod captured;
mod customers;
mod edges;
mod environment;
mod imports;
mod operators;
mod prices;
mod reconcile_with;
mod refusals;
mod requests;
mod settlement;
mod settlement_guards;
mod settlement_parts;
mod settlement_rows;
mod settlement_words;
pub mod shop;
mod unapplied;
