//! Differences that are planted, and the sealed list of them: what a reconciliation must find, and nothing besides.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::{BankEntry, Line, SettlementFiles, Sheets, fee};
use crate::demo::chance::Chance;
use crate::domain::money::{Currency, Money};
use crate::domain::reconcile::BreakKind;
use crate::domain::settlement::Category;

/// A difference that was planted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Planted {
    /// What a reconciliation must call it.
    pub kind: BreakKind,
    /// The provider's or the bank's id, or ours where only we have it.
    pub about: String,
}

impl Planted {
    fn new(kind: BreakKind, about: &str) -> Self {
        Self { kind, about: about.to_owned() }
    }
}

/// Days at the end and the beginning in which nothing is planted: there it might be timing.
const MARGIN: Days = Days::new(15);
/// Days for which a statement must go on after a payout's arrival: three bank days, a weekend among them, and some more.
const GOES_ON: Days = Days::new(7);

/// Picks lines that nothing was planted in yet.
struct Picker<'a> {
    chance: Chance,
    through: NaiveDate,
    taken: &'a mut Vec<usize>,
}

impl Picker<'_> {
    fn pick(&mut self, sheets: &Sheets, purpose: &str, number: u64, fits: impl Fn(&Line) -> bool) -> Option<usize> {
        let last = self.through.checked_sub_days(MARGIN)?;
        let free: Vec<usize> = sheets
            .lines
            .iter()
            .enumerate()
            .filter(|(at, line)| line.on() <= last && fits(line) && !self.taken.contains(at))
            .map(|(at, _)| at)
            .collect();
        let count = u64::try_from(free.len()).ok().filter(|count| *count > 0)?;
        let at = *free.get(usize::try_from(self.chance.pick(purpose, number, 0, count)).ok()?)?;
        self.taken.push(at);
        Some(at)
    }
}

/// Plants in the provider's lines, before they are paid out, so that the payouts agree with them.
pub(super) fn in_lines(sheets: &mut Sheets, chance: Chance, what: &SettlementFiles) -> Vec<Planted> {
    let (mut planted, mut taken, mut gone, mut more) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let is_charge = |line: &Line| line.category == Category::Charge && line.gross.minor() > 200;
    // Nothing else may hang on a charge that goes away, or is not ours.
    let parents: Vec<String> = sheets.lines.iter().filter_map(|line| line.parent.clone()).collect();
    for number in 0..what.plant {
        let mut picker = Picker { chance, through: what.through, taken: &mut taken };
        if let Some(at) = picker.pick(sheets, "missing", number, |line| is_charge(line) && !parents.contains(&line.reference)) {
            let ours = sheets.lines[at].ours.clone().unwrap_or_default();
            planted.push(Planted::new(BreakKind::MissingAtProvider, &ours));
            gone.push(at);
        }
        if let Some(at) = picker.pick(sheets, "amount", number, is_charge) {
            let line = &mut sheets.lines[at];
            line.gross = Money::new(line.gross.minor() - 100, line.gross.currency());
            planted.push(Planted::new(BreakKind::Amount, &line.id));
        }
        if let Some(at) = picker.pick(sheets, "currency", number, |line| is_charge(line) && line.gross.currency().exponent() == 2) {
            let line = &mut sheets.lines[at];
            let other = if line.gross.currency().code() == "USD" { "EUR" } else { "USD" };
            let Ok(other) = Currency::parse(other) else { continue };
            line.gross = Money::new(line.gross.minor(), other);
            planted.push(Planted::new(BreakKind::Currency, &line.id));
        }
        if let Some(at) = picker.pick(sheets, "twice", number, is_charge) {
            let line = &sheets.lines[at];
            // Another object with our id, as a second charge for one attempt would be.
            let twin = Line { id: format!("{}_twin", line.id), reference: format!("{}_twin", line.reference), ..line.clone() };
            planted.push(Planted::new(BreakKind::DuplicateThere, &twin.id));
            more.push(twin);
        }
        if let Some(at) = picker.pick(sheets, "alien", number, is_charge) {
            more.extend(aliens(&sheets.lines[at], number, &mut planted));
        }
        if let Some(at) = picker.pick(sheets, "fee", number, |line| line.category == Category::Dispute) {
            let line = &mut sheets.lines[at];
            // The first is within the tolerance.
            line.fee_minor += if number == 0 { 1 } else { 100 };
            planted.push(Planted::new(BreakKind::Fee, &line.id));
        }
    }
    gone.sort_unstable();
    for at in gone.into_iter().rev() {
        sheets.lines.remove(at);
    }
    sheets.lines.extend(more);
    sheets.lines.sort_by(|left, right| (left.at, &left.id).cmp(&(right.at, &right.id)));
    planted
}

