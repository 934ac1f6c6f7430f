//! PR: which price version a period is charged at (PR-1, PR-2, PR-4, PR-6).
//!
//! Versions are named by whatever the caller names them (`V`: a text, a number) and ordered by `effective_from` alone.
//! The charge, the renewal reminder and the price notice all ask this one function, so that they cannot contradict each
//! other (PR-5).

use chrono::NaiveDate;

/// A price version and the first date on which it can be charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DatedVersion<V> {
    /// The caller's name for it.
    pub version: V,
    /// First date of new subscriptions, and of renewals that may pay it.
    pub effective_from: NaiveDate,
}

/// Proof that a version was announced to one customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SentNotice<V> {
    /// The version that was announced.
    pub version: V,
    /// Date of sending, in the account's time zone.
    pub sent_on: NaiveDate,
}

/// Why a version, newer than the present one, is not the one charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PassedOver<V> {
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
        newer: V,
    },
}

impl<V> PassedOver<V> {
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

    /// The same reason with another name for the newer version.
    pub fn named<W>(self, name: impl FnOnce(V) -> W) -> PassedOver<W> {
        match self {
            Self::NotYetEffective { effective_from } => PassedOver::NotYetEffective { effective_from },
            Self::NoNotice => PassedOver::NoNotice,
            Self::NoticeTooYoung { sent_on, age_days } => PassedOver::NoticeTooYoung { sent_on, age_days },
            Self::NewerDue { newer } => PassedOver::NewerDue { newer: name(newer) },
        }
    }
}

/// A version that is not charged, with the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Passed<V> {
    /// The version.
    pub version: V,
    /// Why not this one.
    pub reason: PassedOver<V>,
}

/// The version that a renewal is charged at, and what became of every newer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<V> {
    /// The version charged: the present one or a newer one, never an older one (PR-6).
    pub version: DatedVersion<V>,
    /// PR-4: versions between the present one and `version`; they will never take effect for this subscription.
    pub superseded: Vec<Passed<V>>,
    /// Versions newer than `version`; they may take effect at a later renewal.
    pub pending: Vec<Passed<V>>,
}

/// PR-1: the version that a new subscription or a change at once buys at on `on`: the latest one in force. `None`
/// before the first.
pub fn version_at_start<V: Copy>(on: NaiveDate, versions: &[DatedVersion<V>]) -> Option<DatedVersion<V>> {
    versions.iter().filter(|listed| listed.effective_from <= on).max_by_key(|listed| listed.effective_from).copied()
}

/// PR-2, PR-4, PR-6: the version of a renewal whose period starts on `start`, for a subscription that now pays
/// `current`: the latest newer version that is in force and whose notice was sent at least `notice_days` before.
/// Several notices of one version count from the first. `versions` may stand in any order, with `current` or without.
///
/// ```
/// use chrono::NaiveDate;
/// use kasacare::domain::price::{DatedVersion, SentNotice, version_at_renewal};
/// let day = |text: &str| text.parse::<NaiveDate>().unwrap();
/// let versions = [
///     DatedVersion { version: "v1", effective_from: day("2025-01-01") },
///     DatedVersion { version: "v2", effective_from: day("2026-03-01") },
/// ];
/// let notices = [SentNotice { version: "v2", sent_on: day("2026-02-12") }];
/// let charged_on = |start| version_at_renewal(versions[0], day(start), &versions, &notices, 30).version.version;
/// assert_eq!(charged_on("2026-03-10"), "v1"); // 26 days after the notice: the old price, once more
/// assert_eq!(charged_on("2026-04-10"), "v2");
/// ```
pub fn version_at_renewal<V: Copy + PartialEq>(
    current: DatedVersion<V>,
    start: NaiveDate,
    versions: &[DatedVersion<V>],
    notices: &[SentNotice<V>],
    notice_days: u32,
) -> Choice<V> {
    let newer = || versions.iter().copied().filter(|listed| listed.effective_from > current.effective_from);
    let chosen = newer()
        .filter(|listed| hindrance(*listed, start, notices, notice_days).is_none())
        .max_by_key(|listed| listed.effective_from)
        .unwrap_or(current);
    let mut choice = Choice { version: chosen, superseded: Vec::new(), pending: Vec::new() };
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
    choice
}

