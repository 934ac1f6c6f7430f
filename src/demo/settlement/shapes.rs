//! The same year in the shapes of other providers: what their files would be if the simulated provider were one of them. Payouts and
//! the bank are those of the payout report, but for stores, which pay by the month and name none.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use chrono::{Datelike, NaiveDate};
use serde_json::{Value, json};

use super::files::reporting_category;
use super::{FilesError, Line, SettlementFiles, Sheets, file};
use crate::domain::money::{Currency, Money};
use crate::domain::settlement::Category;

/// Transactions on one of Stripe's pages.
const PAGE: usize = 100;

/// Balance transactions, page after page, in minor units.
pub(super) fn balance_pages(sheets: &Sheets, what: &SettlementFiles) -> Result<Vec<PathBuf>, FilesError> {
    let lines = sheets.lines.iter().map(|line| {
        let (is_refund, ours) = (is_refund(line.category), line.ours.clone());
        let key = if is_refund { "kasacare_refund" } else { "kasacare_charge" };
        let metadata: BTreeMap<&str, String> = ours.into_iter().map(|ours| (key, ours)).collect();
        let source = json!({ "id": line.reference, "object": "object", "charge": line.parent, "metadata": metadata });
        transaction(&line.id, line.gross, line.fee_minor, reporting_category(line.category), line.at.timestamp(), &source)
    });
    let payouts = sheets.payouts.iter().map(|payout| {
        let arrives = payout.arrives_on.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
        let sent = payout.sent_on.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
        let source = json!({ "id": payout.id, "object": "payout", "arrival_date": arrives });
        transaction(&format!("sim_txn_{}", payout.id), minus(payout.amount), 0, "payout", sent, &source)
    });
    let mut all: Vec<Value> = lines.chain(payouts).collect();
    // The newest first, as its interface gives them.
    all.sort_by_key(|transaction| std::cmp::Reverse(transaction["created"].as_i64()));
    let count = all.len().div_ceil(PAGE);
    let page = |(number, data): (usize, &[Value])| {
        json!({ "object": "list", "url": "/v1/balance_transactions", "has_more": number + 1 < count, "data": data }).to_string()
    };
    let text: Vec<String> = all.chunks(PAGE).enumerate().map(page).collect();
    let path = file(&what.out, "balance_transactions.json");
    fs::write(&path, text.join("\n") + "\n")?;
    Ok(vec![path])
}

fn transaction(id: &str, gross: Money, fee: i64, category: &str, at: i64, source: &Value) -> Value {
    let (amount, currency) = (gross.minor(), gross.currency().code().to_lowercase());
    json!({
        "id": id, "object": "balance_transaction", "amount": amount, "available_on": at, "created": at, "currency": currency,
        "fee": fee, "fee_details": [], "net": amount.saturating_sub(fee), "reporting_category": category, "source": source,
        "status": "available", "type": category,
    })
}

/// PayPal's transaction search. It pays out when it is asked to, and has no word for a refund that came back.
pub(super) fn transaction_search(sheets: &Sheets, what: &SettlementFiles) -> Result<Vec<PathBuf>, FilesError> {
    let path = file(&what.out, "transactions_paypal.csv");
    let mut out = csv::Writer::from_path(&path)?;
    out.write_record([
        "transaction_id",
        "paypal_reference_id",
        "paypal_reference_id_type",
        "transaction_event_code",
        "transaction_initiation_date",
        "transaction_updated_date",
        "transaction_amount",
        "transaction_currency",
        "fee_amount",
        "transaction_status",
        "invoice_id",
        "custom_field",
    ])?;
    for line in &sheets.lines {
        // Whatever is undone has an id of its own, and names what it undoes.
        let (id, parent) = match line.category {
            Category::RefundFailure | Category::DisputeReversal => (format!("{}_back", line.reference), line.reference.clone()),
            _ => (line.reference.clone(), line.parent.clone().unwrap_or_default()),
        };
        let at = line.at.format("%Y-%m-%dT%H:%M:%S+0000").to_string();
        let fee = if line.fee_minor == 0 { String::new() } else { minus(Money::new(line.fee_minor, line.gross.currency())).major() };
        let (amount, ours) = (line.gross.major(), line.ours.clone().unwrap_or_default());
        let kind = if parent.is_empty() { "" } else { "TXN" };
        let (code, currency) = (event_code(line.category), line.gross.currency());
        out.write_record([&id, &parent, kind, code, &at, &at, &amount, currency.code(), &fee, "S", "", &ours])?;
    }
    for payout in &sheets.payouts {
        let at = format!("{}T06:00:00+0000", payout.sent_on);
        let (amount, currency) = (minus(payout.amount).major(), payout.amount.currency());
        out.write_record([&payout.id, "", "", "T0400", &at, &at, &amount, currency.code(), "", "S", "", ""])?;
    }
    out.flush()?;
    Ok(vec![path])
}

const fn event_code(category: Category) -> &'static str {
    match category {
        Category::Charge => "T0002",
        Category::Refund => "T1107",
        Category::Dispute => "T1201",
        Category::DisputeReversal => "T1202",
        Category::Fee => "T0100",
        Category::Payout => "T0400",
        Category::PayoutFailure => "T1101",
        Category::Reserve => "T2101",
        Category::RefundFailure | Category::Tax | Category::Adjustment | Category::Unknown => "T1900",
    }
}

