//! Stored runs of the reconciliation, and which of them tells of a day.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Deserialize;

use crate::domain::money::Money;
use crate::domain::reconcile::{BreakKind, BreakState, age_band, age_days};

/// What a stored run has, as far as it is told here.
#[derive(Deserialize)]
pub(super) struct Run {
    pub(super) agreed: u64,
    pub(super) equations: Vec<Day>,
    pub(super) payouts: Vec<Payout>,
    pub(super) breaks: Vec<Break>,
}

/// The first equation on one day.
#[derive(Deserialize)]
pub(super) struct Day {
    pub(super) on: NaiveDate,
    pub(super) opening: Money,
    pub(super) captures: Money,
    pub(super) refunds: Money,
    pub(super) failed_refunds: Money,
    pub(super) disputes: Money,
    pub(super) disputes_won: Money,
    pub(super) fees: Money,
    pub(super) adjustments: Money,
    pub(super) payouts: Money,
    pub(super) closing: Money,
    pub(super) provider_balance: Money,
    pub(super) residual: Money,
    pub(super) timing: Money,
    pub(super) breaks: Money,
    pub(super) unexplained: Money,
}

/// The second equation.
#[derive(Deserialize)]
pub(super) struct Payout {
    pub(super) payout: String,
    pub(super) sent_on: NaiveDate,
    pub(super) arrives_on: NaiveDate,
    pub(super) amount: Money,
    pub(super) lines: u64,
    pub(super) lines_net: Option<Money>,
    pub(super) residual: Option<Money>,
    pub(super) bank_line: Option<String>,
    pub(super) bank_residual: Option<Money>,
    pub(super) stands: String,
}

#[derive(Deserialize)]
pub(super) struct Break {
    pub(super) id: String,
    pub(super) kind: BreakKind,
    pub(super) state: BreakState,
    pub(super) since: NaiveDate,
    pub(super) age_days: i64,
    pub(super) age: String,
    pub(super) amount: Money,
    /// What stands on 1290 under it at the report's day, debits positive.
    #[serde(skip)]
    pub(super) unmatched: Option<Money>,
    pub(super) account: Option<String>,
    pub(super) ours: Option<String>,
    pub(super) theirs: Option<String>,
    pub(super) proposal: String,
}

/// A run with whose it is and until when it is told.
pub(super) struct Stored {
    pub(super) provider: String,
    pub(super) through: NaiveDate,
    /// The day through which it went, where that is later.
    pub(super) goes_on: Option<NaiveDate>,
    pub(super) started_at: i64,
    pub(super) run: Run,
}

/// A run, without what it found.
pub(super) struct Known {
    pub(super) id: String,
    pub(super) provider: String,
    pub(super) through: NaiveDate,
    pub(super) started_at: i64,
}

/// Of each provider the run that tells of a day: the last one through it; where none goes so far, the first one that goes on beyond it; else
/// the last one before it.
pub(super) fn chosen(runs: Vec<Known>, through: NaiveDate) -> BTreeMap<String, Known> {
    let mut chosen: BTreeMap<String, Known> = BTreeMap::new();
    // They stand in the order of their days, and of when they were made.
    for run in runs {
        let is_better = chosen.get(&run.provider).is_none_or(|best| best.through < through || run.through == best.through);
        if is_better {
            chosen.insert(run.provider.clone(), run);
        }
    }
    chosen
}

impl Run {
    /// Leaves out what is of later days.
    pub(super) fn cut(&mut self, through: NaiveDate) {
        self.equations.retain(|day| day.on <= through);
        self.payouts.retain(|payout| payout.sent_on <= through);
        self.breaks.retain(|it| it.since <= through);
        for it in &mut self.breaks {
            (it.age_days, it.age) = (age_days(it.since, through), age_band(it.since, through).to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_that_tells_of_a_day_is_the_one_that_reaches_it() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let chosen_of = |days: &[&str], through: &str| {
            let run = |(at, on): (usize, &&str)| Known {
                id: format!("{on}#{at}"),
                provider: "p".to_owned(),
                through: day(on),
                started_at: i64::try_from(at).unwrap(),
            };
            chosen(days.iter().enumerate().map(run).collect(), day(through)).remove("p").map(|run| run.id)
        };
        let days = ["2026-10-20", "2026-10-31", "2026-10-31", "2026-11-05", "2026-11-06"];
        assert_eq!(chosen_of(&days, "2026-10-31").unwrap(), "2026-10-31#2", "the last one through the day");
        assert_eq!(chosen_of(&days, "2026-11-01").unwrap(), "2026-11-05#3", "the first one that goes on beyond it");
        assert_eq!(chosen_of(&days, "2026-12-31").unwrap(), "2026-11-06#4", "the last one before it");
        assert_eq!(chosen_of(&days, "2026-01-01").unwrap(), "2026-10-20#0");
        assert_eq!(chosen_of(&[], "2026-01-01"), None);
    }
}
