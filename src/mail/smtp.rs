//! Delivery to an SMTP server.
//!
//! The conversation is led step by step, over the mail library's connection, rather than by its ready transport, for
//! two reasons. What an error means depends on the step: before the content is handed over the message was certainly
//! not taken, afterwards nobody knows. And each step has its own time limit, where the transport limits the
//! connecting only.
//!
//! Connections are kept and used again. One is taken out of the pool for a delivery and put back only when the server
//! has answered the last thing it was asked, so that a delivery which is cut off never leaves half a message behind
//! for the next.

use std::fmt;
use std::fs;
use std::future::Future;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use tokio::time::timeout;

use super::message::OutgoingMail;
use super::outcome::{DeliveryFailure, DeliveryFault, DeliveryOutcome, DeliveryStep};
use super::smtp_reply::{CLOSING, fault, not_handed_over, refused};
use super::smtp_url::{Encryption, SmtpServer};

/// Longest wait for the answer to one command, connecting included.
pub const SMTP_STEP_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait for the answer to the content: the server may be looking at the message.
pub const SMTP_CONTENT_TIMEOUT: Duration = Duration::from_mins(1);
/// Steps of the longest delivery: a lost kept connection, connecting and two greetings, encrypting and a third
/// greeting, login, sender, recipient, announcement, reset.
const STEPS_MAX: u64 = 11;
/// No delivery takes longer, so that a lease can be longer than this (F10).
pub const SMTP_DELIVERY_TIMEOUT_MAX: Duration =
    Duration::from_secs(STEPS_MAX * SMTP_STEP_TIMEOUT.as_secs() + SMTP_CONTENT_TIMEOUT.as_secs());
/// Connections that are kept while nothing is being delivered.
const IDLE_CONNECTIONS_MAX: usize = 8;

/// Why the settings of an SMTP server can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SmtpSetupError {
    /// The file of the authority can't be read.
    #[error("the certificate file of the SMTP server's authority can't be read: {0}")]
    AuthorityFile(#[source] io::Error),
    /// The file of the authority holds no certificate.
    #[error("the certificate file of the SMTP server's authority holds no PEM certificate")]
    AuthorityCertificate,
    /// The TLS library refuses the host name or the certificate.
    #[error("encryption to the SMTP server can't be set up")]
    Encryption,
}

/// An SMTP server and the open connections to it.
pub struct SmtpMailer {
    server: SmtpServer,
    hello: ClientId,
    tls: Option<TlsParameters>,
    idle: Mutex<Vec<AsyncSmtpConnection>>,
    step_timeout: Duration,
    content_timeout: Duration,
}

impl fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpMailer").field("server", &self.server).finish_non_exhaustive()
    }
}

impl SmtpMailer {
    /// Prepares delivery to `server`. Opens no connection yet.
    ///
    /// # Errors
    /// [`SmtpSetupError`] if the server's `ca` file or host name can't be used.
    pub fn new(server: SmtpServer) -> Result<Self, SmtpSetupError> {
        let tls = match server.encryption {
            Encryption::None => None,
            Encryption::FromTheStart | Encryption::Required | Encryption::Opportunistic => Some(tls_parameters(&server)?),
        };
        let hello = server.hello.clone().map_or_else(ClientId::default, ClientId::Domain);
        Ok(Self { server, hello, tls, idle: Mutex::default(), step_timeout: SMTP_STEP_TIMEOUT, content_timeout: SMTP_CONTENT_TIMEOUT })
    }

    /// The same with other time limits, for servers that are known to be near, and for tests.
    #[must_use]
    pub const fn with_timeouts(mut self, step: Duration, content: Duration) -> Self {
        self.step_timeout = step;
        self.content_timeout = content;
        self
    }

    /// Says goodbye on the connections that are kept.
    pub async fn close(&self) {
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for mut connection in idle {
            // A goodbye that isn't heard changes nothing.
            let _ = timeout(self.step_timeout, connection.abort()).await;
        }
    }

    pub(super) async fn deliver(&self, mail: &OutgoingMail) -> DeliveryOutcome {
        let mut connection = match self.announced(mail).await {
            Ok(connection) => connection,
            Err(failure) => return not_handed_over(failure),
        };
        let content = connection.command(Content(mail.message_text()));
        match within(DeliveryStep::Content, self.content_timeout, content).await {
            Ok(_reply) => {
                self.keep(connection);
                DeliveryOutcome::Delivered { reference: mail.message_id().to_owned() }
            }
            Err(reason) if reason.code().is_some() => {
                self.keep_after_refusal(connection, reason).await;
                refused(reason)
            }
            Err(reason) => DeliveryOutcome::Unknown { reason },
        }
    }

    /// A connection on which the server waits for the content of `mail`.
    async fn announced(&self, mail: &OutgoingMail) -> Result<AsyncSmtpConnection, DeliveryFailure> {
        if let Some(connection) = self.take_idle() {
            match self.announce(connection, mail).await {
                // The server closed the kept connection meanwhile, as it may. The others are as old: they go as well.
                Err(lost) if lost.step == DeliveryStep::Sender && matches!(lost.code(), None | Some(CLOSING)) => {
                    self.forget_idle();
                }
                other => return other,
            }
        }
        let connection = self.connect().await?;
        self.announce(connection, mail).await
    }

