//! A run in each format, from nothing but what is stored of it.

use comfy_table::CellAlignment;

use crate::cli::{AnyFormat, CliError, table};
use crate::domain::money::Money;
use crate::domain::reconcile::BreakKind;
use crate::domain::settlement::is_booked;
use crate::engine::reconcile::report::{BookedNoMore, BreakLine, RunReport};
use crate::reports::neutral;

/// The runs as text.
///
/// # Errors
/// [`CliError::Write`].
pub fn shown(reports: &[RunReport], format: Option<AnyFormat>) -> Result<String, CliError> {
    match format {
        Some(AnyFormat::Json) => {
            let json = serde_json::to_string_pretty(&serde_json::json!({ "runs": reports }));
            json.map(|text| text + "\n").map_err(|error| CliError::Write(error.into()))
        }
        Some(AnyFormat::Csv) => csv(reports),
        _ => Ok(reports.iter().map(in_words).collect::<Vec<_>>().join("\n")),
    }
}

fn in_words(report: &RunReport) -> String {
    let RunReport { run, provider, through, agreed, .. } = report;
    let mut text = format!("Reconciliation of {provider} through {through}, run {run}\n\n");
    for input in &report.inputs {
        text.push_str(&format!("  {:<20} {:>9}  sha256 {}\n", input.what, input.rows, input.digest));
    }
    text.push_str(&format!("  {:<20} {agreed:>9}\n", "pairs that agree"));
    text.push_str(&balances(report));
    text.push_str(&payouts(report));
    text.push_str(&breaks(report));
    text.push_str(&booked_no_more(report));
    text
}

