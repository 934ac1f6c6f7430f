//! A real month: the pack of a made-up company's books, opened by the programs that people open it with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use kasacare::demo::{DemoOptions, live};
use kasacare::reports::finance::ALL;
use kasacare::reports::pack::{self, Order, Packed};
use kasacare::reports::sheet::html::Html;
use kasacare::store::db::Db;
use serde_json::Value;

use super::fixture;
use super::formats::recalculated;
use super::pack::files;
use crate::cli::shop::Shop;
use crate::journal::{bean_check, hledger};
use crate::world::on_both;
use crate::world::town::{Town, noon};

pub async fn lived(db: &Db) {
    let town = Town::on(db).await;
    live(town.engine.clone(), town.runner.clone(), DemoOptions { accounts: 60, months: 6, seed: 5 }, |_| {}).await.unwrap();
}

/// A pack long after the month.
pub fn order(month: &str) -> Order {
    Order { month: month.parse().unwrap(), known_at: None, now: noon("2030-01-01") }
}

async fn packed(db: &Db, month: &str, place: &Path) -> Packed {
    pack::write(db, ALL, order(month), place, |_| {}).await.unwrap()
}

/// Rows of a CSV without their first two columns, by currency.
pub type Blocks = BTreeMap<String, Vec<Vec<String>>>;

/// All CSVs of a pack, by `report.section`.
pub fn csvs(place: &Path) -> BTreeMap<String, Blocks> {
    let read = |path: PathBuf| {
        let mut blocks = Blocks::new();
        let mut reader = csv::Reader::from_path(&path).unwrap();
        assert_eq!(reader.headers().unwrap().iter().take(2).collect::<Vec<_>>(), ["section", "currency"], "{}", path.display());
        for row in reader.records().map(Result::unwrap) {
            blocks.entry(row[1].to_owned()).or_default().push(row.iter().skip(2).map(ToOwned::to_owned).collect());
        }
        (path.file_stem().unwrap().to_string_lossy().into_owned(), blocks)
    };
    fs::read_dir(place.join("csv")).unwrap().map(|entry| read(entry.unwrap().path())).collect()
}

/// A decimal number as a whole one, with how many decimals it has; `None` for what is no number.
fn whole(text: &str) -> Option<(i128, usize)> {
    let decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    text.replace('.', "").parse().ok().map(|whole| (whole, decimals))
}

