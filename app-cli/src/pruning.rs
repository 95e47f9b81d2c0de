//! Removes old output during a run: at its beginning, once an hour, and at its end, even if the run
//! processes nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::console::Console;
use crate::error::CliError;
use crate::wiring::Pruner;

/// Pruning a folder of 100,000 outputs takes less than a second, and output alone rarely fills a
/// disk within an hour.
const EVERY: Duration = Duration::from_secs(3600);

pub(crate) struct Pruning {
    pruner: Pruner,
    console: Arc<Console>,
    task: JoinHandle<()>,
}

impl Pruning {
    /// Prunes at once, and then in the background.
    pub(crate) fn begin(pruner: Pruner, console: Arc<Console>) -> Self {
        let task = tokio::spawn(again_and_again(pruner.clone(), console.clone()));
        Self { pruner, console, task }
    }

    /// Prunes a last time.
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

/// A failure to prune does not end the run.
fn tell(pruned: Result<(), CliError>, console: &Console) {
    if let Err(error) = pruned {
        console.warn(error.message());
    }
}
