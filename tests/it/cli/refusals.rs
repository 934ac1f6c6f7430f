//! What is refused changes nothing, and the exit code says of what kind it is.

use super::shop::{Shop, fixture};
use crate::world::on_both;

const OLGA: &str = "--by olga --reason case-17 --as-of 2026-02-01";
/// The number of a test card, with a right check digit.
const CARD: &str = "4242424242424242";

#[tokio::test]
async fn illegal_commands_are_refused() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does("subscribe us plus/monthly --camera us-c1 --as-of 2026-01-31");
        shop.does("subscribe de premium/monthly --as-of 2026-01-31");
        for (line, words) in [
            ("change-plan us us-s1 premium/monthly --as-of 2026-02-01", "first charge"),
            ("promotion us us-s1 HALF3 --as-of 2026-02-01", "first charge"),
            (&format!("suspend us us-s1 {OLGA}"), "its first charge has not settled"),
            (&format!("correct us --invoice in_us-s1_1_0 --correct-net 1.00 {OLGA}"), "is under way"),
            ("subscribe us plus/annual --camera us-c1 --as-of 2026-02-01", "already covered by subscription us-s1"),
            ("subscribe us premium/annual --as-of 2026-02-01", "already covered"),
            ("subscribe de plus/annual --camera de-c1 --as-of 2026-02-01", "covers all its cameras"),
            ("trial de premium/monthly --as-of 2026-02-01", "covers all its cameras"),
            (&format!("cancel-unpaid us us-s1 {OLGA}"), "is under way"),
            (&format!("terminate us us-s1 {OLGA}"), "is under way"),
            (&format!("release us {OLGA}"), "is not parked"),
        ] {
            shop.refuses(line, 3, words).await;
        }
        shop.runs("2026-01-31");
        for (line, words) in [
            ("change-plan us us-s1 plus/monthly --as-of 2026-02-01", "is on plus/monthly already"),
            (&format!("reinstate us us-s1 {OLGA}"), "is not suspended"),
            (&format!("cancel-unpaid us us-s1 {OLGA}"), "nothing is unpaid"),
            (&format!("write-off us in_us-s1_1_0 {OLGA}"), "nothing is owed on invoice in_us-s1_1_0 any more"),
            ("resume us us-s1 --as-of 2026-03-15", "run the jobs first"),
        ] {
            if line.starts_with("resume") {
                shop.does("cancel us us-s1 --as-of 2026-02-01");
            }
            shop.refuses(line, 3, words).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    on_both(async |db| {
        let shop = Shop::open(db);
        for line in [
            "subscribe nobody plus/monthly --camera us-c1",
            "cancel nobody us-s1",
            "cancel us nothing",
            "change-plan us nothing plus/annual",
            "resume us nothing",
            "promotion us nothing HALF3",
            "transfer-camera us nothing",
            "subscribe us gold/monthly --camera us-c1",
            "subscribe us plus/monthly --camera us-c1 --promotion NOTHING",
            "trial us gold/monthly",
            "payment-method nobody --token tok_ok --label Visa",
            "tasks --account nobody",
        ] {
            shop.refuses(line, 4, "").await;
        }
        for line in [
            "suspend us nothing",
            "reinstate us nothing",
            "terminate us nothing",
            "cancel-unpaid us nothing",
            "collection-cost nobody 1.00 --document d",
            "write-off us in_nothing_1_0",
            "credit nobody 1.00",
            "correct us --invoice in_nothing_1_0 --correct-net 1.00",
            "price cancel-order us nothing",
            "release nobody",
            "tasks close us nothing",
        ] {
            shop.refuses(&format!("{line} {OLGA}"), 4, "").await;
        }
    })
    .await;
}

#[tokio::test]
async fn absurd_values_are_bad_input() {
    on_both(async |db| {
        let shop = Shop::open(db);
        for (line, words) in [
            ("credit us 92233720368547758.08", "too large"),
            ("correct us --invoice i --correct-net -1.00", "must be from 0.00 USD to"),
            ("credit us 1e9", "not a decimal amount"),
            ("credit us 1.234", "exactly 2 decimals"),
            ("credit us ٣.00", "not a decimal amount"),
            ("credit us 1.00EUR", "not a decimal amount"),
            ("collection-cost us 0,50 --document d", "not a decimal amount"),
            ("correct us --invoice i --correct-net 1.00 --correct-total 1.00", "cannot be used with"),
            ("correct us --invoice i", "--correct-net"),
            ("cancel-unpaid", "--past-due-days"),
            ("cancel-unpaid us", "SUBSCRIPTION"),
            ("cancel-unpaid --past-due-days -1", "-1"),
            ("cancel-unpaid us us-s1 --past-due-days 3", "cannot be used with"),
        ] {
            shop.refuses(&format!("{line} --by olga --reason case"), 2, words).await;
        }
        for (line, words) in [
            ("cancel us us-s1 --as-of 0000-12-31", "in the years 1 to 9998"),
            ("cancel us us-s1 --as-of 9999-01-01", "in the years 1 to 9998"),
            ("cancel us us-s1 --as-of 2026-02-30", "write a date"),
            ("cancel us us-s1 --as-of now", "write a date"),
            ("journal --from 2026-3-1", "write a date (2026-03-01), in the years 1 to 9998"),
            ("journal --to 12026-03-01", "write a date (2026-03-01), in the years 1 to 9998"),
            ("trial-balance --as-of yesterday", "write a date (2026-03-01), in the years 1 to 9998"),
            ("price announce --version v2 --effective-from soon --price plus/monthly=1.00:USD", "write a date"),
            ("quote refund /", "cannot open /: is a directory"),
            ("import terms / --input-format json", "cannot open /: is a directory"),
            ("cancel ../us us-s1", "character 3"),
            ("cancel us us/s1", "character 3"),
            ("cancel us us-s1 --request-id a/b", "character 2"),
            ("subscribe us plus", "is not a plan"),
            ("subscribe us plus/monthly", "covers one camera"),
            ("subscribe us premium/monthly --camera us-c1", "covers all cameras"),
            ("payment-method us --token a/b --label Visa", "a provider's token"),
            ("payment-method us --token tok --label Visa --expires 2020-01", "expired already"),
            ("payment-method us --token tok --label Visa --expires 1.2030", "a month, YYYY-MM"),
            ("frobnicate", "unrecognized subcommand"),
            ("--db mysql://x/y parked", "neither sqlite: nor postgres:"),
        ] {
            shop.refuses(line, 2, words).await;
        }
    })
    .await;
}

