//! Saving: how many statements, what is refused, and what several changes do to one another.

use kasacare::domain::account::{Account, AttemptState};
use kasacare::domain::calendar::{Cycle, Period};
use kasacare::domain::change::Change;
use kasacare::domain::ids::AccountId;
use kasacare::domain::ledger::{self, Leg};
use kasacare::domain::money::{Currency, Money};
use kasacare::domain::subscription::{Intent, State};
use kasacare::store::account::{self, Scope};
use kasacare::store::db::{Db, DbError, Kind, Retryable};
use kasacare::store::error::StoreError;

use super::sample::{
    OPENING, account_id, change, charge, invoice, loaded, new_account, opened, prepare, save, subscription, subscription_id, term, usd,
};
use super::{number, rows};
use crate::world::on_both;

/// What a renewal does: the next period, its invoice, an intent to charge, an entry of three legs.
fn renewal(before: &Account) -> Change {
    let mut after = before.clone();
    let (id, row) = after.subscriptions.iter_mut().next().unwrap();
    let State::Active { term } = &mut row.state else { panic!("an active subscription") };
    term.period_no += 1;
    term.period = Period::nth(term.anchor, Cycle::Annual, term.period_no).unwrap();
    let mut bill = invoice(id.as_str(), term.period_no);
    bill.document.period = term.period;
    let attempt = charge(&bill.document.id, 1, AttemptState::Requested);
    let id = bill.document.id.clone();
    after.charges.insert(attempt.id.clone(), attempt);
    after.invoices.insert(id.clone(), bill);
    let leg = |account, minor| Leg { account, amount: usd(minor), invoice: Some(id.clone()) };
    let entry = vec![leg(ledger::RECEIVABLE, 8_659), leg(ledger::PREPAYMENTS, -7_999), leg(ledger::SALES_TAX, -660)];
    Change { entries: vec![(0, entry)], kind: "renew", ..change(before, after, &format!("renew:{id}")) }
}

/// Adds so many accounts, each with an active subscription.
async fn subscribed(db: &Db, count: usize) -> Vec<AccountId> {
    let ids: Vec<AccountId> = (0..count).map(|number| account_id(&format!("a-{number:04}"))).collect();
    let accounts: Vec<_> = ids.iter().map(|id| new_account(id.as_str())).collect();
    let mut tx = db.begin().await.unwrap();
    account::insert_accounts(&mut tx, &accounts, OPENING).await.unwrap();
    let mut changes: Vec<Change> = Vec::new();
    for before in account::load(&mut tx, &ids, Scope::PROFILE).await.unwrap() {
        let mut after = before.clone();
        let row = subscription("s-1", State::Active { term: term(Intent::Renews) });
        after.subscriptions.insert(row.id.clone(), row);
        changes.push(change(&before, after, "subscribe"));
    }
    account::save(&mut tx, &mut changes).await.unwrap();
    tx.commit().await.unwrap();
    ids
}

#[tokio::test]
async fn a_chunk_of_renewals_takes_a_fixed_number_of_statements() {
    on_both(async |db| {
        prepare(&db).await;
        let ids = subscribed(&db, 2_000).await;
        let mut tx = db.begin().await.unwrap();
        let start = db.statements_sent();
        account::lock(&mut tx, &ids).await.unwrap();
        let accounts = account::load(&mut tx, &ids, Scope::RENEWAL).await.unwrap();
        let loaded = db.statements_sent();
        let mut changes: Vec<Change> = accounts.iter().map(renewal).collect();
        account::save(&mut tx, &mut changes).await.unwrap();
        let saved = db.statements_sent();
        tx.commit().await.unwrap();
        // Accounts, subscriptions, price notices; and the lock, which SQLite does not need.
        // Journal, postings, accounts, subscriptions, charges, the number series, invoices. On SQLite the 6,000 postings
        // take three statements, of 2,000 rows each. The 38 columns of 2,000 invoices are more than the 32,766 parameters of
        // a statement, but those in which all agree are sent once.
        let (load, save) = match db.kind() {
            Kind::Postgres => (4, 7),
            Kind::Sqlite => (3, 7 + 2),
        };
        assert_eq!((loaded - start, saved - loaded), (load, save));
        assert_eq!(number(&db, "select count(*) from postings").await, 6_000);
        let last = &changes.last().unwrap().after;
        assert_eq!(last.invoices.values().next().unwrap().number, "KASA-2026-002000");
        assert_eq!(&super::sample::loaded(&db, "a-1999").await, last);
    })
    .await;
}

