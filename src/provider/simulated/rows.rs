//! Rows of the simulated provider's tables as values, and back.

use chrono::{DateTime, Utc};

use super::SimulatedError;
use crate::domain::ids::AccountId;
use crate::domain::money::{Currency, Money};
use crate::store::db::{Columns, DbError, Row};

/// Declares an enum together with the texts that stand for it in the database.
macro_rules! stored_as_text {
    ($(#[$meta:meta])* $visibility:vis enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $visibility enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// The text that stands for it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            pub(super) fn read(row: &Row, column: &str) -> Result<Self, DbError> {
                match row.text(column)?.as_str() {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(row.corrupt(column, "is none of the known values")),
                }
            }
        }
    };
}

stored_as_text! {
    /// Where a charge stands at the provider.
    pub enum ChargeState {
        /// On its way.
        Pending = "pending",
        /// The money moved.
        Captured = "captured",
        /// A definite no.
        Declined = "declined",
    }
}

stored_as_text! {
    /// Where a refund stands at the provider.
    pub enum RefundState {
        /// On its way.
        Pending = "pending",
        /// Paid out.
        Succeeded = "succeeded",
        /// Refused, or come back.
        Failed = "failed",
    }
}

stored_as_text! {
    /// Where a dispute stands at the provider.
    pub enum DisputeState {
        /// The money is out, nothing is decided.
        Open = "open",
        /// The money came back.
        Won = "won",
        /// The money is gone.
        Lost = "lost",
    }
}

stored_as_text! {
    /// What an event is about.
    pub(super) enum EventKind {
        ChargeSucceeded = "charge_succeeded",
        ChargeDeclined = "charge_declined",
        RefundSucceeded = "refund_succeeded",
        RefundFailed = "refund_failed",
        DisputeOpened = "dispute_opened",
        DisputeWon = "dispute_won",
        DisputeLost = "dispute_lost",
    }
}

stored_as_text! {
    /// What happens by itself once it is due.
    pub(super) enum DueKind {
        CaptureCharge = "capture_charge",
        DeclineCharge = "decline_charge",
        PayRefund = "pay_refund",
        FailRefund = "fail_refund",
        OpenDispute = "open_dispute",
        OpenDisputeToWin = "open_dispute_to_win",
        OpenDisputeToLose = "open_dispute_to_lose",
        WinDispute = "win_dispute",
        LoseDispute = "lose_dispute",
    }
}

#[derive(Debug, Clone)]
pub(super) struct Charge {
    pub reference: String,
    pub charge_id: String,
    pub invoice_id: String,
    pub account_id: String,
    pub story: String,
    pub amount: Money,
    pub refunded: Money,
    pub disputed: Money,
    pub state: ChargeState,
    pub code: Option<String>,
    pub settled_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub reference: String,
    pub refund_id: String,
    pub charge_reference: String,
    pub amount_minor: i64,
    pub state: RefundState,
    pub code: Option<String>,
    pub settled_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone)]
pub(super) struct Dispute {
    pub dispute_id: String,
    pub charge_reference: String,
    pub amount_minor: i64,
    pub fee_minor: i64,
    pub state: DisputeState,
    pub opened_at: DateTime<Utc>,
}

/// Something that will happen, to the charge itself or to a refund or dispute of it.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub kind: DueKind,
    pub subject: String,
    pub charge_reference: String,
    pub at: DateTime<Utc>,
}

/// Something to tell; it gets its number when it is written. `subject` is the refund or dispute, if it is about one.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub kind: EventKind,
    pub subject: Option<String>,
    pub charge_reference: String,
    pub at: DateTime<Utc>,
}

impl Charge {
    pub fn read(row: &Row) -> Result<Self, DbError> {
        let currency = currency(row)?;
        let money = |column: &str| row.int(column).map(|minor| Money::new(minor, currency));
        Ok(Self {
            reference: row.text("reference")?,
            charge_id: row.text("charge_id")?,
            invoice_id: row.text("invoice_id")?,
            account_id: row.text("account_id")?,
            story: row.text("story")?,
            amount: money("amount_minor")?,
            refunded: money("refunded_minor")?,
            disputed: money("disputed_minor")?,
            state: ChargeState::read(row, "state")?,
            code: row.opt_text("code")?,
            settled_at: opt_instant(row, "settled_at")?,
        })
    }

