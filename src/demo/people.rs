//! Who lives through the demo: accounts in five currencies and a dozen time zones, made from the seed.

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

use super::chance::Chance;
use crate::domain::account::{Method, Profile};
use crate::domain::calendar::month_end;
use crate::domain::ids::{AccountId, CameraId};
use crate::domain::money::{Currency, Money};
use crate::store::account::NewAccount;

/// Where customers live: currency, time zone, tax jurisdiction, how many of a hundred.
const MARKETS: &[(&str, Tz, &str, u64)] = &[
    ("USD", Tz::America__Los_Angeles, "US-CA", 26),
    ("USD", Tz::America__New_York, "US-NY", 22),
    ("USD", Tz::America__Los_Angeles, "US-OR", 6),
    ("EUR", Tz::Europe__Berlin, "DE", 14),
    ("EUR", Tz::Europe__Paris, "FR", 10),
    ("GBP", Tz::Europe__London, "GB", 10),
    ("JPY", Tz::Asia__Tokyo, "JP", 8),
    ("KWD", Tz::Asia__Kuwait, "KW", 4),
];
const FIRST: &[&str] = &[
    "Ada", "Ben", "Chiara", "Dmitri", "Elif", "Farid", "Grace", "Hiro", "Inés", "Jonas", "Keiko", "Liam", "Maryam", "Noor", "Oskar",
    "Priya",
];
const LAST: &[&str] =
    &["Abe", "Brandt", "Costa", "Dupont", "Evans", "Fischer", "Garcia", "Haddad", "Ito", "Jansen", "Khan", "Lindqvist", "Moreau", "Novak"];
const CARDS: &[&str] = &["Visa", "Mastercard", "American Express"];

/// One person of the demo.
#[derive(Debug, Clone)]
pub struct Person {
    /// Number, from 0.
    pub number: u64,
    /// The account.
    pub id: AccountId,
    /// Cameras.
    pub cameras: Vec<CameraId>,
    /// The day of the demo on which the account first buys, from 0.
    pub joins_on: u64,
}

/// Makes the person with this number and the account row.
#[must_use]
pub fn person(chance: Chance, number: u64, start: NaiveDate, days: u64) -> Option<(Person, NewAccount)> {
    let (currency, zone, jurisdiction) = market(chance, number);
    let currency = Currency::parse(currency).ok()?;
    let id = AccountId::parse(&format!("a{number:06}")).ok()?;
    let cameras = 1 + chance.pick("cameras", number, 0, 3);
    let cameras: Vec<CameraId> = (1..=cameras).filter_map(|camera| CameraId::parse(&format!("cam-{number:06}-{camera}")).ok()).collect();
    let zero = Money::zero(currency);
    let profile = Profile {
        id: id.clone(),
        currency,
        zone,
        jurisdiction: jurisdiction.to_owned(),
        trial_used_on: None,
        method: Some(method(chance, number, 1, start)),
        credit_cash: zero,
        credit_goodwill: zero,
        carried: zero,
        caught_up_on: None,
        parked: None,
        journal_seq: 0,
        journal_hash: String::new(),
    };
    let first = FIRST[index(chance, "first", number, FIRST.len())];
    let last = LAST[index(chance, "last", number, LAST.len())];
    let account =
        NewAccount { profile, cameras: cameras.clone(), email: format!("customer{number}@example.com"), name: format!("{first} {last}") };
    // Half of them are there in the first month; the others come while the year goes on.
    let joins_on = if chance.hits(50_000, "early", number, 0) {
        chance.pick("joins", number, 0, 30)
    } else {
        chance.pick("joins", number, 1, days.max(60) * 3 / 4)
    };
    Some((Person { number, id, cameras, joins_on }, account))
}

fn market(chance: Chance, number: u64) -> (&'static str, Tz, &'static str) {
    let mut at = chance.pick("market", number, 0, 100);
    for (currency, zone, jurisdiction, share) in MARKETS {
        if at < *share {
            return (currency, *zone, jurisdiction);
        }
        at -= share;
    }
    ("USD", Tz::America__New_York, "US-NY")
}

fn index(chance: Chance, purpose: &str, number: u64, length: usize) -> usize {
    let length = u64::try_from(length).unwrap_or(1);
    usize::try_from(chance.pick(purpose, number, 0, length)).unwrap_or(0)
}

/// A card that mostly works: the simulated provider decides by the token and the seed. Some run out during the demo.
#[must_use]
pub fn method(chance: Chance, number: u64, card: u32, today: NaiveDate) -> Method {
    let brand = CARDS[index(chance, "brand", number + u64::from(card), CARDS.len())];
    let digits = 1_000 + chance.pick("digits", number, u64::from(card), 9_000);
    let months = 4 + chance.pick("expiry", number, u64::from(card), 44);
    let expires = i32::try_from(months / 12)
        .ok()
        .and_then(|years| NaiveDate::from_ymd_opt(today.year() + years, u32::try_from(months % 12 + 1).unwrap_or(1), 1))
        .map(month_end)
        .filter(|expires| *expires > today);
    Method {
        number: card,
        token: format!("tok_mix_{number}_{card}"),
        label: format!("{brand} ending {digits}"),
        expires_on: expires,
        blocked: false,
    }
}
