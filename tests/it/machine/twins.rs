//! Two towns that live through the same, one on SQLite and one on PostgreSQL, and the model that watches them.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use kasacare::domain::account::{Account, AttemptState};
use kasacare::domain::calendar::local_date;
use kasacare::domain::change::correct::Correct;
use kasacare::domain::change::operator::NewMethod;
use kasacare::domain::change::start::Order;
use kasacare::domain::change::{Draft, Planned, Refusal};
use kasacare::domain::ids::{AccountId, CameraId, SubscriptionId};
use kasacare::domain::money::Money;
use kasacare::provider::simulated::audit::repeated_captures;
use kasacare::provider::simulated::{Simulated, SimulatedError};
use kasacare::reports::check;
use kasacare::reports::journal::{self, JournalFormat, Range};
use kasacare::store::db::Db;

use super::acts::{Act, Ask};
use super::laws;
use super::model::{Asked, Model, Verdict};
use crate::world::town::{CALIFORNIA, Home, OREGON, Town, noon};

const JAPAN: Home = Home { currency: "JPY", zone: "Asia/Tokyo", jurisdiction: "JP" };
/// Who lives there: the one with tax that will rise, one without tax, one in another currency and half a day ahead.
const PEOPLE: [(&str, Home); super::acts::ACCOUNTS] = [("ann", CALIFORNIA), ("bob", OREGON), ("jun", JAPAN)];
/// A 30th, so that periods are clamped soon.
const BEGINNING: &str = "2026-01-30";
/// Steps between two runs of `check`.
const CHECK_EVERY: usize = 8;
/// Days after the last step in which everything must settle (I9): the longest way of a retry, then two weeks.
const REST_DAYS: [i64; 6] = [0, 1, 2, 4, 8, 21];

/// What a step is about, counted off at the account as it is.
#[derive(Debug, Default)]
struct Aim {
    subscription: Option<SubscriptionId>,
    invoice: Option<String>,
    charge: Option<String>,
    refund: Option<String>,
}

/// The towns and what is known of them.
pub struct Twins<'a> {
    towns: [Town; 2],
    dbs: [&'a Db; 2],
    model: Model,
    now: DateTime<Utc>,
    steps: usize,
}

