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
        BreakKind::Amount => amount(today, id, difference),
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

/// A payment that is not what our books say. What the provider says is right (PV-5), so that an overcharge is what it has over our books;
/// `correct` cannot put it right, because that starts from what our books have as charged.
fn amount(today: NaiveDate, id: &str, difference: &Difference) -> String {
    let (Some((ours, booked)), Some((theirs, moved))) = (&difference.ours, &difference.theirs) else { return String::new() };
    let (Some(Category::Charge), Ok(more)) = (difference.category, moved.minus(*booked)) else {
        return format!("look at {ours}: the provider moved {moved}, and not {booked}");
    };
    let account = difference.account.as_deref().unwrap_or_default();
    let last = difference.since.checked_add_days(Days::new(CORRECTION_DAYS.into())).unwrap_or(difference.since);
    let sign = signed(difference.amount);
    let write_off = format!("kasacare breaks write-off {id} {sign}");
    let size = if more.is_negative() { more.negated().unwrap_or(more) } else { more };
    let than = format!("than we booked for {ours} ({moved}, not {booked})");
    match (more.is_negative(), today <= last) {
        (false, true) => format!(
            "the customer paid {size} more {than}: give {size} of {theirs} back at the provider by {last} (CO-2); \
             that refund and this break are then on 1290 and cancel out, which books them: \
             kasacare write-off {account} REFUND --by NAME --reason TEXT (unapplied list has it), and {write_off}"
        ),
        (false, false) => format!(
            "the customer paid {size} more {than}, and the {CORRECTION_DAYS} days for giving it back are over: it stays owed (CO-3): \
             kasacare credit {account} {} --by NAME --reason TEXT, and then {write_off}",
            size.major()
        ),
        (true, true) => format!(
            "the customer paid {size} less {than}, and our books have it as paid: ask the provider for the rest, \
             or the customer by {last} (CO-2); what does not come is given up: {write_off}"
        ),
        (true, false) => format!(
            "the customer paid {size} less {than}, and the {CORRECTION_DAYS} days for asking for it are over: it is waived (CO-3): {write_off}"
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
    fn an_overcharge_is_given_back_and_never_charged_once_more() {
        let within = told("23.94 USD", "28.94 USD", "2026-02-09");
        let paid = "the customer paid 5.00 USD more than we booked for ch_1 (28.94 USD, not 23.94 USD)";
        assert!(
            within.starts_with(paid) && within.contains("give 5.00 USD of txn_1 back at the provider by 2026-02-09 (CO-2)"),
            "{within}"
        );
        assert!(within.contains("kasacare write-off acc-1 REFUND --by NAME --reason TEXT"), "{within}");
        assert!(within.ends_with("kasacare breaks write-off br_1 --by NAME --reason TEXT") && !within.contains("correct"), "{within}");
        let over = told("23.94 USD", "28.94 USD", "2026-02-10");
        let credit = "it stays owed (CO-3): kasacare credit acc-1 5.00 --by NAME --reason TEXT";
        assert!(over.starts_with(paid) && over.contains(credit) && !over.contains("CO-2"), "{over}");
    }

    #[test]
    fn an_undercharge_is_asked_for_within_its_days_or_given_up() {
        let within = told("108.24 USD", "8.24 USD", "2026-02-09");
        let paid = "the customer paid 100.00 USD less than we booked for ch_1 (8.24 USD, not 108.24 USD)";
        assert!(within.starts_with(paid) && within.contains("or the customer by 2026-02-09 (CO-2)"), "{within}");
        // More than one person may give up alone.
        assert!(within.ends_with("kasacare breaks write-off br_1 --by NAME --approved-by NAME --reason TEXT"), "{within}");
        let over = told("108.24 USD", "8.24 USD", "2026-02-10");
        assert!(over.starts_with(paid) && over.contains("it is waived (CO-3)") && !over.contains("CO-2"), "{over}");
    }
}
