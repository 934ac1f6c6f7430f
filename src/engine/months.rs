//! RR-1: what a month has earned is booked into that month, also where somebody acts on a line before the job has come to it.
//!
//! A document recognises its line through its own date. Where a month has ended that is not booked yet, its revenue would stand in the
//! month of the document; so the months that have ended are booked first, each as a decision of its own on the month's last day, in the
//! same transaction.

use super::{Engine, EngineError, Who, next_cause};
use crate::domain::account::Account;
use crate::domain::change::{Change, Draft};
use crate::domain::event::Event;

/// Whether a change books revenue of a line for which a month is due that has ended.
pub(super) fn touches_an_open_month(change: &Change) -> bool {
    let is_due = |invoice: &str| {
        let due = change.before.invoices.get(invoice).and_then(|row| row.recognise_at);
        due.is_some_and(|due| due <= change.recorded_at)
    };
    let touched = |event: &Event| matches!(event, Event::RevenueRecognised { invoice, .. } if is_due(invoice));
    // The job's own decision is the month's.
    change.kind != RECOGNISE && change.events.iter().any(touched)
}

/// The kind of the decision that books a month.
const RECOGNISE: &str = "recognise";

impl Engine {
    /// Books the months that have ended, oldest first; gives the account as it stands after them.
    ///
    /// # Errors
    /// [`EngineError::Refused`]: what the rules say.
    pub(super) fn close_months(&self, mut account: Account) -> Result<(Vec<Change>, Account), EngineError> {
        let who = Who::system();
        let context = self.context(&who);
        let mut months: Vec<Change> = Vec::new();
        loop {
            let cause = next_cause(RECOGNISE, &account, months.len());
            let id = account.profile.id.to_string();
            let mut draft = Draft::new(&context, account);
            draft.recognise().map_err(|refusal| EngineError::Refused { account: id, refusal })?;
            let month = draft.finish(RECOGNISE, cause);
            if month.is_empty() {
                return Ok((months, month.before));
            }
            account = month.after.clone();
            months.push(month);
        }
    }
}
