//! The stop requests seen by one run.

use autoproc_domain::ports::{StopCause, StopLevel, StopRequest};

/// Combines the stop file with signals. Only [`forget_file`](Self::forget_file) lowers the level.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StopView {
    file: Option<StopLevel>,
    signal: Option<(StopLevel, StopCause)>,
    file_was_first: bool,
}

impl StopView {
    pub(crate) fn read_file(&mut self, file: Option<StopLevel>) {
        if file.is_some() {
            self.file_was_first |= self.signal.is_none();
            self.file = self.file.max(file);
        }
    }

    pub(crate) fn receive(&mut self, level: StopLevel, cause: StopCause) {
        self.signal = self.signal.map(|(before, first)| (before.max(level), first)).or(Some((level, cause)));
    }

    /// Forgets the stop file, which this run removed. Signals stay in effect.
    pub(crate) fn forget_file(&mut self) {
        (self.file, self.file_was_first) = (None, false);
    }

    /// Returns the highest requested level and the cause of the first request.
    pub(crate) fn request(self) -> StopRequest {
        let signal = self.signal.map(|(level, _)| level);
        let file = self.file.map(|_| StopCause::StopFile);
        let signal_cause = self.signal.map(|(_, cause)| cause);
        StopRequest {
            level: self.file.max(signal).unwrap_or(StopLevel::Running),
            cause: if self.file_was_first { file.or(signal_cause) } else { signal_cause.or(file) },
        }
    }
}
