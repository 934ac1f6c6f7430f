//! Payouts: intent → call → result, as charges are (PV-1, RF-4).

use std::collections::BTreeMap;

use super::charges::{Done, Earlier, LockedOut, of_a_look_up, settlement_of_call, was_not_made};
use super::runner::Runner;
use super::{LEASE_SECONDS, Stop};
use crate::domain::change::settle::Settlement;
use crate::domain::change::{Draft, Planned};
use crate::domain::ids::AccountId;
use crate::engine::EngineError;
use crate::engine::batch::Work;
use crate::engine::summary::Summary;
use crate::provider::{Doubt, LookUp, NotDone, Outcome, RefundCall};
use crate::store::account::{self as accounts, Scope};
use crate::store::claims::{self, GivenBack, LeasedRefund};

/// The key under which a refund is sent (PV-1).
#[must_use]
pub fn refund_key(refund: &str) -> String {
    format!("kasacare:refund:{refund}")
}

struct SettleRefunds {
    by_account: BTreeMap<AccountId, Vec<(String, Settlement)>>,
}

impl Work for SettleRefunds {
    fn kind(&self) -> &'static str {
        "settle_refund"
    }

    fn scope(&self) -> Scope {
        Scope::ALL
    }

    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        let id = draft.account.profile.id.clone();
        for (refund, settlement) in self.by_account.get(&id).into_iter().flatten() {
            draft.settle_refund(refund, settlement)?;
        }
        Ok(())
    }
}

impl Runner {
    /// Pays out what is due and settles the answers, until nothing is due.
    pub(super) async fn refund(&self, stop: &Stop) -> Result<Summary, EngineError> {
        let refund = |runner: Self| {
            let stop = stop.clone();
            async move { runner.refund_in_batches(&stop).await }
        };
        self.side_by_side(self.engine.provider.capabilities().batches_at_once, refund).await
    }

    async fn refund_in_batches(&self, stop: &Stop) -> Result<Summary, EngineError> {
        let mut summary = Summary::default();
        while !stop.requested() && !self.refunds_locked_out.is_recent(self.engine.clock.now().timestamp()) {
            let leased = self.lease_refunds().await?;
            if leased.is_empty() {
                break;
            }
            let done = self.pay_out(&leased).await;
            summary.absorb(self.settle_payouts(&leased, done).await?);
            self.progress.chunk("refunds", leased.len());
        }
        Ok(summary)
    }

    async fn lease_refunds(&self) -> Result<Vec<LeasedRefund>, EngineError> {
        let _alone = self.leasing.lock().await;
        let mut tx = self.engine.db.begin().await?;
        let limit = self.engine.provider.capabilities().calls_in_batch;
        let leased = claims::lease_refunds(&mut tx, self.engine.clock.now(), &self.lease(LEASE_SECONDS), limit).await?;
        tx.commit().await?;
        Ok(leased)
    }

    async fn settle_payouts(&self, leased: &[LeasedRefund], done: Vec<Done>) -> Result<Summary, EngineError> {
        let mut by_account: BTreeMap<AccountId, Vec<(String, Settlement)>> = BTreeMap::new();
        let (mut doubtful, mut locked_out) = (Vec::new(), LockedOut::default());
        let now = self.engine.clock.now();
        for (refund, done) in leased.iter().zip(done) {
            locked_out.note(&done, earlier(refund), (&refund.account, &refund.refund));
            let failed_at = done.failed_at(earlier(refund), now);
            let Some(settlement) = settlement_of_call(&refund.refund, refund.amount, done) else { continue };
            if settlement == Settlement::Unknown {
                doubtful.push(GivenBack { account: refund.account.clone(), id: refund.refund.clone(), failed_at });
            }
            by_account.entry(refund.account.clone()).or_default().push((refund.refund.clone(), settlement));
        }
        let summary = self.settle_refunds(by_account).await?;
        if locked_out.is_any() {
            self.refunds_locked_out.at(now.timestamp());
        }
        doubtful.extend(locked_out.doubtful);
        self.give_back(&claims::REFUNDS_GIVEN_BACK, &doubtful).await?;
        self.take_back(&claims::REFUNDS_NOT_SENT, &locked_out.not_sent).await?;
        Ok(summary)
    }

