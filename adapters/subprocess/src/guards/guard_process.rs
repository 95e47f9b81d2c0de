//! One guard, as its runner sees it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use crate::guard::GUARD_ARGUMENT;
use crate::guard::protocol::{Inbox, Report};
use crate::guards::control_line::ControlLine;
use crate::guards::nursery::Nursery;
use crate::guards::{GuardSettings, record_path};
use crate::process_table::RUN_VARIABLE;

/// How long a guard that has nothing to do may take to end. It needs a thousandth of that; one that takes longer was
/// stopped by somebody, and is killed.
const FAREWELL: Duration = Duration::from_secs(5);

/// How often to look whether it has ended.
const POLL: Duration = Duration::from_millis(1);

pub(crate) struct GuardProcess {
    child: Child,
    line: Arc<ControlLine>,
    reports: Receiver,
    inbox: Inbox,
    record: Option<PathBuf>,
}

impl GuardProcess {
    /// Starts a guard, the `number`th of its pool, in a process group of its own: what a terminal sends to the runner's
    /// group is for the runner to answer.
    pub(crate) fn spawn(settings: &GuardSettings, number: u64) -> io::Result<Self> {
        let ((control, line), (reports, said)) = (io::pipe()?, io::pipe()?);
        let mut command = Command::new(&settings.executable);
        command.arg0("autoproc").arg(GUARD_ARGUMENT).arg(settings.run.as_str());
        let record = record_path(settings, number);
        command.args(&record);
        // A guard that was only starting when its runner died must be found, before it can have begun anything.
        command.env(RUN_VARIABLE, settings.run.as_str());
        command.stdin(control).stdout(said).process_group(0);
        // Before there is a guard that a failure could leave behind.
        let reports = Receiver::from_owned_fd(OwnedFd::from(reports))?;
        let child = Nursery::enter().spawn(&mut command)?;
        Ok(Self { child, line: Arc::new(ControlLine::new(line)), reports, inbox: Inbox::default(), record })
    }

    pub(crate) fn line(&self) -> &Arc<ControlLine> {
        &self.line
    }

    /// The next report. May be dropped and called again.
    ///
    /// # Errors
    /// Where none will come: the guard is no more, or is none.
    pub(crate) async fn report(&mut self) -> io::Result<Report> {
        let mut bytes = [0; 4 << 10];
        loop {
            if let Some(report) = self.inbox.take().map_err(io::Error::other)? {
                return Ok(report);
            }
            match self.reports.read(&mut bytes).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => self.inbox.push(&bytes[..length]),
            }
        }
    }

    /// Sees an idle guard to its end. Blocks, for a moment as a rule and [`FAREWELL`] at most.
    pub(crate) fn dismiss(mut self) {
        self.line.hang_up();
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < FAREWELL {
            sleep(POLL);
        }
        self.bury();
    }

    /// Makes sure that an idle guard is no more, and reaps it.
    pub(crate) fn bury(self) {
        // It has nothing to leave behind.
        let _ = self.bury_with(|| Ok(()));
    }

    /// Makes sure that it is no more, and reaps it. What it was to look after falls to us then, where we adopt orphans,
    /// and `end_orphans` ends it.
    pub(crate) fn bury_with(mut self, end_orphans: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        // Both fail only where it is reaped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        Nursery::enter().forget(&self.child);
        end_orphans()?;
        self.forget_record();
        Ok(())
    }

    /// A record that outlives its guard tells a later run to look for what is left; there is nothing.
    fn forget_record(&self) {
        if let Some(record) = &self.record {
            let _ = std::fs::remove_file(record);
        }
    }
}
