//! I10: mails that go with what happened: each is about something that exists, once, and says what it was.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::Deserialize;

use super::AccountBooks;
use super::findings::{Check, Inspection};
use crate::domain::account::{Account, AttemptState, NoteReason, Purpose};
use crate::domain::event::Event;
use crate::domain::ids::SubscriptionId;
use crate::domain::notice::NoticeKind;
use crate::domain::subscription::{Intent, Life, State};
use crate::reports::stored::{Mail, Record};

/// What the journal says about mails.
#[derive(Default)]
pub(super) struct Told {
    /// Each reminder with the number of the last record that wrote it.
    reminders: BTreeMap<(SubscriptionId, NaiveDate), i64>,
    /// Reminders that came too late to be sent (RE-2).
    missed: BTreeSet<(SubscriptionId, NaiveDate)>,
    /// The last record of each subscription that withdrew what waited to be sent.
    withdrawn: BTreeMap<SubscriptionId, i64>,
    /// Price notices by the ids of their mails.
    price_notices: BTreeMap<String, u32>,
    /// By how much captured amounts were put right after their receipts, by charge, in minor units.
    corrected: BTreeMap<String, i128>,
    /// When records were made, in microseconds: part of the causes of decisions.
    instants: BTreeSet<i64>,
}

impl Told {
    /// Takes the events of the next record.
    pub(super) fn add(&mut self, record: &Record, events: &[Event]) {
        self.instants.insert(record.posted_at.timestamp_micros());
        for event in events {
            if let Some((charge, more)) = event.captured_more() {
                *self.corrected.entry(charge.to_owned()).or_default() += more;
            }
            match event {
                Event::ReminderQueued { subscription, renewal_on, .. } => {
                    self.reminders.insert((subscription.clone(), *renewal_on), record.seq);
                }
                Event::ReminderMissed { subscription, renewal_on } => {
                    self.missed.insert((subscription.clone(), *renewal_on));
                }
                Event::PriceNoticeQueued { subscription, version } => {
                    // As the id of the mail, which becomes a file's name.
                    *self.price_notices.entry(format!("{subscription}_{}", version.replace('/', "-"))).or_default() += 1;
                }
                Event::Life { subscription, life } if withdraws(life) => {
                    self.withdrawn.insert(subscription.clone(), record.seq);
                }
                _ => {}
            }
        }
    }
}

/// Whether what waits to be told of a renewal no longer applies after a step.
const fn withdraws(life: &Life) -> bool {
    matches!(
        life,
        Life::Closed { .. }
            | Life::TermOpened { .. }
            | Life::Trialing { .. }
            | Life::Suspended { .. }
            | Life::Intends { intent: Intent::Ends | Intent::ChangesTo { .. } }
    )
}

/// Looks at all mails of an account.
pub(super) fn inspect(books: &AccountBooks, told: &Told, inspection: &mut Inspection<'_>) {
    let mails: BTreeMap<&str, &Mail> = books.mails.iter().map(|mail| (mail.id.as_str(), mail)).collect();
    for mail in &books.mails {
        let fault = fault_of(mail, books, told);
        inspection.expect(Check::NoticesOnce, fault.is_none(), &mail.id, || fault.unwrap_or_default());
    }
    receipts(&books.account, &mails, inspection);
    reminders(told, &mails, inspection);
    announcements(&books.account, &books.mails, &mails, inspection);
}

/// What is wrong with one mail.
fn fault_of(mail: &Mail, books: &AccountBooks, told: &Told) -> Option<String> {
    let cause = mail.id.strip_prefix(mail.kind.as_str()).and_then(|cause| cause.strip_prefix('_')).filter(|cause| !cause.is_empty());
    let (Ok(kind), Some(cause)) = (NoticeKind::parse(&mail.kind), cause) else {
        return Some(format!("is not named by its kind, {}, and its cause", mail.kind));
    };
    let account = &books.account;
    match kind {
        NoticeKind::ReceiptPayment | NoticeKind::ReceiptRefund | NoticeKind::ReceiptCorrection => {
            receipt_fault(kind, mail, cause, account, told)
        }
        _ => (!has_cause(kind, cause, account, told)).then(|| format!("is about {cause}, which is nothing that happened")),
    }
}

