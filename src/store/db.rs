//! The seam to the databases: SQLite and PostgreSQL behind one set of plain types.
//!
//! Nothing outside this module names a database driver. The rest of the crate opens transactions ([`Db::begin`],
//! [`Db::begin_read`]), sends statements ([`Sql`]) with [`Value`]s, reads [`Row`]s, and writes many rows at once ([`Columns`]).
//!
//! ```no_run
//! # use kasacare::{statements, values, store::db::{ConnectOptions, Db, DbError}};
//! statements! {
//!     /// The names of the accounts that were closed before an instant, in microseconds.
//!     pub CLOSED_BEFORE = same("select name from account where closed_at < $1 order by name");
//! }
//!
//! # async fn example() -> Result<(), DbError> {
//! let db = Db::connect("sqlite://kasacare.db", ConnectOptions::default()).await?;
//! let mut tx = db.begin_read().await?;
//! for row in tx.fetch_all(&CLOSED_BEFORE, &values![1_769_850_000_000_000_i64]).await? {
//!     println!("{}", row.text("name")?);
//! }
//! # Ok(()) }
//! ```
//!
//! What this module guarantees:
//! - **A write transaction is a write transaction from its first statement** (`begin immediate` on SQLite), so that it never
//!   fails half way for having read first (F24); a read transaction sees one snapshot for as long as it lasts.
//! - **A transaction that is not committed leaves nothing behind**, and its connection goes back to the pool clean, or not at all
//!   (F19, F22). A transaction in which a statement failed cannot be committed by mistake, on either database.
//! - **Committed is durable** (F20): [`Db::connect`] refuses a database whose settings would say otherwise.
//! - **NULL is never read as zero or as an empty text**: the getters of [`Row`] fail and name the column.
//! - **Errors carry no data of customers**: the texts in which a database quotes values never get into a [`DbError`].
//!
//! Work that may be cancelled from outside (request handlers, anything under a timeout or in a `select!`) must go through
//! [`Db::spawned`]: a database future that is dropped half way has been seen to leave a transaction open (F22).

#![expect(clippy::disallowed_types, reason = "this is the seam: the driver's types end here")]

mod autocommit;
mod bulk;
mod bursts;
mod connect;
mod error;
mod migrate;
mod reading;
mod retry;
mod row;
mod snapshot;
mod sql;
mod stream;
mod table;
mod tx;
mod value;
mod writing;

pub use autocommit::Autocommit;
pub use connect::{ConnectOptions, Db, Kind};
pub use error::DbError;
pub use migrate::{MIGRATIONS, Migration};
pub use retry::{RETRIES_MAX, Retryable};
pub use row::Row;
pub use sql::Sql;
pub use stream::{RowStream, STREAM_BATCH_ROWS};
pub use table::{Cells, Column, Columns, Table};
pub use tx::Tx;
pub(in crate::store) use value::parse_iso_date;
pub use value::{Type, Value};
