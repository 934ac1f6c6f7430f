//! Charges and refunds: a batch is one transaction, so that whatever interrupts it leaves either nothing or a complete result.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use super::SimulatedError;
use super::books::{Books, Mark};
use super::requests::{Known, Reply, Requests, digest};
use super::rows::{Charge, ChargeState, DueKind, Refund, RefundState};
use super::schema::{METHODS, SIM_METHOD};
use super::settings::Settings;
use super::story::{Answer, ChargePlan, Circumstances, Ending, RefundPlan, Story};
use crate::domain::money::Money;
use crate::provider::capabilities::SIMULATED;
use crate::provider::{ChargeCall, Doubt, NotDone, Outcome, RefundCall};
use crate::store::db::{Columns, Db, Tx, Value};
use crate::values;

/// How long keys are remembered.
pub(super) fn key_window() -> Duration {
    Duration::hours(SIMULATED.key_window_hours.into())
}

/// Executes a batch of charges.
pub(super) async fn charge(db: &Db, now: DateTime<Utc>, calls: &[ChargeCall]) -> Result<Vec<Outcome>, SimulatedError> {
    let mut tx = db.begin().await?;
    let mut books = Books::new(Settings::load(&mut tx).await?);
    let mut requests = Requests::load(&mut tx, now, key_window(), calls.iter().map(|call| call.key.as_str())).await?;
    let mut methods = Methods::load(&mut tx, calls).await?;
    let mut till = Till { now, books: &mut books, requests: &mut requests };
    let outcomes = calls.iter().map(|call| till.charge(call, &mut methods)).collect();
    requests.save(&mut tx).await?;
    methods.save(&mut tx).await?;
    books.save(&mut tx).await?;
    tx.commit().await?;
    Ok(outcomes)
}

/// Executes a batch of refunds.
pub(super) async fn refund(db: &Db, now: DateTime<Utc>, calls: &[RefundCall]) -> Result<Vec<Outcome>, SimulatedError> {
    let mut tx = db.begin().await?;
    let mut books = Books::new(Settings::load(&mut tx).await?);
    let mut requests = Requests::load(&mut tx, now, key_window(), calls.iter().map(|call| call.key.as_str())).await?;
    books.load_charges(&mut tx, calls.iter().map(|call| call.charge_reference.clone()).collect()).await?;
    books.load_disputes(&mut tx).await?;
    let mut till = Till { now, books: &mut books, requests: &mut requests };
    let outcomes = calls.iter().map(|call| till.refund(call)).collect::<Result<_, _>>()?;
    requests.save(&mut tx).await?;
    books.save(&mut tx).await?;
    tx.commit().await?;
    Ok(outcomes)
}

/// Where calls are taken, one after the other.
struct Till<'a> {
    now: DateTime<Utc>,
    books: &'a mut Books,
    requests: &'a mut Requests,
}

