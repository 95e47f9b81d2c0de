//! Reports a repeated error of the store only once.

use std::sync::{Mutex, PoisonError};

/// The latest error of the store; `None` while the store answers.
#[derive(Default)]
pub(super) struct StoreTrouble(Mutex<Option<Box<str>>>);

impl StoreTrouble {
    /// Returns false if the error repeats the previous error.
    pub(super) fn record(&self, error: &str) -> bool {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = latest.as_deref() != Some(error);
        *latest = Some(error.into());
        is_new
    }

    /// Records that the store has answered. Returns true if an error was recorded before.
    pub(super) fn end(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_is_reported_once() {
        let trouble = StoreTrouble::default();
        assert!(!trouble.end());
        assert_eq!(["a", "a", "b", "b"].map(|error| trouble.record(error)), [true, false, true, false]);
        assert!(trouble.end() && !trouble.end());
        assert!(trouble.record("b"));
    }
}
