//! The rules: each takes one file and says where it breaks them.

use std::fmt;

use super::source::Source;

/// Where a rule is broken, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub path: String,
    pub line: usize,
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.problem)
    }
}

impl Finding {
    pub fn at(source: &Source, line: usize, problem: impl Into<String>) -> Self {
        Self { path: source.path.clone(), line, problem: problem.into() }
    }
}

/// The parts of the program and which other parts each may name: the arrows of ARCHITECTURE.md. What is not a part
/// (`clock`, macros) may be named by all but the domain.
pub const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("strategies", &["domain"]),
    ("import", &["domain"]),
    ("mail", &["domain"]),
    ("store", &["domain"]),
    ("provider", &["domain", "import", "store"]),
    ("reports", &["domain", "store"]),
    ("engine", &["domain", "import", "store", "provider"]),
    ("jobs", &["domain", "store", "provider", "engine", "mail"]),
    ("demo", &["domain", "store", "provider", "engine", "mail", "import", "reports", "jobs"]),
    ("http", &["domain", "store", "provider", "engine", "mail", "import", "reports", "jobs"]),
    ("cli", &["domain", "store", "provider", "engine", "mail", "import", "reports", "jobs", "demo", "http"]),
];

/// Dependencies point one way; only tests may look everywhere.
pub fn layers(source: &Source) -> Vec<Finding> {
    if source.path.contains("/tests/") {
        return Vec::new();
    }
    let Some((own, allowed)) = LAYERS.iter().find(|(layer, _)| Some(*layer) == part_of(&source.path)) else { return Vec::new() };
    let mut findings = Vec::new();
    for (other, _) in LAYERS.iter().filter(|(other, _)| other != own && !allowed.contains(other)) {
        for place in source.words(other).filter(|at| is_path(&source.code, *at, other.len())) {
            findings.push(Finding::at(source, source.line_of(place), format!("src/{own} must not know src/{other}")));
        }
    }
    findings
}

/// `src/engine/batch.rs` → `engine`, `src/strategies.rs` → `strategies`.
pub fn part_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    inside.split('/').next().map(|part| part.strip_suffix(".rs").unwrap_or(part))
}

/// Whether the name that stands here is part of a path from the crate's root: `crate::store`, `super::super::store::x`, or in
/// braces after one of these.
fn is_path(code: &str, at: usize, length: usize) -> bool {
    let statement = code.get(..at).unwrap_or_default().rsplit([';', '}']).next().unwrap_or_default();
    let before = statement.trim_end();
    let follows_root = ["crate::", "kasacare::", "super::"].iter().any(|root| before.ends_with(root));
    let in_braces = statement.contains("crate::{") && (before.ends_with('{') || before.ends_with(','));
    let goes_on = code.get(at + length..).is_some_and(|after| after.starts_with("::"));
    follows_root || (in_braces && goes_on)
}

/// Words that the domain must not use: it has no clock, no chance, no threads, no files and no floats. (clippy sees to `as`,
/// unchecked arithmetic, indexing and unwrap there.)
const NOT_IN_DOMAIN: &[&str] = &[
    "async",
    "await",
    "tokio",
    "futures",
    "sqlx",
    "tracing",
    "f32",
    "f64",
    "Instant",
    "SystemTime",
    "Utc::now",
    "Local::now",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::sync",
    "std::thread",
    "unsafe",
    "static",
];

pub fn domain_is_pure(source: &Source) -> Vec<Finding> {
    if part_of(&source.path) != Some("domain") {
        return Vec::new();
    }
    let hits = |word: &'static str| source.words(word).map(move |at| (at, word));
    let words = NOT_IN_DOMAIN.iter().copied().flat_map(hits).filter(|(at, word)| !(*word == "static" && is_lifetime(&source.code, *at)));
    words.map(|(at, word)| Finding::at(source, source.line_of(at), format!("`{word}` in the domain, which is pure"))).collect()
}

fn is_lifetime(code: &str, at: usize) -> bool {
    code.get(..at).is_some_and(|before| before.ends_with('\''))
}

/// Words with a place of their own: what, where they may stand, why nowhere else.
const PLACES: &[(&str, &[&str], &str)] = &[
    ("sqlx", &["src/store/db.rs", "src/store/db/"], "the seam of store/db is the only place that names the driver"),
    (
        "statements!",
        &["src/store/", "src/provider/simulated", "src/reports/"],
        "SQL belongs to the store, to the simulated provider's own tables, and to the reports",
    ),
    (
        "Sql",
        &["src/store/", "src/provider/simulated", "src/reports/"],
        "SQL belongs to the store, to the simulated provider's own tables, and to the reports",
    ),
    ("println!", &["src/cli/", "src/main.rs"], "only the command line prints"),
    ("eprintln!", &["src/cli/", "src/main.rs"], "only the command line prints"),
    ("print!", &["src/cli/", "src/main.rs"], "only the command line prints"),
    (
        "stripe",
        &["src/provider/stripe", "src/provider/mod.rs", "src/provider/vendors.rs", "src/cli/"],
        "a vendor's words stay inside its own folder; who sets it up may name it",
    ),
    ("paypal", &["src/provider/paypal", "src/import/settlement/"], "a vendor's types stay inside its own file"),
    ("todo!", &[], "no stubs"),
    ("unimplemented!", &[], "no stubs"),
    ("dbg!", &[], "a forgotten probe"),
    ("#[allow", &[], "`#[expect(…, reason)]` tells when it is no longer needed"),
    ("#![allow", &[], "`#[expect(…, reason)]` tells when it is no longer needed"),
    ("anyhow", &[], "errors are enums that carry data"),
];

