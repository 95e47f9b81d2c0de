//! Computes the time left of a run from its pending files.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use autoproc_domain::forecast::{Backlog, Forecast, RemainingFile, TimeLeft};
use autoproc_domain::{FilePath, ItemId};

use crate::forecasting::MIN_MEAN;

#[derive(Debug, Default)]
pub(super) struct Ahead {
    forecast: Forecast,
    pending: VecDeque<PendingFile>,
    jobs: usize,
}

#[derive(Debug)]
struct PendingFile {
    id: ItemId,
    file_path: FilePath,
    /// `None` if not known yet.
    size_bytes: Option<u64>,
}

impl Ahead {
    pub(super) fn begin(&mut self, jobs: usize) {
        self.jobs = jobs;
    }

    pub(super) fn learn(&mut self, earlier: Forecast) {
        self.forecast = earlier;
    }

    pub(super) fn forecast(&mut self) -> &mut Forecast {
        &mut self.forecast
    }

    pub(super) fn add(&mut self, id: ItemId, file_path: FilePath, size_bytes: Option<u64>) {
        self.pending.push_back(PendingFile { id, file_path, size_bytes });
    }

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

    pub(super) fn time_left<'a>(&'a self, not_ended: u64, running: &[RemainingFile<'a>]) -> Option<TimeLeft> {
        self.forecast.mean().filter(|mean| *mean >= MIN_MEAN)?;
        let waiting = usize::try_from(not_ended).unwrap_or(usize::MAX).saturating_sub(running.len());
        // Other runs and commands may have taken files of this list. Files are claimed in order, so
        // the first ones are assumed to be gone.
        let gone = self.pending.len().saturating_sub(waiting);
        let more = waiting.saturating_sub(self.pending.len()) as u64;
        let file = |file: &'a PendingFile| RemainingFile {
            file_path: &file.file_path,
            size_bytes: file.size_bytes,
            elapsed: Duration::ZERO,
        };
        let pending = self.pending.iter().skip(gone).map(file).collect();
        self.forecast.time_left(&Backlog { slots: self.jobs, running: running.to_vec(), pending, more })
    }
}
