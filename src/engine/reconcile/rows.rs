//! The two sides as the join sees them: compact, and writable to disk.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};

use chrono::{Datelike, NaiveDate};

use crate::domain::money::Currency;
use crate::domain::reconcile::Side;
use crate::domain::settlement::Category;

/// The fingerprint of an id under its category: 128 bits, so that among a billion ids two that are not the same hardly ever look it.
#[must_use]
pub fn key(category: Category, id: &str) -> u128 {
    u128::from(half(0, category, id)) << 64 | u128::from(half(1, category, id))
}

/// Half of a fingerprint, for the second look at the few that the first has left over.
#[must_use]
pub fn short_key(category: Category, id: &str) -> u64 {
    half(2, category, id)
}

fn half(salt: u8, category: Category, id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u8(salt);
    hasher.write_u8(category as u8);
    id.hash(&mut hasher);
    hasher.finish()
}

/// A currency as its letters.
#[must_use]
pub fn letters(currency: Currency) -> [u8; 3] {
    currency.code().as_bytes().first_chunk::<3>().copied().unwrap_or(*b"???")
}

/// A movement of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    /// What it is.
    pub category: Category,
    /// The customer.
    pub account: String,
    /// Our id.
    pub id: String,
    /// The provider's id, if it has told one; 0 stands for none.
    pub key: u128,
    /// Our own id, to be found in what the provider gives back.
    pub own: u64,
    /// The provider's id once more, for its second names; 0 stands for none.
    pub second: u64,
    /// The rest.
    pub side: Side,
}

impl Ours {
    /// A movement of ours under the id that the provider has told, if it has.
    #[must_use]
    pub fn new(category: Category, account: String, id: String, reference: Option<&str>, side: Side) -> Self {
        let (key, second) = reference.map_or((0, 0), |reference| (key(category, reference), short_key(category, reference)));
        Self { category, own: short_key(category, &id), account, id, key, second, side }
    }

    /// The same, borrowed.
    #[must_use]
    pub fn row(&self) -> OurRow<'_> {
        let Self { category, account, id, key, own, second, side } = self;
        OurRow { category: *category, account, id, key: *key, own: *own, second: *second, side: *side }
    }
}

/// A movement of ours, as it comes in.
#[derive(Debug, Clone, Copy)]
pub struct OurRow<'a> {
    /// What it is.
    pub category: Category,
    /// The customer.
    pub account: &'a str,
    /// Our id.
    pub id: &'a str,
    /// As in [`Ours`].
    pub key: u128,
    /// As in [`Ours`].
    pub own: u64,
    /// As in [`Ours`].
    pub second: u64,
    /// The rest.
    pub side: Side,
}

impl OurRow<'_> {
    /// A copy that lasts.
    #[must_use]
    pub fn owned(&self) -> Ours {
        let Self { category, account, id, key, own, second, side } = *self;
        Ours { category, account: account.to_owned(), id: id.to_owned(), key, own, second, side }
    }
}

/// A movement of ours while it waits: its customer is a place among [`Accounts`](super::accounts::Accounts).
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept<'a> {
    pub account: u32,
    pub category: Category,
    pub id: &'a str,
    key: u128,
    own: u64,
    second: u64,
    pub side: Side,
}

impl<'a> Kept<'a> {
    /// A movement of ours under the id that the provider has told, if it has.
    pub(super) fn new(account: u32, category: Category, id: &'a str, reference: Option<&str>, side: Side) -> Self {
        let (key, second) = reference.map_or((0, 0), |reference| (key(category, reference), short_key(category, reference)));
        Self { account, category, id, key, own: short_key(category, id), second, side }
    }

    /// The movement of a customer.
    pub(super) fn row(&self, account: &'a str) -> OurRow<'a> {
        let Self { account: _, category, id, key, own, second, side } = *self;
        OurRow { category, account, id, key, own, second, side }
    }

    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.account.to_le_bytes())?;
        numbers(self.key, self.own, self.second, &self.side, self.category, out)?;
        text(self.id, out)
    }

    /// The next movement of some bytes, and how many of them it takes; none where there are no bytes.
    pub(super) fn read(bytes: &'a [u8]) -> io::Result<Option<(Self, usize)>> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut input = bytes;
        let account = u32::from_le_bytes(self::bytes(&mut input)?);
        let (key, own, second, side, category) = read_numbers(self::bytes(&mut input)?, &mut input)?;
        let length = usize::from(u16::from_le_bytes(self::bytes(&mut input)?));
        let (id, rest) = input.split_at_checked(length).ok_or(io::ErrorKind::UnexpectedEof)?;
        let id = std::str::from_utf8(id).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok(Some((Self { account, category, id, key, own, second, side }, bytes.len().saturating_sub(rest.len()))))
    }
}

