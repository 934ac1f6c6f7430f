//! Accounts with their cameras and payment methods.

use std::collections::HashSet;

use super::{Intake, IntakeError, Source, next_chunk};
use crate::domain::account::{Method, Profile};
use crate::domain::money::Money;
use crate::import::{AccountRow, Placed, Problem, Problems, RowProblem, rows};
use crate::store::account::{NewAccount, Opening, insert_accounts};
use crate::store::{desk, reference};

impl Intake<'_> {
    pub(super) async fn accounts(&mut self, sources: &[Source]) -> Result<(), IntakeError> {
        let rates = reference::tax_rates(&mut self.tx).await?;
        let jurisdictions: HashSet<String> = rates.rows().map(|row| row.jurisdiction).collect();
        for source in sources {
            let file = self.read(source)?;
            let mut problems = Problems::new(&source.name);
            let mut rows = rows::<AccountRow>(source.format, file);
            loop {
                let chunk = next_chunk(&mut rows, &mut problems);
                if chunk.is_empty() {
                    break;
                }
                self.account_chunk(chunk, &jurisdictions, &mut problems).await?;
            }
            self.close(problems);
        }
        Ok(())
    }

    async fn account_chunk(
        &mut self,
        chunk: Vec<Placed<AccountRow>>,
        jurisdictions: &HashSet<String>,
        problems: &mut Problems,
    ) -> Result<(), IntakeError> {
        let ids: Vec<&str> = chunk.iter().map(|placed| placed.row.account_id.as_str()).collect();
        let known = desk::known_accounts(&mut self.tx, &ids).await?;
        let cameras: Vec<&str> = chunk.iter().flat_map(|placed| placed.row.cameras.iter().map(AsRef::as_ref)).collect();
        let owners = desk::camera_owners(&mut self.tx, &cameras).await?;
        let mut accounts = Vec::with_capacity(chunk.len());
        for Placed { line, row } in chunk {
            let mut found = Vec::new();
            if known.contains(&row.account_id) {
                let problem = Problem::Exists { what: "account", name: row.account_id.to_string() };
                found.push(RowProblem::in_field(line, "account_id", problem));
            }
            for camera in &row.cameras {
                if let Some(owner) = owners.get(camera.as_str()) {
                    let problem = Problem::Rule(format!("camera `{camera}` belongs to account `{owner}`"));
                    found.push(RowProblem::in_field(line, "cameras", problem));
                }
            }
            if !jurisdictions.contains(&row.jurisdiction) {
                let problem = Problem::Unknown { what: "tax rate of jurisdiction", name: row.jurisdiction.clone() };
                found.push(RowProblem::in_field(line, "jurisdiction", problem));
            }
            if found.is_empty() {
                accounts.push(new_account(row));
            }
            found.into_iter().for_each(|problem| problems.note(problem));
        }
        self.count("accounts", accounts.len());
        self.count("cameras", accounts.iter().map(|account| account.cameras.len()).sum());
        self.count("payment methods", accounts.iter().filter(|account| account.profile.method.is_some()).count());
        let opening = Opening { at: self.how.at, actor: &self.how.actor, reason: &self.how.reason };
        insert_accounts(&mut self.tx, &accounts, opening).await?;
        Ok(())
    }
}

fn new_account(row: AccountRow) -> NewAccount {
    let zero = Money::zero(row.currency);
    let method = row.payment_method.map(|method| Method {
        number: 1,
        token: method.token,
        label: method.label,
        expires_on: method.expires_on,
        blocked: false,
    });
    let profile = Profile {
        id: row.account_id,
        currency: row.currency,
        zone: row.time_zone,
        jurisdiction: row.jurisdiction,
        trial_used_on: None,
        method,
        credit_cash: zero,
        credit_goodwill: zero,
        carried: zero,
        caught_up_on: None,
        parked: None,
        journal_seq: 0,
        journal_hash: String::new(),
    };
    NewAccount { profile, cameras: row.cameras, email: row.email, name: row.name }
}
