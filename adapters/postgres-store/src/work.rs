//! Runs store operations, and repeats them after conflicts and lost connections.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use async_trait::async_trait;
use tokio::task::AbortHandle;

use crate::claim_start::ClaimStart;
use crate::companion::{Companion, Notices};
use crate::connection::{Connection, Session};
use crate::error::{Answer, Fault};
use crate::history::Recorder;
use crate::lease::Leases;
use crate::options::Options;
use crate::scopes::Scopes;

const MAX_REPETITIONS: usize = 5;

pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) session: Session,
    pub(crate) scopes: Scopes,
    pub(crate) claim_start: ClaimStart,
    pub(crate) notices: Notices,
    pub(crate) companion: Arc<Companion>,
    pub(crate) leases: Leases,
    pub(crate) recorder: Recorder,
    pub(crate) exchanges: AtomicU64,
    /// The number of workflow executions that this handle has completed.
    pub(crate) completions: AtomicU64,
}

/// An operation on the main connection of a store.
#[async_trait]
pub(crate) trait Work: Send + Sync + 'static {
    type Reply: Send + 'static;
    /// True if repeating the operation after an unknown outcome is safe.
    const IS_IDEMPOTENT: bool = false;
    /// True if the reply shows changes to items by other handles.
    const READS_QUEUE: bool = false;

    async fn attempt(&self, shared: &Shared, connection: &mut Connection) -> Answer<Self::Reply>;
}

impl Shared {
    /// Runs `work`, and repeats it after conflicts. Repeats idempotent work once after a lost
    /// connection.
    pub(crate) async fn carry_out<W: Work>(&self, work: &W) -> Answer<W::Reply> {
        let mut repetitions = 0;
        loop {
            let fault = match self.attempt(work).await {
                Ok(reply) => return Ok(reply),
                Err(fault) => fault,
            };
            let is_lost = W::IS_IDEMPOTENT && fault.is_unreachable();
            let allowed = if fault.is_conflict() { MAX_REPETITIONS } else { usize::from(is_lost) };
            if repetitions >= allowed {
                return Err(fault);
            }
            repetitions += 1;
        }
    }

    async fn attempt<W: Work>(&self, work: &W) -> Answer<W::Reply> {
        let mut slot = self.session.turn(&self.options).await?;
        let Some(connection) = slot.as_mut() else { unreachable!("a turn has a connection") };
        let answer = work.attempt(self, connection).await;
        if answer.as_ref().is_err_and(Fault::is_unreachable) {
            *slot = None;
        }
        answer
    }
}

pub(crate) struct Connecting;

#[async_trait]
impl Work for Connecting {
    type Reply = ();
    const IS_IDEMPOTENT: bool = true;

    async fn attempt(&self, _: &Shared, _: &mut Connection) -> Answer<()> {
        Ok(())
    }
}

/// Aborts a task when dropped.
pub(crate) struct AbortOnDrop(pub(crate) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
