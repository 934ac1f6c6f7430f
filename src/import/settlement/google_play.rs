//! Google Play's monthly earnings: several lines an order, each for one thing (the charge, Google's fee, tax), in the currency of our
//! payments profile. Google pays the sum of the month in the middle of the next one.

use std::collections::BTreeMap;
use std::io::Read;

use chrono::{Datelike, Months, NaiveDate, NaiveTime};

use super::ordinal::Ordinals;
use super::source_bytes::Digested;
use super::table::{Col, Row, Table};
use super::{Out, values};
use crate::domain::calendar::{first_of_month, month_end};
use crate::domain::money::{Currency, Money};
use crate::domain::settlement::{AmountFrom, Category, Movement, Payout, Told};
use crate::import::problem::{Problem, RowError, RowProblem};

const TYPES: &[(&str, Category)] = &[
    ("charge", Category::Charge),
    ("charge refund", Category::Refund),
    ("google fee", Category::Fee),
    ("google fee refund", Category::Fee),
    ("google fee rebate", Category::Fee),
    ("tax", Category::Tax),
    ("tax refund", Category::Tax),
    ("direct operating costs", Category::Fee),
    ("direct operating costs refund", Category::Fee),
    ("chargeback", Category::Dispute),
    ("chargeback reversal", Category::DisputeReversal),
    ("balance adjustment", Category::Adjustment),
];

fn category(word: &str) -> Option<Category> {
    TYPES.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)).map(|(_, category)| *category)
}

struct Columns {
    order: Col,
    on: Col,
    time: Option<Col>,
    kind: Col,
    currency: Col,
    amount: Col,
}

pub(super) fn read<R: Read>(bytes: &mut Digested<R>, month: Option<NaiveDate>, out: &mut Out<'_, '_>) -> Result<(), RowError> {
    let Some(month) = month else {
        let problem = "which month the earnings are of is not in the file: name it with --month 2026-10, or by the file's name";
        return Err(RowProblem::of_file(Problem::Rule(problem.to_owned())).into());
    };
    let mut table = Table::begin(bytes, b',')?;
    let found = (
        table.column(&["Description"]),
        table.column(&["Transaction Date"]),
        table.column(&["Transaction Type"]),
        table.column(&["Merchant Currency"]),
        table.column(&["Amount (Merchant Currency)"]),
    );
    let (Some(order), Some(on), Some(kind), Some(currency), Some(amount)) = found else { return Err(table.missing()) };
    let columns = Columns { order, on, time: table.optional(&["Transaction Time"]), kind, currency, amount };
    let (mut ordinals, mut sums) = (Ordinals::default(), BTreeMap::<Currency, i64>::new());
    while let Some(mut row) = table.next(out, |_| false)? {
        let (line, movement) = (row.line, movement(&mut row, &columns, month, &mut ordinals));
        if let Err(error) = row.finish() {
            out.note_row(error);
        } else if let Some(movement) = movement {
            let sum = sums.entry(movement.currency).or_default();
            *sum = sum.saturating_add(movement.net_minor);
            out.tell(line, Told::Movement(movement));
        }
    }
    let sent_on = month.checked_add_months(Months::new(1)).and_then(|next| next.with_day0(14)).unwrap_or(month_end(month));
    for (currency, minor) in sums {
        let amount = Money::new(minor, currency);
        let id = payout_id(month, currency);
        let payout = Payout { id, amount, sent_on, arrives_on: sent_on, amount_from: AmountFrom::Derived, bank_reference: None };
        out.tell(1, Told::Payout(payout));
    }
    Ok(())
}

fn payout_id(month: NaiveDate, currency: Currency) -> String {
    format!("earnings-{}-{currency}", month.format("%Y-%m"))
}

fn movement(row: &mut Row<'_>, columns: &Columns, month: NaiveDate, ordinals: &mut Ordinals) -> Option<Movement> {
    let order = row.need(columns.order, values::id);
    let found = row.category(columns.kind, category);
    let currency = row.need(columns.currency, values::currency);
    let amount = row.amount(columns.amount, currency);
    let on = row.need(columns.on, |text| {
        let written = ["%b %d, %Y", "%Y-%m-%d", "%d %b %Y"];
        let on = written.iter().find_map(|pattern| values::date_as(text, pattern).ok());
        let on = on.ok_or_else(|| Problem::not_a("a date, like Oct 3, 2026"))?;
        // Both are dates of California.
        if first_of_month(on) == first_of_month(month) {
            Ok(on)
        } else {
            Err(Problem::Rule(format!("{on} is not in {}, the month that the file is said to be of", month.format("%Y-%m"))))
        }
    });
    let time = columns.time.filter(|time| row.text(*time).is_some());
    let occurred_at = match (on, time) {
        (Some(on), Some(time)) => row.need(time, |text| values::local_time(on, text)),
        (Some(on), None) => Some(on.and_time(NaiveTime::MIN).and_utc()),
        (None, _) => None,
    };
    let ((category, raw), order, currency, net_minor) = (found?, order?, currency?, amount?);
    // An order may be given back in parts, months apart: the day tells them apart in whatever file they come.
    let id = ordinals.name(format!("{order}/{}/{}", raw.to_lowercase().replace(' ', "_"), on?));
    Some(Movement {
        id,
        category,
        raw_category: raw.to_owned(),
        reference: Some(order),
        parent_reference: None,
        our_reference: None,
        payout: Some(payout_id(month, currency)),
        currency,
        gross_minor: net_minor,
        fee_minor: 0,
        net_minor,
        occurred_at: occurred_at?,
        available_on: None,
    })
}
