//! Customers by their place in the order of their ids, with their currencies: so that a charge names its customer with four bytes.

use std::hash::{DefaultHasher, Hasher};

use hashbrown::HashTable;

use super::ReconcileError;
use super::rows::letters;
use crate::domain::money::Currency;
use crate::store::db::Tx;
use crate::store::reconcile;

/// Every customer.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    ids: String,
    /// Of each where its id ends.
    ends: Vec<usize>,
    currencies: Vec<[u8; 3]>,
    index: HashTable<u32>,
}

fn hash_of(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(id.as_bytes());
    hasher.finish()
}

fn id_at<'a>(ids: &'a str, ends: &[usize], place: u32) -> &'a str {
    let Ok(place) = usize::try_from(place) else { return "" };
    let start = place.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or_default();
    ends.get(place).and_then(|end| ids.get(start..*end)).unwrap_or_default()
}

impl Accounts {
    pub(super) async fn load(tx: &mut Tx) -> Result<Self, ReconcileError> {
        let mut all: Vec<(Box<str>, Currency)> = Vec::new();
        tx.for_each_batch(&reconcile::ACCOUNTS, &[], |rows| {
            for row in &rows {
                let (account, currency) = reconcile::account_currency(row)?;
                all.push((account.into(), currency));
            }
            Ok::<(), ReconcileError>(())
        })
        .await?;
        all.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        Ok(Self::of(&all))
    }

    /// They come in the order of their ids.
    fn of(all: &[(Box<str>, Currency)]) -> Self {
        let mut accounts = Self::default();
        for ((id, currency), place) in all.iter().zip(0_u32..) {
            accounts.ids.push_str(id);
            accounts.ends.push(accounts.ids.len());
            accounts.currencies.push(letters(*currency));
            let (ids, ends) = (&accounts.ids, &accounts.ends);
            accounts.index.insert_unique(hash_of(id), place, |other| hash_of(id_at(ids, ends, *other)));
        }
        accounts
    }

    /// Customers of one currency.
    #[cfg(test)]
    pub(super) fn sample(ids: &[&str]) -> Self {
        let currency = Currency::parse("USD").unwrap();
        Self::of(&ids.iter().map(|id| ((*id).into(), currency)).collect::<Vec<_>>())
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The place of a customer; none where there is no such customer.
    pub(super) fn place(&self, id: &str) -> Option<u32> {
        self.index.find(hash_of(id), |place| self.id(*place) == id).copied()
    }

    pub(super) fn id(&self, place: u32) -> &str {
        id_at(&self.ids, &self.ends, place)
    }

    pub(super) fn currency(&self, place: u32) -> [u8; 3] {
        usize::try_from(place).ok().and_then(|place| self.currencies.get(place)).copied().unwrap_or(*b"???")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_are_found_by_their_ids() {
        let currency = |code| Currency::parse(code).unwrap();
        let accounts = Accounts::of(&[("a".into(), currency("USD")), ("ab".into(), currency("EUR")), ("b".into(), currency("JPY"))]);
        let found: Vec<_> = ["a", "ab", "b", "", "c"].iter().map(|id| accounts.place(id)).collect();
        assert_eq!(found, [Some(0), Some(1), Some(2), None, None]);
        assert_eq!((accounts.id(1), accounts.currency(1), accounts.id(3), accounts.len()), ("ab", *b"EUR", "", 3));
    }
}
