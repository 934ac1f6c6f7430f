//! The tour of the README is what the program does: its commands are run, and what they print is what stands there.
//!
//! `KASACARE_TOUR=write cargo test --test it tour` writes what they print into the README. A line `…` there stands for any number
//! of lines.

use std::process::Command;

const BEGINS: &str = "## A tour\n";
const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// A command of the tour and what it prints.
struct Step {
    command: String,
    shown: Vec<String>,
}

/// What a part of the README is made of: lines of text, and steps.
enum Part {
    Text(String),
    Step(Step),
}

#[test]
fn the_tour_shows_what_the_program_prints() {
    let readme = std::fs::read_to_string(format!("{FOLDER}/README.md")).unwrap();
    let (before, tour) = readme.split_once(BEGINS).expect("the README has a tour");
    let (tour, after) = tour.split_at(tour.find("\n## ").expect("something follows"));
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(format!("{FOLDER}/fixtures"), folder.path().join("fixtures")).unwrap();
    let mut written = String::new();
    let mut steps = 0;
    for part in parts(tour) {
        match part {
            Part::Text(line) => written.push_str(&format!("{line}\n")),
            Part::Step(step) => {
                steps += 1;
                let printed = run(&step.command, folder.path());
                assert!(writing() || agree(&step.shown, &printed), "{} prints\n{}", step.command, printed.join("\n"));
                written.push_str(&format!("$ {}\n{}", step.command, elided(&step.shown, &printed)));
            }
        }
    }
    assert!(steps > 8, "only {steps} commands were found");
    if writing() {
        std::fs::write(format!("{FOLDER}/README.md"), format!("{before}{BEGINS}{}{after}", written.trim_end_matches('\n'))).unwrap();
    }
}

fn writing() -> bool {
    std::env::var_os("KASACARE_TOUR").is_some_and(|value| value == "write")
}

fn parts(tour: &str) -> Vec<Part> {
    let (mut parts, mut inside): (Vec<Part>, bool) = (Vec::new(), false);
    for line in tour.lines() {
        let fence = line.starts_with("```");
        inside = if fence { line == "```console" } else { inside };
        match (line.strip_prefix("$ "), parts.last_mut()) {
            (Some(command), _) if inside => parts.push(Part::Step(Step { command: command.to_owned(), shown: Vec::new() })),
            (None, Some(Part::Step(step))) if inside && step.command.ends_with('\\') && step.shown.is_empty() => {
                step.command.push_str(&format!("\n{line}"));
            }
            (None, Some(Part::Step(step))) if inside && !fence => step.shown.push(line.to_owned()),
            _ => parts.push(Part::Text(line.to_owned())),
        }
    }
    parts
}

/// What a command of the tour prints on standard output, line by line.
fn run(command: &str, folder: &std::path::Path) -> Vec<String> {
    let script = format!("kasacare() {{ \"$KASACARE\" \"$@\"; }}\n{command}");
    let output = Command::new("sh")
        .args(["-c", &script])
        .env("KASACARE", env!("CARGO_BIN_EXE_kasacare"))
        .env("KASACARE_LOG", "error")
        .env_remove("KASACARE_DB")
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.stderr.is_empty(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Whether lines agree with what is shown of them.
fn agree(shown: &[String], printed: &[String]) -> bool {
    match (shown, printed) {
        ([], []) => true,
        ([gap, rest @ ..], _) if gap == "…" => (0..=printed.len()).any(|skipped| agree(rest, &printed[skipped..])),
        ([line, rest @ ..], [same, others @ ..]) => line == same && agree(rest, others),
        _ => false,
    }
}

/// What is printed, with the gap at the end that was there before.
fn elided(shown: &[String], printed: &[String]) -> String {
    let gap = shown.last().is_some_and(|line| line == "…");
    let kept = if gap { printed.len().min(shown.len() - 1) } else { printed.len() };
    let lines = printed[..kept].iter().map(String::as_str).chain(gap.then_some("…"));
    lines.flat_map(|line| [line, "\n"]).collect()
}
