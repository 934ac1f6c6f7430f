//! Reconciliation (RC): of each provider the last run that was stored, as it was shown then, and what was done about its breaks since.
//! Who did it is left out.

mod clearing;
mod stored;
mod unmatched;

pub(super) use self::clearing::STATEMENTS as CLEARING_STATEMENTS;
pub(super) use unmatched::STATEMENTS as UNMATCHED_STATEMENTS;

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use self::stored::{Break, Day, Known, Run, Stored, chosen};
use super::Span;
use super::books::{amount, posted};
use crate::domain::calendar::DATE_MAX;
use crate::domain::ledger::UNMATCHED;
use crate::domain::money::{Currency, Money};
use crate::domain::reconcile::BreakState;
use crate::domain::settlement::is_booked;
use crate::reports::ReportError;
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::store::db::{Tx, Value};
use crate::values;

crate::statements! {
    /// The runs that were made by an instant, without what they found.
    RUNS = same(
        "select r.run_id, r.provider, r.through_on, r.started_at from reconciliation_runs r where r.started_at <= $1 \
         order by r.provider, r.through_on, r.started_at, r.run_id"
    );
    /// What one found.
    BODY = same("select body from reconciliation_runs where run_id = $1");
    /// What was done last about these breaks by an instant.
    LAST_ACTS = same(
        "select b.break_id, b.act from break_acts b where b.break_id {in:$1} and b.acted_at <= $2 and b.act not like 'assigned to %' \
         and not exists (select 1 from break_acts n where n.break_id = b.break_id and n.acted_at <= $2 and n.act_no > b.act_no \
         and n.act not like 'assigned to %')"
    );
}

/// The section that says how far each provider is reconciled.
pub(in crate::reports) const RUNS_TOLD: &str = "runs";

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    // A run may go on through days on which nothing of ours was posted.
    let through = if span.is_open { DATE_MAX } else { span.to };
    let mut runs = Vec::new();
    let mut known = Vec::new();
    for row in tx.fetch_all(&RUNS, &values![span.known_until()]).await? {
        known.push(Known { id: row.text_at(0)?, provider: row.text_at(1)?, through: row.date_at(2)?, started_at: row.int_at(3)? });
    }
    for (provider, known) in chosen(known, through) {
        let row = tx.fetch_one(&BODY, &values![&known.id]).await?;
        let mut run: Run = serde_json::from_str(row.str_at(0)?).map_err(|_| row.corrupt("body", "cannot be read"))?;
        let goes_on = Some(known.through).filter(|last| *last > through);
        if goes_on.is_some() {
            run.cut(through);
        }
        runs.push(Stored { provider, through: known.through.min(through), goes_on, started_at: known.started_at, run });
    }
    if runs.is_empty() {
        teller.note("No run of the reconciliation is stored; see kasacare reconcile --propose.");
    }
    let of_customers = unmatched::of_customers(tx, through, span.known_until()).await?;
    // What stands on 1290, by currency: of customers, and under the breaks of every provider.
    let mut on_1290: BTreeMap<Currency, i128> = BTreeMap::new();
    let day = through;
    let mut under = Vec::new();
    for Stored { provider, run, .. } in &mut runs {
        let under_breaks = unmatched::under_breaks(tx, provider, day, span.known_until()).await?;
        unmatched::told(tx, &mut run.breaks, &under_breaks, day).await?;
        follow(tx, &mut run.breaks, span).await?;
        under.push(under_breaks);
    }
    tell_runs(teller, &runs)?;
    for (Stored { provider, through, goes_on, started_at, run }, under_breaks) in runs.iter().zip(under) {
        match goes_on {
            None => teller.note(format!("{provider} through {through}: {} pairs agree.", run.agreed)),
            Some(last) => {
                teller.note(format!("{provider} through {through}, of a run through {last}, in which {} pairs agree.", run.agreed));
            }
        }
        let mut currencies: Vec<Currency> = run.equations.iter().map(|day| day.closing.currency()).collect();
        currencies.extend(run.payouts.iter().map(|payout| payout.amount.currency()));
        currencies.extend(run.breaks.iter().map(|it| it.amount.currency()));
        currencies.extend(under_breaks.keys().map(|(currency, _)| *currency));
        currencies.sort();
        currencies.dedup();
        for currency in currencies.into_iter().filter(|currency| span.shows(*currency)) {
            let (posted, later) = clearing::at(tx, provider, (*through, *started_at), currency).await?;
            let part = Part { provider, through: *through, currency, run, later };
            part.tell(teller)?;
            if let Some(last) = part.days().last() {
                let there = last.provider_balance.plus(last.timing)?.plus(last.breaks)?;
                teller.tie(format!("{provider}: 1200 = their balance + timing + breaks"), last.closing, there);
                teller.tie(format!("{provider}: 1200 of the run = 1200 posted by then + posted later"), last.closing, posted.plus(later)?);
            }
            if is_booked(provider) {
                let of_breaks: i128 = part.told_breaks().filter_map(|it| it.unmatched).map(|amount| i128::from(amount.minor())).sum();
                *on_1290.entry(currency).or_insert_with(|| of_customers.get(&currency).copied().unwrap_or_default()) += of_breaks;
            }
        }
    }
    let balances = posted(tx, through, span).await?;
    for (currency, told) in on_1290 {
        let there = balances.get(&(currency, UNMATCHED.number)).copied().unwrap_or_default();
        let (here, there) = (amount(told, "1290", currency)?, amount(there, "1290", currency)?);
        teller.tie("1290 under breaks of all providers + refunds that moved too much = 1290", here, there);
    }
    Ok(())
}

