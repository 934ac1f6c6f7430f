//! Charges: intent → call → result (PV-1, PV-2). The intent is committed when the invoice is; here it is leased, sent with
//! its key while no transaction is open, and settled. An attempt that may have been sent before is looked up first.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::runner::Runner;
use super::{LEASE_SECONDS, Stop};
use crate::domain::account::Account;
use crate::domain::change::settle::Settlement;
use crate::domain::change::{Draft, Planned};
use crate::domain::ids::AccountId;
use crate::domain::money::Money;
use crate::engine::EngineError;
use crate::engine::batch::{Accounts, Work};
use crate::engine::summary::Summary;
use crate::provider::{Capabilities, ChargeCall, Decline, Doubt, LookUp, NotDone, Outcome};
use crate::store::account::{self as accounts, Scope};
use crate::store::claims::{self, GivenBack, LeasedCharge};

/// The key under which a charge is sent: derived from what it is for, never random (PV-1).
#[must_use]
pub fn charge_key(charge: &str) -> String {
    format!("kasacare:charge:{charge}")
}

/// What is known of one charge, and where it belongs.
pub(super) struct Settled {
    pub(super) charge: String,
    pub(super) invoice: String,
    pub(super) settlement: Settlement,
}

/// What came of a leased call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Done {
    /// The provider said something, or nothing.
    Answered(Outcome),
    /// It was not sent: its payment method is blocked or no longer on file (PD-2, F68).
    HeldBack,
    /// It may have been sent before, the provider knows nothing of it, and its key is too old to be sent again (F03, I14).
    KeyTooOld,
}

impl Done {
    /// What is done with a call of which a look-up found nothing; `None` where it may be sent.
    pub(super) fn unless_sendable(chargeable: bool, earlier: Earlier, now: DateTime<Utc>, provider: &Capabilities) -> Option<Self> {
        let too_old = earlier.sent_at.is_some_and(|first| now.signed_duration_since(first) >= provider.resend_window());
        match earlier.failed_at {
            // Its key keeps the failure, or what failed was not stored and would be carried out: it is not sent again in either case.
            Some(at) if !provider.is_over(at, now) => Some(Self::Answered(Outcome::Pending)),
            Some(_) => Some(Self::Answered(Outcome::DidNotHappen(NotDone::NotFound))),
            None if too_old => Some(Self::KeyTooOld),
            None => Some(Self::HeldBack).filter(|_| !chargeable),
        }
    }

    /// When the call was last answered with a failure of the provider: now, or before.
    pub(super) fn failed_at(&self, earlier: Earlier, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if *self == Self::Answered(Outcome::Unknown(Doubt::ServerError)) { Some(now) } else { earlier.failed_at }
    }
}

/// What became of a call before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Earlier {
    /// When it may have been sent first.
    pub(super) sent_at: Option<DateTime<Utc>>,
    /// When it was last answered with a failure of the provider. It has not been sent since.
    pub(super) failed_at: Option<DateTime<Utc>>,
}

/// Settlement of charges as batch work (PV-6).
pub(super) struct SettleCharges {
    by_account: BTreeMap<AccountId, Vec<Settled>>,
}

impl Work for SettleCharges {
    fn kind(&self) -> &'static str {
        "settle_charge"
    }

    fn scope(&self) -> Scope {
        Scope::SETTLEMENT
    }

    /// An ordinary capture needs the invoice alone, and so does an answer that has not come yet; all else needs the history: older
    /// debts that are paid first, other charges with the same payment method, corrections, tasks.
    fn needs_everything(&self, account: &Account) -> bool {
        let ordinary = |one: &Settled| match &one.settlement {
            Settlement::Succeeded { .. } => account.is_ordinary_capture(&one.charge),
            Settlement::Unknown => account.charges.contains_key(&one.charge),
            Settlement::Mismatch { .. }
            | Settlement::Declined { .. }
            | Settlement::CameBack { .. }
            | Settlement::NeverHappened
            | Settlement::Refused { .. }
            | Settlement::NotSent
            | Settlement::KeyExpired => false,
        };
        !self.by_account.get(&account.profile.id).is_some_and(|settled| settled.iter().all(ordinary))
    }

    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        let id = draft.account.profile.id.clone();
        for settled in self.by_account.get(&id).into_iter().flatten() {
            draft.settle_charge(&settled.charge, &settled.settlement)?;
        }
        Ok(())
    }
}

