//! Accounts and changes to store: made by hand, so that every column of every table has a value of its own.

use chrono::{DateTime, NaiveDate, Utc};
use kasacare::domain::account::{
    Account, AttemptState, Charge, CollectionCost, Correction, CorrectionState, Dispute, DisputeState, Invoice, InvoiceDocument, Method,
    Note, NoteReason, NoticeOutcome, Parked, Payment, PriceNotice, Profile, Purpose, RedemptionState, Refund, Subscription, Task,
};
use kasacare::domain::calendar::{Cycle, Period};
use kasacare::domain::catalog::Plan;
use kasacare::domain::change::Change;
use kasacare::domain::event::Event;
use kasacare::domain::ids::{AccountId, CameraId, SubscriptionId};
use kasacare::domain::money::{Currency, Money, Rate};
use kasacare::domain::promotion::Redemption;
use kasacare::domain::subscription::{Cause, Channel, Intent, State, Term, Trial};
use kasacare::store::account::{self, NewAccount, Opening};
use kasacare::store::db::Db;

kasacare::statements! {
    SELLER = same("insert into settings (only_row, seller, free_history_days) values (1, 'KASA', 1)");
    CODE = same("insert into promotions (code, position, body) values ($1, 0, '{}')");
    USES = same("insert into promotion_uses (code, used, max_uses) values ($1, 0, $2)");
}

/// Gives the database what every save needs: a seller, and a promotion that can be used once.
pub async fn prepare(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    tx.execute(&SELLER, &[]).await.unwrap();
    tx.execute(&CODE, &kasacare::values!["WELCOME"]).await.unwrap();
    tx.execute(&USES, &kasacare::values!["WELCOME", 1_i64]).await.unwrap();
    tx.commit().await.unwrap();
}

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub fn account_id(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

pub fn subscription_id(text: &str) -> SubscriptionId {
    SubscriptionId::parse(text).unwrap()
}

pub fn camera_id(text: &str) -> CameraId {
    CameraId::parse(text).unwrap()
}

pub fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::parse("USD").unwrap())
}

/// A customer as an import makes one.
pub fn profile(id: &str) -> Profile {
    Profile {
        id: account_id(id),
        currency: Currency::parse("USD").unwrap(),
        zone: chrono_tz::America::New_York,
        jurisdiction: "US-NY".to_owned(),
        trial_used_on: None,
        method: Some(Method {
            number: 1,
            token: "pm_1".to_owned(),
            label: "Visa ending 4242".to_owned(),
            expires_on: Some(day("2029-02-28")),
            blocked: false,
        }),
        credit_cash: usd(0),
        credit_goodwill: usd(0),
        carried: usd(0),
        caught_up_on: None,
        parked: None,
        journal_seq: 0,
        journal_hash: String::new(),
    }
}

pub fn new_account(id: &str) -> NewAccount {
    NewAccount { profile: profile(id), cameras: vec![], email: format!("{id}@example.com"), name: format!("Name of {id}") }
}

pub const OPENING: Opening<'static> = Opening { at: DateTime::UNIX_EPOCH, actor: "import", reason: "a test" };

/// Adds accounts to the database and loads them.
pub async fn opened(db: &Db, ids: &[&str]) -> Vec<Account> {
    let accounts: Vec<NewAccount> = ids.iter().map(|id| new_account(id)).collect();
    let ids: Vec<AccountId> = ids.iter().map(|id| account_id(id)).collect();
    let mut tx = db.begin().await.unwrap();
    account::insert_accounts(&mut tx, &accounts, OPENING).await.unwrap();
    let loaded = account::load(&mut tx, &ids, account::Scope::ALL).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(loaded.len(), ids.len());
    loaded
}

/// Loads one account whole.
pub async fn loaded(db: &Db, id: &str) -> Account {
    let mut tx = db.begin_read().await.unwrap();
    account::load(&mut tx, &[account_id(id)], account::Scope::ALL).await.unwrap().pop().expect("the account")
}

/// Saves changes in a transaction of their own.
pub async fn save(db: &Db, changes: &mut [Change]) -> Result<(), kasacare::store::error::StoreError> {
    let mut tx = db.begin().await?;
    account::save(&mut tx, changes).await?;
    Ok(tx.commit().await?)
}

/// A change from one state of an account to another. The event stands for whatever led there.
pub fn change(before: &Account, after: Account, cause: &str) -> Change {
    Change {
        before: before.clone(),
        after,
        kind: "test",
        cause: cause.to_owned(),
        effective_on: day("2026-01-31"),
        recorded_at: instant("2026-01-31T17:00:00.000001Z"),
        actor: "system".to_owned(),
        reason: None,
        events: vec![Event::AccountReleased],
        why: vec!["CA-2: because of a test".to_owned()],
        entries: vec![],
        notices: vec![],
        withdrawn: vec![],
    }
}

pub fn annual_plus() -> Plan {
    Plan::new("plus", Cycle::Annual)
}

