//! The provider's side: the money objects of the simulated provider against our attempts (I1, I2, I4, I5).
//!
//! What is on its way is no fault: an attempt whose outcome we have not settled yet, and news that we have not read yet.

use super::findings::{Check, Finding, Findings, counted};
use crate::reports::ReportError;
use crate::store::binding;
use crate::store::db::{Row, Sql, Tx, Value};
use crate::values;

crate::statements! {
    /// How many objects there are on the two sides.
    COUNTS = same(
        "select (select count(*) from sim_charge) + (select count(*) from charges where state = 'succeeded') as charges, \
         (select count(*) from sim_refund) + (select count(*) from refunds where state = 'succeeded') as refunds, \
         (select count(*) from sim_dispute) + (select count(*) from disputes) as disputes"
    );
    /// How far the provider's events were read; they are numbered.
    CURSOR = same("select cursor from provider_cursors where provider = 'simulated'");
    /// The last event that there is.
    LAST_EVENT = same("select coalesce(max(seq), 0) as last from sim_event");
    /// Money that moved, or is moving, and does not agree with its attempt.
    THEIR_CHARGES = same(
        "select s.account_id, s.charge_id as id, s.reference, s.state as theirs, s.amount_minor as their_minor, \
         c.state as ours, c.amount_minor as our_minor, case when a.currency = s.currency then 1 else 0 end as one_currency, \
         case when c.reference = s.reference and c.invoice_id = s.invoice_id then 1 else 0 end as one_reference \
         from sim_charge s left join charges c on c.account_id = s.account_id and c.charge_id = s.charge_id \
         left join accounts a on a.account_id = s.account_id \
         where s.state in ('captured', 'pending') and (c.charge_id is null or a.account_id is null or c.amount_minor <> s.amount_minor \
         or a.currency <> s.currency or c.invoice_id <> s.invoice_id or c.state in ('failed', 'abandoned') \
         or (c.state = 'succeeded' and (s.state = 'pending' or c.reference <> s.reference))) \
         order by s.account_id, s.charge_id, s.reference"
    );
    /// Charges of which the provider counts otherwise what it gave back or took for disputes than its refunds and disputes say.
    THEIR_SUMS = same(
        "select s.account_id, s.charge_id as id, s.refunded_minor, s.disputed_minor, \
         coalesce(f.refunded, 0) as refunded, coalesce(d.disputed, 0) as disputed from sim_charge s \
         left join (select charge_reference, cast(sum(amount_minor) as bigint) as refunded from sim_refund where state <> 'failed' \
         group by charge_reference) as f on f.charge_reference = s.reference \
         left join (select charge_reference, cast(sum(amount_minor) as bigint) as disputed from sim_dispute where state <> 'won' \
         group by charge_reference) as d on d.charge_reference = s.reference \
         where s.refunded_minor <> coalesce(f.refunded, 0) or s.disputed_minor <> coalesce(d.disputed, 0) \
         order by s.account_id, s.charge_id, s.reference"
    );
    /// Attempts that count as captured, and are not.
    OUR_CHARGES = same(
        "select c.account_id, c.charge_id as id from charges c where c.state = 'succeeded' and not exists \
         (select 1 from sim_charge s where s.charge_id = c.charge_id and s.account_id = c.account_id and s.state = 'captured') \
         order by c.account_id, c.charge_id"
    );
    /// Periods that were captured more than once, and corrections more often than there are some. A charge that paid older invoices
    /// (PD-4) was not for its own period alone, and that period is captured again; so is one of whose
    /// amount a part had not come in (PV-5).
    REPEATED = same(
        "select s.account_id, s.invoice_id as id, count(*) as captures from sim_charge s \
         join charges c on c.account_id = s.account_id and c.charge_id = s.charge_id where s.state = 'captured' \
         group by s.account_id, s.invoice_id, c.purpose having sum(case when exists (select 1 from payments p \
         where p.account_id = c.account_id and p.charge_id = c.charge_id and p.invoice_id <> c.invoice_id) \
         or exists (select 1 from tasks t where t.account_id = c.account_id and t.task_id = 'tk_captured_less_' || c.charge_id) then 0 else 1 end) > case when c.purpose = 'period' then 1 else \
         (select count(*) from corrections k where k.account_id = s.account_id and k.invoice_id = s.invoice_id) end \
         order by s.account_id, s.invoice_id"
    );
    /// Refunds that do not agree with ours; `$1` is the last event that we have read.
    THEIR_REFUNDS = same(
        "select s.account_id, f.refund_id as id, f.reference, f.state as theirs, f.amount_minor as their_minor, \
         r.state as ours, r.amount_minor as our_minor, case when r.charge_id = s.charge_id then 1 else 0 end as one_charge \
         from sim_refund f join sim_charge s on s.reference = f.charge_reference \
         left join refunds r on r.account_id = s.account_id and r.refund_id = f.refund_id \
         where r.refund_id is null or r.amount_minor <> f.amount_minor or r.charge_id <> s.charge_id \
         or (f.state <> 'failed' and r.state in ('failed', 'abandoned')) or (f.state = 'pending' and r.state = 'succeeded') \
         or (f.state = 'succeeded' and r.state = 'succeeded' and r.reference <> f.reference) \
         or (f.state = 'failed' and r.state = 'succeeded' and not exists \
         (select 1 from sim_event e where e.subject = f.reference and e.seq > $1)) \
         order by s.account_id, f.refund_id, f.reference"
    );
    /// Refunds that count as paid out, and are not known to the provider.
    OUR_REFUNDS = same(
        "select r.account_id, r.refund_id as id from refunds r where r.state = 'succeeded' and not exists \
         (select 1 from sim_refund f where f.refund_id = r.refund_id) order by r.account_id, r.refund_id"
    );
    /// Charges of which more refunds and lost disputes are ours than the provider captured.
    OVERDRAWN = same(
        "select s.account_id, s.charge_id as id, s.amount_minor as their_minor, \
         cast(coalesce(sum(f.amount_minor), 0) as bigint) as returned from sim_charge s \
         join sim_refund f on f.charge_reference = s.reference and f.state <> 'failed' where s.state = 'captured' \
         group by s.account_id, s.charge_id, s.reference, s.amount_minor having sum(f.amount_minor) > s.amount_minor \
         order by s.account_id, s.charge_id"
    );
    /// Disputes of ours that do not agree with theirs. What the provider takes for a payment that was refunded may be more than
    /// what is left of it here (F60).
    OUR_DISPUTES = same(
        "select d.account_id, d.dispute_id as id, d.state as ours, d.amount_minor as our_minor, \
         t.state as theirs, t.amount_minor as their_minor, case when s.charge_id = d.charge_id then 1 else 0 end as one_charge \
         from disputes d left join sim_dispute t on t.dispute_id = d.dispute_id \
         left join sim_charge s on s.reference = t.charge_reference \
         where t.dispute_id is null or s.charge_id <> d.charge_id or s.account_id <> d.account_id or d.amount_minor > t.amount_minor \
         or d.fee_minor <> t.fee_minor or (d.state = 'won' and t.state <> 'won') or (d.state = 'lost' and t.state = 'open') \
         order by d.account_id, d.dispute_id"
    );
}

