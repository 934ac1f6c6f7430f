//! Live subscriptions that are taken over from elsewhere: each a decision on its account, in its journal.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::next_cause;
use super::{Intake, IntakeError, Source, next_chunk};
use crate::domain::account::Account;
use crate::domain::change::taken_over::TakenOver;
use crate::domain::change::{Change, Context, Draft, Reference, Refusal};
use crate::domain::ids::AccountId;
use crate::domain::subscription::Channel;
use crate::import::{Line, Placed, Problem, Problems, RowProblem, SubscriptionRow, rows};
use crate::store::account::{self as accounts, Scope};
use crate::store::{desk, reference};

/// The kind of the decision.
const KIND: &str = "take_over";

type Row = Placed<SubscriptionRow>;

impl Intake<'_> {
    pub(super) async fn subscriptions(&mut self, sources: &[Source]) -> Result<(), IntakeError> {
        let reference = reference::load(&mut self.tx, Vec::new()).await?;
        let mut read = Vec::with_capacity(sources.len());
        for source in sources {
            let file = self.read(source)?;
            let mut problems = Problems::new(&source.name);
            let mut rows = rows::<SubscriptionRow>(source.format, file);
            loop {
                let chunk = next_chunk(&mut rows, &mut problems);
                if chunk.is_empty() {
                    break;
                }
                self.subscription_chunk(chunk, &reference, &mut problems).await?;
            }
            read.push((source, problems));
        }
        self.refuse_shared_ids(&mut read).await?;
        read.into_iter().for_each(|(_, problems)| self.close(problems));
        Ok(())
    }

    async fn subscription_chunk(&mut self, chunk: Vec<Row>, reference: &Reference, problems: &mut Problems) -> Result<(), IntakeError> {
        let mut by_account: BTreeMap<AccountId, Vec<Row>> = BTreeMap::new();
        for row in chunk {
            by_account.entry(row.row.account_id.clone()).or_default().push(row);
        }
        let ids: Vec<AccountId> = by_account.keys().cloned().collect();
        accounts::lock(&mut self.tx, &ids).await?;
        let loaded = accounts::load(&mut self.tx, &ids, Scope::SUBSCRIPTIONS | Scope::CAMERAS).await?;
        let mut loaded: HashMap<AccountId, Account> = loaded.into_iter().map(|account| (account.profile.id.clone(), account)).collect();
        let mut changes = Vec::with_capacity(loaded.len());
        let mut found = Vec::new();
        for (id, rows) in by_account {
            match loaded.remove(&id) {
                Some(account) => changes.push(self.take_over(account, &rows, reference, &mut found)),
                None => found.extend(rows.iter().map(|row| {
                    let problem = Problem::Unknown { what: "account", name: id.to_string() };
                    RowProblem::in_field(row.line, "account_id", problem)
                })),
            }
        }
        // Accounts come in the order of their ids, and people read in the order of the file.
        found.sort_by_key(|problem| problem.line);
        found.into_iter().for_each(|problem| problems.note(problem));
        changes.retain(|change| !change.is_empty());
        accounts::save(&mut self.tx, &mut changes).await?;
        Ok(())
    }

    fn take_over(&mut self, account: Account, rows: &[Row], reference: &Reference, found: &mut Vec<RowProblem>) -> Change {
        let context = Context {
            reference,
            now: self.how.at,
            actor: &self.how.actor,
            reason: Some(&self.how.reason),
            promotion_uses: BTreeMap::new(),
            closed_through: None,
        };
        let cause = next_cause(KIND, &account, 0);
        let mut draft = Draft::new(&context, account);
        for Placed { line, row } in rows {
            if let Some(problem) = reserved(row) {
                found.push(RowProblem::in_field(*line, "subscription_id", problem));
                continue;
            }
            match draft.attempt(|draft| draft.take_over(&taken_over(row))) {
                Ok(()) => {
                    self.count("subscriptions", 1);
                    self.count(if row.renews { "of them renewing" } else { "of them ending" }, 1);
                    self.count("of them billed by a store", usize::from(row.channel != Channel::Direct));
                }
                Err(refusal) => found.push(problem(*line, &refusal)),
            }
        }
        draft.finish(KIND, cause)
    }

    /// Ids go into invoices and idempotency keys (PV-1), so that no two accounts may share one. This is asked once, at the end; the
    /// files are read again only to name the lines.
    async fn refuse_shared_ids(&mut self, read: &mut [(&Source, Problems)]) -> Result<(), IntakeError> {
        let shared: HashSet<String> = desk::shared_subscription_ids(&mut self.tx).await?;
        if shared.is_empty() {
            return Ok(());
        }
        let exists = |id: &str| Problem::Exists { what: "subscription", name: id.to_owned() };
        let mut named = false;
        for (source, problems) in read.iter_mut().filter(|(source, _)| source.path.is_some()) {
            let again = rows::<SubscriptionRow>(source.format, self.read(source)?).filter_map(Result::ok);
            for Placed { line, row } in again.filter(|placed| shared.contains(placed.row.subscription_id.as_str())) {
                problems.note(RowProblem::in_field(line, "subscription_id", exists(row.subscription_id.as_str())));
                named = true;
            }
        }
        if let (false, Some((_, problems))) = (named, read.first_mut()) {
            shared.iter().for_each(|id| problems.note(RowProblem::of_file(exists(id))));
        }
        Ok(())
    }
}

fn taken_over(row: &SubscriptionRow) -> TakenOver {
    TakenOver {
        id: row.subscription_id.clone(),
        channel: row.channel,
        plan: row.plan.clone(),
        camera: row.camera.clone(),
        anchor: row.anchor,
        period_no: row.period_no,
        period: row.period,
        version: row.price_version.clone(),
        renews: row.renews,
        terms: row.terms_version.clone(),
    }
}

/// New subscriptions are called `{account}-s{number}`: nobody else's may be.
fn reserved(row: &SubscriptionRow) -> Option<Problem> {
    let (account, number) = row.subscription_id.as_str().rsplit_once("-s")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let taken = is_number && account != row.account_id.as_str();
    taken.then(|| Problem::Rule(format!("ids that end in -s and a number are for the subscriptions of account `{account}`")))
}

/// The field that a refusal is about.
fn problem(line: Line, refusal: &Refusal) -> RowProblem {
    let field = match refusal {
        Refusal::SubscriptionExists { .. } => "subscription_id",
        Refusal::NoPlan { .. } | Refusal::TooManyCameras { .. } => "plan",
        Refusal::NoPrice { .. } | Refusal::NotPriced { .. } | Refusal::NotInForce { .. } => "price_version",
        Refusal::NoTerms { .. } => "terms_version",
        Refusal::NotBegun { .. } => "period_start",
        Refusal::NoCamera { .. } | Refusal::CameraCovered { .. } | Refusal::CameraNeeded { .. } | Refusal::CameraNotNeeded { .. } => {
            "camera"
        }
        _ => "account_id",
    };
    // In the words of a file; the refusals speak of the options of commands.
    let rule = match refusal {
        Refusal::CameraNeeded { tier } => format!("`{tier}` covers one camera: name it"),
        Refusal::CameraNotNeeded { tier } => format!("`{tier}` covers all cameras of the account: leave this empty"),
        other => other.to_string(),
    };
    RowProblem::in_field(line, field, Problem::Rule(rule))
}
