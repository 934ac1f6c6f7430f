//! Pages of Stripe's balance transactions, as its interface gives them: **in its own units**. A file is one list object, several of them one
//! after the other, a bare array, or one transaction a line; only one transaction is in memory at a time.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::source_bytes::Digested;
use super::{Out, payout_report, units, values};
use crate::domain::money::Money;
use crate::domain::settlement::{AmountFrom, Category, Movement, Payout, Told};
use crate::import::line::Line;
use crate::import::problem::{Problem, RowError, RowProblem};

/// A balance transaction, as far as it is looked at.
#[derive(Deserialize)]
struct Transaction {
    id: String,
    amount: i64,
    fee: i64,
    net: i64,
    currency: String,
    reporting_category: String,
    created: i64,
    available_on: Option<i64>,
    source: Option<SourceObject>,
}

/// What a transaction is about: an id, or the whole object where it was asked for.
#[derive(Deserialize)]
#[serde(untagged)]
enum SourceObject {
    Id(String),
    Whole {
        id: String,
        payment_intent: Option<String>,
        charge: Option<String>,
        arrival_date: Option<i64>,
        trace_id: Option<Trace>,
        #[serde(default)]
        metadata: BTreeMap<String, String>,
    },
}

#[derive(Deserialize)]
struct Trace {
    value: Option<String>,
}

/// Where the parser is, which tells it to nobody: the line, and whether an element has ended since bytes were read last.
#[derive(Default)]
struct Position {
    line: Cell<u64>,
    has_ended: Cell<bool>,
}

/// Bytes for the parser, which takes them one by one, with their line. An element is as long as a record may be, and the list as long as it is.
struct Lines<'b, R> {
    inner: BufReader<&'b mut Digested<R>>,
    position: Rc<Position>,
}

impl<R: Read> Read for Lines<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position.has_ended.take() {
            self.inner.get_mut().record_ends();
        }
        let available = self.inner.fill_buf()?;
        let count = available.len().min(buffer.len());
        let taken = available.get(..count).unwrap_or_default();
        let ends: u64 = taken.iter().map(|byte| u64::from(*byte == b'\n')).sum();
        if let Some(to) = buffer.get_mut(..count) {
            to.copy_from_slice(taken);
        }
        self.position.line.set(self.position.line.get() + ends);
        self.inner.consume(count);
        Ok(count)
    }
}

pub(super) fn read<R: Read>(bytes: &mut Digested<R>, keep_unknown: bool, out: &mut Out<'_, '_>) -> Result<(), RowError> {
    let position = Rc::new(Position { line: Cell::new(1), ..Position::default() });
    let mut any = false;
    let mut elements = Elements { out, position: Rc::clone(&position), count: 0, keep_unknown };
    let mut failed = None;
    {
        let lines = Lines { inner: BufReader::new(&mut *bytes), position: Rc::clone(&position) };
        let mut parser = serde_json::Deserializer::from_reader(lines);
        loop {
            // Between documents there may be nothing more.
            match parser.end() {
                Ok(()) => break,
                Err(error) if error.is_syntax() && error.to_string().contains("trailing characters") => {}
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
            any = true;
            if let Err(error) = Root(&mut elements).deserialize(&mut parser) {
                failed = Some(error);
                break;
            }
        }
    }
    match failed {
        _ if elements.out.stopped => Ok(()),
        None if any => Ok(()),
        None => Err(RowProblem::of_file(Problem::EmptyFile).into()),
        Some(error) => Err(bytes
            .failure()
            .map_or_else(
                || RowProblem::at(Line::from(position.line.get()), Problem::Json { reason: without_place(&error) }),
                RowProblem::of_file,
            )
            .into()),
    }
}

fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Where elements go.
struct Elements<'o, 'a, 'b> {
    out: &'o mut Out<'a, 'b>,
    position: Rc<Position>,
    count: u32,
    keep_unknown: bool,
}

impl Elements<'_, '_, '_> {
    /// Takes one transaction; whether to go on.
    fn take(&mut self, value: Value) -> bool {
        self.count = self.count.saturating_add(1);
        self.position.has_ended.set(true);
        let line = Line { number: self.position.line.get(), element: Some(self.count) };
        if !self.out.goes_on() {
            return false;
        }
        match serde_json::from_value::<Transaction>(value) {
            Ok(transaction) => match told(&transaction, line, self.keep_unknown) {
                Ok(told) => told.into_iter().for_each(|told| self.out.tell(line, told)),
                Err(error) => self.out.note_row(error),
            },
            Err(error) => self.out.note(RowProblem::at(line, Problem::Shape { reason: without_place(&error) })),
        }
        !self.out.stopped
    }
}

/// A list object, an array, or one transaction.
struct Root<'e, 'o, 'a, 'b>(&'e mut Elements<'o, 'a, 'b>);

