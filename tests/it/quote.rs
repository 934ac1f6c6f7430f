//! `kasacare quote`: the worked cases and every kind of bad input; as a filter in [`filter`].

mod filter;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use kasacare::domain::money::Money;
use kasacare::domain::refund::{CancellationDay, Destination, Line, Settlement, dispose, unused};
use kasacare::strategies::{self, laws};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const TOPICS: [&str; 5] = ["refund", "periods", "price", "correction", "revenue"];

fn kasacare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kasacare"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the filter over `input`; both pipes are served, so that neither side can block.
fn run(arguments: &[&str], input: Vec<u8>) -> Output {
    let mut child = kasacare(arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    output
}

/// One line for each of these.
fn jsonl(questions: impl Iterator<Item = impl std::fmt::Display>) -> Vec<u8> {
    let mut input = Vec::new();
    for question in questions {
        writeln!(input, "{question}").unwrap();
    }
    input
}

fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ask(topic: &str, question: &str) -> (Value, Option<i32>) {
    let output = run(&["quote", topic], format!("{question}\n").into_bytes());
    let mut answers = lines(&output);
    assert_eq!(answers.len(), 1, "one answer to one question");
    (answers.remove(0), output.status.code())
}

/// The texts of question and answer of each worked case, without the spaces after `,` and `:`.
fn worked_cases(topic: &str) -> Vec<(String, String)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/vectors/{topic}.jsonl"));
    let compact = |text: &str| text.replace("\": ", "\":").replace(", ", ",");
    let part = |line: &str| {
        let (question, answer) = line.split_once(", \"answer\": ").unwrap();
        let question = question.strip_prefix("{\"question\": ").unwrap();
        (compact(question), compact(answer.strip_suffix('}').unwrap()))
    };
    fs::read_to_string(file).unwrap().lines().map(part).collect()
}

/// One valid question a topic, to be broken field by field.
fn valid(topic: &str) -> Map<String, Value> {
    let question = match topic {
        "refund" => json!({"id": "1", "currency": "USD", "cycle": "annual", "net": "99.99", "tax": "8.25",
            "tax_rate": "0.0825", "period_start": "2026-01-31", "period_end": "2027-01-31", "cancel_on": "2026-06-02",
            "captured": "108.24", "refunded": "0.00", "disputed": "0.00", "unpaid": "0.00", "paid_from_credit": "0.00"}),
        "periods" => json!({"id": "p", "anchor": "2026-01-31", "cycle": "monthly", "from": 0, "count": 3}),
        "price" => json!({"id": "v", "anchor": "2026-01-10", "cycle": "monthly", "count": 5,
            "versions": [{"version": "v1", "effective_from": "2025-01-01"}, {"version": "v2", "effective_from": "2026-03-01"}],
            "notices": [{"version": "v2", "sent_on": "2026-02-12"}]}),
        "correction" => json!({"id": "c", "currency": "USD", "transaction_on": "2026-03-01", "charged": "7.99",
            "correct": "9.99", "as_of": "2026-03-31"}),
        _ => json!({"id": "r", "currency": "USD", "net": "99.99", "period_start": "2026-01-31",
            "period_end": "2027-01-31", "through": "2026-06-02"}),
    };
    question.as_object().unwrap().clone()
}

#[track_caller]
fn refused(topic: &str, question: &Value, code: &str, field: &str) {
    let (answer, exit) = ask(topic, &question.to_string());
    assert_eq!((&answer["error"]["code"], &answer["error"]["field"]), (&json!(code), &json!(field)), "{topic} {question}");
    assert!(answer["error"]["message"].as_str().is_some_and(|message| !message.is_empty()));
    assert_eq!((&answer["id"], exit), (&question["id"], Some(1)), "{topic} {question}");
}

/// A valid question with some fields replaced.
fn with(topic: &str, fields: &Value) -> Value {
    let mut question = valid(topic);
    question.extend(fields.as_object().unwrap().clone());
    Value::Object(question)
}

