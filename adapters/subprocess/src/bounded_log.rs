//! A file of bounded size for what a process prints.

/// How much of a process's output is kept, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimits {
    /// The first bytes.
    pub head: u64,
    /// The last bytes.
    pub tail: u64,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self { head: 8 << 20, tail: 4 << 20 }
    }
}
