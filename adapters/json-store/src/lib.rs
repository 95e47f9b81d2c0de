//! A store that keeps the queue in a folder: one readable JSON file, a journal of later changes,
//! and a lock file.
//!
//! # Theory of operation
//!
//! `QUEUE-STATE.json` is a *snapshot*: at every moment a complete, valid document. It names its
//! *journal*, a file with one line per transaction. The current queue is the snapshot plus the
//! changes in the journal's valid lines.
//!
//! A transaction takes the lock and reads the lines that other processes have appended. It changes
//! the queue in memory, appends the resulting events as one line, syncs the line, and replies. If
//! the line cannot be made durable, the queue in memory is dropped and read again.
//!
//! A *checkpoint* writes the queue to a new file and renames this file over the snapshot. The
//! rename is the only commit point: the new snapshot names a new journal, so the old journal is no
//! longer used.
//!
//! A command that loads and changes a small queue writes a checkpoint. The whole queue is then one
//! JSON file, which a user may read and edit. A command that only adds files to a snapshot of more
//! than 32 KiB appends to the journal without loading the queue (a *blind append*).
//! `docs/formats.md` describes every field of every file.
//!
//! # Modules
//!
//! `disk` is the interface to the file system; tests use a fake one. `lock` takes file locks.
//! `snapshot` and `journal` read and write these files. `record` and `ops` define the JSON of items
//! and events. `engine` executes transactions, `request` applies the domain's requests to the
//! queue, and `runs` finds live and dead runs. `worker` runs blocking calls on a thread. `store`
//! implements the ports. The rest serves maintenance.
//!
//! # Deliberately absent
//!
//! The rules of the queue are in the domain. No timeout declares a slow run dead: a run is alive
//! while it holds the lock on its file. The kernel releases this lock when the process ends. A
//! failed sync is never repeated, because a second sync may succeed although the data is lost
//! (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).

mod checksum;
mod disk;
mod engine;
mod error;
mod export;
mod file_system;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod journal;
mod layout;
mod lock;
mod locked;
mod ops;
mod record;
mod repair;
mod request;
mod runs;
#[cfg(test)]
mod simulation;
mod snapshot;
mod store;
mod unique_keys;
mod worker;

pub use engine::Mode;
pub use export::{ExportError, export};
pub use file_system::{FileSystem, Probe, file_system, probe, room_needed};
pub use locked::LockedQueue;
pub use repair::{
    ChangeCounts, Damage, Examination, RepairMethod, RepairOutcome, RepairPlan, StateFolder, examine, plan_repair,
    repair,
};
pub use store::{JsonStore, StoreConfig};
