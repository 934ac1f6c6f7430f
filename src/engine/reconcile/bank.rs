//! Legs two and three, and the second equation: payouts against their lines, and against the bank.

use std::collections::{BTreeMap, HashMap};

use chrono::{Days, NaiveDate};
use sha2::{Digest, Sha256};

use super::report::{Input, PayoutProof};
use super::{ReconcileError, fitting};
use crate::domain::money::{Currency, Money};
use crate::domain::reconcile::{BANK_DAYS, BreakKind, bank_days_after};
use crate::domain::settlement::{self, AmountFrom};
use crate::store::db::Tx;
use crate::store::settlement::Fresh;
use crate::store::{reconcile, sums};
use crate::values;

/// Days after a payout was to arrive in which its amount on the bank is taken for it.
const LATE: Days = Days::new(7);
/// What `payout_receipts` calls the two.
pub(super) const RECEIVED: &str = "received";
pub(super) const RETURNED: &str = "returned";
/// So many payouts are tried for one line.
const CANDIDATES_MAX: usize = 16;

/// A payout.
#[derive(Debug, Clone)]
pub(super) struct Payout {
    pub id: String,
    pub amount: Money,
    pub sent_on: NaiveDate,
    pub arrives_on: NaiveDate,
    pub bank_reference: Option<String>,
    pub lines: u64,
    pub net: Option<Money>,
    pub came_back: bool,
    /// When the provider had it again.
    pub failed_on: Option<NaiveDate>,
    /// The line with which it came to the bank.
    pub on_bank: Option<Place>,
    /// The line with which it left the bank again.
    pub returned: Option<Place>,
}

/// Where something stands on the bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Account and line.
    pub line: (String, String),
    /// Whether somebody has said so, or an earlier run.
    pub was_known: bool,
}

impl Place {
    fn known(line: (String, String)) -> Self {
        Self { line, was_known: true }
    }
}

/// A line of the bank.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub account: String,
    pub id: String,
    pub amount: Money,
    pub booked_on: NaiveDate,
    pub reference: Option<String>,
    pub is_taken: bool,
}

impl Line {
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.account, self.id)
    }
}

/// A difference of these legs.
#[derive(Debug, Clone)]
pub(super) struct BankFound {
    pub kind: BreakKind,
    /// `payout:…` or `bank:…`.
    pub subject: String,
    pub since: NaiveDate,
    pub ours: Option<Money>,
    pub theirs: Option<Money>,
    pub their_id: String,
}

/// Lines by currency and minor units, the oldest first.
type ByAmount = BTreeMap<(Currency, i64), Vec<usize>>;

/// Both legs.
#[derive(Debug)]
pub(super) struct Bank {
    pub payouts: Vec<Payout>,
    pub lines: Vec<Line>,
    /// Until when the statements of a currency go.
    until: HashMap<Currency, NaiveDate>,
    pub inputs: [Input; 2],
}

/// A payout as it was told.
struct ToldPayout {
    id: String,
    /// What the row says.
    amount: Money,
    is_derived: bool,
    /// What has left for it, of one that was made of its lines.
    booked: Option<i128>,
    sent_on: NaiveDate,
    arrives_on: NaiveDate,
    bank_reference: Option<String>,
}

/// What is stored of payouts and of the bank.
pub(super) struct BankRows {
    /// How many movements were in a payout, and what they make.
    in_them: HashMap<String, (u64, i128)>,
    failed: HashMap<String, NaiveDate>,
    matched: HashMap<(String, String), Place>,
    payouts: Vec<ToldPayout>,
    lines: Vec<Line>,
    until: HashMap<Currency, NaiveDate>,
}

