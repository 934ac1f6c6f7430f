//! What became of a delivery. As with a payment (PV-2), not knowing is a result of its own.

use std::fmt;
use std::io;

/// The result of handing one message over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The message was taken. This is the proof of sending that PR-2 asks for.
    Delivered {
        /// Where to look for it: the file's name, or the Message-ID in the server's log. No personal data.
        reference: String,
    },
    /// The server said no, so the message was certainly not taken.
    Refused {
        /// True if it says no to this recipient or message for good. False if the same message may be taken later,
        /// also if the server refuses *us* (login, relaying), which says nothing about the recipient.
        permanent: bool,
        /// Where and how.
        reason: DeliveryFailure,
    },
    /// No server said anything, and the message was certainly not taken: try later.
    Temporary {
        /// Where and how.
        reason: DeliveryFailure,
    },
    /// The message was handed over and no answer came. It may have been taken. Sent again, it has the same Message-ID.
    Unknown {
        /// Where and how.
        reason: DeliveryFailure,
    },
}

impl DeliveryOutcome {
    /// True if the message was taken.
    #[must_use]
    pub const fn is_delivered(&self) -> bool {
        matches!(self, Self::Delivered { .. })
    }

    /// True if sending the same message again later makes sense.
    #[must_use]
    pub const fn may_be_retried(&self) -> bool {
        match self {
            Self::Delivered { .. } => false,
            Self::Refused { permanent, .. } => !*permanent,
            Self::Temporary { .. } | Self::Unknown { .. } => true,
        }
    }

    /// Why it was not delivered, if it was not.
    #[must_use]
    pub const fn failure(&self) -> Option<&DeliveryFailure> {
        match self {
            Self::Delivered { .. } => None,
            Self::Refused { reason, .. } | Self::Temporary { reason } | Self::Unknown { reason } => Some(reason),
        }
    }
}

/// Where a delivery ended and why. Holds nothing that a server wrote in its own words, since servers repeat addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryFailure {
    /// The step at which it ended.
    pub step: DeliveryStep,
    /// What happened there.
    pub cause: DeliveryFault,
}

impl DeliveryFailure {
    /// The code of the server's reply, if there was one: 550, 451, …
    #[must_use]
    pub const fn code(&self) -> Option<u16> {
        match self.cause {
            DeliveryFault::Reply { code, .. } => Some(code),
            _ => None,
        }
    }
}

impl fmt::Display for DeliveryFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.cause)
    }
}

/// The steps of a delivery, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryStep {
    /// Writing the message file.
    File,
    /// Reaching the server, up to its greeting.
    Connect,
    /// Encrypting the connection.
    Encrypt,
    /// Logging in.
    Login,
    /// Naming the sender.
    Sender,
    /// Naming the recipient.
    Recipient,
    /// Announcing the message.
    Announce,
    /// Handing the message over.
    Content,
}

impl fmt::Display for DeliveryStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "message file",
            Self::Connect => "connect",
            Self::Encrypt => "STARTTLS",
            Self::Login => "AUTH",
            Self::Sender => "MAIL FROM",
            Self::Recipient => "RCPT TO",
            Self::Announce => "DATA",
            Self::Content => "message content",
        })
    }
}

/// What happened at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryFault {
    /// The server answered with a negative code.
    Reply {
        /// The three-digit code (RFC 5321).
        code: u16,
        /// The enhanced code, if the answer has one (RFC 3463): class, subject, detail.
        enhanced: Option<(u8, u16, u16)>,
    },
    /// No answer in time.
    TimedOut,
    /// An operating system error.
    Io(io::ErrorKind),
    /// The server broke off, or answered what is no SMTP.
    BrokenOff,
    /// Encryption failed, or is required and not offered.
    Encryption,
    /// The server offers no way to log in that we know.
    NoLogin,
    /// The address has letters outside ASCII and the server can't take such.
    AddressNotSupported,
    /// The disk work was cut off by the end of the program.
    ShutDown,
    /// A test asked for this failure.
    Injected,
}

impl fmt::Display for DeliveryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply { code, enhanced: None } => write!(f, "answered {code}"),
            Self::Reply { code, enhanced: Some((class, subject, detail)) } => {
                write!(f, "answered {code} {class}.{subject}.{detail}")
            }
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Io(kind) => write!(f, "{kind}"),
            Self::BrokenOff => f.write_str("the server broke off"),
            Self::Encryption => f.write_str("no encrypted connection"),
            Self::NoLogin => f.write_str("no login method in common"),
            Self::AddressNotSupported => f.write_str("the server takes ASCII addresses only"),
            Self::ShutDown => f.write_str("cut off by shutdown"),
            Self::Injected => f.write_str("injected"),
        }
    }
}
