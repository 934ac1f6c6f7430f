//! SQL text and rows: what is stored, and how it is read and written.
//!
//! [`db`] is the seam to the two databases and the only place that names a driver; the other modules hold one table family
//! each: its statements, its table descriptors and the functions that turn rows into domain values and back.

#[macro_use]
pub mod sums;

pub mod account;
pub mod binding;
pub mod claims;
pub mod closings;
pub mod db;
pub mod deliveries;
pub mod desk;
pub mod error;
pub mod inbox;
pub mod instances;
pub mod journal;
pub mod kept_facts;
pub mod lists;
pub mod reconcile;
pub mod reference;
pub mod requests;
mod rows;
pub mod settlement;
mod tags;

pub use error::StoreError;
