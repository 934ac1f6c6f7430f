//! LE: the chart of accounts and the one function that turns a fact into a balanced entry.
//!
//! Documents move the prepayment liability; only recognition moves liability to revenue. An entry is a function of the
//! event and of the invoice that it names, so the books can be rebuilt from the events at any time.

pub mod settlement;

use serde::Serialize;

use super::account::{Account, Invoice, Refund};
use super::event::{Event, Excess, Given, Reversal};
use super::money::{Money, MoneyError};

/// What kind of account it is: where its normal balance lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// Debit.
    Asset,
    /// Credit.
    Liability,
    /// Credit.
    Equity,
    /// Credit.
    Income,
    /// Debit.
    Expense,
}

/// One account of the chart: a stable number and a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LedgerAccount {
    /// The number that postings store.
    pub number: u16,
    /// A name that people read.
    pub name: &'static str,
    /// Its type; contra accounts have the type that they reduce.
    pub kind: AccountType,
}

macro_rules! chart {
    ($($constant:ident = $number:literal $kind:ident $name:literal;)*) => {
        $(#[doc = concat!("`", stringify!($number), "` ", $name, ".")] pub const $constant: LedgerAccount =
            LedgerAccount { number: $number, name: $name, kind: AccountType::$kind };)*
        /// The whole chart, by number.
        pub const CHART: &[LedgerAccount] = &[$($constant),*];
    };
}

chart! {
    BANK = 1010 Asset "Bank";
    CASH_IN_TRANSIT = 1020 Asset "Cash in transit";
    RECEIVABLE = 1100 Asset "Accounts receivable";
    RECHARGED_COSTS = 1150 Asset "Receivable: recharged collection costs";
    ALLOWANCE = 1190 Asset "Allowance for credit losses";
    PROVIDER_CLEARING = 1200 Asset "Provider clearing";
    DISPUTES_PENDING = 1210 Asset "Disputes pending";
    UNMATCHED = 1290 Asset "Unmatched provider movements";
    PREPAYMENTS = 2100 Liability "Customer prepayments, refundable";
    DEFERRED_REVENUE = 2110 Liability "Deferred revenue, not refundable";
    SALES_TAX = 2200 Liability "Sales tax payable";
    CUSTOMER_CREDITS = 2300 Liability "Customer credits";
    REFUNDS_PAYABLE = 2310 Liability "Refunds payable";
    UNAPPLIED = 2320 Liability "Unapplied payments";
    REFUNDS_HELD = 2330 Liability "Refunds held for disputes";
    DEFERRED_RECOVERIES = 2400 Liability "Deferred collection recoveries";
    AGENCY_PAYABLE = 2500 Liability "Payables: collection agency";
    CURRENCY_CONVERSION = 3900 Equity "Currency conversion";
    REVENUE = 4000 Income "Subscription revenue";
    REVENUE_CORRECTIONS = 4200 Income "Revenue reversed: corrections and goodwill";
    REVENUE_DISPUTES = 4300 Income "Revenue reversed: disputes";
    COST_RECOVERIES = 4500 Income "Collection cost recoveries";
    PROVIDER_FEES = 5000 Expense "Provider fees";
    DISPUTE_FEES = 5100 Expense "Dispute fees";
    CREDIT_LOSSES = 5200 Expense "Credit losses";
    COLLECTION_COSTS = 5300 Expense "Collection costs";
    RECONCILIATION_DIFFERENCES = 5900 Expense "Reconciliation differences";
}

/// The account with this number.
#[must_use]
pub fn by_number(number: u16) -> Option<LedgerAccount> {
    CHART.iter().copied().find(|account| account.number == number)
}

/// One leg of an entry: positive is a debit, negative a credit; never zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// The account.
    pub account: LedgerAccount,
    /// Signed.
    pub amount: Money,
    /// The invoice that it belongs to: the sub-ledger key of 1100, 2100 and 2110.
    pub invoice: Option<String>,
}

