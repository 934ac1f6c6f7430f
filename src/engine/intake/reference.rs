//! Catalog, terms and tax rates: small files that are held whole. What is stored under a name never changes.

use std::collections::BTreeSet;

use super::{Intake, IntakeError, Source, stored_differently};
use crate::domain::catalog::{Catalog, PriceVersion};
use crate::domain::tax::{DatedRate, TaxRates};
use crate::import::{self, CatalogFile, Placed, PlacedVersion, Problem, Problems, RowProblem};
use crate::store::{StoreError, reference};

impl Intake<'_> {
    pub(super) async fn catalogs(&mut self, sources: &[Source]) -> Result<(), IntakeError> {
        for source in sources {
            let file = self.read(source)?;
            let mut problems = Problems::new(&source.name);
            match import::catalog(&source.name, source.format, file) {
                Err(error) => self.refused.push(error),
                Ok(CatalogFile::Whole(catalog)) => self.catalog(&catalog, &mut problems).await?,
                Ok(CatalogFile::Prices(versions)) => self.prices(&versions, &mut problems).await?,
            }
            self.close(problems);
        }
        Ok(())
    }

    async fn catalog(&mut self, catalog: &Catalog, problems: &mut Problems) -> Result<(), IntakeError> {
        if let Some(stored) = reference::catalog(&mut self.tx).await? {
            for (at, version) in catalog.versions.iter().enumerate() {
                let field = Some(format!("versions[{at}].effective_from"));
                clashes(&stored, version).for_each(|problem| problems.note(RowProblem { line: None, field: field.clone(), problem }));
            }
        }
        if !problems.is_empty() {
            return Ok(());
        }
        let stored = reference::store_catalog(&mut self.tx, catalog).await;
        stored_differently(stored, problems, |name, field| {
            let at = catalog.versions.iter().position(|version| version.version == name);
            let path = at.zip(at.and_then(|at| catalog.versions.get(at))).map(|(at, version)| match priced(version, field) {
                Some(price) => format!("versions[{at}].prices[{price}].amount"),
                None => format!("versions[{at}]"),
            });
            (None, path)
        })?;
        self.count("tiers", catalog.tiers.len());
        self.count("price versions", catalog.versions.len());
        self.count("promotions", catalog.promotions.len());
        Ok(())
    }

    async fn prices(&mut self, versions: &[PlacedVersion], problems: &mut Problems) -> Result<(), IntakeError> {
        let stored = reference::catalog(&mut self.tx).await?.ok_or(StoreError::NoCatalog)?;
        for PlacedVersion { line, row, lines } in versions {
            let found = check_price_version(&stored, row);
            if found.is_empty() {
                let added = reference::add_price_versions(&mut self.tx, std::slice::from_ref(row)).await;
                stored_differently(added, problems, |_, field| match priced(row, field) {
                    Some(price) => (lines.get(price).copied().or(Some(*line)), Some("amount".to_owned())),
                    None => (Some(*line), (field == "effective_from").then(|| field.to_owned())),
                })?;
                self.count("price versions", 1);
                self.count("prices", row.prices.len());
            }
            found.into_iter().for_each(|problem| problems.note(RowProblem { line: Some(*line), ..problem }));
        }
        Ok(())
    }

    pub(super) async fn terms(&mut self, sources: &[Source]) -> Result<(), IntakeError> {
        for source in sources {
            let file = self.read(source)?;
            let mut problems = Problems::new(&source.name);
            match import::terms(&source.name, file) {
                Err(error) => self.refused.push(error),
                Ok(terms) => {
                    let stored = reference::store_terms(&mut self.tx, std::slice::from_ref(&terms)).await;
                    stored_differently(stored, &mut problems, |_, _| (None, None))?;
                    self.count("versions of the terms", 1);
                }
            }
            self.close(problems);
        }
        Ok(())
    }

    pub(super) async fn tax_rates(&mut self, sources: &[Source]) -> Result<(), IntakeError> {
        for source in sources {
            let file = self.read(source)?;
            match import::read_all::<DatedRate>(&source.name, source.format, file) {
                Err(error) => self.refused.push(error),
                Ok(rates) => self.dated_rates(&source.name, rates).await?,
            }
        }
        Ok(())
    }

    async fn dated_rates(&mut self, file: &str, rates: Vec<Placed<DatedRate>>) -> Result<(), IntakeError> {
        let mut problems = Problems::new(file);
        reference::lock(&mut self.tx).await?;
        let stored: Vec<DatedRate> = reference::tax_rates(&mut self.tx).await?.rows().collect();
        for Placed { line, row } in &rates {
            let same_day = |known: &&DatedRate| known.jurisdiction == row.jurisdiction && known.valid_from == row.valid_from;
            if let Some(known) = stored.iter().find(same_day).filter(|known| known.rate != row.rate) {
                let why = format!("is stored as {}, and what is stored never changes", known.rate);
                problems.note(RowProblem::in_field(*line, "rate", Problem::Rule(why)));
            }
        }
        let is_known = |row: &DatedRate| stored.contains(row);
        if problems.is_empty() && rates.iter().any(|placed| !is_known(&placed.row)) {
            self.dated_back(stored, &rates, &mut problems).await?;
        }
        if problems.is_empty() {
            self.count("tax rates", rates.len());
            match TaxRates::new(rates.into_iter().map(|placed| placed.row)) {
                Ok(table) => reference::store_tax_rates(&mut self.tx, &table).await?,
                Err(error) => problems.note(RowProblem::of_file(Problem::Rule(error.to_string()))),
            }
        }
        self.close(problems);
        Ok(())
    }

    /// MO-2: the rate on a line is that of its period's first day. A rate that comes later for a day on which periods were billed would
    /// make all of them wrong.
    async fn dated_back(
        &mut self,
        stored: Vec<DatedRate>,
        rates: &[Placed<DatedRate>],
        problems: &mut Problems,
    ) -> Result<(), IntakeError> {
        let new: Vec<&Placed<DatedRate>> = rates.iter().filter(|placed| !stored.contains(&placed.row)).collect();
        let both = stored.iter().chain(new.iter().map(|placed| &placed.row)).cloned();
        let (Ok(before), Ok(after)) = (TaxRates::new(stored.clone()), TaxRates::new(both)) else { return Ok(()) };
        let mut named = BTreeSet::new();
        for (jurisdiction, day) in reference::taxed_days(&mut self.tx).await? {
            if before.rate_on(&jurisdiction, day) == after.rate_on(&jurisdiction, day) {
                continue;
            }
            let of_day = new.iter().filter(|placed| placed.row.jurisdiction == jurisdiction && placed.row.valid_from <= day);
            let Some(Placed { line, row }) = of_day.max_by_key(|placed| placed.row.valid_from) else { continue };
            if named.insert((jurisdiction, row.valid_from)) {
                let why = format!(
                    "periods from {day} on were billed at another rate: date it after the last of them, and put those that were \
                     wrong right with `kasacare correct` (CO)"
                );
                problems.note(RowProblem::in_field(*line, "valid_from", Problem::Rule(why)));
            }
        }
        Ok(())
    }
}

