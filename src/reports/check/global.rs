//! What no single account can tell: rows of accounts that do not exist, document numbers, promotion counters.

use super::findings::{Check, Finding, Findings, counted};
use crate::reports::ReportError;
use crate::store::db::{Sql, Tx};
use crate::values;

/// Declares, for each table whose rows belong to accounts, how they are counted and how those without an account are found. What
/// stands under a name in parentheses belongs to a provider's book, or to the prices.
macro_rules! tables {
    ($($count:ident, $strays:ident, $name:literal;)+) => {
        crate::statements! {
            $(
                $count = same(concat!("select count(*) as n from ", $name, " where account_id not like '(%'"));
                $strays = same(concat!(
                    "select t.account_id, count(*) as n from ", $name,
                    " t left join accounts a on a.account_id = t.account_id where a.account_id is null and t.account_id not like '(%' \
                     group by t.account_id order by t.account_id limit $1"
                ));
            )+
            /// Every series of document numbers.
            SERIES = same("select series, next from number_series order by series");
            /// The numbers of a series of invoices: those from `$1` up to `$2`, their digits beginning at `$3`, issued in year `$4`.
            INVOICE_NUMBERS = same(concat!(numbers!("invoices")));
            /// The numbers of a series of notes.
            NOTE_NUMBERS = same(concat!(numbers!("notes")));
            /// Invoices of a series whose numbers are none: what follows the series are not six digits or more.
            STRANGE_INVOICES = same(concat!(strange!("invoices", "invoice_id")));
            /// The same of notes.
            STRANGE_NOTES = same(concat!(strange!("notes", "note_id")));
            /// Uses of each code, as counted and as there are.
            PROMOTION_USES = same(
                "select p.code, p.used, p.max_uses, count(r.code) as redeemed from promotion_uses p \
                 left join redemptions r on r.code = p.code and r.released = 0 \
                 group by p.code, p.used, p.max_uses order by p.code"
            );
            /// Codes that were redeemed and are not known.
            UNKNOWN_CODES = same(
                "select r.account_id, r.code from redemptions r left join promotion_uses p on p.code = r.code \
                 where p.code is null order by r.account_id, r.code limit $1"
            );
        }

        /// The tables whose rows belong to accounts.
        const TABLES: &[OwnedTable] = &[$(OwnedTable { name: $name, count: $count, strays: $strays }),+];
    };
}

macro_rules! strange {
    ($table:literal, $id:literal) => {
        concat!(
            "select account_id, ",
            $id,
            " as id, number from ",
            $table,
            " where number >= $1 and number < $2 and not (trim(substr(number, cast(cast($3 as bigint) as integer)), '0123456789') = '' \
             and length(substr(number, cast(cast($3 as bigint) as integer))) between 6 and 18) order by account_id, ",
            $id,
            " limit $4"
        )
    };
}

macro_rules! numbers {
    ($table:literal) => {
        concat!(
            "select count(*) as documents, count(distinct n) as numbers, \
             cast(coalesce(sum(case when issued_in = $4 then 0 else 1 end), 0) as bigint) as misplaced, \
             cast(coalesce(min(n), 0) as bigint) as lowest, cast(coalesce(max(n), 0) as bigint) as highest, \
             cast(coalesce(sum(n), 0) as bigint) as total from (select case when trim(digits, '0123456789') = '' \
             and length(digits) between 6 and 18 then cast(digits as bigint) else 0 end as n, issued_in \
             from (select substr(number, cast(cast($3 as bigint) as integer)) as digits, \
             substr(cast(issued_on as text), 1, 4) as issued_in from ",
            $table,
            " where number >= $1 and number < $2) as cut) as numbered"
        )
    };
}

