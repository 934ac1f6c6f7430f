//! A tie that cannot fail proves nothing: faults in the books, each of which the report that it is about must see.

use kasacare::reports::sheet::Tie;
use kasacare::store::db::{Sql, Tx};

use super::{range, tell_in};
use crate::check::unguarded;
use crate::world::on_both;
use crate::world::town::{CALIFORNIA, Town, noon};

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
        town.act(noon("2026-01-12"), &id, |draft| draft.grant_credit(super::usd(500))).await;
        let invoice = town.invoices(&id).await.remove(0).document.id;
        let wrong = kasacare::domain::change::correct::Correct::Net(super::usd(8_999));
        town.act(noon("2026-01-20"), &id, |draft| draft.correct(&invoice, wrong)).await;
        town.run_daily("2026-01-20", "2026-03-29").await;
        town.act(noon("2026-03-30"), &id, |draft| draft.cancel(&subscription)).await;
        town.run("2026-03-31").await;
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
