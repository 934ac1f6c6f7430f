//! Customer credits (2300): where they came from and went to, and whose they are.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::books::{amount, currency_at, on_accounts, posted};
use super::{Filter, Span};
use crate::domain::ledger::CUSTOMER_CREDITS;
use crate::domain::money::{Currency, Money};
use crate::reports::cards::{Beside, Card, Leg, Tally};
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::reports::shelf::Shelf;
use crate::reports::{ReportError, SEPARATOR, sums};
use crate::store::db::Tx;

crate::statements! {
    /// What the accounts' own rows say now.
    STORED = same(
        "select currency, cast(sum((credit_cash_minor + credit_goodwill_minor) / 4294967296) as bigint) as high, \
         cast(sum((credit_cash_minor + credit_goodwill_minor) % 4294967296) as bigint) as low from accounts group by currency"
    );
}

/// What moved it, in the order in which it is told; the position is what [`cause`] says.
const CAUSES: [&str; 8] = [
    "goodwill granted",
    "credit notes",
    "refunds that were kept or came back",
    "",
    "applied to invoices",
    "paid out",
    "taken by lost disputes",
    "other",
];

/// What moved a leg of 2300, by what else its event has moved. The order matters: a credit note may move several.
const fn cause(leg: &Leg<'_>) -> usize {
    let Leg { beside, minor, .. } = *leg;
    if beside.has(Beside::PREPAID) {
        1
    } else if beside.has(Beside::DISPUTES_PENDING) {
        6
    } else if beside.has(Beside::CORRECTIONS) {
        0
    } else if beside.has(Beside::RECEIVABLE) {
        4
    } else if minor < 0 && (beside.has(Beside::REFUNDS_PAYABLE) || beside.has(Beside::CLEARING)) {
        2
    } else if beside.has(Beside::REFUNDS_PAYABLE) {
        5
    } else {
        7
    }
}

/// Credits in the making.
pub(super) struct Crediting {
    filter: Filter,
    /// What moved 2300, by the position of what moved it among [`CAUSES`].
    moved: BTreeMap<Currency, BTreeMap<usize, i128>>,
    /// What stands on it for each customer; a day says nothing here.
    owned: Shelf,
}

impl Crediting {
    pub(super) fn of(filter: &Filter) -> (String, Self) {
        (filter.name("credits"), Self { filter: *filter, moved: BTreeMap::new(), owned: Shelf::default() })
    }
}

impl Tally for Crediting {
    fn add(&mut self, card: &Card<'_>) -> Result<(), ReportError> {
        let mut owned: BTreeMap<&str, i128> = BTreeMap::new();
        for leg in card.legs.iter().filter(|leg| leg.is_on(&[CUSTOMER_CREDITS.number]) && self.filter.has(leg)) {
            *self.moved.entry(leg.currency()?).or_default().entry(cause(leg)).or_default() += i128::from(leg.minor);
            *owned.entry(leg.code).or_default() -= i128::from(leg.minor);
        }
        for (code, credit) in owned.into_iter().filter(|(_, credit)| *credit != 0) {
            self.owned.put(NaiveDate::MIN, format!("{code}{SEPARATOR}{}{SEPARATOR}{credit}", card.account).as_bytes())?;
        }
        Ok(())
    }
}

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    let found = span.memo.tally(tx, span.known_until(), Crediting::of(&span.filter)).await?;
    let ledger = posted(tx, span.to, span).await?;
    // Rows hold only the present, which can be compared where nothing was posted later.
    let stored = if span.to >= span.edges.1 && span.known_at.is_none() { Some(stored(tx).await?) } else { None };
    for (currency, moved) in &found.moved {
        let currency = *currency;
        let named = moved.iter().filter_map(|(cause, moved)| Some((*CAUSES.get(*cause)?, -moved)));
        let causes: Vec<(&str, i128)> = named.collect();
        let control = amount(-on_accounts(&ledger, currency, &[CUSTOMER_CREDITS.number]), "2300", currency)?;
        let columns = vec![Column::text("cause", "Cause"), Column::sum("amount", "Amount")];
        teller.section(Section::new("causes", "Where it came from and went to", currency, columns))?;
        for (cause, moved) in &causes {
            teller.row(&[Cell::text(*cause), Cell::Money(amount(*moved, cause, currency)?)])?;
        }
        let owned = tell_owners(&found.owned, teller, currency)?;
        teller.tie("credits of all customers = 2300", owned, control);
        teller.tie("causes = 2300", amount(causes.iter().map(|(_, moved)| moved).sum(), "all causes", currency)?, control);
        if let Some(stored) = &stored {
            let stored = amount(stored.get(&currency).copied().unwrap_or_default(), "all accounts", currency)?;
            teller.tie("credits in the accounts' rows = 2300", stored, control);
        }
    }
    Ok(())
}

fn tell_owners(owned: &Shelf, teller: &mut Teller<'_>, currency: Currency) -> Result<Money, ReportError> {
    let columns = vec![Column::text("account", "Account"), Column::sum("credit", "Credit")];
    teller.section(Section::detail("accounts", "By customer", currency, columns))?;
    let mut sum = 0;
    owned.each(NaiveDate::MIN..=NaiveDate::MIN, |_, record| {
        let text = std::str::from_utf8(record).map_err(std::io::Error::other)?;
        let mut parts = text.split(SEPARATOR);
        let (Some(code), Some(account), Some(minor), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(ReportError::Shape { section: "accounts", problem: "an id has a character that no text may have" });
        };
        if code != currency.code() {
            return Ok(());
        }
        let credit = Money::new(minor.parse().map_err(std::io::Error::other)?, currency);
        sum += i128::from(credit.minor());
        teller.row(&[Cell::text(account), Cell::Money(credit)])
    })?;
    amount(sum, "all customers", currency)
}

async fn stored(tx: &mut Tx) -> Result<BTreeMap<Currency, i128>, ReportError> {
    let read = |row: &crate::store::db::Row| Ok((currency_at(row, 0)?, sums::exact(row, 1)?));
    tx.fetch_all(&STORED, &[]).await?.iter().map(read).collect()
}
