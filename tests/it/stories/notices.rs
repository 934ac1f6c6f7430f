//! Mails that are late, lost or refused (RE-2, RE-4, PR-2, PR-5), and quotes that know of others (MO-3).

use chrono::TimeDelta;
use kasacare::clock::Clock;
use kasacare::domain::account::NoticeOutcome;
use kasacare::domain::catalog::{Price, PriceVersion};
use kasacare::domain::change::Refusal;
use kasacare::domain::change::start::Order;
use kasacare::domain::ids::{AccountId, SubscriptionId};
use kasacare::domain::money::{Currency, Money};
use kasacare::domain::promotion::PromotionError;
use kasacare::engine::{EngineError, Who};
use kasacare::mail::MailFault::{self, FailBefore, Refuse};
use kasacare::store::db::Db;
use kasacare::store::reference;

use crate::world::town::{OREGON, Town, day, noon, order};
use crate::world::{on_both, on_postgres};

/// Somebody with a plan since 31 January 2026, whose first two mails (receipt and welcome) arrive; what follows meets the faults.
async fn customer(db: &Db, plan: &str, faults: Vec<MailFault>) -> (Town, AccountId, SubscriptionId) {
    let town = Town::with_mail_faults(db, [MailFault::None; 2].into_iter().chain(faults)).await;
    let id = town.move_in("a", OREGON, "tok_ok").await;
    let subscription = town.subscribe("2026-01-31", &id, plan).await;
    assert_eq!(town.mails().len(), 2);
    (town, id, subscription)
}

async fn announce(town: &mut Town, on: &str, plan: &str, minor: i64) {
    let price = Price { plan: plan.parse().unwrap(), amount: Money::new(minor, Currency::parse("USD").unwrap()) };
    let version = PriceVersion { version: "v2".to_owned(), effective_from: day(on), prices: vec![price] };
    let mut tx = town.engine.db.begin().await.unwrap();
    reference::announce(&mut tx, &version, noon(on), "olga", "costs").await.unwrap();
    tx.commit().await.unwrap();
    town.reload().await;
}

async fn tasks(town: &Town, id: &AccountId) -> Vec<(String, String)> {
    town.account(id).await.tasks.into_values().map(|task| (task.kind, task.subject)).collect()
}

