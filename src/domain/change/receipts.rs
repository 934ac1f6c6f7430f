//! What a payment paid, for its receipt (RE-4).

use super::super::account::Charge;
use super::super::event::Event;
use super::super::money::{Money, total};
use super::super::notice::{PaidFor, PaidPart};
use super::{Draft, Planned};

/// What a capture moved (PV-5: not what was asked for), and what it paid, part by part.
#[derive(Debug)]
pub(super) struct Paid {
    pub(super) moved: Money,
    /// Empty where its own invoice is all that it paid.
    pub(super) parts: Vec<PaidPart>,
}

impl Draft<'_> {
    /// PD-4, MO-5: what a charge that was captured in this change paid: its invoice, older ones, collection costs.
    pub(super) fn paid_by(&self, charge: &Charge) -> Planned<Paid> {
        let captured = self.events.iter().rev().find_map(|event| match event {
            Event::ChargeCaptured { charge: id, applied, costs, unapplied, .. } if *id == charge.id => Some((applied, costs, *unapplied)),
            _ => None,
        });
        let Some((applied, costs, unapplied)) = captured else { return Ok(Paid { moved: charge.amount, parts: Vec::new() }) };
        let only_its_own = applied.iter().all(|(id, _)| *id == charge.invoice) && costs.is_empty() && !unapplied.is_positive();
        let amounts = applied.iter().chain(costs).map(|(_, amount)| *amount).chain([unapplied]);
        let moved = total(unapplied.currency(), amounts)?;
        let invoices = applied.iter().map(|(id, amount)| {
            let number = self.number_of(id).unwrap_or_else(|| id.clone());
            PaidPart { what: PaidFor::Invoice(number), minor: amount.minor() }
        });
        let costs = costs.iter().map(|(id, amount)| {
            let document = self.account.costs.get(id).map_or_else(|| id.clone(), |cost| cost.document.clone());
            PaidPart { what: PaidFor::CollectionCost(document), minor: amount.minor() }
        });
        let rest = Some(unapplied).filter(|rest| rest.is_positive()).map(|rest| PaidPart { what: PaidFor::Nothing, minor: rest.minor() });
        let parts = if only_its_own { Vec::new() } else { invoices.chain(costs).chain(rest).collect() };
        Ok(Paid { moved, parts })
    }
}
