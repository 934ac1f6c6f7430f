//! A year of `n` payments: in our books, and as Stripe tells of them, with a known number of differences between the two.
//!
//! Written with SQL and not with the engine, because a million must take seconds. A twelfth as many customers pay monthly; in the order of
//! time both sides come one customer after the other, in our books they are read customer by customer, so that neither side is in the
//! order of the other. Only what the reconciliation and the trial balance read is there: no subscriptions, no invoices.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use chrono::NaiveDate;
use futures::{Stream, TryStreamExt};
use kasacare::domain::reconcile::BreakKind;
use kasacare::store::db::{Db, Kind};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

/// What was found: by kind of break how many, or by ledger account and currency how much.
pub type Found = BTreeMap<String, i64>;

/// How many differences of each kind are planted.
const PLANTED: u32 = 100;
/// Planted kinds, numbered from 1. Of ours two cannot have one id of the provider: a unique index sees to that.
const KINDS: [BreakKind; 5] =
    [BreakKind::MissingHere, BreakKind::MissingAtProvider, BreakKind::Amount, BreakKind::Currency, BreakKind::DuplicateThere];
/// The least number of payments in which all of them have a place.
pub const LEAST: u32 = 1_000;
/// The last day.
pub const THROUGH: &str = "2025-12-31";
/// Our payments' file.
pub const OURS: &str = "ours.csv";
/// Stripe's report.
pub const THEIRS: &str = "theirs.csv";

/// The last day.
pub fn through() -> NaiveDate {
    THROUGH.parse().expect("a day")
}

/// What every side must find.
pub fn planted() -> Found {
    KINDS.iter().map(|kind| (kind.tag().to_owned(), i64::from(PLANTED))).collect()
}

/// How many pairs must agree: a twin there does not keep the first from agreeing.
pub fn agreed(payments: u32) -> u64 {
    u64::from(payments - 4 * PLANTED)
}

/// The payments: number, customer, month, what is planted, day, and so on. What is planted ends long before the year does, because
/// what is young is not missing yet.
fn payments(kind: Kind, payments: u32) -> String {
    let customers = payments.div_ceil(12);
    let step = payments * 9 / 10 / PLANTED;
    let planted_before = step * PLANTED;
    let (numbers, day, available) = match kind {
        Kind::Postgres => (
            format!("with numbers as (select generate_series(0::bigint, {payments} - 1) as n)"),
            format!("date '2025-01-01' + cast(n * 365 / {payments} as integer)"),
            format!("date '2025-01-03' + cast(n * 365 / {payments} as integer)"),
        ),
        Kind::Sqlite => (
            format!("with recursive numbers (n) as (select 0 union all select n + 1 from numbers where n < {payments} - 1)"),
            format!("date('2025-01-01', (n * 365 / {payments}) || ' days')"),
            format!("date('2025-01-03', (n * 365 / {payments}) || ' days')"),
        ),
    };
    format!(
        "{numbers}, payments as (select n, n / {customers} as month, {day} as day, {available} as available,
            (1735689600 + n * 31536000 / {payments}) * 1000000 as happened,
            case when n < {planted_before} then n % {step} else 0 end as planted,
            599 + n % 13 * 100 as net, (599 + n % 13 * 100) * 8 / 100 as tax,
            substr(cast(10000000 + n % {customers} as text), 2) as digits, substr(cast(1000000000000000 + n as text), 2) as id,
            case when n % {customers} % 4 = 3 then 'EUR' else 'USD' end as currency
        from numbers)"
    )
}

