//! Laws of PR: which price version a renewal is charged at.

use chrono::{Days, NaiveDate, TimeDelta};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::domain::price::{Choice, DatedVersion, PassedOver, SentNotice};
use crate::strategies::{PriceHistory, price_histories};

use super::{Verdict, ensure, equal, hold};

/// One renewal of a history.
#[derive(Debug, Clone)]
struct Renewal {
    history: PriceHistory,
    current: DatedVersion<u32>,
    start: NaiveDate,
}

impl Renewal {
    fn notice(&self, version: u32) -> Option<NaiveDate> {
        self.history.notices.iter().find(|notice| notice.version == version).map(|notice| notice.sent_on)
    }

    /// PR-2, by hand: in force on the start, and noticed so many days before.
    fn is_due(&self, listed: DatedVersion<u32>) -> bool {
        let noticed = |sent_on: NaiveDate| sent_on + Days::new(u64::from(self.history.notice_days)) <= self.start;
        listed.effective_from <= self.start && self.notice(listed.version).is_some_and(noticed)
    }

    fn newer(&self) -> impl Iterator<Item = DatedVersion<u32>> + '_ {
        let present = self.current.effective_from;
        self.history.versions.iter().copied().filter(move |listed| listed.effective_from > present)
    }
}

/// Renewals on and around the days on which a version comes into force or its notice becomes old enough, and on others.
fn renewals() -> impl Strategy<Value = Renewal> {
    let inputs = (price_histories(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), -1..=1_i64, 0..1_200_i64);
    inputs.prop_map(|(history, at, turning_point, by, later)| {
        let current = *at.get(&history.versions);
        let notice_days = TimeDelta::days(i64::from(history.notice_days));
        let in_force = history.versions.iter().map(|listed| listed.effective_from);
        let noticed = history.notices.iter().map(|notice| notice.sent_on + notice_days);
        let mut days: Vec<NaiveDate> = in_force.chain(noticed).map(|day| day + TimeDelta::days(by)).collect();
        days.push(history.anchor + TimeDelta::days(later));
        let start = current.effective_from.max(*turning_point.get(&days));
        Renewal { history, current, start }
    })
}

/// Runs every law of this module.
pub fn all(
    runner: &mut TestRunner,
    choose: impl Fn(DatedVersion<u32>, NaiveDate, &[DatedVersion<u32>], &[SentNotice<u32>], u32) -> Choice<u32>,
) -> Verdict {
    never_new_without_an_old_enough_notice(runner, &choose)?;
    never_back_to_an_older_version(runner, &choose)?;
    the_latest_due_version_counts(runner, &choose)?;
    every_newer_version_is_accounted_for(runner, &choose)?;
    reasons_are_true(runner, &choose)?;
    a_term_only_moves_forward(runner, &choose)
}

fn ask(
    choose: impl Fn(DatedVersion<u32>, NaiveDate, &[DatedVersion<u32>], &[SentNotice<u32>], u32) -> Choice<u32>,
    renewal: &Renewal,
) -> Choice<u32> {
    let PriceHistory { versions, notices, notice_days, .. } = &renewal.history;
    choose(renewal.current, renewal.start, versions, notices, *notice_days)
}

/// PR-2: a new price is charged only from its date on and `notice_days` after its notice. No proof, no new price.
pub fn never_new_without_an_old_enough_notice(
    runner: &mut TestRunner,
    choose: impl Fn(DatedVersion<u32>, NaiveDate, &[DatedVersion<u32>], &[SentNotice<u32>], u32) -> Choice<u32>,
) -> Verdict {
    hold(runner, "PR-2: never a new price without a notice old enough", renewals(), |renewal| {
        let chosen = ask(&choose, &renewal).version;
        let allowed = chosen == renewal.current || renewal.is_due(chosen);
        ensure(allowed, || format!("{chosen:?} is not due on {}", renewal.start))
    })
}

/// PR-6: a subscription never moves to an older version.
pub fn never_back_to_an_older_version(
    runner: &mut TestRunner,
    choose: impl Fn(DatedVersion<u32>, NaiveDate, &[DatedVersion<u32>], &[SentNotice<u32>], u32) -> Choice<u32>,
) -> Verdict {
    hold(runner, "PR-6: never back to an older version", renewals(), |renewal| {
        let chosen = ask(&choose, &renewal).version;
        let forward = chosen.effective_from >= renewal.current.effective_from;
        ensure(forward, || format!("{chosen:?} is older than {:?}", renewal.current))
    })
}

