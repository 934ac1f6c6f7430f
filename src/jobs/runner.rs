//! The order of the jobs, the workers, and when a run is over.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::calendar::{Corrections, Recognition, Reminders, Renewals};
use super::failed::Failed;
use super::{Meter, PASSES_MAX, Progress, RENEWAL_CHUNK, Stop};
use crate::clock::wall_micros;
use crate::domain::ids::AccountId;
use crate::engine::batch::{Accounts, Work};
use crate::engine::summary::Summary;
use crate::engine::{Engine, EngineError};
use crate::mail::{Mailer, Mailroom};
use crate::store::claims::{self, Due, GivenBack, Lease};
use crate::store::db::{Kind, Table};
use crate::store::instances::Instance;

/// How a run is to be done.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions {
    /// Workers of each batch job. SQLite has one writer, so more do nothing there.
    pub workers: usize,
    /// Accounts in one transaction.
    pub chunk: u32,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { workers: 1, chunk: RENEWAL_CHUNK }
    }
}

/// The job runner on one engine.
#[derive(Debug, Clone)]
pub struct Runner {
    pub(super) engine: Engine,
    pub(super) mailroom: Arc<Mailroom>,
    pub(super) mailer: Arc<Mailer>,
    pub(super) progress: Progress,
    pub(super) instance: Arc<Instance>,
    /// When the provider's list of movements could not be read last.
    pub(super) settlement_failed: Failed,
    /// When the provider has let no charge in last.
    pub(super) charges_locked_out: Failed,
    /// When it has let no refund in last: a key may be allowed the one and not the other.
    pub(super) refunds_locked_out: Failed,
    /// Held while calls are being leased: two who lease at one time would share out what is due row by row.
    pub(super) leasing: Arc<Mutex<()>>,
    meter: Meter,
    options: RunOptions,
}

impl Runner {
    /// A runner; takes its place among the running instances, so that work leased to dead ones is taken over at once.
    ///
    /// # Errors
    /// Store errors; on SQLite, where another process is running the jobs.
    pub async fn new(
        engine: Engine,
        mailroom: Arc<Mailroom>,
        mailer: Arc<Mailer>,
        progress: Progress,
        instance: Arc<Instance>,
        options: RunOptions,
    ) -> Result<Self, EngineError> {
        let runner = Self {
            engine,
            mailroom,
            mailer,
            progress,
            instance,
            settlement_failed: Failed::default(),
            charges_locked_out: Failed::default(),
            refunds_locked_out: Failed::default(),
            leasing: Arc::default(),
            meter: Meter::default(),
            options,
        };
        runner.take_over().await?;
        Ok(runner)
    }

    /// What counts its jobs.
    #[must_use]
    pub const fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The same runner at another time.
    #[must_use]
    pub fn with_engine(&self, engine: Engine) -> Self {
        Self { engine, ..self.clone() }
    }

    /// Frees work that was leased to instances that are gone.
    pub(super) async fn take_over(&self) -> Result<(), EngineError> {
        let mut tx = self.engine.db.begin().await?;
        let freed = claims::free_leases_of_the_dead(&mut tx, &self.instance).await?;
        tx.commit().await?;
        if freed > 0 {
            tracing::info!(freed, "took over work of runners that are gone");
        }
        Ok(())
    }

    pub(super) fn lease(&self, seconds: i64) -> Lease {
        let now = wall_micros();
        Lease { owner: self.instance.name().to_owned(), now, until: now.saturating_add(seconds.saturating_mul(1_000_000)) }
    }