impl Runner {
    /// Sends what is due and settles the answers, until nothing is due.
    pub(super) async fn charge(&self, stop: &Stop) -> Result<Summary, EngineError> {
        let charge = |runner: Self| {
            let stop = stop.clone();
            async move { runner.charge_in_batches(&stop).await }
        };
        self.side_by_side(self.engine.provider.capabilities().batches_at_once, charge).await
    }

    async fn charge_in_batches(&self, stop: &Stop) -> Result<Summary, EngineError> {
        let mut summary = Summary::default();
        while !stop.requested() && !self.charges_locked_out.is_recent(self.engine.clock.now().timestamp()) {
            let leased = self.lease_charges().await?;
            if leased.is_empty() {
                break;
            }
            let done = self.call(&leased).await;
            summary.absorb(self.settle(&leased, done).await?);
            self.progress.chunk("charges", leased.len());
        }
        Ok(summary)
    }

    async fn lease_charges(&self) -> Result<Vec<LeasedCharge>, EngineError> {
        let _alone = self.leasing.lock().await;
        let mut tx = self.engine.db.begin().await?;
        let limit = self.engine.provider.capabilities().calls_in_batch;
        let leased = claims::lease_charges(&mut tx, self.engine.clock.now(), &self.lease(LEASE_SECONDS), limit).await?;
        tx.commit().await?;
        Ok(leased)
    }

    /// What came of each leased charge, in order. No transaction is open here.
    async fn call(&self, leased: &[LeasedCharge]) -> Vec<Done> {
        let now = self.engine.clock.now();
        let provider = self.engine.provider.capabilities();
        let mut done: Vec<Option<Done>> = vec![None; leased.len()];
        let (sent_before, mut to_send): (Vec<usize>, Vec<usize>) =
            (0..leased.len()).partition(|&index| leased[index].sent_at.is_some() || provider.may_know_of(leased[index].wanted_since, now));
        let found = self.look_up(leased, &sent_before).await;
        for (index, outcome) in sent_before.into_iter().zip(found) {
            match outcome {
                Outcome::DidNotHappen(NotDone::NotFound) => to_send.push(index),
                other => done[index] = Some(Done::Answered(other)),
            }
        }
        to_send.retain(|&index| {
            let charge = &leased[index];
            done[index] = Done::unless_sendable(charge.chargeable, earlier(charge), now, provider);
            done[index].is_none()
        });
        for (index, outcome) in to_send.iter().zip(self.send(leased, &to_send).await) {
            done[*index] = Some(Done::Answered(outcome));
        }
        done.into_iter().map(|done| done.unwrap_or(Done::Answered(Outcome::Pending))).collect()
    }

    /// Sends charges; those whose answer got lost are looked up before anything else is done (PV-2), and sent once more under their
    /// key where nothing is found.
    async fn send(&self, leased: &[LeasedCharge], to_send: &[usize]) -> Vec<Outcome> {
        let calls: Vec<ChargeCall> = to_send.iter().map(|&index| call_of(&leased[index])).collect();
        if calls.is_empty() {
            return Vec::new();
        }
        let mut outcomes = self.engine.provider.charge(self.engine.clock.now(), &calls).await;
        let doubtful: Vec<usize> = (0..outcomes.len()).filter(|&at| matches!(outcomes[at], Outcome::Unknown(_))).collect();
        let asked: Vec<usize> = doubtful.iter().map(|&at| to_send[at]).collect();
        let mut lost = Vec::new();
        for (at, found) in doubtful.into_iter().zip(self.look_up(leased, &asked).await) {
            match (&outcomes[at], found) {
                (_, found @ (Outcome::Succeeded { .. } | Outcome::Declined(_))) => outcomes[at] = found,
                // The provider failed, moved nothing, and keeps that failure with the key: only a new attempt can get through.
                (Outcome::Unknown(Doubt::ServerError), found @ Outcome::DidNotHappen(NotDone::NotFound)) if self.fails_at_once() => {
                    outcomes[at] = found;
                }
                (Outcome::Unknown(Doubt::NoReply), Outcome::DidNotHappen(NotDone::NotFound)) => lost.push(at),
                _ => {}
            }
        }
        // Its key is young now: whoever runs the jobs once a day would find it too old next time (F03).
        let again: Vec<ChargeCall> = lost.iter().map(|&at| calls[at].clone()).collect();
        if !again.is_empty() {
            for (at, outcome) in lost.into_iter().zip(self.engine.provider.charge(self.engine.clock.now(), &again).await) {
                // That this one was not made says nothing of the first.
                if !was_not_made(&outcome) {
                    outcomes[at] = outcome;
                }
            }
        }
        outcomes
    }

