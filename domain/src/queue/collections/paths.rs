//! An index from path to item: a hash table of ids. A lookup compares the paths that the items
//! contain.
//!
//! Each path is stored only once, in its item, so the index needs little memory. While an id is
//! indexed, its item must exist.
//!
//! The hash function is foldhash: fast and seeded per process, but an attacker could choose a
//! million colliding paths. This is acceptable, because a user who may add files can slow a queue
//! down by other means too.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::Items;
use crate::item::{ItemId, QueueItem};
use crate::path::FilePath;

/// The index from path to item, for lookups only. It is never iterated, because its order is
/// random.
#[derive(Debug, Clone, Default)]
pub(in crate::queue) struct PathIndex {
    table: HashTable<ItemId>,
    hasher: DefaultHashBuilder,
}

impl PathIndex {
    pub(in crate::queue) fn find<'a>(&self, path: &FilePath, items: &'a Items) -> Option<&'a QueueItem> {
        let id = self.table.find(hash(&self.hasher, path), |id| has_path(*id, path, items))?;
        items.get(*id)
    }

    /// Indexes an item, which must already be stored and whose path must not be indexed yet.
    pub(in crate::queue) fn insert(&mut self, item: &QueueItem, items: &Items) {
        let Self { table, hasher } = self;
        table.insert_unique(hash(hasher, &item.file_path), item.id, |id| rehash(hasher, *id, items));
    }

    /// Removes an item from the index; the item must still be stored.
    pub(in crate::queue) fn remove(&mut self, item: &QueueItem) {
        if let Ok(entry) = self.table.find_entry(hash(&self.hasher, &item.file_path), |id| *id == item.id) {
            entry.remove();
        }
    }

    /// Reserves capacity for `additional` more paths. Growing step by step would rehash every path
    /// at each step.
    pub(in crate::queue) fn reserve(&mut self, additional: usize, items: &Items) {
        let Self { table, hasher } = self;
        table.reserve(additional, |id| rehash(hasher, *id, items));
    }

    #[cfg(test)]
    pub(in crate::queue) fn len(&self) -> usize {
        self.table.len()
    }
}

fn hash(hasher: &DefaultHashBuilder, path: &FilePath) -> u64 {
    hasher.hash_one(path.as_os_str().as_encoded_bytes())
}

/// Returns the hash of the path of an indexed item. Every indexed id has an item, so the fallback 0
/// is never used.
fn rehash(hasher: &DefaultHashBuilder, id: ItemId, items: &Items) -> u64 {
    items.get(id).map_or(0, |item| hash(hasher, &item.file_path))
}

fn has_path(id: ItemId, path: &FilePath, items: &Items) -> bool {
    items.get(id).is_some_and(|item| item.file_path == *path)
}

#[cfg(test)]
mod tests {
    use crate::{FilePath, FileQueue, Priority, Timestamp};

    /// The index of a queue that is filled and cleared for years must not grow.
    #[test]
    fn paths_that_are_gone_are_forgotten() {
        let mut queue = FileQueue::new();
        for round in 0..3 {
            for number in round..round + 100 {
                let path = FilePath::new(format!("/{number}")).expect("it is absolute");
                queue.add(&path, Priority::default(), Timestamp::MIN);
            }
            assert_eq!(queue.paths.len(), 100);
            queue.clear(Timestamp::MIN);
            assert_eq!(queue.paths.len(), 0);
        }
    }
}
