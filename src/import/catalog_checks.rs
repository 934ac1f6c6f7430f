//! What a catalog must satisfy beyond its form, so that nothing that is billed from it can surprise.

use std::collections::HashSet;

use chrono::{Datelike, NaiveDate};

use super::DAYS_MAX;
use super::document::Document;
use super::document::Step::{self, Index, Key};
use super::fields::{is_one_line, name};
use super::prices::price;
use super::problem::{Problem, RowProblem};
use crate::domain::catalog::{Catalog, Covers, PriceVersion, Tier};
use crate::domain::money::{AMOUNT_MINOR_MAX, Currency, Money};
use crate::domain::promotion::{Discount, Duration, Promotion};

/// Highest price, in minor units of any currency: it leaves room for rates and sums in 64 bits.
pub const PRICE_MINOR_MAX: i64 = AMOUNT_MINOR_MAX;
/// Most cameras of a tier.
const TIER_CAMERAS_MAX: u32 = 1_000;
/// Most periods of a promotion: a hundred years of months.
const PROMOTION_PERIODS_MAX: u32 = 1_200;
const TITLE_CHARS_MAX: usize = 100;

/// Everything that is wrong with a catalog.
pub(super) fn findings(catalog: &Catalog, document: &Document) -> Vec<RowProblem> {
    let mut checks = Checks { catalog, document, problems: Vec::new() };
    checks.named(&[Key("seller")], &catalog.seller);
    checks.days(&[Key("free_history_days")], catalog.free_history_days);
    checks.tiers();
    checks.versions();
    checks.promotions();
    checks.problems
}

struct Checks<'c> {
    catalog: &'c Catalog,
    document: &'c Document,
    problems: Vec<RowProblem>,
}

