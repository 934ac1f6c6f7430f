-- What billing knows. The account is the unit of consistency: every row of a customer carries the account's id first, and no
-- transaction needs the rows of two accounts to be right. Ids are the natural ones, as text; the ids of documents and attempts are
-- derived from what they are for, so that a key says what must not exist twice (F08).
--
-- Amounts are minor units of the account's currency (`_minor`), instants are microseconds since 1970 in UTC (`_at`), days are days
-- of the account's time zone (`_on`; a period is `[period_start, period_end)`), yes and no are 1 and 0. Enumerations are their
-- stored tags. Keys are compared byte by byte in every locale, as SQLite does. Columns of fixed width come before texts, because
-- in that order a row is smallest.
--
-- Foreign keys stand where rows are few or rarely inserted. The children that a renewal inserts (invoices, charges, journal,
-- postings, notices) have none: one function writes them all, under the lock of their account, a look-up for each row would cost a
-- quarter of a run, and `kasacare check` finds orphans.

-- Customers. The only place of names, addresses and payment tokens: an erasure (PP-2) empties these columns and leaves the books
-- whole. `journal_seq` and `journal_hash` name the last record of the account's journal. Most updates touch no index and stay on
-- their page if that has room.
create table accounts (
    account_id            text collate "C" not null primary key,
    credit_cash_minor     bigint not null check (credit_cash_minor >= 0),
    credit_goodwill_minor bigint not null check (credit_goodwill_minor >= 0),
    carried_minor         bigint not null check (carried_minor >= 0),
    parked_at             bigint,
    journal_seq           integer not null check (journal_seq >= 0),
    method_no             integer,
    trial_used_on         date,
    caught_up_on          date,
    method_expires_on     date,
    method_blocked        smallint not null check (method_blocked in (0, 1)),
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
) with (fillfactor = 80);

-- The operator's list (PV-8).
create index accounts_parked on accounts (account_id) where parked_at is not null;

-- Cameras by their owner. A camera has one owner at a time.
create table cameras (
    account_id text collate "C" not null references accounts,
    camera_id  text collate "C" not null,
    primary key (account_id, camera_id)
);

create unique index cameras_one_owner on cameras (camera_id);

-- Subscriptions, live and closed, with their state spread over columns: those of the plan and the present period, of a trial, of
-- what happens at the period's end (`intent`), and of the end. A closed one keeps no plan: its invoices tell it.
create table subscriptions (
    account_id               text collate "C" not null references accounts,
    subscription_id          text collate "C" not null,
    due_at                   bigint,
    remind_at                bigint,
    term_no                  integer check (term_no >= 1),
    period_no                integer check (period_no >= 0),
    promotion_periods_billed integer,
    anchor_on                date,
    period_start             date,
    period_end               date,
    trial_start              date,
    trial_end                date,
    since_on                 date,
    unpaid_since_on          date,
    closed_on                date,
    cancel_requested_on      date,
    reminded_for             date,
    reminded_on              date,
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
);

-- What the calendar asks for next: trial ends, renewals, deferred changes, ends (CA-2); and renewal reminders (RE-1).
create index subscriptions_due on subscriptions (due_at, account_id) where due_at is not null;
create index subscriptions_remind on subscriptions (remind_at, account_id) where remind_at is not null;
-- The list of who is behind, for operators and for PD-3.
create index subscriptions_past_due on subscriptions (account_id) where state = 'past_due';

-- Price notices of a subscription (PR-2), in the order in which they were written.
create table price_notices (
    account_id      text collate "C" not null,
    subscription_id text collate "C" not null,
    position        integer not null check (position >= 0),
    sent_on         date,
    version         text not null,
    outcome         text not null check (outcome in ('pending', 'applied', 'superseded', 'lapsed')),
    primary key (account_id, subscription_id, position)
);