pub fn term(intent: Intent) -> Term {
    Term {
        number: 2,
        anchor: day("2025-01-31"),
        plan: annual_plus(),
        period_no: 1,
        period: Period::new(day("2026-01-31"), day("2027-01-31")).unwrap(),
        version: "v1".to_owned(),
        intent,
    }
}

pub fn subscription(id: &str, state: State) -> Subscription {
    Subscription {
        id: subscription_id(id),
        channel: Channel::Direct,
        camera: None,
        state,
        promotion: None,
        terms_version: "2024".to_owned(),
        cancel_requested_on: None,
        reminded_for: None,
        reminded_on: None,
        price_notices: vec![],
        due_at: None,
        remind_at: None,
    }
}

/// A subscription in each state, with all that hangs on it.
pub fn subscriptions() -> Vec<Subscription> {
    let since = day("2026-02-02");
    let to_premium =
        Intent::ChangesTo { plan: Plan::new("premium", Cycle::Monthly), version: "v2".to_owned(), camera: Some(camera_id("cam-9")) };
    let trial = Trial { plan: annual_plus(), version: "v3".to_owned(), start: day("2026-01-31"), ends: day("2026-03-02") };
    let notice =
        |version: &str, sent_on: Option<&str>, outcome| PriceNotice { version: version.to_owned(), sent_on: sent_on.map(day), outcome };
    let mut active = subscription("s-active", State::Active { term: term(Intent::Renews) });
    active.camera = Some(camera_id("cam-1"));
    active.promotion = Some(Redemption { code: "WELCOME".to_owned(), periods_billed: 3 });
    active.reminded_for = Some(day("2027-01-31"));
    active.reminded_on = Some(day("2027-01-01"));
    active.due_at = Some(instant("2027-01-31T05:00:00Z"));
    active.remind_at = Some(instant("2027-01-01T05:00:00.000007Z"));
    active.price_notices = vec![
        notice("v2", Some("2026-03-01"), NoticeOutcome::Superseded),
        notice("v3", None, NoticeOutcome::Pending),
        notice("v2", Some("2026-04-01"), NoticeOutcome::Lapsed),
    ];
    let mut mirror = subscription("s-mirror", State::Active { term: term(Intent::Ends) });
    mirror.channel = Channel::GooglePlay;
    let mut past_due = subscription("s-past-due", State::PastDue { term: term(to_premium), since });
    past_due.cancel_requested_on = Some(day("2026-02-03"));
    past_due.price_notices = vec![notice("v9", Some("2026-05-01"), NoticeOutcome::Applied)];
    let unpaid_since = Some(day("2026-02-01"));
    vec![
        subscription("s-free", State::Free),
        subscription("s-pending", State::Pending { term: term(Intent::Renews) }),
        subscription("s-trialing", State::Trialing { trial }),
        active,
        mirror,
        past_due,
        subscription("s-suspended", State::Suspended { term: term(Intent::Ends), since, unpaid_since }),
        subscription("s-suspended-paid", State::Suspended { term: term(Intent::Renews), since, unpaid_since: None }),
        subscription("s-closed", State::Closed { cause: Cause::TerminatedForBreach, on: day("2026-05-05") }),
    ]
}

/// An invoice in which no two amounts are the same.
pub fn invoice(subscription: &str, period_no: u32) -> Invoice {
    Invoice {
        document: InvoiceDocument {
            id: format!("in_{subscription}_2_{period_no}"),
            subscription: subscription_id(subscription),
            term: 2,
            period_no,
            plan: annual_plus(),
            period: Period::new(day("2026-01-31"), day("2027-01-31")).unwrap(),
            version: "v1".to_owned(),
            list: usd(9_999),
            promotion: Some("WELCOME".to_owned()),
            discount: usd(2_000),
            net: usd(7_999),
            rate: Rate::parse("0.0825").unwrap(),
            tax: usd(660),
            jurisdiction: "US-NY".to_owned(),
            issued_on: day("2026-01-31"),
        },
        number: String::new(),
        net: usd(7_001),
        tax: usd(602),
        recognised: usd(-3),
        recognised_through: Some(day("2026-02-28")),
        open: usd(4),
        captured: usd(5_005),
        returned: usd(6),
        disputed: usd(7),
        held: usd(8),
        credit_cash: usd(9),
        credit_goodwill: usd(10),
        written_off: usd(11),
        attempts: 12,
        first_failed_on: Some(day("2026-02-01")),
        retries: 13,
        carried: true,
        pending: false,
        ended_on: Some(day("2026-12-31")),
        recognise_at: Some(instant("2026-03-01T05:00:00Z")),
    }
}

pub fn charge(invoice: &str, attempt: u32, state: AttemptState) -> Charge {
    Charge {
        id: format!("ch_{}_{attempt}", invoice.strip_prefix("in_").unwrap()),
        invoice: invoice.to_owned(),
        attempt,
        purpose: Purpose::Period,
        amount: usd(8_659),
        method: 1,
        state,
        due_at: state.in_flight().then(|| instant("2026-01-31T17:00:00Z")),
        requested_at: instant("2026-01-31T16:59:59.999999Z"),
        reference: None,
        code: None,
        settled_on: None,
        lookups: 0,
    }
}

