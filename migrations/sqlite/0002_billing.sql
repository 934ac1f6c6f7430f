-- What billing knows. The account is the unit of consistency: every row of a customer carries the account's id first, and no
-- transaction needs the rows of two accounts to be right. Ids are the natural ones, as text; the ids of documents and attempts are
-- derived from what they are for, so that a key says what must not exist twice (F08).
--
-- Amounts are minor units of the account's currency (`_minor`), instants are microseconds since 1970 in UTC (`_at`), days are days
-- of the account's time zone (`_on`; a period is `[period_start, period_end)`), yes and no are 1 and 0. Enumerations are their
-- stored tags. The columns stand in the order that makes rows smallest on PostgreSQL. Tables with narrow rows are stored in their
-- key (`without rowid`).
--
-- Foreign keys stand where rows are few or rarely inserted. The children that a renewal inserts (invoices, charges, journal,
-- postings, notices) have none: one function writes them all, under the lock of their account, a look-up for each row would cost a
-- quarter of a run, and `kasacare check` finds orphans.

-- Customers. The only place of names, addresses and payment tokens: an erasure (PP-2) empties these columns and leaves the books
-- whole. `journal_seq` and `journal_hash` name the last record of the account's journal.
create table accounts (
    account_id            text not null primary key,
    credit_cash_minor     integer not null check (credit_cash_minor >= 0),
    credit_goodwill_minor integer not null check (credit_goodwill_minor >= 0),
    carried_minor         integer not null check (carried_minor >= 0),
    parked_at             integer,
    journal_seq           integer not null check (journal_seq >= 0),
    method_no             integer,
    trial_used_on         text,
    caught_up_on          text,
    method_expires_on     text,
    method_blocked        integer not null check (method_blocked in (0, 1)),
    currency              text not null,
    time_zone             text not null,
    jurisdiction          text not null,
    journal_hash          text not null,
    parked_code           text,
    parked_reason         text,
    method_token          text,
    method_label          text,
    email                 text,
    name                  text,
    check ((method_no is null) = (method_token is null) and (method_no is null) = (method_label is null)),
    check ((parked_at is null) = (parked_code is null) and (parked_at is null) = (parked_reason is null))
) strict;

-- The operator's list (PV-8).
create index accounts_parked on accounts (account_id) where parked_at is not null;

-- Cameras by their owner. A camera has one owner at a time.
create table cameras (
    account_id text not null references accounts,
    camera_id  text not null,
    primary key (account_id, camera_id)
) strict, without rowid;

create unique index cameras_one_owner on cameras (camera_id);

-- Subscriptions, live and closed, with their state spread over columns: those of the plan and the present period, of a trial, of
-- what happens at the period's end (`intent`), and of the end. A closed one keeps no plan: its invoices tell it.
create table subscriptions (
    account_id               text not null references accounts,
    subscription_id          text not null,
    due_at                   integer,
    remind_at                integer,
    term_no                  integer check (term_no >= 1),
    period_no                integer check (period_no >= 0),
    promotion_periods_billed integer,
    anchor_on                text,
    period_start             text,
    period_end               text,
    trial_start              text,
    trial_end                text,
    since_on                 text,
    unpaid_since_on          text,
    closed_on                text,
    cancel_requested_on      text,
    reminded_for             text,
    reminded_on              text,
    state                    text not null check (state in ('free', 'pending', 'trialing', 'active', 'past_due', 'suspended', 'closed')),
    channel                  text not null check (channel in ('direct', 'app_store', 'google_play', 'recurly')),
    terms_version            text not null,
    camera_id                text,
    tier                     text,
    cycle                    text check (cycle in ('monthly', 'annual')),
    price_version            text,
    intent                   text check (intent in ('renews', 'ends', 'changes_to')),
    intent_tier              text,
    intent_cycle             text check (intent_cycle in ('monthly', 'annual')),
    intent_version           text,
    intent_camera            text,
    closed_cause             text,
    promotion_code           text,
    primary key (account_id, subscription_id),
    check ((state in ('pending', 'active', 'past_due', 'suspended')) = (term_no is not null)),
    check ((term_no is null) = (period_end is null)),
    check (period_start < period_end),
    check ((state = 'trialing') = (trial_end is not null)),
    check ((state = 'closed') = (closed_on is not null))
) strict;

