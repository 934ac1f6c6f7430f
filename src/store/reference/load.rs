//! Reading reference data.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::de::DeserializeOwned;

use super::super::db::{DbError, Sql, Table, Tx};
use super::super::error::StoreError;
use super::super::rows::Reader;
use super::super::tags::Tagged;
use super::{PRICE_VERSIONS, PRICES, PROMOTIONS, SETTINGS, TAX_RATES, TERMS, TIERS};
use crate::domain::calendar::Cycle;
use crate::domain::catalog::{Catalog, Covers, Plan, Price, PriceVersion, Tier};
use crate::domain::change::Reference;
use crate::domain::money::{Currency, Money};
use crate::domain::promotion::Promotion;
use crate::domain::tax::{DatedRate, TaxRates};
use crate::domain::terms::Terms;

crate::statements! {
    /// The seller.
    LOAD_SETTINGS = same("select only_row, free_history_days, seller from settings");
    /// Tiers in the catalog's order.
    LOAD_TIERS = same("select tier, position, rank, cameras_max, history_days, trial_days, title, covers from tiers order by position");
    /// Price versions by date.
    LOAD_PRICE_VERSIONS = same("select version, position, effective_from from price_versions order by effective_from, position");
    /// Prices in the order of their version.
    LOAD_PRICES = same("select version, tier, cycle, currency, position, amount_minor from prices order by version, position");
    /// Promotions in the catalog's order.
    LOAD_PROMOTIONS = same("select code, position, body from promotions order by position, code");
    /// Versions of the terms, the one to sell under last.
    LOAD_TERMS = same("select version, position, body from terms order by position");
    /// Tax rates.
    LOAD_TAX_RATES = same("select jurisdiction, valid_from, rate_billionths from tax_rates order by jurisdiction, valid_from");
    /// How many rows there are; they only become more.
    ROWS_THERE = same("select (select count(*) from tiers) + (select count(*) from price_versions) + (select count(*) from prices) + (select count(*) from promotions) \
         + (select count(*) from terms) + (select count(*) from tax_rates) as rows_there");
    /// The same for a decision, until whose end none are added, and the last closed day (RC-3).
    IN_FORCE = same(
        "select (select count(*) from tiers) + (select count(*) from price_versions) + (select count(*) from prices) + (select count(*) from promotions) \
         + (select count(*) from terms) + (select count(*) from tax_rates) as rows_there, \
         (select closed_through from closings order by closing_no desc limit 1) as closed_through from settings {postgres: for share}"
    );
    /// Waits for the decisions that are being made, and holds up others.
    LOCK = same("select only_row from settings {postgres: for update}");
    /// The days whose rates invoices have, by jurisdiction.
    TAXED_DAYS = same("select distinct jurisdiction, period_start from invoices order by jurisdiction, period_start");
}

/// Loads everything that decisions may look at. `minimums` are the provider's (MO-5).
///
/// # Errors
/// [`StoreError::NoCatalog`] if none was imported yet, [`StoreError::Corrupt`], [`StoreError::Db`].
pub async fn load(tx: &mut Tx, minimums: Vec<Money>) -> Result<Reference, StoreError> {
    let catalog = catalog(tx).await?.ok_or(StoreError::NoCatalog)?;
    Ok(Reference { catalog, terms: terms(tx).await?, tax: tax_rates(tx).await?, minimums })
}

/// The catalog, if there is one.
///
/// # Errors
/// [`StoreError::Corrupt`], [`StoreError::Db`].
pub async fn catalog(tx: &mut Tx) -> Result<Option<Catalog>, StoreError> {
    let settings = rows(tx, &LOAD_SETTINGS, &SETTINGS, |row| {
        row.int()?;
        Ok((row.count()?, row.text()?))
    });
    let Some((free_history_days, seller)) = settings.await?.pop() else { return Ok(None) };
    let tiers = rows(tx, &LOAD_TIERS, &TIERS, |row| {
        let name = row.text()?;
        row.count()?;
        Ok(Tier {
            name,
            rank: row.count()?,
            cameras_max: row.count()?,
            history_days: row.count()?,
            trial_days: row.count()?,
            title: row.text()?,
            covers: row.tag(Covers::from_tag)?,
        })
    });
    let tiers = tiers.await?;
    let versions = price_versions(tx).await?;
    let promotions = rows(tx, &LOAD_PROMOTIONS, &PROMOTIONS, |row| {
        row.text()?;
        row.count()?;
        json::<Promotion>(row)
    });
    let promotions = promotions.await?;
    Ok(Some(Catalog { seller, free_history_days, tiers, versions, promotions }))
}

