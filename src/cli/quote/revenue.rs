//! `quote revenue`: cumulative revenue of a line through a date (RR-1).

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::explain;
use crate::domain::revenue::earned_through;

use super::fields::{Fields, Major, money_problem};
use super::problem::Problem;
use super::stream::write_answer;

const FIELDS: &[&str] = &["id", "currency", "net", "period_start", "period_end", "through"];

#[derive(Serialize)]
struct RevenueAnswer<'a> {
    id: &'a RawValue,
    recognised: Major,
    remaining: Major,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    explanation: Vec<String>,
}

/// Answers one question.
pub(super) fn answer(fields: &Fields<'_>, explain: bool, out: &mut Vec<u8>) -> Result<(), Problem> {
    fields.only(FIELDS)?;
    let id = fields.required("id")?;
    let currency = fields.currency()?;
    let net = fields.amount("net", currency)?;
    let (period, through) = (fields.period()?, fields.date("through")?);
    let bad_net = |error| money_problem("net", &error);
    let recognised = earned_through(net, period, through).map_err(bad_net)?;
    let remaining = net.minus(recognised).map_err(bad_net)?;
    let explanation = if explain { vec![explain::revenue(net, period, through, recognised)] } else { Vec::new() };
    write_answer(&RevenueAnswer { id, recognised: Major(recognised), remaining: Major(remaining), explanation }, out);
    Ok(())
}
