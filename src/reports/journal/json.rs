//! The journal as one JSON document: the entries, the facts that they book, and the closing balances.

use std::io::Write;

use serde::Serialize;

use super::facts::Fact;
use super::{Balances, Closing, Entry, Head, Printer};
use crate::reports::{ReportError, chart};

pub(super) struct Json<'a> {
    out: &'a mut dyn Write,
    entries: u64,
    facts: u64,
    last: Option<(chrono::NaiveDate, Vec<Balance>)>,
}

#[derive(Serialize)]
struct Balance {
    ledger_account: i64,
    name: &'static str,
    currency: String,
    minor: i128,
}

impl<'a> Json<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, entries: 0, facts: 0, last: None }
    }

    fn put(&mut self, value: &impl Serialize) -> Result<(), ReportError> {
        serde_json::to_writer(&mut *self.out, value).map_err(|error| ReportError::Write(error.into()))
    }

    fn begin_facts(&mut self) -> Result<(), ReportError> {
        Ok(write!(self.out, "\n],\n\"facts\":[")?)
    }
}

fn listed(balances: &Balances) -> Vec<Balance> {
    let row = |((currency, account), balance): (&(String, i64), &i128)| Balance {
        ledger_account: *account,
        name: chart::name(*account),
        currency: currency.clone(),
        minor: *balance,
    };
    balances.iter().map(row).collect()
}

impl Printer for Json<'_> {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        write!(self.out, "{{\"opening\":")?;
        let opening = head.opening.as_ref().map(|(on, balances)| (on, listed(balances)));
        match &opening {
            Some((on, balances)) => self.put(&serde_json::json!({ "on": on, "balances": balances }))?,
            None => self.put(&None::<()>)?,
        }
        write!(self.out, ",\n\"entries\":[")?;
        Ok(())
    }

    fn entry(&mut self, entry: &Entry<'_>) -> Result<(), ReportError> {
        write!(self.out, "{}", if self.entries == 0 { "\n" } else { ",\n" })?;
        self.entries += 1;
        self.put(entry)
    }

    fn fact(&mut self, fact: &Fact<'_>) -> Result<(), ReportError> {
        if self.facts == 0 {
            self.begin_facts()?;
        }
        write!(self.out, "{}", if self.facts == 0 { "\n" } else { ",\n" })?;
        self.facts += 1;
        self.put(fact)
    }

    fn closing(&mut self, closing: &Closing) -> Result<(), ReportError> {
        self.last = Some((closing.on, listed(&closing.balances)));
        Ok(())
    }

    fn end(&mut self) -> Result<(), ReportError> {
        if self.facts == 0 {
            self.begin_facts()?;
        }
        write!(self.out, "\n],\n\"closing\":")?;
        match self.last.take() {
            Some((on, balances)) => self.put(&serde_json::json!({ "on": on, "balances": balances }))?,
            None => self.put(&None::<()>)?,
        }
        writeln!(self.out, "}}")?;
        Ok(self.out.flush()?)
    }
}
