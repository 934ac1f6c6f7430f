//! What people do about breaks: each act has a name and a reason, money has limits, and above the first of them a second person agrees.

use chrono::{DateTime, Utc};

use super::bank::RECEIVED;
use super::report::RunReport;
use super::stored::{self, add_acts, of_bank_line};
pub use super::stored::{Act, StoredBreak};
use super::{ReconcileError, aside};
use crate::domain::money::{Currency, Money};
use crate::domain::reconcile::{BreakKind, BreakState};
use crate::domain::settlement::booking::{Booking, DifferenceIs};
use crate::domain::settlement::is_booked;
use crate::store::db::{Columns, Db, Row, Tx, Value};
use crate::store::reconcile;
use crate::store::settlement::{Book, Posted};
use crate::values;

/// What one person may book or give up alone, in major units; in currencies without minor units a hundred times as much.
pub const ALONE_MAJOR_MAX: i64 = 50;
/// What two persons may, likewise.
pub const TOGETHER_MAJOR_MAX: i64 = 5_000;

/// Who does something, and why.
#[derive(Debug, Clone)]
pub struct By {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Who else has agreed.
    pub approved_by: Option<String>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// A run in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRun {
    /// Its id.
    pub id: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Breaks.
    pub breaks: i64,
    /// The last day.
    pub through: chrono::NaiveDate,
    /// The provider.
    pub provider: String,
    /// Who.
    pub actor: String,
}

/// The breaks in some states, the oldest first.
///
/// # Errors
/// What the database says.
pub async fn list(db: &Db, states: &[BreakState]) -> Result<Vec<StoredBreak>, ReconcileError> {
    db.check_schema().await?;
    let mut tx = db.begin_read().await?;
    let states = Value::texts(states.iter().map(|state| state.tag()));
    let rows = tx.fetch_all(&reconcile::BREAKS_IN, &[states]).await?;
    tx.rollback().await?;
    rows.iter().map(StoredBreak::read).collect()
}

/// A break and what was done about it.
///
/// # Errors
/// [`ReconcileError::NotFound`].
pub async fn show(db: &Db, id: &str) -> Result<(StoredBreak, Vec<Act>), ReconcileError> {
    db.check_schema().await?;
    let mut tx = db.begin_read().await?;
    let found = one(&mut tx, id).await?;
    let acts = stored::acts(&mut tx, id).await?;
    tx.rollback().await?;
    Ok((found, acts))
}

/// The runs that were stored last.
///
/// # Errors
/// What the database says.
pub async fn runs(db: &Db, limit: u32) -> Result<Vec<ListedRun>, ReconcileError> {
    db.check_schema().await?;
    let mut tx = db.begin_read().await?;
    let rows = tx.fetch_all(&reconcile::LATEST_RUNS, &values![limit]).await?;
    tx.rollback().await?;
    let read = |row: &Row| {
        let at = DateTime::from_timestamp_micros(row.int_at(1)?).ok_or_else(|| row.corrupt("started_at", "is out of range"))?;
        Ok(ListedRun {
            id: row.text_at(0)?,
            at,
            breaks: row.int_at(2)?,
            through: row.date_at(3)?,
            provider: row.text_at(4)?,
            actor: row.text_at(6)?,
        })
    };
    rows.iter().map(read).collect()
}

/// A stored run, as it was.
///
/// # Errors
/// [`ReconcileError::NotFound`], [`ReconcileError::Unreadable`].
pub async fn stored_run(db: &Db, id: &str) -> Result<RunReport, ReconcileError> {
    db.check_schema().await?;
    let mut tx = db.begin_read().await?;
    let run = stored::run(&mut tx, id).await;
    tx.rollback().await?;
    run
}

/// Somebody is to deal with it.
///
/// # Errors
/// [`ReconcileError::NotFound`], [`ReconcileError::Refused`] where it is closed.
pub async fn assign(db: &Db, id: &str, owner: &str, by: &By) -> Result<StoredBreak, ReconcileError> {
    let mut tx = db.begin().await?;
    let found = StoredBreak { owner: Some(owner.to_owned()), ..waiting(&mut tx, id, by).await? };
    save(tx, found, &format!("assigned to {owner}"), by).await
}

