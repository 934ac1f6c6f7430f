//! Stripe's lists when something in them is not as it should be (F41, RC-1): what cannot be read waits for a person and holds up nothing;
//! what comes late, or while our clock is wrong, is found.

use chrono::TimeDelta;
use kasacare::domain::ids::AccountId;
use serde_json::{Value, json};

use super::fake::Fake;
use super::number;
use super::settlement::{assert_checked, balances, bound_town, run_on};
use crate::world::on_both;
use crate::world::town::{OREGON, Town, noon};

const JOINED: &str = "2026-01-31";
/// 2.9 % of 99.99 is 2.90, and 0.30.
const FEE: i64 = 320;

async fn joined(town: &Town, name: &str, count: usize) {
    let people: Vec<_> = (0..count).map(|number| (format!("{name}{number:02}"), OREGON, "cus_1:pm_ok".to_owned())).collect();
    town.move_all_in(&people).await;
    let ids: Vec<AccountId> = people.iter().map(|(id, _, _)| id.parse().unwrap()).collect();
    town.subscribe_all(JOINED, &ids, "plus/annual").await;
}

/// What is no element of any list.
fn rubbish() -> [Value; 4] {
    [json!({ "object": "event" }), json!("jo@example.com"), json!(null), json!({ "id": 7, "type": ["x"], "created": "today" })]
}

/// Puts rubbish among elements, everywhere: at both ends of the first page, too, which has seven.
fn spoil(list: &mut Vec<Value>) {
    for (what, place) in rubbish().into_iter().zip([0, 2, 6, 7]) {
        let end = list.len();
        list.insert(end - place.min(end), what);
    }
}

