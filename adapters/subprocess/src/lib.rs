//! Runs one command per file as a subprocess.
//!
//! This crate implements the [`Orchestrator`](autoproc_domain::ports::Orchestrator) port.
//!
//! # Theory of operation
//!
//! A [`CommandLine`] is parsed once and applied to each file. Its placeholders stand for parts of
//! the file's path, the item id and the slot. A [`CommandOrchestrator`] runs the resulting command
//! under its [`Guards`]. The guards also run other processes, such as workflow steps
//! ([`ProcessSpec`]). [`AttemptLogs`] finds and prunes the output of attempts. [`sweep`] ends the
//! processes that dead runs left.
//!
//! A *guard* is a process between the run and a command; each concurrent attempt has its own.
//! Usually the guard executes the same program as the run. The `main` of this program begins with
//! [`become_guard`]. Other programs use the binary `autoproc-guard` for their guards.
//!
//! The guard enforces the timeout of the command. It copies the output to a [`BoundedLog`] or, with
//! [`StdoutTo`], the standard output to a file. The guard is a child subreaper, so even detached
//! processes of the command become its children. It reports the end of the command only when
//! `waitpid` returns ECHILD. Then *no* process of the command is left.
//!
//! If the run dies, its guards end their processes. If a guard is killed, the run ends the guard's
//! processes. If the run has no children other than guards, [`adopt_orphans`] ensures that it finds
//! all of them.
//!
//! # Limits
//!
//! Work that a command delegates to other programs (a container, a job of at(1)) is not ended. A
//! process of another user cannot always be ended; [`Guards::run`] then fails with a reason.
//! Systems other than Linux have no subreaper. There, a process escapes if it leaves the command's
//! process group. If a guard is killed there, all processes of its command escape.
//!
//! # Deliberately absent
//!
//! Commands run without a shell, except those of [`CommandLine::shell`]. No process has a
//! `pre_exec` hook: with a hook, the standard library uses fork instead of `posix_spawn`. The cost
//! of fork grows with the memory of this process. Retries and the queue belong to the domain.

mod adoption;
mod attempt_logs;
mod batch;
mod bounded_log;
mod command_line;
mod command_runner;
mod environment;
mod fingerprint;
mod guard;
pub mod guard_record;
mod guards;
mod idle;
mod invalid_command;
mod orchestrator;
mod placeholder;
mod process;
pub mod process_table;
mod result_owners;
mod settings;
mod shell;
mod slots;
mod stdout_pattern;
mod subject;
pub mod sweep;
mod tmp_dir;

pub use adoption::adopt_orphans;
pub use attempt_logs::{
    AttemptLog, AttemptLogs, Chunk, Follower, LogEnd, Piece, Pruned, Rest, Retention, StreamFilter, StreamMap,
};
pub use bounded_log::{BoundedLog, OutputLimits, Source, Stream};
pub use command_line::{CommandLine, Invocation};
pub use environment::{
    ATTEMPT_VARIABLE, FILE_VARIABLE, MAX_ATTEMPTS_VARIABLE, PROJECT_VARIABLE, RUN_VARIABLE, attempt_environment,
    file_environment,
};
pub use fingerprint::fingerprint_of;
pub use guard::become_guard;
pub use guards::{BatchEvent, BatchProcess, DEFAULT_GRACE, GuardSettings, Guards, own_executable};
pub use idle::idle_items;
pub use invalid_command::InvalidCommand;
pub use orchestrator::CommandOrchestrator;
pub use placeholder::{PLACEHOLDERS, unknown_placeholders};
pub use process::{Ending, MAX_CAPTURE_BYTES, OUTPUT_TAIL_BYTES, ProcessReport, ProcessSpec, ResultOwner, StdoutFile};
pub use result_owners::ResultOwners;
pub use settings::{BatchSettings, Settings};
pub use stdout_pattern::{InvalidPattern, StdoutPattern, StdoutTo};
pub use subject::{Subject, relative_path};
