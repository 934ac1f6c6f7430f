//! The same in the same database, set-based: the join of `breaks.sql`, which writes what differs into a temporary table, and the sums of
//! the postings.

use std::time::Instant;

use kasacare::store::db::Kind;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::book::{self, Found, THROUGH};

/// What a statement took, and what it found.
#[derive(Debug)]
pub struct Timed {
    /// Wall time.
    pub seconds: f64,
    /// Breaks by kind, or balances.
    pub found: Found,
}

const LADDER: &str = include_str!("breaks.sql");

/// The tables of [`LADDER`] on PostgreSQL. It reads the movements twice rather than keep them aside.
const ON_POSTGRES: &str = "
theirs as not materialized (
    select movement_id, coalesce(parent_reference, reference) as intent, gross_minor, currency, occurred_on from provider_movements
    where provider = 'stripe' and category = 'charge' and occurred_on <= date '{through}' + 10
),
ours as (
    select c.account_id, c.charge_id, c.reference, c.amount_minor, a.currency, c.state, c.settled_on
    from charges c join accounts a on a.account_id = c.account_id
    where (c.reference is null or c.reference not like 'sim!_%' escape '!')
        and (c.settled_on is null or c.settled_on <= date '{through}' + 10)
),
pairs as (
    select o.account_id, o.charge_id, o.amount_minor as ours_minor, o.currency as our_currency, o.state, o.settled_on,
        t.movement_id, t.intent, t.gross_minor as theirs_minor, t.currency as their_currency, t.occurred_on
    from theirs t full outer join ours o on o.reference = t.intent
),
days as (
    select date '{through}' as through,
        least(date '{through}', (select max(occurred_on) from provider_movements where provider = 'stripe')) - 1 as young_from
),
";

/// The same on SQLite, which looks things up in a full outer join only by an index of the table itself.
const ON_SQLITE: &str = "
theirs as (
    select movement_id, coalesce(parent_reference, reference) as intent, gross_minor, currency, occurred_on from provider_movements
    where provider = 'stripe' and category = 'charge' and occurred_on <= date('{through}', '10 days')
),
pairs as (
    select c.account_id, c.charge_id, c.amount_minor as ours_minor, a.currency as our_currency, c.state, c.settled_on,
        t.movement_id, t.intent, t.gross_minor as theirs_minor, t.currency as their_currency, t.occurred_on
    from theirs t
    full outer join charges c on c.reference = t.intent and (c.settled_on is null or c.settled_on <= date('{through}', '10 days'))
    left join accounts a on a.account_id = c.account_id
    where c.charge_id is null or (
        (c.reference is null or c.reference not like 'sim!_%' escape '!')
        and (c.settled_on is null or c.settled_on <= date('{through}', '10 days'))
    )
),
days as (
    select '{through}' as through,
        date(min('{through}', (select max(occurred_on) from provider_movements where provider = 'stripe')), '-1 days') as young_from
),
";

/// A server may plan as it would with room and without a compiler that costs more than it saves.
const SETTINGS: &str = "set jit = off; set random_page_cost = 1.1; set work_mem = '256MB'";
/// As the engine has it. A temporary table needs no disk.
const PRAGMAS: &str = "pragma cache_size = -8192; pragma temp_store = memory";

const COUNT: &str = "select kind, count(*) from breaks group by kind";
const SUMS: &str =
    "select ledger_account || ' ' || currency, cast(sum(amount_minor) as bigint) from postings group by ledger_account, currency";

/// Finds what differs.
pub async fn breaks(url: &str) -> Timed {
    let tables = match book::kind(url) {
        Kind::Postgres => ON_POSTGRES,
        Kind::Sqlite => ON_SQLITE,
    };
    let text = format!("create temporary table breaks as with {}{LADDER}", tables.replace("{through}", THROUGH));
    match book::kind(url) {
        Kind::Postgres => {
            let mut connection = server(url).await;
            let began = Instant::now();
            connection.execute(AssertSqlSafe(text)).await.expect("the yardstick");
            let seconds = began.elapsed().as_secs_f64();
            Timed { seconds, found: on_server(&mut connection, COUNT).await }
        }
        Kind::Sqlite => {
            let connection = file(url);
            let began = Instant::now();
            connection.execute_batch(&text).expect("the yardstick");
            let seconds = began.elapsed().as_secs_f64();
            Timed { seconds, found: in_file(&connection, COUNT) }
        }
    }
}

/// Sums the postings.
pub async fn sums(url: &str) -> Timed {
    match book::kind(url) {
        Kind::Postgres => {
            let mut connection = server(url).await;
            let began = Instant::now();
            let found = on_server(&mut connection, SUMS).await;
            Timed { seconds: began.elapsed().as_secs_f64(), found }
        }
        Kind::Sqlite => {
            let connection = file(url);
            let began = Instant::now();
            let found = in_file(&connection, SUMS);
            Timed { seconds: began.elapsed().as_secs_f64(), found }
        }
    }
}

async fn server(url: &str) -> PgConnection {
    let mut connection = PgConnection::connect(url).await.expect("the database");
    connection.execute(SETTINGS).await.expect("settings");
    connection
}

async fn on_server(connection: &mut PgConnection, question: &'static str) -> Found {
    let rows: Vec<(String, i64)> = sqlx::query_as(question).fetch_all(connection).await.expect("an answer");
    rows.into_iter().collect()
}

fn file(url: &str) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(url.trim_start_matches("sqlite://")).expect("the file");
    connection.execute_batch(PRAGMAS).expect("settings");
    connection
}

fn in_file(connection: &rusqlite::Connection, question: &str) -> Found {
    let mut statement = connection.prepare(question).expect("a question");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("an answer");
    rows.collect::<Result<_, _>>().expect("an answer")
}
