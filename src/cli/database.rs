//! Opening the database that `--db` names.

use super::{CliError, Context};
use crate::store::db::{ConnectOptions, Db};

/// Connections of a command that does one thing.
const CONNECTIONS: u32 = 4;
/// Connections of each worker of a runner.
const CONNECTIONS_A_WORKER: u32 = 4;

/// Opens a database that is there. `workers` is how many work at once; a command is one.
///
/// # Errors
/// What the database says, with the way out of it.
pub async fn open(context: &Context, workers: usize) -> Result<Db, CliError> {
    let workers = u32::try_from(workers).unwrap_or(u32::MAX);
    let max_connections = CONNECTIONS_A_WORKER.saturating_mul(workers).saturating_add(CONNECTIONS);
    connect(context, ConnectOptions { max_connections, ..ConnectOptions::default() }).await
}

/// Opens the database, and makes the SQLite file where there is none.
///
/// # Errors
/// As [`open`].
pub async fn create(context: &Context) -> Result<Db, CliError> {
    connect(context, ConnectOptions { create: true, max_connections: CONNECTIONS, ..ConnectOptions::default() }).await
}

/// Opens a database that is there, to look at it and nothing else, and makes a report of it. This works also on a medium that
/// cannot be written, and on a standby server.
///
/// # Errors
/// What the database says, with the way out of it; what the report says.
pub async fn read<T, E: Into<CliError>>(context: &Context, report: impl AsyncFnOnce(&Db) -> Result<T, E>) -> Result<T, CliError> {
    let options = ConnectOptions { read_only: true, max_connections: CONNECTIONS, ..ConnectOptions::default() };
    let db = connect(context, options).await?;
    let reported = match db.check_schema().await {
        Ok(()) => report(&db).await.map_err(Into::into),
        Err(error) => Err(error.into()),
    };
    let unchanged = db.check_unchanged();
    db.close().await;
    // First this: it may be why the report failed.
    unchanged?;
    reported
}

async fn connect(context: &Context, options: ConnectOptions) -> Result<Db, CliError> {
    Ok(Db::connect(&context.db, ConnectOptions { unsafe_fast: context.unsafe_fast, ..options }).await?)
}