/// Somebody knows why, and takes it on; it stays until it is no more.
///
/// # Errors
/// [`ReconcileError::NotFound`], [`ReconcileError::Refused`] where it is closed.
pub async fn explain(db: &Db, id: &str, by: &By) -> Result<StoredBreak, ReconcileError> {
    let mut tx = db.begin().await?;
    let found = waiting(&mut tx, id, by).await?;
    close(tx, found, BreakState::Explained, "explained", by).await
}

/// It was dealt with. `book_fee` says that what waits on 1290 for it is a fee of the provider.
///
/// # Errors
/// [`ReconcileError::Refused`] where something waits on 1290 and nobody says what it is, or where it is more than the limits allow.
pub async fn resolve(db: &Db, id: &str, book_fee: bool, by: &By) -> Result<StoredBreak, ReconcileError> {
    let mut tx = db.begin().await?;
    let found = waiting(&mut tx, id, by).await?;
    if book_fee {
        return book(tx, found, DifferenceIs::Fee, BreakState::Resolved, "booked as a fee", by).await;
    }
    if !found.aside.is_zero() {
        let problem = format!("{} wait on 1290 under {id}: say what they are with --book fee, or write them off", found.aside);
        tx.rollback().await?;
        return Err(ReconcileError::Refused(problem));
    }
    // Nothing is posted, and nobody looks at it any more: that has the limits of a posting (AP-1).
    allowed(found.amount, by)?;
    close(tx, found, BreakState::Resolved, "resolved", by).await
}

/// It is given up (5900).
///
/// # Errors
/// As [`resolve`].
pub async fn write_off(db: &Db, id: &str, by: &By) -> Result<StoredBreak, ReconcileError> {
    let mut tx = db.begin().await?;
    let found = waiting(&mut tx, id, by).await?;
    book(tx, found, DifferenceIs::Loss, BreakState::WrittenOff, "written off", by).await
}

/// A line of the bank is these payouts together.
///
/// # Errors
/// [`ReconcileError::Refused`] where the break is no such line, a payout is on the bank already, or the amounts don't make the line.
pub async fn match_payouts(db: &Db, id: &str, payouts: &[String], by: &By) -> Result<StoredBreak, ReconcileError> {
    let mut tx = db.begin().await?;
    let found = waiting(&mut tx, id, by).await?;
    let refused = |problem: String| Err(ReconcileError::Refused(problem));
    let line = found.theirs.clone().unwrap_or_default();
    let Some((account, line_id)) = line.split_once('/').filter(|_| found.kind == BreakKind::BankLineWithoutPayout) else {
        return refused(format!("break {id} is no line of a bank"));
    };
    let provider = found.provider.as_str();
    let far = chrono::NaiveDate::MAX.min(crate::domain::calendar::DATE_MAX);
    let bank = super::bank::read(&mut tx, provider, far).await?.matched(provider)?;
    let known: Vec<_> = bank.payouts.iter().filter(|payout| payouts.contains(&payout.id)).collect();
    if let Some(missing) = payouts.iter().find(|id| !known.iter().any(|payout| payout.id == **id)) {
        return Err(ReconcileError::NotFound { what: "payout", id: missing.clone() });
    }
    if let Some(taken) = known.iter().find(|payout| payout.on_bank.is_some()) {
        return refused(format!("payout {} is on the bank already", taken.id));
    }
    let Some(line) = bank.lines.iter().find(|known| known.account == account && known.id == line_id) else {
        return Err(ReconcileError::NotFound { what: "line of a bank", id: line });
    };
    let sum = crate::domain::money::total(line.amount.currency(), known.iter().map(|payout| payout.amount))?;
    if sum != line.amount {
        return refused(format!("these payouts make {sum}, the line is {}", line.amount));
    }
    let mut receipts = Columns::of(&reconcile::RECEIPTS);
    let on = line.booked_on;
    let mut bookings = Vec::new();
    for payout in &known {
        let mut cells = receipts.row();
        cells.text(provider).text(&payout.id).text(RECEIVED).int(by.at.timestamp_micros()).text(account).text(line_id).text(&by.actor);
        bookings.push(Booking::PayoutReceived {
            payout: payout.id.clone(),
            amount: payout.amount,
            bank_account: account.to_owned(),
            bank_line: line_id.to_owned(),
            on,
        });
    }
    tx.insert_rows(&receipts).await?;
    if is_booked(provider) {
        let cause = format!("match:{id}");
        let posted = Posted { kind: "break", cause: &cause, at: by.at, actor: &by.actor, reason: Some(&by.reason) };
        let mut book = Book::lock(&mut tx, provider).await?;
        book.record(on, &posted, bookings, vec![format!("RC-1: {} payouts are line {line_id} of {account}", known.len())])?;
        book.save(&mut tx).await?;
    }
    debug_assert_eq!(of_bank_line(provider, account, line_id), found.id);
    close(tx, found.clone(), BreakState::Resolved, "matched", by).await
}

