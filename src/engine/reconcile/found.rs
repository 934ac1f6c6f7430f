//! A difference between the two sides.

use chrono::NaiveDate;

use crate::domain::reconcile::{BreakKind, Side};
use crate::domain::settlement::Category;

/// A difference that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What differs.
    pub kind: BreakKind,
    /// What the movement is.
    pub category: Category,
    /// Ours, if there is one: customer, id, and what it says.
    pub ours: Option<(String, String, Side)>,
    /// Theirs, if there is one: id, and what it says.
    pub theirs: Option<(String, Side)>,
}

impl Found {
    /// What it is about, to put differences in order.
    pub(super) fn place(&self) -> (&str, &str, &str) {
        let ours = self.ours.as_ref().map_or(("", ""), |(account, id, _)| (account.as_str(), id.as_str()));
        (ours.0, ours.1, self.theirs.as_ref().map_or("", |(id, _)| id.as_str()))
    }

    /// The day from which on it is there: the earlier of the two. What has not settled here has no day.
    #[must_use]
    pub fn since(&self) -> NaiveDate {
        let ours = self.ours.iter().map(|(.., side)| side).filter(|side| side.has_moved || self.theirs.is_none());
        let days = ours.chain(self.theirs.iter().map(|(_, side)| side)).map(|side| side.on);
        days.min().unwrap_or(NaiveDate::MIN)
    }

    /// The currency of the amounts: ours, where there is one.
    #[must_use]
    pub fn currency(&self) -> [u8; 3] {
        self.ours.as_ref().map(|(.., side)| side.currency).or(self.theirs.as_ref().map(|(_, side)| side.currency)).unwrap_or(*b"???")
    }

    /// Ours less theirs, in minor units: in two currencies, ours.
    #[must_use]
    pub fn difference(&self) -> i128 {
        let effect = |side: &Side| {
            let fee = if self.category == Category::Dispute { side.fee_minor } else { 0 };
            if side.has_moved { i128::from(side.amount_minor) - i128::from(fee) } else { 0 }
        };
        let ours = self.ours.as_ref().map_or(0, |(.., side)| effect(side));
        let theirs = self.theirs.as_ref().map_or(0, |(_, side)| effect(side));
        if self.kind == BreakKind::Currency { ours } else { ours - theirs }
    }
}
