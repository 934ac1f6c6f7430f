//! Stripe: the only place that speaks its words.
//!
//! [`adapter`] charges and refunds through [`api`], and looks for what was lost; [`signature`] tells webhooks from forgeries and
//! [`reading`] turns events into neutral facts; `balance` lists what moved on our balance there; [`check`] tells an operator whether all is set up well. [`amounts`] knows the currencies
//! whose minor units are not what ISO 4217 says.

pub mod adapter;
pub mod amounts;
pub mod api;
mod balance;
pub mod check;
mod customers;
pub mod key;
mod lists;
mod objects;
mod outcomes;
mod pace;
pub mod reading;
pub mod signature;

pub use adapter::Stripe;

use crate::provider::ProviderError;
use api::Trouble;

impl From<&Trouble> for ProviderError {
    fn from(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Refused { code, .. } | Trouble::Declined { code, .. } => Self::Refused { code: code.clone() },
            Trouble::Doubt(_) | Trouble::TooMany => Self::Unreachable,
        }
    }
}

/// The name under which its events are stored and its endpoint is reached.
pub const NAME: &str = "stripe";

/// What is put on file for a payment method: it can only be charged together with the customer that it is attached to.
#[must_use]
pub fn token_of(customer: &str, method: &str) -> String {
    format!("{customer}:{method}")
}

/// The metadata that every object of ours carries, so that whatever Stripe tells of it names its attempt (PV-2).
pub mod metadata {
    /// Our id of the account.
    pub const ACCOUNT: &str = "kasacare_account";
    /// Our id of the invoice.
    pub const INVOICE: &str = "kasacare_invoice";
    /// Our id of the charge: one attempt.
    pub const CHARGE: &str = "kasacare_charge";
    /// Our id of the refund.
    pub const REFUND: &str = "kasacare_refund";
}
