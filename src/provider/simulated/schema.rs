//! The simulated provider's own tables, and every statement on them.

use crate::store::db::{Column, Table};

/// Seed and rates, one a row.
pub(super) const SIM_SETTINGS: Table =
    Table { name: "sim_settings", columns: &[Column::text("name"), Column::int("value")], key: &["name"] };

/// Idempotency keys with the answers that are kept for them.
pub(super) const SIM_REQUEST: Table = Table {
    name: "sim_request",
    columns: &[
        Column::text("key"),
        Column::text("body"),
        Column::text("reply"),
        Column::text("code"),
        Column::text("reference"),
        Column::int("lost"),
        Column::int("received_at"),
    ],
    key: &["key"],
};

/// What was counted on payment methods whose story counts.
pub(super) const SIM_METHOD: Table =
    Table { name: "sim_method", columns: &[Column::text("method"), Column::int("attempts"), Column::int("captures")], key: &["method"] };

/// Charges.
pub(super) const SIM_CHARGE: Table = Table {
    name: "sim_charge",
    columns: &[
        Column::text("reference"),
        Column::text("charge_id"),
        Column::text("invoice_id"),
        Column::text("account_id"),
        Column::text("story"),
        Column::text("currency"),
        Column::int("amount_minor"),
        Column::int("refunded_minor"),
        Column::int("disputed_minor"),
        Column::text("state"),
        Column::text("code"),
        Column::int("settled_at"),
    ],
    key: &["reference"],
};

/// What can change about a charge, after its key.
pub(super) const SIM_CHARGE_CHANGES: &[&str] = &["reference", "refunded_minor", "disputed_minor", "state", "code", "settled_at"];

/// Refunds.
pub(super) const SIM_REFUND: Table = Table {
    name: "sim_refund",
    columns: &[
        Column::text("reference"),
        Column::text("refund_id"),
        Column::text("charge_reference"),
        Column::int("amount_minor"),
        Column::text("state"),
        Column::text("code"),
        Column::int("settled_at"),
    ],
    key: &["reference"],
};

/// What can change about a refund, after its key.
pub(super) const SIM_REFUND_CHANGES: &[&str] = &["reference", "state", "code", "settled_at"];

/// Disputes.
pub(super) const SIM_DISPUTE: Table = Table {
    name: "sim_dispute",
    columns: &[
        Column::text("dispute_id"),
        Column::text("charge_reference"),
        Column::int("amount_minor"),
        Column::int("fee_minor"),
        Column::text("state"),
        Column::int("opened_at"),
    ],
    key: &["dispute_id"],
};

/// What will happen by itself.
pub(super) const SIM_DUE: Table = Table {
    name: "sim_due",
    columns: &[Column::text("kind"), Column::text("subject"), Column::text("charge_reference"), Column::int("due_at")],
    key: &["kind", "subject"],
};

/// What the caller can read as events.
pub(super) const SIM_EVENT: Table = Table {
    name: "sim_event",
    columns: &[
        Column::int("seq"),
        Column::text("kind"),
        Column::text("subject"),
        Column::text("charge_reference"),
        Column::int("happened_at"),
    ],
    key: &["seq"],
};

/// All tables that are written in batches, for the test that prepares them.
pub const TABLES: &[&Table] = &[&SIM_SETTINGS, &SIM_REQUEST, &SIM_METHOD, &SIM_CHARGE, &SIM_REFUND, &SIM_DISPUTE, &SIM_DUE, &SIM_EVENT];

