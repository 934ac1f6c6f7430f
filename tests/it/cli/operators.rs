//! What operators can do, by name and with a reason, each command first quoted and then done.

use serde_json::json;

use super::shop::{Shop, state_after};
use crate::world::on_both;

const OLGA: &str = "--by olga --reason case-17";

#[tokio::test]
async fn service_is_stopped_given_back_and_ended() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does("subscribe us plus/annual --camera us-c1 --as-of 2026-01-31");
        shop.does("subscribe de plus/annual --camera de-c1 --as-of 2026-01-31");
        shop.runs("2026-01-31");
        let stopped = shop.quotes_then_does(&format!("suspend us us-s1 {OLGA} --as-of 2026-02-10")).await;
        assert_eq!((&stopped["actor"], &stopped["reason"]), (&json!("olga"), &json!("case-17")));
        assert_eq!(state_after(&stopped, "us-s1"), "suspended");
        let back = shop.quotes_then_does(&format!("reinstate us us-s1 {OLGA} --as-of 2026-02-12")).await;
        assert_eq!(state_after(&back, "us-s1"), "active");
        let ended = shop.quotes_then_does(&format!("terminate us us-s1 {OLGA} --as-of 2026-06-02")).await;
        assert_eq!(ended["money"]["paid_back"], "71.76 USD", "as a cancellation");
        let breach =
            shop.quotes_then_does(&format!("terminate de de-s1 --breach --no-notice-because fraud {OLGA} --as-of 2026-06-02")).await;
        assert_eq!(breach["money"]["paid_back"], "0.00 EUR", "a breach forfeits the refund");
        assert_eq!(breach["notices"], json!([]));
        assert!(breach["why"].to_string().contains("the customer is not told: fraud"), "{breach:#}");
    })
    .await;
}

#[tokio::test]
async fn a_quote_asks_neither_for_a_name_nor_for_a_reason() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does("credit us 5.00 --quote");
        shop.refuses("credit us 5.00", 2, "needs --reason").await;
        shop.refuses("credit us 5.00 --reason sorry", 2, "needs --by").await;
        shop.refuses("credit us 5.00 --reason sorry --by customer", 2, "a person's name").await;
    })
    .await;
}

#[tokio::test]
async fn credit_is_given_and_pays_the_next_invoice() {
    on_both(async |db| {
        let shop = Shop::open(db);
        let given = shop.quotes_then_does(&format!("credit us 5.00 {OLGA} --as-of 2026-01-05")).await;
        assert_eq!((&given["money"]["credit_before"], &given["money"]["credit_after"]), (&json!("0.00 USD"), &json!("5.00 USD")));
        let bought = shop.says("subscribe us plus/monthly --camera us-c1 --as-of 2026-01-05 --format json").json();
        assert_eq!(bought["money"]["to_pay"], "5.81 USD");
    })
    .await;
}

#[tokio::test]
async fn wrong_payments_are_put_right() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does("subscribe us plus/annual --camera us-c1 --as-of 2026-01-31");
        shop.does("subscribe de plus/monthly --camera de-c1 --as-of 2026-01-31");
        shop.runs("2026-01-31");
        let line = format!("correct us --invoice in_us-s1_1_0 --correct-net 79.99 {OLGA} --as-of 2026-02-20");
        let over = shop.quotes_then_does(&line).await;
        assert_eq!(over["money"]["paid_back"], "21.65 USD");
        shop.refuses(&format!("correct us --invoice in_us-s1_1_0 --correct-net 79.99 {OLGA} --as-of 2026-02-20"), 3, "which is correct")
            .await;
        let line = format!("correct de --invoice in_de-s1_1_0 --correct-total 12.50 {OLGA} --as-of 2026-03-02");
        let under = shop.quotes_then_does(&line).await;
        assert_eq!(under["money"]["to_pay"], "1.21 EUR", "day 30 is inside the window");
        shop.runs("2026-03-02");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_price_is_cancelled_in_full() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does("subscribe us plus/annual --camera us-c1 --as-of 2026-01-31");
        shop.runs("2026-01-31");
        let cancelled = shop.quotes_then_does(&format!("price cancel-order us us-s1 {OLGA} --as-of 2026-02-20")).await;
        assert_eq!(cancelled["money"]["paid_back"], "108.24 USD");
    })
    .await;
}

/// CA-4, CO-5: the period that has begun was not billed, and is not any more.
#[tokio::test]
async fn a_wrong_price_is_cancelled_while_the_renewal_is_late() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does("subscribe us plus/monthly --camera us-c1 --as-of 2026-01-31");
        shop.runs("2026-01-31");
        let cancelled = shop.quotes_then_does(&format!("price cancel-order us us-s1 {OLGA} --as-of 2026-03-02")).await;
        assert_eq!((&cancelled["money"]["paid_back"], &cancelled["money"]["to_pay"]), (&json!("0.00 USD"), &json!("0.00 USD")));
        assert!(cancelled["why"].to_string().contains("CA-4: the period from 2026-02-28 on was not billed"), "{cancelled:#}");
        shop.runs("2026-04-30");
        assert_eq!(shop.count("select count(*) from invoices").await, 1);
        assert_eq!(
            shop.count("select count(*) from subscriptions where closed_cause = 'order_cancelled' and closed_on = '2026-02-28'").await,
            1
        );
        shop.says("check").ok();
    })
    .await;
}

