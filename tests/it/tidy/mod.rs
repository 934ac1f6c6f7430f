//! The house rules that neither the compiler nor clippy checks: which part may know which, where SQL, vendors and printing have
//! their place, how long files and functions may be. Each rule is shown to be able to fail.

mod rules;
mod source;

use std::collections::BTreeSet;
use std::fs;

use rules::{FORKS, Finding, LAYERS};
use source::{Source, files_in, root};

/// The rules that look at one file, with a sample that breaks each and one that does not.
struct Rule {
    name: &'static str,
    check: fn(&Source) -> Vec<Finding>,
    wrong: &'static [(&'static str, &'static str)],
    right: &'static [(&'static str, &'static str)],
}

const RULES: &[Rule] = &[
    Rule {
        name: "dependencies point one way",
        check: rules::layers,
        wrong: &[
            ("src/domain/a.rs", "use crate::store::db::Db;"),
            ("src/domain/a/b.rs", "use super::super::super::engine;"),
            ("src/store/a.rs", "use crate::{domain::money::Money, engine::Engine};"),
            ("src/engine/a.rs", "fn f() { crate::jobs::run() }"),
            ("src/strategies.rs", "use crate::store::db::Db;"),
        ],
        right: &[
            ("src/engine/a.rs", "use crate::store::db::Db; // not crate::jobs"),
            ("src/domain/a.rs", "fn f(store: u8) -> u8 { store }"),
            ("src/domain/change/tests/a.rs", "use crate::mail::Renderer;"),
        ],
    },
    Rule {
        name: "the domain is pure",
        check: rules::domain_is_pure,
        wrong: &[
            ("src/domain/a.rs", "let now = Utc::now();"),
            ("src/domain/a.rs", "async fn f() {}"),
            ("src/domain/a.rs", "fn f(rate: f64) {}"),
            ("src/domain/a.rs", "static COUNT: u8 = 0;"),
        ],
        right: &[("src/domain/a.rs", "/// Not async.\nfn f(name: &'static str) {}"), ("src/jobs/a.rs", "async fn f() {}")],
    },
    Rule {
        name: "some words have their place",
        check: rules::places,
        wrong: &[
            ("src/store/claims.rs", "use sqlx::Row;"),
            ("src/jobs/a.rs", "crate::statements! {}"),
            ("src/cli/a.rs", "const S: Sql = Sql::same();"),
            ("src/engine/a.rs", "println!();"),
            ("src/engine/a.rs", "use stripe::Charge;"),
            ("src/domain/a.rs", "todo!()"),
            ("src/domain/a.rs", "#[allow(dead_code)]"),
        ],
        right: &[("src/store/db/tx.rs", "use sqlx::Row;"), ("src/cli/a.rs", "println!();"), ("tests/it/a.rs", "use sqlx::Row;")],
    },
    Rule {
        name: "what cannot be read is not zero",
        check: rules::no_silent_zero,
        wrong: &[("src/engine/a.rs", "amount.parse().unwrap_or(0)")],
        right: &[("src/demo/people.rs", "x.unwrap_or(0)"), ("src/engine/a.rs", "x.unwrap_or(1)")],
    },
    Rule {
        name: "every test runs",
        check: rules::no_ignored_tests,
        wrong: &[("tests/it/a.rs", "#[ignore = \"slow\"]\n#[test]\nfn f() {}")],
        right: &[("tests/it/a.rs", "#[test]\nfn f() {} // #[ignore]")],
    },
    Rule {
        name: "files are short",
        check: rules::file_length,
        wrong: &[("src/a.rs", "fn f() {<many lines>}")],
        right: &[("src/a.rs", "one line")],
    },
    Rule {
        name: "functions are short",
        check: rules::function_length,
        wrong: &[("src/a.rs", "fn f() {<many lines>}")],
        right: &[
            ("src/a.rs", "trait T { fn f(x: [u8; 3]); }\nfn g() {}"),
            ("src/a.rs", "#[expect(clippy::too_many_lines, reason = \"a table\")]\nfn f() {<many lines>}"),
        ],
    },
    Rule {
        name: "forks in SQL are few",
        check: rules::only_known_forks,
        wrong: &[("src/store/a.rs", "statements! { CLAIM = fork(); }"), ("src/store/a.rs", "fn f() { Sql::fork() }")],
        right: &[("src/store/a.rs", "const HOLD: Sql = Sql::fork();"), ("src/store/a.rs", "CLAIM = same();")],
    },
    Rule {
        name: "marks in SQL only lock rows",
        check: rules::marks_only_lock,
        wrong: &[("src/store/a.rs", "same(\"select 1 {postgres: limit 2}\")"), ("src/store/a.rs", "same(\"select 1 {sqlite: limit 2}\")")],
        right: &[("src/store/a.rs", "same(\"select 1 {postgres: for update skip locked}\") // {sqlite: x}")],
    },
];

