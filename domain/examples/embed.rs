//! Embeds the run loop with a queue in memory.
//!
//! `cargo run -p autoproc-domain --example embed`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::memory::MemoryStorage;
use autoproc_domain::ports::{
    Attempt, AttemptOutcome, AttemptReport, Clock, LostAttempt, Orchestrator, StopSignal, Storage,
};
use autoproc_domain::request::{Enqueue, NewItem};
use autoproc_domain::run::Ports;
use autoproc_domain::{AutonomousProcessor, FilePath, RetryPolicy, RunConfig};
use autoproc_system::SystemClock;

struct FailsOnce;

#[async_trait]
impl Orchestrator for FailsOnce {
    async fn execute(&self, attempt: Attempt, _stop: Arc<dyn StopSignal>) -> Result<AttemptReport, LostAttempt> {
        println!("{}, attempt {}", attempt.file_path, attempt.number);
        let is_first = attempt.number.get() == 1;
        let outcome = if is_first { AttemptOutcome::Exited { code: 1 } } else { AttemptOutcome::Succeeded };
        Ok(AttemptReport::new(outcome, Duration::ZERO))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (storage, clock) = (Arc::new(MemoryStorage::new()), Arc::new(SystemClock));
    let files = ["/in/a.pdf", "/in/b.pdf"].map(|path| FilePath::new(path).map(NewItem::new));
    let files = files.into_iter().collect::<Result<_, _>>()?;
    storage.enqueue(Enqueue::new(files), clock.now()).await?;

    let retry = RetryPolicy { backoff_base: Duration::from_millis(100), ..RetryPolicy::default() };
    let config = RunConfig::default().with_retry(retry);
    let ports = Ports::in_process(storage, clock, Arc::new(FailsOnce));
    let result = AutonomousProcessor::new(ports, config).run().await?;
    println!("completed: {}, retried: {}, failed: {}", result.processed, result.retried, result.failed);
    Ok(())
}
