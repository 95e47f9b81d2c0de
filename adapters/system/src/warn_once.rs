//! Reports only the first of several warnings.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Receives a warning: one line, without a prefix and without a newline.
pub type OnWarning = Arc<dyn Fn(&str) + Send + Sync>;

/// Forwards the first warning and drops the others.
pub struct WarnOnce {
    on_warning: OnWarning,
    has_warned: AtomicBool,
}

impl WarnOnce {
    /// Creates a `WarnOnce` that forwards the first warning to `on_warning`.
    #[must_use]
    pub fn new(on_warning: OnWarning) -> Self {
        Self { on_warning, has_warned: AtomicBool::new(false) }
    }

    /// Forwards the warning if it is the first.
    pub fn warn(&self, warning: fmt::Arguments<'_>) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            (self.on_warning)(&warning.to_string());
        }
    }
}