/// Why an event cannot be booked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Amounts.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The event names an object that the account does not have.
    #[error("the event names `{0}`, which the account does not have")]
    Missing(String),
    /// The legs do not sum to zero.
    #[error("the entry does not balance: it is off by {off}")]
    Unbalanced {
        /// Debits less credits.
        off: Money,
    },
}

#[derive(Default)]
struct Entry {
    legs: Vec<Leg>,
}

impl Entry {
    fn debit(&mut self, account: LedgerAccount, amount: Money, invoice: Option<&str>) {
        if !amount.is_zero() {
            self.legs.push(Leg { account, amount, invoice: invoice.map(ToOwned::to_owned) });
        }
    }

    fn credit(&mut self, account: LedgerAccount, amount: Money, invoice: Option<&str>) -> Result<(), MoneyError> {
        self.debit(account, amount.negated()?, invoice);
        Ok(())
    }

    /// Both legs of a plain entry.
    fn pair(&mut self, debit: LedgerAccount, credit: LedgerAccount, amount: Money, invoice: Option<&str>) -> Result<(), MoneyError> {
        self.debit(debit, amount, invoice);
        self.credit(credit, amount, invoice)
    }

    /// A plain entry for each invoice.
    fn pairs(&mut self, debit: LedgerAccount, credit: LedgerAccount, amounts: &[(String, Money)]) -> Result<(), MoneyError> {
        amounts.iter().try_for_each(|(invoice, amount)| self.pair(debit, credit, *amount, Some(invoice)))
    }

    fn balanced(self, zero: Money) -> Result<Vec<Leg>, LedgerError> {
        let off = super::money::total(zero.currency(), self.legs.iter().map(|leg| leg.amount))?;
        if off.is_zero() { Ok(self.legs) } else { Err(LedgerError::Unbalanced { off }) }
    }
}

/// Where an invoice's unearned part stands: 2100 for annual, 2110 for monthly periods.
#[must_use]
pub fn prepayment(invoice: &Invoice) -> LedgerAccount {
    if invoice.refundable() { PREPAYMENTS } else { DEFERRED_REVENUE }
}

fn invoice<'a>(account: &'a Account, id: &str) -> Result<&'a Invoice, LedgerError> {
    account.invoices.get(id).ok_or_else(|| LedgerError::Missing(id.to_owned()))
}

/// The entry of an event, on the account as it stands right after the event; empty where no money moved.
///
/// # Errors
/// [`LedgerError`] where the event names an unknown object, overflows, or would not balance: then nothing is posted.
pub fn entry(account: &Account, event: &Event) -> Result<Vec<Leg>, LedgerError> {
    let mut entry = Entry::default();
    post(account, event, &mut entry)?;
    entry.balanced(account.zero())
}

