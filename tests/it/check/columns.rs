//! One cell of one row at a time: whatever is altered in a lived-through half year, `check` finds it and names its account, or the
//! database refuses it, or it is listed here why nobody can know. And one row at a time: taken away, or there twice.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use kasacare::demo::{DemoOptions, live};
use kasacare::provider::simulated;
use kasacare::reports::check::{self, CheckReport, Options};
use kasacare::store::db::{Column, Db, DbError, Kind, Sql, Table, Type};
use kasacare::store::{account, journal, reference};

use super::{checked, unguarded};
use crate::world::on_both;
use crate::world::town::Town;

/// Cells that are the only record of themselves: table, column or `*`, and why nobody can know. Where another row tells of some of them,
/// such as a price that was paid, `faults` plants those.
const UNPROVABLE: &[(&str, &str, &str)] = &[
    ("accounts", "caught_up_on", "says only whether another missed period may be billed today"),
    ("accounts", "jurisdiction", "comes with the account; each invoice has the one that it was taxed in"),
    ("accounts", "method_expires_on", "comes with the account"),
    ("accounts", "method_token", "personal, in no event"),
    ("accounts", "method_label", "personal, in no event"),
    ("accounts", "email", "personal, in no event"),
    ("accounts", "name", "personal, in no event"),
    ("notices", "queued_at", "of no consequence; when it is due and was sent is proven"),
    ("settings", "*", "its own only record; that there is none is noticed"),
    ("tiers", "*", "what is for sale is its own only record"),
    ("price_versions", "position", "the order in a list"),
    ("prices", "*", "a price that nobody has paid yet is its own only record"),
    ("promotions", "position", "the order in a list"),
    ("promotion_uses", "max_uses", "its own only record; fewer than are in use is noticed"),
    ("terms", "position", "the order in a list"),
    ("tax_rates", "*", "a rate by which nothing was taxed is its own only record"),
    ("sim_request", "*", "the provider's memory of keys, not money"),
    ("sim_charge", "story", "what the provider is going to do"),
    ("sim_charge", "code", "the provider's words"),
    ("sim_charge", "settled_at", "the provider's clock"),
    ("sim_refund", "settled_at", "the provider's clock"),
    ("sim_dispute", "opened_at", "the provider's clock"),
    ("sim_due", "*", "what the provider is going to do"),
    ("sim_event", "*", "news that was read; what it told is in the journal"),
];

/// Tables whose rows may be missing without anybody being able to know, as for their cells.
const MAY_BE_MISSING: &[&str] = &["prices", "tax_rates", "sim_request", "sim_due", "sim_event"];

/// Every table whose rows are facts.
fn tables() -> impl Iterator<Item = &'static Table> {
    let known = account::TABLES.iter().chain(reference::TABLES).chain(simulated::TABLES).copied();
    known.chain([&journal::JOURNAL, &journal::POSTINGS])
}

/// Another value than the one that is there, of the column's type.
fn other_value(column: &Column, kind: Kind) -> String {
    let name = column.name;
    match column.kind {
        Type::Int => format!("{name} + 1"),
        Type::Text => format!("{name} || 'x'"),
        Type::Date if kind == Kind::Sqlite => format!("date({name}, '+1 day')"),
        Type::Date => format!("{name} + 1"),
    }
}

fn sql(text: String) -> Sql {
    Sql::same(Box::leak(text.into_boxed_str()))
}

/// The row in the middle of those of which the column says something: its account where it has one, and how it is found.
async fn in_the_middle(db: &Db, table: &Table, column: &str) -> Option<(Option<String>, String)> {
    let (name, key) = (table.name, table.key);
    let owned = table.columns.iter().any(|column| column.name == "account_id");
    let whose = if owned { "account_id" } else { "null" };
    let keys: Vec<String> = key.iter().map(|part| format!("cast({part} as text)")).collect();
    let (there, order) = (format!("from {name} where {column} is not null"), key.join(", "));
    let text =
        format!("select cast({whose} as text), {} {there} order by {order} limit 1 offset (select count(*) / 2 {there})", keys.join(", "));
    let mut tx = db.begin_read().await.unwrap();
    let row = tx.fetch_optional(&sql(text), &[]).await.unwrap();
    tx.rollback().await.unwrap();
    let row = row?;
    let mut found = String::new();
    for (at, part) in key.iter().enumerate() {
        let value = row.text_at(at + 1).unwrap().replace('\'', "''");
        let and = if at == 0 { "" } else { " and " };
        write!(found, "{and}cast({part} as text) = '{value}'").unwrap();
    }
    Some((row.opt_text_at(0).unwrap(), found))
}

type Found = BTreeSet<(&'static str, Option<String>, String)>;

fn findings(report: &CheckReport) -> Found {
    let of = |outcome: &check::Outcome| {
        let name = outcome.name;
        outcome.examples.iter().map(move |finding| (name, finding.account.clone(), finding.subject.clone())).collect::<Vec<_>>()
    };
    report.broken().flat_map(of).collect()
}

/// Plants one alteration, looks, and takes it back: whether the alteration was refused, or found and its account named.
async fn is_caught(db: &Db, statement: &str, whose: Option<&str>, before: &Found) -> bool {
    let mut tx = unguarded(db).await;
    match tx.execute(&sql(statement.to_owned()), &[]).await {
        Ok(altered) => assert_eq!(altered, 1, "{statement}"),
        Err(DbError::UniqueViolation { .. } | DbError::ForeignKey { .. } | DbError::Check { .. } | DbError::AppendOnly { .. }) => {
            return true;
        }
        Err(error) => panic!("{statement}: {error}"),
    }
    let report = check::run_in(&mut tx, Options { examples: 1_000, ..Options::default() }, |_, _| {}).await;
    tx.rollback().await.unwrap();
    // A row that cannot be read at all ends the report with its name.
    let Ok(report) = report else { return true };
    let found = findings(&report);
    let mut new = found.difference(before).peekable();
    match whose {
        None => new.peek().is_some(),
        Some(account) => new.any(|(_, named, subject)| named.as_deref() == Some(account) || subject.contains(account)),
    }
}

#[tokio::test]
async fn every_cell_that_is_altered_and_every_row_that_is_missing_is_found() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        live(town.engine, town.runner, DemoOptions { accounts: 60, months: 6, seed: 5 }, |_| {}).await.unwrap();
        let before = findings(&checked(&db).await);
        let (mut missed, mut tried) = (Vec::new(), 0);
        for table in tables() {
            for column in table.columns {
                let Some((whose, row)) = in_the_middle(&db, table, column.name).await else { continue };
                if UNPROVABLE.iter().any(|(name, cell, _)| *name == table.name && ["*", column.name].contains(cell)) {
                    continue;
                }
                let value = other_value(column, db.kind());
                let statement = format!("update {} set {} = {value} where {row}", table.name, column.name);
                tried += 1;
                if !is_caught(&db, &statement, whose.as_deref(), &before).await {
                    missed.push(statement);
                }
            }
            let Some((whose, row)) = in_the_middle(&db, table, table.key[0]).await else { continue };
            let statement = format!("delete from {} where {row}", table.name);
            tried += 1;
            if !MAY_BE_MISSING.contains(&table.name) && !is_caught(&db, &statement, whose.as_deref(), &before).await {
                missed.push(statement);
            }
        }
        assert!(missed.is_empty(), "{} of {tried} alterations were not found:\n{}", missed.len(), missed.join("\n"));
        assert!(tried > 200, "{tried}");
    })
    .await;
}
