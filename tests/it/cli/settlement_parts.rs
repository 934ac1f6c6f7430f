//! Payouts that are told in parts, and amounts that no sum holds.

use serde_json::Value;

use super::settlement_rows::{FIRST, HEAD, SECOND, balance};
use super::shop::Shop;
use crate::world::on_both;

/// The payout's own line: 97.00 and 9.00 are 106.00.
const OWN: &str = "po_1,2026-02-04,txn_9,2026-02-03 22:00:00,usd,-106.00,0.00,-106.00,payout,po_1\n";
const BANK: &str = "--source bank-csv --account DE9 --currency USD --column booked_on=day --column amount=amount --column text=text";

fn counts(shop: &Shop, file: &str, whats: [&str; 3]) -> [u64; 3] {
    let taken = shop.says(&format!("--format json settlement import {file} --as-of 2026-02-05")).json();
    whats.map(|what| taken["files"][0][what].as_u64().unwrap())
}

/// What a dry run says of the one payout: amount, sum of its lines, residual, and where it stands.
fn proof(shop: &Shop, through: &str) -> [Value; 4] {
    let said = shop.says(&format!("--format json reconcile --through {through} --provider stripe"));
    let json: Value = serde_json::from_str(&said.out).unwrap();
    let payouts = json["runs"][0]["payouts"].as_array().unwrap();
    assert_eq!(payouts.len(), 1, "{payouts:?}");
    ["amount", "lines_net", "residual", "stands"].map(|key| payouts[0][key].clone())
}

#[tokio::test]
async fn a_payout_whose_lines_come_in_two_files_is_the_sum_of_both() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let (one, two) = (shop.file("1.csv", &[HEAD, FIRST].concat()), shop.file("2.csv", &[HEAD, SECOND].concat()));
        let whats = ["movements", "known", "payouts"];
        assert_eq!(counts(&shop, &one, whats), [2, 0, 1]);
        assert_eq!([balance(&shop, 1020).await, balance(&shop, 1200).await], [9_700, -9_700 - 300]);
        // Its second line and what that adds; the payout itself is known.
        assert_eq!(counts(&shop, &two, whats), [2, 2, 0]);
        assert_eq!([balance(&shop, 1020).await, balance(&shop, 1200).await], [10_600, -10_600 - 330]);
        assert_eq!(proof(&shop, "2026-02-04")[..3], ["106.00 USD", "106.00 USD", "0.00 USD"].map(Value::from));
        // Neither part again, nor the whole, changes anything.
        for (name, text) in [("3.csv", vec![HEAD, FIRST, "\n"]), ("4.csv", vec![HEAD, SECOND, "\n"]), ("5.csv", vec![HEAD, SECOND, FIRST])]
        {
            let file = shop.file(name, &text.concat());
            assert_eq!(counts(&shop, &file, whats)[0], 0, "{name}");
        }
        assert_eq!([balance(&shop, 1020).await, balance(&shop, 1200).await], [10_600, -10_600 - 330]);
        // The bank has the whole.
        let bank = shop.file("bank.csv", "day,amount,text\n2026-02-05,106.00,STRIPE po_1\n");
        shop.does(&format!("settlement import {bank} {BANK}"));
        assert_eq!(proof(&shop, "2026-02-06")[3], "on the bank");
        shop.does("check --as-of 2026-02-06");
    })
    .await;
}