/// What was decided, and reported, is not preceded by what is decided later.
#[tokio::test]
async fn the_jobs_do_not_go_back_before_what_was_done() {
    on_both(async |db| {
        let shop = Shop::open(db);
        // Imports are dated when they come in, which may be any time.
        let late = shop.file("late.csv", "account_id,email,name,time_zone,currency,jurisdiction\nx,x@example.com,X,UTC,USD,US-OR\n");
        shop.does(&format!("import accounts {late}"));
        shop.does("subscribe us plus/monthly --camera us-c1 --as-of 2026-01-31");
        shop.runs("2026-01-31");
        shop.runs("2026-01-31");
        shop.does("subscribe de plus/monthly --camera de-c1 --as-of 2026-02-10");
        for as_of in ["2026-02-09", "2026-01-31T12:00:00Z"] {
            let line = format!("run --once --as-of {as_of} --mail-dir {}", shop.path("none").display());
            shop.refuses(&line, 2, "something was decided at 2026-02-10 22:59:59.999999 UTC already (account de)").await;
        }
        shop.says("run --once --as-of 2026-02-09").fails(2, "take --as-of 2026-02-10 or later");
        shop.runs("2026-02-10");
        shop.says("check --as-of 2026-02-10").ok();
    })
    .await;
}

/// Two who do not pay: `us` monthly and `de` annual, both since 10 February.
fn two_who_do_not_pay(shop: &Shop) {
    shop.does("subscribe us plus/monthly --camera us-c1 --as-of 2026-01-10");
    shop.does("subscribe de plus/monthly --camera de-c1 --as-of 2026-01-10");
    shop.runs("2026-01-10");
    for account in ["us", "de"] {
        shop.does(&format!("payment-method {account} --token tok_stolen --label Visa --as-of 2026-01-20"));
    }
    shop.runs("2026-02-10");
}

#[tokio::test]
async fn what_is_not_paid_for_is_ended_one_by_one_or_all_together() {
    on_both(async |db| {
        let shop = Shop::open(db);
        two_who_do_not_pay(&shop);
        let nobody = shop.does(&format!("cancel-unpaid --past-due-days 20 {OLGA} --as-of 2026-03-01"));
        assert_eq!(nobody, "0 past due for 20 days or more ended, 0 accounts refused.\n");
        let before = shop.digest().await;
        let quote = shop.does("cancel-unpaid --past-due-days 19 --as-of 2026-03-01 --quote");
        assert_eq!(shop.digest().await, before);
        let expected = "de: de-s1 ends, owed 11.29 EUR
us: us-s1 ends, owed 10.81 USD
2 past due for 19 days or more would end, 0 accounts refused. Nothing has been changed.
";
        assert_eq!(quote, expected);
        let one = shop.quotes_then_does(&format!("cancel-unpaid us us-s1 {OLGA} --as-of 2026-03-01")).await;
        assert_eq!(one["money"]["owed_after"], "10.81 USD", "monthly: the whole period stays owed (PD-3)");
        let rest = shop.says(&format!("cancel-unpaid --past-due-days 19 {OLGA} --as-of 2026-03-01 --format json")).json();
        assert_eq!((rest["changes"].as_array().unwrap().len(), &rest["changes"][0]["account"]), (1, &json!("de")));
        assert_eq!(shop.count("select count(*) from subscriptions where closed_cause = 'unpaid'").await, 2);
    })
    .await;
}

#[tokio::test]
async fn debts_are_recharged_and_written_off() {
    on_both(async |db| {
        let shop = Shop::open(db);
        two_who_do_not_pay(&shop);
        let line = format!("collection-cost us 25.00 --document agency-9 {OLGA} --as-of 2026-03-01");
        let cost = shop.quotes_then_does(&line).await;
        assert_eq!(cost["money"]["owed_after"], "35.81 USD");
        shop.refuses(&format!("write-off us in_us-s1_1_1 {OLGA} --as-of 2026-03-01"), 3, "use cancel-unpaid first").await;
        shop.does(&format!("cancel-unpaid us us-s1 {OLGA} --as-of 2026-03-01"));
        let off = shop.quotes_then_does(&format!("write-off us in_us-s1_1_1 {OLGA} --as-of 2026-03-15")).await;
        assert_eq!(off["money"]["owed_after"], "25.00 USD");
    })
    .await;
}

