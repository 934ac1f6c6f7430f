//! Where the SMTP server is and how to log in there, from one address.
//!
//! `smtp://user:password@host:port` or `smtps://…`, with options behind a question mark:
//! `tls=required|opportunistic|none` (`smtp://` only), `hello=<name>` (what we call ourselves), `ca=<file>` (a PEM
//! file with the one authority to trust besides the public ones). `smtps://` is encrypted from the start. For
//! `smtp://` the default is `required` if a login would otherwise travel in the clear, and `opportunistic` if there
//! is none or the server is this machine. User and password are percent-encoded. The password may be left out and
//! given apart.

use std::fmt;
use std::path::PathBuf;

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    /// From the start (`smtps://`).
    FromTheStart,
    /// By STARTTLS, or not at all.
    Required,
    /// By STARTTLS if the server offers it.
    Opportunistic,
    /// Never.
    None,
}

/// A user and a password. Its `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(hidden)")
    }
}

/// Where the server is and how to talk to it. Its `Debug` hides the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpServer {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) encryption: Encryption,
    pub(super) login: Option<Login>,
    pub(super) hello: Option<String>,
    pub(super) authority: Option<PathBuf>,
}

/// Why an address of an SMTP server is not understood. Never repeats the address, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SmtpUrlError {
    /// Neither `smtp://` nor `smtps://`.
    #[error("an SMTP address starts with smtp:// or smtps://")]
    Scheme,
    /// No host, or one with characters that no host has.
    #[error("an SMTP address names a host: smtp://host:port")]
    Host,
    /// Not a port from 1 to 65535.
    #[error("the port of an SMTP address is a number from 1 to 65535")]
    Port,
    /// A `%` that isn't followed by two hexadecimal digits, or bytes that are no UTF-8.
    #[error("user and password of an SMTP address are percent-encoded UTF-8")]
    PercentEncoding,
    /// A user and no password, or a password and no user.
    #[error("an SMTP login needs both a user (in the address) and a password (in the address or given apart)")]
    HalfALogin,
    /// A path, or an option that doesn't exist or has no such value.
    #[error("an SMTP address takes the options tls=required|opportunistic|none (smtp:// only), hello=<name> and ca=<file>, and no path")]
    Option,
}

/// Port of `smtps://` (RFC 8314).
const PORT_ENCRYPTED: u16 = 465;
/// Port of `smtp://` where we log in (RFC 6409).
const PORT_SUBMISSION: u16 = 587;
/// Port of `smtp://` where we don't.
const PORT_RELAY: u16 = 25;

impl SmtpServer {
    /// Reads an address; see the module for its form. `password` is used if the address names a user only.
    ///
    /// # Errors
    /// [`SmtpUrlError`], which repeats nothing of the address.
    pub fn parse(url: &str, password: Option<&str>) -> Result<Self, SmtpUrlError> {
        let (encrypted, rest) = match (url.strip_prefix("smtp://"), url.strip_prefix("smtps://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err(SmtpUrlError::Scheme),
        };
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        let place = place.strip_suffix('/').unwrap_or(place);
        // A raw "@" in a password is a common slip: the last one is the separator.
        let (user_info, host_port) = place.rsplit_once('@').map_or((None, place), |(user, host)| (Some(user), host));
        let login = login(user_info, password)?;
        let (host, port) = host_and_port(host_port)?;
        let default_port = match (encrypted, &login) {
            (true, _) => PORT_ENCRYPTED,
            (false, Some(_)) => PORT_SUBMISSION,
            (false, None) => PORT_RELAY,
        };
        let this_machine = matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1");
        let encryption = match (encrypted, &login) {
            (true, _) => Encryption::FromTheStart,
            (false, Some(_)) if !this_machine => Encryption::Required,
            (false, _) => Encryption::Opportunistic,
        };
        let mut server = Self { host, port: port.unwrap_or(default_port), encryption, login, hello: None, authority: None };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            server.set_option(option)?;
        }
        Ok(server)
    }

    fn set_option(&mut self, option: &str) -> Result<(), SmtpUrlError> {
        let (name, value) = option.split_once('=').ok_or(SmtpUrlError::Option)?;
        let value = percent_decoded(value)?;
        match (name, value.as_str()) {
            ("tls", _) if self.encryption == Encryption::FromTheStart => return Err(SmtpUrlError::Option),
            ("tls", "required") => self.encryption = Encryption::Required,
            ("tls", "opportunistic") => self.encryption = Encryption::Opportunistic,
            ("tls", "none") => self.encryption = Encryption::None,
            ("hello", hello) if is_host(hello) => self.hello = Some(hello.to_owned()),
            ("ca", file) if !file.is_empty() => self.authority = Some(PathBuf::from(file)),
            _ => return Err(SmtpUrlError::Option),
        }
        Ok(())
    }
}

fn login(user_info: Option<&str>, password_apart: Option<&str>) -> Result<Option<Login>, SmtpUrlError> {
    let Some(user_info) = user_info else {
        return Ok(None);
    };
    let (user, password) = match user_info.split_once(':') {
        Some((user, password)) => (user, Some(percent_decoded(password)?)),
        None => (user_info, password_apart.map(str::to_owned)),
    };
    let user = percent_decoded(user)?;
    match password {
        Some(password) if !user.is_empty() && !password.is_empty() => Ok(Some(Login { user, password })),
        _ => Err(SmtpUrlError::HalfALogin),
    }
}

