-- When a call was first sent: the age of its idempotency key (F03, I14). Empty while it was never sent, and in rows that were sent
-- before this column was there; for those the day of the intent counts.
alter table charges add column first_sent_at bigint;
alter table refunds add column first_sent_at bigint;

-- What of a recharged cost was given up (PD-4).
alter table collection_costs add column written_off_minor bigint not null default 0 check (written_off_minor >= 0);

-- What a provider told and the account could not take: kept and tried again, in its order, when the account is released (PV-4).
create table kept_facts (
    account_id text collate "C" not null,
    event_id   text collate "C" not null,
    kept_at    bigint not null,
    position   integer not null check (position >= 0),
    fact       text not null,
    reason     text not null,
    primary key (account_id, event_id)
);
