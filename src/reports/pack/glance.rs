//! The month at a glance: the few figures that are looked at first, beside those of the month before. Each is taken from a report
//! of the pack. They are told as a report themselves, so that the CSV and the workbook have them as the page does.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Month;
use crate::domain::money::{Currency, Money};
use crate::reports::ReportError;
use crate::reports::sheet::gathered::{Gathered, Sheet};
use crate::reports::sheet::view::NumberView;
use crate::reports::sheet::words::grouped;
use crate::reports::sheet::{Asked, Cell, Column, Head, Kind, Section, Sink};

/// The report that these figures are told as.
pub(super) const NAME: &str = "at-a-glance";

/// A figure and where it is found.
struct Figure {
    label: &'static str,
    report: &'static str,
    sections: &'static [&'static str],
    place: Place,
}

enum Place {
    /// The total of a column; for the month before, that of the report told for it.
    Total(&'static str),
    /// The same of what went out, and stands there as less.
    Out(&'static str),
    /// A column of the month's row, in a report that has earlier months, too.
    Row(&'static str),
    /// A balance of the month's row: how it opens and how it closes.
    Balance(&'static str, &'static str),
}

/// In the order in which they are shown.
const FIGURES: &[Figure] = &[
    Figure { label: "Cash in", report: "cash", sections: &["cash"], place: Place::Total("captured") },
    Figure { label: "Provider fees", report: "cash", sections: &["cash"], place: Place::Out("fees") },
    Figure { label: "Payouts", report: "cash", sections: &["cash"], place: Place::Out("payouts") },
    Figure { label: "Refunds", report: "refunds", sections: &["bases"], place: Place::Total("amount") },
    Figure { label: "Revenue", report: "waterfall", sections: &["recognised"], place: Place::Row("total") },
    Figure {
        label: "Prepayments",
        report: "prepayment-roll-forward",
        sections: &["prepayments", "deferred_revenue"],
        place: Place::Balance("opening", "closing"),
    },
    Figure { label: "Monthly recurring revenue", report: "mrr", sections: &["movements"], place: Place::Balance("opening", "closing") },
    Figure { label: "Open receivables", report: "receivables-ageing", sections: &["bands"], place: Place::Total("open") },
    Figure { label: "Breaks", report: "reconciliation", sections: &["ages"], place: Place::Total("breaks") },
];

/// Whether a report is told for the month before, too.
pub(super) fn needs_before(report: &str) -> bool {
    FIGURES.iter().any(|figure| figure.report == report && matches!(figure.place, Place::Total(_) | Place::Out(_)))
}

/// Whether a report over a range begins with earlier months.
pub(super) fn has_earlier_months(report: &str) -> bool {
    FIGURES.iter().any(|figure| figure.report == report && matches!(figure.place, Place::Row(_)))
}

/// The figures of a currency.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Glance {
    code: String,
    #[serde(skip)]
    currency: Option<Currency>,
    cards: Vec<Card>,
}

#[derive(Debug, Clone, Serialize)]
struct Card {
    label: &'static str,
    number: NumberView,
    /// How much more or less it is than in the month before.
    change: Option<String>,
    /// What is said instead.
    compared: &'static str,
    #[serde(skip)]
    now: Value,
    #[serde(skip)]
    before: Option<Value>,
}

/// A figure: an amount, or a number of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Money(Money),
    Count(i64),
}

/// The figures of every currency that has one.
pub(super) fn of(month: Month, now: &Gathered, before: &Gathered) -> Vec<Glance> {
    let sheets = now.reports.iter().flat_map(|report| &report.sheets);
    let currencies: BTreeSet<Currency> = sheets.filter_map(|sheet| sheet.section.currency).collect();
    let glance = |currency: Currency| {
        let cards = FIGURES.iter().filter_map(|figure| figure.card(currency, month, now, before)).collect();
        Glance { code: currency.code().to_owned(), currency: Some(currency), cards }
    };
    currencies.into_iter().map(glance).filter(|glance| !glance.cards.is_empty()).collect()
}

/// The currency that is looked at first, and the others.
pub(super) fn split(glances: Vec<Glance>, first: Option<Currency>) -> (Option<Glance>, Vec<Glance>) {
    let (mut own, others): (Vec<_>, Vec<_>) = glances.into_iter().partition(|glance| glance.currency == first);
    (own.pop(), others)
}

/// Tells them as a report.
pub(super) fn tell(month: Month, asked: &Asked, glances: &[Glance], sink: &mut dyn Sink) -> Result<(), ReportError> {
    let about = "The figures of a month that are looked at first, and those of the month before";
    sink.head(&Head { name: NAME, title: "At a glance", about, asked: asked.clone() })?;
    for (key, heading, kind) in [("amounts", "Amounts", Kind::Money), ("numbers", "Numbers", Kind::Count)] {
        for Glance { currency, cards, .. } in glances {
            let text = |heading: &str| Column { key: "figure", heading: heading.to_owned(), kind: Kind::Text, is_summed: false };
            let number = |key, heading: String| Column { key, heading, kind, is_summed: false };
            let columns = vec![
                text("Figure"),
                number("month", month.in_words()),
                number("month_before", month.before().in_words()),
                number("change", "Change".to_owned()),
            ];
            sink.section(&Section { key, heading: heading.to_owned(), currency: *currency, columns, is_detail: false })?;
            for card in cards.iter().filter(|card| card.now.kind() == kind) {
                let change = card.before.and_then(|before| card.now.less(before));
                sink.row(&[
                    Cell::Text(card.label.to_owned()),
                    card.now.cell(),
                    card.before.map_or(Cell::Empty, Value::cell),
                    change.map_or(Cell::Empty, Value::cell),
                ])?;
            }
            sink.totals(&[Cell::Empty, Cell::Empty, Cell::Empty, Cell::Empty])?;
        }
    }
    sink.end(&[], &[])
}

impl Figure {
    fn card(&self, currency: Currency, month: Month, now: &Gathered, before: &Gathered) -> Option<Card> {
        let (present, former) = match self.place {
            Place::Total(column) => {
                let total = |sheet: &Sheet| sheet.totals.get(sheet.column(column)?).and_then(value);
                (self.sum(currency, now, total), self.sum(currency, before, total))
            }
            Place::Out(column) => {
                let out = |sheet: &Sheet| sheet.totals.get(sheet.column(column)?).and_then(value)?.negated();
                (self.sum(currency, now, out), self.sum(currency, before, out))
            }
            Place::Row(column) => {
                let of = |month: Month| self.sum(currency, now, |sheet| cell_of(sheet, month, column));
                (of(month), of(month.before()))
            }
            Place::Balance(opening, closing) => {
                let of = |column| self.sum(currency, now, |sheet| cell_of(sheet, month, column));
                (of(closing), of(opening))
            }
        };
        let now = present?;
        let change = former.and_then(|former| now.less(former));
        let (change, compared) = match change {
            Some(change) if change.is_zero() => (None, "unchanged"),
            Some(change) => (Some(change.signed()), ""),
            None => (None, "nothing before"),
        };
        Some(Card { label: self.label, number: now.view(), change, compared, now, before: former })
    }

