//! The journal for beancount: `bean-check` proves it.

use std::io::Write;

use chrono::SecondsFormat;

use super::{Closing, Entry, Head, Instants, Printer};
use crate::domain::ledger::CHART;
use crate::reports::{ReportError, chart};

pub(super) struct Beancount<'a> {
    out: &'a mut dyn Write,
    /// The entry that is being written.
    text: String,
    instants: Instants,
}

impl<'a> Beancount<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, text: String::new(), instants: Instants::default() }
    }
}

fn put_metadata<'a>(text: &mut String, indent: &str, dimensions: impl Iterator<Item = (&'static str, &'a str)>) {
    for (name, value) in dimensions {
        for part in [indent, name, ": "] {
            text.push_str(part);
        }
        put_quoted(text, value);
        text.push('\n');
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

    fn entry(&mut self, entry: &Entry<'_>) -> Result<(), ReportError> {
        let text = &mut self.text;
        text.clear();
        text.push('\n');
        chart::put_date(text, entry.effective_on);
        text.push_str(" * ");
        put_quoted(text, entry.title);
        text.push('\n');
        let posted = self.instants.text(entry.posted_at, SecondsFormat::AutoSi);
        put_metadata(text, "  ", std::iter::once(("posted", posted)).chain(entry.dimensions()));
        for leg in &entry.legs {
            for part in ["  ", &chart::path(leg.ledger_account), "  "] {
                text.push_str(part);
            }
            leg.put_major(text);
            for part in [" ", leg.currency, "\n"] {
                text.push_str(part);
            }
            put_metadata(text, "    ", leg.dimensions());
        }
        Ok(self.out.write_all(text.as_bytes())?)
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

/// Adds a string of beancount, on one line.
fn put_quoted(out: &mut String, text: &str) {
    out.push('"');
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        out.push_str(text);
    } else {
        for character in text.chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                character if character.is_control() => out.push(' '),
                character => out.push(character),
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_stay_on_their_line() {
        let quoted = |text: &str| {
            let mut quoted = String::new();
            put_quoted(&mut quoted, text);
            quoted
        };
        assert_eq!(quoted("a \"b\" \\ c\nd\re"), "\"a \\\"b\\\" \\\\ c\\nd e\"");
        assert_eq!(quoted("Żółć ~"), "\"Żółć ~\"");
    }
}
