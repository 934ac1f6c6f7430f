//! The page of a pack.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::Month;
use super::folder::Filed;
use super::glance::{self, Glance};
use crate::reports::ReportError;
use crate::reports::sheet::gathered::{Gathered, Report};
use crate::reports::sheet::html;
use crate::reports::sheet::view::{ReportView, first_currency};

/// Reports in the order in which people read them; others come after these.
const ORDER: &[&str] = &[
    "month-close",
    "cash",
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
    /// The name of the month before.
    before: String,
    from: String,
    to: String,
    known_at: Option<String>,
    /// Whether it is closed, in words.
    closing: Option<String>,
    ties: usize,
    broken: usize,
    glance: Option<Glance>,
    others: Vec<Glance>,
    reports: Vec<ReportView>,
    files: Vec<Filed>,
}

/// What the page is about.
pub(super) struct About {
    pub(super) month: Month,
    pub(super) known_at: Option<DateTime<Utc>>,
    /// The last day that it tells of.
    pub(super) through: NaiveDate,
    /// Whether the month is closed, in words.
    pub(super) closing: Option<String>,
}

/// The page, from what the reports told.
pub(super) fn page(about: About, told: &Gathered, glance: Vec<Glance>, files: &[Filed]) -> Result<String, ReportError> {
    let About { month, known_at, through, closing } = about;
    let place = |report: &&Report| ORDER.iter().position(|name| *name == report.head.name).unwrap_or(ORDER.len());
    let mut reports: Vec<&Report> = told.reports.iter().filter(|report| report.head.name != glance::NAME).collect();
    reports.sort_by_key(place);
    let ties = || told.reports.iter().flat_map(|report| &report.ties);
    let mut files = files.to_vec();
    files.sort_by(|left, right| left.name.cmp(&right.name));
    let first = first_currency(&told.reports);
    let (glance, others) = glance::split(glance, first);
    let facts = Facts {
        month: month.in_words(),
        before: month.before().first().format("%B").to_string(),
        from: month.first().to_string(),
        to: through.to_string(),
        known_at: known_at.map(|at| format!("{} UTC", at.format("%Y-%m-%d %H:%M:%S"))),
        closing,
        ties: ties().count(),
        broken: ties().filter(|tie| !tie.holds()).count(),
        glance,
        others,
        reports: reports.into_iter().map(|report| ReportView::new(report, first)).collect::<Result<_, _>>()?,
        files,
    };
    html::page("pack.html", &facts)
}