fn host_and_port(text: &str) -> Result<(String, Option<u16>), SmtpUrlError> {
    if text.contains('/') {
        return Err(SmtpUrlError::Option);
    }
    // An IPv6 address stands in brackets, since it has colons itself.
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or(SmtpUrlError::Host)?)),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    if !is_address && !is_host(host) {
        return Err(SmtpUrlError::Host);
    }
    let port = match port {
        None => None,
        Some(digits) => Some(digits.parse::<u16>().ok().filter(|port| *port > 0).ok_or(SmtpUrlError::Port)?),
    };
    Ok((host.to_owned(), port))
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

fn percent_decoded(text: &str) -> Result<String, SmtpUrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).ok_or(SmtpUrlError::PercentEncoding);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| SmtpUrlError::PercentEncoding)?);
    }
    String::from_utf8(bytes).map_err(|_| SmtpUrlError::PercentEncoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> SmtpServer {
        SmtpServer::parse(url, None).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[track_caller]
    fn check(url: &str, host: &str, port: u16, encryption: Encryption, login: Option<(&str, &str)>) {
        let server = parsed(url);
        let found = server.login.as_ref().map(|login| (login.user.as_str(), login.password.as_str()));
        assert_eq!((server.host.as_str(), server.port, server.encryption, found), (host, port, encryption, login));
    }

    #[test]
    fn addresses() {
        check("smtp://mail.example.com", "mail.example.com", 25, Encryption::Opportunistic, None);
        check("smtp://mail.example.com:2525/", "mail.example.com", 2525, Encryption::Opportunistic, None);
        check("smtps://mail.example.com", "mail.example.com", 465, Encryption::FromTheStart, None);
        check("smtp://u:p@mail.example.com", "mail.example.com", 587, Encryption::Required, Some(("u", "p")));
        check("smtp://u:p@127.0.0.1:25", "127.0.0.1", 25, Encryption::Opportunistic, Some(("u", "p")));
        check("smtp://u:p@[::1]:25", "::1", 25, Encryption::Opportunistic, Some(("u", "p")));
        check("smtp://[2001:db8::1]", "2001:db8::1", 25, Encryption::Opportunistic, None);
        check("smtps://a%40b.c:p%3A%2F%c3%a9@h:1", "h", 1, Encryption::FromTheStart, Some(("a@b.c", "p:/é")));
        check("smtp://u:p@ss@h", "h", 587, Encryption::Required, Some(("u", "p@ss")));
        check("smtp://u:p@h?tls=none", "h", 587, Encryption::None, Some(("u", "p")));
        check("smtp://h?tls=required", "h", 25, Encryption::Required, None);
        check("smtp://u:p@h?tls=opportunistic", "h", 587, Encryption::Opportunistic, Some(("u", "p")));
        let server = parsed("smtp://h?hello=billing.example.com&ca=%2Fetc%2Fca.pem");
        assert_eq!((server.hello.as_deref(), server.authority), (Some("billing.example.com"), Some(PathBuf::from("/etc/ca.pem"))));
    }

    #[test]
    fn a_password_may_be_given_apart() {
        let server = SmtpServer::parse("smtps://u@h", Some("s3cret")).expect("an address");
        assert_eq!(server.login, Some(Login { user: "u".to_owned(), password: "s3cret".to_owned() }));
        let both = SmtpServer::parse("smtps://u:inside@h", Some("apart")).expect("an address");
        assert_eq!(both.login.map(|login| login.password), Some("inside".to_owned()));
        let unused = SmtpServer::parse("smtps://h", Some("apart")).expect("an address");
        assert_eq!(unused.login, None);
    }

    #[test]
    fn what_is_no_address() {
        for (url, error) in [
            ("", SmtpUrlError::Scheme),
            ("http://h", SmtpUrlError::Scheme),
            ("SMTP//h", SmtpUrlError::Scheme),
            ("smtp://", SmtpUrlError::Host),
            ("smtp://h h", SmtpUrlError::Host),
            ("smtp://h\r\nx", SmtpUrlError::Host),
            ("smtp://[::1", SmtpUrlError::Host),
            ("smtp://[::1]x", SmtpUrlError::Host),
            ("smtp://h:", SmtpUrlError::Port),
            ("smtp://h:0", SmtpUrlError::Port),
            ("smtp://h:65536", SmtpUrlError::Port),
            ("smtp://h:1:2", SmtpUrlError::Port),
            ("smtp://u@h", SmtpUrlError::HalfALogin),
            ("smtp://:p@h", SmtpUrlError::HalfALogin),
            ("smtp://u:@h", SmtpUrlError::HalfALogin),
            ("smtp://u:%zz@h", SmtpUrlError::PercentEncoding),
            ("smtp://u:%f@h", SmtpUrlError::PercentEncoding),
            ("smtp://u:%ff@h", SmtpUrlError::PercentEncoding),
            ("smtp://h/path", SmtpUrlError::Option),
            ("smtp://h?tls=maybe", SmtpUrlError::Option),
            ("smtps://h?tls=none", SmtpUrlError::Option),
            ("smtp://h?hello=a b", SmtpUrlError::Option),
            ("smtp://h?colour=red", SmtpUrlError::Option),
            ("smtp://h?ca=", SmtpUrlError::Option),
        ] {
            assert_eq!(SmtpServer::parse(url, None), Err(error), "{url:?}");
        }
    }

    #[test]
    fn a_password_shows_nowhere() {
        let shown = format!("{:?}", parsed("smtps://canary-user:canary-pass@mail.example.com"));
        assert!(shown.contains("mail.example.com") && !shown.contains("canary"), "{shown}");
        let refused = SmtpServer::parse("smtp://canary-user:canary-pass@h h", None).expect_err("no host");
        assert!(!format!("{refused} {refused:?}").contains("canary"));
    }
}
