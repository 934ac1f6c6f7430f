//! Books to look at: a database with the example catalog, and customers who live through something in it.

pub mod lives;

use std::future::Future;

use chrono::{DateTime, NaiveDate, Utc};
use kasacare::clock::Clock;
use kasacare::demo::{DemoOptions, live};
use kasacare::domain::account::{Account, Method, Profile};
use kasacare::domain::change::{Draft, Planned};
use kasacare::domain::ids::{AccountId, CameraId};
use kasacare::domain::money::{Currency, Money};
use kasacare::engine::{Engine, Who};
use kasacare::jobs::{Runner, Stop};
use kasacare::reports::check::{self, CheckReport, Options};
use kasacare::store::account::{self as accounts, NewAccount, Opening};
use kasacare::store::db::Db;

use crate::world::{TestDb, on_both};
use crate::world::town::{load_fixtures, runner};

/// A database in use.
#[derive(Debug, Clone)]
pub struct Books {
    pub db: TestDb,
    pub engine: Engine,
    pub runner: Runner,
}

/// Runs a test on both databases, each with the example catalog, terms and tax rates.
pub async fn with_books<T: Future<Output = ()>>(test: impl Fn(Books) -> T) {
    on_both(async |db| test(Books::open(db).await).await).await;
}

impl Books {
    /// Loads the examples into an empty database.
    pub async fn open(db: TestDb) -> Self {
        load_fixtures(&db).await;
        let engine = Engine::open(Db::clone(&db), Clock::Fixed(DateTime::UNIX_EPOCH)).await.unwrap();
        let runner = runner(&engine).await;
        Self { db, engine, runner }
    }

    /// Adds a customer with two cameras, `{id}-c1` and `{id}-c2`, who pays with a token of the simulated provider.
    pub async fn customer(&self, id: &str, currency: &str, jurisdiction: &str, zone: &str, token: &str) {
        let currency = Currency::parse(currency).unwrap();
        let zero = Money::zero(currency);
        let profile = Profile {
            id: AccountId::parse(id).unwrap(),
            currency,
            zone: zone.parse().unwrap(),
            jurisdiction: jurisdiction.to_owned(),
            trial_used_on: None,
            method: Some(Method {
                number: 1,
                token: token.to_owned(),
                label: "Visa ending 4242".to_owned(),
                expires_on: None,
                blocked: false,
            }),
            credit_cash: zero,
            credit_goodwill: zero,
            carried: zero,
            caught_up_on: None,
            parked: None,
            journal_seq: 0,
            journal_hash: String::new(),
        };
        let cameras = [1, 2].map(|number| CameraId::parse(&format!("{id}-c{number}")).unwrap()).to_vec();
        let customer = NewAccount { profile, cameras, email: format!("{id}@example.com"), name: format!("Customer {id}") };
        let opening = Opening { at: instant("2026-01-01T00:00:00Z"), actor: "import", reason: "a test" };
        let mut tx = self.db.begin().await.unwrap();
        accounts::insert_accounts(&mut tx, &[customer], opening).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The engine at an instant.
    pub fn at(&self, at: &str) -> Engine {
        self.engine.at(Clock::Fixed(instant(at)))
    }

    /// Somebody decides something on an account; then everything that is due is done.
    pub async fn act<T>(&self, at: &str, account: &str, plan: impl Fn(&mut Draft<'_>) -> Planned<T>) -> T {
        let who = Who { actor: "olga".to_owned(), reason: Some("a test, \"quoted\"; = careful, tags: none".to_owned()), request_id: None };
        let id = AccountId::parse(account).unwrap();
        let (_, value) = self.at(at).execute(&id, "test", &who, plan).await.unwrap_or_else(|error| panic!("{account} at {at}: {error}"));
        self.run(at).await;
        value
    }

    /// Does everything that is due at an instant.
    pub async fn run(&self, at: &str) {
        self.runner.with_engine(self.at(at)).run_once(&Stop::default()).await.unwrap();
    }

    /// Does what is due day by day, at noon, from one date up to another, that one included.
    pub async fn live(&self, from: &str, to: &str) {
        let (mut date, last) = (day(from), day(to));
        while date <= last {
            self.run(&format!("{date}T12:00:00Z")).await;
            date = date.succ_opt().unwrap();
        }
    }

    /// A small demo: everything that customers do, in every currency.
    pub async fn demo(&self, accounts: u64, months: u32, seed: u64) {
        live(self.engine.clone(), self.runner.clone(), DemoOptions { accounts, months, seed }, |_| {}).await.unwrap();
    }

    /// An account as it is stored.
    pub async fn account(&self, id: &str) -> Account {
        self.engine.account(&AccountId::parse(id).unwrap()).await.unwrap()
    }

    /// Runs `check`.
    pub async fn check(&self) -> CheckReport {
        check::run(&self.db, Options::default(), |_, _| {}).await.unwrap()
    }

    /// Runs `check`, which must find nothing.
    #[track_caller]
    pub fn assert_clean(&self, report: &CheckReport) {
        let broken: Vec<_> = report.broken().collect();
        assert!(broken.is_empty(), "{broken:#?}");
    }
}

pub fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}
