//! The yardstick on SQLite: prepared statements in chunks, in one thread, with no driver between (rusqlite shares the SQLite
//! that is built into the program). Rows are copied from the engine's, as on PostgreSQL.

use std::path::Path;
use std::time::Instant;

use rusqlite::types::Value;
use rusqlite::{Connection, params};

/// As many as the engine has in one transaction.
const CHUNK: i64 = 2_000;

/// The digits in the ids of the account whose rows are copied.
const SAMPLED: &str = "0000001";

/// Rows of one table as the engine left them.
#[derive(Debug, Clone)]
struct Rows {
    insert: String,
    /// Which cells hold ids.
    named: Vec<bool>,
    number: Option<usize>,
    rows: Vec<Vec<Value>>,
}

/// Rows of one account as the engine left them.
#[derive(Debug, Clone)]
pub struct Sample {
    tables: Vec<Rows>,
    due_at: i64,
    period: (i64, String, String),
    head: (i64, String),
}

impl Sample {
    /// Reads the rows of the one account of a file.
    pub fn read(path: &Path) -> Self {
        let connection = Connection::open(path).expect("the sample");
        let tables = ["journal", "postings", "charges", "invoices"].map(|table| rows(&connection, table)).into();
        let (due_at, period) = connection
            .query_row("select due_at, period_no, period_start, period_end from subscriptions", [], |row| {
                Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?)))
            })
            .expect("the subscription");
        let head = connection.query_row("select journal_seq, journal_hash from accounts", [], |row| Ok((row.get(0)?, row.get(1)?)));
        Self { tables, due_at, period, head: head.expect("the account") }
    }
}

fn rows(connection: &Connection, table: &str) -> Rows {
    let mut statement = connection.prepare(&format!("select * from {table}")).expect("a table");
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let named = |name: &String| matches!(name.as_str(), "account_id" | "subscription_id" | "invoice_id" | "charge_id" | "cause" | "body");
    let cells = |row: &rusqlite::Row<'_>| (0..names.len()).map(|at| row.get(at)).collect::<Result<Vec<Value>, _>>();
    let rows = statement.query_map([], cells).expect("rows").collect::<Result<_, _>>().expect("rows");
    let marks = vec!["?"; names.len()].join(", ");
    Rows {
        insert: format!("insert into {table} ({}) values ({marks})", names.join(", ")),
        named: names.iter().map(named).collect(),
        number: names.iter().position(|name| name == "number"),
        rows,
    }
}

/// Renews everything that is due at `now`, in microseconds; gives how many and the seconds that it took.
pub fn run(path: &Path, sample: &Sample, now: i64) -> (u64, f64) {
    let mut connection = Connection::open(path).expect("the file");
    connection
        .execute_batch(
            "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; pragma cache_size = -8192; \
             pragma wal_autocheckpoint = 8000",
        )
        .expect("settings");
    let (mut done, mut after, began) = (0, String::new(), Instant::now());
    loop {
        let chunk = chunk(&mut connection, sample, now, &after);
        let Some(last) = chunk.last() else { break };
        done += chunk.len() as u64;
        after.clone_from(last);
    }
    (done, began.elapsed().as_secs_f64())
}

fn chunk(connection: &mut Connection, sample: &Sample, now: i64, after: &str) -> Vec<String> {
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).expect("a transaction");
    let due: Vec<String> = {
        let mut statement = tx
            .prepare_cached(
                "select s.account_id from subscriptions s join accounts a on a.account_id = s.account_id \
                 where s.due_at is not null and s.due_at <= ?1 and s.account_id > ?2 and a.parked_at is null \
                 order by s.due_at, s.account_id limit ?3",
            )
            .expect("a statement");
        let found = statement.query_map(params![now, after, CHUNK], |row| row.get(0)).expect("what is due");
        found.collect::<Result<_, _>>().expect("what is due")
    };
    if !due.is_empty() {
        let first: i64 = tx
            .query_row(
                "insert into number_series (series, next) values ('KASA-2026', ?1 + 1) \
                 on conflict (series) do update set next = next + ?1 returning next - ?1",
                params![i64::try_from(due.len()).expect("a count")],
                |row| row.get(0),
            )
            .expect("numbers");
        for table in &sample.tables {
            insert(&tx, table, &due, first);
        }
        update(&tx, sample, &due);
    }
    tx.commit().expect("a commit");
    due
}

fn insert(tx: &rusqlite::Transaction<'_>, table: &Rows, due: &[String], first: i64) {
    let mut statement = tx.prepare_cached(&table.insert).expect("a statement");
    for (number, account) in (first..).zip(due) {
        let digits = &account[4..];
        for row in &table.rows {
            for (at, cell) in row.iter().enumerate() {
                let bound = match cell {
                    _ if table.number == Some(at) => statement.raw_bind_parameter(at + 1, format!("KASA-2026-{number:06}")),
                    Value::Text(text) if table.named[at] => statement.raw_bind_parameter(at + 1, text.replace(SAMPLED, digits)),
                    cell => statement.raw_bind_parameter(at + 1, cell),
                };
                bound.expect("a cell");
            }
            statement.raw_execute().expect("a row");
        }
    }
}

fn update(tx: &rusqlite::Transaction<'_>, sample: &Sample, due: &[String]) {
    let mut subscription = tx
        .prepare_cached(
            "update subscriptions set due_at = ?2, period_no = ?3, period_start = ?4, period_end = ?5 \
             where account_id = ?1 and subscription_id = ?6",
        )
        .expect("a statement");
    let mut head = tx.prepare_cached("update accounts set journal_seq = ?2, journal_hash = ?3 where account_id = ?1").expect("a statement");
    let (number, start, end) = &sample.period;
    for account in due {
        let id = format!("sub-{}", &account[4..]);
        subscription.execute(params![account, sample.due_at, number, start, end, id]).expect("a subscription");
        head.execute(params![account, sample.head.0, sample.head.1]).expect("an account");
    }
}

/// Rows and sums by table: what both sides must have left the same.
pub fn sums(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).expect("the file");
    let questions = [
        "select json_array(count(*), sum(journal_seq), sum(length(journal_hash))) from accounts",
        "select json_array(count(*), sum(due_at / 1000000), sum(period_no), min(period_end), max(period_end)) from subscriptions",
        "select json_array(count(*), sum(seq), sum(length(body)), sum(length(cause)), sum(posted_at / 1000000)) from journal",
        "select json_array(count(*), sum(leg_no), sum(abs(amount_minor)), sum(amount_minor), sum(ledger_account)) from postings",
        "select json_array(count(*), count(distinct number), max(number), sum(net_minor), sum(tax_minor), sum(open_minor), \
         sum(recognise_at / 1000000), sum(length(invoice_id))) from invoices",
        "select json_array(count(*), sum(amount_minor), sum(due_at / 1000000), sum(length(charge_id))) from charges",
        "select json_array(count(*), sum(next)) from number_series where series <> 'instance'",
    ];
    questions.map(|question| connection.query_row(question, [], |row| row.get(0)).expect("sums")).into()
}