    pub fn insert(&self, rows: &mut Columns) {
        let mut cells = rows.row();
        cells.text(&self.reference).text(&self.charge_id).text(&self.invoice_id).text(&self.account_id).text(&self.story);
        cells.text(self.amount.currency().code()).int(self.amount.minor()).int(self.refunded.minor()).int(self.disputed.minor());
        cells.text(self.state.as_str()).opt_text(self.code.as_deref()).opt_int(opt_micros(self.settled_at));
    }

    pub fn update(&self, rows: &mut Columns) {
        let mut cells = rows.row();
        cells.text(&self.reference).int(self.refunded.minor()).int(self.disputed.minor());
        cells.text(self.state.as_str()).opt_text(self.code.as_deref()).opt_int(opt_micros(self.settled_at));
    }

    /// What can still be refunded or disputed: what was captured, less what went back or is disputed or lost (I4).
    pub fn remainder(&self) -> Result<Money, SimulatedError> {
        match self.state {
            ChargeState::Captured => Ok(self.amount.minus(self.refunded)?.minus(self.disputed)?),
            ChargeState::Pending | ChargeState::Declined => Ok(Money::zero(self.amount.currency())),
        }
    }

    /// An amount in the currency of the charge.
    pub fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.amount.currency())
    }
}

impl Refund {
    pub fn read(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            reference: row.text("reference")?,
            refund_id: row.text("refund_id")?,
            charge_reference: row.text("charge_reference")?,
            amount_minor: row.int("amount_minor")?,
            state: RefundState::read(row, "state")?,
            code: row.opt_text("code")?,
            settled_at: opt_instant(row, "settled_at")?,
        })
    }

    pub fn insert(&self, rows: &mut Columns) {
        let mut cells = rows.row();
        cells.text(&self.reference).text(&self.refund_id).text(&self.charge_reference).int(self.amount_minor);
        cells.text(self.state.as_str()).opt_text(self.code.as_deref()).opt_int(opt_micros(self.settled_at));
    }

    pub fn update(&self, rows: &mut Columns) {
        let mut cells = rows.row();
        cells.text(&self.reference).text(self.state.as_str());
        cells.opt_text(self.code.as_deref()).opt_int(opt_micros(self.settled_at));
    }
}

impl Dispute {
    pub fn read(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            dispute_id: row.text("dispute_id")?,
            charge_reference: row.text("charge_reference")?,
            amount_minor: row.int("amount_minor")?,
            fee_minor: row.int("fee_minor")?,
            state: DisputeState::read(row, "state")?,
            opened_at: instant(row, "opened_at")?,
        })
    }

    pub fn write(&self, rows: &mut Columns) {
        let mut cells = rows.row();
        cells.text(&self.dispute_id).text(&self.charge_reference).int(self.amount_minor).int(self.fee_minor);
        cells.text(self.state.as_str()).int(self.opened_at.timestamp_micros());
    }
}

impl Due {
    pub fn read(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            kind: DueKind::read(row, "kind")?,
            subject: row.text("subject")?,
            charge_reference: row.text("charge_reference")?,
            at: instant(row, "due_at")?,
        })
    }

    pub fn insert(&self, rows: &mut Columns) {
        let mut cells = rows.row();
        cells.text(self.kind.as_str()).text(&self.subject).text(&self.charge_reference).int(self.at.timestamp_micros());
    }
}

pub(super) fn currency(row: &Row) -> Result<Currency, DbError> {
    Currency::parse(&row.text("currency")?).map_err(|_| row.corrupt("currency", "is not a currency"))
}

pub(super) fn account(row: &Row) -> Result<AccountId, DbError> {
    AccountId::parse(&row.text("account_id")?).map_err(|_| row.corrupt("account_id", "is not an id"))
}

pub(super) fn instant(row: &Row, column: &str) -> Result<DateTime<Utc>, DbError> {
    opt_instant(row, column)?.ok_or_else(|| row.corrupt(column, "is NULL"))
}

pub(super) fn opt_instant(row: &Row, column: &str) -> Result<Option<DateTime<Utc>>, DbError> {
    let read = |micros| DateTime::from_timestamp_micros(micros).ok_or_else(|| row.corrupt(column, "is not an instant"));
    row.opt_int(column)?.map(read).transpose()
}

fn opt_micros(at: Option<DateTime<Utc>>) -> Option<i64> {
    at.map(|at| at.timestamp_micros())
}

pub(super) use stored_as_text;
