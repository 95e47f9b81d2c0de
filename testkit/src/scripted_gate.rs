//! A start gate that a test shuts and opens.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use async_trait::async_trait;
use autoproc_domain::ports::{Hold, StartGate};

/// The gate. Cloning it names the same one. It is shut while any reason stands.
#[derive(Debug, Clone, Default)]
pub struct ScriptedGate(Arc<Mutex<Standing>>);

#[derive(Debug, Default)]
struct Standing {
    reasons: BTreeSet<Box<str>>,
    waiting: Vec<Waker>,
}

impl ScriptedGate {
    /// An open gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Shuts it for this reason.
    pub fn shut(&self, reason: &str) {
        self.change(|reasons| reasons.insert(reason.into()));
    }

    /// Takes this reason away.
    pub fn open(&self, reason: &str) {
        self.change(|reasons| reasons.remove(reason));
    }

    fn change(&self, change: impl FnOnce(&mut BTreeSet<Box<str>>) -> bool) {
        let mut standing = self.lock();
        if change(&mut standing.reasons) {
            standing.waiting.drain(..).for_each(Waker::wake);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    fn hold(&self) -> Option<Hold> {
        self.reasons.first().map(|reason| Hold { reason: reason.clone() })
    }
}

#[async_trait]
impl StartGate for ScriptedGate {
    fn hold(&self) -> Option<Hold> {
        self.lock().hold()
    }

    async fn changed_from(&self, before: Hold) {
        std::future::poll_fn(|context| {
            let mut standing = self.lock();
            if standing.hold().as_ref() != Some(&before) {
                return Poll::Ready(());
            }
            if !standing.waiting.iter().any(|waiting| waiting.will_wake(context.waker())) {
                standing.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}
