//! From the words of a mail to the message that is delivered.
//!
//! A message is a function of the notice, the recipient and the instant given: composing it again, after a crash for
//! instance, gives the same bytes. So the `Message-ID` is derived from the notice's id, by which a receiver
//! recognises a second copy (I10), and the MIME boundary from the content.

use std::fmt;
use std::time::SystemTime;

use chrono::{DateTime, Datelike, Utc};
use lettre::address::{Address, Envelope};
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use sha2::{Digest, Sha256};

use super::error::{MailError, NOTICE_ID_BYTES_MAX};
use super::facts::single_line;
use super::render::{Recipient, RenderedMail, Renderer};
use crate::domain::notice::{NoticeData, NoticeKind};

/// Longest name in a `To` header, in characters. Longer ones are cut.
const NAME_CHARS_MAX: usize = 100;

/// Who the mail is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    mailbox: Mailbox,
}

impl Sender {
    /// Parses `Kasa Care <billing@example.com>` or a bare address.
    ///
    /// # Errors
    /// [`MailError::SenderAddress`] if it is not a mailbox, or its address is not ASCII (it is part of every Message-ID).
    pub fn parse(text: &str) -> Result<Self, MailError> {
        let mailbox: Mailbox = text.parse().map_err(|_| MailError::SenderAddress)?;
        let address: &str = mailbox.email.as_ref();
        let plain = address.is_ascii() && !address.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"'));
        if plain { Ok(Self { mailbox }) } else { Err(MailError::SenderAddress) }
    }
}

/// A notice as it is stored, on its way out.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingNotice<'a> {
    /// Its id: unique over all accounts, 1 to [`NOTICE_ID_BYTES_MAX`] of `A-Z a-z 0-9 - _ ~ .`, single dots inside.
    pub id: &'a str,
    /// What is told.
    pub kind: NoticeKind,
    /// The facts of it.
    pub data: &'a NoticeData,
    /// The instant that the message is dated with.
    pub dated_at: DateTime<Utc>,
}

/// A complete message for one recipient. Its `Debug` shows no personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingMail {
    notice_id: String,
    kind: NoticeKind,
    message_id: String,
    rendered: RenderedMail,
    envelope: Envelope,
    message: String,
}

impl OutgoingMail {
    /// The id of the notice that the mail tells.
    #[must_use]
    pub fn notice_id(&self) -> &str {
        &self.notice_id
    }

    /// What the mail is about.
    #[must_use]
    pub const fn kind(&self) -> NoticeKind {
        self.kind
    }

    /// The `Message-ID`, with its angle brackets. The same for every copy of this notice.
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// The words of the mail. Personal data.
    #[must_use]
    pub const fn rendered(&self) -> &RenderedMail {
        &self.rendered
    }

    /// The address that the mail goes to. Personal data.
    #[must_use]
    pub fn recipient(&self) -> &str {
        self.envelope.to().first().map_or("", |address| address.as_ref())
    }

    /// The message in its transfer form (RFC 5322), lines ending in CRLF. Personal data.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        self.message.as_bytes()
    }

    pub(super) fn message_text(&self) -> &str {
        &self.message
    }

    pub(super) const fn envelope(&self) -> &Envelope {
        &self.envelope
    }
}

impl fmt::Debug for OutgoingMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingMail")
            .field("notice_id", &self.notice_id)
            .field("kind", &self.kind)
            .field("message_bytes", &self.message.len())
            .finish_non_exhaustive()
    }
}

/// Turns stored notices into messages: the templates and the sender.
#[derive(Debug)]
pub struct Mailroom {
    renderer: Renderer,
    sender: Sender,
}

impl Mailroom {
    /// A mailroom that renders with `renderer` and sends as `sender`.
    #[must_use]
    pub const fn new(renderer: Renderer, sender: Sender) -> Self {
        Self { renderer, sender }
    }

    /// The message that tells `recipient` what `notice` says. The same arguments give the same bytes.
    ///
    /// # Errors
    /// Every [`MailError`] is final: the same notice to the same recipient fails again.
    pub fn prepare(&self, notice: &OutgoingNotice<'_>, recipient: &Recipient) -> Result<OutgoingMail, MailError> {
        let rendered = self.renderer.render(notice.kind, notice.data, recipient)?;
        compose(&self.sender, notice, recipient, rendered)
    }
}

fn compose(sender: &Sender, notice: &OutgoingNotice<'_>, recipient: &Recipient, rendered: RenderedMail) -> Result<OutgoingMail, MailError> {
    let id = checked_id(notice.id)?;
    let message_id = format!("<{id}.notice@{}>", sender.mailbox.email.domain());
    let build = |error: lettre::error::Error| MailError::Build { problem: error.to_string() };
    let message = lettre::Message::builder()
        .message_id(Some(message_id.clone()))
        .date(header_date(notice.dated_at)?)
        .from(sender.mailbox.clone())
        .to(recipient_mailbox(recipient)?)
        .subject(rendered.subject.clone())
        // RFC 3834: no vacation responder answers this.
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
        .multipart(bodies(&rendered))
        .map_err(build)?;
    Ok(OutgoingMail {
        notice_id: id.to_owned(),
        kind: notice.kind,
        message_id,
        envelope: message.envelope().clone(),
        message: String::from_utf8(message.formatted()).map_err(|_| MailError::Build { problem: "not UTF-8".to_owned() })?,
        rendered,
    })
}

/// A notice id that can stand in a Message-ID and in a file name, on any file system.
fn checked_id(id: &str) -> Result<&str, MailError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let dots = id.starts_with('.') || id.ends_with('.') || id.contains("..");
    let fits = (1..=NOTICE_ID_BYTES_MAX).contains(&id.len()) && !dots;
    if fits && id.bytes().all(allowed) { Ok(id) } else { Err(MailError::NoticeId) }
}

fn header_date(at: DateTime<Utc>) -> Result<SystemTime, MailError> {
    let year = at.year();
    if (1970..=9999).contains(&year) { Ok(SystemTime::from(at)) } else { Err(MailError::Date { year }) }
}

fn recipient_mailbox(recipient: &Recipient) -> Result<Mailbox, MailError> {
    let address: Address = recipient.email.parse().map_err(|_| MailError::RecipientAddress)?;
    if recipient.email.contains(|character: char| character.is_control() || character.is_whitespace()) {
        return Err(MailError::RecipientAddress);
    }
    let name: String = single_line(recipient.name.as_deref().unwrap_or_default()).chars().take(NAME_CHARS_MAX).collect();
    Ok(Mailbox::new(Some(name).filter(|name| !name.is_empty()), address))
}

/// Text first, HTML last: a reader shows the last form that it can (RFC 2046).
fn bodies(rendered: &RenderedMail) -> MultiPart {
    let part = |content_type, body: &str| {
        // Not base64, whatever is shorter: a person may read the message as a file.
        SinglePart::builder().header(content_type).header(ContentTransferEncoding::QuotedPrintable).body(body.to_owned())
    };
    MultiPart::alternative()
        .boundary(boundary(rendered))
        .singlepart(part(ContentType::TEXT_PLAIN, &rendered.text))
        .singlepart(part(ContentType::TEXT_HTML, &rendered.html))
}

/// A boundary that no content can contain, since it is a digest of that content.
fn boundary(rendered: &RenderedMail) -> String {
    let mut digest = Sha256::new();
    digest.update(rendered.text.as_bytes());
    digest.update([0]);
    digest.update(rendered.html.as_bytes());
    // 128 bits are enough, and keep the header line short.
    format!("part-{:.32}", format!("{:x}", digest.finalize()))
}
