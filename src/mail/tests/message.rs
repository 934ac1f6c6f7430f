//! The messages themselves: their headers, their bytes, and what hostile names do to them.

use super::samples::{at, recipient, sample};
use crate::domain::notice::NoticeKind;
use crate::mail::error::MailError;
use crate::mail::message::{Mailroom, OutgoingMail, OutgoingNotice, Sender};
use crate::mail::render::{Letterhead, Recipient, Renderer};

fn mailroom() -> Mailroom {
    let renderer = Renderer::new(Letterhead::default()).expect("templates");
    Mailroom::new(renderer, Sender::parse("Kasa Care <billing@kasacare.example>").expect("a mailbox"))
}

pub(super) fn prepare(id: &str, to: &Recipient) -> Result<OutgoingMail, MailError> {
    let kind = NoticeKind::ReceiptPayment;
    let notice = OutgoingNotice { id, kind, data: &sample(kind), dated_at: at("2026-01-31T12:34:56Z") };
    mailroom().prepare(&notice, to)
}

fn prepared(to: &Recipient) -> OutgoingMail {
    prepare("n-000017", to).expect("a message")
}

/// The header lines, folded ones joined.
fn headers(mail: &OutgoingMail) -> Vec<String> {
    let text = String::from_utf8(mail.message().to_vec()).expect("UTF-8");
    let head = text.split_once("\r\n\r\n").expect("a blank line").0.to_owned();
    head.replace("\r\n ", " ").split("\r\n").map(str::to_owned).collect()
}

#[track_caller]
fn header(mail: &OutgoingMail, name: &str) -> String {
    let found: Vec<_> = headers(mail).into_iter().filter_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned)).collect();
    assert_eq!(found.len(), 1, "one {name} header in {:?}", headers(mail));
    found.into_iter().next().expect("one")
}

#[test]
fn the_headers_of_a_message() {
    let mail = prepared(&recipient());
    let names: Vec<_> = headers(&mail).iter().filter_map(|line| line.split_once(':').map(|(name, _)| name.to_owned())).collect();
    assert_eq!(names, ["Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type"]);
    assert_eq!(header(&mail, "Message-ID"), "<n-000017.notice@kasacare.example>");
    assert_eq!(mail.message_id(), "<n-000017.notice@kasacare.example>");
    assert_eq!(header(&mail, "Date"), "Sat, 31 Jan 2026 12:34:56 +0000");
    assert_eq!(header(&mail, "From"), "\"Kasa Care\" <billing@kasacare.example>");
    assert_eq!(header(&mail, "To"), "\"Ada Lovelace\" <ada@example.com>");
    assert_eq!(header(&mail, "Subject"), "Receipt for invoice KC-2026-000017");
    assert_eq!(header(&mail, "Auto-Submitted"), "auto-generated");
    assert!(header(&mail, "Content-Type").starts_with("multipart/alternative; boundary=\"part-"));
    assert_eq!(mail.recipient(), "ada@example.com");
}

#[test]
fn the_same_notice_gives_the_same_bytes_and_another_does_not() {
    let first = prepared(&recipient());
    assert_eq!(first.message(), prepared(&recipient()).message());
    let other = prepare("n-000018", &recipient()).expect("a message");
    assert_ne!(first.message_id(), other.message_id());
}

#[test]
fn text_comes_before_html_and_lines_are_short_ascii() {
    let mail = prepared(&recipient());
    let text = String::from_utf8(mail.message().to_vec()).expect("UTF-8");
    let plain = text.find("Content-Type: text/plain; charset=utf-8").expect("text");
    let html = text.find("Content-Type: text/html; charset=utf-8").expect("HTML");
    assert!(plain < html);
    assert!(text.is_ascii() && text.split("\r\n").all(|line| line.len() <= 78 && !line.contains(['\r', '\n'])), "{text}");
}

#[track_caller]
fn check_name(name: &str, to: &str) {
    let mail = prepared(&Recipient { name: Some(name.to_owned()), ..recipient() });
    assert_eq!(header(&mail, "To"), to);
    assert_eq!(headers(&mail).len(), 8, "{:?}", headers(&mail));
}

