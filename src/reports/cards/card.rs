//! One card, put together from its rows.

use chrono::NaiveDate;

use super::{FIELD, ITEM};
use crate::domain::money::Currency;
use crate::reports::ReportError;
use crate::store::db::{DbError, Row};

/// What was posted to an account, or by one record of a provider's book, and what the account was invoiced.
pub(in crate::reports) struct Card<'a> {
    pub(in crate::reports) account: &'a str,
    /// The account's currency; nothing where it was invoiced nothing.
    pub(in crate::reports) currency: Option<Currency>,
    /// In the order of the journal.
    pub(in crate::reports) legs: Vec<Leg<'a>>,
    /// Those of invoices, by invoice, each in the order of the journal.
    pub(in crate::reports) by_invoice: Vec<Leg<'a>>,
    /// By id.
    pub(in crate::reports) invoices: Vec<Invoice<'a>>,
}

/// A leg.
#[derive(Debug, Clone, Copy)]
pub(in crate::reports) struct Leg<'a> {
    pub(in crate::reports) seq: i64,
    pub(in crate::reports) leg_no: i64,
    pub(in crate::reports) event_no: i64,
    /// The ledger account.
    pub(in crate::reports) ledger: i64,
    pub(in crate::reports) on: NaiveDate,
    pub(in crate::reports) minor: i64,
    pub(in crate::reports) code: &'a str,
    /// Empty where there is none.
    pub(in crate::reports) invoice: &'a str,
    /// What else its event has moved, itself among it.
    pub(in crate::reports) beside: Beside,
}

/// Which ledger accounts an event has moved, as far as that says what it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::reports) struct Beside(u16);

impl Beside {
    pub(in crate::reports) const REVENUE: Self = Self(1);
    pub(in crate::reports) const CORRECTIONS: Self = Self(1 << 1);
    pub(in crate::reports) const PREPAID: Self = Self(1 << 2);
    pub(in crate::reports) const RECEIVABLE: Self = Self(1 << 3);
    pub(in crate::reports) const CLEARING: Self = Self(1 << 4);
    pub(in crate::reports) const DISPUTES_PENDING: Self = Self(1 << 5);
    pub(in crate::reports) const REFUNDS_PAYABLE: Self = Self(1 << 6);
    pub(in crate::reports) const CREDIT_LOSSES: Self = Self(1 << 7);

    const fn of(ledger: i64) -> Self {
        match ledger {
            4000 | 4300 => Self::REVENUE,
            4200 => Self(Self::REVENUE.0 | Self::CORRECTIONS.0),
            2100 | 2110 => Self::PREPAID,
            1100 => Self::RECEIVABLE,
            1200 => Self::CLEARING,
            1210 => Self::DISPUTES_PENDING,
            2310 => Self::REFUNDS_PAYABLE,
            5200 => Self::CREDIT_LOSSES,
            _ => Self(0),
        }
    }

    /// Whether any of these was moved.
    pub(in crate::reports) const fn has(self, what: Self) -> bool {
        self.0 & what.0 != 0
    }
}

/// An invoice as it was issued, and when its service ended.
#[derive(Debug, Clone, Copy)]
pub(in crate::reports) struct Invoice<'a> {
    pub(in crate::reports) id: &'a str,
    pub(in crate::reports) number: &'a str,
    pub(in crate::reports) subscription: &'a str,
    pub(in crate::reports) is_annual: bool,
    pub(in crate::reports) jurisdiction: &'a str,
    pub(in crate::reports) start: NaiveDate,
    pub(in crate::reports) end: NaiveDate,
    pub(in crate::reports) issued_on: NaiveDate,
    pub(in crate::reports) ended_on: Option<NaiveDate>,
    pub(in crate::reports) term_no: i64,
    pub(in crate::reports) period_no: i64,
    pub(in crate::reports) net_minor: i64,
    pub(in crate::reports) tax_minor: i64,
    pub(in crate::reports) rate_billionths: i64,
    pub(in crate::reports) is_pending: bool,
    /// Its first charge did not settle on the day of issue.
    pub(in crate::reports) has_waited: bool,
}

