//! Delivery to a folder and to memory, and the faulty twin. Delivery by SMTP is tested against a real server.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::message::prepare;
use super::samples::recipient;
use crate::mail::faulty::{FaultyMailer, MailFault};
use crate::mail::message::OutgoingMail;
use crate::mail::outbox::{FolderMailer, Mailer, MemoryMailer};
use crate::mail::outcome::{DeliveryFailure, DeliveryFault, DeliveryOutcome, DeliveryStep};

fn mail(id: &str) -> OutgoingMail {
    prepare(id, &recipient()).expect("a message")
}

fn folder(place: &Path, durable: bool) -> Mailer {
    Mailer::Folder(FolderMailer::open(place, durable).expect("a folder"))
}

fn names(place: &Path) -> Vec<String> {
    let entries = fs::read_dir(place).expect("a folder");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_folder_gets_one_file_a_notice() {
    let dir = tempfile::tempdir().expect("a directory");
    for durable in [false, true] {
        let place = dir.path().join(format!("deep/{durable}"));
        let mailer = folder(&place, durable);
        for id in ["n-1", "n-2", "n-1"] {
            assert_eq!(mailer.deliver(&mail(id)).await, DeliveryOutcome::Delivered { reference: format!("{id}.eml") });
        }
        assert_eq!(names(&place), ["n-1.eml", "n-2.eml"]);
        assert_eq!(fs::read(place.join("n-1.eml")).expect("a file"), mail("n-1").message());
    }
}

#[tokio::test]
async fn what_was_delivered_is_left_as_it_is_and_an_empty_file_is_no_delivery() {
    let dir = tempfile::tempdir().expect("a directory");
    let mailer = folder(dir.path(), true);
    fs::write(dir.path().join("n-1.eml"), "delivered to an older address").expect("written");
    fs::write(dir.path().join("n-2.eml"), "").expect("written");
    assert!(mailer.deliver(&mail("n-1")).await.is_delivered());
    assert!(mailer.deliver(&mail("n-2")).await.is_delivered());
    assert_eq!(fs::read_to_string(dir.path().join("n-1.eml")).expect("a file"), "delivered to an older address");
    assert_eq!(fs::read(dir.path().join("n-2.eml")).expect("a file"), mail("n-2").message());
}

/// Programs that were killed leave files that nobody finishes; those of an hour ago may still be written by somebody.
#[tokio::test]
async fn what_killed_programs_have_left_is_removed() {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, is_old) in [(".n-1.eml.7-0.tmp", true), (".n-2.eml.7-1.tmp", false), ("n-3.eml", true), (".keep", true), ("mine.tmp", true)]
    {
        let file = fs::File::create(dir.path().join(name)).expect("a file");
        std::io::Write::write_all(&mut &file, b"x").expect("written");
        if is_old {
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("a date");
        }
    }
    let mailer = folder(dir.path(), false);
    assert!(mailer.deliver(&mail("n-4")).await.is_delivered());
    assert_eq!(names(dir.path()), [".keep", ".n-2.eml.7-1.tmp", "mine.tmp", "n-3.eml", "n-4.eml"]);
}

#[tokio::test]
async fn two_workers_with_one_notice_make_one_whole_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let mailer = Arc::new(folder(dir.path(), false));
    let deliveries = (0..16).map(|_| {
        let mailer = Arc::clone(&mailer);
        tokio::spawn(async move { mailer.deliver(&mail("n-1")).await })
    });
    for delivery in deliveries.collect::<Vec<_>>() {
        assert!(delivery.await.expect("no panic").is_delivered());
    }
    assert_eq!(names(dir.path()), ["n-1.eml"]);
    assert_eq!(fs::read(dir.path().join("n-1.eml")).expect("a file"), mail("n-1").message());
}

#[tokio::test]
async fn a_folder_that_is_gone_is_a_temporary_failure() {
    let dir = tempfile::tempdir().expect("a directory");
    let place = dir.path().join("out");
    let mailer = folder(&place, false);
    fs::remove_dir(&place).expect("removed");
    let outcome = mailer.deliver(&mail("n-1")).await;
    let reason = DeliveryFailure { step: DeliveryStep::File, cause: DeliveryFault::Io(std::io::ErrorKind::NotFound) };
    assert_eq!(outcome, DeliveryOutcome::Temporary { reason });
    assert!(outcome.may_be_retried() && outcome.failure() == Some(&reason));
    fs::create_dir(&place).expect("made");
    assert!(mailer.deliver(&mail("n-1")).await.is_delivered());
}

#[tokio::test]
async fn a_folder_whose_file_can_not_be_put_in_place_keeps_no_rubbish() {
    let dir = tempfile::tempdir().expect("a directory");
    let mailer = folder(dir.path(), false);
    fs::create_dir_all(dir.path().join("n-1.eml").join("in-the-way")).expect("made");
    let outcome = mailer.deliver(&mail("n-1")).await;
    assert!(matches!(outcome, DeliveryOutcome::Temporary { .. }), "{outcome:?}");
    assert_eq!(names(dir.path()), ["n-1.eml"]);
}

fn taken(mailer: &Mailer) -> Vec<String> {
    match mailer {
        Mailer::Memory(memory) => memory.taken().iter().map(|mail| mail.notice_id().to_owned()).collect(),
        Mailer::Faulty(faulty) => taken(faulty.inner()),
        Mailer::Folder(_) | Mailer::Smtp(_) => panic!("keeps nothing in memory"),
    }
}

#[tokio::test]
async fn the_faulty_twin_fails_before_and_after_the_effect_and_counts() {
    let memory = Mailer::Memory(MemoryMailer::default());
    let faults = [
        MailFault::FailBefore,
        MailFault::Refuse { permanent: false },
        MailFault::Refuse { permanent: true },
        MailFault::None,
        MailFault::LoseReply,
        MailFault::TakeTwice,
        MailFault::Delay(Duration::from_millis(20)),
    ];
    let twin = FaultyMailer::new(memory, faults);
    let mailer = Mailer::Faulty(twin);
    let injected = |step| DeliveryFailure { step, cause: DeliveryFault::Injected };
    let delivered = |id: &str| DeliveryOutcome::Delivered { reference: format!("<{id}.notice@kasacare.example>") };

    assert_eq!(mailer.deliver(&mail("n-1")).await, DeliveryOutcome::Temporary { reason: injected(DeliveryStep::Connect) });
    for permanent in [false, true] {
        let refused = DeliveryOutcome::Refused { permanent, reason: injected(DeliveryStep::Recipient) };
        assert_eq!(mailer.deliver(&mail("n-2")).await, refused);
    }
    assert_eq!(taken(&mailer), Vec::<String>::new());
    assert_eq!(mailer.deliver(&mail("n-4")).await, delivered("n-4"));
    assert_eq!(mailer.deliver(&mail("n-5")).await, DeliveryOutcome::Unknown { reason: injected(DeliveryStep::Content) });
    assert_eq!(mailer.deliver(&mail("n-6")).await, delivered("n-6"));
    assert_eq!(mailer.deliver(&mail("n-7")).await, delivered("n-7"));
    assert_eq!(mailer.deliver(&mail("n-8")).await, delivered("n-8"));
    assert_eq!(taken(&mailer), ["n-4", "n-5", "n-6", "n-6", "n-7", "n-8"]);
    let Mailer::Faulty(twin) = &mailer else { panic!("the faulty one") };
    assert_eq!(twin.calls(), 8);
    mailer.close().await;
}
