//! `--format`: one option for all commands, of which each knows some values.

use clap::ValueEnum;

use super::CliError;

/// How a command prints its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Tables and sentences for people.
    #[default]
    Table,
    /// One JSON document for programs.
    Json,
}

/// Every form in which some command can print its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AnyFormat {
    /// Tables and sentences for people; what most commands print if nothing is said
    Table,
    /// One JSON document for programs
    Json,
    /// Comma-separated, RFC 4180 (report, journal, trial-balance, reconcile, breaks list)
    Csv,
    /// A workbook with live totals (report)
    Xlsx,
    /// One page that needs nothing else (report)
    Html,
    /// A plain-text journal for hledger (journal, which prints it if nothing is said)
    Hledger,
    /// A plain-text journal for beancount (journal)
    Beancount,
    /// Text with tables (states, which prints it if nothing is said)
    Markdown,
    /// A state diagram for Mermaid (states)
    Mermaid,
}

impl AnyFormat {
    /// What a command can print that says nothing else.
    pub const USUAL: &[Self] = &[Self::Table, Self::Json];

    /// The form of commands that print words and documents alone.
    #[must_use]
    pub const fn usual(self) -> Format {
        match self {
            Self::Json => Format::Json,
            Self::Table | Self::Csv | Self::Xlsx | Self::Html | Self::Hledger | Self::Beancount | Self::Markdown | Self::Mermaid => {
                Format::Table
            }
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Refuses a form that a command does not know.
    ///
    /// # Errors
    /// [`CliError::Option`], with those that it knows.
    pub fn check(self, known: &[Self]) -> Result<(), CliError> {
        if known.contains(&self) {
            return Ok(());
        }
        let known: Vec<String> = known.iter().map(|format| format.name()).collect();
        let problem = format!("this command does not print {}; it knows {}", self.name(), known.join(", "));
        Err(CliError::Option { option: "--format", problem })
    }
}
