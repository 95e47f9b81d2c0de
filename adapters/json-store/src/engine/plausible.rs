//! What a snapshot may say of the store: nothing that could lead to files that are not the store's, or to numbers that
//! cannot be counted on from.

use autoproc_domain::ports::StorageError;

use crate::error::damaged;
use crate::layout::{self, SNAPSHOT};
use crate::snapshot::{BEYOND_COUNTING, Snapshot};

/// Refuses a snapshot that nobody can go on from.
pub(super) fn check(snapshot: &Snapshot) -> Result<(), StorageError> {
    let store = snapshot.store.as_ref();
    if let Some(store) = store.filter(|store| !layout::is_journal_name(&store.journal)) {
        return Err(damaged(SNAPSHOT, format!("{:?} cannot be the name of its journal", store.journal)));
    }
    let numbers = [
        ("generation", store.map_or(0, |store| store.generation)),
        ("seq", store.map_or(0, |store| store.seq)),
        ("id or next_id", snapshot.queue.next_id().get()),
        ("token or next_claim", snapshot.queue.next_claim().get()),
    ];
    match numbers.iter().find(|(_, number)| *number > BEYOND_COUNTING) {
        Some((what, number)) => Err(damaged(SNAPSHOT, format!("nothing could follow {number} as {what}"))),
        None => Ok(()),
    }
}
