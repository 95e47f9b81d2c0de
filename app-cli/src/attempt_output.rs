//! What an attempt printed, on its way to standard output.
//!
//! A file or a pipe gets the bytes as they are. On a terminal every control character but line ends and tabs is escaped,
//! those that make colours too: output may come from a file somebody else made, and a terminal can be told to do more than
//! change colours. Who trusts the output asks for the bytes.

use std::io::{self, Read};

use crate::console::{Console, Heard};
use crate::error::CliError;
use crate::escape::{Escaper, Shown};
use crate::wiring::AttemptLog;

/// How much is printed at a time.
const PIECE: usize = 64 * 1024;

/// Prints output, and knows whether there was any.
pub(crate) struct AttemptOutput<'a> {
    console: &'a Console,
    escaper: Option<Escaper>,
    is_empty: bool,
}

impl<'a> AttemptOutput<'a> {
    /// Prints to this console: the bytes as they are where `raw`, or where nobody looks.
    pub(crate) fn new(console: &'a Console, raw: bool) -> Self {
        let escaper = (!raw && Console::out_is_terminal()).then(Escaper::default);
        Self { console, escaper, is_empty: true }
    }

    /// Whether there was nothing to print so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Prints the next piece.
    ///
    /// # Errors
    /// Where it cannot be written, other than that nobody reads it any more.
    pub(crate) fn print(&mut self, piece: &[u8]) -> Result<Heard, CliError> {
        self.is_empty &= piece.is_empty();
        match &mut self.escaper {
            Some(escaper) => {
                let safe = escaper.escape(piece);
                self.console.print_exactly(|out| out.write_all(safe.as_bytes()))
            }
            None => self.console.print_exactly(|out| out.write_all(piece)),
        }
    }

    /// Prints all that can be read of a log.
    ///
    /// # Errors
    /// Where it cannot be read, and as [`AttemptOutput::print`].
    pub(crate) fn print_all(&mut self, log: &AttemptLog, mut from: impl Read) -> Result<Heard, CliError> {
        let mut piece = vec![0; PIECE];
        loop {
            let length = match from.read(&mut piece) {
                Ok(0) => return Ok(Heard::All),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(log, &error)),
            };
            if self.print(&piece[..length])? == Heard::NotToTheEnd {
                return Ok(Heard::NotToTheEnd);
            }
        }
    }
}

/// The error that says that a log cannot be read.
pub(crate) fn unreadable(log: &AttemptLog, error: &io::Error) -> CliError {
    CliError::io(format!("cannot read {}", Shown(&log.path)), error)
}
