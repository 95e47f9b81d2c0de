//! The runner's end of a guard's control pipe.

use std::io::{self, PipeWriter, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::guard::protocol::{Control, encode};

/// May be spoken on from several threads: one message comes after another.
#[derive(Debug)]
pub(crate) struct ControlLine(Mutex<Option<PipeWriter>>);

impl ControlLine {
    pub(crate) fn new(pipe: PipeWriter) -> Self {
        Self(Mutex::new(Some(pipe)))
    }

    /// Says this. Blocks for as long as the guard needs to read what does not fit into the pipe.
    pub(crate) fn say(&self, control: &Control) -> io::Result<()> {
        self.send(&encode(control).map_err(io::Error::other)?)
    }

    /// Sends a message that is encoded already.
    pub(crate) fn send(&self, message: &[u8]) -> io::Result<()> {
        match &mut *self.lock() {
            Some(pipe) => pipe.write_all(message),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Says that there is nothing more to do.
    pub(crate) fn hang_up(&self) {
        self.lock().take();
    }

    /// Whoever panicked had no message half written: only the system writes.
    fn lock(&self) -> MutexGuard<'_, Option<PipeWriter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
