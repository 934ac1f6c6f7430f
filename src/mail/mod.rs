//! Mail to customers: from a stored notice to a delivered message.
//!
//! The engine records *that* a customer is to be told something, as a [`NoticeKind`] and the facts
//! of it, a [`NoticeData`]. Names and addresses are looked up only when the mail is sent.

mod body;
mod error;
mod facts;
mod format;
mod message;
mod render;
mod templates;

pub use crate::domain::notice::{CorrectionOutcome, NoticeData, NoticeDataError, NoticeKind, UnknownNoticeKind};
pub use error::{MailError, NOTICE_ID_BYTES_MAX};
pub use message::{Mailroom, OutgoingMail, OutgoingNotice, Sender};
pub use render::{Letterhead, Recipient, RenderedMail, Renderer};

#[cfg(test)]
mod tests;
