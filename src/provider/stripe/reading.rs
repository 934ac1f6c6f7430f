//! Stripe's events as neutral facts.
//!
//! An event carries its object as it was then, so facts are read from the object, whatever the event is called: a dispute that is lost
//! was also opened, and a refund is what its status says. That, and settling by the object, is why order and repetition don't matter
//! (PV-6). Of two events for one fact (`charge.failed` and `payment_intent.payment_failed`) one is enough.

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::objects::{
    Charge, Dispute, Event, FraudWarning, Labelled, Movement, Named, Other, OurIds, PaymentError, PaymentIntent, PaymentMethod, Refund,
};
use super::{amounts, token_of};
use crate::domain::ids::AccountId;
use crate::domain::money::Money;
use crate::provider::declines::Decline;
use crate::provider::events::Fact;
use crate::provider::webhooks::{EventReader, Label, Meaning, Reading, Subject, Unreadable};

/// Types that we know and that tell the books nothing: steps on the way, second events for a fact that another type tells, and what
/// reconciliation reads from Stripe's own lists.
const NOTHING_NEW: &[&str] = &[
    "balance.available",
    "charge.captured",
    "charge.expired",
    "charge.failed",
    "charge.pending",
    "charge.refunded",
    "charge.updated",
    "customer.created",
    "customer.deleted",
    "customer.updated",
    "mandate.updated",
    "payment_intent.amount_capturable_updated",
    "payment_intent.created",
    "payment_intent.partially_funded",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_method.attached",
    "payment_method.detached",
    "payout.canceled",
    "payout.created",
    "payout.failed",
    "payout.paid",
    "payout.reconciliation_completed",
    "payout.updated",
    "radar.early_fraud_warning.updated",
    "reporting.report_run.failed",
    "reporting.report_run.succeeded",
    "setup_intent.canceled",
    "setup_intent.created",
    "setup_intent.requires_action",
    "setup_intent.setup_failed",
    "setup_intent.succeeded",
];

/// Stripe's own word where a payment intent was cancelled.
pub(super) const CANCELLED: &str = "payment_intent_canceled";

/// Reads Stripe's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StripeEvents;

impl EventReader for StripeEvents {
    fn label<'a>(&self, body: &'a [u8]) -> Result<Label<'a>, Unreadable> {
        let Labelled { id, kind } = serde_json::from_slice(body).map_err(|error| unreadable("event", &error))?;
        let usable = |text: &str| !text.is_empty() && text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic());
        if usable(&id) && usable(&kind) { Ok(Label { id, kind }) } else { Err(Unreadable("its id or type is none".to_owned())) }
    }

    fn read(&self, body: &str) -> Result<Reading, Unreadable> {
        let event: Event<'_> = serde_json::from_str(body).map_err(|error| unreadable("event", &error))?;
        let Told { object, meaning } = told(&event.kind, event.data.object)?.storable()?;
        let account = event.account.map(std::borrow::Cow::into_owned);
        Ok(Reading { object, occurred_at: DateTime::<Utc>::from_timestamp(event.created, 0), live: event.livemode, account, meaning })
    }
}

/// What an object tells.
struct Told {
    object: Option<String>,
    meaning: Meaning,
}

impl Told {
    /// F48: what no database can store, or no list should show, is no id: one such event must not stop the others.
    fn storable(self) -> Result<Self, Unreadable> {
        let usable = |text: &str| !text.chars().any(char::is_control);
        let facts_are = match &self.meaning {
            Meaning::Facts { about, facts } => about.names().all(usable) && facts.iter().flat_map(Fact::names).all(usable),
            Meaning::Nothing | Meaning::Foreign | Meaning::UnknownType => true,
        };
        let is_storable = facts_are && self.object.as_deref().is_none_or(usable);
        if is_storable { Ok(self) } else { Err(Unreadable("one of its ids is none".to_owned())) }
    }
}

