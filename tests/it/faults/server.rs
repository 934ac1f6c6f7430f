//! PostgreSQL that goes away in the middle of a run.

use std::time::Duration;

use kasacare::store::db::Db;

use super::{assert_all_done, assert_sound, end_of, ended, number, open, run, server_with_renewals_due};

/// What has just begun when the server dies, and how one sees it.
const MOMENTS: [(&str, &str); 3] = [
    ("the renewals", "select count(*) from invoices where period_no = 1"),
    ("the charges", "select count(*) from sim_charge where invoice_id like '%_1_1'"),
    ("the receipts", "select count(*) from notices where kind = 'receipt_payment' and state = 'sent' and notice_id like '%_1_1_1'"),
];

/// Waits until something of the kind is there.
async fn begun(db: &Db, sql: &'static str) {
    for _ in 0..3_000 {
        if number(db, sql).await > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never begun: {sql}");
}

/// F21, I15: the run ends and says that the server is gone; when it is back, the next run takes over what was left.
#[tokio::test]
async fn a_server_that_dies_during_a_run_costs_nobody_a_second_charge() {
    let (server, url) = server_with_renewals_due().await;
    let mails = tempfile::tempdir().unwrap();
    for (what, sql) in MOMENTS {
        let db = open(&url).await;
        let running = run(&url, mails.path()).spawn().expect("the program starts");
        begun(&db, sql).await;
        server.kill();
        let (code, said) = ended(running);
        // It may have been done already where the last of it had begun.
        assert!(code == 5 || (code == 0 && what == "the receipts"), "when {what} had begun: {code} {said}");
        if code == 5 {
            let gone = ["the connection to the database was lost", "no connection to the database was to be had"];
            assert!(gone.iter().any(|words| said.contains(words)), "when {what} had begun: {said}");
        }
        server.start_again();
        let db = open(&url).await;
        assert_sound(&db).await;
        db.close().await;
    }
    let (code, said) = end_of(&mut run(&url, mails.path()));
    assert_eq!(code, 0, "{said}");
    let db = open(&url).await;
    assert_all_done(&db).await;
    db.close().await;
}