impl<'de> DeserializeSeed<'de> for Root<'_, '_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Root<'_, '_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of balance transactions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(value) = elements.next_element::<Value>()? {
            if !self.0.take(value) {
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut is_list, mut members) = (false, serde_json::Map::new());
        while let Some(key) = map.next_key::<String>()? {
            if key == "data" {
                is_list = true;
                map.next_value_seed(Root(&mut *self.0))?;
            } else if is_list {
                map.next_value::<IgnoredAny>()?;
            } else {
                members.insert(key, map.next_value()?);
            }
        }
        if !is_list && !self.0.take(Value::Object(members)) {
            return Err(A::Error::custom("stopped"));
        }
        Ok(())
    }
}

fn told(transaction: &Transaction, line: Line, keep_unknown: bool) -> Result<Vec<Told>, RowError> {
    let mut problems = Vec::new();
    let mut field = |name: &str, problem: Problem| problems.push(RowProblem::in_field(line, name, problem));
    let raw = transaction.reporting_category.as_str();
    let category = payout_report::category(raw).or(keep_unknown.then_some(Category::Unknown));
    if category.is_none() {
        field("reporting_category", Problem::Unknown { what: "category", name: raw.chars().take(60).collect() });
    }
    let currency = values::currency(&transaction.currency).map_err(|problem| field("currency", problem)).ok();
    let id = values::id(&transaction.id).map_err(|problem| field("id", problem)).ok();
    let occurred_at = values::seconds(transaction.created).map_err(|problem| field("created", problem)).ok();
    let available_on = transaction.available_on.map(values::seconds).transpose();
    let available_on = available_on.map_err(|problem| field("available_on", problem)).ok().flatten().map(|at| at.date_naive());
    let (Some(category), Some(currency), Some(id), Some(occurred_at)) = (category, currency, id, occurred_at) else {
        return Err(RowError { problems });
    };
    let mut minor = |name: &str, told: i64| {
        let amount = units::from_units(told, currency).map(Money::minor);
        if amount.is_none() {
            field(name, Problem::not_a("an amount that its currency has"));
        }
        amount
    };
    let amounts = (minor("amount", transaction.amount), minor("fee", transaction.fee), minor("net", transaction.net));
    let (Some(gross_minor), Some(fee_minor), Some(net_minor)) = amounts else { return Err(RowError { problems }) };
    let about = About::of(transaction.source.as_ref(), category);
    let movement = Movement {
        id,
        category,
        raw_category: raw.to_owned(),
        reference: about.reference.clone(),
        parent_reference: about.parent,
        our_reference: about.ours,
        payout: None,
        currency,
        gross_minor,
        fee_minor,
        net_minor,
        occurred_at,
        available_on,
    };
    if !movement.adds_up() {
        problems.push(RowProblem::in_field(
            line,
            "net",
            Problem::Contradicts { other: "amount and fee", why: "net must be amount less fee" },
        ));
    }
    if !problems.is_empty() {
        return Err(RowError { problems });
    }
    let payout =
        about.reference.filter(|_| category == Category::Payout).zip(movement.gross_minor.checked_neg()).map(|(id, minor)| Payout {
            id,
            amount: Money::new(minor, currency),
            sent_on: movement.occurred_on(),
            arrives_on: about.arrives_on.or(available_on).unwrap_or_else(|| movement.occurred_on()),
            amount_from: AmountFrom::Stated,
            bank_reference: about.trace,
        });
    Ok(std::iter::once(Told::Movement(movement)).chain(payout.map(Told::Payout)).collect())
}

/// What a transaction is about.
#[derive(Default)]
struct About {
    reference: Option<String>,
    parent: Option<String>,
    ours: Option<String>,
    arrives_on: Option<chrono::NaiveDate>,
    trace: Option<String>,
}

impl About {
    fn of(source: Option<&SourceObject>, category: Category) -> Self {
        match source {
            None => Self::default(),
            Some(SourceObject::Id(id)) => Self { reference: Some(id.clone()), ..Self::default() },
            Some(SourceObject::Whole { id, payment_intent, charge, arrival_date, trace_id, metadata }) => {
                let is_refund = matches!(category, Category::Refund | Category::RefundFailure);
                let names = if is_refund { ["kasacare_refund", "refund_id"] } else { ["kasacare_charge", "charge_id"] };
                Self {
                    reference: Some(id.clone()),
                    parent: if category == Category::Charge {
                        payment_intent.clone()
                    } else {
                        charge.clone().or_else(|| payment_intent.clone())
                    },
                    ours: names.iter().find_map(|name| metadata.get(*name)).cloned(),
                    arrives_on: arrival_date.and_then(|at| values::seconds(at).ok()).map(|at| at.date_naive()),
                    trace: trace_id.as_ref().and_then(|trace| trace.value.clone()),
                }
            }
        }
    }
}