/// An account that has one of everything.
pub fn rich(opened: &Account) -> Account {
    let mut account = opened.clone();
    let profile = &mut account.profile;
    profile.trial_used_on = Some(day("2024-02-29"));
    profile.method =
        Some(Method { number: 4, token: "pm_4".to_owned(), label: "Mastercard ending 4444".to_owned(), expires_on: None, blocked: true });
    profile.credit_cash = usd(1_234);
    profile.credit_goodwill = usd(567);
    profile.carried = usd(89);
    profile.caught_up_on = Some(day("2026-01-30"));
    profile.parked =
        Some(Parked { code: "no_price".to_owned(), reason: "no price in KWD".to_owned(), since: instant("2026-01-31T08:00:00Z") });
    account.cameras = vec![camera_id("cam-1"), camera_id("cam-2")];
    account.subscriptions = subscriptions().into_iter().map(|row| (row.id.clone(), row)).collect();
    let invoices = [invoice("s-active", 0), invoice("s-active", 1)];
    account.invoices = invoices.into_iter().map(|row| (row.document.id.clone(), row)).collect();
    let mut paid = charge("in_s-active_2_0", 1, AttemptState::Succeeded);
    (paid.reference, paid.settled_on, paid.lookups) = (Some("pi_1".to_owned()), Some(day("2026-02-01")), 2);
    let mut failed = charge("in_s-active_2_1", 1, AttemptState::Failed);
    failed.code = Some("insufficient_funds".to_owned());
    let mut unknown = charge("in_s-active_2_1", 2, AttemptState::Unknown);
    unknown.purpose = Purpose::Correction;
    let charges = [paid, failed, unknown, charge("in_s-active_2_0", 2, AttemptState::Abandoned)];
    account.charges = charges.into_iter().map(|row| (row.id.clone(), row)).collect();
    add_money(&mut account);
    account
}

#[expect(clippy::too_many_lines, reason = "one row of each kind")]
fn add_money(account: &mut Account) {
    let (invoice, charge) = ("in_s-active_2_0".to_owned(), "ch_s-active_2_0_1".to_owned());
    let payment = Payment {
        charge: charge.clone(),
        invoice: invoice.clone(),
        amount: usd(8_659),
        refunded: usd(21),
        disputed: usd(22),
        captured_on: day("2026-02-01"),
    };
    account.payments.insert((charge.clone(), invoice.clone()), payment);
    let refund = Refund {
        id: "re_s-active_2_0_1_1".to_owned(),
        charge: charge.clone(),
        invoice: invoice.clone(),
        amount: usd(23),
        excess: usd(3),
        reason: "cancellation".to_owned(),
        state: AttemptState::Unknown,
        due_at: Some(instant("2026-02-05T00:00:00Z")),
        requested_at: instant("2026-02-04T00:00:00Z"),
        reference: Some("re_1".to_owned()),
        code: Some("charge_disputed".to_owned()),
        settled_on: Some(day("2026-02-06")),
        lookups: 3,
    };
    account.refunds.insert(refund.id.clone(), refund);
    let note = Note {
        id: "cn_s-active_2_0_1".to_owned(),
        invoice: invoice.clone(),
        reason: NoteReason::PlanChange,
        net: usd(24),
        tax: usd(2),
        issued_on: day("2026-02-07"),
    };
    account.notes.insert(note.id.clone(), note);
    let correction = Correction {
        id: "co_s-active_2_0_1".to_owned(),
        invoice,
        charged: usd(25),
        correct: usd(26),
        transaction_on: day("2026-02-08"),
        last_attempt_on: day("2026-03-10"),
        state: CorrectionState::Open,
        open_net: usd(27),
        open_tax: usd(28),
        due_at: Some(instant("2026-02-09T00:00:00Z")),
    };
    account.corrections.insert(correction.id.clone(), correction);
    let dispute = Dispute {
        id: "dp_1".to_owned(),
        charge,
        amount: usd(29),
        fee: usd(1_500),
        state: DisputeState::Open,
        opened_on: day("2026-02-10"),
    };
    account.disputes.insert(dispute.id.clone(), dispute);
    let redemption = RedemptionState { subscription: subscription_id("s-active"), released: false };
    account.redemptions.insert("WELCOME".to_owned(), redemption);
    let cost = CollectionCost {
        id: "cc_a_1".to_owned(),
        amount: usd(31),
        open: usd(30),
        written_off: usd(0),
        document: "agency 17".to_owned(),
        added_on: day("2026-02-11"),
    };
    account.costs.insert(cost.id.clone(), cost);
    for (number, amount, closed_on) in [(1, Some(usd(32)), None), (2, None, Some(day("2026-02-13")))] {
        let task = Task {
            id: format!("tk_{number}"),
            kind: "refund_failed".to_owned(),
            subject: "re_s-active_2_0_1_1".to_owned(),
            amount,
            opened_on: day("2026-02-12"),
            closed_on,
        };
        account.tasks.insert(task.id.clone(), task);
    }
}
