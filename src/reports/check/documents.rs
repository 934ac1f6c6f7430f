//! What is on the documents: prices, discounts, tax, notes; and what was given back of each payment.

use std::collections::BTreeMap;

use super::findings::{Check, Inspection};
use super::laws::tax_of;
use crate::domain::account::{Account, AttemptState, DisputeState, Invoice, InvoiceDocument, Note, NoteReason};
use crate::domain::change::Reference;
use crate::domain::promotion::{Discount, Duration};

/// MO-2, I7: each invoice as it was printed, and as its notes have left it.
pub(super) fn invoices(account: &Account, reference: Option<&Reference>, inspection: &mut Inspection<'_>) {
    let mut notes: BTreeMap<&str, Vec<&Note>> = BTreeMap::new();
    for note in account.notes.values() {
        notes.entry(&note.invoice).or_default().push(note);
    }
    for row in account.invoices.values() {
        let own = notes.get(row.document.id.as_str()).map_or(&[][..], Vec::as_slice);
        let fault = printed_fault(row, reference).or_else(|| notes_fault(row, own));
        inspection.expect(Check::InvoiceArithmetic, fault.is_none(), &row.document.id, || fault.unwrap_or_default());
    }
}

fn printed_fault(row: &Invoice, reference: Option<&Reference>) -> Option<String> {
    let document = &row.document;
    let [list, discount, net, tax] =
        [document.list, document.discount, document.net, document.tax].map(|amount| i128::from(amount.minor()));
    if net != list - discount || discount < 0 || net < 0 {
        return Some(format!("net {net} is not list {list} less discount {discount}"));
    }
    if tax != tax_of(net, document.rate) {
        return Some(format!("tax {tax} is not {} of net {net}", document.rate));
    }
    if discount != 0 && document.promotion.is_none() {
        return Some(format!("takes {discount} off without a code"));
    }
    let reference = reference?;
    if let Some(fault) = discount_fault(document, reference).or_else(|| rate_fault(document, reference)) {
        return Some(fault);
    }
    let currency = document.list.currency();
    let Some(version) = reference.catalog.version(&document.version) else {
        return Some(format!("is at version {}, which the catalog does not have", document.version));
    };
    let published = version.price(&document.plan, currency).map(|price| i128::from(price.minor()));
    (published != Some(list)).then(|| format!("lists {list}, which is not the price of {} at {}", document.plan, document.version))
}

/// Each subscription is under terms that are known.
pub(super) fn terms(account: &Account, reference: Option<&Reference>, inspection: &mut Inspection<'_>) {
    let Some(reference) = reference else { return };
    for (id, subscription) in &account.subscriptions {
        let version = &subscription.terms_version;
        let known = reference.terms.iter().any(|terms| terms.version == *version);
        inspection.expect(Check::RowsOwned, known, id, || format!("was sold under terms {version}, which there are none of"));
    }
}

/// MO-3: what the stored code takes off the list price.
fn discount_fault(document: &InvoiceDocument, reference: &Reference) -> Option<String> {
    let code = document.promotion.as_deref()?;
    let Some(promotion) = reference.catalog.promotion(code) else {
        return Some(format!("takes something off by {code}, which is no code"));
    };
    let (list, discount) = (i128::from(document.list.minor()), i128::from(document.discount.minor()));
    let off = match &promotion.off {
        Discount::PercentOff(rate) => tax_of(list, *rate),
        Discount::AmountOff(amounts) => {
            let in_currency = amounts.iter().find(|amount| amount.currency() == document.list.currency());
            in_currency.map_or(0, |amount| i128::from(amount.minor()))
        }
    };
    let expected = off.min(list);
    (discount != expected).then(|| format!("takes {discount} off by {code}, which gives {expected}"))
}

/// MO-2: the rate of the jurisdiction on the period's first day.
fn rate_fault(document: &InvoiceDocument, reference: &Reference) -> Option<String> {
    let on = document.period.start;
    let dated = reference.tax.rate_on(&document.jurisdiction, on).ok();
    (dated != Some(document.rate)).then(|| {
        let dated = dated.map_or_else(|| "none".to_owned(), |rate| rate.to_string());
        format!("is taxed at {}, the rate of {} on {on} is {dated}", document.rate, document.jurisdiction)
    })
}

/// Notes add up, and leave the tax that the stored rate makes of what is left. A correction or a lost dispute names a total, of
/// which the tax is a rounded part: each may leave it off by one minor unit.
fn notes_fault(row: &Invoice, notes: &[&Note]) -> Option<String> {
    let signed = |note: &Note, minor: i64| if note.reason.is_debit() { i128::from(minor) } else { -i128::from(minor) };
    let net = i128::from(row.document.net.minor()) + notes.iter().map(|note| signed(note, note.net.minor())).sum::<i128>();
    let tax = i128::from(row.document.tax.minor()) + notes.iter().map(|note| signed(note, note.tax.minor())).sum::<i128>();
    let stored = (i128::from(row.net.minor()), i128::from(row.tax.minor()));
    if stored != (net, tax) {
        return Some(format!("net {} and tax {} are not what its notes have left: {net} and {tax}", stored.0, stored.1));
    }
    let by_total = |note: &&&Note| {
        matches!(note.reason, NoteReason::Overcharge | NoteReason::Undercharge | NoteReason::Waived | NoteReason::DisputeLost)
    };
    let tolerance = notes.iter().filter(by_total).map(|_| 1_i128).sum::<i128>();
    let expected = tax_of(net, row.document.rate);
    ((tax - expected).abs() > tolerance).then(|| format!("tax {tax} is not {} of what is left of net, {net}", row.document.rate))
}

