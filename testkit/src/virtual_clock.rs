//! A clock whose time passes only when it is told to.
//!
//! It has two hands. The *wall* is what the port shows: it can be set back or forward. What has *elapsed* only grows, and
//! is what attempts are timed by, as on a machine.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::Timestamp;
use autoproc_domain::ports::Clock;

use crate::strategies::EPOCH;

/// Who reads the clock so many times at one moment waits for nothing: it spins, and would never let time pass.
const MAX_READINGS: u32 = 100_000;

/// The clock. Cloning it names the same one.
#[derive(Debug, Clone, Default)]
pub struct VirtualClock(Arc<Mutex<Hands>>);

#[derive(Debug, Default)]
struct Hands {
    elapsed: Duration,
    /// How far the wall is from where it would be had nobody set it, in microseconds.
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
enum Until {
    Wall(Timestamp),
    Elapsed(Duration),
}

impl VirtualClock {
    /// A clock that shows [`EPOCH`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How much time has passed since it was made.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.lock().elapsed
    }

    /// Waits for so much time to pass, however the wall is set meanwhile.
    pub async fn sleep(&self, span: Duration) {
        let until = self.elapsed().saturating_add(span);
        self.wait(Until::Elapsed(until)).await;
    }

    /// How long until the first timer goes off; `None` where nobody waits for a time that ever comes.
    #[must_use]
    pub fn next_timer_in(&self) -> Option<Duration> {
        let hands = self.lock();
        hands.timers.iter().filter_map(|timer| hands.remaining(timer.until)).min()
    }

    /// Lets time pass until the first timer goes off. Says whether there was one.
    #[must_use]
    pub fn advance_to_next_timer(&self) -> bool {
        let next = self.next_timer_in();
        if let Some(span) = next {
            self.advance(span);
        }
        next.is_some()
    }

    /// Lets so much time pass.
    pub fn advance(&self, span: Duration) {
        let mut hands = self.lock();
        hands.elapsed = hands.elapsed.saturating_add(span);
        hands.ring();
    }

    /// Sets the wall forward, as when a machine learns that it was late.
    pub fn set_forward(&self, span: Duration) {
        self.set(micros(span));
    }

    /// Sets the wall back.
    pub fn set_back(&self, span: Duration) {
        self.set(-micros(span));
    }

    fn set(&self, by: i64) {
        let mut hands = self.lock();
        hands.set_by = hands.set_by.saturating_add(by);
        hands.ring();
    }

    fn wait(&self, until: Until) -> Wait {
        let mut hands = self.lock();
        hands.timers_made += 1;
        Wait { clock: self.clone(), id: hands.timers_made, until }
    }

    fn lock(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for VirtualClock {
    /// # Panics
    /// Where it is read without end at one moment.
    fn now(&self) -> Timestamp {
        let mut hands = self.lock();
        hands.note_reading();
        hands.wall()
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        self.wait(Until::Wall(deadline)).await;
    }
}

impl Hands {
    /// A wait for a time that is past counts too.
    fn note_reading(&mut self) {
        self.readings += 1;
        assert!(self.readings < MAX_READINGS, "{MAX_READINGS} readings of the clock at one moment: somebody spins");
    }

    fn wall(&self) -> Timestamp {
        let wall = EPOCH.saturating_add(self.elapsed);
        Timestamp::from_micros(wall.as_micros().saturating_add(self.set_by))
    }

    /// `None` for [`Timestamp::MAX`] and [`Duration::MAX`], which mean never.
    fn remaining(&self, until: Until) -> Option<Duration> {
        match until {
            Until::Wall(Timestamp::MAX) | Until::Elapsed(Duration::MAX) => None,
            Until::Wall(deadline) => Some(deadline.saturating_since(self.wall())),
            Until::Elapsed(point) => Some(point.saturating_sub(self.elapsed)),
        }
    }

    fn is_over(&self, until: Until) -> bool {
        self.remaining(until).is_some_and(|span| span.is_zero())
    }

    fn ring(&mut self) {
        self.readings = 0;
        let timers = std::mem::take(&mut self.timers);
        let (over, waiting) = timers.into_iter().partition(|timer| self.is_over(timer.until));
        self.timers = waiting;
        let over: Vec<Timer> = over;
        for timer in over {
            timer.waker.wake();
        }
    }
}

/// Dropping it takes its timer away.
struct Wait {
    clock: VirtualClock,
    id: u64,
    until: Until,
}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut hands = self.clock.lock();
        hands.timers.retain(|timer| timer.id != self.id);
        hands.note_reading();
        if hands.is_over(self.until) {
            return Poll::Ready(());
        }
        hands.timers.push(Timer { id: self.id, until: self.until, waker: context.waker().clone() });
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
