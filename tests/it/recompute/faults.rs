//! The faults of a books checker (ledger.md, section 7), each planted in the text of a journal.

use std::collections::BTreeMap;

use chrono::{Datelike, Months, NaiveDate};

use super::books::{Books, Leg};

/// A fault, and who must see it.
pub struct Fault {
    /// As ledger.md names it.
    pub name: &'static str,
    pub plant: fn(&mut Books),
    /// Passes every text checker: it must be seen by the recomputation.
    pub needs_recomputation: bool,
    /// The same fault in the database, as tests/it/check names it.
    pub in_database: Option<&'static str>,
}

pub const FAULTS: &[Fault] = &[
    fault("one cent on one leg", one_leg, Some("a cent on one leg")),
    fault("one cent on both legs", both_legs, Some("a cent on both legs")),
    fault("an entry dropped", dropped, Some("an entry dropped")),
    fault("an entry duplicated", duplicated, Some("an entry twice")),
    fault("an undeclared account", undeclared, Some("an undeclared account")),
    fault("a valid but wrong account", wrong_account, Some("a valid but wrong account")),
    fault("a date moved over a month end", moved, Some("moved over a month's end")),
    fault("a wrong currency", wrong_currency, Some("another currency")),
    fault("out of date order", out_of_order, None),
    subtle("a wrong subscription tag", wrong_tag, "another subscription's tag"),
    subtle(
        "one cent more on one subscription, one less on another",
        between_lines,
        "a cent more on one subscription, a cent less on another",
    ),
    subtle("a cent moved between two days", between_days, "a cent moved between two days"),
    subtle("a refund one cent short, our own trial balance agrees", refund_short, "a refund one cent short"),
    subtle("a 360-day year, our own trial balance agrees", year_of_360_days, "a year of 360 days"),
];

const fn fault(name: &'static str, plant: fn(&mut Books), in_database: Option<&'static str>) -> Fault {
    Fault { name, plant, needs_recomputation: false, in_database }
}

const fn subtle(name: &'static str, plant: fn(&mut Books), in_database: &'static str) -> Fault {
    Fault { name, plant, needs_recomputation: true, in_database: Some(in_database) }
}

const ISSUED: &str = "Invoice issued";
const RECOGNISED: &str = "Revenue recognised";
const NOTED: &str = "Credit note issued";
const REFUNDED: &str = "Refund paid out";

/// An invoice in dollars with tax, early in its month.
fn invoice(books: &Books) -> usize {
    let mut issued = books.titled(ISSUED).into_iter();
    let fits = |block: &usize| books.leg(*block, 2200).is_some_and(|leg| leg.currency == "USD") && books.date(*block).day() < 20;
    issued.find(fits).expect("an invoice in USD with tax")
}

fn leg(books: &Books, block: usize, account: u16) -> Leg {
    books.leg(block, account).unwrap_or_else(|| panic!("no {account} in:\n{}", books.block(block)))
}

fn one_leg(books: &mut Books) {
    let receivable = leg(books, invoice(books), 1100);
    books.add(&receivable, 1);
}

fn both_legs(books: &mut Books) {
    let block = invoice(books);
    let (receivable, tax) = (leg(books, block, 1100), leg(books, block, 2200));
    books.add(&receivable, 1);
    books.add(&tax, -1);
}

fn dropped(books: &mut Books) {
    books.remove(invoice(books));
}

fn duplicated(books: &mut Books) {
    books.repeat(invoice(books));
}

fn undeclared(books: &mut Books) {
    let block = invoice(books);
    books.replace(block, "Assets:A1100-Accounts-receivable", "Assets:A1101-Another");
}

fn wrong_account(books: &mut Books) {
    let block = invoice(books);
    books.replace(block, "Assets:A1100-Accounts-receivable", "Assets:A1200-Provider-clearing");
}

fn moved(books: &mut Books) {
    let block = invoice(books);
    let date = books.date(block);
    let later = date.checked_add_months(Months::new(1)).unwrap();
    books.replace(block, &format!("{date} * "), &format!("{later} * "));
}

fn wrong_currency(books: &mut Books) {
    let block = invoice(books);
    books.replace(block, " USD", " EUR");
}

/// Two entries of one month change places, so that no balance at any month's end is another one.
fn out_of_order(books: &mut Books) {
    let first = invoice(books);
    let month = |block: usize| (books.date(block).year(), books.date(block).month());
    let mut later = books.titled(ISSUED).into_iter().filter(|block| *block > first);
    let other = later.find(|block| month(*block) == month(first) && books.date(*block) > books.date(first)).expect("a later one");
    books.swap(first, other);
}

