//! A lived-through year, small: the same books on both databases.

use std::sync::{Arc, Mutex};

use kasacare::demo::{DemoOptions, Lived, live};
use kasacare::store::db::Db;

use crate::world::on_both;
use crate::world::town::Town;

async fn lived(db: &Db, seed: u64) -> Lived {
    let town = Town::on(db).await;
    live(town.engine, town.runner, DemoOptions { accounts: 60, months: 4, seed }, |_| {}).await.unwrap()
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
