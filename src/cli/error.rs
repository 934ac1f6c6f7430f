//! What can end a command early, and the one place that turns it into a message and an exit code.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use serde_json::json;

use super::{Exit, Format, aside};
use crate::domain::change::Refusal;
use crate::domain::money::MoneyError;
use crate::engine::EngineError;
use crate::engine::closing::ClosingError;
use crate::engine::reconcile::ReconcileError;
use crate::import::ImportError;
use crate::provider::simulated::SimulatedError;
use crate::reports::ReportError;
use crate::store::StoreError;
use crate::store::db::DbError;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// An input file cannot be opened.
    #[error("cannot open {}", path.display())]
    OpenInput {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An output file cannot be made.
    #[error("cannot write {}", path.display())]
    OpenOutput {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading broke off.
    #[error("cannot read the input")]
    Read(#[source] io::Error),
    /// Writing broke off.
    #[error("cannot write the output")]
    Write(#[source] io::Error),
    /// The asynchronous runtime cannot be started.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
    /// An option has a value that it cannot have here.
    #[error("{option}: {problem}")]
    Option {
        /// The option or argument, as it is written: `--token`, `AMOUNT`.
        option: &'static str,
        /// What is wrong with it; never repeats a value that may be somebody's data.
        problem: String,
    },
    /// Anything else that was given and cannot be used.
    #[error("{0}")]
    BadInput(String),
    /// Something that was named and is not there.
    #[error("{0}")]
    NotFound(String),
    /// Anything else around us that failed.
    #[error("{0}")]
    Environment(String),
    /// Files that were refused as a whole.
    #[error("nothing was imported\n{}", problems(.0))]
    Import(Vec<ImportError>),
    /// Settlement files that were refused; others of the same call may have been taken.
    #[error("these files were not taken\n{}", problems(.0))]
    Refused(Vec<ImportError>),
    /// A reconciliation that was not made.
    #[error("the reconciliation could not run: {}", .0.message())]
    CouldNotRun(Box<CliError>),
    /// Reconciling.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    /// Closing a month.
    #[error(transparent)]
    Closing(#[from] ClosingError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The simulated provider.
    #[error(transparent)]
    Simulated(#[from] SimulatedError),
}

impl From<io::Error> for CliError {
    /// What goes wrong without a name is our own output.
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<DbError> for CliError {
    fn from(error: DbError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<ReportError> for CliError {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Store(error) => error.into(),
            ReportError::Write(error) => Self::Write(error),
            ReportError::NotFound { .. } => Self::NotFound(error.to_string()),
            ReportError::Ambiguous { .. }
            | ReportError::Taken { .. }
            | ReportError::OtherMonth { .. }
            | ReportError::TooLong { .. }
            | ReportError::CutOffAhead { .. }
            | ReportError::NotYet { .. } => Self::BadInput(error.to_string()),
            ReportError::UnreadableRecord { .. }
            | ReportError::SumTooLarge { .. }
            | ReportError::Shape { .. }
            | ReportError::Money(_)
            | ReportError::Stopped => Self::Environment(error.to_string()),
        }
    }
}

/// The problems of all files, one a line.
fn problems(errors: &[ImportError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl CliError {
    /// Something that was given and cannot be used.
    #[must_use]
    pub const fn bad_input(message: String) -> Self {
        Self::BadInput(message)
    }

    /// Something around us that failed.
    #[must_use]
    pub const fn environment(message: String) -> Self {
        Self::Environment(message)
    }

    /// The exit code that belongs to it.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::OpenInput { .. }
            | Self::OpenOutput { .. }
            | Self::Option { .. }
            | Self::BadInput(_)
            | Self::Import(_)
            | Self::Refused(_)
            | Self::CouldNotRun(_) => Exit::BadInput,
            Self::Reconcile(error) => of_reconcile(error),
            Self::Closing(error) => of_closing(error),
            Self::Read(_) | Self::Write(_) | Self::Runtime(_) | Self::Environment(_) => Exit::Environment,
            Self::NotFound(_) => Exit::NotFound,
            Self::Engine(error) => of_engine(error),
            Self::Simulated(error) => of_simulated(error),
        }
    }

    /// Whether the reader of our output went away, as `head` does: nobody is left to be told.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write(source) if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The error with its causes.
    fn message(&self) -> String {
        let mut message = self.to_string();
        // The engine's errors print what they are made of; the others name only their own part.
        let mut cause = if matches!(self, Self::Engine(_)) { None } else { self.source() };
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        message
    }

    /// Prints the error on standard error: in words, or as `{"error": {"exit", "kind", "message"}}` for programs.
    pub(super) fn report(&self, format: Format) {
        let message = self.message();
        match format {
            Format::Table => aside::say(format_args!("error: {message}")),
            Format::Json => {
                let exit = self.exit();
                aside::say(json!({ "error": { "exit": exit.code(), "kind": exit.name(), "message": message } }));
            }
        }
    }
}

const fn of_reconcile(error: &ReconcileError) -> Exit {
    match error {
        ReconcileError::Engine(error) => of_engine(error),
        ReconcileError::NotFound { .. } => Exit::NotFound,
        ReconcileError::Refused(_) => Exit::Refused,
        ReconcileError::NothingTold { .. } | ReconcileError::TotalsAlone { .. } | ReconcileError::File(_) => Exit::BadInput,
        ReconcileError::Disk(_) | ReconcileError::TooLarge { .. } | ReconcileError::Money(_) | ReconcileError::Unreadable(_) => {
            Exit::Environment
        }
    }
}

const fn of_closing(error: &ClosingError) -> Exit {
    match error {
        ClosingError::Store(error) => of_store(error),
        ClosingError::Moved { .. } => Exit::Conflict,
        ClosingError::NotOver { .. }
        | ClosingError::AlreadyClosed { .. }
        | ClosingError::EarlierIsOpen { .. }
        | ClosingError::NothingClosed
        | ClosingError::NotTheLast { .. } => Exit::Refused,
    }
}

const fn of_engine(error: &EngineError) -> Exit {
    match error {
        EngineError::Refused { refusal, .. } => of_refusal(refusal),
        EngineError::NoAccount(_) => Exit::NotFound,
        EngineError::RequestReused { .. } => Exit::Conflict,
        EngineError::Backdated { .. } | EngineError::RunBackdated { .. } => Exit::BadInput,
        EngineError::Store(error) => of_store(error),
    }
}

/// Whether a refusal is about this one account, and not about how the command was given.
pub(super) const fn is_of_the_account(error: &EngineError) -> bool {
    matches!(of_engine(error), Exit::Refused | Exit::NotFound)
}

const fn of_refusal(refusal: &Refusal) -> Exit {
    match refusal {
        Refusal::NoSubscription { .. }
        | Refusal::NoObject { .. }
        | Refusal::NoPlan { .. }
        | Refusal::NoCamera { .. }
        | Refusal::NoPromotion(_) => Exit::NotFound,
        Refusal::OperatorNeeded { .. }
        | Refusal::CameraNeeded { .. }
        | Refusal::CameraNotNeeded { .. }
        | Refusal::Money(MoneyError::NotANumber(_) | MoneyError::Decimals { .. }) => Exit::BadInput,
        _ => Exit::Refused,
    }
}

const fn of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::Db(error) => of_database(error),
        StoreError::AlreadyDone { .. } => Exit::Done,
        StoreError::Conflict { .. } => Exit::Conflict,
        StoreError::Backdated { .. } => Exit::BadInput,
        StoreError::PromotionUsedUp { .. } | StoreError::VersionDiffers { .. } | StoreError::AnotherProvider { .. } => Exit::Refused,
        StoreError::NoPromotion { .. } | StoreError::NoCatalog => Exit::NotFound,
        StoreError::Corrupt { .. }
        | StoreError::Currency { .. }
        | StoreError::Unstorable { .. }
        | StoreError::SumTooLarge { .. }
        | StoreError::Json { .. } => Exit::Environment,
    }
}

const fn of_simulated(error: &SimulatedError) -> Exit {
    match error {
        SimulatedError::Database(error) => of_database(error),
        SimulatedError::Money(_) | SimulatedError::Rates { .. } => Exit::BadInput,
        SimulatedError::NoSuchCharge { .. } | SimulatedError::NoSuchRefund { .. } | SimulatedError::NoDispute { .. } => Exit::NotFound,
        SimulatedError::NotCaptured { .. }
        | SimulatedError::DisputeIsOpen { .. }
        | SimulatedError::BeyondRemainder { .. }
        | SimulatedError::DisputeIsDecided { .. }
        | SimulatedError::RefundHasFailed { .. } => Exit::Refused,
    }
}

const fn of_database(error: &DbError) -> Exit {
    match error {
        DbError::Address { .. } => Exit::BadInput,
        DbError::ClosedMonth { .. } => Exit::Refused,
        DbError::Busy | DbError::Serialization | DbError::Deadlock | DbError::UniqueViolation { .. } => Exit::Conflict,
        _ => Exit::Environment,
    }
}