/// MO-3: a code takes something off as many billed periods of a subscription as it promised.
pub(super) fn promotions(account: &Account, reference: Option<&Reference>, inspection: &mut Inspection<'_>) {
    let mut billed: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in account.invoices.values() {
        if let Some(code) = &row.document.promotion {
            // A first period that was undone gave its use back (LC-3).
            let undone = account.redemptions.get(code).is_some_and(|use_| use_.released && use_.subscription == row.document.subscription);
            *billed.entry((row.document.subscription.as_str(), code)).or_default() += u64::from(!undone);
        }
    }
    for ((subscription, code), periods) in billed {
        let known = account.redemptions.contains_key(code);
        inspection.expect(Check::PromotionPeriods, known, subscription, || format!("was billed with {code}, which it never redeemed"));
        let Some(promotion) = reference.and_then(|reference| reference.catalog.promotion(code)) else { continue };
        let promised = match promotion.duration {
            Duration::Once => 1,
            Duration::Periods(count) => u64::from(count),
            Duration::Forever => u64::MAX,
        };
        let problem = || format!("was billed {periods} periods with {code}, which promised {promised}");
        inspection.expect(Check::PromotionPeriods, periods <= promised, subscription, problem);
    }
}

/// What of a charge's payments is given back or lost.
#[derive(Default)]
struct Reserved {
    /// By the payments.
    refunded: i128,
    /// By the refunds.
    asked: i128,
    /// What they can give back: captured and not disputed.
    room: i128,
}

/// I4: nothing is given back twice: per payment, and per charge with its lost disputes.
pub(super) fn refund_limits(account: &Account, inspection: &mut Inspection<'_>) {
    let mut requested: BTreeMap<(&str, &str), i128> = BTreeMap::new();
    for refund in account.refunds.values().filter(|refund| refund.state != AttemptState::Abandoned) {
        // What was moved too much and has come back its payment can give again (F49).
        let free = if refund.state == AttemptState::Failed { refund.excess.minor() } else { 0 };
        *requested.entry((&refund.charge, &refund.invoice)).or_default() += i128::from(refund.amount.minor()) - i128::from(free);
    }
    let mut lost: BTreeMap<&str, i128> = BTreeMap::new();
    // What came back after it was lost stays reserved on its payment, until a person says what it pays (F61).
    for dispute in account.disputes.values().filter(|dispute| dispute.state == DisputeState::Lost || account.was_won_late(dispute)) {
        *lost.entry(&dispute.charge).or_default() += i128::from(dispute.amount.minor());
    }
    let mut reserved: BTreeMap<&str, Reserved> = BTreeMap::new();
    for payment in account.payments.values() {
        let [amount, refunded, disputed] = [payment.amount, payment.refunded, payment.disputed].map(|amount| i128::from(amount.minor()));
        let within = refunded >= 0 && disputed >= 0 && refunded + disputed <= amount;
        let problem = || format!("{refunded} given back and {disputed} disputed of {amount} captured");
        inspection.expect(Check::RefundLimit, within, format_args!("{}/{}", payment.charge, payment.invoice), problem);
        let asked = requested.remove(&(payment.charge.as_str(), payment.invoice.as_str())).unwrap_or_default();
        let charge = reserved.entry(&payment.charge).or_default();
        charge.refunded += refunded;
        // What a payment has no room for, its provider lost, and no other payment of the charge gave (F49, F60).
        charge.asked += asked.min(amount - disputed);
        charge.room += amount - disputed;
    }
    for (charge, Reserved { refunded, asked, room }) in reserved {
        // The provider may take more than the payments have left (F60): that is a loss, and nothing of theirs.
        let gone = (asked + lost.get(charge).copied().unwrap_or_default()).min(room);
        // What a dispute won late brought back may have become payments since, which nothing of it had been lost of (F61).
        let won_late = account.disputes.values().any(|dispute| dispute.charge == charge && account.was_won_late(dispute));
        let holds = refunded == gone || (won_late && (asked.min(room)..gone).contains(&refunded));
        let problem = || format!("{refunded} count as given back, the refunds and lost disputes are {gone}");
        inspection.expect(Check::RefundLimit, holds, charge, problem);
    }
    for (charge, invoice) in requested.into_keys() {
        inspection.broken(Check::RefundLimit, format!("{charge}/{invoice}"), "is refunded, but was never captured".to_owned());
    }
}
