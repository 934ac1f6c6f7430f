-- What providers sent us, as they sent it: stored once by the provider's id of the event, answered, and only then read (PV-3).
-- `state`: `new` waits to be processed, at `due_at`; `done` had its effect, or needs none (`outcome` says which); `quarantined`
-- waits for a person, who has it tried again or discards it (PV-4). `body` is the text that was signed, or, where that is no text,
-- its bytes in hexadecimal digits (`encoding`). `kind`, `occurred_at` and `object_id` are the provider's words.
create table inbox (
    provider     text not null,
    event_id     text not null,
    kind         text not null,
    source       text not null check (source in ('webhook', 'poll')),
    received_at  integer not null,
    due_at       integer,
    occurred_at  integer,
    processed_at integer,
    tries        integer not null default 0 check (tries >= 0),
    live         integer check (live in (0, 1)),
    state        text not null default 'new' check (state in ('new', 'done', 'quarantined', 'discarded')),
    encoding     text not null check (encoding in ('utf8', 'hex')),
    outcome      text,
    reason       text,
    actor        text,
    object_id    text,
    account_id   text,
    body         text not null,
    primary key (provider, event_id),
    check ((state = 'new') = (due_at is not null))
) strict;

create index inbox_due on inbox (due_at) where due_at is not null;
create index inbox_quarantined on inbox (received_at) where state = 'quarantined';
create index inbox_received on inbox (received_at);

-- The card networks tell of new expiry dates by the provider's id of the payment method (PD-2).
create index accounts_method_token on accounts (method_token) where method_token is not null;
