//! Subscriptions that are taken over from another system in the midst of a paid period.
//!
//! Their present period was invoiced and paid there, so these books have neither an invoice nor a payment of it: nothing of it
//! can be refunded, credited or recognised here without saying the same thing twice. Where a rule gives unused value of that period
//! back (RF, CP, CO-5), everything else happens as for any other subscription; the value itself, reckoned at the price version that
//! the import named, becomes an operator task, so that whoever holds the money pays it out. From the next period on nothing is
//! special.

use chrono::NaiveDate;

use super::super::calendar::Period;
use super::super::catalog::Plan;
use super::super::event::Event;
use super::super::ids::{CameraId, SubscriptionId};
use super::super::money::Money;
use super::super::refund::{Line, unused, unused_at_change};
use super::super::subscription::{Channel, Command, Intent, Term};
use super::super::tax::tax_on;
use super::super::terms::Effective;
use super::{Draft, Planned, Refusal};

/// What is known of a subscription that is taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOver {
    /// Its id.
    pub id: SubscriptionId,
    /// Who charges.
    pub channel: Channel,
    /// The plan.
    pub plan: Plan,
    /// The camera, for tiers that cover one.
    pub camera: Option<CameraId>,
    /// CA-1: the first day of its first period.
    pub anchor: NaiveDate,
    /// Number of the present period, counted from the anchor.
    pub period_no: u32,
    /// The present period, which was paid elsewhere.
    pub period: Period,
    /// The price version that it was paid at.
    pub version: String,
    /// Whether it renews.
    pub renews: bool,
    /// The terms that it was sold under.
    pub terms: String,
}

/// How much of the present period is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Back {
    /// What is unused after a cancellation on this date (RF-1).
    Cancelled(NaiveDate),
    /// What is unused after a change today (CP-1).
    Changed,
    /// Everything (RF-6, CO-5).
    Everything,
}

impl Draft<'_> {
    /// Takes a subscription over: it is active in its present period from now on, and renews or ends with it.
    ///
    /// # Errors
    /// Where the account has it already, where what it covers is covered or is not the account's, where the period has not begun,
    /// and where terms or price are not known.
    pub fn take_over(&mut self, other: &TakenOver) -> Planned {
        self.not_parked()?;
        if self.account.subscriptions.contains_key(&other.id) {
            return Err(Refusal::SubscriptionExists { subscription: other.id.to_string() });
        }
        let tier = self.tier(&other.plan)?;
        self.check_coverage(tier, other.camera.as_ref(), None)?;
        if let Some(camera) = other.camera.as_ref().filter(|camera| !self.account.cameras.contains(camera)) {
            return Err(Refusal::NoCamera { camera: camera.to_string() });
        }
        if other.period.start > self.today {
            return Err(Refusal::NotBegun { subscription: other.id.to_string(), starts_on: other.period.start });
        }
        self.context.reference.terms_named(&other.terms)?;
        self.list_price(&other.plan, &other.version)?;
        self.in_force(&other.version, other.period.start)?;
        let (id, channel) = (other.id.clone(), other.channel);
        self.emit(Event::SubscriptionOpened { id: id.clone(), channel, camera: other.camera.clone(), terms: other.terms.clone() })?;
        let term = Term {
            number: 1,
            anchor: other.anchor,
            plan: other.plan.clone(),
            period_no: other.period_no,
            period: other.period,
            version: other.version.clone(),
            intent: Intent::Renews,
        };
        self.because(format!("taken over in its period {} to {}, which was paid elsewhere", other.period.start, other.period.end));
        self.command(&id, &Command::Subscribe { term })?;
        self.command(&id, &Command::Activate)?;
        if other.renews {
            return self.announce_known_prices(&id);
        }
        self.command(&id, &Command::Cancel { effective: Effective::EndOfPeriod, on: self.today })?;
        Ok(())
    }

    /// PR-1: nobody pays a price before it is in force.
    fn in_force(&self, version: &str, start: NaiveDate) -> Planned {
        let from = self.context.reference.catalog.version(version).map(|version| version.effective_from);
        match from.filter(|from| *from > start) {
            Some(from) => Err(Refusal::NotInForce { version: version.to_owned(), from, start }),
            None => Ok(()),
        }
    }

    /// Whether a term's present period was paid elsewhere: the first term of a subscription for which nothing was ever invoiced.
    #[must_use]
    pub(super) fn paid_elsewhere(&self, id: &SubscriptionId, term: &Term) -> bool {
        let direct = self.account.subscriptions.get(id).is_some_and(|subscription| subscription.channel == Channel::Direct);
        term.number == 1 && direct && self.invoices_of(id).next().is_none()
    }

    /// Leaves what a rule gives back of a period that was paid elsewhere to an operator, with the amount by the list price.
    pub(super) fn leave_to_operator(&mut self, id: &SubscriptionId, term: &Term, back: Back) -> Planned {
        let net = self.list_price(&term.plan, &term.version)?;
        let rate = self.context.reference.tax.rate_on(&self.account.profile.jurisdiction, term.period.start)?;
        let line = Line { net, tax: tax_on(net, rate)?, rate, period: term.period };
        let value: Money = match back {
            Back::Cancelled(on) => unused(&line, on, self.terms(id)?.cancellation_day)?.value,
            Back::Changed => unused_at_change(&line, self.today)?.value,
            Back::Everything => line.net.plus(line.tax)?,
        };
        if value.is_zero() {
            return Ok(());
        }
        self.because(format!(
            "the period {} to {} was paid elsewhere, so that its unused value is not in these books: at list price {} it is {value}, which an \
             operator gives back",
            term.period.start, term.period.end, term.version
        ));
        self.task("paid_elsewhere", id.as_str(), Some(value))
    }
}
