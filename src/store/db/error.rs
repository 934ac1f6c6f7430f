//! What can go wrong with a database, sorted by what a caller can do about it.

use std::path::PathBuf;

use sqlx::error::ErrorKind;

/// What triggers that protect the ledger and the audit log put into their message (I12).
const APPEND_ONLY_MARK: &str = "append-only";
/// How SQLite begins to say that a key is there already.
const UNIQUE_FAILED: &str = "UNIQUE constraint failed: ";
/// What messages of the triggers begin with that protect closed months.
const CLOSED_MONTH_MARK: &str = "closed month: ";

/// What a trigger says of a month that is closed.
fn closed_month(message: &str) -> Option<DbError> {
    let (_, said) = message.split_once(CLOSED_MONTH_MARK)?;
    Some(DbError::ClosedMonth { message: said.to_owned() })
}

/// An error of the database or of what is stored in it.
///
/// Carries names of tables, columns, constraints and settings, never values: it may be logged and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// The address of the database cannot be understood. The address itself is not repeated: it may hold a password.
    #[error("this is not an address of a database: {problem} (expected sqlite://FILE or postgres://USER@HOST/DATABASE)")]
    Address {
        /// What is wrong with it.
        problem: String,
    },
    /// There is no such file.
    #[error("there is no database at {}: run `kasacare init` to make one", path.display())]
    MissingFile {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// The file cannot be opened, or is something else than a database.
    #[error("{} cannot be opened as a database: {problem}", path.display())]
    BadFile {
        /// The file that was asked for.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The database can be read but not written.
    #[error("the database cannot be written: {problem}")]
    ReadOnly {
        /// Why not.
        problem: String,
    },
    /// The file was written by somebody while it was read without locks, which are impossible where nothing can be written.
    #[error("{} was changed while it was read: what was shown may be wrong; do it again", path.display())]
    ChangedWhileRead {
        /// The file.
        path: PathBuf,
    },
    /// No server answers at this address.
    #[error("no database server can be reached at {server}: {problem}")]
    Unreachable {
        /// User, host, port and database; never the password.
        server: String,
        /// What happened instead.
        problem: String,
    },
    /// The server does not let us in: wrong user or password, or no such database.
    #[error("the database server at {server} refuses: {problem}")]
    AccessDenied {
        /// User, host, port and database; never the password.
        server: String,
        /// The reason the server gives.
        problem: String,
    },
    /// A setting of the database would lose acknowledged commits (F20).
    #[error("the database would lose commits: {setting} is {found:?} and must be {required} (--unsafe-fast accepts this, for tests)")]
    UnsafeSetting {
        /// The name of the setting.
        setting: &'static str,
        /// Its value now.
        found: String,
        /// What it must be.
        required: &'static str,
    },
    /// The database is there, but none of our tables is.
    #[error("the database is empty: run `kasacare init`")]
    NotInitialised,
    /// The database has tables, and they are another program's.
    #[error("the database has tables that are not ours: give kasacare a database of its own")]
    Foreign,
    /// The record of what made the tables is lost, so that they can be neither trusted nor brought up to date.
    #[error("the database has tables, but schema_migration, which tells how they were made, is empty: restore it from a backup")]
    NoHistory,
    /// The database was last used by a later version of this program.
    #[error("the database has schema {found}, this program knows {known}: use a newer kasacare")]
    NewerSchema {
        /// The schema version of the database.
        found: i64,
        /// The last one that this program knows.
        known: i64,
    },
    /// The database was made by an earlier version of this program.
    #[error("the database has schema {found}, this program needs {known}: run `kasacare init` to bring it up to date")]
    OlderSchema {
        /// The schema version of the database.
        found: i64,
        /// The one that this program needs.
        known: i64,
    },
    /// A migration was changed after the database had applied it.
    #[error("migration {version} is not the one that this database has applied")]
    ChangedMigration {
        /// The version of the migration.
        version: i64,
    },
    /// The row is there already.
    #[error("a row with this key exists already in {table} ({constraint})")]
    UniqueViolation {
        /// The table, empty if the database does not say.
        table: String,
        /// The constraint (PostgreSQL) or the columns (SQLite).
        constraint: String,
    },
    /// A row refers to one that is not there, or is referred to.
    #[error("a foreign key is violated ({table} {constraint})")]
    ForeignKey {
        /// The table, empty if the database does not say.
        table: String,
        /// The constraint, empty if the database does not say.
        constraint: String,
    },
    /// A check of the schema refuses the row, or a mandatory column is missing.
    #[error("a check of the schema refuses the row ({table} {constraint})")]
    Check {
        /// The table, empty if the database does not say.
        table: String,
        /// The constraint or the column.
        constraint: String,
    },
    /// A trigger protects rows that may never change (I12).
    #[error("this row may not be changed: {message}")]
    AppendOnly {
        /// The message of the trigger.
        message: String,
    },
    /// A trigger protects months that are closed (RC-3).
    #[error("{message}; post it into the open month, or open that month again: kasacare close --reopen")]
    ClosedMonth {
        /// That a month is closed; which one, where that is known.
        message: String,
    },
    /// Somebody else holds the lock. Nothing has happened.
    #[error("the database is busy")]
    Busy,
    /// No connection was free for as long as one waits, or the server was away all that time. Nothing has happened.
    #[error("no connection to the database was to be had")]
    NoConnection,
    /// The transaction clashed with another one and was undone. Nothing has happened.
    #[error("the transaction clashed with another one")]
    Serialization,
    /// The transaction was part of a deadlock and was undone. Nothing has happened.
    #[error("the transaction was part of a deadlock")]
    Deadlock,
    /// No space left. The transaction is undone (F19).
    #[error("the disk of the database is full")]
    DiskFull,
    /// The disk, the memory or another resource of the database fails: no row is at fault, and the transaction is undone.
    #[error("the database is failing: {message} ({code})")]
    Failing {
        /// The code of the database.
        code: String,
        /// Its message.
        message: String,
    },
    /// The connection broke. The transaction is undone, unless it was being committed: see [`DbError::CommitUnknown`].
    #[error("the connection to the database was lost")]
    ConnectionLost,
    /// The connection broke during the commit: it may have happened or not. Read again before doing anything (F21).
    #[error("the connection to the database was lost during a commit: the outcome is unknown")]
    CommitUnknown,
    /// A statement of this transaction had failed, so it cannot be committed. Nothing has happened.
    #[error("the transaction cannot be committed: one of its statements had failed")]
    TransactionFailed,
    /// What is stored is not what the program expects.
    #[error("column {column} of {statement} {problem}")]
    Corrupt {
        /// The statement that read it.
        statement: &'static str,
        /// The name of the column.
        column: String,
        /// What is wrong with it, without the value.
        problem: &'static str,
    },
    /// A statement that must give exactly one row gave none.
    #[error("{statement} found no row")]
    NoRow {
        /// The statement.
        statement: &'static str,
    },
    /// A statement that must give at most one row gave more.
    #[error("{statement} found more than one row")]
    ManyRows {
        /// The statement.
        statement: &'static str,
    },
    /// A row that was handed over for writing does not fit the table: a mistake of the program.
    #[error("a row for {table} does not fit: {problem}")]
    RowShape {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The program is shutting down.
    #[error("the database work was given up because the program is stopping")]
    Stopped,
    /// Anything else: a mistake in a statement, or a fault of the database.
    #[error("{statement} failed: {message} ({code})")]
    Other {
        /// The statement or the step that failed.
        statement: &'static str,
        /// The code of the database.
        code: String,
        /// Its message, unless that may quote values.
        message: String,
    },
}

impl DbError {
    /// Whether nothing has happened and the same transaction, run again from its beginning, may well succeed (F23).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy | Self::Serialization | Self::Deadlock)
    }

    /// Whether the fault lies with the database or the program as a whole, and not with the rows that were sent: then the same
    /// work on fewer rows fails as well.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        match self {
            Self::UniqueViolation { .. }
            | Self::ForeignKey { .. }
            | Self::Check { .. }
            | Self::AppendOnly { .. }
            | Self::Corrupt { .. }
            | Self::NoRow { .. }
            | Self::ManyRows { .. }
            | Self::RowShape { .. }
            | Self::Other { .. }
            | Self::Busy
            | Self::Serialization
            | Self::Deadlock => false,
            Self::Address { .. }
            | Self::MissingFile { .. }
            | Self::BadFile { .. }
            | Self::ReadOnly { .. }
            | Self::ChangedWhileRead { .. }
            | Self::Unreachable { .. }
            | Self::AccessDenied { .. }
            | Self::UnsafeSetting { .. }
            | Self::NotInitialised
            | Self::Foreign
            | Self::NoHistory
            | Self::NewerSchema { .. }
            | Self::OlderSchema { .. }
            | Self::ChangedMigration { .. }
            // Of an account nothing is wrong: it is the day of the whole run that lies in the month.
            | Self::ClosedMonth { .. }
            | Self::NoConnection
            | Self::DiskFull
            | Self::Failing { .. }
            | Self::ConnectionLost
            | Self::CommitUnknown
            | Self::TransactionFailed
            | Self::Stopped => true,
        }
    }

    /// Sorts an error of the driver. `statement` names what was being done.
    pub(super) fn from_driver(statement: &'static str, error: &sqlx::Error) -> Self {
        let other = |code: &str, message: String| Self::Other { statement, code: code.to_owned(), message };
        match error {
            sqlx::Error::Database(fault) => {
                if let Some(fault) = fault.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
                    from_postgres(statement, fault)
                } else {
                    from_sqlite(statement, fault.as_ref())
                }
            }
            sqlx::Error::Io(fault) if fault.kind() == std::io::ErrorKind::StorageFull => Self::DiskFull,
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed | sqlx::Error::BeginFailed => Self::ConnectionLost,
            sqlx::Error::PoolTimedOut => Self::NoConnection,
            sqlx::Error::PoolClosed => Self::Stopped,
            sqlx::Error::RowNotFound => Self::NoRow { statement },
            sqlx::Error::ColumnNotFound(column) => {
                Self::Corrupt { statement, column: column.clone(), problem: "is not part of the result" }
            }
            sqlx::Error::ColumnDecode { index, .. } => {
                Self::Corrupt { statement, column: index.clone(), problem: "has another type than expected" }
            }
            sqlx::Error::Encode(fault) => other("encode", fault.to_string()),
            fault => other("driver", fault.to_string()),
        }
    }

    /// The same error when it happened while committing: a lost connection leaves the outcome open (F21).
    pub(super) fn while_committing(self) -> Self {
        if self == Self::ConnectionLost { Self::CommitUnknown } else { self }
    }
}

