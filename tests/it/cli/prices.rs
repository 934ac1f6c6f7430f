//! Announcing prices: what it means is shown first, and it is done once.

use serde_json::json;

use super::shop::Shop;
use crate::world::on_both;

const V2: &str = "--version v2 --effective-from 2026-04-01 --price plus/monthly=10.99:USD --price plus/annual=109.99:USD";
const OLGA: &str = "--by olga --reason costs";

fn with_subscribers(shop: &Shop) {
    shop.does("subscribe us plus/monthly --camera us-c1 --as-of 2026-02-10");
    shop.does("subscribe us plus/annual --camera us-c2 --as-of 2026-02-10");
    shop.does("subscribe late plus/monthly --camera late-c1 --as-of 2026-02-10");
    shop.does("subscribe de plus/monthly --camera de-c1 --as-of 2026-02-10");
    shop.runs("2026-02-10");
}

#[tokio::test]
async fn a_quote_counts_whom_it_concerns_and_what_it_brings() {
    on_both(async |db| {
        let shop = Shop::open(db);
        with_subscribers(&shop);
        let before = shop.digest().await;
        let quote = shop.says(&format!("price announce {V2} --as-of 2026-02-15 --quote --format json")).json();
        assert_eq!(shop.digest().await, before);
        assert_eq!(quote["subscriptions"], 3, "nobody who pays in euros");
        assert_eq!(quote["yearly"], json!(["34.00 USD"]), "2 x 12 x 1.00 + 10.00");
        let words = shop.does(&format!("price announce {V2} --as-of 2026-02-15 --quote"));
        assert!(words.contains("3 subscriptions, +34.00 USD a year before promotions and tax"), "{words}");
    })
    .await;
}

#[tokio::test]
async fn it_is_announced_once_and_every_customer_is_told_once() {
    on_both(async |db| {
        let shop = Shop::open(db);
        with_subscribers(&shop);
        shop.refuses(&format!("price announce {V2} --as-of 2026-02-15"), 2, "--by: is needed").await;
        let line = format!("price announce {V2} {OLGA} --as-of 2026-02-15");
        assert!(shop.does(&line).starts_with("Done: price version v2 is announced"), "announced");
        let announced = shop.digest().await;
        assert!(shop.does(&line).starts_with("Already done"), "the same again");
        assert!(shop.does(&format!("price announce --version v2 {OLGA}")).starts_with("Already done"), "or by its name");
        assert_eq!(shop.digest().await, announced);
        let other = V2.replace("10.99", "11.99");
        shop.refuses(&format!("price announce {other} {OLGA} --as-of 2026-02-15"), 3, "stored already with another").await;
        shop.runs("2026-02-15");
        shop.runs("2026-02-16");
        assert_eq!(shop.count("select count(*) from notices where kind = 'price_notice' and state = 'sent'").await, 3);
        // 10 March is 23 days after the notice: once more at the old price.
        shop.runs("2026-03-10");
        shop.runs("2026-04-10");
        let billed = "select price_version, currency from invoices i join accounts a on a.account_id = i.account_id \
                      where subscription_id = 'late-s1' order by period_no";
        let versions: Vec<String> = shop.rows(billed).await.into_iter().map(|(version, _)| version).collect();
        assert_eq!(versions, ["v1", "v1", "v2"]);
    })
    .await;
}

#[tokio::test]
async fn a_wrongly_priced_order_is_given_back_as_credit_where_the_customer_chose_that() {
    on_both(async |db| {
        let shop = Shop::open(db);
        with_subscribers(&shop);
        let line = "price cancel-order us us-s2 --to-credit --by olga --reason wish --as-of 2026-02-15";
        let before = shop.digest().await;
        let quote = shop.does(&format!("{line} --quote"));
        assert!(quote.contains("credit"), "{quote}");
        assert_eq!(shop.digest().await, before);
        shop.does(line);
        shop.runs("2026-02-15");
        let paid = shop.count("select captured_minor from invoices where subscription_id = 'us-s2'").await;
        assert_eq!(paid, 10_824, "99.99 and 8.25 %");
        assert_eq!(shop.count("select credit_cash_minor from accounts where account_id = 'us'").await, paid);
        assert_eq!(shop.count("select count(*) from refunds").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_version_comes_from_a_file_too_and_must_fit_the_catalog() {
    on_both(async |db| {
        let shop = Shop::open(db);
        let header = "version,effective_from,tier,cycle,currency,amount\n";
        let file = shop.file("v2.csv", &format!("{header}v2,2026-04-01,plus,monthly,USD,10.99\n"));
        shop.does(&format!("price announce --file {file} {OLGA} --as-of 2026-02-15"));
        for (line, words) in [
            ("--version v3 --effective-from 2026-01-01 --price plus/monthly=1.00:USD", "2026-01-01 is over"),
            ("--version v3 --effective-from 2026-05-01 --price gold/monthly=1.00:USD", "no tier `gold` is known"),
            ("--version v3 --effective-from 2026-04-01 --price plus/monthly=1.00:USD", "version v2 prices plus/monthly in USD"),
            ("--version v3 --effective-from 2026-05-01 --price plus/monthly=0.00:USD", "must be above zero"),
            ("--version v3 --effective-from 2026-05-01 --price plus/monthly=1.0:USD", "exactly 2 decimals"),
            ("--version v3 --effective-from 2026-05-01 --price plus/weekly=1.00:USD", "is not a plan"),
            ("--version v3 --effective-from 2026-05-01 --price plus/monthly=92233720368547758.07:USD", "at most"),
            ("--version v3 --effective-from 2026-05-01 --price plus/monthly=1.00:USD --price plus/monthly=2.00:USD", "there twice"),
            ("--version v3 --effective-from 2026-05-01", "--price"),
            ("--version a/b --effective-from 2026-05-01 --price plus/monthly=1.00:USD", "character 2"),
        ] {
            shop.refuses(&format!("price announce {line} {OLGA} --as-of 2026-02-15"), 2, words).await;
        }
        shop.refuses(&format!("price announce --version v9 {OLGA}"), 4, "no price version `v9`").await;
        let two = shop.file("two.csv", &format!("{header}v3,2026-05-01,plus,monthly,USD,1.00\nv4,2026-06-01,plus,monthly,USD,1.00\n"));
        shop.refuses(&format!("price announce --file {two} {OLGA}"), 2, "it has 2 versions").await;
        let bad = shop.file("bad.csv", &format!("{header}v3,2026-05-01,plus,monthly,USD,1\n"));
        shop.refuses(&format!("price announce --file {bad} {OLGA}"), 2, "bad.csv:2: amount").await;
    })
    .await;
}
