//! Refuses a snapshot with an invalid journal name or a number that may overflow.

use autoproc_domain::ports::StorageError;

use crate::error::damaged;
use crate::layout::{self, SNAPSHOT};
use crate::snapshot::{MAX_NUMBER, Snapshot};

pub(super) fn validate(snapshot: &Snapshot) -> Result<(), StorageError> {
    let store = snapshot.store.as_ref();
    if let Some(store) = store.filter(|store| !layout::is_journal_name(&store.journal)) {
        return Err(damaged(SNAPSHOT, format!("{:?} cannot be the name of its journal", store.journal)));
    }
    let numbers = [
        ("generation", store.map_or(0, |store| store.generation)),
        ("seq", store.map_or(0, |store| store.seq)),
        ("id or next_id", snapshot.queue.next_number()),
        ("token or next_claim", snapshot.queue.next_claim().get()),
    ];
    match numbers.iter().find(|(_, number)| *number > MAX_NUMBER) {
        Some((key, number)) => Err(damaged(SNAPSHOT, format!("the value {number} of {key} is out of range"))),
        None => Ok(()),
    }
}
