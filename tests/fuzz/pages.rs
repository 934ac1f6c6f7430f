//! A page of balance transactions, as Stripe lists them or an operator saved them, against the same bytes as a tree of values.

use std::collections::BTreeSet;

use kasacare::domain::settlement::Told;
use kasacare::import::settlement::{Reading, Source, read};
use serde_json::Value;

/// More problems than this are only counted.
const LISTED: usize = 100;

/// Checks one page; whether all of it could be read.
pub fn check(page: &[u8]) -> bool {
    let mut told = Vec::new();
    let mut file = read("page", &Reading::fetched(Source::StripeBalance), page, &mut |one| {
        told.push(one);
        true
    });
    for one in &told {
        let Told::Movement(movement) = &one.row else { continue };
        assert_eq!(Some(movement.net_minor), movement.gross_minor.checked_sub(movement.fee_minor), "{}", movement.id);
        assert!((1..=200).contains(&movement.id.chars().count()));
    }
    let rows = file.rows;
    let problems = std::mem::replace(&mut file.problems, kasacare::import::Problems::new("page")).finish();
    let listed = problems.as_ref().err().map_or(&[][..], |refused| &refused.problems);
    // Each element is told, or is named as one with a problem.
    let lists = page.windows(6).filter(|bytes| bytes == b"\"data\"").count();
    if let Some(elements) = serde_json::from_slice::<Value>(page).ok().and_then(count).filter(|_| listed.len() < LISTED && lists < 2) {
        assert_eq!(rows, u64::try_from(elements).unwrap());
        let read: BTreeSet<u32> = told.iter().filter_map(|one| one.line.element).collect();
        let wrong: BTreeSet<u32> = listed.iter().filter_map(|problem| problem.line.and_then(|line| line.element)).collect();
        assert!((1..=u32::try_from(elements).unwrap()).all(|element| read.contains(&element) != wrong.contains(&element)), "{listed:?}");
    }
    assert!(problems.is_err() || !told.is_empty() || rows == 0, "nothing is wrong, and nothing was told");
    problems.is_ok()
}

/// How many elements a list object or an array has; an object that is no list is one. Of other forms it is not said.
fn count(page: Value) -> Option<usize> {
    match page {
        Value::Array(elements) => Some(elements.len()),
        Value::Object(mut list) => match list.remove("data") {
            Some(Value::Array(elements)) => Some(elements.len()),
            Some(_) => None,
            None => Some(1),
        },
        _ => None,
    }
}
