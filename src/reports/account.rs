//! One account on one page: balances, coverage, subscriptions with what comes next, documents, and what is open.
//!
//! [`AccountReport`] is the shape of `kasacare --format json account show`: its fields are a promise to programs, to which fields
//! may be added. Amounts are `9.99 USD`, dates are dates of the account's time zone, instants are UTC.
//! Personal data is in [`AccountReport::contact`] alone, and there only where it was asked for (PP-2).

mod build;
mod coverage;
mod words;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Serialize, Serializer};

use super::error::ReportError;
use crate::domain::account::{AttemptState, CorrectionState, DisputeState};
use crate::domain::ids::{AccountId, CameraId, SubscriptionId};
use crate::domain::money::{Currency, Money};
use crate::store::account::{self as accounts, Scope};
use crate::store::db::{Db, Tx};
use crate::values;

pub use coverage::{Event, Next, ShownIntent, ShownSubscription};

/// Journal records that the report ends with.
pub const JOURNAL_RECORDS: i64 = 5;

crate::statements! {
    /// The last records of an account's journal, the latest first.
    LAST_RECORDS = same(
        "select seq, posted_at, effective_on, kind, cause, actor, reason from journal \
         where account_id = $1 order by seq desc limit $2"
    );
}

/// Everything that an operator wants to see of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountReport {
    /// The account.
    pub account: AccountId,
    /// The one currency that it is billed in.
    pub currency: Currency,
    /// Its billing time zone.
    pub time_zone: String,
    /// Where its tax is due.
    pub jurisdiction: String,
    /// Name and address, where they were asked for and not erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<ShownContact>,
    /// PV-8: why nothing is billed.
    pub parked: Option<ShownParked>,
    /// What stands between the customer and us.
    pub balances: Balances,
    /// The payment method on file, without its token.
    pub payment_method: Option<ShownMethod>,
    /// LC-2: when the one trial was used.
    pub trial_used_on: Option<NaiveDate>,
    /// Cameras by id.
    pub cameras: Vec<ShownCamera>,
    /// All subscriptions by id, closed ones included.
    pub subscriptions: Vec<ShownSubscription>,
    /// Invoices by subscription and period.
    pub invoices: Vec<ShownInvoice>,
    /// Charges whose outcome is open.
    pub open_charges: Vec<ShownAttempt>,
    /// Refunds whose outcome is open.
    pub open_refunds: Vec<ShownAttempt>,
    /// Corrections (CO), closed ones included.
    pub corrections: Vec<ShownCorrection>,
    /// Disputes (PD-6), closed ones included.
    pub disputes: Vec<ShownDispute>,
    /// What people have to do.
    pub open_tasks: Vec<ShownTask>,
    /// The last records of the journal, the latest first.
    pub journal: Vec<ShownRecord>,
}

/// Personal data (PP-2).
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct ShownContact {
    /// Where mails go.
    pub email: Option<String>,
    /// How the customer is addressed.
    pub name: Option<String>,
}

impl std::fmt::Debug for ShownContact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShownContact { .. }")
    }
}

/// PV-8: nothing is billed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownParked {
    /// Since when.
    #[serde(serialize_with = "instant")]
    pub since: DateTime<Utc>,
    /// Stable code of the cause.
    pub code: String,
    /// What an operator needs to know.
    pub reason: String,
}

/// What stands between the customer and us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Balances {
    /// Credit that came from cash (CP-3).
    pub credit_cash: Money,
    /// Goodwill credit.
    pub credit_goodwill: Money,
    /// What is open on all invoices together.
    pub receivable: Money,
    /// PD-4: recharged collection costs that are open; not part of `receivable`.
    pub collection_costs: Money,
    /// MO-5, PD-4: the part of both that the next charge collects too.
    pub carried: Money,
    /// F49, F61: cash that came in and pays nothing; a task says what a person has to decide about it.
    pub unapplied: Money,
}

/// A payment method as the customer knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownMethod {
    /// 1 for the first, one more for each replacement.
    pub number: u32,
    /// `Visa ending 4242`.
    pub label: String,
    /// The last day on which it is valid.
    pub expires_on: Option<NaiveDate>,
    /// PD-2: nothing is charged with it.
    pub blocked: bool,
}

/// A camera and what covers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownCamera {
    /// The camera.
    pub camera: CameraId,
    /// The live subscriptions that are for it; none of them gives it the Free Package.
    pub covered_by: Vec<SubscriptionId>,
}

