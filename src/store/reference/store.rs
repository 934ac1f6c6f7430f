//! Storing reference data: what is new is added, what is there must be the same.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::db::{Columns, Tx};
use super::super::error::StoreError;
use super::super::tags::Tagged;
use super::{PRICE_VERSIONS, PRICES, PROMOTION_USES, PROMOTIONS, SETTINGS, TAX_RATES, TERMS, TIERS, load};
use crate::domain::catalog::{Catalog, PriceVersion, Tier};
use crate::domain::change::Reference;
use crate::domain::promotion::Promotion;
use crate::domain::tax::TaxRates;
use crate::domain::terms::Terms;

/// Stores a catalog, terms and tax rates.
///
/// # Errors
/// [`StoreError::VersionDiffers`], [`StoreError::Db`]. After an error the transaction must be rolled back.
pub async fn store(tx: &mut Tx, reference: &Reference) -> Result<(), StoreError> {
    store_catalog(tx, &reference.catalog).await?;
    store_terms(tx, &reference.terms).await?;
    store_tax_rates(tx, &reference.tax).await
}

/// Stores a catalog. What it does not name stays: something was sold under it.
///
/// What is there stays what it is, but for the expiry of a promotion and its maximum of uses.
///
/// # Errors
/// As [`store`].
pub async fn store_catalog(tx: &mut Tx, catalog: &Catalog) -> Result<(), StoreError> {
    load::lock(tx).await?;
    let stored = load::catalog(tx).await?;
    if let Some(stored) = stored.as_ref().filter(|stored| stored.seller != catalog.seller) {
        return Err(differs("catalog", &stored.seller, "seller"));
    }
    if let Some(stored) = stored.as_ref().filter(|stored| stored.free_history_days != catalog.free_history_days) {
        return Err(differs("catalog", &stored.seller, "free_history_days"));
    }
    let mut settings = Columns::of(&SETTINGS);
    settings.row().int(1).int(catalog.free_history_days.into()).text(&catalog.seller);
    tx.upsert_rows(&settings).await?;
    store_tiers(tx, stored.as_ref().map_or(&[], |stored| &stored.tiers), &catalog.tiers).await?;
    add_price_versions(tx, &catalog.versions).await?;
    store_promotions(tx, stored.as_ref().map_or(&[], |stored| &stored.promotions), &catalog.promotions).await
}

fn differs(what: &'static str, name: &str, field: &str) -> StoreError {
    StoreError::VersionDiffers { what, name: name.to_owned(), field: field.to_owned() }
}

/// Positions for what comes after so many others.
fn positions(stored: usize) -> impl Iterator<Item = i64> {
    i64::try_from(stored).unwrap_or(i64::MAX)..
}

async fn store_tiers(tx: &mut Tx, stored: &[Tier], tiers: &[Tier]) -> Result<(), StoreError> {
    let mut rows = Columns::of(&TIERS);
    let mut next = positions(stored.len());
    for tier in tiers {
        if let Some(known) = stored.iter().find(|known| known.name == tier.name) {
            same_fields("tier", &tier.name, known, tier)?;
            continue;
        }
        let position = next.next().unwrap_or(i64::MAX);
        rows.row()
            .text(&tier.name)
            .int(position)
            .int(tier.rank.into())
            .int(tier.cameras_max.into())
            .int(tier.history_days.into())
            .int(tier.trial_days.into())
            .text(&tier.title)
            .text(tier.covers.tag());
    }
    tx.insert_rows(&rows).await?;
    Ok(())
}

/// Adds price versions to the catalog (PR-1).
///
/// # Errors
/// [`StoreError::VersionDiffers`] if one is stored with another date or other prices, [`StoreError::Db`] with a foreign key if
/// a tier is not known.
pub async fn add_price_versions(tx: &mut Tx, versions: &[PriceVersion]) -> Result<(), StoreError> {
    load::lock(tx).await?;
    let stored = load::price_versions(tx).await?;
    let (mut rows, mut prices) = (Columns::of(&PRICE_VERSIONS), Columns::of(&PRICES));
    let mut next = positions(stored.len());
    for version in versions {
        if let Some(known) = stored.iter().find(|known| known.version == version.version) {
            same_version(known, version)?;
            continue;
        }
        rows.row().text(&version.version).int(next.next().unwrap_or(i64::MAX)).date(version.effective_from);
        for (price, position) in version.prices.iter().zip(0_i64..) {
            prices
                .row()
                .text(&version.version)
                .text(&price.plan.tier)
                .text(price.plan.cycle.tag())
                .text(price.amount.currency().code())
                .int(position)
                .int(price.amount.minor());
        }
    }
    tx.insert_rows(&rows).await?;
    tx.insert_rows(&prices).await?;
    Ok(())
}

