//! Mistakes in the protocols, which tests switch on to see that a check kills each of them.
//!
//! In a build that ships, [`made`] is `false` at compile time and nothing of this is left.

/// One thing done wrong. `docs/durability.md` names the check that kills it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// The snapshot is renamed into place before its data is durable.
    SnapshotNotSynced,
    /// The rename of a snapshot is not made durable.
    RenameNotSynced,
    /// A transaction is acknowledged before its line is durable.
    LineNotSynced,
    /// A new journal's name is not made durable.
    JournalNameNotSynced,
    /// The names that another process left are taken to be durable.
    NamesOfOthersTrusted,
    /// Another process's records are built upon before they are durable.
    RecordsOfOthersTrusted,
    /// A torn tail is left where it is, and appended to.
    TornTailLeft,
    /// A failed sync is tried again, and believed.
    SyncRetried,
    /// After a failed sync the line is left in the journal and the change only reported as failed.
    GhostLeft,
    /// The old journal is removed before the rename that retires it is durable.
    JournalRemovedEarly,
    /// Leftovers are cleared away before the rename that made them stale is durable.
    ClearedAwayEarly,
    /// Every generation's journal has the same name.
    JournalNameReused,
    /// A change that could not be made durable stays in memory.
    FailedChangeKept,
    /// The lock is taken on the file that checkpoints replace.
    LockOnSnapshot,
    /// The lock is not taken.
    NotLocked,
    /// A snapshot that somebody else replaced goes unnoticed.
    NewSnapshotUnnoticed,
    /// Any damage at the end of what can be read is taken for a torn tail.
    AllDamageIsTorn,
    /// A torn tail is taken for damage.
    NothingIsTorn,
    /// Checksums are not looked at.
    ChecksumIgnored,
    /// Whether a line follows the one before it is not looked at.
    ChainIgnored,
    /// Whether a journal belongs to its snapshot is not looked at.
    HeaderIgnored,
    /// The note of the store's end is believed without a look at where it ends.
    TipBelieved,
    /// The note of the store's end is left before that end is durable.
    TipNotedEarly,
}

/// Whether this thread is to make a mistake.
#[cfg(not(test))]
pub(crate) const fn made(_: Mistake) -> bool {
    false
}

#[cfg(test)]
pub(crate) use switch::{made, while_making};

#[cfg(test)]
mod switch {
    use std::cell::Cell;

    use super::Mistake;

    thread_local! {
        static CURRENT: Cell<Option<Mistake>> = const { Cell::new(None) };
    }

    pub(crate) fn made(mistake: Mistake) -> bool {
        CURRENT.get() == Some(mistake)
    }

    /// Does `work` on this thread with a mistake, or with none.
    pub(crate) fn while_making<T>(mistake: Option<Mistake>, work: impl FnOnce() -> T) -> T {
        CURRENT.set(mistake);
        let done = work();
        CURRENT.set(None);
        done
    }
}
