//! Everything that a run reads, of one moment: with one transaction, or with three at a time.

use std::collections::BTreeMap;
use std::io;

use chrono::NaiveDate;
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::aside::Days;
use super::bank::{self, BankRows};
use super::equations::{self, Balances, Posted};
use super::join::{Correction, Joined};
use super::load::{self, OurSide, TheirSide};
use super::report::Input;
use super::stored::{self, StoredBreak};
use super::waiting::InOrder;
use super::{Order, ReconcileError};
use crate::domain::settlement::is_booked;
use crate::engine::settlement::preview::{Given, Seen, look};
use crate::store::db::Tx;
use crate::store::settlement::Fresh;

/// What was read, and joined.
pub(super) struct Read {
    pub joined: Joined,
    pub inputs: Vec<Input>,
    pub balances: Balances,
    pub posted: Posted,
    pub bank: BankRows,
    pub known: BTreeMap<String, StoredBreak>,
    pub days: Days,
}

/// The provider's side.
struct Theirs {
    side: TheirSide,
    inputs: Vec<Input>,
    fresh: Fresh,
}

/// Ours, while they are put in order.
struct Ours {
    in_order: InOrder,
    ordering: JoinHandle<Option<Input>>,
    corrections: Vec<Correction>,
}

/// What is read besides the two sides.
struct Rest {
    posted: Posted,
    bank: BankRows,
    known: BTreeMap<String, StoredBreak>,
    days: Days,
}

fn stopped() -> ReconcileError {
    io::Error::other("the reading was stopped").into()
}

async fn theirs(tx: &mut Tx, order: &Order, given: Option<Given>) -> Result<Theirs, ReconcileError> {
    let Order { provider, through, at, .. } = order;
    let mut side = TheirSide::new(*through);
    let mut inputs = vec![load::theirs(tx, provider, &mut side).await?];
    let Some(given) = given else { return Ok(Theirs { side, inputs, fresh: Fresh::default() }) };
    let Seen { rows, digest, fresh } = look(tx, (provider, *at), given, |movement| side.add_unstored(movement)).await?;
    inputs.push(Input { what: "provider file".to_owned(), rows, digest });
    Ok(Theirs { side, inputs, fresh })
}

/// What stores charge for themselves is not in our books.
async fn ours(tx: &mut Tx, provider: &str, through: NaiveDate) -> Result<Option<Ours>, ReconcileError> {
    if !is_booked(provider) {
        return Ok(None);
    }
    let OurSide { waiting, corrections } = load::ours(tx, provider, through).await?;
    let (sender, in_order) = waiting.channel();
    let ordering = tokio::task::spawn_blocking(move || waiting.put_in_order(&sender));
    Ok(Some(Ours { in_order, ordering, corrections }))
}

async fn rest(tx: &mut Tx, provider: &str, through: NaiveDate) -> Result<Rest, ReconcileError> {
    Ok(Rest {
        posted: equations::posted(tx, provider, through).await?,
        bank: bank::read(tx, provider, through).await?,
        known: stored::breaks(tx, provider).await?,
        days: Days::load(tx, provider, through).await?,
    })
}

/// Reads one after the other.
pub(super) async fn one_by_one(tx: &mut Tx, order: &Order, given: Option<Given>) -> Result<Read, ReconcileError> {
    let Order { provider, through, .. } = order;
    let theirs = theirs(tx, order, given).await?;
    let ours = ours(tx, provider, *through).await?;
    let rest = rest(tx, provider, *through).await?;
    joined(theirs, ours, rest, *through).await
}

/// Reads all at once, and gives the transactions back.
pub(super) async fn at_once(txs: [Tx; 3], order: &Order, given: Option<Given>) -> (Vec<Tx>, Result<Read, ReconcileError>) {
    let [mut first, mut second, mut third] = txs;
    let (through, provider) = (order.through, || order.provider.clone());
    let (of_theirs, of_ours, of_rest) = (order.clone(), provider(), provider());
    let reading = async move {
        let read = theirs(&mut first, &of_theirs, given).await;
        (first, read)
    };
    let theirs = tokio::spawn(reading.in_current_span());
    let reading = async move {
        let read = ours(&mut second, &of_ours, through).await;
        (second, read)
    };
    let ours = tokio::spawn(reading.in_current_span());
    let reading = async move {
        let read = rest(&mut third, &of_rest, through).await;
        (third, read)
    };
    let rest = tokio::spawn(reading.in_current_span());
    let mut txs = Vec::with_capacity(3);
    // All are waited for, also where one has failed: whoever reads is not torn away from its connection.
    let theirs = given_back(theirs.await, &mut txs);
    let ours = given_back(ours.await, &mut txs);
    let read = match (theirs, ours, given_back(rest.await, &mut txs)) {
        (Ok(theirs), Ok(ours), Ok(rest)) => joined(theirs, ours, rest, through).await,
        (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => Err(error),
    };
    (txs, read)
}

type Ended<T> = Result<(Tx, Result<T, ReconcileError>), tokio::task::JoinError>;

fn given_back<T>(ended: Ended<T>, txs: &mut Vec<Tx>) -> Result<T, ReconcileError> {
    let (tx, read) = ended.map_err(|_| stopped())?;
    txs.push(tx);
    read
}

async fn joined(theirs: Theirs, ours: Option<Ours>, rest: Rest, through: NaiveDate) -> Result<Read, ReconcileError> {
    let Theirs { side, mut inputs, fresh } = theirs;
    let TheirSide { mut join, balances, .. } = side;
    let Rest { mut posted, mut bank, known, days } = rest;
    bank.add(&fresh, through);
    posted.add(fresh.gathered, through)?;
    let Some(Ours { in_order, ordering, corrections }) = ours else {
        return Ok(Read { joined: Joined::default(), inputs, balances, posted, bank, known, days });
    };
    let joining = tokio::task::spawn_blocking(move || {
        in_order.join(&mut join)?;
        corrections.iter().for_each(|correction| join.add_correction(correction));
        join.finish()
    });
    let joined = joining.await.map_err(|_| stopped())??;
    inputs.insert(0, ordering.await.ok().flatten().ok_or_else(stopped)?);
    Ok(Read { joined, inputs, balances, posted, bank, known, days })
}
