//! Stories of one account, in memory: commands and the calendar over months and years, with the books, the mails and the rules'
//! invariants looked at after every single change.

#![expect(clippy::redundant_closure_for_method_calls, reason = "methods of a draft with a lifetime are no plain functions")]
#![expect(clippy::arithmetic_side_effects, clippy::string_slice, reason = "a test that overflows fails, as it should")]

mod books;
mod invariants;
mod world;

mod attempts;
mod begin;
mod cancelling;
mod captured;
mod changing;
mod disputes;
mod ends;
mod excess;
mod ledger_rows;
mod oldest_first;
mod paid_after_all;
mod receipts;
mod telling;
mod wrong_payments;
