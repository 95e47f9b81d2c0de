//! The removal of old output beside a run: at its beginning, once an hour, and at its end. A run that processes nothing
//! removes too.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::console::Console;
use crate::error::CliError;
use crate::wiring::Pruner;

/// A folder of 100,000 outputs is gone through in less than a second; in an hour a disk rarely fills up by output alone.
const EVERY: Duration = Duration::from_secs(3600);

/// The removal under way.
pub(crate) struct Pruning {
    pruner: Pruner,
    console: Arc<Console>,
    task: JoinHandle<()>,
}

impl Pruning {
    /// Begins with it, and goes on in the background.
    pub(crate) fn begin(pruner: Pruner, console: Arc<Console>) -> Self {
        let task = tokio::spawn(again_and_again(pruner.clone(), console.clone()));
        Self { pruner, console, task }
    }

    /// Does it for the last time.
    pub(crate) async fn end(self) {
        self.task.abort();
        tell(self.pruner.prune().await, &self.console);
    }
}

async fn again_and_again(pruner: Pruner, console: Arc<Console>) {
    loop {
        tell(pruner.prune().await, &console);
        tokio::time::sleep(EVERY).await;
    }
}

/// Output is worth less than the run, which goes on.
fn tell(pruned: Result<(), CliError>, console: &Console) {
    if let Err(error) = pruned {
        console.warn(error.message());
    }
}
