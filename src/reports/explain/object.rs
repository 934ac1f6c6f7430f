//! The objects that can be explained: how they stand, and by which ids events name them.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Facts;
use super::words::stored_word;
use crate::domain::account::{Account, Charge, Correction, Dispute, Invoice, Note, NoteReason, Purpose, Refund};
use crate::domain::money::Money;

/// What an explanation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One record of the journal.
    Record,
    /// An invoice, with all that happened to it.
    Invoice,
    /// One attempt to collect.
    Charge,
    /// One payout.
    Refund,
    /// A credit or debit note.
    Note,
    /// A wrong payment that is put right (CO).
    Correction,
    /// A chargeback (PD-6).
    Dispute,
    /// A subscription's life.
    Subscription,
}

impl Kind {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Record => "journal record",
            Self::Invoice => "invoice",
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Note => "note",
            Self::Correction => "correction",
            Self::Dispute => "dispute",
            Self::Subscription => "subscription",
        }
    }
}

/// The ids by which events name the object: its own, and for an invoice those of everything that was done about it.
pub(super) fn related(account: &Account, kind: Kind, id: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::from([id.to_owned()]);
    if kind == Kind::Invoice {
        let attempts = account.charges.values().filter(|charge| charge.invoice == id).map(|charge| &charge.id);
        let paid_by = account.payments.values().filter(|payment| payment.invoice == id).map(|payment| &payment.charge);
        ids.extend(attempts.chain(paid_by).cloned());
        ids.extend(account.refunds.values().filter(|refund| refund.invoice == id).map(|refund| refund.id.clone()));
        ids.extend(account.notes.values().filter(|note| note.invoice == id).map(|note| note.id.clone()));
        ids.extend(account.corrections.values().filter(|correction| correction.invoice == id).map(|correction| correction.id.clone()));
    }
    if matches!(kind, Kind::Invoice | Kind::Charge) {
        let disputes: Vec<String> =
            account.disputes.values().filter(|dispute| ids.contains(&dispute.charge)).map(|dispute| dispute.id.clone()).collect();
        ids.extend(disputes);
    }
    ids
}

/// Whether an object is made of others, which records name together with it.
pub(super) const fn has_parts(kind: Kind) -> bool {
    matches!(kind, Kind::Correction | Kind::Dispute)
}

/// Whether something that was named together with an object is part of it: what a correction collects, pays out and prints, and what a
/// dispute that was won lets go.
pub(super) fn is_part_of(account: &Account, kind: Kind, other: &str) -> bool {
    match kind {
        Kind::Correction => {
            let note = |note: &Note| matches!(note.reason, NoteReason::Overcharge | NoteReason::Undercharge | NoteReason::Waived);
            account.charges.get(other).is_some_and(|charge| charge.purpose == Purpose::Correction)
                || account.refunds.get(other).is_some_and(|refund| refund.reason == "correction")
                || account.notes.get(other).is_some_and(note)
        }
        Kind::Dispute => account.refunds.get(other).is_some_and(|refund| refund.reason == "dispute_won"),
        Kind::Record | Kind::Invoice | Kind::Charge | Kind::Refund | Kind::Note | Kind::Subscription => false,
    }
}

/// How the object stands now.
pub(super) fn facts(account: &Account, kind: Kind, id: &str) -> Facts {
    let facts = match kind {
        Kind::Record => None,
        Kind::Invoice => account.invoices.get(id).map(invoice),
        Kind::Charge => account.charges.get(id).map(charge),
        Kind::Refund => account.refunds.get(id).map(refund),
        Kind::Note => account.notes.get(id).map(note),
        Kind::Correction => account.corrections.get(id).map(correction),
        Kind::Dispute => account.disputes.get(id).map(dispute),
        Kind::Subscription => account.subscriptions.get(id).map(|subscription| {
            let mut facts = vec![("state", subscription.state.name().to_owned()), ("channel", subscription.channel.tag().to_owned())];
            facts.extend(subscription.state.plan().map(|plan| ("plan", plan.to_string())));
            facts.extend(subscription.state.term().map(|term| ("period", format!("{} to {}", term.period.start, term.period.end))));
            facts.push(("terms", subscription.terms_version.clone()));
            facts
        }),
    };
    Facts(facts.unwrap_or_default())
}

