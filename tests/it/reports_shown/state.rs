//! What a pack says of its month: whether it is closed, how far it goes, and what moved its cash.

use std::fs;
use std::path::Path;

use kasacare::domain::change::settle::Settlement;
use kasacare::domain::ids::AccountId;
use kasacare::reports::ReportError;
use kasacare::reports::finance::{ALL, refuse_ahead};
use kasacare::reports::pack::{self, Order, Packed};
use kasacare::reports::sheet::Asked;
use kasacare::store::db::{Db, Sql};

use super::month::{csvs, order};
use crate::cli::shop::kasacare;
use crate::world::on_both;
use crate::world::town::{OREGON, Town, day, noon};

/// Writes a pack where that of another month may be.
async fn told_in(db: &Db, order: Order, place: &Path) -> Packed {
    if place.exists() {
        fs::remove_dir_all(place).unwrap();
    }
    pack::write(db, ALL, order, place, |_| {}).await.unwrap()
}

/// The row of a pack that says whether the month is closed, and its page.
async fn state(db: &Db, order: Order, place: &Path) -> (Vec<String>, String) {
    told_in(db, order, place).await;
    let row = csvs(place)["month-close.state"][""][0].clone();
    (row, fs::read_to_string(place.join("index.html")).unwrap())
}

#[tokio::test]
async fn a_pack_says_whether_its_month_is_closed_and_how_far_it_goes() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        town.subscribe("2026-01-10", &id, "plus/annual").await;
        town.run_daily("2026-01-31", "2026-02-10").await;
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("pack");
        let (row, page) = state(&db, order("2026-01"), &place).await;
        assert_eq!(row[..3], ["2026-01", "open: provisional", "2026-01-31"]);
        assert!(row[3..].iter().all(String::is_empty) && page.contains("Open: all figures are provisional"), "{row:?}");
        assert!(page.contains("Cash not reconciled"), "no run is stored");
        kasacare(db.url(), "close --month 2026-01 --by Olga --reason month-end --unreconciled --as-of 2026-02-10T12:00:00Z").ok();
        let (row, page) = state(&db, order("2026-01"), &place).await;
        assert_eq!(row[..5], ["2026-01", "closed", "2026-01-31", "2026-02-10 12:00:00 UTC", "Olga"]);
        assert!(page.contains("Closed on 2026-02-10 12:00:00 UTC by Olga; sealed: 3 entries"), "issued, captured, recognised: {row:?}");
        // As it was known before, it was open.
        let before = Order { known_at: Some(noon("2026-02-09")), ..order("2026-01") };
        assert_eq!(state(&db, before, &place).await.0[1], "open: provisional");
        // On 20 February the month goes through that day (in the first time zone it is that day at noon of the 20th in UTC already).
        let running = Order { now: noon("2026-02-20") - chrono::TimeDelta::hours(12), ..order("2026-02") };
        let (row, page) = state(&db, running, &place).await;
        assert_eq!(row[..3], ["2026-02", "open: provisional", "2026-02-20"]);
        assert!(page.contains("Not over: figures through 2026-02-20, provisional"));
        // 42 days of 365 have passed on 20 February: 99.99 - 99.99 x 323/365 = 99.99 - 88.48 = 11.51.
        let revenue = &csvs(&place)["waterfall.recognised"]["USD"];
        let sum: i64 = revenue.iter().map(|row| row[4].replace('.', "").parse::<i64>().unwrap()).sum();
        assert_eq!(sum, 1_151, "{revenue:?}");
        // March lies ahead.
        let ahead = Order { now: noon("2026-02-20"), ..order("2026-03") };
        let refused = pack::write(&db, ALL, ahead, &folder.path().join("ahead"), |_| {}).await;
        assert!(matches!(refused, Err(ReportError::NotYet { .. })), "{refused:?}");
    })
    .await;
}

