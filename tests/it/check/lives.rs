//! What a few customers live through in half a year: everything that leaves traces of its own in the books.

use kasacare::domain::catalog::{Price, PriceVersion};
use kasacare::domain::change::correct::Correct;
use kasacare::domain::change::operator::NewMethod;
use kasacare::domain::change::start::Order;
use kasacare::domain::ids::{AccountId, SubscriptionId};
use kasacare::domain::money::{Currency, Money};
use kasacare::engine::settlement::{SettlementFile, Taking, take};
use kasacare::import::settlement::{BankColumns, Reading, Source};
use kasacare::store::db::Db;
use kasacare::store::reference;

use crate::world::town::{CALIFORNIA, Home, OREGON, Town, day, noon, order};

kasacare::statements! {
    /// Frees refunds that wait for their next look-up.
    EXPIRE = same("update refunds set lease_until = null, lease_owner = null where lease_until is not null");
}

const JAPAN: Home = Home { currency: "JPY", zone: "Asia/Tokyo", jurisdiction: "JP" };

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::parse("USD").unwrap())
}

fn id(name: &str) -> AccountId {
    AccountId::parse(name).unwrap()
}

fn subscription(name: &str) -> SubscriptionId {
    SubscriptionId::parse(&format!("{name}-s1")).unwrap()
}

async fn invoice(town: &Town, name: &str) -> String {
    town.invoices(&id(name)).await.remove(0).document.id
}

/// Lives through it, up to 3 June 2026.
pub async fn half_a_year(db: &Db) {
    let mut town = Town::on(db).await;
    january(&town).await;
    let price = Price { plan: "plus/monthly".parse().unwrap(), amount: usd(1_299) };
    let version = PriceVersion { version: "v2".to_owned(), effective_from: day("2026-03-01"), prices: vec![price] };
    let mut tx = db.begin().await.unwrap();
    reference::announce(&mut tx, &version, noon("2026-02-09"), "olga", "costs").await.unwrap();
    tx.commit().await.unwrap();
    town.reload().await;
    spring(&town).await;
    settled(db).await;
}

/// What another provider paid out, less its fee. Its charge is none of ours here: that is for `reconcile` to find, not for `check`.
const PAYOUTS: &str = "\
automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,\
reporting_category,source_id,payment_intent_id,charge_id
po_1,2026-02-04 00:00:00,txn_1,2026-02-01 10:00:00,2026-02-03 00:00:00,usd,108.24,3.44,104.80,charge,ch_1,pi_1,ch_1
";

async fn settled(db: &Db) {
    let reading = Reading { source: Source::StripePayouts, month: None, bank: BankColumns::default(), keep_unknown: false };
    let file = SettlementFile { name: "payouts.csv".to_owned(), reading, provider: Some("simulated".to_owned()) };
    let how = Taking { at: noon("2026-06-03"), actor: "olga".to_owned(), dry_run: false };
    let taken = take(db, &file, PAYOUTS.as_bytes(), &how).await.unwrap();
    assert!(taken.stored.new_rows() > 0, "{taken:?}");
}

async fn january(town: &Town) {
    for name in ["bob", "eve", "fay", "ira", "joy", "rem", "und", "wes"] {
        town.move_in(name, CALIFORNIA, "tok_ok").await;
    }
    town.move_in("jun", JAPAN, "tok_ok").await;
    town.move_in("kim", OREGON, "tok_ok").await;
    let half = Order { promotion: Some("HALF3".to_owned()), ..order(&id("bob"), "plus/monthly") };
    town.act(noon("2026-01-10"), &id("bob"), |draft| draft.subscribe(&half)).await;
    let trial = order(&id("kim"), "plus/monthly");
    town.act(noon("2026-01-10"), &id("kim"), |draft| draft.start_trial(&trial.plan, trial.camera.as_ref())).await;
    for name in ["eve", "fay", "ira", "joy", "und", "jun", "wes"] {
        town.subscribe("2026-01-10", &id(name), "plus/monthly").await;
    }
    let premium = "premium/monthly".parse().unwrap();
    town.act(noon("2026-01-15"), &id("fay"), |draft| draft.change_plan(&subscription("fay"), &premium, None)).await;
    town.act(noon("2026-01-15"), &id("joy"), |draft| draft.grant_credit(usd(500))).await;
    for (name, correct) in [("eve", 799), ("und", 1_299)] {
        let invoice = invoice(town, name).await;
        town.act(noon("2026-01-20"), &id(name), |draft| draft.correct(&invoice, Correct::Net(usd(correct)))).await;
    }
    // A trial into an annual plan is reminded of at once (RE-3).
    let annual = order(&id("rem"), "plus/annual");
    town.act(noon("2026-01-20"), &id("rem"), |draft| draft.start_trial(&annual.plan, annual.camera.as_ref())).await;
    let empty = NewMethod { token: "tok_insufficient".to_owned(), label: "Visa ending 9995".to_owned(), expires_on: None };
    for name in ["ira", "wes"] {
        town.act(noon("2026-01-25"), &id(name), |draft| draft.replace_method(&empty)).await;
    }
    town.run_daily("2026-01-25", "2026-01-30").await;
    for (name, token, on) in [
        ("ann", "tok_ok", "2026-01-31"),
        ("cid", "tok_disputed_5", "2026-02-01"),
        ("dia", "tok_disputed_lost_5", "2026-02-01"),
        ("pia", "tok_refund_pending_300", "2026-02-01"),
        ("won", "tok_disputed_won_5", "2026-02-01"),
    ] {
        town.move_in(name, CALIFORNIA, token).await;
        town.subscribe(on, &id(name), "plus/annual").await;
    }
    town.run_daily("2026-02-02", "2026-02-08").await;
}

/// Leases are held in real time, of which next to none goes by in a story.
async fn expire_leases(town: &Town) {
    let mut tx = town.engine.db.begin().await.unwrap();
    tx.execute(&EXPIRE, &[]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn spring(town: &Town) {
    town.run_daily("2026-02-09", "2026-03-01").await;
    for name in ["cid", "pia"] {
        town.act(noon("2026-03-01"), &id(name), |draft| draft.cancel(&subscription(name))).await;
    }
    town.act(noon("2026-03-05"), &id("ira"), |draft| draft.add_collection_cost(usd(2_500), "court-17")).await;
    town.run_daily("2026-03-05", "2026-03-20").await;
    town.act(noon("2026-03-21"), &id("wes"), |draft| draft.write_off("in_wes-s1_1_1")).await;
    town.run_daily("2026-03-21", "2026-04-12").await;
    for due in ["2026-05-01", "2026-05-10", "2026-06-01"] {
        expire_leases(town).await;
        town.run(due).await;
    }
    expire_leases(town).await;
    town.act(noon("2026-06-02"), &id("ann"), |draft| draft.cancel(&subscription("ann"))).await;
    town.run_daily("2026-06-02", "2026-06-03").await;
}
