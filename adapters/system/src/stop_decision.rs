//! Computes the stop level from the stop file, the signals and the time.

use std::time::Duration;

use autoproc_domain::ports::{StopCause, StopLevel, StopRequest};

/// The default time until a drain after SIGTERM or SIGHUP becomes an abort. systemd kills a service
/// after 90 s (`DefaultTimeoutStopSec`), and the default grace time takes 10 s of this.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(80);

/// Further signals within this time after the first are ignored. A closing terminal sends SIGHUP
/// more than once.
pub(crate) const ONE_SIGNAL: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileRequest {
    #[default]
    Nothing,
    Drain,
    Abort,
}

/// All stop requests so far. Times are relative to one fixed moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StopRequests {
    skips_drain: bool,
    /// The most urgent request of the stop file since the last call of `clear`.
    file: FileRequest,
    first_signal: Option<(StopCause, Duration)>,
    signals: u32,
    cause: Option<StopCause>,
    drain_timeout: Duration,
}

impl Default for StopRequests {
    fn default() -> Self {
        Self {
            skips_drain: false,
            file: FileRequest::Nothing,
            first_signal: None,
            signals: 0,
            cause: None,
            drain_timeout: DRAIN_TIMEOUT,
        }
    }
}

impl StopRequests {
    pub(crate) fn set_drain_timeout(&mut self, drain_timeout: Duration) {
        self.drain_timeout = drain_timeout;
    }

    pub(crate) fn without_drain() -> Self {
        Self { skips_drain: true, ..Self::default() }
    }

    /// Records a request of the stop file. Only `clear` withdraws the request.
    pub(crate) fn on_file(&mut self, request: FileRequest) {
        self.file = self.file.max(request);
        if self.file > FileRequest::Nothing {
            self.cause.get_or_insert(StopCause::StopFile);
        }
    }

    pub(crate) fn on_signal(&mut self, cause: StopCause, at: Duration) {
        if self.signals == 1 && self.first_signal.is_some_and(|(_, first)| at.saturating_sub(first) < ONE_SIGNAL) {
            return;
        }
        self.signals = self.signals.saturating_add(1);
        self.first_signal.get_or_insert((cause, at));
        self.cause.get_or_insert(cause);
    }

