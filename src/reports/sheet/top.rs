//! The rows with the greatest amounts of a section that is too long to be shown, in memory that only depends on how many are kept.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Cell, Section};

/// Rows that are kept of a section: all of them in their order while there are few, then those with the greatest amounts.
#[derive(Debug, Clone)]
pub(super) struct Top {
    max: usize,
    /// The columns whose amounts count: those that are summed, or all where none is.
    counted: Vec<usize>,
    seen: u64,
    /// The least of those that are kept is on top.
    kept: BinaryHeap<Reverse<Kept>>,
}

/// A row by the size of its greatest amount, and by what it says where that is the same: then the first in the order of the alphabet is
/// the greater one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    size: u64,
    says: Reverse<Vec<String>>,
    number: Reverse<u64>,
    /// Takes no part in the order: the number is another in each row.
    cells: Cells,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cells(Vec<Cell>);

impl PartialOrd for Cells {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cells {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl Top {
    /// Keeps so many rows of a section.
    pub(super) fn of(section: &Section, max: usize) -> Self {
        let columns = || section.columns.iter().enumerate().filter(|(_, column)| column.kind == super::Kind::Money);
        let summed: Vec<usize> = columns().filter(|(_, column)| column.is_summed).map(|(at, _)| at).collect();
        let counted = if summed.is_empty() { columns().map(|(at, _)| at).collect() } else { summed };
        Self { max, counted, seen: 0, kept: BinaryHeap::new() }
    }

    /// How many rows there were.
    pub(super) const fn seen(&self) -> u64 {
        self.seen
    }

    /// Sees a row.
    pub(super) fn see(&mut self, cells: &[Cell]) {
        let number = self.seen;
        self.seen += 1;
        if self.max == 0 {
            return;
        }
        let amounts = self.counted.iter().filter_map(|at| match cells.get(*at) {
            Some(Cell::Money(amount)) => Some(amount.minor().unsigned_abs()),
            _ => None,
        });
        let size = amounts.max().unwrap_or_default();
        let texts = || {
            cells.iter().filter_map(|cell| match cell {
                Cell::Text(text) => Some(text.as_str()),
                Cell::Empty | Cell::Date(_) | Cell::Money(_) | Cell::Count(_) => None,
            })
        };
        let says = || Reverse(texts().map(str::to_owned).collect());
        let kept = || Kept { size, says: says(), number: Reverse(number), cells: Cells(cells.to_vec()) };
        if self.kept.len() < self.max {
            self.kept.push(Reverse(kept()));
        } else if let Some(mut least) = self.kept.peek_mut() {
            // Of many rows that are as great most come too late: nothing is copied of them.
            let is_greater = size > least.0.size || (size == least.0.size && texts().lt(least.0.says.0.iter().map(String::as_str)));
            if is_greater {
                least.0 = kept();
            }
        }
    }

    /// What was kept: all rows as they came, or the greatest, the very greatest first.
    pub(super) fn rows(self) -> Vec<Vec<Cell>> {
        let is_whole = self.seen == u64::try_from(self.kept.len()).unwrap_or(u64::MAX);
        let mut kept: Vec<Kept> = self.kept.into_iter().map(|Reverse(kept)| kept).collect();
        if is_whole {
            kept.sort_by_key(|kept| Reverse(kept.number));
        } else {
            kept.sort_by(|left, right| right.cmp(left));
        }
        kept.into_iter().map(|kept| kept.cells.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::{Currency, Money};
    use crate::reports::sheet::Column;

    fn shown(max: usize, rows: &[(&str, i64)]) -> Vec<String> {
        let usd = Currency::parse("USD").unwrap();
        let columns = vec![Column::text("id", "Id"), Column::sum("amount", "Amount"), Column::money("balance", "Balance")];
        let mut top = Top::of(&Section::detail("rows", "Rows", usd, columns), max);
        for (id, minor) in rows {
            top.see(&[Cell::text(*id), Cell::Money(Money::new(*minor, usd)), Cell::Money(Money::new(1_000_000, usd))]);
        }
        assert_eq!(top.seen(), u64::try_from(rows.len()).unwrap());
        let words = |row: &Vec<Cell>| row.iter().take(2).map(Cell::plain).collect::<Vec<_>>().join(" ");
        top.rows().iter().map(words).collect()
    }

    #[test]
    fn few_rows_stay_in_their_order_and_of_many_the_greatest_are_kept() {
        let rows = [("e", 5), ("b", -900), ("d", 900), ("a", 1), ("c", 0)];
        assert_eq!(shown(5, &rows), ["e 0.05", "b -9.00", "d 9.00", "a 0.01", "c 0.00"]);
        // Whatever its sign; of two that are as great, the one whose id comes first.
        assert_eq!(shown(3, &rows), ["b -9.00", "d 9.00", "e 0.05"]);
        assert_eq!(shown(1, &rows), ["b -9.00"]);
        assert_eq!(shown(0, &rows), Vec::<String>::new());
        let same = [("c", 7), ("a", 7), ("b", 7)];
        assert_eq!(shown(2, &same), ["a 0.07", "b 0.07"]);
    }
}