-- What the calendar asks for next: trial ends, renewals, deferred changes, ends (CA-2); and renewal reminders (RE-1).
create index subscriptions_due on subscriptions (due_at, account_id) where due_at is not null;
create index subscriptions_remind on subscriptions (remind_at, account_id) where remind_at is not null;
-- The list of who is behind, for operators and for PD-3.
create index subscriptions_past_due on subscriptions (account_id) where state = 'past_due';

-- Price notices of a subscription (PR-2), in the order in which they were written.
create table price_notices (
    account_id      text not null,
    subscription_id text not null,
    position        integer not null check (position >= 0),
    sent_on         text,
    version         text not null,
    outcome         text not null check (outcome in ('pending', 'applied', 'superseded', 'lapsed')),
    primary key (account_id, subscription_id, position)
) strict, without rowid;

-- Invoices. What was printed never changes (MO-4): the columns up to `issued_on` are refused in an update; the columns after it
-- are what notes and money have made of the invoice since. The id names subscription, term and period, so the primary key also
-- says that a period has one invoice (F08, I6).
create table invoices (
    account_id            text not null,
    invoice_id            text not null,
    -- The document.
    list_minor            integer not null check (list_minor >= 0),
    discount_minor        integer not null check (discount_minor >= 0),
    invoiced_net_minor    integer not null check (invoiced_net_minor = list_minor - discount_minor),
    rate_billionths       integer not null check (rate_billionths >= 0),
    invoiced_tax_minor    integer not null check (invoiced_tax_minor >= 0),
    term_no               integer not null check (term_no >= 1),
    period_no             integer not null check (period_no >= 0),
    period_start          text not null,
    period_end            text not null check (period_start < period_end),
    issued_on             text not null,
    -- Since then.
    net_minor             integer not null check (net_minor >= 0),
    tax_minor             integer not null check (tax_minor >= 0),
    recognised_minor      integer not null,
    open_minor            integer not null check (open_minor >= 0),
    captured_minor        integer not null check (captured_minor >= 0),
    returned_minor        integer not null check (returned_minor >= 0),
    disputed_minor        integer not null check (disputed_minor >= 0),
    held_minor            integer not null check (held_minor >= 0),
    credit_cash_minor     integer not null check (credit_cash_minor >= 0),
    credit_goodwill_minor integer not null check (credit_goodwill_minor >= 0),
    written_off_minor     integer not null check (written_off_minor >= 0),
    recognise_at          integer,
    attempts              integer not null check (attempts >= 0),
    retries               integer not null check (retries >= 0),
    first_failed_on       text,
    ended_on              text,
    recognised_through    text,
    carried               integer not null check (carried in (0, 1)),
    pending               integer not null check (pending in (0, 1)),
    -- Texts of the document.
    number                text not null unique,
    subscription_id       text not null,
    tier                  text not null,
    cycle                 text not null check (cycle in ('monthly', 'annual')),
    price_version         text not null,
    promotion_code        text,
    jurisdiction          text not null,
    primary key (account_id, invoice_id),
    check (invoice_id = 'in_' || subscription_id || '_' || term_no || '_' || period_no)
) strict;

-- Revenue recognition (RR-1). There is deliberately no index of open invoices: it would make every payment rewrite all the entries
-- of its invoice; who is behind is found by subscriptions_past_due.
create index invoices_recognise on invoices (recognise_at, account_id) where recognise_at is not null;

-- Attempts to collect (PV-1): the intent, committed before the call, and what became of it. The id names invoice and attempt, so
-- the primary key also says that an attempt exists once; the index says that one is under way at a time (F08). The lease belongs
-- to the worker that is calling the provider; its number goes up with each claim and fences off late writers (F10).
create table charges (
    account_id   text not null,
    charge_id    text not null,
    amount_minor integer not null check (amount_minor > 0),
    requested_at integer not null,
    due_at       integer,
    lease_until  integer,
    lease_no     integer not null default 0,
    attempt      integer not null check (attempt >= 1),
    method_no    integer not null,
    lookups      integer not null check (lookups >= 0),
    settled_on   text,
    invoice_id   text not null,
    purpose      text not null check (purpose in ('period', 'correction')),
    state        text not null check (state in ('requested', 'unknown', 'succeeded', 'failed', 'abandoned')),
    reference    text,
    code         text,
    lease_owner  text,
    primary key (account_id, charge_id),
    check (charge_id = 'ch_' || substr(invoice_id, 4) || '_' || attempt),
    check ((state in ('requested', 'unknown')) = (due_at is not null))
) strict;

