//! RC: what can differ between our books, a provider's movements, its payouts and the bank, and what is proposed about it.
//!
//! The kinds are mutually exclusive: they are asked in the order of [`BreakKind::LADDER`], and the first that holds is the break.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::settlement::Category;

/// Days after the day of the provider within which a movement may still be on its way to its report.
pub const CUT_OFF_DAYS: u32 = 2;
/// Bank days within which a payout is on the bank's statement.
pub const BANK_DAYS: u32 = 3;
/// By how many minor units the fee of a dispute may differ and be booked as a difference (5900) without anybody.
pub const FEE_TOLERANCE_MINOR: u64 = 1;
/// How many minor units of such differences a month may have, by currency; what is more waits for a person.
pub const FEE_TOLERANCE_MONTH_MINOR: u64 = 100;
/// Days within which an amount that differs can be put right with the customer (CO-2).
pub const CORRECTION_DAYS: u32 = 30;

macro_rules! kinds {
    ($($(#[$meta:meta])* $kind:ident = $tag:literal;)+) => {
        /// What differs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum BreakKind { $($(#[$meta])* $kind,)+ }

        impl BreakKind {
            /// Every kind, in the order in which they are asked.
            pub const LADDER: &'static [Self] = &[$(Self::$kind),+];

            /// The stored word.
            #[must_use]
            pub const fn tag(self) -> &'static str {
                match self { $(Self::$kind => $tag),+ }
            }
        }
    };
}

kinds! {
    /// The provider has a word for the movement that nobody here knows.
    UnknownCategory = "unknown_category";
    /// A refund of a payment that is not known here.
    OrphanRefund = "orphan_refund";
    /// The provider moved money that our books don't have.
    MissingHere = "missing_here";
    /// On its way: the other side stands after the cut-off, or cannot be expected yet.
    Timing = "timing";
    /// Our books have a movement that the provider does not have.
    MissingAtProvider = "missing_at_provider";
    /// The provider moved it twice.
    DuplicateThere = "duplicate_there";
    /// Our books have it twice.
    DuplicateHere = "duplicate_here";
    /// Another currency.
    Currency = "currency";
    /// Moved there, and not settled here.
    Status = "status";
    /// Another amount.
    Amount = "amount";
    /// Another fee.
    Fee = "fee";
    /// The lines of a payout are not its amount.
    PayoutUnproven = "payout_unproven";
    /// A payout that should be on the bank's statement and is not.
    PayoutNotOnBank = "payout_not_on_bank";
    /// A provider's line on the statement that is no payout.
    BankLineWithoutPayout = "bank_line_without_payout";
}

impl BreakKind {
    /// The kind with this word.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::LADDER.iter().copied().find(|kind| kind.tag() == tag)
    }
}

/// Where a break stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakState {
    /// Nobody has said anything about it.
    Open,
    /// Somebody knows why; it is still there.
    Explained,
    /// It is no more, or was dealt with.
    Resolved,
    /// Given up.
    WrittenOff,
}

impl BreakState {
    /// Every state with its stored word.
    pub const TAGS: &'static [(Self, &'static str)] =
        &[(Self::Open, "open"), (Self::Explained, "explained"), (Self::Resolved, "resolved"), (Self::WrittenOff, "written_off")];

    /// The stored word.
    #[must_use]
    pub fn tag(self) -> &'static str {
        Self::TAGS.iter().find(|(state, _)| *state == self).map_or("open", |(_, tag)| *tag)
    }

    /// The state with this word.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::TAGS.iter().find(|(_, known)| *known == tag).map(|(state, _)| *state)
    }

    /// Whether somebody still has to do something.
    #[must_use]
    pub const fn waits(self) -> bool {
        matches!(self, Self::Open | Self::Explained)
    }
}

/// How long a break has been there, in bands of days.
///
/// ```
/// use kasacare::domain::reconcile::age_band;
/// let day = |text: &str| text.parse().unwrap();
/// assert_eq!(age_band(day("2026-03-01"), day("2026-03-02")), "0-1");
/// assert_eq!(age_band(day("2026-03-01"), day("2026-04-01")), "> 30");
/// ```
#[must_use]
pub fn age_band(since: NaiveDate, through: NaiveDate) -> &'static str {
    match age_days(since, through) {
        ..=1 => "0-1",
        2..=5 => "2-5",
        6..=10 => "6-10",
        11..=30 => "11-30",
        _ => "> 30",
    }
}