    /// Withdraws the request of the stop file. Returns false if there was no request.
    pub(crate) fn clear(&mut self) -> bool {
        let withdrawn = std::mem::take(&mut self.file);
        self.cause = self.first_signal.map(|(cause, _)| cause);
        withdrawn > FileRequest::Nothing
    }

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
        match (self.signals.saturating_add(u32::from(self.skips_drain)), self.first_signal) {
            (_, None) | (0, _) => StopLevel::Running,
            (1, Some((cause, at))) if !self.is_expired(cause, now.saturating_sub(at)) => StopLevel::Draining,
            (1 | 2, _) => StopLevel::Aborting,
            (3.., _) => StopLevel::Killing,
        }
    }

    /// A drain after an interrupt never expires, because the user can interrupt again.
    fn is_expired(&self, cause: StopCause, elapsed: Duration) -> bool {
        matches!(cause, StopCause::Terminate | StopCause::HangUp) && elapsed >= self.drain_timeout
    }
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

    fn apply(requests: &mut StopRequests, now: &mut Duration, step: Step) {
        match step {
            Step::File(request) => requests.on_file(request),
            Step::Signal(cause) => requests.on_signal(cause, *now),
            Step::Wait(span) => *now += span,
            Step::Clear => {
                requests.clear();
            }
        }
    }

    fn signalled(causes: &[StopCause]) -> StopRequests {
        let mut requests = StopRequests::default();
        for (moment, cause) in (0..).zip(causes) {
            requests.on_signal(*cause, ONE_SIGNAL * moment);
        }
        requests
    }

    proptest! {
        #[test]
        fn only_clearing_lowers_the_level(steps in vec(step(), 0..12)) {
            let (mut requests, mut now) = (StopRequests::default(), Duration::ZERO);
            for step in steps {
                let before = requests.request(now);
                apply(&mut requests, &mut now, step);
                let after = requests.request(now);
                if matches!(step, Step::Clear) {
                    prop_assert_eq!(after.level, requests.signal_level(now));
                } else {
                    prop_assert!(after.level >= before.level);
                    prop_assert!(before.cause.is_none() || after.cause == before.cause);
                }
                prop_assert_eq!(after.level == StopLevel::Running, after.cause.is_none());
            }
        }

        #[test]
        fn the_file_alone_never_kills_and_time_changes_nothing(
            files in vec(prop::sample::select(vec![FileRequest::Nothing, FileRequest::Drain, FileRequest::Abort]), 1..5),
            seconds in 0_u64..1_000_000,
        ) {
            let mut requests = StopRequests::default();
            for request in &files {
                requests.on_file(*request);
            }
            let level = match files.into_iter().max().unwrap_or_default() {
                FileRequest::Nothing => StopLevel::Running,
                FileRequest::Drain => StopLevel::Draining,
                FileRequest::Abort => StopLevel::Aborting,
            };
            prop_assert_eq!(requests.request(Duration::from_secs(seconds)).level, level);
            prop_assert_eq!(requests.clear(), level > StopLevel::Running);
            prop_assert_eq!(requests.request(Duration::from_secs(seconds)), StopRequest::NONE);
        }

        #[test]
        fn signals_of_every_kind_count_alike(causes in vec(cause(), 1..6)) {
            let request = signalled(&causes).request(Duration::ZERO);
            let level = [StopLevel::Draining, StopLevel::Aborting, StopLevel::Killing][causes.len().min(3) - 1];
            prop_assert_eq!(request, StopRequest { level, cause: Some(causes[0]) });
        }

        #[test]
        fn without_a_drain_the_first_signal_aborts(causes in vec(cause(), 0..5), seconds in 0_u64..200) {
            let mut requests = StopRequests::without_drain();
            for (moment, cause) in (0..).zip(&causes) {
                requests.on_signal(*cause, ONE_SIGNAL * moment);
            }
            let level = [StopLevel::Running, StopLevel::Aborting, StopLevel::Killing][causes.len().min(2)];
            let request = StopRequest { level, cause: causes.first().copied() };
            prop_assert_eq!(requests.request(Duration::from_secs(seconds)), request);
        }

        #[test]
        fn a_drain_expires_unless_an_interrupt_asked_for_it(
            cause in cause(),
            millis in 0_u64..200_000,
            timeout in prop::option::of(0_u64..100_000),
        ) {
            let mut requests = signalled(&[cause]);
            if let Some(timeout) = timeout {
                requests.set_drain_timeout(Duration::from_millis(timeout));
            }
            let level = requests.request(Duration::from_millis(millis)).level;
            let is_expired = cause != StopCause::Interrupt && millis >= timeout.unwrap_or(80_000);
            prop_assert_eq!(level, if is_expired { StopLevel::Aborting } else { StopLevel::Draining });
        }
    }

    #[test]
    fn signals_in_quick_succession_count_as_one() {
        let mut requests = StopRequests::default();
        for millis in [0, 3, 499] {
            requests.on_signal(StopCause::HangUp, Duration::from_millis(millis));
            assert_eq!(requests.request(Duration::from_millis(millis)).level, StopLevel::Draining);
        }
        for (millis, level) in [(500, StopLevel::Aborting), (501, StopLevel::Killing)] {
            requests.on_signal(StopCause::Interrupt, Duration::from_millis(millis));
            assert_eq!(requests.request(Duration::from_millis(millis)).level, level);
        }
    }

    #[test]
    fn the_cause_is_that_of_the_first_request() {
        let mut requests = StopRequests::default();
        requests.on_file(FileRequest::Drain);
        requests.on_signal(StopCause::Terminate, Duration::ZERO);
        assert_eq!(requests.request(Duration::ZERO).cause, Some(StopCause::StopFile));
        assert!(requests.clear());
        let expected = StopRequest { level: StopLevel::Draining, cause: Some(StopCause::Terminate) };
        assert_eq!(requests.request(Duration::ZERO), expected);
    }
}
