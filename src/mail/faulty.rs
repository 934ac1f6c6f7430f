//! The mailer's faulty twin: fails before, fails after the effect, is slow, and counts.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::message::OutgoingMail;
use super::outbox::Mailer;
use super::outcome::{DeliveryFailure, DeliveryFault, DeliveryOutcome, DeliveryStep};

/// What happens to one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailFault {
    /// Nothing: it is passed on.
    None,
    /// It fails before the message is handed over.
    FailBefore,
    /// The message is refused.
    Refuse {
        /// Whether for good.
        permanent: bool,
    },
    /// The message is taken, and the answer is lost.
    LoseReply,
    /// The message is taken twice, as a server behind a broken connection might.
    TakeTwice,
    /// It takes this long and then goes well. Never cut short by a paused clock of ours: this is real time.
    Delay(Duration),
}

/// A mailer in front of another one, which fails according to a list.
#[derive(Debug)]
pub struct FaultyMailer {
    inner: Box<Mailer>,
    faults: Mutex<VecDeque<MailFault>>,
    calls: AtomicU64,
}

impl FaultyMailer {
    /// Passes on to `inner`; the first delivery meets the first fault, and so on. After the last, all is well.
    #[must_use]
    pub fn new(inner: Mailer, faults: impl IntoIterator<Item = MailFault>) -> Self {
        Self { inner: Box::new(inner), faults: Mutex::new(faults.into_iter().collect()), calls: AtomicU64::new(0) }
    }

    /// How often delivery was asked for.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// The mailer behind.
    #[must_use]
    pub const fn inner(&self) -> &Mailer {
        &self.inner
    }

    pub(super) async fn deliver(&self, mail: &OutgoingMail) -> DeliveryOutcome {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let fault = self.faults.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or(MailFault::None);
        let injected = |step| DeliveryFailure { step, cause: DeliveryFault::Injected };
        match fault {
            MailFault::None => self.inner.deliver(mail).await,
            MailFault::FailBefore => DeliveryOutcome::Temporary { reason: injected(DeliveryStep::Connect) },
            MailFault::Refuse { permanent } => DeliveryOutcome::Refused { permanent, reason: injected(DeliveryStep::Recipient) },
            MailFault::LoseReply => {
                self.inner.deliver(mail).await;
                DeliveryOutcome::Unknown { reason: injected(DeliveryStep::Content) }
            }
            MailFault::TakeTwice => {
                self.inner.deliver(mail).await;
                self.inner.deliver(mail).await
            }
            MailFault::Delay(time) => {
                tokio::time::sleep(time).await;
                self.inner.deliver(mail).await
            }
        }
    }

    pub(super) async fn close(&self) {
        self.inner.close().await;
    }
}
