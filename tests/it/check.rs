//! `kasacare check`: clean after whatever customers do, and each planted fault is found by the check that is there for it.

use crate::books::with_books;

#[tokio::test]
async fn a_lived_through_year_is_clean() {
    with_books(async |books| {
        books.demo(60, 14, 1).await;
        let report = books.check().await;
        books.assert_clean(&report);
        for outcome in &report.checks {
            println!("{:24} {:>8}", outcome.name, outcome.looked_at);
        }
    })
    .await;
}