impl Checks<'_> {
    fn note(&mut self, path: &[Step], problem: Problem) {
        self.problems.push(self.document.problem(path, problem));
    }

    fn expect(&mut self, holds: bool, path: &[Step], rule: &str) {
        if !holds {
            self.note(path, Problem::Rule(rule.to_owned()));
        }
    }

    fn named(&mut self, path: &[Step], text: &str) {
        if let Err(problem) = name(text) {
            self.note(path, problem);
        }
    }

    fn days(&mut self, path: &[Step], days: u32) {
        if days > DAYS_MAX {
            self.note(path, Problem::TooManyDays);
        }
    }

    fn range(&mut self, path: &[Step], value: u32, least: u32, most: u32) {
        if !(least..=most).contains(&value) {
            self.note(path, Problem::Range { least: u64::from(least), most: u64::from(most) });
        }
    }

    fn dated(&mut self, path: &[Step], date: NaiveDate) {
        self.expect((1..=9999).contains(&date.year()), path, "must be a date in the years 1 to 9999");
    }

    fn tiers(&mut self) {
        let tiers = &self.catalog.tiers;
        self.expect(!tiers.is_empty(), &[Key("tiers")], "there must be at least one tier");
        let (mut names, mut ranks) = (HashSet::new(), HashSet::new());
        for (index, tier) in tiers.iter().enumerate() {
            let at = |key| [Key("tiers"), Index(index), Key(key)];
            self.tier(index, tier);
            self.expect(names.insert(tier.name.as_str()), &at("name"), "another tier has this name");
            self.expect(ranks.insert(tier.rank), &at("rank"), "another tier has this rank; up and down need an order");
        }
    }

    fn tier(&mut self, index: usize, tier: &Tier) {
        let at = |key| [Key("tiers"), Index(index), Key(key)];
        self.named(&at("name"), &tier.name);
        self.expect(is_one_line(&tier.title, TITLE_CHARS_MAX), &at("title"), "must be one line of at most 100 characters");
        self.range(&at("cameras_max"), tier.cameras_max, 1, TIER_CAMERAS_MAX);
        let one = tier.covers != Covers::OneCamera || tier.cameras_max == 1;
        self.expect(one, &at("cameras_max"), "must be 1 where the tier covers one_camera");
        self.days(&at("history_days"), tier.history_days);
        self.days(&at("trial_days"), tier.trial_days);
    }

    fn versions(&mut self) {
        let versions = &self.catalog.versions;
        self.expect(!versions.is_empty(), &[Key("versions")], "there must be at least one price version");
        let mut names = HashSet::new();
        let mut dated = HashSet::new();
        let mut latest = None;
        for (index, version) in versions.iter().enumerate() {
            let at = |key| [Key("versions"), Index(index), Key(key)];
            self.named(&at("version"), &version.version);
            self.expect(names.insert(version.version.as_str()), &at("version"), "another version has this name");
            self.dated(&at("effective_from"), version.effective_from);
            let ascends = latest.is_none_or(|latest| latest <= version.effective_from);
            self.expect(ascends, &at("effective_from"), "versions must stand in the order of their dates");
            latest = Some(version.effective_from);
            self.prices(index, version);
            let news = version.prices.iter().all(|price| dated.insert((version.effective_from, &price.plan, price.amount.currency())));
            self.expect(news, &at("prices"), "a plan is priced twice in one currency from one date");
        }
    }

    fn prices(&mut self, version_index: usize, version: &PriceVersion) {
        let prices = [Key("versions"), Index(version_index), Key("prices")];
        self.expect(!version.prices.is_empty(), &prices, "there must be at least one price");
        for (index, entry) in version.prices.iter().enumerate() {
            let at = |key| [Key("versions"), Index(version_index), Key("prices"), Index(index), Key(key)];
            if self.catalog.tier(&entry.plan.tier).is_none() {
                let problem = Problem::Unknown { what: "tier", name: super::problem::shortened(&entry.plan.tier) };
                self.note(&at("plan"), problem);
            }
            if let Err(problem) = price(entry.amount) {
                self.note(&at("amount"), problem);
            }
        }
    }

    fn promotions(&mut self) {
        let mut codes = HashSet::new();
        for (index, promotion) in self.catalog.promotions.iter().enumerate() {
            let at = |key| [Key("promotions"), Index(index), Key(key)];
            self.named(&at("code"), &promotion.code);
            let news = codes.insert(promotion.code.to_ascii_lowercase());
            self.expect(news, &at("code"), "another promotion has this code (capitals do not tell codes apart)");
            self.discount(&at("off"), &promotion.off);
            if let Duration::Periods(periods) = promotion.duration {
                self.range(&at("duration"), periods, 1, PROMOTION_PERIODS_MAX);
            }
            self.promotion_limits(index, promotion);
        }
    }

    fn discount(&mut self, path: &[Step], off: &Discount) {
        match off {
            Discount::PercentOff(rate) => {
                let share = (1..=1_000_000_000).contains(&rate.billionths());
                self.expect(share, path, "percent_off must be above 0 and at most 1 (a fifth is \"0.2\")");
            }
            Discount::AmountOff(amounts) => {
                self.expect(!amounts.is_empty(), path, "amount_off must name at least one amount");
                let currencies: HashSet<Currency> = amounts.iter().map(|amount| amount.currency()).collect();
                self.expect(currencies.len() == amounts.len(), path, "amount_off must have one amount a currency");
                for problem in amounts.iter().filter_map(|amount: &Money| price(*amount).err()) {
                    self.note(path, problem);
                }
            }
        }
    }

    fn promotion_limits(&mut self, index: usize, promotion: &Promotion) {
        let at = |key| [Key("promotions"), Index(index), Key(key)];
        if let Some(plans) = &promotion.plans {
            self.expect(!plans.is_empty(), &at("plans"), "must name at least one plan; leave it out for all plans");
            for plan in plans.iter().filter(|plan| self.catalog.tier(&plan.tier).is_none()) {
                let name = super::problem::shortened(&plan.tier);
                self.problems.push(self.document.problem(&at("plans"), Problem::Unknown { what: "tier", name }));
            }
        }
        if let Some(date) = promotion.expires_on {
            self.dated(&at("expires_on"), date);
        }
        self.expect(promotion.max_uses != Some(0), &at("max_uses"), "must be at least 1");
    }
}

#[cfg(test)]
mod tests {
    use crate::import::{CatalogFile, Format, catalog};

    const EXAMPLE: &str = include_str!("../../fixtures/catalog.json");

    #[track_caller]
    fn refused(catalog_json: &str, expected: &[&str]) {
        let refusal = catalog("c.json", Format::Json, catalog_json.as_bytes()).unwrap_err().to_string();
        let found: Vec<_> = refusal.lines().map(|line| line.trim_start_matches("c.json:")).collect();
        assert_eq!(found, expected);
    }

    #[track_caller]
    fn changed(from: &str, to: &str, expected: &[&str]) {
        assert!(EXAMPLE.contains(from), "{from}");
        refused(&EXAMPLE.replacen(from, to, 1), expected);
    }

    #[test]
    fn the_example_passes() {
        let Ok(CatalogFile::Whole(read)) = catalog("c.json", Format::Json, EXAMPLE.as_bytes()) else { panic!("it is a catalog") };
        assert_eq!((read.tiers.len(), read.versions[0].prices.len(), read.promotions.len()), (2, 20, 3));
    }