/// Our side, after [`payments`].
const OUR_ROWS: [&str; 3] = [
    "insert into accounts (account_id, credit_cash_minor, credit_goodwill_minor, carried_minor, journal_seq, method_no, method_blocked,
        currency, time_zone, jurisdiction, journal_hash, method_token, method_label, email, name)
    select 'acc-' || digits, 0, 0, 0, 12, 1, 0, currency, 'America/New_York', 'US-NY', '',
        'tok_ok_' || n, 'Visa ending 4242', 'customer' || n || '@example.com', 'Customer ' || n
    from payments where month = 0",
    "insert into charges (account_id, charge_id, amount_minor, requested_at, attempt, method_no, lookups, settled_on, invoice_id, purpose,
        state, reference)
    select 'acc-' || digits, 'ch_sub-' || digits || '_1_' || month || '_1', net + tax, happened, 1, 1, 0, day,
        'in_sub-' || digits || '_1_' || month, 'period', 'succeeded', 'pi_3Kasacare' || id
    from payments where planted <> 1",
    "insert into postings (account_id, seq, leg_no, event_no, ledger_account, effective_on, amount_minor, currency, subscription_id,
        invoice_id)
    select 'acc-' || digits, month + 1, leg, 0, case leg when 1 then 1200 when 2 then 2110 else 2200 end, day,
        case leg when 1 then net + tax when 2 then -net else -tax end, currency, 'sub-' || digits, 'in_sub-' || digits || '_1_' || month
    from payments cross join (select 1 as leg union all select 2 union all select 3) legs where planted <> 1",
];

/// Stripe's side, after [`payments`].
const THEIR_ROWS: &str = ", told as (select *, '' as again from payments where planted <> 2
        union all select *, 'b' as again from payments where planted = 5),
    amounts as (select told.*, net + tax + case planted when 3 then 100 else 0 end as gross, (net + tax) * 29 / 1000 + 30 as fee from told)
    insert into provider_movements (provider, movement_id, occurred_at, gross_minor, fee_minor, net_minor, line_no, occurred_on,
        available_on, currency, category, raw_category, reference, parent_reference, our_reference, import_id)
    select 'stripe', 'txn_3Kasacare' || id || again, happened, gross, fee, gross - fee, n + 2, day, available,
        case planted when 4 then 'GBP' else currency end, 'charge', 'charge', 'ch_3Kasacare' || id || again, 'pi_3Kasacare' || id,
        'ch_sub-' || digits || '_1_' || month || '_1', 'si_000001'
    from amounts";

/// What an import of them would have posted: a day's fees.
const FEES: [&str; 2] = [
    "insert into journal (account_id, seq, posted_at, effective_on, kind, cause, actor, reason, hash, body)
    select '(stripe)', row_number() over (order by occurred_on), 0, occurred_on, 'settlement_import', 'import:si_000001:' || occurred_on,
        'bench', null, '', '{}'
    from (select distinct occurred_on from provider_movements) days",
    "with days as (select occurred_on, currency, cast(sum(fee_minor) as bigint) as fee, dense_rank() over (order by occurred_on) as seq,
            row_number() over (partition by occurred_on order by currency) as place
        from provider_movements group by occurred_on, currency)
    insert into postings (account_id, seq, leg_no, event_no, ledger_account, effective_on, amount_minor, currency)
    select '(stripe)', seq, place * 2 - 2 + leg, place - 1, case leg when 1 then 5000 else 1200 end, occurred_on,
        case leg when 1 then fee else -fee end, currency
    from days cross join (select 1 as leg union all select 2) legs",
];

/// Fills an empty database, to which the schema has been applied, with our side.
pub async fn fill(db: &Db, url: &str, number: u32) {
    assert!(number >= LEAST, "a size is at least {LEAST}: differences are planted {PLANTED} of each kind");
    let payments = payments(db.kind(), number);
    let statements: Vec<String> = OUR_ROWS.iter().map(|rows| format!("{payments} {rows}")).collect();
    execute(url, &statements).await;
}

/// Adds what Stripe tells, and what we post for it.
pub async fn tell(url: &str, number: u32) {
    let told = format!("{} {THEIR_ROWS}", payments(kind(url), number));
    execute(url, &[told, FEES[0].to_owned(), FEES[1].to_owned()]).await;
}

/// Which database an address is of.
pub fn kind(url: &str) -> Kind {
    if url.starts_with("sqlite:") { Kind::Sqlite } else { Kind::Postgres }
}