impl<'a> Twins<'a> {
    pub async fn move_in(dbs: [&'a Db; 2]) -> Self {
        let towns = [Town::on(dbs[0]).await, Town::on(dbs[1]).await];
        for town in &towns {
            for (name, home) in PEOPLE {
                town.move_in(name, home, "tok_ok").await;
            }
        }
        Self { towns, dbs, model: Model::default(), now: noon(BEGINNING), steps: 0 }
    }

    /// Takes a step in both towns, and sees that the rules hold.
    pub async fn step(&mut self, act: &Act) {
        // Two steps are never at one instant, so that each has a cause of its own.
        self.now += TimeDelta::minutes(1);
        match act {
            Act::Wait(days) => self.run(i64::from(*days)).await,
            Act::WaitForDue => self.run_when_due().await,
            Act::Ask(who, ask) if ask.is_a_command() => self.command(*who, ask).await,
            Act::Ask(who, ask) => self.happen(*who, ask).await,
        }
        self.steps += 1;
        if self.steps.is_multiple_of(CHECK_EVERY) {
            self.check().await;
        }
    }

    /// Gives everybody a good card, releases who is parked, and lets time pass: then nothing may be open (I9), and the books of both towns are the same bytes.
    pub async fn rest(mut self) {
        for days in REST_DAYS {
            for who in 0..PEOPLE.len() {
                for ask in [Ask::Card("tok_ok-new"), Ask::Release(true)] {
                    self.now += TimeDelta::minutes(1);
                    self.command(who, &ask).await;
                }
            }
            self.run(days).await;
        }
        for (name, _) in PEOPLE {
            laws::hold_at_rest(&self.account(name).await);
        }
        self.check().await;
        let [one, other] = [self.journal(0).await, self.journal(1).await];
        assert!(one == other, "the journals differ:\n{one}\n----\n{other}");
    }

    /// An account, which is the same in both towns.
    async fn account(&self, name: &str) -> Account {
        let id = AccountId::parse(name).unwrap();
        let (one, other) = (self.towns[0].account(&id).await, self.towns[1].account(&id).await);
        assert_eq!(one, other, "SQLite and PostgreSQL differ");
        one
    }

    /// Runs the jobs after some days, and again soon where the outcome of a call was left open: a runner that stays does.
    async fn run(&mut self, days: i64) {
        self.now += TimeDelta::days(days);
        let open = self.run_now().await;
        if open {
            self.now += TimeDelta::minutes(2);
            self.run_now().await;
        }
    }

    /// Whether the outcome of a call is open afterwards.
    async fn run_now(&mut self) -> bool {
        let mut open = false;
        // One after the other: that no provider is called inside a transaction is watched for the task (I13).
        let (one, other) = (self.towns[0].run_at(self.now).await, self.towns[1].run_at(self.now).await);
        assert_eq!(one, other, "the runs did different things");
        for (name, home) in PEOPLE {
            let account = self.account(name).await;
            laws::hold(&account);
            laws::hold_after_jobs(&account, self.today(home));
            self.model.saw_jobs(&account);
            let refunds = account.refunds.values().map(|refund| refund.state);
            open |= account.charges.values().map(|charge| charge.state).chain(refunds).any(|state| state == AttemptState::Unknown);
        }
        self.provider_captured_once().await;
        self.mails_came_once();
        open
    }

    async fn run_when_due(&mut self) {
        let mut next = None;
        for (name, _) in PEOPLE {
            let account = self.account(name).await;
            let parked = account.profile.parked.is_some();
            let due = account.subscriptions.values().filter_map(|subscription| subscription.due_at.filter(|_| !parked));
            next = next.into_iter().chain(due).min();
        }
        self.now = next.map_or(self.now, |due| due.max(self.now));
        self.run(0).await;
    }

    fn today(&self, home: Home) -> NaiveDate {
        local_date(self.now, home.zone.parse().unwrap())
    }

    async fn command(&mut self, who: usize, ask: &Ask) {
        let (name, home) = PEOPLE[who];
        let before = self.account(name).await;
        let aim = aim(ask, &before);
        let asked = Asked { ask, account: &before, about: aim.subscription.as_ref(), today: self.today(home) };
        let verdict = self.model.verdict(&asked);
        let id = AccountId::parse(name).unwrap();
        let plan = |draft: &mut Draft<'_>| plan(ask, &aim, draft);
        let one = self.towns[0].try_act(self.now, &id, plan).await;
        let other = self.towns[1].try_act(self.now, &id, plan).await;
        let (one, other) = (one.map(drop), other.map(drop));
        assert_eq!(one, other, "the towns answer differently");
        let after = self.account(name).await;
        match one {
            Ok(()) => {
                assert_ne!(verdict, Verdict::Refused, "must be refused: {asked:?}");
                self.model.saw_command(&asked, &after);
            }
            Err(refusal) => {
                assert_ne!(verdict, Verdict::Accepted, "must be accepted, but {refusal}: {asked:?}");
                assert!(!matches!(refusal, Refusal::Inconsistent(_) | Refusal::Money(_) | Refusal::Ledger(_)), "{refusal}: {asked:?}");
                assert_eq!(after, before, "refused, and yet changed (LC-10)");
            }
        }
        laws::hold(&after);
    }

    /// What card holders and their banks do, at the provider of both towns.
    async fn happen(&self, who: usize, ask: &Ask) {
        let account = self.account(PEOPLE[who].0).await;
        let aim = aim(ask, &account);
        let mut answers = Vec::new();
        for db in self.dbs {
            let simulated = Simulated::new(db.clone());
            answers.push(match (ask, &aim) {
                (Ask::OpenDispute(_, percent), Aim { charge: Some(charge), .. }) => {
                    let whole = account.charges[charge].amount;
                    let amount = Some(Money::new(whole.minor() * i64::from(*percent) / 100, whole.currency()));
                    refused(simulated.open_dispute(self.now, charge, amount.filter(|_| *percent < 100)).await)
                }
                (Ask::EndDispute(_, won), Aim { charge: Some(charge), .. }) => refused(simulated.end_dispute(self.now, charge, *won).await),
                (Ask::FailRefund(_), Aim { refund: Some(refund), .. }) => refused(simulated.fail_refund(self.now, refund).await),
                _ => None,
            });
        }
        assert_eq!(answers[0], answers[1], "the providers answer differently");
    }

    /// I1, as the provider sees it.
    async fn provider_captured_once(&self) {
        for db in self.dbs {
            let mut tx = db.begin_read().await.unwrap();
            let twice = repeated_captures(&mut tx).await.unwrap();
            tx.rollback().await.unwrap();
            assert_eq!(twice, [], "captured twice (I1)");
        }
    }

    /// I10: no mail twice.
    fn mails_came_once(&self) {
        for town in &self.towns {
            let mut mails = town.mails();
            mails.sort();
            let twice: Vec<_> = mails.windows(2).filter(|pair| pair[0] == pair[1]).collect();
            assert!(twice.is_empty(), "came twice (I10): {twice:?}");
        }
    }

    async fn check(&self) {
        for db in self.dbs {
            let report = check::run(db, check::Options::default(), |_, _| {}).await.unwrap();
            assert!(report.is_clean(), "{}: {}", db.kind(), report.summary());
        }
    }

    async fn journal(&self, town: usize) -> String {
        let mut out = Vec::new();
        journal::write(self.dbs[town], JournalFormat::Csv, &Range::default(), &mut out).await.unwrap();
        String::from_utf8(out).unwrap()
    }
}

/// What the provider refuses as a person's mistake; anything else is one of ours.
fn refused<T>(answer: Result<T, SimulatedError>) -> Option<String> {
    match answer {
        Ok(_) => None,
        Err(error @ SimulatedError::Database(_)) => panic!("{error}"),
        Err(error) => Some(error.to_string()),
    }
}

fn nth<T: Clone>(things: &[T], nth: u8) -> Option<T> {
    if things.is_empty() { None } else { things.get(usize::from(nth) % things.len()).cloned() }
}

fn aim(ask: &Ask, account: &Account) -> Aim {
    let live =
        |ended: bool| account.subscriptions.values().filter(move |other| other.state.is_live() != ended).map(|other| other.id.clone());
    let subscriptions: Vec<SubscriptionId> = live(false).chain(live(true)).collect();
    let mut newest: Vec<_> = account.invoices.values().map(|invoice| (invoice.document.issued_on, invoice.document.id.clone())).collect();
    newest.sort_by(|one, other| other.cmp(one));
    let invoices: Vec<String> = newest.into_iter().map(|(_, id)| id).collect();
    let (charges, refunds): (Vec<String>, Vec<String>) =
        (account.charges.keys().cloned().collect(), account.refunds.keys().cloned().collect());
    let mut aim = Aim::default();
    match ask {
        Ask::Cancel(n) | Ask::ChangePlan(n, ..) | Ask::Resume(n) | Ask::Promotion(n, _) | Ask::Suspend(n) | Ask::Reinstate(n) => {
            aim.subscription = nth(&subscriptions, *n);
        }
        Ask::Terminate(n, _) | Ask::CancelUnpaid(n) | Ask::CancelOrder(n) => aim.subscription = nth(&subscriptions, *n),
        Ask::Correct(n, _) | Ask::WriteOff(n) => {
            aim.invoice = nth(&invoices, *n);
            aim.subscription = aim.invoice.as_ref().map(|invoice| account.invoices[invoice].document.subscription.clone());
        }
        Ask::OpenDispute(n, _) | Ask::EndDispute(n, _) => aim.charge = nth(&charges, *n),
        Ask::FailRefund(n) => aim.refund = nth(&refunds, *n),
        Ask::Subscribe(..)
        | Ask::Trial(..)
        | Ask::TransferCamera(_)
        | Ask::Card(_)
        | Ask::Credit(_)
        | Ask::CollectionCost(_)
        | Ask::Release(_) => {}
    }
    aim
}

fn camera_of(plan: &str, account: &AccountId, number: u8) -> Option<CameraId> {
    plan.starts_with("plus").then(|| camera(account, number))
}

fn camera(account: &AccountId, number: u8) -> CameraId {
    CameraId::parse(&format!("{account}-cam{number}")).unwrap()
}

/// The command as the engine has it. Where there is nothing yet that it could be about, it is about what is not there.
fn plan(ask: &Ask, aim: &Aim, draft: &mut Draft<'_>) -> Planned {
    let account = draft.account.profile.id.clone();
    let money = |minor: i64| Money::new(minor, draft.account.profile.currency);
    let id = aim.subscription.clone().unwrap_or_else(|| SubscriptionId::parse("nothing").unwrap());
    let invoice = aim.invoice.clone().unwrap_or_else(|| "in_nothing_1_0".to_owned());
    match ask {
        Ask::Subscribe(plan, camera, code) => {
            let camera = camera_of(plan, &account, *camera);
            draft.subscribe(&Order { plan: plan.parse().unwrap(), camera, promotion: code.map(ToOwned::to_owned) }).map(drop)
        }
        Ask::Trial(plan, camera) => draft.start_trial(&plan.parse().unwrap(), camera_of(plan, &account, *camera).as_ref()).map(drop),
        Ask::Cancel(_) => draft.cancel(&id),
        Ask::ChangePlan(_, plan, camera) => draft.change_plan(&id, &plan.parse().unwrap(), camera_of(plan, &account, *camera).as_ref()),
        Ask::Resume(_) => draft.resume(&id),
        Ask::TransferCamera(number) => draft.transfer_camera(&camera(&account, *number)),
        Ask::Promotion(_, code) => draft.redeem_later(&id, code),
        Ask::Card(token) => {
            draft.replace_method(&NewMethod { token: (*token).to_owned(), label: "Visa ending 1111".to_owned(), expires_on: None })
        }
        Ask::Suspend(_) => draft.suspend(&id),
        Ask::Reinstate(_) => draft.reinstate(&id),
        Ask::Terminate(_, breach) => draft.terminate(&id, *breach),
        Ask::CancelUnpaid(_) => draft.cancel_unpaid(&id),
        Ask::CancelOrder(_) => draft.cancel_order(&id, kasacare::domain::refund::Destination::Refund),
        Ask::Correct(_, percent) => {
            let list = draft.account.invoices.get(&invoice).map_or(0, |row| row.document.list.minor());
            let correct = Correct::Net(money(list * i64::from(*percent) / 100));
            draft.correct(&invoice, correct)
        }
        Ask::Credit(minor) => draft.grant_credit(money(*minor)),
        Ask::CollectionCost(minor) => draft.add_collection_cost(money(*minor), &format!("document-{minor}")),
        Ask::WriteOff(_) => draft.write_off(&invoice),
        Ask::Release(waive) => draft.release(*waive),
        Ask::OpenDispute(..) | Ask::EndDispute(..) | Ask::FailRefund(_) => Ok(()),
    }
}
