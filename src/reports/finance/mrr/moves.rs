//! How recurring revenue moved: by customer, and summed.

use std::collections::BTreeMap;

/// Movements that are listed one by one; more are in the sums alone.
const LISTED_MAX: usize = 100_000;

/// What a customer's month was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Movement {
    New,
    Expansion,
    Contraction,
    Churn,
    Reactivation,
}

impl Movement {
    /// What it was; nothing where there was no revenue before and after, or as much. `had_before` tells whether there was any
    /// before the month.
    fn of(before: i128, after: i128, had_before: bool) -> Option<Self> {
        match (before, after) {
            (0, 0) => None,
            (0, _) => Some(if had_before { Self::Reactivation } else { Self::New }),
            (_, 0) => Some(Self::Churn),
            _ if after > before => Some(Self::Expansion),
            _ if after < before => Some(Self::Contraction),
            _ => None,
        }
    }

    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Expansion => "expansion",
            Self::Contraction => "contraction",
            Self::Churn => "churn",
            Self::Reactivation => "reactivation",
        }
    }
}

/// How MRR moved in a month, in minor units; and of how many customers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moves {
    new: i128,
    expansion: i128,
    contraction: i128,
    churn: i128,
    reactivation: i128,
    pub(super) came: i64,
    pub(super) went: i64,
}

impl Moves {
    pub(super) const fn all(self) -> [i128; 5] {
        [self.new, self.expansion, self.contraction, self.churn, self.reactivation]
    }

    /// Adds a customer's month, and says what it was.
    pub(super) fn add(&mut self, before: i128, after: i128, had_before: bool) -> Option<Movement> {
        let movement = Movement::of(before, after, had_before)?;
        let sum = match movement {
            Movement::New => &mut self.new,
            Movement::Expansion => &mut self.expansion,
            Movement::Contraction => &mut self.contraction,
            Movement::Churn => &mut self.churn,
            Movement::Reactivation => &mut self.reactivation,
        };
        *sum += after - before;
        self.came += i64::from(before == 0);
        self.went += i64::from(after == 0);
        Some(movement)
    }
}

/// A customer's month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) movement: Movement,
    pub(super) before: i128,
    pub(super) after: i128,
}

/// Movements one by one, by the month's place and the customer: the first ones of all that there are.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    pub(super) by_customer: BTreeMap<(usize, String), Moved>,
    /// How many more there are.
    pub(super) unlisted: u64,
}

impl Listed {
    pub(super) fn add(&mut self, month: usize, customer: &str, moved: Moved) {
        // What would come after all that are listed is not kept for a moment.
        let last = self.by_customer.last_key_value();
        let is_late = last.is_some_and(|((at, last), _)| (*at, last.as_str()) < (month, customer));
        if is_late && self.by_customer.len() >= LISTED_MAX {
            self.unlisted += 1;
            return;
        }
        self.by_customer.insert((month, customer.to_owned()), moved);
        if self.by_customer.len() > LISTED_MAX {
            self.by_customer.pop_last();
            self.unlisted += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customers_month_is_one_movement() {
        let moved = |before, after, had_before| {
            let mut moves = Moves::default();
            (moves.add(before, after, had_before).map(Movement::tag).unwrap_or_default(), moves)
        };
        let none = Moves::default();
        assert_eq!(moved(0, 0, true), ("", none));
        assert_eq!(moved(0, 999, false), ("new", Moves { new: 999, came: 1, ..none }));
        assert_eq!(moved(0, 999, true), ("reactivation", Moves { reactivation: 999, came: 1, ..none }));
        assert_eq!(moved(999, 0, true), ("churn", Moves { churn: -999, went: 1, ..none }));
        assert_eq!(moved(999, 1_999, true), ("expansion", Moves { expansion: 1_000, ..none }));
        assert_eq!(moved(1_999, 999, true), ("contraction", Moves { contraction: -1_000, ..none }));
        assert_eq!(moved(999, 999, true), ("", none));
    }

    #[test]
    fn the_first_movements_are_listed_whatever_order_they_come_in() {
        let moved = Moved { movement: Movement::New, before: 0, after: 1 };
        let mut listed = Listed::default();
        // Two more than are listed, the greatest first, and one of a later month before all.
        listed.add(1, "000000", moved);
        for number in (0..=LISTED_MAX).rev() {
            listed.add(0, &format!("{number:06}"), moved);
        }
        assert_eq!((listed.by_customer.len(), listed.unlisted), (LISTED_MAX, 2));
        assert_eq!(listed.by_customer.last_key_value().map(|(key, _)| key.clone()), Some((0, "099999".to_owned())));
        listed.add(0, "099999x", moved);
        assert_eq!((listed.by_customer.len(), listed.unlisted), (LISTED_MAX, 3));
    }
}
