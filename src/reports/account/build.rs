//! From the aggregate to the report.

use super::{
    AccountReport, Balances, ShownAttempt, ShownCamera, ShownContact, ShownCorrection, ShownDispute, ShownInvoice, ShownMethod,
    ShownParked, ShownRecord, ShownTask, coverage,
};
use crate::domain::account::{Account, Charge, Correction, Dispute, Invoice, Refund, Task};
use crate::domain::calendar::local_date;
use crate::domain::ids::CameraId;
use crate::domain::money::{MoneyError, total};
use crate::reports::ReportError;

pub(super) fn report(account: &Account, contact: Option<ShownContact>, journal: Vec<ShownRecord>) -> Result<AccountReport, ReportError> {
    let profile = &account.profile;
    let method = profile.method.as_ref();
    let parked = profile.parked.as_ref();
    Ok(AccountReport {
        account: profile.id.clone(),
        currency: profile.currency,
        time_zone: profile.zone.name().to_owned(),
        jurisdiction: profile.jurisdiction.clone(),
        contact,
        parked: parked.map(|parked| ShownParked { since: parked.since, code: parked.code.clone(), reason: parked.reason.clone() }),
        balances: balances(account)?,
        payment_method: method.map(|method| ShownMethod {
            number: method.number,
            label: method.label.clone(),
            expires_on: method.expires_on,
            blocked: method.blocked,
        }),
        trial_used_on: profile.trial_used_on,
        cameras: account.cameras.iter().map(|camera| covered(account, camera)).collect(),
        subscriptions: account.subscriptions.values().map(|subscription| coverage::shown(subscription, profile.zone)).collect(),
        invoices: invoices(account)?,
        open_charges: account.charges.values().filter(|charge| charge.state.in_flight()).map(|row| charge(account, row)).collect(),
        open_refunds: account.refunds.values().filter(|refund| refund.state.in_flight()).map(|row| refund(account, row)).collect(),
        corrections: account.corrections.values().map(|row| correction(account, row)).collect::<Result<_, _>>()?,
        disputes: account.disputes.values().map(dispute).collect(),
        open_tasks: account.tasks.values().filter(|task| task.closed_on.is_none()).map(task).collect(),
        journal,
    })
}

fn balances(account: &Account) -> Result<Balances, MoneyError> {
    let currency = account.profile.currency;
    Ok(Balances {
        credit_cash: account.profile.credit_cash,
        credit_goodwill: account.profile.credit_goodwill,
        receivable: total(currency, account.invoices.values().map(|invoice| invoice.open))?,
        collection_costs: total(currency, account.costs.values().map(|cost| cost.open))?,
        carried: account.profile.carried,
        unapplied: account.unapplied()?,
    })
}

/// A subscription without a camera covers the whole account.
fn covered(account: &Account, camera: &CameraId) -> ShownCamera {
    let live = account.subscriptions.values().filter(|subscription| subscription.state.is_live());
    let covering = live.filter(|subscription| subscription.camera.as_ref().is_none_or(|covered| covered == camera));
    ShownCamera { camera: camera.clone(), covered_by: covering.map(|subscription| subscription.id.clone()).collect() }
}

fn invoices(account: &Account) -> Result<Vec<ShownInvoice>, MoneyError> {
    let mut invoices: Vec<&Invoice> = account.invoices.values().collect();
    // Their ids do not sort by number.
    invoices.sort_by_key(|invoice| (&invoice.document.subscription, invoice.document.term, invoice.document.period_no));
    invoices.into_iter().map(invoice).collect()
}

fn invoice(invoice: &Invoice) -> Result<ShownInvoice, MoneyError> {
    let document = &invoice.document;
    let total = document.net.plus(document.tax)?;
    let after_notes = invoice.net.plus(invoice.tax)?;
    let words = [
        (invoice.pending, "pending"),
        (invoice.open.is_zero() && invoice.written_off.is_zero(), "paid"),
        (!invoice.open.is_zero(), "unpaid"),
        (invoice.carried, "carried"),
        (after_notes != total, "noted"),
        (!invoice.returned.is_zero(), "returned"),
        (!invoice.disputed.is_zero(), "disputed"),
        (!invoice.written_off.is_zero(), "written_off"),
        (invoice.ended_on.is_some(), "ended"),
    ];
    Ok(ShownInvoice {
        invoice: document.id.clone(),
        number: invoice.number.clone(),
        subscription: document.subscription.clone(),
        period_start: document.period.start,
        period_end: document.period.end,
        total,
        after_notes,
        open: invoice.open,
        captured: invoice.captured,
        states: words.into_iter().filter_map(|(is_so, word)| is_so.then_some(word)).collect(),
    })
}

fn charge(account: &Account, charge: &Charge) -> ShownAttempt {
    ShownAttempt {
        id: charge.id.clone(),
        invoice: charge.invoice.clone(),
        amount: charge.amount,
        state: charge.state,
        due_on: charge.due_at.map(|at| local_date(at, account.profile.zone)),
        due_at: charge.due_at,
        lookups: charge.lookups,
    }
}

fn refund(account: &Account, refund: &Refund) -> ShownAttempt {
    ShownAttempt {
        id: refund.id.clone(),
        invoice: refund.invoice.clone(),
        amount: refund.amount,
        state: refund.state,
        due_on: refund.due_at.map(|at| local_date(at, account.profile.zone)),
        due_at: refund.due_at,
        lookups: refund.lookups,
    }
}

fn correction(account: &Account, correction: &Correction) -> Result<ShownCorrection, MoneyError> {
    Ok(ShownCorrection {
        correction: correction.id.clone(),
        invoice: correction.invoice.clone(),
        charged: correction.charged,
        correct: correction.correct,
        state: correction.state,
        open: correction.open_net.plus(correction.open_tax)?,
        last_attempt_on: correction.last_attempt_on,
        due_on: correction.due_at.map(|at| local_date(at, account.profile.zone)),
    })
}

fn dispute(dispute: &Dispute) -> ShownDispute {
    ShownDispute {
        dispute: dispute.id.clone(),
        charge: dispute.charge.clone(),
        amount: dispute.amount,
        state: dispute.state,
        opened_on: dispute.opened_on,
    }
}

fn task(task: &Task) -> ShownTask {
    ShownTask {
        task: task.id.clone(),
        kind: task.kind.clone(),
        subject: task.subject.clone(),
        amount: task.amount,
        opened_on: task.opened_on,
    }
}
