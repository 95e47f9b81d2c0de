//! An implementation of the [`Orchestrator`](autoproc_domain::ports::Orchestrator) port with
//! subprocesses: one command per file.
//!
//! # Theory of operation
//!
//! A [`CommandLine`] is parsed once and applied to each file. Placeholders stand for the file's
//! path or parts of it, byte for byte, for its item id, and for the number of the slot. A
//! [`CommandOrchestrator`] runs the result under its [`Guards`] and converts their reports.
//! [`Guards`] also run other processes, described by a [`ProcessSpec`], such as the steps of
//! workflows. [`AttemptLogs`] finds and prunes the output of attempts, and [`sweep`] ends the
//! processes that dead runs left.
//!
//! A *guard* is a process between the process of the run and a command. Usually the guard and the
//! run execute the same program, whose `main` begins with [`become_guard`]. If the `main` of a
//! program cannot call this function, its guards execute the binary `autoproc-guard` instead. Each
//! concurrent attempt has its own guard. The guard starts the command in a separate process group,
//! enforces its timeout, and copies its output to a [`BoundedLog`] or, with [`StdoutTo`], its
//! standard output to a file. The guard is a child subreaper, so even detached processes of the
//! command become its children. It reports the end of the command only when `waitpid` returns
//! ECHILD, which proves that *no* process of the command is left. If the process of the run dies,
//! its guards end their processes. If a guard is killed, the run ends the guard's processes; if the
//! run has no children other than guards, [`adopt_orphans`] ensures that it finds all of them.
//!
//! # Limits
//!
//! Work that a command delegates to other programs (a container, a job of at(1)) is not ended. A
//! process of another user cannot always be ended; then [`Guards::run`] fails with a reason.
//! Without a subreaper (on systems other than Linux) a guard knows only the command's process
//! group: a process that leaves the group escapes. If the guard is killed, all processes of the
//! command escape.
//!
//! # Deliberately absent
//!
//! Commands run without a shell, except those of [`CommandLine::shell`]. No process has a
//! `pre_exec` hook: with a hook, the standard library uses fork instead of `posix_spawn`, and the
//! cost of fork grows with the memory of this process. Retries and the queue belong to the domain.

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
pub use invalid_command::InvalidCommand;
pub use orchestrator::CommandOrchestrator;
pub use placeholder::{PLACEHOLDERS, unknown_placeholders};
pub use process::{Ending, MAX_CAPTURE_BYTES, OUTPUT_TAIL_BYTES, ProcessReport, ProcessSpec, ResultOwner, StdoutFile};
pub use result_owners::ResultOwners;
pub use settings::{BatchSettings, Settings};
pub use stdout_pattern::{InvalidPattern, StdoutPattern, StdoutTo};
pub use subject::{Subject, relative_path};
