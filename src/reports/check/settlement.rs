//! The books of what happens between providers, banks and us: the same laws as for customers' books, and the provider's own figures.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::chain::EntryId;
use super::clearing::Clearing;
use super::closed::opens;
use super::findings::{Check, Findings, Inspection};
use crate::domain::ledger;
use crate::domain::settlement::booking::Booking;
use crate::reports::stored::{self, Journal, Record};
use crate::reports::{ReportError, sums};
use crate::store::binding;
use crate::store::closings;
use crate::store::db::Tx;
use crate::store::settlement::{Entry, book_id};

crate::statements! {
    /// Where the journal of each provider's book ends.
    BOOKS = same("select book_id, journal_seq, journal_hash from settlement_books order by book_id");
    /// Journals of no book.
    STRAY_BOOKS = same(
        "select j.account_id from journal j left join settlement_books b on b.book_id = j.account_id \
         where j.account_id like '(%' and b.book_id is null group by j.account_id order by j.account_id"
    );
    /// What the provider's movements say of fees and payouts; stores and Recurly are not booked.
    TOLD = same(concat!(
        "select provider, currency, ", halves!("fee_", "(case when category in ('fee', 'dispute') then 0 else fee_minor end)"), ", ",
        halves!("fee_line_", "(case when category = 'fee' then net_minor else 0 end)"), ", ",
        halves!("payout_", "(case when category in ('payout', 'payout_failure') then gross_minor else 0 end)"),
        " from provider_movements where provider not in ('app_store', 'google_play', 'recurly') \
         group by provider, currency order by provider, currency"
    ));
}

/// Fees and payouts in minor units, by book and currency.
type Sums = BTreeMap<(String, String), (i128, i128)>;

/// Looks at every book. `today` is a day of UTC, as the days of these books are.
pub(super) async fn inspect(tx: &mut Tx, today: NaiveDate, findings: &mut Findings) -> Result<(), ReportError> {
    let mut ends = Vec::new();
    for row in tx.fetch_all(&BOOKS, &[]).await? {
        ends.push((row.text_at(0)?, row.int_at(1)?, row.text_at(2)?));
    }
    let opens = opens(&closings::acts(tx).await?);
    let mut booked = Sums::new();
    // A book has a record a day and import, so that one of them fits into memory.
    for (id, seq, hash) in &ends {
        let journal = stored::named_journals(tx, std::iter::once(id.as_str())).await?.remove(id).unwrap_or_default();
        let mut inspection = Inspection::new(id, findings);
        let mut clearing = Clearing::of_provider();
        chain(id, &journal, (*seq, hash), &mut inspection);
        for record in &journal.records {
            entries(record, &opens, &mut booked, &mut inspection);
            clearing.add_record(record);
        }
        clearing.in_time(today, &mut inspection);
    }
    for row in tx.fetch_all(&STRAY_BOOKS, &[]).await? {
        let id = row.text_at(0)?;
        Inspection::new(&id, findings).broken(Check::SettlementBooks, "journal", "is of no provider's book".to_owned());
    }
    let mut told = Sums::new();
    for row in tx.fetch_all(&TOLD, &[]).await? {
        let fees = sums::exact(&row, 2)? - sums::exact(&row, 4)?;
        told.insert((book_id(row.str_at(0)?), row.text_at(1)?), (fees, -sums::exact(&row, 6)?));
    }
    let mut whose: BTreeSet<String> = told.keys().map(|(book, _)| book.clone()).collect();
    if !whose.is_empty() && binding::has_simulated_money(tx).await? {
        whose.insert(book_id(binding::SIMULATED));
    }
    for (one, other) in whose.iter().zip(whose.iter().skip(1)) {
        let problem =
            format!("stand beside the money of {one}: what is booked of one of them is none of this database's, and no run can be made");
        Inspection::new(other, findings).broken(Check::SettlementAlone, "movements", problem);
    }
    for key in booked.keys().chain(told.keys()).collect::<BTreeSet<_>>() {
        let (ours, theirs) = (booked.get(key).copied().unwrap_or_default(), told.get(key).copied().unwrap_or_default());
        let (book, currency) = key;
        Inspection::new(book, findings).expect(Check::SettlementPosted, ours == theirs, currency, || {
            format!("has {} of fees and {} of payouts in its books, the movements say {} and {}", ours.0, ours.1, theirs.0, theirs.1)
        });
    }
    Ok(())
}

fn chain(id: &str, journal: &Journal, end: (i64, &String), inspection: &mut Inspection<'_>) {
    let mut previous = "";
    for (record, expected_seq) in journal.records.iter().zip(1..) {
        let follows = record.seq == expected_seq && record.hash == record.hash_after(id, previous);
        inspection
            .expect(Check::SettlementBooks, follows, record.seq, || "does not follow its predecessor, or has another hash".to_owned());
        previous = &record.hash;
    }
    let last = journal.records.last().map_or(0, |record| record.seq);
    inspection.expect(Check::SettlementBooks, (last, previous) == (end.0, end.1.as_str()), "settlement_books", || {
        format!("its row names record {} as the last one, the journal ends with {last}", end.0)
    });
    for leg in &journal.stray {
        inspection.broken(Check::SettlementBooks, leg.seq, format!("leg {} has no record", leg.leg_no));
    }
}

fn entries(record: &Record, opens: &BTreeSet<NaiveDate>, booked: &mut Sums, inspection: &mut Inspection<'_>) {
    let Ok(entry) = serde_json::from_str::<Entry>(&record.body) else {
        return inspection.broken(Check::SettlementBooks, record.seq, "cannot be read".to_owned());
    };
    let mut legs = 0;
    for (event_no, booking) in (0_i64..).zip(&entry.events) {
        let stored: Vec<_> = record.legs.iter().filter(|leg| leg.event_no == event_no).collect();
        legs += stored.len();
        // RC-3: what happened in a month that was closed is booked on the first day that was open then.
        let is_in_time = |on: NaiveDate| on == record.effective_on || (on > record.effective_on && opens.contains(&on));
        let in_time = stored.iter().all(|leg| is_in_time(leg.effective_on));
        let stored: Vec<_> = stored.iter().map(|leg| (leg.ledger_account, leg.amount_minor, leg.currency.as_str())).collect();
        let currency = booking.amount().currency();
        let said = ledger::settlement::entry(booking).map(|legs| {
            let leg = |leg: &ledger::Leg| (i64::from(leg.account.number), leg.amount.minor(), currency.code());
            legs.iter().map(leg).collect::<Vec<_>>() == stored
        });
        let holds = said == Ok(true) && in_time && booking.on() == record.effective_on;
        let subject = EntryId { seq: record.seq, event_no };
        inspection.expect(Check::SettlementBooks, holds, subject, || "is not what the ledger says of its event".to_owned());
        let amount = i128::from(booking.amount().minor());
        let sums = booked.entry((inspection.account().to_owned(), currency.code().to_owned())).or_default();
        match booking {
            Booking::FeesCharged { .. } => sums.0 += amount,
            Booking::PayoutSent { .. } => sums.1 += amount,
            Booking::PayoutFailed { .. } => sums.1 -= amount,
            Booking::PayoutReceived { .. }
            | Booking::PayoutReturned { .. }
            | Booking::SetAside { .. }
            | Booking::DifferenceBooked { .. } => {}
        }
    }
    inspection.expect(Check::SettlementBooks, legs == record.legs.len(), record.seq, || "has legs of no event".to_owned());
}
