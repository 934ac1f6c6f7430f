//! The yardstick on PostgreSQL: one SQL statement that writes what the engine writes, into the engine's own tables.
//!
//! What a row looks like is taken from the engine: it renews one account in a small database of its own, and the yardstick
//! copies that account's rows for all others, with their ids in place of its own. Bodies have the same size that way, and a
//! change of the rules changes both sides.

#![expect(clippy::disallowed_types, reason = "writes rows without the engine, which the seam cannot")]

use std::time::Instant;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

/// The digits in the ids of the account whose rows are copied.
const SAMPLED: &str = "0000001";

/// Tables that a renewal or a settlement writes.
pub const TABLES: [&str; 8] = ["accounts", "subscriptions", "journal", "postings", "invoices", "charges", "payments", "notices"];

/// Rows of one account as the engine left them, as JSON by table.
#[derive(Debug, Clone)]
pub struct Sample(Vec<(&'static str, String)>);

impl Sample {
    /// Reads the rows of the one account of a database.
    pub async fn read(url: &str) -> Self {
        let mut connection = PgConnection::connect(url).await.expect("the sample");
        let mut rows = Vec::new();
        for table in TABLES {
            let question = format!("select coalesce(jsonb_agg(to_jsonb(t)), '[]')::text from {table} t");
            rows.push((table, scalar(&mut connection, question).await));
        }
        Self(rows)
    }

    /// The rows of a table as something to select from.
    fn rows(&self, table: &str) -> String {
        let json = self.0.iter().find(|(name, _)| *name == table).map_or("[]", |(_, json)| json.as_str());
        format!("jsonb_populate_recordset(null::{table}, '{}')", json.replace('\'', "''"))
    }
}

async fn scalar(connection: &mut PgConnection, question: String) -> String {
    sqlx::query_scalar(AssertSqlSafe(question)).fetch_one(connection).await.expect("an answer")
}

async fn columns(connection: &mut PgConnection, table: &str) -> Vec<String> {
    let question = "select column_name::text from information_schema.columns where table_name = $1 order by ordinal_position";
    sqlx::query_scalar(question).bind(table).fetch_all(connection).await.expect("the columns")
}

/// `insert into table select` of the sample's rows for every due account, with its ids and numbers.
async fn insert(connection: &mut PgConnection, sample: &Sample, table: &str, filter: &str) -> String {
    let columns = columns(connection, table).await;
    let select = columns.iter().map(|column| match column.as_str() {
        "account_id" => "d.account_id".to_owned(),
        "subscription_id" | "invoice_id" | "charge_id" | "cause" | "body" | "reference" | "notice_id" | "data" => {
            format!("replace(s.{column}, '{SAMPLED}', d.digits)")
        }
        "number" => "'KASA-2026-' || lpad((d.first + d.position)::text, greatest(6, length((d.first + d.position)::text)), '0')".to_owned(),
        _ => format!("s.{column}"),
    });
    let select = select.collect::<Vec<_>>().join(", ");
    format!("insert into {table} ({}) select {select} from due d, {} s where {filter}", columns.join(", "), sample.rows(table))
}

/// `update table` with columns of the sample's row, in the rows of every due account.
fn update(sample: &Sample, table: &str, set: &[&str], key: &str) -> String {
    let assignments = set.iter().map(|column| match *column {
        "reference" => format!("{column} = replace(s.{column}, '{SAMPLED}', d.digits)"),
        _ => format!("{column} = s.{column}"),
    });
    let assignments = assignments.collect::<Vec<_>>().join(", ");
    format!("update {table} t set {assignments} from due d, {} s where t.account_id = d.account_id{key}", sample.rows(table))
}

/// The statement that renews everything that is due at `now`, in microseconds.
pub async fn renewal(connection: &mut PgConnection, sample: &Sample, now: i64) -> String {
    let next = ["due_at", "period_no", "period_start", "period_end"];
    let steps = [
        insert(connection, sample, "journal", "s.seq = 1").await,
        insert(connection, sample, "postings", "s.seq = 1").await,
        update(sample, "accounts", &["journal_seq", "journal_hash"], ""),
        update(sample, "subscriptions", &next, " and t.subscription_id = d.subscription_id"),
        insert(connection, sample, "charges", "true").await,
        insert(connection, sample, "invoices", "true").await,
    ];
    let due = format!(
        "select s.account_id, s.subscription_id, substr(s.account_id, 5) as digits, n.next - 1 as first, \
         row_number() over (order by s.due_at, s.account_id) as position \
         from subscriptions s join accounts a on a.account_id = s.account_id, \
         (select coalesce((select next from number_series where series = 'KASA-2026'), 1) as next) n \
         where s.due_at <= {now} and a.parked_at is null"
    );
    let numbers = "insert into number_series (series, next) select 'KASA-2026', count(*) + 1 from due \
        on conflict (series) do update set next = number_series.next + excluded.next - 1";
    one_statement(&due, &steps, Some(numbers))
}

/// The statement that settles every charge that is under way, as captured.
pub async fn settlement(connection: &mut PgConnection, sample: &Sample) -> String {
    let steps = [
        insert(connection, sample, "journal", "s.seq = 2").await,
        insert(connection, sample, "postings", "s.seq = 2").await,
        update(sample, "accounts", &["journal_seq", "journal_hash"], ""),
        update(sample, "charges", &["state", "reference", "settled_on", "due_at"], " and t.charge_id = d.charge_id"),
        insert(connection, sample, "payments", "true").await,
        update(sample, "invoices", &["open_minor", "captured_minor", "recognise_at"], " and t.invoice_id = d.invoice_id"),
        insert(connection, sample, "notices", "true").await,
    ];
    let due = "select account_id, charge_id, invoice_id, substr(account_id, 5) as digits, 0 as first, 0 as position \
        from charges where due_at is not null";
    one_statement(due, &steps, None)
}

fn one_statement(due: &str, steps: &[String], last: Option<&str>) -> String {
    let mut text = format!("with due as materialized ({due})");
    for (number, step) in steps.iter().map(String::as_str).chain(last).enumerate() {
        text.push_str(&format!(", step_{number} as ({step})"));
    }
    text + " select count(*) from due"
}

/// Runs the statement and gives how many it did and the seconds that it took.
pub async fn run(url: &str, statement: &str) -> (u64, f64) {
    let mut connection = PgConnection::connect(url).await.expect("the database");
    connection.execute("set jit = off; set random_page_cost = 1.1; set work_mem = '256MB'").await.expect("settings");
    let began = Instant::now();
    let done: i64 = sqlx::query_scalar(AssertSqlSafe(statement.to_owned())).fetch_one(&mut connection).await.expect("the yardstick");
    (done.unsigned_abs(), began.elapsed().as_secs_f64())
}

/// Rows and sums by table: what both sides must have left the same.
pub async fn sums(url: &str) -> Vec<String> {
    let mut connection = PgConnection::connect(url).await.expect("the database");
    let questions = [
        "select count(*), sum(journal_seq), sum(length(journal_hash)) from accounts",
        "select count(*), sum(due_at), sum(period_no), sum(period_end - date '2000-01-01') from subscriptions",
        "select count(*), sum(seq), sum(length(body)), sum(length(cause)), sum(posted_at) from journal",
        "select count(*), sum(leg_no), sum(abs(amount_minor)), sum(amount_minor), sum(ledger_account) from postings",
        "select count(*), count(distinct number), max(number), sum(net_minor), sum(tax_minor), sum(open_minor), sum(captured_minor), \
         sum(recognise_at), sum(length(invoice_id)) from invoices",
        "select count(*), sum(amount_minor), sum(due_at), sum(length(charge_id)), sum(length(reference)) from charges",
        "select count(*), sum(amount_minor), sum(length(charge_id)) from payments",
        "select count(*), sum(length(notice_id)), min(kind), max(kind) from notices",
        "select count(*), sum(next) from number_series where series <> 'instance'",
    ];
    let mut sums = Vec::new();
    for question in questions {
        let question = format!("select row_to_json(t)::text from ({question}) t");
        sums.push(scalar(&mut connection, question).await);
    }
    sums
}

/// The size of the log so far, in bytes.
pub async fn log_bytes(url: &str) -> f64 {
    let mut connection = PgConnection::connect(url).await.expect("the server");
    let row = connection.fetch_one("select (pg_current_wal_lsn() - '0/0')::float8").await.expect("the end of the log");
    row.get(0)
}
