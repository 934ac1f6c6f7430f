//! Settlement files: what providers, stores and banks say has moved, in the words of [`crate::domain::settlement`].
//!
//! Columns are found by their names; other columns are not looked at, so that customers' names and addresses in them go nowhere. A word
//! for a kind of movement that is not in the format's table refuses the file and is named. Files are read in one pass, a record in
//! memory at a time; what a row tells is handed on as it is read.

mod apple;
mod balance_pages;
mod bank_csv;
mod camt;
mod google_play;
mod ordinal;
mod payout_report;
mod paypal;
mod recurly;
mod source_bytes;
mod table;
pub mod units;
mod values;

use std::fmt;
use std::io::Read;
use std::str::FromStr;

use chrono::NaiveDate;

use self::source_bytes::Digested;
use super::line::Line;
use super::problem::{Problem, Problems, RowError, RowProblem};
use super::{Placed, ROWS_MAX};
use crate::domain::settlement::Told;

pub use bank_csv::BankColumns;

/// Longest id of a provider or a bank, in characters.
pub const ID_CHARS_MAX: usize = 200;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// Stripe's `payout_reconciliation` itemised report (CSV, major units).
    StripePayouts,
    /// Pages of Stripe's balance transactions (JSON, in Stripe's units).
    StripeBalance,
    /// PayPal's transaction report (CSV).
    PayPal,
    /// Google Play's monthly earnings (CSV).
    GooglePlay,
    /// Apple's financial report, summary or detail (TSV): totals alone.
    Apple,
    /// Recurly's export of transactions (CSV); the money is at the gateway behind it.
    Recurly,
    /// A bank statement (CAMT.053, XML).
    BankCamt,
    /// A bank statement (CSV, with columns as told).
    BankCsv,
}

impl Source {
    /// Every source with its word on the command line and the provider whose file it is.
    pub const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (Self::StripePayouts, "stripe-payouts", "stripe"),
        (Self::StripeBalance, "stripe-balance", "stripe"),
        (Self::PayPal, "paypal", "paypal"),
        (Self::GooglePlay, "google-play", "google_play"),
        (Self::Apple, "apple", "app_store"),
        (Self::Recurly, "recurly", "recurly"),
        (Self::BankCamt, "bank-camt", "bank"),
        (Self::BankCsv, "bank-csv", "bank"),
    ];

    /// Its word on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(source, ..)| *source == self).map_or("", |(_, name, _)| *name)
    }

    /// Whose file it is, if nothing else is said.
    #[must_use]
    pub fn provider(self) -> &'static str {
        Self::ALL.iter().find(|(source, ..)| *source == self).map_or("", |(.., provider)| *provider)
    }

    /// What it calls the day on which something moved, and that on which a payout arrives.
    #[must_use]
    pub const fn dates(self) -> [&'static str; 2] {
        match self {
            Self::StripePayouts => ["created_utc", "automatic_payout_effective_at"],
            Self::StripeBalance => ["created", "arrival_date"],
            Self::PayPal => ["transaction_initiation_date", "transaction_initiation_date"],
            Self::GooglePlay => ["Transaction Date", "Transaction Date"],
            Self::Apple => ["Transaction Date", "Settlement Date"],
            Self::Recurly => ["date", "date"],
            Self::BankCamt => ["BookgDt", "BookgDt"],
            Self::BankCsv => ["booked_on", "booked_on"],
        }
    }

    /// Whether a row that such a file has twice comes as [`Told::Again`]; the others may tell a movement twice.
    #[must_use]
    pub const fn tells_each_once(self) -> bool {
        matches!(self, Self::StripePayouts)
    }

    /// Whether such a file tells the movements of a provider, which can be held against ours. Others are a bank's, or totals alone.
    #[must_use]
    pub const fn has_movements(self) -> bool {
        !matches!(self, Self::Apple | Self::BankCamt | Self::BankCsv)
    }

    /// What a file is by the first bytes of it: the names of its columns, or its root.
    ///
    /// ```
    /// use kasacare::import::settlement::Source;
    /// let head = "automatic_payout_id,balance_transaction_id,gross\n";
    /// assert_eq!(Source::of_head(head.as_bytes()), Some(Source::StripePayouts));
    /// assert_eq!(Source::of_head(b"name,address\n"), None);
    /// ```
    #[must_use]
    pub fn of_head(head: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(head);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let line = text.lines().next().unwrap_or_default().to_ascii_lowercase();
        let has = |names: &[&str]| names.iter().all(|name| line.contains(name));
        match text.chars().next()? {
            '<' => text.contains("camt.053").then_some(Self::BankCamt),
            '{' | '[' => Some(Self::StripeBalance),
            _ if has(&["balance_transaction_id", "gross"]) => Some(Self::StripePayouts),
            _ if has(&["extended partner share"]) => Some(Self::Apple),
            _ if has(&["description", "transaction type", "merchant currency"]) => Some(Self::GooglePlay),
            _ if has(&["gateway_reference", "status"]) => Some(Self::Recurly),
            _ if paypal::is_head(&line) => Some(Self::PayPal),
            _ => None,
        }
    }
}

