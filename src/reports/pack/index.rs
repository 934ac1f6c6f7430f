//! The page of a pack.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::Month;
use super::folder::Filed;
use super::glance::{self, Glance};
use crate::reports::ReportError;
use crate::reports::finance::{RECONCILIATION, RUNS_TOLD};
use crate::reports::sheet::Cell;
use crate::reports::sheet::gathered::{Gathered, Report};
use crate::reports::sheet::html;
use crate::reports::sheet::view::{ReportView, first_currency};

/// Reports in the order in which people read them; others come after these.
const ORDER: &[&str] = &[
    "month-close",
    "cash",
    RECONCILIATION,
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
    reconciled: Reconciled,
    glance: Option<Glance>,
    others: Vec<Glance>,
    reports: Vec<ReportView>,
    files: Vec<Filed>,
}

/// How far cash was compared with what providers say: ties hold without that, too.
#[derive(Serialize)]
struct Reconciled {
    /// The last day, of the provider that is behind; nothing where no run is stored.
    through: Option<String>,
    /// Breaks that wait, of all providers.
    waiting: i64,
    /// Whether that is all that the page tells of, and nothing waits.
    is_all: bool,
}

impl Reconciled {
    fn of(told: &Gathered, through: NaiveDate) -> Self {
        let (mut first, mut waiting) = (None::<NaiveDate>, 0_i64);
        for sheet in told.report(RECONCILIATION).into_iter().flat_map(|report| report.sheets(RUNS_TOLD)) {
            let of = |row: &[Cell], key: &str| sheet.column(key).and_then(|at| row.get(at).cloned());
            for row in &sheet.rows {
                if let Some(Cell::Date(day)) = of(row, "through") {
                    first = Some(first.map_or(day, |first| first.min(day)));
                }
                if let Some(Cell::Count(count)) = of(row, "waiting") {
                    waiting = waiting.saturating_add(count);
                }
            }
        }
        let is_all = waiting == 0 && first.is_some_and(|day| day >= through);
        Self { through: first.map(|day| day.to_string()), waiting, is_all }
    }
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
        reconciled: Reconciled::of(told, through),
        glance,
        others,
        reports: reports.into_iter().map(|report| ReportView::new(report, first)).collect::<Result<_, _>>()?,
        files,
    };
    html::page("pack.html", &facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::sheet::{Asked, Column, Head, Section, Teller};

    fn reconciled(runs: &[(&str, i64)]) -> (Option<String>, i64, bool) {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let mut told = Gathered::keeping(10);
        let head = Head { name: RECONCILIATION, title: "Reconciliation", about: "", asked: Asked::default() };
        let mut teller = Teller::begin(&mut told, &head).unwrap();
        let columns = vec![Column::date("through", "Reconciled through"), Column::count("waiting", "Breaks that wait")];
        teller.section(Section::new(RUNS_TOLD, "Runs", None, columns)).unwrap();
        for (through, waiting) in runs {
            teller.row(&[Cell::Date(day(through)), Cell::Count(*waiting)]).unwrap();
        }
        teller.end().unwrap();
        let Reconciled { through, waiting, is_all } = Reconciled::of(&told, day("2026-10-31"));
        (through, waiting, is_all)
    }

    #[test]
    fn cash_is_reconciled_as_far_as_the_last_provider_and_with_no_break_that_waits() {
        let through = |day: &str| Some(day.to_owned());
        assert_eq!(reconciled(&[]), (None, 0, false));
        assert_eq!(reconciled(&[("2026-10-31", 0), ("2026-11-02", 0)]), (through("2026-10-31"), 0, true));
        assert_eq!(reconciled(&[("2026-10-31", 0), ("2026-10-30", 0)]), (through("2026-10-30"), 0, false));
        assert_eq!(reconciled(&[("2026-10-31", 2), ("2026-10-31", 1)]), (through("2026-10-31"), 3, false));
    }
}
