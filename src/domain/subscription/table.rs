//! LC-10: every state × every command, and what happens or why not. Nothing is written down here: each answer is what
//! [`decide`] says to examples that differ in all that it looks at, so the table cannot differ from the code.

use chrono::NaiveDate;
use serde::Serialize;

use super::{Cause, Command, Intent, Life, State, Term, Trial, decide, evolve};
use crate::domain::calendar::{Cycle, Period};
use crate::domain::catalog::Plan;
use crate::domain::terms::Effective;

/// One state and one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// The present state.
    pub state: &'static str,
    /// What is asked.
    pub command: &'static str,
    /// The answers: one, or several that depend on what else is so.
    pub cases: Vec<Case>,
}

/// One answer to a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// When this is the answer; empty where it always is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<String>,
    /// What happens or why not.
    #[serde(flatten)]
    pub answer: Answer,
}

/// What a command does in a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is so already: no event and no error.
    AlreadySo,
    /// It happens.
    Happens {
        /// The events, by name.
        events: Vec<&'static str>,
        /// The state after them.
        to: &'static str,
        /// The renewal intent, where the same term has another one now.
        #[serde(skip_serializing_if = "Option::is_none")]
        intent: Option<&'static str>,
        /// Why it ended, if it did.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
    },
    /// It is refused and changes nothing.
    Refused {
        /// Why.
        because: &'static str,
    },
}

/// Every pair, the states and commands in the order of the rules.
///
/// ```
/// use kasacare::domain::subscription::{Command, State, table};
/// assert_eq!(table::pairs().len(), State::NAMES.len() * Command::NAMES.len());
/// ```
#[must_use]
pub fn pairs() -> Vec<Pair> {
    let (states, commands) = (states(), commands());
    let pair = |state: &'static str, command: &'static str| {
        let states = states.iter().filter(|example| example.of.name() == state);
        let answers: Vec<Answered> = states
            .flat_map(|example| commands.iter().filter(|asked| asked.of.name() == command).map(|asked| answered(example, asked)))
            .collect();
        Pair { state, command, cases: cases(&answers) }
    };
    State::NAMES.iter().flat_map(|state| Command::NAMES.iter().map(|command| pair(state, command))).collect()
}

/// An example and what distinguishes it.
struct Example<T> {
    of: T,
    /// What happens at the period's end, what is unpaid, and how the command stands; empty where there is no difference.
    conditions: Conditions,
}

type Conditions = [&'static str; 3];
type Answered = (Conditions, Answer);

fn answered(state: &Example<State>, command: &Example<Command>) -> Answered {
    let ([intent, unpaid, _], [_, _, how]) = (state.conditions, command.conditions);
    ([intent, unpaid, how], answer(&state.of, &command.of))
}

/// The different answers, each with the conditions that lead to it, of those that make a difference at all.
fn cases(answers: &[Answered]) -> Vec<Case> {
    let without = |conditions: &Conditions, place: usize| -> Vec<&'static str> {
        conditions.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, condition)| *condition).collect()
    };
    let matters = |place: usize| {
        let differ = |(one, answer): &Answered| {
            answers.iter().any(|(other, another)| without(one, place) == without(other, place) && answer != another)
        };
        answers.iter().any(differ)
    };
    let matter: Vec<bool> = (0..3).map(matters).collect();
    let mut cases: Vec<Case> = Vec::new();
    for (conditions, answer) in answers {
        let kept = conditions.iter().zip(&matter).filter(|(condition, matters)| **matters && !condition.is_empty());
        let when = kept.map(|(condition, _)| *condition).collect::<Vec<_>>().join(", ");
        match cases.iter_mut().find(|case| case.answer == *answer) {
            Some(case) if when.is_empty() || case.when.contains(&when) => {}
            Some(case) => case.when.push(when),
            None => cases.push(Case { when: Some(when).filter(|when| !when.is_empty()).into_iter().collect(), answer: answer.clone() }),
        }
    }
    cases
}

fn answer(state: &State, command: &Command) -> Answer {
    match decide(state, command) {
        Err(illegal) => Answer::Refused { because: illegal.because },
        Ok(events) if events.is_empty() => Answer::AlreadySo,
        Ok(events) => {
            let after = events.iter().fold(state.clone(), evolve);
            let events = events.iter().map(Life::name).collect();
            Answer::Happens { events, to: after.name(), intent: new_intent(state, &after), cause: cause(&after) }
        }
    }
}

fn new_intent(before: &State, after: &State) -> Option<&'static str> {
    let (before, after) = (&before.term()?.intent, &after.term()?.intent);
    (before != after).then_some(after.name())
}

const fn cause(after: &State) -> Option<Cause> {
    match after {
        State::Closed { cause, .. } => Some(*cause),
        _ => None,
    }
}

/// The paid period of the examples.
fn paid() -> Period {
    let start = NaiveDate::default();
    Period { start, end: start.checked_add_months(chrono::Months::new(1)).unwrap_or(start) }
}

/// Examples of every state: what [`decide`] tells apart within one is an example of its own.
fn states() -> Vec<Example<State>> {
    let since = paid().start;
    let example = |intent, unpaid, of| Example { of, conditions: [intent, unpaid, ""] };
    let mut states = vec![
        example("", "", State::Free),
        example("", "", State::Pending { term: term(Intent::Renews) }),
        example("", "", State::Trialing { trial: trial() }),
        example("", "", State::Closed { cause: Cause::Cancelled, on: paid().end }),
    ];
    let change = Intent::ChangesTo { plan: plan("premium"), version: String::new(), camera: None };
    for intent in [Intent::Renews, Intent::Ends, change] {
        let (name, term) = (intent.name(), term(intent));
        states.push(example(name, "", State::Active { term: term.clone() }));
        states.push(example(name, "", State::PastDue { term: term.clone(), since }));
        states.push(example(name, "all paid", State::Suspended { term: term.clone(), since, unpaid_since: None }));
        states.push(example(name, "unpaid", State::Suspended { term, since, unpaid_since: Some(since) }));
    }
    states
}

