//! A start gate that a test shuts and opens.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use autoproc_domain::ports::{BackPressure, StartGate};

/// The gate; shut while it has any reason. Clones are the same gate.
#[derive(Debug, Clone, Default)]
pub struct ScriptedGate(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    reasons: BTreeSet<Box<str>>,
    waiting: Vec<Waker>,
}

impl ScriptedGate {
    /// An open gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a reason to be shut.
    pub fn shut(&self, reason: &str) {
        self.change(|reasons| reasons.insert(reason.into()));
    }

    /// Removes a reason to be shut.
    pub fn open(&self, reason: &str) {
        self.change(|reasons| reasons.remove(reason));
    }

    fn change(&self, change: impl FnOnce(&mut BTreeSet<Box<str>>) -> bool) {
        let mut state = self.lock();
        if change(&mut state.reasons) {
            state.waiting.drain(..).for_each(Waker::wake);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pressure(&self) -> Option<BackPressure> {
        self.reasons.first().map(|reason| BackPressure { reason: reason.clone() })
    }
}

#[async_trait]
impl StartGate for ScriptedGate {
    fn pressure(&self) -> Option<BackPressure> {
        self.lock().pressure()
    }

    async fn changed_from(&self, before: Option<BackPressure>) {
        std::future::poll_fn(|context| {
            let mut state = self.lock();
            if state.pressure() != before {
                return Poll::Ready(());
            }
            if !state.waiting.iter().any(|waiting| waiting.will_wake(context.waker())) {
                state.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}
