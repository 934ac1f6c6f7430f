//! What happens to whom: the token of a payment method tells the story of every charge and refund on it.
//!
//! All of this is pure: a plan depends on the token, the settings, the key and on what was counted before, and on nothing else.

use super::settings::Settings;
use crate::provider::declines::codes;

/// What tokens of stories begin with. Any other token is captured and refunded without further ado.
const PREFIX: &str = "tok_";

/// What is behind `tok_decline_` is a code of the decline table.
const DECLINE: &str = "decline_";

/// When a dispute is decided, in days after it was opened.
pub(super) const DISPUTE_DAYS: i64 = 20;

const SOFT_CODES: [&str; 4] = ["insufficient_funds", "do_not_honor", "generic_decline", "issuer_not_available"];
const HARD_CODES: [&str; 4] = ["stolen_card", "lost_card", "pickup_card", "invalid_account"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ok,
    Updated,
    Insufficient,
    Stolen,
    Expired,
    Decline(&'static str),
    Timeout,
    Lost,
    ServerError,
    ServerErrorMoved,
    Pending,
    PendingDeclined,
    RefundFails,
    RefundFailsLater,
    RefundPending,
    RefundPendingFails,
    RefundTimeout,
    RefundLost,
    RefundServerError,
    Disputed(Ending),
    Mix,
}

/// How a dispute ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It waits for an operator.
    None,
    Won,
    Lost,
}

/// A kind of token and what it does, for people.
#[derive(Debug, Clone, Copy)]
pub struct TokenKind {
    /// What the token begins with; `N` and `DAYS` stand for a number that may be left out, `CODE` for a decline code.
    pub token: &'static str,
    /// What happens to charges and refunds on it.
    pub meaning: &'static str,
    name: &'static str,
    kind: Kind,
}

macro_rules! token_kinds {
    ($($token:literal, $name:literal, $kind:expr, $meaning:literal;)+) => {
        &[$(TokenKind { token: $token, meaning: $meaning, name: $name, kind: $kind }),+]
    };
}

/// All kinds of tokens. Whatever follows, best after a `-`, tells the tokens of one kind apart.
pub const TOKENS: &[TokenKind] = token_kinds! {
    "tok_ok", "ok", Kind::Ok, "Captured, unless the method has expired. So is every token that is not in this table.";
    "tok_updated", "updated", Kind::Updated, "Captured also when the method looks expired: the card network knows the new date.";
    "tok_insufficient_N", "insufficient", Kind::Insufficient,
        "The first N attempts are declined with `insufficient_funds` (soft); without N, all.";
    "tok_stolen", "stolen", Kind::Stolen, "Declined with `stolen_card` (hard).";
    "tok_expired", "expired", Kind::Expired, "Declined with `expired_card` (the customer must act).";
    "tok_decline_CODE", "decline_", Kind::Decline(""), "Declined with this code of the decline table.";
    "tok_timeout", "timeout", Kind::Timeout, "Captured, but the reply is lost.";
    "tok_lost_N", "lost", Kind::Lost,
        "The request is lost N times (once, without N) before it arrives: nothing happens and no reply comes.";
    "tok_500", "500", Kind::ServerError, "The provider fails and nothing moves; the key keeps that answer for 24 h.";
    "tok_500_moved", "500_moved", Kind::ServerErrorMoved,
        "Captured, and then the provider fails; the key keeps that answer for 24 h.";
    "tok_pending_DAYS", "pending", Kind::Pending, "Pending, and captured after DAYS (3) days.";
    "tok_pending_declined_DAYS", "pending_declined", Kind::PendingDeclined,
        "Pending, and declined with `insufficient_funds` after DAYS (3) days.";
    "tok_refund_fails", "refund_fails", Kind::RefundFails, "Captured; refunds fail at once (the card is closed).";
    "tok_refund_fails_later_DAYS", "refund_fails_later", Kind::RefundFailsLater,
        "Captured; refunds succeed, and come back after DAYS (3) days.";
    "tok_refund_pending_DAYS", "refund_pending", Kind::RefundPending,
        "Captured; refunds are pending, and succeed after DAYS (1) days.";
    "tok_refund_pending_fails_DAYS", "refund_pending_fails", Kind::RefundPendingFails,
        "Captured; refunds are pending, and fail after DAYS (1) days.";
    "tok_refund_timeout", "refund_timeout", Kind::RefundTimeout, "Captured; refunds are paid out, but the reply is lost.";
    "tok_refund_lost_N", "refund_lost", Kind::RefundLost,
        "Captured; each request for a refund is lost N times (once) before it arrives.";
    "tok_refund_500", "refund_500", Kind::RefundServerError, "Captured; on refunds the provider fails and nothing moves.";
    "tok_disputed_DAYS", "disputed", Kind::Disputed(Ending::None),
        "Captured; the first charge is disputed after DAYS (10) days, and an operator decides.";
    "tok_disputed_won_DAYS", "disputed_won", Kind::Disputed(Ending::Won),
        "The same, and the dispute is won 20 days later.";
    "tok_disputed_lost_DAYS", "disputed_lost", Kind::Disputed(Ending::Lost),
        "The same, and the dispute is lost 20 days later.";
    "tok_mix", "mix", Kind::Mix, "A bit of everything, by the rates of the settings and a hash of seed and key.";
};