fn booked_no_more(report: &RunReport) -> String {
    let mut text = String::new();
    for BookedNoMore { id, amount, on, was_taken_back } in &report.booked_no_more {
        let what = if *was_taken_back { "was taken back" } else { "--apply takes it back" };
        text.push_str(&format!("Break {id} is no more what was booked: {amount} from 1290 to {on}; {what}\n"));
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

/// The first equation at the end; the days are in the JSON.
fn balances(report: &RunReport) -> String {
    let mut text = String::new();
    for day in report.last_days() {
        let of_currency = || report.equations.iter().filter(|other| other.closing.currency() == day.closing.currency());
        let sum = |part: fn(&crate::engine::reconcile::report::Equation) -> Money| {
            crate::domain::money::total(day.closing.currency(), of_currency().map(part)).map_or_else(|_| "?".to_owned(), Money::major)
        };
        let currency = day.closing.currency();
        text.push_str(&format!("\nOur balance at the provider (1200), {currency}\n"));
        let lines = [
            ("payments", sum(|it| it.captures)),
            ("refunds", sum(|it| it.refunds)),
            ("refunds that came back", sum(|it| it.failed_refunds)),
            ("disputes with their fees", sum(|it| it.disputes)),
            ("disputes won", sum(|it| it.disputes_won)),
            ("the provider's fees", sum(|it| it.fees)),
            ("set aside, other postings", sum(|it| it.adjustments)),
            ("payouts", sum(|it| it.payouts)),
            ("closing balance, by our postings", day.closing.major()),
            ("the provider's balance, by its movements", day.provider_balance.major()),
            ("residual", day.residual.major()),
            ("  of it timing", day.timing.major()),
            ("  of it breaks", day.breaks.major()),
            ("  unexplained", day.unexplained.major()),
        ];
        for (name, amount) in lines {
            text.push_str(&format!("  {name:<42} {amount:>16}\n"));
        }
    }
    let odd: Vec<String> = report.unexplained().map(|day| format!("{} {}", day.on, day.unexplained)).take(10).collect();
    if !odd.is_empty() {
        text.push_str(&format!("\nDays with something unexplained: {}\n", odd.join(", ")));
    }
    text
}

fn payouts(report: &RunReport) -> String {
    let proven = |payout: &&crate::engine::reconcile::report::PayoutProof| {
        payout.stands == "on the bank" && payout.residual.is_none_or(Money::is_zero) && payout.bank_residual.is_none_or(Money::is_zero)
    };
    let count = report.payouts.iter().filter(proven).count();
    let mut text = format!("\nPayouts: {} of {} proven to the bank\n", count, report.payouts.len());
    let open: Vec<_> = report.payouts.iter().filter(|payout| !proven(payout)).collect();
    if !open.is_empty() {
        let mut table = table(&["payout", "sent", "arrives", "amount", "lines less amount", "stands"]);
        for payout in open {
            let residual = payout.residual.map_or_else(|| "not told".to_owned(), |residual| residual.to_string());
            let (sent, arrives) = (payout.sent_on.to_string(), payout.arrives_on.to_string());
            table.add_row([payout.payout.clone(), sent, arrives, payout.amount.to_string(), residual, payout.stands.clone()]);
        }
        text.push_str(&format!("{table}\n"));
    }
    text
}

fn breaks(report: &RunReport) -> String {
    if report.breaks.is_empty() && !is_booked(&report.provider) {
        let provider = &report.provider;
        return format!("\nNothing of ours can be held against these: what {provider} charges for itself is in nobody's books here.\n");
    }
    if report.breaks.is_empty() {
        return "\nNo breaks.\n".to_owned();
    }
    let mut text = String::from("\nBreaks\n");
    let mut table = table(&["break", "kind", "state", "age", "amount", "ours", "theirs", "proposal"]);
    for line in &report.breaks {
        table.add_row([
            line.id.clone(),
            line.kind.tag().to_owned(),
            line.state.tag().to_owned(),
            line.age.clone(),
            line.amount.to_string(),
            side(line.account.as_deref(), line.ours.as_deref(), line.ours_amount),
            side(None, line.theirs.as_deref(), line.theirs_amount),
            line.proposal.clone(),
        ]);
    }
    if let Some(column) = table.column_mut(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    text.push_str(&format!("{table}\n\n"));
    for kind in BreakKind::LADDER {
        let of_kind: Vec<&BreakLine> = report.breaks.iter().filter(|line| line.kind == *kind).collect();
        if !of_kind.is_empty() {
            let open = of_kind.iter().filter(|line| line.state.waits()).count();
            text.push_str(&format!("  {:<24} {:>6}, {open} open\n", kind.tag(), of_kind.len()));
        }
    }
    text
}

fn side(account: Option<&str>, id: Option<&str>, amount: Option<Money>) -> String {
    let account = account.map(|account| format!("{account} ")).unwrap_or_default();
    match (id, amount) {
        (Some(id), Some(amount)) => format!("{account}{id} {amount}"),
        (Some(id), None) => format!("{account}{id}"),
        (None, _) => String::new(),
    }
}

/// RFC 4180; one row a break. Ids of providers and names of persons would run as formulas in a spreadsheet, if they were written to.
fn csv(reports: &[RunReport]) -> Result<String, CliError> {
    let refused = |error: csv::Error| CliError::Write(error.into());
    let mut out = csv::Writer::from_writer(Vec::new());
    let header = [
        "run",
        "provider",
        "through",
        "break",
        "kind",
        "state",
        "owner",
        "since",
        "age_days",
        "age",
        "currency",
        "amount",
        "set_aside",
        "account",
        "ours",
        "ours_amount",
        "theirs",
        "theirs_amount",
        "proposal",
    ];
    out.write_record(header).map_err(refused)?;
    for report in reports {
        for line in &report.breaks {
            let text = |text: &Option<String>| text.as_deref().map(neutral).unwrap_or_default().into_owned();
            let amount = |amount: Option<Money>| amount.map(Money::major).unwrap_or_default();
            out.write_record([
                report.run.clone(),
                neutral(&report.provider).into_owned(),
                report.through.to_string(),
                line.id.clone(),
                line.kind.tag().to_owned(),
                line.state.tag().to_owned(),
                text(&line.owner),
                line.since.to_string(),
                line.age_days.to_string(),
                line.age.clone(),
                line.amount.currency().code().to_owned(),
                line.amount.major(),
                line.set_aside.major(),
                text(&line.account),
                text(&line.ours),
                amount(line.ours_amount),
                text(&line.theirs),
                amount(line.theirs_amount),
                neutral(&line.proposal).into_owned(),
            ])
            .map_err(refused)?;
        }
    }
    let bytes = out.into_inner().map_err(|error| CliError::Write(error.into_error()))?;
    String::from_utf8(bytes).map_err(|error| CliError::Write(std::io::Error::other(error)))
}
