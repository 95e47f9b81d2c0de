//! Starts and controls a guard process.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use crate::environment::{RUN_VARIABLE, RUNNER_VARIABLE};
use crate::guard::GUARD_ARGUMENT;
use crate::guard::protocol::{Inbox, Report};
use crate::guard::signals;
use crate::guard_record;
use crate::guards::GuardSettings;
use crate::guards::control_pipe::ControlPipe;
use crate::guards::orphans::ReapLock;
use crate::process_table::{self, ProcessId};
use crate::tmp_dir;

/// The maximum time for idle guards to exit. Slower guards are killed.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// The number of free descriptors required to start a further guard. The store and the event log
/// need descriptors while guards run.
const SPARE_DESCRIPTORS: usize = 8;

const EXIT_POLL_INTERVAL: Duration = Duration::from_millis(1);

pub(crate) struct GuardProcess {
    child: Child,
    control: Arc<ControlPipe>,
    reports: Receiver,
    inbox: Inbox,
    record: Option<PathBuf>,
    ended: u64,
}

impl GuardProcess {
    pub(crate) fn spawn(settings: &GuardSettings, number: u64) -> io::Result<Self> {
        let ((control, control_writer), (reports, report_writer)) = (io::pipe()?, io::pipe()?);
        // The first guard may use the last descriptors, because the run needs at least one guard.
        let spare = if number == 0 { 0 } else { SPARE_DESCRIPTORS };
        let spare = (0..spare).map(|_| control.try_clone()).collect::<io::Result<Vec<_>>>()?;
        let record = settings.records_dir.as_ref().map(|dir| guard_record::path_of(dir, &settings.run, number));
        let mut command = Command::new(&settings.executable);
        command.arg0("autoproc").arg(GUARD_ARGUMENT).arg(settings.run.as_str()).args(&record);
        // By the run's marker, a sweep finds the guard even if this process dies before the guard
        // has written its record.
        command.env(RUN_VARIABLE, settings.run.as_str()).envs(settings.environment.iter().cloned());
        if let Ok(runner) = process_table::own() {
            command.env(RUNNER_VARIABLE, runner.id.to_string());
        }
        command.stdin(control).stdout(report_writer);
        // Created before the spawn, so that an error leaves no guard behind.
        let reports = Receiver::from_owned_fd(OwnedFd::from(reports))?;
        let control_writer = ControlPipe::new(control_writer)?;
        drop(spare);
        let mut lock = ReapLock::acquire();
        let child = signals::with_all_blocked(|| lock.spawn(&mut command))?;
        let control = Arc::new(control_writer);
        Ok(Self { child, control, reports, inbox: Inbox::default(), record, ended: 0 })
    }

    pub(crate) fn control(&self) -> &Arc<ControlPipe> {
        &self.control
    }

    /// Waits for the next report. Cancel-safe.
    ///
    /// # Errors
    /// If the guard has died, or if its program does not write reports.
    pub(crate) async fn report(&mut self) -> io::Result<Report> {
        let mut bytes = [0; 4 << 10];
        loop {
            if let Some(report) = self.inbox.take().map_err(io::Error::other)? {
                self.ended += u64::from(matches!(report, Report::Ended(_)));
                return Ok(report);
            }
            match self.reports.read(&mut bytes).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => self.inbox.push(&bytes[..length]),
            }
        }
    }

    /// Returns the identity of the guard. An unknown start time becomes `u64::MAX`, so that no
    /// process counts as started after the guard.
    pub(crate) fn id(&self) -> ProcessId {
        let pid = self.pid().cast_signed();
        process_table::read(pid).map_or(ProcessId { pid, started: u64::MAX }, |guard| guard.id)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        process_table::read(self.pid().cast_signed()).is_ok_and(|guard| guard.is_stopped)
    }

    pub(crate) fn resume(&self) {
        // The guard has not been reaped, so the process number still belongs to it.
        if let Some(pid) = Pid::from_raw(self.pid().cast_signed()) {
            let _ = kill_process(pid, Signal::CONT);
        }
    }

    pub(crate) fn kill(&mut self) {
        // The kill fails only if the guard has already ended.
        let _ = self.child.kill();
    }

    /// Ends idle guards, and kills them after [`EXIT_TIMEOUT`]. Blocks.
    pub(crate) fn shut_down_all(guards: Vec<Self>) {
        // All pipes are closed first, so that the guards exit concurrently.
        for guard in &guards {
            guard.control.close();
        }
        let started_at = Instant::now();
        for mut guard in guards {
            while matches!(guard.child.try_wait(), Ok(None)) && started_at.elapsed() < EXIT_TIMEOUT {
                sleep(EXIT_POLL_INTERVAL);
            }
            guard.reap();
        }
    }

    pub(crate) fn reap(self) {
        // `reap_with` returns only errors of the closure.
        let _ = self.reap_with(|| Ok(()));
    }

    /// Kills and reaps the guard, then calls `end_orphans`. Removes the guard's record and
    /// temporary folder only if `end_orphans` succeeds.
    ///
    /// Returns the number of processes that began but were not reported as ended, if known.
    pub(crate) fn reap_with(mut self, end_orphans: impl FnOnce() -> io::Result<()>) -> io::Result<Option<u64>> {
        // Both calls fail only if the guard has already been reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
        ReapLock::acquire().forget(&self.child);
        end_orphans()?;
        // A locked record means that its guard is alive. A child that the guard was starting shares
        // the lock until it executes its program. So the record is inspected after all processes
        // have ended.
        let killed = self.record.as_ref().and_then(|record| guard_record::of_killed(record, self.pid()));
        if let Some((contents, owner)) = &killed {
            tmp_dir::remove_of_record(contents, *owner);
        }
        if let Some(record) = &self.record {
            // A remaining record is harmless: a later run searches for the guard's processes and
            // finds none.
            let _ = std::fs::remove_file(record);
        }
        Ok(killed.and_then(|(contents, _)| contents.begun.checked_sub(self.ended)))
    }
}
