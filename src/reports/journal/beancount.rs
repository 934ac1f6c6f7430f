//! The journal for beancount: `bean-check` proves it.

use std::io::Write;

use super::entry::Entry;
use super::{Closing, Head, Printer};
use crate::domain::ledger::CHART;
use crate::reports::{ReportError, chart};

pub(super) struct Beancount<'a> {
    out: &'a mut dyn Write,
}

impl<'a> Beancount<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out }
    }

    fn metadata<'b>(&mut self, indent: usize, dimensions: impl Iterator<Item = (&'static str, &'b str)>) -> Result<(), ReportError> {
        for (name, value) in dimensions {
            writeln!(self.out, "{:indent$}{name}: {}", "", quoted(value))?;
        }
        Ok(())
    }
}

impl Printer for Beancount<'_> {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        writeln!(self.out, "; The books of kasacare. Prove them: bean-check THIS_FILE")?;
        writeln!(self.out, "option \"title\" \"kasacare\"")?;
        for currency in &head.currencies {
            writeln!(self.out, "option \"operating_currency\" \"{currency}\"")?;
        }
        writeln!(self.out)?;
        for currency in &head.currencies {
            writeln!(self.out, "{} commodity {currency}", head.first)?;
        }
        writeln!(self.out)?;
        let currencies: Vec<&str> = head.currencies.iter().map(String::as_str).collect();
        for account in CHART {
            let path = chart::path(i64::from(account.number));
            writeln!(self.out, "{} open {path} {}", head.first, currencies.join(","))?;
        }
        if let Some((on, balances)) = &head.opening {
            writeln!(self.out, "\n{on} * \"Balances brought forward\"")?;
            for ((currency, account), balance) in balances.iter().filter(|(_, balance)| **balance != 0) {
                writeln!(self.out, "  {}  {} {currency}", chart::path(*account), chart::major(*balance, currency))?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), ReportError> {
        writeln!(self.out, "\n{} * {}", entry.effective_on, quoted(entry.title))?;
        let posted = entry.posted();
        self.metadata(2, std::iter::once(("posted", posted.as_str())).chain(entry.dimensions()))?;
        for leg in &entry.legs {
            writeln!(self.out, "  {}  {} {}", chart::path(leg.ledger_account), leg.major(), leg.currency)?;
            self.metadata(4, leg.dimensions())?;
        }
        Ok(())
    }

    /// beancount looks at balances in the morning: the end of a day is the next one's beginning. Nothing is tolerated.
    fn closing(&mut self, closing: &Closing) -> Result<(), ReportError> {
        let next = closing.on.succ_opt().unwrap_or(closing.on);
        writeln!(self.out, "\n; Trial balance at the end of {}", closing.on)?;
        for ((currency, account), balance) in &closing.balances {
            let (path, zero) = (chart::path(*account), chart::major(0, currency));
            writeln!(self.out, "{next} balance {path}  {} ~ {zero} {currency}", chart::major(*balance, currency))?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), ReportError> {
        Ok(self.out.flush()?)
    }
}

/// A string of beancount on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            character if character.is_control() => quoted.push(' '),
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_stay_on_their_line() {
        assert_eq!(quoted("a \"b\" \\ c\nd\re"), "\"a \\\"b\\\" \\\\ c\\nd e\"");
    }
}
