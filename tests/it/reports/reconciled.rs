//! The report of the reconciliation: the run that was stored, and what was done about its breaks since.

use kasacare::engine::reconcile::acts::{self, By};
use kasacare::engine::reconcile::{Depth, Order, run};
use kasacare::reports::sheet::Asked;

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