-- Invoices. What was printed never changes (MO-4): the columns up to `issued_on` are refused in an update; the columns after it
-- are what notes and money have made of the invoice since. The id names subscription, term and period, so the primary key also
-- says that a period has one invoice (F08, I6).
create table invoices (
    account_id            text collate "C" not null,
    invoice_id            text collate "C" not null,
    -- The document.
    list_minor            bigint not null check (list_minor >= 0),
    discount_minor        bigint not null check (discount_minor >= 0),
    invoiced_net_minor    bigint not null check (invoiced_net_minor = list_minor - discount_minor),
    rate_billionths       bigint not null check (rate_billionths >= 0),
    invoiced_tax_minor    bigint not null check (invoiced_tax_minor >= 0),
    term_no               integer not null check (term_no >= 1),
    period_no             integer not null check (period_no >= 0),
    period_start          date not null,
    period_end            date not null check (period_start < period_end),
    issued_on             date not null,
    -- Since then.
    net_minor             bigint not null check (net_minor >= 0),
    tax_minor             bigint not null check (tax_minor >= 0),
    recognised_minor      bigint not null,
    open_minor            bigint not null check (open_minor >= 0),
    captured_minor        bigint not null check (captured_minor >= 0),
    returned_minor        bigint not null check (returned_minor >= 0),
    disputed_minor        bigint not null check (disputed_minor >= 0),
    held_minor            bigint not null check (held_minor >= 0),
    credit_cash_minor     bigint not null check (credit_cash_minor >= 0),
    credit_goodwill_minor bigint not null check (credit_goodwill_minor >= 0),
    written_off_minor     bigint not null check (written_off_minor >= 0),
    recognise_at          bigint,
    attempts              integer not null check (attempts >= 0),
    retries               integer not null check (retries >= 0),
    first_failed_on       date,
    ended_on              date,
    recognised_through    date,
    carried               smallint not null check (carried in (0, 1)),
    pending               smallint not null check (pending in (0, 1)),
    -- Texts of the document.
    number                text collate "C" not null unique,
    subscription_id       text collate "C" not null,
    tier                  text not null,
    cycle                 text not null check (cycle in ('monthly', 'annual')),
    price_version         text not null,
    promotion_code        text,
    jurisdiction          text not null,
    primary key (account_id, invoice_id),
    check (invoice_id = 'in_' || subscription_id || '_' || term_no || '_' || period_no)
);

-- Revenue recognition (RR-1). There is deliberately no index of open invoices: it would make every payment rewrite all the entries
-- of its invoice; who is behind is found by subscriptions_past_due.
create index invoices_recognise on invoices (recognise_at, account_id) where recognise_at is not null;

-- Attempts to collect (PV-1): the intent, committed before the call, and what became of it. The id names invoice and attempt, so
-- the primary key also says that an attempt exists once; the index says that one is under way at a time (F08). The lease belongs
-- to the worker that is calling the provider; its number goes up with each claim and fences off late writers (F10).
create table charges (
    account_id   text collate "C" not null,
    charge_id    text collate "C" not null,
    amount_minor bigint not null check (amount_minor > 0),
    requested_at bigint not null,
    due_at       bigint,
    lease_until  bigint,
    lease_no     integer not null default 0,
    attempt      integer not null check (attempt >= 1),
    method_no    integer not null,
    lookups      integer not null check (lookups >= 0),
    settled_on   date,
    invoice_id   text collate "C" not null,
    purpose      text not null check (purpose in ('period', 'correction')),
    state        text not null check (state in ('requested', 'unknown', 'succeeded', 'failed', 'abandoned')),
    reference    text collate "C",
    code         text,
    lease_owner  text,
    primary key (account_id, charge_id),
    check (charge_id = 'ch_' || substr(invoice_id, 4) || '_' || attempt),
    check ((state in ('requested', 'unknown')) = (due_at is not null))
);

create unique index charges_one_in_flight on charges (account_id, invoice_id) where state in ('requested', 'unknown');
create index charges_due on charges (due_at, account_id) where due_at is not null;
-- Each object of the provider belongs to one attempt (I2), and is found by what the provider calls it.
create unique index charges_reference on charges (reference) where reference is not null;

