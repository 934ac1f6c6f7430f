//! Whatever the bytes, a file is read or refused; and what is written well is read as it was written.

use proptest::prelude::*;

use super::{AccountRow, Column, Fields, Format, ImportRow, PriceRow, Problem, SubscriptionRow, UniqueKey, catalog, read_all, terms};
use crate::domain::tax::DatedRate;

const FIXTURES: [&[u8]; 5] = [
    include_bytes!("../../fixtures/accounts.csv"),
    include_bytes!("../../fixtures/subscriptions.csv"),
    include_bytes!("../../fixtures/tax_rates.csv"),
    include_bytes!("../../fixtures/catalog.json"),
    include_bytes!("../../fixtures/terms.json"),
];

/// What each parser says to these bytes; none may panic.
fn refusals(bytes: &[u8]) -> Vec<String> {
    let mut said = Vec::new();
    for format in [Format::Csv, Format::Json] {
        said.extend(read_all::<AccountRow>("f", format, bytes).err());
        said.extend(read_all::<SubscriptionRow>("f", format, bytes).err());
        said.extend(read_all::<DatedRate>("f", format, bytes).err());
        said.extend(read_all::<PriceRow>("f", format, bytes).err());
        said.extend(catalog("f", format, bytes).err());
    }
    said.extend(terms("f", bytes).err());
    said.iter().map(ToString::to_string).collect()
}

/// A row that takes any two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pair(String, String);

impl ImportRow for Pair {
    const COLUMNS: &'static [Column] = &[Column::required("first"), Column::required("second")];
    const SCREENED: bool = false;

    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let any = |text: &str| Ok::<_, Problem>(text.to_owned());
        Some(Self(fields.required("first", any)?, fields.required("second", any)?))
    }

    fn unique_keys(&self, _: &mut dyn FnMut(UniqueKey<'_>)) {}
}

/// Text with everything in it that CSV and JSON care about, not blank at either end.
fn awkward_text() -> impl Strategy<Value = String> {
    "[a\",;\\\\{}\\[\\]\r\n é€]{0,8}".prop_map(|middle| format!("x{middle}y"))
}

fn awkward_pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((awkward_text(), awkward_text()), 0..12)
}

/// Reads pairs and gives them with their lines.
fn read_pairs(format: Format, bytes: &[u8]) -> Vec<(u64, (String, String))> {
    let rows = read_all::<Pair>("f", format, bytes).unwrap_or_else(|error| panic!("{error}"));
    rows.into_iter().map(|placed| (placed.line.number, (placed.row.0, placed.row.1))).collect()
}

/// A change to a file: at a place (a fraction of its length), so many bytes are replaced by others.
type Damage = (prop::sample::Index, usize, Vec<u8>);

fn damaged(bytes: &[u8], damages: &[Damage]) -> Vec<u8> {
    damages.iter().fold(bytes.to_vec(), |mut bytes, (at, count, with)| {
        let start = at.index(bytes.len() + 1);
        let end = (start + count).min(bytes.len());
        bytes.splice(start..end, with.iter().copied());
        bytes
    })
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4),
        prop::sample::select(vec![&b"\""[..], b",", b"\n", b"{", b"]", b"\\", b"-", b"\xff", b"\0", b"99999999999999999999"])
            .prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), 0_usize..40, bytes), 1..4)
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        refusals(&bytes);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\]{}\",:a-c0-9\\\\ \r\n\u{feff}]{0,200}") {
        refusals(text.as_bytes());
    }

    #[test]
    fn damaged_files_are_read_or_refused_and_name_nobody(which in 0..FIXTURES.len(), damages in damages()) {
        let accounts = read_all::<AccountRow>("accounts.csv", Format::Csv, FIXTURES[0]).unwrap();
        for refusal in refusals(&damaged(FIXTURES[which], &damages)) {
            for placed in &accounts {
                prop_assert!(!refusal.contains(&placed.row.email) && !refusal.contains(&placed.row.name), "{refusal}");
            }
        }
    }

    #[test]
    fn csv_is_read_as_it_was_written(pairs in awkward_pairs(), crlf: bool, blank_lines in prop::collection::vec(0_usize..3, 13)) {
        let line_end = if crlf { "\r\n" } else { "\n" };
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let mut file = format!("{}second,first", line_end.repeat(blank_lines[12]));
        let mut expected = Vec::new();
        for ((first, second), blanks) in pairs.into_iter().zip(blank_lines) {
            file.push_str(&line_end.repeat(blanks + 1));
            let line = file.bytes().filter(|byte| *byte == b'\n').count() + 1;
            file.push_str(&[quoted(&second), quoted(&first)].join(","));
            expected.push((u64::try_from(line).unwrap(), (first, second)));
        }
        prop_assert_eq!(read_pairs(Format::Csv, file.as_bytes()), expected);
    }

    #[test]
    fn csv_agrees_with_the_csv_crate(text in "[a\",\r\n]{0,24}") {
        let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).terminator(csv::Terminator::Any(b'\n')).from_reader(text.as_bytes());
        let fields = |record: csv::StringRecord| record.iter().map(|field| field.trim().to_owned()).collect::<Vec<_>>();
        let theirs = reader.records().map(|record| fields(record.unwrap())).filter(|fields| fields.len() == 2 && fields.iter().all(|field| !field.is_empty()));
        let file = format!("first,second\n{text}");
        let ours: Vec<_> = super::rows::<Pair>(Format::Csv, file.as_bytes()).collect();
        let ends_in_quote = ours.iter().any(|row| row.as_ref().is_err_and(|error| error.problems[0].problem == Problem::UnclosedQuote));
        let ours: Vec<_> = ours.into_iter().filter_map(|row| row.ok().map(|placed| vec![placed.row.0, placed.row.1])).collect();
        let mut theirs: Vec<_> = theirs.collect();
        if ends_in_quote {
            // The crate takes a quote that never closes as the rest of the file.
            theirs.truncate(ours.len());
        }
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn json_is_read_as_it_was_written(pairs in awkward_pairs(), space in "[ \n]{0,3}") {
        let objects: Vec<_> = pairs.iter().map(|(first, second)| serde_json::json!({"second": second, "first": first}).to_string()).collect();
        let array = format!("{space}[{space}{}{space}]{space}", objects.join(&format!("{space},{space}")));
        let alone = |rows: Vec<(u64, (String, String))>| rows.into_iter().map(|(_, pair)| pair).collect::<Vec<_>>();
        prop_assert_eq!(alone(read_pairs(Format::Json, array.as_bytes())), pairs.clone());
        if !objects.is_empty() {
            prop_assert_eq!(alone(read_pairs(Format::Json, objects.join("\n").as_bytes())), pairs);
        }
    }
}
