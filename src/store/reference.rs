//! Reference data in rows: catalog, terms and tax rates. Small, the same for all accounts, loaded whole.
//!
//! Versions never change once they are stored: the same content again changes nothing, other content under the same name is
//! refused with the field that differs.

use chrono::{DateTime, Utc};

use super::StoreError;
use super::db::{DbError, Row, Tx, Value};
use crate::domain::calendar::Cycle;
use crate::domain::catalog::{Catalog, Covers, Plan, Price, PriceVersion, Tier};
use crate::domain::change::Reference;
use crate::domain::money::{Currency, Money, Rate};
use crate::domain::promotion::Promotion;
use crate::domain::tax::{DatedRate, TaxRates};
use crate::domain::terms::Terms;

crate::statements! {
    /// The seller.
    SETTINGS = same("select seller, free_history_days from settings");
    /// Tiers.
    TIERS = same("select tier, title, rank, covers, cameras_max, history_days, trial_days from tiers order by position");
    /// Price versions, oldest first.
    VERSIONS = same("select version, effective_from from price_versions order by effective_from, position");
    /// All prices.
    PRICES = same("select version, tier, cycle, currency, amount_minor from prices order by version, position");
    /// Promotions.
    PROMOTIONS = same("select code, body from promotions order by position");
    /// Versions of the terms.
    TERMS = same("select version, body from terms order by position");
    /// Tax rates.
    TAX_RATES = same("select jurisdiction, valid_from, rate_billionths from tax_rates order by jurisdiction, valid_from");
    /// Writes the seller.
    PUT_SETTINGS = same(
        "insert into settings (only_row, free_history_days, seller) values (1, $1, $2) \
         on conflict (only_row) do update set free_history_days = excluded.free_history_days, seller = excluded.seller"
    );
    /// Writes a tier.
    PUT_TIER = same(
        "insert into tiers (tier, position, rank, cameras_max, history_days, trial_days, title, covers) values ($1, $2, $3, $4, $5, $6, $7, $8) \
         on conflict (tier) do update set position = excluded.position, rank = excluded.rank, cameras_max = excluded.cameras_max, \
         history_days = excluded.history_days, trial_days = excluded.trial_days, title = excluded.title, covers = excluded.covers"
    );
    /// Writes a price version.
    PUT_VERSION = same(
        "insert into price_versions (version, position, effective_from) \
         values ($1, (select coalesce(max(position), 0) + 1 from price_versions), $2)"
    );
    /// Writes a price.
    PUT_PRICE = same("insert into prices (version, tier, cycle, currency, position, amount_minor) values ($1, $2, $3, $4, $5, $6)");
    /// Writes a promotion.
    PUT_PROMOTION = same("insert into promotions (code, position, body) values ($1, (select coalesce(max(position), 0) + 1 from promotions), $2)");
    /// Starts counting its uses.
    COUNT_PROMOTION = same("insert into promotion_uses (code, used, max_uses) values ($1, 0, $2)");
    /// Writes a version of the terms.
    PUT_TERMS = same("insert into terms (version, position, body) values ($1, (select coalesce(max(position), 0) + 1 from terms), $2)");
    /// Writes a tax rate.
    PUT_TAX_RATE = same("insert into tax_rates (jurisdiction, valid_from, rate_billionths) values ($1, $2, $3)");
    /// Opens an announcement.
    ANNOUNCE = same(
        "insert into announcements (version, announced_at, announced_by, reason, state, cursor_account) values ($1, $2, $3, $4, 'open', '')"
    );
}

/// Loads everything. A database without a catalog gives an empty one, which sells nothing.
///
/// # Errors
/// [`StoreError::Db`] for rows that cannot be read.
pub async fn load(tx: &mut Tx, minimums: Vec<Money>) -> Result<Reference, StoreError> {
    let settings = tx.fetch_optional(&SETTINGS, &[]).await?;
    let (seller, free_history_days) = match &settings {
        Some(row) => (row.text("seller")?, small(row, "free_history_days")?),
        None => (String::new(), 0),
    };
    let tiers = tx.fetch_all(&TIERS, &[]).await?.iter().map(tier).collect::<Result<_, DbError>>()?;
    let versions = versions(tx).await?;
    let promotions = tx.fetch_all(&PROMOTIONS, &[]).await?.iter().map(json::<Promotion>).collect::<Result<_, DbError>>()?;
    let terms = tx.fetch_all(&TERMS, &[]).await?.iter().map(json::<Terms>).collect::<Result<_, DbError>>()?;
    let rates = tx.fetch_all(&TAX_RATES, &[]).await?;
    let rates = rates.iter().map(rate).collect::<Result<Vec<_>, DbError>>()?;
    let corrupt = || DbError::Corrupt { statement: "reference data", column: "valid_from".to_owned(), problem: "two rates begin on one day" };
    let tax = TaxRates::new(rates).map_err(|_| corrupt())?;
    Ok(Reference { catalog: Catalog { seller, free_history_days, tiers, versions, promotions }, terms, tax, minimums })
}

