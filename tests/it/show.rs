//! `kasacare trial-balance` and `kasacare account show`: what they say about a small town.

use std::process::{Command, Output};

use kasacare::domain::change::operator::NewMethod;
use kasacare::domain::ids::AccountId;
use kasacare::domain::money::{Currency, Money};
use kasacare::reports::ReportError;
use kasacare::reports::account::{self, AccountReport, Event, ShownIntent};
use kasacare::reports::trial_balance::{self, TrialBalance};
use kasacare::store::db::Db;
use serde_json::{Value, json};

use crate::world::town::{CALIFORNIA, OREGON, Town, day, noon};
use crate::world::{on_both, on_sqlite};

/// Ann pays 99.99 and 8.25 of tax for a year.
async fn ann(town: &Town) -> AccountId {
    let id = town.move_in("ann", CALIFORNIA, "tok_ok").await;
    town.subscribe("2026-01-31", &id, "plus/annual").await;
    id
}

fn rows(balance: &TrialBalance) -> Vec<(u16, String, String)> {
    let lines = balance.currencies.iter().flat_map(|currency| &currency.lines);
    lines.map(|line| (line.account, line.debit.major(), line.credit.major())).collect()
}

async fn page(db: &Db, id: &AccountId) -> AccountReport {
    account::load(db, id, false).await.unwrap()
}

#[tokio::test]
async fn a_trial_balance_sums_what_was_posted_through_its_date() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        ann(&town).await;
        let balance = trial_balance::load(&db, None).await.unwrap();
        let row = |account, debit: &str, credit: &str| (account, debit.to_owned(), credit.to_owned());
        let expected = [row(1100, "0.00", "0.00"), row(1200, "108.24", "0.00"), row(2100, "0.00", "99.99"), row(2200, "0.00", "8.25")];
        assert_eq!(rows(&balance), expected);
        assert!(balance.is_balanced() && balance.currencies[0].debits.major() == "108.24");
        // The first of 365 days has earned 0.27 by its end: 99.99 less 99.72, round(99.99 x 364/365).
        let first_day = trial_balance::load(&db, Some(day("2026-01-31"))).await.unwrap();
        let earned = [row(2100, "0.00", "99.72"), row(2200, "0.00", "8.25"), row(4000, "0.00", "0.27")];
        assert_eq!(rows(&first_day), [&expected[..2], &earned].concat());
        let before = trial_balance::load(&db, Some(day("2026-01-30"))).await.unwrap();
        assert_eq!(before.currencies, []);
        assert_eq!(before.table(), "Trial balance through 2026-01-30\n\nNothing was posted.\n");
        assert_eq!(balance.only(Currency::parse("EUR").unwrap()).currencies, []);
    })
    .await;
}

#[tokio::test]
async fn a_trial_balance_has_a_table_for_each_currency() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        ann(&town).await;
        let japan = crate::world::town::Home { currency: "JPY", ..OREGON };
        let id = town.move_in("jun", japan, "tok_ok").await;
        town.subscribe("2026-02-01", &id, "plus/monthly").await;
        let balance = trial_balance::load(&db, None).await.unwrap();
        assert!(balance.is_balanced());
        let table = balance.table();
        let totals: Vec<Vec<&str>> =
            table.lines().map(|line| line.split_whitespace().collect()).filter(|words: &Vec<_>| words.first() == Some(&"Total")).collect();
        assert_eq!(totals.len(), 2, "{table}");
        assert!(totals.iter().all(|words| words[1] == words[2]), "{table}");
        assert!(table.contains("debit JPY") && totals[0] == ["Total", "1480", "1480"], "{table}");
        let csv = balance.csv().unwrap();
        assert!(csv.contains("USD,1200,Provider clearing,asset,108.24,0.00,108.24,108.24,0.00\n"), "{csv}");
        assert!(csv.contains("\"Customer prepayments, refundable\""), "{csv}");
    })
    .await;
}

