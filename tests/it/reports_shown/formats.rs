//! CSV, JSON, text and pages of a small report, to the letter; workbooks by what another program makes of them.

use std::path::Path;
use std::process::Command;

use kasacare::domain::money::Money;
use kasacare::reports::ReportError;
use kasacare::reports::sheet::gathered::Gathered;
use kasacare::reports::sheet::tee::Tee;
use kasacare::reports::sheet::{Cell, Head, Kind, SheetFormat, Sink, sink, xlsx};

use super::fixture::{self, asked, column, currency, money, section, text};

type Tell = fn(&mut dyn Sink) -> Result<(), ReportError>;

fn written(format: SheetFormat, tell: impl Fn(&mut dyn Sink) -> Result<(), ReportError>) -> Vec<u8> {
    let mut out = Vec::new();
    tell(sink(format, &mut out).as_mut()).unwrap();
    out
}

fn shown(format: SheetFormat, tell: Tell) -> String {
    String::from_utf8(written(format, tell)).unwrap()
}

#[test]
fn csv_has_a_header_a_shape_and_no_totals() {
    let expected = "section,currency,account,due_on,days_past_due,invoices,open\r\n\
                    open,USD,acc-1,2026-10-01,30,1,1234.56\r\n\
                    open,USD,'=1+1,2026-10-02,-29,1,-0.05\r\n\
                    open,USD,\"a \"\"quoted\"\", and\r\nbroken\",2026-10-31,0,1,\r\n\
                    open,JPY,'@home,2026-09-30,31,1,1200\r\n\
                    \r\n\
                    section,currency,what,amount\r\n\
                    other,KWD,<b>bold</b>,1.250\r\n";
    assert_eq!(shown(SheetFormat::Csv, fixture::small), expected);
}

#[test]
fn json_has_everything() {
    let text = shown(SheetFormat::Json, fixture::small);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["report"], &json["asked"]["to"]), (&"sample".into(), &"2026-10-31".into()));
    let sections = json["sections"].as_array().unwrap();
    let keys: Vec<_> =
        sections.iter().map(|section| (section["section"].as_str().unwrap(), section["currency"].as_str().unwrap())).collect();
    assert_eq!(keys, [("open", "USD"), ("open", "JPY"), ("open", "KWD"), ("other", "KWD")]);
    assert_eq!(sections[0]["totals"], serde_json::json!({ "invoices": 3, "open": "1234.51 USD" }));
    assert_eq!(sections[2]["rows"], serde_json::json!([]));
    assert_eq!(json["ties"][1], serde_json::json!({ "what": "sum = another", "here": "0.01 USD", "there": "0.03 USD", "holds": false }));
    // The keys of a row stand in the order of its columns, and a row is a line.
    let row = "{\"account\":\"=1+1\",\"due_on\":\"2026-10-02\",\"days_past_due\":-29,\"invoices\":1,\"open\":\"-0.05 USD\"},";
    assert!(text.lines().any(|line| line == row), "{text}");
    assert!(text.contains("\"days_past_due\":0,\"invoices\":1,\"open\":null}"), "{text}");
}

#[test]
fn text_is_aligned_and_marks_what_does_not_tie() {
    let expected = "\
Sample, 2026-10-01 to 2026-10-31
What is owed, by the business date

Open invoices, USD
 Account                  Due on      Days past due  Invoices     Open
 acc-1                    2026-10-01             30         1  1234.56
 =1+1                     2026-10-02            -29         1    -0.05
 a \"quoted\", and  broken  2026-10-31              0         1
 Total                                                      3  1234.51

Open invoices, JPY
 Account  Due on      Days past due  Invoices  Open
 @home    2026-09-30             31         1  1200
 Total                                      1  1200

Open invoices, KWD
  nothing

Something else, KWD
 What         Amount
 <b>bold</b>   1.250

Ties out to
  \u{2713} open = 1100: 1234.51 USD
  \u{2717} DOES NOT HOLD: sum = another: 0.01 USD here, 0.03 USD there, -0.02 USD apart

=Nothing more.
";
    assert_eq!(shown(SheetFormat::Table, fixture::small), expected);
}

#[test]
fn a_terminal_gets_the_first_rows_and_all_totals() {
    let text = shown(SheetFormat::Table, |sink| fixture::long(sink, 51));
    assert!(text.contains("     49    0.01\n") && !text.contains("     50    0.01\n"), "{text}");
    assert!(text.contains("0.51\n  1 more row is not shown; `--format csv` and `xlsx` have them."), "{text}");
}

