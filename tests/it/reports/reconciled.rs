//! The report of the reconciliation: the run that was stored, and what was done about its breaks since.

use kasacare::domain::reconcile::BreakKind;
use kasacare::engine::reconcile::acts::{self, By};
use kasacare::engine::reconcile::{Depth, Order, run};
use kasacare::reports::sheet::Asked;
use kasacare::store::db::Sql;

use super::told;
use crate::reconcile::{PROVIDER, take_all, write_files, year};
use crate::world::on_both;
use crate::world::town::noon;

#[tokio::test]
async fn the_last_run_is_told_with_its_breaks_as_they_stand() {
    on_both(async |db| {
        let through = year(&db).await;
        let none = told(&db, "reconciliation", &Asked::default()).await;
        assert!(none.notes.iter().any(|note| note.contains("No run")) && none.parts.is_empty());
        let folder = tempfile::tempdir().unwrap();
        take_all(&db, &write_files(&db, folder.path(), through, 2).await).await;
        let at = noon("2030-01-02");
        let order = Order { provider: PROVIDER.to_owned(), through, depth: Depth::Apply, actor: "test".to_owned(), at };
        let stored = run(&db, &order).await.unwrap();
        let report = told(&db, "reconciliation", &Asked::default()).await;
        assert!(report.ties.len() >= 2, "{:?}", report.ties);
        let of = |report: &super::Report| -> Vec<String> {
            report.parts.iter().filter(|part| part.section.key == "breaks").flat_map(|part| part.shows(&["break", "state"])).collect()
        };
        let waiting = stored.breaks.iter().filter(|it| it.state.waits());
        let mut expected: Vec<String> = waiting.map(|it| format!("{} {}", it.id, it.state.tag())).collect();
        let mut shown = of(&report);
        expected.sort();
        shown.sort();
        assert!(!expected.is_empty());
        assert_eq!(shown, expected);
        let ages = report.parts.iter().filter(|part| part.section.key == "ages");
        let aged: usize = ages.map(|part| super::shown(&part.totals[1]).parse::<usize>().unwrap()).sum();
        assert_eq!(aged, expected.len(), "each break is in one band of days");
        // Whoever explains one is not named; the break is, and with a cut-off before it stands as it did.
        let first = expected[0].split(' ').next().unwrap().to_owned();
        let by = By { actor: "olga".to_owned(), reason: "known".to_owned(), approved_by: None, at: noon("2030-01-05") };
        acts::explain(&db, &first, &by).await.unwrap();
        let after = told(&db, "reconciliation", &Asked::default()).await;
        assert!(of(&after).contains(&format!("{first} explained")) && !format!("{after:?}").contains("olga"));
        let cut_off = Asked { known_at: Some(noon("2030-01-04")), ..Asked::default() };
        assert_eq!(of(&told(&db, "reconciliation", &cut_off).await), of(&report));
        // Before the run there was none.
        let before = Asked { known_at: Some(noon("2030-01-01")), ..Asked::default() };
        assert!(told(&db, "reconciliation", &before).await.parts.is_empty());
    })
    .await;
}

/// The ids of the breaks that wait.
fn waiting(report: &super::Report) -> Vec<String> {
    report.parts.iter().filter(|part| part.section.key == "breaks").flat_map(|part| part.shows(&["break"])).collect()
}

/// A run that went on past the day tells of it all the same; what was booked or matched waits no more; and the ties can fail.
#[tokio::test]
async fn a_month_is_told_by_a_run_that_went_on_and_breaks_that_were_dealt_with_wait_no_more() {
    on_both(async |db| {
        let through = year(&db).await;
        let folder = tempfile::tempdir().unwrap();
        take_all(&db, &write_files(&db, folder.path(), through, 3).await).await;
        let at = noon("2030-01-02");
        let order = Order { provider: PROVIDER.to_owned(), through, depth: Depth::Apply, actor: "test".to_owned(), at };
        let stored = run(&db, &order).await.unwrap();
        let earlier = through - chrono::Days::new(30);
        let before = told(&db, "reconciliation", &Asked { as_of: Some(earlier), ..Asked::default() }).await;
        assert!(before.ties.len() >= 2 && before.notes.iter().any(|note| note.contains(&format!("of a run through {through}"))));
        let days = before.parts.iter().filter(|part| part.section.key == "days").flat_map(|part| part.shows(&["on"]));
        assert!(days.map(|on| crate::world::town::day(&on)).all(|on| on <= earlier));
        let alien = stored.breaks.iter().find(|it| it.kind == BreakKind::MissingHere).unwrap();
        let merged = stored.candidates.first().unwrap();
        let is_waiting = |report: &super::Report| [&alien.id, &merged.id].map(|id| waiting(report).contains(id));
        assert_eq!(is_waiting(&told(&db, "reconciliation", &Asked::default()).await), [true, true]);
        let by = By { actor: "olga".to_owned(), reason: "known".to_owned(), approved_by: Some("bo".to_owned()), at: noon("2030-01-05") };
        acts::resolve(&db, &alien.id, true, &by).await.unwrap();
        acts::match_payouts(&db, &merged.id, &merged.payouts, &by).await.unwrap();
        let cut_off = Asked { known_at: Some(noon("2030-01-04")), ..Asked::default() };
        assert_eq!(is_waiting(&told(&db, "reconciliation", &cut_off).await), [true, true], "as it was");
        assert_eq!(is_waiting(&told(&db, "reconciliation", &Asked::default()).await), [false, false]);
        assert!(told(&db, "reconciliation", &cut_off).await.ties.iter().any(|tie| tie.what.contains("1290 under breaks")));
        let mut tx = crate::check::unguarded(&db).await;
        let fault =
            Sql::same("update postings set amount_minor = amount_minor + 1 where ledger_account = 1200 and account_id not like '(%'");
        assert!(tx.execute(&fault, &[]).await.unwrap() > 0);
        let report = super::tell_in(&mut tx, "reconciliation", &cut_off).await;
        assert!(report.broken().iter().any(|tie| tie.what.contains("1200 of the run = 1200 posted by then")), "{:?}", report.ties);
        tx.rollback().await.unwrap();
        // What stands on 1290 under no break that is told.
        let mut tx = crate::check::unguarded(&db).await;
        let fault = Sql::same("update postings set currency = 'KWD' where ledger_account = 1290 and account_id like '(%'");
        assert!(tx.execute(&fault, &[]).await.unwrap() > 0);
        let report = super::tell_in(&mut tx, "reconciliation", &cut_off).await;
        assert!(report.broken().iter().any(|tie| tie.what.contains("1290 under breaks")), "{:?}", report.ties);
        tx.rollback().await.unwrap();
    })
    .await;
}
