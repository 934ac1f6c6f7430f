//! Price versions as CSV (or JSON rows): one row for each plan and currency of a version.

use chrono::NaiveDate;

use super::Placed;
use super::catalog_checks::PRICE_MINOR_MAX;
use super::fields::{Column, Fields, currency, date, name};
use super::line::Line;
use super::problem::{Problem, Problems, RowProblem};
use super::rows::ImportRow;
use super::seen::UniqueKey;
use crate::domain::calendar::Cycle;
use crate::domain::catalog::{Plan, Price, PriceVersion};
use crate::domain::money::Money;

/// One price of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceRow {
    /// The version's name.
    pub version: String,
    /// PR-1: first day for new subscriptions; one for all rows of a version.
    pub effective_from: NaiveDate,
    /// The plan, and what it costs a period, before promotion and tax.
    pub price: Price,
}

impl ImportRow for PriceRow {
    const COLUMNS: &'static [Column] = &[
        Column::required("version"),
        Column::required("effective_from"),
        Column::required("tier"),
        Column::required("cycle"),
        Column::required("currency"),
        Column::required("amount"),
    ];
    const SCREENED: bool = false;

    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let version = fields.required("version", name);
        let effective_from = fields.required("effective_from", date);
        let tier = fields.required("tier", name);
        let cycle = fields.required("cycle", |text| Cycle::parse(text).ok_or_else(|| Problem::not_a("monthly or annual")));
        let currency = fields.required("currency", currency)?;
        let amount = fields.required("amount", |text| price(Money::parse_major(text, currency)?));
        let plan = Plan { tier: tier?, cycle: cycle? };
        Some(Self { version: version?, effective_from: effective_from?, price: Price { plan, amount: amount? } })
    }

    fn unique_keys(&self, note: &mut dyn FnMut(UniqueKey<'_>)) {
        let priced = format!("{} in {}", self.price.plan, self.price.amount.currency());
        let from = self.effective_from.to_string();
        note(UniqueKey { field: "tier", parts: &[&self.version, &priced], shown: Some(&priced) });
        note(UniqueKey { field: "effective_from", parts: &[&from, &priced], shown: Some(&format!("{priced} from {from}")) });
    }
}

/// A price version, placed where its first row stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedVersion {
    /// The line of its first row.
    pub line: Line,
    /// The version.
    pub row: PriceVersion,
    /// The lines of its prices, in their order.
    pub lines: Vec<Line>,
}

/// A price is above zero and has room to be multiplied by rates and summed.
pub(super) fn price(amount: Money) -> Result<Money, Problem> {
    if (1..=PRICE_MINOR_MAX).contains(&amount.minor()) {
        Ok(amount)
    } else {
        Err(Problem::Rule(format!("must be above zero and at most {}", Money::new(PRICE_MINOR_MAX, amount.currency()))))
    }
}

/// The rows' versions, ascending by date.
pub(super) fn versions(rows: Vec<Placed<PriceRow>>, problems: &mut Problems) -> Vec<PlacedVersion> {
    let mut versions: Vec<PlacedVersion> = Vec::new();
    for Placed { line, row: PriceRow { version, effective_from, price } } in rows {
        match versions.iter_mut().find(|known| known.row.version == version) {
            None => {
                let row = PriceVersion { version, effective_from, prices: vec![price] };
                versions.push(PlacedVersion { line, row, lines: vec![line] });
            }
            Some(known) if known.row.effective_from == effective_from => {
                known.row.prices.push(price);
                known.lines.push(line);
            }
            Some(known) => {
                let why = format!("version {version} has another date {}", known.line.place());
                problems.note(RowProblem::in_field(line, "effective_from", Problem::Rule(why)));
            }
        }
    }
    versions.sort_by_key(|version| version.row.effective_from);
    versions
}