impl Till<'_> {
    fn charge(&mut self, call: &ChargeCall, methods: &mut Methods) -> Outcome {
        let body = charge_body(call);
        let lost = match self.requests.known(&call.key, &body) {
            Known::OtherBody => return Outcome::Unknown(Doubt::KeyReused),
            Known::Answer { reply, at } => return reply.outcome(call.amount, at),
            Known::Nothing { lost } => lost,
        };
        if SIMULATED.minimum_charge(call.amount.currency()).is_some_and(|least| call.amount.minor() < least.minor()) {
            return refused("amount_too_small");
        }
        let story = Story::of(&call.method_token);
        let (attempts, captures) = methods.count(&story, call);
        let expired = call.expires_on.is_some_and(|last_day| last_day < self.now.date_naive());
        let circumstances = Circumstances { key: &call.key, lost, attempts, captures, expired };
        let plan = story.charge(self.books.settings(), circumstances);
        if plan == ChargePlan::Lose {
            self.requests.lose(&call.key);
            return Outcome::Unknown(Doubt::NoReply);
        }
        let reply = self.execute_charge(call, &story, plan);
        methods.note(&story, call, plan);
        let outcome = match plan {
            ChargePlan::Capture { answer: Answer::NoReply, .. } => Outcome::Unknown(Doubt::NoReply),
            _ => reply.outcome(call.amount, self.now),
        };
        self.requests.keep(&call.key, body, reply);
        outcome
    }

    fn execute_charge(&mut self, call: &ChargeCall, story: &Story, plan: ChargePlan) -> Reply {
        let (state, code, told) = match plan {
            ChargePlan::Capture { answer, .. } => (ChargeState::Captured, None, answer == Answer::Told),
            ChargePlan::Decline(code) => (ChargeState::Declined, Some(code), true),
            ChargePlan::Pend { .. } => (ChargeState::Pending, None, true),
            ChargePlan::Fail | ChargePlan::Lose => return Reply::ServerError,
        };
        let reference = self.reference(&call.charge_id, &call.key);
        let charge = Charge {
            reference: reference.clone(),
            charge_id: call.charge_id.clone(),
            invoice_id: call.invoice_id.clone(),
            account_id: call.account_id.to_string(),
            story: story.text(),
            amount: call.amount,
            refunded: Money::zero(call.amount.currency()),
            disputed: Money::zero(call.amount.currency()),
            state,
            code: code.map(str::to_owned),
            settled_at: (state != ChargeState::Pending).then_some(self.now),
        };
        self.books.add_charge(charge, self.now, told);
        match plan {
            ChargePlan::Pend { days, captured } => {
                let kind = if captured { DueKind::CaptureCharge } else { DueKind::DeclineCharge };
                self.books.schedule(kind, &reference, &reference, self.now, days);
                Reply::Pending(reference)
            }
            ChargePlan::Decline(code) => Reply::Declined(code.to_owned()),
            ChargePlan::Capture { answer, disputed_after } => {
                if let Some((days, ending)) = disputed_after {
                    let kind = match ending {
                        Ending::None => DueKind::OpenDispute,
                        Ending::Won => DueKind::OpenDisputeToWin,
                        Ending::Lost => DueKind::OpenDisputeToLose,
                    };
                    self.books.schedule(kind, &reference, &reference, self.now, days);
                }
                if answer == Answer::ServerError { Reply::ServerError } else { Reply::Succeeded(reference) }
            }
            ChargePlan::Fail | ChargePlan::Lose => Reply::ServerError,
        }
    }

    fn refund(&mut self, call: &RefundCall) -> Result<Outcome, SimulatedError> {
        let body = refund_body(call);
        let lost = match self.requests.known(&call.key, &body) {
            Known::OtherBody => return Ok(Outcome::Unknown(Doubt::KeyReused)),
            Known::Answer { reply, at } => return Ok(reply.outcome(call.amount, at)),
            Known::Nothing { lost } => lost,
        };
        let charge = self.books.charge(&call.charge_reference).filter(|charge| charge.charge_id == call.charge_id);
        let Some(charge) = charge else { return Ok(refused("resource_missing")) };
        if charge.amount.currency() != call.amount.currency() {
            return Ok(refused("currency_mismatch"));
        }
        let plan = match beyond_limits(charge, call.amount, self.books.open_dispute_of(&charge.reference).is_some())? {
            Some(code) => RefundPlan::Refuse(code),
            None => Story::of(&charge.story).refund(self.books.settings(), &call.key, lost),
        };
        if plan == RefundPlan::Lose {
            self.requests.lose(&call.key);
            return Ok(Outcome::Unknown(Doubt::NoReply));
        }
        let reply = self.execute_refund(call, plan)?;
        let outcome = match plan {
            RefundPlan::Pay { answer: Answer::NoReply, .. } => Outcome::Unknown(Doubt::NoReply),
            _ => reply.outcome(call.amount, self.now),
        };
        self.requests.keep(&call.key, body, reply);
        Ok(outcome)
    }

    fn execute_refund(&mut self, call: &RefundCall, plan: RefundPlan) -> Result<Reply, SimulatedError> {
        let (state, code, told) = match plan {
            RefundPlan::Pay { answer, .. } => (RefundState::Succeeded, None, answer == Answer::Told),
            RefundPlan::Refuse(code) => (RefundState::Failed, Some(code), true),
            RefundPlan::Pend { .. } => (RefundState::Pending, None, true),
            RefundPlan::Fail | RefundPlan::Lose => return Ok(Reply::ServerError),
        };
        let reference = self.reference(&call.refund_id, &call.key);
        let refund = Refund {
            reference: reference.clone(),
            refund_id: call.refund_id.clone(),
            charge_reference: call.charge_reference.clone(),
            amount_minor: call.amount.minor(),
            state,
            code: code.map(str::to_owned),
            settled_at: (state != RefundState::Pending).then_some(self.now),
        };
        self.books.add_refund(refund, self.now, told)?;
        let mut later = |kind, days| self.books.schedule(kind, &reference, &call.charge_reference, self.now, days);
        Ok(match plan {
            RefundPlan::Pend { days, paid } => {
                later(if paid { DueKind::PayRefund } else { DueKind::FailRefund }, days);
                Reply::Pending(reference)
            }
            RefundPlan::Pay { answer, back_after } => {
                if let Some(days) = back_after {
                    later(DueKind::FailRefund, days);
                }
                if answer == Answer::ServerError { Reply::ServerError } else { Reply::Succeeded(reference) }
            }
            RefundPlan::Refuse(code) => Reply::Declined(code.to_owned()),
            RefundPlan::Fail | RefundPlan::Lose => Reply::ServerError,
        })
    }

    /// The provider's id of a new object: ours, and a tag that differs when the same key is executed again.
    fn reference(&self, our_id: &str, key: &str) -> String {
        let execution = format!("{} {key}", self.now.timestamp_micros());
        format!("sim_{our_id}_{}", self.books.settings().tag("reference", &execution))
    }
}

