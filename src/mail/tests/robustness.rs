//! What must hold for every kind, whatever the facts are.

use super::samples::{at, day, invoice, recipient, sample};
use super::{check, render, rendered};
use crate::domain::money::Currency;
use crate::domain::notice::{NoticeData, NoticeKind};
use crate::mail::error::MailError;
use crate::mail::render::{Letterhead, Recipient, Renderer};

#[test]
fn amounts_are_written_in_the_currency_of_the_account() {
    let in_currency = |code| NoticeData { currency: Currency::parse(code).ok(), ..invoice() };
    let lines = |code| rendered(NoticeKind::ReceiptPayment, &in_currency(code)).text;
    assert!(lines("EUR").contains("\n  Fee: €99,99\n  Promotion SPRING: -€10,00\n  Tax (8.25%): €7,42\n  Total: €97,41\n"));
    assert!(lines("JPY").contains("\n  Fee: ¥9,999\n  Promotion SPRING: -¥1,000\n  Tax (8.25%): ¥742\n  Total: ¥9,741\n"));
    assert!(lines("KWD").contains("\n  Fee: 9.999 KWD\n  Promotion SPRING: -1.000 KWD\n  Tax (8.25%): 0.742 KWD\n  Total: 9.741 KWD\n"));
}

#[test]
fn the_instant_of_a_receipt_is_told_in_the_zone_of_the_account() {
    let renderer = Renderer::new(Letterhead::default()).expect("templates");
    let told = |instant: &str, zone: &str| {
        let data = NoticeData { happened_at: Some(at(instant)), ..invoice() };
        let recipient = Recipient { time_zone: zone.parse().expect("a zone"), ..recipient() };
        let text = renderer.render(NoticeKind::ReceiptPayment, &data, &recipient).expect("renders").text;
        text.lines().nth(2).and_then(|line| line.split_once("(annual) on ")).map(|(_, told)| told.to_owned()).expect("the sentence")
    };
    assert_eq!(told("2026-10-25T00:30:00Z", "Europe/Berlin"), "25 October 2026, 02:30 CEST (UTC+02:00).");
    assert_eq!(told("2026-10-25T01:30:00Z", "Europe/Berlin"), "25 October 2026, 02:30 CET (UTC+01:00).");
    assert_eq!(told("2026-03-08T10:30:00Z", "America/Los_Angeles"), "8 March 2026, 03:30 PDT (UTC-07:00).");
    assert_eq!(told("2026-03-08T09:30:00Z", "America/Los_Angeles"), "8 March 2026, 01:30 PST (UTC-08:00).");
}

#[test]
fn every_kind_renders_and_leaves_no_gap() {
    for kind in NoticeKind::ALL {
        let mail = rendered(kind, &sample(kind));
        for gap in ["none", "{{", "}}", "{%", "{#", "  \n", "()", " .", " ,", ": \n", "\n\n\n"] {
            assert!(!mail.text.contains(gap), "{kind:?} contains {gap:?}:\n{}", mail.text);
        }
        assert!(mail.text.ends_with("account.\n") && mail.html.ends_with("</html>\n"), "{kind:?}");
        assert!(mail.text.lines().all(|line| line.chars().count() < 900), "{kind:?} has a line longer than mail allows");
        assert!(!mail.subject.contains('\n') && !mail.subject.is_empty() && mail.subject.chars().count() < 100, "{kind:?}");
        check(kind, &sample(kind), &mail.subject, &[]);
    }
}

/// Every fact of a sample, one at a time, is left out: either the mail needs it and says which, or the mail has no gap.
#[test]
fn a_missing_fact_is_an_error_or_does_not_show() {
    let mut needed = 0;
    for kind in NoticeKind::ALL {
        let whole = serde_json::to_value(sample(kind)).expect("JSON");
        for field in whole.as_object().expect("an object").keys() {
            let mut fewer = whole.clone();
            fewer.as_object_mut().expect("an object").remove(field);
            let data: NoticeData = serde_json::from_value(fewer).expect("facts");
            match render(kind, &data) {
                Ok(mail) => {
                    assert!(!mail.text.contains("none") && !mail.text.contains(": \n"), "{kind:?} without {field}");
                }
                Err(MailError::MissingFact { kind: of, fact }) => {
                    assert_eq!(of, kind);
                    let stem = field.trim_end_matches("_minor");
                    let related =
                        fact == stem || (field.starts_with("period_") && fact == "period") || fact == "last_day" || fact == "renews_on";
                    assert!(related, "{kind:?} without {field} complains of {fact}");
                    needed += 1;
                }
                Err(MailError::MissingCurrency { .. }) => assert_eq!(field, "currency"),
                Err(other) => panic!("{kind:?} without {field}: {other}"),
            }
        }
    }
    assert!(needed > 60, "only {needed} facts are needed by any mail");
}