/// What a token says about the charges and refunds on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Story {
    name: &'static str,
    kind: Kind,
    number: Option<u16>,
}

/// What a plan for a charge depends on besides its story.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Circumstances<'a> {
    pub key: &'a str,
    /// How often the request was lost before.
    pub lost: u32,
    /// Attempts on the same method before.
    pub attempts: u32,
    /// Captures on the same method before.
    pub captures: u32,
    /// Whether the method is past its last day.
    pub expired: bool,
}

/// What the caller gets to hear of what was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Told,
    NoReply,
    ServerError,
}

/// What becomes of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChargePlan {
    Capture {
        answer: Answer,
        disputed_after: Option<(i64, Ending)>,
    },
    Decline(&'static str),
    Pend {
        days: i64,
        captured: bool,
    },
    /// The provider fails, and nothing moves.
    Fail,
    /// The request does not arrive.
    Lose,
}

/// What becomes of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefundPlan {
    Pay {
        answer: Answer,
        back_after: Option<i64>,
    },
    Refuse(&'static str),
    Pend {
        days: i64,
        paid: bool,
    },
    /// The provider fails, and nothing moves.
    Fail,
    /// The request does not arrive.
    Lose,
}

const CAPTURE: ChargePlan = ChargePlan::Capture { answer: Answer::Told, disputed_after: None };
const PAY: RefundPlan = RefundPlan::Pay { answer: Answer::Told, back_after: None };
const CLOSED_CARD: &str = "expired_or_canceled_card";

impl Story {
    /// The story of a token.
    pub fn of(token: &str) -> Self {
        let plain = Self { name: "ok", kind: Kind::Ok, number: None };
        let Some(rest) = token.strip_prefix(PREFIX) else { return plain };
        // The longest name: `refund_fails_later` begins with `refund_fails`.
        let known = TOKENS.iter().filter(|known| rest.starts_with(known.name)).max_by_key(|known| known.name.len());
        let Some(known) = known else { return plain };
        let behind = rest.get(known.name.len()..).unwrap_or_default();
        if known.name == DECLINE {
            let known_codes = codes().iter().map(|(code, _)| *code).filter(|code| behind.starts_with(code));
            let Some(code) = known_codes.max_by_key(|code| code.len()) else { return plain };
            return Self { name: known.name, kind: Kind::Decline(code), number: None };
        }
        Self { name: known.name, kind: known.kind, number: number(behind) }
    }

    /// The token without what tells it apart from others: all that the provider keeps of it.
    pub fn text(&self) -> String {
        match (self.kind, self.number) {
            (Kind::Decline(code), _) => format!("{PREFIX}{DECLINE}{code}"),
            (_, Some(number)) => format!("{PREFIX}{}_{number}", self.name),
            (_, None) => format!("{PREFIX}{}", self.name),
        }
    }

    /// Whether its plan depends on what happened on the same method before.
    pub fn counts(&self) -> bool {
        matches!(self.kind, Kind::Disputed(_)) || (self.kind == Kind::Insufficient && self.number.is_some())
    }

