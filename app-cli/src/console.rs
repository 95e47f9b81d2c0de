//! The terminal, or what stands in its place: data to standard output, everything else to standard error.
//!
//! Whatever is printed while a progress bar is shown goes through here, so that the two do not write over each other.
//! A closed standard error is nobody's concern, and a closed standard output no failure.
//!
//! Warnings and errors speak of paths and of texts from files. Control characters in them are escaped here, for all of them.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use indicatif::ProgressBar;

use crate::args::ColorWhen;
use crate::error::CliError;
use crate::escape::Printable;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Whether what was printed had a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// All of it was taken.
    All,
    /// Nobody reads standard output any more.
    NotToTheEnd,
}

/// Where a command's words go.
#[derive(Debug, Default)]
pub(crate) struct Console {
    bar: Mutex<Option<ProgressBar>>,
}

impl Console {
    /// A console that uses colour when told.
    pub(crate) fn new(color: ColorWhen) -> Self {
        match color {
            ColorWhen::Auto => ColorChoice::Auto,
            ColorWhen::Always => ColorChoice::Always,
            ColorWhen::Never => ColorChoice::Never,
        }
        .write_global();
        Self::default()
    }

    /// Writes to standard output, with colours taken out where there should be none. Where nobody reads it any more, as
    /// after `| head`, the rest is left out, and that is no failure.
    ///
    /// # Errors
    /// [`CliError`] where the system failed at it otherwise.
    pub(crate) fn print(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Heard, CliError> {
        heard(self.aside(|| {
            let mut out = BufWriter::new(AutoStream::auto(io::stdout().lock()));
            write(&mut out).and_then(|()| out.flush())
        }))
    }

    /// Writes a document to standard output, byte for byte: what is taken out of colours may be a part of a name.
    ///
    /// # Errors
    /// As [`Console::print`].
    pub(crate) fn print_exactly(
        &self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Heard, CliError> {
        heard(self.aside(|| {
            let mut out = BufWriter::new(io::stdout().lock());
            write(&mut out).and_then(|()| out.flush())
        }))
    }

    /// Whether a person looks at standard output.
    pub(crate) fn out_is_terminal() -> bool {
        io::stdout().is_terminal()
    }

    /// Whether a person looks at standard error.
    pub(crate) fn err_is_terminal() -> bool {
        io::stderr().is_terminal()
    }

    /// Shows a progress bar below all that is printed from now on.
    pub(crate) fn attach(&self, bar: ProgressBar) {
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    /// Takes the progress bar away.
    pub(crate) fn detach(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }

    /// Prints while the progress bar is out of the way.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// One line for a person, written at once: standard error has no buffer, and a line is made of a dozen pieces.
    pub(crate) fn say(&self, line: impl Display) {
        let line = format!("{line}\n");
        self.aside(|| {
            let _ = anstream::stderr().write_all(line.as_bytes());
        });
    }

    /// Something that is not wrong yet.
    pub(crate) fn warn(&self, message: impl Display) {
        self.say(format_args!("{WARNING}warning:{WARNING:#} {}", Printable(&message.to_string())));
    }

    /// What went wrong, and what to do about it.
    pub(crate) fn error(&self, error: &CliError) {
        self.say(format_args!("{ERROR}error:{ERROR:#} {}", Printable(error.message())));
        if let Some(hint) = error.hint() {
            self.say(format_args!("{HINT}hint:{HINT:#} {}", Printable(hint)));
        }
    }
}

fn heard(printed: io::Result<()>) -> Result<Heard, CliError> {
    match printed {
        Ok(()) => Ok(Heard::All),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Heard::NotToTheEnd),
        Err(error) => Err(CliError::io("cannot write to standard output", &error)),
    }
}
