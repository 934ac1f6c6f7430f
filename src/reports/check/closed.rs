//! Months that are closed: nothing was posted into them since, and what was sealed of each still stands (RC-3).

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::findings::{Check, Finding, Findings, counted};
use crate::domain::calendar::month_end;
use crate::reports::ReportError;
use crate::store::closings::{self, Act, Closing};
use crate::store::db::Tx;

/// The days on which the books were open after a closed month.
pub(super) fn opens(acts: &[Closing]) -> BTreeSet<NaiveDate> {
    acts.iter().filter_map(|act| act.closed_through?.succ_opt()).collect()
}

/// Reckons the seals anew, and follows the acts from the first to the last.
pub(super) async fn inspect(tx: &mut Tx, acts: &[Closing], findings: &mut Findings) -> Result<(), ReportError> {
    let broken = |findings: &mut Findings, month: NaiveDate, problem: String| {
        let subject = month.format("%Y-%m").to_string();
        findings.broken(Check::ClosedMonths, Finding { account: None, subject, problem });
    };
    findings.looked_at(Check::ClosedMonths, counted(acts.len()));
    let mut stands: Vec<NaiveDate> = Vec::new();
    for (number, act) in (1_i64..).zip(acts) {
        let end = month_end(act.month);
        let follows = match act.act {
            Act::Closed => {
                let follows = stands.last().is_none_or(|last| *last < act.month) && act.closed_through == Some(end);
                stands.push(end);
                follows
            }
            Act::Reopened => stands.pop() == Some(end) && act.closed_through == stands.last().copied(),
        };
        if act.number != number || !follows {
            broken(findings, act.month, format!("was {} out of turn (act {})", act.act.tag(), act.number));
        }
    }
    let closed = closings::in_force(acts);
    let ends: Vec<NaiveDate> = closed.iter().map(|act| month_end(act.month)).collect();
    for (act, digest) in closed.iter().zip(closings::digests(tx, &ends).await?) {
        if act.seal.digest != digest {
            broken(findings, act.month, "has another trial balance than was sealed".to_owned());
        }
    }
    Ok(())
}
