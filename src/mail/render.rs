//! From a notice to the words of a mail: subject, text and HTML.
//!
//! Each kind has one template, which is written like a mail: a subject line, then paragraphs, and indented lines
//! `Label: value` for facts. It is rendered twice, once as text and once with HTML escaping, so that the two bodies
//! cannot say different things. The undefined behaviour is strict: a fact that is missing is a
//! [`MailError::MissingFact`].

use std::error::Error as _;
use std::fmt;

use chrono_tz::Tz;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, HtmlEscape, UndefinedBehavior, Value, context};

use super::body;
use super::error::MailError;
use super::facts::{Facts, facts};
use super::templates;
use crate::domain::notice::{NoticeData, NoticeKind};

/// To whom a notice goes: looked up when it is sent, never stored with it (PP-2). Its `Debug` shows no personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The name to greet, if the account has one.
    pub name: Option<String>,
    /// The address.
    pub email: String,
    /// The account's billing time zone, in which instants are written.
    pub time_zone: Tz,
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient").field("time_zone", &self.time_zone).finish_non_exhaustive()
    }
}

/// What every mail says about its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letterhead {
    /// The name that the mail is signed with.
    pub product: String,
    /// A sentence that says how a customer cancels (RE-1, SA-d).
    pub how_to_cancel: String,
    /// Where the subscription is managed: an `https` address.
    pub account_url: String,
    /// Where the payment method is changed: an `https` address.
    pub payment_url: String,
    /// Where questions go: an address or a page.
    pub support: String,
}

impl Default for Letterhead {
    /// Examples, under a domain that belongs to nobody.
    fn default() -> Self {
        Self {
            product: "Kasa Care".to_owned(),
            how_to_cancel: "To cancel, open Kasa Care in the Kasa app, choose Manage Subscription, then Cancel Subscription.".to_owned(),
            account_url: "https://kasacare.example/subscription".to_owned(),
            payment_url: "https://kasacare.example/payment-method".to_owned(),
            support: "support@kasacare.example".to_owned(),
        }
    }
}

/// The words of one mail. Its `Debug` shows no personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderedMail {
    /// The subject, one line.
    pub subject: String,
    /// The body as plain text, lines ending in `\n`.
    pub text: String,
    /// The body as an HTML document.
    pub html: String,
}

impl fmt::Debug for RenderedMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RenderedMail").field("text_bytes", &self.text.len()).field("html_bytes", &self.html.len()).finish_non_exhaustive()
    }
}

/// The templates, read once, and the letterhead that they share.
pub struct Renderer {
    environment: Environment<'static>,
    letterhead: Letterhead,
}

impl fmt::Debug for Renderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renderer").field("letterhead", &self.letterhead).finish_non_exhaustive()
    }
}

/// For whom a template is rendered.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Html,
}

impl Form {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Html => "html",
        }
    }

    /// The name under which the template `stem` is known in this form. The suffix decides the escaping.
    fn name_of(self, stem: &str) -> String {
        format!("{stem}.{}", self.suffix())
    }

    /// An address of the letterhead: a link in HTML, itself in text.
    fn link(self, url: &str) -> Value {
        match self {
            Self::Text => Value::from(url),
            Self::Html => {
                let escaped = HtmlEscape(url);
                Value::from_safe_string(format!("<a href=\"{escaped}\">{escaped}</a>"))
            }
        }
    }
}

