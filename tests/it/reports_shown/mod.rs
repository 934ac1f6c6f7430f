//! Reports as people and programs open them: every format, the month's pack, and what other programs make of them.

mod alone;
mod fixture;
mod formats;
mod month;
mod pack;
mod state;
