//! How a row becomes a value of the domain and a value a row.
//!
//! A table of the aggregate is declared once ([`account_table!`]): the statements that read it and the batches that write it
//! have its columns in that order, and [`Reader`] and [`Writer`] follow it cell by cell. That is as fast as positions and as
//! safe as names: a cell of the wrong type is an error, and the round trip test finds two that were swapped.

use chrono::{DateTime, NaiveDate, Utc};

use super::db::{Cells, Columns, DbError, Row, Table};
use super::error::StoreError;
use crate::domain::account::Account;
use crate::domain::calendar::Cycle;
use crate::domain::ids::{AccountId, CameraId, SubscriptionId};
use crate::domain::keyed::Keyed;
use crate::domain::money::{Currency, Money, Rate};

/// Declares a table whose key begins with the account, and the statements that read its rows: of some accounts (`$1`), and
/// what else the text after that says; or, after `from`, of whatever the text says.
macro_rules! account_table {
    (
        $(#[$meta:meta])*
        $table:ident = $name:literal, key [$($key:ident),*], columns $columns:tt
        $($(#[$load_meta:meta])* $load:ident = $clause:tt;)*
    ) => {
        account_table!(@table [$(#[$meta])*] $table $name [$($key)*] $columns);
        $(account_table!(@load [$(#[$load_meta])*] $load $name $clause $columns);)*
    };
    (@table [$($meta:tt)*] $table:ident $name:literal [$($key:ident)*] { $($column:ident: $kind:ident),+ $(,)? }) => {
        $($meta)*
        pub const $table: $crate::store::db::Table = $crate::store::db::Table {
            name: $name,
            columns: &[
                $crate::store::db::Column::text("account_id"),
                $($crate::store::db::Column::$kind(stringify!($column))),+
            ],
            key: &["account_id" $(, stringify!($key))*],
        };
    };
    (@load [$($meta:tt)*] $load:ident $name:literal $clause:literal $columns:tt) => {
        account_table!(@load [$($meta)*] $load $name (" where account_id {in:$1}", $clause) $columns);
    };
    (@load [$($meta:tt)*] $load:ident $name:literal ($($tail:tt)+) { $($column:ident: $kind:ident),+ $(,)? }) => {
        $($meta)*
        pub const $load: $crate::store::db::Sql = $crate::store::db::Sql::same(concat!(
            "select account_id", $(", ", stringify!($column),)+ " from ", $name, $($tail)+
        )).named(concat!(module_path!(), "::", stringify!($load)));
    };
}
pub(super) use account_table;

/// Instants as they are stored: microseconds since 1970, UTC.
pub(super) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

/// A stored instant.
pub(super) fn instant(micros: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros)
}

/// The rows of one table as the aggregate holds them: values of a map.
pub(super) trait TableRow: Sized + PartialEq {
    /// Identifies the row within the account.
    type Key: Ord;
    /// Where it is stored.
    const TABLE: &'static Table;
    /// The columns of an update: the key's, then those that may change.
    const CHANGING: &'static [&'static str];

    /// The rows of an account.
    fn of(account: &Account) -> &Keyed<Self::Key, Self>;

    /// The same, to put rows there.
    fn of_mut(account: &mut Account) -> &mut Keyed<Self::Key, Self>;

    /// Reads the cells after the account's.
    fn read(row: &mut Reader<'_>) -> Result<(Self::Key, Self), StoreError>;

    /// Writes the cells after the account's, of a new row.
    fn write(&self, key: &Self::Key, row: &mut Writer<'_>);

    /// Writes the cells after the account's, in the order of [`TableRow::CHANGING`].
    fn write_changes(&self, key: &Self::Key, row: &mut Writer<'_>);

    /// The columns of the update that is needed most often, the key's first; none where all updates are alike.
    const USUAL: &'static [&'static str] = &[];

    /// Whether nothing differs but columns of [`TableRow::USUAL`].
    fn differs_as_usual(&self, _stored: &Self) -> bool {
        false
    }

    /// Writes the cells after the account's, in the order of [`TableRow::USUAL`].
    fn write_usual(&self, key: &Self::Key, row: &mut Writer<'_>) {
        self.write_changes(key, row);
    }

    /// Whether the stored row is the same, which is the whole value unless it has rows of its own.
    fn is_same_row(&self, other: &Self) -> bool {
        self == other
    }
}

/// The cells of a row in the order of its table.
pub(super) struct Reader<'row> {
    row: &'row Row,
    table: &'static Table,
    currency: Option<Currency>,
    next: usize,
}

impl<'row> Reader<'row> {
    /// A reader at the first cell.
    pub(super) fn new(row: &'row Row, table: &'static Table) -> Self {
        Self { row, table, currency: None, next: 0 }
    }

    /// Says what amounts are in: the account's currency.
    pub(super) fn in_currency(&mut self, currency: Currency) {
        self.currency = Some(currency);
    }

    /// The error for the cell that was read last.
    pub(super) fn corrupt(&self, problem: &'static str) -> StoreError {
        let column = self.table.columns.get(self.next.saturating_sub(1)).map_or("?", |column| column.name);
        let key = (0..self.table.key.len()).map(|at| {
            let text = self.row.str_at(at).map(str::to_owned);
            text.or_else(|_| self.row.int_at(at).map(|int| int.to_string())).unwrap_or_else(|_| "?".to_owned())
        });
        StoreError::Corrupt { table: self.table.name, id: key.collect::<Vec<_>>().join("/"), column, problem }
    }

    fn cell<T>(&mut self, read: impl FnOnce(&'row Row, usize) -> Result<T, DbError>) -> Result<T, StoreError> {
        let at = self.next;
        self.next += 1;
        read(self.row, at).map_err(|error| match error {
            DbError::Corrupt { problem, .. } => self.corrupt(problem),
            error => error.into(),
        })
    }

    /// A text that is only looked at.
    pub(super) fn str(&mut self) -> Result<&'row str, StoreError> {
        self.cell(Row::str_at)
    }

    /// A text.
    pub(super) fn text(&mut self) -> Result<String, StoreError> {
        self.cell(Row::text_at)
    }

    /// A text or nothing.
    pub(super) fn opt_text(&mut self) -> Result<Option<String>, StoreError> {
        self.cell(Row::opt_text_at)
    }

    /// An integer.
    pub(super) fn int(&mut self) -> Result<i64, StoreError> {
        self.cell(Row::int_at)
    }

    /// A count or a number from 0.
    pub(super) fn count(&mut self) -> Result<u32, StoreError> {
        self.opt_count()?.ok_or_else(|| self.corrupt("is NULL"))
    }

    /// A count or nothing.
    pub(super) fn opt_count(&mut self) -> Result<Option<u32>, StoreError> {
        let int = self.cell(Row::opt_int_at)?;
        int.map(|int| u32::try_from(int).map_err(|_| self.corrupt("is out of range"))).transpose()
    }

    /// Yes or no.
    pub(super) fn flag(&mut self) -> Result<bool, StoreError> {
        self.cell(Row::flag_at)
    }

    /// A day.
    pub(super) fn date(&mut self) -> Result<NaiveDate, StoreError> {
        self.cell(Row::date_at)
    }

    /// A day or nothing.
    pub(super) fn opt_date(&mut self) -> Result<Option<NaiveDate>, StoreError> {
        self.cell(Row::opt_date_at)
    }

    /// An instant.
    pub(super) fn instant(&mut self) -> Result<DateTime<Utc>, StoreError> {
        let micros = self.int()?;
        instant(micros).ok_or_else(|| self.corrupt("is out of range"))
    }

    /// An instant or nothing.
    pub(super) fn opt_instant(&mut self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let micros = self.cell(Row::opt_int_at)?;
        micros.map(|micros| instant(micros).ok_or_else(|| self.corrupt("is out of range"))).transpose()
    }

    /// An amount in the account's currency.
    pub(super) fn money(&mut self) -> Result<Money, StoreError> {
        self.opt_money()?.ok_or_else(|| self.corrupt("is NULL"))
    }

    /// An amount or nothing.
    pub(super) fn opt_money(&mut self) -> Result<Option<Money>, StoreError> {
        let minor = self.cell(Row::opt_int_at)?;
        let currency = self.currency.ok_or_else(|| self.corrupt("has no currency"))?;
        Ok(minor.map(|minor| Money::new(minor, currency)))
    }

    /// A rate in billionths.
    pub(super) fn rate(&mut self) -> Result<Rate, StoreError> {
        let int = self.int()?;
        u64::try_from(int).ok().and_then(Rate::from_billionths).ok_or_else(|| self.corrupt("is no rate"))
    }

    /// A stored tag.
    pub(super) fn tag<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        let tag = self.str()?;
        parse(tag).ok_or_else(|| self.corrupt("is none of the known words"))
    }

    /// A stored tag or nothing.
    pub(super) fn opt_tag<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, StoreError> {
        let tag = self.opt_text()?;
        tag.map(|tag| parse(&tag).ok_or_else(|| self.corrupt("is none of the known words"))).transpose()
    }

    /// A billing cycle or nothing.
    pub(super) fn opt_cycle(&mut self) -> Result<Option<Cycle>, StoreError> {
        self.opt_tag(Cycle::parse)
    }

    /// A subscription's id.
    pub(super) fn subscription(&mut self) -> Result<SubscriptionId, StoreError> {
        let id = self.str()?;
        SubscriptionId::parse(id).map_err(|_| self.corrupt("is not an id"))
    }

    /// A camera's id or nothing.
    pub(super) fn opt_camera(&mut self) -> Result<Option<CameraId>, StoreError> {
        let id = self.opt_text()?;
        id.map(|id| CameraId::parse(&id).map_err(|_| self.corrupt("is not an id"))).transpose()
    }
}

/// The cells of a row that is being written; the counterpart of [`Reader`].
pub(super) struct Writer<'batch> {
    cells: Cells<'batch>,
    table: &'static Table,
    account: &'batch AccountId,
    currency: Currency,
    fault: &'batch mut Option<StoreError>,
}

impl<'batch> Writer<'batch> {
    /// Starts a row of an account in a batch: its first cell is the account's id. What cannot be stored is noted in `fault`.
    pub(super) fn new(batch: &'batch mut Columns, account: &'batch Account, fault: &'batch mut Option<StoreError>) -> Self {
        let table = batch.table();
        let mut cells = batch.row();
        cells.text(account.profile.id.as_str());
        Self { cells, table, account: &account.profile.id, currency: account.profile.currency, fault }
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.cells.text(text);
        self
    }

    pub(super) fn opt_text(&mut self, text: Option<&str>) -> &mut Self {
        self.cells.opt_text(text);
        self
    }

    pub(super) fn int(&mut self, int: impl Into<i64>) -> &mut Self {
        self.cells.int(int.into());
        self
    }

    pub(super) fn opt_int(&mut self, int: Option<impl Into<i64>>) -> &mut Self {
        self.cells.opt_int(int.map(Into::into));
        self
    }

    pub(super) fn flag(&mut self, flag: bool) -> &mut Self {
        self.cells.flag(flag);
        self
    }

    pub(super) fn date(&mut self, date: NaiveDate) -> &mut Self {
        self.cells.date(date);
        self
    }

    pub(super) fn opt_date(&mut self, date: Option<NaiveDate>) -> &mut Self {
        self.cells.opt_date(date);
        self
    }

    pub(super) fn instant(&mut self, at: DateTime<Utc>) -> &mut Self {
        self.cells.int(micros(at));
        self
    }

    pub(super) fn opt_instant(&mut self, at: Option<DateTime<Utc>>) -> &mut Self {
        self.cells.opt_int(at.map(micros));
        self
    }

    pub(super) fn money(&mut self, amount: Money) -> &mut Self {
        self.opt_money(Some(amount))
    }

    /// MO-1: rows hold minor units alone, so an amount in another currency must not get here.
    pub(super) fn opt_money(&mut self, amount: Option<Money>) -> &mut Self {
        if let Some(amount) = amount.filter(|amount| amount.currency() != self.currency) {
            let (account, table) = (self.account.to_string(), self.table.name);
            let fault = StoreError::Currency { account, table, expected: self.currency, found: amount.currency() };
            self.fault.get_or_insert(fault);
        }
        self.cells.opt_int(amount.map(Money::minor));
        self
    }

    pub(super) fn rate(&mut self, rate: Rate) -> &mut Self {
        // A rate is at most ten wholes, so it always fits.
        self.cells.int(i64::try_from(rate.billionths()).unwrap_or(i64::MAX));
        self
    }
}

/// The rows of a table that a save inserts and updates.
pub(super) struct Batch {
    pub(super) new: Columns,
    pub(super) changed: Columns,
    pub(super) usual: Columns,
}

impl Batch {
    /// Nothing to write yet.
    pub(super) fn of<R: TableRow>() -> Self {
        Self { new: Columns::of(R::TABLE), changed: Columns::only(R::TABLE, R::CHANGING), usual: Columns::only(R::TABLE, R::USUAL) }
    }

    /// Adds what differs between two states of an account. Rows never vanish.
    pub(super) fn add<R: TableRow>(&mut self, before: &Account, after: &Account, fault: &mut Option<StoreError>) {
        let (old, new) = (R::of(before), R::of(after));
        let mut found = 0_usize;
        for (key, row) in new {
            match old.get(key) {
                None => row.write(key, &mut Writer::new(&mut self.new, after, fault)),
                Some(stored) => {
                    found += 1;
                    if row.is_same_row(stored) {
                        continue;
                    }
                    if row.differs_as_usual(stored) {
                        row.write_usual(key, &mut Writer::new(&mut self.usual, after, fault));
                    } else {
                        row.write_changes(key, &mut Writer::new(&mut self.changed, after, fault));
                    }
                }
            }
        }
        if found != old.len() {
            let (account, table) = (after.profile.id.to_string(), R::TABLE.name);
            fault.get_or_insert(StoreError::Unstorable { account, table, problem: "a row that was there is gone" });
        }
    }
}
