//! What moved at Stripe, fetched from its list (RC-1, RC-2): fees and payouts posted once, whether the list or a file brings them first; what
//! breaks off goes on; what cannot be taken waits for a person and holds up nobody.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use kasacare::domain::account::AttemptState;
use kasacare::domain::ids::AccountId;
use kasacare::domain::money::{Currency, Money};
use kasacare::domain::reconcile::BreakKind;
use kasacare::engine::reconcile::report::RunReport;
use kasacare::engine::reconcile::{Depth, Order, run};
use kasacare::engine::settlement::fetched::ROW_KIND;
use kasacare::engine::settlement::{SettlementFile, Taken, Taking, TakingError, take};
use kasacare::import::settlement::{BankColumns, Reading, Source};
use kasacare::reports::check;
use kasacare::store::binding::{self, Binding};
use kasacare::store::db::{Db, Sql};
use kasacare::store::inbox;
use serde_json::json;

use super::calls::town_at;
use super::fake::Fake;
use super::{entry, number};
use crate::world::on_both;
use crate::world::town::{OREGON, Town, noon};

const JOINED: &str = "2026-01-31";
const CUSTOMERS: usize = 8;
/// 2.9 % of 99.99 is 2.90, and 0.30.
const FEE: i64 = 320;
/// Eight charges, a refund of 99.44, two disputes with 15.00 each, one of them won.
const PAID_OUT: i64 = 8 * (9_999 - FEE) - 9_944 - 2 * (9_999 + 1_500) + 9_999;

/// A town whose database knows that its money is at Stripe.
pub async fn bound_town(db: &Db) -> (Town, Fake) {
    let mut tx = db.begin().await.unwrap();
    let ours = Binding { provider: "stripe".to_owned(), account: "acct_1Kasa".to_owned(), live: false };
    assert_eq!(binding::bind(&mut tx, &ours).await.unwrap(), Some(ours));
    tx.commit().await.unwrap();
    town_at(db).await
}

pub async fn run_on(town: &Town, fake: &Fake, at: DateTime<Utc>) -> kasacare::engine::summary::Summary {
    fake.state().now = at.timestamp();
    town.run_at(at).await
}

/// So many hours into the day after they have joined: the runner has been up until its beginning.
fn morning(hour: i64) -> DateTime<Utc> {
    noon("2026-02-01") + TimeDelta::hours(hour - 12)
}

async fn joined(town: &Town, count: usize) -> Vec<AccountId> {
    let people: Vec<_> = (0..count).map(|number| (format!("a{number:02}"), OREGON, "cus_1:pm_ok".to_owned())).collect();
    town.move_all_in(&people).await;
    let ids: Vec<AccountId> = people.iter().map(|(id, _, _)| id.parse().unwrap()).collect();
    town.subscribe_all(JOINED, &ids, "plus/annual").await;
    ids
}

async fn intent_of(town: &Town, id: &AccountId) -> String {
    town.account(id).await.charges.values().next().unwrap().reference.clone().unwrap()
}

/// Everything that can happen to money: charges, a refund, a dispute that is lost, one that is won, and a payout of what is left.
async fn live(town: &Town, fake: &Fake) {
    let ids = joined(town, CUSTOMERS).await;
    let subscription = town.account(&ids[0]).await.subscriptions.keys().next().unwrap().clone();
    town.act(noon("2026-02-01"), &ids[0], |draft| draft.cancel(&subscription)).await;
    run_on(town, fake, noon("2026-02-01")).await;
    fake.state().now = noon("2026-02-02").timestamp();
    let (lost, won) = (fake.dispute(&intent_of(town, &ids[1]).await), fake.dispute(&intent_of(town, &ids[2]).await));
    fake.withdraw(&lost);
    fake.withdraw(&won);
    run_on(town, fake, noon("2026-02-02") + TimeDelta::minutes(1)).await;
    fake.state().now = noon("2026-02-03").timestamp();
    fake.lose(&lost);
    fake.win(&won);
    run_on(town, fake, noon("2026-02-03") + TimeDelta::minutes(1)).await;
    fake.state().now = noon("2026-02-04").timestamp();
    assert_eq!(fake.pay_out(), ["po_00001"]);
}