fn wrong_tag(books: &mut Books) {
    let block = invoice(books);
    let own = books.tag(block, "subscription").unwrap().to_owned();
    let mut others = books.titled(ISSUED).into_iter().filter_map(|block| books.tag(block, "subscription"));
    let other = others.find(|other| *other != own).unwrap().to_owned();
    let (from, to) = match books.format {
        kasacare::reports::journal::JournalFormat::Beancount => (format!("subscription: \"{own}\""), format!("subscription: \"{other}\"")),
        _ => (format!("subscription:{own},"), format!("subscription:{other},")),
    };
    books.replace(block, &from, &to);
}

/// Two recognitions of one day, currency and account.
fn between_lines(books: &mut Books) {
    let mut seen = BTreeMap::<(NaiveDate, String), (usize, String)>::new();
    let mut pair = None;
    for block in books.titled(RECOGNISED) {
        let Some(prepaid) = books.leg(block, 2110) else { continue };
        let subscription = books.tag(block, "subscription").unwrap().to_owned();
        let (first, other) = seen.entry((books.date(block), prepaid.currency)).or_insert((block, subscription.clone())).clone();
        if other != subscription {
            pair = Some((first, block));
            break;
        }
    }
    let (one, other) = pair.expect("two recognitions on one day");
    for (block, more) in [(one, 1), (other, -1)] {
        let (prepaid, revenue) = (leg(books, block, 2110), leg(books, block, 4000));
        books.add(&prepaid, more);
        books.add(&revenue, -more);
    }
    books.agree();
}

/// The two of one line: a cent is earned a month too early.
fn between_days(books: &mut Books) {
    let mut seen = BTreeMap::<String, usize>::new();
    let mut pair = None;
    for block in books.titled(RECOGNISED).into_iter().filter(|block| books.leg(*block, 2100).is_some()) {
        if let Some(first) = seen.insert(books.tag(block, "invoice").unwrap().to_owned(), block) {
            pair = Some((first, block));
            break;
        }
    }
    let (one, other) = pair.expect("two recognitions of one line");
    for (block, more) in [(one, 1), (other, -1)] {
        let (prepaid, revenue) = (leg(books, block, 2100), leg(books, block, 4000));
        books.add(&prepaid, more);
        books.add(&revenue, -more);
    }
    books.agree();
}

/// A credit note gives a cent less back, and the refund pays a cent less; the cent stays a prepayment.
fn refund_short(books: &mut Books) {
    let refunds = books.titled(REFUNDED);
    let is_refund_of = |note: usize, refund: usize| {
        refund > note
            && books.tag(refund, "invoice") == books.tag(note, "invoice")
            && books.legs(refund)[0].minor == -leg(books, note, 2310).minor
    };
    let noted = books.titled(NOTED).into_iter().filter(|note| books.leg(*note, 2100).is_some() && books.leg(*note, 2310).is_some());
    let mut pairs = noted.filter_map(|note| Some((note, refunds.iter().copied().find(|refund| is_refund_of(note, *refund))?)));
    let (note, refund) = pairs.next().expect("a note that was refunded");
    for (block, account, more) in [(note, 2100, -1), (note, 2310, 1), (refund, 2310, -1), (refund, 1200, 1)] {
        let leg = leg(books, block, account);
        books.add(&leg, more);
    }
    books.agree();
}

/// Annual lines are earned by the day of a year with 360 days, and the last day takes what is left.
fn year_of_360_days(books: &mut Books) {
    let mut recognised = BTreeMap::<String, Vec<usize>>::new();
    for block in books.titled(RECOGNISED) {
        recognised.entry(tag(books, block)).or_default().push(block);
    }
    let noted: Vec<String> =
        [NOTED, "Debit note issued"].iter().flat_map(|title| books.titled(title)).map(|block| tag(books, block)).collect();
    let issued: Vec<usize> = books.titled(ISSUED).into_iter().filter(|block| books.leg(*block, 2100).is_some()).collect();
    let mut changed = 0;
    for invoice in issued.into_iter().filter(|block| !noted.contains(&tag(books, *block))).collect::<Vec<_>>() {
        let (net, start) = (-leg(books, invoice, 2100).minor, books.date(invoice));
        let mut booked = 0;
        for block in recognised.remove(&tag(books, invoice)).unwrap_or_default() {
            let days = (books.date(block) - start).num_days() + 1;
            let earned = if days >= 365 { net } else { ((2 * net * days + 360) / 720).min(net) };
            let (prepaid, revenue) = (leg(books, block, 2100), leg(books, block, 4000));
            let more = earned - booked - prepaid.minor;
            books.add(&prepaid, more);
            books.add(&revenue, -more);
            booked = earned;
            changed += i32::from(more != 0);
        }
    }
    assert!(changed > 50, "only {changed} recognitions are others");
    books.agree();
}

fn tag(books: &Books, block: usize) -> String {
    books.tag(block, "invoice").unwrap_or_default().to_owned()
}
