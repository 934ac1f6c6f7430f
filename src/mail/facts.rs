//! The facts of a notice as its template sees them: words, not numbers.
//!
//! Only facts that are present are put in, and the templates are strict, so that a fact that is missing is an error and
//! never a blank. Every word is a single line: what the templates lay out by lines, a fact cannot change.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use minijinja::{Value, context};

use crate::domain::money::Money;

use super::error::MailError;
use super::format;
use super::render::Recipient;
use crate::domain::notice::{CorrectionOutcome, NONE_ON_FILE, NoticeData, PaidFor, PaidPart};

/// Template name → value.
pub(super) type Facts = BTreeMap<&'static str, Value>;

/// Everything that templates may say about `data` to `recipient`.
pub(super) fn facts(data: &NoticeData, recipient: &Recipient) -> Result<Facts, MailError> {
    let mut facts = Facts::new();
    words(&mut facts, data, recipient);
    dates(&mut facts, data, recipient)?;
    amounts(&mut facts, data)?;
    Ok(facts)
}

fn words(facts: &mut Facts, data: &NoticeData, recipient: &Recipient) {
    let correction = data.correction.map(|correction| match correction {
        CorrectionOutcome::Charged => "charged",
        CorrectionOutcome::Refunded => "refunded",
        CorrectionOutcome::Credited => "credited",
        CorrectionOutcome::OwedLess => "taken off what you owe",
    });
    let words = [
        ("name", recipient.name.as_deref()),
        ("plan", data.plan.as_deref()),
        ("plan_old", data.plan_old.as_deref()),
        ("camera", data.camera.as_deref()),
        ("promotion_code", data.promotion_code.as_deref()),
        ("payment_method", data.payment_method.as_deref()),
        ("invoice_number", data.invoice_number.as_deref()),
        ("credit_note_number", data.credit_note_number.as_deref()),
        ("refund_store", data.refund_store.as_deref()),
        ("reason", data.reason.as_deref()),
        ("correction", correction),
    ];
    for (fact, word) in words {
        let line = word.map(single_line).unwrap_or_default();
        if !line.is_empty() {
            facts.insert(fact, Value::from(line));
        }
    }
    let has_payment_method = data.payment_method.as_deref().is_some_and(|method| method != NONE_ON_FILE);
    facts.insert("has_payment_method", Value::from(has_payment_method));
    if let Some(rate) = data.tax_rate {
        facts.insert("tax_rate", Value::from(format::percent(rate)));
    }
    if let Some(days) = data.history_days {
        facts.insert("history_days", Value::from(days));
    }
}

fn dates(facts: &mut Facts, data: &NoticeData, recipient: &Recipient) -> Result<(), MailError> {
    let dates = [
        ("renews_on", data.renews_on),
        ("trial_ends_on", data.trial_ends_on),
        ("effective_on", data.effective_on),
        ("ended_on", data.ended_on),
        ("retry_on", data.retry_on),
        ("transaction_on", data.transaction_on),
        ("recordings_inaccessible_from", data.recordings_inaccessible_from),
    ];
    for (fact, date) in dates {
        if let Some(date) = date {
            facts.insert(fact, Value::from(format::date(date)));
        }
    }
    if let Some(end) = data.runs_until {
        facts.insert("last_day", Value::from(format::date(last_day("last_day", None, end)?)));
    }
    if let (Some(start), Some(end)) = (data.period_start, data.period_end) {
        let last = last_day("period", Some(start), end)?;
        facts.insert("period", Value::from(format!("{} to {}", format::date(start), format::date(last))));
    }
    if let Some(at) = data.happened_at {
        facts.insert("happened_at", Value::from(format::instant(at, recipient.time_zone)));
    }
    Ok(())
}

/// The last day of a period that ends before `end`.
fn last_day(fact: &'static str, start: Option<NaiveDate>, end: NaiveDate) -> Result<NaiveDate, MailError> {
    let last = end.pred_opt().ok_or(MailError::EmptyPeriod { fact })?;
    if start.is_some_and(|start| last < start) { Err(MailError::EmptyPeriod { fact }) } else { Ok(last) }
}

fn amounts(facts: &mut Facts, data: &NoticeData) -> Result<(), MailError> {
    let amounts = [
        ("net", data.net_minor),
        ("promotion", data.promotion_minor),
        ("tax", data.tax_minor),
        ("total", data.total_minor),
        ("credit_applied", data.credit_applied_minor),
        ("charged", data.charged_minor),
        ("to_charge", data.to_charge_minor),
        ("refund", data.refund_minor),
        ("credit", data.credit_minor),
        ("held", data.held_minor),
        ("owed_off", data.owed_off_minor),
        ("credit_balance", data.credit_balance_minor),
        ("owed", data.owed_minor),
        ("price_old", data.price_old_minor),
        ("price_new", data.price_new_minor),
        ("incorrect", data.incorrect_minor),
        ("correct", data.correct_minor),
        ("difference", data.difference_minor),
    ];
    for (fact, minor) in amounts {
        if let Some(minor) = minor {
            let currency = data.currency.ok_or(MailError::MissingCurrency { fact })?;
            facts.insert(fact, Value::from(format::money(Money::new(minor, currency))));
        }
    }
    if let Some(minor) = data.charged_minor {
        facts.insert("cash_moved", Value::from(minor != 0));
    }
    if let Some(minor) = data.to_charge_minor {
        facts.insert("cash_will_move", Value::from(minor != 0));
    }
    paid_parts(facts, data)
}

/// What a payment paid, part by part: a label and an amount each.
fn paid_parts(facts: &mut Facts, data: &NoticeData) -> Result<(), MailError> {
    if data.paid_parts.is_empty() {
        return Ok(());
    }
    let currency = data.currency.ok_or(MailError::MissingCurrency { fact: "paid_parts" })?;
    let part = |part: &PaidPart| {
        let label = match &part.what {
            PaidFor::Invoice(number) => format!("Paid for invoice {}", single_line(number)),
            PaidFor::CollectionCost(document) => format!("Paid for collection cost ({})", single_line(document)),
            PaidFor::Nothing => "Not owed, and given back".to_owned(),
        };
        context! { label => label, amount => format::money(Money::new(part.minor, currency)) }
    };
    facts.insert("paid_parts", Value::from(data.paid_parts.iter().map(part).collect::<Vec<_>>()));
    Ok(())
}

/// `text` without line breaks, control characters and characters that change the reading direction; runs of blanks
/// become one.
pub(super) fn single_line(text: &str) -> String {
    let shown: String = text
        .chars()
        .map(|character| if character.is_control() || is_line_break(character) { ' ' } else { character })
        .filter(|character| !changes_direction(*character))
        .collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_line_break(character: char) -> bool {
    matches!(character, '\u{2028}' | '\u{2029}')
}

/// Marks that reorder what follows them on the screen, with which a name could rewrite an amount behind it.
fn changes_direction(character: char) -> bool {
    matches!(character, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_line() {
        assert_eq!(single_line("  Ada\r\nBcc: x@example.com\u{2028}Love\tlace\u{0} "), "Ada Bcc: x@example.com Love lace");
        assert_eq!(single_line("Ada \u{202E}00.99$\u{202C}"), "Ada 00.99$");
        assert_eq!(single_line("\r\n\u{0}"), "");
        assert_eq!(single_line("Zoë 山田 O’Brien"), "Zoë 山田 O’Brien");
    }
}
