//! A lived-through year, small: the same books on both databases.

use std::sync::{Arc, Mutex};

use kasacare::clock::Clock;
use kasacare::demo::{DemoOptions, Lived, live};
use kasacare::domain::change::Reference;
use kasacare::domain::tax::TaxRates;
use kasacare::engine::Engine;
use kasacare::import;
use kasacare::jobs::{Progress, RunOptions, Runner};
use kasacare::mail::{Letterhead, Mailer, Mailroom, MemoryMailer, Renderer, Sender};
use kasacare::store::db::Db;
use kasacare::store::instances::Instance;
use kasacare::store::reference;

use crate::world::on_both;

/// The example catalog, terms and tax rates.
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

/// A runner whose mails stay in memory.
pub async fn runner(engine: &Engine) -> Runner {
    let sender = Sender::parse("Kasa Care <billing@kasacare.example>").unwrap();
    let mailroom = Arc::new(Mailroom::new(Renderer::new(Letterhead::default()).unwrap(), sender));
    let mailer = Arc::new(Mailer::Memory(MemoryMailer::default()));
    let instance = Arc::new(Instance::register(&engine.db, |_| {}).await.unwrap());
    Runner::new(engine.clone(), mailroom, mailer, Progress::quiet(), instance, RunOptions::default()).await.unwrap()
}

async fn lived(db: &Db, seed: u64) -> Lived {
    load_fixtures(db).await;
    let engine = Engine::open(db.clone(), Clock::Fixed(chrono::DateTime::UNIX_EPOCH)).await.unwrap();
    let runner = runner(&engine).await;
    live(engine, runner, DemoOptions { accounts: 60, months: 4, seed }, |_| {}).await.unwrap()
}

#[tokio::test]
async fn the_same_seed_gives_the_same_year_on_both_databases() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    on_both(move |db| {
        let told = Arc::clone(&told);
        async move {
            let lived = lived(&db, 1).await;
            let total = lived.total();
            assert_eq!(total.parked, [], "nobody is parked in a demo");
            assert_eq!(total.of("mails failed"), 0, "every mail can be written");
            assert!(total.of("renewals") > 20 && total.of("charges captured") > 50, "people live: {:?}", total.lines);
            told.lock().unwrap().push((total, kasacare::demo::story::months(&lived)));
        }
    })
    .await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0], seen[1]);
}
