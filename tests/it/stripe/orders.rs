//! Every order of the five events of one story, each told once or twice: 5! x 2^5 customers live through the same, and each gets one
//! of these orders. Their books and their state are the same in the end (PV-3, F36, F37).

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use kasacare::domain::account::Account;
use kasacare::domain::change::{Draft, Planned};
use kasacare::domain::ids::AccountId;
use kasacare::engine::batch::Work;
use kasacare::store::account::{self as accounts, Scope};
use kasacare::store::db::{Db, Sql};
use serde_json::Value;

use super::{Silent, deliver, number, town_with, words};
use crate::world::on_both;
use crate::world::town::{OREGON, Town, noon};

const JOINED: &str = "2026-01-31";
const LEFT: &str = "2026-02-01";
const EVENTS: usize = 5;
/// 5! orders, and 2^5 choices of what is told twice.
const ORDERS: usize = 120;
const CHOICES: usize = 32;

/// The events that one customer's story brings.
type Story = fn(&Account) -> [(&'static str, Value); EVENTS];

/// All orders of the numbers below `EVENTS`.
fn orders() -> Vec<Vec<usize>> {
    fn longer(begun: &[usize]) -> Vec<Vec<usize>> {
        if begun.len() == EVENTS {
            return vec![begun.to_vec()];
        }
        (0..EVENTS).filter(|next| !begun.contains(next)).flat_map(|next| longer(&[begun, &[next]].concat())).collect()
    }
    longer(&[])
}

/// The order in which a customer's events come; those that are told twice come again at the end, in the same order.
fn told_to(customer: usize, orders: &[Vec<usize>]) -> Vec<usize> {
    let (order, twice) = (&orders[customer % ORDERS], customer / ORDERS);
    order.iter().chain(order.iter().filter(|event| twice & (1 << **event) != 0)).copied().collect()
}

fn name(customer: usize) -> String {
    format!("c{customer:04}")
}

/// Lets a story's events come in waves, one event a customer and wave, and then leaves time for what had to wait.
async fn live_through(db: &Db, town: &Town, customers: &[AccountId], story: Story) {
    let orders = orders();
    let waves = 2 * EVENTS;
    for wave in 0..waves {
        let at = at(wave);
        let events: Vec<_> = load(db, customers)
            .await
            .iter()
            .enumerate()
            .filter_map(|(customer, account)| {
                let event = *told_to(customer, &orders).get(wave)?;
                let (kind, object) = &story(account)[event];
                // A second telling of the same has an id of its own: deduplication by id alone would not help.
                Some(words::event(&format!("evt_{customer}_{wave}"), kind, object))
            })
            .collect();
        deliver(db, at, &events).await;
        town.run_at(at).await;
    }
    for late in waves..waves + 4 {
        town.run_at(at(late)).await;
    }
    assert_eq!(number(db, "select count(*) from inbox where state <> 'done' or outcome in ('kept', 'unknown_type', 'foreign')").await, 0);
}

/// Minutes enough for whatever waits, all on one day.
fn at(wave: usize) -> DateTime<Utc> {
    noon(LEFT) + TimeDelta::minutes(20 * i64::try_from(wave).unwrap())
}

async fn load(db: &Db, ids: &[AccountId]) -> Vec<Account> {
    let mut tx = db.begin_read().await.unwrap();
    let mut all = Vec::new();
    for chunk in ids.chunks(500) {
        all.extend(accounts::load(&mut tx, chunk, Scope::ALL).await.unwrap());
    }
    tx.rollback().await.unwrap();
    all
}

/// Everything that must be the same: the account without its name and without how many decisions it took, and the sums of its books.
async fn digests(db: &Db, ids: &[AccountId]) -> Vec<String> {
    let sums = Sql::same(
        "select account_id, ledger_account, cast(sum(amount_minor) as bigint) as sum from postings group by account_id, ledger_account \
         having sum(amount_minor) <> 0 order by account_id, ledger_account",
    );
    let mut tx = db.begin_read().await.unwrap();
    let mut books: BTreeMap<String, String> = BTreeMap::new();
    for row in tx.fetch_all(&sums, &[]).await.unwrap() {
        let line = format!(" {}={}", row.int_at(1).unwrap(), row.int_at(2).unwrap());
        books.entry(row.text_at(0).unwrap()).or_default().push_str(&line);
    }
    tx.rollback().await.unwrap();
    let digest = |mut account: Account| {
        let id = account.profile.id.to_string();
        account.profile.journal_seq = 0;
        account.profile.journal_hash.clear();
        // How often it was looked up, and when next, depends on when it was settled.
        for charge in account.charges.values_mut() {
            (charge.lookups, charge.due_at) = (0, None);
        }
        for refund in account.refunds.values_mut() {
            (refund.lookups, refund.due_at) = (0, None);
        }
        // Invoice numbers are given out in order.
        for invoice in account.invoices.values_mut() {
            invoice.number.clear();
        }
        format!("{account:?} {}", books[&id]).replace(&id, "X")
    };
    load(db, ids).await.into_iter().map(digest).collect()
}

async fn customers(town: &Town, count: usize) -> Vec<AccountId> {
    let people: Vec<_> = (0..count).map(|customer| (name(customer), OREGON, "pm_1".to_owned())).collect();
    town.move_all_in(&people).await;
    let ids: Vec<AccountId> = people.iter().map(|(id, _, _)| id.parse().unwrap()).collect();
    town.subscribe_all(JOINED, &ids, "plus/annual").await;
    ids
}

fn assert_all_same(digests: &[String], words: &[&str]) {
    for word in words {
        assert!(digests[0].contains(word), "no `{word}` in {}", digests[0]);
    }
    let differs = digests.iter().position(|digest| *digest != digests[0]);
    if let Some(customer) = differs {
        panic!("customer {customer} ({:?}):\n{}\n{}", told_to(customer, &orders()), digests[0], digests[customer]);
    }
}

struct CancelAll;

impl Work for CancelAll {
    fn kind(&self) -> &'static str {
        "cancel"
    }

    fn scope(&self) -> Scope {
        Scope::ALL
    }

    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        let id = draft.account.subscriptions.keys().next().unwrap().clone();
        draft.cancel(&id).map(drop)
    }
}