    #[test]
    fn tiers_are_told_apart_and_ranked() {
        changed("\"KASA\"", "\"../x\"", &["2: seller: an id has only letters, digits, `_`, `.` and `-`; character 3 is none of these"]);
        changed("\"rank\": 2", "\"rank\": 1", &["6: tiers[1].rank: another tier has this rank; up and down need an order"]);
        changed(
            "\"cameras_max\": 1,",
            "\"cameras_max\": 0,",
            &["5: tiers[0].cameras_max: must be from 1 to 1000", "5: tiers[0].cameras_max: must be 1 where the tier covers one_camera"],
        );
        changed("\"history_days\": 60", "\"history_days\": 99999", &["6: tiers[1].history_days: must be at most 3660 days"]);
        changed("Kasa Care Plus", " ", &["5: tiers[0].title: must be one line of at most 100 characters"]);
    }

    #[test]
    fn prices_are_positive_unique_and_of_known_tiers() {
        changed(
            "plus/monthly\", \"amount\": \"9.99 USD",
            "gold/monthly\", \"amount\": \"0.00 USD",
            &[
                "13: versions[0].prices[0].plan: no tier `gold` is known",
                "13: versions[0].prices[0].amount: must be above zero and at most 1000000000.00 USD",
            ],
        );
        changed("9.49 EUR", "9.49 USD", &["12: versions[0].prices: a plan is priced twice in one currency from one date"]);
        changed("9.49 EUR", "9.4 EUR", &["14: versions[0].prices[1].amount: `9.4` must have exactly 2 decimals in EUR"]);
        changed(
            "  \"versions\": [",
            "  \"versions\": [{\"version\": \"v1\", \"effective_from\": \"2025-01-02\", \"prices\": []},",
            &[
                "8: versions[0].prices: there must be at least one price",
                "10: versions[1].version: another version has this name",
                "11: versions[1].effective_from: versions must stand in the order of their dates",
            ],
        );
    }

    #[test]
    fn everything_that_has_a_wrong_form_is_named_by_its_path() {
        let several = EXAMPLE
            .replacen("\"rank\": 1", "\"rank\": -1", 1)
            .replacen("one_camera", "everything", 1)
            .replacen("2025-01-01", "2026-13-01", 1)
            .replacen("\"9.99 USD\"", "\"9.999 USD\"", 1)
            .replacen("\"9.49 EUR\"", "9.49", 1)
            .replacen("\"7.99 GBP\"", "\"7.99\"", 1)
            .replacen("{ \"percent_off\": \"0.2\" }", "{}", 1)
            .replacen("\"once\"", "\"twice\"", 1)
            .replacen("{ \"periods\": 3 }", "{ \"months\": 3 }", 1)
            .replacen("\"max_uses\": 200", "\"max_uses\": 1.5, \"max\": 1", 1);
        refused(
            &several,
            &[
                "5: tiers[0].rank: must be a whole number from 0 to 4294967295",
                "5: tiers[0].covers: unknown variant `everything`, expected `one_camera` or `account`",
                "11: versions[0].effective_from: `2026-13-01` must be a date, YYYY-MM-DD, in the years 1 to 9999",
                "13: versions[0].prices[0].amount: `9.999` must have exactly 2 decimals in USD",
                "14: versions[0].prices[1].amount: must be text, not a number",
                "15: versions[0].prices[2].amount: `7.99` must be an amount with its currency, like 9.99 USD",
                "37: promotions[0].off: must have one key, percent_off or amount_off",
                "37: promotions[0].duration: `twice` must be \"once\", \"forever\", or {\"periods\": N}",
                "41: promotions[1].duration.periods: a value is missing",
                "41: promotions[1].duration.months: no such key; there are periods",
                "52: promotions[2].max_uses: must be a whole number from 0 to 4294967295",
                "52: promotions[2].max: no such key; there are code, off, duration, plans, expires_on, max_uses",
            ],
        );
        refused("[]", &["1: must be an object, not a list"]);
        refused(
            "{\"seller\": \"4242 4242 4242 4242\"}",
            &[
                "1: seller: looks like a card number, which is never accepted (PP-3)",
                "1: free_history_days: a value is missing",
                "1: tiers: a value is missing",
                "1: versions: a value is missing",
            ],
        );
    }

    #[test]
    fn promotions_make_sense() {
        changed("\"0.2\"", "\"2\"", &["37: promotions[0].off: percent_off must be above 0 and at most 1 (a fifth is \"0.2\")"]);
        changed("HALF3", "welcome20", &["39: promotions[1].code: another promotion has this code (capitals do not tell codes apart)"]);
        changed("\"periods\": 3", "\"periods\": 0", &["41: promotions[1].duration: must be from 1 to 1200"]);
        changed("9.00 EUR", "9.00 USD", &["48: promotions[2].off: amount_off must have one amount a currency"]);
        changed("\"max_uses\": 200", "\"max_uses\": 0", &["52: promotions[2].max_uses: must be at least 1"]);
        changed(
            "[\"plus/annual\", \"premium/annual\"]",
            "[]",
            &["50: promotions[2].plans: must name at least one plan; leave it out for all plans"],
        );
    }
}