/// Compares the two sides.
pub(super) async fn inspect(tx: &mut Tx, findings: &mut Findings) -> Result<(), ReportError> {
    if binding::read(tx).await?.is_some() {
        // The money is at a real provider: its side is what reconciliation is about.
        return Ok(());
    }
    let counts = tx.fetch_one(&COUNTS, &[]).await?;
    for (check, column) in [(Check::ProviderCharges, "charges"), (Check::ProviderRefunds, "refunds"), (Check::ProviderDisputes, "disputes")]
    {
        findings.looked_at(check, counted(counts.int(column)?));
    }
    let read = tx.fetch_optional(&CURSOR, &[]).await?.map(|row| row.text("cursor")).transpose()?;
    // Before the first event nothing has been read.
    let read = read.map_or(Some(0), |cursor| cursor.parse::<i64>().ok());
    let last = tx.fetch_one(&LAST_EVENT, &[]).await?.int("last")?;
    findings.looked_at(Check::ProviderEvents, 1);
    if read.is_none_or(|read| read > last) {
        let problem = format!("were read up to {read:?}, the last one is {last}");
        findings.broken(Check::ProviderEvents, Finding { account: None, subject: "events".to_owned(), problem });
    }
    let read = values![read.unwrap_or_default()];
    each(tx, &THEIR_CHARGES, &[], Check::ProviderCharges, findings, |row| disagreement(row, "captured", "one_reference")).await?;
    each(tx, &THEIR_SUMS, &[], Check::ProviderCharges, findings, |row| {
        Ok(format!(
            "has {} given back and {} disputed at the provider, its refunds and disputes there are {} and {}",
            row.int("refunded_minor")?,
            row.int("disputed_minor")?,
            row.int("refunded")?,
            row.int("disputed")?
        ))
    })
    .await?;
    each(tx, &OUR_CHARGES, &[], Check::ProviderCharges, findings, |_| Ok("counts as captured, the provider has no capture".to_owned()))
        .await?;
    each(tx, &REPEATED, &[], Check::ProviderCharges, findings, |row| Ok(format!("was captured {} times", row.int("captures")?))).await?;
    each(tx, &THEIR_REFUNDS, &read, Check::ProviderRefunds, findings, |row| disagreement(row, "refunded", "one_charge")).await?;
    each(tx, &OUR_REFUNDS, &[], Check::ProviderRefunds, findings, |_| Ok("counts as paid out, the provider has no refund".to_owned()))
        .await?;
    each(tx, &OVERDRAWN, &[], Check::ProviderRefunds, findings, |row| {
        Ok(format!("{} were given back of {} captured", row.int("returned")?, row.int("their_minor")?))
    })
    .await?;
    each(tx, &OUR_DISPUTES, &[], Check::ProviderDisputes, findings, |row| match row.opt_text("theirs")? {
        None => Ok("the provider has no such dispute".to_owned()),
        Some(theirs) => Ok(format!(
            "is {} for {} here and {theirs} for {} at the provider{}",
            row.text("ours")?,
            row.int("our_minor")?,
            row.int("their_minor")?,
            if row.flag("one_charge")? { "" } else { ", of another charge" }
        )),
    })
    .await
}

fn disagreement(row: &Row, moved: &str, same_object: &str) -> Result<String, ReportError> {
    let (theirs, amount) = (row.text("theirs")?, row.int("their_minor")?);
    let Some(ours) = row.opt_text("ours")? else {
        return Ok(format!("{amount} minor units are {theirs} at the provider without a request of ours ({})", row.text("reference")?));
    };
    let other = if row.flag(same_object)? { "" } else { ", under another object" };
    Ok(format!("is {theirs} at the provider for {amount}, {ours} here for {} to be {moved}{other}", row.int("our_minor")?))
}

async fn each(
    tx: &mut Tx,
    sql: &Sql,
    values: &[Value],
    check: Check,
    findings: &mut Findings,
    problem: impl Fn(&Row) -> Result<String, ReportError>,
) -> Result<(), ReportError> {
    tx.for_each_batch(sql, values, |rows| {
        for row in &rows {
            let finding = Finding { account: Some(row.text("account_id")?), subject: row.text("id")?, problem: problem(row)? };
            findings.broken(check, finding);
        }
        Ok(())
    })
    .await
}
