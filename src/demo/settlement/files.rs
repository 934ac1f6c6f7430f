//! The files, in the shapes of real ones: the provider's, an itemised payout report if nothing else is asked for, and a CAMT.053
//! statement for each currency's account.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use quick_xml::Writer;
use quick_xml::events::BytesText;

use super::{BankEntry, FilesError, Line, Planted, SettlementFiles, Sheets, file, shapes};
use crate::domain::money::{Currency, Money};
use crate::domain::settlement::Category;
use crate::import::settlement::Source;

pub(super) fn write(sheets: &Sheets, planted: &[Planted], what: &SettlementFiles) -> Result<Vec<PathBuf>, FilesError> {
    fs::create_dir_all(&what.out)?;
    let mut files = match what.shape {
        Source::StripeBalance => shapes::balance_pages(sheets, what)?,
        Source::PayPal => shapes::transaction_search(sheets, what)?,
        Source::GooglePlay => shapes::monthly_earnings(sheets, what)?,
        Source::Apple => shapes::totals(sheets, what)?,
        Source::Recurly => shapes::gateway_export(sheets, what)?,
        Source::StripePayouts | Source::BankCamt | Source::BankCsv => vec![payout_report(sheets, what)?],
    };
    let mut by_currency: BTreeMap<Currency, Vec<&BankEntry>> = BTreeMap::new();
    for entry in &sheets.bank {
        by_currency.entry(entry.amount.currency()).or_default().push(entry);
    }
    for (currency, mut entries) in by_currency {
        entries.sort_by(|left, right| (left.on, &left.id).cmp(&(right.on, &right.id)));
        files.push(statement(currency, &entries, what)?);
    }
    if what.plant > 0 {
        let path = file(&what.out, "planted.json");
        let json = serde_json::to_string_pretty(planted).map_err(std::io::Error::from)?;
        fs::write(&path, json + "\n")?;
        files.push(path);
    }
    Ok(files)
}

/// The reporting category of a line.
pub(super) const fn reporting_category(category: Category) -> &'static str {
    match category {
        Category::Charge => "charge",
        Category::Refund => "refund",
        Category::RefundFailure => "refund_failure",
        Category::Dispute => "dispute",
        Category::DisputeReversal => "dispute_reversal",
        Category::Fee => "fee",
        Category::Tax => "tax",
        Category::Payout => "payout",
        Category::PayoutFailure => "payout_reversal",
        Category::Reserve => "risk_reserved_funds",
        Category::Adjustment | Category::Unknown => "other_adjustment",
    }
}

fn payout_report(sheets: &Sheets, what: &SettlementFiles) -> Result<PathBuf, FilesError> {
    let path = file(&what.out, "payout_reconciliation.csv");
    let mut out = csv::Writer::from_path(&path)?;
    out.write_record([
        "automatic_payout_id",
        "automatic_payout_effective_at",
        "balance_transaction_id",
        "created_utc",
        "available_on_utc",
        "currency",
        "gross",
        "fee",
        "net",
        "reporting_category",
        "source_id",
        "description",
        "charge_id",
        "payment_intent_metadata[kasacare_charge]",
        "refund_metadata[kasacare_refund]",
    ])?;
    let arrivals: BTreeMap<&str, String> =
        sheets.payouts.iter().map(|payout| (payout.id.as_str(), format!("{} 00:00:00", payout.arrives_on))).collect();
    for line in &sheets.lines {
        let arrives = line.payout.as_deref().and_then(|payout| arrivals.get(payout)).cloned().unwrap_or_default();
        out.write_record(row(line, arrives))?;
    }
    for payout in &sheets.payouts {
        let gross = payout.amount.negated().unwrap_or(payout.amount).major();
        let (at, none) = (format!("{} 06:00:00", payout.sent_on), String::new());
        let zero = Money::zero(payout.amount.currency()).major();
        let (effective, code) = (format!("{} 00:00:00", payout.arrives_on), payout.amount.currency().code().to_lowercase());
        let id = format!("sim_txn_{}", payout.id);
        let cells = [&none, &effective, &id, &at, &at, &code, &gross, &zero, &gross];
        out.write_record(cells.into_iter().map(String::as_str).chain(["payout", &payout.id, "Payout", "", "", ""]))?;
    }
    out.flush()?;
    Ok(path)
}

