//! Groups failures by their signatures.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Signature, SignatureId};
use crate::path::FilePath;
use crate::time::Timestamp;

/// The failures with one signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureGroup {
    /// The signature that the failures share.
    pub signature: Signature,
    /// The number of failures; at least 1.
    pub count: u64,
    /// The earliest time of a failure; `None` if no time is known.
    pub first_at: Option<Timestamp>,
    /// The latest time of a failure; `None` if no time is known.
    pub last_at: Option<Timestamp>,
    /// The files that were first added to the group, at most [`FailureGroups::MAX_EXAMPLES`].
    pub examples: Vec<FilePath>,
}

/// Groups failures by signature. The memory is bounded by [`MAX_GROUPS`](Self::MAX_GROUPS), however
/// many failures there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureGroups {
    groups: BTreeMap<SignatureId, FailureGroup>,
    ungrouped: u64,
}

impl FailureGroups {
    /// The maximum number of groups. Failures with further signatures are counted, but not grouped.
    pub const MAX_GROUPS: usize = 1000;

    /// The maximum number of example files of a group.
    pub const MAX_EXAMPLES: usize = 3;

    /// Adds a failure: its error text, its file, and the time of the failure if it is known.
    pub fn add(&mut self, error: Option<&str>, file: &FilePath, at: Option<Timestamp>) {
        let signature = Signature::of(error, file);
        let (id, is_full) = (signature.id(), self.groups.len() >= Self::MAX_GROUPS);
        if is_full && !self.groups.contains_key(&id) {
            self.ungrouped += 1;
            return;
        }
        let empty = || FailureGroup { signature, count: 0, first_at: None, last_at: None, examples: Vec::new() };
        let group = self.groups.entry(id).or_insert_with(empty);
        group.count += 1;
        group.first_at = group.first_at.into_iter().chain(at).min();
        group.last_at = group.last_at.into_iter().chain(at).max();
        if group.examples.len() < Self::MAX_EXAMPLES {
            group.examples.push(file.clone());
        }
    }

    /// Returns the groups, the largest first. Groups of equal size are ordered by reason.
    #[must_use]
    pub fn largest_first(&self) -> Vec<&FailureGroup> {
        let mut groups: Vec<_> = self.groups.values().collect();
        groups.sort_by_key(|group| (Reverse(group.count), group.signature.reason()));
        groups
    }

    /// Returns the total number of failures, grouped or not.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.groups.values().map(|group| group.count).sum::<u64>() + self.ungrouped
    }

    /// Returns the number of failures that are in no group, because there were already
    /// [`MAX_GROUPS`](Self::MAX_GROUPS) groups.
    #[must_use]
    pub fn ungrouped(&self) -> u64 {
        self.ungrouped
    }
}
