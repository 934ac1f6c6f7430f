//! The named checks, and what they found.

use std::fmt::Display;

use serde::Serialize;

macro_rules! checks {
    ($($check:ident = $name:literal, $rules:literal, $law:literal;)+) => {
        /// One invariant. Its name is stable: alarms and tests go by it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check {
            $(#[doc = $law] $check,)+
        }

        impl Check {
            /// Every check, in the order in which a report lists them.
            pub const ALL: &[Self] = &[$(Self::$check),+];

            /// Its stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$check => $name),+ }
            }

            /// The rules that it keeps.
            #[must_use]
            pub const fn rules(self) -> &'static str {
                match self { $(Self::$check => $rules),+ }
            }

            /// What holds if it is clean.
            #[must_use]
            pub const fn law(self) -> &'static str {
                match self { $(Self::$check => $law),+ }
            }
        }
    };
}

checks! {
    RowsReadable = "rows_readable", "PV-8", "every stored row can be read";
    RowsOwned = "rows_owned", "LE-2", "every row belongs to an account, a subscription, an invoice and a charge that exist";
    AuditChain = "audit_chain", "I12", "every journal record follows its predecessor and has the hash of its bytes";
    EntryBalanced = "entry_balanced", "LE-1, I3", "the legs of an entry sum to zero per currency";
    EntryForm = "entry_form", "LE-1, MO-1", "an entry has two legs or more, none of them zero, on accounts of the chart, in the customer's currency";
    BooksFromEvents = "books_from_events", "LE-1", "the books rebuilt from the events are the stored books";
    RowsFromEvents = "rows_from_events", "LE-2", "the account rebuilt from the events is the stored account";
    DueFromState = "due_from_state", "F30", "the stored due instants are those that the state asks for";
    Receivable = "receivable", "LE-2", "1100 is the sum of the open invoices, for each of them, and never in credit";
    Prepaid = "prepaid", "RR-1, LE-2", "2100 and 2110 are net less recognised, for each line and after each record, and never in debit";
    Revenue = "revenue", "RR-1", "what is recognised is what the days have earned, computed anew";
    RefundArithmetic = "refund_arithmetic", "RF-2", "what a credit note gives back is what the days leave unused, computed anew";
    CustomerCredit = "customer_credit", "LE-2", "2300 is the account's credit, and never in debit";
    RefundsPayable = "refunds_payable", "LE-2", "2310 is the sum of the refunds on their way, and never in debit";
    RefundsHeld = "refunds_held", "PD-6", "2330 is what is held for disputes, for each invoice";
    DisputesPending = "disputes_pending", "PD-6, F60", "1210 is what is disputed, for each invoice and beyond them";
    ProviderClearing = "provider_clearing", "I5", "1200 is captures less refunds, disputes and their fees";
    CapturedIsApplied = "captured_is_applied", "I5", "each capture is what was applied to invoices and costs, and the rest unapplied (2320)";
    Carried = "carried", "MO-5, PD-4", "what is carried is the open amount of carried invoices and the open collection costs (1150, 2400)";
    RefundLimit = "refund_limit", "I4, F55", "no payment gives back, or has disputed, more than was captured";
    InvoiceArithmetic = "invoice_arithmetic", "MO-2, MO-3, I7", "discount and tax rate are what code and tax table say, net and tax follow, and notes add up";
    WriteOffTax = "write_off_tax", "PD-4, MO-2", "a write-off takes back the part of the tax that the line's rate makes of it";
    InvoiceOfPeriod = "invoice_of_period", "I1, I7, F08", "each billed period has one invoice, with its plan, dates and price version";
    PeriodsTile = "periods_tile", "CA-1, I6", "the periods of a term tile from its anchor, terms never overlap, and a gap has a cause";
    Transitions = "transitions", "LC-10, I8", "states change only as listed, and what is closed stays closed";
    PriceNoticed = "price_noticed", "PR-2, PR-6", "no renewal pays a version that was not announced early enough, none an older one";
    PromotionPeriods = "promotion_periods", "MO-3", "no code is billed for more periods than promised";
    PromotionUses = "promotion_uses", "MO-3", "codes are used as often as their counter says, and at most as often as allowed";
    NumbersGapless = "numbers_gapless", "MO-4", "invoices and notes have the numbers of their year's series from 1 on, each once, without gaps";
    NoticesOnce = "notices_once", "I10, RE-2, RE-4", "each payment and refund has its receipt with its amount, each renewal one reminder, each mail something that it is about, and nothing that has ended waits to be announced";
    RecordDates = "record_dates", "F27, F66", "records are in the order of their instants, and each counts for the day of its instant where the account is, recognition for the day through which it recognises";
    SettledInTime = "settled_in_time", "I9", "what is due is done, final or parked within 14 days: charges, refunds, mails and all that the calendar asks for";
    ParkedWatched = "parked_watched", "I9, PV-8", "a parked account has an open task";
    ClearingEmpty = "clearing_empty", "LE-2", "accounts that something only passes through are empty in time: 2320 after 5 days, 1020 after 7, 2310 after 10, 1290 after 31, 1210 after 120";
    ProviderCharges = "provider_charges", "I1, I2", "every capture at the provider has its one attempt here, and every settled attempt its capture, with equal amounts";
    ProviderRefunds = "provider_refunds", "I2, I4", "every refund at the provider has its one request here, and every settled one its refund, within what was captured";
    ProviderEvents = "provider_events", "F41", "the provider's events are read no further than there are any";
    SettlementBooks = "settlement_books", "LE-1, I12", "the books of providers have their chain of records, and their entries are what the ledger says of their events";
    SettlementPosted = "settlement_posted", "RC-1, I5", "the fees and payouts of the books are those of the provider's movements, for each provider and currency";
    SettlementAlone = "settlement_alone", "RC-1", "movements of one provider alone are booked: neither charges nor 1200 say whose they are";
    ClosedMonths = "closed_months", "RC-3", "what was sealed of each closed month is what stands in the books by its end, and months were closed one after another";
    ProviderDisputes = "provider_disputes", "I2, PD-6", "every dispute here is one at the provider, of the same charge and no further than there";
}