fn row(line: &Line, arrives: String) -> [String; 15] {
    let currency = line.gross.currency();
    let major = |minor: i64| Money::new(minor, currency).major();
    let is_refund = shapes::is_refund(line.category);
    let ours = line.ours.clone().unwrap_or_default();
    let at = line.at.format("%Y-%m-%d %H:%M:%S").to_string();
    [
        line.payout.clone().unwrap_or_default(),
        arrives,
        line.id.clone(),
        at.clone(),
        at,
        currency.code().to_lowercase(),
        line.gross.major(),
        major(line.fee_minor),
        major(line.net_minor()),
        reporting_category(line.category).to_owned(),
        line.reference.clone(),
        String::new(),
        line.parent.clone().unwrap_or_default(),
        if is_refund { String::new() } else { ours.clone() },
        if is_refund { ours } else { String::new() },
    ]
}

fn statement(currency: Currency, entries: &[&BankEntry], what: &SettlementFiles) -> Result<PathBuf, FilesError> {
    let path = file(&what.out, &format!("statement_{currency}.xml"));
    let mut out = Writer::new_with_indent(Vec::new(), b' ', 1);
    let sum = entries.iter().map(|entry| entry.amount.minor()).fold(0, i64::saturating_add);
    out.create_element("Document").with_attribute(("xmlns", "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08")).write_inner_content(
        |out| {
            out.create_element("BkToCstmrStmt").write_inner_content(|out| {
                out.create_element("Stmt").write_inner_content(|out| {
                    text(out, "Id", &format!("{}-{currency}", what.through))?;
                    out.create_element("Acct").write_inner_content(|out| {
                        out.create_element("Id").write_inner_content(|out| {
                            out.create_element("Othr").write_inner_content(|out| text(out, "Id", &format!("KASA-{currency}")))?;
                            Ok(())
                        })?;
                        Ok(())
                    })?;
                    balance(out, "OPBD", Money::zero(currency))?;
                    balance(out, "CLBD", Money::new(sum, currency))?;
                    entries.iter().try_for_each(|entry| bank_entry(out, entry))
                })?;
                Ok(())
            })?;
            Ok(())
        },
    )?;
    let mut file = fs::File::create(&path)?;
    file.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
    file.write_all(&out.into_inner())?;
    Ok(path)
}

type Xml = Writer<Vec<u8>>;

fn text(out: &mut Xml, name: &str, text: &str) -> std::io::Result<()> {
    out.create_element(name).write_text_content(BytesText::new(text)).map(|_| ())
}

fn amount(out: &mut Xml, amount: Money) -> std::io::Result<()> {
    let size = Money::new(amount.minor().saturating_abs(), amount.currency());
    let element = out.create_element("Amt").with_attribute(("Ccy", amount.currency().code()));
    element.write_text_content(BytesText::new(&size.major()))?;
    text(out, "CdtDbtInd", if amount.is_negative() { "DBIT" } else { "CRDT" })
}

fn balance(out: &mut Xml, kind: &str, of: Money) -> std::io::Result<()> {
    out.create_element("Bal").write_inner_content(|out| {
        out.create_element("Tp").write_inner_content(|out| {
            out.create_element("CdOrPrtry").write_inner_content(|out| text(out, "Cd", kind))?;
            Ok(())
        })?;
        amount(out, of)
    })?;
    Ok(())
}

fn bank_entry(out: &mut Xml, entry: &BankEntry) -> std::io::Result<()> {
    out.create_element("Ntry").write_inner_content(|out| {
        amount(out, entry.amount)?;
        out.create_element("Sts").write_inner_content(|out| text(out, "Cd", "BOOK"))?;
        out.create_element("BookgDt").write_inner_content(|out| text(out, "Dt", &entry.on.to_string()))?;
        text(out, "AcctSvcrRef", &entry.id)?;
        out.create_element("NtryDtls").write_inner_content(|out| {
            out.create_element("TxDtls").write_inner_content(|out| {
                out.create_element("RmtInf").write_inner_content(|out| text(out, "Ustrd", &entry.text))?;
                Ok(())
            })?;
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}