/// Movements that are nobody's: a charge, a refund of an unknown payment, an adjustment.
fn aliens(like: &Line, number: u64, planted: &mut Vec<Planted>) -> Vec<Line> {
    let alien = |kind: &str, category, gross: Money, fee_minor| Line {
        id: format!("sim_txn_alien_{kind}_{number}"),
        category,
        reference: format!("sim_alien_{kind}_{number}"),
        parent: None,
        ours: None,
        gross,
        fee_minor,
        payout: None,
        at: like.at,
    };
    let amount = like.gross;
    let minus = amount.negated().unwrap_or(amount);
    let charge = alien("ch", Category::Charge, amount, fee(amount));
    let refund = Line { parent: Some(format!("sim_unknown_{number}")), ..alien("re", Category::Refund, minus, 0) };
    let adjustment = alien("adj", Category::Adjustment, minus, 0);
    planted.push(Planted::new(BreakKind::MissingHere, &charge.id));
    planted.push(Planted::new(BreakKind::OrphanRefund, &refund.id));
    planted.push(Planted::new(BreakKind::MissingHere, &adjustment.id));
    vec![charge, refund, adjustment]
}

/// Until when the statement of each currency goes on, by lines of payouts in which nothing is planted: those sent after a day, which arrive
/// on it or later, so that they stay. Before its statement goes on, what is not there may only be late.
fn told_until(sheets: &Sheets, last: NaiveDate) -> BTreeMap<Currency, NaiveDate> {
    let mut until = BTreeMap::new();
    for payout in sheets.payouts.iter().filter(|payout| payout.sent_on > last) {
        let line = sheets.bank.iter().find(|line| line.text.ends_with(&payout.id));
        if let Some(line) = line {
            let day = until.entry(payout.amount.currency()).or_insert(line.on);
            *day = line.on.max(*day);
        }
    }
    until
}

/// Plants in payouts and in the bank's lines.
pub(super) fn in_payouts(sheets: &mut Sheets, chance: Chance, what: &SettlementFiles) -> Vec<Planted> {
    let (mut planted, mut taken) = (Vec::new(), Vec::<String>::new());
    let Some(last) = what.through.checked_sub_days(MARGIN) else { return planted };
    let told_until = told_until(sheets, last);
    for number in 0..what.plant {
        let mut pick = |sheets: &Sheets, purpose: &str| {
            let goes_on = |payout: &super::Payout| {
                let until = told_until.get(&payout.amount.currency()).and_then(|until| until.checked_sub_days(GOES_ON));
                until.is_some_and(|until| payout.arrives_on <= until)
            };
            let fits = |payout: &&super::Payout| {
                payout.sent_on <= last && payout.amount.minor() > 1_000 && goes_on(payout) && !taken.contains(&payout.id)
            };
            let free: Vec<String> = sheets.payouts.iter().filter(fits).map(|payout| payout.id.clone()).collect();
            let count = u64::try_from(free.len()).ok().filter(|count| *count > 0)?;
            let id = free.get(usize::try_from(chance.pick(purpose, number, 1, count)).ok()?)?.clone();
            taken.push(id.clone());
            Some(id)
        };
        let line_of = |sheets: &Sheets, id: &str| sheets.bank.iter().position(|line| line.text.ends_with(id));
        if let Some(id) = pick(sheets, "unproven")
            && let (Some(line), Some(payout)) = (line_of(sheets, &id), sheets.payouts.iter_mut().find(|payout| payout.id == id))
        {
            // The provider kept something that no line tells of.
            payout.amount = Money::new(payout.amount.minor() - 500, payout.amount.currency());
            sheets.bank[line].amount = payout.amount;
            planted.push(Planted::new(BreakKind::PayoutUnproven, &id));
        }
        if let Some(id) = pick(sheets, "not on bank")
            && let Some(line) = line_of(sheets, &id)
        {
            sheets.bank.remove(line);
            planted.push(Planted::new(BreakKind::PayoutNotOnBank, &id));
        }
        if let Some(id) = pick(sheets, "stray")
            && let Some(line) = line_of(sheets, &id)
        {
            let like = &sheets.bank[line];
            // A prime number of minor units that no payout has.
            let amount = Money::new(7_919_003 + i64::try_from(number).unwrap_or_default(), like.amount.currency());
            let stray = BankEntry { id: format!("bl-stray-{number}"), amount, on: like.on, text: "SIMPAY CORRECTION".to_owned() };
            planted.push(Planted::new(BreakKind::BankLineWithoutPayout, &format!("KASA-{}/{}", amount.currency(), stray.id)));
            sheets.bank.push(stray);
        }
        let first = pick(sheets, "merged");
        let next = first.as_ref().and_then(|first| following(sheets, first, &taken));
        if let (Some(first), Some(next)) = (first, next) {
            taken.push(next.clone());
            planted.extend(merge(sheets, &first, &next, number));
        }
    }
    planted
}

