//! Whether the month is closed: sealed when and by whom, or open and provisional.

use chrono::{DateTime, NaiveDate, Utc};

use super::Month;
use crate::reports::ReportError;
use crate::reports::sheet::words::grouped;
use crate::reports::sheet::{Asked, Cell, Column, Head, Section, Sink, Teller};
use crate::store::closings::{self, Closing};
use crate::store::db::Tx;

/// The report's name.
pub(super) const NAME: &str = "month-close";

/// Tells it, and gives it in words.
pub(super) async fn tell(
    tx: &mut Tx,
    month: Month,
    known_at: Option<DateTime<Utc>>,
    through: NaiveDate,
    sink: &mut dyn Sink,
) -> Result<String, ReportError> {
    let acts = closings::acts(tx).await?;
    let known: Vec<Closing> = acts.into_iter().filter(|act| known_at.is_none_or(|known_at| act.at <= known_at)).collect();
    let closed = closings::in_force(&known).into_iter().find(|act| act.month == month.first());
    let about = "Whether the month is closed; then nothing is posted into it any more, and its figures are final";
    let asked = Asked { from: Some(month.first()), to: Some(through), known_at, ..Asked::default() };
    let mut teller = Teller::begin(sink, &Head { name: NAME, title: "Month close", about, asked })?;
    let columns = vec![
        Column::text("month", "Month"),
        Column::text("state", "State"),
        Column::date("through", "Figures through"),
        Column::text("at", "Closed at"),
        Column::text("by", "By"),
        Column::count("entries", "Entries sealed"),
        Column::text("last_entry", "Last entry"),
        Column::text("digest", "Digest of the trial balance"),
    ];
    teller.section(Section::new("state", "State", None, columns))?;
    let text = |text: Option<String>| Cell::or_empty(text, Cell::Text);
    teller.row(&[
        Cell::Text(month.in_digits()),
        Cell::text(if closed.is_some() { "closed" } else { "open: provisional" }),
        Cell::Date(through),
        text(closed.map(|act| moment(act.at))),
        text(closed.map(|act| act.actor.clone())),
        Cell::or_empty(closed.map(|act| act.seal.entries), Cell::Count),
        text(closed.and_then(|act| act.seal.last_entry.clone())),
        text(closed.map(|act| act.seal.digest.clone())),
    ])?;
    teller.end()?;
    Ok(match closed {
        Some(act) => format!(
            "Closed on {} by {}; sealed: {} entries, trial balance {}",
            moment(act.at),
            act.actor,
            grouped(&act.seal.entries.to_string()),
            act.seal.digest
        ),
        None if through < month.last() => format!("Not over: figures through {through}, provisional"),
        None => "Open: all figures are provisional until the month is closed".to_owned(),
    })
}

fn moment(at: DateTime<Utc>) -> String {
    format!("{} UTC", at.format("%Y-%m-%d %H:%M:%S"))
}