-- Captured cash, by charge and invoice. What was given back, or asked for, never exceeds it (I4, F56).
create table payments (
    account_id     text collate "C" not null,
    charge_id      text collate "C" not null,
    invoice_id     text collate "C" not null,
    amount_minor   bigint not null check (amount_minor > 0),
    refunded_minor bigint not null check (refunded_minor >= 0 and refunded_minor <= amount_minor),
    disputed_minor bigint not null check (disputed_minor >= 0 and disputed_minor <= amount_minor),
    captured_on    date not null,
    primary key (account_id, charge_id, invoice_id)
);

-- Payouts back to payments (RF-4), with a lease as charges have.
create table refunds (
    account_id   text collate "C" not null,
    refund_id    text collate "C" not null,
    amount_minor bigint not null check (amount_minor > 0),
    requested_at bigint not null,
    due_at       bigint,
    lease_until  bigint,
    lease_no     integer not null default 0,
    lookups      integer not null check (lookups >= 0),
    settled_on   date,
    charge_id    text collate "C" not null,
    invoice_id   text collate "C" not null,
    reason       text not null,
    state        text not null check (state in ('requested', 'unknown', 'succeeded', 'failed', 'abandoned')),
    reference    text collate "C",
    code         text,
    lease_owner  text,
    primary key (account_id, refund_id),
    check ((state in ('requested', 'unknown')) = (due_at is not null))
);

create index refunds_due on refunds (due_at, account_id) where due_at is not null;
create unique index refunds_reference on refunds (reference) where reference is not null;

-- Credit and debit notes (MO-4). Rows never change.
create table notes (
    account_id text collate "C" not null,
    note_id    text collate "C" not null,
    net_minor  bigint not null check (net_minor >= 0),
    tax_minor  bigint not null check (tax_minor >= 0),
    issued_on  date not null,
    number     text collate "C" not null unique,
    invoice_id text collate "C" not null,
    reason     text not null,
    primary key (account_id, note_id)
);

-- Wrong payments and what is done about them (CO).
create table corrections (
    account_id      text collate "C" not null,
    correction_id   text collate "C" not null,
    charged_minor   bigint not null,
    correct_minor   bigint not null,
    open_net_minor  bigint not null,
    open_tax_minor  bigint not null,
    due_at          bigint,
    transaction_on  date not null,
    last_attempt_on date not null,
    invoice_id      text collate "C" not null,
    state           text not null check (state in ('open', 'done', 'waived', 'owed')),
    primary key (account_id, correction_id)
);

create index corrections_due on corrections (due_at, account_id) where due_at is not null;

-- Chargebacks (PD-6), under the provider's ids.
create table disputes (
    account_id   text collate "C" not null,
    dispute_id   text collate "C" not null,
    amount_minor bigint not null check (amount_minor >= 0),
    fee_minor    bigint not null check (fee_minor >= 0),
    opened_on    date not null,
    charge_id    text collate "C" not null,
    state        text not null check (state in ('open', 'won', 'lost')),
    primary key (account_id, dispute_id)
);

-- Promotion codes that an account has used: once each (MO-3), unless the use was given back (LC-3).
create table redemptions (
    account_id      text collate "C" not null,
    code            text collate "C" not null,
    released        smallint not null check (released in (0, 1)),
    subscription_id text collate "C" not null,
    primary key (account_id, code)
);

-- Collection costs that were added to what is owed (PD-4), each with the document that proves it.
create table collection_costs (
    account_id   text collate "C" not null,
    cost_id      text collate "C" not null,
    amount_minor bigint not null check (amount_minor > 0),
    open_minor   bigint not null check (open_minor >= 0 and open_minor <= amount_minor),
    added_on     date not null,
    document     text not null,
    primary key (account_id, cost_id)
);