/// The price versions by date, those of one date in the order in which they were stored.
pub(super) async fn price_versions(tx: &mut Tx) -> Result<Vec<PriceVersion>, StoreError> {
    let prices = rows(tx, &LOAD_PRICES, &PRICES, |row| {
        let version = row.text()?;
        let plan = Plan { tier: row.text()?, cycle: row.tag(Cycle::parse)? };
        let currency = row.tag(|code| Currency::parse(code).ok())?;
        row.count()?;
        row.in_currency(currency);
        Ok((version, Price { plan, amount: row.money()? }))
    });
    let mut by_version: BTreeMap<String, Vec<Price>> = BTreeMap::new();
    for (version, price) in prices.await? {
        by_version.entry(version).or_default().push(price);
    }
    rows(tx, &LOAD_PRICE_VERSIONS, &PRICE_VERSIONS, |row| {
        let version = row.text()?;
        row.count()?;
        let prices = by_version.get(&version).cloned().unwrap_or_default();
        Ok(PriceVersion { version, effective_from: row.date()?, prices })
    })
    .await
}

/// The versions of the terms.
pub(super) async fn terms(tx: &mut Tx) -> Result<Vec<Terms>, StoreError> {
    rows(tx, &LOAD_TERMS, &TERMS, |row| {
        let version = row.text()?;
        row.count()?;
        let terms = json::<Terms>(row)?;
        if terms.version == version {
            Ok(terms)
        } else {
            Err(StoreError::Corrupt { table: "terms", id: version, column: "body", problem: "is another version" })
        }
    })
    .await
}

/// The tax table.
///
/// # Errors
/// [`StoreError::Corrupt`], [`StoreError::Db`].
pub async fn tax_rates(tx: &mut Tx) -> Result<TaxRates, StoreError> {
    let rates = rows(tx, &LOAD_TAX_RATES, &TAX_RATES, |row| {
        Ok(DatedRate { jurisdiction: row.text()?, valid_from: row.date()?, rate: row.rate()? })
    });
    let table = TaxRates::new(rates.await?);
    // The key of the table is the key of the rows.
    table.map_err(|_| StoreError::Corrupt { table: "tax_rates", id: String::new(), column: "valid_from", problem: "is there twice" })
}

/// How many rows of reference data there are. What is stored never changes and nothing is removed, so that as many are the same.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn rows_there(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(tx.fetch_one(&ROWS_THERE, &[]).await?.int("rows_there")?)
}

/// How many rows of reference data there are, and the last day that is closed (RC-3), for decisions of this transaction: until it ends nobody
/// adds any. Nothing where no catalog was imported.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn in_force(tx: &mut Tx) -> Result<Option<(i64, Option<NaiveDate>)>, StoreError> {
    let row = tx.fetch_optional(&IN_FORCE, &[]).await?;
    Ok(row.map(|row| Ok::<_, DbError>((row.int("rows_there")?, row.opt_date("closed_through")?))).transpose()?)
}

/// Keeps decisions from being made until this transaction, which adds reference data, ends.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn lock(tx: &mut Tx) -> Result<(), StoreError> {
    tx.fetch_optional(&LOCK, &[]).await?;
    Ok(())
}

/// The jurisdictions and days whose rates stand on invoices (MO-2): the nominal first days of what was billed.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn taxed_days(tx: &mut Tx) -> Result<Vec<(String, NaiveDate)>, StoreError> {
    let rows = tx.fetch_all(&TAXED_DAYS, &[]).await?;
    Ok(rows.iter().map(|row| Ok((row.text_at(0)?, row.date_at(1)?))).collect::<Result<_, DbError>>()?)
}

fn json<T: DeserializeOwned>(row: &mut Reader<'_>) -> Result<T, StoreError> {
    let text = row.str()?;
    serde_json::from_str(text).map_err(|_| row.corrupt("is not JSON of the expected shape"))
}

async fn rows<T>(
    tx: &mut Tx,
    sql: &Sql,
    table: &'static Table,
    read: impl Fn(&mut Reader<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let rows = tx.fetch_all(sql, &[]).await?;
    rows.iter().map(|row| read(&mut Reader::new(row, table))).collect()
}
