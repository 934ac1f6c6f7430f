//! The simulated provider and the doorway to it, on both databases.

mod command;
mod concurrency;
mod doorway;
mod events;
mod keys;
mod killed;
mod operator;
mod refunds;
mod same_year;
mod tokens;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use kasacare::domain::money::{Currency, Money};
use kasacare::provider::simulated::audit::{self, ChargeObject, RefundObject};
use kasacare::provider::simulated::{Settings, Simulated};
use kasacare::provider::{ChargeCall, Decline, Doubt, Fact, LookUp, NotDone, Outcome, Provider, ProviderEvent, RefundCall};
use kasacare::store::db::{Db, DbError};

/// When the stories begin.
fn start() -> DateTime<Utc> {
    "2026-01-31T09:00:00Z".parse().unwrap()
}

fn days_later(days: i64) -> DateTime<Utc> {
    start() + Duration::days(days)
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::parse("USD").unwrap())
}

/// A charge of 100.00 USD with this id.
fn call(id: &str, token: &str) -> ChargeCall {
    ChargeCall {
        key: format!("charge:{id}"),
        account_id: "acc-1".parse().unwrap(),
        invoice_id: format!("in_{id}"),
        charge_id: id.to_owned(),
        amount: usd(10_000),
        method_token: token.to_owned(),
        expires_on: NaiveDate::from_ymd_opt(2028, 2, 29),
    }
}

fn question(id: &str) -> LookUp {
    LookUp { key: format!("charge:{id}"), id: id.to_owned(), ..LookUp::default() }
}

fn unknown(doubt: Doubt) -> Outcome {
    Outcome::Unknown(doubt)
}

fn declined(code: &str) -> Outcome {
    Outcome::Declined(Decline::of(code))
}

fn not_found() -> Outcome {
    Outcome::DidNotHappen(NotDone::NotFound)
}

fn refused(code: &str) -> Outcome {
    Outcome::DidNotHappen(NotDone::Refused { code: code.to_owned() })
}

/// The provider of one test, asked one thing at a time.
#[derive(Debug, Clone)]
struct Bench {
    provider: Provider,
    simulated: Simulated,
    db: Db,
}

impl Bench {
    fn on(db: &Db) -> Self {
        Self { provider: Provider::simulated(db.clone()), simulated: Simulated::new(db.clone()), db: db.clone() }
    }

    /// The same, but every answer is told as an event as well.
    async fn telling_all(db: &Db) -> Self {
        let bench = Self::on(db);
        bench.simulated.configure(&Settings { every_event: true, ..Settings::default() }).await.unwrap();
        bench
    }

    async fn charge(&self, now: DateTime<Utc>, call: &ChargeCall) -> Outcome {
        self.provider.charge(now, std::slice::from_ref(call)).await.remove(0)
    }

    /// Charges 100.00 USD and gives the provider's id of the capture.
    async fn capture(&self, id: &str, token: &str) -> String {
        match self.charge(start(), &call(id, token)).await {
            Outcome::Succeeded { reference, amount, at } => {
                assert_eq!((amount, at), (usd(10_000), start()));
                reference
            }
            outcome => panic!("{id} is not captured: {outcome:?}"),
        }
    }

    async fn refund(&self, now: DateTime<Utc>, call: &RefundCall) -> Outcome {
        self.provider.refund(now, std::slice::from_ref(call)).await.remove(0)
    }

    async fn look_up(&self, now: DateTime<Utc>, id: &str) -> Outcome {
        self.provider.look_up_charges(now, &[question(id)]).await.remove(0)
    }

    async fn look_up_refund(&self, now: DateTime<Utc>, id: &str) -> Outcome {
        self.provider.look_up_refunds(now, &[question(id)]).await.remove(0)
    }

    /// All events up to an instant, from the first.
    async fn events(&self, now: DateTime<Utc>) -> Vec<ProviderEvent> {
        self.provider.events(now, None, 1_000).await.unwrap().events
    }

    async fn facts(&self, now: DateTime<Utc>) -> Vec<Fact> {
        self.events(now).await.into_iter().map(|event| event.fact).collect()
    }

    async fn charges(&self) -> Vec<ChargeObject> {
        let (mut tx, mut all) = (self.db.begin_read().await.unwrap(), Vec::new());
        let read = audit::charges(&mut tx, |batch| {
            all.extend(batch);
            Ok::<_, DbError>(())
        });
        read.await.unwrap();
        all
    }

    async fn refunds(&self) -> Vec<RefundObject> {
        let (mut tx, mut all) = (self.db.begin_read().await.unwrap(), Vec::new());
        let read = audit::refunds(&mut tx, |batch| {
            all.extend(batch);
            Ok::<_, DbError>(())
        });
        read.await.unwrap();
        all
    }

    /// No attempt was captured twice, and what was captured was never exceeded (I1, I4).
    async fn assert_sound(&self) {
        let mut tx = self.db.begin_read().await.unwrap();
        assert_eq!(audit::repeated_captures(&mut tx).await.unwrap(), []);
        for charge in self.charges().await {
            let gone = charge.refunded.plus(charge.disputed).unwrap();
            assert!(!gone.is_negative() && gone.minor() <= charge.amount.minor(), "{charge:?}");
        }
    }
}

/// A refund on the charge with this id.
fn refund_call(id: &str, charge_id: &str, charge_reference: &str, minor: i64) -> RefundCall {
    RefundCall {
        key: format!("refund:{id}"),
        account_id: "acc-1".parse().unwrap(),
        refund_id: id.to_owned(),
        charge_id: charge_id.to_owned(),
        charge_reference: charge_reference.to_owned(),
        amount: usd(minor),
    }
}
