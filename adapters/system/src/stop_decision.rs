//! What stop level follows from what was seen. Pure: the stop file's state, the signals and the time are passed in.

use std::time::Duration;

use autoproc_domain::ports::{StopCause, StopLevel, StopRequest};

/// How long a drain that a service manager or a vanished terminal asked for may last before it becomes an abort: with the
/// grace of 10 s after it, within the 90 s that systemd waits before it kills (`DefaultTimeoutStopSec`,
/// systemd-system.conf(5)).
pub(crate) const DRAIN_LIMIT: Duration = Duration::from_secs(80);

/// What the stop file asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileRequest {
    /// There is none.
    #[default]
    Nothing,
    /// It is there.
    Drain,
    /// It is there and says `now`.
    Abort,
}

/// Everything that was seen of requests to stop. Times are measured from one fixed moment on a clock that does not jump.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Whether there is nothing to finish first, so that a signal leaves draining out.
    is_single: bool,
    /// The most urgent that the file asked for since it was last cleared.
    file: FileRequest,
    /// The first signal, and when it came.
    first_signal: Option<(StopCause, Duration)>,
    signals: u32,
    /// Who asked first.
    cause: Option<StopCause>,
}

impl Seen {
    /// Nothing seen yet, by whoever has one thing to do and nothing to finish before it ends.
    pub(crate) fn of_one_thing() -> Self {
        Self { is_single: true, ..Self::default() }
    }

    /// Takes in the file as it is now. What it asked for stands even if the file is gone: only `clear` takes it back.
    pub(crate) fn file(&mut self, request: FileRequest) {
        self.file = self.file.max(request);
        if self.file > FileRequest::Nothing {
            self.cause.get_or_insert(StopCause::StopFile);
        }
    }

    /// Takes in a signal.
    pub(crate) fn signal(&mut self, cause: StopCause, at: Duration) {
        self.signals = self.signals.saturating_add(1);
        self.first_signal.get_or_insert((cause, at));
        self.cause.get_or_insert(cause);
    }

    /// Forgets what the file asked for, and not the signals; says whether it asked for anything.
    pub(crate) fn clear(&mut self) -> bool {
        let asked = std::mem::take(&mut self.file);
        self.cause = self.first_signal.map(|(cause, _)| cause);
        asked > FileRequest::Nothing
    }

    /// The request as it stands at `now`.
    pub(crate) fn request(&self, now: Duration) -> StopRequest {
        StopRequest { level: self.file_level().max(self.signal_level(now)), cause: self.cause }
    }

    fn file_level(&self) -> StopLevel {
        match self.file {
            FileRequest::Nothing => StopLevel::Running,
            FileRequest::Drain => StopLevel::Draining,
            FileRequest::Abort => StopLevel::Aborting,
        }
    }

    fn signal_level(&self, now: Duration) -> StopLevel {
        match (self.signals.saturating_add(u32::from(self.is_single)), self.first_signal) {
            (_, None) | (0, _) => StopLevel::Running,
            (1, Some((cause, at))) if !is_overdue(cause, now.saturating_sub(at)) => StopLevel::Draining,
            (1 | 2, _) => StopLevel::Aborting,
            (3.., _) => StopLevel::Killing,
        }
    }
}

