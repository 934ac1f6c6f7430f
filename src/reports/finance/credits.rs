//! Customer credits (2300): where they came from and went to, and whose they are.

use std::collections::BTreeMap;

use super::Span;
use super::books::{amount, currency_at, on_accounts, posted};
use crate::domain::ledger::CUSTOMER_CREDITS;
use crate::domain::money::{Currency, Money};
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::reports::{ReportError, sums};
use crate::store::db::Tx;
use crate::values;

/// That the event of a posting `p` has a leg on one of these accounts.
macro_rules! beside {
    ($accounts:literal) => {
        concat!(
            "exists (select 1 from postings o where o.account_id = p.account_id and o.seq = p.seq and o.event_no = p.event_no \
             and o.ledger_account in (",
            $accounts,
            "))"
        )
    };
}

crate::statements! {
    /// What moved 2300 by the end of a day, by what else the event moved. The order matters: a credit note may move several.
    MOVED = same(concat!(
        "select m.currency, m.cause, ", halves!("m.amount_minor"), " from (select p.currency, p.amount_minor, \
         case when ", beside!("2100, 2110"), " then 1 when ", beside!("1210"), " then 6 when ", beside!("4200"), " then 0 when ",
        beside!("1100"), " then 4 when p.amount_minor < 0 and ", beside!("2310, 1200"), " then 2 when ", beside!("2310"),
        " then 5 else 7 end as cause from postings p where p.ledger_account = 2300 and p.effective_on <= $1 and ", known!("$2"),
        " and ($3 = '' or p.currency = $3)) m group by m.currency, m.cause order by m.currency, m.cause"
    ));
    /// What stands on it for each customer.
    OWNED = same(concat!(
        "select p.account_id, cast(-sum(p.amount_minor) as bigint) as credit_minor from postings p where p.ledger_account = 2300 \
         and p.effective_on <= $1 and ", known!("$2"), " and p.currency = $3 group by p.account_id having sum(p.amount_minor) <> 0 \
         order by p.account_id"
    ));
    /// What the accounts' own rows say now.
    STORED = same(
        "select currency, cast(sum((credit_cash_minor + credit_goodwill_minor) / 4294967296) as bigint) as high, \
         cast(sum((credit_cash_minor + credit_goodwill_minor) % 4294967296) as bigint) as low from accounts group by currency"
    );
}

/// What moved it, in the order in which it is told; the position is what [`MOVED`] says.
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

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    let mut books: BTreeMap<Currency, Vec<(&str, i128)>> = BTreeMap::new();
    for row in tx.fetch_all(&MOVED, &values![span.to, span.known_until(), span.code()]).await? {
        let cause = usize::try_from(row.int_at(1)?).ok().and_then(|at| CAUSES.get(at)).ok_or_else(|| row.corrupt("cause", "is none"))?;
        books.entry(currency_at(&row, 0)?).or_default().push((cause, -sums::exact(&row, 2)?));
    }
    let ledger = posted(tx, span.to, span).await?;
    // Rows hold only the present, which can be compared where nothing was posted later.
    let stored = if span.to >= span.edges.1 && span.known_at.is_none() { Some(stored(tx).await?) } else { None };
    for (currency, causes) in books {
        let control = amount(-on_accounts(&ledger, currency, &[CUSTOMER_CREDITS.number]), "2300", currency)?;
        let columns = vec![Column::text("cause", "Cause"), Column::sum("amount", "Amount")];
        teller.section(Section::new("causes", "Where it came from and went to", currency, columns))?;
        for (cause, moved) in &causes {
            teller.row(&[Cell::text(*cause), Cell::Money(amount(*moved, cause, currency)?)])?;
        }
        let owned = tell_owners(tx, span, teller, currency).await?;
        teller.tie("credits of all customers = 2300", owned, control);
        teller.tie("causes = 2300", amount(causes.iter().map(|(_, moved)| moved).sum(), "all causes", currency)?, control);
        if let Some(stored) = &stored {
            let stored = amount(stored.get(&currency).copied().unwrap_or_default(), "all accounts", currency)?;
            teller.tie("credits in the accounts' rows = 2300", stored, control);
        }
    }
    Ok(())
}

async fn tell_owners(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>, currency: Currency) -> Result<Money, ReportError> {
    let columns = vec![Column::text("account", "Account"), Column::sum("credit", "Credit")];
    teller.section(Section::detail("accounts", "By customer", currency, columns))?;
    let mut owned = 0;
    tx.for_each_batch(&OWNED, &values![span.to, span.known_until(), currency.code()], |rows| {
        for row in &rows {
            let credit = Money::new(row.int_at(1)?, currency);
            owned += i128::from(credit.minor());
            teller.row(&[Cell::Text(row.text_at(0)?), Cell::Money(credit)])?;
        }
        Ok::<(), ReportError>(())
    })
    .await?;
    amount(owned, "all customers", currency)
}

async fn stored(tx: &mut Tx) -> Result<BTreeMap<Currency, i128>, ReportError> {
    let read = |row: &crate::store::db::Row| Ok((currency_at(row, 0)?, sums::exact(row, 1)?));
    tx.fetch_all(&STORED, &[]).await?.iter().map(read).collect()
}
