//! Delivers queued mails. What was delivered is recorded after it was: a crash in between sends the same message again,
//! under the same Message-ID. For a price notice that record is the proof that the new price needs (PR-2), for a reminder it is
//! what counts (RE-2).
//!
//! What reminders and price notices say is reckoned anew before each attempt ([`crate::domain::change::telling`]), under their
//! accounts' locks, which are let go before anything is sent (I13). They are tried as long as they are of use.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::runner::Runner;
use super::{LEASE_SECONDS, MAIL_CHUNK, Stop};
use crate::domain::calendar::local_date;
use crate::domain::change::telling::Telling;
use crate::domain::change::{Draft, Planned};
use crate::domain::ids::{AccountId, SubscriptionId};
use crate::engine::EngineError;
use crate::engine::batch::Work;
use crate::engine::summary::Summary;
use crate::mail::{DeliveryOutcome, NoticeData, NoticeKind, OutgoingNotice, Recipient};
use crate::store::account::{self as accounts, Scope};
use crate::store::claims::{self, LeasedNotice, NoticeResult};

/// Failed deliveries after which a mail is given up and listed, unless it is about a renewal to come: about four hours.
pub const DELIVERIES_MAX: i64 = 8;
/// The longest wait between two deliveries of a mail about a renewal to come, in minutes.
pub const AHEAD_WAIT_MINUTES: i64 = 60;

/// How long a price notice waits while another runner may be sending the reminder, in minutes. Less than a reminder waits for a
/// notice, so that they do not put each other off for ever.
const BESIDE_REMINDER_MINUTES: i64 = 1;

/// A mail about a renewal to come, whose facts follow from the day on which it is sent.
#[derive(Debug, Clone)]
enum Ahead {
    Price { subscription: SubscriptionId, version: String },
    Renewal { subscription: SubscriptionId, renewal_on: NaiveDate },
}

impl Ahead {
    fn of(notice: &LeasedNotice) -> Option<Self> {
        let subscription = notice.subscription.clone()?;
        match NoticeKind::parse(&notice.kind).ok()? {
            // The id is `price_notice_{subscription}_{version}`.
            NoticeKind::PriceNotice => {
                let version = notice.notice.strip_prefix(&format!("{}_{subscription}_", NoticeKind::PriceNotice.tag()))?.to_owned();
                Some(Self::Price { subscription, version })
            }
            NoticeKind::RenewalReminder => {
                let renewal_on = NoticeData::from_json(&notice.data).ok()?.renews_on?;
                Some(Self::Renewal { subscription, renewal_on })
            }
            _ => None,
        }
    }

    /// Whether it is a price notice to a subscription whose reminder somebody else is about to send.
    fn is_notice_beside(&self, account: &AccountId, reminding: &BTreeSet<(AccountId, SubscriptionId)>) -> bool {
        match self {
            Self::Price { subscription, .. } => reminding.contains(&(account.clone(), subscription.clone())),
            Self::Renewal { .. } => false,
        }
    }

    fn tell(&self, draft: &Draft<'_>) -> Planned<Telling> {
        match self {
            Self::Price { subscription, version } => draft.tell_price(subscription, version),
            Self::Renewal { subscription, renewal_on } => draft.tell_renewal(subscription, *renewal_on),
        }
    }
}

/// What a mail that was sent, or that never will be, changes about its account.
#[derive(Debug)]
enum Effect {
    Sent { ahead: Ahead, on: NaiveDate },
    Failed { notice: String, ahead: Option<Ahead> },
}

struct RecordMail {
    by_account: BTreeMap<AccountId, Vec<Effect>>,
}

impl Work for RecordMail {
    fn kind(&self) -> &'static str {
        "mail"
    }

    /// Whoever opens a task must see those that are open.
    fn scope(&self) -> Scope {
        let failed = self.by_account.values().flatten().any(|effect| matches!(effect, Effect::Failed { .. }));
        if failed { Scope::RENEWAL | Scope::TASKS } else { Scope::RENEWAL }
    }

    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        let id = draft.account.profile.id.clone();
        self.by_account.get(&id).into_iter().flatten().try_for_each(|effect| record(draft, effect))
    }
}