    /// Gives back the leases of calls whose outcome was recorded as open, so that they are looked up when that is due (PV-2).
    pub(super) async fn give_back(&self, table: &'static Table, rows: &[GivenBack]) -> Result<(), EngineError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut tx = self.engine.db.begin().await?;
        claims::give_back(&mut tx, table, self.instance.name(), rows).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes back leases of calls that the provider has not let in (F72): they were not made.
    pub(super) async fn take_back(&self, table: &'static Table, rows: &[(AccountId, String)]) -> Result<(), EngineError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut tx = self.engine.db.begin().await?;
        claims::take_back(&mut tx, table, self.instance.name(), rows).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Does everything that is due at the engine's time, and what that makes due, until nothing is.
    ///
    /// # Errors
    /// What stops all accounts: the database, not one account's trouble.
    pub async fn run_once(&self, stop: &Stop) -> Result<Summary, EngineError> {
        let mut summary = Summary::default();
        for _ in 0..PASSES_MAX {
            let pass = self.pass(stop).await?;
            let done = pass.is_empty();
            summary.absorb(pass);
            if done || stop.requested() {
                break;
            }
        }
        self.progress.finish();
        Ok(summary)
    }

    /// One pass over all jobs. Price notices go before reminders (RE-2), ends and renewals before charges.
    async fn pass(&self, stop: &Stop) -> Result<Summary, EngineError> {
        let meter = &self.meter;
        let mut summary = meter.measured("missed_events", self.missed_events(stop)).await?;
        summary.absorb(meter.measured("inbox", self.inbox(stop)).await?);
        summary.absorb(meter.measured("provider_events", self.provider_events(stop)).await?);
        summary.absorb(meter.measured("announcements", self.announce(stop)).await?);
        summary.absorb(meter.measured("renewals", self.drain(Due::Subscriptions, "renewals", &Renewals, stop)).await?);
        summary.absorb(meter.measured("mail", self.deliver_mail(stop)).await?);
        summary.absorb(meter.measured("reminders", self.drain(Due::Reminders, "reminders", &Reminders, stop)).await?);
        summary.absorb(meter.measured("corrections", self.drain(Due::Corrections, "corrections", &Corrections, stop)).await?);
        summary.absorb(meter.measured("charges", self.charge(stop)).await?);
        summary.absorb(meter.measured("refunds", self.refund(stop)).await?);
        summary.absorb(meter.measured("revenue", self.drain(Due::Recognition, "revenue", &Recognition, stop)).await?);
        summary.absorb(meter.measured("mail", self.deliver_mail(stop)).await?);
        summary.absorb(meter.measured("settlement", self.settlement(stop)).await?);
        Ok(summary)
    }

    /// Claims and does a batch job with all workers, until nothing is due.
    ///
    /// # Errors
    /// As [`Runner::run_once`].
    pub async fn drain<W>(&self, due: Due, name: &'static str, work: &W, stop: &Stop) -> Result<Summary, EngineError>
    where
        W: Work + Clone + Send + 'static,
    {
        let workers = if self.engine.db.kind() == Kind::Sqlite { 1 } else { self.options.workers };
        let drain = |runner: Self| {
            let (work, stop) = (work.clone(), stop.clone());
            async move { runner.drain_alone(due, name, &work, &stop).await }
        };
        self.side_by_side(workers, drain).await
    }

    /// Does something so many times at one time, each in a task of its own, and adds up what they did.
    pub(super) async fn side_by_side<W>(&self, times: usize, work: impl Fn(Self) -> W + Send) -> Result<Summary, EngineError>
    where
        W: Future<Output = Result<Summary, EngineError>> + Send + 'static,
    {
        if times <= 1 {
            return work(self.clone()).await;
        }
        let spawned = |work: W| {
            let db = self.engine.db.clone();
            async move { db.spawned(|_| work).await }
        };
        let tasks: Vec<_> = (0..times).map(|_| spawned(work(self.clone()))).collect();
        let mut summary = Summary::default();
        for done in futures::future::join_all(tasks).await {
            summary.absorb(done?);
        }
        Ok(summary)
    }

    async fn drain_alone(&self, due: Due, name: &'static str, work: &dyn Work, stop: &Stop) -> Result<Summary, EngineError> {
        let mut summary = Summary::default();
        let mut cursor = None;
        // Rows that another worker had locked were skipped: one more look from the beginning finds what is left of them.
        let mut looked_again = false;
        while !stop.requested() {
            let mut tx = self.engine.db.begin().await?;
            let claimed = claims::due(&mut tx, due, self.engine.clock.now(), cursor.as_ref(), self.options.chunk).await?;
            let Some(last) = claimed.last else {
                tx.rollback().await?;
                if looked_again || cursor.is_none() {
                    break;
                }
                looked_again = true;
                cursor = None;
                continue;
            };
            let accounts = claimed.accounts.len();
            let claimed = Accounts { ids: claimed.accounts, invoices: claimed.invoices };
            let done = self.engine.run_batch(tx, claimed, work).await?;
            if looked_again && done.is_empty() {
                break;
            }
            cursor = Some(last);
            // A reminder of a renewal that is late stays due and is none any more: a standing runner finds it at every look.
            if !done.is_empty() {
                self.progress.chunk(name, accounts);
            }
            summary.absorb(done);
        }
        Ok(summary)
    }
}
