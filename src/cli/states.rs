//! `kasacare states`: the life of a subscription, from the code itself (LC-10).

use std::collections::BTreeMap;

use super::change::{cause_in_words, pretty, write};
use super::{AnyFormat, CliError, Context, Exit};
use crate::domain::subscription::State;
use crate::domain::subscription::table::{self, Answer, Case, Pair};

const EXAMPLES: &str = "\
Examples:
  kasacare states
  kasacare states --format mermaid > states.mmd
  kasacare states --format json | jq '.[] | select(.state == \"suspended\")'

Needs no database: the answers are what the state machine says.";

/// What the table can be printed as.
pub const FORMATS: &[AnyFormat] = &[AnyFormat::Markdown, AnyFormat::Mermaid, AnyFormat::Json];

/// Print every state and command, and what happens or why it is refused
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

/// Prints it.
///
/// # Errors
/// [`CliError::Write`].
pub fn run(_args: &Args, context: &Context) -> Result<Exit, CliError> {
    let pairs = table::pairs();
    let text = match context.asked.unwrap_or(AnyFormat::Markdown) {
        AnyFormat::Json => pretty(&serde_json::to_value(&pairs).map_err(|error| CliError::Write(error.into()))?),
        AnyFormat::Mermaid => mermaid(&pairs),
        _ => markdown(&pairs),
    };
    write(&text)?;
    Ok(Exit::Done)
}

/// A section a state: one row a command.
fn markdown(pairs: &[Pair]) -> String {
    let mut text = String::from("# Subscription states\n");
    for state in State::NAMES {
        text.push_str(&format!("\n## {state}\n\n| command | what happens, or why not |\n|---|---|\n"));
        for pair in pairs.iter().filter(|pair| pair.state == *state) {
            let cases: Vec<String> = pair.cases.iter().map(|case| told(state, case)).collect();
            text.push_str(&format!("| `{}` | {} |\n", pair.command, cases.join("<br>")));
        }
    }
    text
}

fn told(state: &str, case: &Case) -> String {
    let answer = match &case.answer {
        Answer::AlreadySo => "nothing: it is so already".to_owned(),
        Answer::Refused { because } => format!("refused: it is {state}, {because}"),
        Answer::Happens { events, to, intent, cause } => {
            let with = cause.map(cause_in_words).or(*intent).map(|with| format!(" ({with})")).unwrap_or_default();
            let place = if *to == state { format!("stays `{to}`{with}") } else { format!("**→ `{to}`**{with}") };
            format!("{place}: {}", events.join(", "))
        }
    };
    if case.when.is_empty() { answer } else { format!("*{}*: {answer}", case.when.join("; ")) }
}

/// A diagram: an arrow for each pair of states with the commands that lead from one to the other.
fn mermaid(pairs: &[Pair]) -> String {
    let mut arrows: BTreeMap<(usize, usize), Vec<&str>> = BTreeMap::new();
    let place = |name: &str| State::NAMES.iter().position(|state| *state == name).unwrap_or_default();
    for pair in pairs {
        for case in &pair.cases {
            let Answer::Happens { to, .. } = case.answer else { continue };
            let commands = arrows.entry((place(pair.state), place(to))).or_default();
            if commands.last() != Some(&pair.command) {
                commands.push(pair.command);
            }
        }
    }
    let mut text = String::from("stateDiagram-v2\n    [*] --> free\n");
    for ((from, to), commands) in arrows {
        text.push_str(&format!("    {} --> {}: {}\n", State::NAMES[from], State::NAMES[to], commands.join(", ")));
    }
    text.push_str("    closed --> [*]\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::subscription::Command;

    #[test]
    fn every_state_and_command_is_printed() {
        let text = markdown(&table::pairs());
        for state in State::NAMES {
            assert!(text.contains(&format!("\n## {state}\n")), "{state}");
        }
        for command in Command::NAMES {
            assert_eq!(text.matches(&format!("| `{command}` | ")).count(), State::NAMES.len(), "{command}");
        }
    }

    #[test]
    fn the_diagram_has_arrows_for_what_happens_alone() {
        let text = mermaid(&table::pairs());
        assert!(text.contains("    pending --> active: activate\n"), "{text}");
        assert!(text.contains("    past_due --> active: pay_up\n"), "{text}");
        assert!(!text.contains("closed --> active"), "{text}");
    }
}