    /// The sum over the sections that have it; nothing where none has.
    fn sum(&self, currency: Currency, told: &Gathered, of: impl Fn(&Sheet) -> Option<Value>) -> Option<Value> {
        let sheets = told.report(self.report)?.sheets.iter();
        let sheets = sheets.filter(|sheet| sheet.section.currency == Some(currency) && self.sections.contains(&sheet.section.key));
        sheets.filter_map(of).map(Some).reduce(|sum, next| sum?.plus(next?)).flatten()
    }
}

/// A cell of the row of a month.
fn cell_of(sheet: &Sheet, month: Month, column: &str) -> Option<Value> {
    let at = sheet.column(column)?;
    let row = sheet.rows.iter().find(|row| row.first().is_some_and(|cell| cell.plain() == month.in_digits()))?;
    row.get(at).and_then(value)
}

const fn value(cell: &Cell) -> Option<Value> {
    match cell {
        Cell::Money(amount) => Some(Value::Money(*amount)),
        Cell::Count(count) => Some(Value::Count(*count)),
        Cell::Empty | Cell::Text(_) | Cell::Date(_) => None,
    }
}

impl Value {
    fn plus(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Money(left), Self::Money(right)) => left.plus(right).ok().map(Self::Money),
            (Self::Count(left), Self::Count(right)) => left.checked_add(right).map(Self::Count),
            (Self::Money(_), Self::Count(_)) | (Self::Count(_), Self::Money(_)) => None,
        }
    }

    fn negated(self) -> Option<Self> {
        match self {
            Self::Money(amount) => amount.negated().ok().map(Self::Money),
            Self::Count(count) => count.checked_neg().map(Self::Count),
        }
    }

    fn less(self, other: Self) -> Option<Self> {
        self.plus(other.negated()?)
    }

    const fn is_zero(self) -> bool {
        match self {
            Self::Money(amount) => amount.is_zero(),
            Self::Count(count) => count == 0,
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Money(_) => Kind::Money,
            Self::Count(_) => Kind::Count,
        }
    }

    const fn cell(self) -> Cell {
        match self {
            Self::Money(amount) => Cell::Money(amount),
            Self::Count(count) => Cell::Count(count),
        }
    }

    fn view(self) -> NumberView {
        match self {
            Self::Money(amount) => NumberView::new(amount),
            Self::Count(count) => NumberView::count(count),
        }
    }

    /// With a plus or a minus.
    fn signed(self) -> String {
        let text = grouped(&self.cell().plain());
        if text.starts_with('\u{2212}') { text } else { format!("+{text}") }
    }
}
