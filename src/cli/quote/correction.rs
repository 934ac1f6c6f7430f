//! `quote correction`: what is to be done about a wrong payment (CO-1 to CO-3).

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::correction::{CorrectionAction, CorrectionError, assess};
use crate::domain::explain;

use super::fields::{Fields, Major, money_problem};
use super::problem::{Code, Problem};
use super::stream::write_answer;

const FIELDS: &[&str] = &["id", "currency", "transaction_on", "charged", "correct", "as_of", "window_days"];
/// CO-2, where the question does not say otherwise.
const WINDOW_DAYS: u32 = 30;

#[derive(Serialize)]
struct CorrectionAnswer<'a> {
    id: &'a RawValue,
    action: CorrectionAction,
    amount: Major,
    last_attempt_on: NaiveDate,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    explanation: Vec<String>,
}

/// Answers one question.
pub(super) fn answer(fields: &Fields<'_>, explain: bool, out: &mut Vec<u8>) -> Result<(), Problem> {
    fields.only(FIELDS)?;
    let id = fields.required("id")?;
    let currency = fields.currency()?;
    let transaction_on = fields.date("transaction_on")?;
    let (charged, correct) = (fields.amount("charged", currency)?, fields.amount("correct", currency)?);
    let as_of = fields.date("as_of")?;
    let window_days = fields.days_or("window_days", WINDOW_DAYS)?;
    let assessment = assess(transaction_on, charged, correct, as_of, window_days).map_err(|error| problem(&error))?;
    let explanation = if explain { vec![explain::assessment(charged, correct, as_of, &assessment)] } else { Vec::new() };
    let answer = CorrectionAnswer {
        id,
        action: assessment.action,
        amount: Major(assessment.amount),
        last_attempt_on: assessment.last_attempt_on,
        explanation,
    };
    write_answer(&answer, out);
    Ok(())
}

fn problem(error: &CorrectionError) -> Problem {
    let (code, field) = match error {
        CorrectionError::Money(error) => return money_problem("charged", error),
        CorrectionError::Negative { .. } => (Code::InvalidValue, "charged"),
        CorrectionError::Calendar(_) => (Code::OutOfRange, "transaction_on"),
        CorrectionError::BeforeTransaction { .. } => (Code::Inconsistent, "as_of"),
    };
    Problem::of_field(code, field, error.to_string())
}