impl Source {
    /// What a file looks like that is none of these, where its first bytes tell.
    #[must_use]
    pub fn unlike(head: &[u8]) -> Option<&'static str> {
        let text = String::from_utf8_lossy(head).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
        let starts = |marks: &[&[u8]]| marks.iter().any(|mark| head.starts_with(mark));
        match text.get(..1) {
            _ if starts(&[&[0xff, 0xfe], &[0xfe, 0xff]]) || head.iter().take(64).filter(|byte| **byte == 0).count() > 16 => {
                Some("it is UTF-16: save it as UTF-8")
            }
            _ if starts(&[b"PK\x03\x04", b"\xd0\xcf\x11\xe0"]) => Some("it is a workbook or an archive: save it as CSV"),
            _ if starts(&[b"%PDF"]) => Some("it is a PDF, and not the table of it"),
            None => Some("it is empty"),
            Some("<") if text.starts_with("<!doctype html") || text.contains("<html") => {
                Some("it is a web page: was the page for logging in saved instead of the file?")
            }
            Some("<") => Some("it is XML, and not a bank statement in the form CAMT.053"),
            Some(_) => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The word names no source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a source; one of stripe-payouts, stripe-balance, paypal, google-play, apple, recurly, bank-camt, bank-csv")]
pub struct UnknownSource;

impl FromStr for Source {
    type Err = UnknownSource;
    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        Self::ALL.iter().find(|(_, name, _)| *name == text).map(|(source, ..)| *source).ok_or(UnknownSource)
    }
}

/// How a file is read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// What it is.
    pub source: Source,
    /// The month of Google Play's earnings, by its first day: the file does not say it.
    pub month: Option<NaiveDate>,
    /// The columns of a bank's CSV.
    pub bank: BankColumns,
    /// Whether a movement is kept although its provider has a word for it that is not in the table: what was fetched cannot be sent back.
    pub keep_unknown: bool,
}

impl Reading {
    /// Rows of this kind as a provider's interface gives them.
    #[must_use]
    pub fn fetched(source: Source) -> Self {
        Self { source, month: None, bank: BankColumns::default(), keep_unknown: true }
    }
}

/// What was read.
#[derive(Debug)]
pub struct ReadFile {
    /// Rows, skipped ones included.
    pub rows: u64,
    /// Rows that moved no money: pending, declined, authorised only.
    pub skipped: u64,
    /// What is wrong with the file.
    pub problems: Problems,
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
}

/// Takes what a row tells; false stops the reading.
pub type Take<'a> = dyn FnMut(Placed<Told>) -> bool + 'a;

/// Where readers put what they find.
pub(super) struct Out<'a, 'b> {
    take: &'a mut Take<'b>,
    problems: Problems,
    rows: u64,
    skipped: u64,
    stopped: bool,
}

impl Out<'_, '_> {
    /// Hands on what a row tells.
    fn tell(&mut self, line: impl Into<Line>, told: Told) {
        self.stopped = self.stopped || !(self.take)(Placed { line: line.into(), row: told });
    }

    fn note(&mut self, problem: RowProblem) {
        self.problems.note(problem);
    }

    fn note_row(&mut self, error: RowError) {
        self.problems.note_row(error);
    }

    /// Counts a row; whether to go on reading.
    fn goes_on(&mut self) -> bool {
        self.rows += 1;
        if self.rows > ROWS_MAX {
            self.note(RowProblem::of_file(Problem::TooManyRows));
            return false;
        }
        !self.stopped
    }
}

/// Reads a file to its end, or to where it cannot be read any further. `take` gets every good row, also where others are bad.
pub fn read(name: &str, reading: &Reading, input: impl Read, take: &mut Take<'_>) -> ReadFile {
    let mut bytes = Digested::new(input);
    let mut out = Out { take, problems: Problems::new(name), rows: 0, skipped: 0, stopped: false };
    let read = match reading.source {
        Source::StripePayouts => payout_report::read(&mut bytes, &mut out),
        Source::StripeBalance => balance_pages::read(&mut bytes, reading.keep_unknown, &mut out),
        Source::PayPal => paypal::read(&mut bytes, &mut out),
        Source::GooglePlay => google_play::read(&mut bytes, reading.month, &mut out),
        Source::Apple => apple::read(&mut bytes, &mut out),
        Source::Recurly => recurly::read(&mut bytes, &mut out),
        Source::BankCamt => camt::read(&mut bytes, &mut out),
        Source::BankCsv => bank_csv::read(&mut bytes, &reading.bank, &mut out),
    };
    if let Err(error) = read {
        out.note_row(error);
    }
    let Out { mut problems, rows, skipped, stopped, .. } = out;
    if !stopped && let Err(error) = bytes.finish() {
        problems.note(RowProblem::of_file(error));
    }
    ReadFile { rows, skipped, problems, digest: bytes.digest() }
}
