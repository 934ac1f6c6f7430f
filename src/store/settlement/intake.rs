//! Storing what providers and banks tell: in chunks, a fixed number of statements each, each row once.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;

use super::super::binding;
use super::super::db::{Columns, Row, Tx, Value};
use super::super::error::StoreError;
use super::super::rows::micros;
use super::books::{Book, Posted};
use super::gathered::Gathered;
use super::outcome::{Contradiction, Import, Stored};
use super::tables::{BANK_LINES, IMPORTS, MOVEMENTS, PAYOUT_LINES, PAYOUTS, TOTALS};
use super::wholes::{Is, Sent, Settled, Unstored, Wholes, known_sent, sent_key};
use super::{booked_beside, last_reconciled, not_before};
use crate::domain::money::Money;
use crate::domain::settlement::{AmountFrom, BankLine, Category, Movement, Payout, StoreTotal, is_booked};

crate::statements! {
    /// Numbers the imports.
    NEXT_IMPORT = same(
        "insert into number_series (series, next) values ('settlement', 2) \
         on conflict (series) do update set next = number_series.next + 1 returning next - 1 as number"
    );
    /// Whether these bytes were taken before.
    BY_DIGEST = same("select import_id from settlement_imports where digest = $1");
    /// What is stored of these movements.
    KNOWN_MOVEMENTS = same(
        "select movement_id, category, gross_minor, fee_minor, currency, occurred_on, import_id from provider_movements \
         where provider = $1 and movement_id {in:$2}"
    );
    /// Which payouts these movements are known to have been in.
    KNOWN_PAYOUT_LINES = same("select movement_id, payout_id, import_id from payout_lines where provider = $1 and movement_id {in:$2}");
    /// What is stored of these payouts.
    KNOWN_PAYOUTS = same(
        "select payout_id, amount_minor, currency, import_id, amount_from from provider_payouts where provider = $1 and payout_id {in:$2}"
    );
    /// What is stored of these lines.
    KNOWN_BANK_LINES = same(
        "select line_id, amount_minor, currency, import_id from bank_lines where bank_account = $1 and line_id {in:$2}"
    );
    /// What is stored of these totals.
    KNOWN_TOTALS = same(
        "select total_id, share_minor, share_currency, import_id from store_totals where provider = $1 and total_id {in:$2}"
    );
}

/// What `provider_payouts` calls a payout that was made of its lines.
const DERIVED: &str = "derived";

/// What a movement says: category, gross, fee, currency, day.
pub(super) type Told = (String, i64, i64, String, NaiveDate);

/// Amount and currency by id, and the import that brought it.
pub(super) type Amounts = HashMap<String, (i64, String, String)>;

/// Whether two say the same of a movement. What was fetched before its word was known here stays what it was: a person has dealt with it.
pub(super) fn agree(stored: &Told, told: &Told) -> bool {
    let unknown = Category::Unknown.tag();
    let categories_agree = stored.0 == told.0 || stored.0 == unknown || told.0 == unknown;
    categories_agree && (stored.1, stored.2, &stored.3, stored.4) == (told.1, told.2, &told.3, told.4)
}

/// An import that is under way in a transaction.
#[derive(Debug)]
pub struct Intake {
    import: Import,
    id: String,
    stored: Stored,
    rows: u64,
    gathered: Gathered,
    /// Payouts that were known from a part of their lines.
    wholes: Wholes,
    /// Whether nobody else's money was seen in the books.
    is_alone: bool,
}