impl Renderer {
    /// Reads the templates.
    ///
    /// # Errors
    /// [`MailError::Template`] if one is not valid, which a test rules out.
    pub fn new(letterhead: Letterhead) -> Result<Self, MailError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // Tags on a line of their own leave no line behind; what an included part ends with stays.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
        environment.set_syntax(syntax.map_err(|error| broken(&error))?);
        environment.set_auto_escape_callback(|name| match name.rsplit_once('.') {
            Some((_, "txt")) => AutoEscape::None,
            _ => AutoEscape::Html,
        });
        for (name, source) in templates::LAYOUTS {
            environment.add_template(name, source).map_err(|error| broken(&error))?;
        }
        let of_kinds = NoticeKind::ALL.into_iter().map(|kind| (kind.tag(), templates::of_kind(kind)));
        for (stem, source) in templates::PARTS.into_iter().chain(of_kinds) {
            for form in [Form::Text, Form::Html] {
                environment.add_template_owned(form.name_of(stem), source).map_err(|error| broken(&error))?;
            }
        }
        Ok(Self { environment, letterhead })
    }

    /// The mail that tells `recipient` what `data` says.
    ///
    /// # Errors
    /// [`MailError::MissingFact`] if the kind's mail has to state a fact that is absent or blank;
    /// [`MailError::MissingCurrency`] and [`MailError::EmptyPeriod`] for facts that don't fit together.
    pub fn render(&self, kind: NoticeKind, data: &NoticeData, recipient: &Recipient) -> Result<RenderedMail, MailError> {
        let facts = facts(data, recipient)?;
        let (subject, text_body) = self.body(kind, Form::Text, &facts)?;
        let (html_subject, html_body) = self.body(kind, Form::Html, &facts)?;
        Ok(RenderedMail {
            text: self.text_document(&text_body, &facts)?,
            html: self.html_document(&html_subject, &html_body, &facts)?,
            subject,
        })
    }

    /// Subject and body of one kind, as its template gives them.
    fn body(&self, kind: NoticeKind, form: Form, facts: &Facts) -> Result<(String, String), MailError> {
        let mut known = facts.clone();
        known.insert("form", Value::from(form.suffix()));
        known.insert("how_to_cancel", Value::from(self.letterhead.how_to_cancel.as_str()));
        known.insert("account_url", form.link(&self.letterhead.account_url));
        known.insert("payment_url", form.link(&self.letterhead.payment_url));
        known.insert("support", Value::from(self.letterhead.support.as_str()));
        let name = form.name_of(kind.tag());
        let template = self.environment.get_template(&name).map_err(|error| broken(&error))?;
        let rendered = template.render(&known).map_err(|error| missing_or_broken(kind, &error, &known))?;
        let malformed = || MailError::Template { template: name.clone(), line: 1, problem: "no subject line".to_owned() };
        let (subject, body) = rendered.split_once('\n').ok_or_else(malformed)?;
        let subject = subject.strip_prefix("Subject: ").ok_or_else(malformed)?;
        Ok((subject.trim().to_owned(), body.to_owned()))
    }

    fn text_document(&self, body: &str, facts: &Facts) -> Result<String, MailError> {
        self.document(
            "layout.txt",
            context! {
                name => facts.get("name"),
                body => body::as_text(body),
                letterhead => self.letterhead_values(Form::Text),
            },
        )
    }

    fn html_document(&self, subject: &str, body: &str, facts: &Facts) -> Result<String, MailError> {
        self.document(
            "layout.html",
            context! {
                name => facts.get("name"),
                subject => Value::from_safe_string(subject.to_owned()),
                body => Value::from_safe_string(body::as_html(body)),
                letterhead => self.letterhead_values(Form::Html),
            },
        )
    }

    fn document(&self, layout: &str, values: Value) -> Result<String, MailError> {
        let template = self.environment.get_template(layout).map_err(|error| broken(&error))?;
        template.render(values).map_err(|error| broken(&error))
    }

    fn letterhead_values(&self, form: Form) -> Value {
        context! {
            product => &self.letterhead.product,
            support => &self.letterhead.support,
            account_url => form.link(&self.letterhead.account_url),
        }
    }
}

fn missing_or_broken(kind: NoticeKind, error: &minijinja::Error, known: &Facts) -> MailError {
    let cause = innermost(error);
    match missing_fact(cause, known) {
        Some(fact) if cause.kind() == ErrorKind::UndefinedError => MailError::MissingFact { kind, fact },
        _ => broken(error),
    }
}

/// The error of the included part, where there is one.
fn innermost(error: &minijinja::Error) -> &minijinja::Error {
    let mut cause = error;
    while let Some(inner) = cause.source().and_then(|source| source.downcast_ref::<minijinja::Error>()) {
        cause = inner;
    }
    cause
}

/// The first fact that the failing line of the template shows and the notice doesn't have.
fn missing_fact(error: &minijinja::Error, known: &Facts) -> Option<String> {
    let (stem, _form) = error.name()?.rsplit_once('.')?;
    let line = templates::called(stem)?.lines().nth(error.line()?.checked_sub(1)?)?;
    line.split("{{").skip(1).find_map(|rest| {
        let fact = rest.split("}}").next()?.trim();
        (!known.contains_key(fact)).then(|| fact.to_owned())
    })
}

fn broken(error: &minijinja::Error) -> MailError {
    // The engine's own description may quote values, which may be personal: only its kind is passed on.
    let cause = innermost(error);
    MailError::Template {
        template: cause.name().unwrap_or_default().to_owned(),
        line: cause.line().unwrap_or_default(),
        problem: cause.kind().to_string(),
    }
}
