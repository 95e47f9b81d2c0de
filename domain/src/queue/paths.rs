//! Which item a path names: a hash table of sequence numbers, which looks up the paths themselves in the items.
//!
//! The paths stand once, in the items, so that a queue of a million files needs little more memory than their paths. What
//! is indexed must therefore be among the items for as long as it is indexed.
//!
//! The hash is foldhash: fast, with a seed of its own in each process, and not proof against whoever chooses a million
//! paths in order to make them collide. Who may add files to a queue may slow it down by adding many, too.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::file_path::FilePath;
use crate::item::{ItemId, QueueItem};
use crate::queue::items::Items;

/// The latest item of each path, the live one where there is one. Looked up, never iterated.
#[derive(Debug, Clone, Default)]
pub(super) struct PathIndex {
    table: HashTable<ItemId>,
    hasher: DefaultHashBuilder,
}

impl PathIndex {
    /// The item that a path names.
    pub(super) fn find<'a>(&self, path: &FilePath, items: &'a Items) -> Option<&'a QueueItem> {
        let id = self.table.find(self.hash(path), |id| has_path(*id, path, items))?;
        items.get(*id)
    }

    /// Lets the item's path name it; the item itself is still on its way to the others.
    pub(super) fn name(&mut self, item: &QueueItem, items: &Items) {
        self.entry(item, items).insert(item.id);
    }

    /// The same, unless the path names a live item, which it goes on to name.
    pub(super) fn name_unless_live<'a>(&mut self, item: &QueueItem, items: &'a Items) -> Option<&'a QueueItem> {
        let entry = self.entry(item, items);
        if let Entry::Occupied(named) = &entry
            && let Some(live) = items.get(*named.get()).filter(|named| named.status.is_live())
        {
            return Some(live);
        }
        entry.insert(item.id);
        None
    }

    fn entry<'a>(&'a mut self, item: &'a QueueItem, items: &'a Items) -> Entry<'a, ItemId> {
        let Self { table, hasher } = self;
        let hash = hash(hasher, &item.file_path);
        table.entry(hash, |id| has_path(*id, &item.file_path, items), |id| rehash(hasher, *id, items))
    }

    /// Lets the item's path name nothing, where it names this item. To be called while the item is among the others.
    pub(super) fn forget(&mut self, item: &QueueItem) {
        let hash = self.hash(&item.file_path);
        if let Ok(entry) = self.table.find_entry(hash, |id| *id == item.id) {
            entry.remove();
        }
    }

    /// Makes room for this many more paths: growing by and by would look up every path again each time.
    pub(super) fn reserve(&mut self, additional: usize, items: &Items) {
        let Self { table, hasher } = self;
        table.reserve(additional, |id| rehash(hasher, *id, items));
    }

    /// A path's hash; of use beside this index only.
    pub(super) fn hash(&self, path: &FilePath) -> u64 {
        hash(&self.hasher, path)
    }
}

fn hash(hasher: &DefaultHashBuilder, path: &FilePath) -> u64 {
    hasher.hash_one(path.as_os_str().as_encoded_bytes())
}

/// What is indexed is among the items, so the 0 stands for nothing.
fn rehash(hasher: &DefaultHashBuilder, id: ItemId, items: &Items) -> u64 {
    items.get(id).map_or(0, |item| hash(hasher, &item.file_path))
}

fn has_path(id: ItemId, path: &FilePath, items: &Items) -> bool {
    items.get(id).is_some_and(|item| item.file_path == *path)
}

#[cfg(test)]
mod tests {
    use crate::command::{Clear, Command, Enqueue, NewItem};
    use crate::queue::{FileQueue, decide};
    use crate::{FilePath, Priority, Status, Timestamp};

    fn apply(queue: &mut FileQueue, command: &Command) {
        for event in decide(queue, command, Timestamp::MIN).expect("nothing here is refused") {
            queue.apply(&event);
        }
    }

    /// A queue that is fed and cleared for years must not grow by what is gone.
    #[test]
    fn what_is_gone_is_forgotten() {
        let new = |number| NewItem {
            file_path: FilePath::new(format!("/{number}")).expect("a path"),
            priority: Priority::default(),
        };
        let mut queue = FileQueue::new();
        for round in 0..3 {
            apply(&mut queue, &Command::Enqueue(Enqueue((round..round + 100).map(new).collect())));
            assert_eq!(queue.paths.table.len(), 100);
            apply(&mut queue, &Command::Clear(Clear(vec![Status::Pending])));
            assert_eq!(queue.paths.table.len(), 0);
        }
    }
}
