//! The list of commands in `--help`, in groups: what one needs first stands first.

use clap::Command;

/// Headings and the commands under them, in this order. A command that is in no group is listed under "More".
const GROUPS: &[(&str, &[&str])] = &[
    ("Begin", &["demo", "init", "import", "stripe"]),
    ("For customers", &["subscribe", "trial", "cancel", "change-plan", "resume", "transfer-camera", "promotion", "payment-method"]),
    (
        "For operators",
        &[
            "suspend",
            "reinstate",
            "terminate",
            "cancel-unpaid",
            "collection-cost",
            "write-off",
            "unapplied",
            "captured",
            "refund-paid",
            "credit",
            "credit-paid",
            "correct",
            "price",
            "parked",
            "release",
            "tasks",
            "inbox",
        ],
    ),
    ("Run", &["run", "serve", "simulate"]),
    ("Reconcile and close", &["settlement", "reconcile", "breaks", "close"]),
    ("Look", &["report", "account", "explain", "journal", "trial-balance", "check", "states", "quote"]),
];

/// The command with its list of commands in groups.
#[must_use]
pub(super) fn grouped(command: Command) -> Command {
    let list = listed(&command);
    command.help_template(format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{list}\nOptions:\n{{options}}{{after-help}}"))
}

fn listed(command: &Command) -> String {
    let about = |name: &str| {
        let found = command.get_subcommands().find(|known| known.get_name() == name)?;
        Some(found.get_about().map(ToString::to_string).unwrap_or_default())
    };
    let is_grouped = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let more: Vec<&str> = command.get_subcommands().map(Command::get_name).filter(|name| !is_grouped(name)).collect();
    let mut list = String::new();
    for (heading, names) in GROUPS.iter().copied().chain([("More", more.as_slice())]) {
        let lines: Vec<String> = names.iter().filter_map(|name| Some(format!("  {name:<16}  {}\n", about(name)?))).collect();
        if !lines.is_empty() {
            list.push_str(&format!("\n{heading}:\n{}", lines.concat()));
        }
    }
    list
}