async fn one(tx: &mut Tx, id: &str) -> Result<StoredBreak, ReconcileError> {
    let row = tx.fetch_optional(&reconcile::BREAK_BY_ID, &values![id]).await?;
    StoredBreak::read(&row.ok_or_else(|| ReconcileError::NotFound { what: "break", id: id.to_owned() })?)
}

/// A break that waits for somebody to act on it, which nobody can before it was there, or before what was done about it already.
async fn waiting(tx: &mut Tx, id: &str, by: &By) -> Result<StoredBreak, ReconcileError> {
    let provider = one(tx, id).await?.provider;
    // Whoever acts on breaks of a provider, or reconciles it, waits for this.
    Book::lock(tx, &provider).await?;
    let found = one(tx, id).await?;
    let last = stored::acts(tx, id).await?.last().map(|act| act.at);
    let (on, first) = (by.at.date_naive(), last.map_or(found.since, |at| at.date_naive().max(found.since)));
    let refused = |problem: String| Err(ReconcileError::Refused(problem));
    match found.state {
        state if !state.waits() => refused(format!("break {id} is {} already", state.tag().replace('_', " "))),
        _ if on < first => {
            let since = found.since;
            refused(format!(
                "break {id} is there since {since} and was last touched on {first}, which {on} lies before: take --as-of {first} or later"
            ))
        }
        _ => Ok(found),
    }
}

async fn close(tx: Tx, found: StoredBreak, state: BreakState, act: &str, by: &By) -> Result<StoredBreak, ReconcileError> {
    save(tx, StoredBreak { state, owner: Some(by.actor.clone()), reason: Some(by.reason.clone()), ..found }, act, by).await
}

async fn save(mut tx: Tx, found: StoredBreak, act: &str, by: &By) -> Result<StoredBreak, ReconcileError> {
    let mut rows = Columns::of(&reconcile::BREAKS);
    found.write(&mut rows);
    tx.upsert_rows(&rows).await?;
    let acts = [(found.id.clone(), act)];
    add_acts(&mut tx, &acts, by.at, &by.actor, by.approved_by.as_deref(), Some(&by.reason)).await?;
    tx.commit().await?;
    Ok(found)
}

