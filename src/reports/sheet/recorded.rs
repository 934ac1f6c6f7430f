//! A report that is kept as it was told, and told again to somebody else: several can be told at a time, and heard one after the other.

use super::spool::Spool;
use super::{Cell, Head, Section, Sink, Tie, out_of_order};
use crate::reports::ReportError;

/// Reports that were told.
#[derive(Default)]
pub struct Recorded(Vec<Act>);

/// What was told; rows lie in a file where they are many.
enum Act {
    Head(Head),
    Section(Box<(Section, Spool)>),
    Totals(Vec<Cell>),
    End(Vec<Tie>, Vec<String>),
}

impl Recorded {
    /// Tells them again.
    ///
    /// # Errors
    /// What the sink says.
    pub fn tell(self, sink: &mut dyn Sink) -> Result<(), ReportError> {
        self.0.into_iter().try_for_each(|act| match act {
            Act::Head(head) => sink.head(&head),
            Act::Section(told) => {
                let (section, spool) = *told;
                sink.section(&section)?;
                let mut rows = spool.rows()?;
                while let Some(cells) = rows.next()? {
                    sink.row(&cells)?;
                }
                Ok(())
            }
            Act::Totals(totals) => sink.totals(&totals),
            Act::End(ties, notes) => sink.end(&ties, &notes),
        })
    }
}

impl Sink for Recorded {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        self.0.push(Act::Head(head.clone()));
        Ok(())
    }

    fn section(&mut self, section: &Section) -> Result<(), ReportError> {
        self.0.push(Act::Section(Box::new((section.clone(), Spool::new()))));
        Ok(())
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        match self.0.last_mut() {
            Some(Act::Section(told)) => told.1.put(cells),
            _ => Err(out_of_order("a row")),
        }
    }

    fn totals(&mut self, totals: &[Cell]) -> Result<(), ReportError> {
        self.0.push(Act::Totals(totals.to_vec()));
        Ok(())
    }

    fn end(&mut self, ties: &[Tie], notes: &[String]) -> Result<(), ReportError> {
        self.0.push(Act::End(ties.to_vec(), notes.to_vec()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::{Currency, Money};
    use crate::reports::sheet::gathered::Gathered;
    use crate::reports::sheet::{Asked, Column, Teller};

    fn tell(sink: &mut dyn Sink) {
        let usd = Money::new(150, Currency::parse("USD").unwrap());
        let mut teller = Teller::begin(sink, &Head { name: "sample", title: "Sample", about: "", asked: Asked::default() }).unwrap();
        for columns in [vec![Column::sum("a", "A")], vec![Column::text("b", "B"), Column::tally("c", "C")]] {
            let count = columns.len();
            teller.section(Section::detail("some", "Some", usd.currency(), columns)).unwrap();
            let cells = if count == 1 { vec![Cell::Money(usd)] } else { vec![Cell::text("x, \"y\"\n"), Cell::Count(7)] };
            teller.row(&cells).unwrap();
            teller.row(&vec![Cell::Empty; count]).unwrap();
        }
        teller.tie("a = b", usd, Money::zero(usd.currency()));
        teller.note("something");
        teller.end().unwrap();
    }

    #[test]
    fn a_report_is_told_again_as_it_was() {
        let (mut heard, mut again, mut recorded) = (Gathered::keeping(9), Gathered::keeping(9), Recorded::default());
        tell(&mut heard);
        tell(&mut recorded);
        recorded.tell(&mut again).unwrap();
        assert_eq!(again.reports, heard.reports);
        assert_eq!((heard.reports[0].sheets.len(), heard.reports[0].ties.len(), heard.reports[0].sheets[1].count), (2, 1, 2));
    }

    #[test]
    fn a_row_has_a_section() {
        assert!(Recorded::default().row(&[Cell::Empty]).is_err());
    }
}
