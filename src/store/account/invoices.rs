//! Invoices: the document, which never changes (MO-4), and what notes and money have made of it.

use super::super::db::Table;
use super::super::error::StoreError;
use super::super::rows::{Reader, TableRow, Writer, account_table};
use crate::domain::account::{Account, Invoice, InvoiceDocument};
use crate::domain::calendar::{Cycle, Period};
use crate::domain::catalog::Plan;
use crate::domain::keyed::Keyed;

account_table! {
    /// Invoices.
    INVOICES = "invoices", key [invoice_id], columns {
        invoice_id: text,
        list_minor: int,
        discount_minor: int,
        invoiced_net_minor: int,
        rate_billionths: int,
        invoiced_tax_minor: int,
        term_no: int,
        period_no: int,
        period_start: date,
        period_end: date,
        issued_on: date,
        net_minor: int,
        tax_minor: int,
        recognised_minor: int,
        open_minor: int,
        captured_minor: int,
        returned_minor: int,
        disputed_minor: int,
        held_minor: int,
        credit_cash_minor: int,
        credit_goodwill_minor: int,
        written_off_minor: int,
        recognise_at: int,
        attempts: int,
        retries: int,
        first_failed_on: date,
        ended_on: date,
        recognised_through: date,
        carried: int,
        pending: int,
        number: text,
        subscription_id: text,
        tier: text,
        cycle: text,
        price_version: text,
        promotion_code: text,
        jurisdiction: text,
    }
    /// All invoices of the accounts.
    LOAD = "";
    /// Those that something is still to happen to: unpaid, disputed, pending or not fully recognised.
    LOAD_OPEN = " and (open_minor <> 0 or disputed_minor <> 0 or pending = 1 or recognise_at is not null)";
    /// The ones that are named (account and invoice).
    LOAD_NAMED = (" where (account_id, invoice_id) in {pairs:$1}");
}

/// The key and what is not part of the document: the database refuses changes of the rest.
const RUNNING: &[&str] = &[
    "account_id",
    "invoice_id",
    "net_minor",
    "tax_minor",
    "recognised_minor",
    "open_minor",
    "captured_minor",
    "returned_minor",
    "disputed_minor",
    "held_minor",
    "credit_cash_minor",
    "credit_goodwill_minor",
    "written_off_minor",
    "recognise_at",
    "attempts",
    "retries",
    "first_failed_on",
    "ended_on",
    "recognised_through",
    "carried",
    "pending",
];

impl TableRow for Invoice {
    type Key = String;
    const TABLE: &'static Table = &INVOICES;
    const CHANGING: &'static [&'static str] = RUNNING;

    fn of(account: &Account) -> &Keyed<String, Self> {
        &account.invoices
    }

    fn of_mut(account: &mut Account) -> &mut Keyed<String, Self> {
        &mut account.invoices
    }

    fn read(row: &mut Reader<'_>) -> Result<(String, Self), StoreError> {
        let id = row.text()?;
        let [list, discount, invoiced_net] = [row.money()?, row.money()?, row.money()?];
        let rate = row.rate()?;
        let invoiced_tax = row.money()?;
        let [term, period_no] = [row.count()?, row.count()?];
        let (start, end) = (row.date()?, row.date()?);
        let period = Period::new(start, end).map_err(|_| row.corrupt("does not follow the start"))?;
        let issued_on = row.date()?;
        let [net, tax, recognised, open, captured, returned] =
            [row.money()?, row.money()?, row.money()?, row.money()?, row.money()?, row.money()?];
        let [disputed, held, credit_cash, credit_goodwill, written_off] =
            [row.money()?, row.money()?, row.money()?, row.money()?, row.money()?];
        let recognise_at = row.opt_instant()?;
        let [attempts, retries] = [row.count()?, row.count()?];
        let [first_failed_on, ended_on, recognised_through] = [row.opt_date()?, row.opt_date()?, row.opt_date()?];
        let [carried, pending] = [row.flag()?, row.flag()?];
        let number = row.text()?;
        let subscription = row.subscription()?;
        let plan = Plan { tier: row.text()?, cycle: row.tag(Cycle::parse)? };
        let document = InvoiceDocument {
            id: id.clone(),
            subscription,
            term,
            period_no,
            plan,
            period,
            version: row.text()?,
            list,
            promotion: row.opt_text()?,
            discount,
            net: invoiced_net,
            rate,
            tax: invoiced_tax,
            jurisdiction: row.text()?,
            issued_on,
        };
        let invoice = Self {
            document,
            number,
            net,
            tax,
            recognised,
            recognised_through,
            open,
            captured,
            returned,
            disputed,
            held,
            credit_cash,
            credit_goodwill,
            written_off,
            attempts,
            first_failed_on,
            retries,
            carried,
            pending,
            ended_on,
            recognise_at,
        };
        Ok((id, invoice))
    }

    fn write(&self, _: &Self::Key, row: &mut Writer<'_>) {
        let document = &self.document;
        row.text(&document.id)
            .money(document.list)
            .money(document.discount)
            .money(document.net)
            .rate(document.rate)
            .money(document.tax)
            .int(document.term)
            .int(document.period_no)
            .date(document.period.start)
            .date(document.period.end)
            .date(document.issued_on);
        self.write_running(row);
        row.text(&self.number)
            .text(document.subscription.as_str())
            .text(&document.plan.tier)
            .text(document.plan.cycle.tag())
            .text(&document.version)
            .opt_text(document.promotion.as_deref())
            .text(&document.jurisdiction);
    }

    fn write_changes(&self, _: &Self::Key, row: &mut Writer<'_>) {
        row.text(&self.document.id);
        self.write_running(row);
    }
}

impl Invoice {
    fn write_running(&self, row: &mut Writer<'_>) {
        row.money(self.net)
            .money(self.tax)
            .money(self.recognised)
            .money(self.open)
            .money(self.captured)
            .money(self.returned)
            .money(self.disputed)
            .money(self.held)
            .money(self.credit_cash)
            .money(self.credit_goodwill)
            .money(self.written_off)
            .opt_instant(self.recognise_at)
            .int(self.attempts)
            .int(self.retries)
            .opt_date(self.first_failed_on)
            .opt_date(self.ended_on)
            .opt_date(self.recognised_through)
            .flag(self.carried)
            .flag(self.pending);
    }
}