/// Whole days from one day to another; none where it has not come yet.
#[must_use]
pub fn age_days(since: NaiveDate, through: NaiveDate) -> i64 {
    through.signed_duration_since(since).num_days().max(0)
}

/// One side of a pair, as far as it decides what the pair is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// The business day.
    pub on: NaiveDate,
    /// Signed from our side, in minor units, without fees.
    pub amount_minor: i64,
    /// What the provider took.
    pub fee_minor: i64,
    /// The currency, as its letters.
    pub currency: [u8; 3],
    /// Whether the money has moved, by this side.
    pub has_moved: bool,
}

/// What a pair is: nothing where the two agree, or where both lie after the cut-off.
///
/// ```
/// use kasacare::domain::reconcile::{BreakKind, Side, of_pair};
/// use kasacare::domain::settlement::Category;
/// let ours = Side { on: "2026-03-01".parse().unwrap(), amount_minor: 999, fee_minor: 0, currency: *b"USD", has_moved: true };
/// let through = "2026-03-31".parse().unwrap();
/// assert_eq!(of_pair(Category::Charge, &ours, &Side { fee_minor: 59, ..ours }, through), None);
/// assert_eq!(of_pair(Category::Charge, &ours, &Side { amount_minor: 998, ..ours }, through), Some(BreakKind::Amount));
/// ```
#[must_use]
pub fn of_pair(category: Category, ours: &Side, theirs: &Side, through: NaiveDate) -> Option<BreakKind> {
    if ours.on > through && theirs.on > through {
        return None;
    }
    if ours.has_moved && (ours.on > through || theirs.on > through) {
        return Some(BreakKind::Timing);
    }
    if theirs.on > through {
        return None;
    }
    if ours.currency != theirs.currency {
        return Some(BreakKind::Currency);
    }
    if !ours.has_moved {
        return Some(BreakKind::Status);
    }
    if ours.amount_minor != theirs.amount_minor {
        return Some(BreakKind::Amount);
    }
    // The fees of payments are booked from the provider's figures; that of a dispute is in the customer's books.
    (category == Category::Dispute && ours.fee_minor != theirs.fee_minor).then_some(BreakKind::Fee)
}

/// What something of ours without a counterpart is. `told_until` is the last day of which the provider has told anything.
#[must_use]
pub fn of_ours(ours: &Side, through: NaiveDate, told_until: NaiveDate) -> Option<BreakKind> {
    if !ours.has_moved || ours.on > through {
        return None;
    }
    let is_young = age_days(ours.on, through.min(told_until)) < i64::from(CUT_OFF_DAYS);
    Some(if is_young { BreakKind::Timing } else { BreakKind::MissingAtProvider })
}

/// What a movement without a counterpart is.
#[must_use]
pub fn of_theirs(category: Category, theirs: &Side, payment_is_known: bool, through: NaiveDate) -> Option<BreakKind> {
    if theirs.on > through {
        return None;
    }
    match category {
        Category::Unknown => Some(BreakKind::UnknownCategory),
        Category::Refund | Category::RefundFailure if !payment_is_known => Some(BreakKind::OrphanRefund),
        Category::Charge | Category::Refund | Category::RefundFailure | Category::Dispute | Category::DisputeReversal => {
            Some(BreakKind::MissingHere)
        }
        // Nobody's payment, and no fee: a person must say what it is.
        Category::Adjustment | Category::Tax => Some(BreakKind::MissingHere),
        Category::Fee | Category::Reserve | Category::Payout | Category::PayoutFailure => None,
    }
}