create unique index charges_one_in_flight on charges (account_id, invoice_id) where state in ('requested', 'unknown');
create index charges_due on charges (due_at, account_id) where due_at is not null;
-- Each object of the provider belongs to one attempt (I2), and is found by what the provider calls it.
create unique index charges_reference on charges (reference) where reference is not null;

-- Captured cash, by charge and invoice. What was given back, or asked for, never exceeds it (I4, F56).
create table payments (
    account_id     text not null,
    charge_id      text not null,
    invoice_id     text not null,
    amount_minor   integer not null check (amount_minor > 0),
    refunded_minor integer not null check (refunded_minor >= 0 and refunded_minor <= amount_minor),
    disputed_minor integer not null check (disputed_minor >= 0 and disputed_minor <= amount_minor),
    captured_on    text not null,
    primary key (account_id, charge_id, invoice_id)
) strict, without rowid;

-- Payouts back to payments (RF-4), with a lease as charges have.
create table refunds (
    account_id   text not null,
    refund_id    text not null,
    amount_minor integer not null check (amount_minor > 0),
    requested_at integer not null,
    due_at       integer,
    lease_until  integer,
    lease_no     integer not null default 0,
    lookups      integer not null check (lookups >= 0),
    settled_on   text,
    charge_id    text not null,
    invoice_id   text not null,
    reason       text not null,
    state        text not null check (state in ('requested', 'unknown', 'succeeded', 'failed', 'abandoned')),
    reference    text,
    code         text,
    lease_owner  text,
    primary key (account_id, refund_id),
    check ((state in ('requested', 'unknown')) = (due_at is not null))
) strict;

create index refunds_due on refunds (due_at, account_id) where due_at is not null;
create unique index refunds_reference on refunds (reference) where reference is not null;

-- Credit and debit notes (MO-4). Rows never change.
create table notes (
    account_id text not null,
    note_id    text not null,
    net_minor  integer not null check (net_minor >= 0),
    tax_minor  integer not null check (tax_minor >= 0),
    issued_on  text not null,
    number     text not null unique,
    invoice_id text not null,
    reason     text not null,
    primary key (account_id, note_id)
) strict, without rowid;

-- Wrong payments and what is done about them (CO).
create table corrections (
    account_id      text not null,
    correction_id   text not null,
    charged_minor   integer not null,
    correct_minor   integer not null,
    open_net_minor  integer not null,
    open_tax_minor  integer not null,
    due_at          integer,
    transaction_on  text not null,
    last_attempt_on text not null,
    invoice_id      text not null,
    state           text not null check (state in ('open', 'done', 'waived', 'owed')),
    primary key (account_id, correction_id)
) strict, without rowid;

create index corrections_due on corrections (due_at, account_id) where due_at is not null;

-- Chargebacks (PD-6), under the provider's ids.
create table disputes (
    account_id   text not null,
    dispute_id   text not null,
    amount_minor integer not null check (amount_minor >= 0),
    fee_minor    integer not null check (fee_minor >= 0),
    opened_on    text not null,
    charge_id    text not null,
    state        text not null check (state in ('open', 'won', 'lost')),
    primary key (account_id, dispute_id)
) strict, without rowid;

-- Promotion codes that an account has used: once each (MO-3), unless the use was given back (LC-3).
create table redemptions (
    account_id      text not null,
    code            text not null,
    released        integer not null check (released in (0, 1)),
    subscription_id text not null,
    primary key (account_id, code)
) strict, without rowid;

