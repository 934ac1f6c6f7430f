//! The schema: brought up to date by numbered scripts, and checked before anything else is done with a database.

use sha2::{Digest, Sha256};

use super::connect::{Db, Kind};
use super::error::DbError;
use super::sql::Sql;
use super::tx::Tx;

/// One step of the schema, written for both databases.
#[derive(Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its number; they count up from 1 without gaps.
    pub version: i64,
    /// What it is about: the rest of the name of its files.
    pub name: &'static str,
    /// The script for SQLite.
    pub sqlite: &'static str,
    /// The script for PostgreSQL.
    pub postgres: &'static str,
}

/// Names a migration once, and takes both of its files by that name.
macro_rules! migration {
    ($version:literal, $name:literal, $file:literal) => {
        Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../../../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../../../migrations/postgres/", $file)),
        }
    };
}

/// All steps in order. A step that was ever released is never changed: what it got wrong, a later one puts right.
pub const MIGRATIONS: &[Migration] = &[
    migration!(1, "meta", "0001_meta.sql"),
    migration!(2, "billing", "0002_billing.sql"),
    migration!(3, "reference", "0003_reference.sql"),
    migration!(4, "simulated_provider", "0004_simulated_provider.sql"),
    migration!(5, "late_answers", "0005_late_answers.sql"),
    migration!(6, "requests", "0006_requests.sql"),
    migration!(7, "inbox", "0007_inbox.sql"),
    migration!(8, "settlement", "0008_settlement.sql"),
    migration!(9, "closings", "0009_closings.sql"),
    migration!(10, "failed_calls", "0010_failed_calls.sql"),
    migration!(11, "excess_refunds", "0011_excess_refunds.sql"),
    migration!(12, "nothing_replaced", "0012_nothing_replaced.sql"),
];

const TABLE: &str = "create table if not exists schema_migration (version bigint primary key, name text not null, checksum text not null)";
const TABLE_STRICT: &str =
    "create table if not exists schema_migration (version integer primary key, name text not null, checksum text not null) strict";

/// Lets one process migrate at a time; SQLite's one writer needs no such lock. The number is arbitrary and must never change.
const LOCK: Sql = Sql::fork("select 1", "select 1 from (select pg_advisory_xact_lock(7526094815033)) as locked").named("migration lock");
const HAS_TABLE: Sql = Sql::fork(
    "select coalesce(sum(name = 'schema_migration'), 0) as ours, count(*) as tables from sqlite_master \
     where type = 'table' and name not like 'sqlite_%'",
    "select count(*) filter (where oid = to_regclass('schema_migration')) as ours, count(*) as tables from pg_catalog.pg_class \
     where relkind in ('r', 'p') and relnamespace = current_schema()::regnamespace",
)
.named("schema check");
const APPLIED: Sql = Sql::same("select version, checksum from schema_migration order by version").named("schema check");
const RECORD: Sql = Sql::same("insert into schema_migration (version, name, checksum) values ($1, $2, $3)").named("migration record");

impl Migration {
    /// The script for a database of this kind.
    #[must_use]
    pub fn script(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Sqlite => self.sqlite,
            Kind::Postgres => self.postgres,
        }
    }

    fn checksum(&self, kind: Kind) -> String {
        format!("{:x}", Sha256::digest(self.script(kind)))
    }
}

impl Db {
    /// Brings the schema up to date and gives the versions that were missing. All of them take effect, or none does (F71).
    ///
    /// # Errors
    /// [`DbError::NewerSchema`], [`DbError::ChangedMigration`], [`DbError::Foreign`], [`DbError::NoHistory`], or what a script fails
    /// with.
    pub async fn migrate(&self) -> Result<Vec<i64>, DbError> {
        self.migrate_with(MIGRATIONS).await
    }

    pub(super) async fn migrate_with(&self, migrations: &'static [Migration]) -> Result<Vec<i64>, DbError> {
        let kind = self.kind();
        let mut tx = self.begin().await?;
        tx.fetch_all(&LOCK, &[]).await?;
        let found = found(&mut tx).await?;
        found.check()?;
        tx.script("migration table", if kind == Kind::Sqlite { TABLE_STRICT } else { TABLE }).await?;
        let applied = applied(&mut tx, migrations).await?;
        found.check_applied(applied)?;
        let missing: Vec<_> = migrations.iter().filter(|migration| migration.version > applied).collect();
        for migration in &missing {
            tx.script(migration.name, migration.script(kind)).await?;
            tx.execute(&RECORD, &crate::values![migration.version, migration.name, migration.checksum(kind)]).await?;
        }
        tx.commit().await?;
        Ok(missing.iter().map(|migration| migration.version).collect())
    }

    /// Whether the schema is the one that this program was written for.
    ///
    /// # Errors
    /// [`DbError::NotInitialised`], [`DbError::OlderSchema`], [`DbError::NewerSchema`], [`DbError::ChangedMigration`].
    pub async fn check_schema(&self) -> Result<(), DbError> {
        let mut tx = self.begin_read().await?;
        let found = found(&mut tx).await?;
        found.check()?;
        if found.tables == 0 {
            return Err(DbError::NotInitialised);
        }
        let known = last(MIGRATIONS);
        let applied = applied(&mut tx, MIGRATIONS).await?;
        found.check_applied(applied)?;
        match applied {
            0 => Err(DbError::NotInitialised),
            found if found < known => Err(DbError::OlderSchema { found, known }),
            _ => Ok(()),
        }
    }
}

/// The tables that are there, before anything is done with them.
#[derive(Clone, Copy)]
struct Found {
    /// Whether the record of migrations is one of them.
    ours: bool,
    tables: i64,
}

impl Found {
    /// Refuses the database of another program.
    fn check(self) -> Result<(), DbError> {
        if self.tables > 0 && !self.ours { Err(DbError::Foreign) } else { Ok(()) }
    }

    /// Refuses tables of which nobody knows which steps made them.
    fn check_applied(self, applied: i64) -> Result<(), DbError> {
        if applied == 0 && self.tables > 1 { Err(DbError::NoHistory) } else { Ok(()) }
    }
}

async fn found(tx: &mut Tx) -> Result<Found, DbError> {
    let row = tx.fetch_one(&HAS_TABLE, &[]).await?;
    Ok(Found { ours: row.int("ours")? > 0, tables: row.int("tables")? })
}

/// The last version that the database has, after a check that it has got there by these migrations.
async fn applied(tx: &mut Tx, migrations: &'static [Migration]) -> Result<i64, DbError> {
    let kind = tx.kind();
    let mut reached = 0;
    let rows = tx.fetch_all(&APPLIED, &[]).await?;
    // First the highest, so that a newer schema is reported as such.
    if let Some(found) = rows.last().map(|row| row.int("version")).transpose()?
        && found > last(migrations)
    {
        return Err(DbError::NewerSchema { found, known: last(migrations) });
    }
    for row in rows {
        let (version, checksum) = (row.int("version")?, row.text("checksum")?);
        let same = |migration: &Migration| migration.version == version && migration.checksum(kind) == checksum;
        if version != reached + 1 || !migrations.iter().any(same) {
            return Err(DbError::ChangedMigration { version });
        }
        reached = version;
    }
    Ok(reached)
}

fn last(migrations: &[Migration]) -> i64 {
    migrations.last().map_or(0, |migration| migration.version)
}
