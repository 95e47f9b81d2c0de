//! The guard: a small process between the run and a command. It ensures that the command leaves no
//! process behind.
//!
//! # Theory of operation
//!
//! A guard is the program of the run, started again in another mode, or a separate program that
//! calls [`become_guard`]. This mode begins before any runtime or thread exists. The guard runs one
//! process after another, as requested by [`protocol::Control`] messages. A message requests one
//! process, or several short ones as a [`batch`]. The guard exits when its control pipe ends, which
//! happens when the run closes the pipe or dies in any way.
//!
//! The guard is a *child subreaper* (`PR_SET_CHILD_SUBREAPER`, prctl(2)): when the parents of a
//! descendant have ended, the descendant becomes a child of the guard, even if it detached itself.
//! So when `waitpid` returns ECHILD, no process of the command is left. If the command has left
//! nothing behind, one call of `waitpid` proves it. Leftovers receive SIGTERM, have the grace time
//! to end, and are then killed repeatedly until `waitpid` returns ECHILD ([`attempt`];
//! [`descendants`] finds and signals them).
//!
//! A single thread waits in poll(2) for the control pipe, both output pipes of the command, the
//! exits of children (a self-pipe written by the handler of SIGCHLD), and the next deadline. The
//! timeout and the grace time of a process use the monotonic clock and exclude the time spent
//! paused. The deadline of the run ([`orders`]) includes it.
//!
//! Each process has a private folder for temporary files, which its `TMPDIR` names ([`tmp_dirs`]).
//! If the process has used the folder, the guard removes it, or keeps it after a failure if the run
//! requests that. The guard does this when no process of the command is left, and before it reports
//! the end of the command.
//!
//! # Limits
//!
//! Without a subreaper (on any system but Linux) the guard knows only the command's process group:
//! a process that leaves the group escapes. A process of another user cannot be killed. If such a
//! process remains, the guard reports [`protocol::Report::Stuck`] instead of an ending.
//!
//! # Deliberately absent
//!
//! A guard sets no `pre_exec` hook, because with a hook the standard library uses fork instead of
//! `posix_spawn`. It needs no runtime, because it runs one command at a time. It knows nothing of
//! items, retries and queues.

mod attempt;
mod batch;
mod descendants;
mod guard_io;
mod input;
mod oom_watch;
mod orders;
mod output;
pub(crate) mod protocol;
pub(crate) mod result_file;
pub(crate) mod signals;
mod start_error;
pub(crate) mod stopwatch;
mod tmp_dirs;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use attempt::Attempt;
use autoproc_domain::Fingerprint;
use batch::Batch;
use guard_io::GuardIo;
use oom_watch::{OomWatch, SIGKILL};
use orders::Orders;
use protocol::{Control, Report, StartRequest};
use rustix::process::setsid;
pub(crate) use start_error::{fault_of, is_permanent};
use tmp_dirs::TmpDirs;

use crate::fingerprint::fingerprint_of;
use crate::guard_record::GuardRecord;
use crate::process::{Ending, ProcessReport};

/// The first argument of a guard. The second argument is the run's id, so that a list of processes
/// shows it. The optional third argument is the path of the guard's record.
pub(crate) const GUARD_ARGUMENT: &str = "__guard";

/// If a process took less time than this, the guard expects the next request at once. It spins for
/// the request instead of sleeping, because waking a sleeping guard may take as long as a short
/// process.
const SHORT_PROCESS: Duration = Duration::from_millis(5);

/// If this process was started as a guard, serves as one and then returns the exit code. Otherwise
/// returns `None`, after undoing a parent's changes to signals: unblocks all signals and catches
/// SIGCHLD. If SIGCHLD were ignored, the ends of children would go unnoticed.
///
/// Call this first in `main`, before any thread or runtime starts.
#[must_use]
pub fn become_guard() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|first| first != OsStr::new(GUARD_ARGUMENT)) {
        if let Err(error) = signals::undo_inherited() {
            report_error("cannot reset the signals", &error);
        }
        return None;
    }
    let record = arguments.nth(1);
    Some(match Guard::new(record.as_deref().map(Path::new)).and_then(Guard::serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report_error("a guard ends early", &error);
            ExitCode::FAILURE
        }
    })
}

/// Moves the guard, and with it all commands, to a session without a controlling terminal. In that
/// session, a command that asks the terminal for a password fails at once. On the run's terminal,
/// the command would be stopped until its timeout, because it is not in the foreground process
/// group.
///
/// An error is ignored: setsid(2) fails only if the guard leads a process group, for instance
/// because a shell started it. The commands then keep the terminal.
fn leave_terminal() {
    let _ = setsid();
}

/// Prints an error. An error in printing is ignored.
fn report_error(what: &str, error: &io::Error) {
    let _ = writeln!(io::stderr(), "autoproc: {what}: {error}");
}

struct Guard {
    io: GuardIo,
    oom_watch: OomWatch,
    record: Option<GuardRecord>,
    tmp_dirs: TmpDirs,
    orders: Orders,
}

impl Guard {
    fn new(record: Option<&Path>) -> io::Result<Self> {
        signals::survive_termination_signals()?;
        signals::reset_for_commands()?;
        leave_terminal();
        signals::undo_inherited()?;
        let record = record.and_then(create_record);
        descendants::become_subreaper()?;
        let (io, oom_watch, tmp_dirs) = (GuardIo::new()?, OomWatch::new(), TmpDirs::new());
        Ok(Self { io, oom_watch, record, tmp_dirs, orders: Orders::default() })
    }

