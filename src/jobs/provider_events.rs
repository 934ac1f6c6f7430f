//! What the provider tells by itself: disputes, refunds that fail later, and answers that got lost. It ends in the same
//! settlement functions as the answers do (PV-6), so an event that comes twice changes nothing.

use std::collections::BTreeMap;

use super::Stop;
use super::charges::settlement_of;
use super::runner::Runner;
use crate::domain::change::settle::Settlement;
use crate::domain::change::{Draft, Planned};
use crate::domain::ids::AccountId;
use crate::engine::EngineError;
use crate::engine::batch::Work;
use crate::engine::summary::Summary;
use crate::provider::{Fact, Outcome};
use crate::store::account::{self as accounts, Scope};
use crate::store::claims;

/// Events in one page.
pub const EVENTS_PAGE: u32 = 500;
/// The provider whose events are read.
const PROVIDER: &str = "simulated";

struct ApplyFacts {
    by_account: BTreeMap<AccountId, Vec<Fact>>,
}

impl Work for ApplyFacts {
    fn kind(&self) -> &'static str {
        "provider_event"
    }

    fn scope(&self) -> Scope {
        Scope::ALL
    }

    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        let id = draft.account.profile.id.clone();
        self.by_account.get(&id).into_iter().flatten().try_for_each(|fact| apply(draft, fact))
    }
}

fn apply(draft: &mut Draft<'_>, fact: &Fact) -> Planned {
    match fact {
        Fact::ChargeSucceeded { charge_id, reference, amount } => {
            let Some(asked) = draft.account.charges.get(charge_id).map(|charge| charge.amount) else { return Ok(()) };
            let outcome = Outcome::Succeeded { reference: reference.clone(), amount: *amount, at: draft.context.now };
            settlement_of(charge_id, asked, outcome).map_or(Ok(()), |settlement| draft.settle_charge(charge_id, &settlement))
        }
        Fact::ChargeDeclined { charge_id, decline, .. } if draft.account.charges.contains_key(charge_id) => {
            draft.settle_charge(charge_id, &Settlement::Declined { code: decline.code.clone(), hard: decline.class.needs_new_method() })
        }
        Fact::RefundSucceeded { refund_id, reference, .. } if draft.account.refunds.contains_key(refund_id) => {
            draft.settle_refund(refund_id, &Settlement::Succeeded { reference: reference.clone() })
        }
        Fact::RefundFailed { refund_id, code, .. } if draft.account.refunds.contains_key(refund_id) => {
            draft.settle_refund(refund_id, &Settlement::Declined { code: code.clone(), hard: false })
        }
        Fact::DisputeOpened { dispute_id, charge_id, amount, fee, .. } => draft.open_dispute(dispute_id, charge_id, *amount, *fee),
        Fact::DisputeWon { dispute_id, .. } => draft.win_dispute(dispute_id),
        Fact::DisputeLost { dispute_id, .. } => draft.lose_dispute(dispute_id),
        Fact::ChargeDeclined { .. } | Fact::RefundSucceeded { .. } | Fact::RefundFailed { .. } => Ok(()),
    }
}

impl Runner {
    /// Reads new events from the stored cursor on and applies them. The cursor is stored after their effects: a crash in
    /// between applies them again, which changes nothing.
    pub(super) async fn provider_events(&self, stop: &Stop) -> Result<Summary, EngineError> {
        let mut summary = Summary::default();
        while !stop.requested() {
            let mut tx = self.engine.db.begin_read().await?;
            let after = claims::provider_cursor(&mut tx, PROVIDER).await?;
            tx.rollback().await?;
            let page = match self.engine.provider.events(self.engine.clock.now(), after.as_deref(), EVENTS_PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(error = %error, "the provider's events could not be read; the next run asks again");
                    break;
                }
            };
            if page.events.is_empty() {
                break;
            }
            let count = page.events.len();
            let mut by_account: BTreeMap<AccountId, Vec<Fact>> = BTreeMap::new();
            for event in page.events {
                match event.account_id {
                    Some(account) => by_account.entry(account).or_default().push(event.fact),
                    None => summary.count("events of others"),
                }
            }
            let ids: Vec<AccountId> = by_account.keys().cloned().collect();
            let mut tx = self.engine.db.begin().await?;
            accounts::lock(&mut tx, &ids).await?;
            summary.absorb(self.engine.run_batch(tx, ids, &ApplyFacts { by_account }).await?);
            if let Some(cursor) = page.cursor {
                let mut tx = self.engine.db.begin().await?;
                claims::set_provider_cursor(&mut tx, PROVIDER, &cursor).await?;
                tx.commit().await?;
            }
            self.progress.chunk("provider events", count);
        }
        Ok(summary)
    }
}
