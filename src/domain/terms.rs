//! The service terms as data: every number of the rules and the policy matrix (CP), versioned and loaded from a file.
//!
//! A subscription keeps the version that it was sold under.

use serde::{Deserialize, Serialize};

use super::calendar::Cycle;
use super::refund::CancellationDay;

/// A customer's change of mind, as the policy matrix names it (CP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Back to the Free Package.
    CancelToFree,
    /// To a tier of lower rank, same cycle.
    TierDown,
    /// To a tier of higher rank, same cycle.
    TierUp,
    /// From monthly to annual, whatever the tier.
    CycleToAnnual,
    /// From annual to monthly, whatever the tier.
    CycleToMonthly,
}

/// When a change takes effect (CP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effective {
    /// Today.
    AtOnce,
    /// When the period that is paid for ends.
    EndOfPeriod,
}

/// What becomes of the unused value of the period that a change cuts short (CP).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnusedValue {
    /// The period is used up; nothing is left.
    None,
    /// Refunded; credited to the next bill while another paid subscription of the account goes on.
    RefundUnlessAnotherGoesOn,
    /// Credit against the new charge, the rest to the next bill.
    CreditToNextBill,
    /// Credit against the new charge, the rest refunded.
    CreditThenRefund,
}

/// One row of the policy matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What the customer asks for.
    pub change: ChangeKind,
    /// The cycle of the plan that is left.
    pub cycle: Cycle,
    /// When it takes effect.
    pub effective: Effective,
    /// Where the unused value goes.
    pub unused: UnusedValue,
}

/// One version of the service terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Its name, unique.
    pub version: String,
    /// PR-2: days between the price notice and the first period at the new price.
    #[serde(default = "thirty")]
    pub notice_days: u32,
    /// RE-1: days before an annual renewal at which the reminder goes out.
    #[serde(default = "thirty")]
    pub reminder_days: u32,
    /// RF-1: whether the day of cancellation counts as used.
    #[serde(default = "cancellation_day")]
    pub cancellation_day: CancellationDay,
    /// RF-6: cancelled within so many days of the first period's start, everything is refunded.
    #[serde(default)]
    pub cooling_off_days: u32,
    /// CO-2: days after a transaction in which it may be put right.
    #[serde(default = "thirty")]
    pub correction_window_days: u32,
    /// CA-3: more missed periods than this park the account.
    #[serde(default = "three")]
    pub catch_up_periods_max: u32,
    /// PD-2: days after the first failure on which a soft decline is tried again.
    #[serde(default = "retry_days")]
    pub soft_retry_days: Vec<u32>,
    /// CP: the policy matrix.
    #[serde(default = "policy_matrix")]
    pub policy: Vec<Policy>,
}

const fn thirty() -> u32 {
    30
}

const fn three() -> u32 {
    3
}

const fn cancellation_day() -> CancellationDay {
    CancellationDay::Used
}

fn retry_days() -> Vec<u32> {
    vec![1, 3, 5, 7, 14, 21]
}

fn policy_matrix() -> Vec<Policy> {
    use ChangeKind::{CancelToFree, CycleToAnnual, CycleToMonthly, TierDown, TierUp};
    use Cycle::{Annual, Monthly};
    use Effective::{AtOnce, EndOfPeriod};
    let row = |change, cycle, effective, unused| Policy { change, cycle, effective, unused };
    vec![
        row(CancelToFree, Monthly, EndOfPeriod, UnusedValue::None),
        row(CancelToFree, Annual, AtOnce, UnusedValue::RefundUnlessAnotherGoesOn),
        row(TierDown, Monthly, EndOfPeriod, UnusedValue::None),
        row(TierDown, Annual, AtOnce, UnusedValue::CreditToNextBill),
        row(TierUp, Monthly, AtOnce, UnusedValue::CreditToNextBill),
        row(TierUp, Annual, AtOnce, UnusedValue::CreditToNextBill),
        row(CycleToAnnual, Monthly, AtOnce, UnusedValue::CreditToNextBill),
        row(CycleToMonthly, Annual, AtOnce, UnusedValue::CreditThenRefund),
    ]
}

impl Terms {
    /// The rules' own numbers under the given version name.
    #[must_use]
    pub fn standard(version: &str) -> Self {
        Self {
            version: version.to_owned(),
            notice_days: thirty(),
            reminder_days: thirty(),
            cancellation_day: cancellation_day(),
            cooling_off_days: 0,
            correction_window_days: thirty(),
            catch_up_periods_max: three(),
            soft_retry_days: retry_days(),
            policy: policy_matrix(),
        }
    }

    /// The matrix row for a change away from a plan with this cycle; `None` where the matrix has no such row.
    #[must_use]
    pub fn policy(&self, change: ChangeKind, cycle: Cycle) -> Option<Policy> {
        self.policy.iter().copied().find(|row| row.change == change && row.cycle == cycle)
    }
}
