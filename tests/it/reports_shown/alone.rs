//! A pack finds together what its reports sum, from one reading of all accounts. Told alone, some of them have the database sum it, and
//! others read the accounts for themselves.

use std::collections::BTreeMap;

use kasacare::reports::finance::ALL;
use kasacare::reports::pack::{self, Month};
use kasacare::reports::sheet::Cell;

use super::month::{csvs, lived, order};
use crate::reports::told;
use crate::world::on_both;

/// Their figures in a pack, by section and currency.
type Rows = BTreeMap<(String, String), Vec<Vec<String>>>;

#[tokio::test]
async fn a_report_of_a_pack_says_what_it_says_alone() {
    on_both(async |db| {
        lived(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("2026-05");
        pack::write(&db, ALL, order("2026-05"), &place, |_| {}).await.unwrap();
        let packed = csvs(&place);
        let month: Month = "2026-05".parse().unwrap();
        let mut compared = 0;
        for entry in ALL {
            let mut asked = month.asked(None, month.last());
            if entry.name == "waterfall" {
                asked.from = Some("2025-06-01".parse().unwrap());
            }
            let report = told(&db, entry.name, &asked).await;
            let mut alone = Rows::new();
            for part in &report.parts {
                let currency = part.section.currency.map(|currency| currency.code().to_owned()).unwrap_or_default();
                let name = format!("{}.{}", entry.name, part.section.key);
                let rows = part.rows.iter().map(|row| row.iter().map(Cell::plain).collect());
                alone.entry((name, currency)).or_default().extend(rows);
            }
            for ((name, currency), rows) in alone {
                let together = packed[&name].get(&currency).cloned().unwrap_or_default();
                assert_eq!(together, rows, "{name} {currency}");
                compared += rows.len();
            }
        }
        assert!(compared > 700, "{compared}");
    })
    .await;
}
