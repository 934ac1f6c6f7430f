//! Payouts: intent → call → result, as charges are (PV-1, RF-4).

use std::collections::BTreeMap;

use super::charges::settlement_of;
use super::runner::Runner;
use super::{CALL_CHUNK, LEASE_SECONDS, Stop};
use crate::domain::change::settle::Settlement;
use crate::domain::change::{Draft, Planned};
use crate::domain::ids::AccountId;
use crate::engine::EngineError;
use crate::engine::batch::Work;
use crate::engine::summary::Summary;
use crate::provider::{LookUp, NotDone, Outcome, RefundCall};
use crate::store::account::{self as accounts, Scope};
use crate::store::claims::{self, LeasedRefund};

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
        let mut summary = Summary::default();
        while !stop.requested() {
            let mut tx = self.engine.db.begin().await?;
            let lease = self.lease(LEASE_SECONDS);
            let leased = claims::lease_refunds(&mut tx, self.engine.clock.now(), &lease, CALL_CHUNK).await?;
            if leased.is_empty() {
                tx.rollback().await?;
                break;
            }
            tx.commit().await?;
            let mut by_account: BTreeMap<AccountId, Vec<(String, Settlement)>> = BTreeMap::new();
            let mut doubtful = Vec::new();
            for (refund, outcome) in leased.iter().zip(self.pay_out(&leased).await) {
                if let Some(settlement) = settlement_of(&refund.refund, refund.amount, outcome) {
                    if settlement == Settlement::Unknown {
                        doubtful.push((refund.account.clone(), refund.refund.clone()));
                    }
                    by_account.entry(refund.account.clone()).or_default().push((refund.refund.clone(), settlement));
                }
            }
            summary.absorb(self.settle_refunds(by_account).await?);
            self.give_back(&claims::REFUNDS_GIVEN_BACK, &doubtful).await?;
            self.progress.chunk("refunds", leased.len());
        }
        Ok(summary)
    }

    async fn pay_out(&self, leased: &[LeasedRefund]) -> Vec<Outcome> {
        let now = self.engine.clock.now();
        let questions: Vec<LookUp> =
            leased.iter().map(|refund| LookUp { key: refund_key(&refund.refund), id: refund.refund.clone() }).collect();
        let sent_before = leased.iter().any(|refund| refund.may_have_been_sent);
        let mut outcomes = if sent_before {
            self.engine.provider.look_up_refunds(now, &questions).await
        } else {
            vec![Outcome::DidNotHappen(NotDone::NotFound); leased.len()]
        };
        let to_send: Vec<usize> =
            (0..leased.len()).filter(|&index| matches!(outcomes[index], Outcome::DidNotHappen(NotDone::NotFound))).collect();
        let calls: Vec<RefundCall> = to_send.iter().map(|&index| call_of(&leased[index])).collect();
        let answers = if calls.is_empty() { Vec::new() } else { self.engine.provider.refund(now, &calls).await };
        for (index, answer) in to_send.into_iter().zip(answers) {
            outcomes[index] = answer;
        }
        if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Unknown(_))) {
            let found = self.engine.provider.look_up_refunds(now, &questions).await;
            for (outcome, found) in outcomes.iter_mut().zip(found) {
                if matches!(outcome, Outcome::Unknown(_)) && matches!(found, Outcome::Succeeded { .. } | Outcome::Declined(_)) {
                    *outcome = found;
                }
            }
        }
        outcomes
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