/// Reads payouts and lines.
pub(super) async fn read(tx: &mut Tx, provider: &str, through: NaiveDate) -> Result<BankRows, ReconcileError> {
    let mut in_them = HashMap::new();
    for row in tx.fetch_all(&reconcile::PAYOUT_LINES, &values![provider]).await? {
        let net = sums::exact(&row, 2)?;
        in_them.insert(row.text_at(0)?, (u64::try_from(row.int_at(1)?).unwrap_or_default(), net));
    }
    let mut failed = HashMap::new();
    for row in tx.fetch_all(&reconcile::FAILED_PAYOUTS, &values![provider, through]).await? {
        failed.insert(row.text_at(0)?, row.date_at(1)?);
    }
    let mut matched = HashMap::new();
    for row in tx.fetch_all(&reconcile::MATCHED, &values![provider]).await? {
        matched.insert((row.text_at(0)?, row.text_at(1)?), Place::known((row.text_at(2)?, row.text_at(3)?)));
    }
    let mut payouts = Vec::new();
    for row in tx.fetch_all(&reconcile::PAYOUTS, &values![provider, through]).await? {
        payouts.push(ToldPayout {
            id: row.text_at(0)?,
            amount: Money::new(row.int_at(1)?, reconcile::currency(&row, 2)?),
            sent_on: row.date_at(3)?,
            arrives_on: row.date_at(4)?,
            bank_reference: row.opt_text_at(5)?,
            booked: row.opt_int_at(6)?.map(|_| sums::exact(&row, 6)).transpose()?,
            is_derived: row.str_at(8)? == "derived",
        });
    }
    let mut lines = Vec::new();
    for row in tx.fetch_all(&reconcile::BANK_LINES, &values![provider, through]).await? {
        let amount = Money::new(row.int_at(2)?, reconcile::currency(&row, 3)?);
        let (account, id, booked_on) = (row.text_at(0)?, row.text_at(1)?, row.date_at(4)?);
        lines.push(Line { account, id, amount, booked_on, reference: row.opt_text_at(5)?, is_taken: false });
    }
    let mut until = HashMap::new();
    for row in tx.fetch_all(&reconcile::STATEMENTS_UNTIL, &[]).await? {
        until.insert(reconcile::currency(&row, 0)?, row.date_at(1)?);
    }
    Ok(BankRows { in_them, failed, matched, payouts, lines, until })
}

impl BankRows {
    /// Adds what a file would bring that is not stored.
    pub(super) fn add(&mut self, fresh: &Fresh, through: NaiveDate) {
        for (payout, (lines, net)) in &fresh.lines {
            let sum = self.in_them.entry(payout.clone()).or_default();
            *sum = (sum.0 + lines, sum.1 + net);
        }
        for (payout, on) in fresh.failed.iter().filter(|(_, on)| *on <= through) {
            let first = self.failed.entry(payout.clone()).or_insert(*on);
            *first = (*first).min(*on);
        }
        let told = |payout: &settlement::Payout| ToldPayout {
            id: payout.id.clone(),
            amount: payout.amount,
            is_derived: payout.amount_from == AmountFrom::Derived,
            booked: None,
            sent_on: payout.sent_on,
            arrives_on: payout.arrives_on,
            bank_reference: payout.bank_reference.clone(),
        };
        self.payouts.extend(fresh.payouts.iter().filter(|payout| payout.sent_on <= through).map(told));
        self.payouts.sort_by(|left, right| left.id.cmp(&right.id));
        for payout in self.payouts.iter_mut().filter(|payout| payout.is_derived) {
            if let Some(more) = fresh.sent.get(&payout.id) {
                payout.booked = Some(payout.booked.unwrap_or_default() + more);
            }
        }
    }

    /// Matches payouts with lines.
    pub(super) fn matched(self, provider: &str) -> Result<Bank, ReconcileError> {
        let Self { in_them, failed, mut matched, payouts: told, lines, until } = self;
        let mut sha = [Sha256::new(), Sha256::new()];
        let mut payouts = Vec::with_capacity(told.len());
        for ToldPayout { id, amount, is_derived, booked, sent_on, arrives_on, bank_reference } in told {
            let (sum, currency) = (in_them.get(&id).copied(), amount.currency());
            let net =
                sum.map(|(_, net)| fitting(net, currency, provider, || format!("the sum of the lines of payout {id}"))).transpose()?;
            // Of a store's month more lines may be known than when its payout was: that is their sum, whatever it was then.
            let amount = match (booked, net) {
                (Some(booked), _) => fitting(-booked, currency, provider, || format!("what was booked of payout {id}"))?,
                (None, Some(net)) if is_derived => net,
                _ => amount,
            };
            sha[0].update(format!("{id}\0{amount}\0{sum:?}\0{}\0", failed.contains_key(&id)));
            payouts.push(Payout {
                amount,
                sent_on,
                arrives_on,
                bank_reference,
                lines: sum.map_or(0, |(lines, _)| lines),
                net,
                came_back: failed.contains_key(&id),
                failed_on: failed.get(&id).copied(),
                on_bank: matched.remove(&(id.clone(), RECEIVED.to_owned())),
                returned: matched.remove(&(id.clone(), RETURNED.to_owned())),
                id,
            });
        }
        for Line { account, id, amount, booked_on, .. } in &lines {
            sha[1].update(format!("{account}\0{id}\0{amount}\0{booked_on}\0"));
        }
        let [payouts_sha, lines_sha] = sha.map(|sha| format!("{:x}", sha.finalize()));
        let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
        let inputs = [
            Input { what: "payouts".to_owned(), rows: count(payouts.len()), digest: payouts_sha },
            Input { what: "bank lines".to_owned(), rows: count(lines.len()), digest: lines_sha },
        ];
        let mut bank = Bank { payouts, lines, until, inputs };
        bank.match_lines();
        Ok(bank)
    }
}

