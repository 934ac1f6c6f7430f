//! Saving changes: the difference between before and after, as a fixed number of statements for any number of accounts.
//!
//! The order is deliberate. The journal comes first: its keys are the compare-and-set, because of two who plan on the same state
//! only one can append the next record (F11), and a cause has one record (F13). What all accounts share comes last, because others
//! wait for it: the uses of promotions, the series that number documents, and the mails that name those numbers.

use std::collections::HashMap;

use rayon::prelude::*;

use super::super::db::{Columns, DbError, Tx};
use super::super::error::StoreError;
use super::super::journal::{JournalBatch, PostedLeg, Record, body, record_hash};
use super::super::rows::Batch;
use super::numbers::{NoteNumbers, Numbers};
use super::{documents, outbox, profile, subscriptions, uses};
use crate::domain::account::{
    Account, Charge, CollectionCost, Correction, Dispute, Invoice, Payment, RedemptionState, Refund, Subscription, Task,
};
use crate::domain::change::Change;
use crate::domain::ids::AccountId;

/// How many accounts of a batch a processor takes at least: for fewer it is not worth another's while.
pub const SHARE_MIN: usize = 64;

/// Saves changes. They take effect with the transaction, all or none; empty ones ([`Change::is_empty`]) write nothing.
///
/// Several changes of one account follow one another: each but the first was planned on what the one before it left. What the
/// store adds is put into `after`: the end of the journal and the numbers of new invoices (MO-4).
///
/// After an error the transaction must be rolled back.
///
/// # Errors
/// [`StoreError::Conflict`] if an account has changed since it was loaded, [`StoreError::AlreadyDone`] if the journal has the
/// cause, [`StoreError::PromotionUsedUp`], [`StoreError::NoCatalog`], [`StoreError::Currency`], [`StoreError::Db`].
pub async fn save(tx: &mut Tx, changes: &mut [Change]) -> Result<(), StoreError> {
    let histories = histories(changes)?;
    if histories.is_empty() {
        return Ok(());
    }
    write_journal(tx, changes, &histories).await?;
    write_profiles(tx, changes, &histories).await?;
    write_tables(tx, changes, &histories).await?;
    uses::count(tx, both_ends(changes, &histories)).await?;
    let note_numbers = write_documents(tx, changes, &histories).await?;
    outbox::write(tx, changes, &note_numbers).await
}

/// The positions of the changes of one account, in their order.
type History = Vec<usize>;

/// The changes by account, for the accounts that something happened to.
fn histories(changes: &[Change]) -> Result<Vec<History>, StoreError> {
    let mut histories: Vec<History> = Vec::with_capacity(changes.len());
    let mut known: HashMap<&AccountId, usize> = HashMap::with_capacity(changes.len());
    for (at, change) in changes.iter().enumerate() {
        let history = *known.entry(&change.before.profile.id).or_insert_with(|| {
            histories.push(History::with_capacity(1));
            histories.len() - 1
        });
        let history = &mut histories[history];
        if history.last().is_some_and(|last| changes[*last].after != change.before) {
            return Err(StoreError::Conflict { account: Some(change.before.profile.id.to_string()) });
        }
        history.push(at);
    }
    histories.retain(|history| history.iter().any(|at| !changes[*at].is_empty()));
    Ok(histories)
}

/// What each account was before the first of its changes, and what it is after the last.
fn both_ends<'a>(changes: &'a [Change], histories: &'a [History]) -> impl Iterator<Item = (&'a Account, &'a Account)> {
    histories.iter().filter_map(|history| {
        let (first, last) = (changes.get(*history.first()?)?, changes.get(*history.last()?)?);
        Some((&first.before, &last.after))
    })
}

/// Appends the records and their legs, and moves the end of the journal in the changes.
async fn write_journal(tx: &mut Tx, changes: &mut [Change], histories: &[History]) -> Result<(), StoreError> {
    let sealed: Vec<Result<Vec<Sealed>, StoreError>> =
        histories.par_iter().with_min_len(SHARE_MIN).map(|history| seal(changes, history)).collect();
    let mut batch = JournalBatch::new();
    let mut ends = Vec::with_capacity(histories.len());
    for sealed in sealed {
        let sealed = sealed?;
        for Sealed { end, record, body, legs } in &sealed {
            batch.add(&Record { body, ..*record }, &end.hash, legs);
        }
        ends.push(sealed.into_iter().map(|sealed| sealed.end).collect::<Vec<End>>());
    }
    for (history, ends) in histories.iter().zip(ends) {
        move_journal_end(changes, history, ends);
    }
    tx.insert_rows(&batch.records).await.map_err(|error| refused(error, changes, histories))?;
    batch.insert_legs(tx).await?;
    Ok(())
}

