//! Tests of the binary under faults such as kills, power cuts and full disks.
//!
//! # Theory of operation
//!
//! A change is acknowledged if its command exited with 0. After each fault, a new process must find
//! every acknowledged change. It must find every other change either completely or not at all. No
//! completed file may be processed again.
//!
//! The faults come from outside the binary: `kill(2)`, `strace -e inject`, `prlimit`, small file
//! systems, and the shutdown ioctl of ext4. The shutdown ioctl is the closest thing to a power cut
//! under a running kernel. Tests that mount disks run in a mount namespace (`namespace`), so they
//! leave no mount behind.
//!
//! # Skipped tests
//!
//! Some tests need root or certain tools. A skipped test prints `skipped: …` to standard error.
//!
//! # Longer runs
//!
//! The ordinary run takes a minute or two. `just torture` runs larger tests with the variables in
//! `effort`.

mod acknowledged;
mod container;
mod crowd;
mod effort;
mod failing_calls;
mod fixture;
mod full_disk;
mod kill;
mod kill_at_call;
mod killed_runs;
mod namespace;
mod out_of_memory;
#[cfg(feature = "postgres")]
mod postgres;
mod power;
mod random;
mod read_only;
mod scenario;
mod skip;
mod strace;
mod torn;
