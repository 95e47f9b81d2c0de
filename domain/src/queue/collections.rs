//! Compact collections. With them, a queue of a million files needs at most 300 MB; with trees, it
//! needs more.
//!
//! Most files are added many at a time and claimed in the same order, so their sequence numbers are
//! dense. The collections are compact for dense numbers, and correct for sparse numbers too.

mod items;
mod paths;
mod ready;

pub(super) use items::Items;
pub(super) use paths::PathIndex;
pub(super) use ready::Ready;