/// Where the journal of an account ends after the change at this position.
struct End {
    at: usize,
    seq: i64,
    hash: String,
}

/// A record that is ready to be appended; its body stands beside it.
struct Sealed<'a> {
    end: End,
    record: Record<'a>,
    body: String,
    legs: Vec<PostedLeg<'a>>,
}

/// Writes down the records of one account, each chained to the one before it.
fn seal<'a>(changes: &'a [Change], history: &History) -> Result<Vec<Sealed<'a>>, StoreError> {
    let mut sealed: Vec<Sealed<'a>> = Vec::with_capacity(history.len());
    for &at in history {
        let Some(change) = changes.get(at).filter(|change| !change.is_empty()) else { continue };
        let loaded = &change.before.profile;
        let (previous, seq) = sealed.last().map_or((&loaded.journal_hash, loaded.journal_seq), |last| (&last.end.hash, last.end.seq));
        let seq = seq + 1;
        let body = body(loaded.id.as_str(), &change.events, &change.why)?;
        let (record, legs) = (record(change, seq), posted_legs(change)?);
        let hash = record_hash(previous, &Record { body: &body, ..record }, &legs);
        sealed.push(Sealed { end: End { at, seq, hash }, record, body, legs });
    }
    Ok(sealed)
}

/// After a change, an account's journal ends with the change's own record, or with the last one before it.
fn move_journal_end(changes: &mut [Change], history: &History, ends: Vec<End>) {
    let mut ends = ends.into_iter().peekable();
    let mut end = None;
    for at in history {
        end = ends.next_if(|end| end.at == *at).or(end);
        if let (Some(change), Some(End { seq, hash, .. })) = (changes.get_mut(*at), &end) {
            change.after.profile.journal_seq = *seq;
            change.after.profile.journal_hash.clone_from(hash);
        }
    }
}

/// Which of the two keys of the journal was there already. Whose it was is only known where there was one.
fn refused(error: DbError, changes: &[Change], histories: &[History]) -> StoreError {
    let DbError::UniqueViolation { constraint, .. } = &error else { return error.into() };
    let mut recorded = histories.iter().flatten().filter_map(|at| changes.get(*at)).filter(|change| !change.is_empty());
    let only = recorded.next().filter(|_| recorded.next().is_none());
    let account = only.map(|change| change.before.profile.id.to_string());
    if constraint.contains("cause") {
        StoreError::AlreadyDone { account, cause: only.map(|change| change.cause.clone()) }
    } else {
        StoreError::Conflict { account }
    }
}

/// The record of a change, without its body.
fn record(change: &Change, seq: i64) -> Record<'_> {
    Record {
        account_id: change.after.profile.id.as_str(),
        seq,
        kind: change.kind,
        cause: &change.cause,
        effective_on: change.effective_on,
        posted_at: change.recorded_at,
        actor: &change.actor,
        reason: change.reason.as_deref(),
        body: "",
    }
}

fn posted_legs(change: &Change) -> Result<Vec<PostedLeg<'_>>, StoreError> {
    let profile = &change.after.profile;
    let mut legs = Vec::new();
    for (event, leg) in change.entries.iter().flat_map(|(event, entry)| entry.iter().map(move |leg| (event, leg))) {
        let found = leg.amount.currency();
        if found != profile.currency {
            let (account, expected) = (profile.id.to_string(), profile.currency);
            return Err(StoreError::Currency { account, table: "postings", expected, found });
        }
        let invoice = leg.invoice.as_ref().and_then(|id| change.after.invoices.get(id));
        legs.push(PostedLeg {
            leg_no: i64::try_from(legs.len() + 1).unwrap_or(i64::MAX),
            event_no: i64::try_from(*event).unwrap_or(i64::MAX),
            ledger_account: leg.account.number.into(),
            effective_on: change.effective_on,
            amount_minor: leg.amount.minor(),
            currency: profile.currency.code(),
            subscription_id: invoice.map(|invoice| invoice.document.subscription.as_str()),
            invoice_id: leg.invoice.as_deref(),
        });
    }
    Ok(legs)
}

