//! The schema is what the program thinks it is, and the same on both databases.

use std::collections::BTreeMap;
use std::sync::Mutex;

use kasacare::store::db::{Db, Kind, Sql, Table, Type};
use kasacare::store::{
    account, binding, claims, closings, deliveries, desk, inbox, instances, journal, kept_facts, lists, reconcile, reference, requests,
    settlement,
};

use crate::world::on_both;

fn tables() -> impl Iterator<Item = &'static Table> {
    let journal = [&journal::JOURNAL, &journal::POSTINGS, &closings::CLOSINGS];
    let others = settlement::TABLES.iter().chain(reconcile::TABLES).chain(inbox::TABLES);
    account::TABLES.iter().chain(reference::TABLES).chain(claims::TABLES).chain(others).copied().chain(journal)
}

fn statements() -> impl Iterator<Item = &'static (&'static str, Sql)> {
    let others = [
        binding::STATEMENTS,
        claims::STATEMENTS,
        closings::STATEMENTS,
        deliveries::STATEMENTS,
        desk::STATEMENTS,
        inbox::STATEMENTS,
        instances::STATEMENTS,
        kept_facts::STATEMENTS,
        lists::STATEMENTS,
        reconcile::STATEMENTS,
        requests::STATEMENTS,
    ];
    account::STATEMENTS.iter().chain(reference::ALL_STATEMENTS).chain(settlement::ALL_STATEMENTS).copied().chain(others).flatten()
}

