//! Charges: intent → call → result (PV-1, PV-2). The intent is committed when the invoice is; here it is leased, sent with
//! its key while no transaction is open, and settled. An attempt that may have been sent before is looked up first.

use std::collections::BTreeMap;

use super::runner::Runner;
use super::{CALL_CHUNK, LEASE_SECONDS, Stop};
use crate::domain::account::{Account, Purpose};
use crate::domain::change::settle::Settlement;
use crate::domain::change::{Draft, Planned};
use crate::domain::ids::AccountId;
use crate::domain::money::Money;
use crate::domain::subscription::State;
use crate::engine::EngineError;
use crate::engine::batch::{Accounts, Work};
use crate::engine::summary::Summary;
use crate::provider::{ChargeCall, Decline, Doubt, LookUp, NotDone, Outcome};
use crate::store::account::{self as accounts, Scope};
use crate::store::claims::{self, LeasedCharge};

/// The key under which a charge is sent: derived from what it is for, never random (PV-1).
#[must_use]
pub fn charge_key(charge: &str) -> String {
    format!("kasacare:charge:{charge}")
}

/// What is known of one charge, and where it belongs.
pub(super) struct Settled {
    pub(super) charge: String,
    pub(super) invoice: String,
    pub(super) purpose: Purpose,
    pub(super) settlement: Settlement,
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

    /// An ordinary capture needs the invoice alone; what may give money back, pay carried amounts, or pay a debt of a subscription
    /// that has ended, needs the history: corrections and tasks hang on that debt.
    fn needs_everything(&self, account: &Account) -> bool {
        let settled = self.by_account.get(&account.profile.id).into_iter().flatten();
        let unusual = |one: &Settled| one.purpose == Purpose::Correction || bills_what_has_ended(account, &one.invoice);
        let waiting = account.subscriptions.values().any(|subscription| subscription.cancel_requested_on.is_some());
        let behind = account
            .subscriptions
            .values()
            .any(|subscription| matches!(subscription.state, State::PastDue { .. } | State::Suspended { .. }));
        settled.into_iter().any(unusual) || waiting || behind || account.profile.carried.is_positive()
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
        let mut summary = Summary::default();
        while !stop.requested() {
            let mut tx = self.engine.db.begin().await?;
            let lease = self.lease(LEASE_SECONDS);
            let leased = claims::lease_charges(&mut tx, self.engine.clock.now(), &lease, CALL_CHUNK).await?;
            if leased.is_empty() {
                tx.rollback().await?;
                break;
            }
            tx.commit().await?;
            let outcomes = self.call(&leased).await;
            let count = leased.len();
            summary.absorb(self.settle(&leased, outcomes).await?);
            self.progress.chunk("charges", count);
        }
        Ok(summary)
    }

    /// The outcome of each leased charge, in order. No transaction is open here.
    async fn call(&self, leased: &[LeasedCharge]) -> Vec<Outcome> {
        let now = self.engine.clock.now();
        let mut outcomes: Vec<Option<Outcome>> = vec![None; leased.len()];
        let (sent_before, fresh): (Vec<usize>, Vec<usize>) = (0..leased.len()).partition(|&index| leased[index].may_have_been_sent);
        let found = self.look_up(leased, &sent_before).await;
        let mut to_send = fresh;
        for (index, outcome) in sent_before.into_iter().zip(found) {
            match outcome {
                Outcome::DidNotHappen(NotDone::NotFound) => to_send.push(index),
                other => outcomes[index] = Some(other),
            }
        }
        let calls: Vec<ChargeCall> = to_send.iter().map(|&index| call_of(&leased[index])).collect();
        let answers = if calls.is_empty() { Vec::new() } else { self.engine.provider.charge(now, &calls).await };
        let mut doubtful = Vec::new();
        for (index, answer) in to_send.into_iter().zip(answers) {
            if matches!(answer, Outcome::Unknown(_)) {
                doubtful.push(index);
            }
            outcomes[index] = Some(answer);
        }
        // PV-2: a call whose answer got lost is looked up before anything else is done.
        let found = self.look_up(leased, &doubtful).await;
        for (index, outcome) in doubtful.into_iter().zip(found) {
            let failed_inside = matches!(outcomes[index], Some(Outcome::Unknown(Doubt::ServerError)));
            match outcome {
                Outcome::Succeeded { .. } | Outcome::Declined(_) => outcomes[index] = Some(outcome),
                // The provider failed, moved nothing, and keeps that failure with the key: only a new attempt can get through.
                Outcome::DidNotHappen(NotDone::NotFound) if failed_inside => outcomes[index] = Some(outcome),
                _ => {}
            }
        }
        outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Pending)).collect()
    }

    async fn look_up(&self, leased: &[LeasedCharge], indices: &[usize]) -> Vec<Outcome> {
        if indices.is_empty() {
            return Vec::new();
        }
        let questions: Vec<LookUp> =
            indices.iter().map(|&index| LookUp { key: charge_key(&leased[index].charge), id: leased[index].charge.clone() }).collect();
        self.engine.provider.look_up_charges(self.engine.clock.now(), &questions).await
    }

    async fn settle(&self, leased: &[LeasedCharge], outcomes: Vec<Outcome>) -> Result<Summary, EngineError> {
        let mut by_account: BTreeMap<AccountId, Vec<Settled>> = BTreeMap::new();
        let mut doubtful = Vec::new();
        for (charge, outcome) in leased.iter().zip(outcomes) {
            let Some(settlement) = settlement_of(&charge.charge, charge.amount, outcome) else { continue };
            if settlement == Settlement::Unknown {
                doubtful.push((charge.account.clone(), charge.charge.clone()));
            }
            by_account.entry(charge.account.clone()).or_default().push(Settled {
                charge: charge.charge.clone(),
                invoice: charge.invoice.clone(),
                purpose: charge.purpose,
                settlement,
            });
        }
        let summary = self.settle_charges(by_account).await?;
        self.give_back(&claims::CHARGES_GIVEN_BACK, &doubtful).await?;
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

fn bills_what_has_ended(account: &Account, invoice: &str) -> bool {
    let owner = account.invoices.get(invoice).and_then(|row| account.subscriptions.get(&row.document.subscription));
    owner.is_none_or(|subscription| matches!(subscription.state, State::Closed { .. }))
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

/// What an outcome means for the books; `None` where the same call is simply made again later.
pub(super) fn settlement_of(id: &str, asked: Money, outcome: Outcome) -> Option<Settlement> {
    Some(match outcome {
        Outcome::Succeeded { reference, amount, .. } if amount == asked => Settlement::Succeeded { reference },
        Outcome::Succeeded { reference, amount, .. } => {
            tracing::error!(id, reference, asked = %asked, moved = %amount, "the provider moved another amount than asked for");
            Settlement::Mismatch { reference, moved: amount }
        }
        Outcome::Declined(Decline { code, class, .. }) => Settlement::Declined { code, hard: class.needs_new_method() },
        Outcome::Unknown(doubt) if doubt.is_alarm() => {
            tracing::error!(id, "the key was sent with another body before: a mistake of ours (F04)");
            Settlement::Unknown
        }
        Outcome::Pending | Outcome::Unknown(_) => Settlement::Unknown,
        Outcome::DidNotHappen(NotDone::Refused { code }) => {
            tracing::error!(id, code, "the provider refuses the request as such");
            Settlement::Unknown
        }
        Outcome::DidNotHappen(NotDone::NotFound) => Settlement::NeverHappened,
        Outcome::DidNotHappen(NotDone::TooManyRequests) => return None,
    })
}
