//! Mail to a real SMTP server: what arrives, and what becomes of a delivery when the server says no, dies or keeps
//! silent.

mod server;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kasacare::domain::money::Currency;
use kasacare::mail::{
    DeliveryFault, DeliveryOutcome, DeliveryStep, Letterhead, Mailer, Mailroom, NoticeData, NoticeKind, OutgoingMail, OutgoingNotice,
    Recipient, Renderer, Sender, SmtpMailer, SmtpServer,
};
use server::{Server, Taken};

/// A notice of credit, with words that a transfer could damage: dots at line starts, long lines, letters of the world.
fn mail(id: &str, email: &str) -> OutgoingMail {
    let data = NoticeData {
        currency: Currency::parse("EUR").ok(),
        credit_minor: Some(123_456),
        reason: Some(format!("“Übertrag” {}", ".dots ".repeat(60).trim_end())),
        ..NoticeData::default()
    };
    let dated_at: DateTime<Utc> = "2026-01-31T12:34:56Z".parse().expect("an instant");
    let notice = OutgoingNotice { id, kind: NoticeKind::CreditGranted, data: &data, dated_at };
    let recipient =
        Recipient { name: Some("Zoë \"Z\" Müller, <x>".to_owned()), email: email.to_owned(), time_zone: chrono_tz::Europe::Berlin };
    let renderer = Renderer::new(Letterhead::default()).expect("templates");
    let sender = Sender::parse("Kasa Care <billing@kasacare.example>").expect("a mailbox");
    Mailroom::new(renderer, sender).prepare(&notice, &recipient).expect("a message")
}

fn mailer_at(url: &str) -> Mailer {
    let smtp = SmtpMailer::new(SmtpServer::parse(url, None).expect("an address")).expect("settings");
    Mailer::Smtp(smtp.with_timeouts(Duration::from_secs(5), Duration::from_secs(5)))
}

fn mailer(server: &Server) -> Mailer {
    mailer_at(&format!("smtp://127.0.0.1:{}", server.port()))
}

fn delivered(mail: &OutgoingMail) -> DeliveryOutcome {
    DeliveryOutcome::Delivered { reference: mail.message_id().to_owned() }
}

/// No outcome holds an address, though the server's replies repeat it.
#[track_caller]
fn check_silence(outcome: &DeliveryOutcome) {
    let shown = format!("{outcome:?} {}", outcome.failure().map(ToString::to_string).unwrap_or_default());
    assert!(!shown.contains("example.com") && !shown.contains('@'), "{shown}");
}

#[track_caller]
fn check_refused(outcome: &DeliveryOutcome, for_good: bool, step: DeliveryStep, code: u16) {
    check_silence(outcome);
    let DeliveryOutcome::Refused { permanent, reason } = outcome else { panic!("{outcome:?}") };
    assert_eq!((*permanent, reason.step, reason.code()), (for_good, step, Some(code)), "{outcome:?}");
}

#[track_caller]
fn check_unknown(outcome: &DeliveryOutcome) {
    check_silence(outcome);
    let DeliveryOutcome::Unknown { reason } = outcome else { panic!("{outcome:?}") };
    assert_eq!(reason.step, DeliveryStep::Content);
    assert!(outcome.may_be_retried());
}

#[track_caller]
fn check_temporary(outcome: &DeliveryOutcome, step: DeliveryStep, cause: DeliveryFault) {
    let DeliveryOutcome::Temporary { reason } = outcome else { panic!("{outcome:?}") };
    assert_eq!((reason.step, reason.cause), (step, cause));
    assert!(outcome.may_be_retried());
}

/// What arrived is what was rendered, as another program's mail parser reads it.
#[track_caller]
fn check_arrived(taken: &Taken, mail: &OutgoingMail) {
    assert_eq!(String::from_utf8_lossy(&taken.raw), String::from_utf8_lossy(mail.message()));
    assert_eq!(taken.text, mail.rendered().text);
    assert_eq!(taken.html, mail.rendered().html);
    assert_eq!(taken.header("Subject"), mail.rendered().subject);
    assert_eq!(taken.header("Message-ID"), mail.message_id());
    assert_eq!(taken.defects, Vec::<String>::new());
}

