//! The month's pack: complete or not there, the same bytes each time, and a page that a browser shows without asking for anything.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use kasacare::reports::ReportError;
use kasacare::reports::pack::{Month, Packing};

use super::fixture;

fn october() -> Month {
    "2026-10".parse().unwrap()
}

/// Every file below a folder with its bytes, by name.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

fn pack(place: &Path) {
    let mut packing = Packing::begin(place, october(), None).unwrap();
    fixture::small(&mut packing).unwrap();
    packing.finish().unwrap();
}

#[test]
fn a_pack_lists_its_files_and_is_the_same_bytes_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("deep/er/2026-10");
    pack(&place);
    let first = files(&place);
    let names: Vec<_> = first.keys().map(String::as_str).collect();
    assert_eq!(names, ["SHA256SUMS", "books-2026-10.xlsx", "csv/sample.open.csv", "csv/sample.other.csv", "index.html"]);
    let open = String::from_utf8(first["csv/sample.open.csv"].clone()).unwrap();
    assert_eq!((open.lines().count(), open.matches("section,currency").count()), (6, 1), "all currencies under one header: {open}");
    let checked = Command::new("sha256sum").args(["--check", "--strict", "--quiet", "SHA256SUMS"]).current_dir(&place).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    // The second time it takes the place of the first.
    pack(&place);
    assert!(first == files(&place), "the bytes differ");
    assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1, "something is left beside it");
}

#[test]
fn nothing_else_is_ever_removed() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("pack");
    pack(&place);
    fs::write(place.join("csv/notes.txt"), "mine").unwrap();
    let before = files(folder.path());
    assert!(matches!(Packing::begin(&place, october(), None), Err(ReportError::Taken { .. })));
    // The pack of another month is no earlier pack of this one.
    fs::remove_file(place.join("csv/notes.txt")).unwrap();
    assert!(matches!(Packing::begin(&place, "2026-11".parse().unwrap(), None), Err(ReportError::OtherMonth { .. })));
    assert!(Packing::begin(&place, october(), None).is_ok());
    fs::write(place.join("csv/notes.txt"), "mine").unwrap();
    // Also where it comes while the pack is written.
    fs::remove_file(place.join("csv/notes.txt")).unwrap();
    let mut packing = Packing::begin(&place, october(), None).unwrap();
    fixture::small(&mut packing).unwrap();
    fs::write(place.join("csv/notes.txt"), "mine").unwrap();
    assert!(matches!(packing.finish(), Err(ReportError::Taken { .. })));
    assert!(before == files(folder.path()), "something has changed, or was left");
}

#[test]
fn a_pack_that_breaks_off_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("pack");
    let mut packing = Packing::begin(&place, october(), None).unwrap();
    fixture::small(&mut packing).unwrap();
    drop(packing);
    assert_eq!(files(folder.path()).len(), 0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