    async fn look_up(&self, leased: &[LeasedCharge], indices: &[usize]) -> Vec<Outcome> {
        if indices.is_empty() {
            return Vec::new();
        }
        let questions: Vec<LookUp> = indices.iter().map(|&index| question_about(&leased[index])).collect();
        let found = self.engine.provider.look_up_charges(self.engine.clock.now(), &questions).await;
        found.into_iter().map(of_a_look_up).collect()
    }

    /// Whether a failure of the provider means that nothing more will come of the call.
    pub(super) fn fails_at_once(&self) -> bool {
        let now = self.engine.clock.now();
        self.engine.provider.capabilities().is_over(now, now)
    }

    async fn settle(&self, leased: &[LeasedCharge], done: Vec<Done>) -> Result<Summary, EngineError> {
        let mut by_account: BTreeMap<AccountId, Vec<Settled>> = BTreeMap::new();
        let (mut doubtful, mut locked_out) = (Vec::new(), LockedOut::default());
        let now = self.engine.clock.now();
        for (charge, done) in leased.iter().zip(done) {
            locked_out.note(&done, earlier(charge), (&charge.account, &charge.charge));
            let failed_at = done.failed_at(earlier(charge), now);
            let Some(settlement) = settlement_of_call(&charge.charge, charge.amount, done) else { continue };
            if settlement == Settlement::Unknown {
                doubtful.push(GivenBack { account: charge.account.clone(), id: charge.charge.clone(), failed_at });
            }
            by_account.entry(charge.account.clone()).or_default().push(Settled {
                charge: charge.charge.clone(),
                invoice: charge.invoice.clone(),
                settlement,
            });
        }
        let summary = self.settle_charges(by_account).await?;
        if locked_out.is_any() {
            self.charges_locked_out.at(now.timestamp());
        }
        doubtful.extend(locked_out.doubtful);
        self.give_back(&claims::CHARGES_GIVEN_BACK, &doubtful).await?;
        self.take_back(&claims::CHARGES_NOT_SENT, &locked_out.not_sent).await?;
        Ok(summary)
    }

    /// Settles charges by account, in one transaction.
    pub(super) async fn settle_charges(&self, by_account: BTreeMap<AccountId, Vec<Settled>>) -> Result<Summary, EngineError> {
        let ids: Vec<AccountId> = by_account.keys().cloned().collect();
        if ids.is_empty() {
            return Ok(Summary::default());
        }
        let mut tx = self.engine.db.begin().await?;
        accounts::lock(&mut tx, &ids).await?;
        let of = |(account, settled): (&AccountId, &Vec<Settled>)| {
            settled.iter().map(|one| (account.clone(), one.invoice.clone())).collect::<Vec<_>>()
        };
        let invoices = by_account.iter().flat_map(of).collect();
        self.engine.run_batch(tx, Accounts { ids, invoices }, &SettleCharges { by_account }).await
    }
}

/// Whether the call was certainly not made, whatever was made before it.
pub(super) const fn was_not_made(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::DidNotHappen(NotDone::TooManyRequests | NotDone::LockedOut | NotDone::Refused { .. }))
}