impl<'a> Card<'a> {
    /// The card of an account.
    pub(super) fn read(legs: Option<&'a Row>, invoices: Option<&'a Row>) -> Result<Self, ReportError> {
        let mut fields = Fields::default();
        let account = legs.or(invoices).map_or(Ok(""), |row| row.str_at(0))?;
        let mut card = Self { account, currency: None, legs: Vec::new(), by_invoice: Vec::new(), invoices: Vec::new() };
        if let Some(row) = legs {
            for text in row.str_at(1)?.split(ITEM) {
                card.legs.push(fields.leg(text).ok_or_else(|| row.corrupt("legs", "is not what was asked for"))?);
            }
        }
        if let Some(row) = invoices {
            card.currency = Some(Currency::parse(row.str_at(1)?).map_err(|_| row.corrupt("currency", "is not a currency"))?);
            for text in row.str_at(2)?.split(ITEM) {
                card.invoices.push(fields.invoice(text).ok_or_else(|| row.corrupt("invoices", "is not what was asked for"))?);
            }
        }
        Ok(card.in_order())
    }

    /// The card of a record of a book.
    pub(super) fn of_record(account: &'a str, rows: &'a [Row]) -> Result<Self, ReportError> {
        let mut fields = Fields::default();
        let mut legs = Vec::with_capacity(rows.len());
        for row in rows {
            legs.push(fields.leg(row.str_at(1)?).ok_or_else(|| row.corrupt("legs", "is not what was asked for"))?);
        }
        Ok(Self { account, currency: None, legs, by_invoice: Vec::new(), invoices: Vec::new() }.in_order())
    }

    fn in_order(mut self) -> Self {
        if !self.legs.is_sorted_by_key(|leg| (leg.seq, leg.leg_no)) {
            self.legs.sort_by_key(|leg| (leg.seq, leg.leg_no));
        }
        for record in self.legs.chunk_by_mut(|left, right| left.seq == right.seq) {
            for at in 0..record.len() {
                let event = record[at].event_no;
                let beside = record.iter().filter(|leg| leg.event_no == event).fold(0, |all, leg| all | Beside::of(leg.ledger).0);
                record[at].beside = Beside(beside);
            }
        }
        self.invoices.sort_by(|left, right| left.id.cmp(right.id));
        self.by_invoice.extend(self.legs.iter().filter(|leg| !leg.invoice.is_empty()));
        self.by_invoice.sort_by(|left, right| left.invoice.cmp(right.invoice));
        self
    }

    /// An invoice by its id.
    pub(in crate::reports) fn invoice(&self, id: &str) -> Option<&Invoice<'a>> {
        self.invoices.binary_search_by(|invoice| invoice.id.cmp(id)).ok().and_then(|at| self.invoices.get(at))
    }

    /// The legs of each invoice that has a row, in the order of their ids.
    pub(in crate::reports) fn invoiced(&self) -> impl Iterator<Item = (&Invoice<'a>, &[Leg<'a>])> {
        let runs = self.by_invoice.chunk_by(|left, right| left.invoice == right.invoice);
        runs.filter_map(|legs| Some((self.invoice(legs.first()?.invoice)?, legs)))
    }

    /// Whether anything was posted for an invoice.
    pub(in crate::reports) fn has_legs_of(&self, invoice: &str) -> bool {
        self.by_invoice.binary_search_by(|leg| leg.invoice.cmp(invoice)).is_ok()
    }

    /// The leg of the same record with a number.
    pub(in crate::reports) fn leg(&self, seq: i64, leg_no: i64) -> Option<&Leg<'a>> {
        let at = self.legs.binary_search_by_key(&(seq, leg_no), |leg| (leg.seq, leg.leg_no)).ok()?;
        self.legs.get(at)
    }
}

impl Leg<'_> {
    /// Its currency.
    pub(in crate::reports) fn currency(&self) -> Result<Currency, ReportError> {
        Currency::parse(self.code).map_err(|_| corrupt("currency", "is not a currency"))
    }

    /// Whether it is of one of these ledger accounts.
    pub(in crate::reports) fn is_on(&self, ledgers: &[u16]) -> bool {
        ledgers.iter().any(|ledger| i64::from(*ledger) == self.ledger)
    }
}

/// The error for something on a card that cannot be.
pub(in crate::reports) fn corrupt(column: &str, problem: &'static str) -> ReportError {
    DbError::Corrupt { statement: super::LEGS.name(), column: column.to_owned(), problem }.into()
}

/// Reads fields. The same day comes again and again.
#[derive(Default)]
struct Fields<'a> {
    last: Option<(&'a str, NaiveDate)>,
}

