//! What each kind of mail says. Amounts and dates are asserted as exact strings.

mod changes;
mod delivery;
mod kinds;
mod message;
mod robustness;
pub(super) mod samples;

use super::error::MailError;
use super::render::{Letterhead, RenderedMail, Renderer};
use crate::domain::notice::{NoticeData, NoticeKind};
use samples::recipient;

pub(super) fn render(kind: NoticeKind, data: &NoticeData) -> Result<RenderedMail, MailError> {
    Renderer::new(Letterhead::default()).expect("templates").render(kind, data, &recipient())
}

#[track_caller]
pub(super) fn rendered(kind: NoticeKind, data: &NoticeData) -> RenderedMail {
    render(kind, data).expect("renders")
}

/// The mail has this subject and these lines of text, in this order; and its HTML says the same.
#[track_caller]
pub(super) fn check(kind: NoticeKind, data: &NoticeData, subject: &str, lines: &[&str]) {
    let mail = rendered(kind, data);
    assert_eq!(mail.subject, subject);
    let mut rest = mail.text.as_str();
    for line in lines {
        let found = rest.find(&format!("\n{line}\n"));
        let place = found.unwrap_or_else(|| panic!("no line {line:?} at this place of\n{}", mail.text));
        rest = &rest[place + line.len()..];
    }
    let shown = words(&without_tags(&mail.html));
    for line in mail.text.lines().filter(|line| !line.is_empty() && *line != "-- ") {
        assert!(shown.contains(&words(line)), "the HTML lacks {line:?}:\n{shown}");
    }
}

/// The words of a text, whatever stands between them; the colon that follows a label in text is a column in HTML.
fn words(text: &str) -> String {
    text.replace(": ", " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a reader sees of an HTML body.
fn without_tags(html: &str) -> String {
    let body = html.split_once("<body>").expect("a body").1.replace("</th><td>", " ");
    let texts = body.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    let shown: String = texts.collect();
    shown.replace("&#x2f;", "/").replace("&#x27;", "'").replace("&quot;", "\"").replace("&amp;", "&")
}
