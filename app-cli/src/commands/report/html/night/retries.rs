//! Statistics of failed attempts and retried files.

use std::collections::HashMap;
use std::time::Duration;

use autoproc_domain::ports::PastAttempt;
use autoproc_domain::{FilePath, ItemId};

use super::super::outcome::Outcome;

/// The maximum number of remembered files. It bounds the use of memory.
const MAX_FILES: usize = 200_000;

const MAX_NAMED: usize = 5;

#[derive(Debug)]
pub(crate) struct SavedFile {
    pub(crate) file_path: FilePath,
    pub(crate) failures: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Retries {
    /// The number of failed attempts of each uncompleted file.
    failures: HashMap<ItemId, u32>,
    /// The number of files that completed after a failure.
    pub(crate) saved: u64,
    /// The first files that completed after a failure; at most [`MAX_NAMED`].
    pub(crate) first: Vec<SavedFile>,
    pub(crate) failed_attempts: u64,
    pub(crate) failed_time: Duration,
}

impl Retries {
    pub(super) fn add(&mut self, attempt: &PastAttempt, outcome: Outcome) {
        match outcome {
            Outcome::Completed => self.complete(attempt),
            Outcome::Retried | Outcome::Failed | Outcome::TimedOut => self.fail(attempt),
            Outcome::NotCounted | Outcome::Running => {}
        }
    }

    fn complete(&mut self, attempt: &PastAttempt) {
        let Some(failures) = self.failures.remove(&attempt.of.id) else { return };
        self.saved += 1;
        if self.first.len() < MAX_NAMED {
            self.first.push(SavedFile { file_path: attempt.of.file_path.clone(), failures });
        }
    }

    fn fail(&mut self, attempt: &PastAttempt) {
        self.failed_attempts += 1;
        self.failed_time += attempt.elapsed.unwrap_or_default();
        if self.failures.len() < MAX_FILES || self.failures.contains_key(&attempt.of.id) {
            *self.failures.entry(attempt.of.id).or_default() += 1;
        }
    }
}