#[test]
fn all_worked_cases_are_answered_exactly() {
    for topic in TOPICS {
        let cases = worked_cases(topic);
        assert_eq!(cases.len(), 150);
        let output = run(&["quote", topic], jsonl(cases.iter().map(|(question, _)| question)));
        assert_eq!(output.status.code(), Some(0));
        let answers = String::from_utf8(output.stdout).unwrap();
        let expected: Vec<&str> = cases.iter().map(|(_, answer)| answer.as_str()).collect();
        // Texts, not values: the order of the fields is part of the interface.
        assert_eq!(answers.lines().collect::<Vec<_>>(), expected, "{topic}");
    }
}

#[test]
fn an_explanation_is_added_and_nothing_else_changes() {
    for (topic, rule) in TOPICS.iter().zip(["RF-", "CA-1", "PR-", "CO-", "RR-1"]) {
        let cases = worked_cases(topic);
        let output = run(&["quote", topic, "--explain"], jsonl(cases.iter().map(|(question, _)| question)));
        for (mut answer, (_, expected)) in lines(&output).into_iter().zip(cases) {
            let explanation = answer.as_object_mut().unwrap().remove("explanation").unwrap();
            let sentences = explanation.as_array().unwrap();
            assert!(!sentences.is_empty());
            assert!(sentences.iter().all(|sentence| sentence.as_str().unwrap().starts_with(rule)), "{sentences:?}");
            assert_eq!(answer, serde_json::from_str::<Value>(&expected).unwrap());
        }
    }
}