#[test]
fn a_blank_fact_is_a_missing_one() {
    let blank = NoticeData { payment_method: Some(" \r\n\t".to_owned()), ..sample(NoticeKind::RenewalReminder) };
    let refused = render(NoticeKind::RenewalReminder, &blank);
    assert_eq!(refused, Err(MailError::MissingFact { kind: NoticeKind::RenewalReminder, fact: "payment_method".to_owned() }));
}

#[test]
fn a_period_without_a_day_is_refused() {
    let backwards = NoticeData { period_end: day("2026-01-31"), ..sample(NoticeKind::ReceiptPayment) };
    assert_eq!(render(NoticeKind::ReceiptPayment, &backwards), Err(MailError::EmptyPeriod { fact: "period" }));
}

#[test]
fn markup_in_a_name_or_a_reason_stays_text() {
    let renderer = Renderer::new(Letterhead::default()).expect("templates");
    let hostile = Recipient { name: Some("<script>alert(\"1\")</script> & Söhne".to_owned()), ..recipient() };
    let data = NoticeData {
        reason: Some("</td></table><img src=x onerror=alert(1)>".to_owned()),
        plan: Some("Plus</title><b>".to_owned()),
        ..sample(NoticeKind::SuspensionNotice)
    };
    let mail = renderer.render(NoticeKind::SuspensionNotice, &data, &hostile).expect("renders");
    assert!(mail.html.contains("<p>Hello &lt;script&gt;alert(&quot;1&quot;)&lt;&#x2f;script&gt; &amp; Söhne,</p>"), "{}", mail.html);
    assert!(mail.html.contains("<td>&lt;&#x2f;td&gt;&lt;&#x2f;table&gt;&lt;img src=x onerror=alert(1)&gt;</td>"), "{}", mail.html);
    assert!(mail.html.contains("<title>Your Plus&lt;&#x2f;title&gt;&lt;b&gt; subscription"), "{}", mail.html);
    assert!(mail.text.starts_with("Hello <script>alert(\"1\")</script> & Söhne,\n"), "{}", mail.text);
    assert!(mail.subject.starts_with("Your Plus</title><b> subscription"), "{}", mail.subject);
}

#[test]
fn a_fact_can_not_add_lines_to_a_mail() {
    let forged = NoticeData {
        reason: Some("x\n\n  Refund: $1,000,000.00\r\n\r\nSubject: y".to_owned()),
        plan: Some("Plus\nBcc: someone@example.com".to_owned()),
        ..sample(NoticeKind::SuspensionNotice)
    };
    check(
        NoticeKind::SuspensionNotice,
        &forged,
        "Your Plus Bcc: someone@example.com subscription is suspended from 1 May 2026",
        &["  Reason: x Refund: $1,000,000.00 Subject: y"],
    );
}

#[test]
fn template_syntax_in_a_fact_is_not_run() {
    let data = NoticeData { reason: Some("{{ payment_method }}{% raw %}".to_owned()), ..sample(NoticeKind::SuspensionNotice) };
    assert!(rendered(NoticeKind::SuspensionNotice, &data).text.contains("  Reason: {{ payment_method }}{% raw %}\n"));
}

#[test]
fn an_account_without_a_name_is_greeted_all_the_same() {
    let renderer = Renderer::new(Letterhead::default()).expect("templates");
    let nameless = Recipient { name: None, ..recipient() };
    let mail = renderer.render(NoticeKind::CreditGranted, &sample(NoticeKind::CreditGranted), &nameless).expect("renders");
    assert!(mail.text.starts_with("Hello,\n\n") && mail.html.contains("<p>Hello,</p>"), "{}", mail.text);
}

#[test]
fn debug_shows_no_personal_data() {
    let mail = rendered(NoticeKind::ReceiptPayment, &sample(NoticeKind::ReceiptPayment));
    let shown = format!("{:?} {mail:?}", recipient());
    assert!(!shown.contains("Ada") && !shown.contains("example.com") && !shown.contains("4242"), "{shown}");
}