/// What it means where a check finds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The books, or what was promised, are wrong: the exit code says so.
    Broken,
    /// Nothing is wrong; a person has to look at it.
    Listed,
}

impl Check {
    /// What it means where it finds something. Money that waits for the provider or for a decision, and an account that is parked
    /// with its reason, are as they should be; that they are late is for a person to judge, and must not hide a real break.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::ClearingEmpty | Self::ParkedWatched => Severity::Listed,
            _ => Severity::Broken,
        }
    }
}

/// Something that is broken, by ids; no personal data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The account, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The object: an invoice, a charge, a record number, …
    pub subject: String,
    /// What is wrong with it.
    pub problem: String,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The check's stable name.
    pub name: &'static str,
    /// The rules that it keeps.
    pub rules: &'static str,
    /// What holds if it is clean.
    pub law: &'static str,
    /// What it means if it is not.
    pub severity: Severity,
    /// How many things it looked at.
    pub looked_at: u64,
    /// How many of them are broken.
    pub broken: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Finding>,
}

impl Outcome {
    /// What is broken, for people.
    pub(super) fn told(&self) -> String {
        let Self { name, rules, law, severity, looked_at, broken, examples } = self;
        let word = if *severity == Severity::Broken { "BROKEN" } else { "LISTED" };
        let head = format!("\n{word} {name} ({rules}): {broken} of {looked_at}\n  It should hold that {law}.\n");
        let told = examples.iter().map(|Finding { account, subject, problem }| {
            let account = account.as_deref().map(|account| format!("account {account}: ")).unwrap_or_default();
            format!("  - {account}{subject} {problem}\n")
        });
        let more = broken.saturating_sub(counted(examples.len()));
        let rest = (more > 0).then(|| format!("  - and {more} more\n"));
        std::iter::once(head).chain(told).chain(rest).collect()
    }
}

#[derive(Debug, Clone, Default)]
struct Tally {
    looked_at: u64,
    broken: u64,
    examples: Vec<Finding>,
}

/// What has been found so far.
#[derive(Debug, Clone)]
pub(super) struct Findings {
    tallies: Vec<Tally>,
    examples_max: usize,
}

