//! The processor time and the memory of attempts.

use std::time::Duration;

use autoproc_domain::FilePath;
use autoproc_domain::ports::PastAttempt;

/// Totals over the attempts with known usage. `busy` includes all attempts.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    pub(crate) attempts: u64,
    pub(crate) busy: Duration,
    pub(crate) processor: Duration,
    pub(crate) most_processor: Option<(Duration, FilePath)>,
    /// The largest memory use of a process, in bytes, with its file.
    pub(crate) most_memory: Option<(u64, FilePath)>,
}

impl Resources {
    pub(super) fn add(&mut self, attempt: &PastAttempt) {
        self.busy += attempt.elapsed.unwrap_or_default();
        let Some(usage) = attempt.usage else { return };
        let (processor, file) = (usage.user + usage.system, &attempt.of.file_path);
        self.attempts += 1;
        self.processor += processor;
        keep_larger(&mut self.most_processor, processor, file);
        keep_larger(&mut self.most_memory, usage.peak_memory, file);
    }
}

fn keep_larger<T: PartialOrd>(most: &mut Option<(T, FilePath)>, value: T, file: &FilePath) {
    if most.as_ref().is_none_or(|(known, _)| *known < value) {
        *most = Some((value, file.clone()));
    }
}
