//! A database with the example catalog and a few customers, and the program to work on it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kasacare::store::db::{Column, Sql, Table, Type};
use kasacare::store::{account, journal, reference};
use serde_json::Value;
use tempfile::TempDir;

use crate::world::TestDb;

/// Who shops: California, Germany, Japan and Kuwait; one whose card is declined, one without a card. Each has cameras `{id}-c1` to
/// `{id}-c3`.
const ACCOUNTS: &str = "\
account_id,email,name,time_zone,currency,jurisdiction,cameras,payment_method_token,payment_method_label,payment_method_expires
us,us@example.com,Ursula Usher,America/Los_Angeles,USD,US-CA,us-c1;us-c2;us-c3,tok_ok,Visa ending 1111,2031-12
de,de@example.com,Detlef Deich,Europe/Berlin,EUR,DE,de-c1;de-c2;de-c3,tok_ok,SEPA debit ending 3000,
jp,jp@example.com,Junko Pine,Asia/Tokyo,JPY,JP,jp-c1;jp-c2;jp-c3,tok_ok,JCB ending 0505,2031-12
kw,kw@example.com,Khalid West,Asia/Kuwait,KWD,KW,kw-c1;kw-c2;kw-c3,tok_ok,Visa ending 9995,2031-12
late,late@example.com,Lara Tellier,America/Los_Angeles,USD,US-CA,late-c1;late-c2;late-c3,tok_ok,Visa ending 2222,2031-12
bare,bare@example.com,Bart Barefoot,America/Los_Angeles,USD,US-CA,bare-c1;bare-c2;bare-c3,,,
";

/// A program call's end.
#[derive(Debug)]
pub struct Said {
    line: String,
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// It ended with this code; gives what it printed.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        let Self { line, code, out, err } = &self;
        assert_eq!(*code, expected, "kasacare {line}\n{out}\n{err}");
        self
    }

    /// It was done; gives what it printed.
    #[track_caller]
    pub fn ok(self) -> String {
        self.code(0).out
    }

    /// It was done; gives what it printed as JSON.
    #[track_caller]
    pub fn json(self) -> Value {
        let said = self.code(0);
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("kasacare {}: {error}\n{}", said.line, said.out))
    }

    /// It ended with this code and these words in its error message.
    #[track_caller]
    pub fn fails(self, code: i32, words: &str) {
        let said = self.code(code);
        assert!(said.err.contains(words), "kasacare {}: no `{words}` in\n{}", said.line, said.err);
    }
}

/// Runs the program on a database; the words of the line are its arguments.
pub fn kasacare(url: &str, line: &str) -> Said {
    let words: Vec<&str> = line.split_whitespace().collect();
    call(url, &words, Stdio::null())
}

/// Runs the program with these arguments.
pub fn call(url: &str, words: &[&str], input: Stdio) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kasacare"));
    command.args(words).env("KASACARE_DB", url).env("KASACARE_LOG", "error").env_remove("RUST_BACKTRACE");
    let output = command.stdin(input).output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the program writes UTF-8");
    let code = output.status.code().expect("the program ends by itself");
    Said { line: words.join(" "), code, out: text(&output.stdout), err: text(&output.stderr) }
}

/// The database, and a folder for files and mails.
pub struct Shop {
    pub db: TestDb,
    folder: TempDir,
}

impl Shop {
    /// Opens with the example catalog, terms and tax rates, and [`ACCOUNTS`].
    pub fn open(db: TestDb) -> Self {
        let shop = Self::empty(db);
        shop.reference();
        let accounts = shop.file("accounts.csv", ACCOUNTS);
        shop.does(&format!("import accounts {accounts} --as-of 2025-01-01"));
        shop
    }

    /// Opens with nothing in it.
    pub fn empty(db: TestDb) -> Self {
        Self { db, folder: tempfile::tempdir().unwrap() }
    }

    /// Imports the example catalog, terms and tax rates.
    pub fn reference(&self) {
        for (kind, file) in [("catalog", "catalog.json"), ("terms", "terms.json"), ("tax-rates", "tax_rates.csv")] {
            self.does(&format!("import {kind} {}", fixture(file).display()));
        }
    }

    /// Runs the program on the shop's database.
    pub fn says(&self, line: &str) -> Said {
        kasacare(self.db.url(), line)
    }

    /// Runs the program, which must do it; gives what it printed.
    #[track_caller]
    pub fn does(&self, line: &str) -> String {
        self.says(line).ok()
    }

    /// Lets the jobs do what is due by the end of a day.
    #[track_caller]
    pub fn runs(&self, on: &str) {
        let mails = self.folder.path().join("mail");
        self.does(&format!("run --once --as-of {on} --mail-dir {}", mails.display()));
    }