impl Findings {
    /// Nothing yet; keeps so many examples of each check.
    pub(super) fn new(examples_max: usize) -> Self {
        Self { tallies: vec![Tally::default(); Check::ALL.len()], examples_max }
    }

    fn tally(&mut self, check: Check) -> &mut Tally {
        // The declaration order is the order of ALL.
        &mut self.tallies[check as usize]
    }

    /// So many things were looked at.
    pub(super) fn looked_at(&mut self, check: Check, count: u64) {
        self.tally(check).looked_at += count;
    }

    /// One thing that was looked at is broken.
    pub(super) fn broken(&mut self, check: Check, finding: Finding) {
        let examples_max = self.examples_max;
        let tally = self.tally(check);
        tally.broken += 1;
        if tally.examples.len() < examples_max {
            tally.examples.push(finding);
        }
    }

    /// Adds what another found; its examples come after ours.
    pub(super) fn absorb(&mut self, other: Self) {
        for (mine, theirs) in self.tallies.iter_mut().zip(other.tallies) {
            mine.looked_at += theirs.looked_at;
            mine.broken += theirs.broken;
            let room = self.examples_max.saturating_sub(mine.examples.len());
            mine.examples.extend(theirs.examples.into_iter().take(room));
        }
    }

    /// The result, check by check.
    pub(super) fn outcomes(self) -> Vec<Outcome> {
        let outcome = |(check, tally): (&Check, Tally)| Outcome {
            name: check.name(),
            rules: check.rules(),
            law: check.law(),
            severity: check.severity(),
            looked_at: tally.looked_at,
            broken: tally.broken,
            examples: tally.examples,
        };
        Check::ALL.iter().zip(self.tallies).map(outcome).collect()
    }
}

/// A count as it is reported. Counts are never negative.
pub(super) fn counted(count: impl TryInto<u64>) -> u64 {
    count.try_into().unwrap_or(u64::MAX)
}

/// The findings about one account.
pub(super) struct Inspection<'a> {
    account: &'a str,
    findings: &'a mut Findings,
}

impl<'a> Inspection<'a> {
    pub(super) fn new(account: &'a str, findings: &'a mut Findings) -> Self {
        Self { account, findings }
    }

    /// The account's id.
    pub(super) fn account(&self) -> &'a str {
        self.account
    }

    /// Looks at one thing: where `holds` is false it is broken, and `problem` says how.
    pub(super) fn expect(&mut self, check: Check, holds: bool, subject: impl Display, problem: impl FnOnce() -> String) {
        self.findings.looked_at(check, 1);
        if !holds {
            self.broken(check, subject, problem());
        }
    }

    /// One thing was looked at and is as it should be.
    pub(super) fn passed(&mut self, check: Check) {
        self.findings.looked_at(check, 1);
    }

    /// One thing that was counted before, or could not be, is broken.
    pub(super) fn broken(&mut self, check: Check, subject: impl Display, problem: String) {
        self.findings.broken(check, Finding { account: Some(self.account.to_owned()), subject: subject.to_string(), problem });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_listed_in_the_order_of_their_declaration_under_names_of_their_own() {
        for (at, check) in Check::ALL.iter().enumerate() {
            assert_eq!(*check as usize, at);
        }
        let mut names: Vec<_> = Check::ALL.iter().map(|check| check.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Check::ALL.len());
    }

    #[test]
    fn examples_are_few_and_counts_are_complete() {
        let mut findings = Findings::new(2);
        let mut more = Findings::new(2);
        for (account, into) in [("a", &mut findings), ("b", &mut more)] {
            let mut inspection = Inspection::new(account, into);
            inspection.expect(Check::Carried, true, "x", || unreachable!("it holds"));
            inspection.expect(Check::Carried, false, "y", || "is wrong".to_owned());
            inspection.broken(Check::Carried, "z", "is wrong too".to_owned());
        }
        findings.absorb(more);
        let outcome = findings.outcomes().remove(Check::Carried as usize);
        assert_eq!((outcome.looked_at, outcome.broken), (4, 4));
        let shown: Vec<_> = outcome.examples.iter().map(|finding| (finding.account.as_deref(), finding.subject.as_str())).collect();
        assert_eq!(shown, [(Some("a"), "y"), (Some("a"), "z")]);
    }
}
