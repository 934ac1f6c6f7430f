//! Why a notice cannot become a message. Nothing here repeats a name, an address or a fact of the notice.

use crate::domain::notice::NoticeKind;

/// A notice that cannot be turned into a message. All of these are for an operator to look at: sending again does not
/// help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The notice lacks a fact that its mail has to state.
    #[error("a {kind} notice needs the fact `{fact}`, which is absent or blank", kind = .kind.tag())]
    MissingFact {
        /// The kind of the notice.
        kind: NoticeKind,
        /// The template's name of the fact.
        fact: String,
    },
    /// An amount is given without a currency.
    #[error("the fact `{fact}` is an amount, but the notice names no currency")]
    MissingCurrency {
        /// The template's name of the amount.
        fact: &'static str,
    },
    /// A period has no last day, because its end is not after its start.
    #[error("the fact `{fact}` describes a period without a single day")]
    EmptyPeriod {
        /// The template's name of the date.
        fact: &'static str,
    },
    /// A template is itself wrong. The tests render every one, so this is a mistake in the program.
    #[error("mail template {template} is wrong near line {line}: {problem}")]
    Template {
        /// Name of the template.
        template: String,
        /// Line in it, from 1; 0 if unknown.
        line: usize,
        /// The template engine's word for the kind of mistake.
        problem: String,
    },
    /// A notice id that cannot be part of a Message-ID and a file name.
    #[error("a notice id must be 1 to {NOTICE_ID_BYTES_MAX} of the characters A-Z a-z 0-9 - _ ~ and single dots inside")]
    NoticeId,
    /// The address of the recipient is not one that mail can be sent to.
    #[error("the recipient's address is not a valid e-mail address")]
    RecipientAddress,
    /// The address that the mail comes from is not usable.
    #[error("the sender must be an ASCII mailbox such as `Kasa Care <billing@example.com>`")]
    SenderAddress,
    /// The date is outside what a mail header can say.
    #[error("a message can be dated from 1970 to 9999, not {year}")]
    Date {
        /// The year that was asked for (UTC).
        year: i32,
    },
    /// The message could not be put together from valid parts.
    #[error("the message could not be built: {problem}")]
    Build {
        /// The mail library's description; it names a header, not its content.
        problem: String,
    },
}

/// Longest notice id that can be mailed, in bytes: file names and Message-IDs have limits.
pub const NOTICE_ID_BYTES_MAX: usize = 128;
