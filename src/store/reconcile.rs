//! What a reconciliation reads: our movements with the provider's ids, the provider's movements, payouts and lines of the bank, and the
//! balances of both sides by day; and what is stored of its runs and breaks.

use chrono::NaiveDate;

use super::db::{Column, DbError, Row, Sql, Table, Tx, parse_iso_date};
use super::error::StoreError;
use crate::domain::event::Event;
use crate::domain::money::Currency;
use crate::domain::settlement::Category;

/// Runs.
pub const RUNS: Table = Table {
    name: "reconciliation_runs",
    columns: &[
        Column::text("run_id"),
        Column::int("started_at"),
        Column::int("breaks"),
        Column::date("through_on"),
        Column::text("provider"),
        Column::text("digest"),
        Column::text("actor"),
        Column::text("body"),
    ],
    key: &["run_id"],
};

/// Breaks.
pub const BREAKS: Table = Table {
    name: "breaks",
    columns: &[
        Column::text("break_id"),
        Column::int("amount_minor"),
        Column::int("aside_minor"),
        Column::date("since_on"),
        Column::text("provider"),
        Column::text("subject"),
        Column::text("kind"),
        Column::text("state"),
        Column::text("currency"),
        Column::text("account_id"),
        Column::text("our_id"),
        Column::text("their_id"),
        Column::text("proposal"),
        Column::text("owner"),
        Column::text("reason"),
        Column::text("first_run"),
        Column::text("last_run"),
    ],
    key: &["break_id"],
};

/// What was done about breaks.
pub const BREAK_ACTS: Table = Table {
    name: "break_acts",
    columns: &[
        Column::text("break_id"),
        Column::int("act_no"),
        Column::int("acted_at"),
        Column::text("act"),
        Column::text("actor"),
        Column::text("approved_by"),
        Column::text("reason"),
    ],
    key: &["break_id", "act_no"],
};

/// Payouts that the bank has, or has given back.
pub const RECEIPTS: Table = Table {
    name: "payout_receipts",
    columns: &[
        Column::text("provider"),
        Column::text("payout_id"),
        Column::text("what"),
        Column::int("matched_at"),
        Column::text("bank_account"),
        Column::text("line_id"),
        Column::text("matched_by"),
    ],
    key: &["provider", "payout_id", "what"],
};

/// Every table that batches write.
pub const TABLES: &[&Table] = &[&RUNS, &BREAKS, &BREAK_ACTS, &RECEIPTS];

/// What we have had with a real provider: charges, refunds, disputes.
pub const REAL: [Sql; 3] = [OUR_CHARGES, OUR_REFUNDS, OUR_DISPUTES];
/// What we have had with the simulated one.
pub const SIMULATED: [Sql; 3] = [SIMULATED_CHARGES, SIMULATED_REFUNDS, SIMULATED_DISPUTES];

/// What a record's cells are put together with.
const SEPARATOR: char = '\u{1f}';

/// A record as one text: what the driver spends on a cell is more than what is in it. An empty text stands for NULL.
macro_rules! packed {
    ($($cell:expr),+) => {
        concat!("concat_ws('\u{1f}', ", packed!(@ $($cell),+), ") as packed")
    };
    (@ $cell:expr) => { $cell };
    (@ $cell:expr, $($rest:expr),+) => { concat!($cell, ", ", packed!(@ $($rest),+)) };
}

// Two texts and not a value that says which is meant: so PostgreSQL knows how many rows there will be. Ids of the simulated provider begin
// with `sim_`. Neither joined nor sorted: the engine has the currencies, and puts charges in order faster than their table is read in it.
macro_rules! our_charges {
    ($is:literal) => {
        concat!(
            "select ",
            packed!(
                "account_id",
                "charge_id",
                "coalesce(reference, '')",
                "amount_minor",
                "state",
                "coalesce(cast(settled_on as text), '')"
            ),
            " from charges where (reference is null or ",
            $is,
            ") and (settled_on is null or settled_on <= $1)"
        )
    };
}
macro_rules! our_refunds {
    ($is:literal) => {
        concat!(
            "select r.account_id, r.refund_id as id, r.reference, r.amount_minor, a.currency, r.state, r.settled_on from refunds r \
             join accounts a on a.account_id = r.account_id where (r.reference is null or r.reference ",
            $is,
            " 'sim!_%' escape '!') and (r.settled_on is null or r.settled_on <= $1) order by r.account_id, r.refund_id"
        )
    };
}
macro_rules! our_disputes {
    ($is:literal) => {
        concat!(
            "select d.account_id, d.dispute_id as id, d.amount_minor, d.fee_minor, a.currency, d.state, d.opened_on from disputes d \
             join accounts a on a.account_id = d.account_id where d.dispute_id ",
            $is,
            " 'sim!_%' escape '!' and d.opened_on <= $1 order by d.account_id, d.dispute_id"
        )
    };
}

