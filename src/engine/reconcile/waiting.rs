//! Ours while they wait for theirs, on disk, and in the order in which they are digested and joined: of charges by customer and id.
//!
//! Charges are read in whatever order their table has them, at the same time as the provider's side, and are parted by customer into files.
//! A thread puts one part after the other in order, while whoever joins takes them as they come.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use chrono::Datelike;

use super::accounts::Accounts;
use super::digest::Digester;
use super::join::Join;
use super::report::Input;
use super::rows::Kept;

/// Parts of the charges: a part of a million is a megabyte and a half.
const PARTS: usize = 64;
/// So many bytes of a part are in memory; a small book never touches the disk.
const BUFFER: usize = 32 * 1024;

/// Rows as bytes, in memory as long as they are few, then in a file without a name.
#[derive(Debug, Default)]
pub(super) struct Pile {
    bytes: Vec<u8>,
    file: Option<File>,
}

impl Pile {
    fn flush(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    fn ended(&mut self) -> io::Result<()> {
        if self.bytes.len() < BUFFER { Ok(()) } else { self.flush() }
    }

    /// All of it, in the memory that is given.
    fn read(self, into: &mut Vec<u8>) -> io::Result<Option<File>> {
        into.clear();
        let file = match self.file {
            Some(mut file) => {
                file.rewind()?;
                file.read_to_end(into)?;
                Some(file)
            }
            None => None,
        };
        into.extend_from_slice(&self.bytes);
        Ok(file)
    }

    /// The same bytes in another order, in the same file.
    fn of(bytes: &[u8], file: Option<File>) -> io::Result<Self> {
        let Some(mut file) = file else { return Ok(Self { bytes: bytes.to_vec(), file: None }) };
        file.rewind()?;
        file.write_all(bytes)?;
        Ok(Self { bytes: Vec::new(), file: Some(file) })
    }
}

/// Ours, as they are read.
#[derive(Debug)]
pub(super) struct Waiting {
    accounts: Arc<Accounts>,
    charges: Vec<Pile>,
    /// Refunds and disputes, which come in their order.
    others: Pile,
}

/// Ours, in order, as they are joined.
pub(super) struct InOrder {
    accounts: Arc<Accounts>,
    parts: Receiver<io::Result<Pile>>,
}

impl Waiting {
    pub(super) fn new(accounts: Accounts) -> Self {
        Self { accounts: Arc::new(accounts), charges: (0..PARTS).map(|_| Pile::default()).collect(), others: Pile::default() }
    }

    pub(super) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Adds a charge.
    pub(super) fn add_charge(&mut self, row: &Kept<'_>) -> io::Result<()> {
        let customers = self.accounts.len().max(1);
        let part = usize::try_from(row.account).unwrap_or_default().saturating_mul(PARTS) / customers;
        let Some(pile) = self.charges.get_mut(part) else { return Err(io::ErrorKind::InvalidData.into()) };
        row.write(&mut pile.bytes)?;
        pile.ended()
    }

    /// Adds a refund or a dispute, in order.
    pub(super) fn add(&mut self, row: &Kept<'_>) -> io::Result<()> {
        row.write(&mut self.others.bytes)?;
        self.others.ended()
    }

    /// Where the parts are handed over, and from where they are joined.
    pub(super) fn channel(&self) -> (Sender<io::Result<Pile>>, InOrder) {
        let (sender, parts) = channel();
        (sender, InOrder { accounts: Arc::clone(&self.accounts), parts })
    }

