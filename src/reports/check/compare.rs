//! The replayed account against the stored one, row by row.

use std::fmt::Debug;

use super::findings::{Check, Inspection};
use crate::domain::account::{Account, Method, Profile};
use crate::domain::change::Reference;
use crate::domain::keyed::Keyed;

/// Holds the stored account against the one that its events make. What no event tells is left out: names and tokens, document
/// numbers, and the day of the last catch-up. Due instants are compared apart, through the function that derives them.
pub(super) fn accounts(stored: &Account, replayed: Account, reference: Option<&Reference>, inspection: &mut Inspection<'_>) {
    let (mut stored, mut replayed) = (stored.clone(), replayed);
    replayed.profile.caught_up_on = stored.profile.caught_up_on;
    for (id, row) in &mut replayed.invoices {
        if let Some(stored) = stored.invoices.get(id) {
            row.number.clone_from(&stored.number);
        }
    }
    due_instants(&stored, &mut replayed, reference, inspection);
    forget_due_instants(&mut stored);
    forget_due_instants(&mut replayed);
    profile(&stored.profile, &replayed.profile, inspection);
    let cameras = stored.cameras == replayed.cameras;
    inspection.expect(Check::RowsFromEvents, cameras, "cameras", || {
        format!("{:?} are stored, the events leave {:?}", stored.cameras, replayed.cameras)
    });
    let mut tables = Tables { inspection };
    tables.compare("subscriptions", &stored.subscriptions, &replayed.subscriptions, ToString::to_string);
    tables.compare("invoices", &stored.invoices, &replayed.invoices, String::clone);
    tables.compare("charges", &stored.charges, &replayed.charges, String::clone);
    tables.compare("payments", &stored.payments, &replayed.payments, |(charge, invoice)| format!("{charge}/{invoice}"));
    tables.compare("refunds", &stored.refunds, &replayed.refunds, String::clone);
    tables.compare("notes", &stored.notes, &replayed.notes, String::clone);
    tables.compare("corrections", &stored.corrections, &replayed.corrections, String::clone);
    tables.compare("disputes", &stored.disputes, &replayed.disputes, String::clone);
    tables.compare("redemptions", &stored.redemptions, &replayed.redemptions, String::clone);
    tables.compare("collection_costs", &stored.costs, &replayed.costs, String::clone);
    tables.compare("tasks", &stored.tasks, &replayed.tasks, String::clone);
}

/// F30: the instants that decide what is claimed, recomputed from the state.
fn due_instants(stored: &Account, replayed: &mut Account, reference: Option<&Reference>, inspection: &mut Inspection<'_>) {
    let Some(reference) = reference else { return };
    let days = |version: &str| reference.terms.iter().find(|terms| terms.version == version).map_or(0, |terms| terms.reminder_days);
    replayed.reschedule(days);
    for (id, row) in &stored.subscriptions {
        let Some(other) = replayed.subscriptions.get(id) else { continue };
        let (kept, asked) = ((row.due_at, row.remind_at), (other.due_at, other.remind_at));
        inspection.expect(Check::DueFromState, kept == asked, id.as_str(), || {
            format!("is due at {kept:?} (renewal, reminder), its state asks for {asked:?}")
        });
    }
    for (id, row) in &stored.invoices {
        let Some(other) = replayed.invoices.get(id) else { continue };
        let (kept, asked) = (row.recognise_at, other.recognise_at);
        inspection
            .expect(Check::DueFromState, kept == asked, id, || format!("is recognised next at {kept:?}, its state asks for {asked:?}"));
    }
}

fn forget_due_instants(account: &mut Account) {
    for subscription in account.subscriptions.values_mut() {
        subscription.due_at = None;
        subscription.remind_at = None;
    }
    for invoice in account.invoices.values_mut() {
        invoice.recognise_at = None;
    }
}

/// The account's own row. It is the only one with personal data, so that only names of columns are told.
fn profile(stored: &Profile, replayed: &Profile, inspection: &mut Inspection<'_>) {
    let method =
        |profile: &Profile| profile.method.as_ref().map(|Method { number, expires_on, blocked, .. }| (*number, *expires_on, *blocked));
    let columns = [
        ("credit_cash_minor", stored.credit_cash == replayed.credit_cash),
        ("credit_goodwill_minor", stored.credit_goodwill == replayed.credit_goodwill),
        ("carried_minor", stored.carried == replayed.carried),
        ("trial_used_on", stored.trial_used_on == replayed.trial_used_on),
        ("method_no, method_expires_on or method_blocked", method(stored) == method(replayed)),
        ("parked_at, parked_code or parked_reason", stored.parked == replayed.parked),
    ];
    for (column, same) in columns {
        inspection.expect(Check::RowsFromEvents, same, "accounts", || format!("{column} is not what the events make it"));
    }
}

struct Tables<'a, 'b> {
    inspection: &'a mut Inspection<'b>,
}

impl Tables<'_, '_> {
    /// Compares the rows of one table, both ways.
    fn compare<K: Ord, V: PartialEq + Debug>(
        &mut self,
        table: &str,
        stored: &Keyed<K, V>,
        replayed: &Keyed<K, V>,
        shown: impl Fn(&K) -> String,
    ) {
        for (key, row) in stored {
            let fault = match replayed.get(key) {
                None => Some("is stored, but no event made it".to_owned()),
                Some(other) => (row != other).then(|| first_difference(row, other)),
            };
            match fault {
                None => self.inspection.passed(Check::RowsFromEvents),
                Some(fault) => self.inspection.expect(Check::RowsFromEvents, false, format_args!("{table} {}", shown(key)), || fault),
            }
        }
        for key in replayed.keys().filter(|key| !stored.contains_key(key)) {
            let subject = format!("{table} {}", shown(key));
            self.inspection.broken(Check::RowsFromEvents, subject, "is not stored, but an event made it".to_owned());
        }
    }
}

/// The first field in which two rows differ. Only rows without personal data come here.
fn first_difference(stored: &impl Debug, replayed: &impl Debug) -> String {
    let (stored, replayed) = (format!("{stored:#?}"), format!("{replayed:#?}"));
    let mut lines = stored.lines().zip(replayed.lines());
    let different = lines.find(|(left, right)| left != right);
    let Some((left, right)) = different else { return "has more or less fields than the events make".to_owned() };
    let shown = |line: &str| line.trim().trim_end_matches([',', '{']).trim_end().to_owned();
    format!("`{}` is stored, the events make `{}`", shown(left), shown(right))
}