/// An invoice in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownInvoice {
    /// Its id.
    pub invoice: String,
    /// The number that is printed on it.
    pub number: String,
    /// The subscription that it bills.
    pub subscription: SubscriptionId,
    /// First day of the period.
    pub period_start: NaiveDate,
    /// First day after the period.
    pub period_end: NaiveDate,
    /// What is printed on it, tax included.
    pub total: Money,
    /// The same after credit and debit notes.
    pub after_notes: Money,
    /// What is still owed.
    pub open: Money,
    /// Cash captured.
    pub captured: Money,
    /// How it stands, in words that do not exclude each other: `pending`, `paid`, `unpaid`, `carried`, `noted`, `returned`,
    /// `disputed`, `written_off`, `ended`.
    pub states: Vec<&'static str>,
}

/// A charge or a refund whose outcome is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownAttempt {
    /// Its id.
    pub id: String,
    /// The invoice whose money it is.
    pub invoice: String,
    /// How much.
    pub amount: Money,
    /// `requested` or `unknown` (PV-2).
    pub state: AttemptState,
    /// The date on which it is sent or looked up next.
    pub due_on: Option<NaiveDate>,
    /// The instant of it.
    #[serde(serialize_with = "opt_instant")]
    pub due_at: Option<DateTime<Utc>>,
    /// Look-ups that found nothing final.
    pub lookups: u32,
}

/// A wrong payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownCorrection {
    /// Its id.
    pub correction: String,
    /// The invoice.
    pub invoice: String,
    /// What was charged, tax included.
    pub charged: Money,
    /// What would have been right, tax included.
    pub correct: Money,
    /// Where it stands.
    pub state: CorrectionState,
    /// What is still to be collected, tax included.
    pub open: Money,
    /// CO-3: last date on which an attempt may begin.
    pub last_attempt_on: NaiveDate,
    /// When it is looked at next.
    pub due_on: Option<NaiveDate>,
}

/// A chargeback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownDispute {
    /// The provider's id.
    pub dispute: String,
    /// The disputed charge.
    pub charge: String,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub state: DisputeState,
    /// Opened on.
    pub opened_on: NaiveDate,
}

/// Something that a person has to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownTask {
    /// Its id.
    pub task: String,
    /// What it is about.
    pub kind: String,
    /// The object.
    pub subject: String,
    /// An amount, where one is at stake.
    pub amount: Option<Money>,
    /// Opened on.
    pub opened_on: NaiveDate,
}

/// A record of the journal in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownRecord {
    /// From 1 within the account.
    pub seq: i64,
    /// Business date.
    pub effective_on: NaiveDate,
    /// When it was recorded.
    #[serde(serialize_with = "instant")]
    pub recorded_at: DateTime<Utc>,
    /// What was decided.
    pub kind: String,
    /// What it was decided for.
    pub cause: String,
    /// Who decided.
    pub actor: String,
    /// The recorded reason.
    pub reason: Option<String>,
}

/// Reads an account, all of it as of one moment; with name and mail address only where `with_contact` asks for them.
///
/// # Errors
/// [`ReportError::NotFound`]; what the database says; balances that do not fit 64 bits.
pub async fn load(db: &Db, id: &AccountId, with_contact: bool) -> Result<AccountReport, ReportError> {
    let one = std::slice::from_ref(id);
    let mut tx = db.begin_read().await?;
    let account = accounts::load(&mut tx, one, Scope::ALL).await?.into_iter().next();
    let account = account.ok_or_else(|| ReportError::NotFound { what: "account", id: id.to_string() })?;
    let journal = last_records(&mut tx, id).await?;
    let contact = if with_contact { accounts::contacts(&mut tx, one).await?.into_iter().next() } else { None };
    tx.rollback().await?;
    let contact = contact.map(|contact| ShownContact { email: contact.email, name: contact.name });
    build::report(&account, contact, journal)
}

async fn last_records(tx: &mut Tx, id: &AccountId) -> Result<Vec<ShownRecord>, ReportError> {
    let rows = tx.fetch_all(&LAST_RECORDS, &values![id.as_str(), JOURNAL_RECORDS]).await?;
    let record = |row: &crate::store::db::Row| {
        let recorded_at = DateTime::from_timestamp_micros(row.int_at(1)?);
        Ok(ShownRecord {
            seq: row.int_at(0)?,
            recorded_at: recorded_at.ok_or_else(|| row.corrupt("posted_at", "is out of range"))?,
            effective_on: row.date_at(2)?,
            kind: row.text_at(3)?,
            cause: row.text_at(4)?,
            actor: row.text_at(5)?,
            reason: row.opt_text_at(6)?,
        })
    };
    rows.iter().map(record).collect()
}

fn instant<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
}

#[expect(clippy::ref_option, reason = "what serde calls")]
fn opt_instant<S: Serializer>(at: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => instant(at, serializer),
        None => serializer.serialize_none(),
    }
}