/// The sum of a column as it is written.
fn sum_of(rows: &[Vec<String>], column: usize) -> String {
    let cells = rows.iter().map(|row| row[column].as_str()).filter(|cell| !cell.is_empty());
    let (mut sum, mut decimals) = (0, 0);
    for cell in cells {
        let (whole, own) = whole(cell).unwrap_or_else(|| panic!("{cell} is summed"));
        (sum, decimals) = (sum + whole, own);
    }
    let digits = format!("{:0width$}", sum.abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    format!("{}{whole}{}{fraction}", if sum < 0 { "-" } else { "" }, if decimals > 0 { "." } else { "" })
}

fn texts(values: &Value) -> Vec<String> {
    values.as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_month_is_packed_the_same_on_both_databases_and_every_program_opens_it() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    on_both(|db| {
        let seen = Arc::clone(&seen);
        async move {
            lived(&db).await;
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("2026-05");
            let told = packed(&db, "2026-05", &place).await;
            assert_eq!((told.broken, told.files.len() + 1), (0, files(&place).len()));
            assert!(told.ties > 40, "{}", told.ties);
            let first = seen.lock().unwrap().is_empty();
            if first {
                opened(&place);
            }
            seen.lock().unwrap().push(files(&place));
        }
    })
    .await;
    let seen = seen.lock().unwrap();
    let differ: Vec<_> = seen[0].iter().filter(|(name, bytes)| seen[1].get(*name) != Some(bytes)).map(|(name, _)| name).collect();
    assert!(differ.is_empty() && seen[0].len() == seen[1].len(), "these differ between the databases: {differ:?}");
}

fn opened(place: &Path) {
    let csvs = csvs(place);
    in_a_browser(place, &csvs);
    in_a_spreadsheet(place, &csvs);
    let journal = |name: &str| fs::read_to_string(place.join(name)).unwrap();
    assert_eq!(hledger(&journal("journal.hledger")), None);
    assert_eq!(bean_check(&journal("journal.beancount")), None);
}

/// What the browser tells of a page.
fn looked_at(page: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/reports_shown/browser.py");
    let output = Command::new("python3").arg(script).arg(page).output().expect("python3, which scripts/test-tools.sh gets");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn in_a_browser(place: &Path, csvs: &BTreeMap<String, Blocks>) {
    let page = looked_at(&place.join("index.html"));
    let nothing = serde_json::json!([]);
    for what in ["console", "requests", "missing", "anchors", "doubled"] {
        assert_eq!(page[what], nothing, "{what}");
    }
    assert_eq!((&page["skipped"], &page["images"], &page["h1"], &page["lang"]), (&0.into(), &0.into(), &1.into(), &"en".into()));
    assert_eq!(page["landmarks"], serde_json::json!(["main", "nav", "header"]));
    assert!(page["charts"].as_u64().unwrap() > 10 && page["bars"].as_u64().unwrap() > 100, "{} charts", page["charts"]);
    for look in ["light", "dark", "print"] {
        assert_eq!(page["contrast"][look]["found"], nothing, "contrast, {look}");
        assert!(page["contrast"][look]["pairs"].as_u64().unwrap() > 2);
    }
    assert_eq!(page["phone"], serde_json::json!({ "page": 390, "window": 390, "small": 0 }), "the page sticks out of a phone");
    fits_paper(&page);
    assert_eq!(page["paper_hides"], true);
    assert!((2..40).contains(&page["pages"].as_u64().unwrap()), "{} pages", page["pages"]);
    same_figures(&page, csvs);
}

/// Nothing is wider than a landscape page, for which a browser would shrink all that it prints, and no letters are below 8 points.
fn fits_paper(page: &Value) {
    let print = &page["print"];
    assert_eq!((&print["wide"], &print["small"]), (&serde_json::json!([]), &serde_json::json!([])));
    assert!(print["page"].as_u64() <= print["window"].as_u64() && print["texts"].as_u64() > Some(5), "{print}");
}

/// Sixteen columns of amounts as large as a spreadsheet takes them.
#[test]
fn a_wide_table_of_large_amounts_fits_paper() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let mut file = fs::File::create(&page).unwrap();
    fixture::wide(&mut Html::new(&mut file)).unwrap();
    let told = looked_at(&page);
    fits_paper(&told);
    assert_eq!(told["tables"][0]["rows"][0].as_array().unwrap().len(), 17);
}

/// Each table has the rows of its CSV, to the letter, and its totals are theirs; each number reads as it is.
fn same_figures(page: &Value, csvs: &BTreeMap<String, Blocks>) {
    let mut compared = 0;
    for table in page["tables"].as_array().unwrap() {
        assert_eq!(table["scopes"], true, "{}", table["caption"]);
        let Some(section) = table["section"].as_str() else { continue };
        let name = format!("{}.{section}", table["report"].as_str().unwrap());
        let rows = &csvs[&name][table["currency"].as_str().unwrap()];
        let shown: Vec<Vec<String>> = table["rows"].as_array().unwrap().iter().map(texts).collect();
        if rows.len() <= 500 {
            assert_eq!(shown, *rows, "{name}");
        } else {
            // Of a long one those with the greatest amounts, the greatest first.
            let size = |row: &Vec<String>| row.iter().filter(|cell| cell.contains('.')).filter_map(|cell| Some(whole(cell)?.0.abs())).max();
            let mut sizes: Vec<_> = rows.iter().map(size).collect();
            sizes.sort_by(|left, right| right.cmp(left));
            assert_eq!(shown.iter().map(size).collect::<Vec<_>>(), sizes[..500], "{name}");
            assert!(shown.iter().all(|row| rows.contains(row)), "{name}");
        }
        if !table["totals"].is_null() {
            for (column, total) in texts(&table["totals"]).iter().enumerate().filter(|(_, total)| !total.is_empty() && *total != "Total") {
                assert_eq!(*total, sum_of(rows, column), "{name}, column {column}");
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "{compared}");
    let numbers = page["numbers"].as_array().unwrap();
    for number in numbers {
        assert_eq!(number[1].as_str().unwrap().replace(',', "").replace('\u{2212}', "-"), number[0].as_str().unwrap());
    }
    let glance = &csvs["at-a-glance.amounts"];
    let cards = page["cards"].as_array().unwrap();
    assert_eq!(cards.len(), 8, "{cards:?}");
    for card in cards {
        let rows = &glance[card["currency"].as_str().unwrap()];
        assert!(rows.iter().any(|row| card["label"] == row[0] && card["value"] == row[1]), "{card}");
    }
}

/// Each sheet has the rows of a CSV, and its recalculated totals are theirs.
fn in_a_spreadsheet(place: &Path, csvs: &BTreeMap<String, Blocks>) {
    let plain = |rows: &[Vec<String>]| -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| cell.replace(',', "")).collect()).collect()
    };
    let blocks: Vec<(&String, &Vec<Vec<String>>)> =
        csvs.iter().flat_map(|(name, blocks)| blocks.values().map(move |rows| (name, rows))).collect();
    let mut compared = 0;
    for (sheet, rows) in recalculated(&place.join("books-2026-05.xlsx")).into_iter().skip(1) {
        let width = rows[0].len();
        let rows: Vec<Vec<String>> =
            rows[1..].iter().map(|row| row.iter().cloned().chain(std::iter::repeat(String::new())).take(width).collect()).collect();
        let Some(total) = rows.iter().position(|row| row[0] == "Total") else { continue };
        let found = blocks.iter().find(|(_, block)| plain(block) == plain(&rows[..total]));
        let (name, block) = found.unwrap_or_else(|| panic!("no CSV has the rows of sheet {sheet}"));
        for (column, cell) in rows[total].iter().enumerate().skip(1).filter(|(_, cell)| !cell.is_empty()) {
            assert_eq!(cell.replace(',', ""), sum_of(block, column), "sheet {sheet}, {name}, column {column}");
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
}

/// Something is wrong on purpose: what the browser tells is looked at.
#[test]
fn the_browser_tells_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let text = "<!DOCTYPE html><html lang=\"en\"><title>x</title><style>p { color: #aaa; width: 2000px }</style>\
                <h1>One</h1><h3 style=\"font-size:7pt\">Three</h3><p id=\"a\">faint<p id=\"a\"><a href=\"#b\">nowhere</a><svg></svg>\
                <img alt=\"\" src=\"https://kasacare.example/x.png\"><script>console.error('bad')</script>";
    fs::write(&page, text).unwrap();
    let told = looked_at(&page);
    assert_eq!(told["requests"], serde_json::json!(["https://kasacare.example/x.png"]));
    assert!(told["console"].to_string().contains("bad"), "{}", told["console"]);
    assert_eq!((&told["skipped"], &told["images"]), (&1.into(), &1.into()));
    assert_eq!((&told["doubled"], &told["anchors"]), (&serde_json::json!(["a"]), &serde_json::json!(["b"])));
    assert_ne!(told["contrast"]["light"]["found"], serde_json::json!([]));
    assert!(told["phone"]["page"].as_u64() > Some(400), "{}", told["phone"]);
    assert!(told["print"]["wide"].to_string().contains("faint"), "{}", told["print"]);
    assert_eq!(told["print"]["small"], serde_json::json!(["7.00 pt: Three"]));
}

#[tokio::test]
async fn a_month_before_the_books_is_refused_and_one_at_their_beginning_compares_with_nothing() {
    on_both(async |db| {
        lived(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("2025-11");
        let refused = pack::write(&db, ALL, order("2025-11"), &place, |_| {}).await.unwrap_err().to_string();
        assert!(refused.contains("2025-11"), "{refused}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let place = folder.path().join("2026-01");
        assert_eq!(packed(&db, "2026-01", &place).await.broken, 0);
        // What is summed has no month before; balances open with nothing, which is a figure.
        let glance = &csvs(&place)["at-a-glance.amounts"]["USD"];
        let before = |figure: &str| glance.iter().find(|row| row[0] == figure).map(|row| row[2].as_str());
        assert_eq!((before("Cash in"), before("Revenue"), before("Prepayments")), (Some(""), Some(""), Some("0.00")), "{glance:?}");
        assert!(fs::read_to_string(place.join("index.html")).unwrap().contains("nothing before"));
    })
    .await;
}

#[tokio::test]
async fn the_command_writes_a_pack_or_says_why_not() {
    on_both(|db| async move {
        let shop = Shop::open(db);
        shop.does("subscribe us plus/annual --camera us-c1 --as-of 2026-01-10");
        shop.runs("2026-02-28");
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("pack");
        let line = |month: &str| format!("report pack --month {month} --out {}", place.display());
        let elsewhere = folder.path().join("elsewhere").display().to_string();
        let said = shop.does(&line("2026-02"));
        assert!(said.starts_with("The pack of February 2026: ") && said.contains("ties hold. Open "), "{said}");
        let first = files(&place);
        assert!(first.contains_key("index.html") && first.contains_key("csv/mrr.movements.csv"), "{:?}", first.keys());
        let json = shop.says(&format!("{} --format json", line("2026-02"))).json();
        assert_eq!((json["broken"].as_u64(), json["files"].as_array().unwrap().len()), (Some(0), first.len() - 1));
        assert!(first == files(&place), "the bytes differ");
        shop.says(&line("2026-13")).fails(2, "write a month as 2026-10");
        shop.says(&line("2025-11")).fails(2, "has the pack of another month; name another folder, or delete it");
        shop.says(&line("2025-11").replace(&place.display().to_string(), &elsewhere)).fails(4, "2025-11");
        shop.says(&format!("{} --format csv", line("2026-02"))).fails(2, "--format");
        fs::write(place.join("mine.txt"), "mine").unwrap();
        shop.says(&line("2026-02")).fails(2, "is there already, with other things in it than a pack");
        assert_eq!(fs::read_to_string(place.join("mine.txt")).unwrap(), "mine");
        // What is wrong in the books is in the pack, and the exit code says so.
        let mut tx = crate::check::unguarded(&shop.db).await;
        let off = kasacare::store::db::Sql::same("update postings set amount_minor = amount_minor + 1 where ledger_account = 1200");
        tx.execute(&off, &[]).await.unwrap();
        tx.commit().await.unwrap();
        fs::remove_file(place.join("mine.txt")).unwrap();
        let said = shop.says(&line("2026-02")).code(1);
        assert!(said.err.contains("do not hold; index.html says which"), "{}", said.err);
        assert!(fs::read_to_string(place.join("index.html")).unwrap().contains("does not hold:"));
    })
    .await;
}
