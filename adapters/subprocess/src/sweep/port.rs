//! A sweeper as an orchestrator that starts nothing, for commands that only recover dead runs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::RunId;
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, AttemptReport, Orchestrator, OrchestratorError, StopSignal, Unproven,
};

use crate::sweep::Sweeper;

#[async_trait]
impl Orchestrator for Sweeper {
    async fn execute(&self, _attempt: Attempt, _stop: Arc<dyn StopSignal>) -> Result<AttemptReport, OrchestratorError> {
        let reason = "a sweeper starts no attempts".into();
        Ok(AttemptReport::new(AttemptOutcome::CannotStart { reason, permanent: false }, Duration::ZERO))
    }

    async fn sweep(&self, dead: Vec<RunId>) -> Vec<Unproven> {
        self.sweep_async(dead).await
    }
}
