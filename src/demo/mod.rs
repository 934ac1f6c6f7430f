//! A lived-through year: people join, change their minds, let cards expire and get mischarged; a price change is announced
//! on the way. Same seed, same books, byte for byte, on both databases.

pub mod chance;
pub mod day;
pub mod people;
pub mod settlement;
pub mod story;
pub mod year;

pub use year::{DemoOptions, Lived, live};