/// In samples, stands for so many empty lines.
const MANY_LINES: (&str, usize) = ("<many lines>", 500);

#[test]
fn the_project_keeps_its_rules() {
    let sources = Source::all_in(&["src", "tests", "benches", "examples"]);
    assert!(sources.len() > 100, "only {} files were found", sources.len());
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| sources.iter().flat_map(rule.check)).collect();
    findings.sort();
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), list.join("\n"));
}

#[test]
fn every_rule_can_fail() {
    for Rule { name, check, wrong, right } in RULES {
        assert!(!wrong.is_empty() && !right.is_empty(), "{name}");
        let (mark, count) = MANY_LINES;
        let sample = |path: &str, text: &str| Source::new(path, &text.replace(mark, &"\n".repeat(count)));
        for (path, text) in *wrong {
            assert!(!check(&sample(path, text)).is_empty(), "{name} misses {path}: {text}");
        }
        for (path, text) in *right {
            assert_eq!(check(&sample(path, text)), [], "{name} refuses {path}: {text}");
        }
    }
}

#[test]
fn every_part_of_the_program_has_its_layer() {
    let parts: BTreeSet<String> =
        Source::all_in(&["src"]).iter().filter_map(|source| rules::part_of(&source.path).map(ToOwned::to_owned)).collect();
    let unplaced: Vec<_> = parts
        .iter()
        .filter(|part| !["lib", "main", "clock"].contains(&part.as_str()) && !LAYERS.iter().any(|(layer, _)| layer == part))
        .collect();
    assert!(unplaced.is_empty(), "say in LAYERS what these may know: {unplaced:?}");
}

#[test]
fn every_known_fork_is_still_there() {
    let present: BTreeSet<String> = Source::all_in(&["src"]).iter().flat_map(rules::forks).map(|(name, _)| name).collect();
    let gone: Vec<_> = FORKS.iter().filter(|(name, _)| !present.contains(*name)).collect();
    assert!(gone.is_empty(), "no longer forked, strike them from FORKS: {gone:?}");
}

/// A file that no `mod` names is never compiled: its tests can't fail.
#[test]
fn every_file_is_compiled() {
    let sources = Source::all_in(&["src", "tests/it"]);
    let is_root = |path: &str| ["src/lib.rs", "src/main.rs", "tests/it/main.rs"].contains(&path);
    let orphans: Vec<&str> =
        sources.iter().map(|source| source.path.as_str()).filter(|path| !is_root(path) && !is_named_by_parent(&sources, path)).collect();
    assert!(orphans.is_empty(), "no `mod` names {orphans:?}");
}

fn is_named_by_parent(sources: &[Source], path: &str) -> bool {
    let own = path.strip_suffix("/mod.rs").or_else(|| path.strip_suffix(".rs")).unwrap_or(path);
    let Some((folder, name)) = own.rsplit_once('/') else { return false };
    let parents = ["mod.rs", "lib.rs", "main.rs"].map(|file| format!("{folder}/{file}")).into_iter().chain([format!("{folder}.rs")]);
    let declaration = format!("mod {name};");
    parents.into_iter().any(|parent| sources.iter().any(|source| source.path == parent && source.words(&declaration).next().is_some()))
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database: &str| -> BTreeSet<String> {
        let files = files_in(&root().join("migrations").join(database));
        files.iter().filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned())).collect()
    };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    assert!(!sqlite.is_empty());
    assert_eq!(sqlite, postgres);
}

/// Migrations are applied by the list in the code; a file that is not in it is forgotten.
#[test]
fn every_migration_is_in_the_code() {
    let code = fs::read_to_string(root().join("src/store/db/migrate.rs")).expect("the list of migrations");
    for file in files_in(&root().join("migrations/sqlite")) {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        assert!(code.contains(&name), "{name} is not in store/db/migrate.rs");
    }
}
