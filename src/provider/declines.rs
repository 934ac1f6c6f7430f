//! What a decline means for the next attempt (PD-2, F67): a table from the provider's code to one of three classes.
//!
//! The codes are Stripe's decline codes and refund failure reasons, which the simulated provider speaks too; providers publish
//! no such classes, so the table is ours, and it stays on the side that costs a customer least: what it does not list is soft,
//! which only means another try on the schedule of the terms, and is marked as unlisted so that it can be counted.

use serde::{Deserialize, Serialize};

use DeclineClass::{CustomerAction, Hard, Soft};

/// Longest code that is kept. Codes go into the journal, so they must stay codes whatever a provider sends.
const CODE_CHARS_MAX: usize = 64;

/// What a decline says about trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineClass {
    /// It may work later with the same method.
    Soft,
    /// It will never work with this method.
    Hard,
    /// It will not work until the customer has done something: confirm, correct or replace the method.
    CustomerAction,
}

impl DeclineClass {
    /// PD-2: whether charges have to wait for the customer (as a rule, for a new method), so that no retry is scheduled.
    #[must_use]
    pub const fn needs_new_method(self) -> bool {
        matches!(self, Hard | CustomerAction)
    }
}

/// A definite no of the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// The provider's code, lower case, digits and `_`; `unreadable_code` if it sent something else.
    pub code: String,
    /// What it means for the next attempt.
    pub class: DeclineClass,
    /// Whether the table lists the code. What it does not list is soft, and is counted by whoever settles the attempt.
    pub listed: bool,
}

impl Decline {
    /// Classifies a code.
    ///
    /// ```
    /// use kasacare::provider::declines::{Decline, DeclineClass};
    /// assert_eq!(Decline::of("stolen_card").class, DeclineClass::Hard);
    /// let new = Decline::of("invented_tomorrow");
    /// assert_eq!((new.class, new.listed), (DeclineClass::Soft, false));
    /// ```
    #[must_use]
    pub fn of(code: &str) -> Self {
        let listed = CODES.iter().find(|(listed, _)| *listed == code);
        let class = listed.map_or(Soft, |(_, class)| *class);
        Self { code: readable(code).unwrap_or("unreadable_code").to_owned(), class, listed: listed.is_some() }
    }

    /// Classifies a code that came with advice of the card network: `do_not_try_again` makes any code hard, and other advice
    /// changes nothing.
    #[must_use]
    pub fn advised(code: &str, advice: Option<&str>) -> Self {
        let decline = Self::of(code);
        if advice == Some("do_not_try_again") { Self { class: Hard, ..decline } } else { decline }
    }
}

fn readable(code: &str) -> Option<&str> {
    let is_readable = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    ((1..=CODE_CHARS_MAX).contains(&code.len()) && code.bytes().all(is_readable)).then_some(code)
}

/// The codes that we know, by class.
pub const CODES: &[(&str, DeclineClass)] = &[
    ("approve_with_id", Soft),
    ("call_issuer", Soft),
    ("card_declined", Soft),
    ("card_velocity_exceeded", Soft),
    ("do_not_honor", Soft),
    ("generic_decline", Soft),
    ("insufficient_funds", Soft),
    ("issuer_not_available", Soft),
    ("no_action_taken", Soft),
    ("processing_error", Soft),
    ("reenter_transaction", Soft),
    ("service_not_allowed", Soft),
    ("try_again_later", Soft),
    ("withdrawal_count_limit_exceeded", Soft),
    ("authentication_required", CustomerAction),
    ("expired_card", CustomerAction),
    ("incorrect_cvc", CustomerAction),
    ("incorrect_pin", CustomerAction),
    ("incorrect_zip", CustomerAction),
    ("invalid_cvc", CustomerAction),
    ("invalid_expiry_month", CustomerAction),
    ("invalid_expiry_year", CustomerAction),
    ("invalid_number", CustomerAction),
    ("invalid_pin", CustomerAction),
    ("new_account_information_available", CustomerAction),
    ("offline_pin_required", CustomerAction),
    ("online_or_offline_pin_required", CustomerAction),
    ("pin_try_exceeded", CustomerAction),
    ("card_not_supported", Hard),
    ("currency_not_supported", Hard),
    ("do_not_try_again", Hard),
    ("fraudulent", Hard),
    ("highest_risk_level", Hard),
    ("incorrect_number", Hard),
    ("invalid_account", Hard),
    ("lost_card", Hard),
    ("merchant_blacklist", Hard),
    ("pickup_card", Hard),
    ("restricted_card", Hard),
    ("revocation_of_all_authorizations", Hard),
    ("revocation_of_authorization", Hard),
    ("security_violation", Hard),
    ("stolen_card", Hard),
    ("stop_payment_order", Hard),
    ("transaction_not_allowed", Hard),
    // Why a refund was refused or came back. A refund is not tried again (RF-4), so all of them are hard.
    ("amount_too_large", Hard),
    ("charge_already_refunded", Hard),
    ("charge_disputed", Hard),
    ("charge_for_pending_refund_disputed", Hard),
    ("charge_not_captured", Hard),
    ("declined", Hard),
    ("expired_or_canceled_card", Hard),
    ("lost_or_stolen_card", Hard),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[track_caller]
    fn check(code: &str, class: DeclineClass, waits: bool) {
        let decline = Decline::of(code);
        assert_eq!((decline.code.as_str(), decline.class, decline.listed), (code, class, true));
        assert_eq!(decline.class.needs_new_method(), waits, "{code}");
    }

    #[test]
    fn codes_have_their_classes() {
        check("insufficient_funds", Soft, false);
        check("do_not_honor", Soft, false);
        check("expired_card", CustomerAction, true);
        check("authentication_required", CustomerAction, true);
        check("stolen_card", Hard, true);
        check("revocation_of_all_authorizations", Hard, true);
    }

    #[test]
    fn each_code_is_listed_once_and_readable() {
        let codes: BTreeSet<_> = CODES.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes.len(), CODES.len());
        assert!(codes.iter().all(|code| readable(code).is_some()));
    }

    #[test]
    fn what_is_no_code_does_not_get_into_the_journal() {
        for text in ["", "Card of Jo Smith", "a-b", "é", &"x".repeat(65)] {
            let decline = Decline::of(text);
            assert_eq!((decline.code.as_str(), decline.class, decline.listed), ("unreadable_code", Soft, false));
        }
        assert_eq!(Decline::of(&"x".repeat(64)).code.len(), 64);
    }

    #[test]
    fn advice_not_to_try_again_counts_more_than_the_code() {
        assert_eq!(Decline::advised("insufficient_funds", Some("do_not_try_again")).class, Hard);
        assert_eq!(Decline::advised("insufficient_funds", Some("try_again_later")).class, Soft);
        assert_eq!(Decline::advised("stolen_card", None).class, Hard);
    }
}