/// How far each provider is reconciled.
fn tell_runs(teller: &mut Teller<'_>, runs: &[Stored]) -> Result<(), ReportError> {
    if runs.is_empty() {
        return Ok(());
    }
    let columns = vec![
        Column::text("provider", "Provider"),
        Column::date("through", "Reconciled through"),
        Column::count("agreed", "Pairs that agree"),
        Column::count("waiting", "Breaks that wait"),
    ];
    teller.section(Section::new(RUNS_TOLD, "Runs", None, columns))?;
    for Stored { provider, through, run, .. } in runs {
        let waiting = run.breaks.iter().filter(|it| it.state.waits()).count();
        let count = |count: u64| Cell::Count(i64::try_from(count).unwrap_or(i64::MAX));
        teller.row(&[Cell::text(provider), Cell::Date(*through), count(run.agreed), count(waiting.try_into().unwrap_or(u64::MAX))])?;
    }
    Ok(())
}

/// Brings breaks to where they stand by what was done about them later.
async fn follow(tx: &mut Tx, breaks: &mut [Break], span: &Span) -> Result<(), ReportError> {
    let mut last = HashMap::new();
    for chunk in breaks.chunks(1_000) {
        let asked = [Value::texts(chunk.iter().map(|it| it.id.as_str())), Value::from(span.known_until())];
        for row in tx.fetch_all(&LAST_ACTS, &asked).await? {
            last.insert(row.text_at(0)?, row.text_at(1)?);
        }
    }
    for it in breaks {
        it.state = match last.get(&it.id).map(String::as_str) {
            Some("found" | "opened again" | "booking taken back") => BreakState::Open,
            Some("explained") => BreakState::Explained,
            Some("resolved" | "closed itself" | "booked as a fee" | "matched") => BreakState::Resolved,
            Some("written off" | "booked within the tolerance") => BreakState::WrittenOff,
            _ => it.state,
        };
    }
    Ok(())
}

/// One currency of a run.
struct Part<'a> {
    provider: &'a str,
    through: NaiveDate,
    currency: Currency,
    run: &'a Run,
    /// What the run has on 1200 and the books have later.
    later: Money,
}

