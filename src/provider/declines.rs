//! What a decline means for the next attempt (PD-2, F67): a table from the provider's code to one of three classes.
//!
//! The codes are Stripe's decline codes and refund failure reasons, which the simulated provider speaks too; providers publish
//! no such classes, so the table is ours, and it stays on the side that costs a customer least: what it does not list is soft,
//! which only means another try on the schedule of the terms, and is marked as unlisted so that it can be counted.

use std::sync::LazyLock;

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

/// The codes that we know, by class: the table `declines.csv`.
static CODES: LazyLock<Vec<(&'static str, DeclineClass)>> = LazyLock::new(|| {
    let rows = include_str!("declines.csv").lines().skip(1);
    rows.filter_map(|row| row.split_once(',')).filter_map(|(code, class)| Some((code, class_of(class)?))).collect()
});

fn class_of(word: &str) -> Option<DeclineClass> {
    match word {
        "soft" => Some(Soft),
        "hard" => Some(Hard),
        "customer_action" => Some(CustomerAction),
        _ => None,
    }
}

/// The codes that we know, by class.
#[must_use]
pub fn codes() -> &'static [(&'static str, DeclineClass)] {
    &CODES
}

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

    /// Every line of the file is a row of the table: none is left out for a slip of the pen.
    #[test]
    fn every_line_of_the_file_is_read() {
        let lines = include_str!("declines.csv").lines().count();
        assert_eq!(CODES.len() + 1, lines);
        assert!(lines > 50);
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