    /// Names sender and recipient and announces the content.
    async fn announce(&self, mut connection: AsyncSmtpConnection, mail: &OutgoingMail) -> Result<AsyncSmtpConnection, DeliveryFailure> {
        let parameters = match mail_parameters(&connection, mail) {
            Ok(parameters) => parameters,
            Err(cause) => {
                self.keep(connection);
                return Err(DeliveryFailure { step: DeliveryStep::Recipient, cause });
            }
        };
        let envelope = mail.envelope();
        let sender = connection.command(Mail::new(envelope.from().cloned(), parameters));
        let mut answered = within(DeliveryStep::Sender, self.step_timeout, sender).await;
        for address in envelope.to() {
            if answered.is_ok() {
                let recipient = connection.command(Rcpt::new(address.clone(), Vec::new()));
                answered = within(DeliveryStep::Recipient, self.step_timeout, recipient).await;
            }
        }
        if answered.is_ok() {
            answered = within(DeliveryStep::Announce, self.step_timeout, connection.command(Data)).await;
        }
        match answered {
            Ok(_reply) => Ok(connection),
            Err(failure) => {
                self.keep_after_refusal(connection, failure).await;
                Err(failure)
            }
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, DeliveryFailure> {
        let place = (self.server.host.as_str(), self.server.port);
        let from_the_start = if self.server.encryption == Encryption::FromTheStart { self.tls.clone() } else { None };
        let opening = AsyncSmtpConnection::connect_tokio1(place, Some(self.step_timeout), &self.hello, from_the_start, None);
        // Connecting, the greeting and the answer to ours.
        let mut connection = within(DeliveryStep::Connect, self.step_timeout * 3, opening).await?;
        self.encrypt(&mut connection).await?;
        if let Some(login) = &self.server.login {
            let credentials = Credentials::new(login.user.clone(), login.password.clone());
            let methods = [Mechanism::Plain, Mechanism::Login];
            if connection.server_info().get_auth_mechanism(&methods).is_none() {
                return Err(DeliveryFailure { step: DeliveryStep::Login, cause: DeliveryFault::NoLogin });
            }
            within(DeliveryStep::Login, self.step_timeout, connection.auth(&methods, &credentials)).await?;
        }
        Ok(connection)
    }

    /// STARTTLS, as far as it is wanted and offered.
    async fn encrypt(&self, connection: &mut AsyncSmtpConnection) -> Result<(), DeliveryFailure> {
        let wanted = match self.server.encryption {
            Encryption::FromTheStart | Encryption::None => false,
            Encryption::Required => true,
            Encryption::Opportunistic => connection.can_starttls(),
        };
        match &self.tls {
            Some(tls) if wanted && connection.can_starttls() => {
                let encrypting = connection.starttls(tls.clone(), &self.hello);
                within(DeliveryStep::Encrypt, self.step_timeout * 2, encrypting).await
            }
            _ if wanted => Err(DeliveryFailure { step: DeliveryStep::Encrypt, cause: DeliveryFault::Encryption }),
            _ => Ok(()),
        }
    }

    /// Keeps a connection after the server said no: the message is dropped there, the connection is as good as before.
    async fn keep_after_refusal(&self, mut connection: AsyncSmtpConnection, failure: DeliveryFailure) {
        let usable = failure.code().is_some_and(|code| code != CLOSING);
        if usable && within(failure.step, self.step_timeout, connection.command(Rset)).await.is_ok() {
            self.keep(connection);
        }
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_CONNECTIONS_MAX && !connection.has_broken() {
            idle.push(connection);
        }
    }

    fn take_idle(&self) -> Option<AsyncSmtpConnection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn forget_idle(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The content as it is handed over: a dot at the start of a line is doubled, and a lone one ends it (RFC 5321).
///
/// The library's own way sends the closing dot as a second small packet, which waits for the receiver's delayed
/// acknowledgement of the first: 40 ms a message.
struct Content<'a>(&'a str);

impl fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0.strip_suffix("\r\n").unwrap_or(self.0).split("\r\n") {
            let doubled = if line.starts_with('.') { "." } else { "" };
            write!(f, "{doubled}{line}\r\n")?;
        }
        f.write_str(".\r\n")
    }
}

fn tls_parameters(server: &SmtpServer) -> Result<TlsParameters, SmtpSetupError> {
    let mut builder = TlsParameters::builder(server.host.clone());
    if let Some(file) = &server.authority {
        let pem = fs::read(file).map_err(SmtpSetupError::AuthorityFile)?;
        // The library takes a file without a single certificate for an empty list.
        if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
            return Err(SmtpSetupError::AuthorityCertificate);
        }
        let authority = Certificate::from_pem(&pem).map_err(|_| SmtpSetupError::AuthorityCertificate)?;
        builder = builder.add_root_certificate(authority);
    }
    builder.build().map_err(|_| SmtpSetupError::Encryption)
}

/// What the message asks of the server: letters outside ASCII can only be in the address.
fn mail_parameters(connection: &AsyncSmtpConnection, mail: &OutgoingMail) -> Result<Vec<MailParameter>, DeliveryFault> {
    if mail.message().is_ascii() && mail.recipient().is_ascii() {
        return Ok(Vec::new());
    }
    let server = connection.server_info();
    if server.supports_feature(Extension::SmtpUtfEight) && server.supports_feature(Extension::EightBitMime) {
        Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)])
    } else {
        Err(DeliveryFault::AddressNotSupported)
    }
}

async fn within<T>(step: DeliveryStep, limit: Duration, answer: impl Future<Output = Result<T, SmtpError>>) -> Result<T, DeliveryFailure> {
    match timeout(limit, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(DeliveryFailure { step, cause: fault(&error) }),
        Err(_elapsed) => Err(DeliveryFailure { step, cause: DeliveryFault::TimedOut }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_at_line_starts_are_doubled_and_a_lone_one_ends_the_content() {
        assert_eq!(Content("a\r\n.b\r\n..\r\n\r\n.\r\n").to_string(), "a\r\n..b\r\n...\r\n\r\n..\r\n.\r\n");
        assert_eq!(Content(".").to_string(), "..\r\n.\r\n");
    }
}
