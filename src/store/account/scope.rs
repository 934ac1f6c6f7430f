//! How much of an account is loaded.

use std::ops::BitOr;

/// Which tables of an account are read. The account's own row always is.
///
/// A change is planned on what was loaded, so the scope must cover whatever the plan looks at; what it does not cover looks
/// empty. Rows outside of the scope are never touched by [`save`](super::save).
///
/// ```
/// use kasacare::store::account::Scope;
/// assert!(Scope::ALL.has(Scope::RENEWAL | Scope::CAMERAS));
/// assert!(!Scope::RENEWAL.has(Scope::REFUNDS));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope(u16);

impl Scope {
    /// The account's own row alone.
    pub const PROFILE: Self = Self(0);
    /// All subscriptions with their price notices.
    pub const SUBSCRIPTIONS: Self = Self(1);
    /// Cameras.
    pub const CAMERAS: Self = Self(1 << 1);
    /// Invoices to which something is still to happen: unpaid (carried ones included), disputed, pending, or not fully recognised.
    pub const INVOICES_OPEN: Self = Self(1 << 2);
    /// All invoices.
    pub const INVOICES_ALL: Self = Self(1 << 3 | 1 << 2);
    /// Charges whose outcome is open.
    pub const CHARGES_OPEN: Self = Self(1 << 4);
    /// All charges.
    pub const CHARGES_ALL: Self = Self(1 << 5 | 1 << 4);
    /// Charges of the invoices that are named.
    pub const CHARGES_NAMED: Self = Self(1 << 14);
    /// Captured payments.
    pub const PAYMENTS: Self = Self(1 << 6);
    /// Refunds.
    pub const REFUNDS: Self = Self(1 << 7);
    /// Credit and debit notes.
    pub const NOTES: Self = Self(1 << 8);
    /// Corrections.
    pub const CORRECTIONS: Self = Self(1 << 9);
    /// Disputes.
    pub const DISPUTES: Self = Self(1 << 10);
    /// Used promotion codes.
    pub const REDEMPTIONS: Self = Self(1 << 11);
    /// Collection costs.
    pub const COSTS: Self = Self(1 << 12);
    /// Tasks.
    pub const TASKS: Self = Self(1 << 13);

    /// A plain renewal or a reminder: what the hot path reads, in three statements.
    pub const RENEWAL: Self = Self::SUBSCRIPTIONS;
    /// Revenue recognition, with its invoices named.
    pub const RECOGNITION: Self = Self::PROFILE;
    /// The outcome of an ordinary charge, with its invoice named.
    pub const SETTLEMENT: Self = Self(Self::SUBSCRIPTIONS.0 | Self::CHARGES_NAMED.0 | Self::REDEMPTIONS.0 | Self::COSTS.0);
    /// Everything.
    pub const ALL: Self = Self((1 << 15) - 1);

    /// Whether all of `other` is covered.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Scope {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
