//! Months that are closed: nothing was posted into them since, and what was sealed of each still stands (RC-3).

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::findings::{Check, Finding, Findings, counted};
use crate::domain::calendar::month_end;
use crate::reports::{ReportError, closing};
use crate::store::closings::{self, Act, Closing, Seal};
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
    for (act, (seal, lines)) in closed.iter().zip(closings::seals(tx, &ends).await?) {
        for difference in differences(act, &seal, &lines) {
            broken(findings, act.month, difference);
        }
    }
    Ok(())
}

/// What stands in the books by a month's end, and was not sealed so.
fn differences(act: &Closing, seal: &Seal, lines: &[String]) -> Vec<String> {
    let mut differences = Vec::new();
    if act.seal.entries != seal.entries {
        differences.push(format!("has {} entries, {} were sealed", seal.entries, act.seal.entries));
    }
    if act.seal.last_entry != seal.last_entry {
        let named = |entry: &Option<String>| entry.clone().unwrap_or_else(|| "none".to_owned());
        differences.push(format!("has {} as the last entry, {} was sealed", named(&seal.last_entry), named(&act.seal.last_entry)));
    }
    if act.seal.digest != seal.digest {
        let accounts = closing::sealed(&act.checklist).map(|sealed| moved(&sealed, lines)).unwrap_or_default();
        let accounts = if accounts.is_empty() { String::new() } else { format!(": {}", accounts.join("; ")) };
        differences.push(format!("has another trial balance than was sealed{accounts}"));
    }
    differences
}

/// The ledger accounts that differ between two trial balances, with what they had and have.
fn moved(sealed: &[String], now: &[String]) -> Vec<String> {
    let by_account = |lines: &[String]| -> BTreeMap<String, String> {
        let account = |line: &String| {
            let mut words = line.splitn(3, ' ');
            Some((format!("{} {}", words.next()?, words.next()?), words.next()?.to_owned()))
        };
        lines.iter().filter_map(account).collect()
    };
    let (sealed, now) = (by_account(sealed), by_account(now));
    let accounts: BTreeSet<&String> = sealed.keys().chain(now.keys()).collect();
    let told = |stands: Option<&String>| match stands.and_then(|stands| stands.split_once(' ')) {
        Some((balance, legs)) => format!("{balance} in {legs} legs"),
        None => "nothing".to_owned(),
    };
    let differing = accounts.into_iter().filter(|account| sealed.get(*account) != now.get(*account));
    differing.map(|account| format!("{account} had {} and has {}", told(sealed.get(account)), told(now.get(account)))).collect()
}
