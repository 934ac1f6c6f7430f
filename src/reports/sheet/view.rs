//! A report as a page's template sees it: words, and beside every number the same as the CSV has it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::gathered::{Report, Sheet};
use super::words::grouped;
use super::{Cell, Column, Kind, Tie, figure};
use crate::domain::money::{Currency, Money};
use crate::reports::ReportError;

/// A report.
#[derive(Debug, Clone, Serialize)]
pub struct ReportView {
    /// Its name, and the page's name for it.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// What it was asked.
    pub asked: String,
    /// What it ties out to.
    pub ties: Vec<TieView>,
    /// How many of these do not hold.
    pub broken: usize,
    /// What else it says.
    pub notes: Vec<String>,
    /// Its charts and sections, by currency.
    pub parts: Vec<PartView>,
}

/// What a report says in one currency.
#[derive(Debug, Clone, Serialize)]
pub struct PartView {
    /// The currency's code, where it is not the one that is looked at first: then it is folded.
    folded: Option<String>,
    figures: Vec<FigureView>,
    sheets: Vec<SheetView>,
}

/// A tie.
#[derive(Debug, Clone, Serialize)]
pub struct TieView {
    what: String,
    here: NumberView,
    there: NumberView,
    apart: String,
    holds: bool,
}

/// A number for people, and as the CSV has it.
#[derive(Debug, Clone, Serialize)]
pub struct NumberView {
    text: String,
    value: String,
    currency: String,
}

/// A chart with its figures.
#[derive(Debug, Clone, Serialize)]
pub struct FigureView {
    id: String,
    title: String,
    about: String,
    currency: String,
    svg: String,
    is_bridge: bool,
    series: Vec<SeriesView>,
    rows: Vec<FigureRow>,
}

#[derive(Debug, Clone, Serialize)]
struct SeriesView {
    name: String,
    colour: usize,
}

#[derive(Debug, Clone, Serialize)]
struct FigureRow {
    group: String,
    cells: Vec<CellView>,
}

/// A section.
#[derive(Debug, Clone, Serialize)]
pub struct SheetView {
    id: String,
    key: &'static str,
    currency: String,
    title: String,
    columns: Vec<ColumnView>,
    rows: Vec<Vec<CellView>>,
    totals: Vec<CellView>,
    count: String,
    shown: String,
    is_long: bool,
    is_cut: bool,
    /// What styles call it: `narrow`, `wide`, `wide crowded`, or nothing.
    width: &'static str,
}

#[derive(Debug, Clone, Serialize)]
struct ColumnView {
    heading: String,
    is_number: bool,
}

#[derive(Debug, Clone, Serialize)]
struct CellView {
    text: String,
    value: String,
    is_number: bool,
    is_date: bool,
}

/// Rows that a page shows without a box that scrolls.
const LONG: usize = 24;

impl ReportView {
    /// Everything of a report. What is not in the currency that is looked at first is folded.
    ///
    /// # Errors
    /// A chart that cannot be drawn.
    pub fn new(report: &Report, first: Option<Currency>) -> Result<Self, ReportError> {
        let name = report.head.name;
        let currencies: BTreeSet<Option<Currency>> = report.sheets.iter().map(|sheet| sheet.section.currency).collect();
        let is_folded = |currency: Option<Currency>| currency.is_some() && currency != first && currencies.len() > 1;
        let (folded, shown): (Vec<_>, Vec<_>) = currencies.iter().copied().partition(|currency| is_folded(*currency));
        let figures: Vec<_> = figure::of(report).into_iter().enumerate().collect();
        let part = |currency: Option<Currency>| {
            let own = figures.iter().filter(|(_, figure)| Some(figure.currency) == currency);
            let sheets = report.sheets.iter().enumerate().filter(|(_, sheet)| sheet.section.currency == currency);
            Ok(PartView {
                folded: currency.filter(|_| is_folded(currency)).map(|currency| currency.code().to_owned()),
                figures: own.map(|(at, figure)| FigureView::new(figure, format!("{name}-f{at}"))).collect::<Result<_, ReportError>>()?,
                sheets: sheets.map(|(at, sheet)| SheetView::new(sheet, format!("{name}-{at}"))).collect(),
            })
        };
        Ok(Self {
            name,
            title: report.head.title,
            about: report.head.about,
            asked: report.asked().in_words(),
            ties: report.ties.iter().map(TieView::new).collect(),
            broken: report.ties.iter().filter(|tie| !tie.holds()).count(),
            notes: report.notes.clone(),
            parts: shown.into_iter().chain(folded).map(part).collect::<Result<_, ReportError>>()?,
        })
    }
}

/// The currency in which most rows are: the one that is looked at first.
#[must_use]
pub fn first_currency(reports: &[Report]) -> Option<Currency> {
    let mut rows: BTreeMap<Currency, u64> = BTreeMap::new();
    for sheet in reports.iter().flat_map(|report| &report.sheets) {
        if let Some(currency) = sheet.section.currency {
            *rows.entry(currency).or_default() += sheet.count;
        }
    }
    rows.into_iter().max_by_key(|(_, rows)| *rows).map(|(currency, _)| currency)
}

