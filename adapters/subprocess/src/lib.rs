//! The [`Orchestrator`](autoproc_domain::ports::Orchestrator) port by subprocesses: one command a file.
//!
//! # Theory of operation
//!
//! A [`CommandLine`] is parsed once and applied to each file: placeholders become the file's path or parts of it, byte for
//! byte. A [`CommandOrchestrator`] starts the result in a process group of its own, with its output in a file, and waits
//! for the first of: the command ends, its time is over, the stop level rises to aborting. In the latter two cases it asks
//! the group to terminate, waits the grace, kills it, and reaps the command. [`AttemptLogs`] finds the output again.
//!
//! An attempt is over when its *group* is: what a command leaves behind in its group when it ends by itself is ended the
//! same way.
//!
//! # Limits
//!
//! A descendant that leaves the group (`setsid`, a daemon) escapes. When this process itself is killed, the commands it
//! has started go on. Output files have no bound on their size.
//!
//! # Deliberately absent
//!
//! Shells, unless [`CommandLine::shell`] is asked for; `pre_exec` hooks, because they make the standard library fork, which
//! costs time in proportion to this process's memory where `posix_spawn` does not; retries and the queue, which are the
//! domain's.

mod adoption;
mod attempt_logs;
mod bounded_log;
mod command_line;
mod guard;
pub mod guard_record;
mod guards;
mod orchestrator;
mod placeholder;
mod process;
pub mod process_table;
mod shell;
pub mod sweep;

pub use adoption::adopt_orphans;
pub use attempt_logs::{AttemptLog, AttemptLogs, Follower, More, Pruned, Retention};
pub use bounded_log::{BoundedLog, OutputLimits};
pub use command_line::{CommandLine, InvalidCommand, Invocation};
pub use guard::become_guard;
pub use guards::{DEFAULT_GRACE, GuardSettings, Guards, own_executable};
pub use orchestrator::{CommandOrchestrator, Settings};
pub use process::{CAPTURE_LIMIT, Ending, ProcessReport, ProcessSpec, STDERR_TAIL};
