//! Whole events in the shape of the current API, as files: each is read as what it means.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use chrono::NaiveDate;
use kasacare::provider::declines::DeclineClass;
use kasacare::provider::stripe::reading::StripeEvents;
use kasacare::provider::{EventReader, Fact, Meaning, Reading, Subject};

use super::usd;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/stripe/events")
}

fn body(kind: &str) -> String {
    fs::read_to_string(folder().join(format!("{kind}.json"))).unwrap()
}

fn read(kind: &str) -> Reading {
    StripeEvents.read(&body(kind)).unwrap()
}

/// The facts of an event, and whose they are.
fn facts(kind: &str) -> (Subject, Vec<Fact>) {
    match read(kind).meaning {
        Meaning::Facts { about, facts } => (about, facts),
        other => panic!("{kind}: {other:?}"),
    }
}

const INTENT: &str = "pi_3SvKasaIntent0001";
const CHARGE: &str = "ch_acc-0001-s1_1_0_1";
const REFUND: &str = "re_acc-0001-s1_1_0_1_1";

#[test]
fn every_event_is_labelled_and_read() {
    let mut kinds = BTreeSet::new();
    for file in fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let body = fs::read_to_string(&path).unwrap();
        let label = StripeEvents.label(body.as_bytes()).unwrap();
        assert_eq!(label.kind, path.file_stem().unwrap().to_str().unwrap());
        let reading = StripeEvents.read(&body).unwrap_or_else(|error| panic!("{}: {error}", label.kind));
        assert!(!reading.live && reading.occurred_at.is_some(), "{}", label.kind);
        assert_eq!(reading.object.is_none(), label.kind == "balance.available", "{}", label.kind);
        kinds.insert(label.kind.into_owned());
    }
    assert!(kinds.len() >= 25, "{kinds:?}");
}

