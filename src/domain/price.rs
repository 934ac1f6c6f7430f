//! PR: which price version a period is charged at (PR-1, PR-2, PR-4, PR-6).
//!
//! Versions are named by a number of the caller's choice and ordered by `effective_from` alone. The charge, the
//! renewal reminder and the price notice all ask this one function, so that they cannot contradict each other (PR-5).

use chrono::NaiveDate;

/// A price version and the first date on which it can be charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DatedVersion {
    /// The caller's number for it.
    pub version: u32,
    /// First date of new subscriptions and of renewals that may pay it.
    pub effective_from: NaiveDate,
}

/// Proof that a version was announced to one customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SentNotice {
    /// The version that was announced.
    pub version: u32,
    /// Date of sending, in the account's time zone.
    pub sent_on: NaiveDate,
}

/// Why a version, newer than the present one, is not the one charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PassedOver {
    /// PR-2: it starts after the period does.
    NotYetEffective {
        /// Its first date.
        effective_from: NaiveDate,
    },
    /// PR-2: no notice of it was sent to this customer.
    NoNotice,
    /// PR-2: its notice is too young for this period.
    NoticeTooYoung {
        /// Date of sending.
        sent_on: NaiveDate,
        /// Age in days at the period's start; negative where it was sent later.
        age_days: i64,
    },
    /// PR-4: it was due, but a newer one was, too.
    NewerDue {
        /// The newer version.
        newer: u32,
    },
}

impl PassedOver {
    /// The stored tag of the reason.
    #[must_use]
    pub const fn tag(&self) -> &'static str {
        match self {
            Self::NotYetEffective { .. } => "not_yet_effective",
            Self::NoNotice => "no_notice",
            Self::NoticeTooYoung { .. } => "notice_too_young",
            Self::NewerDue { .. } => "newer_due",
        }
    }
}

/// A version that is not charged, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Passed {
    /// The version.
    pub version: u32,
    /// Why not this one.
    pub reason: PassedOver,
}

/// The version that a renewal is charged at, and what became of every newer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The version charged: the present one or a newer one, never an older one (PR-6).
    pub version: u32,
    /// PR-4: versions between the present one and `version`; they will never take effect here.
    pub superseded: Vec<Passed>,
    /// Versions newer than `version`; they may take effect at a later renewal.
    pub pending: Vec<Passed>,
}

/// Why no version can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// The subscription's present version is not in the list.
    #[error("price version {version} is not in the catalog")]
    UnknownVersion {
        /// The version.
        version: u32,
    },
    /// Nothing can be bought before the first version.
    #[error("no price version is in force on {on}")]
    NoneInForce {
        /// The date asked for.
        on: NaiveDate,
    },
}

/// PR-1: the version that a new subscription or a change at once buys at on `on`: the latest one in force.
pub fn version_at_start(on: NaiveDate, versions: &[DatedVersion]) -> Result<u32, PriceError> {
    versions
        .iter()
        .filter(|listed| listed.effective_from <= on)
        .max_by_key(|listed| listed.effective_from)
        .map(|listed| listed.version)
        .ok_or(PriceError::NoneInForce { on })
}

/// PR-2, PR-4, PR-6: the version of a renewal whose period starts on `start`, for a subscription that now pays
/// `current`: the latest newer version that is in force and whose notice was sent at least `notice_days` before.
/// Several notices of one version count from the first. `versions` may stand in any order.
///
/// ```
/// use chrono::NaiveDate;
/// use kasacare::domain::price::{DatedVersion, SentNotice, version_at_renewal};
/// let day = |text: &str| text.parse::<NaiveDate>().unwrap();
/// let versions = [
///     DatedVersion { version: 1, effective_from: day("2025-01-01") },
///     DatedVersion { version: 2, effective_from: day("2026-03-01") },
/// ];
/// let notices = [SentNotice { version: 2, sent_on: day("2026-02-12") }];
/// let price_on = |start| version_at_renewal(1, day(start), &versions, &notices, 30).unwrap().version;
/// assert_eq!(price_on("2026-03-10"), 1); // 26 days after the notice: the old price, once more
/// assert_eq!(price_on("2026-04-10"), 2);
/// ```
pub fn version_at_renewal(
    current: u32,
    start: NaiveDate,
    versions: &[DatedVersion],
    notices: &[SentNotice],
    notice_days: u32,
) -> Result<Choice, PriceError> {
    let present = versions
        .iter()
        .find(|listed| listed.version == current)
        .ok_or(PriceError::UnknownVersion { version: current })?;
    let newer = || versions.iter().filter(|listed| listed.effective_from > present.effective_from);
    let chosen = newer()
        .filter(|listed| hindrance(listed, start, notices, notice_days).is_none())
        .max_by_key(|listed| listed.effective_from)
        .unwrap_or(present);
    let mut choice = Choice { version: chosen.version, superseded: Vec::new(), pending: Vec::new() };
    for listed in newer().filter(|listed| listed.version != chosen.version) {
        let due_but_older = PassedOver::NewerDue { newer: chosen.version };
        let reason = hindrance(listed, start, notices, notice_days).unwrap_or(due_but_older);
        let passed = Passed { version: listed.version, reason };
        if listed.effective_from <= chosen.effective_from {
            choice.superseded.push(passed);
        } else {
            choice.pending.push(passed);
        }
    }
    Ok(choice)
}

/// What keeps `listed` from being charged for a period that starts on `start`, if anything does.
fn hindrance(
    listed: &DatedVersion,
    start: NaiveDate,
    notices: &[SentNotice],
    notice_days: u32,
) -> Option<PassedOver> {
    if listed.effective_from > start {
        return Some(PassedOver::NotYetEffective { effective_from: listed.effective_from });
    }
    let first_sent = notices.iter().filter(|notice| notice.version == listed.version).map(|notice| notice.sent_on).min();
    let Some(sent_on) = first_sent else { return Some(PassedOver::NoNotice) };
    let age_days = start.signed_duration_since(sent_on).num_days();
    (age_days < i64::from(notice_days)).then_some(PassedOver::NoticeTooYoung { sent_on, age_days })
}
