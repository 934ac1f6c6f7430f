//! The yardstick: a server that verifies and inserts, one row a webhook, and nothing else. It has no limits, counts nothing, checks no
//! clock and could not stop cleanly.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Executor, PgPool, SqlitePool};

use crate::load::SECRET;

/// Connections to PostgreSQL: with more, each was slower.
const CONNECTIONS: u32 = 16;
const TABLE: &str = "create table yardstick (event_id text primary key, kind text not null, body text not null)";
const INSERT: &str = "insert into yardstick (event_id, kind, body) values ($1, $2, $3) on conflict do nothing";

enum Pool {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

struct App {
    key: Hmac<Sha256>,
    pool: Pool,
}

/// What is read of an event.
#[derive(Deserialize)]
pub struct Named<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'a str,
}

/// Serves until it is killed.
pub async fn serve(url: &str) {
    let pool = if url.starts_with("postgres") {
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(url).await.expect("the database");
        pool.execute(TABLE).await.expect("its table");
        // Where the server can, as the inbox does.
        let _ = pool.execute("alter table yardstick alter column body set compression lz4").await;
        Pool::Postgres(pool)
    } else {
        let options: SqliteConnectOptions = url.parse().expect("an address");
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("the database");
        pool.execute(TABLE).await.expect("its table");
        Pool::Sqlite(pool)
    };
    let app = Arc::new(App { key: key(), pool });
    let router = Router::new().route("/webhooks/stripe", post(receive)).with_state(app);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    eprintln!("listening on http://{}", listener.local_addr().expect("an address"));
    axum::serve(listener, router).await.expect("a server");
}

/// The key of the endpoint.
pub fn key() -> Hmac<Sha256> {
    Hmac::new_from_slice(SECRET.as_bytes()).expect("a key of any length")
}

async fn receive(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(Named { id, kind }) = verified(&app.key, signature, &body) else { return StatusCode::BAD_REQUEST };
    let text = std::str::from_utf8(&body).unwrap_or_default();
    let stored = match &app.pool {
        Pool::Postgres(pool) => sqlx::query(INSERT).bind(id).bind(kind).bind(text).execute(pool).await.map(drop),
        Pool::Sqlite(pool) => sqlx::query(INSERT).bind(id).bind(kind).bind(text).execute(pool).await.map(drop),
    };
    if stored.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// The least that has to be done: one HMAC, one comparison, and a struct that borrows from the body.
pub fn verified<'a>(key: &Hmac<Sha256>, signature: &str, body: &'a [u8]) -> Option<Named<'a>> {
    let (time, digest) = signature.strip_prefix("t=")?.split_once(",v1=")?;
    let mut mac = key.clone();
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    let mut theirs = [0_u8; 32];
    for (byte, pair) in theirs.iter_mut().zip(digest.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    mac.verify_slice(&theirs).ok()?;
    serde_json::from_slice(body).ok()
}
