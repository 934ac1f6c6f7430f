//! Storing what providers and banks tell: in chunks, a fixed number of statements each, each row once.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};

use super::super::db::{Columns, Row, Tx, Value};
use super::super::error::StoreError;
use super::super::rows::micros;
use super::books::{Book, Posted};
use super::tables::{BANK_LINES, IMPORTS, MOVEMENTS, PAYOUT_LINES, PAYOUTS, TOTALS};
use crate::domain::money::{Currency, Money, MoneyError};
use crate::domain::settlement::booking::{Booking, FeeOf};
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
        "select movement_id, category, gross_minor, fee_minor, currency from provider_movements \
         where provider = $1 and movement_id {in:$2}"
    );
    /// Payouts of which a movement is stored: a provider may tell of one in two files under two ids of its own.
    KNOWN_SENT = same(
        "select reference, category, gross_minor, fee_minor, currency from provider_movements \
         where provider = $1 and reference {in:$2} and category in ('payout', 'payout_failure')"
    );
    /// Which payouts these movements are known to have been in.
    KNOWN_PAYOUT_LINES = same("select movement_id, payout_id from payout_lines where provider = $1 and movement_id {in:$2}");
    /// What is stored of these payouts.
    KNOWN_PAYOUTS = same(
        "select payout_id, amount_minor, currency from provider_payouts where provider = $1 and payout_id {in:$2}"
    );
    /// What is stored of these lines.
    KNOWN_BANK_LINES = same(
        "select line_id, amount_minor, currency from bank_lines where bank_account = $1 and line_id {in:$2}"
    );
    /// What is stored of these totals.
    KNOWN_TOTALS = same("select total_id, share_minor, share_currency from store_totals where provider = $1 and total_id {in:$2}");
}

/// A row that contradicts what is stored under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// Position in the chunk.
    pub at: usize,
    /// What kind of row: `movement`, `payout`, …
    pub what: &'static str,
    /// Its name.
    pub id: String,
}

/// How many rows were new, by kind, and how many were there before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    /// New movements.
    pub movements: u64,
    /// New payouts.
    pub payouts: u64,
    /// New lines of bank accounts.
    pub bank_lines: u64,
    /// New totals.
    pub totals: u64,
    /// Movements whose payout was not known before.
    pub payout_lines: u64,
    /// Rows that were stored before.
    pub known: u64,
}

impl Stored {
    /// All that is new.
    #[must_use]
    pub const fn new_rows(&self) -> u64 {
        self.movements + self.payouts + self.bank_lines + self.totals
    }
}

/// What an import is: who takes what from whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Whose side it is: `stripe`, …; `bank` for statements.
    pub provider: String,
    /// What kind of file, or how else it was learnt.
    pub source: String,
    /// What the file is called.
    pub name: String,
    /// Who takes it.
    pub actor: String,
    /// Now.
    pub at: DateTime<Utc>,
}

/// What a movement says: category, gross, fee, currency.
type Told = (String, i64, i64, String);

/// Whether two say the same of a movement. What was fetched before its word was known here stays what it was: a person has dealt with it.
fn agree(stored: &Told, told: &Told) -> bool {
    let unknown = Category::Unknown.tag();
    let categories_agree = stored.0 == told.0 || stored.0 == unknown || told.0 == unknown;
    categories_agree && (stored.1, stored.2, &stored.3) == (told.1, told.2, &told.3)
}

/// A payout that left or came back: its id and the category.
type Sent = (String, String);

/// Which payout a movement is itself, where it is one.
fn sent_key(movement: &Movement) -> Option<Sent> {
    let is_one = matches!(movement.category, Category::Payout | Category::PayoutFailure);
    movement.reference.clone().filter(|_| is_one).map(|reference| (reference, movement.category.tag().to_owned()))
}

/// Fees of a day, to be posted at the end.
type Fees = BTreeMap<(NaiveDate, FeeOf, Currency), (Money, u64)>;

/// An import that is under way in a transaction.
#[derive(Debug)]
pub struct Intake {
    import: Import,
    id: String,
    stored: Stored,
    rows: u64,
    fees: Fees,
    /// Payouts that left or came back, by day.
    payouts: BTreeMap<NaiveDate, Vec<Booking>>,
}