fn post(account: &Account, event: &Event, entry: &mut Entry) -> Result<(), LedgerError> {
    match event {
        Event::InvoiceIssued { invoice, .. } => issued(entry, invoice)?,
        Event::CreditApplied { .. } | Event::CreditGranted { .. } => credited(event, entry)?,
        Event::CreditPaidOut { .. } | Event::CreditPaidByHand { .. } | Event::RefundReopened { .. } => credited(event, entry)?,
        Event::ChargeCaptured { applied, costs, unapplied, .. } => {
            paid(entry, PROVIDER_CLEARING, applied, costs, *unapplied)?;
            entry.credit(UNAPPLIED, *unapplied, None)?;
        }
        Event::CaptureCorrected { unapplied, unpaid, .. } => capture_corrected(entry, *unapplied, unpaid)?,
        Event::UnappliedApplied { applied, costs, .. } => paid(entry, UNAPPLIED, applied, costs, account.zero())?,
        Event::UnappliedReturned { invoice, amount, .. } => entry.pair(UNAPPLIED, REFUNDS_PAYABLE, *amount, Some(invoice))?,
        Event::NoteIssued { note, given } => noted(entry, prepayment(invoice(account, &note.invoice)?), note, given)?,
        Event::RefundSettled { .. } | Event::RefundFailed { .. } => refunded(account, event, entry)?,
        Event::ExcessRefundApplied { .. } | Event::ExcessRefundWrittenOff { .. } => refunded(account, event, entry)?,
        Event::RevenueRecognised { invoice: id, amount, reversal, .. } => {
            entry.pair(prepayment(invoice(account, id)?), income(*reversal), *amount, Some(id))?;
        }
        Event::DisputeOpened { .. } | Event::DisputeWon { .. } | Event::DisputeLost { .. } => disputed(event, entry)?,
        Event::DisputeReversed { amount, .. } => entry.pair(PROVIDER_CLEARING, UNAPPLIED, *amount, None)?,
        Event::WrittenOff { invoice, net, tax } => written_off(entry, invoice, *net, *tax)?,
        Event::CollectionCostAdded { amount, .. } => {
            entry.pair(COLLECTION_COSTS, AGENCY_PAYABLE, *amount, None)?;
            entry.pair(RECHARGED_COSTS, DEFERRED_RECOVERIES, *amount, None)?;
        }
        // What was never earned is no loss: the recharge is taken back.
        Event::CollectionCostWrittenOff { amount, .. } => entry.pair(DEFERRED_RECOVERIES, RECHARGED_COSTS, *amount, None)?,
        Event::SubscriptionOpened { .. }
        | Event::Life { .. }
        | Event::CameraCovered { .. }
        | Event::CancelRequested { .. }
        | Event::CancelRequestSettled { .. }
        | Event::CameraAdded { .. }
        | Event::CameraRemoved { .. }
        | Event::RecordingsInaccessible { .. }
        | Event::PromotionRedeemed { .. }
        | Event::PromotionEnded { .. }
        | Event::PromotionReleased { .. }
        | Event::MethodReplaced { .. }
        | Event::MethodBlocked { .. }
        | Event::AccountParked { .. }
        | Event::AccountReleased
        | Event::ChargeRequested { .. }
        | Event::ChargeUnknown { .. }
        | Event::ChargeDeclined { .. }
        | Event::ChargeAbandoned { .. }
        | Event::AmountCarried { .. }
        | Event::ServiceEnded { .. }
        | Event::RefundRequested { .. }
        | Event::RefundUnknown { .. }
        | Event::RefundAbandoned { .. }
        | Event::CorrectionOpened { .. }
        | Event::CorrectionScheduled { .. }
        | Event::CorrectionClosed { .. }
        | Event::ReminderQueued { .. }
        | Event::ReminderSent { .. }
        | Event::ReminderMissed { .. }
        | Event::PriceNoticeQueued { .. }
        | Event::PriceNoticeSent { .. }
        | Event::PriceNoticeEnded { .. }
        | Event::TaskOpened { .. }
        | Event::TaskClosed { .. } => {}
    }
    Ok(())
}

fn issued(entry: &mut Entry, document: &super::account::InvoiceDocument) -> Result<(), MoneyError> {
    let id = Some(document.id.as_str());
    let prepaid = if document.plan.cycle == super::calendar::Cycle::Annual { PREPAYMENTS } else { DEFERRED_REVENUE };
    entry.debit(RECEIVABLE, document.net.plus(document.tax)?, id);
    entry.credit(prepaid, document.net, id)?;
    entry.credit(SALES_TAX, document.tax, id)
}

/// PV-5: more of a charge, which pays nothing yet, or less; what of it had paid invoices is owed again.
fn capture_corrected(entry: &mut Entry, unapplied: Money, unpaid: &[(String, Money)]) -> Result<(), MoneyError> {
    if unapplied.is_negative() {
        entry.pair(UNAPPLIED, PROVIDER_CLEARING, unapplied.negated()?, None)?;
    } else {
        entry.pair(PROVIDER_CLEARING, UNAPPLIED, unapplied, None)?;
    }
    entry.pairs(RECEIVABLE, PROVIDER_CLEARING, unpaid)
}

