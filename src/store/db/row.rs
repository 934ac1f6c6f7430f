//! Rows that come back from a statement.

use chrono::NaiveDate;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Row as _, TypeInfo, ValueRef};

use super::error::DbError;
use super::value::parse_iso_date;

/// One row of a result.
///
/// Every value is read by the name of its column, or by its position from 0 (`…_at`), which is what code that reads thousands
/// of rows uses. All getters read an optional value first: on SQLite the driver would turn NULL into 0 or an empty text.
#[derive(Debug)]
pub struct Row {
    statement: &'static str,
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// Makes the four getters of a type: by name and by position, mandatory and optional.
macro_rules! getters {
    ($type:ty, $what:literal, $read:ident: $by_name:ident, $opt_by_name:ident, $at:ident, $opt_at:ident) => {
        #[doc = concat!("The ", $what, " of the column with this name.")]
        ///
        /// # Errors
        /// [`DbError::Corrupt`] if there is no such column, if it is NULL, or if it holds something else.
        pub fn $by_name(&self, column: &str) -> Result<$type, DbError> {
            self.$read(column)?.ok_or_else(|| self.null(column))
        }

        #[doc = concat!("The ", $what, " of the column with this name, or nothing for NULL.")]
        ///
        /// # Errors
        /// [`DbError::Corrupt`] if there is no such column, or if it holds something else.
        pub fn $opt_by_name(&self, column: &str) -> Result<Option<$type>, DbError> {
            self.$read(column)
        }

        #[doc = concat!("The ", $what, " of the column at this position, counted from 0.")]
        ///
        /// # Errors
        /// [`DbError::Corrupt`] if there is no such column, if it is NULL, or if it holds something else.
        pub fn $at(&self, position: usize) -> Result<$type, DbError> {
            self.$read(position)?.ok_or_else(|| self.null(position))
        }

        #[doc = concat!("The ", $what, " of the column at this position, counted from 0, or nothing for NULL.")]
        ///
        /// # Errors
        /// [`DbError::Corrupt`] if there is no such column, or if it holds something else.
        pub fn $opt_at(&self, position: usize) -> Result<Option<$type>, DbError> {
            self.$read(position)
        }
    };
}

impl Row {
    pub(super) fn sqlite(statement: &'static str, row: SqliteRow) -> Self {
        Self { statement, inner: Inner::Sqlite(row) }
    }

    pub(super) fn postgres(statement: &'static str, row: PgRow) -> Self {
        Self { statement, inner: Inner::Postgres(row) }
    }

    getters!(String, "text", read_text: text, opt_text, text_at, opt_text_at);
    getters!(i64, "integer", read_int: int, opt_int, int_at, opt_int_at);
    getters!(bool, "yes (1) or no (0)", read_flag: flag, opt_flag, flag_at, opt_flag_at);
    getters!(NaiveDate, "day", read_date: date, opt_date, date_at, opt_date_at);

    /// The text of the column at this position without a copy of its own.
    ///
    /// # Errors
    /// [`DbError::Corrupt`] if there is no such column, if it is NULL, or if it holds something else.
    pub fn str_at(&self, position: usize) -> Result<&str, DbError> {
        self.read_str(position)?.ok_or_else(|| self.null(position))
    }

    /// The same, or nothing for NULL.
    ///
    /// # Errors
    /// [`DbError::Corrupt`] if there is no such column, or if it holds something else.
    pub fn opt_str_at(&self, position: usize) -> Result<Option<&str>, DbError> {
        self.read_str(position)
    }

    /// The error for a value that has the right type but is none of those that the program knows.
    #[must_use]
    pub fn corrupt(&self, column: &str, problem: &'static str) -> DbError {
        DbError::Corrupt { statement: self.statement, column: column.to_owned(), problem }
    }

    fn null(&self, column: impl Place) -> DbError {
        self.corrupt(&column.shown(self), "is NULL")
    }

    fn wrong(&self, column: impl Place, error: &sqlx::Error) -> DbError {
        match error {
            sqlx::Error::ColumnNotFound(_) | sqlx::Error::ColumnIndexOutOfBounds { .. } => {
                self.corrupt(&column.shown(self), "is not part of the result")
            }
            _ => self.corrupt(&column.shown(self), "has another type than expected"),
        }
    }

    fn read_str(&self, column: impl Place) -> Result<Option<&str>, DbError> {
        match &self.inner {
            Inner::Sqlite(row) => row.try_get::<Option<&str>, _>(column),
            Inner::Postgres(row) => row.try_get::<Option<&str>, _>(column),
        }
        .map_err(|error| self.wrong(column, &error))
    }

    fn read_text(&self, column: impl Place) -> Result<Option<String>, DbError> {
        Ok(self.read_str(column)?.map(str::to_owned))
    }

    fn read_int(&self, column: impl Place) -> Result<Option<i64>, DbError> {
        match &self.inner {
            Inner::Sqlite(row) => row.try_get::<Option<i64>, _>(column),
            Inner::Postgres(row) => postgres_int(row, column),
        }
        .map_err(|error| self.wrong(column, &error))
    }

    fn read_flag(&self, column: impl Place) -> Result<Option<bool>, DbError> {
        match self.read_int(column)? {
            None => Ok(None),
            Some(0) => Ok(Some(false)),
            Some(1) => Ok(Some(true)),
            Some(_) => Err(self.corrupt(&column.shown(self), "is neither 0 nor 1")),
        }
    }

    fn read_date(&self, column: impl Place) -> Result<Option<NaiveDate>, DbError> {
        match &self.inner {
            Inner::Sqlite(_) => self
                .read_str(column)?
                .map(|text| parse_iso_date(text).ok_or_else(|| self.corrupt(&column.shown(self), "is not a day")))
                .transpose(),
            Inner::Postgres(row) => row.try_get::<Option<NaiveDate>, _>(column).map_err(|error| self.wrong(column, &error)),
        }
    }
}

/// PostgreSQL gives `bigint` for columns and counts, but `integer` for literals and `boolean` for comparisons, where SQLite has
/// one kind of integer; all of them read the same here. It must not hold for `numeric`, the type of a `sum` without a cast.
fn postgres_int(row: &PgRow, column: impl Place) -> Result<Option<i64>, sqlx::Error> {
    let value = row.try_get_raw(column)?;
    if value.is_null() {
        return Ok(None);
    }
    let type_info = value.type_info();
    match type_info.name() {
        "INT4" => row.try_get::<i32, _>(column).map(|int| Some(int.into())),
        "INT2" => row.try_get::<i16, _>(column).map(|int| Some(int.into())),
        "BOOL" => row.try_get::<bool, _>(column).map(|flag| Some(flag.into())),
        _ => row.try_get::<i64, _>(column).map(Some),
    }
}

/// A name or a position of a column, and how to show it in an error.
trait Place: Copy + ColumnIndex<SqliteRow> + ColumnIndex<PgRow> {
    fn shown(self, row: &Row) -> String;
}

impl Place for &str {
    fn shown(self, _: &Row) -> String {
        self.to_owned()
    }
}

impl Place for usize {
    fn shown(self, row: &Row) -> String {
        let name = match &row.inner {
            Inner::Sqlite(row) => row.columns().get(self).map(sqlx::Column::name),
            Inner::Postgres(row) => row.columns().get(self).map(sqlx::Column::name),
        };
        name.map_or_else(|| format!("{self}"), str::to_owned)
    }
}