tables! {
    COUNT_CAMERAS, STRAY_CAMERAS, "cameras";
    COUNT_SUBSCRIPTIONS, STRAY_SUBSCRIPTIONS, "subscriptions";
    COUNT_PRICE_NOTICES, STRAY_PRICE_NOTICES, "price_notices";
    COUNT_INVOICES, STRAY_INVOICES, "invoices";
    COUNT_CHARGES, STRAY_CHARGES, "charges";
    COUNT_PAYMENTS, STRAY_PAYMENTS, "payments";
    COUNT_REFUNDS, STRAY_REFUNDS, "refunds";
    COUNT_NOTES, STRAY_NOTES, "notes";
    COUNT_CORRECTIONS, STRAY_CORRECTIONS, "corrections";
    COUNT_DISPUTES, STRAY_DISPUTES, "disputes";
    COUNT_REDEMPTIONS, STRAY_REDEMPTIONS, "redemptions";
    COUNT_COSTS, STRAY_COSTS, "collection_costs";
    COUNT_TASKS, STRAY_TASKS, "tasks";
    COUNT_JOURNAL, STRAY_JOURNAL, "journal";
    COUNT_POSTINGS, STRAY_POSTINGS, "postings";
    COUNT_NOTICES, STRAY_NOTICES, "notices";
}

struct OwnedTable {
    name: &'static str,
    count: Sql,
    strays: Sql,
}

/// Rows that were seen account by account, in the order of [`TABLES`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) cameras: u64,
    pub(super) subscriptions: u64,
    pub(super) price_notices: u64,
    pub(super) invoices: u64,
    pub(super) charges: u64,
    pub(super) payments: u64,
    pub(super) refunds: u64,
    pub(super) notes: u64,
    pub(super) corrections: u64,
    pub(super) disputes: u64,
    pub(super) redemptions: u64,
    pub(super) costs: u64,
    pub(super) tasks: u64,
    pub(super) records: u64,
    pub(super) postings: u64,
    pub(super) mails: u64,
}

impl Seen {
    const fn in_order(&self) -> [u64; 16] {
        [
            self.cameras,
            self.subscriptions,
            self.price_notices,
            self.invoices,
            self.charges,
            self.payments,
            self.refunds,
            self.notes,
            self.corrections,
            self.disputes,
            self.redemptions,
            self.costs,
            self.tasks,
            self.records,
            self.postings,
            self.mails,
        ]
    }
}

/// How many strays of a table are looked up.
const STRAYS_MAX: i64 = 100;

/// Counts every table and, where it has more rows than its accounts showed, finds those without an account. An account that could
/// not be read shows no rows, so a difference alone is no fault.
pub(super) async fn strays(tx: &mut Tx, seen: &Seen, findings: &mut Findings) -> Result<(), ReportError> {
    for (table, seen) in TABLES.iter().zip(seen.in_order()) {
        let rows = tx.fetch_one(&table.count, &[]).await?.int("n")?;
        findings.looked_at(Check::RowsOwned, counted(rows));
        if u64::try_from(rows) == Ok(seen) {
            continue;
        }
        for row in tx.fetch_all(&table.strays, &values![STRAYS_MAX]).await? {
            let (account, count) = (row.text("account_id")?, row.int("n")?);
            let problem = format!("{count} rows belong to an account that does not exist");
            findings.broken(Check::RowsOwned, Finding { account: Some(account), subject: table.name.to_owned(), problem });
        }
    }
    Ok(())
}

