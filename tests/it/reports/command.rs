//! `kasacare report` as people use it.

use crate::cli::shop::{Shop, kasacare};
use crate::world::on_both;

#[tokio::test]
async fn people_find_reports_and_are_told_what_is_wrong() {
    on_both(|db| async move {
        let shop = Shop::open(db);
        let list = shop.does("report list");
        for name in ["trial-balance", "receivables-ageing", "mrr", "customer-credits", "renewals-ahead"] {
            assert!(list.contains(name), "{list}");
        }
        let json = shop.says("report list --format json").json();
        assert_eq!(json.as_array().unwrap().len(), kasacare::reports::finance::ALL.len());
        let help = shop.does("report --help");
        assert!(help.contains("Examples:") && help.contains("Exit code 0") && help.contains("sales-tax"), "{help}");
        for (line, words) in [
            ("report", "NAME"),
            ("report turnover", "turnover"),
            ("report mrr --as-of 2026-01-31", "--as-of: mrr is over a range; it takes --from and --to"),
            ("report receivables-ageing --from 2026-01-31", "--from: receivables-ageing is of one date; it takes --as-of"),
            ("report mrr --from 2026-02-01 --to 2026-01-31", "--to: lies before --from"),
            ("report mrr --from 2026-02-30", "--from"),
            ("report mrr --known-at yesterday", "--known-at"),
            ("report mrr --currency dollars", "--currency"),
            ("report mrr --format hledger", "--format: this command does not print hledger"),
            ("report list --format csv", "--format: this command does not print csv"),
        ] {
            shop.says(line).fails(2, words);
        }
    })
    .await;
}

#[tokio::test]
async fn an_empty_database_has_empty_reports() {
    on_both(|db| async move {
        let shop = Shop::empty(db);
        for entry in kasacare::reports::finance::ALL {
            let said = shop.does(&format!("report {}", entry.name));
            assert!(said.contains("Nothing was posted."), "{}: {said}", entry.name);
        }
    })
    .await;
}

#[tokio::test]
async fn a_report_goes_to_a_file_whole_and_in_one_currency() {
    on_both(|db| async move {
        let shop = Shop::open(db);
        for id in ["us", "de"] {
            shop.does(&format!("subscribe {id} plus/annual --camera {id}-c1 --as-of 2026-01-10"));
        }
        shop.runs("2026-01-31");
        let both = shop.does("report trial-balance --format csv");
        assert!(both.contains("USD") && both.contains("EUR"), "{both}");
        let euro = shop.does("report trial-balance --currency EUR --format csv");
        assert!(euro.contains("EUR") && !euro.contains("USD"), "{euro}");
        // The command of old and the report have one query.
        assert!(shop.does("trial-balance --as-of 2026-01-31 --currency EUR").contains("113.04"), "94.99 and 19 %");
        assert!(euro.contains("113.04"), "{euro}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ageing.csv");
        std::fs::write(&file, "as it was").unwrap();
        let said = shop.does(&format!("report receivables-ageing --as-of 2026-01-31 --format csv --out {}", file.display()));
        assert_eq!(said, "");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), shop.does("report receivables-ageing --as-of 2026-01-31 --format csv"));
        let nowhere = folder.path().join("nowhere/ageing.csv");
        shop.says(&format!("report mrr --out {}", nowhere.display())).fails(2, "cannot write");
        // Years that nobody has lived through yet.
        shop.says("report waterfall --to 9998-12-31").fails(2, "9998-12-31 lies ahead: nothing is known after");
        shop.says("report receivables-ageing --as-of 9998-12-31").fails(2, "9998-12-31 lies ahead");
        // As it was known before anything had happened.
        assert!(shop.does("report trial-balance --known-at 2025-12-31").contains("Nothing was posted."));
        // The same bytes again.
        let entries = "report journal-entries --known-at 2026-01-31 --format csv";
        assert_eq!(shop.does(entries), kasacare(shop.db.url(), entries).ok());
    })
    .await;
}

#[tokio::test]
async fn what_does_not_tie_out_is_named_with_exit_code_1() {
    on_both(|db| async move {
        let shop = Shop::open(db);
        shop.does("subscribe us plus/annual --camera us-c1 --as-of 2026-01-10");
        shop.runs("2026-01-31");
        let mut tx = crate::check::unguarded(&shop.db).await;
        let moved = kasacare::store::db::Sql::same("update accounts set credit_cash_minor = 500 where account_id = 'us'");
        tx.execute(&moved, &[]).await.unwrap();
        let off = kasacare::store::db::Sql::same("update postings set amount_minor = amount_minor + 1 where ledger_account = 1200");
        tx.execute(&off, &[]).await.unwrap();
        tx.commit().await.unwrap();
        let said = shop.says("report trial-balance --as-of 2026-01-31").code(1);
        assert!(said.err.contains("does not tie out: debits = credits"), "{}", said.err);
    })
    .await;
}
