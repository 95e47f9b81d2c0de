//! The wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use autoproc_domain::Timestamp;
use autoproc_domain::ports::Clock;
use tokio::time::{Instant, sleep};

/// The maximum sleep between two readings of the wall clock. Limits the delay if the clock is set.
const MAX_SLEEP: Duration = Duration::from_secs(1);

/// The system's wall clock. Waiting requires a tokio runtime with its time driver enabled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        wall_clock()
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        sleep_until(deadline, wall_clock).await;
    }
}

fn wall_clock() -> Timestamp {
    let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => micros(since),
        Err(before) => -micros(before.duration()),
    })
}

/// Waits until `now` reaches `deadline`, even if the wall clock is set forward. If the clock is set
/// back, the wait may end before `now` reaches `deadline`.
async fn sleep_until(deadline: Timestamp, now: impl Fn() -> Timestamp) {
    let mut left = deadline.saturating_since(now());
    // The wait ends at this time at the latest, even if the clock was set back. The margin allows
    // for small differences between the two clocks.
    let latest = Instant::now() + left + MAX_SLEEP;
    while !left.is_zero() {
        sleep(left.min(MAX_SLEEP)).await;
        left = deadline.saturating_since(now()).min(latest.saturating_duration_since(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn shifted(began: tokio::time::Instant, offset: &AtomicI64) -> Timestamp {
        Timestamp::from_micros(offset.load(Ordering::Relaxed)).saturating_add(began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn waits_until_the_deadline_and_no_longer() {
        let (began, offset) = (tokio::time::Instant::now(), AtomicI64::new(0));
        sleep_until(Timestamp::from_micros(3_600_000_000), || shifted(began, &offset)).await;
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(3600) && took < Duration::from_secs(3601), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn notices_within_a_second_that_the_clock_was_set_forward() {
        let (began, offset) = (tokio::time::Instant::now(), AtomicI64::new(0));
        let set_forward = async {
            sleep(Duration::from_secs(5)).await;
            offset.store(86_400_000_000, Ordering::Relaxed);
        };
        tokio::join!(sleep_until(Timestamp::from_micros(7_200_000_000), || shifted(began, &offset)), set_forward);
        assert!(began.elapsed() <= Duration::from_secs(6), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_set_back_prolongs_the_wait_by_a_second_at_most() {
        let (began, offset) = (tokio::time::Instant::now(), AtomicI64::new(0));
        let set_back = async {
            sleep(Duration::from_secs(5)).await;
            offset.store(-86_400_000_000, Ordering::Relaxed);
        };
        let deadline = Timestamp::from_micros(10_000_000);
        tokio::join!(sleep_until(deadline, || shifted(began, &offset)), set_back);
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(10) && took <= Duration::from_secs(12), "{took:?}");
    }

    #[tokio::test]
    async fn the_deadline_has_passed_when_the_wait_ends() {
        let deadline = SystemClock.now().saturating_add(Duration::from_millis(20));
        SystemClock.sleep_until(deadline).await;
        assert!(SystemClock.now() >= deadline);
        SystemClock.sleep_until(Timestamp::from_micros(i64::MIN)).await;
    }
}
