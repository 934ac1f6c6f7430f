//! A cut-off keeps a report as it was: what is told of a date with what was known then does not change when life goes on.

use chrono::{DateTime, Utc};
use kasacare::domain::change::correct::Correct;
use kasacare::domain::change::operator::NewMethod;
use kasacare::reports::finance::{ALL, Takes};
use kasacare::reports::sheet::{Asked, Tie};
use kasacare::store::db::Db;

use super::{Part, told, usd};
use crate::world::on_both;
use crate::world::town::{CALIFORNIA, OREGON, Town, day, noon};

/// All reports as of a day: sections and rows.
async fn all(db: &Db, on: &str, known_at: Option<DateTime<Utc>>) -> Vec<(&'static str, Vec<Part>)> {
    let mut parts = Vec::new();
    for entry in ALL {
        let asked = match entry.takes {
            Takes::AsOf => Asked { as_of: Some(day(on)), known_at, ..Asked::default() },
            Takes::Range => Asked { from: Some(day("2026-01-01")), to: Some(day(on)), known_at, ..Asked::default() },
        };
        parts.push((entry.name, told(db, entry.name, &asked).await.parts));
    }
    parts
}

/// What reports find twice, whose two sides are both known with a cut-off.
async fn ties(db: &Db, on: &str, known_at: Option<DateTime<Utc>>) -> Vec<Tie> {
    let mut ties = Vec::new();
    for name in ["prepayment-roll-forward", "waterfall", "sales-tax"] {
        let asked = Asked { from: Some(day("2026-01-01")), to: Some(day(on)), known_at, ..Asked::default() };
        ties.extend(told(db, name, &asked).await.ties);
    }
    ties
}

#[tokio::test]
async fn a_report_with_a_cut_off_stays_as_it_was() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let names = ["annual", "monthly", "pending", "behind", "wrong", "disputed", "credited"];
        let mut ids = Vec::new();
        for name in names {
            let token = match name {
                "pending" => "tok_pending_6",
                "credited" => "tok_refund_pending_5",
                _ => "tok_ok",
            };
            ids.push(town.move_in(name, if name == "monthly" { OREGON } else { CALIFORNIA }, token).await);
        }
        let mut subscriptions = Vec::new();
        for (id, plan) in
            ids.iter().zip(["plus/annual", "plus/monthly", "plus/annual", "plus/monthly", "plus/monthly", "plus/annual", "plus/annual"])
        {
            let on = if id.as_str() == "pending" { "2026-02-12" } else { "2026-01-10" };
            if id.as_str() != "pending" {
                subscriptions.push(town.subscribe(on, id, plan).await);
            }
        }
        town.run_daily("2026-01-31", "2026-02-11").await;
        subscriptions.insert(2, town.subscribe("2026-02-12", &ids[2], "plus/annual").await);
        let stolen = NewMethod { token: "tok_stolen".to_owned(), label: "Visa ending 1111".to_owned(), expires_on: None };
        town.act(noon("2026-02-12"), &ids[3], |draft| draft.replace_method(&stolen)).await;
        town.act(noon("2026-02-13"), &ids[6], |draft| draft.cancel(&subscriptions[6])).await;
        town.run_daily("2026-02-13", "2026-02-15").await;
        let then = "2026-02-15";
        let known_at = Some(noon("2026-02-16"));
        let before = all(&db, then, None).await;
        let before_by_cut_off = all(&db, then, known_at).await;
        let tied = ties(&db, then, None).await;
        assert!(tied.iter().any(|tie| tie.what.contains("credit notes issued") && tie.here != usd(0)), "{tied:?}");
        // Life goes on: the pending charge settles, the refund is confirmed, and more happens to everybody.
        town.run_daily("2026-02-17", "2026-02-20").await;
        town.act(noon("2026-02-21"), &ids[0], |draft| draft.cancel(&subscriptions[0])).await;
        let invoice = town.invoices(&ids[4]).await.remove(1).document.id;
        town.act(noon("2026-02-21"), &ids[4], |draft| draft.correct(&invoice, Correct::Net(usd(799)))).await;
        let charge = town.account(&ids[5]).await.charges.keys().next().cloned().unwrap();
        town.act(noon("2026-02-21"), &ids[5], |draft| draft.open_dispute("dp_1", &charge, usd(10_824), usd(1_500))).await;
        town.act(noon("2026-02-22"), &ids[5], |draft| draft.lose_dispute("dp_1")).await;
        town.act(noon("2026-02-22"), &ids[1], |draft| draft.grant_credit(usd(300))).await;
        town.run_daily("2026-02-22", "2026-04-12").await;
        let after = all(&db, then, known_at).await;
        for (((name, before), (_, cut_off)), (_, after)) in before.iter().zip(&before_by_cut_off).zip(&after) {
            assert_eq!(before, cut_off, "{name}: a cut-off after everything changes nothing");
            assert_eq!(before, after, "{name}: what was known then");
        }
        assert_eq!(ties(&db, then, known_at).await, tied, "each tie is told with a cut-off, too");
        // And without the cut-off something is different.
        let now = all(&db, "2026-04-12", None).await;
        let differs = now.iter().zip(&before).filter(|(now, before)| now != before).count();
        assert_eq!(differs, ALL.len() - 1, "all but the reconciliation, of which there is none");
    })
    .await;
}