/// Whether what a mail is about exists: an object, a decision of a subscription, or a renewal.
fn has_cause(kind: NoticeKind, cause: &str, account: &Account, told: &Told) -> bool {
    match kind {
        NoticeKind::PaymentFailed => account.charges.contains_key(cause),
        NoticeKind::PaymentMethodNeeded => account.charges.contains_key(cause) || account.invoices.contains_key(cause),
        NoticeKind::SubscriptionStarted | NoticeKind::SubscriptionNotStarted | NoticeKind::TrialStarted | NoticeKind::OrderCancelled => {
            account.subscriptions.contains_key(cause)
        }
        NoticeKind::CreditGranted => {
            account.refunds.contains_key(cause) || decided(cause, told).is_some_and(|of| of == account.profile.id.as_str())
        }
        NoticeKind::RenewalReminder => reminded(cause).is_some_and(|reminder| told.reminders.contains_key(&reminder)),
        NoticeKind::PriceNotice => announced(cause, told),
        // The camera has left the account by then.
        NoticeKind::TransferConfirmed => decided(cause, told).is_some(),
        NoticeKind::CancellationConfirmed
        | NoticeKind::CancellationWithdrawn
        | NoticeKind::PlanChanged
        | NoticeKind::PlanChangeScheduled
        | NoticeKind::SuspensionNotice
        | NoticeKind::Reinstated
        | NoticeKind::TerminationNotice => decided(cause, told).is_some_and(|of| account.subscriptions.contains_key(of)),
        NoticeKind::ReceiptPayment | NoticeKind::ReceiptRefund | NoticeKind::ReceiptCorrection => true,
    }
}

/// `{subscription}_{microseconds}`: whom a decision was about, if there was one at that instant.
fn decided<'a>(cause: &'a str, told: &Told) -> Option<&'a str> {
    let (of, at) = cause.rsplit_once('_')?;
    let at = at.parse().ok()?;
    told.instants.contains(&at).then_some(of)
}

/// `{subscription}_{day of renewal}`.
fn reminded(cause: &str) -> Option<(SubscriptionId, NaiveDate)> {
    let (subscription, on) = cause.rsplit_once('_')?;
    Some((SubscriptionId::parse(subscription).ok()?, on.parse().ok()?))
}

/// `{subscription}_{version}`, and where it was written again, a tilde and how often it had been written before.
fn announced(cause: &str, told: &Told) -> bool {
    let (first, before) = cause.split_once('~').map_or((cause, Some(0)), |(first, before)| (first, before.parse::<u32>().ok()));
    told.price_notices.get(first).zip(before).is_some_and(|(times, before)| before < *times)
}

/// The amounts of a receipt, among its facts.
#[derive(Deserialize)]
struct Amounts {
    charged_minor: Option<i64>,
    refund_minor: Option<i64>,
    difference_minor: Option<i64>,
}

/// RE-4: a receipt tells the amount that moved, of something that moved, and is not taken back.
fn receipt_fault(kind: NoticeKind, mail: &Mail, cause: &str, account: &Account, told: &Told) -> Option<String> {
    if mail.state == "withdrawn" {
        return Some("is a receipt, and was withdrawn".to_owned());
    }
    let facts = mail.receipt.as_deref().unwrap_or_default();
    let Ok(amounts) = serde_json::from_str::<Amounts>(facts) else { return Some("has facts that cannot be read".to_owned()) };
    let corrected_by = told.corrected.get(cause).copied().unwrap_or_default();
    let charge = account.charges.get(cause).filter(|charge| charge.state == AttemptState::Succeeded);
    let charge = charge.and_then(|charge| i64::try_from(i128::from(charge.amount.minor()) - corrected_by).ok());
    let refund = account.refunds.get(cause).filter(|refund| refund.reference.is_some()).map(|refund| refund.amount.minor());
    let (stated, moved) = match kind {
        // An invoice that nothing had to be collected for has a receipt of its own.
        NoticeKind::ReceiptPayment => (amounts.charged_minor, charge.or(account.invoices.contains_key(cause).then_some(0))),
        NoticeKind::ReceiptRefund => (amounts.refund_minor, refund),
        _ => (amounts.difference_minor, refund.or_else(|| corrected(cause, amounts.difference_minor, account))),
    };
    let Some(moved) = moved else { return Some(format!("is a receipt of {cause}, which has not moved any money")) };
    (stated != Some(moved)).then(|| format!("tells of {stated:?} minor units, {moved} have moved"))
}