/// Google Play's earnings, a file a month: the charge and what Google keeps of it are lines of their own.
pub(super) fn monthly_earnings(sheets: &Sheets, what: &SettlementFiles) -> Result<Vec<PathBuf>, FilesError> {
    let mut months: BTreeMap<(i32, u32), Vec<&Line>> = BTreeMap::new();
    for line in sold(sheets) {
        months.entry((line.on().year(), line.on().month())).or_default().push(line);
    }
    let mut files = Vec::new();
    for ((year, month), lines) in months {
        let path = file(&what.out, &format!("earnings_{year}{month:02}.csv"));
        let mut out = csv::Writer::from_path(&path)?;
        out.write_record([
            "Description",
            "Transaction Date",
            "Transaction Time",
            "Tax Type",
            "Transaction Type",
            "Refund Type",
            "Product Title",
            "Product id",
            "Sku Id",
            "Buyer Country",
            "Buyer Currency",
            "Amount (Buyer Currency)",
            "Currency Conversion Rate",
            "Merchant Currency",
            "Amount (Merchant Currency)",
        ])?;
        for line in lines {
            let (kind, fee, refund) = if line.category == Category::Refund {
                ("Charge refund", "Google fee refund", "Full")
            } else {
                ("Charge", "Google fee", "")
            };
            let (on, currency) = (line.on().format("%b %-d, %Y").to_string(), line.gross.currency());
            let code = currency.code();
            for (kind, amount) in [(kind, line.gross), (fee, minus(store_share(line.gross)))] {
                let amount = amount.major();
                let product = ["Plus", "kasa", "plus", "US"];
                let [title, id, sku, country] = product;
                out.write_record([
                    line.reference.as_str(),
                    &on,
                    "12:00:00 AM PST",
                    "",
                    kind,
                    refund,
                    title,
                    id,
                    sku,
                    country,
                    code,
                    &amount,
                    "1.0",
                    code,
                    &amount,
                ])?;
            }
        }
        out.flush()?;
        files.push(path);
    }
    Ok(files)
}

/// Apple's finance detail: how many were sold a day at a price, and no transaction.
pub(super) fn totals(sheets: &Sheets, what: &SettlementFiles) -> Result<Vec<PathBuf>, FilesError> {
    let mut totals: BTreeMap<(NaiveDate, Currency, i64), i64> = BTreeMap::new();
    for line in sold(sheets) {
        *totals.entry((line.on(), line.gross.currency(), line.gross.minor())).or_default() += 1;
    }
    let path = file(&what.out, "finance_detail.txt");
    let mut out = csv::WriterBuilder::new().delimiter(b'\t').flexible(true).from_path(&path)?;
    out.write_record([
        "Transaction Date",
        "Settlement Date",
        "Apple Identifier",
        "SKU",
        "Title",
        "Quantity",
        "Partner Share",
        "Extended Partner Share",
        "Partner Share Currency",
        "Customer Price",
        "Customer Currency",
        "Sale or Return",
        "Country of Sale",
    ])?;
    let rows = totals.len();
    for ((on, currency, minor), count) in totals {
        let price = Money::new(minor.saturating_abs(), currency);
        let share = Money::new(price.minor().saturating_sub(store_share(price).minor()), currency);
        let (kind, quantity) = if minor < 0 { ("R", -count) } else { ("S", count) };
        let extended = Money::new(share.minor().saturating_mul(quantity), currency).major();
        let (on, quantity, code) = (on.format("%m/%d/%Y").to_string(), quantity.to_string(), currency.code());
        let cells = [&on, &on, "1", "plus", "Plus", &quantity, &share.major(), &extended, code, &price.major(), code, kind, "US"];
        out.write_record(cells)?;
    }
    out.write_record(["Total_Rows", &rows.to_string()])?;
    out.flush()?;
    Ok(vec![path])
}

/// Recurly's export of transactions; the money is at the gateway behind it.
pub(super) fn gateway_export(sheets: &Sheets, what: &SettlementFiles) -> Result<Vec<PathBuf>, FilesError> {
    let path = file(&what.out, "transactions_recurly.csv");
    let mut out = csv::Writer::from_path(&path)?;
    out.write_record([
        "id",
        "type",
        "status",
        "invoice_number",
        "account_code",
        "amount",
        "tax_amount",
        "currency",
        "gateway_reference",
        "date",
    ])?;
    for line in sold(sheets) {
        let kind = if line.category == Category::Refund { "refund" } else { "purchase" };
        let amount = Money::new(line.gross.minor().saturating_abs(), line.gross.currency()).major();
        let (at, ours) = (line.at.format("%Y-%m-%d %H:%M:%S").to_string(), line.ours.clone().unwrap_or_default());
        let currency = line.gross.currency();
        out.write_record([line.id.as_str(), kind, "success", &ours, "", &amount, "", currency.code(), &line.reference, &at])?;
    }
    out.flush()?;
    Ok(vec![path])
}

/// What a store would tell of: payments and what was given back of them.
fn sold(sheets: &Sheets) -> impl Iterator<Item = &Line> {
    sheets.lines.iter().filter(|line| matches!(line.category, Category::Charge | Category::Refund))
}

pub(super) const fn is_refund(category: Category) -> bool {
    matches!(category, Category::Refund | Category::RefundFailure)
}

/// What a store keeps: fifteen hundredths, half up by size.
fn store_share(amount: Money) -> Money {
    let size = amount.minor().saturating_abs().saturating_mul(15).saturating_add(50) / 100;
    Money::new(if amount.is_negative() { -size } else { size }, amount.currency())
}

fn minus(amount: Money) -> Money {
    amount.negated().unwrap_or(amount)
}
