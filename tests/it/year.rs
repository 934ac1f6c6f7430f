//! A lived-through year, small: the same books on both databases, and the invariants hold.

use std::sync::Arc;

use kasacare::clock::Clock;
use kasacare::demo::{DemoOptions, live};
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

/// Loads the example catalog, terms and tax rates.
pub async fn load_fixtures(db: &Db) {
    db.migrate().await.unwrap();
    let read = |name: &str| std::fs::read(format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let catalog = import::catalog("catalog.json", import::Format::Json, read("catalog.json").as_slice()).unwrap();
    let import::CatalogFile::Whole(catalog) = catalog else { panic!("a whole catalog") };
    let terms = import::terms("terms.json", read("terms.json").as_slice()).unwrap();
    let rates = import::read_all("tax_rates.csv", import::Format::Csv, read("tax_rates.csv").as_slice()).unwrap();
    let mut tx = db.begin().await.unwrap();
    reference::store_catalog(&mut tx, &catalog).await.unwrap();
    reference::store_terms(&mut tx, &terms).await.unwrap();
    reference::store_tax_rates(&mut tx, rates.into_iter().map(|placed| placed.row)).await.unwrap();
    tx.commit().await.unwrap();
    let _: Option<Reference> = None;
    let _ = TaxRates::new([]);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_books() {
    on_both(|test| async move {
        let db = (*test).clone();
        load_fixtures(&db).await;
        let engine = Engine::open(db.clone(), Clock::Fixed(chrono::DateTime::UNIX_EPOCH)).await.unwrap();
        let mailroom = Arc::new(Mailroom::new(Renderer::new(Letterhead::default()).unwrap(), Sender::parse("Kasa Care <billing@kasacare.example>").unwrap()));
        let mailer = Arc::new(Mailer::Memory(MemoryMailer::default()));
        let instance = Arc::new(Instance::register(&db, |_| {}).await.unwrap());
        let runner = Runner::new(engine.clone(), mailroom, mailer, Progress::quiet(), instance, RunOptions::default()).await.unwrap();
        let started = std::time::Instant::now();
        let lived = live(engine, runner, DemoOptions { accounts: 60, months: 5, seed: 1 }, |_| {}).await.unwrap();
        eprintln!("{:?} {:?}", db.kind(), started.elapsed());
        eprintln!("{:#?}", lived.total().lines.iter().map(|(n, l)| (n, l.count)).collect::<Vec<_>>()); eprintln!("parked {:?} refused {}", lived.total().parked, lived.refused);
        eprintln!("{}", kasacare::demo::story::months(&lived));
        eprintln!("{}", kasacare::demo::story::told(&lived));
    })
    .await;
}