async fn versions(tx: &mut Tx) -> Result<Vec<PriceVersion>, StoreError> {
    let rows = tx.fetch_all(&VERSIONS, &[]).await?;
    let mut versions = Vec::with_capacity(rows.len());
    for row in &rows {
        versions.push(PriceVersion { version: row.text("version")?, effective_from: row.date("effective_from")?, prices: Vec::new() });
    }
    for row in &tx.fetch_all(&PRICES, &[]).await? {
        let name = row.text("version")?;
        if let Some(version) = versions.iter_mut().find(|version| version.version == name) {
            version.prices.push(price(row)?);
        }
    }
    Ok(versions)
}

fn small(row: &Row, column: &'static str) -> Result<u32, DbError> {
    u32::try_from(row.int(column)?).map_err(|_| row.corrupt(column, "is out of range"))
}

fn tier(row: &Row) -> Result<Tier, DbError> {
    let covers = match row.text("covers")?.as_str() {
        "one_camera" => Covers::OneCamera,
        "account" => Covers::Account,
        _ => return Err(row.corrupt("covers", "is not a known tag")),
    };
    Ok(Tier {
        name: row.text("tier")?,
        title: row.text("title")?,
        rank: small(row, "rank")?,
        covers,
        cameras_max: small(row, "cameras_max")?,
        history_days: small(row, "history_days")?,
        trial_days: small(row, "trial_days")?,
    })
}

fn price(row: &Row) -> Result<Price, DbError> {
    let cycle = Cycle::parse(&row.text("cycle")?).ok_or_else(|| row.corrupt("cycle", "is not a known tag"))?;
    let currency = Currency::parse(&row.text("currency")?).map_err(|_| row.corrupt("currency", "is not a currency"))?;
    Ok(Price { plan: Plan::new(&row.text("tier")?, cycle), amount: Money::new(row.int("amount_minor")?, currency) })
}

fn json<T: serde::de::DeserializeOwned>(row: &Row) -> Result<T, DbError> {
    serde_json::from_str(&row.text("body")?).map_err(|_| row.corrupt("body", "is not JSON of the expected shape"))
}

fn rate(row: &Row) -> Result<DatedRate, DbError> {
    let billionths = u64::try_from(row.int("rate_billionths")?).ok().and_then(Rate::from_billionths);
    let rate = billionths.ok_or_else(|| row.corrupt("rate_billionths", "is out of range"))?;
    Ok(DatedRate { jurisdiction: row.text("jurisdiction")?, valid_from: row.date("valid_from")?, rate })
}

/// What an import changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    /// New versions, promotions or rates.
    pub added: u64,
    /// Those that were there already, with the same content.
    pub unchanged: u64,
}

impl Stored {
    fn note(&mut self, added: bool) {
        if added { self.added += 1 } else { self.unchanged += 1 }
    }
}

/// Stores a catalog: tiers may be extended and retitled, price versions and promotions never change.
///
/// # Errors
/// [`StoreError::VersionDiffers`], [`StoreError::Db`].
pub async fn store_catalog(tx: &mut Tx, catalog: &Catalog) -> Result<Stored, StoreError> {
    let present = load(tx, Vec::new()).await?.catalog;
    let values = [Value::Int(i64::from(catalog.free_history_days)), Value::Text(catalog.seller.clone())];
    tx.execute(&PUT_SETTINGS, &values).await?;
    for (position, tier) in (1_i64..).zip(&catalog.tiers) {
        let covers = match tier.covers {
            Covers::OneCamera => "one_camera",
            Covers::Account => "account",
        };
        let numbers = [position, i64::from(tier.rank), i64::from(tier.cameras_max), i64::from(tier.history_days), i64::from(tier.trial_days)];
        let mut values = vec![Value::Text(tier.name.clone())];
        values.extend(numbers.map(Value::Int));
        values.extend([Value::Text(tier.title.clone()), Value::Text(covers.to_owned())]);
        tx.execute(&PUT_TIER, &values).await?;
    }
    let mut stored = Stored::default();
    for version in &catalog.versions {
        stored.note(store_version(tx, &present, version).await?);
    }
    for promotion in &catalog.promotions {
        stored.note(store_promotion(tx, &present, promotion).await?);
    }
    Ok(stored)
}

