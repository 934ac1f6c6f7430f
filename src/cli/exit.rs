//! What the exit codes mean; every command uses these and no others.

use std::process::ExitCode;

/// Shown under `--help`; [`Exit`] documents the same codes one by one.
pub(super) const HELP: &str = "\
Exit codes:
  0  done
  1  done, and something was found: a broken check, a bad line, a refused account
  2  wrong usage or bad input; nothing was changed
  3  refused by a rule; nothing was changed
  4  no such account, subscription, invoice, …
  5  the database or the surroundings failed
  6  somebody else changed the same thing; try again";

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// Done.
    Done,
    /// Done, and something was found that someone has to look at.
    Found,
    /// Wrong usage (clap uses the same code) or bad input; nothing was changed.
    BadInput,
    /// A rule refused it; nothing was changed.
    Refused,
    /// What was named does not exist.
    NotFound,
    /// The database, a file system or a network failed.
    Environment,
    /// Someone else changed the same thing at the same time; trying again can help.
    Conflict,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Found => 1,
            Self::BadInput => 2,
            Self::Refused => 3,
            Self::NotFound => 4,
            Self::Environment => 5,
            Self::Conflict => 6,
        }
    }

    /// A word for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Found => "found",
            Self::BadInput => "bad_input",
            Self::Refused => "refused",
            Self::NotFound => "not_found",
            Self::Environment => "environment",
            Self::Conflict => "conflict",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
