//! A lived-through year: every report ties out at every month's end and on days between, and both databases tell the same.

use std::sync::{Arc, Mutex};

use chrono::{Days, NaiveDate};
use kasacare::demo::{DemoOptions, live};
use kasacare::domain::calendar::{first_of_month, month_end};
use kasacare::reports::finance::{ALL, Takes};
use kasacare::reports::sheet::Asked;
use kasacare::store::db::Db;

use super::{Part, Report, told};
use crate::world::on_both;
use crate::world::town::{Town, day, noon};

/// A year and a month, with a dispute, which nobody in a demo has.
pub async fn year(db: &Db) {
    let town = Town::on(db).await;
    live(town.engine.clone(), town.runner.clone(), DemoOptions { accounts: 60, months: 13, seed: 11 }, |_| {}).await.unwrap();
    for (name, lost) in [("dispute-won", false), ("dispute-lost", true)] {
        let id = town.move_in(name, crate::world::town::CALIFORNIA, "tok_ok").await;
        town.subscribe("2027-02-03", &id, "plus/annual").await;
        let charge = town.account(&id).await.charges.keys().next().cloned().unwrap();
        town.act(noon("2027-02-10"), &id, |draft| {
            draft.open_dispute(&format!("dp_{name}"), &charge, super::usd(10_824), super::usd(1_500))
        })
        .await;
        town.act(noon("2027-02-20"), &id, |draft| {
            let dispute = format!("dp_{name}");
            if lost { draft.lose_dispute(&dispute) } else { draft.win_dispute(&dispute) }
        })
        .await;
    }
    town.run_daily("2027-02-20", "2027-03-01").await;
}

/// Month ends, and five days that a seed gives.
fn days() -> Vec<NaiveDate> {
    let first = day("2026-01-01");
    let mut days: Vec<NaiveDate> = (0..14).map(|month| month_end(first + chrono::Months::new(month))).collect();
    let mut state: u64 = 20_261_130;
    for _ in 0..5 {
        // A step of a well-known generator (Knuth's MMIX).
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        days.push(first + Days::new((state >> 33) % 420));
    }
    days
}

#[tokio::test]
async fn every_report_ties_out_at_every_month_end_and_between_on_both_databases() {
    let seen: Arc<Mutex<Vec<Vec<Report>>>> = Arc::default();
    on_both(|db| {
        let seen = Arc::clone(&seen);
        async move {
            year(&db).await;
            let mut reports = Vec::new();
            for on in days() {
                for entry in ALL {
                    let asked = match entry.takes {
                        Takes::AsOf => Asked { as_of: Some(on), ..Asked::default() },
                        Takes::Range => Asked { from: Some(first_of_month(on)), to: Some(on), ..Asked::default() },
                    };
                    reports.push(told(&db, entry.name, &asked).await);
                }
            }
            for entry in ALL {
                let report = told(&db, entry.name, &Asked::default()).await;
                let may_be_untied = entry.name == "reconciliation";
                assert!(may_be_untied || !report.ties.is_empty(), "{} ties to nothing", entry.name);
                assert!(may_be_untied || report.parts.iter().any(|part| !part.rows.is_empty()), "{} is empty", entry.name);
                reports.push(report);
            }
            seen.lock().unwrap().push(reports);
        }
    })
    .await;
    let seen = seen.lock().unwrap();
    for (sqlite, postgres) in seen[0].iter().zip(&seen[1]) {
        assert!(sqlite == postgres, "the databases differ: {sqlite:?}\n{postgres:?}");
    }
    assert_eq!(seen[0].len(), seen[1].len());
    has_something_of_everything(&seen[0]);
}

/// A year in which nothing happens would tie out, too.
fn has_something_of_everything(reports: &[Report]) {
    let cells = |name: &str, section: &str, column: &str| -> Vec<String> {
        let of = reports.iter().filter(|report| report.head.as_ref().is_some_and(|head| head.name == name));
        of.flat_map(|report| report.parts.iter().filter(|part| part.section.key == section))
            .flat_map(|part| part.shows(&[column]))
            .collect()
    };
    let some = |name: &str, section: &str, column: &str| {
        let cells = cells(name, section, column);
        assert!(cells.iter().any(|cell| cell != "-" && cell != "0.00" && cell != "0"), "{name}: nothing in {section}.{column}: {cells:?}");
    };
    for column in ["billed", "credit_notes", "debit_notes", "cancelled", "recognised", "reversed"] {
        let both: Vec<String> =
            ["prepayments", "deferred_revenue"].iter().flat_map(|part| cells("prepayment-roll-forward", part, column)).collect();
        assert!(both.iter().any(|cell| cell != "0.00"), "nothing {column}");
    }
    for column in ["new", "expansion", "contraction", "churn", "reactivation"] {
        some("mrr", "movements", column);
    }
    for column in ["revenue", "corrections", "disputes"] {
        some("waterfall", "waterfall", column);
    }
    for column in ["tax_charged", "net_credited", "tax_credited"] {
        some("sales-tax", "jurisdictions", column);
    }
    for (name, section, column) in [
        ("receivables-ageing", "open_invoices", "days_1_30"),
        ("journal-entries", "legs", "reference"),
        ("journal-entries", "legs", "correction_of"),
        ("refunds", "refunds", "days_used"),
        ("corrections", "corrections", "difference"),
        ("customer-credits", "accounts", "credit"),
        ("renewals-ahead", "weeks", "retries"),
        ("renewals-ahead", "renewals", "promotion"),
        ("trial-balance", "accounts", "accrued"),
    ] {
        some(name, section, column);
    }
    refunds_add_up(reports.iter().flat_map(|report| &report.parts).filter(|part| part.section.key == "refunds"));
}

/// What a note gave back went somewhere: each row that has a note adds up (RF-3).
fn refunds_add_up<'a>(parts: impl Iterator<Item = &'a Part>) {
    let mut rows = 0;
    for row in parts.flat_map(|part| part.shows(&["net_back", "tax_back", "owed_off", "to_credit", "held", "to_refund", "refund"])) {
        let Ok([net, tax, owed, credit, held, refund]) = <[&str; 6]>::try_from(row.split(' ').take(6).collect::<Vec<_>>()) else {
            panic!("{row}")
        };
        if net != "-" {
            let minor = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
            assert_eq!(minor(net) + minor(tax), [owed, credit, held, refund].map(minor).iter().sum::<i64>(), "{row}");
            rows += 1;
        }
    }
    assert!(rows > 20, "only {rows} refunds with a note");
}
