//! Combines several observers into one.

use std::sync::Arc;

use autoproc_domain::ports::{Observer, RunEvent};

/// Passes every event to several observers, in order.
#[derive(Clone, Default)]
pub struct Observers(Vec<Arc<dyn Observer>>);

impl Observers {
    /// Combines `observers`.
    #[must_use]
    pub fn new(observers: Vec<Arc<dyn Observer>>) -> Self {
        Self(observers)
    }
}

impl Observer for Observers {
    fn observe(&self, event: &RunEvent) {
        for observer in &self.0 {
            observer.observe(event);
        }
    }
}
