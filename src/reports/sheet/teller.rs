//! What a report speaks to: it passes sections and rows on to the sink, sees that rows have the shape of their section, and keeps
//! the sums, exact in 128 bits until they are told.

use super::{Cell, Column, Head, Kind, Section, Sink, Tie};
use crate::domain::money::{Currency, Money};
use crate::reports::{ReportError, sums};

/// Tells one report to a sink.
pub struct Teller<'a> {
    sink: &'a mut dyn Sink,
    open: Option<Open>,
    ties: Vec<Tie>,
    notes: Vec<String>,
}

/// A section that has begun, with the sums of its columns so far.
struct Open {
    section: Section,
    sums: Vec<i128>,
}

/// What a report said at its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// What it ties out to.
    pub ties: Vec<Tie>,
    /// What else is to be said.
    pub notes: Vec<String>,
}

impl Told {
    /// The ties that do not hold: something is broken.
    pub fn broken(&self) -> impl Iterator<Item = &Tie> {
        self.ties.iter().filter(|tie| !tie.holds())
    }

    /// Whether all ties hold.
    #[must_use]
    pub fn ties_out(&self) -> bool {
        self.broken().next().is_none()
    }
}

impl<'a> Teller<'a> {
    /// The report begins.
    ///
    /// # Errors
    /// What the sink says, as all of these.
    pub fn begin(sink: &'a mut dyn Sink, head: &Head) -> Result<Self, ReportError> {
        sink.head(head)?;
        Ok(Self { sink, open: None, ties: Vec::new(), notes: Vec::new() })
    }

    /// A section begins; the one before it ends.
    ///
    /// # Errors
    /// [`ReportError::Shape`] where it has amounts and no currency.
    pub fn section(&mut self, section: Section) -> Result<(), ReportError> {
        self.close()?;
        if section.currency.is_none() && section.columns.iter().any(|column| column.kind == Kind::Money) {
            return Err(ReportError::Shape { section: section.key, problem: "it has amounts and no currency" });
        }
        self.sink.section(&section)?;
        let sums = vec![0; section.columns.len()];
        self.open = Some(Open { section, sums });
        Ok(())
    }

    /// A row of the section that has begun.
    ///
    /// # Errors
    /// [`ReportError::Shape`] where it does not fit its section.
    pub fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        let open = self.open.as_mut().ok_or(ReportError::Shape { section: "(none)", problem: "a row stands outside of all sections" })?;
        open.add(cells)?;
        self.sink.row(cells)
    }

    /// Two figures that must be the same.
    pub fn tie(&mut self, what: impl Into<String>, here: Money, there: Money) {
        self.ties.push(Tie { what: what.into(), here, there });
    }

    /// Something else that the reader should know.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// The report ends.
    ///
    /// # Errors
    /// [`ReportError::SumTooLarge`].
    pub fn end(mut self) -> Result<Told, ReportError> {
        self.close()?;
        self.sink.end(&self.ties, &self.notes)?;
        Ok(Told { ties: self.ties, notes: self.notes })
    }

    /// The section that has begun ends with its sums.
    fn close(&mut self) -> Result<(), ReportError> {
        match self.open.take() {
            Some(open) => self.sink.totals(&open.totals()?),
            None => Ok(()),
        }
    }
}

impl Open {
    fn add(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        let section = self.section.key;
        let wrong = |problem| ReportError::Shape { section, problem };
        if cells.len() != self.section.columns.len() {
            return Err(wrong("a row has another number of cells than there are columns"));
        }
        for ((cell, column), sum) in cells.iter().zip(&self.section.columns).zip(&mut self.sums) {
            let amount = match (cell, column.kind) {
                (Cell::Empty, _) | (Cell::Text(_), Kind::Text) | (Cell::Date(_), Kind::Date) => 0,
                (Cell::Money(amount), Kind::Money) if Some(amount.currency()) == self.section.currency => amount.minor(),
                (Cell::Money(_), Kind::Money) => return Err(wrong("an amount has another currency than its section")),
                (Cell::Count(count), Kind::Count) => *count,
                _ => return Err(wrong("a cell is of another kind than its column")),
            };
            *sum += i128::from(amount);
        }
        Ok(())
    }

    fn totals(&self) -> Result<Vec<Cell>, ReportError> {
        let total = |(column, sum): (&Column, &i128)| match (column.kind, self.section.currency) {
            (Kind::Money, Some(currency)) if column.is_summed => Ok(Cell::Money(self.fitting(*sum, column.key, currency)?)),
            (Kind::Count, _) if column.is_summed => i64::try_from(*sum)
                .map(Cell::Count)
                .map_err(|_| ReportError::Shape { section: self.section.key, problem: "a count is larger than 64 bits hold" }),
            _ => Ok(Cell::Empty),
        };
        self.section.columns.iter().zip(&self.sums).map(total).collect()
    }

    fn fitting(&self, sum: i128, column: &str, currency: Currency) -> Result<Money, ReportError> {
        sums::fitting(sum, || format!("column {column} of {}", self.section.key), currency)
    }
}

impl Column {
    fn new(key: &'static str, heading: &str, kind: Kind, is_summed: bool) -> Self {
        Self { key, heading: heading.to_owned(), kind, is_summed }
    }

    /// Words.
    #[must_use]
    pub fn text(key: &'static str, heading: &str) -> Self {
        Self::new(key, heading, Kind::Text, false)
    }

    /// Dates.
    #[must_use]
    pub fn date(key: &'static str, heading: &str) -> Self {
        Self::new(key, heading, Kind::Date, false)
    }

