//! Runs one command per file, each attempt under a guard.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::FilePath;
use autoproc_domain::ports::{Attempt, AttemptProgress, AttemptReport, LostAttempt, Orchestrator, StopSignal};
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::batch::Batches;
use crate::command_line::CommandLine;
use crate::command_runner::CommandRunner;
use crate::guards::{BatchEvent, Guards};
use crate::settings::{BatchSettings, Settings};

/// Runs one command on each file.
///
/// Requires a tokio runtime with its I/O and time drivers enabled.
pub struct CommandOrchestrator {
    runner: Arc<CommandRunner>,
    batches: Option<Batches>,
}

impl CommandOrchestrator {
    /// Creates an orchestrator that runs `command_line` under `guards`. The guards must belong to
    /// the same run as the attempts. The caller closes the guards.
    #[must_use]
    pub fn new(command_line: CommandLine, settings: Settings, guards: Arc<Guards>) -> Self {
        let BatchSettings { slots, may_batch } = settings.batches;
        let runner = Arc::new(CommandRunner::new(command_line, settings, guards));
        let batches = may_batch.then(|| Batches::new(Arc::clone(&runner), slots));
        Self { runner, batches }
    }
}

#[async_trait]
impl Orchestrator for CommandOrchestrator {
    async fn execute(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> Result<AttemptReport, LostAttempt> {
        self.runner.run(&attempt, &*stop).await
    }

    fn capacity(&self, jobs: usize) -> usize {
        self.batches.as_ref().map_or(jobs, |batches| batches.capacity().max(jobs))
    }

    fn start(&self, attempt: Attempt, stop: Arc<dyn StopSignal>) -> BoxStream<'_, AttemptProgress> {
        let Some(batches) = &self.batches else { return start_alone(&self.runner, attempt, stop) };
        let (sender, receiver) = mpsc::unbounded_channel();
        let progress = receive(receiver, attempt.file_path.clone());
        batches.push(attempt, stop, sender);
        progress
    }

    fn recall(&self) {
        if let Some(batches) = &self.batches {
            batches.recall();
        }
    }
}

fn start_alone(runner: &CommandRunner, attempt: Attempt, stop: Arc<dyn StopSignal>) -> BoxStream<'_, AttemptProgress> {
    let slot = runner.occupy_slot();
    let process = runner.batch_process(&attempt, &slot, stop);
    let (mut slot, mut has_started) = (Some(slot), false);
    let progress = runner.run_batch(vec![process], Duration::MAX).flat_map(move |event| {
        // Frees the slot when the attempt ends, because the next attempt may start before this
        // stream is dropped.
        slot.take_if(|_| !matches!(event, BatchEvent::Started(_)));
        let progress = runner.progress(&attempt, event, has_started);
        has_started = true;
        stream::iter(progress)
    });
    progress.boxed()
}

fn receive(receiver: UnboundedReceiver<AttemptProgress>, file_path: FilePath) -> BoxStream<'static, AttemptProgress> {
    let progress = stream::unfold(Some((receiver, file_path, false)), |state| async move {
        let (mut receiver, file_path, has_started) = state?;
        let progress = match receiver.recv().await {
            Some(progress) => progress,
            None if has_started => {
                let source = io::Error::other("the supervision of the attempt has failed");
                AttemptProgress::Lost(LostAttempt { file_path: file_path.clone(), source })
            }
            None => AttemptProgress::Started { fingerprint: None },
        };
        let is_under_way = matches!(progress, AttemptProgress::Started { .. });
        Some((progress, is_under_way.then_some((receiver, file_path, true))))
    });
    progress.boxed()
}