/// Updates the accounts' own rows: most in nothing but the end of the journal.
async fn write_profiles(tx: &mut Tx, changes: &[Change], histories: &[History]) -> Result<(), StoreError> {
    let mut heads = Columns::only(&profile::ACCOUNTS, profile::HEAD);
    let mut whole = Columns::of(&profile::ACCOUNTS);
    let mut fault = None;
    for (before, after) in both_ends(changes, histories) {
        if profile::only_journal_differs(&before.profile, &after.profile) {
            heads.row().text(after.profile.id.as_str()).int(after.profile.journal_seq).text(&after.profile.journal_hash);
        } else {
            profile::write(&mut whole, after, &mut fault);
        }
    }
    fault.map_or(Ok(()), Err)?;
    update_all(tx, &heads).await?;
    update_all(tx, &whole).await
}

/// Writes everything of the aggregate but the documents that have numbers.
async fn write_tables(tx: &mut Tx, changes: &[Change], histories: &[History]) -> Result<(), StoreError> {
    let mut fault = None;
    let (mut came, mut went) = (Columns::of(&profile::CAMERAS), Columns::of(&profile::CAMERAS));
    let mut price_notices = Batch {
        new: Columns::of(&subscriptions::PRICE_NOTICES),
        changed: Columns::of(&subscriptions::PRICE_NOTICES),
        usual: Columns::only(&subscriptions::PRICE_NOTICES, &[]),
    };
    let mut tables = [
        Batch::of::<Subscription>(),
        Batch::of::<Charge>(),
        Batch::of::<Payment>(),
        Batch::of::<Refund>(),
        Batch::of::<Correction>(),
        Batch::of::<Dispute>(),
        Batch::of::<RedemptionState>(),
        Batch::of::<CollectionCost>(),
        Batch::of::<Task>(),
    ];
    for (before, after) in both_ends(changes, histories) {
        let [subscriptions, charges, payments, refunds, corrections, disputes, redemptions, costs, tasks] = &mut tables;
        subscriptions.add::<Subscription>(before, after, &mut fault);
        charges.add::<Charge>(before, after, &mut fault);
        payments.add::<Payment>(before, after, &mut fault);
        refunds.add::<Refund>(before, after, &mut fault);
        corrections.add::<Correction>(before, after, &mut fault);
        disputes.add::<Dispute>(before, after, &mut fault);
        redemptions.add::<RedemptionState>(before, after, &mut fault);
        costs.add::<CollectionCost>(before, after, &mut fault);
        tasks.add::<Task>(before, after, &mut fault);
        profile::diff_cameras(before, after, &mut came, &mut went);
        subscriptions::diff_price_notices(before, after, &mut price_notices, &mut fault);
    }
    fault.map_or(Ok(()), Err)?;
    tx.delete_rows(&went).await?;
    tx.insert_rows(&came).await?;
    for table in tables.iter().chain([&price_notices]) {
        write_batch(tx, table).await?;
    }
    Ok(())
}

/// Numbers the new invoices and notes (MO-4), and writes them with the invoices that have changed.
async fn write_documents(tx: &mut Tx, changes: &mut [Change], histories: &[History]) -> Result<NoteNumbers, StoreError> {
    let mut numbers = Numbers::new();
    for history in histories {
        for at in history {
            if let Some(change) = changes.get(*at) {
                numbers.add(*at, &change.before, &change.after);
            }
        }
    }
    let note_numbers = numbers.take(tx, changes, histories).await?;
    let mut fault = None;
    let mut invoices = Batch::of::<Invoice>();
    let mut notes = Columns::of(&documents::NOTES);
    for (before, after) in both_ends(changes, histories) {
        invoices.add::<Invoice>(before, after, &mut fault);
        for (id, note) in after.notes.iter().filter(|(id, _)| !before.notes.contains_key(*id)) {
            let number = note_numbers.get(&(after.profile.id.clone(), id.clone())).map_or("", String::as_str);
            documents::write_note(note, number, &mut notes, after, &mut fault);
        }
    }
    fault.map_or(Ok(()), Err)?;
    write_batch(tx, &invoices).await?;
    tx.insert_rows(&notes).await?;
    Ok(note_numbers)
}

/// Changed rows before new ones: an attempt must be over before the next one for the same invoice can begin (F08).
async fn write_batch(tx: &mut Tx, batch: &Batch) -> Result<(), StoreError> {
    update_all(tx, &batch.usual).await?;
    update_all(tx, &batch.changed).await?;
    tx.insert_rows(&batch.new).await?;
    Ok(())
}

/// Updates rows that are all there, because they were loaded under the account's lock.
async fn update_all(tx: &mut Tx, rows: &Columns) -> Result<(), StoreError> {
    let written = tx.update_rows(rows).await?;
    if u64::try_from(rows.len()) == Ok(written) { Ok(()) } else { Err(StoreError::Conflict { account: None }) }
}