/// All of ours that is no text.
fn numbers(key: u128, own: u64, second: u64, side: &Side, category: Category, out: &mut impl Write) -> io::Result<()> {
    let mut numbers = [0; 57];
    let (day, [first, middle, last]) = (side.on.num_days_from_ce().to_le_bytes(), side.currency);
    let parts: [&[u8]; 7] = [
        &key.to_le_bytes(),
        &own.to_le_bytes(),
        &second.to_le_bytes(),
        &side.amount_minor.to_le_bytes(),
        &side.fee_minor.to_le_bytes(),
        &day,
        &[first, middle, last, category as u8, u8::from(side.has_moved)],
    ];
    let mut rest = numbers.as_mut_slice();
    for part in parts {
        rest.write_all(part)?;
    }
    out.write_all(&numbers)
}

fn read_numbers(first: [u8; 16], input: &mut impl Read) -> io::Result<(u128, u64, u64, Side, Category)> {
    let (own, second) = (u64::from_le_bytes(bytes(input)?), u64::from_le_bytes(bytes(input)?));
    let (amount_minor, fee_minor) = (i64::from_le_bytes(bytes(input)?), i64::from_le_bytes(bytes(input)?));
    let on = date(i32::from_le_bytes(bytes(input)?));
    let currency = bytes(input)?;
    let [kind, moved] = bytes(input)?;
    let side = Side { on, amount_minor, fee_minor, currency, has_moved: moved == 1 };
    Ok((u128::from_le_bytes(first), own, second, side, category(kind)?))
}

/// A movement of the provider, as it comes in.
#[derive(Debug, Clone, Copy)]
pub struct TheirRow<'a> {
    /// What it is.
    pub category: Category,
    /// The provider's id of the line.
    pub id: &'a str,
    /// The provider's id of the payment, refund or dispute.
    pub reference: Option<&'a str>,
    /// Of what that belongs to.
    pub parent: Option<&'a str>,
    /// Our id.
    pub ours: Option<&'a str>,
    /// The rest.
    pub side: Side,
}

/// A movement of the provider, as it is kept. Of the ids by which it may be found there are fingerprints; 0 stands for none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Theirs {
    pub key: u128,
    pub alt: u64,
    pub ours: u64,
    pub amount_minor: i64,
    pub fee_minor: i64,
    /// Where its id stands in the buffer.
    pub id_at: u32,
    /// The next one with the same key; [`NONE`] for none.
    pub next: u32,
    pub day: i32,
    pub id_length: u16,
    pub currency: [u8; 3],
    pub category: Category,
    pub is_paired: bool,
}

pub(super) const NONE: u32 = u32::MAX;

impl TheirRow<'_> {
    /// The id that our books have: of a charge its intent where there is one, else the object itself. What a refund or a dispute belongs
    /// to is a charge's id.
    fn first(&self) -> Option<&str> {
        self.parent.filter(|_| self.category == Category::Charge).or(self.reference)
    }

    pub(super) fn compact(&self, id_at: u32) -> Theirs {
        Theirs {
            key: self.first().map_or(0, |id| key(self.category, id)),
            alt: match (self.category, self.parent) {
                (Category::Refund | Category::RefundFailure, Some(parent)) => short_key(Category::Charge, parent),
                // What a refund names.
                (Category::Charge, _) => self.reference.map_or(0, |id| short_key(Category::Charge, id)),
                _ => 0,
            },
            ours: self.ours.map_or(0, |id| short_key(self.category, id)),
            amount_minor: self.side.amount_minor,
            fee_minor: self.side.fee_minor,
            id_at,
            next: NONE,
            day: self.side.on.num_days_from_ce(),
            id_length: u16::try_from(self.id.len()).unwrap_or(u16::MAX),
            currency: self.side.currency,
            category: self.category,
            is_paired: false,
        }
    }
}

/// A day as a number, and back.
pub(super) fn date(day: i32) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(day).unwrap_or(NaiveDate::MIN)
}

impl Theirs {
    pub(super) fn side(&self) -> Side {
        Side { on: date(self.day), amount_minor: self.amount_minor, fee_minor: self.fee_minor, currency: self.currency, has_moved: true }
    }