#[tokio::test]
async fn a_notice_arrives_as_it_was_rendered() {
    let server = Server::start(&[]);
    let mail = mail("n-1", "zoe@example.com");
    let outcome = mailer(&server).deliver(&mail).await;
    assert_eq!(outcome, delivered(&mail));
    let taken = server.next();
    check_arrived(&taken, &mail);
    assert_eq!(taken.header("From"), "Kasa Care <billing@kasacare.example>");
    assert_eq!(taken.header("To"), "\"Zoë \\\"Z\\\" Müller, <x>\" <zoe@example.com>");
    assert_eq!(taken.header("Date"), "Sat, 31 Jan 2026 12:34:56 +0000");
    assert_eq!(taken.header("Auto-Submitted"), "auto-generated");
    assert_eq!(
        (taken.sender.as_str(), taken.recipients.as_slice()),
        ("billing@kasacare.example", ["zoe@example.com".to_owned()].as_slice())
    );
    assert!(taken.text.contains("\n  Added: €1.234,56\n"), "{}", taken.text);
    assert!(!taken.encrypted && taken.login.is_none());
    server.expect_no_more();
}

#[tokio::test]
async fn the_same_notice_sent_again_has_the_same_bytes() {
    let server = Server::start(&[]);
    let mailer = mailer(&server);
    for _ in 0..2 {
        assert!(mailer.deliver(&mail("n-1", "zoe@example.com")).await.is_delivered());
    }
    assert!(server.next().raw == server.next().raw);
}

#[tokio::test]
async fn a_refused_recipient_is_refused_for_good_and_a_busy_one_is_not() {
    let server = Server::start(&[]);
    let mailer = mailer(&server);
    let outcome = |email: &'static str| {
        let mailer = &mailer;
        async move { mailer.deliver(&mail("n-1", email)).await }
    };
    check_refused(&outcome("refused@example.com").await, true, DeliveryStep::Recipient, 550);
    check_refused(&outcome("full@example.com").await, true, DeliveryStep::Content, 552);
    check_refused(&outcome("busy@example.com").await, false, DeliveryStep::Recipient, 451);
    check_refused(&outcome("later@example.com").await, false, DeliveryStep::Content, 452);
    check_refused(&outcome("relay@example.com").await, false, DeliveryStep::Recipient, 554);
    check_refused(&outcome("closing@example.com").await, false, DeliveryStep::Recipient, 421);
    assert!(outcome("zoe@example.com").await.is_delivered());
    server.next();
    server.expect_no_more();
}

