//! Memory-saving collections: a queue of a million files needs at most 300 MB.

mod items;
mod paths;
mod ready;

pub(super) use items::Items;
pub(super) use paths::PathIndex;
pub(super) use ready::Ready;