/// What stands on these accounts.
pub async fn balances(db: &Db) -> Vec<(i64, i64)> {
    const SUMS: Sql = Sql::same(
        "select ledger_account, cast(sum(amount_minor) as bigint) from postings where ledger_account in (1020, 1200, 1290, 5000, 5100) \
         group by ledger_account having sum(amount_minor) <> 0 order by ledger_account",
    );
    let mut tx = db.begin_read().await.unwrap();
    let rows = tx.fetch_all(&SUMS, &[]).await.unwrap();
    tx.rollback().await.unwrap();
    rows.iter().map(|row| (row.int_at(0).unwrap(), row.int_at(1).unwrap())).collect()
}

async fn file(db: &Db, reading: Reading, text: String) -> Result<Taken, TakingError> {
    let how = Taking { at: noon("2026-02-06"), actor: "test".to_owned(), dry_run: false };
    take(db, &SettlementFile { name: "a file".to_owned(), reading, provider: None }, std::io::Cursor::new(text.into_bytes()), &how).await
}

fn pages() -> Reading {
    Reading { keep_unknown: false, ..Reading::fetched(Source::StripeBalance) }
}

async fn reconcile(db: &Db, through: NaiveDate, at: DateTime<Utc>) -> RunReport {
    let (provider, actor) = ("stripe".to_owned(), "test".to_owned());
    run(db, &Order { provider, through, depth: Depth::Apply, actor, at }).await.unwrap()
}

async fn journal(db: &Db) -> i64 {
    number(db, "select count(*) from journal").await
}

pub async fn assert_checked(db: &Db) {
    let checked = check::run(db, check::Options::default(), |_, _| {}).await.unwrap();
    assert!(checked.is_clean(), "{}", checked.summary());
}

#[tokio::test]
async fn fees_and_payouts_are_fetched_posted_once_and_agree_with_our_books() {
    on_both(async |db| {
        let (town, fake) = bound_town(&db).await;
        live(&town, &fake).await;
        let done = run_on(&town, &fake, noon("2026-02-05")).await;
        assert_eq!((done.of("payouts fetched"), done.of("movements whose payout is known now")), (1, 12));
        let moved = i64::try_from(fake.state().transactions.len()).unwrap();
        assert_eq!((moved, number(&db, "select count(*) from provider_movements").await), (13, 13));
        let expected = vec![(1020, PAID_OUT), (5000, 8 * FEE), (5100, 3_000)];
        assert_eq!(balances(&db).await, expected, "nothing is left at Stripe");
        assert_checked(&db).await;

        // Against our books and the bank.
        let bank =
            BankColumns { account: Some("DE01".to_owned()), currency: Some(Currency::parse("USD").unwrap()), ..BankColumns::default() };
        let statement = format!("booked_on,amount,text\n2026-02-06,{}.{:02},STRIPE TRACEpo_00001\n", PAID_OUT / 100, PAID_OUT % 100);
        file(&db, Reading { source: Source::BankCsv, month: None, bank, keep_unknown: false }, statement).await.unwrap();
        let report = reconcile(&db, noon("2026-02-06").date_naive(), noon("2026-02-06")).await;
        assert!(report.is_clean() && report.unexplained().next().is_none(), "{:?}", report.breaks);
        assert_eq!(report.agreed, 12);
        let proof = &report.payouts[0];
        assert_eq!((proof.lines, proof.residual.map(Money::minor), proof.bank_line.is_some()), (12, Some(0), true));

        // The same once more from the list, and from a file.
        let records = journal(&db).await;
        let again = run_on(&town, &fake, noon("2026-02-06")).await;
        assert_eq!((again.of("movements at the provider fetched"), journal(&db).await), (0, records));
        let taken = file(&db, pages(), fake.balance_file()).await.unwrap();
        assert_eq!((taken.rows, taken.stored.new_rows(), taken.stored.known), (13, 0, 14));
        assert_eq!(journal(&db).await, records);
        assert_checked(&db).await;
        // It came back: it is on the balance again.
        fake.fail_payout("po_00001");
        run_on(&town, &fake, noon("2026-02-07")).await;
        assert_eq!(number(&db, "select cast(sum(amount_minor) as bigint) from postings where ledger_account = 1200").await, PAID_OUT);
        assert_checked(&db).await;
        // And a week after it was paid out, the refund comes back (F62): on their side and on ours, with the event that no webhook brought.
        fake.state().now = noon("2026-02-08").timestamp();
        fake.fail_refund("re_00001");
        run_on(&town, &fake, noon("2026-02-08") + TimeDelta::minutes(20)).await;
        let both = "select (select count(*) from provider_movements where category = 'refund_failure') \
                    + (select count(*) from refunds where state = 'failed')";
        assert_eq!(number(&db, both).await, 2);
        assert_checked(&db).await;
    })
    .await;
}

