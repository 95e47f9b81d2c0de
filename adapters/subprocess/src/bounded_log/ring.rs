//! A ring buffer for the latest bytes of a stream.

use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct Ring {
    limit: usize,
    bytes: VecDeque<u8>,
    omitted: u64,
}

impl Ring {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), bytes: VecDeque::new(), omitted: 0 }
    }

    pub(super) fn push(&mut self, piece: &[u8]) {
        let kept = &piece[piece.len().saturating_sub(self.limit)..];
        let displaced = (self.bytes.len() + kept.len()).saturating_sub(self.limit);
        self.bytes.drain(..displaced);
        self.bytes.extend(kept);
        self.omitted += (displaced + piece.len() - kept.len()) as u64;
    }

    pub(super) fn resume(&mut self, omitted: u64, bytes: &[u8]) {
        self.omitted = omitted;
        self.push(bytes);
    }

    pub(super) fn as_slices(&self) -> (&[u8], &[u8]) {
        self.bytes.as_slices()
    }

    pub(super) fn omitted(&self) -> u64 {
        self.omitted
    }

    /// Returns the number of bytes ever pushed, including those of a restored ring.
    pub(super) fn total(&self) -> u64 {
        self.omitted + self.bytes.len() as u64
    }

    pub(super) fn is_unused(&self) -> bool {
        self.omitted == 0 && self.bytes.is_empty()
    }
}
