//! Writes the output of an attempt to standard output.
//!
//! On a terminal, control characters are escaped, including colour sequences: the output may come
//! from an untrusted file and could control the terminal. Line ends and tabs are kept. Lines that
//! carriage returns overwrite are handled by `overwritten_lines`. `--raw` prints all bytes
//! unchanged.

use std::io::{self, Read};

use autoproc_subprocess::AttemptLog;

use crate::console::{Console, Delivery};
use crate::error::CliError;
use crate::escape::Shown;
use crate::overwritten_lines::LinePrinter;

/// The maximum number of bytes of a log that are read and printed at once.
const PIECE: usize = 64 * 1024;

/// Prints the output of an attempt, and records whether it is empty.
pub(crate) struct AttemptOutput<'a> {
    console: &'a Console,
    /// The converter of lines; `None` if bytes are printed unchanged.
    lines: Option<LinePrinter>,
    is_empty: bool,
}

impl<'a> AttemptOutput<'a> {
    /// Creates a printer for output that is data. A file or pipe receives the bytes unchanged.
    pub(crate) fn of_data(console: &'a Console) -> Self {
        let lines = console.out().is_terminal().then(|| lines(console));
        Self { console, lines, is_empty: true }
    }

    /// Creates a printer for output that a person reads. A file or pipe receives only the last
    /// version of an overwritten line. If `raw`, the bytes are printed unchanged.
    pub(crate) fn of_text(console: &'a Console, raw: bool) -> Self {
        Self { console, lines: (!raw).then(|| lines(console)), is_empty: true }
    }

    /// True if nothing has been printed so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Prints the next piece of the output.
    ///
    /// # Errors
    /// If the piece cannot be written. A closed standard output is not an error.
    pub(crate) fn print(&mut self, piece: &[u8]) -> Result<Delivery, CliError> {
        self.is_empty &= piece.is_empty();
        match &mut self.lines {
            Some(lines) => write(self.console, &lines.take(piece)),
            None => write(self.console, piece),
        }
    }

    /// Prints the current line, as far as it can be shown before it is complete.
    ///
    /// # Errors
    /// The errors of [`AttemptOutput::print`].
    pub(crate) fn print_current(&mut self) -> Result<Delivery, CliError> {
        self.lines.as_mut().map_or(Ok(Delivery::All), |lines| write(self.console, &lines.current()))
    }

    /// Prints everything that `from` returns, including a last line without a line end.
    ///
    /// # Errors
    /// If the log cannot be read; otherwise the errors of [`AttemptOutput::print`].
    pub(crate) fn print_all(&mut self, log: &AttemptLog, mut from: impl Read) -> Result<Delivery, CliError> {
        let mut piece = vec![0; PIECE];
        loop {
            let length = match from.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(log, &error)),
            };
            if self.print(&piece[..length])? == Delivery::Cut {
                return Ok(Delivery::Cut);
            }
        }
        self.lines.as_mut().map_or(Ok(Delivery::All), |lines| write(self.console, &lines.finish()))
    }
}

/// Returns the converter of lines for standard output.
fn lines(console: &Console) -> LinePrinter {
    let out = console.out();
    if out.is_terminal() {
        LinePrinter::terminal(out.columns().filter(|_| out.can_redraw()))
    } else {
        LinePrinter::plain()
    }
}

fn write(console: &Console, bytes: &[u8]) -> Result<Delivery, CliError> {
    if bytes.is_empty() {
        return Ok(Delivery::All);
    }
    console.print_exactly(|out| out.write_all(bytes))
}

/// Returns the error for a log that cannot be read.
pub(crate) fn unreadable(log: &AttemptLog, error: &io::Error) -> CliError {
    CliError::io(format!("cannot read {}", Shown(&log.path)), error)
}
