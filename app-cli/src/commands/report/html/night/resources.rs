//! The processor time and the memory of attempts.

use std::time::Duration;

use autoproc_domain::FilePath;
use autoproc_domain::ports::PastAttempt;

/// The sums and peaks over all attempts whose usage is known, except for `busy`.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    pub(crate) attempts: u64,
    /// The sum of the durations of all ended attempts.
    pub(crate) busy: Duration,
    /// The sum of the processor times, in user mode and in the kernel.
    pub(crate) processor: Duration,
    /// The longest processor time of an attempt, and its file.
    pub(crate) most_processor: Option<(Duration, FilePath)>,
    /// The largest memory use of a process, in bytes, and the file of its attempt.
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