    /// Amounts that are not summed.
    #[must_use]
    pub fn money(key: &'static str, heading: &str) -> Self {
        Self::new(key, heading, Kind::Money, false)
    }

    /// Amounts with their sum.
    #[must_use]
    pub fn sum(key: &'static str, heading: &str) -> Self {
        Self::new(key, heading, Kind::Money, true)
    }

    /// Numbers that are not summed.
    #[must_use]
    pub fn count(key: &'static str, heading: &str) -> Self {
        Self::new(key, heading, Kind::Count, false)
    }

    /// Numbers with their sum.
    #[must_use]
    pub fn tally(key: &'static str, heading: &str) -> Self {
        Self::new(key, heading, Kind::Count, true)
    }
}

impl Section {
    /// A section of a few rows.
    #[must_use]
    pub fn new(key: &'static str, heading: impl Into<String>, currency: impl Into<Option<Currency>>, columns: Vec<Column>) -> Self {
        Self { key, heading: heading.into(), currency: currency.into(), columns, is_detail: false }
    }

    /// A section with a row a document or movement.
    #[must_use]
    pub fn detail(key: &'static str, heading: impl Into<String>, currency: impl Into<Option<Currency>>, columns: Vec<Column>) -> Self {
        Self { is_detail: true, ..Self::new(key, heading, currency, columns) }
    }
}

impl Cell {
    /// Words, or nothing.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// What there is, or nothing.
    #[must_use]
    pub fn or_empty<T>(value: Option<T>, cell: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Empty, cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::sheet::Asked;

    /// What was told, a line each.
    #[derive(Default)]
    struct Lines(Vec<String>);

    impl Sink for Lines {
        fn head(&mut self, head: &Head) -> Result<(), ReportError> {
            self.0.push(format!("head {}", head.name));
            Ok(())
        }
        fn section(&mut self, section: &Section) -> Result<(), ReportError> {
            self.0.push(format!("section {}", section.key));
            Ok(())
        }
        fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
            self.0.push(format!("row {}", cells.len()));
            Ok(())
        }
        fn totals(&mut self, totals: &[Cell]) -> Result<(), ReportError> {
            self.0.push(format!("totals {totals:?}"));
            Ok(())
        }
        fn end(&mut self, ties: &[Tie], notes: &[String]) -> Result<(), ReportError> {
            self.0.push(format!("end {} {}", ties.len(), notes.len()));
            Ok(())
        }
    }

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::parse("USD").unwrap())
    }

    fn head() -> Head {
        Head { name: "sample", title: "Sample", about: "", asked: Asked::default() }
    }

    fn section() -> Section {
        let columns = vec![Column::text("a", "A"), Column::sum("b", "B"), Column::tally("c", "C"), Column::money("d", "D")];
        Section::new("first", "First", usd(0).currency(), columns)
    }

    #[test]
    fn sections_end_with_the_sums_of_their_summed_columns() {
        let mut lines = Lines::default();
        let mut teller = Teller::begin(&mut lines, &head()).unwrap();
        teller.section(section()).unwrap();
        teller.row(&[Cell::text("x"), Cell::Money(usd(150)), Cell::Count(2), Cell::Money(usd(1))]).unwrap();
        teller.row(&[Cell::Empty, Cell::Money(usd(-50)), Cell::Count(1), Cell::Empty]).unwrap();
        teller.section(section()).unwrap();
        teller.tie("a = b", usd(1), usd(1));
        teller.note("something");
        assert!(teller.end().unwrap().ties_out());
        let totals = |sum, count| format!("totals [Empty, Money({sum:?}), Count({count}), Empty]");
        let expected =
            ["head sample", "section first", "row 4", "row 4", &totals(usd(100), 3), "section first", &totals(usd(0), 0), "end 1 1"];
        assert_eq!(lines.0, expected);
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        let euro = Money::new(1, Currency::parse("EUR").unwrap());
        let wrong = [
            vec![Cell::Empty],
            vec![Cell::Count(1), Cell::Empty, Cell::Empty, Cell::Empty],
            vec![Cell::Empty, Cell::Money(euro), Cell::Empty, Cell::Empty],
        ];
        for cells in wrong {
            let mut lines = Lines::default();
            let mut teller = Teller::begin(&mut lines, &head()).unwrap();
            assert!(matches!(teller.row(&cells), Err(ReportError::Shape { .. })), "outside of a section");
            teller.section(section()).unwrap();
            assert!(matches!(teller.row(&cells), Err(ReportError::Shape { .. })), "{cells:?}");
        }
    }

    #[test]
    fn sums_are_exact_beyond_64_bits_on_the_way_and_refused_at_the_end() {
        let told = |amounts: &[i64]| {
            let mut lines = Lines::default();
            let mut teller = Teller::begin(&mut lines, &head()).unwrap();
            teller.section(section()).unwrap();
            for amount in amounts {
                teller.row(&[Cell::Empty, Cell::Money(usd(*amount)), Cell::Empty, Cell::Empty]).unwrap();
            }
            teller.end().map(|_| ())
        };
        assert!(told(&[i64::MAX, 1, -1]).is_ok());
        assert!(matches!(told(&[i64::MAX, 1]), Err(ReportError::SumTooLarge { .. })));
    }

    #[test]
    fn a_tie_that_does_not_hold_is_broken() {
        let mut lines = Lines::default();
        let mut teller = Teller::begin(&mut lines, &head()).unwrap();
        teller.tie("a = b", usd(1), usd(2));
        let told = teller.end().unwrap();
        assert_eq!((told.ties_out(), told.broken().count()), (false, 1));
    }
}
