//! Fuzzing of what others send us: the signature of a webhook, an event, and a page of balance transactions.
//!
//! `corpus/` and `fixtures/stripe/events` are replayed first. Then come made-up inputs: bytes as they are, and bytes as a list of changes to
//! an input of the corpus ([`variants`]), which get past the first brace. Each target compares with a second route that shares no code with
//! ours. A short run is part of the tests; `BOLERO_RANDOM_ITERATIONS` makes it as long as wanted (docs/fuzzing.md).

mod events;
mod pages;
mod signatures;
mod variants;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Made-up inputs of the short run, for each target.
const SHORT: usize = 10_000;
/// Longest made-up input: a list of some eight changes.
const INPUT_BYTES_MAX: usize = 48;

/// All files of a folder of the project, in the order of their names.
fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// How many inputs came to what: a target that only ever sees rubbish proves nothing.
#[derive(Default)]
struct Seen {
    good: AtomicU64,
    bad: AtomicU64,
}

impl Seen {
    fn note(&self, good: bool) {
        let counter = if good { &self.good } else { &self.bad };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// At least one input in twenty went each way.
    fn both_ways(&self, target: &str) {
        let (good, bad) = (self.good.load(Ordering::Relaxed), self.bad.load(Ordering::Relaxed));
        println!("{target}: {good} were good and {bad} were bad");
        assert!(good > (good + bad) / 20 && bad > (good + bad) / 20, "{target}: {good} good, {bad} bad");
    }
}

#[test]
fn a_signature_is_believed_exactly_if_one_of_ours_fits() {
    let (seeds, bodies) = (files("tests/fuzz/corpus/signatures"), files("tests/fuzz/corpus/events"));
    for seed in &seeds {
        signatures::check_file(seed);
    }
    let seen = Seen::default();
    bolero::check!().with_max_len(INPUT_BYTES_MAX).with_iterations(SHORT).for_each(|input: &[u8]| {
        signatures::check_file(input);
        signatures::check_file(&variants::of(&seeds, input));
        seen.note(signatures::check_made(&bodies, input));
    });
    seen.both_ways("signatures");
}

#[test]
fn an_event_is_read_as_it_is_or_refused_without_a_word_of_it() {
    let mut seeds = files("fixtures/stripe/events");
    let hostile = files("tests/fuzz/corpus/events");
    for seed in seeds.iter().chain(&hostile) {
        events::check(seed);
    }
    assert!(seeds.iter().all(|seed| events::check(seed)), "the fixtures are good events");
    seeds.extend(hostile);
    let seen = Seen::default();
    bolero::check!().with_max_len(INPUT_BYTES_MAX).with_iterations(SHORT).for_each(|input: &[u8]| {
        events::check(input);
        seen.note(events::check(&variants::of(&seeds, input)));
    });
    seen.both_ways("events");
}

#[test]
fn a_page_gives_each_movement_or_says_what_is_wrong_with_it() {
    let seeds = files("tests/fuzz/corpus/pages");
    for seed in &seeds {
        pages::check(seed);
    }
    let seen = Seen::default();
    bolero::check!().with_max_len(INPUT_BYTES_MAX).with_iterations(SHORT).for_each(|input: &[u8]| {
        pages::check(input);
        seen.note(pages::check(&variants::of(&seeds, input)));
    });
    seen.both_ways("pages");
}