    /// What becomes of a charge on such a method.
    pub fn charge(&self, settings: &Settings, now: Circumstances<'_>) -> ChargePlan {
        if now.expired && self.kind != Kind::Updated {
            return ChargePlan::Decline("expired_card");
        }
        let number = |otherwise| self.number.unwrap_or(otherwise);
        match self.kind {
            Kind::Insufficient if now.attempts < self.number.map_or(u32::MAX, u32::from) => ChargePlan::Decline("insufficient_funds"),
            Kind::Stolen => ChargePlan::Decline("stolen_card"),
            Kind::Expired => ChargePlan::Decline("expired_card"),
            Kind::Decline(code) => ChargePlan::Decline(code),
            Kind::Timeout => ChargePlan::Capture { answer: Answer::NoReply, disputed_after: None },
            Kind::Lost if now.lost < u32::from(number(1)) => ChargePlan::Lose,
            Kind::ServerError => ChargePlan::Fail,
            Kind::ServerErrorMoved => ChargePlan::Capture { answer: Answer::ServerError, disputed_after: None },
            Kind::Pending => ChargePlan::Pend { days: number(3).into(), captured: true },
            Kind::PendingDeclined => ChargePlan::Pend { days: number(3).into(), captured: false },
            Kind::Disputed(ending) if now.captures == 0 => {
                ChargePlan::Capture { answer: Answer::Told, disputed_after: Some((number(10).into(), ending)) }
            }
            Kind::Mix => mixed_charge(settings, now),
            Kind::Ok
            | Kind::Updated
            | Kind::Insufficient
            | Kind::Lost
            | Kind::Disputed(_)
            | Kind::RefundFails
            | Kind::RefundFailsLater
            | Kind::RefundPending
            | Kind::RefundPendingFails
            | Kind::RefundTimeout
            | Kind::RefundLost
            | Kind::RefundServerError => CAPTURE,
        }
    }

    /// What becomes of a refund that is within its limits, on a charge with such a method.
    pub fn refund(&self, settings: &Settings, key: &str, lost: u32) -> RefundPlan {
        let number = |otherwise| self.number.unwrap_or(otherwise);
        match self.kind {
            Kind::RefundFails => RefundPlan::Refuse(CLOSED_CARD),
            Kind::RefundFailsLater => RefundPlan::Pay { answer: Answer::Told, back_after: Some(number(3).into()) },
            Kind::RefundPending => RefundPlan::Pend { days: number(1).into(), paid: true },
            Kind::RefundPendingFails => RefundPlan::Pend { days: number(1).into(), paid: false },
            Kind::RefundTimeout => RefundPlan::Pay { answer: Answer::NoReply, back_after: None },
            Kind::RefundLost if lost < u32::from(number(1)) => RefundPlan::Lose,
            Kind::RefundServerError => RefundPlan::Fail,
            Kind::Mix => mixed_refund(settings, key, lost),
            _ => PAY,
        }
    }
}

/// The number behind a name: `_12`, and then nothing, `_` or `-`.
fn number(behind: &str) -> Option<u16> {
    let rest = behind.strip_prefix('_')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, after) = rest.split_at(digits);
    let is_number = !number.is_empty() && (after.is_empty() || after.starts_with(['_', '-']));
    is_number.then(|| number.parse().unwrap_or(u16::MAX))
}

fn mixed_charge(settings: &Settings, now: Circumstances<'_>) -> ChargePlan {
    let mix = &settings.mix;
    let mut roll = Roll(settings.permille("charge", now.key));
    if roll.is_within(mix.soft_declines) {
        return ChargePlan::Decline(settings.pick("soft", now.key, &SOFT_CODES));
    }
    if roll.is_within(mix.hard_declines) {
        return ChargePlan::Decline(settings.pick("hard", now.key, &HARD_CODES));
    }
    if roll.is_within(mix.server_errors) {
        return ChargePlan::Fail;
    }
    let answer = if roll.is_within(mix.lost_replies) { Answer::NoReply } else { Answer::Told };
    if roll.is_within(mix.lost_requests) && now.lost == 0 {
        return ChargePlan::Lose;
    }
    let mut roll = Roll(settings.permille("dispute", now.key));
    let days = i64::from(5 + settings.permille("dispute days", now.key) % 40);
    let ending =
        if roll.is_within(mix.disputes_won) { Some(Ending::Won) } else { roll.is_within(mix.disputes_lost).then_some(Ending::Lost) };
    ChargePlan::Capture { answer, disputed_after: ending.map(|ending| (days, ending)) }
}

