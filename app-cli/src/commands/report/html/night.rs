//! Computes figures from the attempts of the reported runs.
//!
//! Memory use is bounded for any number of attempts.

mod expectations;
mod marks;
mod resources;
mod retries;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use autoproc_domain::ports::{PastAttempt, PastRun};
use autoproc_domain::{FilePath, Recipe, RunId, Timestamp};

use super::super::interval::RunSpan;
use super::outcome::Outcome;

pub(super) use expectations::Expectations;
pub(in crate::commands::report) use marks::Mark;
pub(super) use marks::{MAX_NAMED, Marks};
pub(super) use resources::Resources;
pub(super) use retries::{Retries, SavedFile};

const MAX_SLOWEST: usize = 10;

/// An attempt that completed a file.
#[derive(Debug, Clone)]
pub(super) struct LongAttempt {
    pub(super) file_path: FilePath,
    pub(super) elapsed: Duration,
    /// The size of the file when the attempt began, in bytes; `None` if unknown.
    pub(super) size_bytes: Option<u64>,
    pub(super) recipe: Option<Recipe>,
}

pub(super) struct Night {
    runs: HashMap<RunId, RunSpan>,
    pub(super) attempts: u64,
    pub(super) marks: Marks,
    /// The longest attempts that completed a file, the longest first; at most [`MAX_SLOWEST`].
    pub(super) slowest: Vec<LongAttempt>,
    pub(super) retries: Retries,
    pub(super) resources: Resources,
    pub(super) expectations: Expectations,
}

impl Night {
    pub(super) fn new(runs: &[PastRun], live: &HashSet<RunId>, now: Timestamp) -> Self {
        Self {
            runs: RunSpan::of(runs, live, now),
            attempts: 0,
            marks: Marks::default(),
            slowest: Vec::new(),
            retries: Retries::default(),
            resources: Resources::default(),
            expectations: Expectations::default(),
        }
    }

    pub(super) fn add(&mut self, attempt: &PastAttempt, ended_at: Option<Timestamp>) {
        let Some(run) = self.runs.get(&attempt.run) else { return };
        let outcome = Outcome::of(attempt.end, run.is_live);
        self.attempts += 1;
        self.marks.add(attempt, outcome, run.end(attempt, ended_at));
        self.resources.add(attempt);
        self.retries.add(attempt, outcome);
        if let (Outcome::Completed, Some(elapsed)) = (outcome, attempt.elapsed) {
            self.expectations.add(attempt, elapsed);
            self.add_slow(attempt, elapsed);
        }
    }

    fn add_slow(&mut self, attempt: &PastAttempt, elapsed: Duration) {
        let place = self.slowest.partition_point(|longer| longer.elapsed >= elapsed);
        if place < MAX_SLOWEST {
            let (file_path, size_bytes) = (attempt.of.file_path.clone(), attempt.size_bytes);
            self.slowest.insert(place, LongAttempt { file_path, elapsed, size_bytes, recipe: attempt.recipe });
            self.slowest.truncate(MAX_SLOWEST);
        }
    }
}