#[test]
fn no_name_can_add_a_header() {
    check_name("Ada\r\nBcc: eve@example.com", "=?utf-8?b?QWRhIEJjYzogZXZlQGV4YW1wbGUuY29t?= <ada@example.com>");
    check_name("Ada\n\nBody", "\"Ada Body\" <ada@example.com>");
    check_name("\u{0}\r\n", "ada@example.com");
    check_name("Ada\u{2028}Bcc: x", "=?utf-8?b?QWRhIEJjYzogeA==?= <ada@example.com>");
}

#[test]
fn names_with_quotes_commas_and_letters_of_the_world() {
    check_name("Ada \"The Countess\" Lovelace", "\"Ada \\\"The Countess\\\" Lovelace\" <ada@example.com>");
    check_name("Lovelace, Ada <eve@example.com>", "=?utf-8?b?TG92ZWxhY2UsIEFkYSA8ZXZlQGV4YW1wbGUuY29tPg==?= <ada@example.com>");
    check_name("Zoë", "=?utf-8?b?Wm/Dqw==?= <ada@example.com>");
    check_name("山田太郎", "=?utf-8?b?5bGx55Sw5aSq6YOO?= <ada@example.com>");
}

#[test]
fn a_very_long_name_is_cut() {
    let mail = prepared(&Recipient { name: Some("a".repeat(5_000)), ..recipient() });
    assert!(header(&mail, "To").len() < 150);
}

#[test]
fn addresses_that_are_none_are_refused_without_repeating_them() {
    for email in [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@exa mple.com",
        "ada@example.com\r\nBcc: eve@example.com",
        "a\nb@example.com",
        "ada@example.com,eve@example.com",
        "<ada@example.com>",
        "\"a b\"@example.com",
    ] {
        let refused = prepare("n1", &Recipient { email: email.to_owned(), ..recipient() });
        assert_eq!(refused, Err(MailError::RecipientAddress), "{email:?}");
    }
    assert!(!MailError::RecipientAddress.to_string().contains("ada"));
}

#[test]
fn ids_that_could_leave_the_folder_or_the_header_are_refused() {
    let long = "a".repeat(129);
    for id in ["", "../n", "a/b", "a\\b", "a..b", ".ab", "ab.", "a b", "a>b", "a\r\nb", "é", long.as_str()] {
        assert_eq!(prepare(id, &recipient()), Err(MailError::NoticeId), "{id:?}");
    }
    assert!(prepare(&long[..128], &recipient()).is_ok());
}

#[test]
fn senders() {
    for text in
        ["", "Kasa Care", "Kasa Care <billing>", "a@b@c", "Kasa <bill\r\ning@example.com>", "Kasa <b@exämple.com>", "\"a b\"@example.com"]
    {
        assert_eq!(Sender::parse(text), Err(MailError::SenderAddress), "{text:?}");
    }
    assert!(Sender::parse("billing@example.com").is_ok());
}

#[test]
fn dates_outside_of_what_a_header_can_say_are_refused() {
    let kind = NoticeKind::CreditGranted;
    let data = sample(kind);
    let dated = |instant: &str| mailroom().prepare(&OutgoingNotice { id: "n1", kind, data: &data, dated_at: at(instant) }, &recipient());
    assert_eq!(dated("1969-12-31T23:59:59Z"), Err(MailError::Date { year: 1969 }));
    assert_eq!(dated("+10000-01-01T00:00:00Z"), Err(MailError::Date { year: 10_000 }));
    assert_eq!(header(&dated("1970-01-01T00:00:00Z").expect("a message"), "Date"), "Thu, 01 Jan 1970 00:00:00 +0000");
    assert_eq!(header(&dated("9999-12-31T23:59:59.999Z").expect("a message"), "Date"), "Fri, 31 Dec 9999 23:59:59 +0000");
}

#[test]
fn debug_of_a_message_shows_no_personal_data() {
    let shown = format!("{:?}", prepared(&recipient()));
    assert!(shown.contains("n-000017") && !shown.contains("Ada") && !shown.contains("ada@"), "{shown}");
}