fn mixed_refund(settings: &Settings, key: &str, lost: u32) -> RefundPlan {
    let mix = &settings.mix;
    let mut roll = Roll(settings.permille("refund", key));
    if roll.is_within(mix.refunds_failing) {
        return RefundPlan::Refuse(CLOSED_CARD);
    }
    if roll.is_within(mix.refunds_failing_later) {
        return RefundPlan::Pay { answer: Answer::Told, back_after: Some(3) };
    }
    if roll.is_within(mix.server_errors) {
        return RefundPlan::Fail;
    }
    if roll.is_within(mix.lost_replies) {
        return RefundPlan::Pay { answer: Answer::NoReply, back_after: None };
    }
    if roll.is_within(mix.lost_requests) && lost == 0 { RefundPlan::Lose } else { PAY }
}

/// A number from 0 to 999 that is held against one rate after the other.
struct Roll(u16);

impl Roll {
    /// Whether it lies within the next `rate` numbers. Once it has, it lies beyond all further rates.
    fn is_within(&mut self, rate: u16) -> bool {
        let is_within = self.0 < rate;
        self.0 = if is_within { u16::MAX } else { self.0 - rate };
        is_within
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{Decline, DeclineClass};

    #[track_caller]
    fn check(token: &str, text: &str, number: Option<u16>) {
        let story = Story::of(token);
        assert_eq!((story.text().as_str(), story.number), (text, number), "{token}");
        // What the provider keeps of a token tells the same story.
        assert_eq!(Story::of(text), story, "{token}");
    }

    #[test]
    fn tokens_are_told_apart() {
        check("tok_ok", "tok_ok", None);
        check("tok_ok-17", "tok_ok", None);
        check("tok_ok_17", "tok_ok_17", Some(17));
        check("tok_insufficient_3-anna", "tok_insufficient_3", Some(3));
        check("tok_insufficient_3_anna", "tok_insufficient_3", Some(3));
        check("tok_insufficient_3a", "tok_insufficient", None);
        check("tok_insufficient_", "tok_insufficient", None);
        check("tok_insufficient_99999999", "tok_insufficient_65535", Some(u16::MAX));
        check("tok_refund_fails_later_5", "tok_refund_fails_later_5", Some(5));
        check("tok_refund_fails-later", "tok_refund_fails", None);
        check("tok_disputed_won_10", "tok_disputed_won_10", Some(10));
        check("tok_500_moved_x", "tok_500_moved", None);
        check("tok_decline_do_not_honor-1", "tok_decline_do_not_honor", None);
        check("tok_decline_invented", "tok_ok", None);
        check("tok_1", "tok_ok", None);
        check("pm_card_visa", "tok_ok", None);
        check("", "tok_ok", None);
    }

    #[test]
    fn every_kind_of_token_is_found_by_its_name() {
        for known in TOKENS.iter().filter(|known| known.name != DECLINE) {
            for token in [format!("tok_{}", known.name), format!("tok_{}_4-x", known.name)] {
                let story = Story::of(&token);
                assert_eq!((story.name, story.kind), (known.name, known.kind), "{token}");
                assert_eq!(Story::of(&story.text()), story, "{token}");
            }
        }
    }

    #[test]
    fn the_codes_of_the_mix_are_of_their_class() {
        assert!(SOFT_CODES.iter().all(|code| Decline::of(code).class == DeclineClass::Soft));
        assert!(HARD_CODES.iter().all(|code| Decline::of(code).class == DeclineClass::Hard));
        assert!(Decline::of(CLOSED_CARD).listed);
    }

    #[test]
    fn a_roll_is_within_one_rate_at_most() {
        for number in 0..1_000 {
            let mut roll = Roll(number);
            let hits = [100, 200, 0, 700].map(|rate| roll.is_within(rate));
            assert_eq!(hits.iter().filter(|hit| **hit).count(), 1, "{number}");
            assert_eq!(hits, [number < 100, (100..300).contains(&number), false, number >= 300], "{number}");
        }
    }
}