/// Tomorrow is not known: nothing of it is told as if it had come.
#[tokio::test]
async fn dates_that_lie_ahead_are_refused() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        town.subscribe("2026-01-10", &id, "plus/annual").await;
        let mut tx = db.begin_read().await.unwrap();
        let now = noon("2026-01-20");
        for (asked, holds) in [
            (Asked { as_of: Some(day("2026-01-21")), ..Asked::default() }, true),
            (Asked { as_of: Some(day("2026-01-22")), ..Asked::default() }, false),
            (Asked { from: Some(day("2026-01-01")), to: Some(day("2026-12-31")), ..Asked::default() }, false),
            // Nothing was known of the 15th on the 12th.
            (Asked { as_of: Some(day("2026-01-15")), known_at: Some(noon("2026-01-12")), ..Asked::default() }, false),
            (Asked { as_of: Some(day("2026-01-12")), known_at: Some(noon("2026-01-12")), ..Asked::default() }, true),
            // What is recorded by the 21st is not known on the 20th.
            (Asked { known_at: Some(now), ..Asked::default() }, true),
            (Asked { known_at: Some(noon("2026-01-21")), ..Asked::default() }, false),
        ] {
            let answer = refuse_ahead(&mut tx, &asked, now).await;
            assert_eq!(answer.is_ok(), holds, "{asked:?}: {answer:?}");
        }
        // A clock that is behind the books does not hide them; their newest record is of the 10th.
        for (at, holds) in [("2026-01-10", true), ("2026-01-11", false)] {
            let asked = Asked { known_at: Some(noon(at)), ..Asked::default() };
            assert_eq!(refuse_ahead(&mut tx, &asked, noon("2020-01-01")).await.is_ok(), holds, "{at}");
        }
        assert!(refuse_ahead(&mut tx, &Asked { as_of: Some(day("2026-01-10")), ..Asked::default() }, noon("2020-01-01")).await.is_ok());
        tx.rollback().await.unwrap();
    })
    .await;
}

