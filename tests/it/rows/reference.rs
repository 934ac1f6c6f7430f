//! Reference data: stored once, loaded as it was, never changed under its name.

use kasacare::domain::calendar::Cycle;
use kasacare::domain::catalog::{Catalog, Covers, Plan, Price, PriceVersion, Tier};
use kasacare::domain::change::Reference;
use kasacare::domain::money::{Currency, Money, Rate};
use kasacare::domain::promotion::{Discount, Duration, Promotion};
use kasacare::domain::tax::{DatedRate, TaxRates};
use kasacare::domain::terms::Terms;
use kasacare::store::db::{Db, DbError};
use kasacare::store::error::StoreError;
use kasacare::store::reference::{self, announce, load, store, store_catalog, store_tax_rates, store_terms};

use super::rows;
use super::sample::{day, instant, usd};
use crate::world::on_both;

fn price(tier: &str, cycle: Cycle, minor: i64, currency: &str) -> Price {
    Price { plan: Plan::new(tier, cycle), amount: Money::new(minor, Currency::parse(currency).unwrap()) }
}

fn version(name: &str, from: &str, minor: i64) -> PriceVersion {
    let prices = vec![
        price("premium", Cycle::Monthly, minor, "USD"),
        price("plus", Cycle::Annual, 9_999, "USD"),
        price("plus", Cycle::Annual, 1_500, "JPY"),
    ];
    PriceVersion { version: name.to_owned(), effective_from: day(from), prices }
}

fn tier(name: &str, rank: u32, covers: Covers) -> Tier {
    let title = format!("Kasa Care {name}");
    Tier { name: name.to_owned(), title, rank, covers, cameras_max: 10 * rank, history_days: 30 * rank, trial_days: 14 }
}

fn promotion(code: &str, off: Discount) -> Promotion {
    let plans = Some([Plan::new("plus", Cycle::Annual)].into());
    Promotion { code: code.to_owned(), off, duration: Duration::Periods(3), plans, expires_on: None, max_uses: Some(100) }
}

fn sample() -> Reference {
    let half = Discount::PercentOff(Rate::parse("0.5").unwrap());
    let catalog = Catalog {
        seller: "KASA".to_owned(),
        free_history_days: 1,
        tiers: vec![tier("premium", 2, Covers::Account), tier("plus", 1, Covers::OneCamera)],
        versions: vec![version("v1", "2024-01-01", 1_999), version("v2", "2026-01-01", 2_099)],
        promotions: vec![promotion("WELCOME", half), promotion("AUTUMN", Discount::AmountOff(vec![usd(100)]))],
    };
    let rate = |jurisdiction: &str, from: &str, rate: &str| DatedRate {
        jurisdiction: jurisdiction.to_owned(),
        valid_from: day(from),
        rate: Rate::parse(rate).unwrap(),
    };
    let tax = TaxRates::new([rate("DE", "2020-07-01", "0.16"), rate("DE", "2021-01-01", "0.19"), rate("US-NY", "2020-01-01", "0.08875")]);
    Reference { catalog, terms: vec![Terms::standard("2024"), Terms::standard("2023")], tax: tax.unwrap(), minimums: vec![usd(50)] }
}

async fn stored(db: &Db, reference: &Reference) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    store(&mut tx, reference).await?;
    Ok(tx.commit().await?)
}

#[track_caller]
fn assert_same(left: &Reference, right: &Reference) {
    assert_eq!(left.catalog, right.catalog);
    assert_eq!((&left.terms, &left.tax, &left.minimums), (&right.terms, &right.tax, &right.minimums));
}

