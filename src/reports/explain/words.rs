//! An explanation for people.

use std::fmt::Display;

use serde::Serialize;
use serde_json::Value;

use super::{ExplainedEvent, ExplainedLeg, ExplainedMail, ExplainedRecord, Explanation, Facts};

/// The word under which a value is stored.
pub(super) fn stored_word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The rule ids before the colon of each sentence, each once, in order.
pub(super) fn rules(why: &[String]) -> Vec<String> {
    let mut rules: Vec<String> = Vec::new();
    for sentence in why {
        let cited = sentence.split_once(':').map_or("", |(cited, _)| cited);
        for rule in cited.split(", ").filter(|rule| is_rule(rule)) {
            if !rules.iter().any(|known| known == rule) {
                rules.push(rule.to_owned());
            }
        }
    }
    rules
}

/// `RF`, `RF-2`, `SA-b`: two capitals, and a number or a letter.
fn is_rule(text: &str) -> bool {
    let (family, number) = text.split_once('-').map_or((text, None), |(family, number)| (family, Some(number)));
    let short = |number: &str| (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_alphanumeric());
    family.len() == 2 && family.bytes().all(|byte| byte.is_ascii_uppercase()) && number.is_none_or(short)
}

impl Explanation {
    /// The explanation as text: how the object stands, then record by record.
    #[must_use]
    pub fn text(&self) -> String {
        let head = format!("{} {} of account {}\n", self.kind.name(), self.id, self.account);
        let records = self.records.iter().map(told);
        std::iter::once(head + &facts(&self.facts)).chain(records).collect()
    }
}

fn facts(Facts(facts): &Facts) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: Vec<String> = facts.iter().map(|(name, value)| format!("  {:<width$}  {value}\n", name.replace('_', " "))).collect();
    lines.concat()
}

fn told(record: &ExplainedRecord) -> String {
    let ExplainedRecord { id, effective_on, recorded_at, kind, actor, reason, why, events, mails, .. } = record;
    let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let at = recorded_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let head = format!("\n{effective_on}  {kind}, by {actor}{reason}\n  record {id}, {at}\n");
    let why = why.iter().map(|sentence| format!("  because  {sentence}\n"));
    let events = events.iter().map(happened);
    let mails = mails.iter().map(|ExplainedMail { id, state, sent_at }| {
        let at = sent_at.map(|at| format!(" {}", at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))).unwrap_or_default();
        format!("  mail     {id}, {state}{at}\n")
    });
    std::iter::once(head).chain(why).chain(events).chain(mails).collect()
}

fn happened(event: &ExplainedEvent) -> String {
    let tag = event.tag.split('.').next().unwrap_or_default().replace('_', " ");
    let (name, facts) = match (tag.as_str(), event.facts.get("subscription").and_then(Value::as_str), event.facts.get("life")) {
        ("life", Some(subscription), Some(step)) => (format!("subscription {subscription}"), shown(step)),
        _ => (tag, shown(&event.facts)),
    };
    let facts = facts.map(|facts| format!(": {facts}")).unwrap_or_default();
    let legs = event.postings.iter().map(|leg| {
        let ExplainedLeg { ledger_account, name, debit, credit, currency, .. } = leg;
        let column = |amount: &Option<String>| amount.as_ref().map(|amount| format!("{amount} {currency}")).unwrap_or_default();
        let line = format!("             {ledger_account}  {name:<42}  {:>16}  {:>16}", column(debit), column(credit));
        format!("{}\n", line.trim_end())
    });
    std::iter::once(format!("  event    {name}{facts}\n")).chain(legs).collect()
}

/// Facts on one line: names before values, a period as `from to`, and nothing that is absent, empty or an amount of zero.
fn shown(facts: &Value) -> Option<String> {
    match facts {
        Value::Null => None,
        Value::Bool(yes) => yes.then(|| "yes".to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => (!text.is_empty() && !is_zero_amount(text)).then(|| text.clone()),
        Value::Array(values) => joined(values.iter().filter_map(shown), " "),
        Value::Object(members) => match (members.get("start"), members.get("end"), members.len()) {
            (Some(Value::String(start)), Some(Value::String(end)), 2) => Some(format!("{start} to {end}")),
            _ => joined(members.iter().filter_map(|(name, value)| named(name, value)), ", "),
        },
    }
}

fn named(name: &str, value: &Value) -> Option<String> {
    let text = shown(value)?;
    let name = name.replace('_', " ");
    let nested = matches!(value, Value::Object(members) if members.len() > 1 && !members.contains_key("start"));
    Some(if nested { format!("{name} ({text})") } else { format!("{name} {text}") })
}

fn joined(parts: impl Iterator<Item = impl Display>, between: &str) -> Option<String> {
    let parts: Vec<String> = parts.map(|part| part.to_string()).collect();
    (!parts.is_empty()).then(|| parts.join(between))
}

fn is_zero_amount(text: &str) -> bool {
    let Some((number, currency)) = text.split_once(' ') else { return false };
    currency.len() == 3 && number.bytes().all(|byte| matches!(byte, b'0' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_from_what_was_recorded() {
        let why = ["RF-2: 242 of 365", "CP, PR-6: the change", "goodwill credit pays", "RF-2: again", "2026-01-01 12:00: no", "SA-b: x"];
        let why: Vec<String> = why.iter().map(|&sentence| sentence.to_owned()).collect();
        assert_eq!(rules(&why), ["RF-2", "CP", "PR-6", "SA-b"]);
    }

    #[test]
    fn facts_are_short() {
        let facts = serde_json::json!({
            "invoice": {"id": "in_1", "period": {"start": "2026-01-31", "end": "2027-01-31"}, "net": "99.99 USD", "discount": "0.00 USD"},
            "pending": false,
            "applied": [["in_1", "5.00 USD"]],
            "reason": null,
        });
        assert_eq!(
            shown(&facts).as_deref(),
            Some("applied in_1 5.00 USD, invoice (id in_1, net 99.99 USD, period 2026-01-31 to 2027-01-31)")
        );
    }
}