fn record(draft: &mut Draft<'_>, effect: &Effect) -> Planned {
    match effect {
        Effect::Sent { ahead: Ahead::Price { subscription, version }, on } => draft.price_notice_sent(subscription, version, *on),
        Effect::Sent { ahead: Ahead::Renewal { subscription, renewal_on }, on } => draft.reminder_sent(subscription, *renewal_on, *on),
        Effect::Failed { notice, ahead } => {
            draft.because(format!("RE-4, I10: {notice} could not be sent and is given up; a person must tell the customer"));
            draft.task("mail_failed", notice, None)?;
            match ahead {
                Some(Ahead::Price { subscription, version }) => draft.price_notice_failed(subscription, version),
                // The renewal reports it (RE-2).
                Some(Ahead::Renewal { .. }) | None => Ok(()),
            }
        }
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
            let mails = leased.len();
            // RE-2: on one date notices go before reminders, which then say what the notices have made of the renewal.
            let (reminders, others) = leased.into_iter().partition(|notice| notice.kind == NoticeKind::RenewalReminder.tag());
            summary.absorb(self.deliver_leased(others).await?);
            summary.absorb(self.deliver_leased(reminders).await?);
            self.progress.chunk("mails", mails);
        }
        Ok(summary)
    }

    async fn deliver_leased(&self, leased: Vec<LeasedNotice>) -> Result<Summary, EngineError> {
        let mut summary = Summary::default();
        let reckoned_at = self.engine.clock.now();
        let leased = self.reckon(leased, &mut summary).await?;
        let mut results = Vec::with_capacity(leased.len());
        let mut by_account: BTreeMap<AccountId, Vec<Effect>> = BTreeMap::new();
        for notice in leased {
            let (result, effect) = self.deliver_one(&notice, reckoned_at).await;
            count(&mut summary, &result);
            if let Some(effect) = effect {
                by_account.entry(notice.account.clone()).or_default().push(effect);
            }
            results.push((notice, result));
        }
        tell_why_not(&results);
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

    /// Reckons anew what mails about renewals to come say, under their accounts' locks, and gives back what is to be sent now.
    /// What waits or is of no use is recorded here, so that nobody changes the account in between.
    async fn reckon(&self, leased: Vec<LeasedNotice>, summary: &mut Summary) -> Result<Vec<LeasedNotice>, EngineError> {
        let mut ready = Vec::with_capacity(leased.len());
        let mut by_account: BTreeMap<AccountId, Vec<(LeasedNotice, Ahead)>> = BTreeMap::new();
        for notice in leased {
            match Ahead::of(&notice) {
                Some(ahead) => by_account.entry(notice.account.clone()).or_default().push((notice, ahead)),
                None => ready.push(notice),
            }
        }
        if by_account.is_empty() {
            return Ok(ready);
        }
        let ids: Vec<AccountId> = by_account.keys().cloned().collect();
        let mut tx = self.engine.db.begin().await?;
        accounts::lock(&mut tx, &ids).await?;
        // RE-2: a reminder that another runner has leased was reckoned before, and is on its way, or is reckoned after this, and
        // then waits for the notice. Which of the two nobody can tell, so the notice waits.
        let reminding = claims::leased_elsewhere(&mut tx, &ids, NoticeKind::RenewalReminder.tag(), &self.lease(LEASE_SECONDS)).await?;
        let reckoned = self.engine.ask(&mut tx, &ids, Scope::RENEWAL, |draft| {
            let mails = by_account.get(&draft.account.profile.id).into_iter().flatten();
            mails.map(|(notice, ahead)| reckoned(draft, notice, ahead, &reminding)).collect::<Vec<_>>()
        });
        let mut decided = Vec::new();
        for (notice, result) in reckoned.await?.into_iter().flatten() {
            match result {
                None => ready.push(notice),
                Some(result) => {
                    count(summary, &result);
                    decided.push((notice, result));
                }
            }
        }
        claims::record_notices(&mut tx, self.engine.clock.now(), &decided).await?;
        tx.commit().await?;
        Ok(ready)
    }

    async fn deliver_one(&self, notice: &LeasedNotice, reckoned_at: DateTime<Utc>) -> (NoticeResult, Option<Effect>) {
        let now = self.engine.clock.now();
        let ahead = Ahead::of(notice);
        let failed = |code: String| {
            let effect = Effect::Failed { notice: notice.notice.clone(), ahead: Ahead::of(notice) };
            (NoticeResult::Failed { code }, Some(effect))
        };
        let on = local_date(now, notice.zone);
        if ahead.is_some() && on != local_date(reckoned_at, notice.zone) {
            // Midnight has come since: what it says is no longer what it would say.
            return (NoticeResult::Later { at: now }, None);
        }
        let Ok(kind) = NoticeKind::parse(&notice.kind) else { return failed("unknown_kind".to_owned()) };
        let Ok(data) = NoticeData::from_json(&notice.data) else { return failed("unreadable_facts".to_owned()) };
        let Some(email) = notice.email.clone() else { return failed("no_address".to_owned()) };
        let recipient = Recipient { name: notice.name.clone(), email, time_zone: notice.zone };
        let outgoing = OutgoingNotice { id: &notice.notice, kind, data: &data, dated_at: now };
        let mail = match self.mailroom.prepare(&outgoing, &recipient) {
            Ok(mail) => mail,
            Err(error) => {
                tracing::error!(account = %notice.account, notice = %notice.notice, error = %error, "a mail could not be written");
                return failed("not_written".to_owned());
            }
        };
        let outcome = self.mailer.deliver(&mail).await;
        let code = outcome.failure().map(ToString::to_string).unwrap_or_default();
        match (&outcome, ahead) {
            (DeliveryOutcome::Delivered { .. }, ahead) => (NoticeResult::Sent, ahead.map(|ahead| Effect::Sent { ahead, on })),
            (other, ahead) if other.may_be_retried() && (ahead.is_some() || notice.attempts < DELIVERIES_MAX) => {
                (NoticeResult::Again { at: now + wait(notice.attempts, ahead.is_some()), code }, None)
            }
            _ => failed(code),
        }
    }
}

