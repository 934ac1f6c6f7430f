//! Payouts that were known from a part of their lines, when more of them is told.
//!
//! A report that tells only what was in a payout makes it the sum of its lines, and books that. When the next part of the report comes, the
//! payout has grown; when the provider says what it is, that takes the place of the sum, unless the bank has another amount.
//! What was stored stays: another movement of ours brings the difference, on the day of the first.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::NaiveTime;

use super::super::db::{Row, Tx, Value};
use super::super::error::StoreError;
use super::super::sums;
use super::outcome::{Contradiction, Why};
use crate::domain::money::{Currency, Money};
use crate::domain::settlement::{Category, Movement};
use crate::values;

crate::statements! {
    /// Movements that are these payouts themselves, whatever they are called, and where the payout's amount is known from.
    KNOWN_SENT = same(
        "select m.reference, m.category, m.gross_minor, m.fee_minor, m.currency, m.movement_id, p.amount_from from provider_movements m \
         left join provider_payouts p on p.provider = m.provider and p.payout_id = m.reference \
         where m.provider = $1 and m.reference {in:$2} and m.category in ('payout', 'payout_failure') order by m.movement_id"
    );
    /// Those of these payouts that an earlier import has made of their lines.
    DERIVED = same(
        "select payout_id, currency, sent_on from provider_payouts where provider = $1 and payout_id {in:$2} and amount_from = 'derived' \
         and import_id <> $3 order by payout_id"
    );
    /// What is known to have been in them.
    LINES = same(concat!(
        "select l.payout_id, ", halves!("m.net_minor"), " from payout_lines l \
         join provider_movements m on m.provider = l.provider and m.movement_id = l.movement_id \
         where l.provider = $1 and l.payout_id {in:$2} and m.category not in ('payout', 'payout_failure') \
         group by l.payout_id order by l.payout_id"
    ));
    /// Which of them the bank has, with the amount that was known then.
    ON_BANK = same("select payout_id from payout_receipts where provider = $1 and payout_id {in:$2} and what = 'received' order by payout_id");
}

/// A payout that left or came back: its id and the category.
pub(super) type SentKey = (String, String);

/// Which payout a movement is itself, where it is one.
pub(super) fn sent_key(movement: &Movement) -> Option<SentKey> {
    let is_one = matches!(movement.category, Category::Payout | Category::PayoutFailure);
    movement.reference.clone().filter(|_| is_one).map(|reference| (reference, movement.category.tag().to_owned()))
}

/// All that is stored of a payout's leaving, or of its coming back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    gross: i128,
    fee: i128,
    currency: String,
    /// How many movements it is.
    movements: usize,
    /// Whether it was made of its lines.
    is_derived: bool,
    /// Whether the provider itself has said what it is.
    is_stated: bool,
}

/// What a movement that is a payout is to what is stored of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    /// The same, or the sum of a part of its lines.
    Known,
    /// What the provider says of one that was made of its lines.
    Whole,
    /// Another amount.
    Other,
}

impl Sent {
    /// One that was not there before.
    pub(super) fn first(movement: &Movement) -> Self {
        Self {
            gross: movement.gross_minor.into(),
            fee: movement.fee_minor.into(),
            currency: movement.currency.code().to_owned(),
            movements: 1,
            is_derived: false,
            is_stated: true,
        }
    }

    /// Tells that the payout was made of its lines, by the movement of this id.
    pub(super) fn derived(&mut self, payout: &str, id: &str) {
        (self.is_derived, self.is_stated) = (true, !is_named_like(payout, id));
    }

    /// What another movement of the same payout is. One that is called like its payout is the sum of some lines.
    pub(super) fn is(&self, told: &Movement, is_stored: bool) -> Is {
        let same = (self.gross, self.fee) == (told.gross_minor.into(), told.fee_minor.into());
        let is_payout = told.category == Category::Payout && self.currency == told.currency.code();
        let is_sum = told.reference.as_ref() == Some(&told.id) && (self.is_derived || !is_stored);
        match (same && self.currency == told.currency.code(), is_payout) {
            (true, _) => Is::Known,
            (false, true) if is_sum => Is::Known,
            (false, true) if self.is_derived && !self.is_stated && (self.fee, told.fee_minor) == (0, 0) => Is::Whole,
            _ => Is::Other,
        }
    }
}