-- What a person must do.
create table tasks (
    account_id   text collate "C" not null,
    task_id      text collate "C" not null,
    amount_minor bigint,
    opened_on    date not null,
    closed_on    date,
    kind         text not null,
    subject      text not null,
    primary key (account_id, task_id)
);

create index tasks_open on tasks (opened_on, account_id) where closed_on is null;

-- The audit log: one record a decision, with its events and its reasons, chained by hashes per account (I12). `cause` says what the
-- decision was for, and makes it happen once. Names no customer by name: erasures leave it alone.
create table journal (
    account_id   text collate "C" not null,
    seq          integer not null check (seq >= 1),
    posted_at    bigint not null,
    effective_on date not null,
    kind         text not null,
    cause        text collate "C" not null,
    actor        text not null,
    reason       text,
    hash         text not null,
    body         text not null,
    primary key (account_id, seq),
    constraint journal_once_per_cause unique (account_id, cause)
);

-- The books: the legs of the journal's entries, debits positive, credits negative, each entry's sum 0. No index but the key: three
-- legs a renewal would pay for it, and reports as of a date read whole ranges anyway.
create table postings (
    account_id      text collate "C" not null,
    seq             integer not null,
    leg_no          smallint not null check (leg_no >= 1),
    event_no        smallint not null check (event_no >= 0),
    ledger_account  smallint not null,
    effective_on    date not null,
    amount_minor    bigint not null check (amount_minor <> 0),
    currency        text not null,
    subscription_id text collate "C",
    invoice_id      text collate "C",
    primary key (account_id, seq, leg_no)
);

-- Mails to be sent. The id is the kind and the cause, so that each mail exists once per cause (I10). Facts alone: the address is
-- looked up when it is sent.
create table notices (
    account_id      text collate "C" not null,
    notice_id       text collate "C" not null,
    queued_at       bigint not null,
    due_at          bigint,
    sent_at         bigint,
    lease_until     bigint,
    lease_no        integer not null default 0,
    attempts        integer not null default 0 check (attempts >= 0),
    state           text not null check (state in ('queued', 'sent', 'withdrawn', 'failed')),
    kind            text not null,
    subscription_id text collate "C",
    lease_owner     text,
    last_error_code text,
    data            text not null,
    primary key (account_id, notice_id),
    check ((state = 'queued') = (due_at is not null)),
    check ((state = 'sent') = (sent_at is not null))
);

create index notices_due on notices (due_at, account_id) where state = 'queued';

-- The next number of each series of documents. Taken once for a whole chunk, so that numbers have no gaps (MO-4).
create table number_series (
    series text collate "C" not null primary key,
    next   bigint not null check (next >= 1)
);

-- What was decided, booked and printed stays as it is, whoever asks (I12, MO-4).
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'append-only: rows of % may not be changed', tg_table_name;
end;
$$;

create function refuse_document_change() returns trigger language plpgsql as $$
begin
    raise exception 'append-only: what was printed on % may not be changed', tg_table_name;
end;
$$;

create trigger journal_is_append_only before update or delete on journal for each row execute function refuse_change();
create trigger postings_are_append_only before update or delete on postings for each row execute function refuse_change();
create trigger notes_are_append_only before update or delete on notes for each row execute function refuse_change();
create trigger invoices_are_not_deleted before delete on invoices for each row execute function refuse_change();
create trigger invoices_keep_their_document before update of
    account_id, invoice_id, list_minor, discount_minor, invoiced_net_minor, rate_billionths, invoiced_tax_minor, term_no, period_no,
    period_start, period_end, issued_on, number, subscription_id, tier, cycle, price_version, promotion_code, jurisdiction
    on invoices for each row execute function refuse_document_change();

-- SQLite has no truncate.
create trigger journal_is_not_truncated before truncate on journal for each statement execute function refuse_change();
create trigger postings_are_not_truncated before truncate on postings for each statement execute function refuse_change();
create trigger notes_are_not_truncated before truncate on notes for each statement execute function refuse_change();
create trigger invoices_are_not_truncated before truncate on invoices for each statement execute function refuse_change();
