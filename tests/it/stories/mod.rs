//! Stories through the engine and the job runner, on both databases, with numbers worked by hand.

mod calendar;
mod disputes;
mod first_charges;
mod legality;
mod matrix;
mod notices;
mod offers;
mod payments;
mod policy;
mod refusals;
mod settling;
mod wrong_payments;