/// Whether a movement has the name that those have which are made here.
fn is_named_like(payout: &str, id: &str) -> bool {
    id.strip_prefix(payout).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What is stored of these payouts.
pub(super) async fn known_sent(tx: &mut Tx, provider: &str, payouts: &[String]) -> Result<HashMap<SentKey, Sent>, StoreError> {
    let mut known: HashMap<SentKey, Sent> = HashMap::new();
    if payouts.is_empty() {
        return Ok(known);
    }
    for row in tx.fetch_all(&KNOWN_SENT, &values![provider, Value::texts(payouts.iter().map(String::as_str))]).await? {
        let (payout, category, id) = (row.text_at(0)?, row.text_at(1)?, row.str_at(5)?);
        let is_derived = row.opt_str_at(6)? == Some("derived");
        let is_ours = is_derived && is_named_like(&payout, id);
        let (gross, fee) = (i128::from(row.int_at(2)?), i128::from(row.int_at(3)?));
        let empty = Sent { gross: 0, fee: 0, currency: row.text_at(4)?, movements: 0, is_derived, is_stated: false };
        let sent = known.entry((payout, category)).or_insert(empty);
        (sent.gross, sent.fee, sent.movements) = (sent.gross + gross, sent.fee + fee, sent.movements + 1);
        sent.is_stated |= !is_ours;
    }
    Ok(known)
}

/// What an import has told of payouts that were known from a part of their lines.
#[derive(Debug, Default)]
pub(super) struct Wholes {
    /// Payouts of which lines came that were in none before.
    grown: BTreeSet<String>,
    /// What the provider says that they are, with the place.
    told: BTreeMap<String, (u64, Movement)>,
}

/// What is told by a file that is only looked at, and so not found in the database.
#[derive(Debug, Default)]
pub(super) struct Unstored {
    /// By payout, how many movements were in it, and what they make.
    pub lines: HashMap<String, (u64, i128)>,
    /// Movements that are payouts themselves.
    pub sent: HashMap<SentKey, Sent>,
}

/// What an import has to store more.
pub(super) struct Settled {
    /// With their lines of the file; none for ours.
    pub movements: Vec<(u64, Movement)>,
    /// With the lines of the file.
    pub contradictions: Vec<(u64, Contradiction)>,
}

impl Wholes {
    pub(super) fn has_grown(&mut self, payout: &str) {
        if !self.grown.contains(payout) {
            self.grown.insert(payout.to_owned());
        }
    }

    /// Remembers what the provider says; whether it has said nothing else in this import.
    pub(super) fn is_told(&mut self, line: u64, movement: &Movement) -> bool {
        let payout = movement.reference.clone().unwrap_or_default();
        let (_, first) = self.told.entry(payout).or_insert_with(|| (line, movement.clone()));
        first.gross_minor == movement.gross_minor
    }

    /// Holds all of it against the lines that are known now, and against the bank.
    pub(super) async fn settled(&self, tx: &mut Tx, provider: &str, import: &str, unstored: &Unstored) -> Result<Settled, StoreError> {
        let mut settled = Settled { movements: Vec::new(), contradictions: Vec::new() };
        let payouts: Vec<String> = self.grown.iter().chain(self.told.keys()).cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let list = Value::texts(payouts.iter().map(String::as_str));
        let derived = if payouts.is_empty() { Vec::new() } else { tx.fetch_all(&DERIVED, &values![provider, list, import]).await? };
        if derived.is_empty() {
            return Ok(settled);
        }
        let payouts = derived.iter().map(|row| row.text_at(0)).collect::<Result<Vec<_>, _>>()?;
        let asked = || [Value::from(provider), Value::texts(payouts.iter().map(String::as_str))];
        let mut lines = HashMap::new();
        for row in tx.fetch_all(&LINES, &asked()).await? {
            lines.insert(row.text_at(0)?, sums::exact(&row, 1)?);
        }
        for payout in &payouts {
            if let Some((_, net)) = unstored.lines.get(payout) {
                *lines.entry(payout.clone()).or_default() += net;
            }
        }
        let rows = tx.fetch_all(&ON_BANK, &asked()).await?;
        let on_bank = rows.iter().map(|row| row.text_at(0)).collect::<Result<HashSet<_>, _>>()?;
        let sent = known_sent(tx, provider, &payouts).await?;
        for row in &derived {
            let payout = row.text_at(0)?;
            let key = (payout.clone(), Category::Payout.tag().to_owned());
            let Some(sent) = sent.get(&key).or_else(|| unstored.sent.get(&key)) else { continue };
            let in_it = lines.get(&payout).copied().unwrap_or_default();
            let is_on_bank = on_bank.contains(&payout);
            match self.told.get(&payout) {
                // Money came there, and not as much as the provider says now.
                Some((line, told)) if is_on_bank => {
                    let known = i64::try_from(-sent.gross).ok();
                    let known = known.map(|minor| Money::new(minor, told.currency));
                    let contradiction = Contradiction { at: 0, what: "payout", id: payout, why: Why::OnBank(known) };
                    settled.contradictions.push((*line, contradiction));
                }
                // What the provider says is what left; where its lines make something else, that is a break, whichever of them came first.
                Some((line, told)) => {
                    settled.movements.push((0, more(row, provider, &payout, sent, -sent.gross)?));
                    settled.movements.push((*line, told.clone()));
                }
                // What the bank has is what it is: lines that say otherwise are a break.
                None if sent.is_stated || is_on_bank || -in_it == sent.gross => {}
                None => settled.movements.push((0, more(row, provider, &payout, sent, -in_it - sent.gross)?)),
            }
        }
        Ok(settled)
    }
}

/// What a payout has left more than was known, as a movement of ours; what was known too much is positive.
fn more(row: &Row, provider: &str, payout: &str, sent: &Sent, gross: i128) -> Result<Movement, StoreError> {
    let currency = Currency::parse(row.str_at(1)?).map_err(|_| row.corrupt("currency", "is not a currency"))?;
    let too_large =
        || StoreError::SumTooLarge { what: format!("the sum of the lines of payout {payout}"), provider: provider.to_owned(), currency };
    // Neither what is added nor what it is then.
    i64::try_from(sent.gross + gross).map_err(|_| too_large())?;
    let gross_minor = i64::try_from(gross).map_err(|_| too_large())?;
    Ok(Movement {
        id: format!("{payout}/{}", sent.movements + 1),
        category: Category::Payout,
        raw_category: Category::Payout.tag().to_owned(),
        reference: Some(payout.to_owned()),
        parent_reference: None,
        our_reference: None,
        payout: None,
        currency,
        gross_minor,
        fee_minor: 0,
        net_minor: gross_minor,
        occurred_at: row.date_at(2)?.and_time(NaiveTime::MIN).and_utc(),
        available_on: None,
    })
}