    /// Serves until the control pipe ends. On success, no process that the guard started is left.
    fn serve(mut self) -> io::Result<()> {
        let mut was_short = false;
        while let Some(control) = self.io.await_control(was_short)? {
            match control {
                Control::Start { requests, start_within } => {
                    was_short = self.run_batch(Batch::new(requests, start_within))?;
                }
                Control::Pause => self.orders.is_paused = true,
                Control::Resume => self.orders.is_paused = false,
                Control::Deadline(since_boot) => self.orders.extend_deadline(since_boot),
                // These messages are for a batch that has already ended.
                Control::Recall | Control::Abort { .. } | Control::Kill { .. } => {}
            }
        }
        self.tmp_dirs.close();
        self.record.map_or(Ok(()), GuardRecord::close)
    }

    /// Runs a batch; returns true if its last process took less time than [`SHORT_PROCESS`].
    fn run_batch(&mut self, mut batch: Batch) -> io::Result<bool> {
        let mut was_short = false;
        while let Some(request) = batch.next() {
            match self.run(&request, &mut batch)? {
                Report::Stuck(reason) => {
                    batch.end_current(Report::Stuck(reason.clone()));
                    batch.send(&mut self.io)?;
                    return Err(io::Error::other(reason));
                }
                report => {
                    was_short = matches!(&report, Report::Ended(report) if report.elapsed < SHORT_PROCESS);
                    batch.end_current(report);
                }
            }
            self.read_between_processes(&mut batch)?;
        }
        batch.send(&mut self.io)?;
        Ok(was_short)
    }

    fn read_between_processes(&mut self, batch: &mut Batch) -> io::Result<()> {
        if batch.is_exhausted() || !self.io.has_control()? {
            return Ok(());
        }
        self.io.read_control()?;
        while let Some(control) = self.io.next_control() {
            if control.recalls_batch() {
                batch.recall();
            }
            match control {
                Control::Recall | Control::Abort { .. } | Control::Kill { .. } => {}
                Control::Pause => self.orders.is_paused = true,
                Control::Resume => self.orders.is_paused = false,
                Control::Deadline(since_boot) => self.orders.extend_deadline(since_boot),
                Control::Start { .. } => return Err(protocol::unexpected_start()),
            }
        }
        Ok(())
    }

    /// Runs one process. If the run is dead or the deadline has passed, starts nothing, because the
    /// recovery of a dead run does not wait for processes that start later.
    fn run(&mut self, request: &StartRequest, batch: &mut Batch) -> io::Result<Report> {
        let unstarted = |ending| Ok(Report::Ended(ProcessReport::new(ending, Duration::ZERO)));
        if self.io.has_hung_up()? || self.orders.is_over() {
            return unstarted(Ending::Aborted);
        }
        let fingerprint = request.input.as_deref().map(fingerprint_of);
        self.record_begin();
        let tmp_dir = self.tmp_dirs.provide(self.record.as_mut());
        match Attempt::start(request, tmp_dir.as_ref().ok().copied()) {
            Ok(attempt) => {
                if let Some(fingerprint) = fingerprint {
                    batch.start_current(fingerprint);
                }
                let tmp_error = tmp_dir.err();
                self.record_leader(&attempt);
                let report = attempt.supervise(&mut self.io, batch, &mut self.orders, &mut self.tmp_dirs)?;
                if let Some(record) = &mut self.record {
                    self.tmp_dirs.update(record);
                }
                let input_after = request.input.as_deref().and_then(fingerprint_of);
                Ok(self.explain(report, tmp_error, input_after))
            }
            Err(ending) => unstarted(ending),
        }
    }

    /// Records that a process begins. If writing fails, removes the record: from a record that
    /// lacks this process, the run would conclude that the process has not begun.
    fn record_begin(&mut self) {
        if let Some(mut record) = self.record.take() {
            match record.begin_process() {
                Ok(()) => self.record = Some(record),
                Err(error) => {
                    report_error("cannot record the start of a command", &error);
                    let _ = record.close();
                }
            }
        }
    }

    /// If SIGKILL ended the process, and the kernel may have sent it because memory ran out,
    /// changes the ending to [`Ending::OutOfMemory`]. Adds the reason why the process had no
    /// separate folder for temporary files, and the current fingerprint of its input file.
    fn explain(&mut self, report: Report, tmp_error: Option<String>, input_after: Option<Fingerprint>) -> Report {
        let Report::Ended(mut report) = report else { return report };
        if report.ending == (Ending::Signalled { signal: SIGKILL }) {
            report.ending = self.oom_watch.ending_of_killed();
        }
        Report::Ended(ProcessReport { tmp_error, input_after, ..report })
    }

    /// Writes the identity of the command's leader to the record. If writing fails, a later run can
    /// still find the command by the marker in its environment.
    fn record_leader(&mut self, attempt: &Attempt) {
        if let Some(record) = &mut self.record {
            let _ = record.set_leader(attempt.leader(), attempt.start_tick());
        }
    }
}

/// Creates the record. A guard serves even without a record, because its leftover processes can be
/// found by the marker in their environment.
fn create_record(path: &Path) -> Option<GuardRecord> {
    GuardRecord::create(path)
        .inspect_err(|error| report_error(&format!("cannot create the guard's record {}", path.display()), error))
        .ok()
}