/// Runs statements, and leaves nothing to be tidied up later.
async fn execute(url: &str, statements: &[String]) {
    match kind(url) {
        Kind::Postgres => {
            let mut connection = PgConnection::connect(url).await.expect("the database");
            let after = ["vacuum analyze", "checkpoint"].map(str::to_owned);
            for statement in statements.iter().chain(&after) {
                connection.execute(AssertSqlSafe(statement.as_str())).await.expect("the book");
            }
            connection.close().await.expect("the database");
        }
        Kind::Sqlite => {
            let mut connection = SqliteConnection::connect(url).await.expect("the database");
            let before = ["pragma synchronous = off", "pragma cache_size = -262144", "pragma temp_store = memory"].map(str::to_owned);
            let after = ["analyze", "pragma wal_checkpoint(truncate)"].map(str::to_owned);
            for statement in before.iter().chain(statements).chain(&after) {
                connection.execute(AssertSqlSafe(statement.as_str())).await.expect("the book");
            }
            connection.close().await.expect("the database");
        }
    }
}

const OUR_LINES: &str =
    "select c.account_id || ',' || c.charge_id || ',' || c.reference || ',' || c.amount_minor || ',' || a.currency || ','
        || c.state || ',' || c.settled_on
    from charges c join accounts a on a.account_id = c.account_id order by c.account_id, c.charge_id";
const OUR_HEAD: &str = "account_id,charge_id,reference,amount_minor,currency,state,settled_on";

const THEIR_LINES: &str = "select ',,' || movement_id || ',' || {created} || ',' || available_on || ' 00:00:00,' || lower(currency) || ','
        || {gross_minor} || ',' || {fee_minor} || ',' || {net_minor} || ',charge,' || reference || ',' || parent_reference || ','
        || reference || ',jo@example.com,' || our_reference
    from provider_movements order by movement_id";
const THEIR_HEAD: &str = "automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created_utc,available_on_utc,currency,\
    gross,fee,net,reporting_category,source_id,payment_intent_id,charge_id,customer_email,payment_intent_metadata[kasacare_charge]";

/// Writes the rows of a database as our payments' file and as Stripe's report, in major units.
pub async fn write_files(url: &str, folder: &Path) {
    let created = match kind(url) {
        Kind::Postgres => "to_char(to_timestamp(occurred_at / 1000000) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')",
        Kind::Sqlite => "datetime(occurred_at / 1000000, 'unixepoch')",
    };
    let mut theirs = THEIR_LINES.replace("{created}", created);
    for amount in ["gross_minor", "fee_minor", "net_minor"] {
        let major = format!("({amount} / 100) || '.' || substr(cast(100 + {amount} % 100 as text), 2)");
        theirs = theirs.replace(&format!("{{{amount}}}"), &major);
    }
    write_file(url, OUR_LINES, OUR_HEAD, &folder.join(OURS)).await;
    write_file(url, &theirs, THEIR_HEAD, &folder.join(THEIRS)).await;
}

async fn write_file(url: &str, question: &str, head: &str, path: &Path) {
    let question = AssertSqlSafe(question);
    match kind(url) {
        Kind::Postgres => {
            let mut connection = PgConnection::connect(url).await.expect("the database");
            write_lines(sqlx::query_scalar(question).fetch(&mut connection), head, path).await;
        }
        Kind::Sqlite => {
            let mut connection = SqliteConnection::connect(url).await.expect("the database");
            write_lines(sqlx::query_scalar(question).fetch(&mut connection), head, path).await;
        }
    }
}

async fn write_lines(mut lines: impl Stream<Item = Result<String, sqlx::Error>> + Unpin, head: &str, path: &Path) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).expect("a file"));
    writeln!(file, "{head}").expect("a file");
    while let Some(line) = lines.try_next().await.expect("the rows") {
        writeln!(file, "{line}").expect("a file");
    }
    file.flush().expect("a file");
}