#[tokio::test]
async fn what_is_no_event_holds_up_no_event() {
    on_both(async |db| {
        let (town, fake) = bound_town(&db).await;
        joined(&town, "a", 10).await;
        spoil(&mut fake.state().events);
        let later = noon(JOINED) + TimeDelta::days(1);
        let found = town.run_at(later).await;
        assert_eq!((found.of("events without a webhook found"), found.of("webhooks applied")), (14, 10));
        assert_eq!(found.of("webhooks quarantined"), 4);
        // Each is kept as it came, and told once.
        let bodies = "select count(*) from inbox where state = 'quarantined' and kind = 'unreadable' and event_id like 'sha256:%' \
                      and body in ('null', '\"jo@example.com\"', '{\"object\":\"event\"}') and reason not like '%jo@%'";
        assert_eq!(number(&db, bodies).await, 3);
        let again = town.run_at(later + TimeDelta::minutes(10)).await;
        assert_eq!((again.of("events without a webhook found"), again.of("webhooks quarantined")), (0, 0));
        assert_checked(&db).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_no_movement_holds_up_no_movement_and_no_payout() {
    on_both(async |db| {
        let (town, fake) = bound_town(&db).await;
        fake.state().pages_left = Some(0);
        joined(&town, "a", 4).await;
        fake.pay_out();
        joined(&town, "b", 5).await;
        fake.pay_out();
        {
            let mut state = fake.state();
            state.pages_left = None;
            state.payouts[0]["reconciliation_status"] = json!(7);
            spoil(&mut state.transactions);
        }
        let done = run_on(&town, &fake, noon("2026-02-01")).await;
        // Nine charges and two payouts.
        assert_eq!((done.of("movements at the provider fetched"), done.of("payouts fetched")), (11, 2));
        assert_eq!((done.of("movements put into the inbox"), done.of("movements quarantined")), (4, 4));
        assert_eq!(done.of("movements whose payout is known now"), 5, "those of the second payout");
        assert_eq!(balances(&db).await, [(1020, 9 * (9_999 - FEE)), (5000, 9 * FEE)]);
        let again = run_on(&town, &fake, noon("2026-02-01") + TimeDelta::minutes(20)).await;
        assert_eq!((again.of("movements put into the inbox"), again.of("movements quarantined")), (0, 0));
        fake.state().payouts[0]["reconciliation_status"] = json!("completed");
        let done = run_on(&town, &fake, noon("2026-02-02")).await;
        assert_eq!(done.of("movements whose payout is known now"), 4);
        assert_checked(&db).await;
    })
    .await;
}

/// Stripe tells two of four lines of a payout, and the others an hour later.
#[tokio::test]
async fn a_payout_is_asked_for_until_its_lines_make_its_amount() {
    on_both(async |db| {
        let (town, fake) = bound_town(&db).await;
        joined(&town, "a", 4).await;
        fake.pay_out();
        let all = fake.state().lines.clone();
        fake.state().lines.retain(|line, _| line == "txn_00001" || line == "txn_00003");
        let done = run_on(&town, &fake, noon("2026-02-01")).await;
        assert_eq!((done.of("payouts fetched"), done.of("movements whose payout is known now")), (1, 2));
        fake.state().lines = all;
        let done = run_on(&town, &fake, noon("2026-02-01") + TimeDelta::hours(1)).await;
        assert_eq!(done.of("movements whose payout is known now"), 2);
        // And then no more.
        let asked = |fake: &Fake| fake.state().requests;
        let before = asked(&fake);
        run_on(&town, &fake, noon("2026-02-01") + TimeDelta::hours(2)).await;
        // A page of events, and two of movements: those of a day on which nothing has moved, and of two.
        assert_eq!(asked(&fake) - before, 3);
    })
    .await;
}

/// Our clock is ahead while a list is read, by days or by months, and is then put right: what moved in between is found.
#[tokio::test]
async fn what_happens_while_our_clock_is_ahead_is_found() {
    on_both(async |db| {
        let (town, fake) = bound_town(&db).await;
        // Nothing has happened yet, and two months pass here.
        town.run_at(noon(JOINED) + TimeDelta::days(60)).await;
        joined(&town, "a", 2).await;
        let hours = |hours: i64| noon(JOINED) + TimeDelta::hours(hours);
        let found = town.run_at(hours(1)).await;
        assert_eq!(found.of("events without a webhook found"), 2);
        town.run_at(hours(72)).await;
        fake.state().now = hours(20).timestamp();
        fake.move_otherwise("fee", -200);
        let done = town.run_at(hours(21)).await;
        assert_eq!(done.of("movements at the provider fetched"), 1);
        assert_eq!(balances(&db).await, [(1200, 2 * (9_999 - FEE) - 200), (5000, 2 * FEE + 200)]);
    })
    .await;
}

/// Crowns of Iceland have no decimals, and Stripe counts them with two: 1,299 crowns are 129,900 there. What cannot be one of our amounts
/// waits for a person.
#[tokio::test]
async fn currencies_that_stripe_counts_otherwise_are_counted_as_ours() {
    on_both(async |db| {
        let (town, fake) = bound_town(&db).await;
        joined(&town, "a", 1).await;
        let row = |id: &str, currency: &str, [amount, fee, net]: [i64; 3]| {
            json!({ "id": id, "object": "balance_transaction", "amount": amount, "fee": fee, "net": net, "currency": currency,
                "type": "charge", "reporting_category": "charge", "created": noon(JOINED).timestamp() + 60, "available_on": null,
                "source": null })
        };
        fake.state().transactions.extend([
            row("txn_isk", "isk", [129_900, 4_500, 125_400]),
            row("txn_ugx", "ugx", [500, 100, 400]),
            row("txn_mga", "mga", [5, 1, 4]),
            row("txn_odd", "isk", [129_950, 4_500, 125_450]),
        ]);
        let done = run_on(&town, &fake, noon("2026-02-01")).await;
        assert_eq!((done.of("movements at the provider fetched"), done.of("movements put into the inbox")), (3, 1));
        let of = "select count(*) from provider_movements where (currency, gross_minor, fee_minor, net_minor) in \
                  (values ('ISK', 1299, 45, 1254), ('UGX', 5, 1, 4), ('MGA', 500, 100, 400))";
        assert_eq!(number(&db, of).await, 3);
        let entry = super::entry(&db, "txn_odd").await;
        assert_eq!((entry.state.as_str(), entry.reason.unwrap().contains("amount")), ("quarantined", true));
        assert_checked(&db).await;
    })
    .await;
}
