//! Cash that pays nothing: listed, applied to what is owed, paid out.

use serde_json::json;

use super::shop::{Shop, state_after};
use crate::world::on_both;

const OLGA: &str = "--by olga --reason as-agreed";
const CHARGE: &str = "ch_us-s1_1_0_1";

/// `us` paid 108.24 for a year; the dispute about it was lost, and is won after all on 1 March. The other plan, 10.81 a month, is past due.
fn won_late(shop: &Shop) {
    shop.does("subscribe us plus/annual --camera us-c1 --as-of 2026-01-31");
    shop.does("subscribe us plus/monthly --camera us-c2 --as-of 2026-01-31");
    shop.runs("2026-01-31");
    shop.does("payment-method us --token tok_stolen --label Visa --as-of 2026-02-05");
    for (what, on) in [("open", "2026-02-10"), ("lost", "2026-02-20"), ("won", "2026-03-01")] {
        shop.does(&format!("simulate dispute {what} --charge {CHARGE} --as-of {on}"));
        shop.runs(on);
    }
}

#[tokio::test]
async fn what_a_dispute_brought_back_late_pays_debts_and_goes_back() {
    on_both(async |db| {
        let shop = Shop::open(db);
        assert_eq!(shop.does("unapplied list"), "Nothing is unapplied.\n");
        won_late(&shop);
        let list = shop.says("unapplied list --format json").json();
        let expected = json!([{
            "account": "us", "of": CHARGE, "cause": "dispute_won_late", "ledger_account": 2320, "amount": "108.24 USD", "moved_on": "2026-01-31",
        }]);
        assert_eq!(list["unapplied"], expected);
        assert!(shop.does("unapplied list --account us").contains("108.24 USD"), "and in words");
        assert_eq!(shop.does("unapplied list --account de"), "Nothing is unapplied.\n");
        shop.says("unapplied list --account nobody").fails(4, "no account `nobody`");
        let tasks = shop.says("tasks --format json").json();
        let named = tasks["tasks"].as_array().unwrap().iter().find(|task| task["kind"] == "dispute_won_late").unwrap();
        let task = named["task"].as_str().unwrap();
        let close = format!("tasks close us {task} {OLGA} --as-of 2026-03-02");
        shop.refuses(&close, 3, "108.24 USD stand behind task").await;

        shop.refuses(&format!("unapplied apply us {CHARGE} --as-of 2026-03-02"), 2, "needs --reason").await;
        shop.refuses(&format!("unapplied apply us ch_none {OLGA} --as-of 2026-03-02"), 4, "has no charge `ch_none`").await;
        shop.refuses(&format!("unapplied apply us {CHARGE} --to in_us-s1_1_0 {OLGA} --as-of 2026-03-02"), 3, "nothing is owed").await;
        let applied = shop.quotes_then_does(&format!("unapplied apply us {CHARGE} {OLGA} --as-of 2026-03-02")).await;
        assert_eq!((&applied["money"]["owed_before"], &applied["money"]["owed_after"]), (&json!("10.81 USD"), &json!("0.00 USD")));
        assert_eq!(state_after(&applied, "us-s2"), "active");
        shop.says("check").ok();

        let pay_out = format!("unapplied pay-out us {CHARGE} {OLGA} --as-of 2026-03-03");
        shop.refuses(&format!("{pay_out} --amount 97.44"), 3, "at most 97.43 USD").await;
        shop.refuses(&format!("{pay_out} --amount 1.2.3"), 2, "--amount").await;
        let part = shop.quotes_then_does(&format!("{pay_out} --amount 7.43")).await;
        assert_eq!(part["money"]["paid_back"], "7.43 USD");
        let rest = shop.quotes_then_does(&pay_out).await;
        assert_eq!(rest["money"]["paid_back"], "90.00 USD");
        shop.refuses(&pay_out, 3, "is unapplied").await;
        assert_eq!(shop.does("unapplied list"), "Nothing is unapplied.\n");
        shop.runs("2026-03-03");
        assert_eq!(shop.count("select cast(sum(amount_minor) as bigint) from refunds where state = 'succeeded' and reason = 'unapplied'").await, 9_743);
        assert!(!shop.does("tasks").contains(task), "the task is closed with the money");
        let story = shop.does(&format!("explain {CHARGE}"));
        for words in ["unapplied applied", "unapplied returned", "PD-4: 10.81 USD that had paid nothing"] {
            assert!(story.contains(words), "no `{words}` in\n{story}");
        }
        shop.says("check").ok();
    })
    .await;
}
