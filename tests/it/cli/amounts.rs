//! Amounts at their limits: what one person can name, what all books come to, and how a total is split.

use kasacare::store::db::Sql;

use super::shop::Shop;
use crate::world::on_both;

const OLGA: &str = "--by olga --reason case-17 --as-of 2026-02-01";

#[tokio::test]
async fn nobody_can_name_an_amount_that_books_cannot_hold() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does("subscribe us plus/monthly --camera us-c1 --as-of 2026-01-31");
        shop.runs("2026-01-31");
        let most = "must be from 0.00 USD to 1000000000.00 USD";
        for amount in ["1000000000.01", "92233720368547758.07"] {
            for line in ["credit us", "collection-cost us --document d"].map(|line| format!("{line} {amount}")) {
                shop.refuses(&format!("{line} {OLGA}"), 2, most).await;
            }
        }
        for amount in ["1000000000.01", "92233720368547758.07", "-0.01"] {
            for option in ["--correct-net", "--correct-total"] {
                shop.refuses(&format!("correct us --invoice in_us-s1_1_0 {option} {amount} {OLGA}"), 2, most).await;
            }
        }
        // A negative amount is an amount that is refused, and no option that nobody knows.
        for line in ["credit us -5.00", "collection-cost us -5.00 --document d", "credit-paid us -5.00 --document x"] {
            let said = shop.says(&format!("{line} {OLGA}"));
            assert!(said.code != 0 && said.err.contains("USD") && !said.err.contains("unexpected argument"), "{line}: {}", said.err);
        }
        shop.refuses(&format!("credit us 0.00 {OLGA}"), 3, "must be above zero and at most 1000000000.00 USD").await;
        // The net amount is at its limit, and its tax goes beyond.
        let beyond = format!("correct us --invoice in_us-s1_1_0 --correct-net 1000000000.00 {OLGA}");
        shop.refuses(&beyond, 3, "at most 1000000000.00 USD").await;
        for account in ["us", "late"] {
            shop.does(&format!("credit {account} 1000000000.00 {OLGA}"));
            shop.does(&format!("collection-cost {account} 1000000000.00 --document d {OLGA}"));
        }
        for line in ["trial-balance", "journal", "journal --format csv", "check"] {
            shop.does(line);
        }
    })
    .await;
}

/// Legs that no command could make, as an earlier version did: the sum of two of them is more than 64 bits.
const HUGE: &str = "insert into postings (account_id, seq, leg_no, event_no, ledger_account, effective_on, amount_minor, currency) \
                    select account_id, seq, leg.no, 0, leg.account, effective_on, leg.amount, 'USD' from journal, \
                    (select 51 as no, 5200 as account, 9223372036854775807 as amount union all select 52, 5200, 9223372036854775807 \
                    union all select 53, 2200, -9223372036854775807 union all select 54, 2200, -9223372036854775807) as leg \
                    where account_id = 'us' and seq = 1";

#[tokio::test]
async fn a_sum_of_more_than_64_bits_is_named_and_stops_no_other_report() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does(&format!("credit us 1.00 {OLGA}"));
        let mut tx = shop.db.begin().await.unwrap();
        assert_eq!(tx.execute(&Sql::same(HUGE), &[]).await.unwrap(), 4);
        tx.commit().await.unwrap();
        let said = shop.says("trial-balance").code(5);
        assert!(said.err.contains("in USD is more than 64 bits of minor units hold"), "{}", said.err);
        assert!(said.err.contains("what stands on account 2200 ") && !said.err.contains("::"), "the account and no path: {}", said.err);
        let journal = shop.does("journal");
        assert!(journal.contains("-184467440737095516.14 USD"), "twice the largest amount:\n{journal}");
        shop.does("journal --format csv");
        shop.does("journal --from 2026-03-01");
    })
    .await;
}

#[tokio::test]
async fn a_total_is_split_by_the_rate_of_its_invoice() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does("subscribe us plus/monthly --camera us-c1 --as-of 2026-01-31");
        shop.runs("2026-01-31");
        // California: 8.25 %. 10.81 is 9.99 and 0.82; a share of ten times the total would be 99.90 and 8.20.
        let total = |total: &str| format!("correct us --invoice in_us-s1_1_0 --correct-total {total} {OLGA}");
        shop.refuses(&total("0.07"), 3, "the nearest totals are 0.06 USD and 0.08 USD").await;
        shop.quotes_then_does(&total("108.10")).await;
        let open = "select open_net_minor, open_tax_minor from corrections";
        assert_eq!(shop.rows(open).await, [("8987".to_owned(), "742".to_owned())], "99.86 and 8.24, less 9.99 and 0.82");
        shop.runs("2026-02-01");
        shop.does("check");
    })
    .await;
}
