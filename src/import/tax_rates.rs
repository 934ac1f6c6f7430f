//! Dated tax rates (MO-2): a row is the rate of a jurisdiction from a date on, until the next row of it.

use super::fields::{Column, Fields, date, jurisdiction};
use super::problem::Problem;
use super::rows::ImportRow;
use super::seen::UniqueKey;
use crate::domain::money::Rate;
use crate::domain::tax::DatedRate;

impl ImportRow for DatedRate {
    const COLUMNS: &'static [Column] = &[Column::required("jurisdiction"), Column::required("valid_from"), Column::required("rate")];
    const SCREENED: bool = false;

    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let jurisdiction = fields.required("jurisdiction", jurisdiction);
        let valid_from = fields.required("valid_from", date);
        let rate = fields.required("rate", tax_rate);
        Some(Self { jurisdiction: jurisdiction?, valid_from: valid_from?, rate: rate? })
    }

    fn unique_keys(&self, note: &mut dyn FnMut(UniqueKey<'_>)) {
        let from = self.valid_from.to_string();
        note(UniqueKey {
            field: "valid_from",
            parts: &[&self.jurisdiction, &from],
            shown: Some(&format!("{} from {from}", self.jurisdiction)),
        });
    }
}

/// A tax rate of more than the whole price is a percentage that was not divided by a hundred.
fn tax_rate(text: &str) -> Result<Rate, Problem> {
    const ONE: u64 = 1_000_000_000;
    let rate = Rate::parse(text).ok().filter(|rate| rate.billionths() <= ONE);
    rate.ok_or_else(|| Problem::not_a("a rate from 0 to 1 with at most nine decimals, like 0.0825"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{Format, read_all};

    #[track_caller]
    fn refused(csv: &str) -> String {
        read_all::<DatedRate>("tax.csv", Format::Csv, csv.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn rates_are_read_from_csv_and_json_alike() {
        let csv = "\u{feff}rate,valid_from,jurisdiction\r\n\r\n0.19,2021-01-01,DE\r\n0,2021-01-01,US-OR\r\n";
        let json = r#"[{"jurisdiction":"DE","valid_from":"2021-01-01","rate":"0.19"},
            {"jurisdiction":"US-OR","valid_from":"2021-01-01","rate":"0"}]"#;
        let from_csv = read_all::<DatedRate>("tax.csv", Format::Csv, csv.as_bytes()).unwrap();
        let from_json = read_all::<DatedRate>("tax.json", Format::Json, json.as_bytes()).unwrap();
        assert_eq!(from_csv.iter().map(|placed| placed.line).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(from_json.iter().map(|placed| placed.line).collect::<Vec<_>>(), [1, 2]);
        let rates = |rows: Vec<crate::import::Placed<DatedRate>>| rows.into_iter().map(|placed| placed.row).collect::<Vec<_>>();
        assert_eq!(rates(from_csv), rates(from_json));
    }

    #[test]
    fn every_bad_row_is_named() {
        let problems = refused("jurisdiction,valid_from,rate\nDE,2021-01-01,0.19\nde,2021-13-01,19\nDE,2021-01-01,0.2\n");
        let expected = "tax.csv:3: jurisdiction: `de` must be a jurisdiction: up to 16 capital letters, digits and dashes, like US-CA
tax.csv:3: valid_from: `2021-13-01` must be a date, YYYY-MM-DD, in the years 1 to 9999
tax.csv:3: rate: `19` must be a rate from 0 to 1 with at most nine decimals, like 0.0825
tax.csv:4: valid_from: `DE from 2021-01-01` is there twice, first on line 2";
        assert_eq!(problems, expected);
    }

    #[test]
    fn a_json_number_is_no_rate() {
        let json = r#"{"jurisdiction":"DE","valid_from":"2021-01-01","rate":0.19}"#;
        let problem = read_all::<DatedRate>("t.json", Format::Json, json.as_bytes()).unwrap_err().to_string();
        assert!(problem.starts_with("t.json:1: rate: must be text"), "{problem}");
    }
}
