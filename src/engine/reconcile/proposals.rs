//! What would resolve a break, in words that a person can act on.

use chrono::{Days, NaiveDate};

use super::report::Candidate;
use super::{Difference, acts};
use crate::domain::money::Money;
use crate::domain::reconcile::{BreakKind, CORRECTION_DAYS};
use crate::domain::settlement::Category;

/// `today` is that of whoever asks: the window of a correction closes by the calendar, whatever day a run goes through.
pub(super) fn proposal(today: NaiveDate, id: &str, difference: &Difference, candidates: &[Candidate]) -> String {
    let theirs = difference.theirs.as_ref().map(|(id, _)| id.as_str()).unwrap_or_default();
    let ours = difference.ours.as_ref().map(|(id, _)| id.as_str()).unwrap_or_default();
    match difference.kind {
        BreakKind::Timing => "closes itself once the other side has it".to_owned(),
        BreakKind::MissingHere if matches!(difference.category, Some(Category::Adjustment | Category::Tax)) => {
            format!("say what it is: kasacare breaks resolve {id} --book fee {}, or explain it", signed(difference.amount))
        }
        BreakKind::MissingHere => format!("replay: no event of {theirs} has come; `kasacare run --once` reads the provider's events again"),
        BreakKind::UnknownCategory => format!("find out what {theirs} is, and teach it to the import"),
        BreakKind::OrphanRefund => format!("ask who paid {theirs} out: no payment of it is known"),
        BreakKind::MissingAtProvider => format!("look {ours} up at the provider: it was booked as moved and is not there"),
        BreakKind::DuplicateThere => format!("give {theirs} back: it was moved twice"),
        BreakKind::DuplicateHere => format!("look at {ours}: another one stands for the same movement"),
        BreakKind::Currency => format!("look at {ours}: the provider moved another currency"),
        BreakKind::Status => format!("settle {ours}: it has moved at the provider"),
        BreakKind::Amount => amount(today, difference),
        BreakKind::Fee => format!("ask the provider about the fee of {theirs}"),
        BreakKind::PayoutUnproven => format!("import the lines of payout {theirs} that are missing, or ask the provider"),
        BreakKind::PayoutNotOnBank => format!("trace payout {theirs} with the provider and the bank"),
        BreakKind::BankLineWithoutPayout => match candidates.iter().find(|candidate| candidate.id == id) {
            Some(candidate) => {
                let payouts = candidate.payouts.join(" --payout ");
                format!("confirm that it is several payouts: kasacare breaks match {id} --payout {payouts} --by NAME --reason TEXT")
            }
            None => "import the payout that it is, or explain it".to_owned(),
        },
    }
}

/// Who has to sign a command that books an amount.
fn signed(amount: Money) -> &'static str {
    if acts::needs_two(amount) { "--by NAME --approved-by NAME --reason TEXT" } else { "--by NAME --reason TEXT" }
}

/// A payment that is not what our books say. What the provider says is right (PV-5), so the books are put right first: `correct` cannot do
/// that, because it starts from what our books have as charged.
fn amount(today: NaiveDate, difference: &Difference) -> String {
    let (Some((ours, booked)), Some((theirs, moved))) = (&difference.ours, &difference.theirs) else { return String::new() };
    let (Some(Category::Charge), Ok(more)) = (difference.category, moved.minus(*booked)) else {
        return format!("look at {ours}: the provider moved {moved}, and not {booked}");
    };
    let account = difference.account.as_deref().unwrap_or_default();
    let last = difference.since.checked_add_days(Days::new(CORRECTION_DAYS.into())).unwrap_or(difference.since);
    let size = if more.is_negative() { more.negated().unwrap_or(more) } else { more };
    let than = format!("than we booked for {ours} ({theirs}: {moved}, not {booked})");
    let book = format!("kasacare captured {account} {ours} {} --by NAME --reason TEXT", moved.major());
    let pay_out = format!("kasacare unapplied pay-out {account} {ours} --by NAME --reason TEXT");
    match (more.is_negative(), today <= last) {
        (false, true) => {
            format!("the customer paid {size} more {than}: book it with {book}; then give it back by {last} (CO-2) with {pay_out}")
        }
        (false, false) => format!(
            "the customer paid {size} more {than}, and the {CORRECTION_DAYS} days for giving it back without being asked are over: it stays \
             owed (CO-3): book it with {book}; it is used for what is owed (kasacare unapplied apply), or given back with {pay_out}"
        ),
        (true, _) => format!(
            "the customer paid {size} less {than}: ask the provider for the rest; what did not come is owed again (PD-1) with {book}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(booked: &str, moved: &str, today: &str) -> String {
        let money = |text: &str| text.parse::<Money>().unwrap();
        let difference = Difference {
            kind: BreakKind::Amount,
            subject: "ours:charge:acc-1/ch_1".to_owned(),
            since: "2026-01-10".parse().unwrap(),
            amount: money(booked).minus(money(moved)).unwrap(),
            account: Some("acc-1".to_owned()),
            ours: Some(("ch_1".to_owned(), money(booked))),
            theirs: Some(("txn_1".to_owned(), money(moved))),
            category: Some(Category::Charge),
            is_on_clearing: true,
        };
        proposal(today.parse().unwrap(), "br_1", &difference, &[])
    }

    /// CO-2: 10 January and 30 days are 9 February.
    #[test]
    fn an_overcharge_is_booked_and_given_back() {
        let within = told("23.94 USD", "28.94 USD", "2026-02-09");
        let paid = "the customer paid 5.00 USD more than we booked for ch_1 (txn_1: 28.94 USD, not 23.94 USD)";
        assert!(within.starts_with(paid) && within.contains("give it back by 2026-02-09 (CO-2)"), "{within}");
        assert!(within.contains("kasacare captured acc-1 ch_1 28.94 --by NAME --reason TEXT"), "{within}");
        assert!(within.ends_with("kasacare unapplied pay-out acc-1 ch_1 --by NAME --reason TEXT"), "{within}");
        let over = told("23.94 USD", "28.94 USD", "2026-02-10");
        assert!(over.starts_with(paid) && over.contains("it stays owed (CO-3)") && !over.contains("CO-2"), "{over}");
    }

    #[test]
    fn an_undercharge_is_owed_again() {
        let within = told("108.24 USD", "8.24 USD", "2026-02-09");
        let paid = "the customer paid 100.00 USD less than we booked for ch_1 (txn_1: 8.24 USD, not 108.24 USD)";
        assert!(within.starts_with(paid), "{within}");
        assert!(within.ends_with("owed again (PD-1) with kasacare captured acc-1 ch_1 8.24 --by NAME --reason TEXT"), "{within}");
    }
}
