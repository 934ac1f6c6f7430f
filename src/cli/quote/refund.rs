//! `quote refund`: a cancellation to Free (RF-1 to RF-3, RF-5).

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::calendar::Cycle;
use crate::domain::explain;
use crate::domain::refund::{CancellationDay, Destination, Disposition, Line, RefundError, Settlement, Unused, dispose, unused};
use crate::domain::tax::tax_on;

use super::fields::{Fields, Major, money_problem};
use super::problem::{Code, Problem};
use super::stream::write_answer;

const FIELDS: &[&str] = &[
    "id",
    "currency",
    "cycle",
    "net",
    "tax",
    "tax_rate",
    "period_start",
    "period_end",
    "cancel_on",
    "captured",
    "refunded",
    "disputed",
    "unpaid",
    "paid_from_credit",
    "cancellation_day",
];

struct Question<'a> {
    id: &'a RawValue,
    cycle: Cycle,
    line: Line,
    settlement: Settlement,
    cancel_on: NaiveDate,
    cancellation_day: CancellationDay,
}

#[derive(Serialize)]
struct RefundAnswer<'a> {
    id: &'a RawValue,
    days_total: u32,
    days_used: u32,
    days_unused: u32,
    unused_net: Major,
    unused_tax: Major,
    unused_total: Major,
    earned_total: Major,
    owed_off: Major,
    payout: Major,
    credit: Major,
    held: Major,
    already_returned: Major,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    explanation: Vec<String>,
}

/// Answers one question.
pub(super) fn answer(fields: &Fields<'_>, explain: bool, out: &mut Vec<u8>) -> Result<(), Problem> {
    let question = read(fields)?;
    check(&question)?;
    let Question { id, cycle, line, settlement, cancel_on, cancellation_day } = question;
    let by_day = unused(&line, cancel_on, cancellation_day).map_err(|error| problem(&error))?;
    let part = match cycle {
        Cycle::Annual => by_day,
        Cycle::Monthly => by_day.with_nothing_back().map_err(|error| money_problem("net", &error))?,
    };
    let disposition = dispose(part.value, &settlement, Destination::Refund).map_err(|error| problem(&error))?;
    let earned_total = part.earned_gross().map_err(|error| money_problem("net", &error))?;
    let explanation = if explain { explanation(&question, &part, &disposition) } else { Vec::new() };
    let answer = RefundAnswer {
        id,
        days_total: part.days_total,
        days_used: part.days_used,
        days_unused: part.days_unused,
        unused_net: Major(part.unused_net),
        unused_tax: Major(part.tax_back),
        unused_total: Major(part.value),
        earned_total: Major(earned_total),
        owed_off: Major(disposition.owed_off),
        payout: Major(disposition.payout),
        credit: Major(disposition.credit),
        held: Major(disposition.held),
        already_returned: Major(disposition.already_returned),
        explanation,
    };
    write_answer(&answer, out);
    Ok(())
}

fn read<'a>(fields: &Fields<'a>) -> Result<Question<'a>, Problem> {
    fields.only(FIELDS)?;
    let id = fields.required("id")?;
    let currency = fields.currency()?;
    let amount = |name| fields.amount(name, currency);
    let cycle = fields.cycle()?;
    let (net, tax, rate) = (amount("net")?, amount("tax")?, fields.rate("tax_rate")?);
    let period = fields.period()?;
    let cancel_on = fields.date("cancel_on")?;
    let settlement = Settlement {
        captured: amount("captured")?,
        refunded: amount("refunded")?,
        disputed: amount("disputed")?,
        unpaid: amount("unpaid")?,
        paid_from_credit: amount("paid_from_credit")?,
    };
    let day = fields.optional_choice("cancellation_day", CancellationDay::parse, "\"used\" or \"refunded\"")?;
    let cancellation_day = day.unwrap_or(CancellationDay::Used);
    Ok(Question { id, cycle, line: Line { net, tax, rate, period }, settlement, cancel_on, cancellation_day })
}

/// The line's tax must be its rate's, and the settlement must settle exactly the line.
fn check(question: &Question<'_>) -> Result<(), Problem> {
    let Question { line, settlement, .. } = question;
    let due = tax_on(line.net, line.rate).map_err(|error| money_problem("tax_rate", &error))?;
    if line.tax != due {
        let message = format!("{} at rate {} gives tax {}, not {}", line.net, line.rate, due, line.tax);
        return Err(Problem::of_field(Code::Inconsistent, "tax", message));
    }
    let gross = line.net.plus(line.tax).map_err(|error| money_problem("net", &error))?;
    let settled = settlement
        .captured
        .plus(settlement.unpaid)
        .and_then(|sum| sum.plus(settlement.paid_from_credit))
        .map_err(|error| money_problem("captured", &error))?;
    if settled != gross {
        let message = format!("captured + unpaid + paid_from_credit is {settled}, net + tax is {gross}");
        return Err(Problem::of_field(Code::Inconsistent, "captured", message));
    }
    settlement.refundable().map(|_| ()).map_err(|error| problem(&error))
}

fn problem(error: &RefundError) -> Problem {
    let (code, field) = match error {
        RefundError::Money(error) => return money_problem("net", error),
        RefundError::Negative { field, .. } => (Code::InvalidValue, field.name()),
        RefundError::OutsidePeriod { .. } | RefundError::TooManyDays { .. } => (Code::Inconsistent, "cancel_on"),
        RefundError::Overdrawn { .. } => (Code::Inconsistent, "refunded"),
    };
    Problem::of_field(code, field, error.to_string())
}

fn explanation(question: &Question<'_>, part: &Unused, disposition: &Disposition) -> Vec<String> {
    let mut sentences = vec![explain::days(&question.line, question.cancel_on, question.cancellation_day, part)];
    match question.cycle {
        Cycle::Monthly => sentences.push(explain::monthly_keeps_all()),
        Cycle::Annual => {
            sentences.extend(explain::unused(&question.line, part));
            sentences.push(explain::disposition(part.value, disposition));
        }
    }
    sentences
}
