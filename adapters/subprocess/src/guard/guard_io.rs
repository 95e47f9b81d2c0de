//! The pipes of a guard.

use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::SIGCHLD;

use crate::guard::protocol::{Control, Inbox, Report, encode};

/// The maximum timeout of poll(2). A longer one might not fit into a `Timespec`.
const MAX_POLL_TIMEOUT: Duration = Duration::from_secs(3600);

/// The maximum time to spin for a message. On a virtual machine, waking a sleeping process takes
/// nearly as long.
const SPIN_TIME: Duration = Duration::from_micros(50);

pub(crate) struct GuardIo {
    control: File,
    inbox: Inbox,
    is_abandoned: bool,
    reports: File,
    child_exits: PipeReader,
}

/// For each descriptor, true if it is readable or has ended.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ready {
    pub(crate) control: bool,
    pub(crate) child_exits: bool,
    pub(crate) streams: [bool; 2],
}

impl GuardIo {
    /// Takes over standard input and output. Standard input becomes `/dev/null`, which commands
    /// without an input inherit.
    pub(crate) fn new() -> io::Result<Self> {
        let control = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        let reports = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let (child_exits, written) = io::pipe()?;
        signal_hook::low_level::pipe::register(SIGCHLD, written)?;
        Ok(Self { control, inbox: Inbox::default(), is_abandoned: false, reports, child_exits })
    }

    pub(crate) fn await_control(&mut self, is_expected_soon: bool) -> io::Result<Option<Control>> {
        loop {
            if let Some(control) = self.next_control() {
                return Ok(Some(control));
            }
            if self.is_abandoned {
                return Ok(None);
            }
            if is_expected_soon {
                self.spin()?;
            }
            self.read_control()?;
        }
    }

    fn spin(&self) -> io::Result<()> {
        let started_at = Instant::now();
        while started_at.elapsed() < SPIN_TIME && !self.has_control()? {
            std::thread::yield_now();
        }
        Ok(())
    }

    pub(crate) fn next_control(&mut self) -> Option<Control> {
        if self.is_abandoned {
            return None;
        }
        self.inbox.take().unwrap_or_else(|_| {
            self.is_abandoned = true;
            None
        })
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.is_abandoned
    }

    /// True if the run has closed the control pipe, even if unread messages remain.
    pub(crate) fn has_hung_up(&self) -> io::Result<bool> {
        let mut polled = [PollFd::new(&self.control, PollFlags::empty())];
        retry_interrupted(|| Ok(poll(&mut polled, Some(&Timespec::default()))?))?;
        Ok(polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR))
    }

    pub(crate) fn has_control(&self) -> io::Result<bool> {
        Ok(!poll_readable([Some(self.control.as_fd())], Duration::ZERO)?[0].is_empty())
    }

    pub(crate) fn read_control(&mut self) -> io::Result<()> {
        let mut bytes = [0; 8 << 10];
        match retry_interrupted(|| self.control.read(&mut bytes))? {
            0 => self.is_abandoned = true,
            length => self.inbox.push(&bytes[..length]),
        }
        Ok(())
    }

    /// Sends reports to the run in one write. A dead run is no error.
    pub(crate) fn send(&mut self, reports: &[Report]) -> io::Result<()> {
        let messages = reports.iter().map(encode).collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
        match self.reports.write_all(&messages.concat()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_abandoned = true;
                Ok(())
            }
            written => written,
        }
    }

    /// Drains the self-pipe. Must be called before reaping, so that no exit is missed.
    pub(crate) fn drain_child_exits(&mut self) -> io::Result<()> {
        let mut bytes = [0; 64];
        retry_interrupted(|| self.child_exits.read(&mut bytes)).map(drop)
    }

    pub(crate) fn wait(&self, streams: [Option<BorrowedFd<'_>>; 2], timeout: Duration) -> io::Result<Ready> {
        let control = (!self.is_abandoned).then(|| self.control.as_fd());
        let fds = [control, Some(self.child_exits.as_fd()), streams[0], streams[1]];
        let [control, child_exits, stdout, stderr] = poll_readable(fds, timeout)?.map(|events| !events.is_empty());
        Ok(Ready { control, child_exits, streams: [stdout, stderr] })
    }
}

/// Waits until a descriptor is readable or closed. A signal ends the wait early.
pub(crate) fn poll_readable<const N: usize>(
    fds: [Option<BorrowedFd<'_>>; N],
    timeout: Duration,
) -> io::Result<[PollFlags; N]> {
    let mut polled: Vec<_> = fds.iter().flatten().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    match poll(&mut polled, Some(&timespec(timeout))) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let mut answers = polled.iter().map(PollFd::revents);
    Ok(fds.map(|fd| fd.and_then(|_| answers.next()).unwrap_or(PollFlags::empty())))
}

fn timespec(timeout: Duration) -> Timespec {
    let timeout = timeout.min(MAX_POLL_TIMEOUT);
    Timespec { tv_sec: timeout.as_secs().cast_signed(), tv_nsec: timeout.subsec_nanos().into() }
}

pub(crate) fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
