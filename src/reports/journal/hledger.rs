//! The journal for hledger: `hledger check -s ordereddates accounts commodities` proves it.

use std::io::Write;

use super::entry::Entry;
use super::{Balances, Closing, Head, Printer};
use crate::domain::ledger::{AccountType, CHART};
use crate::domain::money::Currency;
use crate::reports::{ReportError, chart};

/// Width of the column of account names.
const ACCOUNT_WIDTH: usize = 62;
/// Width of the column of amounts.
const AMOUNT_WIDTH: usize = 16;

pub(super) struct Hledger<'a> {
    out: &'a mut dyn Write,
}

impl<'a> Hledger<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out }
    }

    fn posting(&mut self, account: i64, amount: &str, currency: &str, rest: &str) -> Result<(), ReportError> {
        let path = chart::path(account);
        let line = format!("    {path:<ACCOUNT_WIDTH$}  {amount:>AMOUNT_WIDTH$} {currency}{rest}");
        writeln!(self.out, "{}", line.trim_end())?;
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

    fn entry(&mut self, entry: &Entry) -> Result<(), ReportError> {
        writeln!(self.out, "\n{} * ({}) {}", entry.effective_on, entry.event_id, entry.title)?;
        writeln!(self.out, "    ; posted:{}", entry.posted())?;
        writeln!(self.out, "    ; {}", tags(entry.dimensions()))?;
        for leg in &entry.legs {
            let tags = tags(leg.dimensions());
            let rest = if tags.is_empty() { tags } else { format!("  ; {tags}") };
            self.posting(leg.ledger_account, &leg.major(), &leg.currency, &rest)?;
        }
        Ok(())
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

fn tags<'a>(dimensions: impl Iterator<Item = (&'static str, &'a str)>) -> String {
    let tags: Vec<String> = dimensions.map(|(name, value)| format!("{name}:{}", plain(value))).collect();
    tags.join(", ")
}

/// A tag's value ends at a comma, and what looks like a tag or a date in brackets would be read as one.
fn plain(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '%' | ',' | ':' | '[' | ']' => plain.push_str(&escaped(character)),
            character if character.is_control() => plain.push_str(&escaped(character)),
            character => plain.push(character),
        }
    }
    plain
}

fn escaped(character: char) -> String {
    format!("%{:02X}", u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_read_as_something_else_is_escaped() {
        assert_eq!(plain("wrong date: [2026-01-01], 5%\nx"), "wrong date%3A %5B2026-01-01%5D%2C 5%25%0Ax");
        assert_eq!(plain("Żółć / plus-annual_1.0"), "Żółć / plus-annual_1.0");
    }

    #[test]
    fn currencies_are_declared_with_their_decimals() {
        assert_eq!(["USD", "JPY", "KWD"].map(sample), ["1000.00", "1000.", "1000.000"]);
    }
}