crate::statements! {
    /// A provider's movements by a day.
    pub THEIRS = same(concat!(
        "select ", packed!("movement_id", "category", "gross_minor", "fee_minor", "net_minor", "currency", "cast(occurred_on as text)",
        "coalesce(reference, '')", "coalesce(parent_reference, '')", "coalesce(our_reference, '')"),
        " from provider_movements where provider = $1 and occurred_on <= $2 order by movement_id"
    ));
    /// Every customer's currency.
    pub ACCOUNTS = same(concat!("select ", packed!("account_id", "currency"), " from accounts"));
    /// Our charges with a real provider by a day, failed ones too.
    OUR_CHARGES = same(our_charges!("reference < 'sim_' or reference >= 'sim`'"));
    /// Those with the simulated provider, whose ids say so.
    SIMULATED_CHARGES = same(our_charges!("(reference >= 'sim_' and reference < 'sim`')"));
    /// Our refunds likewise.
    OUR_REFUNDS = same(our_refunds!("not like"));
    /// Those of the simulated provider.
    SIMULATED_REFUNDS = same(our_refunds!("like"));
    /// Disputes likewise; their ids are the provider's.
    OUR_DISPUTES = same(our_disputes!("not like"));
    /// Those of the simulated provider.
    SIMULATED_DISPUTES = same(our_disputes!("like"));
    /// The records of accounts on which a refund came back, a dispute was decided or a captured amount was put right, as far as they tell when.
    pub DECISIONS = same(
        "select j.account_id, j.effective_on, j.body from (select account_id from refunds where state = 'failed' union \
         select account_id from disputes where state <> 'open' union \
         select account_id from tasks where kind in ('unapplied_payment', 'captured_less')) as concerned \
         join journal j on j.account_id = concerned.account_id \
         where j.body like '%\"refund_failed.v1\"%' or j.body like '%\"refund_settled.v1\"%' or j.body like '%\"dispute_won.v1\"%' \
         or j.body like '%\"dispute_reversed.v1\"%' or j.body like '%\"capture_corrected.v1\"%' order by j.account_id, j.seq"
    );
    // The day first: SQLite sorts to group, and two days differ more often than two currencies.
    /// What customers' books moved on the clearing account by day.
    pub CLEARING = same(concat!(
        "select currency, effective_on, ", halves!("amount_minor"), " from postings \
         where ledger_account = 1200 and account_id not like '(%' and effective_on <= $1 \
         group by effective_on, currency"
    ));
    /// What a provider's book moved on it: fees and payouts, and what the reconciler has set aside. Days are those on which it happened,
    /// also where its month was closed and it is booked later.
    pub BOOK_CLEARING = same(concat!(
        "select p.currency, j.effective_on, ",
        halves!("imported_", "(case when j.kind = 'settlement_import' then p.amount_minor else 0 end)"), ", ",
        halves!("aside_", "(case when j.kind = 'settlement_import' then 0 else p.amount_minor end)"),
        " from postings p join journal j on j.account_id = p.account_id and j.seq = p.seq \
         where p.account_id = $1 and p.ledger_account = 1200 and j.effective_on <= $2 \
         group by p.currency, j.effective_on order by p.currency, j.effective_on"
    ));
    /// What was booked about breaks on days after one.
    pub BOOKED_LATER = same(
        "select j.seq, j.body, max(p.effective_on) as posted_on from journal j \
         join postings p on p.account_id = j.account_id and p.seq = j.seq \
         where j.account_id = $1 and j.kind <> 'settlement_import' and p.effective_on > $2 group by j.seq, j.body order by j.seq"
    );
    // An index has payouts and failed ones alone, and SQLite takes it only where its very words stand.
    /// A provider's payouts by a day. One that is derived is as much as was booked for it, which grows as more of its lines are known.
    pub PAYOUTS = same(concat!(
        "select p.payout_id, p.amount_minor, p.currency, p.sent_on, p.arrives_on, p.bank_reference, s.high, s.low, p.amount_from from provider_payouts p \
         left join (select m.reference, ", halves!("m.gross_minor"), " from provider_movements m where m.provider = $1 \
         and m.category in ('payout', 'payout_failure') and m.category = 'payout' and m.reference is not null group by m.reference) s on s.reference = p.payout_id \
         and p.amount_from = 'derived' where p.provider = $1 and p.sent_on <= $2 order by p.payout_id"
    ));
    /// What was in them; the line of the payout itself is not in it.
    pub PAYOUT_LINES = same(concat!(
        "select l.payout_id, count(*) as lines, ", halves!("m.net_minor"), " from payout_lines l \
         join provider_movements m on m.provider = l.provider and m.movement_id = l.movement_id \
         where l.provider = $1 and m.category not in ('payout', 'payout_failure') group by l.payout_id order by l.payout_id"
    ));
    /// Payouts that came back.
    pub FAILED_PAYOUTS = same(
        "select reference, min(occurred_on) as failed_on from provider_movements where provider = $1 \
         and category in ('payout', 'payout_failure') and category = 'payout_failure' and reference is not null and occurred_on <= $2 group by reference"
    );
    /// The bank's lines of a provider.
    pub BANK_LINES = same(
        "select bank_account, line_id, amount_minor, currency, booked_on, reference from bank_lines where provider = $1 and booked_on <= $2 \
         order by bank_account, line_id"
    );
    /// Until when the statements of each currency go.
    pub STATEMENTS_UNTIL = same("select currency, max(booked_on) as until from bank_lines group by currency");
    /// Payouts that were found on the bank before.
    pub MATCHED = same("select payout_id, what, bank_account, line_id from payout_receipts where provider = $1 order by payout_id, what");
    /// The breaks of a provider.
    pub BREAKS_OF = same(
        "select break_id, amount_minor, aside_minor, since_on, provider, subject, kind, state, currency, account_id, our_id, their_id, \
         proposal, owner, reason, first_run, last_run from breaks where provider = $1 order by break_id"
    );
    /// The breaks of all providers in some states.
    pub BREAKS_IN = same(
        "select break_id, amount_minor, aside_minor, since_on, provider, subject, kind, state, currency, account_id, our_id, their_id, \
         proposal, owner, reason, first_run, last_run from breaks where state {in:$1} order by since_on, break_id"
    );
    /// One break, locked.
    pub BREAK_BY_ID = same(
        "select break_id, amount_minor, aside_minor, since_on, provider, subject, kind, state, currency, account_id, our_id, their_id, \
         proposal, owner, reason, first_run, last_run from breaks where break_id = $1"
    );
    /// What was done about a break.
    pub ACTS = same("select act_no, acted_at, act, actor, approved_by, reason from break_acts where break_id = $1 order by act_no");
    /// The number of the last act on each of these breaks.
    pub LAST_ACTS = same("select break_id, max(act_no) as last from break_acts where break_id {in:$1} group by break_id");
    /// A run.
    pub RUN = same("select run_id, body from reconciliation_runs where run_id = $1");
    /// The runs, the newest first.
    pub LATEST_RUNS = same(
        "select run_id, started_at, breaks, through_on, provider, digest, actor from reconciliation_runs \
         order by started_at desc, run_id desc limit $1"
    );
    /// Providers of whom anything is known.
    pub PROVIDERS = same("select distinct provider from provider_movements order by provider");
    /// Providers of whom only totals are known, with how many and from when to when.
    pub TOTALS_ALONE = same(
        "select t.provider, count(*) as totals, min(t.first_on) as first_on, max(t.last_on) as last_on from store_totals t \
         where not exists (select 1 from provider_movements m where m.provider = t.provider) group by t.provider order by t.provider"
    );
    /// The last day through which a provider was reconciled.
    pub LAST_DAY = same("select max(through_on) as through_on from reconciliation_runs where provider = $1");
}

