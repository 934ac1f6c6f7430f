//! The words under which enumerations are stored: written by hand, so that a rename in the code cannot change the data.

use crate::domain::account::{AttemptState, CorrectionState, DisputeState, NoteReason, NoticeOutcome, Purpose};
use crate::domain::catalog::Covers;
use crate::domain::subscription::Cause;

/// A domain enumeration that is stored as a word.
pub(super) trait Tagged: Copy + Sized + 'static {
    /// Every value with its word.
    const TAGS: &'static [(Self, &'static str)];

    /// The stored word.
    fn tag(self) -> &'static str;

    /// The value with this word.
    fn from_tag(tag: &str) -> Option<Self> {
        Self::TAGS.iter().find(|(_, known)| *known == tag).map(|(value, _)| *value)
    }
}

macro_rules! tagged {
    ($($type:ident { $($variant:ident = $tag:literal),+ $(,)? })+) => {$(
        impl Tagged for $type {
            const TAGS: &'static [(Self, &'static str)] = &[$((Self::$variant, $tag)),+];

            fn tag(self) -> &'static str {
                match self { $(Self::$variant => $tag),+ }
            }
        }
    )+};
}

tagged! {
    AttemptState {
        Requested = "requested", Unknown = "unknown", Succeeded = "succeeded", Failed = "failed", Abandoned = "abandoned",
    }
    Purpose { Period = "period", Correction = "correction" }
    CorrectionState { Open = "open", Done = "done", Waived = "waived", Owed = "owed" }
    DisputeState { Open = "open", Won = "won", Lost = "lost" }
    NoticeOutcome { Pending = "pending", Applied = "applied", Superseded = "superseded", Lapsed = "lapsed" }
    Covers { OneCamera = "one_camera", Account = "account" }
    NoteReason {
        Cancellation = "cancellation", PlanChange = "plan_change", FirstChargeDeclined = "first_charge_declined",
        CancelledWhilePending = "cancelled_while_pending", Overcharge = "overcharge", Undercharge = "undercharge",
        Waived = "waived", OrderCancelled = "order_cancelled", CancelledUnpaid = "cancelled_unpaid", DisputeLost = "dispute_lost",
    }
    Cause {
        Cancelled = "cancelled", TrialCancelled = "trial_cancelled", FirstChargeDeclined = "first_charge_declined",
        CameraTransferred = "camera_transferred", Absorbed = "absorbed", Terminated = "terminated",
        TerminatedForBreach = "terminated_for_breach", Unpaid = "unpaid", OrderCancelled = "order_cancelled",
        DisputeLost = "dispute_lost",
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::Serialize;

    use super::*;

    /// Rows and the events in the journal use the same words.
    #[track_caller]
    fn check<T: Tagged + Serialize + PartialEq + Debug>() {
        for (value, tag) in T::TAGS {
            assert_eq!(value.tag(), *tag);
            assert_eq!(T::from_tag(tag), Some(*value));
            assert_eq!(serde_json::to_value(value).unwrap(), serde_json::Value::from(*tag));
        }
        assert_eq!(T::from_tag("Open"), None);
    }

    #[test]
    fn words_are_those_of_the_journal() {
        check::<AttemptState>();
        check::<Purpose>();
        check::<CorrectionState>();
        check::<DisputeState>();
        check::<NoticeOutcome>();
        check::<NoteReason>();
        check::<Cause>();
        check::<Covers>();
    }
}