impl Bank {
    /// Finds each payout's line: the one that was confirmed, the one that carries its reference, or the first of its amount in the days
    /// in which it is expected. Payouts of one amount are taken in the order of their days, and so are lines.
    fn match_lines(&mut self) {
        let places: HashMap<(String, String), usize> =
            self.lines.iter().enumerate().map(|(at, line)| ((line.account.clone(), line.id.clone()), at)).collect();
        for place in self.payouts.iter().flat_map(|payout| payout.on_bank.iter().chain(&payout.returned)) {
            if let Some(at) = places.get(&place.line) {
                self.lines[*at].is_taken = true;
            }
        }
        let mut order: Vec<usize> = (0..self.payouts.len()).collect();
        order.sort_by(|left, right| {
            let key = |at: &usize| (self.payouts[*at].sent_on, self.payouts[*at].id.clone());
            key(left).cmp(&key(right))
        });
        let mut by_amount = ByAmount::new();
        for (at, line) in self.lines.iter().enumerate() {
            by_amount.entry((line.amount.currency(), line.amount.minor())).or_default().push(at);
        }
        for lines in by_amount.values_mut() {
            lines.sort_by_key(|at| (self.lines[*at].booked_on, self.lines[*at].name()));
        }
        for by_reference in [true, false] {
            for at in &order {
                if self.payouts[*at].came_back {
                    self.match_both_ways(*at, by_reference, &by_amount);
                } else if self.payouts[*at].on_bank.is_none() {
                    let found = self.arrival(&self.payouts[*at], by_reference, &by_amount);
                    self.payouts[*at].on_bank = found.map(|line| self.take(line));
                }
            }
        }
    }

    /// A payout that came back reached the bank only if it left it again: else another payout's line would be taken for its own.
    fn match_both_ways(&mut self, at: usize, by_reference: bool, by_amount: &ByAmount) {
        let payout = &self.payouts[at];
        if payout.returned.is_some() {
            return;
        }
        let arrival = match &payout.on_bank {
            Some(place) => self.lines.iter().position(|line| (&line.account, &line.id) == (&place.line.0, &place.line.1)),
            None => self.arrival(payout, by_reference, by_amount),
        };
        let Some(arrival) = arrival else { return };
        let since = self.lines[arrival].booked_on;
        let back = (payout.amount.currency(), payout.amount.minor().saturating_neg());
        let same = by_amount.get(&back).map(Vec::as_slice).unwrap_or_default();
        let returned = same.iter().copied().find(|line| {
            let line = &self.lines[*line];
            !line.is_taken && line.booked_on >= since && (!by_reference || payout.carried_by(line))
        });
        let Some(returned) = returned else { return };
        if self.payouts[at].on_bank.is_none() {
            self.payouts[at].on_bank = Some(self.take(arrival));
        }
        self.payouts[at].returned = Some(self.take(returned));
    }

    /// The line with which a payout came to the bank.
    fn arrival(&self, payout: &Payout, by_reference: bool, by_amount: &ByAmount) -> Option<usize> {
        let latest = payout.arrives_on.checked_add_days(LATE).unwrap_or(payout.arrives_on);
        let same = by_amount.get(&(payout.amount.currency(), payout.amount.minor())).map(Vec::as_slice).unwrap_or_default();
        same.iter().copied().find(|line| {
            let line = &self.lines[*line];
            let is_it = if by_reference { payout.carried_by(line) } else { line.booked_on <= latest };
            !line.is_taken && line.booked_on >= payout.sent_on && is_it
        })
    }

    fn take(&mut self, line: usize) -> Place {
        let line = &mut self.lines[line];
        line.is_taken = true;
        Place { line: (line.account.clone(), line.id.clone()), was_known: false }
    }

    /// What differs, payouts first.
    pub(super) fn found(&self, through: NaiveDate) -> Vec<BankFound> {
        let of_payouts = self.payouts.iter().flat_map(|payout| self.of_payout(payout, through));
        let lines = self.lines.iter().filter(|line| !line.is_taken);
        let of_lines = lines.map(|line| BankFound {
            kind: BreakKind::BankLineWithoutPayout,
            subject: format!("bank:{}", line.name()),
            since: line.booked_on,
            ours: None,
            theirs: Some(line.amount),
            their_id: line.name(),
        });
        of_payouts.chain(of_lines).collect()
    }