impl Intake {
    /// Begins an import.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn begin(tx: &mut Tx, import: Import) -> Result<Self, StoreError> {
        let number = tx.fetch_one(&NEXT_IMPORT, &[]).await?.int("number")?;
        let id = format!("si_{number:06}");
        let (stored, wholes) = (Stored::default(), Wholes::default());
        Ok(Self { import, id, stored, rows: 0, gathered: Gathered::default(), wholes, is_alone: false })
    }

    /// The import's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is new so far.
    #[must_use]
    pub const fn stored(&self) -> Stored {
        self.stored
    }

    /// Stores those of a chunk that are new. `lines` are their places in the file.
    ///
    /// # Errors
    /// [`StoreError::AnotherProvider`], [`StoreError::Db`], sums that are too large.
    pub async fn movements(&mut self, tx: &mut Tx, chunk: &[(u64, Movement)]) -> Result<Vec<Contradiction>, StoreError> {
        if !self.is_alone && !chunk.is_empty() {
            must_be_alone(tx, &self.import.provider).await?;
            self.is_alone = true;
        }
        let mut known = known_movements(tx, &self.import.provider, &self.id, chunk).await?;
        let keys: Vec<String> = chunk.iter().filter_map(|(_, movement)| sent_key(movement)).map(|(payout, _)| payout).collect();
        let mut sent = known_sent(tx, &self.import.provider, &keys).await?;
        let (mut found, mut new) = (Vec::new(), Columns::of(&MOVEMENTS));
        for (at, (line, movement)) in chunk.iter().enumerate() {
            self.rows += 1;
            // A payout that is the sum of its lines is dated by its arrival.
            let is_sum = movement.category == Category::Payout && movement.reference.as_ref() == Some(&movement.id);
            if let Some(why) = self.import.ahead(movement.occurred_on(), is_sum) {
                found.push(Contradiction { at, what: "movement", id: movement.id.clone(), why });
                continue;
            }
            let (key, stored) = (sent_key(movement), known.get(&movement.id));
            let told = told(movement);
            let is = match (key.as_ref().and_then(|key| sent.get(key)), stored) {
                (Some(sent), stored) => Some(sent.is(movement, stored.is_some())),
                (None, Some((stored, _))) => Some(if agree(stored, &told) { Is::Known } else { Is::Other }),
                (None, None) => None,
            };
            match is {
                Some(Is::Known) => self.stored.known += 1,
                Some(Is::Whole) if self.wholes.is_told(*line, movement) => {}
                Some(Is::Whole | Is::Other) => {
                    let is_of_this = stored.is_some_and(|(_, is_of_this)| *is_of_this);
                    found.push(Contradiction::new(at, "movement", &movement.id, is_of_this));
                }
                None => {
                    self.add(&mut new, *line, movement)?;
                    sent.extend(key.map(|key| (key, Sent::first(movement))));
                    known.insert(movement.id.clone(), (told, true));
                }
            }
        }
        tx.insert_rows(&new).await?;
        found.extend(self.payout_lines(tx, chunk).await?);
        Ok(found)
    }

    fn add(&mut self, new: &mut Columns, line: u64, movement: &Movement) -> Result<(), StoreError> {
        self.stored.movements += 1;
        let mut cells = new.row();
        cells.text(&self.import.provider).text(&movement.id).int(micros(movement.occurred_at));
        cells.int(movement.gross_minor).int(movement.fee_minor).int(movement.net_minor).int(i64::try_from(line).unwrap_or(i64::MAX));
        cells.date(movement.occurred_on()).opt_date(movement.available_on).text(movement.currency.code());
        cells.text(movement.category.tag()).text(&movement.raw_category).opt_text(movement.reference.as_deref());
        cells.opt_text(movement.parent_reference.as_deref()).opt_text(movement.our_reference.as_deref()).text(&self.id);
        if is_booked(&self.import.provider) { self.gathered.add(&self.import.provider, movement) } else { Ok(()) }
    }

    async fn payout_lines(&mut self, tx: &mut Tx, chunk: &[(u64, Movement)]) -> Result<Vec<Contradiction>, StoreError> {
        let in_payouts = || chunk.iter().enumerate().filter_map(|(at, (_, movement))| Some((at, movement, movement.payout.as_deref()?)));
        if in_payouts().next().is_none() {
            return Ok(Vec::new());
        }
        let ids = in_payouts().map(|(_, movement, _)| movement.id.as_str());
        let mut known = known_payout_lines(tx, &self.import.provider, &self.id, ids).await?;
        let (mut found, mut new) = (Vec::new(), Columns::of(&PAYOUT_LINES));
        for (at, movement, payout) in in_payouts() {
            match known.get(&movement.id) {
                Some((stored, _)) if stored == payout => {}
                Some((_, is_of_this)) => found.push(Contradiction::new(at, "payout of movement", &movement.id, *is_of_this)),
                None => {
                    new.row().text(&self.import.provider).text(&movement.id).text(payout).text(&self.id);
                    self.stored.payout_lines += 1;
                    if sent_key(movement).is_none() {
                        self.wholes.has_grown(payout);
                    }
                    known.insert(movement.id.clone(), (payout.to_owned(), true));
                }
            }
        }
        tx.insert_rows(&new).await?;
        Ok(found)
    }

    /// Stores those of a chunk that are new.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn payouts(&mut self, tx: &mut Tx, chunk: &[Payout]) -> Result<Vec<Contradiction>, StoreError> {
        let KnownPayouts { amounts: mut known, derived } = known_payouts(tx, &self.import.provider, chunk).await?;
        let (mut found, mut new) = (Vec::new(), Columns::of(&PAYOUTS));
        for (at, payout) in chunk.iter().enumerate() {
            self.rows += 1;
            let is_sum = payout.amount_from == AmountFrom::Derived || derived.contains(&payout.id);
            if let Some(why) = self.import.ahead(payout.arrives_on, true) {
                found.push(Contradiction { at, what: "payout", id: payout.id.clone(), why });
                continue;
            }
            // What is made of lines is as much as they are; whether it may be what is told now, its movement says.
            if is_sum && known.get(&payout.id).is_some_and(|(_, currency, _)| currency == payout.amount.currency().code()) {
                self.stored.known += 1;
                continue;
            }
            if !self.is_new(&mut known, &payout.id, payout.amount, at, "payout", &mut found) {
                continue;
            }
            self.stored.payouts += 1;
            let from = match payout.amount_from {
                AmountFrom::Stated => "stated",
                AmountFrom::Derived => DERIVED,
            };
            let mut cells = new.row();
            cells.text(&self.import.provider).text(&payout.id).int(payout.amount.minor()).date(payout.sent_on).date(payout.arrives_on);
            cells.text(payout.amount.currency().code()).text(from).opt_text(payout.bank_reference.as_deref()).text(&self.id);
        }
        tx.insert_rows(&new).await?;
        Ok(found)
    }

    /// Stores those of a chunk that are new. They are of one account.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn bank_lines(&mut self, tx: &mut Tx, chunk: &[BankLine]) -> Result<Vec<Contradiction>, StoreError> {
        let (mut found, mut new) = (Vec::new(), Columns::of(&BANK_LINES));
        let mut accounts: BTreeMap<&str, Vec<(usize, &BankLine)>> = BTreeMap::new();
        for (at, line) in chunk.iter().enumerate() {
            accounts.entry(&line.account).or_default().push((at, line));
        }
        for (account, lines) in accounts {
            let keys = values(account, lines.iter().map(|(_, line)| line.id.as_str()));
            let mut known = amounts(&tx.fetch_all(&KNOWN_BANK_LINES, &keys).await?)?;
            for (at, line) in lines {
                self.rows += 1;
                if let Some(why) = self.import.ahead(line.booked_on, false) {
                    found.push(Contradiction { at, what: "bank line", id: line.id.clone(), why });
                    continue;
                }
                if !self.is_new(&mut known, &line.id, line.amount, at, "bank line", &mut found) {
                    continue;
                }
                self.stored.bank_lines += 1;
                let mut cells = new.row();
                cells.text(&line.account).text(&line.id).int(line.amount.minor()).date(line.booked_on);
                cells.text(line.amount.currency().code()).opt_text(line.provider.as_deref()).opt_text(line.reference.as_deref());
                cells.text(&self.id);
            }
        }
        tx.insert_rows(&new).await?;
        Ok(found)
    }

    /// Stores those of a chunk that are new.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn totals(&mut self, tx: &mut Tx, chunk: &[StoreTotal]) -> Result<Vec<Contradiction>, StoreError> {
        let keys = values(&self.import.provider, chunk.iter().map(|total| total.id.as_str()));
        let mut known = amounts(&tx.fetch_all(&KNOWN_TOTALS, &keys).await?)?;
        let (mut found, mut new) = (Vec::new(), Columns::of(&TOTALS));
        for (at, total) in chunk.iter().enumerate() {
            self.rows += 1;
            if let Some(why) = self.import.ahead(total.last_on, true) {
                found.push(Contradiction { at, what: "total", id: total.id.clone(), why });
                continue;
            }
            if !self.is_new(&mut known, &total.id, total.share, at, "total", &mut found) {
                continue;
            }
            self.stored.totals += 1;
            let mut cells = new.row();
            cells.text(&self.import.provider).text(&total.id).int(total.quantity).int(total.share.minor());
            cells.int(total.customer_price.minor()).date(total.first_on).date(total.last_on);
            cells.text(if total.is_return { "return" } else { "sale" }).text(&total.product).text(&total.country);
            cells.text(total.share.currency().code()).text(total.customer_price.currency().code()).text(&self.id);
        }
        tx.insert_rows(&new).await?;
        Ok(found)
    }

    fn is_new(
        &mut self,
        known: &mut Amounts,
        id: &str,
        amount: Money,
        at: usize,
        what: &'static str,
        found: &mut Vec<Contradiction>,
    ) -> bool {
        let (currency, minor) = (amount.currency(), amount.minor());
        let told = (minor, currency.code());
        match known.get(id) {
            Some((minor, currency, _)) if (*minor, currency.as_str()) == told => self.stored.known += 1,
            Some((.., import)) => found.push(Contradiction::new(at, what, id, *import == self.id)),
            None => {
                known.insert(id.to_owned(), (told.0, told.1.to_owned(), self.id.clone()));
                return true;
            }
        }
        false
    }

    /// Takes what was told of payouts that were known from a part of their lines, once all rows are there. What contradicts comes with its
    /// line; nothing is kept of it.
    ///
    /// # Errors
    /// [`StoreError::Db`], sums that are too large.
    pub async fn settle(&mut self, tx: &mut Tx) -> Result<Vec<(u64, Contradiction)>, StoreError> {
        let wholes = std::mem::take(&mut self.wholes);
        let Settled { movements, contradictions } = wholes.settled(tx, &self.import.provider, &self.id, &Unstored::default()).await?;
        let mut new = Columns::of(&MOVEMENTS);
        for (line, movement) in &movements {
            self.add(&mut new, *line, movement)?;
        }
        tx.insert_rows(&new).await?;
        Ok(contradictions)
    }

    /// Ends the import: remembers it and posts what it brought, a record a day. Where these bytes were taken before, nothing is to be
    /// kept, and the id of that import is given: the transaction must then be rolled back.
    ///
    /// # Errors
    /// [`StoreError::Backdated`], [`StoreError::Db`], [`StoreError::Unstorable`].
    pub async fn finish(mut self, tx: &mut Tx, digest: &str) -> Result<Result<Stored, String>, StoreError> {
        if let Some(row) = tx.fetch_optional(&BY_DIGEST, &crate::values![digest]).await? {
            return Ok(Err(row.text("import_id")?));
        }
        // What a run has not seen comes after it: its month is to be reconciled again.
        let reconciled_at = last_reconciled(tx, &self.import.provider).await?;
        self.import.at = not_before(self.import.at, reconciled_at, || "a run that has not seen this was made".to_owned())?;
        let mut row = Columns::of(&IMPORTS);
        let count = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
        let Import { provider, source, name, actor, at } = &self.import;
        let mut cells = row.row();
        cells.text(&self.id).int(micros(*at)).int(count(self.rows)).int(count(self.stored.new_rows()));
        cells.text(provider).text(source).text(name).text(digest).text(actor);
        tx.insert_rows(&row).await?;
        self.post(tx).await?;
        Ok(Ok(self.stored))
    }

    async fn post(&mut self, tx: &mut Tx) -> Result<(), StoreError> {
        let days = std::mem::take(&mut self.gathered).bookings(&self.id);
        if days.is_empty() {
            return Ok(());
        }
        let mut book = Book::lock(tx, &self.import.provider).await?;
        for (on, bookings) in days {
            let cause = format!("import:{}:{on}", self.id);
            let Import { actor, at, source, .. } = &self.import;
            let posted = Posted { kind: "settlement_import", cause: &cause, at: *at, actor, reason: None };
            let why = vec![format!("RC-1: booked from the provider's own figures, import {} ({source})", self.id)];
            book.record(on, &posted, bookings, why)?;
        }
        book.save(tx).await
    }
}