/// LC-4, CP-3, RF-4, PV-5, goodwill.
fn credited(event: &Event, entry: &mut Entry) -> Result<(), MoneyError> {
    match event {
        Event::CreditApplied { invoice, cash, goodwill } => entry.pair(CUSTOMER_CREDITS, RECEIVABLE, cash.plus(*goodwill)?, Some(invoice)),
        Event::CreditGranted { amount } => entry.pair(REVENUE_CORRECTIONS, CUSTOMER_CREDITS, *amount, None),
        Event::CreditPaidOut { amount } => entry.pair(CUSTOMER_CREDITS, REFUNDS_PAYABLE, *amount, None),
        Event::CreditPaidByHand { amount, .. } => entry.pair(CUSTOMER_CREDITS, BANK, *amount, None),
        Event::RefundReopened { from_credit, .. } => entry.pair(CUSTOMER_CREDITS, REFUNDS_PAYABLE, *from_credit, None),
        _ => Ok(()),
    }
}

const fn income(reversal: Option<Reversal>) -> LedgerAccount {
    match reversal {
        None => REVENUE,
        Some(Reversal::Correction) => REVENUE_CORRECTIONS,
        Some(Reversal::Dispute) => REVENUE_DISPUTES,
    }
}

fn refund_of<'a>(account: &'a Account, id: &str) -> Result<&'a Refund, LedgerError> {
    account.refunds.get(id).ok_or_else(|| LedgerError::Missing(id.to_owned()))
}

/// RF-4, F49: what became of a payout, and of what it moved too much.
fn refunded(account: &Account, event: &Event, entry: &mut Entry) -> Result<(), LedgerError> {
    match event {
        Event::RefundSettled { refund, short, .. } => paid_out(account, entry, refund, *short)?,
        Event::RefundFailed { refund, after_success, excess, .. } => {
            became_credit(refund_of(account, refund)?, *after_success, *excess, entry)?;
        }
        Event::ExcessRefundApplied { invoice, amount, given_up, .. } => {
            entry.pair(REFUNDS_PAYABLE, UNMATCHED, *amount, Some(invoice))?;
            entry.pair(REFUNDS_PAYABLE, CREDIT_LOSSES, *given_up, Some(invoice))?;
        }
        Event::ExcessRefundWrittenOff { refund, amount } => {
            entry.pair(CREDIT_LOSSES, UNMATCHED, *amount, Some(&refund_of(account, refund)?.invoice))?;
        }
        _ => {}
    }
    Ok(())
}

/// RF-4: what could not be paid out, or came back, is account credit, as far as it was the customer's (F49).
fn became_credit(refund: &Refund, after_success: bool, excess: Option<Excess>, entry: &mut Entry) -> Result<(), MoneyError> {
    let from = if after_success { PROVIDER_CLEARING } else { REFUNDS_PAYABLE };
    let invoice = Some(refund.invoice.as_str());
    entry.debit(from, refund.amount, invoice);
    entry.credit(CUSTOMER_CREDITS, refund.owed()?, invoice)?;
    if let Some(excess) = excess {
        entry.credit(UNMATCHED, excess.open, invoice)?;
        entry.credit(CREDIT_LOSSES, excess.given_up, invoice)?;
    }
    Ok(())
}

/// What was asked for is owed no more. What the provider moved less stays the customer's, as account credit (RF-4); what it moved
/// more nobody asked for: it stands among the unmatched movements until a person has got it back or given it up (PV-5).
fn paid_out(account: &Account, entry: &mut Entry, id: &str, short: Option<Money>) -> Result<(), LedgerError> {
    let refund = refund_of(account, id)?;
    let invoice = Some(refund.invoice.as_str());
    let short = short.unwrap_or(account.zero());
    entry.debit(REFUNDS_PAYABLE, refund.amount.plus(short)?, invoice);
    entry.credit(PROVIDER_CLEARING, refund.amount, invoice)?;
    entry.credit(if short.is_negative() { UNMATCHED } else { CUSTOMER_CREDITS }, short, invoice)?;
    Ok(())
}

fn written_off(entry: &mut Entry, invoice: &str, net: Money, tax: Money) -> Result<(), MoneyError> {
    entry.debit(CREDIT_LOSSES, net, Some(invoice));
    entry.debit(SALES_TAX, tax, Some(invoice));
    entry.credit(RECEIVABLE, net.plus(tax)?, Some(invoice))
}

