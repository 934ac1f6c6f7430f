-- The provider's side of the money (RC): what payment providers, stores and banks say has moved, as files or answers of theirs told it.
-- Nothing in here is ours: rows are stored as they came, once under the name that their author gave them, and never change.
-- Amounts are minor units, instants are microseconds, dates are UTC.

-- Files that were taken, each whole or not at all. `digest` is SHA-256 of the bytes: the same file again changes nothing. What a
-- provider's interface told is an import, too; its digest is then that of the rows.
create table settlement_imports (
    import_id   text collate "C" not null primary key,
    imported_at bigint not null,
    rows_read   bigint not null check (rows_read >= 0),
    rows_new    bigint not null check (rows_new >= 0),
    provider    text not null,
    source      text not null,
    name        text not null,
    digest      text collate "C" not null unique,
    actor       text not null
);

-- Movements on the balance that a provider keeps for us. `gross` is signed from our side (a payment is positive, a refund or a payout
-- negative), `net` is what the balance changed by, and `gross - fee = net`. `reference` is the provider's id of the payment, refund
-- or dispute; `parent_reference` of what that belongs to; `our_reference` our own id, where the provider gives it back.
create table provider_movements (
    provider         text collate "C" not null,
    movement_id      text collate "C" not null,
    occurred_at      bigint not null,
    gross_minor      bigint not null,
    fee_minor        bigint not null,
    net_minor        bigint not null,
    line_no          bigint not null,
    occurred_on      date not null,
    available_on     date,
    currency         text not null,
    category         text not null,
    raw_category     text not null,
    reference        text collate "C",
    parent_reference text collate "C",
    our_reference    text collate "C",
    import_id        text collate "C" not null,
    primary key (provider, movement_id)
);

-- Movements that are payouts themselves, by the payout: two files may tell of one under two ids.
create index provider_movements_sent on provider_movements (provider, reference) where category in ('payout', 'payout_failure');

-- What one import brought.
create index provider_movements_import on provider_movements (import_id);

-- Which payout a movement was in: often known later than the movement.
create table payout_lines (
    provider    text collate "C" not null,
    movement_id text collate "C" not null,
    payout_id   text collate "C" not null,
    import_id   text collate "C" not null,
    primary key (provider, movement_id)
);

create index payout_lines_payout on payout_lines (provider, payout_id);

-- Payouts: what a provider says it has sent to the bank. A `derived` one is the sum of its lines, because its provider states no total.
create table provider_payouts (
    provider      text collate "C" not null,
    payout_id     text collate "C" not null,
    amount_minor  bigint not null,
    sent_on       date not null,
    arrives_on    date not null,
    currency      text not null,
    amount_from   text not null check (amount_from in ('stated', 'derived')),
    bank_reference text,
    import_id     text collate "C" not null,
    primary key (provider, payout_id)
);

-- Lines of our bank accounts, credits positive. `provider` is who sent or took it, as far as the line's text names somebody whom we
-- know; other lines are kept without their text, which may name people, and are nobody's break.
create table bank_lines (
    bank_account text collate "C" not null,
    line_id      text collate "C" not null,
    amount_minor bigint not null check (amount_minor <> 0),
    booked_on    date not null,
    currency     text not null,
    provider     text,
    reference    text,
    import_id    text collate "C" not null,
    primary key (bank_account, line_id)
);

create index bank_lines_day on bank_lines (booked_on);

-- Totals of sales that a store tells without naming a single one (Apple): by day of the store, product, country and price.
create table store_totals (
    provider          text collate "C" not null,
    total_id          text collate "C" not null,
    quantity          bigint not null,
    share_minor       bigint not null,
    customer_minor    bigint not null,
    first_on          date not null,
    last_on           date not null,
    kind              text not null check (kind in ('sale', 'return')),
    product           text not null,
    country           text not null,
    share_currency    text not null,
    customer_currency text not null,
    import_id         text collate "C" not null,
    primary key (provider, total_id)
);

