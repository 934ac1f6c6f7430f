//! A small town for stories: accounts on a real database, a clock that the story moves, and the job runner.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use kasacare::clock::Clock;
use kasacare::domain::account::{Account, Invoice, Method, Profile};
use kasacare::domain::catalog::Plan;
use kasacare::domain::change::start::Order;
use kasacare::domain::change::{Change, Draft, Planned, Reference, Refusal};
use kasacare::domain::ids::{AccountId, CameraId, SubscriptionId};
use kasacare::domain::money::{Currency, Money};
use kasacare::domain::tax::TaxRates;
use kasacare::engine::batch::Work;
use kasacare::engine::summary::Summary;
use kasacare::engine::{Engine, EngineError, Who};
use kasacare::import;
use kasacare::jobs::{Progress, RunOptions, Runner, Stop};
use kasacare::mail::{FaultyMailer, Letterhead, MailFault, Mailer, Mailroom, MemoryMailer, OutgoingMail, Renderer, Sender};
use kasacare::store::account::{self as accounts, NewAccount, Opening, Scope};
use kasacare::store::db::Db;
use kasacare::store::instances::Instance;
use kasacare::store::reference;

/// A date, or the test is wrong.
pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no date"))
}

/// Noon in UTC.
pub fn noon(text: &str) -> DateTime<Utc> {
    day(text).and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(12)
}