impl Intake {
    /// Begins an import.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn begin(tx: &mut Tx, import: Import) -> Result<Self, StoreError> {
        let number = tx.fetch_one(&NEXT_IMPORT, &[]).await?.int("number")?;
        let id = format!("si_{number:06}");
        Ok(Self { import, id, stored: Stored::default(), rows: 0, fees: Fees::new(), payouts: BTreeMap::new() })
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
    /// [`StoreError::Db`], sums that are too large.
    pub async fn movements(&mut self, tx: &mut Tx, chunk: &[(u64, Movement)]) -> Result<Vec<Contradiction>, StoreError> {
        let keys = values(&self.import.provider, chunk.iter().map(|(_, movement)| movement.id.as_str()));
        let rows = tx.fetch_all(&KNOWN_MOVEMENTS, &keys).await?;
        let read = |row: &Row| Ok((row.text_at(0)?, (row.text_at(1)?, row.int_at(2)?, row.int_at(3)?, row.text_at(4)?)));
        let mut known: HashMap<String, Told> = rows.iter().map(read).collect::<Result<_, StoreError>>()?;
        let mut sent = self.known_sent(tx, chunk).await?;
        let (mut found, mut new) = (Vec::new(), Columns::of(&MOVEMENTS));
        for (at, (line, movement)) in chunk.iter().enumerate() {
            self.rows += 1;
            let told = (movement.category.tag().to_owned(), movement.gross_minor, movement.fee_minor, movement.currency.code().to_owned());
            let twin = sent_key(movement).and_then(|key| sent.get(&key));
            match known.get(&movement.id).or(twin) {
                Some(stored) if agree(stored, &told) => self.stored.known += 1,
                Some(_) => found.push(Contradiction { at, what: "movement", id: movement.id.clone() }),
                None => {
                    self.add(&mut new, *line, movement)?;
                    if let Some(key) = sent_key(movement) {
                        sent.insert(key, told.clone());
                    }
                    known.insert(movement.id.clone(), told);
                }
            }
        }
        tx.insert_rows(&new).await?;
        found.extend(self.payout_lines(tx, chunk).await?);
        Ok(found)
    }

    /// What is stored of the payouts that leave or come back in a chunk, whatever their movements are called.
    async fn known_sent(&self, tx: &mut Tx, chunk: &[(u64, Movement)]) -> Result<HashMap<Sent, Told>, StoreError> {
        let keys: Vec<Sent> = chunk.iter().filter_map(|(_, movement)| sent_key(movement)).collect();
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let keys = values(&self.import.provider, keys.iter().map(|(reference, _)| reference.as_str()));
        let read = |row: &Row| {
            let category = row.text_at(1)?;
            Ok(((row.text_at(0)?, category.clone()), (category, row.int_at(2)?, row.int_at(3)?, row.text_at(4)?)))
        };
        tx.fetch_all(&KNOWN_SENT, &keys).await?.iter().map(read).collect()
    }

    fn add(&mut self, new: &mut Columns, line: u64, movement: &Movement) -> Result<(), StoreError> {
        self.stored.movements += 1;
        let mut cells = new.row();
        cells.text(&self.import.provider).text(&movement.id).int(micros(movement.occurred_at));
        cells.int(movement.gross_minor).int(movement.fee_minor).int(movement.net_minor).int(i64::try_from(line).unwrap_or(i64::MAX));
        cells.date(movement.occurred_on()).opt_date(movement.available_on).text(movement.currency.code());
        cells.text(movement.category.tag()).text(&movement.raw_category).opt_text(movement.reference.as_deref());
        cells.opt_text(movement.parent_reference.as_deref()).opt_text(movement.our_reference.as_deref()).text(&self.id);
        if is_booked(&self.import.provider) { self.gather(movement) } else { Ok(()) }
    }

    /// What a new movement has to be posted for.
    fn gather(&mut self, movement: &Movement) -> Result<(), StoreError> {
        let (on, currency) = (movement.occurred_on(), movement.currency);
        if let Some((of, amount)) = movement.fee_to_book() {
            let sum = self.fees.entry((on, of, currency)).or_insert((Money::zero(currency), 0));
            *sum = (sum.0.plus(amount).map_err(|error| too_large(&error))?, sum.1 + 1);
        }
        let payout = movement.reference.clone().unwrap_or_else(|| movement.id.clone());
        let (gross, id) = (Money::new(movement.gross_minor, currency), movement.id.clone());
        let booking = match movement.category {
            Category::Payout => {
                let amount = gross.negated().map_err(|error| too_large(&error))?;
                Booking::PayoutSent { payout, amount, movement: id, on }
            }
            Category::PayoutFailure => Booking::PayoutFailed { payout, amount: gross, movement: id, on },
            _ => return Ok(()),
        };
        if !booking.amount().is_zero() {
            self.payouts.entry(on).or_default().push(booking);
        }
        Ok(())
    }