#[test]
fn the_explanation_tells_the_arithmetic() {
    let output = run(&["quote", "--explain", "refund"], Value::Object(valid("refund")).to_string().into_bytes());
    let answer = lines(&output).remove(0);
    let told = answer["explanation"].to_string();
    for part in ["123 days used, 242 unused", "99.99 USD × 242 / 365 = 66.29 USD", "5.47 USD comes back", "71.76 USD paid out"] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn every_field_must_be_there_and_of_its_type() {
    let optional = ["cancellation_day", "notice_days", "window_days"];
    for topic in TOPICS {
        for field in valid(topic).keys().filter(|field| *field != "id") {
            let mut question = valid(topic);
            question.remove(field);
            refused(topic, &Value::Object(question), "missing_field", field);
            refused(topic, &with(topic, &json!({field: true})), "wrong_type", field);
            refused(topic, &with(topic, &json!({field: null})), "wrong_type", field);
            refused(topic, &with(topic, &json!({field: {}})), "wrong_type", field);
        }
        refused(topic, &with(topic, &json!({"colour": "red"})), "unknown_field", "colour");
    }
    let (answer, exit) = ask("periods", r#"{"anchor":"2026-01-31","cycle":"monthly","from":0,"count":3}"#);
    assert_eq!((&answer["id"], &answer["error"]["field"], exit), (&Value::Null, &json!("id"), Some(1)));
    for (topic, field) in [("refund", optional[0]), ("price", optional[1]), ("correction", optional[2])] {
        refused(topic, &with(topic, &json!({field: []})), "wrong_type", field);
        let (answer, exit) = ask(topic, &with(topic, &json!({field: null})).to_string());
        assert_eq!((answer.get("error"), exit), (None, Some(0)), "{field} may be null");
    }
}

#[test]
fn amounts_are_exact_decimals() {
    for text in ["99.9", "99.990", "99", "99.", ".99", "9,99", "1e2", "+99.99", " 99.99", "99.99 ", "", "-", "NaN", "٩٩.٩٩", "0x1"] {
        refused("refund", &with("refund", &json!({"net": text})), "invalid_value", "net");
        refused("revenue", &with("revenue", &json!({"net": text})), "invalid_value", "net");
        refused("correction", &with("correction", &json!({"charged": text})), "invalid_value", "charged");
    }
    refused("revenue", &with("revenue", &json!({"currency": "JPY"})), "invalid_value", "net");
    refused("revenue", &with("revenue", &json!({"currency": "KWD"})), "invalid_value", "net");
    refused("revenue", &with("revenue", &json!({"net": "92233720368547758.08"})), "out_of_range", "net");
    let huge = "9".repeat(500) + ".99";
    refused("revenue", &with("revenue", &json!({"net": huge})), "out_of_range", "net");
    for code in ["usd", "XXX", "US", "", "USDUSD", "Ü"] {
        refused("refund", &with("refund", &json!({"currency": code})), "invalid_value", "currency");
    }
    for rate in ["", ".", "x", "1e-2", "-0.0825", "+0.0825", "0.08250000001", "10.1", "9".repeat(400).as_str()] {
        refused("refund", &with("refund", &json!({"tax_rate": rate})), "invalid_value", "tax_rate");
    }
}

#[test]
fn dates_are_iso_and_within_the_calendar() {
    for text in ["2026-02-29", "2026-13-01", "2026-1-31", "31.01.2026", "2026-01-31T00:00:00Z", "+2026-01-3", "10000-01-01", "", "tomorrow"]
    {
        refused("periods", &with("periods", &json!({"anchor": text})), "invalid_value", "anchor");
        refused("refund", &with("refund", &json!({"cancel_on": text})), "invalid_value", "cancel_on");
    }
    refused("periods", &with("periods", &json!({"anchor": "0000-12-31"})), "out_of_range", "anchor");
    refused("periods", &with("periods", &json!({"anchor": "9999-11-30"})), "out_of_range", "count");
    refused("periods", &with("periods", &json!({"from": u32::MAX})), "out_of_range", "from");
    refused("periods", &with("periods", &json!({"from": 200_000})), "out_of_range", "from");
    refused("price", &with("price", &json!({"anchor": "9999-11-30"})), "out_of_range", "count");
    refused(
        "correction",
        &with("correction", &json!({"transaction_on": "9999-12-02", "as_of": "9999-12-31"})),
        "out_of_range",
        "transaction_on",
    );
    refused("correction", &with("correction", &json!({"window_days": u32::MAX})), "out_of_range", "transaction_on");
    for (from, count) in [(json!(-1), json!(10_001)), (json!(1_u64 << 40), json!(-3))] {
        refused("periods", &with("periods", &json!({"from": from})), "out_of_range", "from");
        refused("periods", &with("periods", &json!({"count": count})), "out_of_range", "count");
    }
    refused("periods", &with("periods", &json!({"count": 2.5})), "wrong_type", "count");
    refused("periods", &with("periods", &json!({"cycle": "weekly"})), "invalid_value", "cycle");
}

#[test]
fn refund_questions_must_be_consistent() {
    let inconsistent = |fields: Value, field| refused("refund", &with("refund", &fields), "inconsistent", field);
    inconsistent(json!({"tax": "8.24", "captured": "108.23"}), "tax");
    inconsistent(json!({"captured": "108.23"}), "captured");
    inconsistent(json!({"unpaid": "0.01"}), "captured");
    inconsistent(json!({"refunded": "100.00", "disputed": "8.25"}), "refunded");
    // So much that the sum of the two does not fit 64 bits.
    inconsistent(json!({"refunded": "92233720368547758.07", "disputed": "92233720368547758.07"}), "refunded");
    inconsistent(json!({"cancel_on": "2027-01-31"}), "cancel_on");
    inconsistent(json!({"cancel_on": "2026-01-30"}), "cancel_on");
    inconsistent(json!({"cycle": "monthly", "cancel_on": "2026-01-30"}), "cancel_on");
    inconsistent(json!({"period_end": "2026-01-31"}), "period_end");
    inconsistent(json!({"period_end": "2025-01-31"}), "period_end");
    for field in ["net", "tax", "captured", "refunded", "disputed", "unpaid", "paid_from_credit"] {
        refused("refund", &with("refund", &json!({field: "-0.01"})), "invalid_value", field);
    }
    refused("refund", &with("refund", &json!({"cancellation_day": "half"})), "invalid_value", "cancellation_day");
}

#[test]
fn price_questions_must_be_consistent() {
    let (v1, v2) = (json!({"version": "v1", "effective_from": "2025-01-01"}), json!({"version": "v2", "effective_from": "2026-03-01"}));
    let notice = json!({"version": "v2", "sent_on": "2026-02-12"});
    let asked = |versions: &[&Value], notices: &[&Value]| with("price", &json!({"versions": versions, "notices": notices}));
    let same_day = json!({"version": "v3", "effective_from": "2026-03-01"});
    refused("price", &asked(&[&v1, &v2, &same_day], &[]), "inconsistent", "versions[2].effective_from");
    let same_name = json!({"version": "v1", "effective_from": "2027-03-01"});
    refused("price", &asked(&[&v1, &same_name], &[]), "inconsistent", "versions[1].version");
    refused("price", &asked(&[&v1, &v2], &[&notice, &notice]), "inconsistent", "notices[1].version");
    refused("price", &asked(&[&v1], &[&notice]), "inconsistent", "notices[0].version");
    refused("price", &asked(&[&v2], &[]), "inconsistent", "versions");
    refused("price", &asked(&[], &[]), "inconsistent", "versions");
    refused("price", &asked(&[&json!("v1")], &[]), "wrong_type", "versions[0]");
    refused("price", &asked(&[&json!({"version": "v1"})], &[]), "missing_field", "versions[0].effective_from");
    refused("price", &asked(&[&v1], &[&json!({"version": "v1", "sent": "x"})]), "unknown_field", "notices[0].sent");
    refused("price", &with("price", &json!({"notice_days": -1})), "out_of_range", "notice_days");
}

#[test]
fn corrections_look_back() {
    refused("correction", &with("correction", &json!({"as_of": "2026-02-28"})), "inconsistent", "as_of");
    refused("correction", &with("correction", &json!({"charged": "-1.00"})), "invalid_value", "charged");
    refused("correction", &with("correction", &json!({"correct": "-1.00"})), "invalid_value", "correct");
}

#[test]
fn absurd_but_valid_values_are_answered() {
    let all_there_is =
        json!({"net": "92233720368547758.07", "period_start": "0001-01-01", "period_end": "9999-12-31", "through": "0001-01-01"});
    let (answer, exit) = ask("revenue", &with("revenue", &all_there_is).to_string());
    // 2^63 − 1 over 3 652 058 days: the first one earns T − round(T × (n − 1) / n).
    assert_eq!((&answer["recognised"], exit), (&json!("25255272607.54"), Some(0)));
    let whole = json!({"net": "92233720368547758.07", "tax": "0.00", "tax_rate": "0", "captured": "92233720368547758.07",
        "period_start": "0001-01-01", "period_end": "9999-12-31", "cancel_on": "0001-01-01", "cancellation_day": "refunded"});
    assert_eq!(ask("refund", &with("refund", &whole).to_string()).0["payout"], json!("92233720368547758.07"));
    let taxed = json!({"net": "92233720368547758.07", "tax": "0.00"});
    refused("refund", &with("refund", &taxed), "inconsistent", "tax");
    let tenfold = json!({"net": "92233720368547758.07", "tax_rate": "10"});
    refused("refund", &with("refund", &tenfold), "out_of_range", "tax_rate");
    let too_much = json!({"captured": "92233720368547758.07", "unpaid": "92233720368547758.07"});
    refused("refund", &with("refund", &too_much), "out_of_range", "captured");
    let (answer, _) = ask("periods", &with("periods", &json!({"anchor": "0001-01-31", "cycle": "annual", "count": 9_998})).to_string());
    assert_eq!(answer["periods"][9_997]["end"], json!("9999-01-31"));
    assert_eq!(ask("periods", &with("periods", &json!({"count": 0})).to_string()).0["periods"], json!([]));
    let (answer, _) = ask("price", &with("price", &json!({"notice_days": u32::MAX})).to_string());
    assert_eq!(answer["periods"][4]["version"], json!("v1"));
}

fn refund_question(line: &Line, settlement: &Settlement, on: chrono::NaiveDate, day: CancellationDay) -> Value {
    json!({"id": 1, "currency": line.net.currency(), "cycle": "annual", "net": line.net.major(), "tax": line.tax.major(),
        "tax_rate": line.rate, "period_start": line.period.start, "period_end": line.period.end, "cancel_on": on,
        "captured": settlement.captured.major(), "refunded": settlement.refunded.major(),
        "disputed": settlement.disputed.major(), "unpaid": settlement.unpaid.major(),
        "paid_from_credit": settlement.paid_from_credit.major(), "cancellation_day": day})
}

/// CP-2: what the filter shows is what the functions do.
#[test]
fn a_quote_equals_what_the_functions_do() {
    let quote = |line: &Line, settlement: &Settlement, on, day| {
        let (answer, _) = ask("refund", &refund_question(line, settlement, on, day).to_string());
        ["unused_total", "owed_off", "payout", "credit", "held", "already_returned"]
            .map(|field| answer[field].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned())
    };
    let act = |line: &Line, settlement: &Settlement, on, day| {
        let value = unused(line, on, day).unwrap().value;
        let parts = dispose(value, settlement, Destination::Refund).unwrap();
        [value, parts.owed_off, parts.payout, parts.credit, parts.held, parts.already_returned].map(Money::major)
    };
    laws::refund::quote_equals_act(&mut laws::deterministic_runner(100), quote, act).unwrap();
}

/// Any JSON at all.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "-?[0-9]{0,20}[.][0-9]{0,3}".prop_map(Value::from),
        "[0-9]{4}-[0-1][0-9]-[0-3][0-9]".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("version|sent_on|effective_from|.{0,4}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever stands in the lines: no panic, one answer a line, and never an answer and an error at once.
    #[test]
    fn garbage_never_breaks_the_filter(
        seed in prop::collection::vec((0..5_usize, any::<prop::sample::Index>(), any_json(), any::<bool>()), 200),
        raw in prop::collection::vec("[^\n]{1,40}", 20),
    ) {
        for topic in TOPICS {
            let mut input = String::new();
            for (fields, at, value, cut) in &seed {
                let mut question = valid(topic);
                for step in 0..=*fields {
                    let names: Vec<String> = question.keys().cloned().collect();
                    let name = &names[(at.index(names.len()) + step) % names.len()];
                    question.insert(name.clone(), value.clone());
                }
                let mut line = Value::Object(question).to_string();
                if *cut {
                    line = line.chars().take(at.index(line.chars().count())).chain(['!']).collect();
                }
                input.push_str(&line);
                input.push('\n');
            }
            input.extend(raw.iter().map(|line| format!("x{line}\n")));
            let output = run(&["quote", topic, "--explain"], input.into_bytes());
            prop_assert!(output.stderr.is_empty());
            let answers = lines(&output);
            prop_assert_eq!(answers.len(), seed.len() + raw.len());
            for answer in &answers {
                let fields = answer.as_object().unwrap();
                prop_assert!(fields.contains_key("id"));
                prop_assert!(!fields.contains_key("error") || fields.len() == 2);
            }
        }
    }
}

/// The strategies make valid questions: the filter answers all of them.
#[test]
fn strategies_make_valid_questions() {
    let mut runner = laws::deterministic_runner(1);
    let inputs = strategies::cancellations().prop_flat_map(|(line, on, day)| {
        let gross = line.net.plus(line.tax).unwrap();
        (Just(line), strategies::settlements_of(gross), Just(on), Just(day))
    });
    let many = prop::collection::vec(inputs, 2_000);
    let check = |questions: Vec<(Line, Settlement, _, _)>| {
        let texts = questions.iter().map(|(line, settlement, on, day)| refund_question(line, settlement, *on, *day));
        prop_assert_eq!(run(&["quote", "refund"], jsonl(texts)).status.code(), Some(0));
        Ok(())
    };
    runner.run(&many, check).unwrap();
}