type List = Vec<(&'static str, String)>;

/// Amounts that are not zero.
fn amounts<const N: usize>(list: [(&'static str, Money); N]) -> impl Iterator<Item = (&'static str, String)> {
    list.into_iter().filter(|(_, amount)| !amount.is_zero()).map(|(name, amount)| (name, amount.to_string()))
}

fn invoice(row: &Invoice) -> List {
    let document = &row.document;
    let mut facts = vec![
        ("number", row.number.clone()),
        ("subscription", document.subscription.to_string()),
        ("term_and_period", format!("{} and {}", document.term, document.period_no)),
        ("plan", document.plan.to_string()),
        ("period", format!("{} to {}", document.period.start, document.period.end)),
        ("issued_on", document.issued_on.to_string()),
        ("price_version", document.version.clone()),
        ("list", document.list.to_string()),
    ];
    facts.extend(document.promotion.iter().map(|code| ("promotion", code.clone())));
    facts.extend(amounts([("discount", document.discount)]));
    facts.push(("net", document.net.to_string()));
    facts.push(("tax", format!("{} ({} of net, {})", document.tax, document.rate, document.jurisdiction)));
    facts.push(("net_after_notes", row.net.to_string()));
    facts.push(("tax_after_notes", row.tax.to_string()));
    facts.push(("open", row.open.to_string()));
    facts.extend(amounts([
        ("captured", row.captured),
        ("paid_from_cash_credit", row.credit_cash),
        ("paid_from_goodwill", row.credit_goodwill),
        ("given_back", row.returned),
        ("disputed", row.disputed),
        ("held", row.held),
        ("written_off", row.written_off),
        ("recognised", row.recognised),
    ]));
    facts.extend(row.recognised_through.map(|on| ("recognised_through", on.to_string())));
    facts.extend(row.ended_on.map(|on| ("service_ended_on", on.to_string())));
    facts
}

fn charge(row: &Charge) -> List {
    let mut facts = vec![
        ("invoice", row.invoice.clone()),
        ("attempt", row.attempt.to_string()),
        ("purpose", stored_word(&row.purpose)),
        ("amount", row.amount.to_string()),
        ("state", stored_word(&row.state)),
    ];
    facts.extend(row.settled_on.map(|on| ("settled_on", on.to_string())));
    facts.extend(row.reference.iter().map(|reference| ("reference", reference.clone())));
    facts.extend(row.code.iter().map(|code| ("code", code.clone())));
    facts
}

fn refund(row: &Refund) -> List {
    let mut facts = vec![
        ("charge", row.charge.clone()),
        ("invoice", row.invoice.clone()),
        ("amount", row.amount.to_string()),
        ("why", row.reason.clone()),
        ("state", stored_word(&row.state)),
    ];
    facts.extend(row.settled_on.map(|on| ("settled_on", on.to_string())));
    facts.extend(row.reference.iter().map(|reference| ("reference", reference.clone())));
    facts.extend(row.code.iter().map(|code| ("code", code.clone())));
    facts
}

fn note(row: &Note) -> List {
    vec![
        ("invoice", row.invoice.clone()),
        ("kind", if row.reason.is_debit() { "debit note" } else { "credit note" }.to_owned()),
        ("why", stored_word(&row.reason)),
        ("net", row.net.to_string()),
        ("tax", row.tax.to_string()),
        ("issued_on", row.issued_on.to_string()),
    ]
}

fn correction(row: &Correction) -> List {
    let mut facts = vec![
        ("invoice", row.invoice.clone()),
        ("charged", row.charged.to_string()),
        ("correct", row.correct.to_string()),
        ("transaction_on", row.transaction_on.to_string()),
        ("last_attempt_on", row.last_attempt_on.to_string()),
        ("state", stored_word(&row.state)),
    ];
    facts.extend(amounts([("open_net", row.open_net), ("open_tax", row.open_tax)]));
    facts
}

fn dispute(row: &Dispute) -> List {
    vec![
        ("charge", row.charge.clone()),
        ("amount", row.amount.to_string()),
        ("fee", row.fee.to_string()),
        ("opened_on", row.opened_on.to_string()),
        ("state", stored_word(&row.state)),
    ]
}