/// What keeps `listed` from being charged for a period that starts on `start`, if anything does.
fn hindrance<V: Copy + PartialEq>(
    listed: DatedVersion<V>,
    start: NaiveDate,
    notices: &[SentNotice<V>],
    notice_days: u32,
) -> Option<PassedOver<V>> {
    if listed.effective_from > start {
        return Some(PassedOver::NotYetEffective { effective_from: listed.effective_from });
    }
    let first_sent = notices.iter().filter(|notice| notice.version == listed.version).map(|notice| notice.sent_on).min();
    let Some(sent_on) = first_sent else { return Some(PassedOver::NoNotice) };
    let age_days = start.signed_duration_since(sent_on).num_days();
    (age_days < i64::from(notice_days)).then_some(PassedOver::NoticeTooYoung { sent_on, age_days })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn version(version: &'static str, effective_from: &str) -> DatedVersion<&'static str> {
        DatedVersion { version, effective_from: day(effective_from) }
    }

    #[test]
    fn pr_1_a_new_subscription_buys_at_the_latest_in_force() {
        let versions = [version("v2", "2026-03-01"), version("v1", "2025-01-01")];
        assert_eq!(version_at_start(day("2026-02-28"), &versions), Some(version("v1", "2025-01-01")));
        assert_eq!(version_at_start(day("2026-03-01"), &versions), Some(version("v2", "2026-03-01")));
        assert_eq!(version_at_start(day("2024-12-31"), &versions), None);
    }

    #[test]
    fn pr_2_a_second_notice_does_not_start_the_days_again() {
        let versions = [version("v1", "2025-01-01"), version("v2", "2026-03-01")];
        let sent = |sent_on| SentNotice { version: "v2", sent_on: day(sent_on) };
        let notices = [sent("2026-03-20"), sent("2026-02-12")];
        let choice = version_at_renewal(versions[0], day("2026-04-10"), &versions, &notices, 30);
        assert_eq!(choice.version.version, "v2");
    }

    #[test]
    fn pr_4_every_version_passed_over_is_named_with_its_reason() {
        let versions = ["2025-01-01", "2026-01-01", "2026-02-01", "2026-02-02", "2026-03-01", "2026-09-01"];
        let names = ["v1", "v2", "v3", "v4", "v5", "v6"];
        let versions: Vec<_> = names.iter().zip(versions).map(|(name, from)| version(name, from)).collect();
        let notice = |version, sent_on| SentNotice { version, sent_on: day(sent_on) };
        let notices = [notice("v2", "2026-01-01"), notice("v4", "2026-01-01"), notice("v5", "2026-04-01")];
        let choice = version_at_renewal(versions[0], day("2026-04-10"), &versions, &notices, 30);
        assert_eq!(choice.version.version, "v4");
        let superseded = [
            Passed { version: "v2", reason: PassedOver::NewerDue { newer: "v4" } },
            Passed { version: "v3", reason: PassedOver::NoNotice },
        ];
        assert_eq!(choice.superseded, superseded);
        let too_young = PassedOver::NoticeTooYoung { sent_on: day("2026-04-01"), age_days: 9 };
        let later = PassedOver::NotYetEffective { effective_from: day("2026-09-01") };
        let pending = [Passed { version: "v5", reason: too_young }, Passed { version: "v6", reason: later }];
        assert_eq!(choice.pending, pending);
    }

    #[test]
    fn pr_6_the_present_version_need_not_be_listed_and_older_ones_never_come_back() {
        let versions = [version("v1", "2025-01-01")];
        let notices = [SentNotice { version: "v1", sent_on: day("2024-01-01") }];
        let present = version("special", "2025-06-01");
        let choice = version_at_renewal(present, day("2026-04-10"), &versions, &notices, 30);
        assert_eq!(choice, Choice { version: present, superseded: vec![], pending: vec![] });
    }
}
