//! `kasacare quote` as a filter: lines, bytes, memory, pipes.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Child;
use std::thread;

use serde_json::{Value, json};

use super::{ask, kasacare, lines, run, valid, worked_cases};

#[test]
fn ids_are_echoed_byte_for_byte() {
    for id in [r#""a\u00e9 \"b\"""#, "7", "-0.10", "123456789012345678901234567890", "1e400", "null", "[1,2]"] {
        let input = format!(r#"{{"id":{id},"anchor":"2026-01-31","cycle":"monthly","from":0,"count":0}}"#);
        let output = run(&["quote", "periods"], input.into_bytes());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{{\"id\":{id},\"periods\":[]}}\n"));
        let broken = format!(r#"{{"count":"x","id":{id}}}"#);
        let output = run(&["quote", "periods"], broken.into_bytes());
        assert!(String::from_utf8(output.stdout).unwrap().starts_with(&format!("{{\"id\":{id},\"error\":{{\"code\":")));
    }
}

#[test]
fn bad_lines_are_answered_in_place_and_the_run_goes_on() {
    let good = Value::Object(valid("correction")).to_string();
    let mut input = Vec::new();
    let bad_lines: [&[u8]; 8] = [b"{", b"nonsense", b"[1]", b"\"text\"", b"\xff\xfe", b"{\"id\":1}{\"id\":2}", b"{\"id\":1,}", b"\0"];
    for bad in bad_lines {
        input.extend_from_slice(bad);
        input.extend_from_slice(format!("\r\n\n   \n{good}\n").as_bytes());
    }
    let output = run(&["quote", "correction"], input);
    let answers = lines(&output);
    assert_eq!((answers.len(), output.status.code()), (16, Some(1)));
    for pair in answers.chunks(2) {
        assert_eq!((&pair[0]["error"]["code"], &pair[0]["id"]), (&json!("invalid_json"), &Value::Null), "{pair:?}");
        assert_eq!(pair[1]["action"], json!("charge"));
    }
    let twice = good.replacen('{', r#"{"as_of":"2026-03-05","#, 1);
    let (answer, _) = ask("correction", &twice);
    assert_eq!((&answer["error"]["code"], &answer["error"]["field"]), (&json!("duplicate_field"), &json!("as_of")));
    // A byte order mark before the first line and a missing line break after the last one.
    let output = run(&["quote", "correction"], format!("\u{feff}{good}\r\n{good}").into_bytes());
    assert_eq!((lines(&output).len(), output.status.code()), (2, Some(0)));
    assert_eq!(run(&["quote", "correction"], Vec::new()).status.code(), Some(0));
}

#[test]
fn a_deep_or_overlong_line_is_refused_without_being_kept() {
    let good = Value::Object(valid("correction")).to_string();
    let deep = format!("{{\"id\":{}", "[".repeat(100_000));
    let mut child = kasacare(&["quote", "correction"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    writeln!(stdin, "{deep}").unwrap();
    assert!(answers.next().unwrap().unwrap().contains("invalid_json"));
    let before = peak_kib(&child);
    for _ in 0..64 {
        stdin.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    write!(stdin, "\n{good}\n").unwrap();
    let refused: Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
    assert_eq!((&refused["error"]["code"], &refused["id"]), (&json!("line_too_long"), &Value::Null));
    assert!(answers.next().unwrap().unwrap().contains("\"action\":\"charge\""));
    let grown = peak_kib(&child) - before;
    assert!(grown < 4 << 10, "64 MiB of one line took {grown} KiB");
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

/// The largest resident size of a process so far.
fn peak_kib(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_hundred_thousand_lines_need_no_more_memory_than_a_thousand() {
    let cases = worked_cases("refund");
    let mut child = kasacare(&["quote", "refund"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut peaks = Vec::new();
    for count in [1_000, 100_000] {
        let questions: Vec<String> = cases.iter().map(|(question, _)| format!("{question}\n")).collect();
        let writer = thread::spawn(move || {
            for question in questions.iter().cycle().take(count) {
                stdin.write_all(question.as_bytes()).unwrap();
            }
            stdin
        });
        for (_, expected) in cases.iter().cycle().take(count) {
            assert_eq!(answers.next().unwrap().unwrap(), *expected);
        }
        stdin = writer.join().unwrap();
        peaks.push(peak_kib(&child));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    // The kernel counts pages in batches, so that a later figure may be a little smaller.
    let grown = peaks[1].saturating_sub(peaks[0]);
    assert!(grown < 1 << 10, "grown by {grown} KiB from {} KiB", peaks[0]);
}

#[test]
fn an_answer_comes_before_the_next_question_is_asked() {
    let mut child = kasacare(&["quote", "correction"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        writeln!(stdin, "{}", Value::Object(valid("correction"))).unwrap();
        assert!(answers.next().unwrap().unwrap().contains("\"amount\":\"2.00\""));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = kasacare(&["quote", "correction"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    drop(child.stdout.take());
    let question = format!("{}\n", Value::Object(valid("correction")));
    // The filter stops reading at some point: then this pipe breaks, too.
    while stdin.write_all(question.as_bytes()).is_ok() {}
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), [].as_slice()));
}

#[test]
fn questions_come_from_a_file_or_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("questions.jsonl");
    fs::write(&file, Value::Object(valid("correction")).to_string()).unwrap();
    let from_file = run(&["quote", "correction", file.to_str().unwrap()], Vec::new());
    let from_stdin = run(&["quote", "correction", "-"], fs::read(&file).unwrap());
    assert_eq!((from_file.status.code(), &from_file.stdout), (Some(0), &from_stdin.stdout));
    let missing = run(&["quote", "correction", "no/such/file"], Vec::new());
    assert_eq!((missing.status.code(), missing.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8(missing.stderr).unwrap().starts_with("error: cannot open no/such/file: "));
    let a_folder = run(&["quote", "correction", folder.path().to_str().unwrap()], Vec::new());
    assert_eq!((a_folder.status.code(), a_folder.stdout.len()), (Some(2), 0));
    assert_eq!(run(&["quote", "colours"], Vec::new()).status.code(), Some(2));
}
