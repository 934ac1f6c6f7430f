//! The seed and the rates: what the simulated provider's chances are. There is no randomness, only hashes of seed and purpose.

use sha2::{Digest, Sha256};

use super::SimulatedError;
use super::schema::{SETTINGS, SIM_SETTINGS};
use crate::store::db::{Columns, Tx};

/// How the simulated provider behaves where a token does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where all chances come from: the same seed gives the same year.
    pub seed: i64,
    /// Whether there is an event also for what the caller was told in the answer, as real providers do it. Otherwise events tell
    /// only news: outcomes whose answer was lost, and what happens later.
    pub every_event: bool,
    /// Rates for tokens that begin with `tok_mix`.
    pub mix: Mix,
}

/// Rates per mille. Those of charges, and those of refunds, add up to 1000 at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix {
    /// Charges that are declined but may work later.
    pub soft_declines: u16,
    /// Charges that are declined for good.
    pub hard_declines: u16,
    /// Charges and refunds that move money and whose reply is lost.
    pub lost_replies: u16,
    /// Charges and refunds whose first request is lost on the way.
    pub lost_requests: u16,
    /// Charges and refunds on which the provider fails without moving money.
    pub server_errors: u16,
    /// Refunds that fail at once.
    pub refunds_failing: u16,
    /// Refunds that come back three days later.
    pub refunds_failing_later: u16,
    /// Captured charges that are disputed, and won.
    pub disputes_won: u16,
    /// Captured charges that are disputed, and lost.
    pub disputes_lost: u16,
}

impl Default for Settings {
    fn default() -> Self {
        let mix = Mix {
            soft_declines: 40,
            hard_declines: 5,
            lost_replies: 5,
            lost_requests: 3,
            server_errors: 2,
            refunds_failing: 10,
            refunds_failing_later: 5,
            disputes_won: 1,
            disputes_lost: 1,
        };
        Self { seed: 1, every_event: false, mix }
    }
}

/// The most that rates may add up to.
const ALL: u32 = 1_000;

impl Settings {
    /// What is stored; the defaults where nothing is.
    pub(super) async fn load(tx: &mut Tx) -> Result<Self, SimulatedError> {
        let mut settings = Self::default();
        for row in tx.fetch_all(&SETTINGS, &[]).await? {
            let (name, value) = (row.text("name")?, row.int("value")?);
            match name.as_str() {
                "seed" => settings.seed = value,
                "every_event" => settings.every_event = value != 0,
                name => {
                    let unknown = || row.corrupt("name", "is not a setting");
                    let rate = settings.mix.rates().into_iter().find(|(known, _)| *known == name);
                    let (_, rate) = rate.ok_or_else(unknown)?;
                    *rate = u16::try_from(value).map_err(|_| row.corrupt("value", "is not a rate"))?;
                }
            }
        }
        settings.check()?;
        Ok(settings)
    }

    /// Stores all of it, in place of what was stored.
    pub(super) async fn save(&self, tx: &mut Tx) -> Result<(), SimulatedError> {
        self.check()?;
        let mut rows = Columns::of(&SIM_SETTINGS);
        rows.row().text("seed").int(self.seed);
        rows.row().text("every_event").flag(self.every_event);
        for (name, rate) in self.mix.clone().rates() {
            rows.row().text(name).int((*rate).into());
        }
        tx.upsert_rows(&rows).await?;
        Ok(())
    }

    fn check(&self) -> Result<(), SimulatedError> {
        let mix = &self.mix;
        let transport = [mix.lost_replies, mix.lost_requests, mix.server_errors];
        let sums = [
            ("charges", transport.into_iter().chain([mix.soft_declines, mix.hard_declines]).map(u32::from).sum::<u32>()),
            ("refunds", transport.into_iter().chain([mix.refunds_failing, mix.refunds_failing_later]).map(u32::from).sum()),
            ("disputes", u32::from(mix.disputes_won) + u32::from(mix.disputes_lost)),
        ];
        match sums.into_iter().find(|(_, sum)| *sum > ALL) {
            Some((of, sum)) => Err(SimulatedError::Rates { of, sum }),
            None => Ok(()),
        }
    }

    /// A number from 0 to 999 that belongs to a purpose and a key.
    pub(super) fn permille(&self, purpose: &str, key: &str) -> u16 {
        u16::try_from(self.hash(purpose, key) % u64::from(ALL)).unwrap_or_default()
    }

    /// One of the choices, by purpose and key.
    pub(super) fn pick(&self, purpose: &str, key: &str, choices: &[&'static str]) -> &'static str {
        let count = u64::try_from(choices.len().max(1)).unwrap_or(1);
        let at = usize::try_from(self.hash(purpose, key) % count).unwrap_or_default();
        choices.get(at).copied().unwrap_or_default()
    }

    /// Eight hexadecimal digits that belong to a purpose and a key: what makes ids unlike each other.
    pub(super) fn tag(&self, purpose: &str, key: &str) -> String {
        format!("{:08x}", self.hash(purpose, key) >> 32)
    }

    fn hash(&self, purpose: &str, key: &str) -> u64 {
        let digest = Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(purpose).chain_update([0]).chain_update(key);
        digest.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

impl Mix {
    /// The rates with the names under which they are stored.
    pub fn rates(&mut self) -> [(&'static str, &mut u16); 9] {
        [
            ("soft_declines", &mut self.soft_declines),
            ("hard_declines", &mut self.hard_declines),
            ("lost_replies", &mut self.lost_replies),
            ("lost_requests", &mut self.lost_requests),
            ("server_errors", &mut self.server_errors),
            ("refunds_failing", &mut self.refunds_failing),
            ("refunds_failing_later", &mut self.refunds_failing_later),
            ("disputes_won", &mut self.disputes_won),
            ("disputes_lost", &mut self.disputes_lost),
        ]
    }
}
