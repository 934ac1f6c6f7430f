//! A report as one page that needs nothing else: styles and charts are in it, and it may load nothing, which it says itself (CSP).
//!
//! Of a section with a row a document the first rows are shown and the totals of all.

use std::io::{self, Write};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use super::gathered::Gathered;
use super::view::{ReportView, first_currency};
use super::{Cell, Head, Section, Sink, Tie};
use crate::reports::ReportError;

/// Rows of a detailed section that a page shows.
pub const ROWS_SHOWN: usize = 500;

/// What pages consist of, by name.
const TEMPLATES: [(&str, &str); 6] = [
    ("style.css", include_str!("templates/style.css")),
    ("sheet.html", include_str!("templates/sheet.html")),
    ("figure.html", include_str!("templates/figure.html")),
    ("report.html", include_str!("templates/report.html")),
    ("page.html", include_str!("templates/page.html")),
    ("pack.html", include_str!("templates/pack.html")),
];

/// Writes a report as a page.
pub struct Html<'a> {
    out: &'a mut dyn Write,
    gathered: Gathered,
}

impl<'a> Html<'a> {
    /// Writes there, at the end.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out, gathered: Gathered::keeping(ROWS_SHOWN) }
    }
}

/// What the page of one report says.
#[derive(Serialize)]
struct Facts {
    title: Option<&'static str>,
    reports: Vec<ReportView>,
}

/// A page from a template and what it says.
///
/// # Errors
/// A template that does not fit what it is given, which a test rules out.
pub fn page(template: &str, facts: &impl Serialize) -> Result<String, ReportError> {
    let failed = |error: minijinja::Error| ReportError::Write(io::Error::other(error));
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(failed)?);
    environment.set_auto_escape_callback(|name| if name == "style.css" { AutoEscape::None } else { AutoEscape::Html });
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).map_err(failed)?;
    }
    environment.get_template(template).and_then(|page| page.render(Serde(facts))).map_err(failed)
}

impl Sink for Html<'_> {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        self.gathered.head(head)
    }

    fn section(&mut self, section: &Section) -> Result<(), ReportError> {
        self.gathered.section(section)
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        self.gathered.row(cells)
    }

    fn totals(&mut self, totals: &[Cell]) -> Result<(), ReportError> {
        self.gathered.totals(totals)
    }

    fn end(&mut self, ties: &[Tie], notes: &[String]) -> Result<(), ReportError> {
        self.gathered.end(ties, notes)?;
        let reports = &self.gathered.reports;
        let first = first_currency(reports);
        let reports: Vec<ReportView> = reports.iter().map(|report| ReportView::new(report, first)).collect::<Result<_, _>>()?;
        let title = reports.first().map(|report| report.title);
        self.out.write_all(page("page.html", &Facts { title, reports })?.as_bytes())?;
        Ok(self.out.flush()?)
    }
}
