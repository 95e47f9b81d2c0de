//! Real faults on the built binary: kills, power cuts, failing system calls, full and read-only disks, crowds.
//!
//! # Theory of operation
//!
//! What a command acknowledged is what it exited with 0 for, as its parent saw it. After each fault a fresh process must
//! find every acknowledged change, every other change wholly or not at all, and no completed file run again.
//!
//! A fault comes from outside: `kill(2)`, `strace -e inject`, `prlimit`, small file systems, and the shutdown ioctl of
//! ext4, which is as near to a power cut as a kernel that goes on can come. Mounts are made in a mount namespace that the
//! test process enters by starting itself again (`namespace`), so that nothing can be left behind.
//!
//! # What is skipped
//!
//! A test that needs root or a tool that is not there says `skipped: …`, and how many have said so by then, on standard
//! error, past the capture of the test harness. It never passes in silence.
//!
//! # Longer
//!
//! The ordinary run takes seconds. `just torture` raises the numbers by the variables named in `effort`.

mod acknowledged;
mod crowd;
mod effort;
mod failing_calls;
mod fixture;
mod full_disk;
mod kill;
mod kill_at_call;
mod killed_runs;
mod namespace;
mod power;
mod random;
mod read_only;
mod scenario;
mod skip;
mod strace;
mod torn;
