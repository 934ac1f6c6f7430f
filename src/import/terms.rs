//! One version of the service terms. Every number has the rules' own as its default; only the version must be named.

use std::io::Read;

use super::DAYS_MAX;
use super::document::Step::{Index, Key};
use super::document::{Document, read_checked};
use super::fields::name;
use super::form::{Form, Node};
use super::problem::{ImportError, Problem, RowProblem};
use crate::domain::calendar::Cycle;
use crate::domain::terms::{ChangeKind, Effective, Policy, Terms, UnusedValue};

/// Most retries of a soft decline.
const RETRIES_MAX: usize = 60;
/// Most missed periods that may be caught up without an operator: ten years of months.
const CATCH_UP_PERIODS_MAX: u32 = 120;

/// CP: the pairs that the policy matrix must have, each once.
const MATRIX: [(ChangeKind, Cycle); 8] = [
    (ChangeKind::CancelToFree, Cycle::Monthly),
    (ChangeKind::CancelToFree, Cycle::Annual),
    (ChangeKind::TierDown, Cycle::Monthly),
    (ChangeKind::TierDown, Cycle::Annual),
    (ChangeKind::TierUp, Cycle::Monthly),
    (ChangeKind::TierUp, Cycle::Annual),
    (ChangeKind::CycleToAnnual, Cycle::Monthly),
    (ChangeKind::CycleToMonthly, Cycle::Annual),
];

/// Reads terms: one JSON object.
///
/// ```
/// use kasacare::domain::terms::Terms;
/// use kasacare::import::terms;
/// assert_eq!(terms("t.json", br#"{"version": "2026"}"#.as_slice()).unwrap(), Terms::standard("2026"));
/// let refused = terms("t.json", br#"{"version": "2026", "soft_retry_days": [3, 1]}"#.as_slice()).unwrap_err();
/// assert_eq!(refused.to_string(), "t.json:1: soft_retry_days[1]: must be later than the day before it");
/// ```
pub fn terms(file: &str, input: impl Read + Send) -> Result<Terms, ImportError> {
    read_checked(file, Box::new(input), form, findings)
}

/// The form of the terms: which keys there are, and what their values are made of.
fn form(form: &mut Form<'_>, node: &Node<'_>) -> Option<Terms> {
    let mut members = form.object(node)?;
    let (of, standard) = (&mut members, Terms::standard(""));
    let version = form.required(of, "version", Form::text);
    let notice_days = form.defaulting(of, "notice_days", standard.notice_days, Form::number);
    let reminder_days = form.defaulting(of, "reminder_days", standard.reminder_days, Form::number);
    let cancellation_day = form.defaulting(of, "cancellation_day", standard.cancellation_day, Form::word);
    let cooling_off_days = form.defaulting(of, "cooling_off_days", standard.cooling_off_days, Form::number);
    let correction_window_days = form.defaulting(of, "correction_window_days", standard.correction_window_days, Form::number);
    let catch_up_periods_max = form.defaulting(of, "catch_up_periods_max", standard.catch_up_periods_max, Form::number);
    let days = |form: &mut Form<'_>, node: &Node<'_>| form.list(node, Form::number);
    let soft_retry_days = form.defaulting(of, "soft_retry_days", standard.soft_retry_days, days);
    let policy = form.defaulting(of, "policy", standard.policy, |form, node| form.list(node, policy_row));
    form.end(&members);
    Some(Terms {
        version: version?,
        notice_days: notice_days?,
        reminder_days: reminder_days?,
        cancellation_day: cancellation_day?,
        cooling_off_days: cooling_off_days?,
        correction_window_days: correction_window_days?,
        catch_up_periods_max: catch_up_periods_max?,
        soft_retry_days: soft_retry_days?,
        policy: policy?,
    })
}

fn policy_row(form: &mut Form<'_>, node: &Node<'_>) -> Option<Policy> {
    let mut members = form.object(node)?;
    let of = &mut members;
    let (change, cycle) = (form.required(of, "change", Form::word), form.required(of, "cycle", Form::word));
    let (effective, unused) = (form.required(of, "effective", Form::word), form.required(of, "unused", Form::word));
    form.end(&members);
    Some(Policy { change: change?, cycle: cycle?, effective: effective?, unused: unused? })
}

fn findings(terms: &Terms, document: &Document) -> Vec<RowProblem> {
    let mut problems = Vec::new();
    if let Err(problem) = name(&terms.version) {
        problems.push(document.problem(&[Key("version")], problem));
    }
    let spans = [
        ("notice_days", terms.notice_days),
        ("reminder_days", terms.reminder_days),
        ("cooling_off_days", terms.cooling_off_days),
        ("correction_window_days", terms.correction_window_days),
    ];
    for (key, _) in spans.iter().filter(|(_, days)| *days > DAYS_MAX) {
        problems.push(document.problem(&[Key(key)], Problem::TooManyDays));
    }
    if terms.catch_up_periods_max > CATCH_UP_PERIODS_MAX {
        let problem = Problem::Range { least: 0, most: u64::from(CATCH_UP_PERIODS_MAX) };
        problems.push(document.problem(&[Key("catch_up_periods_max")], problem));
    }
    problems.extend(retry_findings(&terms.soft_retry_days, document));
    problems.extend(policy_findings(&terms.policy, document));
    problems
}

