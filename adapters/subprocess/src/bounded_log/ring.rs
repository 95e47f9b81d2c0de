//! The latest bytes of a stream, in memory.

use std::collections::VecDeque;

/// The last bytes that were pushed, up to a limit, and how many came before them. Its memory grows with what it holds.
#[derive(Debug)]
pub(super) struct Ring {
    limit: usize,
    bytes: VecDeque<u8>,
    left_out: u64,
}

impl Ring {
    /// Holds at most `limit` bytes, nothing at first.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), bytes: VecDeque::new(), left_out: 0 }
    }

    /// Adds bytes at the end, by whole slices; the oldest give way.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let kept = &piece[piece.len().saturating_sub(self.limit)..];
        let displaced = (self.bytes.len() + kept.len()).saturating_sub(self.limit);
        self.bytes.drain(..displaced);
        self.bytes.extend(kept);
        self.left_out += (displaced + piece.len() - kept.len()) as u64;
    }

    /// Takes up where another ring stood.
    pub(super) fn resume(&mut self, left_out: u64, bytes: &[u8]) {
        self.left_out = left_out;
        self.push(bytes);
    }

    /// What it holds, in two pieces of which either may be empty.
    pub(super) fn as_slices(&self) -> (&[u8], &[u8]) {
        self.bytes.as_slices()
    }

    /// How many bytes it no longer holds.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Whether nothing was ever pushed.
    pub(super) fn is_unused(&self) -> bool {
        self.left_out == 0 && self.bytes.is_empty()
    }
}
