//! Prints the output of attempts.
//!
//! On a terminal, control characters are escaped. Otherwise the output of an untrusted file could
//! control the terminal. `log --raw` prints all bytes unchanged.

use std::io;

use autoproc_subprocess::{AttemptLog, Rest, Stream, StreamFilter};

use crate::console::{Console, Delivery};
use crate::error::CliError;
use crate::escape::Shown;
use crate::overwritten_lines::LinePrinter;
use crate::view::layout::Layout;

pub(crate) struct AttemptOutput<'a> {
    console: &'a Console,
    to: Stream,
    /// `None` if the bytes are printed unchanged.
    lines: Option<LinePrinter>,
    is_empty: bool,
    last: Option<u8>,
}

impl<'a> AttemptOutput<'a> {
    /// Creates a printer to standard output. Only a terminal receives escaped lines.
    pub(crate) fn of_data(console: &'a Console) -> Self {
        Self::to(Stream::Stdout, console)
    }

    /// Like [`Self::of_data`], but writes to the stream `to`.
    pub(crate) fn to(to: Stream, console: &'a Console) -> Self {
        let layout = layout(to, console);
        let lines = layout.is_terminal().then(|| lines(&layout));
        Self { console, to, lines, is_empty: true, last: None }
    }

    /// Creates a printer for output that a person reads. If `raw`, the bytes are printed unchanged.
    pub(crate) fn of_text(console: &'a Console, raw: bool) -> Self {
        let lines = (!raw).then(|| lines(console.out()));
        Self { console, to: Stream::Stdout, lines, is_empty: true, last: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Prints the next piece of the output.
    ///
    /// # Errors
    /// Fails if standard output cannot be written, unless it is closed.
    pub(crate) fn print(&mut self, piece: &[u8]) -> Result<Delivery, CliError> {
        self.is_empty &= piece.is_empty();
        self.last = piece.last().copied().or(self.last);
        match &mut self.lines {
            Some(lines) => {
                let text = lines.take(piece);
                self.write(&text)
            }
            None => self.write(piece),
        }
    }

    /// Prints the printable part of an incomplete line.
    ///
    /// # Errors
    /// See [`AttemptOutput::print`].
    pub(crate) fn print_current(&mut self) -> Result<Delivery, CliError> {
        let current = self.lines.as_mut().map(LinePrinter::current).unwrap_or_default();
        self.write(&current)
    }

    /// Prints the rest of the last line. On standard error, also adds a missing line end.
    ///
    /// # Errors
    /// See [`AttemptOutput::print`].
    pub(crate) fn finish(&mut self) -> Result<Delivery, CliError> {
        let mut last = self.lines.as_mut().map(LinePrinter::finish).unwrap_or_default();
        if self.to == Stream::Stderr && self.last.is_some_and(|last| last != b'\n') {
            last.push(b'\n');
        }
        self.write(&last)
    }

    /// Prints the rest of a log and finishes the output. A `filter` selects the bytes to print.
    ///
    /// # Errors
    /// Fails if the log cannot be read. For other errors, see [`AttemptOutput::print`].
    pub(crate) fn print_all(
        &mut self,
        log: &AttemptLog,
        mut from: Rest,
        mut filter: Option<&mut StreamFilter>,
    ) -> Result<Delivery, CliError> {
        loop {
            let chunk = from.next_chunk().map_err(|error| unreadable(log, &error))?;
            if chunk.bytes.is_empty() {
                return self.finish();
            }
            let delivery = match &mut filter {
                Some(filter) => self.print(&filter.keep(&chunk).map_err(|error| unreadable(log, &error))?)?,
                None => self.print(&chunk.bytes)?,
            };
            if delivery == Delivery::Cut {
                return Ok(Delivery::Cut);
            }
        }
    }

    fn write(&self, bytes: &[u8]) -> Result<Delivery, CliError> {
        match self.to {
            _ if bytes.is_empty() => Ok(Delivery::All),
            Stream::Stdout => self.console.print_exactly(|out| out.write_all(bytes)),
            Stream::Stderr => {
                self.console.print_to_err_exactly(bytes);
                Ok(Delivery::All)
            }
        }
    }
}

fn layout(stream: Stream, console: &Console) -> Layout {
    match stream {
        Stream::Stdout => console.out().clone(),
        Stream::Stderr => console.err(),
    }
}

fn lines(layout: &Layout) -> LinePrinter {
    if layout.is_terminal() {
        LinePrinter::terminal(layout.columns().filter(|_| layout.can_redraw()))
    } else {
        LinePrinter::plain()
    }
}

pub(crate) fn unreadable(log: &AttemptLog, error: &io::Error) -> CliError {
    CliError::io(format!("cannot read {}", Shown(&log.path)), error)
}

/// Removes the incomplete first line of `ending`, unless it is the only line.
pub(crate) fn without_partial_line(ending: &[u8]) -> &[u8] {
    let next = ending.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if next < ending.len() { &ending[next..] } else { ending }
}