/// What a correction moved without a refund: its notes say so, each taking part of it.
fn corrected(cause: &str, stated: Option<i64>, account: &Account) -> Option<i64> {
    let correction = account.corrections.get(cause.strip_suffix("_owed").unwrap_or(cause))?;
    let difference = (correction.correct.minor() - correction.charged.minor()).abs();
    let is_note = |reason| matches!(reason, NoteReason::Overcharge | NoteReason::Undercharge);
    let noted = account.notes.values().any(|note| note.invoice == correction.invoice && is_note(note.reason));
    stated.filter(|stated| noted && (1..=difference).contains(stated))
}

/// RE-4: each payment and refund has its receipt.
fn receipts(account: &Account, mails: &BTreeMap<&str, &Mail>, inspection: &mut Inspection<'_>) {
    let mut expected = |kind: NoticeKind, cause: &str| {
        let id = format!("{}_{cause}", kind.tag());
        inspection.expect(Check::NoticesOnce, mails.contains_key(id.as_str()), cause, || format!("has no {}", kind.tag()));
    };
    for charge in account.charges.values().filter(|charge| charge.state == AttemptState::Succeeded) {
        if charge.purpose == Purpose::Period {
            expected(NoticeKind::ReceiptPayment, &charge.id);
        }
    }
    for refund in account.refunds.values().filter(|refund| refund.state == AttemptState::Succeeded) {
        let kind = if refund.reason == "correction" { NoticeKind::ReceiptCorrection } else { NoticeKind::ReceiptRefund };
        expected(kind, &refund.id);
    }
}

/// RE-2: a reminder that was written has its mail, which is taken back only where the renewal was given up, or came first.
fn reminders(told: &Told, mails: &BTreeMap<&str, &Mail>, inspection: &mut Inspection<'_>) {
    for (reminder, seq) in &told.reminders {
        let (subscription, renewal_on) = reminder;
        let id = format!("{}_{subscription}_{renewal_on}", NoticeKind::RenewalReminder.tag());
        let given_up = told.withdrawn.get(subscription).is_some_and(|later| later > seq) || told.missed.contains(reminder);
        let fault = match mails.get(id.as_str()) {
            None => Some("has no mail"),
            Some(mail) if mail.state == "withdrawn" && !given_up => Some("was withdrawn, though nothing has changed"),
            Some(_) => None,
        };
        inspection.expect(Check::NoticesOnce, fault.is_none(), subscription, || {
            format!("was reminded of {renewal_on} by record {seq}: the reminder {}", fault.unwrap_or_default())
        });
    }
}

/// Reminders and price notices: none waits for a subscription that has ended, and a price notice that counts as sent exists.
fn announcements(account: &Account, all: &[Mail], mails: &BTreeMap<&str, &Mail>, inspection: &mut Inspection<'_>) {
    let ahead = [NoticeKind::RenewalReminder.tag(), NoticeKind::PriceNotice.tag()];
    for mail in all.iter().filter(|mail| mail.state == "queued" && ahead.contains(&mail.kind.as_str())) {
        let subscription = mail.subscription.as_deref().and_then(|id| account.subscriptions.get(id));
        let over = subscription.is_some_and(|subscription| matches!(subscription.state, State::Closed { .. }));
        inspection.expect(Check::NoticesOnce, !over, &mail.id, || "waits to be sent, but its subscription has ended".to_owned());
    }
    for subscription in account.subscriptions.values() {
        for notice in subscription.price_notices.iter().filter(|notice| notice.sent_on.is_some()) {
            let id = format!("{}_{}_{}", NoticeKind::PriceNotice.tag(), subscription.id, notice.version.replace('/', "-"));
            let exists = mails.contains_key(id.as_str());
            inspection.expect(Check::PriceNoticed, exists, subscription.id.as_str(), || {
                format!("counts as told of {}, but there is no such mail", notice.version)
            });
        }
    }
}
