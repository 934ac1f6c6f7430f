//! What an SMTP error means: our words for it, and whether sending again makes sense.

use std::error::Error as _;
use std::io;

use lettre::transport::smtp::Error as SmtpError;

use super::outcome::{DeliveryFailure, DeliveryFault, DeliveryOutcome, DeliveryStep};

/// "Service not available, closing transmission channel" (RFC 5321).
pub(super) const CLOSING: u16 = 421;

/// What went wrong, in our words.
pub(super) fn fault(error: &SmtpError) -> DeliveryFault {
    if let Some(code) = error.status() {
        let words = error.source().map(ToString::to_string).unwrap_or_default();
        return DeliveryFault::Reply { code: u16::from(code), enhanced: enhanced_code(&words) };
    }
    if error.is_timeout() {
        return DeliveryFault::TimedOut;
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        match inner.downcast_ref::<io::Error>().map(io::Error::kind) {
            // This is how a failed handshake comes out.
            Some(io::ErrorKind::InvalidData) => return DeliveryFault::Encryption,
            Some(io::ErrorKind::UnexpectedEof) => return DeliveryFault::BrokenOff,
            Some(kind) => return DeliveryFault::Io(kind),
            None => cause = inner.source(),
        }
    }
    if error.is_tls() { DeliveryFault::Encryption } else { DeliveryFault::BrokenOff }
}

/// The code that a reply's text begins with, if it does: `5.1.1` (RFC 3463). The rest of the text may repeat an
/// address.
fn enhanced_code(words: &str) -> Option<(u8, u16, u16)> {
    let mut parts = words.split_whitespace().next()?.split('.');
    let code = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    parts.next().is_none().then_some(code)
}

/// The outcome of a delivery that ended before the content.
pub(super) fn not_handed_over(failure: DeliveryFailure) -> DeliveryOutcome {
    match failure.cause {
        DeliveryFault::Reply { .. } => refused(failure),
        DeliveryFault::AddressNotSupported => DeliveryOutcome::Refused { permanent: true, reason: failure },
        _ => DeliveryOutcome::Temporary { reason: failure },
    }
}

/// The outcome where the server said no. It is for good only if it is about the recipient or the message: refusing us
/// (no login, no relaying, unknown sender, policy) would otherwise give up the mail of every customer at once (F72).
pub(super) fn refused(reason: DeliveryFailure) -> DeliveryOutcome {
    let permanent = match reason.cause {
        DeliveryFault::Reply { code, enhanced } => {
            let about_policy = enhanced.is_some_and(|(_, subject, _)| subject == 7);
            reason.step >= DeliveryStep::Recipient && (550..=556).contains(&code) && !about_policy
        }
        _ => false,
    };
    DeliveryOutcome::Refused { permanent, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_code_of_a_reply_is_kept() {
        assert_eq!(enhanced_code("5.1.1 <ada@example.com>: no such user"), Some((5, 1, 1)));
        assert_eq!(enhanced_code("4.7.12"), Some((4, 7, 12)));
        for words in ["", "ada@example.com unknown", "5.1", "5.1.1.1 x", "5.1.x", "5..1", "-5.1.1", "999.1.1"] {
            assert_eq!(enhanced_code(words), None, "{words:?}");
        }
    }

    #[track_caller]
    fn check_refusal(step: DeliveryStep, code: u16, enhanced: Option<(u8, u16, u16)>, for_good: bool) {
        let reason = DeliveryFailure { step, cause: DeliveryFault::Reply { code, enhanced } };
        assert_eq!(refused(reason), DeliveryOutcome::Refused { permanent: for_good, reason });
        assert_eq!(refused(reason).may_be_retried(), !for_good);
    }

    #[test]
    fn f72_only_a_no_to_the_recipient_or_the_message_is_for_good() {
        check_refusal(DeliveryStep::Recipient, 550, Some((5, 1, 1)), true);
        check_refusal(DeliveryStep::Recipient, 553, None, true);
        check_refusal(DeliveryStep::Content, 552, Some((5, 3, 4)), true);
        check_refusal(DeliveryStep::Content, 554, None, true);
        check_refusal(DeliveryStep::Recipient, 451, None, false);
        check_refusal(DeliveryStep::Content, 452, Some((4, 3, 1)), false);
        // Refusing us: relaying denied, not logged in, wrong password, sender not allowed, no service.
        check_refusal(DeliveryStep::Recipient, 554, Some((5, 7, 1)), false);
        check_refusal(DeliveryStep::Recipient, 530, None, false);
        check_refusal(DeliveryStep::Login, 535, Some((5, 7, 8)), false);
        check_refusal(DeliveryStep::Sender, 550, Some((5, 1, 8)), false);
        check_refusal(DeliveryStep::Connect, 554, None, false);
    }

    #[test]
    fn a_failure_reads_well() {
        let reply = DeliveryFault::Reply { code: 550, enhanced: Some((5, 1, 1)) };
        let failure = DeliveryFailure { step: DeliveryStep::Recipient, cause: reply };
        assert_eq!((failure.to_string().as_str(), failure.code()), ("RCPT TO: answered 550 5.1.1", Some(550)));
        let refused = DeliveryFailure { step: DeliveryStep::Connect, cause: DeliveryFault::Io(io::ErrorKind::ConnectionRefused) };
        assert_eq!((refused.to_string().as_str(), refused.code()), ("connect: connection refused", None));
    }
}