impl<'a> Part<'a> {
    fn days(&self) -> impl Iterator<Item = &'a Day> + use<'a, '_> {
        self.run.equations.iter().filter(|day| day.closing.currency() == self.currency)
    }

    fn heading(&self, what: &str) -> String {
        format!("{}: {what} through {}", self.provider, self.through)
    }

    fn tell(&self, teller: &mut Teller<'_>) -> Result<(), ReportError> {
        self.tell_balance(teller)?;
        self.tell_ages(teller)?;
        self.tell_breaks(teller)?;
        self.tell_payouts(teller)?;
        self.tell_days(teller)
    }

    /// The first equation over all days.
    fn tell_balance(&self, teller: &mut Teller<'_>) -> Result<(), ReportError> {
        let columns = vec![Column::text("part", "Part"), Column::money("amount", "Amount")];
        teller.section(Section::new("equation", self.heading("equation"), self.currency, columns))?;
        let sum = |of: fn(&Day) -> Money| {
            let exact = self.days().map(|day| i128::from(of(day).minor())).sum();
            amount(exact, "the days of a run", self.currency)
        };
        let last = |of: fn(&Day) -> Money| self.days().last().map_or(Money::zero(self.currency), of);
        let parts = [
            ("captures", sum(|day| day.captures)?),
            ("refunds", sum(|day| day.refunds)?),
            ("refunds that came back", sum(|day| day.failed_refunds)?),
            ("disputes", sum(|day| day.disputes)?),
            ("disputes won", sum(|day| day.disputes_won)?),
            ("fees", sum(|day| day.fees)?),
            ("adjustments", sum(|day| day.adjustments)?),
            ("payouts", sum(|day| day.payouts)?),
            ("1200 at the end", last(|day| day.closing)),
            ("of it posted later, as the month was closed", self.later),
            ("1200 by the trial balance", last(|day| day.closing).minus(self.later)?),
            ("balance at the provider", last(|day| day.provider_balance)),
            ("residual", last(|day| day.residual)),
            ("of it timing", last(|day| day.timing)),
            ("of it breaks", last(|day| day.breaks)),
            ("unexplained", last(|day| day.unexplained)),
        ];
        parts.into_iter().try_for_each(|(part, amount)| teller.row(&[Cell::text(part), Cell::Money(amount)]))
    }

    fn waiting(&self) -> impl Iterator<Item = &'a Break> + use<'a, '_> {
        self.run.breaks.iter().filter(|it| it.state.waits() && it.amount.currency() == self.currency)
    }

    /// Those that wait, and those that had money on 1290 then and wait no more.
    fn told_breaks(&self) -> impl Iterator<Item = &'a Break> + use<'a, '_> {
        let has_money = |it: &Break| it.unmatched.is_some_and(|there| !there.is_zero());
        self.run.breaks.iter().filter(move |it| (it.state.waits() || has_money(it)) && it.amount.currency() == self.currency)
    }

    fn tell_ages(&self, teller: &mut Teller<'_>) -> Result<(), ReportError> {
        let mut ages: BTreeMap<&str, (i64, i128)> = BTreeMap::new();
        for it in self.waiting() {
            let (count, sum) = ages.entry(&it.age).or_default();
            *count += 1;
            *sum += i128::from(it.amount.minor());
        }
        let columns = vec![Column::text("age", "Days"), Column::tally("breaks", "Breaks"), Column::sum("amount", "Ours less theirs")];
        teller.section(Section::new("ages", self.heading("breaks by age"), self.currency, columns))?;
        for band in ["0-1", "2-5", "6-10", "11-30", "> 30"] {
            let (count, sum) = ages.get(band).copied().unwrap_or_default();
            teller.row(&[Cell::text(band), Cell::Count(count), Cell::Money(amount(sum, "breaks", self.currency)?)])?;
        }
        Ok(())
    }

    fn tell_breaks(&self, teller: &mut Teller<'_>) -> Result<(), ReportError> {
        let columns = vec![
            Column::text("break", "Break"),
            Column::text("kind", "Kind"),
            Column::text("state", "State"),
            Column::date("since", "Since"),
            Column::count("age_days", "Days"),
            Column::sum("amount", "Ours less theirs"),
            Column::sum("set_aside", "On 1290"),
            Column::text("account", "Account"),
            Column::text("ours", "Ours"),
            Column::text("theirs", "Theirs"),
            Column::text("proposal", "Proposal"),
        ];
        teller.section(Section::detail("breaks", self.heading("breaks that wait, or had money on 1290"), self.currency, columns))?;
        for it in self.told_breaks() {
            let id = |id: &Option<String>| Cell::or_empty(id.clone(), Cell::Text);
            teller.row(&[
                Cell::text(&it.id),
                Cell::text(it.kind.tag()),
                Cell::text(it.state.tag()),
                Cell::Date(it.since),
                Cell::Count(it.age_days),
                Cell::Money(it.amount),
                Cell::or_empty(it.unmatched, Cell::Money),
                id(&it.account),
                id(&it.ours),
                id(&it.theirs),
                Cell::text(&it.proposal),
            ])?;
        }
        Ok(())
    }

    fn tell_payouts(&self, teller: &mut Teller<'_>) -> Result<(), ReportError> {
        let columns = vec![
            Column::text("payout", "Payout"),
            Column::date("sent_on", "Sent"),
            Column::date("arrives_on", "Arrives"),
            Column::sum("amount", "Amount"),
            Column::count("lines", "Movements"),
            Column::money("lines_net", "Their sum"),
            Column::money("residual", "Residual"),
            Column::text("bank_line", "Line of the bank"),
            Column::money("bank_residual", "Residual at the bank"),
            Column::text("stands", "Stands"),
        ];
        teller.section(Section::detail("payouts", self.heading("payouts"), self.currency, columns))?;
        for it in self.run.payouts.iter().filter(|it| it.amount.currency() == self.currency) {
            teller.row(&[
                Cell::text(&it.payout),
                Cell::Date(it.sent_on),
                Cell::Date(it.arrives_on),
                Cell::Money(it.amount),
                Cell::Count(i64::try_from(it.lines).unwrap_or(i64::MAX)),
                Cell::or_empty(it.lines_net, Cell::Money),
                Cell::or_empty(it.residual, Cell::Money),
                Cell::or_empty(it.bank_line.clone(), Cell::Text),
                Cell::or_empty(it.bank_residual, Cell::Money),
                Cell::text(&it.stands),
            ])?;
        }
        Ok(())
    }

    /// The first equation day by day.
    fn tell_days(&self, teller: &mut Teller<'_>) -> Result<(), ReportError> {
        let stands = |key, heading| Column::money(key, heading);
        let columns = vec![
            Column::date("on", "Day"),
            stands("opening", "Opening"),
            Column::sum("captures", "Captures"),
            Column::sum("refunds", "Refunds"),
            Column::sum("failed_refunds", "Came back"),
            Column::sum("disputes", "Disputes"),
            Column::sum("disputes_won", "Won"),
            Column::sum("fees", "Fees"),
            Column::sum("adjustments", "Adjustments"),
            Column::sum("payouts", "Payouts"),
            stands("closing", "1200"),
            stands("provider_balance", "Their balance"),
            stands("residual", "Residual"),
            stands("timing", "Timing"),
            stands("breaks", "Breaks"),
            stands("unexplained", "Unexplained"),
        ];
        teller.section(Section::detail("days", self.heading("equation by day"), self.currency, columns))?;
        for it in self.days() {
            let moved = [it.opening, it.captures, it.refunds, it.failed_refunds, it.disputes, it.disputes_won, it.fees, it.adjustments];
            let stands = [it.payouts, it.closing, it.provider_balance, it.residual, it.timing, it.breaks, it.unexplained];
            let cells = [Cell::Date(it.on)].into_iter().chain(moved.into_iter().chain(stands).map(Cell::Money));
            teller.row(&cells.collect::<Vec<_>>())?;
        }
        Ok(())
    }
}
