//! Which providers there are: the one list that names them. A new one is its own file and a line in here.

use super::capabilities::STRIPE;
use super::stripe;
use super::webhooks::EventReader;

/// Who can read the events of this provider.
#[must_use]
pub fn reader(provider: &str) -> Option<&'static dyn EventReader> {
    match provider {
        stripe::NAME => Some(&stripe::reading::StripeEvents),
        _ => None,
    }
}

/// What the rows of this provider's list of movements are, as `settlement import` calls them.
#[must_use]
pub fn movements(provider: &str) -> Option<&'static str> {
    match provider {
        stripe::NAME => STRIPE.movements,
        _ => None,
    }
}
