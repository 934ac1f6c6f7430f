//! MO-4: gapless numbers for invoices and notes, one series a seller and year for each of the two.
//!
//! A chunk takes all its numbers of a series in one statement, as late as possible: the row of the series stays locked until
//! the commit, and whoever bills next waits for it. If the transaction is undone, so is the taking.

use std::collections::{BTreeMap, HashMap};

use chrono::{Datelike, NaiveDate};

use super::super::db::Tx;
use super::super::error::StoreError;
use crate::domain::account::Account;
use crate::domain::change::Change;
use crate::domain::ids::AccountId;

crate::statements! {
    /// Takes `$2` numbers of the series that the seller's name and `$1` make, and gives the first that is not taken.
    TAKE = same(
        "insert into number_series (series, next) \
         select seller || cast($1 as text), cast($2 as bigint) + 1 from settings where only_row = 1 \
         on conflict (series) do update set next = number_series.next + cast($2 as bigint) returning series, next"
    );
}

/// The numbers of new notes, by account and id.
pub(super) type NoteNumbers = HashMap<(AccountId, String), String>;

/// Documents that need numbers.
pub(super) struct Numbers {
    /// For each series, by its name after the seller's, the documents in the order in which they are numbered.
    series: BTreeMap<String, Vec<Document>>,
}

struct Document {
    change: usize,
    id: String,
    is_note: bool,
}

impl Numbers {
    /// No documents yet.
    pub(super) fn new() -> Self {
        Self { series: BTreeMap::new() }
    }

    /// Adds the documents that `after` has and `before` has not; `change` is the position of the change.
    pub(super) fn add(&mut self, change: usize, before: &Account, after: &Account) {
        for (id, invoice) in after.invoices.iter().filter(|(id, _)| !before.invoices.contains_key(*id)) {
            let series = series(invoice.document.issued_on, "");
            self.series.entry(series).or_default().push(Document { change, id: id.clone(), is_note: false });
        }
        for (id, note) in after.notes.iter().filter(|(id, _)| !before.notes.contains_key(*id)) {
            let series = series(note.issued_on, "-N");
            self.series.entry(series).or_default().push(Document { change, id: id.clone(), is_note: true });
        }
    }

    /// Takes the numbers, writes those of invoices into the changes, and gives those of notes by account and id.
    pub(super) async fn take(self, tx: &mut Tx, changes: &mut [Change], histories: &[Vec<usize>]) -> Result<NoteNumbers, StoreError> {
        let mut notes = HashMap::new();
        // In the order of their names, so that of two chunks one waits for the other and never each for both.
        for (suffix, documents) in self.series {
            let count = i64::try_from(documents.len()).unwrap_or(i64::MAX);
            let row = tx.fetch_optional(&TAKE, &crate::values![&suffix, count]).await?.ok_or(StoreError::NoCatalog)?;
            let (series, next) = (row.text("series")?, row.int("next")?);
            for (number, document) in (next - count..).zip(documents) {
                let number = format!("{series}-{number:06}");
                let Some(change) = changes.get_mut(document.change) else { continue };
                if document.is_note {
                    notes.insert((change.after.profile.id.clone(), document.id), number);
                } else if let Some(invoice) = change.after.invoices.get_mut(&document.id) {
                    invoice.number = number;
                }
            }
        }
        hand_on(changes, histories);
        Ok(notes)
    }
}

fn series(issued_on: NaiveDate, kind: &str) -> String {
    format!("-{:04}{kind}", issued_on.year())
}

/// Puts the numbers of an earlier change of an account into its later ones, which were planned without them.
fn hand_on(changes: &mut [Change], histories: &[Vec<usize>]) {
    for history in histories.iter().filter(|history| history.len() > 1) {
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        for at in history {
            let Some(change) = changes.get_mut(*at) else { continue };
            for (id, invoice) in &mut change.after.invoices {
                match known.get(id) {
                    Some(number) if invoice.number.is_empty() => invoice.number.clone_from(number),
                    _ if !invoice.number.is_empty() => {
                        known.insert(id.clone(), invoice.number.clone());
                    }
                    _ => {}
                }
            }
        }
    }
}