fn from_postgres(statement: &'static str, fault: &sqlx::postgres::PgDatabaseError) -> DbError {
    let table = || fault.table().unwrap_or_default().to_owned();
    let constraint = || fault.constraint().or(fault.column()).unwrap_or_default().to_owned();
    if let Some(closed) = closed_month(fault.message()) {
        return closed;
    }
    if fault.message().contains(APPEND_ONLY_MARK) {
        return DbError::AppendOnly { message: fault.message().to_owned() };
    }
    match fault.code() {
        "23505" => DbError::UniqueViolation { table: table(), constraint: constraint() },
        "23503" => DbError::ForeignKey { table: table(), constraint: constraint() },
        "23514" | "23502" => DbError::Check { table: table(), constraint: constraint() },
        "40001" => DbError::Serialization,
        "40P01" => DbError::Deadlock,
        "55P03" => DbError::Busy,
        "53100" => DbError::DiskFull,
        "25006" => DbError::ReadOnly { problem: fault.message().to_owned() },
        "57P01" | "57P02" | "57P03" | "25P03" => DbError::ConnectionLost,
        code if code.starts_with("08") => DbError::ConnectionLost,
        // Resources that ran out, and errors of the system below.
        code if code.starts_with("53") || code.starts_with("58") => failing(code, fault.message()),
        // Data exceptions quote the value they complain about.
        code if code.starts_with("22") => {
            DbError::Other { statement, code: code.to_owned(), message: "the database refuses a value".to_owned() }
        }
        code => DbError::Other { statement, code: code.to_owned(), message: fault.message().to_owned() },
    }
}