/// A movement of the provider as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct TheirMovement<'r> {
    /// Its id.
    pub id: &'r str,
    /// What it is.
    pub category: Category,
    /// Amounts in minor units.
    pub gross_minor: i64,
    /// What the provider took.
    pub fee_minor: i64,
    /// What the balance changed by.
    pub net_minor: i64,
    /// The currency.
    pub currency: Currency,
    /// The day.
    pub on: NaiveDate,
    /// Ids: the object's, its parent's, ours.
    pub references: [Option<&'r str>; 3],
}

/// A charge of ours as it is stored, without its currency, which is its customer's.
#[derive(Debug, Clone, Copy)]
pub struct OurCharge<'r> {
    /// The customer.
    pub account: &'r str,
    /// Its id.
    pub id: &'r str,
    /// The provider's id, where it has told one.
    pub reference: Option<&'r str>,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// Whether the provider has it.
    pub has_succeeded: bool,
    /// When it settled.
    pub settled_on: Option<NaiveDate>,
}

/// The cells of a packed record.
fn unpacked<const N: usize>(row: &Row) -> Result<[&str; N], DbError> {
    let mut parts = row.str_at(0)?.split(SEPARATOR);
    let mut cells = [""; N];
    for cell in &mut cells {
        *cell = parts.next().ok_or_else(|| row.corrupt("packed", "has fewer cells than were asked for"))?;
    }
    if parts.next().is_some() { Err(row.corrupt("packed", "has more cells than were asked for")) } else { Ok(cells) }
}

