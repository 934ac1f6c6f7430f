//! A tie that cannot fail proves nothing: faults in the books, each of which the report that it is about must see.

use kasacare::domain::refund::Destination;
use kasacare::reports::sheet::Tie;
use kasacare::store::db::{Sql, Tx};

use super::{range, tell_in};
use crate::check::unguarded;
use crate::world::on_both;
use crate::world::town::{CALIFORNIA, OREGON, Town, noon};

/// What was done to the books, the report that sees it, and the tie that breaks.
const FAULTS: &[(&str, &str, &str)] = &[
    ("update postings set amount_minor = amount_minor + 1 where ledger_account = 1200", "trial-balance", "debits = credits"),
    ("update postings set amount_minor = amount_minor + 1 where ledger_account = 4000", "journal-entries", "debits = credits"),
    (
        "update postings set invoice_id = 'in_nobody_1_0' where ledger_account = 1100 and amount_minor > 0",
        "receivables-ageing",
        "open invoices = 1100",
    ),
    ("update postings set ledger_account = 3900 where ledger_account = 2310", "refunds", "refunds on their way = 2310"),
    (
        "update postings set invoice_id = 'in_nobody_1_0' where ledger_account = 2100 and amount_minor < 0",
        "prepayment-roll-forward",
        "closing = 2100",
    ),
    (
        "update postings set amount_minor = amount_minor + 1 where ledger_account = 2200",
        "corrections",
        "differences = what notes added to lines and tax",
    ),
    (
        "update postings set amount_minor = amount_minor + 1 where ledger_account = 2100 and account_id = 'c'",
        "corrections",
        "orders cancelled = what their notes took off lines and tax",
    ),
    ("update notes set net_minor = net_minor + 1", "prepayment-roll-forward", "2100: credit notes and cancelled = credit notes issued"),
    (
        "update notes set reason = 'undercharge' where reason = 'cancellation'",
        "prepayment-roll-forward",
        "2100: debit notes = debit notes issued",
    ),
    ("update notes set net_minor = net_minor + 1", "waterfall", "revenue of invoices = documents less what prepayments grew by"),
    (
        "update postings set amount_minor = amount_minor + 1 where ledger_account = 2110 and amount_minor < 0",
        "waterfall",
        "revenue of invoices = documents less what prepayments grew by",
    ),
    ("update invoices set invoiced_tax_minor = invoiced_tax_minor + 1", "sales-tax", "tax charged = invoices and debit notes"),
    ("update notes set tax_minor = tax_minor + 1", "sales-tax", "tax credited but for write-offs = credit notes"),
    ("update notes set net_minor = net_minor + 1", "sales-tax", "net credited but for write-offs = credit notes"),
    (
        "update invoices set list_minor = list_minor + 1, invoiced_net_minor = invoiced_net_minor + 1",
        "mrr",
        "periods that run = what was booked when they were invoiced",
    ),
    (
        "update subscriptions set due_at = due_at + 31536000000000 where due_at is not null",
        "renewals-ahead",
        "next renewals by their terms = by when they are due",
    ),
    ("update accounts set credit_goodwill_minor = credit_goodwill_minor + 1", "customer-credits", "credits in the accounts' rows = 2300"),
];

async fn broken(tx: &mut Tx, name: &str) -> Vec<String> {
    let asked = kasacare::reports::sheet::Asked { as_of: Some("2026-03-31".parse().unwrap()), ..range("2026-01-01", "2026-03-31") };
    let asked = if name == "customer-credits" { kasacare::reports::sheet::Asked::default() } else { asked };
    let report = tell_in(tx, name, &asked).await;
    report.broken().into_iter().map(|Tie { what, .. }| what.clone()).collect()
}

#[tokio::test]
async fn every_planted_fault_breaks_a_tie() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", CALIFORNIA, "tok_refund_pending_9").await;
        let subscription = town.subscribe("2026-01-10", &id, "plus/annual").await;
        let cancelled = town.move_in("c", OREGON, "tok_ok").await;
        let order = town.subscribe("2026-01-10", &cancelled, "plus/annual").await;
        town.act(noon("2026-01-11"), &cancelled, |draft| draft.cancel_order(&order, Destination::Refund)).await;
        town.act(noon("2026-01-12"), &id, |draft| draft.grant_credit(super::usd(500))).await;
        let invoice = town.invoices(&id).await.remove(0).document.id;
        let wrong = kasacare::domain::change::correct::Correct::Net(super::usd(8_999));
        town.act(noon("2026-01-20"), &id, |draft| draft.correct(&invoice, wrong)).await;
        town.run_daily("2026-01-20", "2026-03-29").await;
        town.act(noon("2026-03-30"), &id, |draft| draft.cancel(&subscription)).await;
        let monthly = town.move_in("b", OREGON, "tok_ok").await;
        town.subscribe("2026-03-31", &monthly, "plus/monthly").await;
        for (fault, name, tie) in FAULTS {
            let mut tx = unguarded(&db).await;
            assert_eq!(broken(&mut tx, name).await, Vec::<String>::new(), "{name} before");
            let changed = tx.execute(&Sql::same(fault), &[]).await.unwrap();
            assert!(changed > 0, "{fault}");
            let seen = broken(&mut tx, name).await;
            assert!(seen.iter().any(|what| what == tie), "{fault}: {name} sees {seen:?}");
            tx.rollback().await.unwrap();
        }
    })
    .await;
}