fn same_version(known: &PriceVersion, version: &PriceVersion) -> Result<(), StoreError> {
    let name = &version.version;
    if known.effective_from != version.effective_from {
        return Err(differs("price version", name, "effective_from"));
    }
    let prices = |version: &PriceVersion| -> BTreeMap<String, i64> {
        version.prices.iter().map(|price| (format!("{} in {}", price.plan, price.amount.currency()), price.amount.minor())).collect()
    };
    let (known, given) = (prices(known), prices(version));
    let Some(key) = given.keys().chain(known.keys()).find(|key| known.get(*key) != given.get(*key)) else { return Ok(()) };
    let field = match (known.get(key), given.get(key)) {
        (None, _) => format!("set of prices (without {key})"),
        (_, None) => format!("set of prices (with {key}, too)"),
        (Some(_), Some(_)) => format!("price of {key}"),
    };
    Err(differs("price version", name, &field))
}

async fn store_promotions(tx: &mut Tx, stored: &[Promotion], promotions: &[Promotion]) -> Result<(), StoreError> {
    let (mut rows, mut uses, mut limits) =
        (Columns::of(&PROMOTIONS), Columns::of(&PROMOTION_USES), Columns::only(&PROMOTION_USES, &["code", "max_uses"]));
    let mut next = positions(stored.len());
    for promotion in promotions {
        let known = stored.iter().zip(0_i64..).find(|(known, _)| known.code == promotion.code);
        if let Some((known, _)) = known {
            let changing = Promotion { expires_on: promotion.expires_on, max_uses: promotion.max_uses, ..known.clone() };
            same_fields("promotion", &promotion.code, &changing, promotion)?;
        }
        let position = known.map(|(_, position)| position).or_else(|| next.next()).unwrap_or(i64::MAX);
        rows.row().text(&promotion.code).int(position).text(&json("promotion", &promotion.code, promotion)?);
        let max_uses = promotion.max_uses.map(i64::from);
        match known {
            Some(_) => limits.row().text(&promotion.code).opt_int(max_uses),
            None => uses.row().text(&promotion.code).int(0).opt_int(max_uses),
        };
    }
    tx.upsert_rows(&rows).await?;
    tx.insert_rows(&uses).await?;
    tx.update_rows(&limits).await?;
    Ok(())
}

/// Stores versions of the terms, in their order after those that are there. The last one is what is sold under.
///
/// # Errors
/// As [`store`].
pub async fn store_terms(tx: &mut Tx, versions: &[Terms]) -> Result<(), StoreError> {
    load::lock(tx).await?;
    let stored = load::terms(tx).await?;
    let mut rows = Columns::of(&TERMS);
    let mut next = positions(stored.len());
    for terms in versions {
        match stored.iter().find(|known| known.version == terms.version) {
            Some(known) => same_fields("terms version", &terms.version, known, terms)?,
            None => {
                let body = json("terms version", &terms.version, terms)?;
                rows.row().text(&terms.version).int(next.next().unwrap_or(i64::MAX)).text(&body);
            }
        }
    }
    tx.insert_rows(&rows).await?;
    Ok(())
}

/// Stores tax rates (MO-2). What a rate was on a date stays what it was.
///
/// # Errors
/// As [`store`].
pub async fn store_tax_rates(tx: &mut Tx, rates: &TaxRates) -> Result<(), StoreError> {
    load::lock(tx).await?;
    let stored: BTreeMap<_, _> = load::tax_rates(tx).await?.rows().map(|row| ((row.jurisdiction, row.valid_from), row.rate)).collect();
    let mut rows = Columns::of(&TAX_RATES);
    for row in rates.rows() {
        let key = (row.jurisdiction.clone(), row.valid_from);
        match stored.get(&key) {
            Some(known) if *known == row.rate => {}
            Some(_) => return Err(differs("tax rate", &format!("{} from {}", row.jurisdiction, row.valid_from), "rate")),
            None => {
                let billionths = i64::try_from(row.rate.billionths()).unwrap_or(i64::MAX);
                rows.row().text(&row.jurisdiction).date(row.valid_from).int(billionths);
            }
        }
    }
    tx.insert_rows(&rows).await?;
    Ok(())
}

fn json<T: Serialize>(what: &'static str, name: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| differs(what, name, "form that JSON can hold"))
}

/// Names the first field in which two values differ, as they would be stored.
fn same_fields<T: Serialize + PartialEq>(what: &'static str, name: &str, known: &T, given: &T) -> Result<(), StoreError> {
    if known == given {
        return Ok(());
    }
    let fields = |value: &T| serde_json::to_value(value).ok();
    let (known, given) = (fields(known), fields(given));
    let field = known.as_ref().and_then(|known| known.as_object()).and_then(|known| {
        known.iter().find(|(field, value)| given.as_ref().and_then(|given| given.get(*field)) != Some(*value)).map(|(field, _)| field)
    });
    Err(differs(what, name, field.map_or("content", String::as_str)))
}
