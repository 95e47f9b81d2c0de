//! A guard is a small process that runs commands and ends all their processes.
//!
//! # Theory of operation
//!
//! A guard runs one process after another. The run requests these processes by
//! [`protocol::Control`] messages. The guard exits when its control pipe is closed. The pipe also
//! closes if the run dies.
//!
//! The guard is a *child subreaper* (`PR_SET_CHILD_SUBREAPER`, prctl(2)). So orphaned descendants
//! become its children, even if they detached themselves. When `waitpid` returns ECHILD, no process
//! of the command is left.
//!
//! Leftover processes receive SIGTERM. After the grace time, they receive SIGKILL until `waitpid`
//! returns ECHILD ([`attempt`], [`descendants`]).
//!
//! A single thread waits in poll(2) for messages, output, exits of children and the next deadline.
//! Timeouts and grace times exclude the time spent paused. The deadline of the run ([`orders`])
//! includes it.
//!
//! Each process has a private folder for temporary files ([`tmp_dirs`]).
//!
//! # Limits
//!
//! Systems other than Linux have no subreaper. There, a process escapes if it leaves the command's
//! process group. A process of another user cannot be killed. If such a process remains, the guard
//! reports [`protocol::Report::Stuck`].
//!
//! # Deliberately absent
//!
//! A guard sets no `pre_exec` hook. With a hook, the standard library uses fork instead of
//! `posix_spawn`.

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

/// The first argument of every guard. The run's id follows, then optionally the path of the guard's
/// record.
pub(crate) const GUARD_ARGUMENT: &str = "__guard";

/// After a process shorter than this, the guard spins for the next request. Waking a sleeping guard
/// may take as long as a short process.
const SHORT_PROCESS: Duration = Duration::from_millis(5);

/// Serves as a guard if this process was started as one, and returns the exit code. Otherwise
/// unblocks all signals, catches SIGCHLD, and returns `None`. Without this, the ends of children
/// could go unnoticed, because a parent may have ignored SIGCHLD.
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

/// Moves the guard and its commands to a session without a terminal. A command that asks for a
/// password then fails immediately.
///
/// An error is ignored. setsid(2) fails only for the leader of a process group. The commands then
/// keep the terminal.
fn leave_terminal() {
    let _ = setsid();
}

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

    /// Runs one process, unless the run is dead or the deadline has passed. A later run may already
    /// have searched for leftover processes.
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

    /// Records that a process begins. On an error, removes the record, because its count would be
    /// wrong.
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

    fn explain(&mut self, report: Report, tmp_error: Option<String>, input_after: Option<Fingerprint>) -> Report {
        let Report::Ended(mut report) = report else { return report };
        if report.ending == (Ending::Signalled { signal: SIGKILL }) {
            report.ending = self.oom_watch.ending_of_killed();
        }
        Report::Ended(ProcessReport { tmp_error, input_after, ..report })
    }

    /// An error is ignored: a later run can find the command by its environment.
    fn record_leader(&mut self, attempt: &Attempt) {
        if let Some(record) = &mut self.record {
            let _ = record.set_leader(attempt.leader(), attempt.start_tick());
        }
    }
}

/// Creates the record. If this fails, the guard works without a record.
fn create_record(path: &Path) -> Option<GuardRecord> {
    GuardRecord::create(path)
        .inspect_err(|error| report_error(&format!("cannot create the guard's record {}", path.display()), error))
        .ok()
}
