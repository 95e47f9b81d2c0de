//! The [`Orchestrator`](autoproc_domain::ports::Orchestrator) port by subprocesses: one command a file.
//!
//! # Theory of operation
//!
//! A [`CommandLine`] is parsed once and applied to each file: placeholders become the file's path or parts of it, byte for
//! byte. A [`CommandOrchestrator`] has the result run by its [`Guards`], and makes an attempt's report of what they say. Others
//! may give [`Guards`] any process they describe by a [`ProcessSpec`], as the steps of workflows are.
//! [`AttemptLogs`] finds the output again, and [`sweep`] ends what dead runs left.
//!
//! A *guard* is a process of its own between the runner and a command: this program in another mode, which
//! [`become_guard`] enters at the head of `main`, or the binary `autoproc-guard` for programs that cannot have such a mode.
//! There is one for each attempt at a time. It starts the command in a process group of its own, keeps its time, drains its
//! output into a [`BoundedLog`], and reports only when *nothing* of the command is left, however it detached itself: the
//! guard is a child subreaper, so that ECHILD from `waitpid` proves it. When the runner dies, its guards end what they run.
//! When a guard is killed, the runner does; [`adopt_orphans`] makes that complete.
//!
//! # Limits
//!
//! What a command has done by others (a container, a job of at(1)) is not its own and goes on. What became another user's
//! may be beyond us; [`Guards::run`] then fails and says so. Without a subreaper (anything but Linux) the command's process
//! group is the limit: what leaves the group escapes, and so does everything when a guard is killed.
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
pub use guards::{DEFAULT_GIVE_BACK_AFTER, DEFAULT_GRACE, GuardSettings, Guards, ProcessNews, own_executable};
pub use orchestrator::{CommandOrchestrator, Settings};
pub use process::{CAPTURE_LIMIT, Ending, ProcessReport, ProcessSpec, STDERR_TAIL};