#[test]
fn a_charge_that_succeeded_is_one_fact_whichever_event_tells_it() {
    let ours = || Subject::Account("acc-0001".parse().unwrap());
    let captured = Fact::ChargeSucceeded { charge_id: CHARGE.to_owned(), reference: INTENT.to_owned(), amount: usd(10_824) };
    for kind in ["payment_intent.succeeded", "charge.succeeded"] {
        assert_eq!(facts(kind), (ours(), vec![captured.clone()]), "{kind}");
    }
    let (about, told) = facts("payment_intent.payment_failed");
    let [Fact::ChargeDeclined { charge_id, reference, decline }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((about, charge_id.as_str(), reference.as_str()), (ours(), CHARGE, INTENT));
    assert_eq!((decline.code.as_str(), decline.class, decline.listed), ("insufficient_funds", DeclineClass::Soft, true));
    let (_, told) = facts("payment_intent.canceled");
    assert!(matches!(&told[..], [Fact::ChargeDeclined { decline, .. }] if decline.code == "payment_intent_canceled"));
}

#[test]
fn a_refund_is_what_its_status_says() {
    let paid = Fact::RefundSucceeded { refund_id: REFUND.to_owned(), reference: "re_3SvKasaRefund0001".to_owned(), amount: usd(7_176) };
    for kind in ["refund.updated", "charge.refund.updated"] {
        assert_eq!(facts(kind).1, std::slice::from_ref(&paid), "{kind}");
    }
    let failed = Fact::RefundFailed {
        refund_id: REFUND.to_owned(),
        reference: "re_3SvKasaRefund0001".to_owned(),
        amount: usd(7_176),
        code: "lost_or_stolen_card".to_owned(),
    };
    assert_eq!(facts("refund.failed").1, [failed]);
    assert_eq!(read("refund.created").meaning, Meaning::Nothing, "it is pending");
    // The same without our ids: somebody made it in the dashboard.
    let stranger = body("refund.updated").replace("kasacare_", "other_");
    let Meaning::Facts { about, facts } = StripeEvents.read(&stranger).unwrap().meaning else { panic!("facts") };
    assert_eq!(about, Subject::Charge(INTENT.to_owned()));
    assert!(matches!(&facts[..], [Fact::RefundNotAskedFor { amount, .. }] if *amount == usd(7_176)), "{facts:?}");
}

/// 108.24 and a fee of 15.00 went out; the snapshot of a later event tells what earlier ones told, too.
#[test]
fn a_dispute_is_what_has_moved() {
    let opened = |fact: &Fact| {
        matches!(fact, Fact::DisputeOpened { dispute_id, charge_reference, amount, fee, .. }
            if dispute_id == "du_3SvKasaDispute01" && charge_reference == INTENT && *amount == usd(10_824) && *fee == usd(1_500))
    };
    assert_eq!(read("charge.dispute.created").meaning, Meaning::Nothing, "no money has moved");
    for kind in ["charge.dispute.funds_withdrawn", "charge.dispute.updated"] {
        let (about, told) = facts(kind);
        assert_eq!(about, Subject::Charge(INTENT.to_owned()));
        assert!(matches!(&told[..], [one] if opened(one)), "{kind}: {told:?}");
    }
    let (_, told) = facts("charge.dispute.closed");
    assert!(matches!(&told[..], [one, Fact::DisputeLost { .. }] if opened(one)), "{told:?}");
    let (_, told) = facts("charge.dispute.funds_reinstated");
    assert!(matches!(&told[..], [one, Fact::DisputeWon { .. }] if opened(one)), "{told:?}");
    // Won first and lost then: nothing that we know of says that, and whether the money is gone, a person must see.
    let lost_again = body("charge.dispute.funds_reinstated").replace("\"won\"", "\"lost\"");
    assert!(StripeEvents.read(&lost_again).unwrap_err().to_string().contains("lost all the same"));
    // An inquiry that was closed took nothing.
    let inquiry = body("charge.dispute.created").replace("needs_response", "warning_closed");
    assert_eq!(StripeEvents.read(&inquiry).unwrap().meaning, Meaning::Nothing);
}

#[test]
fn a_card_that_was_renewed_is_told_by_its_token() {
    for kind in ["payment_method.updated", "payment_method.automatically_updated"] {
        let (about, told) = facts(kind);
        let tokens = vec!["cus_KasaAcc0001:pm_1SvKasaCardVisa".to_owned(), "pm_1SvKasaCardVisa".to_owned()];
        assert_eq!(about, Subject::Method(tokens.clone()));
        let expires_on = NaiveDate::from_ymd_opt(2031, 8, 31).unwrap();
        let extended = Fact::MethodExtended { tokens, label: "Visa ending 4242".to_owned(), expires_on };
        assert_eq!(told, [extended], "{kind}");
    }
    let (about, told) = facts("radar.early_fraud_warning.created");
    assert_eq!(about, Subject::Charge(INTENT.to_owned()));
    assert!(matches!(&told[..], [Fact::FraudWarning { .. }]));
}

#[test]
fn what_is_not_ours_or_not_known_is_told_apart() {
    for kind in ["payment_intent.succeeded", "payment_intent.payment_failed", "charge.succeeded"] {
        let foreign = body(kind).replace("kasacare_", "other_");
        assert_eq!(StripeEvents.read(&foreign).unwrap().meaning, Meaning::Foreign, "{kind}");
    }
    assert_eq!(read("terminal.reader.action_succeeded").meaning, Meaning::UnknownType);
    let quiet = ["charge.failed", "charge.refunded", "payout.reconciliation_completed", "setup_intent.succeeded", "balance.available"];
    for kind in quiet {
        assert_eq!(read(kind).meaning, Meaning::Nothing, "{kind}");
    }
}

#[test]
fn what_cannot_be_read_is_named_by_its_place_and_not_quoted() {
    let good = body("payment_intent.succeeded");
    for (bad, words) in [
        (String::new(), "ends too early"),
        ("{".to_owned(), "ends too early"),
        ("[]".to_owned(), "is not of the shape"),
        ("\"jo@example.com\"".to_owned(), "is not of the shape"),
        (good.replace("\"usd\"", "\"jo@example.com\""), "currency is none"),
        (good.replace("\"amount_received\": 10824", "\"amount_received\": \"jo@example.com\""), "payment intent is not of the shape"),
        (good.replace("\"acc-0001\"", "\"jo@example.com/..\""), "no account's id"),
        (good.replace("\"created\"", "\"created_by\""), "is not of the shape"),
    ] {
        let unreadable = StripeEvents.read(&bad).unwrap_err().to_string();
        assert!(unreadable.contains(words), "{unreadable}");
        assert!(!unreadable.contains("jo@"), "{unreadable}");
    }
    // Deep nesting takes no stack: what is not read is skipped (F47).
    let deep = good.replace("\"application\": null", &format!("\"application\": {}{}", "[".repeat(100_000), "]".repeat(100_000)));
    let _ = StripeEvents.read(&deep);
    let _ = StripeEvents.label(deep.as_bytes());
}
