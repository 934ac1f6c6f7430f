//! Which reports have which charts, and from which of their columns.

use std::collections::BTreeMap;

use super::drawing::SERIES_MAX;
use super::{Figure, Series};
use crate::domain::money::Money;
use crate::reports::sheet::Cell;
use crate::reports::sheet::gathered::{Report, Sheet, amount};

/// A chart of a section.
struct Recipe {
    report: &'static str,
    section: &'static str,
    title: &'static str,
    about: &'static str,
    form: Form,
}

/// How rows become a chart.
enum Form {
    /// The columns are the steps of a bridge: the first as the first row has it, the last as the last row, the totals of the others.
    /// Those that are zero are left out.
    Steps(&'static [&'static str]),
    /// Each row is a column of the chart: what it is called, and the amounts that it is made of.
    Rows(&'static str, &'static [&'static str]),
    /// Each row is a part of a column: the column, what the part is, and its amount.
    Parts(&'static str, &'static str, &'static str),
}

const ROLL: Form = Form::Steps(&["opening", "billed", "debit_notes", "credit_notes", "cancelled", "recognised", "reversed", "closing"]);

const RECIPES: &[Recipe] = &[
    Recipe {
        report: "cash",
        section: "cash",
        title: "Paid, refunded and disputed",
        about: "What customers paid each day, and below the line what was refunded and what disputes took.",
        form: Form::Rows("on", &["captured", "refunded", "disputed"]),
    },
    Recipe {
        report: "prepayment-roll-forward",
        section: "prepayments",
        title: "Prepayments from opening to closing",
        about: "What customers had paid ahead, what was billed, noted and cancelled, and what was earned.",
        form: ROLL,
    },
    Recipe {
        report: "prepayment-roll-forward",
        section: "deferred_revenue",
        title: "Deferred revenue from opening to closing",
        about: "What was not refundable and not earned yet, what was billed, noted and cancelled, and what was earned.",
        form: ROLL,
    },
    Recipe {
        report: "waterfall",
        section: "waterfall",
        title: "Revenue by the month of its invoice",
        about: "A column a month in which revenue was recognised; its parts by the month in which it was booked as an invoice.",
        form: Form::Parts("recognised", "booked", "total"),
    },
    Recipe {
        report: "receivables-ageing",
        section: "bands",
        title: "Open receivables by age",
        about: "What is owed, by days past due.",
        form: Form::Rows("band", &["open"]),
    },
    Recipe {
        report: "renewals-ahead",
        section: "weeks",
        title: "Cash ahead",
        about: "What renewals and retries should bring, by the week that begins on that day.",
        form: Form::Rows("week_from", &["cash"]),
    },
    Recipe {
        report: "mrr",
        section: "movements",
        title: "Monthly recurring revenue from opening to closing",
        about: "What new customers, changes of plan and customers who left or came back have moved.",
        form: Form::Steps(&["opening", "new", "expansion", "contraction", "churn", "reactivation", "closing"]),
    },
];

/// The charts of a report, one a currency. A section that has nothing to show has none.
#[must_use]
pub fn of(report: &Report) -> Vec<Figure> {
    let recipes = RECIPES.iter().filter(|recipe| recipe.report == report.head.name);
    recipes.flat_map(|recipe| report.sheets(recipe.section).filter_map(|sheet| recipe.figure(sheet))).collect()
}

/// Groups with what they are made of.
type Parts = (Vec<String>, Vec<Series>);

impl Recipe {
    fn figure(&self, sheet: &Sheet) -> Option<Figure> {
        let (groups, series) = match &self.form {
            Form::Steps(columns) => steps(sheet, columns),
            Form::Rows(label, columns) => rows(sheet, label, columns),
            Form::Parts(group, part, column) => parts(sheet, group, part, column),
        }?;
        let has_something = series.iter().flat_map(|series| &series.minor).any(|minor| *minor != 0);
        let is_bridge = matches!(self.form, Form::Steps(_));
        let (currency, last) = (sheet.section.currency?, groups.len().checked_sub(1)?);
        let balances = is_bridge.then(|| vec![0, last]);
        let (title, about) = (self.title.to_owned(), self.about.to_owned());
        has_something.then_some(Figure { title, about, currency, groups, series, balances })
    }
}

fn minor(cell: Option<&Cell>) -> i64 {
    cell.and_then(amount).map_or(0, Money::minor)
}

/// What a column of the chart is called: of a date, the day and the month.
fn label_of(cell: &Cell) -> String {
    match cell {
        Cell::Date(date) => date.format("%-d %b").to_string(),
        other => other.plain(),
    }
}

fn heading(sheet: &Sheet, at: usize) -> Option<String> {
    sheet.section.columns.get(at).map(|column| column.heading.clone())
}

fn steps(sheet: &Sheet, columns: &[&str]) -> Option<Parts> {
    let last = columns.len().checked_sub(1)?;
    let step = |(number, key): (usize, &&str)| {
        let at = sheet.column(key)?;
        let row = if number == 0 {
            sheet.rows.first()?
        } else if number == last {
            sheet.rows.last()?
        } else {
            &sheet.totals
        };
        Some((number, heading(sheet, at)?, minor(row.get(at))))
    };
    let steps: Vec<_> = columns.iter().enumerate().map(step).collect::<Option<_>>()?;
    let shown = steps.into_iter().filter(|(number, _, minor)| *minor != 0 || *number == 0 || *number == last);
    let (groups, minor) = shown.map(|(_, group, minor)| (group, minor)).unzip();
    Some((groups, vec![Series { name: "Amount".to_owned(), minor }]))
}

fn rows(sheet: &Sheet, label: &str, columns: &[&str]) -> Option<Parts> {
    let label = sheet.column(label)?;
    let groups = sheet.rows.iter().map(|row| row.get(label).map(label_of)).collect::<Option<_>>()?;
    let series = |key: &&str| {
        let at = sheet.column(key)?;
        Some(Series { name: heading(sheet, at)?, minor: sheet.rows.iter().map(|row| minor(row.get(at))).collect() })
    };
    Some((groups, columns.iter().map(series).collect::<Option<_>>()?))
}

/// Parts beyond those that have a colour are put together: of months, the oldest.
fn parts(sheet: &Sheet, group: &str, part: &str, column: &str) -> Option<Parts> {
    let (group, part, column) = (sheet.column(group)?, sheet.column(part)?, sheet.column(column)?);
    let mut amounts: BTreeMap<(String, String), i64> = BTreeMap::new();
    for row in &sheet.rows {
        let sum = amounts.entry((row.get(part)?.plain(), row.get(group)?.plain())).or_default();
        *sum = sum.saturating_add(minor(row.get(column)));
    }
    let sorted = |names: Vec<&String>| {
        let mut names: Vec<String> = names.into_iter().cloned().collect();
        names.sort();
        names.dedup();
        names
    };
    let groups = sorted(amounts.keys().map(|(_, group)| group).collect());
    let names = sorted(amounts.keys().map(|(part, _)| part).collect());
    let of_part = |name: &String| -> Vec<i64> {
        groups.iter().map(|group| amounts.get(&(name.clone(), group.clone())).copied().unwrap_or_default()).collect()
    };
    let (older, own) = names.split_at(names.len().saturating_sub(if names.len() > SERIES_MAX { SERIES_MAX - 1 } else { SERIES_MAX }));
    let mut series = Vec::new();
    if let Some(newest) = older.last() {
        let sum = older
            .iter()
            .map(of_part)
            .fold(vec![0_i64; groups.len()], |sum, more| sum.iter().zip(more).map(|(sum, more)| sum.saturating_add(more)).collect());
        series.push(Series { name: format!("{newest} and before"), minor: sum });
    }
    series.extend(own.iter().map(|name| Series { name: name.clone(), minor: of_part(name) }));
    Some((groups, series))
}
