use std::time::{Duration, Instant};

/// Measures monotonic time without pauses.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    started_at: Instant,
    paused: Duration,
    paused_at: Option<Instant>,
}

impl Stopwatch {
    pub(crate) fn start(now: Instant) -> Self {
        Self { started_at: now, paused: Duration::ZERO, paused_at: None }
    }

    pub(crate) fn elapsed(&self, now: Instant) -> Duration {
        let until = self.paused_at.unwrap_or(now);
        until.saturating_duration_since(self.started_at).saturating_sub(self.paused)
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused_at.is_some()
    }

    pub(crate) fn pause(&mut self, now: Instant) {
        self.paused_at.get_or_insert(now);
    }

    pub(crate) fn resume(&mut self, now: Instant) {
        if let Some(since) = self.paused_at.take() {
            self.paused += now.saturating_duration_since(since);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pauses_do_not_count(steps in vec((0..1000_u64, any::<bool>()), 0..20)) {
            let started_at = Instant::now();
            let (mut watch, mut now, mut expected, mut runs) = (Stopwatch::start(started_at), started_at, Duration::ZERO, true);
            for (millis, run) in steps {
                let step = Duration::from_millis(millis);
                now += step;
                if runs {
                    expected += step;
                }
                prop_assert_eq!(watch.elapsed(now), expected);
                runs = run;
                if run { watch.resume(now) } else { watch.pause(now) }
                prop_assert_eq!((watch.elapsed(now), watch.is_paused()), (expected, !run));
            }
        }
    }
}