fn number(row: &Row, cell: &str) -> Result<i64, DbError> {
    cell.parse().map_err(|_| row.corrupt("packed", "has something else than a number"))
}

fn day(row: &Row, cell: &str) -> Result<NaiveDate, DbError> {
    parse_iso_date(cell).ok_or_else(|| row.corrupt("packed", "has something else than a day"))
}

fn given(cell: &str) -> Option<&str> {
    Some(cell).filter(|cell| !cell.is_empty())
}

fn known_currency(row: &Row, cell: &str) -> Result<Currency, DbError> {
    Currency::parse(cell).map_err(|_| row.corrupt("currency", "is not a currency"))
}

/// Reads a row of [`THEIRS`].
///
/// # Errors
/// [`DbError::Corrupt`].
pub fn their_movement(row: &Row) -> Result<TheirMovement<'_>, DbError> {
    let [id, category, gross, fee, net, currency, on, reference, parent, ours] = unpacked(row)?;
    Ok(TheirMovement {
        id,
        category: Category::from_tag(category).ok_or_else(|| row.corrupt("category", "is none that is known"))?,
        gross_minor: number(row, gross)?,
        fee_minor: number(row, fee)?,
        net_minor: number(row, net)?,
        currency: known_currency(row, currency)?,
        on: day(row, on)?,
        references: [reference, parent, ours].map(given),
    })
}

/// Reads a row of our charges.
///
/// # Errors
/// [`DbError::Corrupt`].
pub fn our_charge(row: &Row) -> Result<OurCharge<'_>, DbError> {
    let [account, id, reference, amount, state, settled_on] = unpacked(row)?;
    Ok(OurCharge {
        account,
        id,
        reference: given(reference),
        amount_minor: number(row, amount)?,
        has_succeeded: state == "succeeded",
        settled_on: given(settled_on).map(|cell| day(row, cell)).transpose()?,
    })
}

/// Reads a row of [`ACCOUNTS`].
///
/// # Errors
/// [`DbError::Corrupt`].
pub fn account_currency(row: &Row) -> Result<(&str, Currency), DbError> {
    let [account, currency] = unpacked(row)?;
    Ok((account, known_currency(row, currency)?))
}

/// A currency of a row.
///
/// # Errors
/// [`DbError::Corrupt`].
pub fn currency(row: &Row, at: usize) -> Result<Currency, DbError> {
    Currency::parse(row.str_at(at)?).map_err(|_| row.corrupt("currency", "is not a currency"))
}

/// When refunds came back, disputes were won and captured amounts were put right, by the ids of ours.
#[derive(Debug, Default)]
pub struct Decisions {
    /// When a refund was paid out, of those that came back.
    pub refunded_on: std::collections::HashMap<String, NaiveDate>,
    /// When a refund that had been paid out came back.
    pub came_back_on: std::collections::HashMap<String, NaiveDate>,
    /// When a dispute was won, at once or after it had been lost.
    pub won_on: std::collections::HashMap<String, NaiveDate>,
    /// When the captured amount of a charge was put right, and by how much, in minor units; by account and charge.
    pub corrected: std::collections::HashMap<(String, String), Vec<(NaiveDate, i128)>>,
}

/// Reads when things were decided that rows alone don't tell.
///
/// # Errors
/// [`StoreError::Db`], [`StoreError::Corrupt`] for a record that cannot be read.
pub async fn decisions(tx: &mut Tx) -> Result<Decisions, StoreError> {
    #[derive(serde::Deserialize)]
    struct Body {
        events: Vec<Event>,
    }
    let mut decisions = Decisions::default();
    for row in tx.fetch_all(&DECISIONS, &[]).await? {
        let on = row.date_at(1)?;
        let body: Body = serde_json::from_str(row.str_at(2)?).map_err(|_| row.corrupt("body", "cannot be read"))?;
        for event in body.events {
            if let Some((charge, more)) = event.captured_more() {
                decisions.corrected.entry((row.text_at(0)?, charge.to_owned())).or_default().push((on, more));
            }
            match event {
                Event::RefundSettled { refund, on, .. } => drop(decisions.refunded_on.insert(refund, on)),
                Event::RefundFailed { refund, on, after_success: true, .. } => drop(decisions.came_back_on.insert(refund, on)),
                Event::DisputeWon { id, .. } | Event::DisputeReversed { id, .. } => drop(decisions.won_on.insert(id, on)),
                _ => {}
            }
        }
    }
    Ok(decisions)
}