#[tokio::test]
async fn what_the_provider_says_of_a_payout_takes_the_place_of_the_sum_of_its_lines() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let one = shop.file("1.csv", &[HEAD, FIRST].concat());
        shop.does(&format!("settlement import {one} --as-of 2026-02-05"));
        // 97.00 are taken back and 106.00 booked; that its lines do not make it is for the reconciliation to say.
        let (alone, two) = (shop.file("alone.csv", &[HEAD, OWN].concat()), shop.file("2.csv", &[HEAD, SECOND].concat()));
        assert_eq!(counts(&shop, &alone, ["movements", "known", "payouts"]), [2, 1, 0]);
        assert_eq!([balance(&shop, 1020).await, balance(&shop, 1200).await], [10_600, -10_600 - 300]);
        assert_eq!(proof(&shop, "2026-02-04")[..3], ["106.00 USD", "97.00 USD", "-9.00 USD"].map(Value::from));
        // The rest of its lines proves it, and changes no amount.
        assert_eq!(counts(&shop, &two, ["movements", "known", "payouts"]), [1, 2, 0]);
        assert_eq!([balance(&shop, 1020).await, balance(&shop, 1200).await], [10_600, -10_600 - 330]);
        let sent =
            shop.rows("select movement_id, cast(gross_minor as text) from provider_movements where category = 'payout' order by 1").await;
        let expected = [("po_1", "-9700"), ("po_1/2", "9700"), ("txn_9", "-10600")];
        assert_eq!(sent, expected.map(|(id, minor)| (id.to_owned(), minor.to_owned())));
        assert_eq!(proof(&shop, "2026-02-04")[..3], ["106.00 USD", "106.00 USD", "0.00 USD"].map(Value::from));
        // Parts of it are known from then on, and another whole is refused.
        for (name, text) in [("3.csv", [HEAD, FIRST, "\n"].concat()), ("4.csv", [HEAD, OWN, SECOND, "\n"].concat())] {
            let file = shop.file(name, &text);
            assert_eq!(counts(&shop, &file, ["movements", "payouts", "rows"])[..2], [0, 0], "{name}");
        }
        let other = shop.file("5.csv", &[HEAD, &OWN.replace("txn_9", "txn_10").replace("106.00", "97.00")].concat());
        shop.says(&format!("settlement import {other}")).fails(2, "movement `txn_10` is stored already");
        assert_eq!(balance(&shop, 1020).await, 10_600);
        shop.does("check --as-of 2026-02-06");
    })
    .await;
}

/// Lines of 106.00, and 111.00 that left: the same break, in whatever files and order they come.
#[tokio::test]
async fn a_payout_that_its_lines_do_not_make_is_a_break_in_any_order() {
    let own = OWN.replace("106.00", "111.00");
    let (lines, whole) = ([HEAD, FIRST, SECOND].concat(), [HEAD, &own].concat());
    let all = [HEAD, FIRST, &own, SECOND].concat();
    for files in [vec![&all], vec![&lines, &whole], vec![&whole, &lines]] {
        on_both(async |db| {
            let shop = Shop::empty(db);
            for (number, text) in files.iter().enumerate() {
                let file = shop.file(&format!("{number}.csv"), text);
                shop.does(&format!("settlement import {file} --as-of 2026-02-05"));
            }
            assert_eq!([balance(&shop, 1020).await, balance(&shop, 1200).await], [11_100, -11_100 - 330]);
            assert_eq!(proof(&shop, "2026-02-05")[..3], ["111.00 USD", "106.00 USD", "-5.00 USD"].map(Value::from));
            shop.says("reconcile --through 2026-02-05 --provider stripe --propose --as-of 2026-02-06").code(1);
            let broken = shop.rows("select cast(amount_minor as text), their_id from breaks where kind = 'payout_unproven'").await;
            assert_eq!(broken, [("500".to_owned(), "po_1".to_owned())]);
            shop.does("check --as-of 2026-02-06");
        })
        .await;
    }
}

