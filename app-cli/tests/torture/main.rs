//! Real faults on the built binary: kills, power cuts, failing system calls, full and read-only
//! disks, crowds.
//!
//! # Theory of operation
//!
//! A change is acknowledged if the parent saw its command exit with 0. After each fault a fresh
//! process must find every acknowledged change, every other change wholly or not at all, and no
//! completed file processed again.
//!
//! Faults come from outside: `kill(2)`, `strace -e inject`, `prlimit`, small file systems, and the
//! shutdown ioctl of ext4, the closest thing to a power cut under a running kernel. Tests mount in
//! a mount namespace, which the test process enters by starting itself again (`namespace`), so that
//! nothing is left behind.
//!
//! A queue in a database has disturbances of its own, which `postgres` describes.
//!
//! # Skipped tests
//!
//! A test that needs root or a missing tool prints `skipped: …` and the number of skipped tests to
//! standard error, past the capture of the test harness. It never passes silently.
//!
//! # Longer runs
//!
//! The ordinary run takes a minute or two. `just torture` raises the numbers through the variables in
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
