//! The catalog: as JSON the whole of it, as CSV price versions to add.

use std::io::Read;

use super::document::read_checked;
use super::prices::{PlacedVersion, PriceRow, versions};
use super::problem::{ImportError, Problems, RowProblem};
use super::rows::rows;
use super::{Format, catalog_checks, catalog_form};
use crate::domain::catalog::Catalog;

/// What a catalog file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogFile {
    /// Everything that is for sale.
    Whole(Catalog),
    /// Price versions, ascending by date. Whether their tiers exist and their names are new is for the caller to check.
    Prices(Vec<PlacedVersion>),
}

/// Reads a catalog (JSON) or price versions (CSV with [`PriceRow`]'s columns).
pub fn catalog(file: &str, format: Format, input: impl Read + Send) -> Result<CatalogFile, ImportError> {
    match format {
        Format::Json => read_checked(file, Box::new(input), catalog_form::catalog, catalog_checks::findings).map(CatalogFile::Whole),
        Format::Csv => price_versions(file, format, input).map(CatalogFile::Prices),
    }
}

/// Reads price versions, CSV or JSON rows with [`PriceRow`]'s columns, ascending by date.
///
/// # Errors
/// Every bad row, and a file without any.
pub fn price_versions(file: &str, format: Format, input: impl Read + Send) -> Result<Vec<PlacedVersion>, ImportError> {
    let mut problems = Problems::new(file);
    let mut good = Vec::new();
    for row in rows::<PriceRow>(format, input) {
        match row {
            Ok(row) => good.push(row),
            Err(error) => problems.note_row(error),
        }
    }
    if good.is_empty() && problems.is_empty() {
        problems.note(RowProblem::of_file(super::Problem::Rule("there are no prices in it".to_owned())));
    }
    let versions = versions(good, &mut problems);
    problems.finish().map(|()| versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn prices_of(csv: &str) -> Result<Vec<PlacedVersion>, String> {
        match catalog("p.csv", Format::Csv, csv.as_bytes()) {
            Ok(CatalogFile::Prices(versions)) => Ok(versions),
            Ok(CatalogFile::Whole(_)) => panic!("CSV holds prices"),
            Err(error) => Err(error.to_string()),
        }
    }

    const HEADER: &str = "version,effective_from,tier,cycle,currency,amount\n";

    #[test]
    fn rows_of_a_version_are_gathered_and_versions_sorted() {
        let rows = "v3,2026-09-01,plus,monthly,USD,11.99\nv2,2026-03-01,plus,monthly,USD,10.99\nv2,2026-03-01,plus,annual,JPY,1500\n";
        let versions = prices_of(&format!("{HEADER}{rows}")).unwrap();
        let shape: Vec<_> =
            versions.iter().map(|version| (version.line.number, version.row.version.as_str(), version.row.prices.len())).collect();
        assert_eq!(shape, [(3, "v2", 2), (2, "v3", 1)]);
    }

    #[test]
    fn prices_have_their_currencys_decimals_and_versions_one_date() {
        let rows = "v2,2026-03-01,plus,monthly,USD,10.9\nv2,2026-03-01,plus,monthly,EUR,0.00\nv2,2026-03-01,plus,weekly,EUR,1.00
v2,2026-03-01,plus,annual,USD,99.99\nv2,2026-04-01,premium,annual,USD,99.99\nv2,2026-03-01,plus,annual,USD,1.00\nv3,2026-03-01,plus,annual,USD,1.00\n";
        let expected = "p.csv:2: amount: `10.9` must have exactly 2 decimals in USD
p.csv:3: amount: must be above zero and at most 1000000000.00 EUR
p.csv:4: cycle: `weekly` must be monthly or annual
p.csv:7: tier: `plus/annual in USD` is there twice, first on line 5
p.csv:7: effective_from: `plus/annual in USD from 2026-03-01` is there twice, first on line 5
p.csv:8: effective_from: `plus/annual in USD from 2026-03-01` is there twice, first on line 5
p.csv:6: effective_from: version v2 has another date on line 5";
        assert_eq!(prices_of(&format!("{HEADER}{rows}")).unwrap_err(), expected);
        assert_eq!(prices_of(HEADER).unwrap_err(), "p.csv: there are no prices in it");
    }
}
