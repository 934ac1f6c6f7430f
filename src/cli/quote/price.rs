//! `quote price`: which price version each period of a term is charged at (PR-1, PR-2, PR-4).

use std::borrow::Cow;

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::calendar::Period;
use crate::domain::explain;
use crate::domain::price::{DatedVersion, Passed, SentNotice, version_at_renewal, version_at_start};

use super::fields::Fields;
use super::periods::COUNT_MAX;
use super::problem::{Code, Problem};
use super::stream::write_answer;

const FIELDS: &[&str] = &["id", "anchor", "cycle", "count", "versions", "notices", "notice_days"];
const VERSION_FIELDS: &[&str] = &["version", "effective_from"];
const NOTICE_FIELDS: &[&str] = &["version", "sent_on"];
/// PR-2, where the question does not say otherwise.
const NOTICE_DAYS: u32 = 30;
/// Most versions, and most notices, of one question: a term of the longest kind is then answered within seconds.
const VERSIONS_MAX: usize = 500;

#[derive(Serialize)]
struct PriceAnswer<'a> {
    id: &'a RawValue,
    periods: Vec<PricedPeriod<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    explanation: Vec<String>,
}

#[derive(Serialize)]
struct PricedPeriod<'a> {
    start: NaiveDate,
    end: NaiveDate,
    version: &'a str,
}

/// Price versions and notices; a version is named by its position in `names`.
struct History<'a> {
    names: Vec<Cow<'a, str>>,
    versions: Vec<DatedVersion<usize>>,
    notices: Vec<SentNotice<usize>>,
    notice_days: u32,
}

/// Answers one question.
pub(super) fn answer(fields: &Fields<'_>, explain: bool, out: &mut Vec<u8>) -> Result<(), Problem> {
    fields.only(FIELDS)?;
    let id = fields.required("id")?;
    let (anchor, cycle) = (fields.date("anchor")?, fields.cycle()?);
    let count = fields.count("count", COUNT_MAX)?;
    let history = History::read(fields)?;
    let mut current = version_at_start(anchor, &history.versions)
        .ok_or_else(|| Problem::of_field(Code::Inconsistent, "versions", format!("no price version is in force on {anchor}")))?;
    let mut periods = Vec::new();
    let mut explanation = Vec::new();
    let mut told = Vec::new();
    for number in 0..count {
        let period = Period::nth(anchor, cycle, number)
            .map_err(|_| Problem::of_field(Code::OutOfRange, "count", "a period goes past the year 9999"))?;
        if number == 0 {
            if explain {
                explanation.push(explain::price_at_start(anchor, history.name(current.version)));
            }
        } else {
            let before = current;
            let History { versions, notices, notice_days, .. } = &history;
            let choice = version_at_renewal(before, period.start, versions, notices, *notice_days);
            current = choice.version;
            if explain {
                if current != before {
                    let name = history.name(current.version);
                    explanation.push(explain::price_moves(period.start, name, *notice_days));
                }
                history.explain_passed(period.start, &choice.superseded, &mut told, &mut explanation);
                history.explain_passed(period.start, &choice.pending, &mut told, &mut explanation);
            }
        }
        periods.push(PricedPeriod { start: period.start, end: period.end, version: history.name(current.version) });
    }
    write_answer(&PriceAnswer { id, periods, explanation }, out);
    Ok(())
}

impl<'a> History<'a> {
    fn read(fields: &Fields<'a>) -> Result<Self, Problem> {
        let listed = fields
            .list("versions", VERSION_FIELDS, VERSIONS_MAX, |version| Ok((version.text("version")?, version.date("effective_from")?)))?;
        let sent = fields.list("notices", NOTICE_FIELDS, VERSIONS_MAX, |notice| Ok((notice.text("version")?, notice.date("sent_on")?)))?;
        let notice_days = fields.days_or("notice_days", NOTICE_DAYS)?;
        let inconsistent = |path: String, message: &str| Problem::of_field(Code::Inconsistent, path, message);
        let mut history = Self { names: Vec::new(), versions: Vec::new(), notices: Vec::new(), notice_days };
        for (position, (name, effective_from)) in listed.into_iter().enumerate() {
            if history.names.contains(&name) {
                return Err(inconsistent(format!("versions[{position}].version"), "the version stands twice"));
            }
            if history.versions.iter().any(|earlier| earlier.effective_from == effective_from) {
                let message = "two versions have one date";
                return Err(inconsistent(format!("versions[{position}].effective_from"), message));
            }
            history.names.push(name);
            history.versions.push(DatedVersion { version: position, effective_from });
        }
        for (position, (name, sent_on)) in sent.into_iter().enumerate() {
            let field = || format!("notices[{position}].version");
            let named = history.names.iter().position(|listed| *listed == name);
            let version = named.ok_or_else(|| inconsistent(field(), "a notice for an unknown version"))?;
            if history.notices.iter().any(|earlier| earlier.version == version) {
                return Err(inconsistent(field(), "two notices for one version"));
            }
            history.notices.push(SentNotice { version, sent_on });
        }
        Ok(history)
    }

    fn name(&self, version: usize) -> &str {
        self.names.get(version).map_or("", AsRef::as_ref)
    }

    /// Tells of each version once for each kind of reason, not again at every renewal that it waits through.
    fn explain_passed(
        &self,
        start: NaiveDate,
        passed: &[Passed<usize>],
        told: &mut Vec<(usize, &'static str)>,
        explanation: &mut Vec<String>,
    ) {
        for Passed { version, reason } in passed {
            let key = (*version, reason.tag());
            if !told.contains(&key) {
                told.push(key);
                explanation.push(explain::price_passed_over(
                    start,
                    self.name(*version),
                    &reason.named(|newer| self.name(newer)),
                    self.notice_days,
                ));
            }
        }
    }
}
