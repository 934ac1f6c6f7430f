//! Laws of MO: amounts, tax and promotions.

use chrono::NaiveDate;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::domain::money::{Currency, Money, Rate};
use crate::domain::promotion::{Discount, Duration, Promotion};
use crate::domain::tax::DatedRate;
use crate::strategies::{amounts, currencies, dates, promotions, rates};

use super::{Verdict, between, equal, hold, tax_by_hand, wide};

/// MO-2: tax on a net amount is `rate × net`, rounded half up once.
pub fn tax_is_rounded_half_up(runner: &mut TestRunner, tax_on: impl Fn(Money, Rate) -> Money) -> Verdict {
    hold(runner, "MO-2: tax is rate × net, rounded half up", (amounts(), rates()), |(net, rate)| {
        equal("tax", &tax_on(net, rate), &tax_by_hand(net, rate))
    })
}

/// MO-2: the rate is the latest that began on or before the day; where none did, there is no rate.
pub fn the_rate_is_the_one_in_force(runner: &mut TestRunner, rate_on: impl Fn(&[DatedRate], &str, NaiveDate) -> Option<Rate>) -> Verdict {
    let row = (prop::sample::select(vec!["US-NV", "DE", "JP"]), rates());
    let table = prop::collection::btree_map(dates(), row, 0..12).prop_map(|rows| {
        let dated = |(valid_from, (place, rate)): (NaiveDate, (&str, Rate))| DatedRate { jurisdiction: place.to_owned(), valid_from, rate };
        rows.into_iter().map(dated).collect::<Vec<_>>()
    });
    let on = (table, any::<prop::sample::Index>(), dates()).prop_map(|(table, at, other)| {
        let near = if table.is_empty() { other } else { at.get(&table).valid_from };
        (table, if near < other { near } else { other })
    });
    hold(runner, "MO-2: the rate is the one in force on the day", on, |(table, on)| {
        for place in ["US-NV", "DE", "JP", "FR"] {
            let begun = table.iter().filter(|row| row.jurisdiction == place && row.valid_from <= on);
            let expected = begun.max_by_key(|row| row.valid_from).map(|row| row.rate);
            equal(place, &rate_on(&table, place, on), &expected)?;
        }
        Ok(())
    })
}

/// MO-3: a discount is never below zero and never makes a price negative.
pub fn a_price_never_goes_below_zero(runner: &mut TestRunner, discount: impl Fn(&Promotion, Money) -> Money) -> Verdict {
    hold(runner, "MO-3: 0 ≤ discount ≤ price", (promotions(), amounts()), |(promotion, price)| {
        let off = discount(&promotion, price);
        equal("currency", &off.currency(), &price.currency())?;
        between("discount", 0, off, wide(price))
    })
}

/// MO-3: the discount is the percentage, rounded half up, or the amount, and no more than the price.
pub fn a_discount_is_what_was_promised(runner: &mut TestRunner, discount: impl Fn(&Promotion, Money) -> Money) -> Verdict {
    hold(runner, "MO-3: a discount is what was promised", (promotions(), amounts()), |(promotion, price)| {
        let promised = match &promotion.off {
            Discount::PercentOff(rate) => tax_by_hand(price, *rate),
            Discount::AmountOff(amounts) => {
                let own = amounts.iter().find(|amount| amount.currency() == price.currency());
                *own.expect("an amount in every currency")
            }
        };
        equal("discount", &discount(&promotion, price).minor(), &promised.minor().min(price.minor()))
    })
}

/// MO-3: over a subscription's life the code counts for exactly its number of billed periods.
pub fn a_promotion_counts_billed_periods(runner: &mut TestRunner, covers_next: impl Fn(&Promotion, u32) -> bool) -> Verdict {
    hold(runner, "MO-3: a code counts for its number of billed periods", promotions(), |promotion| {
        let mut billed = 0;
        while billed < 50 && covers_next(&promotion, billed) {
            billed += 1;
        }
        let expected = match promotion.duration {
            Duration::Once => 1,
            Duration::Periods(count) => count,
            Duration::Forever => 50,
        };
        equal("periods with the discount", &billed, &expected)
    })
}

/// MO-1: two currencies never mix in one sum; of one currency, sums are exact.
pub fn currencies_never_mix(runner: &mut TestRunner, plus: impl Fn(Money, Money) -> Option<Money>) -> Verdict {
    hold(runner, "MO-1: two currencies never mix in one sum", (amounts(), amounts()), |(left, right)| {
        let sum = plus(left, right);
        if left.currency() != right.currency() {
            return equal("sum", &sum, &None);
        }
        equal("sum", &sum.map(wide), &Some(wide(left) + wide(right)))
    })
}

/// MO-1: an amount that is printed and read again is the same amount, with exactly its currency's decimals.
pub fn amounts_survive_printing(
    runner: &mut TestRunner,
    print: impl Fn(Money) -> String,
    read: impl Fn(&str, Currency) -> Option<Money>,
) -> Verdict {
    let inputs = (any::<i64>(), currencies()).prop_map(|(minor, currency)| Money::new(minor, currency));
    hold(runner, "MO-1: an amount survives printing and reading", inputs, |amount| {
        let text = print(amount);
        let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        equal("decimals", &decimals, &usize::from(amount.currency().exponent()))?;
        equal("amount", &read(&text, amount.currency()), &Some(amount))?;
        let one_more = if decimals == 0 { format!("{text}.0") } else { format!("{text}0") };
        equal("an amount with a decimal too many", &read(&one_more, amount.currency()), &None)
    })
}