#[tokio::test]
async fn the_page_of_an_account_tells_what_it_has_and_what_comes_next() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = ann(&town).await;
        let five = Money::parse_major("5.00", Currency::parse("USD").unwrap()).unwrap();
        town.act(noon("2026-02-01"), &id, |draft| draft.grant_credit(five)).await;
        town.act(noon("2026-02-02"), &id, |draft| draft.park("test", "a look at the books")).await;
        let page = page(&db, &id).await;
        assert_eq!(page.balances.credit_goodwill, five);
        assert!(page.balances.receivable.is_zero() && page.balances.credit_cash.is_zero());
        assert_eq!(page.parked.as_ref().map(|parked| parked.code.as_str()), Some("test"));
        let [subscription] = &page.subscriptions[..] else { panic!("{:?}", page.subscriptions) };
        assert_eq!((subscription.state, subscription.intent, subscription.term), ("active", Some(ShownIntent::Renews), Some(1)));
        assert_eq!(subscription.period_end, Some(day("2027-01-31")));
        assert_eq!(subscription.price_version.as_deref(), Some("v1"));
        let next: Vec<_> = subscription.next.iter().map(|next| (next.event, next.on)).collect();
        assert_eq!(next, [(Event::Reminder, day("2027-01-01")), (Event::Renewal, day("2027-01-31"))]);
        let covered: Vec<_> = page.cameras.iter().map(|camera| camera.covered_by.clone()).collect();
        assert_eq!(covered, [vec![subscription.subscription.clone()], vec![], vec![]], "a plan for one camera covers one");
        let [invoice] = &page.invoices[..] else { panic!("{:?}", page.invoices) };
        assert_eq!(
            (invoice.total.major(), invoice.open.major(), invoice.captured.major()),
            ("108.24".into(), "0.00".into(), "108.24".into())
        );
        assert_eq!(invoice.states, ["paid"]);
        assert_eq!(page.journal.len(), 5);
        assert!(page.journal.is_sorted_by(|later, earlier| later.seq == earlier.seq + 1), "the latest first, none left out");
        let table = page.table();
        for part in ["PARKED", "Visa ending 4242", "goodwill credit", "5.00 USD", "2027-01-31 renewal", "Free Package", "108.24"] {
            assert!(table.contains(part), "{part}\n{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_page_of_an_account_that_is_behind_says_so() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("bob", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2026-01-10", &id, "plus/monthly").await;
        let stolen = NewMethod { token: "tok_stolen".to_owned(), label: "Visa ending 1111".to_owned(), expires_on: None };
        town.act(noon("2026-01-11"), &id, |draft| draft.replace_method(&stolen)).await;
        town.run_daily("2026-02-10", "2026-02-14").await;
        let behind = page(&db, &id).await;
        assert_eq!(behind.balances.receivable.major(), "9.99");
        assert_eq!(behind.subscriptions[0].state, "past_due");
        assert!(behind.subscriptions[0].unpaid_since.is_some());
        let states: Vec<_> = behind.invoices.iter().map(|invoice| invoice.states.clone()).collect();
        assert_eq!(states, [vec!["paid"], vec!["unpaid"]]);
        assert!(behind.payment_method.as_ref().is_some_and(|method| method.blocked) && behind.table().contains("BLOCKED"));
        town.act(noon("2026-02-15"), &id, |draft| draft.cancel(&subscription)).await;
        let ending = page(&db, &id).await;
        assert_eq!(ending.subscriptions[0].intent, Some(ShownIntent::Ends));
        let next: Vec<_> = ending.subscriptions[0].next.iter().map(|next| (next.event, next.on)).collect();
        assert_eq!(next, [(Event::End, day("2026-03-10"))]);
    })
    .await;
}

#[tokio::test]
async fn personal_data_is_shown_only_where_it_is_asked_for() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = ann(&town).await;
        let shown = |page: &AccountReport| format!("{page:?} {} {}", page.table(), json!(page));
        let without = shown(&account::load(&db, &id, false).await.unwrap());
        assert!(!without.contains("ann@example.com") && !without.contains("A Customer") && !without.contains("tok_ok"), "{without}");
        let with = account::load(&db, &id, true).await.unwrap();
        assert!(with.table().contains("ann@example.com") && json!(with)["contact"]["name"] == "A Customer");
        assert!(!format!("{with:?}").contains("ann@example.com"), "not even asked for does it get into logs");
        let nobody = account::load(&db, &AccountId::parse("nobody").unwrap(), false).await;
        assert!(matches!(nobody, Err(ReportError::NotFound { what: "account", .. })), "{nobody:?}");
    })
    .await;
}

fn kasacare(url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kasacare"));
    command.args(["--db", url]).args(arguments).env("KASACARE_LOG", "error").output().unwrap()
}

fn printed(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn the_program_prints_both_and_knows_who_is_not_there() {
    on_sqlite(async |db| {
        let town = Town::on(&db).await;
        ann(&town).await;
        let url = db.url().to_owned();
        let page = printed(&kasacare(&url, &["account", "show", "ann", "--format", "json"]));
        assert_eq!((&page["account"], &page["invoices"][0]["total"]), (&json!("ann"), &json!("108.24 USD")));
        assert_eq!(page["subscriptions"][0]["next"][1], json!({ "on": "2027-01-31", "event": "renewal" }));
        let balance = printed(&kasacare(&url, &["trial-balance", "--as-of", "2026-01-31", "--format", "json"]));
        assert_eq!(balance["currencies"][0]["debits"], balance["currencies"][0]["credits"]);
        assert_eq!(balance["currencies"][0]["lines"][1]["debit"], "108.24 USD");
        assert_eq!(kasacare(&url, &["account", "show", "nobody"]).status.code(), Some(4));
        assert_eq!(kasacare(&url, &["trial-balance", "--as-of", "yesterday"]).status.code(), Some(2));
    })
    .await;
}