impl<'a> Fields<'a> {
    fn leg(&mut self, text: &'a str) -> Option<Leg<'a>> {
        let mut fields = text.split(FIELD);
        let mut next = || fields.next();
        let [seq, leg_no, event_no, ledger] = [number(next()?)?, number(next()?)?, number(next()?)?, number(next()?)?];
        let (on, minor, code, invoice) = (next()?, number(next()?)?, next()?, next().unwrap_or_default());
        let on = self.date(on)?;
        let is_all = fields.next().is_none();
        is_all.then_some(Leg { seq, leg_no, event_no, ledger, on, minor, code, invoice, beside: Beside::default() })
    }

    fn invoice(&mut self, text: &'a str) -> Option<Invoice<'a>> {
        let mut fields = text.split(FIELD);
        let mut next = || fields.next();
        let (id, number_of_it, subscription, cycle, jurisdiction) = (next()?, next()?, next()?, next()?, next()?);
        let (start, end, issued_on, ended_on) = (next()?, next()?, next()?, next()?);
        let [term_no, period_no, net_minor, tax_minor] = [number(next()?)?, number(next()?)?, number(next()?)?, number(next()?)?];
        let [rate_billionths, pending, waited] = [number(next()?)?, number(next()?)?, number(next()?)?];
        let is_all = fields.next().is_none();
        is_all.then_some(Invoice {
            id,
            number: number_of_it,
            subscription,
            is_annual: cycle == "annual",
            jurisdiction,
            start: self.date(start)?,
            end: self.date(end)?,
            issued_on: self.date(issued_on)?,
            ended_on: if ended_on.is_empty() { None } else { Some(self.date(ended_on)?) },
            term_no,
            period_no,
            net_minor,
            tax_minor,
            rate_billionths,
            is_pending: pending == 1,
            has_waited: waited == 1,
        })
    }

    fn date(&mut self, text: &'a str) -> Option<NaiveDate> {
        if let Some((_, date)) = self.last.filter(|(last, _)| *last == text) {
            return Some(date);
        }
        let date = date(text)?;
        self.last = Some((text, date));
        Some(date)
    }
}

fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// A day as databases write it; chrono's own reader takes most of the time that a card takes.
fn date(text: &str) -> Option<NaiveDate> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    let is_plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let year = part(0, 4).filter(|_| is_plain)?;
    NaiveDate::from_ymd_opt(year.try_into().ok()?, part(5, 7)?, part(8, 10)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_leg_is_read_and_what_is_none_is_refused() {
        let mut fields = Fields::default();
        let text = "7\u{1f}2\u{1f}0\u{1f}1100\u{1f}2026-02-28\u{1f}-3100\u{1f}USD\u{1f}in_a_1_0";
        let leg = fields.leg(text).unwrap();
        assert_eq!((leg.seq, leg.leg_no, leg.event_no, leg.ledger, leg.on, leg.minor), (7, 2, 0, 1100, day("2026-02-28"), -3_100));
        assert_eq!((leg.code, leg.invoice), ("USD", "in_a_1_0"));
        assert_eq!(fields.leg(&text[..text.len() - 9]).unwrap().invoice, "", "of none");
        for bad in ["", "7\u{1f}2", &format!("{text}\u{1f}x"), &text.replace("02-28", "02-30"), &text.replace("1100", "11OO")] {
            assert!(fields.leg(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_event_is_known_by_what_it_moved() {
        let leg = |seq, leg_no, event_no, ledger| Leg {
            seq,
            leg_no,
            event_no,
            ledger,
            on: day("2026-02-28"),
            minor: 1,
            code: "USD",
            invoice: "",
            beside: Beside::default(),
        };
        let legs = vec![leg(2, 1, 0, 2100), leg(1, 2, 0, 4200), leg(1, 1, 0, 2110), leg(1, 3, 1, 1100)];
        let card = Card { account: "a", currency: None, legs, by_invoice: Vec::new(), invoices: Vec::new() }.in_order();
        let beside: Vec<bool> = card.legs.iter().map(|leg| leg.beside.has(Beside::REVENUE)).collect();
        assert_eq!(beside, [true, true, false, false], "by record and event, in the order of the journal");
        assert!(card.legs[0].beside.has(Beside::CORRECTIONS) && !card.legs[2].beside.has(Beside::PREPAID));
        assert_eq!(card.leg(1, 2).map(|leg| leg.ledger), Some(4200));
        assert!(card.leg(1, 4).is_none());
    }
}
