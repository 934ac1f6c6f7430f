//! The journal for hledger: `hledger check -s ordereddates accounts commodities` proves it.

use std::io::Write;

use chrono::SecondsFormat;

use super::{Balances, Closing, Entry, Head, Instants, Printer};
use crate::domain::ledger::{AccountType, CHART};
use crate::domain::money::Currency;
use crate::reports::{ReportError, chart};

/// Width of the column of account names.
const ACCOUNT_WIDTH: usize = 62;
/// Width of the column of amounts.
const AMOUNT_WIDTH: usize = 16;

pub(super) struct Hledger<'a> {
    out: &'a mut dyn Write,
    /// What is being written.
    text: String,
    amount: String,
    instants: Instants,
}

impl<'a> Hledger<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, text: String::new(), amount: String::new(), instants: Instants::default() }
    }

    fn posting(&mut self, account: i64, amount: &str, currency: &str, rest: &str) -> Result<(), ReportError> {
        self.text.clear();
        put_posting(&mut self.text, account, amount, currency);
        self.text.push_str(rest);
        writeln!(self.out, "{}", self.text.trim_end())?;
        Ok(())
    }

    fn assertions(&mut self, balances: &Balances) -> Result<(), ReportError> {
        for ((currency, account), balance) in balances {
            let zero = chart::major(0, currency);
            self.posting(*account, &zero, currency, &format!(" = {} {currency}", chart::major(*balance, currency)))?;
        }
        Ok(())
    }
}

impl Printer for Hledger<'_> {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        writeln!(self.out, "; The books of kasacare. Prove them: hledger check -s ordereddates accounts commodities -f THIS_FILE")?;
        writeln!(self.out, "; In tags, the signs % , : [ ] and line breaks are written as in a URL: %25 %2C %3A %5B %5D %0A.")?;
        writeln!(self.out, "\ndecimal-mark .")?;
        for currency in &head.currencies {
            writeln!(self.out, "commodity {} {currency}", sample(currency))?;
        }
        writeln!(self.out)?;
        for account in CHART {
            let number = i64::from(account.number);
            writeln!(self.out, "account {:<ACCOUNT_WIDTH$}  ; type: {}", chart::path(number), type_letter(account.kind))?;
        }
        if let Some((on, balances)) = &head.opening {
            writeln!(self.out, "\n{on} * Balances brought forward")?;
            for ((currency, account), balance) in balances.iter().filter(|(_, balance)| **balance != 0) {
                self.posting(*account, &chart::major(*balance, currency), currency, "")?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry<'_>) -> Result<(), ReportError> {
        let Self { out, text, amount, instants } = self;
        text.clear();
        text.push('\n');
        chart::put_date(text, entry.effective_on);
        for part in [" * (", entry.event_id, ") ", entry.title, "\n    ; posted:", instants.text(entry.posted_at, SecondsFormat::AutoSi)] {
            text.push_str(part);
        }
        text.push_str("\n    ; ");
        put_tags(text, "", entry.dimensions());
        text.push('\n');
        for leg in &entry.legs {
            let line = text.len();
            amount.clear();
            leg.put_major(amount);
            put_posting(text, leg.ledger_account, amount, leg.currency);
            put_tags(text, "  ; ", leg.dimensions());
            // No line ends with a blank, whatever the last tag says.
            let length = text.get(line..).map_or(0, |line| line.trim_end().len());
            text.truncate(line + length);
            text.push('\n');
        }
        Ok(out.write_all(text.as_bytes())?)
    }

    fn closing(&mut self, closing: &Closing) -> Result<(), ReportError> {
        writeln!(self.out, "\n{} * Trial balance", closing.on)?;
        self.assertions(&closing.balances)
    }

    fn end(&mut self) -> Result<(), ReportError> {
        Ok(self.out.flush()?)
    }
}

/// An amount that shows how the currency is written; the point must be there also where no decimals are.
fn sample(currency: &str) -> String {
    let exponent = Currency::parse(currency).map_or(0, |currency| usize::from(currency.exponent()));
    format!("1000.{}", "0".repeat(exponent))
}

const fn type_letter(kind: AccountType) -> char {
    match kind {
        AccountType::Asset => 'A',
        AccountType::Liability => 'L',
        AccountType::Equity => 'E',
        AccountType::Income => 'R',
        AccountType::Expense => 'X',
    }
}

/// An account and an amount, in their columns.
fn put_posting(text: &mut String, account: i64, amount: &str, currency: &str) {
    let path = chart::path(account);
    let blanks = |width: usize, taken: &str| std::iter::repeat_n(' ', width.saturating_sub(taken.len()));
    text.push_str("    ");
    text.push_str(&path);
    text.extend(blanks(ACCOUNT_WIDTH, &path));
    text.push_str("  ");
    text.extend(blanks(AMOUNT_WIDTH, amount));
    for part in [amount, " ", currency] {
        text.push_str(part);
    }
}

/// Adds tags, and where there are any, what stands before them.
fn put_tags<'a>(text: &mut String, before: &str, dimensions: impl Iterator<Item = (&'static str, &'a str)>) {
    let mut separator = before;
    for (name, value) in dimensions {
        for part in [separator, name, ":"] {
            text.push_str(part);
        }
        put_plain(text, value);
        separator = ", ";
    }
}

/// A tag's value ends at a comma, and what looks like a tag or a date in brackets would be read as one.
fn put_plain(text: &mut String, value: &str) {
    if value.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'%' | b',' | b':' | b'[' | b']')) {
        text.push_str(value);
        return;
    }
    for character in value.chars() {
        match character {
            '%' | ',' | ':' | '[' | ']' => text.push_str(&escaped(character)),
            character if character.is_control() => text.push_str(&escaped(character)),
            character => text.push(character),
        }
    }
}

fn escaped(character: char) -> String {
    format!("%{:02X}", u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_read_as_something_else_is_escaped() {
        let plain = |value: &str| {
            let mut plain = String::new();
            put_plain(&mut plain, value);
            plain
        };
        assert_eq!(plain("wrong date: [2026-01-01], 5%\nx"), "wrong date%3A %5B2026-01-01%5D%2C 5%25%0Ax");
        assert_eq!(plain("Żółć / plus-annual_1.0"), "Żółć / plus-annual_1.0");
    }

    #[test]
    fn currencies_are_declared_with_their_decimals() {
        assert_eq!(["USD", "JPY", "KWD"].map(sample), ["1000.00", "1000.", "1000.000"]);
    }
}
