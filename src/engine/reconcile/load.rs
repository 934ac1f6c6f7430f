//! The two sides from the database, with the digests of what was read.

use std::io;

use chrono::{Datelike, Days, NaiveDate};

use super::ReconcileError;
use super::accounts::Accounts;
use super::digest::Digester;
use super::equations::Balances;
use super::join::{Correction, Join, ROWS_IN_MEMORY};
use super::report::Input;
use super::rows::{Kept, TheirRow, letters};
use super::waiting::Waiting;
use crate::domain::reconcile::Side;
use crate::domain::settlement::{Category, Movement};
use crate::store::db::{DbError, Row, Tx};
use crate::store::reconcile::{self, Decisions, OurCharge, TheirMovement};
use crate::values;

/// Days after the last one in which the other side of a pair may stand.
const GRACE: Days = Days::new(10);

/// The provider's side while it comes in.
#[derive(Debug)]
pub(super) struct TheirSide {
    pub join: Join,
    pub balances: Balances,
    until: NaiveDate,
}

impl TheirSide {
    pub(super) fn new(through: NaiveDate) -> Self {
        let until = through.checked_add_days(GRACE).unwrap_or(through);
        Self { join: Join::new(through, ROWS_IN_MEMORY), balances: Balances::new(through), until }
    }

    fn add(&mut self, told: &TheirMovement<'_>) -> io::Result<()> {
        let [reference, parent, ours] = told.references;
        self.balances.add(told);
        let side = Side {
            on: told.on,
            amount_minor: told.gross_minor,
            fee_minor: told.fee_minor,
            currency: letters(told.currency),
            has_moved: true,
        };
        self.join.add_theirs(&TheirRow { category: told.category, id: told.id, reference, parent, ours, side })
    }

    /// Adds a movement that is not stored.
    pub(super) fn add_unstored(&mut self, movement: &Movement) -> io::Result<()> {
        let on = movement.occurred_on();
        if on > self.until {
            return Ok(());
        }
        let Movement { id, category, gross_minor, fee_minor, net_minor, currency, .. } = movement;
        self.add(&TheirMovement {
            id,
            category: *category,
            gross_minor: *gross_minor,
            fee_minor: *fee_minor,
            net_minor: *net_minor,
            currency: *currency,
            on,
            references: [&movement.reference, &movement.parent_reference, &movement.our_reference].map(Option::as_deref),
        })
    }
}

/// Loads the provider's movements.
pub(super) async fn theirs(tx: &mut Tx, provider: &str, side: &mut TheirSide) -> Result<Input, ReconcileError> {
    let mut digester = Digester::new("provider movements");
    tx.for_each_batch(&reconcile::THEIRS, &values![provider, side.until], |rows| {
        for row in &rows {
            let told = reconcile::their_movement(row)?;
            let ids = told.references.map(Option::unwrap_or_default);
            digester.add(
                &[told.id, told.category.tag(), told.currency.code(), ids[0], ids[1], ids[2]],
                &[told.gross_minor, told.fee_minor, told.net_minor, told.on.num_days_from_ce().into()],
            );
            side.add(&told)?;
        }
        Ok::<(), ReconcileError>(())
    })
    .await?;
    Ok(digester.input())
}

/// Our side as it was read.
#[derive(Debug)]
pub(super) struct OurSide {
    pub waiting: Waiting,
    pub corrections: Vec<Correction>,
}

/// How often ours are read once more, because a customer has come in between. Whoever reads one moment reads once.
const TRIES: usize = 5;

/// Reads our movements.
pub(super) async fn ours(tx: &mut Tx, provider: &str, through: NaiveDate) -> Result<OurSide, ReconcileError> {
    for _ in 0..TRIES {
        if let Some(side) = ours_of(tx, provider, through).await? {
            return Ok(side);
        }
    }
    Err(ReconcileError::Refused("customers come all the time while their charges are read: run it again".to_owned()))
}

