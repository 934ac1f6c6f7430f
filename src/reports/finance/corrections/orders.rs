//! CO-5: orders that were cancelled because the published price was itself wrong, and where their money went.

use super::super::Span;
use super::super::books::{amount, currency_at};
use super::super::records::{self, Record};
use crate::domain::account::{Note, NoteReason};
use crate::domain::event::{Event, Given};
use crate::domain::ids::SubscriptionId;
use crate::domain::money::{Currency, Money};
use crate::domain::subscription::{Cause, Life};
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::reports::{ReportError, sums};
use crate::store::db::Tx;
use crate::values;

crate::statements! {
    /// The next accounts of a currency that have such orders.
    WITH_ORDERS = same(
        "select distinct s.account_id from subscriptions s join accounts a on a.account_id = s.account_id \
         where a.currency = $1 and s.account_id > $2 and s.closed_cause = 'order_cancelled' order by s.account_id limit $3"
    );
    /// What their journals say of them.
    RECORDS = same(
        "select account_id, seq, effective_on, body from journal where account_id {in:$1} and effective_on <= $2 and posted_at <= $3 \
         and body like '%\"order_cancelled\"%' order by account_id, seq"
    );
    /// By how much the decisions of a range that cancelled orders lowered lines and their tax.
    TAKEN_OFF = same(concat!(
        "select p.currency, ", halves!("p.amount_minor"), " from postings p join journal j on j.account_id = p.account_id and j.seq = p.seq \
         where p.ledger_account in (2100, 2110, 2200) and p.effective_on >= $1 and p.effective_on <= $2 and j.posted_at <= $3 \
         and p.currency = $4 and p.account_id in (select s.account_id from subscriptions s where s.closed_cause = 'order_cancelled') \
         and j.body like '%\"order_cancelled\"%' and not exists (select 1 from postings o where o.account_id = p.account_id \
         and o.seq = p.seq and o.event_no = p.event_no and o.ledger_account in (4000, 4200, 4300)) group by p.currency"
    ));
}

/// What was undone in one decision: the subscription, and its note where the order had been billed.
type Undone = (SubscriptionId, Option<(Note, Given)>);

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>, currency: Currency) -> Result<(), ReportError> {
    let (mut undone, mut after) = (0, String::new());
    teller.section(Section::detail("orders_cancelled", "Orders cancelled for a wrong price", currency, columns()))?;
    loop {
        let accounts = records::next_accounts(tx, &WITH_ORDERS, currency, &after).await?;
        let Some(last) = accounts.last() else { break };
        after.clone_from(last);
        for record in records::of_accounts(tx, &RECORDS, &accounts, span).await?.iter().filter(|record| record.on >= span.from) {
            for (subscription, note) in orders(&record.events) {
                if let Some((note, _)) = &note {
                    undone += i128::from(note.net.minor()) + i128::from(note.tax.minor());
                }
                teller.row(&cells(record, &subscription, note.as_ref())?)?;
            }
        }
    }
    let asked = values![span.from, span.to, span.known_until(), currency.code()];
    let there = match tx.fetch_optional(&TAKEN_OFF, &asked).await? {
        Some(row) if currency_at(&row, 0)? == currency => sums::exact(&row, 1)?,
        _ => 0,
    };
    let what = "orders cancelled = what their notes took off lines and tax";
    teller.tie(what, amount(undone, "orders", currency)?, amount(there, "orders", currency)?);
    Ok(())
}

fn columns() -> Vec<Column> {
    vec![
        Column::date("cancelled_on", "Cancelled on"),
        Column::text("account", "Account"),
        Column::text("subscription", "Subscription"),
        Column::text("invoice", "Invoice"),
        Column::sum("net", "Net"),
        Column::sum("tax", "Tax"),
        Column::sum("refund", "Refunded"),
        Column::sum("to_credit", "To credit"),
        Column::sum("owed_off", "Off what is owed"),
        Column::sum("held", "Held for a dispute"),
    ]
}

fn cells(record: &Record, subscription: &SubscriptionId, note: Option<&(Note, Given)>) -> Result<Vec<Cell>, ReportError> {
    let credit = note.map(|(_, given)| given.credit_cash.plus(given.credit_goodwill)).transpose()?;
    let money = |of: fn(&Note, &Given) -> Money| Cell::or_empty(note, |(note, given)| Cell::Money(of(note, given)));
    Ok(vec![
        Cell::Date(record.on),
        Cell::text(&record.account),
        Cell::text(subscription.to_string()),
        Cell::or_empty(note, |(note, _)| Cell::text(&note.invoice)),
        money(|note, _| note.net),
        money(|note, _| note.tax),
        money(|_, given| given.payout),
        Cell::or_empty(credit, Cell::Money),
        money(|_, given| given.owed_off),
        money(|_, given| given.held),
    ])
}

/// The orders that a decision cancelled.
fn orders(events: &[Event]) -> Vec<Undone> {
    let cancelled = events.iter().filter_map(|event| match event {
        Event::Life { subscription, life: Life::Closed { cause: Cause::OrderCancelled, .. } } => Some(subscription),
        _ => None,
    });
    let note_of = |subscription: &SubscriptionId| {
        let begins = format!("in_{subscription}_");
        events.iter().find_map(|event| match event {
            Event::NoteIssued { note, given } if note.reason == NoteReason::OrderCancelled && note.invoice.starts_with(&begins) => {
                Some((note.clone(), *given))
            }
            _ => None,
        })
    };
    cancelled.map(|subscription| (subscription.clone(), note_of(subscription))).collect()
}
