//! A clock whose time passes only when a test advances it.
//!
//! The *wall clock* is the time returned by the `Clock` port. A test may set it back or forward.
//! The *elapsed time* never goes back.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::Timestamp;
use autoproc_domain::ports::Clock;

use crate::strategies::EPOCH;

/// The maximum number of readings while no time passes. Detects endless loops.
const MAX_READINGS: u32 = 100_000;

/// A virtual clock. Clones show the same time.
#[derive(Debug, Clone, Default)]
pub struct VirtualClock(Arc<Mutex<Times>>);

#[derive(Debug, Default)]
struct Times {
    elapsed: Duration,
    /// The sum of all changes of the wall clock, in microseconds.
    set_by: i64,
    timers: Vec<Timer>,
    timers_made: u64,
    readings: u32,
}

#[derive(Debug)]
struct Timer {
    id: u64,
    until: Until,
    waker: Waker,
}

#[derive(Debug, Clone, Copy)]
struct Until {
    wall: Option<Timestamp>,
    /// [`Duration::MAX`] if the wait has no end.
    elapsed: Duration,
}

impl VirtualClock {
    /// Creates a clock that shows [`EPOCH`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the time that has passed since the clock was created.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.lock().elapsed
    }

    /// Waits until this much time has elapsed, regardless of changes of the wall clock.
    pub async fn sleep(&self, span: Duration) {
        let elapsed = self.elapsed().saturating_add(span);
        self.wait(Until { wall: None, elapsed }).await;
    }

    /// Returns the time until the first timer ends, or `None` if no timer ever ends.
    #[must_use]
    pub fn next_timer_in(&self) -> Option<Duration> {
        let times = self.lock();
        times.timers.iter().filter_map(|timer| times.remaining(timer.until)).min()
    }

    /// Lets time pass until the first timer ends. Returns false if no timer ever ends.
    #[must_use]
    pub fn advance_to_next_timer(&self) -> bool {
        let next = self.next_timer_in();
        if let Some(span) = next {
            self.advance(span);
        }
        next.is_some()
    }

    /// Lets this much time pass.
    pub fn advance(&self, span: Duration) {
        let mut times = self.lock();
        times.elapsed = times.elapsed.saturating_add(span);
        times.wake();
    }

    /// Sets the wall clock forward, like the correction of a slow clock.
    pub fn set_forward(&self, span: Duration) {
        self.set(micros(span));
    }

    /// Sets the wall clock back.
    pub fn set_back(&self, span: Duration) {
        self.set(-micros(span));
    }

    fn set(&self, by: i64) {
        let mut times = self.lock();
        times.set_by = times.set_by.saturating_add(by);
        times.wake();
    }

    fn wait(&self, until: Until) -> Wait {
        let mut times = self.lock();
        times.timers_made += 1;
        Wait { clock: self.clone(), id: times.timers_made, until }
    }

    fn lock(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for VirtualClock {
    /// # Panics
    /// Panics if the clock is read 100,000 times while no time passes.
    fn now(&self) -> Timestamp {
        let mut times = self.lock();
        times.count_reading();
        times.wall()
    }

    /// Setting the clock back does not prolong the wait.
    async fn sleep_until(&self, deadline: Timestamp) {
        let until = self.lock().until(deadline);
        self.wait(until).await;
    }
}

impl Times {
    fn count_reading(&mut self) {
        self.readings += 1;
        assert!(self.readings < MAX_READINGS, "{MAX_READINGS} readings of the clock at one moment: a loop spins");
    }

    fn wall(&self) -> Timestamp {
        let wall = EPOCH.saturating_add(self.elapsed);
        Timestamp::from_micros(wall.as_micros().saturating_add(self.set_by))
    }

    /// A wait for [`Timestamp::MAX`] never ends.
    fn until(&self, deadline: Timestamp) -> Until {
        if deadline == Timestamp::MAX {
            return Until { wall: None, elapsed: Duration::MAX };
        }
        let elapsed = self.elapsed.saturating_add(deadline.saturating_since(self.wall()));
        Until { wall: Some(deadline), elapsed }
    }

    fn remaining(&self, until: Until) -> Option<Duration> {
        let by_wall = until.wall.map(|deadline| deadline.saturating_since(self.wall()));
        let by_elapsed = (until.elapsed < Duration::MAX).then(|| until.elapsed.saturating_sub(self.elapsed));
        [by_wall, by_elapsed].into_iter().flatten().min()
    }

    fn is_over(&self, until: Until) -> bool {
        self.remaining(until).is_some_and(|span| span.is_zero())
    }

    fn wake(&mut self) {
        self.readings = 0;
        let timers = std::mem::take(&mut self.timers);
        let (over, waiting): (Vec<Timer>, _) = timers.into_iter().partition(|timer| self.is_over(timer.until));
        self.timers = waiting;
        for timer in over {
            timer.waker.wake();
        }
    }
}

struct Wait {
    clock: VirtualClock,
    id: u64,
    until: Until,
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut times = self.clock.lock();
        times.timers.retain(|timer| timer.id != self.id);
        times.count_reading();
        if times.is_over(self.until) {
            return Poll::Ready(());
        }
        times.timers.push(Timer { id: self.id, until: self.until, waker: context.waker().clone() });
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.clock.lock().timers.retain(|timer| timer.id != self.id);
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
