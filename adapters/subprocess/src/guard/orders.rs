//! The pause and the deadline of a guard.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The maximum time between two checks of the deadline. The deadline counts the time for which the
/// machine is suspended, but timers do not.
const MAX_SLEEP: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Orders {
    pub(crate) is_paused: bool,
    /// A time since boot.
    deadline: Option<Duration>,
}

impl Orders {
    pub(crate) fn extend_deadline(&mut self, since_boot: Duration) {
        self.deadline = self.deadline.max(Some(since_boot));
    }

    pub(crate) fn is_over(&self) -> bool {
        self.time_left().is_some_and(|left| left.is_zero())
    }

    /// Returns the maximum time until [`is_over`](Self::is_over) must be called again.
    pub(crate) fn timeout(&self) -> Duration {
        match self.time_left() {
            None => Duration::MAX,
            // The deadline has just passed, or the guard is already killing the process.
            Some(Duration::ZERO) => MAX_SLEEP,
            Some(left) => left.min(MAX_SLEEP),
        }
    }

    fn time_left(&self) -> Option<Duration> {
        Some(self.deadline?.saturating_sub(since_boot()))
    }
}

/// Includes the time for which the machine was suspended.
fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let (seconds, nanoseconds) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanoseconds.unwrap_or(0))
}
