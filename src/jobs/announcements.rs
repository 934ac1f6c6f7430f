//! Price notices (PR-2): every subscription that an announced version concerns gets one, in pages over all accounts.

use super::runner::Runner;
use super::{RENEWAL_CHUNK, Stop};
use crate::domain::change::{Draft, Planned};
use crate::engine::EngineError;
use crate::engine::batch::Work;
use crate::engine::summary::Summary;
use crate::store::account::Scope;
use crate::store::claims;

struct Announce {
    version: String,
}

impl Work for Announce {
    fn kind(&self) -> &'static str {
        "announce"
    }

    fn scope(&self) -> Scope {
        Scope::RENEWAL
    }

    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        draft.announce(&self.version)
    }
}

impl Runner {
    /// Writes the notices of every open announcement. How far it came is stored with each page, so that a run that is
    /// killed goes on there.
    pub(super) async fn announce(&self, stop: &Stop) -> Result<Summary, EngineError> {
        let mut summary = Summary::default();
        while !stop.requested() {
            let mut tx = self.engine.db.begin().await?;
            let Some(page) = claims::announcement_page(&mut tx, RENEWAL_CHUNK).await? else {
                tx.rollback().await?;
                break;
            };
            let accounts = page.accounts.len();
            let done = self.engine.run_batch(tx, page.accounts, &Announce { version: page.version }).await?;
            self.progress.chunk("price notices", accounts);
            summary.absorb(done);
        }
        Ok(summary)
    }
}
