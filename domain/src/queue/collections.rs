//! Compact collections, so that a queue of a million files needs at most 300 MB.
//!
//! They are compact if most sequence numbers are consecutive, and correct for any numbers.

mod items;
mod paths;
mod ready;

pub(super) use items::Items;
pub(super) use paths::PathIndex;
pub(super) use ready::Ready;
