//! An event, from its bytes to what it means, against the same bytes as a tree of values.

use kasacare::domain::money::Money;
use kasacare::provider::stripe::amounts;
use kasacare::provider::stripe::reading::StripeEvents;
use kasacare::provider::{EventReader, Fact, Meaning, ProviderEvent, Reading, Subject};
use serde_json::Value;

/// Checks one body; whether it could be read.
pub fn check(body: &[u8]) -> bool {
    let tree: Option<Value> = serde_json::from_slice(body).ok();
    let label = StripeEvents.label(body);
    if let Err(unreadable) = &label {
        assert_says_nothing(&unreadable.to_string());
    }
    if let (Ok(label), Some(tree)) = (&label, &tree) {
        assert_eq!((tree["id"].as_str(), tree["type"].as_str()), (Some(label.id.as_ref()), Some(label.kind.as_ref())));
        assert!([&label.id, &label.kind].iter().all(|text| (1..=255).contains(&text.len()) && text.is_ascii()));
    }
    // What is no text is kept, and never read.
    let Ok(text) = std::str::from_utf8(body) else { return false };
    let reading = match StripeEvents.read(text) {
        Ok(reading) => reading,
        Err(unreadable) => {
            assert_says_nothing(&unreadable.to_string());
            return false;
        }
    };
    assert_eq!(StripeEvents.read(text).as_ref(), Ok(&reading), "it says the same when it is read again");
    if let Some(tree) = &tree {
        // Neither spaces nor the order of fields mean anything.
        assert_eq!(StripeEvents.read(&tree.to_string()).as_ref(), Ok(&reading), "it says the same when it is written otherwise");
        assert_is_what_it_says(&reading, tree);
    }
    assert_can_be_kept(&reading);
    true
}

/// Nothing is in the facts that is not in the object.
fn assert_is_what_it_says(reading: &Reading, tree: &Value) {
    let object = &tree["data"]["object"];
    assert_eq!(Some(reading.live), tree["livemode"].as_bool());
    assert_eq!(reading.occurred_at.map(|at| at.timestamp()), reading.occurred_at.and(tree["created"].as_i64()));
    assert_eq!(reading.object.as_deref(), object["id"].as_str());
    let Meaning::Facts { about, facts } = &reading.meaning else { return };
    match about {
        Subject::Account(account) => assert_eq!(Some(account.as_str()), object["metadata"]["kasacare_account"].as_str()),
        Subject::Charge(reference) => assert!(names(object).contains(&reference.as_str()), "{reference}"),
        Subject::Method(tokens) => assert!(tokens.iter().any(|token| Some(token.as_str()) == object["id"].as_str())),
    }
    assert!(!facts.is_empty());
    for fact in facts {
        let (reference, amount): (&str, Option<Money>) = match fact {
            Fact::ChargeSucceeded { reference, amount, .. }
            | Fact::RefundSucceeded { reference, amount, .. }
            | Fact::RefundFailed { reference, amount, .. }
            | Fact::RefundNotAskedFor { reference, amount, .. } => (reference, Some(*amount)),
            Fact::DisputeOpened { dispute_id, amount, fee, .. } => {
                assert!(!fee.is_negative(), "{fee}");
                (dispute_id, Some(*amount))
            }
            Fact::DisputeWon { dispute_id, amount, .. } | Fact::DisputeLost { dispute_id, amount, .. } => (dispute_id, Some(*amount)),
            Fact::ChargeDeclined { reference, .. } => (reference, None),
            Fact::FraudWarning { charge_reference, .. } => (charge_reference, None),
            Fact::MethodExtended { tokens, .. } => (tokens.last().map_or("", String::as_str), None),
        };
        assert!(names(object).contains(&reference), "{reference}");
        let Some(amount) = amount else { continue };
        assert_eq!(object["currency"].as_str().map(str::to_ascii_uppercase).as_deref(), Some(amount.currency().code()));
        let told = ["amount", "amount_received", "amount_captured"].map(|name| object[name].as_i64());
        let units = told.into_iter().flatten().any(|units| amounts::from_units(units, amount.currency()) == Some(amount));
        assert!(units, "{amount} is none of {told:?}");
    }
}

/// What an object may be called by: its own id, and those of what it is about, whole or not.
fn names(object: &Value) -> Vec<&str> {
    let of = |name: &str| object[name].as_str().or_else(|| object[name]["id"].as_str());
    ["id", "payment_intent", "charge"].into_iter().filter_map(of).collect()
}

/// Facts wait as JSON for an account that is parked (PV-4); what is taken out is what was put in.
fn assert_can_be_kept(reading: &Reading) {
    let Meaning::Facts { about, facts } = &reading.meaning else { return };
    let account_id = if let Subject::Account(account) = about { Some(account.clone()) } else { None };
    for (number, fact) in facts.iter().enumerate() {
        let at = reading.occurred_at.unwrap_or_default();
        let event = ProviderEvent { id: format!("evt#{number}"), at, account_id: account_id.clone(), fact: fact.clone() };
        let kept = serde_json::to_string(&event.fact).unwrap();
        assert_eq!(serde_json::from_str::<Fact>(&kept).unwrap(), event.fact, "{kept}");
    }
}

/// The words that a refusal may be made of; the currency is one of ours (PP-3).
fn assert_says_nothing(refusal: &str) {
    const OBJECTS: &[&str] = &["event", "payment intent", "charge", "refund", "fraud warning", "payment method", "dispute", "object"];
    const PROBLEMS: &[&str] = &["cannot be read", "is not JSON", "is not of the shape that we know", "ends too early"];
    const WHOLE: &[&str] = &[
        "its id or type is none",
        "one of its ids is none",
        "its currency is none",
        "its kasacare_account is no account's id",
        "its money came back, and it is lost all the same",
        "its fees are too large",
        "its card's last month is none",
        "its card's last digits are none",
    ];
    let said = refusal.strip_prefix("the event cannot be read: ").expect(refusal);
    let of_amount = said.strip_prefix("its amount is none of ").is_some_and(|code| code.len() == 3);
    let of_shape = OBJECTS.iter().any(|object| {
        PROBLEMS.iter().any(|problem| {
            let place = said.strip_prefix(&format!("the {object} {problem}, at line "));
            place.is_some_and(|place| place.replace(" column ", "").bytes().all(|byte| byte.is_ascii_digit()))
        })
    });
    assert!(of_amount || of_shape || WHOLE.contains(&said), "{refusal}");
}