pub fn places(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (word, allowed, because) in PLACES.iter().filter(|_| source.path.starts_with("src/")) {
        if !allowed.iter().any(|start| source.path.starts_with(start)) {
            let hits = source.words(word).map(|at| Finding::at(source, source.line_of(at), format!("`{word}`: {because}")));
            findings.extend(hits);
        }
    }
    findings
}

/// Where `unwrap_or(0)` is right: nothing is owed or owned there.
const ZERO_IS_RIGHT: &[(&str, &str)] = &[
    ("src/domain/calendar.rs", "days of a period whose end lies after its start"),
    ("src/import/json_records.rs", "line numbers"),
    ("src/import/seen.rs", "a part of a digest, which fits"),
    ("src/import/subscriptions.rs", "months; a period before its anchor is refused below"),
    ("src/provider/simulated.rs", "the cursor's beginning"),
    ("src/demo/", "made-up people and days"),
];

/// An amount that cannot be read is no zero.
pub fn no_silent_zero(source: &Source) -> Vec<Finding> {
    let excused = ZERO_IS_RIGHT.iter().any(|(start, _)| source.path.starts_with(start));
    if excused || !source.path.starts_with("src/") {
        return Vec::new();
    }
    let hits = source.words("unwrap_or(0)");
    hits.map(|at| Finding::at(source, source.line_of(at), "`unwrap_or(0)`: what cannot be read is not zero")).collect()
}

/// A test that is skipped silently proves nothing.
pub fn no_ignored_tests(source: &Source) -> Vec<Finding> {
    source.words("#[ignore").map(|at| Finding::at(source, source.line_of(at), "a test that never runs can't fail")).collect()
}

/// More than fits into one head.
pub const FILE_LINES_MAX: usize = 450;

/// More than fits onto one screen.
pub const FUNCTION_LINES_MAX: usize = 70;

pub fn file_length(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    let problem = || format!("{lines} lines, at most {FILE_LINES_MAX}: split it by what it is about");
    (lines > FILE_LINES_MAX).then(|| Finding::at(source, lines, problem())).into_iter().collect()
}

/// A table of many arms may be longer, where it says so to clippy.
pub fn function_length(source: &Source) -> Vec<Finding> {
    let long = source.words("fn").filter_map(|at| {
        let first = source.line_of(at);
        let length = source.line_of(at + body_end(source.code.get(at..)?)?) - first + 1;
        let head = source.code.get(..at)?.rsplit(['}', ';']).next()?;
        let excused = head.contains("expect(clippy::too_many_lines");
        let problem = format!("a function of {length} lines, at most {FUNCTION_LINES_MAX}");
        (length > FUNCTION_LINES_MAX && !excused).then(|| Finding::at(source, first, problem))
    });
    long.collect()
}

/// Where the body of the function that begins here ends; `None` where it has none.
fn body_end(code: &str) -> Option<usize> {
    let mut brackets = 0_usize;
    let mut braces = 0_usize;
    for (at, character) in code.char_indices() {
        match character {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces = braces.checked_sub(1)?;
                if braces == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The statements whose text differs between the databases, and why one text would not do.
pub const FORKS: &[(&str, &str)] = &[
    ("LOCK", "advisory locks while migrating; SQLite locks the whole file anyway"),
    ("HAS_TABLE", "where each database lists its tables"),
    ("HOLD", "the advisory lock of a running instance"),
    ("LOCK_BOOKS", "a lock of a table; SQLite has one writer"),
    ("FREE_CHARGES", "who holds advisory locks"),
    ("FREE_REFUNDS", "who holds advisory locks"),
    ("FREE_NOTICES", "who holds advisory locks"),
];

/// The names of the statements that are forked in this file, with their lines.
pub fn forks(source: &Source) -> Vec<(String, usize)> {
    let is_seam = source.path == "src/store/db/sql.rs";
    let calls = source.words("fork(").filter(|_| source.path.starts_with("src/") && !is_seam);
    calls.map(|at| (constant_before(&source.code, at), source.line_of(at))).collect()
}

fn constant_before(code: &str, at: usize) -> String {
    let statement = code.get(..at).unwrap_or_default().rsplit([';', '{', '}']).next().unwrap_or_default();
    let mut words = statement.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let name = words.find(|word| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    name.unwrap_or("(no constant)").to_owned()
}

pub fn only_known_forks(source: &Source) -> Vec<Finding> {
    let unknown = forks(source).into_iter().filter(|(name, _)| !FORKS.iter().any(|(known, _)| known == name));
    unknown.map(|(name, line)| Finding::at(source, line, format!("{name} is forked: one SQL text, or a reason in FORKS"))).collect()
}

/// `{postgres: …}` in a statement locks rows and does nothing else.
pub fn marks_only_lock(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("src/") || source.path == "src/store/db/sql.rs" {
        return Vec::new();
    }
    let lines = source.text.lines().zip(source.code.lines()).enumerate();
    let marked = lines.filter(|(_, (text, code))| !is_comment(text, code)).filter_map(|(number, (text, _))| {
        let mark = text.find("{postgres:").or_else(|| text.find("{sqlite:"))?;
        Some((number + 1, text.get(mark..)?))
    });
    let wrong = marked.filter(|(_, mark)| !mark.starts_with("{postgres: for update") && !mark.starts_with("{postgres: for share}"));
    wrong.map(|(line, mark)| Finding::at(source, line, format!("`{mark}` is a fork: marks are for row locks alone"))).collect()
}

fn is_comment(text: &str, code: &str) -> bool {
    code.trim().is_empty() && text.trim_start().starts_with("//")
}