#[tokio::test]
async fn what_a_file_has_brought_is_not_posted_again() {
    on_both(async |db| {
        let (town, fake) = bound_town(&db).await;
        live(&town, &fake).await;
        // Nobody has fetched anything since the first day: the file has it all.
        let before = number(&db, "select count(*) from provider_movements").await;
        let taken = file(&db, pages(), fake.balance_file()).await.unwrap();
        assert_eq!(taken.stored.movements, 13 - u64::try_from(before).unwrap());
        let expected = vec![(1020, PAID_OUT), (5000, 8 * FEE), (5100, 3_000)];
        assert_eq!(balances(&db).await, expected);
        let done = run_on(&town, &fake, noon("2026-02-05")).await;
        // What was in the payout is news: the pages don't say it.
        assert_eq!((done.of("movements at the provider fetched"), done.of("movements whose payout is known now")), (0, 12));
        assert_eq!(balances(&db).await, expected);
        assert_checked(&db).await;
    })
    .await;
}

/// Pages of seven: the list fails after one, or two, or three; what was read stays, and the rest comes later.
#[tokio::test]
async fn what_breaks_off_between_two_pages_goes_on_there() {
    on_both(async |db| {
        let (town, fake) = bound_town(&db).await;
        fake.state().pages_left = Some(0);
        joined(&town, 30).await;
        let id = town.move_in("z", OREGON, "pm_ok").await;
        for (hour, pages) in [(1, 1), (2, 1), (3, 2)] {
            fake.state().pages_left = Some(pages);
            let done = run_on(&town, &fake, morning(hour)).await;
            assert_eq!(done.of("movements at the provider fetched"), 7 * u64::from(pages), "{hour}");
        }
        assert_eq!(number(&db, "select count(*) from provider_movements").await, 28);
        // Who orders meanwhile is charged all the same.
        fake.state().now = noon("2026-02-01").timestamp();
        town.subscribe("2026-02-01", &id, "plus/annual").await;
        let account = town.account(&id).await;
        assert_eq!(account.charges.values().map(|charge| charge.state).collect::<Vec<_>>(), [AttemptState::Succeeded]);
        fake.state().pages_left = None;
        let done = run_on(&town, &fake, noon("2026-02-02")).await;
        assert_eq!(done.of("movements at the provider fetched"), 3);
        assert_eq!(balances(&db).await, [(1200, 31 * (9_999 - FEE)), (5000, 31 * FEE)]);
        assert_checked(&db).await;
    })
    .await;
}

/// A movement that is listed half an hour late is found, and a payout whose lines are final a day later.
#[tokio::test]
async fn what_is_listed_late_is_found() {
    on_both(async |db| {
        let (town, fake) = bound_town(&db).await;
        joined(&town, 2).await;
        run_on(&town, &fake, morning(1)).await;
        fake.state().now = (morning(1) - TimeDelta::minutes(30)).timestamp();
        fake.move_otherwise("fee", -200);
        let done = run_on(&town, &fake, morning(1) + TimeDelta::minutes(16)).await;
        assert_eq!(done.of("movements at the provider fetched"), 1);
        assert_eq!(balances(&db).await, [(1200, 2 * (9_999 - FEE) - 200), (5000, 2 * FEE + 200)]);

        fake.state().now = noon("2026-02-01").timestamp();
        fake.pay_out();
        fake.state().payouts[0]["reconciliation_status"] = json!("in_progress");
        let done = run_on(&town, &fake, noon("2026-02-01") + TimeDelta::hours(1)).await;
        assert_eq!((done.of("payouts fetched"), done.of("movements whose payout is known now")), (1, 0));
        fake.state().payouts[0]["reconciliation_status"] = json!("completed");
        let done = run_on(&town, &fake, noon("2026-02-02")).await;
        assert_eq!(done.of("movements whose payout is known now"), 3);
        // It is not read all the time.
        let requests = fake.state().requests;
        run_on(&town, &fake, noon("2026-02-02") + TimeDelta::minutes(4)).await;
        assert_eq!(fake.state().requests, requests);
    })
    .await;
}