fn told(kind: &str, object: &RawValue) -> Result<Told, Unreadable> {
    match kind {
        "payment_intent.succeeded" => intent_succeeded(&parsed("payment intent", object)?),
        "payment_intent.payment_failed" => intent_failed(&parsed("payment intent", object)?, None),
        "payment_intent.canceled" => intent_failed(&parsed("payment intent", object)?, Some(CANCELLED)),
        "charge.succeeded" => charge_succeeded(&parsed("charge", object)?),
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => refund(&parsed("refund", object)?),
        "radar.early_fraud_warning.created" => Ok(fraud_warning(&parsed("fraud warning", object)?)),
        "payment_method.updated" | "payment_method.automatically_updated" => payment_method(&parsed("payment method", object)?),
        _ if kind.starts_with("charge.dispute.") => dispute(&parsed("dispute", object)?),
        _ => {
            let Named { id } = parsed("object", object)?;
            let meaning = if NOTHING_NEW.contains(&kind) { Meaning::Nothing } else { Meaning::UnknownType };
            Ok(Told { object: id.map(std::borrow::Cow::into_owned), meaning })
        }
    }
}

fn parsed<'a, T: Deserialize<'a>>(what: &str, object: &'a RawValue) -> Result<T, Unreadable> {
    serde_json::from_str(object.get()).map_err(|error| unreadable(what, &error))
}

/// The parser's own text may quote what it read (PP-3): only the place and the kind of problem are told.
fn unreadable(what: &str, error: &serde_json::Error) -> Unreadable {
    let problem = match error.classify() {
        serde_json::error::Category::Io => "cannot be read",
        serde_json::error::Category::Syntax => "is not JSON",
        serde_json::error::Category::Data => "is not of the shape that we know",
        serde_json::error::Category::Eof => "ends too early",
    };
    Unreadable(format!("the {what} {problem}, at line {} column {}", error.line(), error.column()))
}

fn money(units: i64, currency: &str) -> Result<Money, Unreadable> {
    let currency = amounts::currency(currency).map_err(|_| Unreadable("its currency is none".to_owned()))?;
    amounts::from_units(units, currency).ok_or_else(|| Unreadable(format!("its amount is none of {currency}")))
}

/// Whose an object is by the ids that it carries.
fn ours(ids: Option<&OurIds>) -> Result<Option<(AccountId, &OurIds)>, Unreadable> {
    let Some(ids) = ids else { return Ok(None) };
    let Some(account) = &ids.account else { return Ok(None) };
    let account = AccountId::parse(account).map_err(|_| Unreadable("its kasacare_account is no account's id".to_owned()))?;
    Ok(Some((account, ids)))
}

/// The one fact of a charge of ours; what carries no id of ours belongs to somebody else.
fn of_charge(id: &str, ids: Option<&OurIds>, fact: impl FnOnce(String) -> Result<Fact, Unreadable>) -> Result<Told, Unreadable> {
    let meaning = match ours(ids)? {
        Some((account, OurIds { charge: Some(charge), .. })) => {
            Meaning::Facts { about: Subject::Account(account), facts: vec![fact(charge.clone())?] }
        }
        Some(_) | None => Meaning::Foreign,
    };
    Ok(Told { object: Some(id.to_owned()), meaning })
}

fn intent_succeeded(intent: &PaymentIntent<'_>) -> Result<Told, Unreadable> {
    of_charge(&intent.id, intent.metadata.as_ref(), |charge_id| {
        let amount = money(intent.amount_received.unwrap_or(intent.amount), &intent.currency)?;
        Ok(Fact::ChargeSucceeded { charge_id, reference: intent.id.to_string(), amount })
    })
}

fn intent_failed(intent: &PaymentIntent<'_>, code: Option<&str>) -> Result<Told, Unreadable> {
    of_charge(&intent.id, intent.metadata.as_ref(), |charge_id| {
        let decline = match (code, &intent.last_payment_error) {
            (Some(code), _) => Decline::of(code),
            (None, Some(error)) => decline_of(error),
            (None, None) => Decline::of("generic_decline"),
        };
        Ok(Fact::ChargeDeclined { charge_id, reference: intent.id.to_string(), decline })
    })
}

