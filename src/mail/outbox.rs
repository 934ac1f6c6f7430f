//! Handing messages over: to a folder, to an SMTP server, or to the memory of a test.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::faulty::FaultyMailer;
use super::message::OutgoingMail;
use super::outcome::{DeliveryFailure, DeliveryFault, DeliveryOutcome, DeliveryStep};
use super::smtp::SmtpMailer;

/// Who takes the messages.
#[derive(Debug)]
pub enum Mailer {
    /// A folder of `.eml` files: the default, and what the demo shows.
    Folder(FolderMailer),
    /// An SMTP server.
    Smtp(SmtpMailer),
    /// Memory, for tests.
    Memory(MemoryMailer),
    /// Another mailer that fails as a test wants it to.
    Faulty(FaultyMailer),
}

impl Mailer {
    /// Hands one message over. An outside call: never within a transaction (I13).
    pub async fn deliver(&self, mail: &OutgoingMail) -> DeliveryOutcome {
        match self {
            Self::Folder(folder) => folder.deliver(mail).await,
            Self::Smtp(smtp) => smtp.deliver(mail).await,
            Self::Memory(memory) => memory.deliver(mail),
            // Boxed, because a faulty mailer holds a mailer.
            Self::Faulty(faulty) => Box::pin(faulty.deliver(mail)).await,
        }
    }

    /// Ends what is open, for a clean shutdown. Later deliveries open it again.
    pub async fn close(&self) {
        match self {
            Self::Smtp(smtp) => smtp.close().await,
            Self::Faulty(faulty) => Box::pin(faulty.close()).await,
            Self::Folder(_) | Self::Memory(_) => {}
        }
    }
}

/// Writes each message to `<notice id>.eml` in a folder.
///
/// A file appears whole or not at all. A notice whose file is there counts as delivered and its file is left as it
/// is, so delivering twice is delivering once (I10).
#[derive(Debug)]
pub struct FolderMailer {
    folder: PathBuf,
    durable: bool,
}

/// Makes the names of unfinished files unique within the process; the process id does so between processes.
static UNFINISHED: AtomicU64 = AtomicU64::new(0);

impl FolderMailer {
    /// Uses `folder`, which is made if need be. If `durable`, a delivered message survives a power cut (I15).
    ///
    /// # Errors
    /// If the folder can't be made.
    pub fn open(folder: &Path, durable: bool) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned(), durable })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    async fn deliver(&self, mail: &OutgoingMail) -> DeliveryOutcome {
        let reference = format!("{}.eml", mail.notice_id());
        let (folder, durable, name) = (self.folder.clone(), self.durable, reference.clone());
        let message = mail.message().to_vec();
        let written = tokio::task::spawn_blocking(move || write_once(&folder, &name, &message, durable)).await;
        let failed = |cause| DeliveryOutcome::Temporary { reason: DeliveryFailure { step: DeliveryStep::File, cause } };
        match written {
            Ok(Ok(())) => DeliveryOutcome::Delivered { reference },
            Ok(Err(error)) => failed(DeliveryFault::Io(error.kind())),
            Err(_cancelled) => failed(DeliveryFault::ShutDown),
        }
    }
}

/// Makes `folder/name` with these bytes, unless it is there already.
fn write_once(folder: &Path, name: &str, bytes: &[u8], durable: bool) -> io::Result<()> {
    let place = folder.join(name);
    // Without `durable`, a power cut can leave an empty file behind: that one is no delivery.
    if fs::metadata(&place).is_ok_and(|present| present.is_file() && present.len() > 0) {
        return Ok(());
    }
    let number = UNFINISHED.fetch_add(1, Ordering::Relaxed);
    let unfinished = folder.join(format!(".{name}.{}-{number}.tmp", std::process::id()));
    let written = write_and_rename(&unfinished, &place, bytes, durable);
    if written.is_err() {
        // What was begun is of no use to anyone; if it can't be removed either, the first error is the one that counts.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn write_and_rename(unfinished: &Path, place: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let mut file = File::create_new(unfinished)?;
    file.write_all(bytes)?;
    if durable {
        file.sync_all()?;
    }
    drop(file);
    fs::rename(unfinished, place)?;
    if durable && let Some(folder) = place.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Keeps what was delivered, every copy of it.
#[derive(Debug, Default)]
pub struct MemoryMailer {
    taken: Mutex<Vec<OutgoingMail>>,
}

impl MemoryMailer {
    /// Everything that was delivered so far, in order; a message that was delivered twice is there twice.
    #[must_use]
    pub fn taken(&self) -> Vec<OutgoingMail> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn deliver(&self, mail: &OutgoingMail) -> DeliveryOutcome {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(mail.clone());
        DeliveryOutcome::Delivered { reference: mail.message_id().to_owned() }
    }
}
