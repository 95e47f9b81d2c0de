//! The outputs of attempts in a database.

use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ItemId;
use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::AttemptRef;
use autoproc_postgres_store::{self as postgres_store, OutputEnd, PostgresStore};
use autoproc_subprocess::AttemptLogs;

use crate::error::CliError;
use crate::stored_output::StoredOutput;

#[derive(Clone)]
pub(crate) struct OutputStore(pub(super) Arc<PostgresStore>);

impl OutputStore {
    /// Stores the last `max` bytes of the output of each future attempt.
    pub(in crate::wiring) fn store(&self, logs: AttemptLogs, max: u64) {
        if max > 0 {
            self.0.store_outputs(move |of| end_of(&logs, of, max));
        }
    }

    /// Returns the stored outputs of an item, the earliest first.
    ///
    /// # Errors
    /// [`CliError`] if the database cannot be read.
    pub(crate) async fn of(&self, item: ItemId) -> Result<Vec<StoredOutput>, CliError> {
        Ok(self.0.stored_outputs(item).await?.into_iter().map(stored).collect())
    }

    /// Removes the stored outputs that are older than `age`.
    ///
    /// # Errors
    /// [`CliError`] if the database cannot be changed.
    pub(crate) async fn prune(&self, age: Duration) -> Result<(), CliError> {
        Ok(self.0.prune_outputs(age).await?)
    }
}

/// Returns the end of an attempt's output, if it is readable.
fn end_of(logs: &AttemptLogs, of: &AttemptRef, max: u64) -> Option<OutputEnd> {
    let log = logs.log_of(ClaimToken { item: of.id, number: of.claim? }, of.attempt);
    let end = log.end(max).ok()??;
    let file = std::path::absolute(&log.path).unwrap_or(log.path);
    Some(OutputEnd { file, bytes: end.length, ending: end.bytes })
}

fn stored(stored: postgres_store::StoredOutput) -> StoredOutput {
    let postgres_store::StoredOutput { attempt, claim, host, output } = stored;
    StoredOutput { attempt, claim, host, file: output.file, length: output.bytes, ending: output.ending }
}