#[tokio::test]
async fn what_has_not_changed_is_not_written() {
    on_both(async |db| {
        prepare(&db).await;
        subscribed(&db, 1).await;
        let before = loaded(&db, "a-0000").await;
        let mut tx = db.begin().await.unwrap();
        let start = db.statements_sent();
        let nothing = Change { events: vec![], ..change(&before, before.clone(), "nothing") };
        account::save(&mut tx, &mut [nothing]).await.unwrap();
        assert_eq!(db.statements_sent() - start, 0, "an empty change has sent something");
        // A record in the journal, and the account's end of it.
        account::save(&mut tx, &mut [change(&before, before.clone(), "only the journal")]).await.unwrap();
        assert_eq!(db.statements_sent() - start, 2);
    })
    .await;
}

#[tokio::test]
async fn of_two_who_plan_on_the_same_state_one_is_refused() {
    on_both(async |db| {
        let before = opened(&db, &["a-1"]).await;
        save(&db, &mut [change(&before[0], before[0].clone(), "first")]).await.unwrap();
        let refused = save(&db, &mut [change(&before[0], before[0].clone(), "second")]).await.unwrap_err();
        assert_eq!(refused, StoreError::Conflict { account: Some("a-1".to_owned()) });
        assert!(refused.is_retryable());
        let now = loaded(&db, "a-1").await;
        assert_eq!(now.profile.journal_seq, 2);
        save(&db, &mut [change(&now, now.clone(), "second")]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_cause_happens_once() {
    on_both(async |db| {
        let before = opened(&db, &["a-1", "a-2"]).await;
        save(&db, &mut [change(&before[0], before[0].clone(), "request:17")]).await.unwrap();
        let now = loaded(&db, "a-1").await;
        let again = || change(&now, now.clone(), "request:17");
        let refused = save(&db, &mut [again()]).await.unwrap_err();
        let cause = Some("request:17".to_owned());
        assert_eq!(refused, StoreError::AlreadyDone { account: Some("a-1".to_owned()), cause });
        assert!(!refused.is_retryable());
        // Causes are per account; of several it is not known whose it was.
        let other = || change(&before[1], before[1].clone(), "request:17");
        let refused = save(&db, &mut [other(), again()]).await.unwrap_err();
        assert_eq!(refused, StoreError::AlreadyDone { account: None, cause: None });
        assert_eq!(loaded(&db, "a-2").await, before[1], "half of a refused batch was stored");
        save(&db, &mut [other()]).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn changes_of_one_account_follow_one_another() {
    on_both(async |db| {
        prepare(&db).await;
        subscribed(&db, 1).await;
        let before = loaded(&db, "a-0000").await;
        let first = renewal(&before);
        let mut silent = change(&first.after, first.after.clone(), "nothing");
        silent.events.clear();
        silent.after.profile.credit_goodwill = usd(5);
        let second = renewal(&silent.after);
        let mut changes = [first, silent, second];
        save(&db, &mut changes).await.unwrap();
        let [first, _, second] = changes;
        assert_eq!((first.after.profile.journal_seq, second.after.profile.journal_seq), (3, 4));
        let numbers = |change: &Change| change.after.invoices.values().map(|row| row.number.clone()).collect::<Vec<_>>();
        assert_eq!(numbers(&first), ["KASA-2026-000001"]);
        assert_eq!(numbers(&second), ["KASA-2026-000001", "KASA-2026-000002"]);
        assert_eq!(loaded(&db, "a-0000").await, second.after);
        // The second of these was not planned on what the first has left.
        let refused = save(&db, &mut [renewal(&second.after), renewal(&second.after)]).await.unwrap_err();
        assert_eq!(refused, StoreError::Conflict { account: Some("a-0000".to_owned()) });
    })
    .await;
}

#[tokio::test]
async fn a_failed_attempt_makes_room_for_the_next_in_the_same_change() {
    on_both(async |db| {
        prepare(&db).await;
        subscribed(&db, 1).await;
        let mut renewed = [renewal(&loaded(&db, "a-0000").await)];
        save(&db, &mut renewed).await.unwrap();
        let [renewed] = renewed;
        let retry = charge("in_s-1_2_2", 2, AttemptState::Requested);
        // Two under way for one invoice are refused by the schema (F08).
        let mut after = renewed.after.clone();
        after.charges.insert(retry.id.clone(), retry.clone());
        let refused = save(&db, &mut [change(&renewed.after, after.clone(), "too soon")]).await.unwrap_err();
        assert!(matches!(refused, StoreError::Db(DbError::UniqueViolation { .. })), "{refused}");
        let failed = after.charges.get_mut("ch_s-1_2_2_1").unwrap();
        (failed.state, failed.due_at, failed.code) = (AttemptState::Failed, None, Some("declined".to_owned()));
        let mut changes = [change(&renewed.after, after, "retry")];
        save(&db, &mut changes).await.unwrap();
        assert_eq!(loaded(&db, "a-0000").await, changes[0].after);
    })
    .await;
}

#[tokio::test]
async fn numbers_have_no_gaps_whoever_takes_them() {
    on_both(async |db| {
        prepare(&db).await;
        let ids = subscribed(&db, 6).await;
        let mut tx = db.begin().await.unwrap();
        let accounts = account::load(&mut tx, &ids, Scope::RENEWAL).await.unwrap();
        tx.rollback().await.unwrap();
        // Taken and given back, because the transaction is undone.
        let mut tx = db.begin().await.unwrap();
        account::save(&mut tx, &mut [renewal(&accounts[0])]).await.unwrap();
        tx.rollback().await.unwrap();
        for chunk in accounts.chunks(3) {
            let mut changes: Vec<Change> = chunk.iter().map(renewal).collect();
            let next_year = changes.last_mut().unwrap().after.invoices.values_mut().next().unwrap();
            next_year.document.issued_on = super::sample::day("2027-01-01");
            save(&db, &mut changes).await.unwrap();
        }
        let stored = rows(&db, "select number from invoices order by number", &[]).await;
        let stored: Vec<String> = stored.iter().map(|row| row.text_at(0).unwrap()).collect();
        let expected = ["2026-000001", "2026-000002", "2026-000003", "2026-000004", "2027-000001", "2027-000002"];
        assert_eq!(stored, expected.map(|number| format!("KASA-{number}")));
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_with_nothing_done() {
    on_both(async |db| {
        subscribed(&db, 1).await;
        let before = loaded(&db, "a-0000").await;
        assert_eq!(save(&db, &mut [renewal(&before)]).await, Err(StoreError::NoCatalog));
        prepare(&db).await;
        let eur = Money::new(1, Currency::parse("EUR").unwrap());
        let mut wrong_row = renewal(&before);
        wrong_row.after.charges.values_mut().next().unwrap().amount = eur;
        let mut wrong_leg = renewal(&before);
        wrong_leg.entries[0].1[0].amount = eur;
        for (mut wrong, table) in [(wrong_row, "charges"), (wrong_leg, "postings")] {
            let refused = save(&db, std::slice::from_mut(&mut wrong)).await.unwrap_err();
            let account = "a-0000".to_owned();
            assert_eq!(refused, StoreError::Currency { account, table, expected: usd(0).currency(), found: eur.currency() });
        }
        let mut vanished = renewal(&before);
        vanished.after.subscriptions.remove(&subscription_id("s-1"));
        let refused = save(&db, &mut [vanished]).await.unwrap_err();
        assert!(matches!(refused, StoreError::Unstorable { table: "subscriptions", .. }), "{refused}");
        let mut stranger = before.clone();
        stranger.profile.id = account_id("nobody");
        let refused = save(&db, &mut [change(&stranger, stranger.clone(), "nobody's")]).await.unwrap_err();
        assert_eq!(refused, StoreError::Conflict { account: None });
        assert_eq!(loaded(&db, "a-0000").await, before);
        assert_eq!(number(&db, "select count(*) from journal").await, 2);
    })
    .await;
}