/// Whoever imports waits for whoever does already ([`NEXT_IMPORT`]): what is not here now comes from nobody else.
pub(super) async fn must_be_alone(tx: &mut Tx, provider: &str) -> Result<(), StoreError> {
    let held = match booked_beside(tx, provider).await? {
        None if is_booked(provider) && provider != binding::SIMULATED && binding::has_simulated_money(tx).await? => {
            Some(binding::SIMULATED.to_owned())
        }
        held => held,
    };
    held.map_or(Ok(()), |held| Err(StoreError::AnotherProvider { provider: provider.to_owned(), held }))
}

/// What a movement says.
pub(super) fn told(movement: &Movement) -> Told {
    let (category, currency) = (movement.category.tag().to_owned(), movement.currency.code().to_owned());
    (category, movement.gross_minor, movement.fee_minor, currency, movement.occurred_on())
}

/// What is stored of these movements, by their ids, and whether an import has brought it.
pub(super) async fn known_movements(
    tx: &mut Tx,
    provider: &str,
    import: &str,
    chunk: &[(u64, Movement)],
) -> Result<HashMap<String, (Told, bool)>, StoreError> {
    let keys = values(provider, chunk.iter().map(|(_, movement)| movement.id.as_str()));
    let read = |row: &Row| {
        let told: Told = (row.text_at(1)?, row.int_at(2)?, row.int_at(3)?, row.text_at(4)?, row.date_at(5)?);
        Ok((row.text_at(0)?, (told, row.str_at(6)? == import)))
    };
    tx.fetch_all(&KNOWN_MOVEMENTS, &keys).await?.iter().map(read).collect()
}

