//! Rows that name other rows of their account, and mails that go with events. The schema has few foreign keys, for speed; here is
//! what they would have said.

use std::collections::{BTreeMap, BTreeSet};

use super::AccountBooks;
use super::findings::{Check, Inspection};
use crate::domain::account::{Account, AttemptState, Purpose};
use crate::domain::notice::NoticeKind;
use crate::domain::subscription::State;
use crate::reports::stored::Mail;

/// Every row names what exists.
pub(super) fn rows(books: &AccountBooks, inspection: &mut Inspection<'_>) {
    let account = &books.account;
    let mut named = |holds: bool, subject: &str, what: &str| {
        inspection.expect(Check::RowsOwned, holds, subject, || format!("names a {what} that the account does not have"));
    };
    let invoice = |id: &str| account.invoices.contains_key(id);
    let charge = |id: &str| account.charges.contains_key(id);
    let subscription = |id: &str| account.subscriptions.contains_key(id);
    for row in account.invoices.values() {
        named(subscription(row.document.subscription.as_str()), &row.document.id, "subscription");
    }
    for row in account.charges.values() {
        named(invoice(&row.invoice), &row.id, "invoice");
    }
    for row in account.payments.values() {
        named(charge(&row.charge) && invoice(&row.invoice), &row.charge, "charge or invoice");
    }
    for row in account.refunds.values() {
        named(account.payments.contains_key(&(row.charge.clone(), row.invoice.clone())), &row.id, "payment");
    }
    for row in account.notes.values() {
        named(invoice(&row.invoice), &row.id, "invoice");
    }
    for row in account.corrections.values() {
        named(invoice(&row.invoice), &row.id, "invoice");
    }
    for row in account.disputes.values() {
        named(charge(&row.charge), &row.id, "charge");
    }
    for (code, row) in &account.redemptions {
        named(subscription(row.subscription.as_str()), code, "subscription");
    }
    for mail in &books.mails {
        named(mail.subscription.as_deref().is_none_or(subscription), &mail.id, "subscription");
    }
    let legs = books.journal.records.iter().flat_map(|record| &record.legs);
    for id in legs.filter_map(|leg| leg.invoice.as_deref()).collect::<BTreeSet<_>>() {
        named(invoice(id), id, "posted invoice");
    }
}

/// I10, RE-4: mails are there once for what they are about, and not for what is over.
pub(super) fn mails(books: &AccountBooks, inspection: &mut Inspection<'_>) {
    let mails: BTreeMap<&str, &Mail> = books.mails.iter().map(|mail| (mail.id.as_str(), mail)).collect();
    for mail in &books.mails {
        let named_by_kind = mail.id.strip_prefix(mail.kind.as_str()).is_some_and(|cause| cause.len() > 1 && cause.starts_with('_'));
        let known = NoticeKind::parse(&mail.kind).is_ok();
        inspection.expect(Check::NoticesOnce, named_by_kind && known, &mail.id, || {
            format!("is not named by its kind, {}, and its cause", mail.kind)
        });
    }
    let mut expected = |kind: NoticeKind, cause: &str| {
        let id = format!("{}_{cause}", kind.tag());
        inspection.expect(Check::NoticesOnce, mails.contains_key(id.as_str()), cause, || format!("has no {}", kind.tag()));
    };
    let account = &books.account;
    for charge in account.charges.values().filter(|charge| charge.state == AttemptState::Succeeded) {
        if charge.purpose == Purpose::Period {
            expected(NoticeKind::ReceiptPayment, &charge.id);
        }
    }
    for refund in account.refunds.values().filter(|refund| refund.state == AttemptState::Succeeded) {
        let kind = if refund.reason == "correction" { NoticeKind::ReceiptCorrection } else { NoticeKind::ReceiptRefund };
        expected(kind, &refund.id);
    }
    announcements(account, &books.mails, &mails, inspection);
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
            let id = format!("{}_{}_{}", NoticeKind::PriceNotice.tag(), subscription.id, notice.version);
            let exists = mails.contains_key(id.as_str());
            inspection.expect(Check::PriceNoticed, exists, subscription.id.as_str(), || {
                format!("counts as told of {}, but there is no such mail", notice.version)
            });
        }
    }
}