#[tokio::test]
async fn every_statement_and_every_table_description_fits_the_schema() {
    on_both(async |db| {
        let mut tx = db.begin().await.unwrap();
        for (name, sql) in statements() {
            tx.prepare(sql).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        for table in tables() {
            tx.prepare_table(table).await.unwrap_or_else(|error| panic!("{}: {error}", table.name));
        }
    })
    .await;
}

/// A second text for the other database is a second thing to get wrong: row locks are left out of SQLite, lists and halves of sums are
/// written as each database has them, and that is all.
#[test]
fn few_statements_differ_between_the_databases() {
    let text = |sql: &Sql, kind| {
        let text = sql.text(kind).replace(" for share", " for update");
        let text = text.replace("div(sum(", "sum(").replace("), 4294967296)", " / 4294967296)");
        let text = text.replace(") % 4294967296 as", " % 4294967296) as");
        let text = text.split(" for update").next().unwrap_or_default().trim().to_owned();
        (1..9).fold(text, |text, list| text.replace(&format!("= any(${list})"), &format!("in (select value from json_each(${list}))")))
    };
    let forked: Vec<&str> =
        statements().filter(|(_, sql)| text(sql, Kind::Sqlite) != text(sql, Kind::Postgres)).map(|(name, _)| *name).collect();
    assert_eq!(forked, ["LOAD_INVOICES_NAMED", "LOAD_CHARGES_NAMED", "FREE_CHARGES", "FREE_REFUNDS", "FREE_NOTICES", "LOCK_BOOKS", "HOLD"]);
}

/// What there is to know of a schema, one line a fact, in words that fit both databases.
async fn facts(db: &Db) -> Vec<String> {
    let queries = match db.kind() {
        Kind::Sqlite => SQLITE,
        Kind::Postgres => POSTGRES,
    };
    let mut facts = Vec::new();
    for query in queries {
        let mut tx = db.begin_read().await.unwrap();
        let rows = tx.fetch_all(&Sql::same(query), &[]).await.unwrap();
        facts.extend(rows.iter().map(|row| row.text_at(0).unwrap()));
    }
    facts.sort();
    facts
}

/// Columns with what type of value they hold and whether they may be empty; keys, unique constraints, indexes, references.
const SQLITE: &[&str] = &[
    "select 'column ' || t.name || '.' || c.name || ' ' || lower(c.type) || case when c.\"notnull\" or c.pk then ' not null' else '' end \
     from pragma_table_list t join pragma_table_info(t.name) c where t.schema = 'main' and t.type = 'table' and t.name not like 'sqlite_%'",
    "select 'key ' || name || ' (' || group_concat(column_name, ', ') || ')' from (select t.name, c.name as column_name \
     from pragma_table_list t join pragma_table_info(t.name) c where t.schema = 'main' and t.name not like 'sqlite_%' and c.pk > 0 \
     order by t.name, c.pk) group by name",
    "select 'index ' || tbl || case when uniq then ' unique' else '' end || ' (' || group_concat(column_name, ', ') || ')' || filter from ( \
     select t.name as tbl, i.name as idx, i.\"unique\" as uniq, c.name as column_name, \
     case when i.partial then ' where ' || lower(substr(s.sql, instr(s.sql, ' where ') + 7)) else '' end as filter \
     from pragma_table_list t join pragma_index_list(t.name) i join pragma_index_info(i.name) c \
     left join sqlite_master s on s.name = i.name \
     where t.schema = 'main' and i.origin <> 'pk' order by t.name, i.name, c.seqno) group by tbl, idx",
    "select 'reference ' || t.name || '.' || f.\"from\" || ' to ' || f.\"table\" \
     from pragma_table_list t join pragma_foreign_key_list(t.name) f where t.schema = 'main'",
];

const POSTGRES: &[&str] = &[
    "select 'column ' || table_name || '.' || column_name || ' ' || data_type || case when is_nullable = 'NO' then ' not null' else '' end \
     from information_schema.columns where table_schema = 'public'",
    "select 'key ' || r.relname || ' (' || string_agg(a.attname, ', ' order by k.n) || ')' from pg_constraint c \
     join pg_class r on r.oid = c.conrelid cross join lateral unnest(c.conkey) with ordinality k(attnum, n) \
     join pg_attribute a on a.attrelid = r.oid and a.attnum = k.attnum \
     where c.contype = 'p' and r.relnamespace = 'public'::regnamespace group by r.relname",
    "select 'index ' || r.relname || case when i.indisunique then ' unique' else '' end || ' (' \
     || string_agg(a.attname, ', ' order by k.n) || ')' || coalesce(' where ' || lower(pg_get_expr(i.indpred, i.indrelid)), '') \
     from pg_index i join pg_class r on r.oid = i.indrelid cross join lateral unnest(i.indkey) with ordinality k(attnum, n) \
     join pg_attribute a on a.attrelid = r.oid and a.attnum = k.attnum \
     where not i.indisprimary and r.relnamespace = 'public'::regnamespace \
     group by r.relname, i.indexrelid, i.indisunique, i.indpred, i.indrelid",
    "select 'reference ' || r.relname || '.' || a.attname || ' to ' || f.relname from pg_constraint c \
     join pg_class r on r.oid = c.conrelid join pg_class f on f.oid = c.confrelid \
     join pg_attribute a on a.attrelid = r.oid and a.attnum = any(c.conkey) where c.contype = 'f'",
];

/// SQLite's words for a type, and the spelling of the conditions of partial indexes.
fn common(fact: &str) -> String {
    let fact = fact
        .replace(" bigint", " integer")
        .replace(" smallint", " integer")
        .replace(" date", " text")
        .replace("::text", "")
        .replace("array[", "(")
        .replace(']', ")")
        .replace("= any ", "in ");
    match fact.split_once(" where ") {
        Some((index, condition)) => format!("{index} where {}", condition.replace(['(', ')', '\n'], "")),
        None => fact,
    }
}

#[tokio::test]
async fn both_databases_have_the_same_schema() {
    let schemas = Mutex::new(Vec::new());
    on_both(async |db| {
        let facts = facts(&db).await;
        schemas.lock().unwrap().push(facts.iter().map(|fact| common(fact)).collect::<Vec<_>>());
    })
    .await;
    let schemas = schemas.into_inner().unwrap();
    let [sqlite, postgres] = schemas.as_slice() else { panic!("two databases") };
    assert!(sqlite.len() > 300, "only {} facts were found", sqlite.len());
    let only = |left: &[String], right: &[String]| left.iter().filter(|fact| !right.contains(fact)).cloned().collect::<Vec<_>>();
    assert_eq!((only(sqlite, postgres), only(postgres, sqlite)), (vec![], vec![]));
    assert_eq!(sqlite.len(), postgres.len());
}

/// Texts and days look alike in SQLite's schema, so the descriptions are held against PostgreSQL's; and every key of text is
/// compared byte by byte.
#[tokio::test]
async fn descriptions_have_the_types_of_the_schema() {
    const COLUMNS: &str = "select c.table_name || '.' || c.column_name, c.data_type, coalesce(c.collation_name, '') \
                           from information_schema.columns c where c.table_schema = 'public'";
    on_both(async |db| {
        if db.kind() == Kind::Sqlite {
            return;
        }
        let mut tx = db.begin_read().await.unwrap();
        let rows = tx.fetch_all(&Sql::same(COLUMNS), &[]).await.unwrap();
        let columns: BTreeMap<String, (String, String)> =
            rows.iter().map(|row| (row.text_at(0).unwrap(), (row.text_at(1).unwrap(), row.text_at(2).unwrap()))).collect();
        for table in tables() {
            for column in table.columns {
                let name = format!("{}.{}", table.name, column.name);
                let (kind, collation) = &columns[&name];
                let expected: &[&str] = match column.kind {
                    Type::Text => &["text"],
                    Type::Int => &["bigint", "integer", "smallint"],
                    Type::Date => &["date"],
                };
                assert!(expected.contains(&kind.as_str()), "{name} is {kind}");
                let is_key = column.kind == Type::Text && table.key.contains(&column.name);
                assert!(!is_key || collation == "C", "{name} is a key with collation {collation:?}");
            }
        }
    })
    .await;
}