#[test]
fn a_page_escapes_what_people_write_and_loads_nothing() {
    let page = shown(SheetFormat::Html, fixture::small);
    assert!(page.contains("&lt;b&gt;bold&lt;") && !page.contains("<b>"), "{page}");
    assert!(page.contains("default-src 'none'") && page.contains("<data value=\"-0.05\">\u{2212}0.05</data>"), "{page}");
    for outside in ["http:", "https:", "src=", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let long = shown(SheetFormat::Html, |sink| fixture::long(sink, 501));
    assert!(long.contains("the 500 with the greatest amounts of 501 rows") && long.contains("<data value=\"5.01\">"), "{long}");
}

/// Whoever looks at a page looks for what is large.
#[test]
fn of_a_long_section_the_greatest_amounts_are_shown() {
    let page = shown(SheetFormat::Html, |sink| {
        sink.head(&Head { name: "long", title: "Long", about: "Many rows", asked: asked() })?;
        let columns = vec![column("id", "Id", Kind::Text, false), column("amount", "Amount", Kind::Money, true)];
        let row = |number: i64| vec![text(&format!("row-{number}")), money(if number % 2 == 0 { -number } else { number }, "USD")];
        fixture::tell(sink, &section("rows", "Rows", "USD", columns, true), &(1..=600).map(row).collect::<Vec<_>>())?;
        sink.end(&[], &[])
    });
    let at = |id: &str| page.find(&format!(">{id}<"));
    assert!(at("row-600").is_some() && at("row-600") < at("row-599") && at("row-101").is_some() && at("row-100").is_none());
}

/// No clock goes into a file, and no chance.
#[test]
fn the_same_report_is_the_same_bytes() {
    for format in [SheetFormat::Table, SheetFormat::Csv, SheetFormat::Json, SheetFormat::Xlsx, SheetFormat::Html] {
        let first = written(format, fixture::small);
        // The archive of a workbook has times with a step of two seconds.
        std::thread::sleep(std::time::Duration::from_millis(if format == SheetFormat::Xlsx { 2_100 } else { 0 }));
        assert!(first == written(format, fixture::small), "{format:?}");
    }
}

#[test]
fn one_telling_feeds_all_formats() {
    let (mut csv, mut json, mut gathered) = (Vec::new(), Vec::new(), Gathered::keeping(1));
    {
        let (mut left, mut right) = (sink(SheetFormat::Csv, &mut csv), sink(SheetFormat::Json, &mut json));
        fixture::small(&mut Tee::new(vec![left.as_mut(), right.as_mut(), &mut gathered])).unwrap();
    }
    assert_eq!(csv, written(SheetFormat::Csv, fixture::small));
    assert_eq!(json, written(SheetFormat::Json, fixture::small));
    let open = gathered.report("sample").unwrap().sheet("open", currency("USD")).unwrap();
    assert_eq!((open.count, open.rows.len(), open.left_out()), (3, 1, 2));
    assert_eq!(open.total("open"), Some(Money::new(123_451, currency("USD"))));
}

/// The sheets of a workbook as another program reads and recalculates them, by name: rows of cells as they are shown, but for the true
/// minus.
pub fn recalculated(workbook: &Path) -> Vec<(String, Vec<Vec<String>>)> {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Command::new("ssconvert");
    program.args(["--recalc", "--export-file-per-sheet", "--export-type=Gnumeric_stf:stf_assistant", "-O"]);
    program.arg("separator=, quoting-mode=auto format=preserve").arg(workbook).arg(folder.path().join("%n-%s.csv"));
    // No settings of whoever runs the tests, and the language in which numbers have a point.
    program.env("HOME", folder.path()).env("LC_ALL", "C.UTF-8");
    let output = program
        .output()
        .unwrap_or_else(|error| panic!("ssconvert: {error}\nThe tests need gnumeric; install it with: scripts/test-tools.sh pages"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "csv"))
        .collect();
    files.sort_by_key(|path| number_of(path));
    let sheet = |path: &std::path::PathBuf| {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_path(path).unwrap();
        let rows = reader.records().map(|row| row.unwrap().iter().map(|cell| cell.replace('\u{2212}', "-")).collect()).collect();
        (path.file_stem().unwrap().to_string_lossy().split_once('-').unwrap().1.to_owned(), rows)
    };
    files.iter().map(sheet).collect()
}

fn number_of(path: &Path) -> u32 {
    path.file_name().unwrap().to_string_lossy().split_once('-').unwrap().0.parse().unwrap()
}

fn workbook(tell: impl Fn(&mut dyn Sink) -> Result<(), ReportError>) -> Vec<(String, Vec<Vec<String>>)> {
    let file = tempfile::NamedTempFile::with_suffix(".xlsx").unwrap();
    std::fs::write(file.path(), written(SheetFormat::Xlsx, tell)).unwrap();
    recalculated(file.path())
}

#[test]
fn another_program_recalculates_the_same_totals() {
    let sheets = workbook(fixture::small);
    let names: Vec<_> = sheets.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Contents", "sample open USD", "sample open JPY", "sample open KWD", "sample other KWD"]);
    let (_, usd) = &sheets[1];
    assert_eq!(usd[0], ["Account", "Due on", "Days past due", "Invoices", "Open USD"]);
    assert_eq!(usd[1], ["acc-1", "2026-10-01", "30", "1", "1,234.56"]);
    assert_eq!(usd[2][0], "'=1+1", "text stays text");
    assert_eq!((usd[4][0].as_str(), usd[4][3].as_str(), usd[4][4].as_str()), ("Total", "3", "1,234.51"));
    let (_, yen) = &sheets[2];
    assert_eq!((yen[1][4].as_str(), yen[2][4].as_str()), ("1,200", "1,200"), "a currency without decimals");
    assert!(sheets[0].1.iter().any(|row| row[0] == "sum = another" && row[1].contains("DOES NOT HOLD")), "{:?}", sheets[0]);
}

/// The totals are recalculated and not read: with another amount in a cell they are others.
#[test]
fn totals_are_live() {
    let mut file = tempfile::NamedTempFile::with_suffix(".xlsx").unwrap();
    std::io::Write::write_all(&mut file, &written(SheetFormat::Xlsx, fixture::small)).unwrap();
    let parts = tempfile::tempdir().unwrap();
    let run = |program: &mut Command| assert!(program.output().unwrap().status.success(), "{program:?}");
    let script = "import sys, zipfile\n\
                  old = zipfile.ZipFile(sys.argv[1])\n\
                  new = zipfile.ZipFile(sys.argv[2], 'w')\n\
                  for name in old.namelist():\n    new.writestr(name, old.read(name).replace(b'<v>1234.56</v>', b'<v>2234.56</v>'))\n\
                  new.close()\n";
    let changed = parts.path().join("changed.xlsx");
    run(Command::new("python3").args(["-c", script]).arg(file.path()).arg(&changed));
    let (_, usd) = &recalculated(&changed)[1];
    assert_eq!((usd[1][4].as_str(), usd[4][4].as_str()), ("2,234.56", "2,234.51"));
}

/// 15 digits are exact in a cell, 16 are not: these are text, are not summed, and that is said.
#[test]
fn amounts_that_a_cell_would_round_are_text() {
    let columns = || vec![column("what", "What", Kind::Text, false), column("amount", "Amount", Kind::Money, true)];
    let sheets = workbook(|sink| {
        sink.head(&Head { name: "large", title: "Large", about: "Large amounts", asked: asked() })?;
        let row = |minor| vec![text("x"), money(minor, "USD")];
        fixture::tell(sink, &section("exact", "Exact", "USD", columns(), false), &[row(999_999_999_999_998), row(1)])?;
        fixture::tell(sink, &section("one", "One too large", "USD", columns(), false), &[row(1_000_000_000_000_001), row(2)])?;
        fixture::tell(sink, &section("sum", "Sum too large", "USD", columns(), false), &[row(999_999_999_999_999), row(1)])?;
        sink.end(&[], &[])
    });
    let amounts = |at: usize| sheets[at].1[1..].iter().map(|row| row[1].as_str()).collect::<Vec<_>>();
    assert_eq!(amounts(1), ["9,999,999,999,999.98", "0.01", "9,999,999,999,999.99"]);
    assert_eq!(amounts(2), ["10000000000000.01", "0.02", "10000000000000.03"]);
    assert_eq!(amounts(3), ["9,999,999,999,999.99", "0.01", "10000000000000.00"]);
    let remarks: Vec<_> =
        sheets[0].1.iter().filter(|row| row.len() > 5 && row[5].contains("15 digits")).map(|row| row[0].as_str()).collect();
    assert_eq!(remarks, ["One too large, USD", "Sum too large, USD"]);
}

#[test]
fn a_workbook_of_too_many_rows_has_the_first_and_the_totals_of_all() {
    let rows = xlsx::ROWS_MAX + 1;
    let sheets = workbook(|sink| fixture::long(sink, rows));
    let (_, long) = &sheets[1];
    assert_eq!(long[500], ["499", "0.01"]);
    assert_eq!(long[501], ["Total", "5,000.01"]);
    assert!(long.last().unwrap()[0].contains("500 rows with the greatest amounts"), "{:?}", long.last());
    assert!(sheets[0].1.iter().any(|row| row.iter().any(|cell| cell.contains("the CSV has every row"))));
}

#[test]
fn what_is_told_out_of_order_is_refused() {
    for format in [SheetFormat::Table, SheetFormat::Csv, SheetFormat::Json, SheetFormat::Xlsx, SheetFormat::Html] {
        let mut out = Vec::new();
        let mut sink = sink(format, &mut out);
        sink.head(&Head { name: "odd", title: "Odd", about: "", asked: asked() }).unwrap();
        assert!(sink.row(&[Cell::Count(1)]).is_err(), "{format:?}");
    }
}