/// PR-4: of several versions that are due, the latest counts.
pub fn the_latest_due_version_counts(
    runner: &mut TestRunner,
    choose: impl Fn(DatedVersion<u32>, NaiveDate, &[DatedVersion<u32>], &[SentNotice<u32>], u32) -> Choice<u32>,
) -> Verdict {
    hold(runner, "PR-4: the latest version that is due counts", renewals(), |renewal| {
        let expected = renewal.newer().filter(|listed| renewal.is_due(*listed)).max_by_key(|listed| listed.effective_from);
        equal("version", &ask(&choose, &renewal).version, &expected.unwrap_or(renewal.current))
    })
}

/// PR-4: every version newer than the present one is charged, superseded or pending, exactly once. None is lost.
pub fn every_newer_version_is_accounted_for(
    runner: &mut TestRunner,
    choose: impl Fn(DatedVersion<u32>, NaiveDate, &[DatedVersion<u32>], &[SentNotice<u32>], u32) -> Choice<u32>,
) -> Verdict {
    hold(runner, "PR-4: every newer version is accounted for once", renewals(), |renewal| {
        let choice = ask(&choose, &renewal);
        let sorted = |mut versions: Vec<u32>| {
            versions.sort_unstable();
            versions
        };
        let named = |earlier: bool| {
            let chosen = choice.version;
            let others = renewal.newer().filter(|listed| listed.version != chosen.version);
            let listed = others.filter(|listed| (listed.effective_from < chosen.effective_from) == earlier);
            sorted(listed.map(|listed| listed.version).collect())
        };
        let superseded = sorted(choice.superseded.iter().map(|passed| passed.version).collect());
        let pending = sorted(choice.pending.iter().map(|passed| passed.version).collect());
        equal("superseded", &superseded, &named(true))?;
        equal("pending", &pending, &named(false))
    })
}

/// PR-4: the reason given for each version that was passed over is the true one.
pub fn reasons_are_true(
    runner: &mut TestRunner,
    choose: impl Fn(DatedVersion<u32>, NaiveDate, &[DatedVersion<u32>], &[SentNotice<u32>], u32) -> Choice<u32>,
) -> Verdict {
    hold(runner, "PR-4: the reasons are true", renewals(), |renewal| {
        let choice = ask(&choose, &renewal);
        for passed in choice.superseded.iter().chain(&choice.pending) {
            let listed = renewal.newer().find(|listed| listed.version == passed.version);
            let effective_from = listed.map_or(NaiveDate::MAX, |listed| listed.effective_from);
            let expected = match renewal.notice(passed.version) {
                _ if effective_from > renewal.start => PassedOver::NotYetEffective { effective_from },
                None => PassedOver::NoNotice,
                Some(sent_on) => {
                    let age_days = (renewal.start - sent_on).num_days();
                    if age_days < i64::from(renewal.history.notice_days) {
                        PassedOver::NoticeTooYoung { sent_on, age_days }
                    } else {
                        PassedOver::NewerDue { newer: choice.version.version }
                    }
                }
            };
            equal("reason", &passed.reason, &expected)?;
        }
        Ok(())
    })
}

/// PR-1, PR-6: over the renewals of a whole term, versions only ever get newer, and none is reported superseded and
/// charged later.
pub fn a_term_only_moves_forward(
    runner: &mut TestRunner,
    choose: impl Fn(DatedVersion<u32>, NaiveDate, &[DatedVersion<u32>], &[SentNotice<u32>], u32) -> Choice<u32>,
) -> Verdict {
    hold(runner, "PR-6: over a term, versions only get newer", price_histories(), |history| {
        let oldest = history.versions.iter().copied().min_by_key(|listed| listed.effective_from);
        let Some(mut current) = oldest else { return Ok(()) };
        let mut superseded = Vec::new();
        for renewal in 1..40_u64 {
            let start = history.anchor + Days::new(renewal * 31);
            let choice = choose(current, start, &history.versions, &history.notices, history.notice_days);
            let forward = choice.version.effective_from >= current.effective_from;
            ensure(forward, || format!("{:?} after {current:?}", choice.version))?;
            let revived = superseded.contains(&choice.version.version);
            ensure(!revived, || format!("{:?} was superseded before", choice.version))?;
            superseded.extend(choice.superseded.iter().map(|passed| passed.version));
            current = choice.version;
        }
        Ok(())
    })
}