/// 97.00 came to the bank: a line more in the payout is a break, and no other amount.
#[tokio::test]
async fn a_payout_that_the_bank_has_stays_what_it_is() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let one = shop.file("1.csv", &[HEAD, FIRST].concat());
        let bank = shop.file("bank.csv", "day,amount,text\n2026-02-05,97.00,STRIPE po_1\n");
        shop.does(&format!("settlement import {one} --as-of 2026-02-05"));
        shop.does(&format!("settlement import {bank} {BANK} --as-of 2026-02-05"));
        // The charge is nobody's: the run has its break.
        shop.says("reconcile --through 2026-02-05 --provider stripe --apply --by Ada --as-of 2026-02-06").code(1);
        assert_eq!([balance(&shop, 1010).await, balance(&shop, 1020).await], [9_700, 0]);
        let before = shop.digest().await;
        let whole = shop.file("whole.csv", &[HEAD, OWN, SECOND].concat());
        shop.says(&format!("settlement import {whole}"))
            .fails(2, "whole.csv:2: id: payout `po_1` is stored already, and 97.00 USD of it came to the bank: ask its provider");
        assert_eq!(shop.digest().await, before);
        let two = shop.file("2.csv", &[HEAD, SECOND].concat());
        shop.does(&format!("settlement import {two}"));
        assert_eq!([balance(&shop, 1010).await, balance(&shop, 1020).await], [9_700, 0]);
        assert_eq!(proof(&shop, "2026-02-06")[..3], ["97.00 USD", "106.00 USD", "9.00 USD"].map(Value::from));
        let said = shop.says("reconcile --through 2026-02-06 --provider stripe").code(1).out;
        assert!(said.contains("payout_unproven"), "{said}");
    })
    .await;
}

const LARGE: &str = "4000000000000000000";

/// A payout of one line in JPY.
fn large(number: u32, amount: &str) -> String {
    format!("po_{number},2026-02-04,txn_{number},2026-02-01 10:00:00,jpy,{amount},0,{amount},other_adjustment,adj_{number}\n")
}

/// Three times 4 x 10^18 is more than 64 bits hold.
#[tokio::test]
async fn sums_that_nothing_holds_are_refused_by_name_and_change_nothing() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let rows: String = (1..=3).map(|number| large(number, LARGE)).collect();
        let file = shop.file("large.csv", &format!("{HEAD}{rows}"));
        shop.does(&format!("settlement import {file} --as-of 2026-02-05"));
        let before = shop.digest().await;
        for how in ["", "--propose", "--apply --by Ada"] {
            let line = format!("reconcile --through 2026-02-05 --provider stripe --as-of 2026-02-06 {how}");
            let said = shop.says(&line);
            assert_eq!(said.code, 2, "{}\n{}", said.out, said.err);
            let what = "the balance on 2026-02-01 at stripe is in JPY more than 64 bits of minor units hold; nothing was changed";
            assert!(said.err.contains(what), "{}", said.err);
        }
        assert_eq!(shop.digest().await, before);
        // The checker needs no such sum, nor does what only compares.
        shop.does("check --as-of 2026-02-05");
        let one = shop.file("one.csv", &format!("{HEAD}{}", large(9, LARGE).replace("po_9,", "po_1,")));
        let other = format!("{}{}", large(10, LARGE), large(11, LARGE)).replace("po_10,", "po_1,").replace("po_11,", "po_1,");
        let other = shop.file("other.csv", &format!("{HEAD}{other}"));
        shop.does(&format!("settlement import {one}"));
        let said = shop.says(&format!("settlement import {other}"));
        assert_ne!(said.code, 0);
        assert!(said.err.contains("the sum of the lines of payout po_1 at stripe is in JPY more than 64 bits"), "{}", said.err);
    })
    .await;
}

/// Three payouts in and two out make a balance, and no sum of three of them; a line of the bank is held against such sums.
#[tokio::test]
async fn large_payouts_are_held_against_a_line_of_the_bank() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let amounts = [LARGE, LARGE, LARGE, "-4000000000000000000", "-4000000000000000000"];
        let rows: String = (1..).zip(amounts).map(|(number, amount)| large(number, amount)).collect();
        let file = shop.file("large.csv", &format!("{HEAD}{rows}"));
        shop.does(&format!("settlement import {file} --as-of 2026-02-05"));
        let bank = shop.file("bank.csv", "day,amount,text\n2026-02-05,7,STRIPE\n");
        shop.does(&format!("settlement import {bank} {}", BANK.replace("USD", "JPY")));
        let said = shop.says("reconcile --through 2026-02-05 --provider stripe --as-of 2026-02-06").code(1).out;
        assert!(said.contains("bank_line_without_payout") && said.contains("4000000000000000000"), "{said}");
    })
    .await;
}
