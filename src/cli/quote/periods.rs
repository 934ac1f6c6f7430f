//! `quote periods`: the periods of a term (CA-1).

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::calendar::Period;
use crate::domain::explain;

use super::fields::Fields;
use super::problem::{Code, Problem};
use super::stream::write_answer;

const FIELDS: &[&str] = &["id", "anchor", "cycle", "from", "count"];
/// Most periods that one question can ask for.
pub(super) const COUNT_MAX: u32 = 10_000;

#[derive(Serialize)]
struct PeriodsAnswer<'a> {
    id: &'a RawValue,
    periods: Vec<PeriodAnswer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    explanation: Vec<String>,
}

#[derive(Serialize)]
struct PeriodAnswer {
    start: NaiveDate,
    end: NaiveDate,
}

/// Answers one question.
pub(super) fn answer(fields: &Fields<'_>, explain: bool, out: &mut Vec<u8>) -> Result<(), Problem> {
    fields.only(FIELDS)?;
    let id = fields.required("id")?;
    let (anchor, cycle) = (fields.date("anchor")?, fields.cycle()?);
    let (from, count) = (fields.count("from", u32::MAX)?, fields.count("count", COUNT_MAX)?);
    let past_the_calendar = |field| Problem::of_field(Code::OutOfRange, field, "a period goes past the year 9999");
    let end = from.checked_add(count).ok_or_else(|| past_the_calendar("from"))?;
    let period = |number| {
        let Period { start, end } =
            Period::nth(anchor, cycle, number).map_err(|_| past_the_calendar(if number == from { "from" } else { "count" }))?;
        Ok(PeriodAnswer { start, end })
    };
    let periods = (from..end).map(period).collect::<Result<_, Problem>>()?;
    let explanation = if explain { vec![explain::periods(anchor, cycle)] } else { Vec::new() };
    write_answer(&PeriodsAnswer { id, periods, explanation }, out);
    Ok(())
}
