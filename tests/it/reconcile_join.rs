//! The join of the reconciliation at size: everything that was planted is found and called by its name, nothing else is, whatever order
//! both sides come in, in memory and on disk.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use kasacare::demo::chance::Chance;
use kasacare::domain::reconcile::{BreakKind, Side};
use kasacare::domain::settlement::Category;
use kasacare::engine::reconcile::join::{Join, Joined};
use kasacare::engine::reconcile::rows::{Ours, TheirRow};

const ROWS: u64 = 100_000;
const PLANTED: u64 = 50;

#[derive(Debug, Clone)]
struct Their {
    category: Category,
    id: String,
    reference: Option<String>,
    parent: Option<String>,
    ours: Option<String>,
    side: Side,
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn through() -> NaiveDate {
    day("2026-12-31")
}

/// Differences by kind, each by our id and theirs.
type Found = BTreeMap<BreakKind, BTreeSet<(String, String)>>;

fn found(joined: &Joined) -> Found {
    let mut all = Found::new();
    for difference in &joined.found {
        let ours = difference.ours.as_ref().map(|(_, id, _)| id.clone()).unwrap_or_default();
        let theirs = difference.theirs.as_ref().map(|(id, _)| id.clone()).unwrap_or_default();
        assert!(all.entry(difference.kind).or_default().insert((ours, theirs)), "twice: {difference:?}");
    }
    all
}

/// Both sides of a year, with differences, and which of each kind must be found.
#[expect(clippy::too_many_lines, reason = "a table of what is planted")]
fn sides() -> (Vec<Ours>, Vec<Their>, Found) {
    let (mut ours, mut theirs, mut expected) = (Vec::new(), Vec::new(), Found::new());
    for number in 0..ROWS {
        let on = day("2026-01-05").checked_add_days(Days::new(number % 340)).unwrap();
        let amount = 500 + i64::try_from(number % 9_000).unwrap();
        let category = if number % 20 == 7 { Category::Refund } else { Category::Charge };
        let amount_minor = if category == Category::Refund { -amount } else { amount };
        let side = Side { on, amount_minor, fee_minor: 0, currency: *b"USD", has_moved: true };
        let (reference, id) = (format!("obj_{number:07}"), format!("own_{number:07}"));
        let mut our = Ours::new(category, format!("a{}", number % 5_000), id.clone(), Some(&reference), side);
        let mut their = Their {
            category,
            id: format!("txn_{number:07}"),
            reference: Some(reference),
            parent: (category == Category::Refund).then(|| "obj_0000000".to_owned()),
            ours: Some(id),
            side: Side { fee_minor: 59, ..side },
        };
        let which = number / (ROWS / (10 * PLANTED)) % 10;
        // Refunds are those of 7; of them, some that nobody knows.
        let place = number % (ROWS / (10 * PLANTED));
        let is_planted = (place == 11 || (place == 7 && which == 1)) && number > 20;
        let (own, txn) = (format!("own_{number:07}"), format!("txn_{number:07}"));
        let mut plant = |kind, ours: &str, theirs: &str| {
            assert!(expected.entry(kind).or_default().insert((ours.to_owned(), theirs.to_owned())));
        };
        match which {
            0 if is_planted => {
                plant(BreakKind::MissingAtProvider, &own, "");
                ours.push(our);
                continue;
            }
            1 if is_planted => {
                plant(if category == Category::Charge { BreakKind::MissingHere } else { BreakKind::OrphanRefund }, "", &txn);
                their.parent = None;
                theirs.push(their);
                continue;
            }
            2 if is_planted => {
                plant(BreakKind::Amount, &own, &txn);
                their.side.amount_minor += 1;
            }
            3 if is_planted => {
                plant(BreakKind::Currency, &own, &txn);
                their.side.currency = *b"EUR";
            }
            4 if is_planted => {
                plant(BreakKind::DuplicateThere, "", &format!("{txn}_b"));
                theirs.push(Their { id: format!("{}_b", their.id), reference: Some(format!("twin_{number}")), ..their.clone() });
            }
            5 if is_planted => {
                plant(BreakKind::DuplicateThere, "", &format!("{txn}_b"));
                theirs.push(Their { id: format!("{}_b", their.id), ..their.clone() });
            }
            6 if is_planted => {
                plant(BreakKind::Status, &own, &txn);
                our.side.has_moved = false;
            }
            7 if is_planted => {
                plant(BreakKind::DuplicateHere, &format!("{own}_b"), "");
                // Behind the first one, as the store gives them.
                let twin = Ours { id: format!("{}_b", our.id), own: 1, ..our.clone() };
                ours.extend([our, twin]);
                theirs.push(their);
                continue;
            }
            8 if is_planted => {
                plant(BreakKind::UnknownCategory, "", &format!("{txn}_u"));
                theirs.push(Their {
                    category: Category::Unknown,
                    id: format!("{}_u", their.id),
                    reference: None,
                    ours: None,
                    ..their.clone()
                });
            }
            // Found by our own id, because the provider's is another one: no difference at all.
            9 if is_planted => their.reference = Some(format!("other_{number}")),
            _ => {}
        }
        ours.push(our);
        theirs.push(their);
    }
    // On its way: after the cut-off there, and not there yet.
    for number in 0..PLANTED {
        let side = Side { on: through(), amount_minor: 777, fee_minor: 0, currency: *b"USD", has_moved: true };
        let reference = format!("late_{number}");
        ours.push(Ours::new(Category::Charge, "late".to_owned(), reference.clone(), Some(&reference), side));
        let there = if number % 2 == 0 { format!("txn_{reference}") } else { String::new() };
        expected.entry(BreakKind::Timing).or_default().insert((reference.clone(), there));
        if number % 2 == 0 {
            let side = Side { on: day("2027-01-01"), ..side };
            let id = format!("txn_{reference}");
            theirs.push(Their { category: Category::Charge, id, reference: Some(reference), parent: None, ours: None, side });
        }
    }
    (ours, theirs, expected)
}

fn join(ours: &[Ours], theirs: &[Their], budget: usize) -> Joined {
    let mut join = Join::new(through(), budget);
    for their in theirs {
        let Their { category, id, reference, parent, ours, side } = their;
        let row = TheirRow {
            category: *category,
            id,
            reference: reference.as_deref(),
            parent: parent.as_deref(),
            ours: ours.as_deref(),
            side: *side,
        };
        join.add_theirs(&row).unwrap();
    }
    for our in ours {
        join.add_ours(&our.row()).unwrap();
    }
    join.finish().unwrap()
}

fn shuffled<T: Clone>(rows: &[T], seed: u64) -> Vec<T> {
    let chance = Chance::new(seed);
    let mut rows = rows.to_vec();
    for at in (1..rows.len()).rev() {
        let other = usize::try_from(chance.pick("shuffle", u64::try_from(at).unwrap(), 0, u64::try_from(at).unwrap() + 1)).unwrap();
        rows.swap(at, other);
    }
    rows
}

#[test]
fn every_planted_difference_is_found_and_no_other() {
    let (ours, theirs, expected) = sides();
    assert!(ours.len() > 99_000 && theirs.len() > 99_000, "{} × {}", ours.len(), theirs.len());
    assert!(expected.len() == 10 && expected.values().all(|ids| ids.len() >= 2), "{expected:?}");
    let joined = join(&ours, &theirs, usize::MAX);
    assert_eq!(found(&joined), expected);
    assert!(joined.agreed > 99_000, "{}", joined.agreed);
}

#[test]
fn the_order_of_rows_and_the_memory_make_no_difference() {
    let (ours, theirs, planted) = sides();
    let expected = join(&ours, &theirs, usize::MAX);
    assert_eq!(join(&ours, &theirs, usize::MAX), expected, "once more");
    for seed in [1, 2] {
        let theirs = shuffled(&theirs, seed);
        assert_eq!(join(&ours, &theirs, usize::MAX), expected, "shuffled by {seed}");
        assert_eq!(join(&ours, &theirs, 10_000), expected, "shuffled by {seed}, on disk");
        // Of two of ours for one of theirs, the second is one too many; the store gives them in the order of their ids.
        let one_of_two = |mut found: Found| {
            let doubled = found.remove(&BreakKind::DuplicateHere).unwrap_or_default();
            let doubled: BTreeSet<String> = doubled.into_iter().map(|(ours, _)| ours.trim_end_matches("_b").to_owned()).collect();
            (found, doubled)
        };
        let ours = shuffled(&ours, seed + 10);
        for budget in [usize::MAX, 10_000] {
            let joined = join(&ours, &theirs, budget);
            assert_eq!(one_of_two(found(&joined)), one_of_two(planted.clone()), "both shuffled by {seed}, {budget} in memory");
            assert_eq!((joined.agreed, &joined.effects), (expected.agreed, &expected.effects));
        }
    }
}

/// Without any id, an amount on a day is the same movement only where there is nothing else that it could be.
#[test]
fn amounts_without_ids_are_matched_where_there_is_one_way() {
    let side = |on: &str, amount_minor| Side { on: day(on), amount_minor, fee_minor: 0, currency: *b"USD", has_moved: true };
    let our = |id: &str, side| Ours::new(Category::Charge, "a".to_owned(), id.to_owned(), Some(id), side);
    let their = |id: &str, side| Their { category: Category::Charge, id: id.to_owned(), reference: None, parent: None, ours: None, side };
    let ours = [our("x", side("2026-03-01", 999)), our("y", side("2026-03-01", 500)), our("z", side("2026-03-02", 500))];
    // The last one is no payment; it shows that the report goes on until then.
    let reserve = Their { category: Category::Reserve, ..their("t3", side("2026-03-31", 1)) };
    let theirs = [their("t1", side("2026-03-03", 999)), their("t2", side("2026-03-02", 500)), reserve];
    let joined = join(&ours, &theirs, usize::MAX);
    let mut found: Vec<_> = joined.found.iter().map(|found| found.kind).collect();
    found.sort_unstable();
    // y and z could both be t2, so neither is.
    assert_eq!((joined.agreed, found), (1, vec![BreakKind::MissingHere, BreakKind::MissingAtProvider, BreakKind::MissingAtProvider]));
}