/// Reads them with the customers that are there now; nothing where something is of another customer.
async fn ours_of(tx: &mut Tx, provider: &str, through: NaiveDate) -> Result<Option<OurSide>, ReconcileError> {
    let until = through.checked_add_days(GRACE).unwrap_or(through);
    let decisions = reconcile::decisions(tx).await?;
    let mut waiting = Waiting::new(Accounts::load(tx).await?);
    let [charges, refunds, disputes] = if provider == "simulated" { &reconcile::SIMULATED } else { &reconcile::REAL };
    let values = values![until];
    let (mut corrections, mut is_whole) = (Vec::new(), true);
    tx.for_each_batch(charges, &values, |rows| {
        for row in &rows {
            let told = reconcile::our_charge(row)?;
            let Some(account) = waiting.accounts().place(told.account) else {
                is_whole = false;
                continue;
            };
            let side = charge(row, &told, waiting.accounts().currency(account), &decisions, through, &mut corrections)?;
            waiting.add_charge(&Kept::new(account, Category::Charge, told.id, told.reference, side))?;
        }
        Ok::<(), ReconcileError>(())
    })
    .await?;
    for (statement, add) in [(refunds, refund as Add), (disputes, dispute as Add)] {
        tx.for_each_batch(statement, &values, |rows| {
            for row in &rows {
                match waiting.accounts().place(row.str_at(0)?) {
                    Some(account) => add(row, account, &decisions, &mut waiting)?,
                    None => is_whole = false,
                }
            }
            Ok::<(), ReconcileError>(())
        })
        .await?;
    }
    Ok(is_whole.then_some(OurSide { waiting, corrections }))
}

type Add = fn(&Row, u32, &Decisions, &mut Waiting) -> Result<(), ReconcileError>;

/// A charge as it was booked by a day; what was put right by then is booked on the day of that.
fn charge(
    row: &Row,
    told: &OurCharge<'_>,
    currency: [u8; 3],
    decisions: &Decisions,
    through: NaiveDate,
    corrections: &mut Vec<Correction>,
) -> Result<Side, DbError> {
    // What has not settled yet has no day of its own.
    let on = told.settled_on.unwrap_or(NaiveDate::MIN);
    let mut side = Side { on, amount_minor: told.amount_minor, fee_minor: 0, currency, has_moved: told.has_succeeded };
    if decisions.corrected.is_empty() {
        return Ok(side);
    }
    let key = (told.account.to_owned(), told.id.to_owned());
    for (on, minor) in decisions.corrected.get(&key).into_iter().flatten() {
        if *on > through {
            let before = i64::try_from(i128::from(side.amount_minor) - minor);
            side.amount_minor = before.map_err(|_| row.corrupt("amount_minor", "was put right by more than 64 bits hold"))?;
        } else {
            corrections.push(Correction { currency, captured_on: side.on, on: *on, minor: *minor });
        }
    }
    Ok(side)
}

fn side(row: &Row, currency_at: usize, amount_minor: i64, on: Option<NaiveDate>, has_moved: bool) -> Result<Side, DbError> {
    let currency = letters(reconcile::currency(row, currency_at)?);
    Ok(Side { on: on.unwrap_or(NaiveDate::MIN), amount_minor, fee_minor: 0, currency, has_moved })
}

/// A refund, and its coming back if it did.
fn refund(row: &Row, account: u32, decisions: &Decisions, waiting: &mut Waiting) -> Result<(), ReconcileError> {
    let (id, reference) = (row.str_at(1)?, row.opt_str_at(2)?);
    let (amount, state, settled_on) = (row.int_at(3)?, row.str_at(5)?, row.opt_date_at(6)?);
    let came_back = decisions.came_back_on.get(id).copied();
    let paid_on = if came_back.is_some() { decisions.refunded_on.get(id).copied() } else { settled_on };
    let has_moved = state == "succeeded" || came_back.is_some();
    let paid = side(row, 4, -amount, paid_on, has_moved)?;
    waiting.add(&Kept::new(account, Category::Refund, id, reference, paid))?;
    if let Some(on) = came_back {
        waiting.add(&Kept::new(account, Category::RefundFailure, id, reference, side(row, 4, amount, Some(on), true)?))?;
    }
    Ok(())
}

/// A dispute, and its being won if it was.
fn dispute(row: &Row, account: u32, decisions: &Decisions, waiting: &mut Waiting) -> Result<(), ReconcileError> {
    let (id, amount) = (row.str_at(1)?, row.int_at(2)?);
    let taken = side(row, 4, -amount, Some(row.date_at(6)?), true)?;
    let taken = Side { fee_minor: row.int_at(3)?, ..taken };
    waiting.add(&Kept::new(account, Category::Dispute, id, Some(id), taken))?;
    if row.str_at(5)? == "won" {
        let on = decisions.won_on.get(id).copied();
        waiting.add(&Kept::new(account, Category::DisputeReversal, id, Some(id), side(row, 4, amount, on, true)?))?;
    }
    Ok(())
}