/// Each thing that moves cash has a column of its own. 99.99 three times; of one 66.29 goes out and comes back; one is disputed and won.
#[tokio::test]
async fn cash_is_told_by_what_moved_it() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let mut subscriptions = Vec::new();
        for name in ["back", "won", "lost"] {
            let id = town.move_in(name, OREGON, "tok_ok").await;
            subscriptions.push((id.clone(), town.subscribe("2026-01-31", &id, "plus/annual").await));
        }
        let (back, subscription) = &subscriptions[0];
        town.act(noon("2026-06-02"), back, |draft| draft.cancel(subscription)).await;
        town.run("2026-06-02").await;
        let reference = town.account(back).await.refunds["re_back-s1_1_0_1_1"].reference.clone().unwrap();
        let came = Settlement::CameBack { reference: reference.clone(), code: "account_closed".to_owned() };
        town.act(noon("2026-06-05"), back, |draft| draft.settle_refund("re_back-s1_1_0_1_1", &came)).await;
        for (name, (id, _)) in ["won", "lost"].into_iter().zip(&subscriptions[1..]) {
            let charge = format!("ch_{name}-s1_1_0_1");
            let dispute = format!("dp_{name}");
            town.act(noon("2026-06-10"), id, |draft| {
                draft.open_dispute(&dispute, &charge, super::super::reports::usd(9_999), super::super::reports::usd(1_500))
            })
            .await;
        }
        town.act(noon("2026-06-20"), &subscriptions[1].0, |draft| draft.win_dispute("dp_won")).await;
        town.act(noon("2026-06-21"), &subscriptions[2].0, |draft| draft.lose_dispute("dp_lost")).await;
        town.act(noon("2026-06-25"), &subscriptions[2].0, |draft| draft.win_dispute("dp_lost")).await;
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("pack");
        let packed = told_in(&db, order("2026-06"), &place).await;
        assert_eq!(packed.broken, 0);
        // Day, paid, refunded, came back, disputed, won, fees, payouts, set aside, other, 1200. It begins with 3 x 99.99.
        let cash: Vec<String> = csvs(&place)["cash.cash"]["USD"].iter().map(|row| row.join(" ")).collect();
        let expected = [
            "2026-06-02 0.00 -66.29 0.00 0.00 0.00 0.00 0.00 0.00 0.00 233.68",
            "2026-06-05 0.00 0.00 66.29 0.00 0.00 0.00 0.00 0.00 0.00 299.97",
            "2026-06-10 0.00 0.00 0.00 -199.98 0.00 -30.00 0.00 0.00 0.00 69.99",
            "2026-06-20 0.00 0.00 0.00 0.00 99.99 0.00 0.00 0.00 0.00 169.98",
            "2026-06-25 0.00 0.00 0.00 0.00 99.99 0.00 0.00 0.00 0.00 269.97",
        ];
        assert_eq!(cash, expected);
        let packed = told_in(&db, order("2026-01"), &place).await;
        assert_eq!(packed.broken, 0);
        assert_eq!(csvs(&place)["cash.cash"]["USD"][0][1], "299.97");
        paid_out_after_all((&town, &db), back, &expected, &place).await;
        // A tie that cannot fail proves nothing: rows that say something else than the postings are seen.
        crate::check::unguarded(&db).await.commit().await.unwrap();
        for (fault, month, tie) in [
            ("update charges set amount_minor = amount_minor + 1", "2026-01", "paid by customers = charges that succeeded"),
            (
                "update postings set amount_minor = amount_minor - 1 where ledger_account = 1200 and effective_on = '2026-06-02'",
                "2026-06",
                "refunds paid out = refunds that were settled",
            ),
            ("update disputes set amount_minor = amount_minor - 1", "2026-06", "taken by disputes = disputes that were opened"),
        ] {
            let mut tx = db.begin().await.unwrap();
            assert!(tx.execute(&Sql::same(fault), &[]).await.unwrap() > 0, "{fault}");
            tx.commit().await.unwrap();
            let packed = told_in(&db, order(month), &place).await;
            assert!(packed.broken > 0, "{fault}");
            let page = fs::read_to_string(place.join("index.html")).unwrap();
            assert!(page.contains(&format!("{tie} <strong>does not hold:")), "{fault}: {tie}");
        }
    })
    .await;
}

/// In July the one that came back is paid out after all, 50.00 of it. What June and its row said before stays true of June, also as it was
/// known on the 22nd; then the second dispute was lost, and not won yet.
async fn paid_out_after_all((town, db): (&Town, &Db), back: &AccountId, expected: &[&str], place: &Path) {
    town.act(noon("2026-07-02"), back, |draft| {
        draft.refund_was_paid("re_back-s1_1_0_1_1", "re_late", Some(super::super::reports::usd(5_000)), None)
    })
    .await;
    let packed = told_in(db, order("2026-07"), place).await;
    assert_eq!(packed.broken, 0);
    assert_eq!(csvs(place)["cash.cash"]["USD"][0][..3], ["2026-07-02", "0.00", "-50.00"]);
    for (known_at, rows) in [(None, expected.len()), (Some(noon("2026-06-22")), 4), (Some(noon("2026-06-03")), 1)] {
        let packed = told_in(db, Order { known_at, ..order("2026-06") }, place).await;
        assert_eq!(packed.broken, 0, "{known_at:?}");
        let cash: Vec<String> = csvs(place)["cash.cash"]["USD"].iter().map(|row| row.join(" ")).collect();
        assert_eq!(cash, expected[..rows], "{known_at:?}");
        let page = fs::read_to_string(place.join("index.html")).unwrap();
        assert!(page.contains("refunds paid out = refunds that were settled <span>"), "{known_at:?}");
        assert!(page.contains("taken by disputes = disputes that were opened <span>"), "{known_at:?}");
    }
}