/// Which price of a version it is that differs, by what the store calls it.
fn priced(version: &PriceVersion, field: &str) -> Option<usize> {
    version.prices.iter().position(|price| {
        let key = format!("{} in {}", price.plan, price.amount.currency());
        field == format!("price of {key}") || field == format!("set of prices (without {key})")
    })
}

/// What stands in the way of adding a price version to a catalog: unknown tiers, and another version that prices the same plan
/// in the same currency from the same day on (PR-4 could not tell which of them is the later).
#[must_use]
pub fn check_price_version(stored: &Catalog, version: &PriceVersion) -> Vec<RowProblem> {
    let unknown = version.prices.iter().filter(|price| stored.tier(&price.plan.tier).is_none());
    let mut tiers: Vec<&str> = unknown.map(|price| price.plan.tier.as_str()).collect();
    tiers.dedup();
    let unknown = tiers.into_iter().map(|tier| Problem::Unknown { what: "tier", name: tier.to_owned() });
    let on_tier = unknown.map(|problem| RowProblem { line: None, field: Some("tier".to_owned()), problem });
    let on_date = clashes(stored, version);
    let on_date = on_date.map(|problem| RowProblem { line: None, field: Some("effective_from".to_owned()), problem });
    on_tier.chain(on_date).collect()
}

fn clashes<'a>(stored: &'a Catalog, version: &'a PriceVersion) -> impl Iterator<Item = Problem> + 'a {
    let other_of_the_day =
        stored.versions.iter().filter(|known| known.version != version.version && known.effective_from == version.effective_from);
    other_of_the_day.flat_map(move |known| {
        let both = version.prices.iter().filter(|price| known.price(&price.plan, price.amount.currency()).is_some());
        both.map(move |price| {
            let (plan, currency, from) = (&price.plan, price.amount.currency(), version.effective_from);
            Problem::Rule(format!("version {} prices {plan} in {currency} from {from} on already", known.version))
        })
    })
}
