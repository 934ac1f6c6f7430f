//! Beginning: subscriptions (LC-3), the one free trial (LC-2), and what each covers (rules, Words).

use super::super::account::NoteReason;
use super::super::calendar::Period;
use super::super::catalog::{Covers, Plan, Tier};
use super::super::event::{Event, Given};
use super::super::ids::{CameraId, SubscriptionId};
use super::super::notice::{NoticeData, NoticeKind};
use super::super::promotion::Redemption;
use super::super::refund::{Destination, Unused};
use super::super::subscription::{Channel, Command, Intent, State, Term, Trial};
use super::billing::{Collection, invoice_id};
use super::{Draft, Planned, Refusal};

/// What a customer orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The plan.
    pub plan: Plan,
    /// The camera, for tiers that cover one.
    pub camera: Option<CameraId>,
    /// MO-3: a promotion code.
    pub promotion: Option<String>,
}

impl<'a> Draft<'a> {
    /// A tier of the catalog.
    pub fn tier(&self, plan: &Plan) -> Planned<&'a Tier> {
        self.context.reference.catalog.tier(&plan.tier).ok_or_else(|| Refusal::NoPlan { plan: plan.to_string() })
    }

    /// PR-1: the name of the price version in force today for a plan.
    pub fn version_today(&self, plan: &Plan) -> Planned<String> {
        self.tier(plan)?;
        let currency = self.account.profile.currency;
        let in_force = self.context.reference.catalog.in_force(plan, currency, self.today);
        in_force.map(|(version, _)| version.version.clone()).ok_or_else(|| Refusal::NoPrice {
            plan: plan.to_string(),
            currency: currency.to_string(),
            on: self.today,
        })
    }

    /// One live subscription per camera, one account-wide per account; refuses what would cover twice. `except` is a
    /// subscription that is about to change its plan.
    pub fn check_coverage(&mut self, tier: &Tier, camera: Option<&CameraId>, except: Option<&SubscriptionId>) -> Planned {
        match (tier.covers, camera) {
            (Covers::OneCamera, None) => return Err(Refusal::CameraNeeded { tier: tier.name.clone() }),
            (Covers::Account, Some(_)) => return Err(Refusal::CameraNotNeeded { tier: tier.name.clone() }),
            (Covers::OneCamera, Some(_)) | (Covers::Account, None) => {}
        }
        let max = usize::try_from(tier.cameras_max).unwrap_or(usize::MAX);
        if tier.covers == Covers::Account && self.account.cameras.len() > max {
            return Err(Refusal::TooManyCameras { tier: tier.name.clone(), cameras: self.account.cameras.len(), max: tier.cameras_max });
        }
        for other in self.account.subscriptions.values().filter(|other| other.state.is_live() && Some(&other.id) != except) {
            let subscription = other.id.to_string();
            match (&other.camera, camera) {
                (None, _) => return Err(Refusal::AccountCovered { subscription }),
                (Some(theirs), Some(ours)) if theirs == ours => {
                    return Err(Refusal::CameraCovered { camera: ours.to_string(), subscription });
                }
                (Some(theirs), None) if except.is_none() => {
                    return Err(Refusal::CameraCovered { camera: theirs.to_string(), subscription });
                }
                (Some(_), _) => {}
            }
        }
        Ok(())
    }

    /// Every camera of an account stands at `free` from the moment it is known (LC-1).
    fn know_camera(&mut self, camera: Option<&CameraId>) -> Planned {
        match camera {
            Some(camera) if !self.account.cameras.contains(camera) => self.emit(Event::CameraAdded { camera: camera.clone() }),
            Some(_) | None => Ok(()),
        }
    }

    fn open_subscription(&mut self, camera: Option<&CameraId>) -> Planned<SubscriptionId> {
        let mut number = self.account.subscriptions.len();
        let id = loop {
            number = number.saturating_add(1);
            let id = SubscriptionId::parse(&format!("{}-s{number}", self.account.profile.id))
                .map_err(|bad| Refusal::Inconsistent(bad.to_string()))?;
            // One that was taken over may have the name already.
            if !self.account.subscriptions.contains_key(&id) {
                break id;
            }
        };
        let terms = self.context.reference.current_terms()?.version.clone();
        self.emit(Event::SubscriptionOpened { id: id.clone(), channel: Channel::Direct, camera: camera.cloned(), terms })?;
        Ok(id)
    }

    /// LC-3: orders a plan. The subscription is `pending` until its first charge settles; where there is nothing to
    /// collect it is `active` at once.
    pub fn subscribe(&mut self, order: &Order) -> Planned<SubscriptionId> {
        self.not_parked()?;
        let tier = self.tier(&order.plan)?;
        self.check_coverage(tier, order.camera.as_ref(), None)?;
        self.know_camera(order.camera.as_ref())?;
        let version = self.version_today(&order.plan)?;
        let id = self.open_subscription(order.camera.as_ref())?;
        if let Some(code) = &order.promotion {
            self.redeem(&id, code, &order.plan)?;
        }
        let term = first_term(&order.plan, version, self.today)?;
        self.command(&id, &Command::Subscribe { term: term.clone() })?;
        self.begin(&id, &term)?;
        Ok(id)
    }

    /// LC-3: bills the first period of a pending term; active at once where nothing is to be collected.
    fn begin(&mut self, id: &SubscriptionId, term: &Term) -> Planned {
        self.because(format!("CA-1: the anchor is {}; the first period is {} to {}", term.anchor, term.period.start, term.period.end));
        match self.bill(id, term, true)? {
            Collection::Requested => Ok(()),
            Collection::Carried => self.activate(id),
            Collection::Nothing => {
                self.activate(id)?;
                self.receipt_of_nothing(id, term)
            }
            Collection::NoMethod => Err(Refusal::NoPaymentMethod),
        }
    }

    /// LC-3: the first charge settled, or there was nothing to collect.
    pub fn activate(&mut self, id: &SubscriptionId) -> Planned {
        self.command(id, &Command::Activate)?;
        let data = self.billed_facts(id)?;
        self.notify(NoticeKind::SubscriptionStarted, id.as_str(), Some(id), data);
        self.announce_known_prices(id)
    }

    /// The facts of the present period's invoice: what was charged, and what is yet to be (PV-7).
    pub fn billed_facts(&self, id: &SubscriptionId) -> Planned<NoticeData> {
        let mut data = self.facts(id)?;
        let Some(term) = self.subscription(id)?.state.term() else { return Ok(data) };
        data.renews_on = Some(term.period.end);
        let Some(invoice) = self.account.invoices.get(&invoice_id(id, term.number, term.period_no)) else { return Ok(data) };
        let document = &invoice.document;
        data.net_minor = Some(document.list.minor());
        data.promotion_minor = Some(document.discount.minor()).filter(|minor| *minor != 0);
        data.promotion_code.clone_from(&document.promotion);
        data.tax_minor = Some(document.tax.minor());
        data.tax_rate = Some(document.rate);
        data.total_minor = Some(document.net.plus(document.tax)?.minor());
        let credit = invoice.credit_cash.plus(invoice.credit_goodwill)?;
        data.credit_applied_minor = Some(credit.minor()).filter(|minor| *minor != 0);
        data.charged_minor = Some(invoice.captured.minor());
        data.to_charge_minor = Some(invoice.open.minor());
        data.invoice_number = self.number_of(&document.id);
        Ok(data)
    }

    /// LC-2: begins the account's one free trial.
    pub fn start_trial(&mut self, plan: &Plan, camera: Option<&CameraId>) -> Planned<SubscriptionId> {
        self.not_parked()?;
        if let Some(used_on) = self.account.profile.trial_used_on {
            return Err(Refusal::TrialUsed { used_on });
        }
        let tier = self.tier(plan)?;
        if tier.trial_days == 0 {
            return Err(Refusal::NoTrial { tier: tier.name.clone() });
        }
        self.check_coverage(tier, camera, None)?;
        self.know_camera(camera)?;
        let version = self.version_today(plan)?;
        let ends = super::super::calendar::plus_days(self.today, tier.trial_days)?;
        let id = self.open_subscription(camera)?;
        self.because(format!("LC-2: free until {ends}; the first paid period starts that day"));
        self.command(&id, &Command::StartTrial { trial: Trial { plan: plan.clone(), version, start: self.today, ends } })?;
        let data = NoticeData { trial_ends_on: Some(ends), ..self.price_facts(&id, plan, ends)? };
        self.notify(NoticeKind::TrialStarted, id.as_str(), Some(&id), data);
        self.announce_known_prices(&id)?;
        Ok(id)
    }

    /// LC-2: the trial is over: the first period starts on the day it ended, and its first charge is as in LC-3.
    pub fn end_trial(&mut self, id: &SubscriptionId, trial: &Trial) -> Planned {
        let version = self.renewal_version(id, trial.ends)?;
        let term = first_term(&trial.plan, version, trial.ends)?;
        self.command(id, &Command::EndTrial { term: term.clone() })?;
        match self.begin(id, &term) {
            Err(Refusal::NoPaymentMethod) => self.undo_first_period(id),
            other => other,
        }
    }

    /// LC-8: a trial covered its cameras until its first charge was declined.
    fn end_cover_of_trial(&mut self, id: &SubscriptionId, term: &Term) -> Planned {
        let days = self.tier(&term.plan)?.trial_days;
        let began = self.account.profile.trial_used_on.and_then(|used| super::super::calendar::plus_days(used, days).ok());
        if began == Some(term.anchor) { self.recordings_inaccessible(id, self.today) } else { Ok(()) }
    }

    /// LC-3: the first charge was declined: a full credit note undoes the invoice, the promotion use is released, and the
    /// camera stays on the Free Package.
    pub fn undo_first_period(&mut self, id: &SubscriptionId) -> Planned {
        self.because("LC-3: the first charge was declined, so the invoice is undone and nothing is owed");
        let data = self.billed_facts(id)?;
        let subscription = self.subscription(id)?;
        let State::Pending { term } = subscription.state.clone() else { return Ok(()) };
        let invoice = invoice_id(id, term.number, term.period_no);
        self.release_promotion(id)?;
        self.undo_invoice(&invoice, term.period.start, NoteReason::FirstChargeDeclined)?;
        self.end_cover_of_trial(id, &term)?;
        self.command(id, &Command::FailFirstCharge { on: self.today })?;
        let data = NoticeData { credit_note_number: self.last_note(&invoice), invoice_number: self.number_of(&invoice), ..data };
        self.notify(NoticeKind::SubscriptionNotStarted, id.as_str(), Some(id), data);
        self.pay_out_credit_if_last()
    }

    /// LC-3: a first period that is undone has not used its promotion.
    pub(super) fn release_promotion(&mut self, id: &SubscriptionId) -> Planned {
        let code = self.subscription(id)?.promotion.as_ref().map(|redemption| redemption.code.clone());
        match code.filter(|code| self.account.redemptions.get(code).is_some_and(|used| !used.released)) {
            Some(code) => self.emit(Event::PromotionReleased { code }),
            None => Ok(()),
        }
    }

    /// Credits a whole line: no day of it was used.
    pub fn undo_invoice(&mut self, invoice: &str, start: chrono::NaiveDate, reason: NoteReason) -> Planned<Given> {
        let zero = self.account.zero();
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let days = row.document.period.days();
        let whole = Unused {
            days_total: days,
            days_used: 0,
            days_unused: days,
            unused_net: row.net,
            earned_net: zero,
            tax_kept: zero,
            tax_back: row.tax,
            value: row.net.plus(row.tax)?,
        };
        let last_day = start.pred_opt().unwrap_or(start);
        self.end_service(invoice, &whole, last_day, reason, Destination::Refund)
    }

    /// MO-3: puts a promotion code to use.
    pub fn redeem(&mut self, id: &SubscriptionId, code: &str, plan: &Plan) -> Planned {
        let promotion = self.context.reference.catalog.promotion(code).ok_or_else(|| Refusal::NoPromotion(code.to_owned()))?;
        let used = self.account.redemptions.get(code).is_some_and(|redemption| !redemption.released);
        // What others redeem meanwhile is counted, and refused, where the use is stored.
        let uses = self.context.promotion_uses.get(code).copied().unwrap_or_default();
        promotion.redeemable(self.today, plan, self.account.profile.currency, uses, used)?;
        self.because(format!("MO-3: promotion {code} is redeemed"));
        self.emit(Event::PromotionRedeemed { subscription: id.clone(), code: code.to_owned() })
    }

    /// MO-3: puts a code to use on a running subscription, from its next billed period on.
    pub fn redeem_later(&mut self, id: &SubscriptionId, code: &str) -> Planned {
        self.not_parked()?;
        let subscription = self.direct(id)?;
        if let State::Pending { .. } = subscription.state {
            let because = "and its first charge has not settled; try again when it has";
            return Err(Refusal::Illegal(super::Illegal { state: "pending", command: "promotion", because }));
        }
        let catalog = &self.context.reference.catalog;
        let goes_on = |present: &&Redemption| catalog.promotion(&present.code).is_some_and(|code| code.covers_next(present.periods_billed));
        if let Some(present) = subscription.promotion.as_ref().filter(goes_on) {
            return Err(Refusal::PromotionUsed(present.code.clone()));
        }
        let Some(plan) = subscription.state.plan().cloned() else {
            return Err(Refusal::Illegal(super::Illegal {
                state: subscription.state.name(),
                command: "promotion",
                because: "so no period is going to be billed",
            }));
        };
        self.redeem(id, code, &plan)
    }
}

fn first_term(plan: &Plan, version: String, anchor: chrono::NaiveDate) -> Planned<Term> {
    let period = Period::nth(anchor, plan.cycle, 0)?;
    Ok(Term { number: 1, anchor, plan: plan.clone(), period_no: 0, period, version, intent: Intent::Renews })
}
