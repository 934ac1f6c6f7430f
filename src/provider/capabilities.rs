//! What a provider can do, as data, so that nothing else asks which provider it is.

use chrono::{DateTime, Duration, Utc};

use crate::domain::money::{Currency, Money};

/// What one provider can do, and its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one question, and they are asked one by one")]
pub struct Capabilities {
    /// Its name, as stored beside what it did.
    pub name: &'static str,
    /// We start charges.
    pub can_charge: bool,
    /// We start refunds.
    pub can_refund: bool,
    /// It answers what became of a charge or a refund, by our id (PV-2).
    pub can_look_up: bool,
    /// It keeps a list of its events, in which those are found whose webhook got lost (F41).
    pub lists_events: bool,
    /// What the rows of its list of movements are, as `settlement import` calls them; nothing where it has no such list.
    pub movements: Option<&'static str>,
    /// A store charges and refunds; we follow (RF-7).
    pub mirror_only: bool,
    /// For how long it remembers idempotency keys, in hours. A key that is older starts a new request (F03).
    pub key_window_hours: u32,
    /// For how many minutes after a request it may still carry it out unseen, although it has answered that it failed. Only then a
    /// look-up that finds nothing proves that nothing happened, and a new attempt may be made (PV-2).
    pub late_minutes: u32,
    /// Whether it knows of calls that this database may have forgotten, because it was restored from a backup (F15).
    pub outlives_backups: bool,
    /// How many calls are leased, made and settled together.
    pub calls_in_batch: u32,
    /// How many such batches are worked on at one time: where calls take their time, the answers of one are settled while the next is sent.
    pub batches_at_once: usize,
    /// The least that it charges, in minor units, by ISO 4217 code (MO-5). What is absent has no minimum.
    pub minimum_charges: &'static [(&'static str, i64)],
}

impl Capabilities {
    /// For how long after the intent was recorded a call may still be sent with its key: the window less one hour (I14).
    #[must_use]
    pub fn resend_window(&self) -> Duration {
        Duration::hours(i64::from(self.key_window_hours.saturating_sub(1)))
    }

    /// Whether a call that this database never sent may have been sent all the same: one that has been wanted for so long that its key
    /// would not tell (F15). Either the jobs have not run, or the database was restored from a backup; the provider is asked before it
    /// is sent.
    #[must_use]
    pub fn may_know_of(&self, wanted_since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.outlives_backups && now.signed_duration_since(wanted_since) >= self.resend_window()
    }

    /// Whether a request that was last sent, and answered with a failure, at that instant can have no effect any more that is not
    /// seen yet.
    #[must_use]
    pub fn is_over(&self, failed_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        now.signed_duration_since(failed_at) >= Duration::minutes(i64::from(self.late_minutes))
    }

    /// The least that it charges in this currency (MO-5).
    ///
    /// ```
    /// use kasacare::domain::money::{Currency, Money};
    /// use kasacare::provider::capabilities::SIMULATED;
    /// let yen = Currency::parse("JPY").unwrap();
    /// assert_eq!(SIMULATED.minimum_charge(yen), Some(Money::new(50, yen)));
    /// ```
    #[must_use]
    pub fn minimum_charge(&self, currency: Currency) -> Option<Money> {
        let listed = self.minimum_charges.iter().find(|(code, _)| *code == currency.code());
        listed.map(|(_, minor)| Money::new(*minor, currency))
    }

    /// All minimums, for the reference data of a decision (MO-5).
    #[must_use]
    pub fn minimums(&self) -> Vec<Money> {
        let money = |(code, minor): &(&str, i64)| Currency::parse(code).ok().map(|currency| Money::new(*minor, currency));
        self.minimum_charges.iter().filter_map(money).collect()
    }
}

/// The simulated provider: a card provider that can do everything.
pub const SIMULATED: Capabilities = Capabilities {
    name: crate::store::binding::SIMULATED,
    can_charge: true,
    can_refund: true,
    can_look_up: true,
    lists_events: false,
    movements: None,
    mirror_only: false,
    key_window_hours: 24,
    late_minutes: 0,
    outlives_backups: false,
    calls_in_batch: 2_000,
    batches_at_once: 1,
    minimum_charges: CARD_MINIMUMS,
};

/// Stripe: direct, by payment intents off session.
pub const STRIPE: Capabilities = Capabilities {
    name: "stripe",
    lists_events: true,
    movements: Some("stripe-balance"),
    late_minutes: 30,
    outlives_backups: true,
    calls_in_batch: 500,
    batches_at_once: 2,
    ..SIMULATED
};

/// What card providers usually ask for, near half a dollar everywhere.
const CARD_MINIMUMS: &[(&str, i64)] = &[
    ("AED", 200),
    ("AUD", 50),
    ("BRL", 50),
    ("CAD", 50),
    ("CHF", 50),
    ("CZK", 1_500),
    ("DKK", 250),
    ("EUR", 50),
    ("GBP", 30),
    ("HKD", 400),
    ("HUF", 17_500),
    ("INR", 50),
    ("JPY", 50),
    ("KWD", 150),
    ("MXN", 1_000),
    ("MYR", 200),
    ("NOK", 300),
    ("NZD", 50),
    ("PLN", 200),
    ("RON", 200),
    ("SEK", 300),
    ("SGD", 50),
    ("THB", 1_000),
    ("USD", 50),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_minimum_is_in_a_currency() {
        assert_eq!(SIMULATED.minimums().len(), CARD_MINIMUMS.len());
        assert!(SIMULATED.minimums().iter().all(|minimum| minimum.is_positive()));
    }

    #[test]
    fn what_is_not_listed_has_no_minimum() {
        assert_eq!(SIMULATED.minimum_charge(Currency::parse("KRW").unwrap()), None);
        let dinar = Currency::parse("KWD").unwrap();
        assert_eq!(SIMULATED.minimum_charge(dinar).map(Money::major).as_deref(), Some("0.150"));
    }

    #[test]
    fn a_failure_proves_something_only_after_a_while() {
        let now = DateTime::UNIX_EPOCH + Duration::hours(1);
        assert!(SIMULATED.is_over(now, now));
        for (minutes, expected) in [(0, false), (29, false), (30, true)] {
            assert_eq!(STRIPE.is_over(now - Duration::minutes(minutes), now), expected, "{minutes}");
        }
    }

    #[test]
    fn what_is_long_due_may_have_been_sent_by_a_database_that_is_gone() {
        let now = DateTime::UNIX_EPOCH + Duration::days(9);
        for (hours, expected) in [(0, false), (22, false), (23, true), (90, true)] {
            assert_eq!(STRIPE.may_know_of(now - Duration::hours(hours), now), expected, "{hours}");
            assert!(!SIMULATED.may_know_of(now - Duration::hours(hours), now), "it is restored with the database");
        }
    }

    #[test]
    fn keys_are_not_sent_in_their_last_hour() {
        assert_eq!(SIMULATED.resend_window(), Duration::hours(23));
    }
}