fn from_sqlite(statement: &'static str, fault: &dyn sqlx::error::DatabaseError) -> DbError {
    let message = fault.message();
    if let Some(closed) = closed_month(message) {
        return closed;
    }
    if message.contains(APPEND_ONLY_MARK) {
        return DbError::AppendOnly { message: message.to_owned() };
    }
    // "UNIQUE constraint failed: invoice.account_id, invoice.id": the table is named only as part of the columns.
    let detail = message.split_once(": ").map_or("", |(_, detail)| detail).to_owned();
    let table = || detail.split_once('.').map_or("", |(table, _)| table).to_owned();
    match fault.kind() {
        // Also the triggers that keep rows from being replaced, which say the same in the same words.
        _ if message.starts_with(UNIQUE_FAILED) => return DbError::UniqueViolation { table: table(), constraint: detail },
        ErrorKind::UniqueViolation => return DbError::UniqueViolation { table: table(), constraint: detail },
        ErrorKind::ForeignKeyViolation => return DbError::ForeignKey { table: String::new(), constraint: detail },
        ErrorKind::CheckViolation | ErrorKind::NotNullViolation => {
            return DbError::Check { table: table(), constraint: detail };
        }
        _ => {}
    }
    let code = fault.code().unwrap_or_default().into_owned();
    // The low byte is the kind of error, the rest its circumstances: 517 is 5 (busy) and 2 (snapshot).
    match code.parse::<i32>().map(|code| (code, code & 0xff)) {
        Ok((2579, _)) => DbError::UniqueViolation { table: table(), constraint: detail },
        Ok((_, 5 | 6)) => DbError::Busy,
        Ok((_, 8)) => DbError::ReadOnly { problem: message.to_owned() },
        Ok((_, 13)) => DbError::DiskFull,
        // Memory, input and output, a damaged file, a file that cannot be opened, one that is no database.
        Ok((_, 7 | 10 | 11 | 14 | 26)) => failing(&code, message),
        _ => DbError::Other { statement, code, message: message.to_owned() },
    }
}

fn failing(code: &str, message: &str) -> DbError {
    DbError::Failing { code: code.to_owned(), message: message.to_owned() }
}
