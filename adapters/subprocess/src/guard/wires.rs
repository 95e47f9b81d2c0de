//! What ties a guard to the rest: the pipes to the runner, the self-pipe for the ends of children, and the wait for all.

use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::SIGCHLD;

use crate::guard::protocol::{Control, Inbox, Report, encode};

/// No wait is longer than this, so that no length of time can be too great for the system's form of it.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// How long to look for a message that is expected soon: a runner that has another attempt ready says so within that time,
/// and to wake a process that sleeps takes nearly as long where the cores are those of a virtual machine.
const ALERT: Duration = Duration::from_micros(50);

pub(crate) struct Wires {
    control: File,
    inbox: Inbox,
    /// Whether the control pipe ended, or what came on it was no message: nobody is there to serve.
    is_abandoned: bool,
    reports: File,
    deaths: PipeReader,
}

/// What there is to do after a wait.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ready {
    pub(crate) control: bool,
    pub(crate) deaths: bool,
    pub(crate) streams: [bool; 2],
}

impl Wires {
    /// Takes standard input and output. Commands get none of these: what they inherit as standard input is empty, and
    /// their output goes elsewhere.
    pub(crate) fn new() -> io::Result<Self> {
        let control = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        let reports = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let (deaths, written) = io::pipe()?;
        signal_hook::low_level::pipe::register(SIGCHLD, written)?;
        Ok(Self { control, inbox: Inbox::default(), is_abandoned: false, reports, deaths })
    }

    /// The next message, waited for while no process is under way; `None` where no more will come. Who expects it soon looks
    /// for it for a moment before going to sleep for it.
    pub(crate) fn await_control(&mut self, is_expected_soon: bool) -> io::Result<Option<Control>> {
        loop {
            if let Some(control) = self.next_control() {
                return Ok(Some(control));
            }
            if self.is_abandoned {
                return Ok(None);
            }
            if is_expected_soon {
                self.look_out()?;
            }
            self.read_control()?;
        }
    }

    /// Looks for a message for a moment. Whoever else needs the processor goes first, and keeps it for as long as its slice
    /// lasts: a few milliseconds, during which another processor may stand idle.
    fn look_out(&self) -> io::Result<()> {
        let began = Instant::now();
        while began.elapsed() < ALERT && !self.has_news()? {
            std::thread::yield_now();
        }
        Ok(())
    }

    /// The next message that has arrived.
    pub(crate) fn next_control(&mut self) -> Option<Control> {
        if self.is_abandoned {
            return None;
        }
        self.inbox.take().unwrap_or_else(|_| {
            self.is_abandoned = true;
            None
        })
    }

    /// Whether nobody is there any more to be served.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.is_abandoned
    }

    /// Whether the runner is no more, even where something that it said before is still to be read.
    pub(crate) fn has_hung_up(&self) -> io::Result<bool> {
        let mut polled = [PollFd::new(&self.control, PollFlags::empty())];
        uninterrupted(|| Ok(poll(&mut polled, Some(&Timespec::default()))?))?;
        Ok(polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR))
    }

    /// Whether there is something to read.
    pub(crate) fn has_news(&self) -> io::Result<bool> {
        Ok(!wait_for([Some(self.control.as_fd())], Duration::ZERO)?[0].is_empty())
    }

    /// Reads what has arrived, waiting where nothing has.
    pub(crate) fn read_control(&mut self) -> io::Result<()> {
        let mut bytes = [0; 8 << 10];
        match uninterrupted(|| self.control.read(&mut bytes))? {
            0 => self.is_abandoned = true,
            length => self.inbox.push(&bytes[..length]),
        }
        Ok(())
    }

    /// Tells the runner all of these at once. Where that is no more, nobody needs to be told.
    pub(crate) fn report(&mut self, reports: &[Report]) -> io::Result<()> {
        let messages = reports.iter().map(encode).collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
        match self.reports.write_all(&messages.concat()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_abandoned = true;
                Ok(())
            }
            written => written,
        }
    }

    /// Takes note that children were looked after. Before that happens, so that no end is missed.
    pub(crate) fn forget_deaths(&mut self) -> io::Result<()> {
        let mut bytes = [0; 64];
        uninterrupted(|| self.deaths.read(&mut bytes)).map(drop)
    }

    /// Waits for something to happen, at most so long.
    pub(crate) fn wait(&self, streams: [Option<BorrowedFd<'_>>; 2], patience: Duration) -> io::Result<Ready> {
        let control = (!self.is_abandoned).then(|| self.control.as_fd());
        let fds = [control, Some(self.deaths.as_fd()), streams[0], streams[1]];
        let [control, deaths, stdout, stderr] = wait_for(fds, patience)?.map(|events| !events.is_empty());
        Ok(Ready { control, deaths, streams: [stdout, stderr] })
    }
}

/// What can be said of these once one can be read or has ended. A signal ends the wait early; its cause is found in a pipe.
pub(crate) fn wait_for<const N: usize>(
    fds: [Option<BorrowedFd<'_>>; N],
    patience: Duration,
) -> io::Result<[PollFlags; N]> {
    let mut polled: Vec<_> = fds.iter().flatten().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    match poll(&mut polled, Some(&timespec(patience))) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let mut answers = polled.iter().map(PollFd::revents);
    Ok(fds.map(|fd| fd.and_then(|_| answers.next()).unwrap_or(PollFlags::empty())))
}

fn timespec(wait: Duration) -> Timespec {
    let wait = wait.min(LONGEST_WAIT);
    Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: wait.subsec_nanos().into() }
}

/// Makes a call again for as long as signals interrupt it.
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
