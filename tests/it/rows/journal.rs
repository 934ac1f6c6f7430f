//! The chain of hashes, recomputed from the rows as they are stored (I12).

use chrono::DateTime;
use kasacare::domain::ledger::{self, Leg};
use kasacare::store::db::Row;
use kasacare::store::journal::{PostedLeg, Record, record_hash};

use super::rows;
use super::sample::{change, loaded, opened, prepare, rich, save, usd};
use crate::world::on_both;

const RECORDS: &str = "select account_id, seq, posted_at, effective_on, kind, cause, actor, reason, hash, body from journal order by seq";
const LEGS: &str = "select seq, leg_no, event_no, ledger_account, effective_on, amount_minor, currency, subscription_id, invoice_id \
                    from postings order by seq, leg_no";

fn hash_of(previous: &str, record: &Row, legs: &[Row]) -> String {
    let text = |column: &str| record.opt_text(column).unwrap();
    let [account_id, kind, cause, actor, body] = ["account_id", "kind", "cause", "actor", "body"].map(|column| text(column).unwrap());
    let reason = text("reason");
    let seq = record.int("seq").unwrap();
    let legs: Vec<_> = legs.iter().filter(|leg| leg.int("seq").unwrap() == seq).collect();
    let texts: Vec<_> =
        legs.iter().map(|leg| ["currency", "subscription_id", "invoice_id"].map(|column| leg.opt_text(column).unwrap())).collect();
    let legs: Vec<_> = legs
        .iter()
        .zip(&texts)
        .map(|(leg, [currency, subscription_id, invoice_id])| PostedLeg {
            leg_no: leg.int("leg_no").unwrap(),
            event_no: leg.int("event_no").unwrap(),
            ledger_account: leg.int("ledger_account").unwrap(),
            effective_on: leg.date("effective_on").unwrap(),
            amount_minor: leg.int("amount_minor").unwrap(),
            currency: currency.as_deref().unwrap(),
            subscription_id: subscription_id.as_deref(),
            invoice_id: invoice_id.as_deref(),
        })
        .collect();
    let record = Record {
        account_id: &account_id,
        seq,
        kind: &kind,
        cause: &cause,
        effective_on: record.date("effective_on").unwrap(),
        posted_at: DateTime::from_timestamp_micros(record.int("posted_at").unwrap()).unwrap(),
        actor: &actor,
        reason: reason.as_deref(),
        body: &body,
    };
    record_hash(previous, &record, &legs)
}

#[tokio::test]
async fn every_record_follows_from_the_one_before_it() {
    on_both(async |db| {
        prepare(&db).await;
        let before = opened(&db, &["a-1"]).await;
        let leg = |account, minor, invoice: Option<&str>| Leg { account, amount: usd(minor), invoice: invoice.map(str::to_owned) };
        let mut first = change(&before[0], rich(&before[0]), "everything");
        first.entries = vec![
            (0, vec![leg(ledger::RECEIVABLE, 8_659, Some("in_s-active_2_0")), leg(ledger::REVENUE, -8_659, Some("in_s-active_2_0"))]),
            (2, vec![leg(ledger::CUSTOMER_CREDITS, 500, None), leg(ledger::REVENUE_CORRECTIONS, -500, None)]),
        ];
        save(&db, std::slice::from_mut(&mut first)).await.unwrap();
        let mut second = change(&first.after, first.after.clone(), "second");
        second.reason = Some("a \"quoted\" reason, żółć".to_owned());
        save(&db, &mut [second]).await.unwrap();

        let (records, legs) = (rows(&db, RECORDS, &[]).await, rows(&db, LEGS, &[]).await);
        assert_eq!((records.len(), legs.len()), (3, 4));
        let mut previous = String::new();
        for record in &records {
            let stored = record.text("hash").unwrap();
            assert_eq!(hash_of(&previous, record, &legs), stored, "record {}", record.int("seq").unwrap());
            previous = stored;
        }
        assert_eq!(loaded(&db, "a-1").await.profile.journal_hash, previous);
        let subscriptions: Vec<_> = legs.iter().map(|leg| leg.opt_text("subscription_id").unwrap()).collect();
        assert_eq!(subscriptions, [Some("s-active".to_owned()), Some("s-active".to_owned()), None, None]);
        let events: Vec<_> = legs.iter().map(|leg| leg.int("event_no").unwrap()).collect();
        assert_eq!(events, [0, 0, 2, 2]);
        assert_eq!(records[1].text("body").unwrap(), r#"{"events":["released.v1"],"why":["CA-2: because of a test"]}"#);
    })
    .await;
}

#[tokio::test]
async fn both_databases_make_the_same_chain() {
    let chains = std::sync::Mutex::new(Vec::new());
    on_both(async |db| {
        prepare(&db).await;
        let before = opened(&db, &["a-1"]).await;
        let mut changes = [change(&before[0], rich(&before[0]), "everything")];
        save(&db, &mut changes).await.unwrap();
        let chain = loaded(&db, "a-1").await;
        chains.lock().unwrap().push(chain);
    })
    .await;
    let chains = chains.into_inner().unwrap();
    assert_eq!(chains[0], chains[1]);
}
