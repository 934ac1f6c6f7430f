//! Laws of RF-3: where an unused value goes.

use proptest::test_runner::TestRunner;

use crate::domain::money::Money;
use crate::domain::refund::{Destination, Disposition, Settlement};
use crate::strategies::{destinations, settled_values};

use super::{Verdict, between, ensure, equal, hold, wide};

/// Runs every law of this module.
pub fn all(runner: &mut TestRunner, dispose: impl Fn(Money, &Settlement, Destination) -> Disposition) -> Verdict {
    every_unit_goes_somewhere(runner, &dispose)?;
    payout_is_at_most_the_cash_left(runner, &dispose)?;
    credit_is_at_most_what_is_not_returned(runner, &dispose)?;
    disputed_cash_is_held(runner, &dispose)?;
    debt_comes_first(runner, &dispose)?;
    nothing_is_kept_back(runner, &dispose)?;
    credit_pays_nothing_out(runner, &dispose)
}

fn parts(disposition: &Disposition) -> [Money; 5] {
    let Disposition { owed_off, payout, credit, held, already_returned } = *disposition;
    [owed_off, payout, credit, held, already_returned]
}

fn cash_left(settlement: &Settlement) -> i128 {
    wide(settlement.captured) - wide(settlement.refunded) - wide(settlement.disputed)
}

/// RF: `owed_off + payout + credit + held + already_returned = unused_value`, and none of them is negative.
pub fn every_unit_goes_somewhere(runner: &mut TestRunner, dispose: impl Fn(Money, &Settlement, Destination) -> Disposition) -> Verdict {
    let inputs = (settled_values(), destinations());
    hold(runner, "RF: the five parts sum to the unused value", inputs, |((value, settlement), to)| {
        let disposition = dispose(value, &settlement, to);
        let parts = parts(&disposition);
        ensure(parts.iter().all(|part| !part.is_negative()), || format!("a negative part in {disposition:?}"))?;
        equal("sum", &parts.into_iter().map(wide).sum(), &wide(value))
    })
}

/// RF: `payout ≤ captured − refunded − disputed`.
pub fn payout_is_at_most_the_cash_left(
    runner: &mut TestRunner,
    dispose: impl Fn(Money, &Settlement, Destination) -> Disposition,
) -> Verdict {
    let inputs = (settled_values(), destinations());
    hold(runner, "RF: payout ≤ captured − refunded − disputed", inputs, |((value, settlement), to)| {
        between("payout", 0, dispose(value, &settlement, to).payout, cash_left(&settlement))
    })
}

/// RF-3: money is never given back twice, nor as credit while its cash is disputed.
pub fn credit_is_at_most_what_is_not_returned(
    runner: &mut TestRunner,
    dispose: impl Fn(Money, &Settlement, Destination) -> Disposition,
) -> Verdict {
    let inputs = (settled_values(), destinations());
    hold(runner, "RF-3: payout + credit ≤ cash left + paid_from_credit", inputs, |((value, settlement), to)| {
        let disposition = dispose(value, &settlement, to);
        let from_credit = wide(settlement.paid_from_credit);
        let most = if to == Destination::Refund { from_credit } else { cash_left(&settlement) + from_credit };
        between("credit", 0, disposition.credit, most)?;
        let given = wide(disposition.payout) + wide(disposition.credit);
        let available = cash_left(&settlement) + from_credit;
        ensure(given <= available, || format!("{given} given of {available}"))
    })
}

/// RF-3: what is disputed is held, and no more than that.
pub fn disputed_cash_is_held(runner: &mut TestRunner, dispose: impl Fn(Money, &Settlement, Destination) -> Disposition) -> Verdict {
    let inputs = (settled_values(), destinations());
    hold(runner, "RF-3: held ≤ disputed, and only the rest was returned before", inputs, |((value, settlement), to)| {
        let disposition = dispose(value, &settlement, to);
        between("held", 0, disposition.held, wide(settlement.disputed))?;
        between("already_returned", 0, disposition.already_returned, wide(settlement.refunded))
    })
}

/// RF-3: what is owed is taken off before anything is given back.
pub fn debt_comes_first(runner: &mut TestRunner, dispose: impl Fn(Money, &Settlement, Destination) -> Disposition) -> Verdict {
    let inputs = (settled_values(), destinations());
    hold(runner, "RF-3: owed_off = min(unpaid, U)", inputs, |((value, settlement), to)| {
        let owed_off = dispose(value, &settlement, to).owed_off;
        equal("owed_off", &owed_off.minor(), &settlement.unpaid.minor().min(value.minor()))
    })
}

/// RF-3: each part is filled before the next one is begun: cash, credit, held, already returned.
pub fn nothing_is_kept_back(runner: &mut TestRunner, dispose: impl Fn(Money, &Settlement, Destination) -> Disposition) -> Verdict {
    let inputs = (settled_values(), destinations());
    hold(runner, "RF-3: each part is filled before the next is begun", inputs, |((value, settlement), to)| {
        let disposition = dispose(value, &settlement, to);
        let from_credit = wide(settlement.paid_from_credit);
        let (cash, credit) = match to {
            Destination::Refund => (cash_left(&settlement), from_credit),
            Destination::Credit => (0, cash_left(&settlement) + from_credit),
        };
        let room = [wide(settlement.unpaid), cash, credit, wide(settlement.disputed)];
        let filled = parts(&disposition).map(wide);
        for (at, (room, part)) in room.into_iter().zip(filled).enumerate() {
            let begun_later = filled.iter().skip(at + 1).any(|later| *later > 0);
            ensure(part == room || !begun_later, || format!("part {at} has room in {disposition:?}"))?;
        }
        Ok(())
    })
}

/// CP: where the matrix says credit, no cash is paid out.
pub fn credit_pays_nothing_out(runner: &mut TestRunner, dispose: impl Fn(Money, &Settlement, Destination) -> Disposition) -> Verdict {
    hold(runner, "RF-3: sent to credit, nothing is paid out", settled_values(), |(value, settlement)| {
        equal("payout", &dispose(value, &settlement, Destination::Credit).payout.minor(), &0)
    })
}
