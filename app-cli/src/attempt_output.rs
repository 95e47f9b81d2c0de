//! Writes the output of an attempt to standard output.
//!
//! Files and pipes receive the bytes unchanged. On a terminal every control character except line
//! ends and tabs is escaped, including those of colours, because the output may come from an
//! untrusted file and could control the terminal. `--raw` disables the escaping.

use std::io::{self, Read};

use autoproc_subprocess::AttemptLog;

use crate::console::{Console, Delivery};
use crate::error::CliError;
use crate::escape::{Escaper, Shown};

/// The maximum number of bytes of a log that are read and printed at once.
const PIECE: usize = 64 * 1024;

/// Prints output, and records whether there was any.
pub(crate) struct AttemptOutput<'a> {
    console: &'a Console,
    escaper: Option<Escaper>,
    is_empty: bool,
}

impl<'a> AttemptOutput<'a> {
    /// Creates a printer to this console. The output is unchanged if `raw`, or if standard output
    /// is not a terminal.
    pub(crate) fn new(console: &'a Console, raw: bool) -> Self {
        let escaper = (!raw && console.out().is_terminal()).then(Escaper::default);
        Self { console, escaper, is_empty: true }
    }

    /// True if nothing has been printed so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Prints the next piece.
    ///
    /// # Errors
    /// If the piece cannot be written. A closed standard output is not an error.
    pub(crate) fn print(&mut self, piece: &[u8]) -> Result<Delivery, CliError> {
        self.is_empty &= piece.is_empty();
        match &mut self.escaper {
            Some(escaper) => {
                let safe = escaper.escape(piece);
                self.console.print_exactly(|out| out.write_all(safe.as_bytes()))
            }
            None => self.console.print_exactly(|out| out.write_all(piece)),
        }
    }

    /// Prints the whole log.
    ///
    /// # Errors
    /// If the log cannot be read; otherwise the errors of [`AttemptOutput::print`].
    pub(crate) fn print_all(&mut self, log: &AttemptLog, mut from: impl Read) -> Result<Delivery, CliError> {
        let mut piece = vec![0; PIECE];
        loop {
            let length = match from.read(&mut piece) {
                Ok(0) => return Ok(Delivery::All),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(log, &error)),
            };
            if self.print(&piece[..length])? == Delivery::Cut {
                return Ok(Delivery::Cut);
            }
        }
    }
}

/// Returns the error for a log that cannot be read.
pub(crate) fn unreadable(log: &AttemptLog, error: &io::Error) -> CliError {
    CliError::io(format!("cannot read {}", Shown(&log.path)), error)
}
