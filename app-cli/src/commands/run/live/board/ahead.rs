//! The pending files of a run with their sizes, and the time left that they give.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use autoproc_domain::forecast::{Backlog, Forecast, RemainingFile};
use autoproc_domain::{FilePath, ItemId};

use crate::forecasting::MIN_MEAN;

/// The next pending files of a run, and the forecast of their durations.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    forecast: Forecast,
    /// The known pending files, in claim order.
    pending: VecDeque<PendingFile>,
    /// The maximum number of concurrent attempts.
    jobs: usize,
}

#[derive(Debug)]
struct PendingFile {
    id: ItemId,
    file_path: FilePath,
    /// The size in bytes; `None` if it is not known yet.
    size_bytes: Option<u64>,
}

impl Ahead {
    pub(super) fn begin(&mut self, jobs: usize) {
        self.jobs = jobs;
    }

    /// Adds samples of earlier runs. They replace the samples so far.
    pub(super) fn learn(&mut self, earlier: Forecast) {
        self.forecast = earlier;
    }

    pub(super) fn forecast(&mut self) -> &mut Forecast {
        &mut self.forecast
    }

    pub(super) fn add(&mut self, id: ItemId, file_path: FilePath, size_bytes: Option<u64>) {
        self.pending.push_back(PendingFile { id, file_path, size_bytes });
    }

    /// Removes a file that has started.
    pub(super) fn remove(&mut self, id: ItemId) {
        // Files start nearly in claim order, so the file is among the first.
        if let Some(at) = self.pending.iter().position(|file| file.id == id) {
            self.pending.remove(at);
        }
    }

    pub(super) fn measure(&mut self, sizes: &HashMap<ItemId, u64>) {
        for file in &mut self.pending {
            file.size_bytes = sizes.get(&file.id).copied().or(file.size_bytes);
        }
    }

    /// Returns the time until the run has processed its files. `not_ended` is the number of files
    /// that have not ended, including the running ones. `None` if there are too few samples or if
    /// the attempts are too short, and if all files run for longer than any sample did.
    pub(super) fn time_left<'a>(
        &'a self,
        not_ended: u64,
        running: impl Iterator<Item = RemainingFile<'a>>,
    ) -> Option<Duration> {
        self.forecast.mean().filter(|mean| *mean >= MIN_MEAN)?;
        let running: Vec<_> = running.collect();
        let waiting = usize::try_from(not_ended).unwrap_or(usize::MAX).saturating_sub(running.len());
        // Other runs and commands take files away. Because files are claimed in order, these are the
        // first ones.
        let gone = self.pending.len().saturating_sub(waiting);
        let more = waiting.saturating_sub(self.pending.len()) as u64;
        let file = |file: &'a PendingFile| RemainingFile {
            file_path: &file.file_path,
            size_bytes: file.size_bytes,
            elapsed: Duration::ZERO,
        };
        let pending = self.pending.iter().skip(gone).map(file).collect();
        let backlog = Backlog { slots: self.jobs, running, pending, more };
        self.forecast.time_left(&backlog).filter(|left| !left.is_zero())
    }
}
