//! Which providers there are: the one list that names them. A new one is its own file and a line in here.

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
