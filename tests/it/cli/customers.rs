//! What customers can do, each command first quoted and then done.

use serde_json::json;

use super::shop::{Shop, state_after};
use crate::world::on_both;

#[tokio::test]
async fn an_annual_plan_is_bought_and_given_back_as_worked_out_in_the_rules() {
    on_both(async |db| {
        let shop = Shop::open(db);
        let bought = shop.quotes_then_does("subscribe us plus/annual --camera us-c1 --as-of 2026-01-31").await;
        assert_eq!(state_after(&bought, "us-s1"), "pending");
        assert_eq!(bought["money"]["to_pay"], "108.24 USD");
        assert_eq!(bought["actor"], "customer");
        shop.runs("2026-01-31");
        let cancelled = shop.quotes_then_does("cancel us us-s1 --as-of 2026-06-02").await;
        assert_eq!(state_after(&cancelled, "us-s1"), "closed");
        assert_eq!(cancelled["money"]["paid_back"], "71.76 USD");
        assert_eq!(cancelled["postings"].as_array().unwrap().iter().filter(|leg| leg["account"] == 2310).count(), 1);
        assert_eq!(cancelled["notices"][0]["kind"], "cancellation_confirmed");
        let again = shop.does("cancel us us-s1 --as-of 2026-06-02");
        assert!(again.contains("it is so already"), "{again}");
    })
    .await;
}

#[tokio::test]
async fn people_read_the_money_first_and_programs_get_the_same() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does("subscribe us plus/annual --camera us-c1 --as-of 2026-01-31");
        shop.runs("2026-01-31");
        let quote = shop.does("cancel us us-s1 --as-of 2026-06-02 --quote");
        let expected = "Quote: cancel, account us, 2026-06-02. Nothing has been changed.

Money
  to be refunded  71.76 USD

What happens
  subscription us-s1
      before  active: plus/annual at v1, paid period 2026-01-31 to 2027-01-30, renews on 2027-01-31, covers us-c1
      after   closed: cancelled, first day without it 2026-06-03
";
        assert!(quote.starts_with(expected), "{quote}");
        for part in ["242 of 365 days unused", "RF-3: 71.76 USD paid out", "66.29 USD", "5.47 USD", "cancellation confirmed"] {
            assert!(quote.contains(part), "no `{part}` in\n{quote}");
        }
        let personal = ["Ursula", "us@example.com", "tok_ok", "Visa"];
        let shown = shop.says("cancel us us-s1 --as-of 2026-06-02 --quote --format json").ok();
        for text in personal {
            assert!(!quote.contains(text) && !shown.contains(text), "personal data: {text}");
        }
    })
    .await;
}

#[tokio::test]
async fn plans_are_changed_resumed_and_left() {
    on_both(async |db| {
        let shop = Shop::open(db);
        let line = "subscribe de plus/monthly --camera de-c1 --promotion WELCOME20 --as-of 2026-01-10";
        let bought = shop.quotes_then_does(line).await;
        assert_eq!(bought["events"][1], json!({ "promotion_redeemed.v1": { "subscription": "de-s1", "code": "WELCOME20" } }));
        shop.runs("2026-01-10");
        let cancelled = shop.quotes_then_does("cancel de de-s1 --as-of 2026-01-20").await;
        assert_eq!(state_after(&cancelled, "de-s1"), "active", "it runs out with its period");
        shop.quotes_then_does("resume de de-s1 --as-of 2026-01-21").await;
        let up = shop.quotes_then_does("change-plan de de-s1 premium/monthly --as-of 2026-01-25").await;
        assert_eq!(up["subscriptions"][0]["after"]["active"]["term"]["plan"], "premium/monthly");
        shop.runs("2026-01-25");
        let down = shop.quotes_then_does("change-plan de de-s1 plus/monthly --camera de-c2 --as-of 2026-02-01").await;
        assert_eq!(down["money"]["to_pay"], "0.00 EUR", "a lower tier waits for the period's end");
        shop.quotes_then_does("resume de de-s1 --as-of 2026-02-02").await;
        shop.quotes_then_does("promotion de de-s1 HALF3 --as-of 2026-02-03").await;
    })
    .await;
}

