//! The control accounts of the ledger against the sub-ledgers: balances summed from the stored postings, held against the stored
//! rows. What must never change its sign, or its relation to the line, is looked at after each record, so that it holds at any
//! as-of date.

use std::collections::{BTreeMap, BTreeSet};

use super::AccountBooks;
use super::findings::{Check, Inspection};
use crate::domain::account::{Account, AttemptState, DisputeState, Invoice};
use crate::domain::ledger::{
    CUSTOMER_CREDITS, DEFERRED_RECOVERIES, DEFERRED_REVENUE, DISPUTES_PENDING, LedgerAccount, PREPAYMENTS, PROVIDER_CLEARING, RECEIVABLE,
    RECHARGED_COSTS, REFUNDS_HELD, REFUNDS_PAYABLE, UNAPPLIED, prepayment,
};
use crate::domain::money::Money;
use crate::reports::stored::{Posting, Record};

/// Balances of one customer's books, by account and invoice; debits positive.
#[derive(Default)]
pub(super) struct Balances<'a> {
    by_invoice: BTreeMap<(i64, Option<&'a str>), i128>,
    by_account: BTreeMap<i64, i128>,
}

impl<'a> Balances<'a> {
    fn add(&mut self, leg: &'a Posting) {
        let amount = i128::from(leg.amount_minor);
        *self.by_invoice.entry((leg.ledger_account, leg.invoice.as_deref())).or_default() += amount;
        *self.by_account.entry(leg.ledger_account).or_default() += amount;
    }

    fn of(&self, account: LedgerAccount) -> i128 {
        self.by_account.get(&i64::from(account.number)).copied().unwrap_or_default()
    }

    fn of_invoice(&self, account: LedgerAccount, invoice: &str) -> i128 {
        self.by_invoice.get(&(i64::from(account.number), Some(invoice))).copied().unwrap_or_default()
    }

    /// Adds a record, and looks at what it has touched. `replayed` is the account right after it.
    pub(super) fn add_record(&mut self, record: &'a Record, replayed: Option<&Account>, inspection: &mut Inspection<'_>) {
        for leg in &record.legs {
            self.add(leg);
        }
        let touched: BTreeSet<&str> = record.legs.iter().filter_map(|leg| leg.invoice.as_deref()).collect();
        for invoice in touched {
            let owed = self.of_invoice(RECEIVABLE, invoice);
            inspection.expect(Check::Receivable, owed >= 0, invoice, || format!("1100 is {owed} after record {}", record.seq));
            for line in [PREPAYMENTS, DEFERRED_REVENUE] {
                let left = self.of_invoice(line, invoice);
                let problem = || format!("{} is in debit by {left} after record {}", line.number, record.seq);
                inspection.expect(Check::Prepaid, left <= 0, invoice, problem);
            }
            if let Some(row) = replayed.and_then(|account| account.invoices.get(invoice)) {
                self.prepaid(row, &format!("after record {}", record.seq), inspection);
            }
        }
        for (account, check) in [(CUSTOMER_CREDITS, Check::CustomerCredit), (REFUNDS_PAYABLE, Check::RefundsPayable)] {
            if record.legs.iter().any(|leg| leg.ledger_account == i64::from(account.number)) {
                let balance = self.of(account);
                let problem = || format!("{} is in debit by {balance} after record {}", account.number, record.seq);
                inspection.expect(check, balance <= 0, inspection.account(), problem);
            }
        }
    }

    /// Documents move the prepayment, only recognition moves it to revenue: `2100 or 2110 = net − recognised`, per line.
    fn prepaid(&self, row: &Invoice, when: &str, inspection: &mut Inspection<'_>) {
        let id = row.document.id.as_str();
        let line = prepayment(row);
        let other = if line == PREPAYMENTS { DEFERRED_REVENUE } else { PREPAYMENTS };
        let (booked, elsewhere) = (-self.of_invoice(line, id), self.of_invoice(other, id));
        let expected = minor(row.net) - minor(row.recognised);
        inspection.expect(Check::Prepaid, booked == expected, id, || {
            format!("{} is {booked}, net less recognised is {expected} {when}", line.number)
        });
        inspection.expect(Check::Prepaid, elsewhere == 0, id, || {
            format!("{elsewhere} stand on {}, which is not the line's {when}", other.number)
        });
    }

    /// Holds the balances against the stored rows.
    pub(super) fn tie_out(&mut self, books: &'a AccountBooks, inspection: &mut Inspection<'_>) {
        books.journal.stray.iter().for_each(|leg| self.add(leg));
        let account = &books.account;
        for row in account.invoices.values() {
            self.tie_out_invoice(row, inspection);
        }
        for line in [RECEIVABLE, PREPAYMENTS, DEFERRED_REVENUE] {
            let check = if line == RECEIVABLE { Check::Receivable } else { Check::Prepaid };
            self.nothing_elsewhere(line, check, account, inspection);
        }
        self.nothing_elsewhere(REFUNDS_HELD, Check::RefundsHeld, account, inspection);
        self.disputed(account, inspection);
        self.tie_out_account(account, inspection);
    }

    fn tie_out_invoice(&self, row: &Invoice, inspection: &mut Inspection<'_>) {
        let id = row.document.id.as_str();
        let owed = self.of_invoice(RECEIVABLE, id);
        inspection.expect(Check::Receivable, owed == minor(row.open), id, || format!("1100 is {owed}, {} are open", row.open.minor()));
        self.prepaid(row, "in the row", inspection);
        let held = -self.of_invoice(REFUNDS_HELD, id);
        inspection.expect(Check::RefundsHeld, held == minor(row.held), id, || format!("2330 is {held}, {} are held", row.held.minor()));
    }

