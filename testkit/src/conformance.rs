//! The conformance suites for the adapters of ports.

pub mod history;
pub mod storage;

/// A failed check: an adapter broke a guarantee of its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The name of the check.
    pub check: &'static str,
    /// What went wrong: for instance the actual and the expected result, or the error of the adapter.
    pub detail: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.check, self.detail)
    }
}

impl std::error::Error for Violation {}
