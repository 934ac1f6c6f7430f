//! What a price version means, for people and for programs.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::change::pretty;
use super::super::{Format, table};
use crate::domain::catalog::PriceVersion;
use crate::domain::money::Money;
use crate::engine::pricing::PriceEffect;

/// The announcement (`announced`: now, or before) or its quote.
pub(super) fn shown(version: &PriceVersion, effects: &[PriceEffect], announced: Option<bool>, format: Format) -> String {
    match format {
        Format::Table => in_words(version, effects, announced),
        Format::Json => pretty(&json!({
            "quote": announced.is_none(),
            "announced": announced,
            "version": version,
            "subscriptions": effects.iter().map(|effect| effect.subscriptions).sum::<i64>(),
            "effects": effects.iter().map(effect_json).collect::<Vec<_>>(),
            "yearly": yearly(effects).into_values().map(|sum| sum.map(|sum| sum.to_string())).collect::<Vec<_>>(),
        })),
    }
}

fn effect_json(effect: &PriceEffect) -> serde_json::Value {
    json!({
        "plan": effect.plan,
        "from_version": effect.from_version,
        "old": effect.old,
        "new": effect.new,
        "subscriptions": effect.subscriptions,
        "yearly": effect.yearly,
    })
}

/// The yearly difference by currency; nothing where it does not fit.
fn yearly(effects: &[PriceEffect]) -> BTreeMap<String, Option<Money>> {
    let mut sums: BTreeMap<String, Option<Money>> = BTreeMap::new();
    for effect in effects {
        let sum = sums.entry(effect.new.currency().to_string()).or_insert_with(|| Some(Money::zero(effect.new.currency())));
        *sum = sum.zip(effect.yearly).and_then(|(sum, more)| sum.plus(more).ok());
    }
    sums
}

fn in_words(version: &PriceVersion, effects: &[PriceEffect], announced: Option<bool>) -> String {
    let (name, from) = (&version.version, version.effective_from);
    let mut text = match announced {
        None => format!("Quote: price version {name}, for new subscriptions from {from} on. Nothing has been changed.\n"),
        Some(true) => format!("Done: price version {name} is announced, for new subscriptions from {from} on.\n"),
        Some(false) => format!("Already done: price version {name} was announced before. Nothing has been changed.\n"),
    };
    if effects.is_empty() {
        text.push_str("\nIt concerns no present subscription.\n");
        return text;
    }
    let mut list = table(&["plan", "now at", "old price", "new price", "subscriptions", "a year, before tax"]);
    for effect in effects {
        list.add_row([
            effect.plan.to_string(),
            effect.from_version.clone(),
            effect.old.to_string(),
            effect.new.to_string(),
            effect.subscriptions.to_string(),
            signed(effect.yearly),
        ]);
    }
    let count: i64 = effects.iter().map(|effect| effect.subscriptions).sum();
    let sums: Vec<String> = yearly(effects).into_values().map(signed).collect();
    text.push_str(&format!("\n{list}\n\n{count} subscriptions, {} a year before promotions and tax\n", sums.join(", ")));
    text.push_str("Each moves at its first period that begins at least notice_days after its own notice was sent (PR-2).\n");
    text
}

fn signed(amount: Option<Money>) -> String {
    match amount {
        None => "more than 64 bits hold".to_owned(),
        Some(amount) if amount.is_positive() => format!("+{amount}"),
        Some(amount) => amount.to_string(),
    }
}
