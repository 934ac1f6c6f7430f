//! Mail to customers: from a stored notice to a delivered message.
//!
//! The engine records *that* a customer is to be told something, as a [`NoticeKind`] and the facts
//! of it, a [`NoticeData`]. Names and addresses are looked up only when the mail is sent.

mod body;
mod error;
mod facts;
mod faulty;
mod format;
mod message;
mod outbox;
mod outcome;
mod render;
mod smtp;
mod smtp_reply;
mod smtp_url;
mod templates;

pub use crate::domain::notice::{CorrectionOutcome, NoticeData, NoticeDataError, NoticeKind, PaidFor, PaidPart, UnknownNoticeKind};
pub use error::{MailError, NOTICE_ID_BYTES_MAX};
pub use faulty::{FaultyMailer, MailFault};
pub use message::{Mailroom, OutgoingMail, OutgoingNotice, Sender};
pub use outbox::{FolderMailer, Mailer, MemoryMailer};
pub use outcome::{DeliveryFailure, DeliveryFault, DeliveryOutcome, DeliveryStep};
pub use render::{Letterhead, Recipient, RenderedMail, Renderer};
pub use smtp::{SMTP_CONTENT_TIMEOUT, SMTP_DELIVERY_TIMEOUT_MAX, SMTP_STEP_TIMEOUT, SmtpMailer, SmtpSetupError};
pub use smtp_url::{SmtpServer, SmtpUrlError};

#[cfg(test)]
mod tests;
