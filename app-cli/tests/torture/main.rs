//! Tests of the binary under real faults: kills, power cuts, failing system calls, full and
//! read-only disks, crowds of processes.
//!
//! # Theory of operation
//!
//! A change is acknowledged if the parent saw its command exit with 0. After each fault, a fresh
//! process must find every acknowledged change. It must find every other change either completely
//! or not at all. No completed file may be processed again.
//!
//! The faults come from outside the binary: `kill(2)`, `strace -e inject`, `prlimit`, small file
//! systems, and the shutdown ioctl of ext4, the closest thing to a power cut under a running
//! kernel. The test process starts itself again in a mount namespace (`namespace`), so that no
//! mount is left behind.
//!
//! `postgres` describes the faults of a queue in a database.
//!
//! # Skipped tests
//!
//! A test that needs root or a missing tool never passes silently. It prints `skipped: …` and the
//! number of skipped tests to standard error. The test harness does not capture this text.
//!
//! # Longer runs
//!
//! The ordinary run takes a minute or two. `just torture` runs larger tests: it sets the variables
//! in `effort`.

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
