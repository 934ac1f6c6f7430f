//! Stories of one account, in memory: commands and the calendar over months and years, with the books, the mails and the rules'
//! invariants looked at after every single change.

mod books;
mod invariants;
mod world;

mod begin;
mod cancelling;
mod changing;
mod ledger_rows;
