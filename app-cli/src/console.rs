//! The output of the program: data to standard output, everything else to standard error.
//!
//! While a progress bar is shown, all printing goes through this module, so that the bar and the
//! other output do not overwrite each other. A closed standard error is ignored, and a closed
//! standard output is not a failure.
//!
//! Warnings and errors contain paths and texts from files, so their control characters are escaped
//! here.

use std::env;
use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use indicatif::ProgressBar;

use crate::error::CliError;
use crate::escape::Printable;
use crate::view::layout::Layout;
use crate::view::screen::Screen;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// The use of colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set; everywhere if `CLICOLOR_FORCE` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The result of a write to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    All,
    /// Standard output is closed.
    Cut,
}

/// Writes to standard output and standard error.
#[derive(Debug)]
pub(crate) struct Console {
    bar: Mutex<Option<ProgressBar>>,
    out: Layout,
    err: Layout,
}

impl Console {
    /// Creates a console with this use of colour.
    pub(crate) fn new(color: ColorWhen) -> Self {
        match color {
            ColorWhen::Auto => ColorChoice::Auto,
            ColorWhen::Always => ColorChoice::Always,
            ColorWhen::Never => ColorChoice::Never,
        }
        .write_global();
        let here = env::current_dir().unwrap_or_default();
        Self {
            bar: Mutex::default(),
            out: Layout::of(io::stdout(), io::stdout().is_terminal(), &here),
            err: Layout::of(io::stderr(), io::stderr().is_terminal(), &here),
        }
    }

    /// Writes to standard output, without colours if they are off. If standard output is closed,
    /// for instance after `| head`, the rest is omitted.
    ///
    /// # Errors
    /// [`CliError`] if the write fails in any other way.
    pub(crate) fn print(&self, write: impl FnOnce(&mut Screen<'_>) -> io::Result<()>) -> Result<Delivery, CliError> {
        heard(self.aside(|| {
            let mut out = BufWriter::new(AutoStream::auto(io::stdout().lock()));
            write(&mut Screen::new(&mut out, &self.out)).and_then(|()| out.flush())
        }))
    }

    /// Writes a document to standard output, byte for byte. Colours are not stripped, because
    /// stripping could alter a name.
    ///
    /// # Errors
    /// The errors of [`Console::print`].
    pub(crate) fn print_exactly(
        &self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Delivery, CliError> {
        heard(self.aside(|| {
            let mut out = BufWriter::new(io::stdout().lock());
            write(&mut out).and_then(|()| out.flush())
        }))
    }

    /// Returns the layout of standard output.
    pub(crate) fn out(&self) -> &Layout {
        &self.out
    }

    /// Returns the layout of standard error.
    pub(crate) fn err(&self) -> &Layout {
        &self.err
    }

    /// Shows a progress bar below everything printed from now on.
    pub(crate) fn attach(&self, bar: ProgressBar) {
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    /// Removes the progress bar.
    pub(crate) fn detach(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }

    /// Hides the progress bar while `print` runs.
    pub(crate) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Writes a line in one call, because standard error is not buffered and a line consists of a
    /// dozen parts.
    pub(crate) fn say(&self, line: impl Display) {
        let mut line = format!("{line}\n");
        if self.err.is_ascii() {
            line = line.replace('…', self.err.ellipsis());
        }
        self.aside(|| {
            let _ = anstream::stderr().write_all(line.as_bytes());
        });
    }

    pub(crate) fn warn(&self, message: impl Display) {
        self.say(format_args!("{WARNING}warning:{WARNING:#} {}", Printable(&message.to_string())));
    }

    /// Prints an error and its hint.
    pub(crate) fn error(&self, error: &CliError) {
        self.say(format_args!("{ERROR}error:{ERROR:#} {}", Printable(error.message())));
        if let Some(hint) = error.hint() {
            self.say(format_args!("{HINT}hint:{HINT:#} {}", Printable(hint)));
        }
    }
}

fn heard(printed: io::Result<()>) -> Result<Delivery, CliError> {
    match printed {
        Ok(()) => Ok(Delivery::All),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Delivery::Cut),
        Err(error) => Err(CliError::io("cannot write to standard output", &error)),
    }
}