/// A person at a terminal who asked to drain can ask again; nobody else will.
fn is_overdue(cause: StopCause, waited: Duration) -> bool {
    matches!(cause, StopCause::Terminate | StopCause::HangUp) && waited >= DRAIN_LIMIT
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Step {
        File(FileRequest),
        Signal(StopCause),
        Wait(Duration),
        Clear,
    }

    fn cause() -> impl Strategy<Value = StopCause> {
        prop::sample::select(vec![StopCause::Interrupt, StopCause::Terminate, StopCause::HangUp])
    }

    fn step() -> impl Strategy<Value = Step> {
        let request = prop::sample::select(vec![FileRequest::Nothing, FileRequest::Drain, FileRequest::Abort]);
        prop_oneof![
            request.prop_map(Step::File),
            cause().prop_map(Step::Signal),
            (0_u64..100).prop_map(|seconds| Step::Wait(Duration::from_secs(seconds))),
            Just(Step::Clear),
        ]
    }

    fn take(seen: &mut Seen, now: &mut Duration, step: Step) {
        match step {
            Step::File(request) => seen.file(request),
            Step::Signal(cause) => seen.signal(cause, *now),
            Step::Wait(span) => *now += span,
            Step::Clear => {
                seen.clear();
            }
        }
    }

    fn signalled(causes: &[StopCause]) -> Seen {
        let mut seen = Seen::default();
        for cause in causes {
            seen.signal(*cause, Duration::ZERO);
        }
        seen
    }

    proptest! {
        #[test]
        fn a_level_is_taken_back_only_by_clearing(steps in vec(step(), 0..12)) {
            let (mut seen, mut now) = (Seen::default(), Duration::ZERO);
            for step in steps {
                let before = seen.request(now);
                take(&mut seen, &mut now, step);
                let after = seen.request(now);
                if matches!(step, Step::Clear) {
                    prop_assert_eq!(after.level, seen.signal_level(now));
                } else {
                    prop_assert!(after.level >= before.level);
                    prop_assert!(before.cause.is_none() || after.cause == before.cause);
                }
                prop_assert_eq!(after.level == StopLevel::Running, after.cause.is_none());
            }
        }

        #[test]
        fn the_file_alone_never_kills_and_waiting_changes_nothing(
            requests in vec(prop::sample::select(vec![FileRequest::Nothing, FileRequest::Drain, FileRequest::Abort]), 1..5),
            seconds in 0_u64..1_000_000,
        ) {
            let mut seen = Seen::default();
            for request in &requests {
                seen.file(*request);
            }
            let level = match requests.into_iter().max().unwrap_or_default() {
                FileRequest::Nothing => StopLevel::Running,
                FileRequest::Drain => StopLevel::Draining,
                FileRequest::Abort => StopLevel::Aborting,
            };
            prop_assert_eq!(seen.request(Duration::from_secs(seconds)).level, level);
            prop_assert_eq!(seen.clear(), level > StopLevel::Running);
            prop_assert_eq!(seen.request(Duration::from_secs(seconds)), StopRequest::NONE);
        }

        #[test]
        fn signals_are_counted_whichever_they_are(causes in vec(cause(), 1..6)) {
            let request = signalled(&causes).request(Duration::ZERO);
            let level = [StopLevel::Draining, StopLevel::Aborting, StopLevel::Killing][causes.len().min(3) - 1];
            prop_assert_eq!(request, StopRequest { level, cause: Some(causes[0]) });
        }

        #[test]
        fn with_nothing_to_finish_first_each_signal_is_one_step_further(causes in vec(cause(), 0..5), seconds in 0_u64..200) {
            let mut seen = Seen::of_one_thing();
            for cause in &causes {
                seen.signal(*cause, Duration::ZERO);
            }
            let level = [StopLevel::Running, StopLevel::Aborting, StopLevel::Killing][causes.len().min(2)];
            let request = StopRequest { level, cause: causes.first().copied() };
            prop_assert_eq!(seen.request(Duration::from_secs(seconds)), request);
        }

        #[test]
        fn one_signal_becomes_an_abort_only_unattended_and_only_after_80_s(cause in cause(), millis in 0_u64..200_000) {
            let level = signalled(&[cause]).request(Duration::from_millis(millis)).level;
            let overdue = cause != StopCause::Interrupt && millis >= 80_000;
            prop_assert_eq!(level, if overdue { StopLevel::Aborting } else { StopLevel::Draining });
        }
    }

    #[test]
    fn the_cause_is_who_asked_first() {
        let mut seen = Seen::default();
        seen.file(FileRequest::Drain);
        seen.signal(StopCause::Terminate, Duration::ZERO);
        assert_eq!(seen.request(Duration::ZERO).cause, Some(StopCause::StopFile));
        assert!(seen.clear());
        let left = StopRequest { level: StopLevel::Draining, cause: Some(StopCause::Terminate) };
        assert_eq!(seen.request(Duration::ZERO), left);
    }
}
