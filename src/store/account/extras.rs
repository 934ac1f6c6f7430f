//! Rows that few accounts have: used promotion codes (MO-3), collection costs (PD-4), tasks for people.

use super::super::db::Table;
use super::super::error::StoreError;
use super::super::rows::{Reader, TableRow, Writer, account_table};
use crate::domain::account::{Account, CollectionCost, RedemptionState, Task};
use crate::domain::keyed::Keyed;

account_table! {
    /// Promotion codes by the accounts that used them.
    REDEMPTIONS = "redemptions", key [code], columns {
        code: text,
        released: int,
        subscription_id: text,
    }
    /// All codes that the accounts have used.
    LOAD_REDEMPTIONS = "";
}

account_table! {
    /// Collection costs.
    COLLECTION_COSTS = "collection_costs", key [cost_id], columns {
        cost_id: text,
        amount_minor: int,
        open_minor: int,
        written_off_minor: int,
        added_on: date,
        document: text,
    }
    /// All collection costs of the accounts.
    LOAD_COSTS = "";
}

account_table! {
    /// Tasks.
    TASKS = "tasks", key [task_id], columns {
        task_id: text,
        amount_minor: int,
        opened_on: date,
        closed_on: date,
        kind: text,
        subject: text,
    }
    /// All tasks of the accounts, done or not.
    LOAD_TASKS = "";
}

impl TableRow for RedemptionState {
    type Key = String;
    const TABLE: &'static Table = &REDEMPTIONS;
    const CHANGING: &'static [&'static str] = &["account_id", "code", "released", "subscription_id"];

    fn of(account: &Account) -> &Keyed<String, Self> {
        &account.redemptions
    }

    fn of_mut(account: &mut Account) -> &mut Keyed<String, Self> {
        &mut account.redemptions
    }

    fn read(row: &mut Reader<'_>) -> Result<(String, Self), StoreError> {
        let code = row.text()?;
        let released = row.flag()?;
        Ok((code, Self { subscription: row.subscription()?, released }))
    }

    fn write(&self, code: &String, row: &mut Writer<'_>) {
        row.text(code).flag(self.released).text(self.subscription.as_str());
    }

    /// A use that was given back can be used again, for another subscription.
    fn write_changes(&self, code: &String, row: &mut Writer<'_>) {
        self.write(code, row);
    }
}

impl TableRow for CollectionCost {
    type Key = String;
    const TABLE: &'static Table = &COLLECTION_COSTS;
    const CHANGING: &'static [&'static str] = &["account_id", "cost_id", "open_minor", "written_off_minor"];

    fn of(account: &Account) -> &Keyed<String, Self> {
        &account.costs
    }

    fn of_mut(account: &mut Account) -> &mut Keyed<String, Self> {
        &mut account.costs
    }

    fn read(row: &mut Reader<'_>) -> Result<(String, Self), StoreError> {
        let cost = Self {
            id: row.text()?,
            amount: row.money()?,
            open: row.money()?,
            written_off: row.money()?,
            added_on: row.date()?,
            document: row.text()?,
        };
        Ok((cost.id.clone(), cost))
    }

    fn write(&self, _: &Self::Key, row: &mut Writer<'_>) {
        row.text(&self.id).money(self.amount).money(self.open).money(self.written_off).date(self.added_on).text(&self.document);
    }

    fn write_changes(&self, _: &Self::Key, row: &mut Writer<'_>) {
        row.text(&self.id).money(self.open).money(self.written_off);
    }
}

impl TableRow for Task {
    type Key = String;
    const TABLE: &'static Table = &TASKS;
    const CHANGING: &'static [&'static str] = &["account_id", "task_id", "amount_minor", "opened_on", "closed_on"];

    fn of(account: &Account) -> &Keyed<String, Self> {
        &account.tasks
    }

    fn of_mut(account: &mut Account) -> &mut Keyed<String, Self> {
        &mut account.tasks
    }

    fn read(row: &mut Reader<'_>) -> Result<(String, Self), StoreError> {
        let task = Self {
            id: row.text()?,
            amount: row.opt_money()?,
            opened_on: row.date()?,
            closed_on: row.opt_date()?,
            kind: row.text()?,
            subject: row.text()?,
        };
        Ok((task.id.clone(), task))
    }

    fn write(&self, _: &Self::Key, row: &mut Writer<'_>) {
        row.text(&self.id).opt_money(self.amount).date(self.opened_on).opt_date(self.closed_on).text(&self.kind).text(&self.subject);
    }

    /// Of a task that is open the amount follows, and one that was closed may be opened again.
    fn write_changes(&self, _: &Self::Key, row: &mut Writer<'_>) {
        row.text(&self.id).opt_money(self.amount).date(self.opened_on).opt_date(self.closed_on);
    }
}
