//! A bank's CSV: every bank has its own, so that columns, dates and decimals are as told on the command line.

use std::io::Read;

use super::ordinal::Ordinals;
use super::source_bytes::Digested;
use super::table::{Col, Row, Table};
use super::{Out, values};
use crate::domain::money::{Currency, Money};
use crate::domain::settlement::{BankLine, Told};
use crate::import::looks_like_card_number;
use crate::import::problem::{Problem, RowError};

/// How a bank writes its CSV.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankColumns {
    /// Which account it is of; the column `account` where absent.
    pub account: Option<String>,
    /// What all amounts are in; the column `currency` where absent.
    pub currency: Option<Currency>,
    /// The bank's names for our columns: `booked_on`, `amount`, `text`, `id`, `account`, `currency`.
    pub names: Vec<(String, String)>,
    /// How dates are written.
    pub date_pattern: String,
    /// Whether the comma is the decimal mark.
    pub decimal_comma: bool,
    /// What parts the fields.
    pub delimiter: u8,
}

impl Default for BankColumns {
    fn default() -> Self {
        Self {
            account: None,
            currency: None,
            names: Vec::new(),
            date_pattern: "%Y-%m-%d".to_owned(),
            decimal_comma: false,
            delimiter: b',',
        }
    }
}

impl BankColumns {
    /// Our names of the columns.
    pub const NAMES: [&'static str; 6] = ["booked_on", "amount", "text", "id", "account", "currency"];
}

/// Words in the text of a line by which whoever pays us out is known.
const PAYERS: &[(&str, &str)] = &[
    ("STRIPE", "stripe"),
    ("PAYPAL", "paypal"),
    ("GOOGLE", "google_play"),
    ("APPLE", "app_store"),
    ("ITUNES", "app_store"),
    ("RECURLY", "recurly"),
    ("SIMPAY", "simulated"),
];

/// Who sent a line, by its text.
pub(super) fn payer(text: &str) -> Option<String> {
    let text = text.to_uppercase();
    PAYERS.iter().find(|(word, _)| text.contains(word)).map(|(_, provider)| (*provider).to_owned())
}

/// The text of a line that is kept: of a known payer, in one line, not longer than an id.
pub(super) fn kept_text(text: &str) -> Option<String> {
    let plain: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain: String = plain.chars().filter(|c| !c.is_control()).take(super::ID_CHARS_MAX).collect();
    Some(plain).filter(|text| !text.is_empty())
}

struct Found {
    booked_on: Col,
    amount: Col,
    text: Col,
    id: Option<Col>,
    account: Option<Col>,
    currency: Option<Col>,
}

pub(super) fn read<R: Read>(bytes: &mut Digested<R>, bank: &BankColumns, out: &mut Out<'_, '_>) -> Result<(), RowError> {
    let mut table = Table::begin(bytes, bank.delimiter)?;
    let mut renamed = |ours: &'static str, needed: bool| {
        let theirs = bank.names.iter().find(|(name, _)| name == ours).map_or(ours, |(_, theirs)| theirs.as_str());
        table.named(theirs, ours, needed)
    };
    let found = (renamed("booked_on", true), renamed("amount", true), renamed("text", true));
    let (id, account) = (renamed("id", false), renamed("account", bank.account.is_none()));
    let currency = renamed("currency", bank.currency.is_none());
    let (Some(booked_on), Some(amount), Some(text)) = found else { return Err(table.missing()) };
    if (account.is_none() && bank.account.is_none()) || (currency.is_none() && bank.currency.is_none()) {
        return Err(table.missing());
    }
    let columns = Found { booked_on, amount, text, id, account, currency };
    let mut ordinals = Ordinals::default();
    while let Some(mut row) = table.next(out, |_| false)? {
        let (line, told) = (row.line, bank_line(&mut row, &columns, bank, &mut ordinals));
        if let Err(error) = row.finish() {
            out.note_row(error);
        } else if let Some(told) = told {
            if told.amount.is_zero() {
                out.skipped += 1;
            } else {
                out.tell(line, Told::BankLine(told));
            }
        }
    }
    Ok(())
}

fn bank_line(row: &mut Row<'_>, columns: &Found, bank: &BankColumns, ordinals: &mut Ordinals) -> Option<BankLine> {
    let booked_on = row.need(columns.booked_on, |text| values::date_as(text, &bank.date_pattern));
    let currency = bank.currency.or_else(|| row.need(columns.currency?, values::currency));
    let amount = currency.and_then(|currency| row.need(columns.amount, |text| values::major(text, currency, bank.decimal_comma)));
    let account = bank.account.clone().or_else(|| row.need(columns.account?, values::id));
    let text = row.text(columns.text).unwrap_or_default().to_owned();
    if looks_like_card_number(&text) && payer(&text).is_some() {
        row.wrong(columns.text, Problem::CardNumber);
    }
    let named = columns.id.filter(|id| row.text(*id).is_some());
    let (booked_on, account, amount) = (booked_on?, account?, Money::new(amount?, currency?));
    let id = match named {
        Some(id) => row.need(id, values::id)?,
        // The same line twice on one day is two lines.
        None => ordinals.name_in(&account, format!("{booked_on}/{}/{}", amount.major(), fingerprint(&text))),
    };
    let provider = payer(&text);
    let reference = provider.as_ref().and_then(|_| kept_text(&text));
    Some(BankLine { account, id, booked_on, amount, provider, reference })
}

/// Tells texts apart without keeping them.
pub(super) fn fingerprint(text: &str) -> String {
    use sha2::{Digest, Sha256};
    format!("{:x}", Sha256::digest(text)).chars().take(12).collect()
}