#[tokio::test]
async fn a_trial_is_taken_once_and_a_camera_goes_away() {
    on_both(async |db| {
        let shop = Shop::open(db);
        let begun = shop.quotes_then_does("trial kw premium/annual --as-of 2026-03-01").await;
        assert_eq!(begun["subscriptions"][0]["after"]["trialing"]["trial"]["ends"], "2026-03-31");
        assert_eq!(begun["money"]["to_pay"], "0.000 KWD");
        shop.quotes_then_does("cancel kw kw-s1 --as-of 2026-03-10").await;
        shop.refuses("trial kw premium/annual --as-of 2026-03-11", 3, "used its one free trial on 2026-03-01").await;
        shop.does("subscribe kw plus/annual --camera kw-c1 --as-of 2026-03-12");
        shop.runs("2026-03-12");
        let gone = shop.quotes_then_does("transfer-camera kw kw-c1 --as-of 2026-03-20").await;
        assert_eq!(state_after(&gone, "kw-s2"), "closed");
        assert_ne!(gone["money"]["paid_back"], "0.000 KWD", "an annual plan is refunded (LC-6)");
        shop.refuses("subscribe us plus/monthly --camera kw-c2 --quote", 4, "camera kw-c2 does not belong to the account").await;
        shop.refuses("subscribe us plus/monthly --camera kw-c2", 4, "camera kw-c2 does not belong to the account").await;
        let taken = shop.quotes_then_does("subscribe us plus/monthly --camera kw-c1 --as-of 2026-03-21").await;
        assert_eq!(taken["events"][0], json!({ "camera_added.v1": { "camera": "kw-c1" } }), "it was given away, so it may be taken up");
    })
    .await;
}

#[tokio::test]
async fn a_new_payment_method_is_a_token_and_pays_what_is_owed() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.refuses("subscribe bare plus/monthly --camera bare-c1 --as-of 2026-01-10", 3, "no usable payment method").await;
        let line = "payment-method bare --token tok_insufficient-1 --label Visa --expires 2030-02 --as-of 2026-01-10";
        let filed = shop.quotes_then_does(line).await;
        assert_eq!(filed["events"][0], json!({ "method_replaced.v1": { "number": 1, "expires_on": "2030-02-28" } }));
        shop.does("payment-method late --token tok_ok --label Visa --as-of 2026-01-10");
        shop.does("subscribe late plus/monthly --camera late-c1 --as-of 2026-01-10");
        shop.runs("2026-01-10");
        shop.does("payment-method late --token tok_stolen --label Visa --as-of 2026-02-09");
        shop.runs("2026-02-10");
        let tried = shop.quotes_then_does("payment-method late --token tok_ok --label Visa --as-of 2026-02-12").await;
        assert_eq!(tried["money"]["to_pay"], "10.81 USD", "what is owed is tried at once (PD-2)");
    })
    .await;
}

#[tokio::test]
async fn the_same_request_is_done_once() {
    on_both(async |db| {
        let shop = Shop::open(db);
        let line = "subscribe us plus/monthly --camera us-c1 --as-of 2026-01-31 --request-id order-1";
        shop.does(line);
        let before = shop.digest().await;
        assert!(shop.does(line).contains("Already done: request order-1"), "the camera is covered now, but that is not why");
        let again = shop.says(&format!("{line} --format json")).json();
        assert_eq!((&again["already_done"], &again["changed"]), (&json!(true), &json!(false)));
        assert!(shop.does(&format!("{line} --quote")).contains("Already done"), "also for a quote");
        shop.says("cancel us us-s1 --request-id order-1").fails(6, "a new request needs a new id");
        assert_eq!(shop.digest().await, before);
        shop.does("subscribe de plus/monthly --camera de-c1 --as-of 2026-01-31 --request-id order-1");
    })
    .await;
}

#[tokio::test]
async fn a_date_is_the_accounts_own_date() {
    on_both(async |db| {
        let shop = Shop::open(db);
        for account in ["us", "jp", "kw"] {
            let line = format!("subscribe {account} plus/monthly --camera {account}-c1 --as-of 2026-01-31 --quote --format json");
            assert_eq!(shop.says(&line).json()["effective_on"], "2026-01-31", "{account}");
        }
        let late = shop.says("subscribe jp plus/monthly --camera jp-c1 --as-of 2026-01-31T16:00:00Z --quote --format json").json();
        assert_eq!(late["effective_on"], "2026-02-01", "an instant is an instant: it is tomorrow in Tokyo");
        assert_eq!(late["money"]["to_pay"], "1628 JPY");
    })
    .await;
}