/// MO-4: in each series, the numbers from 1 to the last one taken, each once.
pub(super) async fn numbers(tx: &mut Tx, findings: &mut Findings) -> Result<(), ReportError> {
    let (mut invoices, mut notes) = (0, 0);
    for row in tx.fetch_all(&SERIES, &[]).await? {
        let (series, next) = (row.text("series")?, row.int("next")?);
        let Some((of_notes, year)) = is_of_notes(&series) else { continue };
        let digits_from = i64::try_from(series.chars().count()).unwrap_or(i64::MAX).saturating_add(2);
        let bounds = values![format!("{series}-"), format!("{series}."), digits_from, year];
        let found = tx.fetch_one(if of_notes { &NOTE_NUMBERS } else { &INVOICE_NUMBERS }, &bounds).await?;
        let (documents, last) = (found.int("documents")?, next - 1);
        *(if of_notes { &mut notes } else { &mut invoices }) += documents;
        findings.looked_at(Check::NumbersGapless, counted(documents));
        let numbers = Numbers {
            documents,
            different: found.int("numbers")?,
            lowest: found.int("lowest")?,
            highest: found.int("highest")?,
            total: found.int("total")?.into(),
        };
        let gapless = numbers == Numbers::up_to(last);
        let broken = |findings: &mut Findings, problem: String| {
            findings.broken(Check::NumbersGapless, Finding { account: None, subject: series.clone(), problem });
        };
        if !gapless {
            let Numbers { different, lowest, highest, .. } = numbers;
            name_strange(tx, &series, of_notes, findings).await?;
            broken(
                findings,
                format!("{documents} documents have {different} numbers from {lowest} to {highest}, {last} numbers were taken"),
            );
        }
        let misplaced = found.int("misplaced")?;
        if misplaced > 0 {
            broken(findings, format!("{misplaced} of its documents were issued in another year"));
        }
    }
    for (sql, numbered, what) in [(&COUNT_INVOICES, invoices, "invoices"), (&COUNT_NOTES, notes, "notes")] {
        let all = tx.fetch_one(sql, &[]).await?.int("n")?;
        if all != numbered {
            let problem = format!("{} have a number of no series", all - numbered);
            findings.broken(Check::NumbersGapless, Finding { account: None, subject: what.to_owned(), problem });
        }
    }
    Ok(())
}

/// The documents of a series whose number is none.
async fn name_strange(tx: &mut Tx, series: &str, of_notes: bool, findings: &mut Findings) -> Result<(), ReportError> {
    let digits_from = i64::try_from(series.chars().count()).unwrap_or(i64::MAX).saturating_add(2);
    let bounds = values![format!("{series}-"), format!("{series}."), digits_from, STRAYS_MAX];
    for row in tx.fetch_all(if of_notes { &STRANGE_NOTES } else { &STRANGE_INVOICES }, &bounds).await? {
        let problem = format!("has {:?} for a number", row.text("number")?);
        let finding = Finding { account: Some(row.text("account_id")?), subject: row.text("id")?, problem };
        findings.broken(Check::NumbersGapless, finding);
    }
    Ok(())
}

/// The numbers that the documents of a series have.
#[derive(PartialEq, Eq)]
struct Numbers {
    documents: i64,
    different: i64,
    lowest: i64,
    highest: i64,
    total: i128,
}

impl Numbers {
    /// Each number from 1 to the last one, once.
    fn up_to(last: i64) -> Self {
        let total = i128::from(last) * (i128::from(last) + 1) / 2;
        Self { documents: last, different: last, lowest: i64::from(last > 0), highest: last, total }
    }
}

/// What a series numbers, and of which year: notes (`KASA-2026-N`), invoices (`KASA-2026`), or something that is no document.
fn is_of_notes(series: &str) -> Option<(bool, &str)> {
    let stem = series.strip_suffix("-N");
    let (_, year) = stem.unwrap_or(series).rsplit_once('-')?;
    (year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit())).then_some((stem.is_some(), year))
}

/// MO-3: uses over all accounts.
pub(super) async fn promotion_uses(tx: &mut Tx, findings: &mut Findings) -> Result<(), ReportError> {
    for row in tx.fetch_all(&PROMOTION_USES, &[]).await? {
        let (code, used, redeemed, max) = (row.text("code")?, row.int("used")?, row.int("redeemed")?, row.opt_int("max_uses")?);
        findings.looked_at(Check::PromotionUses, 1);
        let problem = if used != redeemed {
            format!("{used} uses are counted, {redeemed} accounts use it")
        } else if let Some(max) = max.filter(|max| used > *max) {
            format!("is used {used} times, {max} are allowed")
        } else {
            continue;
        };
        findings.broken(Check::PromotionUses, Finding { account: None, subject: code, problem });
    }
    for row in tx.fetch_all(&UNKNOWN_CODES, &values![STRAYS_MAX]).await? {
        let finding =
            Finding { account: Some(row.text("account_id")?), subject: row.text("code")?, problem: "is no known code".to_owned() };
        findings.broken(Check::PromotionUses, finding);
    }
    Ok(())
}