/// What money on the account `from` pays; `besides` it has some more.
fn paid(
    entry: &mut Entry,
    from: LedgerAccount,
    applied: &[(String, Money)],
    costs: &[(String, Money)],
    besides: Money,
) -> Result<(), MoneyError> {
    let paid = super::money::total(besides.currency(), applied.iter().chain(costs).map(|(_, amount)| *amount))?;
    // What had no invoice (2320) leaves under none.
    let first = applied.first().map(|(id, _)| id.as_str()).filter(|_| from != UNAPPLIED);
    entry.debit(from, paid.plus(besides)?, first);
    for (id, amount) in applied {
        entry.credit(RECEIVABLE, *amount, Some(id))?;
    }
    for (_, amount) in costs {
        entry.debit(DEFERRED_RECOVERIES, *amount, None);
        entry.credit(RECHARGED_COSTS, *amount, None)?;
        entry.credit(COST_RECOVERIES, *amount, None)?;
    }
    Ok(())
}

fn noted(entry: &mut Entry, line: LedgerAccount, note: &super::account::Note, given: &Given) -> Result<(), MoneyError> {
    let id = Some(note.invoice.as_str());
    if note.reason.is_debit() {
        entry.debit(RECEIVABLE, note.net.plus(note.tax)?, id);
        entry.credit(line, note.net, id)?;
        return entry.credit(SALES_TAX, note.tax, id);
    }
    entry.debit(line, note.net, id);
    entry.debit(SALES_TAX, note.tax, id);
    entry.debit(REFUNDS_HELD, given.held_used, id);
    entry.credit(RECEIVABLE, given.owed_off, id)?;
    entry.credit(REFUNDS_PAYABLE, given.payout, id)?;
    entry.credit(CUSTOMER_CREDITS, given.credit_cash.plus(given.credit_goodwill)?, id)?;
    entry.credit(REFUNDS_HELD, given.held, id)?;
    entry.credit(DISPUTES_PENDING, given.lost, id)
}

/// PD-6. What a lost dispute took from an invoice is booked by the invoice's note; here is only what no note covers.
fn disputed(event: &Event, entry: &mut Entry) -> Result<(), MoneyError> {
    match event {
        Event::DisputeOpened { applied, credited, beyond, fee, .. } => {
            entry.pairs(DISPUTES_PENDING, PROVIDER_CLEARING, applied)?;
            entry.pairs(DISPUTES_PENDING, PROVIDER_CLEARING, credited)?;
            entry.pair(DISPUTES_PENDING, PROVIDER_CLEARING, *beyond, None)?;
            entry.pair(DISPUTE_FEES, PROVIDER_CLEARING, *fee, None)
        }
        Event::DisputeWon { applied, credited, beyond, released, .. } => {
            entry.pairs(PROVIDER_CLEARING, DISPUTES_PENDING, applied)?;
            entry.pairs(PROVIDER_CLEARING, DISPUTES_PENDING, credited)?;
            entry.pair(PROVIDER_CLEARING, DISPUTES_PENDING, *beyond, None)?;
            entry.pairs(REFUNDS_HELD, REFUNDS_PAYABLE, released)
        }
        Event::DisputeLost { credited, from_credit, loss, .. } => lost(entry, credited, *from_credit, *loss),
        _ => Ok(()),
    }
}

/// What was frozen under an invoice leaves 1210 under the same one, so that each of them ends at zero.
fn lost(entry: &mut Entry, credited: &[(String, Money)], from_credit: Money, loss: Money) -> Result<(), MoneyError> {
    let mut beyond = from_credit.plus(loss)?;
    entry.debit(CUSTOMER_CREDITS, from_credit, None);
    entry.debit(CREDIT_LOSSES, loss, None);
    for (invoice, amount) in credited {
        entry.credit(DISPUTES_PENDING, *amount, Some(invoice))?;
        beyond = beyond.minus(*amount)?;
    }
    entry.credit(DISPUTES_PENDING, beyond, None)
}