/// The payout after another one, in its currency.
fn following(sheets: &Sheets, first: &str, taken: &[String]) -> Option<String> {
    let first = sheets.payouts.iter().find(|payout| payout.id == first)?;
    let later = |payout: &&super::Payout| payout.amount.currency() == first.amount.currency() && payout.sent_on > first.sent_on;
    let next = sheets.payouts.iter().filter(later).min_by_key(|payout| payout.sent_on)?;
    (next.amount.is_positive() && !taken.contains(&next.id)).then(|| next.id.clone())
}

/// The bank has two payouts on one line.
fn merge(sheets: &mut Sheets, first: &str, next: &str, number: u64) -> Vec<Planted> {
    let lines: Vec<usize> = [first, next].iter().filter_map(|id| sheets.bank.iter().position(|line| line.text.ends_with(id))).collect();
    let [one, other] = lines.as_slice() else { return Vec::new() };
    let (one, other) = (*one.min(other), *one.max(other));
    let (later, earlier) = (sheets.bank.remove(other), sheets.bank.remove(one));
    let Ok(amount) = earlier.amount.plus(later.amount) else { return Vec::new() };
    let on = earlier.on.max(later.on);
    let merged = BankEntry { id: format!("bl-merged-{number}"), amount, on, text: "SIMPAY PAYOUTS".to_owned() };
    let about = format!("KASA-{}/{}", amount.currency(), merged.id);
    sheets.bank.push(merged);
    let missing = [first, next].map(|id| Planted::new(BreakKind::PayoutNotOnBank, id));
    missing.into_iter().chain([Planted::new(BreakKind::BankLineWithoutPayout, &about)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::settlement::Source;

    /// A payout with its line on the bank.
    fn paid_out(sheets: &mut Sheets, code: &str, sent: &str, arrives: &str) {
        let (sent_on, arrives_on, amount) = (sent.parse().unwrap(), arrives.parse().unwrap(), format!("20.000 {code}").parse().unwrap());
        let id = format!("po_{sent}_{code}");
        sheets.bank.push(BankEntry { id: format!("bl-{id}"), amount, on: arrives_on, text: format!("PAYOUT {id}") });
        sheets.payouts.push(super::super::Payout { id, amount, sent_on, arrives_on });
    }

    /// A statement that ends a day later does not tell that a payout is missing.
    #[test]
    fn nothing_is_planted_where_a_statement_does_not_go_on() {
        let what = SettlementFiles {
            through: "2026-10-31".parse().unwrap(),
            seed: 1,
            plant: 2,
            shape: Source::StripePayouts,
            out: std::path::PathBuf::new(),
        };
        let mut sheets = Sheets::default();
        paid_out(&mut sheets, "KWD", "2026-10-07", "2026-10-08");
        paid_out(&mut sheets, "KWD", "2026-10-08", "2026-10-09");
        assert_eq!(in_payouts(&mut sheets, Chance::new(1), &what), []);
        paid_out(&mut sheets, "KWD", "2026-10-19", "2026-10-20");
        assert_ne!(in_payouts(&mut sheets, Chance::new(1), &what), []);
        assert!(sheets.bank.iter().any(|line| line.on == "2026-10-20".parse().unwrap()), "the line that shows it stays");
    }
}