    /// Puts one part after the other in order, digests all, and hands them over. Ends early where nobody takes them any more.
    pub(super) fn put_in_order(self, to: &Sender<io::Result<Pile>>) -> Option<Input> {
        let mut digester = Digester::new("our movements");
        let (mut bytes, mut sorted) = (Vec::new(), Vec::new());
        for (pile, is_sorted) in self.charges.into_iter().map(|pile| (pile, false)).chain([(self.others, true)]) {
            let done = in_order(pile, is_sorted, &self.accounts, &mut digester, (&mut bytes, &mut sorted));
            let has_failed = done.is_err();
            if to.send(done).is_err() || has_failed {
                return None;
            }
        }
        Some(digester.input())
    }
}

fn in_order(
    pile: Pile,
    is_sorted: bool,
    accounts: &Accounts,
    digester: &mut Digester,
    (bytes, sorted): (&mut Vec<u8>, &mut Vec<u8>),
) -> io::Result<Pile> {
    let file = pile.read(bytes)?;
    let mut rows = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some((row, length)) = Kept::read(rest)? {
        let (this, after) = rest.split_at(length);
        rows.push((row.account, row.id, this));
        rest = after;
    }
    if !is_sorted {
        rows.sort_unstable();
    }
    sorted.clear();
    for (.., this) in rows {
        let Some((row, _)) = Kept::read(this)? else { continue };
        let day = i64::from(row.side.on.num_days_from_ce());
        digester.add(
            &[accounts.id(row.account), row.id, row.category.tag()],
            &[row.side.amount_minor, row.side.fee_minor, day, i64::from(row.side.has_moved)],
        );
        sorted.extend_from_slice(this);
    }
    Pile::of(sorted, file)
}

impl InOrder {
    /// Joins all of them.
    pub(super) fn join(self, join: &mut Join) -> io::Result<()> {
        let mut bytes = Vec::new();
        for pile in self.parts {
            pile?.read(&mut bytes)?;
            let mut rest = bytes.as_slice();
            while let Some((row, length)) = Kept::read(rest)? {
                rest = rest.split_at(length).1;
                join.add_ours(&row.row(self.accounts.id(row.account)))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::date;
    use super::*;
    use crate::domain::reconcile::Side;
    use crate::domain::settlement::Category;

    /// By hand: customers `a` and `b`, whose charges come in the wrong order, and so many of `b` that they are on disk.
    #[test]
    fn rows_come_out_in_the_order_of_customers_and_ids() {
        let mut waiting = Waiting::new(Accounts::sample(&["a", "b"]));
        let side = Side { on: date(739_000), amount_minor: 5, fee_minor: 0, currency: *b"USD", has_moved: true };
        let many: Vec<String> = (0..1_000).rev().map(|number| format!("ch_{number:04}")).collect();
        let kept = |account, category, id| Kept::new(account, category, id, None, side);
        for id in &many {
            waiting.add_charge(&kept(1, Category::Charge, id)).unwrap();
        }
        waiting.add(&kept(1, Category::Refund, "re_2")).unwrap();
        waiting.add(&kept(0, Category::Dispute, "dp_1")).unwrap();
        waiting.add_charge(&kept(0, Category::Charge, "ch_z")).unwrap();
        waiting.add_charge(&kept(0, Category::Charge, "ch_a")).unwrap();
        assert!(waiting.charges.iter().any(|pile| pile.file.is_some()));
        let (sender, in_order) = waiting.channel();
        let input = waiting.put_in_order(&sender).unwrap();
        drop(sender);
        let mut ids = Vec::new();
        for pile in in_order.parts {
            let mut bytes = Vec::new();
            pile.unwrap().read(&mut bytes).unwrap();
            let mut rest = bytes.as_slice();
            while let Some((row, length)) = Kept::read(rest).unwrap() {
                ids.push(format!("{}/{}", in_order.accounts.id(row.account), row.id));
                rest = &rest[length..];
            }
        }
        let mut expected = vec!["a/ch_a".to_owned(), "a/ch_z".to_owned()];
        expected.extend(many.iter().rev().map(|id| format!("b/{id}")));
        expected.extend(["b/re_2".to_owned(), "a/dp_1".to_owned()]);
        assert_eq!((ids, input.rows), (expected, 1_004));
    }
}
