//! Faults in what was promised: documents that say something else than catalog and tax table, days and instants that cannot be, work
//! that nobody does, and mails that go with nothing.

use kasacare::reports::check::Check;

use super::faults::{Fault, fault, forged};

use Check::{
    AuditChain, BooksFromEvents, ClearingEmpty, DueFromState, EntryBalanced, EntryForm, InvoiceArithmetic, NoticesOnce, NumbersGapless,
    ParkedWatched, ProviderEvents, RecordDates, RowsFromEvents, SettledInTime, WriteOffTax,
};

/// What documents say.
pub const DOCUMENTS: &[Fault] = &[
    fault(
        "a code that gave something else",
        &["update promotions set body = replace(body, '\"0.5\"', '\"0.4\"') where code = 'HALF3'"],
        &[InvoiceArithmetic],
    ),
    fault(
        "a tax rate that was another one",
        &["update tax_rates set rate_billionths = 90000000 where jurisdiction = 'US-CA'"],
        &[InvoiceArithmetic],
    ),
    fault(
        "an invoice of another year than its number",
        &["update invoices set issued_on = '2025-12-31' where account_id = 'bob' and period_no = 0"],
        &[NumbersGapless, RowsFromEvents],
    ),
    forged(
        "a write-off that leaves the tax with the state",
        &[
            "update journal set body = replace(body, '\"net\":\"9.99 USD\",\"tax\":\"0.82 USD\"}', '\"net\":\"10.81 USD\",\"tax\":\"0.00 USD\"}') where account_id = 'wes'",
            "update postings set amount_minor = 1081 where account_id = 'wes' and ledger_account = 5200",
            "delete from postings where account_id = 'wes' and ledger_account = 2200 \
             and seq = (select p.seq from postings p where p.account_id = 'wes' and p.ledger_account = 5200)",
            "update postings set leg_no = 2 where account_id = 'wes' and leg_no = 3 \
             and seq = (select p.seq from postings p where p.account_id = 'wes' and p.ledger_account = 5200)",
        ],
        &[WriteOffTax],
        &[AuditChain, EntryBalanced, EntryForm, BooksFromEvents, RowsFromEvents],
    ),
];

/// When things were done, and what is not done.
pub const TIMES: &[Fault] = &[
    forged(
        "an invoice booked in another month",
        &[
            "update journal set effective_on = '2026-02-10' where account_id = 'bob' and seq = 2",
            "update postings set effective_on = '2026-02-10' where account_id = 'bob' and seq = 2",
        ],
        &[RecordDates],
        &[AuditChain, EntryForm, BooksFromEvents],
    ),
    forged(
        "a record a year before the one that it follows",
        &["update journal set posted_at = posted_at - 31536000000000 where account_id = 'bob' and seq = 3"],
        &[RecordDates],
        &[AuditChain],
    ),
    forged(
        "revenue of a day through which nothing was recognised",
        &[
            "update journal set effective_on = '2026-02-20' where account_id = 'won' and kind = 'recognise'",
            "update postings set effective_on = '2026-02-20' where account_id = 'won' \
             and seq in (select j.seq from journal j where j.account_id = 'won' and j.kind = 'recognise')",
        ],
        &[RecordDates],
        &[AuditChain, EntryForm],
    ),
    fault(
        "a mail that nobody sends",
        &["update notices set state = 'queued', sent_at = null, due_at = 1 where account_id = 'bob' and kind = 'receipt_payment'"],
        &[SettledInTime],
    ),
    fault("a renewal that nobody makes", &["update subscriptions set due_at = 1 where account_id = 'bob'"], &[SettledInTime, DueFromState]),
    fault("news that nobody has told", &["update provider_cursors set cursor = '99999'"], &[ProviderEvents]),
    fault("a cursor that is no number", &["update provider_cursors set cursor = 'x'"], &[ProviderEvents]),
    fault(
        "an account parked behind everybody's back",
        &["update accounts set parked_at = 1, parked_code = 'x', parked_reason = 'y' where account_id = 'bob'"],
        &[ParkedWatched, RowsFromEvents],
    ),
    fault(
        "a dispute that is never decided",
        &["update postings set effective_on = '2026-01-01' where account_id = 'cid' and ledger_account = 1210"],
        &[ClearingEmpty, EntryForm, AuditChain],
    ),
];

/// What customers were told.
pub const MAILS: &[Fault] = &[
    fault("a reminder gone", &["delete from notices where account_id = 'rem' and kind = 'renewal_reminder'"], &[NoticesOnce]),
    fault(
        "a reminder withdrawn for nothing",
        &["update notices set state = 'withdrawn', sent_at = null where account_id = 'rem' and kind = 'renewal_reminder'"],
        &[NoticesOnce],
    ),
    fault(
        "a reminder of another day",
        &["update notices set notice_id = 'renewal_reminder_rem-s1_2026-12-24' where account_id = 'rem' and kind = 'renewal_reminder'"],
        &[NoticesOnce],
    ),
    fault(
        "a receipt twice",
        &["insert into notices (account_id, notice_id, queued_at, sent_at, state, kind, subscription_id, data) \
           select account_id, notice_id || '_2', queued_at, sent_at, state, kind, subscription_id, data from notices \
           where account_id = 'ann' and kind = 'receipt_refund'"],
        &[NoticesOnce],
    ),
    fault(
        "a price notice twice",
        &["insert into notices (account_id, notice_id, queued_at, sent_at, state, kind, subscription_id, data) \
           select account_id, notice_id || '~1', queued_at, sent_at, state, kind, subscription_id, data from notices \
           where account_id = 'bob' and kind = 'price_notice'"],
        &[NoticesOnce],
    ),
    fault(
        "a receipt of another amount",
        &["update notices set data = replace(data, '\"charged_minor\":1081', '\"charged_minor\":1801') where account_id = 'eve'"],
        &[NoticesOnce],
    ),
    fault(
        "a refund's receipt of another amount",
        &["update notices set data = replace(data, '\"refund_minor\":7176', '\"refund_minor\":7167') where account_id = 'ann'"],
        &[NoticesOnce],
    ),
    fault(
        "a receipt withdrawn",
        &["update notices set state = 'withdrawn', sent_at = null where account_id = 'eve' and kind = 'receipt_payment'"],
        &[NoticesOnce],
    ),
    fault(
        "a confirmation of nothing",
        &["update notices set notice_id = 'cancellation_confirmed_ann-s1_1' where account_id = 'ann' and kind = 'cancellation_confirmed'"],
        &[NoticesOnce],
    ),
];