/// Stores a price version; true if it is new.
///
/// # Errors
/// [`StoreError::VersionDiffers`], [`StoreError::Db`].
pub async fn store_version(tx: &mut Tx, present: &Catalog, version: &PriceVersion) -> Result<bool, StoreError> {
    let differs = |field: &str| StoreError::VersionDiffers { what: "price version", name: version.version.clone(), field: field.to_owned() };
    if let Some(same) = present.version(&version.version) {
        let sorted = |version: &PriceVersion| {
            let mut prices: Vec<String> = version.prices.iter().map(|price| format!("{} {}", price.plan, price.amount)).collect();
            prices.sort();
            prices
        };
        return match (same.effective_from == version.effective_from, sorted(same) == sorted(version)) {
            (true, true) => Ok(false),
            (false, _) => Err(differs("effective_from")),
            (true, false) => Err(differs("prices")),
        };
    }
    let clash = present.versions.iter().find(|other| other.effective_from == version.effective_from);
    if let Some(other) = clash.filter(|other| other.prices.iter().any(|price| version.price(&price.plan, price.amount.currency()).is_some())) {
        return Err(differs(&format!("effective_from than `{}`: two versions of one price on one day", other.version)));
    }
    tx.execute(&PUT_VERSION, &[Value::Text(version.version.clone()), Value::Date(version.effective_from)]).await?;
    for (position, price) in (1_i64..).zip(&version.prices) {
        let values = [
            Value::Text(version.version.clone()),
            Value::Text(price.plan.tier.clone()),
            Value::Text(price.plan.cycle.tag().to_owned()),
            Value::Text(price.amount.currency().to_string()),
            Value::Int(position),
            Value::Int(price.amount.minor()),
        ];
        tx.execute(&PUT_PRICE, &values).await?;
    }
    Ok(true)
}

async fn store_promotion(tx: &mut Tx, present: &Catalog, promotion: &Promotion) -> Result<bool, StoreError> {
    match present.promotion(&promotion.code) {
        Some(same) if same == promotion => Ok(false),
        Some(_) => Err(StoreError::VersionDiffers { what: "promotion", name: promotion.code.clone(), field: "content".to_owned() }),
        None => {
            let body = body(promotion)?;
            tx.execute(&PUT_PROMOTION, &[Value::Text(promotion.code.clone()), Value::Text(body)]).await?;
            let max = promotion.max_uses.map(i64::from);
            tx.execute(&COUNT_PROMOTION, &[Value::Text(promotion.code.clone()), Value::from(max)]).await?;
            Ok(true)
        }
    }
}

fn body<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Json { account: "(reference data)".to_owned(), line: error.line(), column: error.column() })
}

/// Stores a version of the terms; true if it is new. New subscriptions are sold under the last one stored.
///
/// # Errors
/// [`StoreError::VersionDiffers`], [`StoreError::Db`].
pub async fn store_terms(tx: &mut Tx, terms: &Terms) -> Result<bool, StoreError> {
    let present = load(tx, Vec::new()).await?.terms;
    match present.iter().find(|other| other.version == terms.version) {
        Some(same) if same == terms => Ok(false),
        Some(_) => Err(StoreError::VersionDiffers { what: "terms version", name: terms.version.clone(), field: "content".to_owned() }),
        None => {
            let body = body(terms)?;
            tx.execute(&PUT_TERMS, &[Value::Text(terms.version.clone()), Value::Text(body)]).await?;
            Ok(true)
        }
    }
}

/// Stores tax rates. A rate that was stored never changes: a new one begins on a later day.
///
/// # Errors
/// [`StoreError::VersionDiffers`], [`StoreError::Db`].
pub async fn store_tax_rates(tx: &mut Tx, rates: impl IntoIterator<Item = DatedRate>) -> Result<Stored, StoreError> {
    let rows = tx.fetch_all(&TAX_RATES, &[]).await?;
    let present = rows.iter().map(rate).collect::<Result<Vec<_>, DbError>>()?;
    let mut stored = Stored::default();
    for rate in rates {
        let same_day = present.iter().find(|other| other.jurisdiction == rate.jurisdiction && other.valid_from == rate.valid_from);
        match same_day {
            Some(same) if same.rate == rate.rate => stored.note(false),
            Some(_) => {
                let name = format!("{} from {}", rate.jurisdiction, rate.valid_from);
                return Err(StoreError::VersionDiffers { what: "tax rate", name, field: "rate".to_owned() });
            }
            None => {
                let billionths = i64::try_from(rate.rate.billionths()).unwrap_or(i64::MAX);
                let values = [Value::Text(rate.jurisdiction), Value::Date(rate.valid_from), Value::Int(billionths)];
                tx.execute(&PUT_TAX_RATE, &values).await?;
                stored.note(true);
            }
        }
    }
    Ok(stored)
}

/// Stores a price version and opens its announcement: the jobs write a notice to every subscription that it concerns
/// (PR-2). The same version again changes nothing; false then.
///
/// # Errors
/// [`StoreError::VersionDiffers`], [`StoreError::Db`].
pub async fn announce(tx: &mut Tx, version: &PriceVersion, at: DateTime<Utc>, by: &str, reason: &str) -> Result<bool, StoreError> {
    let present = load(tx, Vec::new()).await?.catalog;
    if !store_version(tx, &present, version).await? {
        return Ok(false);
    }
    open_announcement(tx, &version.version, at, by, reason).await?;
    Ok(true)
}

/// Opens the announcement of a stored version.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn open_announcement(tx: &mut Tx, version: &str, at: DateTime<Utc>, by: &str, reason: &str) -> Result<(), StoreError> {
    let texts = |text: &str| Value::Text(text.to_owned());
    tx.execute(&ANNOUNCE, &[texts(version), Value::Int(at.timestamp_micros()), texts(by), texts(reason)]).await?;
    Ok(())
}
