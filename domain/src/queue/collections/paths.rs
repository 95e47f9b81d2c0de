//! An index from path to item.
//!
//! The hash table contains item ids, so each path is stored only once, in its item. Each id in the
//! table must belong to a stored item.
//!
//! The hash function has a random seed, but does not resist an attacker. Many colliding paths can
//! make a queue slow. A user who may add files can slow it down in other ways too.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::Items;
use crate::item::{ItemId, QueueItem};
use crate::path::FilePath;

/// Must not be iterated, because the order is random.
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

    /// Indexes a stored item. The item's path must not be indexed yet.
    pub(in crate::queue) fn insert(&mut self, item: &QueueItem, items: &Items) {
        let Self { table, hasher } = self;
        table.insert_unique(hash(hasher, &item.file_path), item.id, |id| rehash(hasher, *id, items));
    }

    pub(in crate::queue) fn remove(&mut self, item: &QueueItem) {
        if let Ok(entry) = self.table.find_entry(hash(&self.hasher, &item.file_path), |id| *id == item.id) {
            entry.remove();
        }
    }

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

fn rehash(hasher: &DefaultHashBuilder, id: ItemId, items: &Items) -> u64 {
    items.get(id).map_or(0, |item| hash(hasher, &item.file_path))
}

fn has_path(id: ItemId, path: &FilePath, items: &Items) -> bool {
    items.get(id).is_some_and(|item| item.file_path == *path)
}

#[cfg(test)]
mod tests {
    use crate::{FilePath, FileQueue, Priority, Timestamp};

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
