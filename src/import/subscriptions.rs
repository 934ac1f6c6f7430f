//! Live subscriptions that are taken over from elsewhere: in which period they stand, and how they go on.

use chrono::{Datelike, NaiveDate};

use super::fields::{Column, Fields, date, name};
use super::problem::Problem;
use super::rows::ImportRow;
use super::seen::UniqueKey;
use crate::domain::calendar::{Cycle, Period};
use crate::domain::catalog::Plan;
use crate::domain::ids::{AccountId, CameraId, SubscriptionId};
use crate::domain::subscription::Channel;

/// A subscription in the midst of its life. The present period is paid for; what it cost is not billed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRow {
    /// The account.
    pub account_id: AccountId,
    /// Its id.
    pub subscription_id: SubscriptionId,
    /// The plan.
    pub plan: Plan,
    /// The covered camera; `None` where the tier covers the account.
    pub camera: Option<CameraId>,
    /// Who charges.
    pub channel: Channel,
    /// CA-1: first day of the term's first period.
    pub anchor: NaiveDate,
    /// Number of the present period, counted from the anchor, from 0.
    pub period_no: u32,
    /// The present period, in dates of the account's time zone.
    pub period: Period,
    /// Price version that the present period was billed at.
    pub price_version: String,
    /// Whether it renews; otherwise it ends with the present period.
    pub renews: bool,
    /// Version of the terms that it was sold under.
    pub terms_version: String,
}

impl ImportRow for SubscriptionRow {
    const COLUMNS: &'static [Column] = &[
        Column::required("account_id"),
        Column::required("subscription_id"),
        Column::required("plan"),
        Column::optional("camera"),
        Column::required("channel"),
        Column::required("anchor"),
        Column::optional("period_number"),
        Column::optional("period_start"),
        Column::required("price_version"),
        Column::required("renews"),
        Column::required("terms_version"),
    ];
    const SCREENED: bool = true;

    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let account_id = fields.required("account_id", |text| Ok(AccountId::parse(text)?));
        let subscription_id = fields.required("subscription_id", |text| Ok(SubscriptionId::parse(text)?));
        let plan = fields.required("plan", plan);
        let camera = fields.optional("camera", |text| Ok(CameraId::parse(text)?));
        let channel = fields
            .required("channel", |text| Channel::parse(text).ok_or_else(|| Problem::not_a("direct, app_store, google_play or recurly")));
        let anchor = fields.required("anchor", date);
        let present = present_period(fields, anchor, plan.as_ref().map(|plan| plan.cycle));
        let price_version = fields.required("price_version", name);
        let renews = fields.yes_no("renews");
        let terms_version = fields.required("terms_version", name);
        let (period_no, period) = present?;
        Some(Self {
            account_id: account_id?,
            subscription_id: subscription_id?,
            plan: plan?,
            camera,
            channel: channel?,
            anchor: anchor?,
            period_no,
            period,
            price_version: price_version?,
            renews: renews?,
            terms_version: terms_version?,
        })
    }

    /// One subscription a camera, and one a account for the tiers that cover the account.
    fn unique_keys(&self, note: &mut dyn FnMut(UniqueKey<'_>)) {
        let (account, id) = (self.account_id.as_str(), self.subscription_id.as_str());
        note(UniqueKey { field: "subscription_id", parts: &[id], shown: Some(id) });
        match &self.camera {
            Some(camera) => {
                note(UniqueKey { field: "camera", parts: &[camera.as_str()], shown: Some(camera.as_str()) });
            }
            None => note(UniqueKey { field: "account_id", parts: &[account], shown: Some(&format!("{account} without a camera")) }),
        }
    }
}

fn plan(text: &str) -> Result<Plan, Problem> {
    let plan: Plan = text.parse().map_err(|_| Problem::not_a("a plan, tier/cycle, like plus/monthly"))?;
    name(&plan.tier)?;
    Ok(plan)
}

/// The present period by its number, by its first day, or by both if they agree.
fn present_period(fields: &mut Fields<'_>, anchor: Option<NaiveDate>, cycle: Option<Cycle>) -> Option<(u32, Period)> {
    let by_number = fields.has("period_number");
    let by_start = fields.has("period_start");
    if !by_number && !by_start {
        fields.note("period_number", Problem::Rule("the present period is needed: its period_number or its period_start".to_owned()));
    }
    let number = fields.whole_number("period_number");
    let start = fields.optional("period_start", date);
    let (anchor, cycle) = (anchor?, cycle?);
    let number = if by_number { number? } else { number_of_period(anchor, cycle, start?) };
    match Period::nth(anchor, cycle, number) {
        Err(error) => {
            fields.note(if by_number { "period_number" } else { "period_start" }, error.into());
            None
        }
        Ok(period) if by_start && period.start != start? => {
            let why = "no period of that anchor and cycle begins there";
            let (other, why) = if by_number { ("period_number", "another period begins on that day") } else { ("anchor", why) };
            fields.note("period_start", Problem::Contradicts { other, why });
            None
        }
        Ok(period) => Some((number, period)),
    }
}