/// A word that nobody knows, and a row that does not add up: both wait for a person; what came with them is there.
#[tokio::test]
async fn what_is_not_understood_waits_for_a_person_and_holds_up_nobody() {
    on_both(async |db| {
        let (town, fake) = bound_town(&db).await;
        let ids = joined(&town, 3).await;
        fake.state().now = morning(0).timestamp();
        let climate = fake.move_otherwise("climate_order_purchase", -500);
        let odd = fake.move_otherwise("fee", -300);
        fake.state().transactions.last_mut().unwrap()["net"] = json!(-299);
        let done = run_on(&town, &fake, morning(1)).await;
        assert_eq!((done.of("movements at the provider fetched"), done.of("movements of unknown categories")), (1, 1));
        assert_eq!((done.of("movements put into the inbox"), done.of("movements quarantined")), (2, 2));
        for (id, words) in [(&climate, "climate_order_purchase"), (&odd, "net")] {
            let entry = entry(&db, id).await;
            assert_eq!(entry.state, "quarantined");
            let reason = entry.reason.unwrap();
            assert!(reason.contains(words) && !reason.contains("somebody@"), "{reason}");
        }
        // What is not known is on no account but the provider's own side, and a break until a person has said what it is.
        assert_eq!(balances(&db).await, [(1200, 3 * (9_999 - FEE)), (5000, 3 * FEE)]);
        let report = reconcile(&db, noon("2026-02-01").date_naive(), morning(1)).await;
        let kinds: Vec<_> = report.breaks.iter().map(|line| (line.kind, line.theirs.clone().unwrap())).collect();
        assert_eq!(kinds, [(BreakKind::UnknownCategory, climate.clone())]);
        assert!(report.unexplained().next().is_none());
        // It is told once, and a file with that word is refused.
        let again = run_on(&town, &fake, morning(2)).await;
        assert_eq!((again.of("movements of unknown categories"), again.of("movements put into the inbox")), (0, 0));
        assert!(matches!(file(&db, pages(), fake.balance_file()).await, Err(TakingError::File(_))));

        // A person has both tried again, which helps neither; a row that the program has learnt to read since is taken, once.
        let learnt = json!({ "id": "txn_learnt", "amount": -700, "fee": 0, "net": -700, "currency": "usd", "reporting_category": "fee",
            "created": morning(0).timestamp(), "available_on": null, "source": null });
        let mut tx = db.begin().await.unwrap();
        for id in [&climate, &odd] {
            let (entry, _) = inbox::by_id(&mut tx, id).await.unwrap().remove(0);
            assert!(inbox::retry(&mut tx, &entry, morning(3), Some("ana")).await.unwrap());
        }
        let (provider, source, kind, received_at) = ("stripe", inbox::Source::Poll, ROW_KIND.to_owned(), morning(1));
        let arrival =
            inbox::Arrival { provider, event: "txn_learnt".to_owned(), kind, source, received_at, body: learnt.to_string().into() };
        inbox::receive(&mut tx, &[arrival]).await.unwrap();
        tx.commit().await.unwrap();
        run_on(&town, &fake, morning(3)).await;
        let states = [entry(&db, &climate).await.state, entry(&db, &odd).await.state, entry(&db, "txn_learnt").await.state];
        assert_eq!(states, ["quarantined", "quarantined", "done"]);
        assert_eq!(number(&db, "select count(*) from provider_movements").await, 5);
        assert_eq!(balances(&db).await[1..], [(1290, 500), (5000, 3 * FEE + 700)]);
        let records = journal(&db).await;
        assert_checked(&db).await;
        let refund = town.account(&ids[0]).await.subscriptions.keys().next().unwrap().clone();
        town.act(noon("2026-02-02"), &ids[0], |draft| draft.cancel(&refund)).await;
        run_on(&town, &fake, noon("2026-02-02")).await;
        assert!(journal(&db).await > records, "customers are billed all the same");
        assert_eq!(fake.refunded(), 9_917, "three of 365 days are used");
    })
    .await;
}