    fn of_payout(&self, payout: &Payout, through: NaiveDate) -> Vec<BankFound> {
        let found = |kind, subject: String, since, theirs| BankFound {
            kind,
            subject,
            since,
            ours: Some(payout.amount),
            theirs,
            their_id: payout.id.clone(),
        };
        let mut all = Vec::new();
        if let Some(net) = payout.net.filter(|net| *net != payout.amount) {
            all.push(found(BreakKind::PayoutUnproven, format!("payout lines:{}", payout.id), payout.sent_on, Some(net)));
        }
        if payout.on_bank.is_none() && !payout.came_back && !payout.amount.is_zero() {
            let kind = if self.is_on_its_way(payout, through) { BreakKind::Timing } else { BreakKind::PayoutNotOnBank };
            all.push(found(kind, format!("payout:{}", payout.id), payout.sent_on, None));
        }
        // The provider has it again, and the bank has not given it back: the line may be another payout's.
        if payout.came_back && payout.on_bank.is_some() && payout.returned.is_none() && !payout.amount.is_zero() {
            let since = payout.failed_on.unwrap_or(payout.sent_on);
            let kind = if self.may_come_yet(payout, since, through) { BreakKind::Timing } else { BreakKind::PayoutUnproven };
            let back = found(kind, format!("payout back:{}", payout.id), since, Some(payout.amount));
            all.push(BankFound { ours: None, ..back });
        }
        all
    }

    /// The second equation of each payout.
    pub(super) fn proofs(&self, through: NaiveDate) -> Vec<PayoutProof> {
        self.payouts.iter().map(|payout| self.proof(payout, through)).collect()
    }

    /// Whether a payout cannot be expected on the bank's statements yet.
    fn is_on_its_way(&self, payout: &Payout, through: NaiveDate) -> bool {
        self.may_come_yet(payout, payout.arrives_on, through)
    }

    /// Whether what the bank does about a payout from a day on cannot be expected on its statements yet.
    fn may_come_yet(&self, payout: &Payout, from: NaiveDate, through: NaiveDate) -> bool {
        let told_until = self.until.get(&payout.amount.currency()).copied().unwrap_or(NaiveDate::MIN);
        bank_days_after(from, BANK_DAYS) > through.min(told_until)
    }

    fn proof(&self, payout: &Payout, through: NaiveDate) -> PayoutProof {
        let place = payout.on_bank.as_ref().map(|place| &place.line);
        let line = place.and_then(|(account, id)| self.lines.iter().find(|line| line.account == *account && line.id == *id));
        let shares = self.payouts.iter().filter(|other| other.on_bank.as_ref().map(|place| &place.line) == place).count() > 1;
        let stands = match (payout.came_back, payout.on_bank.is_some()) {
            (true, true) if payout.returned.is_none() => "came back, and is on the bank still",
            (true, _) => "came back",
            (false, true) => "on the bank",
            (false, false) if self.is_on_its_way(payout, through) => "in transit",
            (false, false) => "not on the bank",
        };
        PayoutProof {
            payout: payout.id.clone(),
            sent_on: payout.sent_on,
            arrives_on: payout.arrives_on,
            amount: payout.amount,
            lines: payout.lines,
            lines_net: payout.net,
            residual: payout.net.and_then(|net| net.minus(payout.amount).ok()),
            bank_line: line.map(Line::name),
            bank_residual: line.filter(|_| !shares).and_then(|line| line.amount.minus(payout.amount).ok()),
            stands: stands.to_owned(),
        }
    }

    /// Payouts that together are a line which is nobody's, oldest first: as few of them as do.
    pub(super) fn candidates(&self, line: &Line) -> Option<Vec<String>> {
        let earliest = line.booked_on.checked_sub_days(Days::new(14)).unwrap_or(line.booked_on);
        let mut open: Vec<&Payout> = self
            .payouts
            .iter()
            .filter(|payout| payout.on_bank.is_none() && !payout.came_back && payout.amount.currency() == line.amount.currency())
            .filter(|payout| (earliest..=line.booked_on).contains(&payout.sent_on))
            .collect();
        open.sort_by(|left, right| (left.sent_on, &left.id).cmp(&(right.sent_on, &right.id)));
        open.truncate(CANDIDATES_MAX);
        let amounts: Vec<i128> = open.iter().map(|payout| payout.amount.minor().into()).collect();
        let subsets = 1_u32 << amounts.len();
        let sum = |mask: u32| amounts.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0).map(|(_, minor)| *minor).sum::<i128>();
        let best = (1..subsets)
            .filter(|mask| mask.count_ones() > 1 && sum(*mask) == i128::from(line.amount.minor()))
            .min_by_key(|mask| (mask.count_ones(), *mask))?;
        Some(open.iter().enumerate().filter(|(at, _)| best & (1 << at) != 0).map(|(_, payout)| payout.id.clone()).collect())
    }
}

impl Payout {
    fn carried_by(&self, line: &Line) -> bool {
        let Some(text) = &line.reference else { return false };
        text.contains(&self.id) || self.bank_reference.as_ref().is_some_and(|reference| !reference.is_empty() && text.contains(reference))
    }
}