crate::statements! {
    /// Seed and rates.
    pub(super) SETTINGS = same("select name, value from sim_settings");

    /// What is kept for these keys, locked in their order, so that two batches never wait for each other.
    pub(super) REQUESTS = same(
        "select key, body, reply, code, reference, lost, received_at from sim_request \
         where key {in:$1} order by key {postgres: for update}"
    );

    /// Whether something is due, and whether there are keys to forget.
    pub(super) HOUSEKEEPING = same(
        "select exists (select 1 from sim_due where due_at <= $1) as is_due, \
         exists (select 1 from sim_request where received_at <= $2 and lost = 0) as is_stale"
    );

    /// Forgets keys whose window is over. Those that somebody is just using stay until the next time; how often a request was lost
    /// is no knowledge of the provider's, and stays.
    pub(super) FORGET_REQUESTS = same(
        "delete from sim_request where key in (select key from sim_request where received_at <= $1 and lost = 0 \
         order by received_at, key limit $2 {postgres: for update skip locked})"
    );

    /// What was counted on these methods.
    pub(super) METHODS = same(
        "select method, attempts, captures from sim_method where method {in:$1} order by method {postgres: for update}"
    );

    /// These charges, locked in their order.
    pub(super) CHARGES = same(
        "select reference, charge_id, invoice_id, account_id, story, currency, amount_minor, refunded_minor, \
         disputed_minor, state, code, settled_at from sim_charge \
         where reference {in:$1} order by reference {postgres: for update}"
    );

    /// The provider's ids of the charge with this id of ours, what was captured first.
    pub(super) CHARGE_REFERENCES = same(
        "select reference from sim_charge where charge_id = $1 \
         order by case state when 'captured' then 0 when 'pending' then 1 else 2 end, settled_at, reference"
    );

    /// These refunds; their charges are locked.
    pub(super) REFUNDS = same(
        "select reference, refund_id, charge_reference, amount_minor, state, code, settled_at from sim_refund \
         where reference {in:$1} order by reference"
    );

    /// The refunds with this id of ours.
    pub(super) REFUND_REFERENCES = same(
        "select reference, charge_reference from sim_refund where refund_id = $1 \
         order by case state when 'succeeded' then 0 when 'pending' then 1 else 2 end, settled_at, reference"
    );

    /// The disputes of these charges, which are locked.
    pub(super) DISPUTES = same(
        "select dispute_id, charge_reference, amount_minor, fee_minor, state, opened_at from sim_dispute \
         where charge_reference {in:$1} order by charge_reference, opened_at, dispute_id"
    );

    /// What became of the charges with these ids of ours.
    pub(super) LOOK_UP_CHARGES = same(
        "select charge_id as id, reference, currency, amount_minor, state, code, settled_at from sim_charge \
         where charge_id {in:$1} order by charge_id, settled_at, reference"
    );

    /// What became of the refunds with these ids of ours.
    pub(super) LOOK_UP_REFUNDS = same(
        "select r.refund_id as id, r.reference, c.currency, r.amount_minor, r.state, r.code, r.settled_at \
         from sim_refund r join sim_charge c on c.reference = r.charge_reference \
         where r.refund_id {in:$1} order by r.refund_id, r.settled_at, r.reference"
    );

    /// One thing after the other is made to happen: taken before all other locks.
    pub(super) LOCK_DUE = same("update sim_counter set value = value + 1 where name = 'due'");

    /// What is due, in the order in which it happens.
    pub(super) DUE = same(
        "select kind, subject, charge_reference, due_at from sim_due where due_at <= $1 \
         order by due_at, kind, subject limit $2"
    );

    /// Takes numbers for events. It is the last lock of every transaction, so that events get their numbers in the order in
    /// which they are committed, and nobody who reads on from a number misses one.
    pub(super) TAKE_NUMBERS = same(
        "update sim_counter set value = value + $1 where name = 'event' returning value"
    );

    /// Events after a number, with the objects that they are about.
    pub(super) EVENTS = same(
        "select e.seq, e.kind, e.subject, e.charge_reference, e.happened_at, c.charge_id, c.account_id, c.currency, \
         c.code as charge_code, coalesce(r.amount_minor, d.amount_minor, c.amount_minor) as amount_minor, \
         r.refund_id, r.code as refund_code, d.fee_minor \
         from sim_event e join sim_charge c on c.reference = e.charge_reference \
         left join sim_refund r on r.reference = e.subject left join sim_dispute d on d.dispute_id = e.subject \
         where e.seq > $1 order by e.seq limit $2"
    );

    /// All charges, by account.
    pub(super) ALL_CHARGES = same(
        "select account_id, charge_id, invoice_id, reference, currency, amount_minor, refunded_minor, disputed_minor, state \
         from sim_charge order by account_id, charge_id, reference"
    );

    /// All refunds, by account.
    pub(super) ALL_REFUNDS = same(
        "select c.account_id, r.refund_id, c.charge_id, r.reference, c.currency, r.amount_minor, r.state \
         from sim_refund r join sim_charge c on c.reference = r.charge_reference \
         order by c.account_id, r.refund_id, r.reference"
    );

    /// All disputes, by account.
    pub(super) ALL_DISPUTES = same(
        "select c.account_id, d.dispute_id, c.charge_id, c.currency, d.amount_minor, d.fee_minor, d.state \
         from sim_dispute d join sim_charge c on c.reference = d.charge_reference \
         order by c.account_id, d.dispute_id"
    );

    /// Captured charges, for the provider's settlement files.
    pub(super) SETTLED_CHARGES = same(
        "select reference, charge_id, account_id, currency, amount_minor, settled_at from sim_charge where state = 'captured' \
         and settled_at is not null order by reference"
    );

    /// Refunds, those that failed too.
    pub(super) SETTLED_REFUNDS = same(
        "select r.reference, r.refund_id, r.charge_reference, c.currency, r.amount_minor, r.settled_at, r.state from sim_refund r \
         join sim_charge c on c.reference = r.charge_reference where r.settled_at is not null order by r.reference"
    );

    /// Disputes, with the instant at which they were won.
    pub(super) SETTLED_DISPUTES = same(
        "select d.dispute_id, d.charge_reference, c.currency, d.amount_minor, d.fee_minor, d.opened_at, \
         (select max(e.happened_at) from sim_event e where e.kind = 'dispute_won' and e.subject = d.dispute_id) as won_at \
         from sim_dispute d join sim_charge c on c.reference = d.charge_reference order by d.dispute_id"
    );

    /// Invoices' charges that were captured more than once.
    pub(super) REPEATED_CAPTURES = same(
        "select account_id, invoice_id, charge_id, count(*) as captures from sim_charge where state = 'captured' \
         group by account_id, invoice_id, charge_id having count(*) > 1 order by account_id, invoice_id, charge_id"
    );
}
