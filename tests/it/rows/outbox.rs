//! Mails that changes queue and withdraw (I10).

use kasacare::domain::change::{Change, QueuedNotice};
use kasacare::domain::notice::{NoticeData, NoticeKind};
use kasacare::store::db::Db;

use super::sample::{change, loaded, opened, prepare, rich, save, subscription_id};
use super::{rows, run};
use crate::world::on_both;

fn notice(kind: NoticeKind, cause: &str, subscription: Option<&str>) -> QueuedNotice {
    QueuedNotice {
        id: format!("{}_{cause}", kind.tag()),
        kind,
        subscription: subscription.map(subscription_id),
        data: NoticeData { plan: Some("Kasa Care Plus".to_owned()), ..NoticeData::default() },
        not_before: None,
    }
}

/// A change that does nothing but queue and withdraw mails.
async fn mailing(db: &Db, id: &str, cause: &str, notices: Vec<QueuedNotice>, withdrawn: &[&str]) {
    let now = loaded(db, id).await;
    let withdrawn = withdrawn.iter().map(|id| subscription_id(id)).collect();
    save(db, &mut [Change { notices, withdrawn, ..change(&now, now.clone(), cause) }]).await.unwrap();
}

async fn states(db: &Db) -> Vec<String> {
    let rows = rows(db, "select account_id || ' ' || notice_id || ' ' || state from notices order by account_id, notice_id", &[]).await;
    rows.iter().map(|row| row.text_at(0).unwrap()).collect()
}

#[tokio::test]
async fn a_mail_exists_once_per_cause() {
    on_both(async |db| {
        opened(&db, &["a-1", "a-2"]).await;
        let receipt = || notice(NoticeKind::ReceiptPayment, "ch_1", None);
        mailing(&db, "a-1", "first", vec![receipt(), notice(NoticeKind::CreditGranted, "x", None)], &[]).await;
        mailing(&db, "a-1", "second", vec![receipt()], &[]).await;
        let tomorrow = super::sample::instant("2026-02-01T05:00:00Z");
        let later = QueuedNotice { not_before: Some(tomorrow), ..receipt() };
        mailing(&db, "a-2", "first", vec![later], &[]).await;
        assert_eq!(super::number(&db, "select due_at from notices where account_id = 'a-2'").await, tomorrow.timestamp_micros());
        run(&db, "update notices set state = 'sent', sent_at = 1, due_at = null where account_id = 'a-2'").await.unwrap();
        mailing(&db, "a-2", "second", vec![receipt()], &[]).await;
        let expected = ["a-1 credit_granted_x queued", "a-1 receipt_payment_ch_1 queued", "a-2 receipt_payment_ch_1 sent"];
        assert_eq!(states(&db).await, expected);
        let row = rows(&db, "select kind, data, queued_at from notices where account_id = 'a-2'", &[]).await;
        assert_eq!(row[0].text("kind").unwrap(), "receipt_payment");
        assert_eq!(row[0].text("data").unwrap(), r#"{"plan":"Kasa Care Plus"}"#);
        let recorded = super::sample::instant("2026-01-31T17:00:00.000001Z").timestamp_micros();
        assert_eq!(row[0].int("queued_at").unwrap(), recorded);
    })
    .await;
}

#[tokio::test]
async fn what_no_longer_applies_is_withdrawn_and_comes_back_when_it_does() {
    on_both(async |db| {
        opened(&db, &["a-1", "a-2"]).await;
        let reminder = |subscription: &str| notice(NoticeKind::RenewalReminder, subscription, Some(subscription));
        for id in ["a-1", "a-2"] {
            let price = notice(NoticeKind::PriceNotice, "s-1_v2", Some("s-1"));
            let confirmation = notice(NoticeKind::CancellationConfirmed, "s-1", Some("s-1"));
            mailing(&db, id, "first", vec![reminder("s-1"), reminder("s-2"), price, confirmation], &[]).await;
        }
        run(&db, "update notices set state = 'sent', sent_at = 1, due_at = null where account_id = 'a-1' and kind = 'price_notice'")
            .await
            .unwrap();
        mailing(&db, "a-1", "cancel", vec![], &["s-1"]).await;
        let expected = [
            "a-1 cancellation_confirmed_s-1 queued",
            "a-1 price_notice_s-1_v2 sent",
            "a-1 renewal_reminder_s-1 withdrawn",
            "a-1 renewal_reminder_s-2 queued",
            "a-2 cancellation_confirmed_s-1 queued",
            "a-2 price_notice_s-1_v2 queued",
            "a-2 renewal_reminder_s-1 queued",
            "a-2 renewal_reminder_s-2 queued",
        ];
        assert_eq!(states(&db).await, expected);
        // The cancellation is taken back (LC-9): the reminder is owed after all, what was sent is not sent again.
        let price = notice(NoticeKind::PriceNotice, "s-1_v2", Some("s-1"));
        mailing(&db, "a-1", "resume", vec![reminder("s-1"), price], &[]).await;
        let expected = ["a-1 price_notice_s-1_v2 sent", "a-1 renewal_reminder_s-1 queued"];
        assert_eq!(states(&db).await[1..3], expected);
    })
    .await;
}

#[tokio::test]
async fn a_mail_names_the_numbers_that_its_change_takes() {
    on_both(async |db| {
        prepare(&db).await;
        let before = opened(&db, &["a-1"]).await;
        let mut mail = notice(NoticeKind::ReceiptPayment, "x", None);
        mail.data.invoice_number = Some("in_s-active_2_1".to_owned());
        mail.data.credit_note_number = Some("cn_s-active_2_0_1".to_owned());
        save(&db, &mut [Change { notices: vec![mail], ..change(&before[0], rich(&before[0]), "everything") }]).await.unwrap();
        let data = rows(&db, "select data from notices", &[]).await[0].text_at(0).unwrap();
        assert!(data.contains(r#""invoice_number":"KASA-2026-000002","credit_note_number":"KASA-2026-N-000001""#), "{data}");
        assert_eq!(rows(&db, "select number from notes", &[]).await[0].text_at(0).unwrap(), "KASA-2026-N-000001");
    })
    .await;
}