/// Moves what waits on 1290, and what stands on 1200 still, to where somebody says that it belongs.
async fn book(
    mut tx: Tx,
    found: StoredBreak,
    is: DifferenceIs,
    state: BreakState,
    act: &str,
    by: &By,
) -> Result<StoredBreak, ReconcileError> {
    let amount = found.amount.negated()?;
    allowed(amount, by)?;
    let waits_on = match found.kind {
        BreakKind::PayoutUnproven | BreakKind::Timing | BreakKind::Currency => {
            let problem = format!("a break of kind {} cannot be booked", found.kind.tag());
            return Err(ReconcileError::Refused(problem));
        }
        kind => aside::waits_on(kind),
    };
    let on = by.at.date_naive();
    let difference = found.id.clone();
    let mut bookings = Vec::new();
    // A run that only proposes sees another amount than waits there.
    let more = amount.minus(found.aside)?;
    if !more.is_zero() {
        bookings.push(Booking::SetAside { difference: difference.clone(), waits_on, amount: more, on });
    }
    bookings.push(Booking::DifferenceBooked { difference, is, amount, on });
    // What was booked once may be booked again, after it was taken back.
    let number = stored::acts(&mut tx, &found.id).await?.len();
    let cause = format!("break:{}:{number}:{}", found.id, act.replace(' ', "_"));
    let posted = Posted { kind: "break", cause: &cause, at: by.at, actor: &by.actor, reason: Some(&by.reason) };
    let mut book = Book::lock(&mut tx, &found.provider).await?;
    book.record(on, &posted, bookings, vec![format!("RC-2: break {} is {act}", found.id)])?;
    book.save(&mut tx).await?;
    close(tx, StoredBreak { aside: amount, ..found }, state, act, by).await
}

/// The most in this currency for so many major units.
fn limit(currency: Currency, major: i64) -> Money {
    let scale = if currency.exponent() == 0 { 100 } else { currency.scale() };
    Money::new(major.saturating_mul(scale), currency)
}

/// Whether a second person must agree to an amount.
pub(super) fn needs_two(amount: Money) -> bool {
    amount.minor().unsigned_abs() > limit(amount.currency(), ALONE_MAJOR_MAX).minor().unsigned_abs()
}

/// Whether two names are one: neither case nor blanks make another person.
fn same_name(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    plain(one) == plain(other)
}

/// Small amounts one person may move alone, larger ones two, and very large ones nobody here.
///
/// # Errors
/// [`ReconcileError::Refused`].
pub fn allowed(amount: Money, by: &By) -> Result<(), ReconcileError> {
    let currency = amount.currency();
    let size = amount.minor().unsigned_abs();
    let (alone, together) = (limit(currency, ALONE_MAJOR_MAX), limit(currency, TOGETHER_MAJOR_MAX));
    let refused = |problem: String| Err(ReconcileError::Refused(problem));
    if size > together.minor().unsigned_abs() {
        return refused(format!("{amount} is more than {together}: correct the cause instead"));
    }
    match &by.approved_by {
        Some(second) if same_name(second, &by.actor) => refused("nobody approves their own (AP-1)".to_owned()),
        None if needs_two(amount) => {
            refused(format!("{amount} is more than {alone}: a second person must agree, --approved-by NAME (AP-1)"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(amount: &str, approved_by: Option<&str>, expected: bool) {
        let by = By {
            actor: "Ada".to_owned(),
            reason: "r".to_owned(),
            approved_by: approved_by.map(ToOwned::to_owned),
            at: DateTime::UNIX_EPOCH,
        };
        assert_eq!(allowed(amount.parse().unwrap(), &by).is_ok(), expected, "{amount} {approved_by:?}");
    }

    #[test]
    fn blanks_and_case_make_no_second_person() {
        assert!(same_name("J. Doe", "J.  Doe") && same_name("J. Doe", " j.\u{a0}doe "));
        assert!(!same_name("J. Doe", "J. Doer"));
    }

    #[test]
    fn amounts_have_limits() {
        check("50.00 USD", None, true);
        check("-50.00 USD", None, true);
        check("50.01 USD", None, false);
        check("50.01 USD", Some("Ben"), true);
        check("0.01 USD", Some("ada"), false);
        check("0.01 USD", Some(" ADA "), false);
        check("5000.01 USD", Some("Ben"), false);
        check("5000 JPY", None, true);
        check("5001 JPY", None, false);
        check("50.000 KWD", None, true);
    }
}