    /// A path in the shop's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file; gives its path.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// Quotes a command, and sees that the quote changes nothing; then gives the command, and sees that it does what the quote said.
    /// Gives what was done.
    pub async fn quotes_then_does(&self, line: &str) -> Value {
        let before = self.digest().await;
        let quote = self.says(&format!("{line} --format json --quote")).json();
        assert_eq!(self.digest().await, before, "a quote changed something: {line}");
        let mut done = self.says(&format!("{line} --format json")).json();
        assert_ne!(self.digest().await, before, "nothing changed: {line}");
        let told = std::mem::take(&mut done["quote"]);
        assert_eq!((&quote["quote"], told), (&Value::Bool(true), Value::Bool(false)), "{line}");
        for member in ["money", "subscriptions", "events", "postings", "why", "notices", "effective_on", "recorded_at"] {
            assert_eq!(quote[member], done[member], "{member} of {line}");
        }
        done
    }

    /// The program refuses with this code and these words, and nothing changes.
    pub async fn refuses(&self, line: &str, code: i32, words: &str) {
        let before = self.digest().await;
        self.says(line).fails(code, words);
        assert_eq!(self.digest().await, before, "changed although refused: {line}");
    }

    /// Everything in the database, as text.
    pub async fn digest(&self) -> String {
        let mut digest = String::new();
        let known = account::TABLES.iter().chain(reference::TABLES).copied();
        for table in known.chain([&journal::JOURNAL, &journal::POSTINGS]) {
            self.digest_table(table, &mut digest).await;
        }
        for sql in [
            "select version, state, cursor_account, announced_at from announcements order by version",
            "select series, next, 0 as x, 0 as y from number_series order by series",
        ] {
            let _ = writeln!(digest, "{:?}", self.rows(sql).await);
        }
        digest
    }

    async fn digest_table(&self, table: &Table, digest: &mut String) {
        let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        let text = format!("select {} from {} order by {}", names.join(", "), table.name, table.key.join(", "));
        let mut tx = self.db.begin_read().await.unwrap();
        for row in tx.fetch_all(&leaked(text), &[]).await.unwrap() {
            let cell = |(position, column): (usize, &Column)| match column.kind {
                Type::Text => format!("{:?}", row.opt_text_at(position).unwrap()),
                Type::Int => format!("{:?}", row.opt_int_at(position).unwrap()),
                Type::Date => format!("{:?}", row.opt_date_at(position).unwrap()),
            };
            let cells: Vec<String> = table.columns.iter().enumerate().map(cell).collect();
            let _ = writeln!(digest, "{}: {}", table.name, cells.join(" "));
        }
        tx.rollback().await.unwrap();
    }

    /// The first two columns of a query's rows, which are texts.
    pub async fn rows(&self, sql: &'static str) -> Vec<(String, String)> {
        let mut tx = self.db.begin_read().await.unwrap();
        let rows = tx.fetch_all(&Sql::same(sql), &[]).await.unwrap();
        let cell = |row: &kasacare::store::db::Row, at| match row.opt_text_at(at) {
            Ok(text) => text.unwrap_or_default(),
            Err(_) => row.int_at(at).unwrap().to_string(),
        };
        let rows = rows.iter().map(|row| (cell(row, 0), cell(row, 1))).collect();
        tx.rollback().await.unwrap();
        rows
    }

    /// A count.
    pub async fn count(&self, sql: &'static str) -> i64 {
        let mut tx = self.db.begin_read().await.unwrap();
        let count = tx.fetch_one(&Sql::same(sql), &[]).await.unwrap().int_at(0).unwrap();
        tx.rollback().await.unwrap();
        count
    }
}

/// Statements are constants; a test makes them up.
fn leaked(text: String) -> Sql {
    Sql::same(Box::leak(text.into_boxed_str()))
}

/// An example file.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The state of a subscription after a change, by name.
pub fn state_after(done: &Value, subscription: &str) -> String {
    let subscriptions = done["subscriptions"].as_array().expect("subscriptions");
    let found = subscriptions.iter().find(|shown| shown["id"] == subscription);
    let after = &found.unwrap_or_else(|| panic!("{subscription} is not in {done:#}"))["after"];
    after.as_object().and_then(|state| state.keys().next()).expect("a state").clone()
}

/// One balance transaction, as a page of them has it, without a fee; `created` in seconds.
pub fn balance_transaction(id: &str, category: &str, minor: i64, created: i64, source: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"balance_transaction","amount":{minor},"fee":0,"net":{minor},"currency":"usd",
 "reporting_category":"{category}","created":{created},"available_on":{created},"type":"{category}","source":"{source}"}}"#
    )
}

/// A page of balance transactions without fees: id, category, minor units, day of February 2026, source.
pub fn february(movements: &[(&str, &str, i64, i64, &str)]) -> String {
    let movement = |(id, category, minor, day, source): &(&str, &str, i64, i64, &str)| {
        balance_transaction(id, category, *minor, 1_769_904_000 + (day - 1) * 86_400, source)
    };
    format!(r#"{{"object":"list","data":[{}]}}"#, movements.iter().map(movement).collect::<Vec<_>>().join(","))
}
