//! P15: a full refund quote against a bare proration of 128-bit integers.

use std::hint::black_box;
use std::time::Instant;

use chrono::{Days, NaiveDate};
use kasacare::domain::calendar::Period;
use kasacare::domain::money::{Currency, Money, Rate};
use kasacare::domain::refund::{CancellationDay, Destination, Line, Settlement, dispose, unused};

use crate::measure::{Better, Goal, Series};

const ROUNDS: u32 = 2_000_000;

fn nanoseconds(mut work: impl FnMut(u32)) -> f64 {
    let began = Instant::now();
    (0..ROUNDS).for_each(&mut work);
    began.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
}

/// Measures pairs and gives the goal.
pub fn goal(pairs: usize) -> Goal {
    let usd = Currency::parse("USD").expect("a currency");
    let start = NaiveDate::from_ymd_opt(2026, 1, 31).expect("a date");
    let period = Period::new(start, NaiveDate::from_ymd_opt(2027, 1, 31).expect("a date")).expect("a period");
    let line = Line { net: Money::new(9_999, usd), tax: Money::new(825, usd), rate: Rate::parse("0.0825").expect("a rate"), period };
    let zero = Money::zero(usd);
    let settlement = Settlement { captured: Money::new(10_824, usd), refunded: zero, disputed: zero, unpaid: zero, paid_from_credit: zero };
    let days: Vec<NaiveDate> = (0..365).filter_map(|day| start.checked_add_days(Days::new(day))).collect();
    let (mut ratios, mut bare_ns, mut full_ns) = (Series::default(), Series::default(), Series::default());
    for _ in 0..pairs {
        let bare = nanoseconds(|round| {
            let (net, total, unused) = (black_box(9_999_i128), black_box(365_i128), black_box(i128::from(round % 365)));
            black_box((net * unused * 2 + total).div_euclid(total * 2));
        });
        let full = nanoseconds(|round| {
            let day = days[(round % 365) as usize];
            let unused = unused(black_box(&line), black_box(day), CancellationDay::Used).expect("an amount");
            black_box(dispose(unused.value, black_box(&settlement), Destination::Refund).expect("a disposition"));
        });
        ratios.push(full / bare);
        bare_ns.push(bare);
        full_ns.push(full);
    }
    let note = format!("{:.1} ns, bare {:.1} ns", full_ns.median(), bare_ns.median());
    Goal::new("P15 refund quote / bare proration", Better::Less, 6.0, 3.0, ratios, note)
}