/// Calls that the provider did not let in (F72).
#[derive(Debug, Default)]
pub(super) struct LockedOut {
    /// Those that were never sent: their keys are as new as before.
    pub(super) not_sent: Vec<(AccountId, String)>,
    /// Those that may have been sent before.
    pub(super) doubtful: Vec<GivenBack>,
}

impl LockedOut {
    pub(super) const fn is_any(&self) -> bool {
        !self.not_sent.is_empty() || !self.doubtful.is_empty()
    }

    pub(super) fn note(&mut self, done: &Done, earlier: Earlier, (account, id): (&AccountId, &String)) {
        if *done != Done::Answered(Outcome::DidNotHappen(NotDone::LockedOut)) {
            return;
        }
        match earlier.sent_at {
            None => self.not_sent.push((account.clone(), id.clone())),
            Some(_) => self.doubtful.push(GivenBack { account: account.clone(), id: id.clone(), failed_at: earlier.failed_at }),
        }
    }
}

/// What a look-up says of a call. That the look-up itself failed says nothing of it.
pub(super) fn of_a_look_up(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Unknown(Doubt::ServerError) | Outcome::DidNotHappen(NotDone::Refused { .. }) => Outcome::Unknown(Doubt::Unreachable),
        other => other,
    }
}

fn earlier(charge: &LeasedCharge) -> Earlier {
    Earlier { sent_at: charge.sent_at, failed_at: charge.failed_at }
}

fn question_about(charge: &LeasedCharge) -> LookUp {
    LookUp {
        key: charge_key(&charge.charge),
        id: charge.charge.clone(),
        // One that was replaced since may belong to another customer, whose list would prove nothing.
        method_token: Some(charge.method_token.clone()).filter(|_| charge.chargeable),
        charge_reference: None,
        since: Some(charge.sent_at.unwrap_or(charge.wanted_since)),
    }
}

fn call_of(charge: &LeasedCharge) -> ChargeCall {
    ChargeCall {
        key: charge_key(&charge.charge),
        account_id: charge.account.clone(),
        invoice_id: charge.invoice.clone(),
        charge_id: charge.charge.clone(),
        amount: charge.amount,
        method_token: charge.method_token.clone(),
        expires_on: charge.method_expires_on,
    }
}

/// What came of a call, as the books see it; `None` where the same call is simply made again later.
pub(super) fn settlement_of_call(id: &str, asked: Money, done: Done) -> Option<Settlement> {
    match done {
        Done::Answered(outcome) => settlement_of(id, asked, outcome),
        Done::HeldBack => Some(Settlement::NotSent),
        Done::KeyTooOld => {
            tracing::error!(id, "the key is too old to be sent again, and the provider does not know it (F03)");
            Some(Settlement::KeyExpired)
        }
    }
}

/// What an outcome means for the books; `None` where the same call is simply made again later.
pub(super) fn settlement_of(id: &str, asked: Money, outcome: Outcome) -> Option<Settlement> {
    Some(match outcome {
        Outcome::Succeeded { reference, amount, .. } if amount == asked => Settlement::Succeeded { reference },
        Outcome::Succeeded { reference, amount, .. } => {
            tracing::error!(id, reference, asked = %asked, moved = %amount, "the provider moved another amount than asked for");
            Settlement::Mismatch { reference, moved: amount }
        }
        Outcome::Declined(Decline { code, class, .. }) => Settlement::Declined { code, hard: class.needs_new_method() },
        Outcome::CameBack { reference, code } => Settlement::CameBack { reference, code },
        Outcome::Unknown(doubt) if doubt.is_alarm() => {
            tracing::error!(id, "the key was sent with another body before: a mistake of ours (F04)");
            Settlement::Unknown
        }
        Outcome::Pending | Outcome::Unknown(_) => Settlement::Unknown,
        Outcome::DidNotHappen(NotDone::Refused { code }) => {
            tracing::error!(id, code, "the provider refuses the request as such");
            Settlement::Refused { code }
        }
        Outcome::DidNotHappen(NotDone::NotFound) => Settlement::NeverHappened,
        Outcome::DidNotHappen(NotDone::TooManyRequests | NotDone::LockedOut) => return None,
    })
}
