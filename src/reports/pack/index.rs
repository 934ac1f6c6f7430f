//! The page of a pack.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Month;
use super::folder::Filed;
use super::glance::{self, Glance};
use crate::reports::ReportError;
use crate::reports::sheet::gathered::{Gathered, Report};
use crate::reports::sheet::html;
use crate::reports::sheet::view::ReportView;

/// Reports in the order in which people read them; others come after these.
const ORDER: &[&str] = &[
    "reconciliation",
    "prepayment-roll-forward",
    "waterfall",
    "mrr",
    "refunds",
    "corrections",
    "receivables-ageing",
    "renewals-ahead",
    "sales-tax",
    "customer-credits",
    "trial-balance",
    "journal-entries",
];

/// What the template is given.
#[derive(Serialize)]
struct Facts {
    month: String,
    from: String,
    to: String,
    known_at: Option<String>,
    ties: usize,
    broken: usize,
    glance: Vec<Glance>,
    reports: Vec<ReportView>,
    files: Vec<Filed>,
}

/// The page, from what the reports told.
pub(super) fn page(
    month: Month,
    known_at: Option<DateTime<Utc>>,
    now: &Gathered,
    before: &Gathered,
    files: &[Filed],
) -> Result<String, ReportError> {
    let place = |report: &&Report| ORDER.iter().position(|name| *name == report.head.name).unwrap_or(ORDER.len());
    let mut reports: Vec<&Report> = now.reports.iter().collect();
    reports.sort_by_key(place);
    let ties = || now.reports.iter().flat_map(|report| &report.ties);
    let mut files = files.to_vec();
    files.sort_by(|left, right| left.name.cmp(&right.name));
    let facts = Facts {
        month: month.in_words(),
        from: month.first().to_string(),
        to: month.last().to_string(),
        known_at: known_at.map(|at| format!("{} UTC", at.format("%Y-%m-%d %H:%M:%S"))),
        ties: ties().count(),
        broken: ties().filter(|tie| !tie.holds()).count(),
        glance: glance::of(month, now, before),
        reports: reports.into_iter().map(ReportView::new).collect::<Result<_, _>>()?,
        files,
    };
    html::page("pack.html", &facts)
}
