//! Faults, each planted in books that were clean, and the checks that must see it.

use kasacare::reports::check::Check;

/// A fault: what somebody did to the rows, and who notices.
pub struct Fault {
    pub name: &'static str,
    /// The statements that plant it.
    pub sql: &'static [&'static str],
    /// Whether its author knows how the chain of hashes is made, and forged it too.
    pub rechained: bool,
    /// The checks that must see it.
    pub caught_by: &'static [Check],
    /// Checks that it gets past.
    pub not_by: &'static [Check],
}

pub const fn fault(name: &'static str, sql: &'static [&'static str], caught_by: &'static [Check]) -> Fault {
    Fault { name, sql, rechained: false, caught_by, not_by: &[] }
}

pub const fn forged(name: &'static str, sql: &'static [&'static str], caught_by: &'static [Check], not_by: &'static [Check]) -> Fault {
    Fault { name, sql, rechained: true, caught_by, not_by }
}

use Check::{
    AuditChain, BooksFromEvents, CapturedIsApplied, Carried, ClosedMonths, CustomerCredit, DisputesPending, DueFromState, EntryBalanced,
    EntryForm, InvoiceArithmetic, InvoiceOfPeriod, NoticesOnce, NumbersGapless, PeriodsTile, Prepaid, PriceNoticed, PromotionPeriods,
    PromotionUses, ProviderCharges, ProviderClearing, ProviderDisputes, ProviderRefunds, Receivable, RefundArithmetic, RefundLimit,
    RefundsHeld, RefundsPayable, Revenue, RowsFromEvents, RowsOwned, RowsReadable, SettlementAlone, SettlementBooks, SettlementPosted,
    Transitions,
};

/// What a books checker must catch.
pub const BOOKS: &[Fault] = &[
    fault(
        "a cent on one leg",
        &["update postings set amount_minor = amount_minor + 1 where account_id = 'bob' and seq = 2 and leg_no = 1"],
        &[EntryBalanced, BooksFromEvents, AuditChain, Receivable],
    ),
    Fault {
        not_by: &[EntryBalanced, EntryForm],
        ..fault(
            "a cent on both legs",
            &[
                "update postings set amount_minor = amount_minor + 1 where account_id = 'bob' and seq = 2 and leg_no = 1",
                "update postings set amount_minor = amount_minor - 1 where account_id = 'bob' and seq = 2 and leg_no = 2",
            ],
            &[BooksFromEvents, AuditChain, Receivable, Prepaid],
        )
    },
    fault(
        "an entry dropped",
        &["delete from postings where account_id = 'bob' and seq = 2"],
        &[BooksFromEvents, AuditChain, Receivable, Prepaid],
    ),
    fault(
        "an entry twice",
        &["insert into postings (account_id, seq, leg_no, event_no, ledger_account, effective_on, amount_minor, currency, \
           subscription_id, invoice_id) select account_id, seq, leg_no + 10, event_no, ledger_account, effective_on, amount_minor, \
           currency, subscription_id, invoice_id from postings where account_id = 'bob' and seq = 2"],
        &[EntryForm, BooksFromEvents, AuditChain, Receivable, Prepaid],
    ),
    fault(
        "a month that is closed with another trial balance",
        &[
            "insert into closings (closing_no, acted_at, entries, month, closed_through, act, last_entry, digest, actor, reason, checklist) \
           values (1, 0, 0, '2026-01-01', '2026-01-31', 'closed', null, 'another', 'nobody', null, '[]')",
        ],
        &[ClosedMonths],
    ),
    fault(
        "legs of an event that is not there",
        &["update postings set event_no = event_no + 90 where account_id = 'bob' and seq = 2"],
        &[BooksFromEvents, AuditChain],
    ),
    fault(
        "an undeclared account",
        &["update postings set ledger_account = 1101 where account_id = 'bob' and seq = 2 and leg_no = 1"],
        &[EntryForm, BooksFromEvents, AuditChain, Receivable],
    ),
    Fault {
        not_by: &[EntryBalanced, EntryForm],
        ..fault(
            "a valid but wrong account",
            &["update postings set ledger_account = 2300 where account_id = 'bob' and ledger_account = 2200"],
            &[BooksFromEvents, AuditChain, CustomerCredit],
        )
    },
    fault(
        "the prepayment on the account of the other cycle",
        &["update postings set ledger_account = 2100 where account_id = 'bob' and ledger_account = 2110"],
        &[BooksFromEvents, AuditChain, Prepaid],
    ),
    Fault {
        not_by: &[EntryBalanced, Receivable, Prepaid],
        ..fault(
            "moved over a month's end",
            &["update postings set effective_on = '2026-02-10' where account_id = 'bob' and seq = 2"],
            &[EntryForm, AuditChain],
        )
    },
    fault(
        "another currency",
        &["update postings set currency = 'EUR' where account_id = 'bob' and seq = 2 and leg_no = 1"],
        &[EntryForm, EntryBalanced, AuditChain],
    ),
    Fault {
        not_by: &[EntryBalanced, EntryForm, Receivable, Prepaid],
        ..fault(
            "another subscription's tag",
            &["update postings set subscription_id = 'eve-s1' where account_id = 'bob' and seq = 2"],
            &[BooksFromEvents, AuditChain],
        )
    },
    Fault {
        not_by: &[EntryBalanced, EntryForm],
        ..fault(
            "a cent more on one subscription, a cent less on another",
            &[
                "update postings set amount_minor = amount_minor + 1 where account_id in ('eve') and seq = 2 and leg_no = 1",
                "update postings set amount_minor = amount_minor - 1 where account_id in ('eve') and seq = 2 and leg_no = 2",
                "update postings set amount_minor = amount_minor - 1 where account_id in ('joy') and seq = 2 and leg_no = 1",
                "update postings set amount_minor = amount_minor + 1 where account_id in ('joy') and seq = 2 and leg_no = 2",
            ],
            &[BooksFromEvents, AuditChain, Receivable, Prepaid],
        )
    },
    forged(
        "a cent moved between two days",
        &[
            "update journal set body = replace(body, '\"amount\":\"0.27 USD\"', '\"amount\":\"0.28 USD\"') where account_id = 'ann'",
            "update journal set body = replace(body, '\"amount\":\"7.67 USD\"', '\"amount\":\"7.66 USD\"') where account_id = 'ann'",
            "update postings set amount_minor = 28 where account_id = 'ann' and amount_minor = 27",
            "update postings set amount_minor = -28 where account_id = 'ann' and amount_minor = -27",
            "update postings set amount_minor = 766 where account_id = 'ann' and amount_minor = 767",
            "update postings set amount_minor = -766 where account_id = 'ann' and amount_minor = -767",
        ],
        &[Revenue],
        &[AuditChain, EntryBalanced, EntryForm, BooksFromEvents, RowsFromEvents, Prepaid, Receivable, RefundArithmetic],
    ),
    forged(
        "a refund one cent short",
        &[
            "update journal set body = replace(replace(body, '66.29 USD', '66.28 USD'), '71.76 USD', '71.75 USD') where account_id = 'ann'",
            "update postings set amount_minor = 6628 where account_id = 'ann' and amount_minor = 6629",
            "update postings set amount_minor = -7175 where account_id = 'ann' and amount_minor = -7176",
            "update postings set amount_minor = 7175 where account_id = 'ann' and amount_minor = 7176",
            "update notes set net_minor = 6628 where account_id = 'ann'",
            "update invoices set net_minor = net_minor + 1, returned_minor = returned_minor - 1 where account_id = 'ann'",
            "update payments set refunded_minor = refunded_minor - 1 where account_id = 'ann'",
            "update refunds set amount_minor = amount_minor - 1 where account_id = 'ann'",
            "update sim_refund set amount_minor = amount_minor - 1 where refund_id = (select refund_id from refunds where account_id = 'ann')",
        ],
        &[RefundArithmetic],
        &[
            AuditChain,
            EntryBalanced,
            EntryForm,
            BooksFromEvents,
            RowsFromEvents,
            Receivable,
            Prepaid,
            RefundsPayable,
            ProviderClearing,
            ProviderRefunds,
        ],
    ),
];

/// What else can happen to rows.
pub const ROWS: &[Fault] = &[
    fault("an actor renamed", &["update journal set actor = 'mallory' where account_id = 'bob' and seq = 3"], &[AuditChain]),
    fault(
        "the last record gone",
        &["delete from journal where account_id = 'jun' and seq = (select max(seq) from journal where account_id = 'jun')"],
        &[AuditChain],
    ),
    fault("a record in the middle gone", &["delete from journal where account_id = 'bob' and seq = 3"], &[AuditChain, RowsFromEvents]),
    fault("a record that is no JSON", &["update journal set body = '{' where account_id = 'bob' and seq = 3"], &[RowsReadable, AuditChain]),
    fault("a time zone that is none", &["update accounts set time_zone = 'Mars/Base' where account_id = 'bob'"], &[RowsReadable]),
    fault(
        "a balance of an invoice",
        &["update invoices set open_minor = open_minor + 1 where account_id = 'bob'"],
        &[RowsFromEvents, Receivable],
    ),
    fault(
        "recognised revenue",
        &["update invoices set recognised_minor = recognised_minor - 1 where account_id = 'bob' and period_no = 0"],
        &[RowsFromEvents, Prepaid],
    ),
    fault(
        "account credit",
        &["update accounts set credit_goodwill_minor = credit_goodwill_minor + 1 where account_id = 'bob'"],
        &[RowsFromEvents, CustomerCredit],
    ),
    fault(
        "a carried amount",
        &["update accounts set carried_minor = carried_minor + 1 where account_id = 'ira'"],
        &[RowsFromEvents, Carried],
    ),
    fault(
        "a collection cost",
        &["update collection_costs set open_minor = open_minor - 1 where account_id = 'ira'"],
        &[RowsFromEvents, Carried],
    ),
    fault("what is held", &["update invoices set held_minor = held_minor - 1 where account_id = 'cid'"], &[RowsFromEvents, RefundsHeld]),
    fault(
        "what is disputed",
        &["update payments set disputed_minor = disputed_minor - 1 where account_id = 'cid'"],
        &[RowsFromEvents, DisputesPending],
    ),
    fault(
        "what is disputed of an invoice",
        &["update invoices set disputed_minor = disputed_minor + 1 where account_id = 'cid'"],
        &[RowsFromEvents, DisputesPending],
    ),
    fault(
        "a refund on its way",
        &["update refunds set amount_minor = amount_minor - 1 where account_id = 'pia'"],
        &[RowsFromEvents, RefundsPayable, RefundLimit],
    ),
    fault(
        "what a payment gave back",
        &["update payments set refunded_minor = refunded_minor - 1 where account_id = 'ann'"],
        &[RowsFromEvents, RefundLimit],
    ),
    fault(
        "a captured amount",
        &["update charges set amount_minor = amount_minor + 1 where account_id = 'bob'"],
        &[RowsFromEvents, CapturedIsApplied, ProviderClearing, ProviderCharges],
    ),
    fault(
        "a printed tax",
        &["update invoices set invoiced_tax_minor = invoiced_tax_minor + 1 where account_id = 'joy'"],
        &[RowsFromEvents, InvoiceArithmetic],
    ),
    fault(
        "a note that does not add up",
        &["update notes set net_minor = net_minor - 1 where account_id = 'ann'"],
        &[RowsFromEvents, InvoiceArithmetic],
    ),
    fault("a renewal that is never due", &["update subscriptions set due_at = null where account_id = 'bob'"], &[DueFromState]),
    fault("revenue that is never due", &["update invoices set recognise_at = null where account_id = 'won'"], &[DueFromState]),
    fault(
        "a subscription brought to life",
        &["update subscriptions set cancel_requested_on = '2026-06-01' where account_id = 'bob'"],
        &[RowsFromEvents],
    ),
    fault(
        "a customer's row gone",
        &[
            "delete from cameras where account_id = 'bob'",
            "delete from subscriptions where account_id = 'bob'",
            "delete from accounts where account_id = 'bob'",
        ],
        &[RowsOwned],
    ),
    fault(
        "a payment of no charge",
        &["delete from charges where account_id = 'bob' and attempt = 1 and invoice_id = 'in_bob-s1_1_1'"],
        &[RowsOwned, RowsFromEvents, ProviderCharges],
    ),
    fault("a receipt gone", &["delete from notices where account_id = 'bob' and kind = 'receipt_payment'"], &[NoticesOnce]),
    fault("a price notice gone", &["delete from notices where account_id = 'bob' and kind = 'price_notice'"], &[PriceNoticed]),
    fault("a number left out", &["update number_series set next = next + 1 where series = 'KASA-2026'"], &[NumbersGapless]),
    fault("a number of no series", &["update invoices set number = 'X-1' where account_id = 'bob' and period_no = 1"], &[NumbersGapless]),
    fault("a use too many", &["update promotion_uses set used = used + 1 where code = 'HALF3'"], &[PromotionUses]),
    fault("a code used more often than allowed", &["update promotion_uses set max_uses = 0 where code = 'HALF3'"], &[PromotionUses]),
    fault(
        "a discount that goes on",
        &["update invoices set promotion_code = 'HALF3' where account_id = 'bob'"],
        &[PromotionPeriods, RowsFromEvents],
    ),
];

/// The provider's rows, and ours about it.
pub const PROVIDER: &[Fault] = &[
    fault(
        "captured twice",
        &["insert into sim_charge (reference, charge_id, invoice_id, account_id, story, currency, amount_minor, refunded_minor, \
           disputed_minor, state, code, settled_at) select reference || '_again', charge_id, invoice_id, account_id, story, currency, \
           amount_minor, 0, 0, state, code, settled_at from sim_charge where charge_id = 'ch_bob-s1_1_0_1'"],
        &[ProviderCharges],
    ),
    fault(
        "a capture that nobody asked for",
        &["update sim_charge set charge_id = 'ch_nobody_1' where charge_id = 'ch_bob-s1_1_0_1'"],
        &[ProviderCharges],
    ),
    fault(
        "another amount",
        &["update sim_charge set amount_minor = amount_minor + 1 where charge_id = 'ch_bob-s1_1_0_1'"],
        &[ProviderCharges],
    ),
    fault("another currency", &["update sim_charge set currency = 'EUR' where charge_id = 'ch_bob-s1_1_0_1'"], &[ProviderCharges]),
    fault("never captured", &["update sim_charge set state = 'declined' where charge_id = 'ch_bob-s1_1_0_1'"], &[ProviderCharges]),
    fault(
        "a decline here, a capture there",
        &["update charges set state = 'failed' where charge_id = 'ch_bob-s1_1_0_1'"],
        &[ProviderCharges, RowsFromEvents],
    ),
    fault("a refund of another amount", &["update sim_refund set amount_minor = amount_minor - 1"], &[ProviderRefunds]),
    fault("a refund that the provider never made", &["update sim_refund set refund_id = refund_id || 'x'"], &[ProviderRefunds]),
    fault("more given back than captured", &["update sim_refund set amount_minor = amount_minor + 100000"], &[ProviderRefunds]),
    fault("a refund that failed there", &["update sim_refund set state = 'failed' where state = 'succeeded'"], &[ProviderRefunds]),
    fault("a dispute won here alone", &["update disputes set state = 'won' where account_id = 'cid'"], &[ProviderDisputes, RowsFromEvents]),
    fault("a dispute that is not there", &["update sim_dispute set dispute_id = dispute_id || 'x'"], &[ProviderDisputes]),
];

/// Events that should not have happened, with all rows and hashes forged to fit or not.
pub const EVENTS: &[Fault] = &[
    forged(
        "a period a day too long",
        &["update journal set body = replace(body, '\"end\":\"2026-03-10\"', '\"end\":\"2026-03-11\"') where account_id = 'joy'"],
        &[PeriodsTile],
        &[AuditChain],
    ),
    forged(
        "a period skipped",
        &["update journal set body = replace(body, '\"period_no\":2', '\"period_no\":3') where account_id = 'joy'"],
        &[PeriodsTile, InvoiceOfPeriod],
        &[AuditChain],
    ),
    forged(
        "a change of plan that leaves a gap",
        &["update journal set body = replace(body, '2026-01-15', '2026-02-15') where account_id = 'fay'"],
        &[PeriodsTile],
        &[AuditChain],
    ),
    forged(
        "an invoice at another version",
        &["update journal set body = replace(body, '\"version\":\"v1\",\"list\"', '\"version\":\"v0\",\"list\"') where account_id = 'joy'"],
        &[InvoiceOfPeriod],
        &[AuditChain],
    ),
    forged(
        "a state that cannot follow",
        &["update journal set body = replace(body, '\"activated\"', '\"reinstated\"') where account_id = 'joy'"],
        &[Transitions],
        &[AuditChain],
    ),
    forged(
        "a notice a day too young",
        &[
            "update journal set body = replace(body, 'price_notice_sent.v1\":{\"subscription\":\"bob-s1\",\"version\":\"v2\",\"on\":\"2026-02-09\"', 'price_notice_sent.v1\":{\"subscription\":\"bob-s1\",\"version\":\"v2\",\"on\":\"2026-03-20\"') where account_id = 'bob'",
        ],
        &[PriceNoticed],
        &[AuditChain],
    ),
    forged(
        "reminded twice",
        &[
            "update journal set body = replace(body, '{\"service_ended.v1\"', '{\"reminder_queued.v1\":{\"subscription\":\"ann-s1\",\"renewal_on\":\"2027-01-31\",\"on\":\"2026-06-02\"}},{\"reminder_queued.v1\":{\"subscription\":\"ann-s1\",\"renewal_on\":\"2027-01-31\",\"on\":\"2026-06-02\"}},{\"service_ended.v1\"') where account_id = 'ann'",
        ],
        &[NoticesOnce],
        &[AuditChain],
    ),
];

/// The books of providers, and what they were posted from.
pub const SETTLEMENT: &[Fault] = &[
    fault(
        "a cent on a fee of a provider",
        &["update postings set amount_minor = amount_minor + 1 where account_id = '(simulated)' and leg_no = 1"],
        &[SettlementBooks],
    ),
    fault("a record of a provider's book dropped", &["delete from journal where account_id = '(simulated)'"], &[SettlementBooks]),
    fault("a provider's book dropped", &["delete from settlement_books"], &[SettlementBooks]),
    fault(
        "a fee that was told and not posted",
        &["insert into provider_movements (provider, movement_id, occurred_at, gross_minor, fee_minor, net_minor, line_no, occurred_on, \
           currency, category, raw_category, import_id) select provider, movement_id || 'x', occurred_at, gross_minor, fee_minor, \
           net_minor, line_no, occurred_on, currency, category, raw_category, import_id from provider_movements where movement_id = 'txn_1'"],
        &[SettlementPosted],
    ),
    fault(
        "movements of a second provider",
        &["insert into provider_movements (provider, movement_id, occurred_at, gross_minor, fee_minor, net_minor, line_no, occurred_on, \
           currency, category, raw_category, import_id) select 'paypal', movement_id, occurred_at, gross_minor, 0, \
           gross_minor, line_no, occurred_on, currency, category, raw_category, import_id from provider_movements where movement_id = 'txn_1'"],
        &[SettlementAlone],
    ),
];
