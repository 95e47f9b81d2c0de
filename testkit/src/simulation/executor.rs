//! One thread that polls whatever is ready, in an order the seed decides.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::Random;

/// A future under way, and what it is.
pub(super) struct Task<K, T> {
    pub(super) key: K,
    future: Pin<Box<dyn Future<Output = T>>>,
    ready: Arc<Ready>,
}

/// Whether somebody asked to poll it.
struct Ready(AtomicBool);

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The futures under way. Dropping a task drops its future wherever it stands.
pub(super) struct Executor<K, T> {
    pub(super) tasks: Vec<Task<K, T>>,
    pub(super) polls: u64,
}

/// What came of a poll.
pub(super) enum Polled<K, T> {
    NobodyIsReady,
    GoesOn,
    Ended(K, T),
}

impl<K, T> Executor<K, T> {
    pub(super) fn new() -> Self {
        Self { tasks: Vec::new(), polls: 0 }
    }

    pub(super) fn start(&mut self, key: K, future: impl Future<Output = T> + 'static) {
        let ready = Arc::new(Ready(AtomicBool::new(true)));
        self.tasks.push(Task { key, future: Box::pin(future), ready });
    }

    /// Polls one of the ready tasks.
    pub(super) fn poll_one(&mut self, random: &mut Random) -> Polled<K, T> {
        let ready: Vec<_> = (0..self.tasks.len()).filter(|index| self.tasks[*index].is_ready()).collect();
        if ready.is_empty() {
            return Polled::NobodyIsReady;
        }
        self.polls += 1;
        let index = *random.pick(&ready);
        match self.tasks[index].poll() {
            Poll::Pending => Polled::GoesOn,
            Poll::Ready(output) => Polled::Ended(self.tasks.swap_remove(index).key, output),
        }
    }
}

impl<K, T> Task<K, T> {
    fn is_ready(&self) -> bool {
        self.ready.0.load(Ordering::Relaxed)
    }

    fn poll(&mut self) -> Poll<T> {
        self.ready.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(self.ready.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}