/// The number of the period that begins in the month of `start`; 0 where `start` lies before the anchor.
fn number_of_period(anchor: NaiveDate, cycle: Cycle, start: NaiveDate) -> u32 {
    let months = |date: NaiveDate| i64::from(date.year()) * 12 + i64::from(date.month0());
    let between = u32::try_from(months(start) - months(anchor)).unwrap_or(0);
    between / cycle.months()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{Format, ImportError, Placed, read_all};

    const HEADER: &str =
        "account_id,subscription_id,plan,camera,channel,anchor,period_number,period_start,price_version,renews,terms_version";

    fn read(rows: &str) -> Result<Vec<Placed<SubscriptionRow>>, ImportError> {
        read_all("s.csv", Format::Csv, format!("{HEADER}\n{rows}").as_bytes())
    }

    #[track_caller]
    fn period(anchor: &str, cycle: &str, number: &str, start: &str, expected: Result<(u32, &str), &str>) {
        let read = read(&format!("a-1,s-1,plus/{cycle},cam-1,direct,{anchor},{number},{start},v1,yes,t1"));
        let found = read.map(|rows| (rows[0].row.period_no, rows[0].row.period.start.to_string())).map_err(|error| error.to_string());
        let expected = expected.map(|(number, start)| (number, start.to_owned())).map_err(|problem| format!("s.csv:2: {problem}"));
        assert_eq!(found, expected);
    }

    #[test]
    fn the_present_period_is_told_by_number_or_first_day() {
        period("2025-01-31", "monthly", "13", "", Ok((13, "2026-02-28")));
        period("2025-01-31", "monthly", "", "2026-02-28", Ok((13, "2026-02-28")));
        period("2024-02-29", "annual", "", "2028-02-29", Ok((4, "2028-02-29")));
        period("2025-01-31", "monthly", "13", "2026-02-28", Ok((13, "2026-02-28")));
    }

    #[test]
    fn a_period_that_does_not_fit_its_anchor_is_refused() {
        period("2025-01-31", "monthly", "", "", Err("period_number: the present period is needed: its period_number or its period_start"));
        period(
            "2025-01-31",
            "monthly",
            "",
            "2026-02-27",
            Err("period_start: contradicts anchor: no period of that anchor and cycle begins there"),
        );
        period(
            "2025-01-31",
            "monthly",
            "",
            "2024-12-31",
            Err("period_start: contradicts anchor: no period of that anchor and cycle begins there"),
        );
        period(
            "2025-01-31",
            "annual",
            "",
            "2026-02-28",
            Err("period_start: contradicts anchor: no period of that anchor and cycle begins there"),
        );
        period(
            "2025-01-31",
            "monthly",
            "2",
            "2025-02-28",
            Err("period_start: contradicts period_number: another period begins on that day"),
        );
        period("2025-01-31", "monthly", "4294967295", "", Err("period_number: the date lies outside the years 1 to 9999"));
        period("9999-12-31", "annual", "0", "", Err("period_number: the date lies outside the years 1 to 9999"));
        period("2025-01-31", "monthly", "-1", "", Err("period_number: must be a whole number from 0 to 4294967295"));
    }

    #[test]
    fn a_camera_has_one_subscription_and_an_account_one_without_camera() {
        let rows = "a-1,s-1,premium/annual,,direct,2025-01-01,1,,v1,yes,t1
a-2,s-2,plus/annual,cam-2,app_store,2025-01-01,1,,v1,no,t1
a-1,s-3,premium/monthly,,direct,2025-01-01,1,,v1,yes,t1
a-2,s-2,plus/monthly,cam-2,direct,2025-01-01,1,,v1,yes,t1";
        let expected = "s.csv:4: account_id: `a-1 without a camera` is there twice, first on line 2
s.csv:5: subscription_id: `s-2` is there twice, first on line 3
s.csv:5: camera: `cam-2` is there twice, first on line 3";
        assert_eq!(read(rows).unwrap_err().to_string(), expected);
    }

    #[test]
    fn json_takes_numbers_and_truth() {
        let json = r#"{"account_id":"a","subscription_id":"s","plan":"plus/monthly","camera":"c","channel":"recurly","anchor":"2025-01-01",
            "period_number":2,"price_version":"v1","renews":false,"terms_version":"t"}"#;
        let row = read_all::<SubscriptionRow>("s.json", Format::Json, format!("[{json}]").as_bytes()).unwrap().remove(0).row;
        assert_eq!((row.channel, row.period_no, row.renews), (Channel::Recurly, 2, false));
    }
}