    pub(super) fn write(&self, id: &str, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.key.to_le_bytes())?;
        out.write_all(&self.alt.to_le_bytes())?;
        out.write_all(&self.ours.to_le_bytes())?;
        out.write_all(&self.amount_minor.to_le_bytes())?;
        out.write_all(&self.fee_minor.to_le_bytes())?;
        out.write_all(&self.day.to_le_bytes())?;
        out.write_all(&self.currency)?;
        out.write_all(&[self.category as u8])?;
        text(id, out)
    }

    /// The next movement of a file, with its id; none at its end.
    pub(super) fn read(input: &mut impl Read) -> io::Result<Option<(Self, String)>> {
        let Some(first) = at_end_or(input)? else { return Ok(None) };
        let theirs = Self {
            key: u128::from_le_bytes(first),
            alt: u64::from_le_bytes(bytes(input)?),
            ours: u64::from_le_bytes(bytes(input)?),
            amount_minor: i64::from_le_bytes(bytes(input)?),
            fee_minor: i64::from_le_bytes(bytes(input)?),
            day: i32::from_le_bytes(bytes(input)?),
            currency: bytes(input)?,
            category: category(bytes::<1>(input)?[0])?,
            id_at: 0,
            id_length: 0,
            next: NONE,
            is_paired: false,
        };
        Ok(Some((theirs, read_text(input)?)))
    }
}

impl OurRow<'_> {
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        numbers(self.key, self.own, self.second, &self.side, self.category, out)?;
        text(self.account, out)?;
        text(self.id, out)
    }
}

impl Ours {
    pub(super) fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let Some(first) = at_end_or(input)? else { return Ok(None) };
        let (key, own, second, side, category) = read_numbers(first, input)?;
        Ok(Some(Self { category, key, own, second, side, account: read_text(input)?, id: read_text(input)? }))
    }
}

fn category(byte: u8) -> io::Result<Category> {
    let found = Category::TAGS.iter().map(|(category, _)| *category).find(|category| *category as u8 == byte);
    found.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn text(text: &str, out: &mut impl Write) -> io::Result<()> {
    let length = u16::try_from(text.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(text.as_bytes())
}

fn read_text(input: &mut impl Read) -> io::Result<String> {
    let mut buffer = vec![0; u16::from_le_bytes(bytes(input)?).into()];
    input.read_exact(&mut buffer)?;
    String::from_utf8(buffer).map_err(|_| io::ErrorKind::InvalidData.into())
}

fn bytes<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut buffer = [0; N];
    input.read_exact(&mut buffer)?;
    Ok(buffer)
}

/// The first 16 bytes of a record, or nothing at the end of the file.
fn at_end_or(input: &mut impl Read) -> io::Result<Option<[u8; 16]>> {
    let mut buffer = [0; 16];
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(buffer.get_mut(filled..).unwrap_or_default())? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    Ok(Some(buffer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_survive_the_disk() {
        let side = Side { on: date(739_000), amount_minor: -7_176, fee_minor: 15, currency: *b"USD", has_moved: true };
        let ours = Ours {
            category: Category::Dispute,
            account: "a-1".into(),
            id: "dp_1".into(),
            key: key(Category::Dispute, "x"),
            own: 7,
            second: 8,
            side,
        };
        let row = TheirRow { category: Category::Refund, id: "txn_1", reference: Some("re_1"), parent: Some("ch_1"), ours: None, side };
        let mut file = Vec::new();
        ours.row().write(&mut file).unwrap();
        let mut read = file.as_slice();
        assert_eq!(Ours::read(&mut read).unwrap(), Some(ours));
        assert_eq!(Ours::read(&mut read).unwrap(), None);
        let mut file = Vec::new();
        let theirs = row.compact(0);
        theirs.write(row.id, &mut file).unwrap();
        let (again, id) = Theirs::read(&mut file.as_slice()).unwrap().unwrap();
        assert_eq!((again.key, again.alt, again.side(), id.as_str()), (theirs.key, theirs.alt, side, "txn_1"));
        assert!(Theirs::read(&mut file.get(..20).unwrap()).is_err());
    }

    #[test]
    fn a_charge_is_known_by_its_intent() {
        let side = Side { on: date(739_000), amount_minor: 1, fee_minor: 0, currency: *b"USD", has_moved: true };
        let row = TheirRow { category: Category::Charge, id: "t", reference: Some("ch_1"), parent: Some("pi_1"), ours: None, side };
        assert_eq!(row.compact(0).key, key(Category::Charge, "pi_1"));
        assert_ne!(key(Category::Charge, "x"), key(Category::Refund, "x"));
    }
}