/// 99.99 captured by the answer; cancelled on the second day: 99.44 on their way back when the card holder disputes 99.99, which are
/// lost. The 0.55 that were kept, and a fee of 15.00, are gone besides.
fn refunded_and_disputed(account: &Account) -> [(&'static str, Value); EVENTS] {
    let id = account.profile.id.as_str();
    let charge = account.charges.keys().next().unwrap();
    let refund = account.refunds.values().next().unwrap();
    [
        ("payment_intent.succeeded", words::intent(id, charge, 9_999, "succeeded")),
        ("refund.updated", words::refund(id, charge, &refund.id, refund.amount.minor(), "succeeded")),
        ("charge.dispute.created", words::dispute(charge, 9_999, "needs_response", &[])),
        ("charge.dispute.funds_withdrawn", words::dispute(charge, 9_999, "needs_response", &[-9_999])),
        ("charge.dispute.closed", words::dispute(charge, 9_999, "lost", &[-9_999])),
    ]
}

/// The same, and weeks after it was lost the dispute is won (F61): the 99.99 are back, and wait for a person.
fn refunded_lost_and_won(account: &Account) -> [(&'static str, Value); EVENTS] {
    let charge = account.charges.keys().next().unwrap();
    let [succeeded, refunded, _, withdrawn, lost] = refunded_and_disputed(account);
    let won = words::dispute(charge, 9_999, "won", &[-9_999, 9_999]);
    [succeeded, refunded, withdrawn, lost, ("charge.dispute.funds_reinstated", won)]
}

/// Everybody has cancelled, and the refund is on its way, when the events of a story begin to come.
async fn after_cancelling(db: &Db, story: Story) -> Vec<String> {
    let town = town_with(db, Silent { answers_charges: true }).await;
    let ids = customers(&town, ORDERS * CHOICES).await;
    let engine = town.engine.at(kasacare::clock::Clock::Fixed(noon(LEFT) - TimeDelta::hours(1)));
    for chunk in ids.chunks(500) {
        let mut tx = db.begin().await.unwrap();
        accounts::lock(&mut tx, chunk).await.unwrap();
        engine.run_batch(tx, chunk.to_vec(), &CancelAll).await.unwrap();
    }
    town.run_at(noon(LEFT) - TimeDelta::minutes(30)).await;
    live_through(db, &town, &ids, story).await;
    digests(db, &ids).await
}

#[tokio::test]
async fn a_refund_and_a_lost_dispute_in_every_order() {
    on_both(async |db| assert_all_same(&after_cancelling(&db, refunded_and_disputed).await, &["state: Lost", "5100=1500"])).await;
}

#[tokio::test]
async fn a_dispute_lost_and_then_won_in_every_order() {
    let words = ["state: Won", "dispute_won_late", "2320=-9999", "5100=1500"];
    on_both(async |db| assert_all_same(&after_cancelling(&db, refunded_lost_and_won).await, &words)).await;
}

/// The charge's own answer never came: everything is told by events, and a dispute may be told before its charge.
fn captured_and_disputed(account: &Account) -> [(&'static str, Value); EVENTS] {
    let id = account.profile.id.as_str();
    let charge = account.charges.keys().next().unwrap();
    [
        ("payment_intent.succeeded", words::intent(id, charge, 9_999, "succeeded")),
        ("charge.succeeded", words::charge(id, charge, 9_999)),
        ("charge.dispute.created", words::dispute(charge, 9_999, "needs_response", &[])),
        ("charge.dispute.funds_withdrawn", words::dispute(charge, 9_999, "needs_response", &[-9_999])),
        ("charge.dispute.funds_reinstated", words::dispute(charge, 9_999, "won", &[-9_999, 9_999])),
    ]
}

#[tokio::test]
async fn a_charge_and_a_won_dispute_in_every_order() {
    on_both(async |db| {
        let town = town_with(&db, Silent::default()).await;
        let ids = customers(&town, ORDERS * CHOICES).await;
        live_through(&db, &town, &ids, captured_and_disputed).await;
        assert_all_same(&digests(&db, &ids).await, &["state: Won", "5100=1500", "1200=8499", "Active"]);
    })
    .await;
}
