//! What stands on 1290 under each break at a day, by the provider's own book; and the breaks that a run no longer has.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;

use super::Break;
use crate::domain::calendar::DATE_MAX;
use crate::domain::money::{Currency, Money};
use crate::domain::reconcile::{BreakKind, BreakState, age_band, age_days};
use crate::reports::{ReportError, sums};
use crate::store::db::{Tx, Value};
use crate::store::reconcile;
use crate::store::settlement::{Entry, book_id};
use crate::values;

crate::statements! {
    /// What a provider's book has on 1290 by a day, as far as it was recorded by an instant.
    LEGS = same(
        "select p.seq, p.event_no, p.currency, p.amount_minor from postings p \
         join journal j on j.account_id = p.account_id and j.seq = p.seq \
         where p.account_id = $1 and p.ledger_account = 1290 and p.effective_on <= $2 and j.posted_at <= $3 order by p.seq, p.event_no"
    );
    /// The records of a provider's book that can tell of breaks.
    RECORDS = same(
        "select seq, body from journal where account_id = $1 and kind <> 'settlement_import' and posted_at <= $2 order by seq"
    );
    /// What customers' books have on 1290: what refunds moved too much.
    OF_CUSTOMERS = same(concat!(
        "select p.currency, ", halves!("p.amount_minor"), " from postings p \
         join journal j on j.account_id = p.account_id and j.seq = p.seq \
         where p.ledger_account = 1290 and p.account_id not like '(%' and p.effective_on <= $1 and j.posted_at <= $2 \
         group by p.currency order by p.currency"
    ));
    /// Breaks that a run does not tell of.
    BREAKS = same(
        "select break_id, kind, state, amount_minor, currency, since_on, account_id, our_id, their_id, proposal from breaks \
         where break_id {in:$1} order by break_id"
    );
}

/// What stands on 1290, debits positive, by currency and break.
pub(super) type Unmatched = BTreeMap<(Currency, String), i128>;

/// What stands on 1290 under breaks of a provider.
pub(super) async fn under_breaks(tx: &mut Tx, provider: &str, by: NaiveDate, known_until: i64) -> Result<Unmatched, ReportError> {
    let book = book_id(provider);
    let mut legs: BTreeMap<i64, Vec<(usize, Currency, i64)>> = BTreeMap::new();
    for row in tx.fetch_all(&LEGS, &values![&book, by, known_until]).await? {
        let event = usize::try_from(row.int_at(1)?).map_err(|_| row.corrupt("event_no", "is negative"))?;
        legs.entry(row.int_at(0)?).or_default().push((event, reconcile::currency(&row, 2)?, row.int_at(3)?));
    }
    let mut unmatched = Unmatched::new();
    if legs.is_empty() {
        return Ok(unmatched);
    }
    for row in tx.fetch_all(&RECORDS, &values![&book, known_until]).await? {
        let Some(legs) = legs.get(&row.int_at(0)?) else { continue };
        let entry: Entry = serde_json::from_str(row.str_at(1)?).map_err(|_| row.corrupt("body", "cannot be read"))?;
        for (event, currency, minor) in legs {
            let booking = entry.events.get(*event).ok_or_else(|| row.corrupt("body", "lacks an event that was posted"))?;
            *unmatched.entry((*currency, booking.reference().to_owned())).or_default() += i128::from(*minor);
        }
    }
    unmatched.retain(|_, amount| *amount != 0);
    Ok(unmatched)
}

/// What stands on 1290 in customers' books, by currency.
pub(super) async fn of_customers(tx: &mut Tx, by: NaiveDate, known_until: i64) -> Result<HashMap<Currency, i128>, ReportError> {
    let mut of_customers = HashMap::new();
    for row in tx.fetch_all(&OF_CUSTOMERS, &values![by, known_until]).await? {
        of_customers.insert(reconcile::currency(&row, 0)?, sums::exact(&row, 1)?);
    }
    Ok(of_customers)
}

/// Sets what stands on 1290 under each break, and adds those that a run no longer has, or does not have yet, and that had money there.
pub(super) async fn told(tx: &mut Tx, breaks: &mut Vec<Break>, unmatched: &Unmatched, through: NaiveDate) -> Result<(), ReportError> {
    for it in breaks.iter_mut() {
        let currency = it.amount.currency();
        let there = unmatched.get(&(currency, it.id.clone())).copied().unwrap_or_default();
        it.unmatched = Some(sums::fitting(there, || it.id.clone(), currency)?);
    }
    let known: HashSet<&str> = breaks.iter().map(|it| it.id.as_str()).collect();
    let others: Vec<&str> = unmatched.keys().map(|(_, id)| id.as_str()).filter(|id| !known.contains(id)).collect();
    let mut added = Vec::new();
    for chunk in others.chunks(1_000) {
        for row in tx.fetch_all(&BREAKS, &[Value::texts(chunk.iter().copied())]).await? {
            let (id, since, currency) = (row.text_at(0)?, row.date_at(5)?, reconcile::currency(&row, 4)?);
            let there = unmatched.get(&(currency, id.clone())).copied().unwrap_or_default();
            let day = if through == DATE_MAX { since } else { through };
            added.push(Break {
                kind: BreakKind::from_tag(row.str_at(1)?).ok_or_else(|| row.corrupt("kind", "is none that is known"))?,
                state: BreakState::from_tag(row.str_at(2)?).ok_or_else(|| row.corrupt("state", "is none that is known"))?,
                since,
                age_days: age_days(since, day),
                age: age_band(since, day).to_owned(),
                amount: Money::new(row.int_at(3)?, currency),
                unmatched: Some(sums::fitting(there, || id.clone(), currency)?),
                account: row.opt_text_at(6)?,
                ours: row.opt_text_at(7)?,
                theirs: row.opt_text_at(8)?,
                proposal: row.text_at(9)?,
                id,
            });
        }
    }
    breaks.extend(added);
    Ok(())
}