fn text_of(town: &Town, kind: &str) -> String {
    town.taken().iter().find(|mail| mail.notice_id().starts_with(kind)).map(|mail| mail.rendered().text.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_reminder_outlives_an_outage_of_half_a_day() {
    on_both(|db| async move {
        let (town, id, subscription) = customer(&db, "plus/annual", vec![FailBefore; 12]).await;
        for hour in 0..=12 {
            town.run_at(noon("2027-01-01") + TimeDelta::hours(hour)).await;
            let reminded = town.account(&id).await.subscriptions[&subscription].was_reminded_of(day("2027-01-31"));
            assert_eq!(reminded, hour == 12, "after {hour} hours");
        }
        town.run("2027-01-31").await;
        assert_eq!(tasks(&town, &id).await, []);
        assert_eq!(town.invoices(&id).await.len(), 2);
        assert_eq!(town.mails().iter().filter(|mail| mail.starts_with("renewal_reminder_")).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_reminder_that_never_got_out_is_missed_and_withdrawn() {
    on_both(|db| async move {
        let (town, id, subscription) = customer(&db, "plus/annual", vec![FailBefore; 31]).await;
        town.run_daily("2027-01-01", "2027-02-02").await;
        let name = format!("{subscription}_2027-01-31");
        assert_eq!(tasks(&town, &id).await, [("reminder_missed".to_owned(), name)]);
        let mails = town.mails();
        assert!(mails.iter().all(|mail| !mail.starts_with("renewal_reminder_")), "{mails:?}");
        assert!(mails.iter().filter(|mail| mail.starts_with("receipt_payment_")).count() == 2, "the server works again: {mails:?}");
    })
    .await;
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_a_task() {
    on_both(|db| async move {
        let (town, id, subscription) = customer(&db, "plus/annual", vec![Refuse { permanent: true }]).await;
        town.run("2027-01-01").await;
        let reminder = format!("renewal_reminder_{subscription}_2027-01-31");
        assert_eq!(tasks(&town, &id).await, [("mail_failed".to_owned(), reminder.clone())]);
        town.run("2027-01-31").await;
        let missed = ("reminder_missed".to_owned(), format!("{subscription}_2027-01-31"));
        assert_eq!(tasks(&town, &id).await, [("mail_failed".to_owned(), reminder), missed]);
    })
    .await;
}

#[tokio::test]
async fn a_price_notice_is_tried_until_it_is_sent_and_says_what_is_true_then() {
    on_both(|db| async move {
        let (mut town, id, subscription) = customer(&db, "plus/monthly", vec![MailFault::None, FailBefore, FailBefore]).await;
        town.run("2026-02-28").await;
        announce(&mut town, "2026-03-01", "plus/monthly", 1_299).await;
        // Announced 30 days before 31 March, and sent 29 days before it.
        town.run_at(noon("2026-03-01")).await;
        town.run_at(noon("2026-03-01") + TimeDelta::hours(1)).await;
        assert_eq!(text_of(&town, "price_notice_"), "");
        town.run_at(noon("2026-03-02")).await;
        let text = text_of(&town, "price_notice_");
        assert!(text.contains("New price applies from your renewal on: 30 April 2026"), "{text}");
        let sent_on = town.account(&id).await.subscriptions[&subscription].price_notices[0].sent_on;
        assert_eq!(sent_on, Some(day("2026-03-02")));
        town.run_daily("2026-03-31", "2026-05-01").await;
        let charged: Vec<i64> = town.invoices(&id).await.iter().map(|invoice| invoice.captured.minor()).collect();
        assert_eq!(charged, [999, 999, 999, 1_299]);
    })
    .await;
}

#[tokio::test]
async fn a_price_notice_that_is_refused_for_good_lapses_and_is_a_task() {
    on_both(|db| async move {
        let (mut town, id, subscription) = customer(&db, "plus/monthly", vec![Refuse { permanent: true }]).await;
        announce(&mut town, "2026-02-01", "plus/monthly", 1_299).await;
        town.run("2026-02-01").await;
        let notice = format!("price_notice_{subscription}_v2");
        assert_eq!(tasks(&town, &id).await, [("mail_failed".to_owned(), notice)]);
        let account = town.account(&id).await;
        let notices = &account.subscriptions[&subscription].price_notices;
        assert_eq!(notices.iter().map(|notice| notice.outcome).collect::<Vec<_>>(), [NoticeOutcome::Lapsed]);
    })
    .await;
}

#[tokio::test]
async fn a_notice_that_comes_after_the_reminder_of_its_day_waits_for_the_next() {
    on_both(|db| async move {
        let (mut town, id, _) = customer(&db, "plus/annual", Vec::new()).await;
        town.run_at(noon("2027-01-01")).await;
        assert!(text_of(&town, "renewal_reminder_").contains("Total: $99.99"));
        announce(&mut town, "2027-01-01", "plus/annual", 12_999).await;
        town.run_at(noon("2027-01-01") + TimeDelta::hours(1)).await;
        assert_eq!(text_of(&town, "price_notice_"), "");
        town.run_daily("2027-01-02", "2027-01-31").await;
        assert!(text_of(&town, "price_notice_").contains("from your renewal on: 31 January 2028"));
        let charged: Vec<i64> = town.invoices(&id).await.iter().map(|invoice| invoice.captured.minor()).collect();
        assert_eq!(charged, [9_999, 9_999]);
    })
    .await;
}

#[tokio::test]
async fn a_quote_refuses_a_promotion_that_others_used_up_as_the_act_does() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let (first, second) = (town.move_in("a", OREGON, "tok_ok").await, town.move_in("b", OREGON, "tok_ok").await);
        let mut reference = (*town.engine.reference).clone();
        let code = reference.catalog.promotions.iter_mut().find(|promotion| promotion.code == "HALF3").unwrap();
        code.max_uses = Some(1);
        let mut tx = db.begin().await.unwrap();
        reference::store(&mut tx, &reference).await.unwrap();
        tx.commit().await.unwrap();
        let mut town = town;
        town.reload().await;
        let ordered = |id: &AccountId| Order { promotion: Some("HALF3".to_owned()), ..order(id, "plus/monthly") };
        town.act(noon("2026-01-10"), &first, |draft| draft.subscribe(&ordered(&first))).await;
        let used_up = Refusal::Promotion(PromotionError::UsedUp { code: "HALF3".to_owned(), max_uses: 1 });
        let theirs = ordered(&second);
        let engine = town.engine.at(Clock::Fixed(noon("2026-01-10")));
        let quoted = engine.quote(&second, "story", &Who::customer(), |draft| draft.subscribe(&theirs)).await;
        assert!(matches!(&quoted, Err(EngineError::Refused { refusal, .. }) if *refusal == used_up), "{quoted:?}");
        assert_eq!(town.try_act(noon("2026-01-10"), &second, |draft| draft.subscribe(&theirs)).await.map(drop), Err(used_up));
    })
    .await;
}

/// RE-2: while one runner is sending the reminder, another announces a price and wants to send its notice on the same day. It cannot
/// know whether the reminder has left already, so the notice waits; on the next day it goes out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runners_do_not_send_a_reminder_and_a_price_notice_on_one_day() {
    on_postgres(|db| async move {
        let slow = vec![MailFault::Delay(std::time::Duration::from_secs(4))];
        let (one, id, subscription) = customer(&db, "plus/annual", slow).await;
        one.run_daily("2026-12-01", "2026-12-31").await;
        let mut other = one.beside(&db.connect_again().await).await;
        let started = one.mails().len();
        let sending = tokio::spawn(async move {
            one.run("2027-01-01").await;
            one
        });
        let sql = "select count(*) from notices where kind = 'renewal_reminder' and state = 'queued' and lease_until is not null";
        while number(&other.engine.db, sql).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        // Reckoned, and with the slow server by now.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        announce(&mut other, "2027-01-01", "plus/annual", 12_999).await;
        other.run("2027-01-01").await;
        assert!(!sending.is_finished(), "the reminder was on its way all the time");
        assert_eq!(other.mails(), Vec::<String>::new(), "the notice waits");
        let one = sending.await.unwrap();
        assert_eq!(one.mails()[started..], [format!("renewal_reminder_{subscription}_2027-01-31")]);
        let account = other.account(&id).await;
        assert_eq!(account.subscriptions[&subscription].reminded_on, Some(day("2027-01-01")));
        other.run("2027-01-01").await;
        assert_eq!(other.mails(), Vec::<String>::new(), "not on the reminder's day");
        other.run("2027-01-02").await;
        assert_eq!(other.mails(), [format!("price_notice_{subscription}_v2")]);
        assert_eq!(other.account(&id).await.subscriptions[&subscription].price_notices[0].sent_on, Some(day("2027-01-02")));
        drop(other.engine);
    })
    .await;
}

async fn number(db: &Db, sql: &'static str) -> i64 {
    let mut tx = db.begin_read().await.unwrap();
    let number = tx.fetch_one(&kasacare::store::db::Sql::same(sql), &[]).await.unwrap().int_at(0).unwrap();
    tx.rollback().await.unwrap();
    number
}