/// PD-2: retries happen on ascending days, none on the day of the failure itself.
fn retry_findings(days: &[u32], document: &Document) -> Vec<RowProblem> {
    let mut problems = Vec::new();
    if days.len() > RETRIES_MAX {
        problems.push(document.problem(&[Key("soft_retry_days")], Problem::TooMany { found: days.len(), most: RETRIES_MAX }));
    }
    let mut before = 0;
    for (index, day) in days.iter().enumerate() {
        let at = [Key("soft_retry_days"), Index(index)];
        if *day <= before {
            let rule = if index == 0 { "must be at least 1" } else { "must be later than the day before it" };
            problems.push(document.problem(&at, Problem::Rule(rule.to_owned())));
        }
        if *day > DAYS_MAX {
            problems.push(document.problem(&at, Problem::TooManyDays));
        }
        before = *day;
    }
    problems
}

/// CP: each pair of the matrix once, no other pair, and nothing unused where the period runs out.
fn policy_findings(policy: &[Policy], document: &Document) -> Vec<RowProblem> {
    let mut problems = Vec::new();
    for (index, row) in policy.iter().enumerate() {
        let at = [Key("policy"), Index(index)];
        let pair = (row.change, row.cycle);
        let mut note = |rule: &str| problems.push(document.problem(&at, Problem::Rule(rule.to_owned())));
        if !MATRIX.contains(&pair) {
            note(&format!("the matrix has no row {}", pair_text(pair)));
        }
        if policy.iter().take(index).any(|earlier| (earlier.change, earlier.cycle) == pair) {
            note(&format!("the row {} is there twice", pair_text(pair)));
        }
        if row.effective == Effective::EndOfPeriod && row.unused != UnusedValue::None {
            note("nothing is left unused by a change at the end of the period: unused must be none");
        }
    }
    for pair in MATRIX.into_iter().filter(|pair| !policy.iter().any(|row| (row.change, row.cycle) == *pair)) {
        problems.push(document.problem(&[Key("policy")], Problem::Rule(format!("the row {} is missing", pair_text(pair)))));
    }
    problems
}

fn pair_text((change, cycle): (ChangeKind, Cycle)) -> String {
    let change = match change {
        ChangeKind::CancelToFree => "cancel_to_free",
        ChangeKind::TierDown => "tier_down",
        ChangeKind::TierUp => "tier_up",
        ChangeKind::CycleToAnnual => "cycle_to_annual",
        ChangeKind::CycleToMonthly => "cycle_to_monthly",
    };
    format!("({change}, {})", cycle.tag())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(json: &str, expected: &str) {
        assert_eq!(terms("t.json", json.as_bytes()).unwrap_err().to_string(), expected);
    }

    #[test]
    fn the_standard_terms_pass_in_full() {
        let standard = Terms::standard("2026-01");
        let text = serde_json::to_string_pretty(&standard).unwrap();
        assert_eq!(terms("t.json", text.as_bytes()).unwrap(), standard);
    }

    #[test]
    fn numbers_have_limits() {
        refused(
            "{\"version\": \"a b\",\n\"notice_days\": 3661,\n\"catch_up_periods_max\": 121,\n\"soft_retry_days\": [0,\n4000]}",
            "t.json:1: version: an id has only letters, digits, `_`, `.` and `-`; character 2 is none of these
t.json:2: notice_days: must be at most 3660 days
t.json:3: catch_up_periods_max: must be from 0 to 120
t.json:4: soft_retry_days[0]: must be at least 1
t.json:5: soft_retry_days[1]: must be at most 3660 days",
        );
    }

    #[test]
    fn the_matrix_is_complete_and_has_nothing_else() {
        let mut changed = Terms::standard("v");
        changed.policy.remove(7);
        changed.policy[1].cycle = Cycle::Monthly;
        changed.policy[6].cycle = Cycle::Annual;
        changed.policy[2].unused = UnusedValue::CreditToNextBill;
        refused(
            &serde_json::to_string(&changed).unwrap(),
            "t.json:1: policy[1]: the row (cancel_to_free, monthly) is there twice
t.json:1: policy[2]: nothing is left unused by a change at the end of the period: unused must be none
t.json:1: policy[6]: the matrix has no row (cycle_to_annual, annual)
t.json:1: policy: the row (cancel_to_free, annual) is missing
t.json:1: policy: the row (cycle_to_annual, monthly) is missing
t.json:1: policy: the row (cycle_to_monthly, annual) is missing",
        );
    }

    #[test]
    fn what_is_no_terms_is_refused() {
        refused("", "t.json: the file is empty");
        refused("{\"version\": 3}", "t.json:1: version: must be text, not a number");
        refused("[]", "t.json:1: must be an object, not a list");
        refused(
            "{\"version\": \"v\",\n \"retries\": 3,\n\"notice_days\": -1, \"notice_days\": 1,\n\"policy\": [{\"change\": \"x\"}, 7]}",
            "t.json:2: retries: no such key; there are version, notice_days, reminder_days, cancellation_day, cooling_off_days, \
correction_window_days, catch_up_periods_max, soft_retry_days, policy
t.json:3: notice_days: this column is there twice
t.json:3: notice_days: must be a whole number from 0 to 4294967295
t.json:4: policy[0].change: unknown variant `x`, expected one of `cancel_to_free`, `tier_down`, `tier_up`, `cycle_to_annual`, \
`cycle_to_monthly`
t.json:4: policy[0].cycle: a value is missing
t.json:4: policy[0].effective: a value is missing
t.json:4: policy[0].unused: a value is missing
t.json:4: policy[1]: must be an object, not a number",
        );
        refused("{\"version\": \"v\"\n", "t.json:2: not valid JSON: EOF while parsing an object");
    }
}
