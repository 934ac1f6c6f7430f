-- Reference data: the same for all accounts, read by every decision, written by imports.

-- The seller, and what holds for everybody. One row.
create table settings (
    only_row          smallint not null primary key check (only_row = 1),
    free_history_days integer not null,
    seller            text not null
);

-- What is for sale.
create table tiers (
    tier         text collate "C" not null primary key,
    position     integer not null,
    rank         integer not null,
    cameras_max  integer not null,
    history_days integer not null,
    trial_days   integer not null,
    title        text not null,
    covers       text not null check (covers in ('one_camera', 'account'))
);

-- Dated price lists (PR), in their order; a version never changes once it is stored.
create table price_versions (
    version        text collate "C" not null primary key,
    position       integer not null unique,
    effective_from date not null
);

create table prices (
    version      text collate "C" not null references price_versions,
    tier         text collate "C" not null references tiers,
    cycle        text collate "C" not null check (cycle in ('monthly', 'annual')),
    currency     text collate "C" not null,
    position     integer not null,
    amount_minor bigint not null check (amount_minor >= 0),
    primary key (version, tier, cycle, currency)
);

-- Promotion codes (MO-3) as JSON, and how often each is in use over all accounts.
create table promotions (
    code     text collate "C" not null primary key,
    position integer not null,
    body     text not null
);

create table promotion_uses (
    code     text collate "C" not null primary key references promotions,
    used     bigint not null check (used >= 0),
    max_uses bigint
);

-- Versions of the service terms as JSON, in their order; the last is what is sold under. A version never changes once it is stored.
create table terms (
    version  text collate "C" not null primary key,
    position integer not null unique,
    body     text not null
);

-- Tax rates (MO-2), in billionths, by the first day on which they hold.
create table tax_rates (
    jurisdiction    text collate "C" not null,
    valid_from      date not null,
    rate_billionths bigint not null check (rate_billionths >= 0),
    primary key (jurisdiction, valid_from)
);

-- Price versions that are being announced (PR-2): how far the job has got through the accounts.
create table announcements (
    version        text collate "C" not null primary key references price_versions,
    announced_at   bigint not null,
    announced_by   text not null,
    reason         text not null,
    state          text not null check (state in ('open', 'done')),
    cursor_account text collate "C" not null
);

-- How far we have read each provider's list of events.
create table provider_cursors (
    provider text collate "C" not null primary key,
    cursor   text not null
);
