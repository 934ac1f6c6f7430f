//! What is said of files that are something else than they seem, and of runs that have nothing to compare.

use super::settlement_rows::{FIRST, HEAD, SECOND};
use super::shop::Shop;
use crate::world::databases::on_sqlite;
use crate::world::on_both;

#[tokio::test]
async fn a_file_that_is_no_settlement_file_is_told_as_what_it_is() {
    on_sqlite(async |db| {
        let shop = Shop::empty(db);
        let utf16: Vec<u8> = std::iter::once(0xfeff).chain(HEAD.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        for (name, bytes, words) in [
            (
                "semicolons.csv",
                [HEAD, FIRST].concat().replace(',', ";").into_bytes(),
                "semicolons.csv:1: the columns are parted by `;`: save the file with `,` instead",
            ),
            (
                "tabs.csv",
                [HEAD, FIRST].concat().replace(',', "\t").into_bytes(),
                "tabs.csv:1: the columns are parted by tabs: save the file with `,` instead",
            ),
            ("utf16.csv", utf16, "it is UTF-16: save it as UTF-8"),
            ("empty.csv", Vec::new(), "it is empty"),
            ("login.csv", b"<!DOCTYPE html>\n<html><body>Log in</body></html>".to_vec(), "it is a web page"),
            (
                "pain.xml",
                b"<?xml version=\"1.0\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.03\"/>".to_vec(),
                "not a bank statement in the form CAMT.053",
            ),
            ("book.csv", b"PK\x03\x04rest".to_vec(), "it is a workbook or an archive"),
            (
                "latin.xml",
                b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08\">\
                  <BkToCstmrStmt><Stmt><Id>M\xfcnchen</Id></Stmt></BkToCstmrStmt></Document>"
                    .to_vec(),
                "iconv -f ISO-8859-1 -t UTF-8",
            ),
            (
                "large.csv",
                [HEAD, &FIRST.replace("100.00", "92233720368547758.08")].concat().into_bytes(),
                "large.csv:2: gross: the amount is too large: it does not fit 64 bits of minor units",
            ),
        ] {
            let path = shop.path(name);
            std::fs::write(&path, bytes).unwrap();
            let said = shop.says(&format!("settlement import {} --as-of 2026-02-05", path.display())).code(2).err;
            assert!(said.contains(words), "{name}: {said}");
            assert!(!said.contains("this column is missing"), "{name}: {said}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_run_that_has_nothing_to_compare_says_so() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let file = shop.file("1.csv", &[HEAD, FIRST].concat());
        let recurly = "id,type,status,amount,currency,gateway_reference,date\nr1,purchase,success,9.99,USD,ch_77,2026-02-03 08:00:00\n";
        let recurly = shop.file("recurly.csv", recurly);
        shop.does(&format!("settlement import {file} {recurly} --as-of 2026-02-05"));
        shop.says("reconcile --through 2026-02-05 --provider nobody")
            .fails(2, "nothing of provider `nobody` was imported, but of recurly, stripe; `kasacare settlement import` takes its files");
        let said = shop.does("reconcile --through 2026-02-05 --provider recurly");
        assert!(said.contains("Nothing of ours can be held against these") && !said.contains("No breaks"), "{said}");
    })
    .await;
}

#[tokio::test]
async fn breaks_are_listed_with_their_age_and_proposal_and_for_spreadsheets() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let file = shop.file("1.csv", &[HEAD, &FIRST.replace("txn_1", "=2+5"), SECOND].concat());
        shop.does(&format!("settlement import {file} --as-of 2026-02-05"));
        assert_eq!(shop.does("breaks list --format csv").lines().count(), 1);
        shop.says("reconcile --through 2026-02-05 --provider stripe --propose --as-of 2026-02-06").code(1);
        // Since 1 February: ten days on the 11th.
        let csv = shop.does("breaks list --format csv --as-of 2026-02-11");
        let mut lines = csv.lines();
        assert_eq!(lines.next(), Some("break,provider,kind,state,owner,since,age,currency,amount,ours,theirs,proposal"));
        let line = lines.find(|line| line.contains("'=2+5")).unwrap();
        assert!(line.contains(",stripe,missing_here,open,,2026-02-01,10,USD,-100.00,,'=2+5,"), "{line}");
        assert!(line.split(',').nth(11).is_some_and(|proposal| proposal.len() > 10), "{line}");
        let table = shop.does("breaks list --as-of 2026-02-11");
        assert!(table.contains("age") && table.contains("proposal"), "{table}");
        assert_eq!(shop.says("breaks list --format json --as-of 2026-02-11").json()["breaks"][0]["age_days"], 10);
        shop.says("breaks show br_0 --format csv").fails(2, "--format");
    })
    .await;
}
