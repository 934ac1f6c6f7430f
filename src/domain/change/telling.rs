//! Reminders and price notices when their turn to be sent has come (RE-2, PR-2, PR-5).
//!
//! What either says follows from the day on which it is sent, and a mail may wait: for a server that is down, for the next date. So
//! it is reckoned again right before it is sent, by the functions that will compute the charge, and it counts as told only when it
//! was sent.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::super::account::{NoticeOutcome, PriceNotice};
use super::super::event::Event;
use super::super::ids::SubscriptionId;
use super::super::notice::NoticeData;
use super::super::schedule::annual_renewal;
use super::prices::REPEATED;
use super::{Draft, Planned};

/// How long a mail waits for another one that goes before it, in minutes.
const SOON_MINUTES: i64 = 15;

/// What is done with a waiting reminder or price notice whose turn has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Telling {
    /// It is sent now, and says this.
    Now(Box<NoticeData>),
    /// It waits until then.
    Later(DateTime<Utc>),
    /// It was sent, and only its row does not know.
    Told,
    /// It is of no use any more.
    Never,
}

impl Draft<'_> {
    /// PR-2, PR-5: what a price notice that is sent today says; RE-2: it waits where the renewal's reminder was sent today.
    /// `version` may be as in the notice's id, with the number of a repeated notice behind it.
    pub fn tell_price(&self, id: &SubscriptionId, version: &str) -> Planned<Telling> {
        let version = announced(version);
        let notices = || self.account.subscriptions.get(id).into_iter().flat_map(|subscription| &subscription.price_notices);
        if !notices().any(|notice| is_waiting(notice, version)) {
            let told = notices().any(|notice| notice.version == version && notice.sent_on.is_some());
            return Ok(if told { Telling::Told } else { Telling::Never });
        }
        if self.notice_must_wait(id) {
            return Ok(Telling::Later(self.tomorrow()?));
        }
        Ok(Telling::Now(Box::new(self.price_notice_facts(id, version, self.today)?)))
    }

    /// RE-1, PR-5: what the reminder of a renewal says today. It is of use until the renewal's day; that it was never sent is then
    /// reported by the renewal (RE-2).
    pub fn tell_renewal(&self, id: &SubscriptionId, renewal_on: NaiveDate) -> Planned<Telling> {
        let Some(subscription) = self.account.subscriptions.get(id).filter(|one| one.reminded_for == Some(renewal_on)) else {
            return Ok(Telling::Never);
        };
        if subscription.was_reminded_of(renewal_on) {
            return Ok(Telling::Told);
        }
        if renewal_on <= self.today {
            return Ok(Telling::Never);
        }
        if subscription.cancel_requested_on.is_some() || self.notice_goes_before(id, renewal_on)? {
            return Ok(Telling::Later(self.soon()?));
        }
        if annual_renewal(subscription) != Some(renewal_on) {
            return Ok(Telling::Never);
        }
        Ok(Telling::Now(Box::new(self.next_renewal_facts(id)?)))
    }

    /// RE-2: on one date notices go before reminders. A notice that waits to be sent and could still change what this renewal costs
    /// goes first; from the day on which it is too late for that, the reminder waits no more.
    fn notice_goes_before(&self, id: &SubscriptionId, renewal_on: NaiveDate) -> Planned<bool> {
        for notice in &self.subscription(id)?.price_notices {
            if is_waiting(notice, &notice.version) {
                let data = self.price_notice_facts(id, &notice.version, self.today)?;
                if data.effective_on.is_some_and(|applies_on| applies_on <= renewal_on) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// In some minutes, and not later than tomorrow's beginning, with which what a mail says may change.
    fn soon(&self) -> Planned<DateTime<Utc>> {
        let minutes = self.context.now.checked_add_signed(TimeDelta::minutes(SOON_MINUTES)).unwrap_or(self.context.now);
        Ok(minutes.min(self.tomorrow()?))
    }

    /// The mail job's report: a price notice was sent on a date (PR-2: no proof of sending, no new price). `version` may be as in
    /// the notice's id.
    pub fn price_notice_sent(&mut self, id: &SubscriptionId, version: &str, on: NaiveDate) -> Planned {
        let version = announced(version);
        if self.subscription(id)?.price_notices.iter().any(|notice| is_waiting(notice, version)) {
            self.because(format!("PR-2: the notice of {version} was sent on {on}"));
            self.emit(Event::PriceNoticeSent { subscription: id.clone(), version: version.to_owned(), on })?;
        }
        Ok(())
    }

    /// The mail job's report: no server will ever take the notice of a price version. The old price stays (PR-2).
    pub fn price_notice_failed(&mut self, id: &SubscriptionId, version: &str) -> Planned {
        let version = announced(version);
        if self.subscription(id)?.price_notices.iter().any(|notice| is_waiting(notice, version)) {
            self.because(format!("PR-2, PR-4: the notice of {version} could not be sent: without proof of sending the old price stays"));
            let (version, because) = (version.to_owned(), "its mail could not be delivered".to_owned());
            self.emit(Event::PriceNoticeEnded { subscription: id.clone(), version, outcome: NoticeOutcome::Lapsed, because })?;
        }
        Ok(())
    }

    /// The mail job's report: the reminder of a renewal was sent on a date (RE-2).
    pub fn reminder_sent(&mut self, id: &SubscriptionId, renewal_on: NaiveDate, on: NaiveDate) -> Planned {
        if self.subscription(id)?.was_reminded_of(renewal_on) {
            return Ok(());
        }
        self.because(format!("RE-2: the reminder of the renewal on {renewal_on} was sent on {on}"));
        self.emit(Event::ReminderSent { subscription: id.clone(), renewal_on, on })
    }
}

/// Whether a notice of a version may still be sent.
fn is_waiting(notice: &PriceNotice, version: &str) -> bool {
    notice.version == version && notice.sent_on.is_none() && notice.outcome == NoticeOutcome::Pending
}

/// The version in the last part of a price notice's id.
fn announced(part: &str) -> &str {
    part.split(REPEATED).next().unwrap_or(part)
}
