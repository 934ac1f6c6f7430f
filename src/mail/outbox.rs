//! Handing messages over: to a folder, to an SMTP server, or to the memory of a test.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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
    /// Whether what killed programs have left was looked for.
    is_swept: Arc<AtomicBool>,
}

/// A file that is unfinished for so long is nobody's any more.
const LEFT_BEHIND: Duration = Duration::from_hours(1);

/// Makes the names of unfinished files unique within the process; the process id does so between processes.
static UNFINISHED: AtomicU64 = AtomicU64::new(0);

impl FolderMailer {
    /// Uses `folder`, which is made if need be. If `durable`, a delivered message survives a power cut (I15).
    ///
    /// # Errors
    /// If the folder can't be made.
    pub fn open(folder: &Path, durable: bool) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned(), durable, is_swept: Arc::default() })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    async fn deliver(&self, mail: &OutgoingMail) -> DeliveryOutcome {
        let reference = format!("{}.eml", mail.notice_id());
        let (folder, durable, name) = (self.folder.clone(), self.durable, reference.clone());
        let (message, is_swept) = (mail.message().to_vec(), Arc::clone(&self.is_swept));
        let write = move || {
            // What cannot be swept is left; it does not keep a message from being delivered.
            if !is_swept.swap(true, Ordering::Relaxed) {
                let _ = sweep(&folder);
            }
            write_once(&folder, &name, &message, durable)
        };
        let written = tokio::task::spawn_blocking(write).await;
        let failed = |cause| DeliveryOutcome::Temporary { reason: DeliveryFailure { step: DeliveryStep::File, cause } };
        match written {
            Ok(Ok(())) => DeliveryOutcome::Delivered { reference },
            Ok(Err(error)) => failed(DeliveryFault::Io(error.kind())),
            Err(_cancelled) => failed(DeliveryFault::ShutDown),
        }
    }
}

/// Removes unfinished files that programs have left which were killed. How old they are the folder itself says, by a file that is made in it.
fn sweep(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".sweep.{}.tmp", std::process::id()));
    let now = File::create(&probe).and_then(|file| file.metadata()?.modified());
    fs::remove_file(&probe)?;
    let Some(oldest) = now?.checked_sub(LEFT_BEHIND) else { return Ok(()) };
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let is_unfinished = name.as_encoded_bytes().starts_with(b".") && path.extension().is_some_and(|ending| ending == "tmp");
        if is_unfinished && entry.metadata()?.modified()? < oldest {
            fs::remove_file(path)?;
        }
    }
    Ok(())
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