/// The day that is so many bank days after another: Saturdays and Sundays do not count.
#[must_use]
pub fn bank_days_after(on: NaiveDate, days: u32) -> NaiveDate {
    use chrono::Datelike;
    let mut day = on;
    let mut left = days;
    while left > 0 {
        let Some(next) = day.succ_opt() else { return day };
        day = next;
        if day.weekday().number_from_monday() <= 5 {
            left = left.saturating_sub(1);
        }
    }
    day
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn side(on: &str, amount_minor: i64) -> Side {
        Side { on: day(on), amount_minor, fee_minor: 0, currency: *b"USD", has_moved: true }
    }

    #[track_caller]
    fn pair(category: Category, ours: Side, theirs: Side, expected: Option<BreakKind>) {
        assert_eq!(of_pair(category, &ours, &theirs, day("2026-03-31")), expected);
    }

    #[test]
    fn pairs_are_asked_in_the_order_of_the_ladder() {
        let ours = side("2026-03-10", 999);
        pair(Category::Charge, ours, side("2026-03-11", 999), None);
        pair(Category::Charge, ours, side("2026-04-01", 999), Some(BreakKind::Timing));
        pair(Category::Charge, side("2026-04-01", 999), side("2026-03-31", 999), Some(BreakKind::Timing));
        pair(Category::Charge, side("2026-04-01", 999), side("2026-04-02", 5), None);
        pair(Category::Charge, ours, Side { currency: *b"EUR", ..ours }, Some(BreakKind::Currency));
        pair(Category::Charge, Side { has_moved: false, amount_minor: 5, ..ours }, ours, Some(BreakKind::Status));
        pair(Category::Charge, ours, side("2026-03-10", 998), Some(BreakKind::Amount));
        pair(Category::Charge, ours, Side { fee_minor: 59, ..ours }, None);
        pair(Category::Dispute, ours, Side { fee_minor: 1_500, ..ours }, Some(BreakKind::Fee));
    }

    #[test]
    fn what_stands_alone_is_late_or_missing() {
        let through = day("2026-03-31");
        assert_eq!(of_ours(&side("2026-03-31", 1), through, through), Some(BreakKind::Timing));
        assert_eq!(of_ours(&side("2026-03-30", 1), through, through), Some(BreakKind::Timing));
        assert_eq!(of_ours(&side("2026-03-29", 1), through, through), Some(BreakKind::MissingAtProvider));
        assert_eq!(of_ours(&side("2026-04-01", 1), through, through), None);
        assert_eq!(of_ours(&Side { has_moved: false, ..side("2026-03-01", 1) }, through, through), None);
        // The provider's report ends earlier.
        assert_eq!(of_ours(&side("2026-03-20", 1), through, day("2026-03-20")), Some(BreakKind::Timing));
        assert_eq!(of_ours(&side("2026-03-18", 1), through, day("2026-03-20")), Some(BreakKind::MissingAtProvider));
        let theirs = side("2026-03-31", 1);
        assert_eq!(of_theirs(Category::Charge, &theirs, false, through), Some(BreakKind::MissingHere));
        assert_eq!(of_theirs(Category::Refund, &theirs, false, through), Some(BreakKind::OrphanRefund));
        assert_eq!(of_theirs(Category::Refund, &theirs, true, through), Some(BreakKind::MissingHere));
        assert_eq!(of_theirs(Category::Unknown, &theirs, true, through), Some(BreakKind::UnknownCategory));
        assert_eq!(of_theirs(Category::Adjustment, &theirs, true, through), Some(BreakKind::MissingHere));
        assert_eq!(of_theirs(Category::Reserve, &theirs, true, through), None);
        assert_eq!(of_theirs(Category::Charge, &side("2026-04-01", 1), true, through), None);
    }

    #[test]
    fn ages_have_bands_and_banks_have_weekends() {
        let bands = [("2026-03-31", "0-1"), ("2026-03-29", "2-5"), ("2026-03-25", "6-10"), ("2026-03-20", "11-30"), ("2026-02-28", "> 30")];
        for (since, band) in bands {
            assert_eq!(age_band(day(since), day("2026-03-31")), band, "{since}");
        }
        // A Thursday; then Friday, Monday, Tuesday.
        assert_eq!(bank_days_after(day("2026-01-01"), 3), day("2026-01-06"));
        assert_eq!(bank_days_after(day("2026-01-01"), 0), day("2026-01-01"));
    }

    #[test]
    fn words_are_those_of_the_json() {
        for kind in BreakKind::LADDER {
            assert_eq!(serde_json::to_value(kind).unwrap(), serde_json::Value::from(kind.tag()));
            assert_eq!(BreakKind::from_tag(kind.tag()), Some(*kind));
        }
        for (state, tag) in BreakState::TAGS {
            assert_eq!((state.tag(), BreakState::from_tag(tag)), (*tag, Some(*state)));
        }
    }
}