#[tokio::test]
async fn card_numbers_are_neither_taken_nor_repeated() {
    on_both(async |db| {
        let shop = Shop::open(db);
        for line in [
            format!("payment-method us --token {CARD} --label Visa"),
            format!("payment-method us --token tok_ok --label {CARD}"),
            format!("credit us 1.00 --by olga --reason {CARD}"),
            format!("credit us 1.00 --by {CARD} --reason sorry"),
            format!("collection-cost us 1.00 --document {CARD} --by olga --reason letter"),
            format!("terminate us us-s1 --no-notice-because {CARD} --by olga --reason fraud"),
            format!("subscribe us plus/monthly --camera {CARD}"),
            format!("subscribe us plus/monthly --camera us-c1 --promotion {CARD}"),
            format!("subscribe us plus/monthly --camera us-c1 --request-id {CARD}"),
            format!("promotion us us-s1 {CARD}"),
            format!("cancel {CARD} us-s1"),
            format!("price announce --version {CARD} --by olga --reason costs"),
            "credit us 1.00 --by olga --reason 4242/4242/4242/4242".to_owned(),
            format!("credit us 1.00 --by olga --reason {}", CARD.replace('4', "\u{ff14}")),
            // What cannot be understood is not repeated either.
            "subscribe us plus/monthly --camera 4242/4242/4242/4242".to_owned(),
            format!("frobnicate {CARD}"),
        ] {
            let said = shop.says(&line).code(2);
            assert!(said.err.contains("looks like a card number"), "{}", said.err);
            assert!(!said.err.contains("4242"), "repeated: {}", said.err);
        }
        let catalog = std::fs::read_to_string(fixture("catalog.json")).unwrap();
        for (from, field) in [
            ("\"KASA\"", "seller"),
            ("\"Kasa Care Plus\"", "tiers[0].title"),
            ("\"v1\"", "versions[0].version"),
            ("\"WELCOME20\"", "promotions[0].code"),
        ] {
            let file = shop.file("c.json", &catalog.replacen(from, "\"4242 – 4242  4242/4242\"", 1));
            let said = shop.says(&format!("import catalog {file}")).code(2);
            assert!(said.err.contains(&format!("{field}: looks like a card number")), "{}", said.err);
            assert!(!said.err.contains("4242"), "repeated: {}", said.err);
        }
        let terms = shop.file("t.json", &format!("{{\"version\": \"{CARD}\"}}"));
        shop.says(&format!("import terms {terms}")).fails(2, "version: looks like a card number");
        let prices =
            shop.file("p.csv", &format!("version,effective_from,tier,cycle,currency,amount\n{CARD},2026-09-01,plus,monthly,USD,1.00\n"));
        shop.says(&format!("import catalog {prices}")).fails(2, "version: looks like a card number");
        assert!(!shop.digest().await.contains(CARD));
    })
    .await;
}

/// Dates from the first year to the last one, and amounts near the largest: refused or done, and never a panic.
#[tokio::test]
async fn the_edges_of_time_and_money_do_not_panic() {
    on_both(async |db| {
        let shop = Shop::open(db);
        for date in ["0001-01-01", "0001-12-31", "1582-10-10", "9997-06-15", "9998-12-31"] {
            for line in [
                format!("subscribe us plus/annual --camera us-c1 --quote --as-of {date}"),
                format!("trial us premium/monthly --quote --as-of {date}"),
                format!("credit us 1000000000.00 --quote --as-of {date}"),
                format!("payment-method us --token tok_ok --label Visa --quote --as-of {date}"),
                format!("price announce --version v1 --quote --as-of {date}"),
            ] {
                let said = shop.says(&line);
                assert!(matches!(said.code, 0 | 3), "{line}: {} {} {}", said.code, said.out, said.err);
            }
        }
        shop.does("credit us 1000000000.00 --by olga --reason test --as-of 2026-01-01");
        let bought = shop.says("subscribe us plus/monthly --camera us-c1 --as-of 2026-01-02 --format json").json();
        assert_eq!(bought["money"]["credit_after"], "999999989.19 USD");
    })
    .await;
}

/// What was reported of a day stays as it was: no decision is put before it later.
#[tokio::test]
async fn a_command_of_an_earlier_day_is_refused() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does("credit us 1.00 --by olga --reason sorry --as-of 2026-02-10");
        shop.does("credit us 1.00 --by olga --reason sorry --as-of 2026-02-10T08:00:00Z");
        let earlier = "credit us 1.00 --by olga --reason sorry --as-of 2026-02-09";
        shop.refuses(earlier, 2, "take --as-of 2026-02-10 or later").await;
        shop.refuses(&format!("{earlier} --quote"), 2, "take --as-of 2026-02-10 or later").await;
        shop.does("credit de 1.00 --by olga --reason sorry --as-of 2026-02-09");
    })
    .await;
}
