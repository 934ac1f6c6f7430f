-- Reference data: the same for all accounts, read by every decision, written by imports.

-- The seller, and what holds for everybody. One row.
create table settings (
    only_row          integer not null primary key check (only_row = 1),
    free_history_days integer not null,
    seller            text not null
) strict, without rowid;

-- What is for sale.
create table tiers (
    tier         text not null primary key,
    position     integer not null,
    rank         integer not null,
    cameras_max  integer not null,
    history_days integer not null,
    trial_days   integer not null,
    title        text not null,
    covers       text not null check (covers in ('one_camera', 'account'))
) strict, without rowid;

-- Dated price lists (PR), in their order; a version never changes once it is stored.
create table price_versions (
    version        text not null primary key,
    position       integer not null unique,
    effective_from text not null
) strict, without rowid;

create table prices (
    version      text not null references price_versions,
    tier         text not null references tiers,
    cycle        text not null check (cycle in ('monthly', 'annual')),
    currency     text not null,
    position     integer not null,
    amount_minor integer not null check (amount_minor >= 0),
    primary key (version, tier, cycle, currency)
) strict, without rowid;

-- Promotion codes (MO-3) as JSON, and how often each is in use over all accounts.
create table promotions (
    code     text not null primary key,
    position integer not null,
    body     text not null
) strict;

create table promotion_uses (
    code     text not null primary key references promotions,
    used     integer not null check (used >= 0),
    max_uses integer
) strict, without rowid;

-- Versions of the service terms as JSON, in their order; the last is what is sold under. A version never changes once it is stored.
create table terms (
    version  text not null primary key,
    position integer not null unique,
    body     text not null
) strict;

-- Tax rates (MO-2), in billionths, by the first day on which they hold.
create table tax_rates (
    jurisdiction    text not null,
    valid_from      text not null,
    rate_billionths integer not null check (rate_billionths >= 0),
    primary key (jurisdiction, valid_from)
) strict, without rowid;

-- Price versions that are being announced (PR-2): how far the job has got through the accounts.
create table announcements (
    version        text not null primary key references price_versions,
    announced_at   integer not null,
    announced_by   text not null,
    reason         text not null,
    state          text not null check (state in ('open', 'done')),
    cursor_account text not null
) strict, without rowid;

-- How far we have read each provider's list of events.
create table provider_cursors (
    provider text not null primary key,
    cursor   text not null
) strict, without rowid;