impl TieView {
    fn new(tie: &Tie) -> Self {
        let [here, there] = [tie.here, tie.there].map(NumberView::new);
        Self { what: tie.what.clone(), here, there, apart: tie.apart(), holds: tie.holds() }
    }
}

impl NumberView {
    /// An amount.
    #[must_use]
    pub fn new(amount: Money) -> Self {
        Self { text: grouped(&amount.major()), value: amount.major(), currency: amount.currency().code().to_owned() }
    }
}

impl NumberView {
    /// A number of things.
    #[must_use]
    pub fn count(count: i64) -> Self {
        let value = count.to_string();
        Self { text: grouped(&value), value, currency: String::new() }
    }
}

impl FigureView {
    fn new(figure: &figure::Figure, id: String) -> Result<Self, ReportError> {
        let row = |(at, group): (usize, &String)| FigureRow {
            group: group.clone(),
            cells: figure
                .series
                .iter()
                .map(|series| CellView::new(&series.minor.get(at).map_or(Cell::Empty, |minor| Cell::Money(figure.amount(*minor)))))
                .collect(),
        };
        let series = figure.series.iter().enumerate();
        let series = series.map(|(at, series)| SeriesView { name: series.name.clone(), colour: figure.colour(at) + 1 });
        Ok(Self {
            title: figure.title.clone(),
            about: figure.about.clone(),
            currency: figure.currency.code().to_owned(),
            svg: figure.svg(&id)?,
            is_bridge: figure.balances.is_some(),
            series: series.collect(),
            rows: figure.groups.iter().enumerate().map(row).collect(),
            id,
        })
    }
}

impl SheetView {
    fn new(sheet: &Sheet, id: String) -> Self {
        let columns: Vec<ColumnView> = sheet.section.columns.iter().map(ColumnView::new).collect();
        let rows: Vec<Vec<CellView>> = sheet.rows.iter().map(|row| row.iter().map(CellView::new).collect()).collect();
        let has_totals = !sheet.rows.is_empty() && sheet.totals.iter().any(|cell| *cell != Cell::Empty);
        let totals = if has_totals { sheet.totals.iter().map(CellView::new).collect() } else { Vec::new() };
        Self {
            id,
            key: sheet.section.key,
            currency: sheet.section.currency.map(|currency| currency.code().to_owned()).unwrap_or_default(),
            title: sheet.section.title(),
            width: width(&columns, rows.iter().chain([&totals])),
            columns,
            rows,
            totals,
            count: grouped(&sheet.count.to_string()),
            shown: grouped(&sheet.rows.len().to_string()),
            is_long: sheet.rows.len() > LONG,
            is_cut: sheet.left_out() > 0,
        }
    }
}

/// Columns with which a table is narrow, at most, and wide, at least.
const NARROW: usize = 3;
const WIDE: usize = 10;
/// What fits across a landscape page in the letters of tables there, in hundredths of their size: 269 mm at 8 pt.
const PAGE: usize = 9_500;

/// How wide a table is. Numbers go on in another line only where they would not fit on paper otherwise.
fn width<'a>(columns: &[ColumnView], rows: impl Iterator<Item = &'a Vec<CellView>>) -> &'static str {
    let word = |column: &ColumnView| column.heading.split(' ').map(|word| word.chars().count() * 65).max();
    let mut needed: Vec<usize> = columns.iter().map(|column| word(column).unwrap_or_default().max(300)).collect();
    for row in rows {
        for (needed, cell) in needed.iter_mut().zip(row).filter(|(_, cell)| cell.is_number || cell.is_date) {
            // As wide as the widest of the usual typefaces have them, in bold.
            let letters = cell.text.chars().map(|letter| match letter {
                '0'..='9' => 70,
                '\u{2212}' => 85,
                _ => 40,
            });
            *needed = letters.sum::<usize>().max(*needed);
        }
    }
    let all: usize = needed.iter().map(|needed| needed + 95).sum();
    match columns.len() {
        _ if all > PAGE => "wide crowded",
        ..=NARROW => "narrow",
        WIDE.. => "wide",
        _ => "",
    }
}

impl ColumnView {
    fn new(column: &Column) -> Self {
        Self { heading: column.heading.clone(), is_number: matches!(column.kind, Kind::Money | Kind::Count) }
    }
}

impl CellView {
    fn new(cell: &Cell) -> Self {
        let plain = cell.plain();
        let (is_number, is_date) = (matches!(cell, Cell::Money(_) | Cell::Count(_)), matches!(cell, Cell::Date(_)));
        if is_number {
            Self { text: grouped(&plain), value: plain, is_number, is_date }
        } else {
            Self { text: plain, value: String::new(), is_number, is_date }
        }
    }
}