    /// What came of each leased payout, in order. No transaction is open here.
    async fn pay_out(&self, leased: &[LeasedRefund]) -> Vec<Done> {
        let now = self.engine.clock.now();
        let provider = self.engine.provider.capabilities();
        let mut done: Vec<Option<Done>> = vec![None; leased.len()];
        let (sent_before, mut to_send): (Vec<usize>, Vec<usize>) =
            (0..leased.len()).partition(|&index| leased[index].sent_at.is_some() || provider.may_know_of(leased[index].due_at, now));
        for (index, outcome) in sent_before.iter().zip(self.look_up_refunds(leased, &sent_before).await) {
            match outcome {
                Outcome::DidNotHappen(NotDone::NotFound) => to_send.push(*index),
                other => done[*index] = Some(Done::Answered(other)),
            }
        }
        to_send.retain(|&index| {
            done[index] = Done::unless_sendable(true, earlier(&leased[index]), now, provider);
            done[index].is_none()
        });
        for (index, outcome) in to_send.iter().zip(self.send_refunds(leased, &to_send).await) {
            done[*index] = Some(Done::Answered(outcome));
        }
        done.into_iter().map(|done| done.unwrap_or(Done::Answered(Outcome::Pending))).collect()
    }

    /// Sends payouts, as charges are sent.
    async fn send_refunds(&self, leased: &[LeasedRefund], to_send: &[usize]) -> Vec<Outcome> {
        let calls: Vec<RefundCall> = to_send.iter().map(|&index| call_of(&leased[index])).collect();
        if calls.is_empty() {
            return Vec::new();
        }
        let mut outcomes = self.engine.provider.refund(self.engine.clock.now(), &calls).await;
        let doubtful: Vec<usize> = (0..outcomes.len()).filter(|&at| matches!(outcomes[at], Outcome::Unknown(_))).collect();
        let asked: Vec<usize> = doubtful.iter().map(|&at| to_send[at]).collect();
        let mut lost = Vec::new();
        for (at, found) in doubtful.into_iter().zip(self.look_up_refunds(leased, &asked).await) {
            match (&outcomes[at], found) {
                (_, found @ (Outcome::Succeeded { .. } | Outcome::Declined(_) | Outcome::CameBack { .. })) => outcomes[at] = found,
                // As of charges: the key keeps the failure, so only a new attempt can get through.
                (Outcome::Unknown(Doubt::ServerError), found @ Outcome::DidNotHappen(NotDone::NotFound)) if self.fails_at_once() => {
                    outcomes[at] = found;
                }
                (Outcome::Unknown(Doubt::NoReply), Outcome::DidNotHappen(NotDone::NotFound)) => lost.push(at),
                _ => {}
            }
        }
        let again: Vec<RefundCall> = lost.iter().map(|&at| calls[at].clone()).collect();
        if !again.is_empty() {
            for (at, outcome) in lost.into_iter().zip(self.engine.provider.refund(self.engine.clock.now(), &again).await) {
                // As of charges.
                if !was_not_made(&outcome) {
                    outcomes[at] = outcome;
                }
            }
        }
        outcomes
    }

    async fn look_up_refunds(&self, leased: &[LeasedRefund], indices: &[usize]) -> Vec<Outcome> {
        if indices.is_empty() {
            return Vec::new();
        }
        let question = |index: &usize| {
            let refund = &leased[*index];
            LookUp {
                key: refund_key(&refund.refund),
                id: refund.refund.clone(),
                charge_reference: Some(refund.charge_reference.clone()),
                since: Some(refund.sent_at.unwrap_or(refund.due_at.min(self.engine.clock.now()))),
                ..LookUp::default()
            }
        };
        let questions: Vec<LookUp> = indices.iter().map(question).collect();
        let found = self.engine.provider.look_up_refunds(self.engine.clock.now(), &questions).await;
        found.into_iter().map(of_a_look_up).collect()
    }

    async fn settle_refunds(&self, by_account: BTreeMap<AccountId, Vec<(String, Settlement)>>) -> Result<Summary, EngineError> {
        let ids: Vec<AccountId> = by_account.keys().cloned().collect();
        if ids.is_empty() {
            return Ok(Summary::default());
        }
        let mut tx = self.engine.db.begin().await?;
        accounts::lock(&mut tx, &ids).await?;
        self.engine.run_batch(tx, ids, &SettleRefunds { by_account }).await
    }
}

fn earlier(refund: &LeasedRefund) -> Earlier {
    Earlier { sent_at: refund.sent_at, failed_at: refund.failed_at }
}

fn call_of(refund: &LeasedRefund) -> RefundCall {
    RefundCall {
        key: refund_key(&refund.refund),
        account_id: refund.account.clone(),
        refund_id: refund.refund.clone(),
        charge_id: refund.charge.clone(),
        charge_reference: refund.charge_reference.clone(),
        amount: refund.amount,
    }
}