/// What an issuer's no means: its `decline_code` says more than `code` (`card_declined`).
pub(super) fn decline_of(error: &PaymentError) -> Decline {
    let code = error.decline_code.as_deref().or(error.code.as_deref()).unwrap_or("generic_decline");
    Decline::advised(code, error.advice_code.as_deref())
}

/// A charge belongs to a payment intent, which is the object that we go by.
fn charge_succeeded(charge: &Charge<'_>) -> Result<Told, Unreadable> {
    if !charge.captured {
        return Ok(Told { object: Some(charge.id.to_string()), meaning: Meaning::Nothing });
    }
    of_charge(&charge.id, charge.metadata.as_ref(), |charge_id| {
        let amount = money(charge.amount_captured.unwrap_or(charge.amount), &charge.currency)?;
        Ok(Fact::ChargeSucceeded { charge_id, reference: charge_reference(charge.payment_intent.as_ref(), &charge.id), amount })
    })
}

/// What we call a charge by: the payment intent, and only what has none by the charge.
fn charge_reference(intent: Option<&Other>, charge: &str) -> String {
    intent.map_or(charge, Other::id).to_owned()
}

fn refund(refund: &Refund<'_>) -> Result<Told, Unreadable> {
    let amount = money(refund.amount, &refund.currency)?;
    let (reference, object) = (refund.id.to_string(), Some(refund.id.to_string()));
    let failed = |code: &str| code.to_owned();
    let code = match refund.status.as_deref() {
        // Older versions of the API left the status out: what there was, had succeeded.
        Some("succeeded") | None => None,
        Some("failed") => Some(failed(refund.failure_reason.as_deref().unwrap_or("unknown"))),
        Some("canceled") => Some(failed("canceled")),
        Some(_) => return Ok(Told { object, meaning: Meaning::Nothing }),
    };
    let meaning = match (ours(refund.metadata.as_ref())?, code) {
        (Some((account, OurIds { refund: Some(refund_id), .. })), code) => {
            let refund_id = refund_id.clone();
            let fact = match code {
                Some(code) => Fact::RefundFailed { refund_id, reference, amount, code: Decline::of(&code).code },
                None => Fact::RefundSucceeded { refund_id, reference, amount },
            };
            Meaning::Facts { about: Subject::Account(account), facts: vec![fact] }
        }
        (_, code) => stranger(refund, reference, amount, code),
    };
    Ok(Told { object, meaning })
}

/// A refund that we did not ask for: somebody made it in the dashboard, of a charge of ours or of another. With a code, it has failed.
fn stranger(refund: &Refund<'_>, reference: String, amount: Money, code: Option<String>) -> Meaning {
    match refund.payment_intent.as_ref().or(refund.charge.as_ref()) {
        Some(charge) => {
            let charge_reference = charge.id().to_owned();
            let fact = match code {
                None => Fact::RefundNotAskedFor { reference, charge_id: String::new(), charge_reference: charge_reference.clone(), amount },
                Some(code) => Fact::RefundFailed { refund_id: String::new(), reference, amount, code: Decline::of(&code).code },
            };
            Meaning::Facts { about: Subject::Charge(charge_reference), facts: vec![fact] }
        }
        None => Meaning::Foreign,
    }
}

