//! Charts of reports: columns that are stacked, and bridges from an opening to a closing balance.
//!
//! A figure is built from the rows that a report told (`recipes`) and drawn by a library (`drawing`). It keeps the numbers
//! that it shows, so that a page can put them behind it for those who don't see it.

mod drawing;
mod recipes;

pub use recipes::of;

use crate::domain::money::{Currency, Money};
use crate::reports::ReportError;

/// A chart of amounts in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Its heading.
    pub title: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// The currency of its amounts.
    pub currency: Currency,
    /// What the columns are called, from left to right.
    pub groups: Vec<String>,
    /// What they are made of; of a bridge one series, whose amounts are the steps.
    pub series: Vec<Series>,
    /// Positions of the groups of a bridge that are balances and not changes; nothing where the columns are stacked.
    pub balances: Option<Vec<usize>>,
}

/// Amounts of one kind, one a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// What they are.
    pub name: String,
    /// The amounts in minor units.
    pub minor: Vec<i64>,
}

/// A part of a column, from an amount to an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bar {
    group: usize,
    from: i64,
    to: i64,
    shade: Shade,
}

/// What a bar's colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shade {
    /// The series of that number.
    Series(usize),
    /// A balance.
    Balance,
    /// More of it.
    Rise,
    /// Less of it.
    Fall,
}

impl Figure {
    /// The chart as SVG to stand in a page, whose colours are the page's (`--s1`, …). `id` is the page's name for it.
    ///
    /// # Errors
    /// What the library says.
    pub fn svg(&self, id: &str) -> Result<String, ReportError> {
        drawing::svg(self, id)
    }

    /// An amount of it.
    #[must_use]
    pub const fn amount(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }

    /// Which of the page's colours a series has. Two are told apart better than two that follow each other.
    #[must_use]
    pub fn colour(&self, series: usize) -> usize {
        if self.series.len() == 2 { series * 3 } else { series.min(drawing::SERIES_MAX - 1) }
    }

    fn bars(&self) -> Vec<Bar> {
        self.balances.as_ref().map_or_else(|| self.stacked(), |balances| self.bridge(balances))
    }

    /// What is positive stands on what is positive below it, what is negative hangs.
    fn stacked(&self) -> Vec<Bar> {
        let mut bars = Vec::new();
        for group in 0..self.groups.len() {
            let (mut above, mut below) = (0_i64, 0_i64);
            for (number, series) in self.series.iter().enumerate() {
                let amount = series.minor.get(group).copied().unwrap_or_default();
                let end = if amount < 0 { &mut below } else { &mut above };
                let from = *end;
                *end = from.saturating_add(amount);
                if amount != 0 {
                    bars.push(Bar { group, from, to: *end, shade: Shade::Series(self.colour(number)) });
                }
            }
        }
        bars
    }

    fn bridge(&self, balances: &[usize]) -> Vec<Bar> {
        let mut stands = 0_i64;
        let steps = self.series.first().map(|series| series.minor.as_slice()).unwrap_or_default();
        let bar = |(group, amount): (usize, &i64)| {
            let is_balance = balances.contains(&group);
            let from = if is_balance { 0 } else { stands };
            stands = from.saturating_add(*amount);
            let shade = match (is_balance, *amount < 0) {
                (true, _) => Shade::Balance,
                (false, true) => Shade::Fall,
                (false, false) => Shade::Rise,
            };
            Bar { group, from, to: stands, shade }
        };
        steps.iter().enumerate().map(bar).collect()
    }

    /// What stands over a column: its sum, or the step.
    fn sums(&self) -> Vec<i64> {
        let of_group = |group: usize| {
            self.series.iter().fold(0_i64, |sum, series| sum.saturating_add(series.minor.get(group).copied().unwrap_or_default()))
        };
        (0..self.groups.len()).map(of_group).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(minor: &[&[i64]], balances: Option<Vec<usize>>) -> Figure {
        let series = minor.iter().map(|minor| Series { name: "<a & b>".to_owned(), minor: minor.to_vec() }).collect();
        let groups = (0..minor[0].len()).map(|group| format!("group <{group}>")).collect();
        let currency = Currency::parse("USD").unwrap();
        Figure { title: "T <1>".to_owned(), about: "A".to_owned(), currency, groups, series, balances }
    }

    fn spans(figure: &Figure) -> Vec<(usize, i64, i64)> {
        figure.bars().iter().map(|bar| (bar.group, bar.from, bar.to)).collect()
    }

    #[test]
    fn columns_are_stacked_on_both_sides_of_zero() {
        let figure = figure(&[&[5, -2], &[7, 0], &[-1, -3]], None);
        assert_eq!(spans(&figure), [(0, 0, 5), (0, 5, 12), (0, 0, -1), (1, 0, -2), (1, -2, -5)]);
        assert_eq!(figure.sums(), [11, -5]);
    }

    #[test]
    fn a_bridge_goes_from_balance_to_balance() {
        let figure = figure(&[&[100, 50, -30, 120]], Some(vec![0, 3]));
        assert_eq!(spans(&figure), [(0, 0, 100), (1, 100, 150), (2, 150, 120), (3, 0, 120)]);
        let shades: Vec<_> = figure.bars().iter().map(|bar| bar.shade).collect();
        assert_eq!(shades, [Shade::Balance, Shade::Rise, Shade::Fall, Shade::Balance]);
    }

    #[test]
    fn charts_are_labelled_and_take_the_colours_of_the_page() {
        let svg = figure(&[&[1_234_500, 50, -30, 120]], Some(vec![0, 3])).svg("f1").unwrap();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert!(svg.contains("role=\"img\"") && svg.contains("aria-labelledby=\"f1-t f1-d\""), "{svg}");
        assert!(svg.contains("<title id=\"f1-t\">T &lt;1&gt;</title>") && svg.contains("group &lt;0&gt;"), "{svg}");
        assert!(svg.contains("var(--balance)") && svg.contains("12,345"), "{svg}");
        assert!(!svg.contains('#') && !svg.contains("http") && !svg.contains("style="), "{svg}");
    }

    #[test]
    fn extremes_are_drawn_too() {
        for minor in [&[0_i64, 0][..], &[i64::MAX, i64::MIN], &[1], &[-1]] {
            assert!(figure(&[minor], None).svg("f").is_ok());
        }
    }
}