#[tokio::test]
async fn reference_data_comes_back_as_it_was_however_often_it_is_stored() {
    on_both(async |db| {
        let mut tx = db.begin_read().await.unwrap();
        assert_eq!(load(&mut tx, vec![]).await.unwrap_err(), StoreError::NoCatalog);
        drop(tx);
        for _ in 0..2 {
            stored(&db, &sample()).await.unwrap();
            let mut tx = db.begin_read().await.unwrap();
            assert_same(&load(&mut tx, vec![usd(50)]).await.unwrap(), &sample());
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_new_is_added_and_what_may_change_does() {
    on_both(async |db| {
        stored(&db, &sample()).await.unwrap();
        let mut next = sample();
        next.catalog.tiers.push(tier("basic", 3, Covers::OneCamera));
        // A version of an earlier date is listed by its date.
        next.catalog.versions.insert(1, version("v1b", "2025-01-01", 2_050));
        next.catalog.promotions[0].expires_on = Some(day("2026-12-31"));
        next.catalog.promotions[1].max_uses = None;
        next.catalog.promotions.push(promotion("WINTER", Discount::AmountOff(vec![])));
        next.terms.push(Terms::standard("2026"));
        let mut rates: Vec<_> = next.tax.rows().collect();
        rates.push(DatedRate { jurisdiction: "FR".to_owned(), valid_from: day("2014-01-01"), rate: Rate::parse("0.2").unwrap() });
        next.tax = TaxRates::new(rates).unwrap();
        stored(&db, &next).await.unwrap();
        let mut tx = db.begin_read().await.unwrap();
        assert_same(&load(&mut tx, vec![usd(50)]).await.unwrap(), &next);
        let uses = tx
            .fetch_all(&kasacare::store::db::Sql::same("select code, used, max_uses from promotion_uses order by code"), &[])
            .await
            .unwrap();
        let uses: Vec<_> = uses.iter().map(|row| (row.text_at(0).unwrap(), row.int_at(1).unwrap(), row.opt_int_at(2).unwrap())).collect();
        let expected = [("AUTUMN", 0, None), ("WELCOME", 0, Some(100)), ("WINTER", 0, Some(100))];
        assert_eq!(uses, expected.map(|(code, used, max)| (code.to_owned(), used, max)));
        drop(tx);
        // What a later file leaves out stays.
        stored(&db, &sample()).await.unwrap();
        let mut tx = db.begin_read().await.unwrap();
        assert_eq!(load(&mut tx, vec![]).await.unwrap().catalog.versions.len(), 3);
    })
    .await;
}

#[tokio::test]
#[expect(clippy::type_complexity, reason = "a table of cases")]
async fn another_content_under_a_stored_name_is_a_conflict_that_names_the_field() {
    on_both(async |db| {
        stored(&db, &sample()).await.unwrap();
        let cases: [(&str, &str, fn(&mut Reference)); 13] = [
            ("KASA", "seller", |reference| reference.catalog.seller = "OTHER".to_owned()),
            ("KASA", "free_history_days", |reference| reference.catalog.free_history_days = 2),
            ("premium", "title", |reference| reference.catalog.tiers[0].title = "Another".to_owned()),
            ("premium", "history_days", |reference| reference.catalog.tiers[0].history_days = 1),
            ("premium", "covers", |reference| reference.catalog.tiers[0].covers = Covers::OneCamera),
            ("v1", "effective_from", |reference| reference.catalog.versions[0].effective_from = day("2024-01-02")),
            ("v1", "price of premium/monthly in USD", |reference| reference.catalog.versions[0].prices[0].amount = usd(1)),
            ("v2", "set of prices (with plus/annual in JPY, too)", |reference| drop(reference.catalog.versions[1].prices.pop())),
            ("v2", "set of prices (without plus/monthly in USD)", |reference| {
                reference.catalog.versions[1].prices.push(price("plus", Cycle::Monthly, 1, "USD"));
            }),
            ("WELCOME", "duration", |reference| reference.catalog.promotions[0].duration = Duration::Once),
            ("AUTUMN", "plans", |reference| reference.catalog.promotions[1].plans = None),
            ("2024", "notice_days", |reference| reference.terms[0].notice_days = 10),
            ("DE from 2021-01-01", "rate", |reference| {
                let rates =
                    reference.tax.rows().map(|row| DatedRate { rate: Rate::ZERO, ..row }).filter(|row| row.valid_from == day("2021-01-01"));
                reference.tax = TaxRates::new(rates).unwrap();
            }),
        ];
        for (expected_name, expected_field, change) in cases {
            let mut other = sample();
            change(&mut other);
            match stored(&db, &other).await {
                Err(StoreError::VersionDiffers { name, field, .. }) => {
                    assert_eq!((name.as_str(), field.as_str()), (expected_name, expected_field));
                }
                outcome => panic!("{expected_name} {expected_field}: {outcome:?}"),
            }
        }
        let mut tx = db.begin_read().await.unwrap();
        assert_same(&load(&mut tx, vec![usd(50)]).await.unwrap(), &sample());
    })
    .await;
}

#[tokio::test]
async fn each_part_can_be_stored_alone_and_prices_need_their_tiers() {
    on_both(async |db| {
        let sample = sample();
        let mut tx = db.begin().await.unwrap();
        store_tax_rates(&mut tx, &sample.tax).await.unwrap();
        store_terms(&mut tx, &sample.terms).await.unwrap();
        store_catalog(&mut tx, &Catalog { versions: vec![], promotions: vec![], ..sample.catalog.clone() }).await.unwrap();
        reference::add_price_versions(&mut tx, &sample.catalog.versions).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let mut unknown = version("v9", "2027-01-01", 1);
        unknown.prices.push(price("nope", Cycle::Annual, 1, "USD"));
        let refused = reference::add_price_versions(&mut tx, &[unknown]).await.unwrap_err();
        assert!(matches!(refused, StoreError::Db(DbError::ForeignKey { .. })), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_version_is_announced_once() {
    on_both(async |db| {
        stored(&db, &sample()).await.unwrap();
        let at = instant("2026-02-01T12:00:00Z");
        let mut tx = db.begin().await.unwrap();
        let new = version("v3", "2026-05-01", 2_199);
        assert!(announce(&mut tx, &new, at, "ada", "costs").await.unwrap());
        assert!(!announce(&mut tx, &new, instant("2026-03-01T12:00:00Z"), "bob", "again").await.unwrap());
        assert!(announce(&mut tx, &sample().catalog.versions[1], at, "ada", "known").await.unwrap());
        let other = version("v3", "2026-06-01", 2_199);
        assert!(matches!(announce(&mut tx, &other, at, "ada", "x").await, Err(StoreError::VersionDiffers { .. })));
        tx.commit().await.unwrap();
        let stored =
            rows(&db, "select announced_at, announced_by, reason, state, cursor_account from announcements where version = 'v3'", &[])
                .await;
        let text = |column| stored[0].text(column).unwrap();
        assert_eq!(["announced_by", "reason", "state", "cursor_account"].map(text), ["ada", "costs", "open", ""]);
        assert_eq!(stored[0].int("announced_at").unwrap(), at.timestamp_micros());
        assert_eq!(reference::promotion_uses(&mut db.begin_read().await.unwrap(), "WELCOME").await.unwrap(), 0);
    })
    .await;
}