/// The payouts of these movements, as far as they are stored, and whether an import has brought that.
pub(super) async fn known_payout_lines<'a>(
    tx: &mut Tx,
    provider: &str,
    import: &str,
    ids: impl Iterator<Item = &'a str>,
) -> Result<HashMap<String, (String, bool)>, StoreError> {
    let rows = tx.fetch_all(&KNOWN_PAYOUT_LINES, &values(provider, ids)).await?;
    rows.iter().map(|row| Ok((row.text_at(0)?, (row.text_at(1)?, row.str_at(2)? == import)))).collect()
}

/// Payouts that are stored.
pub(super) struct KnownPayouts {
    /// With their currencies.
    pub amounts: Amounts,
    /// Those that were made of their lines.
    pub derived: HashSet<String>,
}

/// What is stored of these payouts.
pub(super) async fn known_payouts(tx: &mut Tx, provider: &str, chunk: &[Payout]) -> Result<KnownPayouts, StoreError> {
    let rows = tx.fetch_all(&KNOWN_PAYOUTS, &values(provider, chunk.iter().map(|payout| payout.id.as_str()))).await?;
    let derived = |row: &Row| Ok((row.str_at(4)? == DERIVED).then(|| row.text_at(0)).transpose()?);
    let derived = rows.iter().filter_map(|row| derived(row).transpose()).collect::<Result<_, StoreError>>()?;
    Ok(KnownPayouts { amounts: amounts(&rows)?, derived })
}

fn values<'a>(first: &str, ids: impl Iterator<Item = &'a str>) -> [Value; 2] {
    [Value::from(first), Value::texts(ids)]
}

fn amounts(rows: &[Row]) -> Result<Amounts, StoreError> {
    rows.iter().map(|row| Ok((row.text_at(0)?, (row.int_at(1)?, row.text_at(2)?, row.text_at(3)?)))).collect()
}
