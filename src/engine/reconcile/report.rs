//! What a run shows. It is stored as it is, and every format is made from what is stored, so that a run can be shown again byte for
//! byte (RC-3).

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::domain::money::Money;
use crate::domain::reconcile::{BreakKind, BreakState};

/// One side that was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// `our movements`, `provider movements`, `payouts`, `bank lines`.
    pub what: String,
    /// Rows.
    pub rows: u64,
    /// SHA-256 of them in the order of their ids.
    pub digest: String,
}

/// The first equation on one day: our balance at the provider against the provider's. Everything is signed from our side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Equation {
    /// The day.
    pub on: NaiveDate,
    /// 1200 at its beginning.
    pub opening: Money,
    /// Payments.
    pub captures: Money,
    /// Refunds.
    pub refunds: Money,
    /// Refunds that came back.
    pub failed_refunds: Money,
    /// Disputes with their fees.
    pub disputes: Money,
    /// Disputes won.
    pub disputes_won: Money,
    /// The provider's fees.
    pub fees: Money,
    /// What the reconciler has set aside on 1290, and other postings.
    pub adjustments: Money,
    /// Payouts.
    pub payouts: Money,
    /// 1200 at its end, by the postings.
    pub closing: Money,
    /// The provider's balance, by its movements.
    pub provider_balance: Money,
    /// Closing less balance.
    pub residual: Money,
    /// Of it, what stands on the two sides on different days.
    pub timing: Money,
    /// Of it, breaks that are listed and not set aside.
    pub breaks: Money,
    /// What is left: must be zero.
    pub unexplained: Money,
}

/// The second equation: a payout, its lines, and the bank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayoutProof {
    /// The payout.
    pub payout: String,
    /// When it was sent.
    pub sent_on: NaiveDate,
    /// When it is to arrive.
    pub arrives_on: NaiveDate,
    /// How much.
    pub amount: Money,
    /// How many movements were in it, as far as the provider says.
    pub lines: u64,
    /// Their sum; absent where the provider says none.
    pub lines_net: Option<Money>,
    /// Lines less amount: must be zero.
    pub residual: Option<Money>,
    /// The line of the bank, as `account/line`.
    pub bank_line: Option<String>,
    /// Bank less amount, of a line that is this payout alone: must be zero.
    pub bank_residual: Option<Money>,
    /// `on the bank`, `in transit`, `came back`, `came back, and is on the bank still`, `not on the bank`.
    pub stands: String,
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakLine {
    /// Its id, the same in every run.
    pub id: String,
    /// What differs.
    pub kind: BreakKind,
    /// Where it stands.
    pub state: BreakState,
    /// Who has taken it on.
    pub owner: Option<String>,
    /// Since when.
    pub since: NaiveDate,
    /// Days.
    pub age_days: i64,
    /// `0-1`, `2-5`, `6-10`, `11-30`, `> 30`.
    pub age: String,
    /// Ours less theirs.
    pub amount: Money,
    /// What of it waits on 1290.
    pub set_aside: Money,
    /// The customer.
    pub account: Option<String>,
    /// Our id.
    pub ours: Option<String>,
    /// What we have.
    pub ours_amount: Option<Money>,
    /// The provider's or the bank's id.
    pub theirs: Option<String>,
    /// What they have.
    pub theirs_amount: Option<Money>,
    /// What would resolve it.
    pub proposal: String,
}

/// Several payouts that may be one line of the bank: a person confirms it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The break of the line.
    pub id: String,
    /// The line, as `account/line`.
    pub bank_line: String,
    /// Its amount.
    pub amount: Money,
    /// The payouts that make it.
    pub payouts: Vec<String>,
}

/// A difference that somebody has booked, and that is there no more, or is another: its booking is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookedNoMore {
    /// The break.
    pub id: String,
    /// What was taken from 1290 for it.
    pub amount: Money,
    /// Where it was booked: 5000 or 5900.
    pub on: u16,
    /// Whether this run has taken the booking back, as `--apply` does.
    pub was_taken_back: bool,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReport {
    /// Its id, which follows from all that is in it.
    pub run: String,
    /// The provider.
    pub provider: String,
    /// The last day.
    pub through: NaiveDate,
    /// What was compared.
    pub inputs: Vec<Input>,
    /// Pairs that agree.
    pub agreed: u64,
    /// By currency and day.
    pub equations: Vec<Equation>,
    /// Payouts that are not proven, or not on the bank yet; of the others how many.
    pub payouts: Vec<PayoutProof>,
    /// Differences.
    pub breaks: Vec<BreakLine>,
    /// What a person may confirm.
    pub candidates: Vec<Candidate>,
    /// Bookings of differences that are no more, or are others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub booked_no_more: Vec<BookedNoMore>,
}

impl RunReport {
    /// Whether nothing waits for anybody: timing closes itself.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.unexplained().next().is_none()
            && self.breaks.iter().all(|it| it.kind == BreakKind::Timing || !it.state.waits())
            && self.booked_no_more.iter().all(|it| it.was_taken_back)
    }

    /// The days that something is left of.
    pub fn unexplained(&self) -> impl Iterator<Item = &Equation> {
        self.equations.iter().filter(|day| !day.unexplained.is_zero())
    }

    /// The last day of each currency.
    #[must_use]
    pub fn last_days(&self) -> Vec<&Equation> {
        let follows =
            |at: usize, day: &Equation| self.equations.get(at + 1).is_some_and(|next| next.closing.currency() == day.closing.currency());
        self.equations.iter().enumerate().filter(|(at, day)| !follows(*at, day)).map(|(_, day)| day).collect()
    }
}
