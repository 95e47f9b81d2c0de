//! The queue in a folder: one readable JSON file, a journal beside it while there is more to say, and a lock.
//!
//! # Theory of operation
//!
//! `QUEUE-STATE.json` is a *snapshot*: at every instant a complete, valid document. It names its *journal*, a file of one
//! line a transaction; the state is the snapshot folded with the valid prefix of that journal. A transaction takes the
//! lock, catches up with what others appended, lets the domain decide, appends the events as one line, syncs it, and
//! answers. A *checkpoint* writes the state to a fresh file and renames it over the snapshot; that rename is its only
//! commit point, because the new snapshot names another journal and so retires the old one in the same instant.
//!
//! A small queue that no run is working on is checkpointed by every command, so that it *is* one JSON file, which a person
//! may read and edit. `docs/formats.md` describes every file field by field.
//!
//! # Who does what
//!
//! `disk` is the seam to the file system, small enough for a simulated disk to take its place; `lock` is the only place
//! that calls fs2; `checksum` is CRC-32C; `record` and `ops` are the serde forms of items and events; `snapshot` and
//! `journal` read and write the two files; `engine` is the protocol; `runs` knows which runs live; `worker` is where all of it
//! blocks: a thread, or the caller's; `store` is the port. `repair`, `export` and `file_system` look after a store from
//! outside of it.
//!
//! # Deliberately absent
//!
//! Rules of the queue: the domain decides, here as everywhere. Timeouts that take a slow run for dead: liveness is a held
//! lock, which the system frees when its process is gone, and not before. Retries of a failed sync: the page cache may say
//! afterwards that all is well when it is not (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).

mod checksum;
mod disk;
mod engine;
mod error;
mod export;
mod file_system;
#[doc(hidden)]
pub mod fuzzing;
mod journal;
mod layout;
mod lock;
mod mistake;
mod ops;
mod record;
mod repair;
mod runs;
#[cfg(test)]
mod simulation;
mod snapshot;
mod store;
mod worker;

pub use export::{ExportError, export};
pub use file_system::{FileSystem, Probe, file_system, probe, room_needed};
pub use repair::{Choice, Damage, Examination, Prospect, Repaired, Site, Tally, examine, plan_repair, repair};
pub use store::{JsonStore, Mode, StoreConfig};
