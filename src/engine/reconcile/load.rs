//! The two sides from the database into the join, with the digests of what was read.

use chrono::{Days, NaiveDate};
use sha2::{Digest, Sha256};

use super::ReconcileError;
use super::join::{Correction, Join};
use super::report::Input;
use super::rows::{Ours, TheirRow, letters};
use crate::domain::reconcile::Side;
use crate::domain::settlement::Category;
use crate::store::db::{DbError, Row, Tx};
use crate::store::reconcile::{self, Decisions};
use crate::values;

/// Days after the last one in which the other side of a pair may stand.
const GRACE: Days = Days::new(10);

/// Digests rows in the order in which they come.
struct Digester {
    what: &'static str,
    rows: u64,
    sha: Sha256,
}

impl Digester {
    fn new(what: &'static str) -> Self {
        Self { what, rows: 0, sha: Sha256::new() }
    }

    /// Each cell with its end, so that no two rows have the same bytes.
    fn add(&mut self, texts: &[&str], numbers: &[i64]) {
        self.rows += 1;
        for text in texts {
            self.sha.update(text.as_bytes());
            self.sha.update([0]);
        }
        for number in numbers {
            self.sha.update(number.to_le_bytes());
        }
    }

    fn input(self) -> Input {
        Input { what: self.what.to_owned(), rows: self.rows, digest: format!("{:x}", self.sha.finalize()) }
    }
}

/// Loads the provider's movements.
pub(super) async fn theirs(tx: &mut Tx, provider: &str, through: NaiveDate, join: &mut Join) -> Result<Input, ReconcileError> {
    let mut digester = Digester::new("provider movements");
    let until = through.checked_add_days(GRACE).unwrap_or(through);
    tx.for_each_batch(&reconcile::THEIRS, &values![provider, until], |rows| {
        for row in &rows {
            let told = reconcile::their_movement(row)?;
            let [reference, parent, ours] = told.references;
            let code = told.currency.code();
            let ids = [reference, parent, ours].map(Option::unwrap_or_default);
            let day = i64::from(chrono::Datelike::num_days_from_ce(&told.on));
            digester.add(
                &[told.id, told.category.tag(), code, ids[0], ids[1], ids[2]],
                &[told.gross_minor, told.fee_minor, told.net_minor, day],
            );
            let side = Side {
                on: told.on,
                amount_minor: told.gross_minor,
                fee_minor: told.fee_minor,
                currency: letters(told.currency),
                has_moved: true,
            };
            join.add_theirs(&TheirRow { category: told.category, id: told.id, reference, parent, ours, side })?;
        }
        Ok::<(), ReconcileError>(())
    })
    .await?;
    Ok(digester.input())
}

/// Streams our movements past them.
pub(super) async fn ours(tx: &mut Tx, provider: &str, through: NaiveDate, join: &mut Join) -> Result<Input, ReconcileError> {
    let until = through.checked_add_days(GRACE).unwrap_or(through);
    let decisions = reconcile::decisions(tx).await?;
    let mut digester = Digester::new("our movements");
    let [charges, refunds, disputes] = if provider == "simulated" { &reconcile::SIMULATED } else { &reconcile::REAL };
    let values = values![until];
    let mut add = |ours: Ours| {
        let side = &ours.side;
        let day = i64::from(chrono::Datelike::num_days_from_ce(&side.on));
        digester.add(&[&ours.account, &ours.id, ours.category.tag()], &[side.amount_minor, side.fee_minor, day, i64::from(side.has_moved)]);
        join.add_ours(ours).map_err(ReconcileError::from)
    };
    let mut corrections = Vec::new();
    tx.for_each_batch(charges, &values, |rows| rows.iter().try_for_each(|row| add(charge(row, &decisions, through, &mut corrections)?)))
        .await?;
    tx.for_each_batch(refunds, &values, |rows| rows.iter().try_for_each(|row| refund(row, &decisions)?.into_iter().try_for_each(&mut add)))
        .await?;
    tx.for_each_batch(disputes, &values, |rows| {
        rows.iter().try_for_each(|row| dispute(row, &decisions)?.into_iter().try_for_each(&mut add))
    })
    .await?;
    corrections.iter().for_each(|correction| join.add_correction(correction));
    Ok(digester.input())
}

/// A charge as it was booked by a day; what was put right by then is booked on the day of that.
fn charge(row: &Row, decisions: &Decisions, through: NaiveDate, corrections: &mut Vec<Correction>) -> Result<Ours, DbError> {
    let has_moved = row.str_at(5)? == "succeeded";
    let (account, id) = (row.text_at(0)?, row.text_at(1)?);
    let mut side = side(row, 4, row.int_at(3)?, row.opt_date_at(6)?, has_moved)?;
    let key = (account, id);
    for (on, minor) in decisions.corrected.get(&key).into_iter().flatten() {
        if *on > through {
            let before = i64::try_from(i128::from(side.amount_minor) - minor);
            side.amount_minor = before.map_err(|_| row.corrupt("amount_minor", "was put right by more than 64 bits hold"))?;
        } else {
            corrections.push(Correction { currency: side.currency, captured_on: side.on, on: *on, minor: *minor });
        }
    }
    Ok(Ours::new(Category::Charge, key.0, key.1, row.opt_str_at(2)?, side))
}

fn side(row: &Row, currency_at: usize, amount_minor: i64, on: Option<NaiveDate>, has_moved: bool) -> Result<Side, DbError> {
    let currency = letters(reconcile::currency(row, currency_at)?);
    // What has not settled yet has no day of its own.
    Ok(Side { on: on.unwrap_or(NaiveDate::MIN), amount_minor, fee_minor: 0, currency, has_moved })
}

/// A refund, and its coming back if it did.
fn refund(row: &Row, decisions: &Decisions) -> Result<Vec<Ours>, DbError> {
    let (account, id, reference) = (row.text_at(0)?, row.text_at(1)?, row.opt_str_at(2)?);
    let (amount, state, settled_on) = (row.int_at(3)?, row.str_at(5)?, row.opt_date_at(6)?);
    let came_back = decisions.came_back_on.get(&id).copied();
    let paid_on = if came_back.is_some() { decisions.refunded_on.get(&id).copied() } else { settled_on };
    let has_moved = state == "succeeded" || came_back.is_some();
    let paid = side(row, 4, -amount, paid_on, has_moved)?;
    let mut both = vec![Ours::new(Category::Refund, account.clone(), id.clone(), reference, paid)];
    if let Some(on) = came_back {
        both.push(Ours::new(Category::RefundFailure, account, id, reference, side(row, 4, amount, Some(on), true)?));
    }
    Ok(both)
}

/// A dispute, and its being won if it was.
fn dispute(row: &Row, decisions: &Decisions) -> Result<Vec<Ours>, DbError> {
    let (account, id, amount) = (row.text_at(0)?, row.text_at(1)?, row.int_at(2)?);
    let taken = side(row, 4, -amount, Some(row.date_at(6)?), true)?;
    let taken = Side { fee_minor: row.int_at(3)?, ..taken };
    let mut both = vec![Ours::new(Category::Dispute, account.clone(), id.clone(), Some(&id), taken)];
    if row.str_at(5)? == "won" {
        let on = decisions.won_on.get(&id).copied();
        both.push(Ours::new(Category::DisputeReversal, account, id.clone(), Some(&id), side(row, 4, amount, on, true)?));
    }
    Ok(both)
}
