-- The simulated payment provider. These tables are not ours but "theirs": the provider writes them in transactions of its own,
-- and nothing else reads them but checks that compare the two sides. Instants are microseconds, amounts are minor units.
-- Ids and keys are compared byte by byte in every locale, as SQLite does.

-- The seed and the rates. What is missing has its default.
create table sim_settings (
    name  text collate "C" not null primary key,
    value bigint           not null
);

-- `event` is the number of the last event, `due` how often something that was due was made to happen. Who changes one holds its
-- lock until the end of the transaction, which is what they are for.
create table sim_counter (
    name  text collate "C" not null primary key,
    value bigint           not null
);

insert into sim_counter (name, value) values ('event', 0), ('due', 0);

-- Idempotency keys: the answer to the first request with each. `body` is a digest of what was asked.
create table sim_request (
    key         text collate "C" not null primary key,
    body        text             not null,
    -- 'lost' stands for requests that never arrived: the provider does not know them, but they are counted.
    reply       text             not null check (reply in ('succeeded', 'pending', 'declined', 'server_error', 'lost')),
    code        text,
    reference   text collate "C",
    lost        bigint           not null,
    received_at bigint           not null
);

-- Keys are forgotten when their window is over.
create index sim_request_by_age on sim_request (received_at);

-- What happened on payment methods whose behaviour depends on it; `method` is a digest of the token.
create table sim_method (
    method   text collate "C" not null primary key,
    attempts bigint           not null,
    captures bigint           not null
);

create table sim_charge (
    reference      text collate "C" not null primary key,
    -- Ours, as the provider was told them: what stays when the key is forgotten.
    charge_id      text collate "C" not null,
    invoice_id     text collate "C" not null,
    account_id     text collate "C" not null,
    -- The payment method's token without what tells it apart: how refunds and disputes will go.
    story          text             not null,
    currency       text             not null,
    amount_minor   bigint           not null check (amount_minor > 0),
    -- Refunds that succeeded or are on their way.
    refunded_minor bigint           not null check (refunded_minor >= 0),
    -- Disputes that are open or lost.
    disputed_minor bigint           not null check (disputed_minor >= 0),
    state          text             not null check (state in ('pending', 'captured', 'declined')),
    code           text,
    settled_at     bigint,
    check (refunded_minor + disputed_minor <= amount_minor)
);

create index sim_charge_by_our_id on sim_charge (charge_id);

create table sim_refund (
    reference        text collate "C" not null primary key,
    -- Ours.
    refund_id        text collate "C" not null,
    charge_reference text collate "C" not null references sim_charge (reference),
    amount_minor     bigint           not null check (amount_minor > 0),
    state            text             not null check (state in ('pending', 'succeeded', 'failed')),
    code             text,
    settled_at       bigint
);

create index sim_refund_by_our_id on sim_refund (refund_id);

create table sim_dispute (
    dispute_id       text collate "C" not null primary key,
    charge_reference text collate "C" not null references sim_charge (reference),
    amount_minor     bigint           not null check (amount_minor > 0),
    fee_minor        bigint           not null check (fee_minor >= 0),
    state            text             not null check (state in ('open', 'won', 'lost')),
    opened_at        bigint           not null
);

create index sim_dispute_by_charge on sim_dispute (charge_reference);

-- What will happen by itself once the time has come.
create table sim_due (
    kind             text collate "C" not null,
    -- The provider's id of the charge, refund or dispute.
    subject          text collate "C" not null,
    charge_reference text collate "C" not null,
    due_at           bigint           not null,
    primary key (kind, subject)
);

create index sim_due_by_time on sim_due (due_at);

create table sim_event (
    seq              bigint           not null primary key,
    kind             text collate "C" not null,
    -- The provider's id of the refund or dispute; none if it is about the charge itself.
    subject          text collate "C",
    charge_reference text collate "C" not null,
    happened_at      bigint           not null
);
