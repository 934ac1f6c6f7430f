//! The pure core: rules, money, calendar, ledger. No I/O, no clock, no randomness, no floats; it can fail only by a typed refusal.

#![deny(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::float_cmp,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable,
    clippy::unwrap_used
)]

pub mod account;
pub mod calendar;
pub mod catalog;
pub mod change;
pub mod correction;
pub mod event;
pub mod evolve;
pub mod explain;
pub mod ids;
pub mod keyed;
pub mod ledger;
pub mod money;
pub mod notice;
pub mod price;
pub mod promotion;
pub mod reconcile;
pub mod refund;
pub mod revenue;
pub mod schedule;
pub mod settlement;
pub mod subscription;
pub mod tax;
pub mod terms;