    /// 1210: under each invoice what is frozen on its payments, as money of the invoice or as the account credit that it became;
    /// under none what the provider took beyond (F60). Together it is what the open disputes are about.
    fn disputed(&self, account: &Account, inspection: &mut Inspection<'_>) {
        let mut frozen: BTreeMap<Option<&str>, i128> = BTreeMap::new();
        for payment in account.payments.values() {
            *frozen.entry(Some(&payment.invoice)).or_default() += minor(payment.disputed);
        }
        let open = sum(account.disputes.values().filter(|dispute| dispute.state == DisputeState::Open).map(|dispute| dispute.amount));
        let beyond = open - frozen.values().sum::<i128>();
        frozen.insert(None, beyond);
        let number = i64::from(DISPUTES_PENDING.number);
        let posted = self.by_invoice.range((number, None)..(number + 1, None)).map(|((_, invoice), _)| *invoice);
        for invoice in posted.chain(frozen.keys().copied()).collect::<BTreeSet<_>>() {
            let booked = self.by_invoice.get(&(number, invoice)).copied().unwrap_or_default();
            let expected = frozen.get(&invoice).copied().unwrap_or_default();
            inspection.expect(Check::DisputesPending, booked == expected, invoice.unwrap_or("(no invoice)"), || {
                format!("1210 is {booked}, {expected} are disputed")
            });
        }
        for row in account.invoices.values() {
            let of_payments = frozen.get(&Some(row.document.id.as_str())).copied().unwrap_or_default();
            inspection.expect(Check::DisputesPending, minor(row.disputed) <= of_payments, &row.document.id, || {
                format!("{} are disputed, of its payments {of_payments}", row.disputed.minor())
            });
        }
    }

    /// A control account has nothing on it that belongs to no invoice of the account.
    fn nothing_elsewhere(&self, line: LedgerAccount, check: Check, account: &Account, inspection: &mut Inspection<'_>) {
        let number = i64::from(line.number);
        for ((_, invoice), balance) in self.by_invoice.range((number, None)..(number + 1, None)) {
            let known = invoice.is_some_and(|id| account.invoices.contains_key(id));
            if !known && *balance != 0 {
                let problem = format!("{balance} stand on {number} for no invoice of the account");
                inspection.broken(check, invoice.unwrap_or("(no invoice)"), problem);
            }
        }
    }

    fn tie_out_account(&self, account: &Account, inspection: &mut Inspection<'_>) {
        let id = inspection.account();
        let mut ties = |check: Check, ledger: LedgerAccount, sign: i128, rows: i128, what: &str| {
            let balance = sign * self.of(ledger);
            inspection.expect(check, balance == rows, id, || format!("{} is {balance}, {what} {rows}", ledger.number));
        };
        let profile = &account.profile;
        let credit = minor(profile.credit_cash) + minor(profile.credit_goodwill);
        ties(Check::CustomerCredit, CUSTOMER_CREDITS, -1, credit, "the account's credit is");
        let in_flight = account.refunds.values().filter(|refund| refund.state.in_flight()).map(|refund| refund.amount);
        ties(Check::RefundsPayable, REFUNDS_PAYABLE, -1, sum(in_flight), "the refunds on their way are");
        let costs = sum(account.costs.values().map(|cost| cost.open));
        ties(Check::Carried, RECHARGED_COSTS, 1, costs, "the open collection costs are");
        ties(Check::Carried, DEFERRED_RECOVERIES, -1, costs, "the open collection costs are");
        ties(Check::ProviderClearing, PROVIDER_CLEARING, 1, cleared(account), "captures less refunds and disputes are");
        ties(Check::CapturedIsApplied, UNAPPLIED, -1, unapplied(account), "captures less what they paid are");
        let carried = sum(account.invoices.values().filter(|row| row.carried).map(|row| row.open)) + costs;
        inspection.expect(Check::Carried, minor(profile.carried) == carried, id, || {
            format!("{} are to be carried to the next bill, the open parts are {carried}", profile.carried.minor())
        });
    }
}

fn minor(amount: Money) -> i128 {
    i128::from(amount.minor())
}

fn sum(amounts: impl Iterator<Item = Money>) -> i128 {
    amounts.map(minor).sum()
}

fn captured(account: &Account) -> i128 {
    sum(account.charges.values().filter(|charge| charge.state == AttemptState::Succeeded).map(|charge| charge.amount))
}

/// What the provider owes us for this customer: captures, less what it paid back or took for disputes.
fn cleared(account: &Account) -> i128 {
    let refunded = sum(account.refunds.values().filter(|refund| refund.state == AttemptState::Succeeded).map(|refund| refund.amount));
    let disputed = sum(account.disputes.values().filter(|dispute| dispute.state != DisputeState::Won).map(|dispute| dispute.amount));
    captured(account) - refunded - disputed - sum(account.disputes.values().map(|dispute| dispute.fee))
}

/// What was captured, or brought back by a dispute that had been lost (F61), and paid neither an invoice nor a collection cost.
fn unapplied(account: &Account) -> i128 {
    let back = sum(account.disputes.values().filter(|dispute| account.was_won_late(dispute)).map(|dispute| dispute.amount));
    let applied = sum(account.payments.values().map(|payment| payment.amount));
    let not_paid = account.costs.values().flat_map(|cost| [cost.open, cost.written_off]);
    let costs = sum(account.costs.values().map(|cost| cost.amount)) - sum(not_paid);
    captured(account) + back - applied - costs
}
