//! The write end of a guard's control pipe.

use std::io::{self, PipeWriter, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};

use crate::guard::protocol::{Control, encode};

/// The maximum time to wait for a full pipe. A suspended guard does not read, and must not block
/// the run.
const FULL_TIMEOUT: Duration = Duration::from_secs(1);

/// A control pipe to which several threads can write. The messages are never interleaved.
#[derive(Debug)]
pub(crate) struct ControlPipe(Mutex<Option<PipeWriter>>);

impl ControlPipe {
    /// Creates a control pipe from its write end, which becomes non-blocking.
    pub(crate) fn new(pipe: PipeWriter) -> io::Result<Self> {
        ioctl_fionbio(&pipe, true)?;
        Ok(Self(Mutex::new(Some(pipe))))
    }

    /// Sends a message.
    ///
    /// # Errors
    /// If the guard has ended, or the pipe stays full for [`FULL_TIMEOUT`]. The pipe is then
    /// closed, because the message may be incomplete.
    pub(crate) fn send(&self, control: &Control) -> io::Result<()> {
        self.send_encoded(&encode(control).map_err(io::Error::other)?)
    }

    pub(crate) fn send_encoded(&self, message: &[u8]) -> io::Result<()> {
        let mut pipe = self.lock();
        let sent = match &mut *pipe {
            Some(pipe) => write_all(pipe, message),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        sent.inspect_err(|_| drop(pipe.take()))
    }

    pub(crate) fn close(&self) {
        self.lock().take();
    }

    /// Locks the pipe. Ignores poisoning, because no code panics under the lock.
    fn lock(&self) -> MutexGuard<'_, Option<PipeWriter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_all(pipe: &mut PipeWriter, mut message: &[u8]) -> io::Result<()> {
    while !message.is_empty() {
        match pipe.write(message) {
            Ok(length) => message = &message[length..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait_for_room(pipe)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn wait_for_room(pipe: &PipeWriter) -> io::Result<()> {
    let timeout = Timespec { tv_sec: FULL_TIMEOUT.as_secs().cast_signed(), tv_nsec: 0 };
    match poll(&mut [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::OUT)], Some(&timeout)) {
        Ok(0) => Err(io::ErrorKind::TimedOut.into()),
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_that_does_not_read_blocks_no_sender() {
        let (_unread, writer) = io::pipe().expect("a pipe");
        let pipe = ControlPipe::new(writer).expect("not blocking");
        let refused = pipe.send_encoded(&vec![0; 1 << 20]).expect_err("larger than a pipe");
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
        assert_eq!(pipe.send(&Control::Recall).expect_err("closed").kind(), io::ErrorKind::BrokenPipe);
    }
}