/// Money moves when it is withdrawn and when it is reinstated, not when a dispute is created or closed; inquiries move none.
fn dispute(dispute: &Dispute<'_>) -> Result<Told, Unreadable> {
    let withdrawn: Vec<&Movement> = dispute.balance_transactions.iter().filter(|movement| movement.amount < 0).collect();
    let reinstated = dispute.balance_transactions.iter().any(|movement| movement.amount > 0);
    let object = Some(dispute.id.to_string());
    if withdrawn.is_empty() {
        return Ok(Told { object, meaning: Meaning::Nothing });
    }
    let amount = money(dispute.amount, &dispute.currency)?;
    let charge_reference = charge_reference(dispute.payment_intent.as_ref(), dispute.charge.id());
    let (dispute_id, charge_id) = (dispute.id.to_string(), String::new());
    let mut facts = vec![Fact::DisputeOpened {
        dispute_id: dispute_id.clone(),
        charge_id: charge_id.clone(),
        charge_reference: charge_reference.clone(),
        amount,
        fee: fee(dispute, &withdrawn)?,
    }];
    match dispute.status.as_ref() {
        // Nothing that we know of does that; whether the money is gone, a person must see.
        "lost" if reinstated => return Err(Unreadable("its money came back, and it is lost all the same".to_owned())),
        "lost" => facts.push(Fact::DisputeLost { dispute_id, charge_id, charge_reference: charge_reference.clone(), amount }),
        "won" if reinstated => facts.push(Fact::DisputeWon { dispute_id, charge_id, charge_reference: charge_reference.clone(), amount }),
        _ => {}
    }
    Ok(Told { object, meaning: Meaning::Facts { about: Subject::Charge(charge_reference), facts } })
}

/// What Stripe took for the dispute. What it took in another currency is seen when its balance is reconciled.
fn fee(dispute: &Dispute<'_>, withdrawn: &[&Movement]) -> Result<Money, Unreadable> {
    let mut in_its_currency = withdrawn.iter().filter(|movement| movement.currency.eq_ignore_ascii_case(&dispute.currency));
    let sum = in_its_currency.try_fold(0_i64, |sum, movement| sum.checked_add(movement.fee));
    money(sum.ok_or_else(|| Unreadable("its fees are too large".to_owned()))?.max(0), &dispute.currency)
}

fn fraud_warning(warning: &FraudWarning<'_>) -> Told {
    let charge_reference = charge_reference(warning.payment_intent.as_ref(), warning.charge.id());
    let facts = vec![Fact::FraudWarning { charge_id: String::new(), charge_reference: charge_reference.clone() }];
    Told { object: Some(warning.id.to_string()), meaning: Meaning::Facts { about: Subject::Charge(charge_reference), facts } }
}

fn payment_method(method: &PaymentMethod<'_>) -> Result<Told, Unreadable> {
    let object = Some(method.id.to_string());
    let Some(card) = &method.card else { return Ok(Told { object, meaning: Meaning::Nothing }) };
    let expires_on = last_day(card.exp_year, card.exp_month).ok_or_else(|| Unreadable("its card's last month is none".to_owned()))?;
    let label = label(&card.brand, &card.last4).ok_or_else(|| Unreadable("its card's last digits are none".to_owned()))?;
    let tokens: Vec<String> =
        method.customer.iter().map(|customer| token_of(customer.id(), &method.id)).chain([method.id.to_string()]).collect();
    let facts = vec![Fact::MethodExtended { tokens: tokens.clone(), label, expires_on }];
    Ok(Told { object, meaning: Meaning::Facts { about: Subject::Method(tokens), facts } })
}

fn last_day(year: i32, month: u32) -> Option<NaiveDate> {
    let first = NaiveDate::from_ymd_opt(year, month, 1).filter(|day| (2_000..=9_998).contains(&day.year()))?;
    first.checked_add_months(Months::new(1))?.pred_opt()
}

/// `Visa ending 4242`: what the customer recognises, of what Stripe says.
pub(super) fn label(brand: &str, last4: &str) -> Option<String> {
    let digits = last4.len() == 4 && last4.bytes().all(|byte| byte.is_ascii_digit());
    let brand = match brand {
        "amex" => "American Express",
        "diners" => "Diners Club",
        "discover" => "Discover",
        "eftpos_au" => "eftpos",
        "jcb" => "JCB",
        "mastercard" => "Mastercard",
        "unionpay" => "UnionPay",
        "visa" => "Visa",
        _ => "Card",
    };
    digits.then(|| format!("{brand} ending {last4}"))
}