/// Examples of every command, in the same manner.
fn commands() -> Vec<Example<Command>> {
    let (Period { start, end }, next) = (paid(), term(Intent::Renews));
    let mut commands = vec![
        ("", Command::Subscribe { term: next.clone() }),
        ("", Command::StartTrial { trial: trial() }),
        ("", Command::EndTrial { term: next.clone() }),
        ("", Command::Activate),
        ("", Command::FailFirstCharge { on: start }),
        ("", Command::Renew { period_no: 1, period: paid(), version: String::new() }),
        ("", Command::RunOut { on: end }),
        ("", Command::ApplyChange { term: next.clone() }),
        ("", Command::ChangeAtOnce { term: next.clone() }),
        ("", Command::ChangeAtPeriodEnd { intent: Intent::ChangesTo { plan: plan("plus"), version: String::new(), camera: None } }),
        ("", Command::ChangeTrial { trial: trial() }),
        ("", Command::Resume),
        ("", Command::LoseCamera { on: start }),
        ("", Command::Absorb { on: start }),
        ("", Command::Suspend { on: start }),
        ("inside the paid period", Command::Reinstate { on: start, term: None }),
        ("after the paid period", Command::Reinstate { on: end, term: Some(next) }),
        ("", Command::FailPayment { on: start }),
        ("", Command::PayUp),
        ("", Command::CancelUnpaid { on: start }),
        ("", Command::CancelOrder { on: start }),
        ("", Command::LoseDispute { on: start }),
    ];
    for (when, effective, on) in [
        ("by the policy at once", Effective::AtOnce, start),
        ("by the policy at the period's end", Effective::EndOfPeriod, start),
        ("by the policy at the period's end, which is over", Effective::EndOfPeriod, end),
    ] {
        commands.push((when, Command::Cancel { effective, on }));
        commands.push((when, Command::Terminate { effective, on, breach: false }));
    }
    commands.push(("for a breach", Command::Terminate { effective: Effective::EndOfPeriod, on: start, breach: true }));
    commands.into_iter().map(|(how, of)| Example { of, conditions: ["", "", how] }).collect()
}

fn plan(tier: &str) -> Plan {
    Plan::new(tier, Cycle::Monthly)
}

fn term(intent: Intent) -> Term {
    let period = paid();
    Term { number: 1, anchor: period.start, plan: plan("plus"), period_no: 0, period, version: String::new(), intent }
}

fn trial() -> Trial {
    let Period { start, end } = paid();
    Trial { plan: plan("plus"), version: String::new(), start, ends: end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(state: &str, command: &str, expected: &[(&[&str], Answer)]) {
        let pair = pairs().into_iter().find(|pair| pair.state == state && pair.command == command).unwrap();
        let cases: Vec<_> = expected
            .iter()
            .map(|(when, answer)| Case { when: when.iter().map(ToString::to_string).collect(), answer: answer.clone() })
            .collect();
        assert_eq!(pair.cases, cases);
    }

    fn closed(cause: Cause) -> Answer {
        Answer::Happens { events: vec!["closed"], to: "closed", intent: None, cause: Some(cause) }
    }

    fn intends(to: &'static str, intent: &'static str) -> Answer {
        Answer::Happens { events: vec!["intends"], to, intent: Some(intent), cause: None }
    }

    /// Every pair has an answer, and no condition that makes no difference.
    #[test]
    fn every_pair_is_answered() {
        for pair in pairs() {
            assert!(!pair.cases.is_empty(), "{} × {}", pair.state, pair.command);
            assert!(pair.cases.len() > 1 || pair.cases.iter().all(|case| case.when.is_empty()), "{pair:?}");
        }
    }

    #[test]
    fn one_answer_has_no_condition() {
        check("closed", "cancel", &[(&[], Answer::AlreadySo)]);
        check("free", "suspend", &[(&[], Answer::Refused { because: "and there is no paid service" })]);
        check("pending", "fail_first_charge", &[(&[], closed(Cause::FirstChargeDeclined))]);
    }

    #[test]
    fn conditions_are_those_that_matter() {
        check(
            "suspended",
            "fail_payment",
            &[
                (&["all paid"], Answer::Happens { events: vec!["became_past_due"], to: "suspended", intent: None, cause: None }),
                (&["unpaid"], Answer::AlreadySo),
            ],
        );
        check(
            "past_due",
            "run_out",
            &[
                (&["renews", "changes_to"], Answer::Refused { because: "and it has not been cancelled" }),
                (&["ends"], closed(Cause::Cancelled)),
            ],
        );
        check("active", "resume", &[(&["renews"], Answer::AlreadySo), (&["ends", "changes_to"], intends("active", "renews"))]);
        check(
            "trialing",
            "terminate",
            &[
                (
                    &["by the policy at once", "by the policy at the period's end", "by the policy at the period's end, which is over"],
                    closed(Cause::Terminated),
                ),
                (&["for a breach"], closed(Cause::TerminatedForBreach)),
            ],
        );
    }
}
