//! The attempts that the charts draw.

use std::time::Duration;

use autoproc_domain::ports::PastAttempt;
use autoproc_domain::{FilePath, Timestamp};

use super::super::super::interval::beginning;
use super::super::outcome::Outcome;
use crate::forecasting::MIN_MEAN;

/// The maximum number of drawn attempts. They take about 10 MB of memory.
pub(crate) const MAX_MARKS: usize = 100_000;

/// The maximum number of marks with a file name.
pub(crate) const MAX_NAMED: usize = 300;

/// An attempt whose beginning is known.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    /// The duration of the attempt; `None` if it has no recorded end.
    pub(crate) elapsed: Option<Duration>,
    /// The size of the file when the attempt began, in bytes; `None` if unknown.
    pub(crate) size_bytes: Option<u64>,
    pub(crate) outcome: Outcome,
    /// The file of the attempt, kept only for the first [`MAX_NAMED`] marks.
    pub(crate) file_path: Option<FilePath>,
}

/// Keeps one of every `stride` attempts.
#[derive(Debug)]
pub(crate) struct Marks {
    kept: Vec<Mark>,
    /// A power of two.
    stride: usize,
    seen: usize,
}

impl Default for Marks {
    fn default() -> Self {
        Self { kept: Vec::new(), stride: 1, seen: 0 }
    }
}

impl Marks {
    pub(super) fn add(&mut self, attempt: &PastAttempt, outcome: Outcome, to: Timestamp) {
        let Some(from) = beginning(attempt, to) else { return };
        let is_kept = self.seen.is_multiple_of(self.stride);
        self.seen += 1;
        if is_kept {
            let file_path = (self.kept.len() < MAX_NAMED).then(|| attempt.of.file_path.clone());
            let (elapsed, size_bytes) = (attempt.elapsed, attempt.size_bytes);
            self.kept.push(Mark { from, to: to.max(from), elapsed, size_bytes, outcome, file_path });
            self.thin_out();
        }
    }

    fn thin_out(&mut self) {
        if self.kept.len() > MAX_MARKS {
            let mut index = 0_usize;
            self.kept.retain(|_| {
                index += 1;
                !index.is_multiple_of(2)
            });
            self.stride *= 2;
        }
    }

    pub(crate) fn as_slice(&self) -> &[Mark] {
        &self.kept
    }

    /// True if the mean duration is below [`MIN_MEAN`]. Such short attempts cannot be drawn one by
    /// one.
    pub(crate) fn are_short(&self) -> bool {
        let (sum, count) = self
            .kept
            .iter()
            .filter_map(|mark| mark.elapsed)
            .fold((Duration::ZERO, 0_u32), |(sum, count), elapsed| (sum.saturating_add(elapsed), count + 1));
        count > 0 && sum / count < MIN_MEAN
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    pub(crate) fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let from = self.kept.iter().map(|mark| mark.from).min()?;
        Some((from, self.kept.iter().map(|mark| mark.to).max()?))
    }
}