    async fn payout_lines(&mut self, tx: &mut Tx, chunk: &[(u64, Movement)]) -> Result<Vec<Contradiction>, StoreError> {
        let in_payouts = || chunk.iter().enumerate().filter_map(|(at, (_, movement))| Some((at, movement, movement.payout.as_deref()?)));
        if in_payouts().next().is_none() {
            return Ok(Vec::new());
        }
        let keys = values(&self.import.provider, in_payouts().map(|(_, movement, _)| movement.id.as_str()));
        let rows = tx.fetch_all(&KNOWN_PAYOUT_LINES, &keys).await?;
        let read = |row: &Row| Ok((row.text_at(0)?, row.text_at(1)?));
        let mut known: HashMap<String, String> = rows.iter().map(read).collect::<Result<_, StoreError>>()?;
        let (mut found, mut new) = (Vec::new(), Columns::of(&PAYOUT_LINES));
        for (at, movement, payout) in in_payouts() {
            match known.get(&movement.id) {
                Some(stored) if stored == payout => {}
                Some(_) => found.push(Contradiction { at, what: "payout of movement", id: movement.id.clone() }),
                None => {
                    new.row().text(&self.import.provider).text(&movement.id).text(payout).text(&self.id);
                    self.stored.payout_lines += 1;
                    known.insert(movement.id.clone(), payout.to_owned());
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
        let keys = values(&self.import.provider, chunk.iter().map(|payout| payout.id.as_str()));
        let mut known = amounts(&tx.fetch_all(&KNOWN_PAYOUTS, &keys).await?)?;
        let (mut found, mut new) = (Vec::new(), Columns::of(&PAYOUTS));
        for (at, payout) in chunk.iter().enumerate() {
            self.rows += 1;
            if !self.is_new(&mut known, &payout.id, payout.amount, at, "payout", &mut found) {
                continue;
            }
            self.stored.payouts += 1;
            let from = match payout.amount_from {
                AmountFrom::Stated => "stated",
                AmountFrom::Derived => "derived",
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
        known: &mut HashMap<String, (i64, String)>,
        id: &str,
        amount: Money,
        at: usize,
        what: &'static str,
        found: &mut Vec<Contradiction>,
    ) -> bool {
        let told = (amount.minor(), amount.currency().code().to_owned());
        match known.get(id) {
            Some(stored) if *stored == told => self.stored.known += 1,
            Some(_) => found.push(Contradiction { at, what, id: id.to_owned() }),
            None => {
                known.insert(id.to_owned(), told);
                return true;
            }
        }
        false
    }

    /// Ends the import: remembers it and posts what it brought, a record a day. Where these bytes were taken before, nothing is to be
    /// kept, and the id of that import is given: the transaction must then be rolled back.
    ///
    /// # Errors
    /// [`StoreError::Db`], [`StoreError::Unstorable`].
    pub async fn finish(mut self, tx: &mut Tx, digest: &str) -> Result<Result<Stored, String>, StoreError> {
        if let Some(row) = tx.fetch_optional(&BY_DIGEST, &crate::values![digest]).await? {
            return Ok(Err(row.text("import_id")?));
        }
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
        let mut days = std::mem::take(&mut self.payouts);
        for ((on, of, _), (amount, movements)) in std::mem::take(&mut self.fees) {
            if !amount.is_zero() {
                days.entry(on).or_default().push(Booking::FeesCharged { of, amount, movements, import: self.id.clone(), on });
            }
        }
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

fn values<'a>(first: &str, ids: impl Iterator<Item = &'a str>) -> [Value; 2] {
    [Value::from(first), Value::texts(ids)]
}

fn amounts(rows: &[Row]) -> Result<HashMap<String, (i64, String)>, StoreError> {
    rows.iter().map(|row| Ok((row.text_at(0)?, (row.int_at(1)?, row.text_at(2)?)))).collect()
}

fn too_large(_: &MoneyError) -> StoreError {
    StoreError::Unstorable { account: String::new(), table: "provider_movements", problem: "the sum of a day's fees is too large" }
}
