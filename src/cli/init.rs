//! `kasacare init`: the database and its schema.

use serde_json::json;

use super::change::{pretty, write};
use super::{CliError, Context, Exit, Format, database};
use crate::store::db::MIGRATIONS;

const EXAMPLES: &str = "\
Examples:
  kasacare init
  kasacare --db postgres://billing@localhost/kasacare init

A second time it finds nothing to do. It also brings a database of an earlier kasacare up to date: all steps or none.";

/// Make the database and bring its schema up to date
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

/// Creates and migrates.
pub async fn run(_args: &Args, context: &Context) -> Result<Exit, CliError> {
    let db = database::create(context).await?;
    let applied = db.migrate().await?;
    let version = MIGRATIONS.last().map_or(0, |migration| migration.version);
    let kind = db.kind();
    db.close().await;
    let text = match context.format {
        Format::Table if applied.is_empty() => format!("The {kind} database is up to date (schema {version}). Nothing was done.\n"),
        Format::Table if applied.first() == Some(&1) => format!("The {kind} database was made (schema {version}).\n"),
        Format::Table => format!("The {kind} database was brought up to date: {} steps, schema {version} now.\n", applied.len()),
        Format::Json => pretty(&json!({ "database": kind.to_string(), "schema": version, "applied": applied })),
    };
    write(&text).map(|()| Exit::Done)
}
