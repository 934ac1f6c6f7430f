//! Made-up reports, told as real ones are: small, with what goes wrong in files, and with what a month's pack shows.

use chrono::NaiveDate;
use kasacare::domain::money::{Currency, Money};
use kasacare::reports::ReportError;
use kasacare::reports::sheet::{Asked, Cell, Column, Head, Kind, Section, Sink, Tie};

pub fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

pub fn money(minor: i64, code: &str) -> Cell {
    Cell::Money(Money::new(minor, currency(code)))
}

pub fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn column(key: &'static str, heading: &str, kind: Kind, is_summed: bool) -> Column {
    Column { key, heading: heading.to_owned(), kind, is_summed }
}

pub fn section(key: &'static str, heading: &str, code: &str, columns: Vec<Column>, is_detail: bool) -> Section {
    Section { key, heading: heading.to_owned(), currency: Some(currency(code)), columns, is_detail }
}

pub fn asked() -> Asked {
    Asked { from: Some(day("2026-10-01")), to: Some(day("2026-10-31")), as_of: None, known_at: None, currency: None }
}

/// Tells a section with the sums of its summed columns.
pub fn tell(sink: &mut dyn Sink, section: &Section, rows: &[Vec<Cell>]) -> Result<(), ReportError> {
    sink.section(section)?;
    rows.iter().try_for_each(|row| sink.row(row))?;
    let total = |at: usize, column: &Column| match (column.kind, column.is_summed) {
        (Kind::Money, true) => {
            let amounts = rows.iter().filter_map(|row| if let Cell::Money(amount) = row[at] { Some(amount.minor()) } else { None });
            Cell::Money(Money::new(amounts.sum(), section.currency.unwrap()))
        }
        (Kind::Count, true) => {
            Cell::Count(rows.iter().filter_map(|row| if let Cell::Count(count) = row[at] { Some(count) } else { None }).sum())
        }
        _ => Cell::Empty,
    };
    sink.totals(&section.columns.iter().enumerate().map(|(at, column)| total(at, column)).collect::<Vec<_>>())
}

fn owed() -> Vec<Column> {
    vec![
        column("account", "Account", Kind::Text, false),
        column("due_on", "Due on", Kind::Date, false),
        column("days_past_due", "Days past due", Kind::Count, false),
        column("invoices", "Invoices", Kind::Count, true),
        column("open", "Open", Kind::Money, true),
    ]
}

/// A small report with two shapes of sections, four currencies of three exponents, and text that would be a formula.
pub fn small(sink: &mut dyn Sink) -> Result<(), ReportError> {
    let about = "What is owed, by the business date";
    sink.head(&Head { name: "sample", title: "Sample", about, asked: asked() })?;
    let row = |account: &str, due: &str, days, open| vec![text(account), Cell::Date(day(due)), Cell::Count(days), Cell::Count(1), open];
    tell(
        sink,
        &section("open", "Open invoices", "USD", owed(), true),
        &[
            row("acc-1", "2026-10-01", 30, money(123_456, "USD")),
            row("=1+1", "2026-10-02", -29, money(-5, "USD")),
            row("a \"quoted\", and\r\nbroken", "2026-10-31", 0, Cell::Empty),
        ],
    )?;
    tell(sink, &section("open", "Open invoices", "JPY", owed(), true), &[row("@home", "2026-09-30", 31, money(1_200, "JPY"))])?;
    tell(sink, &section("open", "Open invoices", "KWD", owed(), true), &[])?;
    let other = vec![column("what", "What", Kind::Text, false), column("amount", "Amount", Kind::Money, false)];
    tell(sink, &section("other", "Something else", "KWD", other, false), &[vec![text("<b>bold</b>"), money(1_250, "KWD")]])?;
    let tie = |what: &str, here, there| Tie {
        what: what.to_owned(),
        here: Money::new(here, currency("USD")),
        there: Money::new(there, currency("USD")),
    };
    sink.end(&[tie("open = 1100", 123_451, 123_451), tie("sum = another", 1, 3)], &["=Nothing more.".to_owned()])
}

/// A detailed section of so many rows, each of one cent.
pub fn long(sink: &mut dyn Sink, rows: u64) -> Result<(), ReportError> {
    sink.head(&Head { name: "long", title: "Long", about: "Many rows", asked: asked() })?;
    let columns = vec![column("number", "Number", Kind::Count, false), column("amount", "Amount", Kind::Money, true)];
    sink.section(&section("rows", "Rows", "USD", columns, true))?;
    for number in 0..rows {
        sink.row(&[Cell::Count(i64::try_from(number).unwrap()), money(1, "USD")])?;
    }
    sink.totals(&[Cell::Empty, money(i64::try_from(rows).unwrap(), "USD")])?;
    sink.end(&[], &[])
}

/// A section of sixteen columns of large amounts.
pub fn wide(sink: &mut dyn Sink) -> Result<(), ReportError> {
    const KEYS: [&str; 16] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];
    sink.head(&Head { name: "wide", title: "Wide", about: "Many columns", asked: asked() })?;
    let amounts = KEYS.map(|key| column(key, "Provider balance", Kind::Money, true));
    let columns: Vec<Column> = std::iter::once(column("what", "What", Kind::Text, false)).chain(amounts).collect();
    let row = std::iter::once(text("a row")).chain((0..16).map(|at| money(-123_456_789_012_345 + at, "USD"))).collect();
    tell(sink, &section("days", "By day", "USD", columns, false), &[row])?;
    sink.end(&[], &["Amounts of fifteen digits.".to_owned()])
}
