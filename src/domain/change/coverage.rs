//! What storage is told (LC-8): which cameras lose which history, from which day. Billing deletes no recordings.

use chrono::NaiveDate;

use super::super::catalog::Plan;
use super::super::event::Event;
use super::super::ids::{CameraId, SubscriptionId};
use super::{Draft, Planned};

impl Draft<'_> {
    /// LC-8: the subscription's cameras are on the Free Package from `since` on.
    pub fn recordings_inaccessible(&mut self, id: &SubscriptionId, since: NaiveDate) -> Planned {
        let cameras = self.covered(id)?;
        self.lose_history(cameras, self.context.reference.catalog.free_history_days, since)
    }

    fn covered(&self, id: &SubscriptionId) -> Planned<Vec<CameraId>> {
        Ok(match &self.subscription(id)?.camera {
            Some(camera) => vec![camera.clone()],
            None => self.account.cameras.clone(),
        })
    }

    pub(super) fn lose_history(&mut self, cameras: Vec<CameraId>, history_days: u32, since: NaiveDate) -> Planned {
        if cameras.is_empty() {
            return Ok(());
        }
        self.emit(Event::RecordingsInaccessible { cameras, history_days, since })
    }

    /// LC-8: what a plan change makes inaccessible: cameras that lose cover, and history beyond the new tier's.
    pub fn lose_coverage_difference(
        &mut self,
        id: &SubscriptionId,
        from: &Plan,
        to: &Plan,
        camera: Option<&CameraId>,
        since: NaiveDate,
    ) -> Planned {
        let (old, new) = (self.tier(from)?, self.tier(to)?);
        let (kept, lost): (Vec<CameraId>, Vec<CameraId>) =
            self.covered(id)?.into_iter().partition(|each| camera.is_none_or(|camera| camera == each));
        self.lose_history(lost, self.context.reference.catalog.free_history_days, since)?;
        if new.history_days < old.history_days { self.lose_history(kept, new.history_days, since) } else { Ok(()) }
    }
}