-- The books of what happens between providers, banks and us, one a provider: its id has parentheses, which no customer's has. Its
-- records stand in `journal` and `postings` like those of customers; here is where its journal ends. Who posts locks the row.
create table settlement_books (
    book_id      text collate "C" not null primary key,
    journal_seq  bigint not null check (journal_seq >= 0),
    journal_hash text not null
);

-- Runs of the reconciliation, as they were shown: with the digests of what they compared, and never changed (RC-3).
create table reconciliation_runs (
    run_id     text collate "C" not null primary key,
    started_at bigint not null,
    breaks     bigint not null check (breaks >= 0),
    through_on date not null,
    provider   text not null,
    digest     text not null,
    actor      text not null,
    body       text not null
);

-- Differences between our books, the providers' movements, their payouts and the bank, one for each thing that differs: its id follows from
-- what it is about, so that it is the same in every run. `amount_minor` is ours less theirs; `aside_minor` is what waits on 1290 for it.
create table breaks (
    break_id     text collate "C" not null primary key,
    amount_minor bigint not null,
    aside_minor  bigint not null,
    since_on     date not null,
    provider     text not null,
    subject      text not null,
    kind         text not null,
    state        text not null check (state in ('open', 'explained', 'resolved', 'written_off')),
    currency     text not null,
    account_id   text,
    our_id       text,
    their_id     text,
    proposal     text not null,
    owner        text,
    reason       text,
    first_run    text not null,
    last_run     text not null
);

create index breaks_by_state on breaks (provider, state);

-- What was done about them, and by whom.
create table break_acts (
    break_id    text collate "C" not null,
    act_no      bigint not null check (act_no >= 1),
    acted_at    bigint not null,
    act         text not null,
    actor       text not null,
    approved_by text,
    reason      text,
    primary key (break_id, act_no)
);

-- Payouts that the bank has, or has given back, each with its line. Several payouts may be one line, where a person has confirmed it.
create table payout_receipts (
    provider     text collate "C" not null,
    payout_id    text collate "C" not null,
    what         text collate "C" not null check (what in ('received', 'returned')),
    matched_at   bigint not null,
    bank_account text collate "C" not null,
    line_id      text collate "C" not null,
    matched_by   text not null,
    primary key (provider, payout_id, what)
);

create index payout_receipts_line on payout_receipts (bank_account, line_id);

-- What they said, and what was done about it, stays as it was (I12).
create trigger settlement_imports_are_append_only before update or delete on settlement_imports for each row execute function refuse_change();
create trigger provider_movements_are_append_only before update or delete on provider_movements for each row execute function refuse_change();
create trigger provider_payouts_are_append_only before update or delete on provider_payouts for each row execute function refuse_change();
create trigger bank_lines_are_append_only before update or delete on bank_lines for each row execute function refuse_change();
create trigger payout_lines_are_append_only before update or delete on payout_lines for each row execute function refuse_change();
create trigger reconciliation_runs_are_append_only before update or delete on reconciliation_runs for each row execute function refuse_change();
create trigger break_acts_are_append_only before update or delete on break_acts for each row execute function refuse_change();
create trigger payout_receipts_are_append_only before update or delete on payout_receipts for each row execute function refuse_change();
create trigger store_totals_are_append_only before update or delete on store_totals for each row execute function refuse_change();

-- SQLite has no truncate.
create trigger settlement_imports_are_not_truncated before truncate on settlement_imports for each statement execute function refuse_change();
create trigger provider_movements_are_not_truncated before truncate on provider_movements for each statement execute function refuse_change();
create trigger provider_payouts_are_not_truncated before truncate on provider_payouts for each statement execute function refuse_change();
create trigger bank_lines_are_not_truncated before truncate on bank_lines for each statement execute function refuse_change();
create trigger store_totals_are_not_truncated before truncate on store_totals for each statement execute function refuse_change();
create trigger payout_lines_are_not_truncated before truncate on payout_lines for each statement execute function refuse_change();
create trigger reconciliation_runs_are_not_truncated before truncate on reconciliation_runs for each statement execute function refuse_change();
create trigger break_acts_are_not_truncated before truncate on break_acts for each statement execute function refuse_change();
create trigger payout_receipts_are_not_truncated before truncate on payout_receipts for each statement execute function refuse_change();