/// Why a refund is refused, whatever the story: it can only take what is there (I4), and nothing during a dispute (F59).
fn beyond_limits(charge: &Charge, amount: Money, is_disputed: bool) -> Result<Option<&'static str>, SimulatedError> {
    let remainder = charge.remainder()?;
    Ok(if charge.state != ChargeState::Captured {
        Some("charge_not_captured")
    } else if is_disputed {
        Some("charge_disputed")
    } else if remainder.is_zero() {
        Some("charge_already_refunded")
    } else {
        (amount.minor() > remainder.minor()).then_some("amount_too_large")
    })
}

fn refused(code: &str) -> Outcome {
    Outcome::DidNotHappen(NotDone::Refused { code: code.to_owned() })
}

fn charge_body(call: &ChargeCall) -> String {
    let amount = call.amount.to_string();
    digest(&["charge", call.account_id.as_str(), &call.invoice_id, &call.charge_id, &amount, &call.method_token])
}

fn refund_body(call: &RefundCall) -> String {
    let amount = call.amount.to_string();
    digest(&["refund", call.account_id.as_str(), &call.refund_id, &call.charge_id, &call.charge_reference, &amount])
}

/// What was counted on the methods whose stories count.
#[derive(Debug)]
struct Methods {
    counts: BTreeMap<String, (u32, u32, Mark)>,
}

impl Methods {
    async fn load(tx: &mut Tx, calls: &[ChargeCall]) -> Result<Self, SimulatedError> {
        let counting = calls.iter().filter(|call| Story::of(&call.method_token).counts()).map(method);
        let methods: Vec<_> = counting.collect();
        let mut counts = BTreeMap::new();
        if !methods.is_empty() {
            for row in tx.fetch_all(&METHODS, &values![Value::TextList(methods)]).await? {
                let count = |column| u32::try_from(row.int(column)?).map_err(|_| row.corrupt(column, "is not a count"));
                counts.insert(row.text("method")?, (count("attempts")?, count("captures")?, Mark::Kept));
            }
        }
        Ok(Self { counts })
    }

    fn count(&self, story: &Story, call: &ChargeCall) -> (u32, u32) {
        let count = story.counts().then(|| self.counts.get(&method(call))).flatten();
        count.map_or((0, 0), |(attempts, captures, _)| (*attempts, *captures))
    }

    fn note(&mut self, story: &Story, call: &ChargeCall, plan: ChargePlan) {
        if story.counts() {
            let (attempts, captures, mark) = self.counts.entry(method(call)).or_insert((0, 0, Mark::New));
            *attempts = attempts.saturating_add(1);
            *captures = captures.saturating_add(matches!(plan, ChargePlan::Capture { .. }).into());
            *mark = mark.changed();
        }
    }

    async fn save(&self, tx: &mut Tx) -> Result<(), SimulatedError> {
        let (mut new, mut changed) = (Columns::of(&SIM_METHOD), Columns::of(&SIM_METHOD));
        for (method, (attempts, captures, mark)) in &self.counts {
            let rows = match mark {
                Mark::New => &mut new,
                Mark::Changed => &mut changed,
                Mark::Kept => continue,
            };
            rows.row().text(method).int((*attempts).into()).int((*captures).into());
        }
        tx.update_rows(&changed).await?;
        tx.insert_rows(&new).await?;
        Ok(())
    }
}

fn method(call: &ChargeCall) -> String {
    digest(&["method", &call.method_token])
}
