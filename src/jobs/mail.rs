//! Delivers queued mails. What was delivered is recorded after it was: a crash in between sends the same message again,
//! under the same Message-ID. For a price notice that record is the proof that the new price needs (PR-2).

use std::collections::BTreeMap;

use super::runner::Runner;
use super::{LEASE_SECONDS, MAIL_CHUNK, Stop};
use crate::domain::calendar::local_date;
use crate::domain::change::{Draft, Planned};
use crate::domain::event::Event;
use crate::domain::ids::{AccountId, SubscriptionId};
use crate::engine::EngineError;
use crate::engine::batch::Work;
use crate::engine::summary::Summary;
use crate::mail::{DeliveryOutcome, NoticeData, NoticeKind, OutgoingNotice, Recipient};
use crate::store::account::{self as accounts, Scope};
use crate::store::claims::{self, LeasedNotice, NoticeResult};

/// Deliveries that are tried before a mail is given up and listed.
pub const DELIVERIES_MAX: i64 = 8;

/// What sending a mail changes about its subscription.
enum Effect {
    PriceNoticeSent { subscription: SubscriptionId, version: String },
    ReminderMissed { subscription: SubscriptionId, renewal_on: chrono::NaiveDate },
}

struct RecordMail {
    by_account: BTreeMap<AccountId, Vec<Effect>>,
}

impl Work for RecordMail {
    fn kind(&self) -> &'static str {
        "mail"
    }

    fn scope(&self) -> Scope {
        Scope::RENEWAL
    }

    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        let id = draft.account.profile.id.clone();
        let now = draft.context.now;
        for effect in self.by_account.get(&id).into_iter().flatten() {
            match effect {
                Effect::PriceNoticeSent { subscription, version } => draft.price_notice_sent(subscription, version, now)?,
                Effect::ReminderMissed { subscription, renewal_on } => {
                    draft.because("RE-2: the reminder could not be sent before the renewal");
                    draft.emit(Event::ReminderMissed { subscription: subscription.clone(), renewal_on: *renewal_on })?;
                    draft.task("reminder_missed", &format!("{subscription}_{renewal_on}"), None)?;
                }
            }
        }
        Ok(())
    }
}

impl Runner {
    /// Delivers what is due, until nothing is.
    pub(super) async fn deliver_mail(&self, stop: &Stop) -> Result<Summary, EngineError> {
        let mut summary = Summary::default();
        while !stop.requested() {
            let mut tx = self.engine.db.begin().await?;
            let lease = self.lease(LEASE_SECONDS);
            let leased = claims::lease_notices(&mut tx, self.engine.clock.now(), &lease, MAIL_CHUNK).await?;
            if leased.is_empty() {
                tx.rollback().await?;
                break;
            }
            tx.commit().await?;
            summary.absorb(self.deliver_leased(&leased).await?);
            self.progress.chunk("mails", leased.len());
        }
        Ok(summary)
    }

    async fn deliver_leased(&self, leased: &[LeasedNotice]) -> Result<Summary, EngineError> {
        let mut summary = Summary::default();
        let mut results = Vec::with_capacity(leased.len());
        let mut by_account: BTreeMap<AccountId, Vec<Effect>> = BTreeMap::new();
        for notice in leased {
            let (result, effect) = self.deliver_one(notice).await;
            summary.count(match &result {
                NoticeResult::Sent => "mails sent",
                NoticeResult::Withdrawn => "mails withdrawn",
                NoticeResult::Failed { .. } => "mails failed",
                NoticeResult::Again { .. } => "mails to be tried again",
            });
            if let Some(effect) = effect {
                by_account.entry(notice.account.clone()).or_default().push(effect);
            }
            results.push((notice.clone(), result));
        }
        if !by_account.is_empty() {
            let ids: Vec<AccountId> = by_account.keys().cloned().collect();
            let mut tx = self.engine.db.begin().await?;
            accounts::lock(&mut tx, &ids).await?;
            summary.absorb(self.engine.run_batch(tx, ids, &RecordMail { by_account }).await?);
        }
        let mut tx = self.engine.db.begin().await?;
        claims::record_notices(&mut tx, self.engine.clock.now(), &results).await?;
        tx.commit().await?;
        Ok(summary)
    }

    async fn deliver_one(&self, notice: &LeasedNotice) -> (NoticeResult, Option<Effect>) {
        let now = self.engine.clock.now();
        let failed = |code: &str| (NoticeResult::Failed { code: code.to_owned() }, None);
        let Ok(kind) = NoticeKind::parse(&notice.kind) else { return failed("unknown_kind") };
        let Ok(data) = NoticeData::from_json(&notice.data) else { return failed("unreadable_facts") };
        if let (NoticeKind::RenewalReminder, Some(renewal_on), Some(subscription)) = (kind, data.renews_on, &notice.subscription)
            && renewal_on <= local_date(now, notice.zone)
        {
            let effect = Effect::ReminderMissed { subscription: subscription.clone(), renewal_on };
            return (NoticeResult::Withdrawn, Some(effect));
        }
        let Some(email) = notice.email.clone() else { return failed("no_address") };
        let recipient = Recipient { name: notice.name.clone(), email, time_zone: notice.zone };
        let outgoing = OutgoingNotice { id: &notice.notice, kind, data: &data, dated_at: now };
        let mail = match self.mailroom.prepare(&outgoing, &recipient) {
            Ok(mail) => mail,
            Err(error) => {
                tracing::error!(account = %notice.account, notice = %notice.notice, error = %error, "a mail could not be written");
                return failed("not_written");
            }
        };
        let outcome = self.mailer.deliver(&mail).await;
        let effect = proof(kind, notice).filter(|_| outcome.is_delivered());
        let result = match &outcome {
            DeliveryOutcome::Delivered { .. } => NoticeResult::Sent,
            other if other.may_be_retried() && notice.attempts < DELIVERIES_MAX => {
                let minutes = 1_i64 << notice.attempts.clamp(0, 10);
                let code = other.failure().map(ToString::to_string).unwrap_or_default();
                NoticeResult::Again { at: now + chrono::TimeDelta::minutes(minutes), code }
            }
            other => NoticeResult::Failed { code: other.failure().map(ToString::to_string).unwrap_or_default() },
        };
        (result, effect)
    }
}

/// What a delivered mail proves: of a price notice, the version that it announced (its id is `price_notice_{subscription}_{version}`).
fn proof(kind: NoticeKind, notice: &LeasedNotice) -> Option<Effect> {
    let subscription = notice.subscription.clone()?;
    let version = notice.notice.strip_prefix(&format!("{}_{subscription}_", NoticeKind::PriceNotice.tag()))?.to_owned();
    (kind == NoticeKind::PriceNotice).then_some(Effect::PriceNoticeSent { subscription, version })
}