/// One line a cause and chunk: what the server said, and to how many mails.
fn tell_why_not(results: &[(LeasedNotice, NoticeResult)]) {
    let mut causes: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, result) in results {
        if let NoticeResult::Again { code, .. } | NoticeResult::Failed { code } = result {
            *causes.entry(code).or_default() += 1;
        }
    }
    for (code, mails) in causes {
        tracing::warn!(code, mails, "mails were not delivered");
    }
}

fn count(summary: &mut Summary, result: &NoticeResult) {
    summary.count(match result {
        NoticeResult::Sent => "mails sent",
        NoticeResult::Withdrawn => "mails withdrawn",
        NoticeResult::Later { .. } => "mails put off",
        NoticeResult::Failed { .. } => "mails failed",
        NoticeResult::Again { .. } => "mails to be tried again",
    });
}

/// The mail with what it says now, and what becomes of it if it is not to be sent now.
fn reckoned(
    draft: &Draft<'_>,
    notice: &LeasedNotice,
    ahead: &Ahead,
    reminding: &BTreeSet<(AccountId, SubscriptionId)>,
) -> (LeasedNotice, Option<NoticeResult>) {
    let refused = |code: &str| {
        tracing::error!(account = %notice.account, notice = %notice.notice, code, "what a mail says could not be reckoned");
        NoticeResult::Again { at: draft.context.now + wait(notice.attempts, true), code: code.to_owned() }
    };
    let mut notice = notice.clone();
    let result = match ahead.tell(draft) {
        Ok(Telling::Now(_)) if ahead.is_notice_beside(&notice.account, reminding) => {
            Some(NoticeResult::Later { at: draft.context.now + TimeDelta::minutes(BESIDE_REMINDER_MINUTES) })
        }
        Ok(Telling::Now(data)) => match data.to_json() {
            Ok(json) => {
                notice.data = json;
                None
            }
            Err(_) => Some(refused("unwritable_facts")),
        },
        Ok(Telling::Later(at)) => Some(NoticeResult::Later { at }),
        Ok(Telling::Told) => Some(NoticeResult::Sent),
        Ok(Telling::Never) => Some(NoticeResult::Withdrawn),
        Err(_) => Some(refused("facts_refused")),
    };
    (notice, result)
}

/// How long to wait after so many failed deliveries: twice as long each time.
fn wait(attempts: i64, ahead: bool) -> TimeDelta {
    let minutes = 1_i64 << attempts.clamp(0, 10);
    TimeDelta::minutes(if ahead { minutes.min(AHEAD_WAIT_MINUTES) } else { minutes })
}