-- Collection costs that were added to what is owed (PD-4), each with the document that proves it.
create table collection_costs (
    account_id   text not null,
    cost_id      text not null,
    amount_minor integer not null check (amount_minor > 0),
    open_minor   integer not null check (open_minor >= 0 and open_minor <= amount_minor),
    added_on     text not null,
    document     text not null,
    primary key (account_id, cost_id)
) strict, without rowid;

-- What a person must do.
create table tasks (
    account_id   text not null,
    task_id      text not null,
    amount_minor integer,
    opened_on    text not null,
    closed_on    text,
    kind         text not null,
    subject      text not null,
    primary key (account_id, task_id)
) strict;

create index tasks_open on tasks (opened_on, account_id) where closed_on is null;

-- The audit log: one record a decision, with its events and its reasons, chained by hashes per account (I12). `cause` says what the
-- decision was for, and makes it happen once. Names no customer by name: erasures leave it alone.
create table journal (
    account_id   text not null,
    seq          integer not null check (seq >= 1),
    posted_at    integer not null,
    effective_on text not null,
    kind         text not null,
    cause        text not null,
    actor        text not null,
    reason       text,
    hash         text not null,
    body         text not null,
    primary key (account_id, seq),
    unique (account_id, cause)
) strict;

-- The books: the legs of the journal's entries, debits positive, credits negative, each entry's sum 0. No index but the key: three
-- legs a renewal would pay for it, and reports as of a date read whole ranges anyway.
create table postings (
    account_id      text not null,
    seq             integer not null,
    leg_no          integer not null check (leg_no >= 1),
    event_no        integer not null check (event_no >= 0),
    ledger_account  integer not null,
    effective_on    text not null,
    amount_minor    integer not null check (amount_minor <> 0),
    currency        text not null,
    subscription_id text,
    invoice_id      text,
    primary key (account_id, seq, leg_no)
) strict, without rowid;

-- Mails to be sent. The id is the kind and the cause, so that each mail exists once per cause (I10). Facts alone: the address is
-- looked up when it is sent.
create table notices (
    account_id      text not null,
    notice_id       text not null,
    queued_at       integer not null,
    due_at          integer,
    sent_at         integer,
    lease_until     integer,
    lease_no        integer not null default 0,
    attempts        integer not null default 0 check (attempts >= 0),
    state           text not null check (state in ('queued', 'sent', 'withdrawn', 'failed')),
    kind            text not null,
    subscription_id text,
    lease_owner     text,
    last_error_code text,
    data            text not null,
    primary key (account_id, notice_id),
    check ((state = 'queued') = (due_at is not null)),
    check ((state = 'sent') = (sent_at is not null))
) strict;

create index notices_due on notices (due_at, account_id) where state = 'queued';

-- The next number of each series of documents. Taken once for a whole chunk, so that numbers have no gaps (MO-4).
create table number_series (
    series text not null primary key,
    next   integer not null check (next >= 1)
) strict, without rowid;

-- What was decided, booked and printed stays as it is, whoever asks (I12, MO-4).
create trigger journal_refuses_update before update on journal begin
    select raise(abort, 'append-only: rows of journal may not be changed');
end;
create trigger journal_refuses_delete before delete on journal begin
    select raise(abort, 'append-only: rows of journal may not be changed');
end;
create trigger postings_refuses_update before update on postings begin
    select raise(abort, 'append-only: rows of postings may not be changed');
end;
create trigger postings_refuses_delete before delete on postings begin
    select raise(abort, 'append-only: rows of postings may not be changed');
end;
create trigger notes_refuses_update before update on notes begin
    select raise(abort, 'append-only: rows of notes may not be changed');
end;
create trigger notes_refuses_delete before delete on notes begin
    select raise(abort, 'append-only: rows of notes may not be changed');
end;
create trigger invoices_refuses_delete before delete on invoices begin
    select raise(abort, 'append-only: rows of invoices may not be changed');
end;
create trigger invoices_keep_their_document before update of
    account_id, invoice_id, list_minor, discount_minor, invoiced_net_minor, rate_billionths, invoiced_tax_minor, term_no, period_no,
    period_start, period_end, issued_on, number, subscription_id, tier, cycle, price_version, promotion_code, jurisdiction
on invoices begin
    select raise(abort, 'append-only: what was printed on invoices may not be changed');
end;