#[tokio::test]
async fn refusals_leave_the_connection_usable() {
    let server = Server::start(&[]);
    let mailer = mailer(&server);
    for (id, email) in [("n-1", "a@example.com"), ("n-2", "refused@example.com"), ("n-3", "full@example.com"), ("n-4", "b@example.com")] {
        mailer.deliver(&mail(id, email)).await;
    }
    let (first, second) = (server.next(), server.next());
    assert_eq!(first.connection, second.connection);
    assert_eq!((first.recipients, second.recipients), (vec!["a@example.com".to_owned()], vec!["b@example.com".to_owned()]));
    mailer.close().await;
    assert!(mailer.deliver(&mail("n-5", "c@example.com")).await.is_delivered());
    assert_ne!(server.next().connection, first.connection);
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_is_opened_again() {
    let server = Server::start(&[]);
    let mailer = mailer(&server);
    assert!(mailer.deliver(&mail("n-1", "bye@example.com")).await.is_delivered());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(mailer.deliver(&mail("n-2", "zoe@example.com")).await.is_delivered());
    assert_ne!(server.next().connection, server.next().connection);
    server.expect_no_more();
}

#[tokio::test]
async fn a_server_that_dies_while_the_content_is_on_its_way_leaves_it_unknown() {
    for email in ["die-during@example.com", "die-after@example.com", "no-answer@example.com"] {
        let server = Server::start(&[]);
        check_unknown(&mailer(&server).deliver(&mail("n-1", email)).await);
    }
}

#[tokio::test]
async fn a_message_that_was_taken_without_an_answer_comes_again_under_the_same_id() {
    let server = Server::start(&[]);
    check_unknown(&mailer(&server).deliver(&mail("n-1", "die-after@example.com")).await);
    let lost = server.next();
    let other = Server::start(&[]);
    let again = mail("n-1", "zoe@example.com");
    assert!(mailer(&other).deliver(&again).await.is_delivered());
    assert_eq!(lost.header("Message-ID"), other.next().header("Message-ID"));
}

#[tokio::test]
async fn a_server_that_hangs_up_before_the_content_has_taken_nothing() {
    let server = Server::start(&[]);
    let outcome = mailer(&server).deliver(&mail("n-1", "hang-up@example.com")).await;
    check_silence(&outcome);
    let DeliveryOutcome::Temporary { reason } = outcome else { panic!("{outcome:?}") };
    assert_eq!(reason.step, DeliveryStep::Recipient);
    server.expect_no_more();
}

#[tokio::test]
async fn no_server_and_a_silent_one() {
    // The port is free again after this, so that nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let nobody = mailer_at(&format!("smtp://127.0.0.1:{port}")).deliver(&mail("n-1", "zoe@example.com")).await;
    check_temporary(&nobody, DeliveryStep::Connect, DeliveryFault::Io(std::io::ErrorKind::ConnectionRefused));

    // Accepts connections, by the kernel, and never says a word.
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let server = SmtpServer::parse(&format!("smtp://{}", mute.local_addr().expect("an address")), None).expect("an address");
    let short = Duration::from_millis(100);
    let mailer = Mailer::Smtp(SmtpMailer::new(server).expect("settings").with_timeouts(short, short));
    let outcome = mailer.deliver(&mail("n-1", "zoe@example.com")).await;
    check_temporary(&outcome, DeliveryStep::Connect, DeliveryFault::TimedOut);
}

#[tokio::test]
async fn no_answer_to_the_content_in_time_leaves_it_unknown_and_spoils_no_later_delivery() {
    let server = Server::start(&[]);
    let address = SmtpServer::parse(&format!("smtp://127.0.0.1:{}", server.port()), None).expect("an address");
    let smtp = SmtpMailer::new(address).expect("settings").with_timeouts(Duration::from_secs(5), Duration::from_millis(300));
    let mailer = Mailer::Smtp(smtp);
    let outcome = mailer.deliver(&mail("n-1", "silent@example.com")).await;
    check_unknown(&outcome);
    assert_eq!(outcome.failure().map(|failure| failure.cause), Some(DeliveryFault::TimedOut));
    assert!(mailer.deliver(&mail("n-2", "zoe@example.com")).await.is_delivered());
    assert_eq!(server.next().recipients, ["zoe@example.com"]);
}

#[tokio::test]
async fn a_delivery_that_is_cut_off_leaves_nothing_behind_for_the_next() {
    let server = Server::start(&[]);
    let mailer = mailer(&server);
    let cut_off = tokio::time::timeout(Duration::from_millis(300), mailer.deliver(&mail("n-1", "silent@example.com"))).await;
    assert!(cut_off.is_err());
    let next = mail("n-2", "zoe@example.com");
    assert_eq!(mailer.deliver(&next).await, delivered(&next));
    check_arrived(&server.next(), &next);
}

#[tokio::test]
async fn many_at_once_arrive_once_each() {
    let server = Server::start(&[]);
    let mailer = Arc::new(mailer(&server));
    let deliveries = (0..60).map(|number| {
        let mailer = Arc::clone(&mailer);
        tokio::spawn(async move { mailer.deliver(&mail(&format!("n-{number}"), &format!("zoe+{number}@example.com"))).await })
    });
    for delivery in deliveries.collect::<Vec<_>>() {
        assert!(delivery.await.expect("no panic").is_delivered());
    }
    let arrived: BTreeSet<_> = (0..60).map(|_| server.next().header("Message-ID").to_owned()).collect();
    assert_eq!(arrived.len(), 60);
    server.expect_no_more();
}

#[tokio::test]
async fn a_login() {
    let server = Server::start(&["--login", "billing@example.com", "canary:p@ss"]);
    let place = format!("127.0.0.1:{}", server.port());
    let good = mailer_at(&format!("smtp://billing%40example.com:canary%3Ap%40ss@{place}"));
    assert!(good.deliver(&mail("n-1", "zoe@example.com")).await.is_delivered());
    assert_eq!(server.next().login.as_deref(), Some("billing@example.com"));

    let bad = mailer_at(&format!("smtp://billing%40example.com:canary-wrong@{place}"));
    let outcome = bad.deliver(&mail("n-2", "zoe@example.com")).await;
    check_refused(&outcome, false, DeliveryStep::Login, 535);
    assert!(!format!("{outcome:?} {bad:?} {good:?}").contains("canary"));

    let anonymous = mailer_at(&format!("smtp://{place}")).deliver(&mail("n-3", "zoe@example.com")).await;
    check_refused(&anonymous, false, DeliveryStep::Sender, 530);
    server.expect_no_more();
}

#[tokio::test]
async fn a_server_without_a_login_is_not_sent_a_password() {
    let server = Server::start(&[]);
    let mailer = mailer_at(&format!("smtp://user:canary@127.0.0.1:{}", server.port()));
    let outcome = mailer.deliver(&mail("n-1", "zoe@example.com")).await;
    check_temporary(&outcome, DeliveryStep::Login, DeliveryFault::NoLogin);
}

#[tokio::test]
async fn encrypted_connections() {
    for (mode, scheme, options) in [("starttls", "smtp", "&tls=required"), ("smtps", "smtps", "")] {
        let dir = tempfile::tempdir().expect("a directory");
        let authority = dir.path().join("ca.pem");
        let authority = authority.to_str().expect("UTF-8");
        let server = Server::start(&["--tls", mode, "--ca", authority, "--login", "user", "pass"]);
        let base = format!("{scheme}://user:pass@localhost:{}", server.port());

        let trusting = mailer_at(&format!("{base}?ca={authority}{options}"));
        for id in ["n-1", "n-2"] {
            let mail = mail(id, "zoe@example.com");
            assert_eq!(trusting.deliver(&mail).await, delivered(&mail), "{mode}");
            let taken = server.next();
            check_arrived(&taken, &mail);
            assert!(taken.encrypted && taken.login.as_deref() == Some("user"), "{mode}");
        }

        let stranger = mailer_at(&format!("{base}?hello=x{options}")).deliver(&mail("n-3", "zoe@example.com")).await;
        let DeliveryOutcome::Temporary { reason } = &stranger else { panic!("{mode}: {stranger:?}") };
        assert_eq!(reason.cause, DeliveryFault::Encryption, "{mode}");
        server.expect_no_more();
    }
}

#[tokio::test]
async fn encryption_that_is_required_and_not_offered() {
    let server = Server::start(&[]);
    let mailer = mailer_at(&format!("smtp://127.0.0.1:{}?tls=required", server.port()));
    check_temporary(&mailer.deliver(&mail("n-1", "zoe@example.com")).await, DeliveryStep::Encrypt, DeliveryFault::Encryption);
    server.expect_no_more();
}

#[tokio::test]
async fn addresses_with_letters_of_the_world() {
    let server = Server::start(&[]);
    let unicode = mail("n-1", "zoë@example.com");
    assert_eq!(mailer(&server).deliver(&unicode).await, delivered(&unicode));
    assert_eq!(server.next().recipients, ["zoë@example.com"]);

    let old = Server::start(&["--ascii-only"]);
    let mailer = mailer(&old);
    let outcome = mailer.deliver(&unicode).await;
    let DeliveryOutcome::Refused { permanent: true, reason } = outcome else { panic!("{outcome:?}") };
    assert_eq!(reason.cause, DeliveryFault::AddressNotSupported);
    assert!(mailer.deliver(&mail("n-2", "zoe@example.com")).await.is_delivered());
    old.next();
    old.expect_no_more();
}