#[tokio::test]
async fn a_parked_account_is_listed_and_released() {
    on_both(async |db| {
        let shop = Shop::open(db);
        assert_eq!(shop.does("parked"), "No account is parked.\n");
        shop.does("subscribe us plus/monthly --camera us-c1 --as-of 2026-01-10");
        shop.runs("2026-01-10");
        shop.runs("2026-06-20");
        let list = shop.says("parked --format json").json();
        assert_eq!((&list["parked"][0]["account"], &list["parked"][0]["code"]), (&json!("us"), &json!("too_many_missed_periods")));
        assert!(shop.does("parked").contains("periods were missed"), "and the table says why");
        shop.refuses("change-plan us us-s1 plus/annual --as-of 2026-06-21", 3, "is parked").await;
        let accepted = shop.quotes_then_does("cancel us us-s1 --as-of 2026-06-21").await;
        assert_eq!(accepted["events"][0], json!({ "cancel_requested.v1": { "subscription": "us-s1", "on": "2026-06-21" } }));
        shop.refuses("release us --waive-missed --as-of 2026-06-22", 2, "needs --reason").await;
        shop.quotes_then_does(&format!("release us --waive-missed {OLGA} --as-of 2026-06-22")).await;
        assert_eq!(shop.does("parked"), "No account is parked.\n");
        shop.refuses(&format!("release us {OLGA} --as-of 2026-06-22"), 3, "is not parked").await;
    })
    .await;
}

#[tokio::test]
async fn tasks_are_listed_and_closed_by_name() {
    on_both(async |db| {
        let shop = Shop::open(db);
        assert_eq!(shop.does("tasks"), "Nothing is to be done.\n");
        shop.does("subscribe us plus/annual --camera us-c1 --as-of 2026-01-31");
        shop.runs("2026-01-31");
        shop.does(&format!("correct us --invoice in_us-s1_1_0 --correct-net 79.99 {OLGA} --as-of 2026-03-03"));
        let tasks = shop.says("tasks --format json").json();
        let task = tasks["tasks"][0]["task"].as_str().unwrap().to_owned();
        assert_eq!((&tasks["tasks"][0]["kind"], &tasks["tasks"][0]["amount"]), (&json!("overcharge_owed"), &json!("21.65 USD")));
        assert!(shop.does("tasks").contains("1 open"));
        shop.refuses(&format!("tasks close us {task}"), 2, "needs --reason").await;
        shop.refuses(&format!("tasks close us tk_none {OLGA}"), 4, "has no task").await;
        shop.quotes_then_does(&format!("tasks close us {task} {OLGA} --as-of 2026-03-04")).await;
        assert_eq!(shop.does("tasks"), "Nothing is to be done.\n");
        assert!(shop.does("tasks --account us").contains("2026-03-04"), "a closed task is still there");
        shop.says("tasks --account nobody").fails(4, "no account `nobody`");
    })
    .await;
}

/// RF-4: the card is closed, and a person sends the money from the bank. It is not spent as well.
#[tokio::test]
async fn credit_that_is_paid_by_hand_is_gone() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does("payment-method us --token tok_refund_fails --label Visa --expires 2031-12 --as-of 2026-01-31");
        shop.does("subscribe us plus/annual --camera us-c1 --as-of 2026-01-31");
        shop.runs("2026-01-31");
        shop.does("cancel us us-s1 --as-of 2026-06-02");
        shop.runs("2026-06-02");
        shop.refuses(&format!("credit-paid us 71.77 --document T-1 {OLGA} --as-of 2026-06-03"), 3, "at most 71.76 USD").await;
        shop.refuses("credit-paid us 71.76 --document T-1 --as-of 2026-06-03", 2, "needs --reason").await;
        let paid = shop.quotes_then_does(&format!("credit-paid us 71.76 --document T-1 {OLGA} --as-of 2026-06-03")).await;
        assert_eq!((&paid["money"]["credit_before"], &paid["money"]["credit_after"]), (&json!("71.76 USD"), &json!("0.00 USD")));
        let tasks = shop.does("tasks");
        assert!(!tasks.contains("refund_failed"), "{tasks}");
        shop.refuses(&format!("credit-paid us 0.01 --document T-2 {OLGA} --as-of 2026-06-03"), 3, "at most 0.00 USD").await;
        assert!(shop.does("trial-balance").contains("1010     Bank                                              71.76"));
        shop.does("check --as-of 2026-06-03");
        // PV-5: the provider has paid it as well. Nothing is left that it could be taken from.
        let line = format!("refund-paid us re_us-s1_1_0_1_1 --reference sim_late {OLGA} --as-of 2026-06-04");
        let after_all = shop.quotes_then_does(&line).await;
        assert!(after_all["why"].to_string().contains("71.76 USD of it was not owed any more"), "{after_all:#}");
        let unapplied = shop.does("unapplied list");
        assert!(unapplied.contains("excess_refund") && unapplied.contains("71.76 USD"), "{unapplied}");
        shop.does(&format!("write-off us re_us-s1_1_0_1_1 {OLGA} --as-of 2026-06-05"));
        assert!(!shop.does("unapplied list").contains("excess_refund"));
    })
    .await;
}
