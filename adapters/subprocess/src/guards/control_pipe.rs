//! The runner's end of a guard's control pipe.

use std::io::{self, PipeWriter, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::guard::protocol::{Control, encode};

/// A control pipe to which several threads can write. The messages are never interleaved.
#[derive(Debug)]
pub(crate) struct ControlPipe(Mutex<Option<PipeWriter>>);

impl ControlPipe {
    pub(crate) fn new(pipe: PipeWriter) -> Self {
        Self(Mutex::new(Some(pipe)))
    }

    /// Sends a message. Blocks while the pipe is full.
    pub(crate) fn send(&self, control: &Control) -> io::Result<()> {
        self.send_encoded(&encode(control).map_err(io::Error::other)?)
    }

    pub(crate) fn send_encoded(&self, message: &[u8]) -> io::Result<()> {
        match &mut *self.lock() {
            Some(pipe) => pipe.write_all(message),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Closes the pipe, which makes an idle guard exit and a busy one end its processes.
    pub(crate) fn close(&self) {
        self.lock().take();
    }

    /// Ignores poisoning, because no code that can panic runs under the lock.
    fn lock(&self) -> MutexGuard<'_, Option<PipeWriter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