/// Loads the example catalog, terms and tax rates.
pub async fn load_fixtures(db: &Db) {
    let read = |name: &str| std::fs::read(format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let catalog = import::catalog("catalog.json", import::Format::Json, read("catalog.json").as_slice()).unwrap();
    let import::CatalogFile::Whole(catalog) = catalog else { panic!("a whole catalog") };
    let terms = import::terms("terms.json", read("terms.json").as_slice()).unwrap();
    let rates = import::read_all("tax_rates.csv", import::Format::Csv, read("tax_rates.csv").as_slice()).unwrap();
    let tax = TaxRates::new(rates.into_iter().map(|placed| placed.row)).unwrap();
    let mut tx = db.begin().await.unwrap();
    reference::store(&mut tx, &Reference { catalog, terms: vec![terms], tax, minimums: Vec::new() }).await.unwrap();
    tx.commit().await.unwrap();
}

async fn runner_with(engine: &Engine, mailer: Arc<Mailer>) -> Runner {
    let sender = Sender::parse("Kasa Care <billing@kasacare.example>").unwrap();
    let mailroom = Arc::new(Mailroom::new(Renderer::new(Letterhead::default()).unwrap(), sender));
    let instance = Arc::new(Instance::register(&engine.db, |_| {}).await.unwrap());
    Runner::new(engine.clone(), mailroom, mailer, Progress::quiet(), instance, RunOptions::default()).await.unwrap()
}

/// Where an account lives.
#[derive(Debug, Clone, Copy)]
pub struct Home {
    pub currency: &'static str,
    pub zone: &'static str,
    pub jurisdiction: &'static str,
}

/// Tax 8.25 %, west of UTC.
pub const CALIFORNIA: Home = Home { currency: "USD", zone: "America/Los_Angeles", jurisdiction: "US-CA" };
/// No tax.
pub const OREGON: Home = Home { currency: "USD", zone: "America/Los_Angeles", jurisdiction: "US-OR" };

/// The town.
pub struct Town {
    pub engine: Engine,
    pub runner: Runner,
    mailer: Arc<Mailer>,
}

impl Town {
    /// An empty town on a database with the schema.
    pub async fn on(db: &Db) -> Self {
        Self::with_mail_faults(db, []).await
    }

    /// An empty town whose mail server does with the first mails what a list says.
    pub async fn with_mail_faults(db: &Db, faults: impl IntoIterator<Item = MailFault>) -> Self {
        load_fixtures(db).await;
        let engine = Engine::open(db.clone(), Clock::Fixed(DateTime::UNIX_EPOCH)).await.unwrap();
        let mailer = Arc::new(Mailer::Faulty(FaultyMailer::new(Mailer::Memory(MemoryMailer::default()), faults)));
        let runner = runner_with(&engine, Arc::clone(&mailer)).await;
        Self { engine, runner, mailer }
    }

    /// The same town through connections of its own, as another process would have it: a second runner with its own mail server.
    pub async fn beside(&self, db: &Db) -> Self {
        let engine = Engine::open(db.clone(), Clock::Fixed(DateTime::UNIX_EPOCH)).await.unwrap();
        Self::reopened(engine).await
    }

    /// A town that is there already, with another engine.
    pub async fn reopened(engine: Engine) -> Self {
        let mailer = Arc::new(Mailer::Faulty(FaultyMailer::new(Mailer::Memory(MemoryMailer::default()), [])));
        let runner = runner_with(&engine, Arc::clone(&mailer)).await;
        Self { engine, runner, mailer }
    }

    /// Reads catalog, terms and tax rates again.
    pub async fn reload(&mut self) {
        self.engine.reload().await.unwrap();
    }

    /// Moves somebody in, with three cameras `{id}-cam1` to `{id}-cam3`. The token tells the simulated provider what to do.
    pub async fn move_in(&self, id: &str, home: Home, token: &str) -> AccountId {
        self.move_all_in(&[(id.to_owned(), home, token.to_owned())]).await;
        AccountId::parse(id).unwrap()
    }

    /// Moves many in.
    pub async fn move_all_in(&self, people: &[(String, Home, String)]) {
        let rows: Vec<NewAccount> = people.iter().map(|(id, home, token)| newcomer(id, *home, token)).collect();
        let mut tx = self.engine.db.begin().await.unwrap();
        let opening = Opening { at: noon("2020-01-01"), actor: "test", reason: "a story" };
        for chunk in rows.chunks(1_000) {
            accounts::insert_accounts(&mut tx, chunk, opening).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// Gives a command at an instant.
    pub async fn act<T>(&self, at: DateTime<Utc>, id: &AccountId, plan: impl Fn(&mut Draft<'_>) -> Planned<T>) -> (Change, T) {
        self.try_act(at, id, plan).await.unwrap_or_else(|refusal| panic!("refused: {refusal}"))
    }

    /// Gives a command that may be refused.
    pub async fn try_act<T>(
        &self,
        at: DateTime<Utc>,
        id: &AccountId,
        plan: impl Fn(&mut Draft<'_>) -> Planned<T>,
    ) -> Result<(Change, T), Refusal> {
        let who = Who { actor: "olga".to_owned(), reason: Some("a story".to_owned()), request_id: None };
        match self.engine.at(Clock::Fixed(at)).execute(id, "story", &who, plan).await {
            Ok(done) => Ok(done),
            Err(EngineError::Refused { refusal, .. }) => Err(refusal),
            Err(other) => panic!("{other}"),
        }
    }

    /// Subscribes at noon of a day, and lets the first charge settle.
    pub async fn subscribe(&self, on: &str, id: &AccountId, plan: &str) -> SubscriptionId {
        let order = order(id, plan);
        let (_, subscription) = self.act(noon(on), id, |draft| draft.subscribe(&order)).await;
        self.run(on).await;
        subscription
    }

    /// Subscribes many on one day, in one transaction, and lets their first charges settle.
    pub async fn subscribe_all(&self, on: &str, ids: &[AccountId], plan: &str) {
        self.order_all(on, ids, plan).await;
        self.run(on).await;
    }

    /// Subscribes many on one day, in one transaction.
    pub async fn order_all(&self, on: &str, ids: &[AccountId], plan: &str) {
        let engine = self.engine.at(Clock::Fixed(noon(on)));
        let mut tx = engine.db.begin().await.unwrap();
        accounts::lock(&mut tx, ids).await.unwrap();
        let summary = engine.run_batch(tx, ids.to_vec(), &SubscribeAll { plan: plan.to_owned() }).await.unwrap();
        assert_eq!(summary.parked, []);
    }

    /// Lets the jobs do what is due by the end of a day in UTC.
    pub async fn run(&self, on: &str) -> Summary {
        let evening = day(on).and_time(NaiveTime::MIN).and_utc() + TimeDelta::days(1) - TimeDelta::microseconds(1);
        self.run_at(evening).await
    }

    /// Lets the jobs do what is due at an instant.
    pub async fn run_at(&self, at: DateTime<Utc>) -> Summary {
        let runner = self.runner.with_engine(self.engine.at(Clock::Fixed(at)));
        runner.run_once(&Stop::default()).await.unwrap()
    }

    /// Lets the jobs run on every day from the one to the other.
    pub async fn run_daily(&self, from: &str, to: &str) -> Summary {
        let mut summary = Summary::default();
        let mut on = day(from);
        while on <= day(to) {
            summary.absorb(self.run(&on.to_string()).await);
            on = on.succ_opt().unwrap();
        }
        summary
    }

    /// The account as stored.
    pub async fn account(&self, id: &AccountId) -> Account {
        self.engine.account(id).await.unwrap()
    }

    /// The invoices of an account, in order of their periods.
    pub async fn invoices(&self, id: &AccountId) -> Vec<Invoice> {
        let mut invoices: Vec<Invoice> = self.account(id).await.invoices.into_values().collect();
        invoices.sort_by_key(|invoice| (invoice.document.subscription.clone(), invoice.document.term, invoice.document.period_no));
        invoices
    }

    /// Mails that were taken, in order: the notice's id.
    pub fn mails(&self) -> Vec<String> {
        self.taken().iter().map(|mail| mail.notice_id().to_owned()).collect()
    }

    /// Mails that were taken.
    pub fn taken(&self) -> Vec<OutgoingMail> {
        let Mailer::Faulty(faulty) = self.mailer.as_ref() else { panic!("the town's mail server") };
        let Mailer::Memory(memory) = faulty.inner() else { panic!("mails stay in memory") };
        memory.taken()
    }
}

/// An amount in minor units.
pub fn minor(amounts: impl IntoIterator<Item = Money>) -> Vec<i64> {
    amounts.into_iter().map(Money::minor).collect()
}

/// An order for the account's first camera, or for the account.
pub fn order(id: &AccountId, plan: &str) -> Order {
    let plan: Plan = plan.parse().unwrap();
    let camera = (plan.tier == "plus").then(|| CameraId::parse(&format!("{id}-cam1")).unwrap());
    Order { plan, camera, promotion: None }
}

fn newcomer(id: &str, home: Home, token: &str) -> NewAccount {
    let currency = Currency::parse(home.currency).unwrap();
    let zero = Money::zero(currency);
    let method = Method { number: 1, token: token.to_owned(), label: "Visa ending 4242".to_owned(), expires_on: None, blocked: false };
    let profile = Profile {
        id: AccountId::parse(id).unwrap(),
        currency,
        zone: home.zone.parse().unwrap(),
        jurisdiction: home.jurisdiction.to_owned(),
        trial_used_on: None,
        method: Some(method).filter(|_| !token.is_empty()),
        credit_cash: zero,
        credit_goodwill: zero,
        carried: zero,
        caught_up_on: None,
        parked: None,
        journal_seq: 0,
        journal_hash: String::new(),
    };
    let cameras = (1..=3).map(|number| CameraId::parse(&format!("{id}-cam{number}")).unwrap()).collect();
    NewAccount { profile, cameras, email: format!("{id}@example.com"), name: "A Customer".to_owned() }
}

struct SubscribeAll {
    plan: String,
}

impl Work for SubscribeAll {
    fn kind(&self) -> &'static str {
        "subscribe"
    }

    fn scope(&self) -> Scope {
        Scope::ALL
    }

    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        let order = order(&draft.account.profile.id.clone(), &self.plan);
        draft.subscribe(&order).map(drop)
    }
}
