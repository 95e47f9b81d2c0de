//! Prints to standard output and standard error.
//!
//! All printing goes through this module, so that it does not overwrite the live area. Control
//! characters in warnings and errors are escaped here.

mod err_writer;
mod live_area;

use std::env;
use std::fmt::{self, Display};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

use crate::error::CliError;
use crate::escape::Printable;
use crate::store_choice::without_passwords;
use crate::view::layout::{Layout, Size};
use crate::view::screen::Screen;
use err_writer::ErrWriter;
use live_area::LiveArea;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// When to print colours.
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

type TimeOfDay = Box<dyn Fn() -> String + Send + Sync>;

const SETTLE_TIMEOUT: Duration = Duration::from_millis(500);

/// The size limit of deferred and of diverted text, in bytes. Further text is dropped.
const MAX_DEFERRED: usize = 1 << 20;

#[derive(Default)]
struct ErrStream {
    area: LiveArea,
    writer: ErrWriter,
    /// The number of calls in progress that print to a terminal, not counting [`ErrStream::say`].
    /// While it is not 0, the live area is not on the screen.
    prints: u32,
    /// The lines to write when `prints` becomes 0.
    deferred: String,
}

impl ErrStream {
    fn begin_print(&mut self) {
        if self.prints == 0 {
            self.writer.write(self.area.erase());
            self.writer.settle(SETTLE_TIMEOUT);
        }
        self.prints += 1;
    }

    fn end_print(&mut self) {
        if self.prints > 0 {
            self.prints -= 1;
            if self.prints == 0 {
                self.writer.write(&(std::mem::take(&mut self.deferred) + &self.area.draw()));
            }
        }
    }

    fn change_area(&self, sequences: &str) {
        if self.prints == 0 {
            self.writer.write(sequences);
        }
    }

    fn say(&mut self, line: &str) {
        if self.prints == 0 {
            self.writer.write(&[self.area.erase(), line, &self.area.draw()].concat());
        } else if self.deferred.len() < MAX_DEFERRED {
            self.deferred.push_str(line);
        }
    }
}

pub(crate) struct Console {
    /// Not locked during a write to standard output, because this write waits as long as nothing
    /// reads standard output.
    live: Mutex<ErrStream>,
    /// Returns the text that begins each line on standard error; `None` if there is no such text.
    time: Mutex<Option<TimeOfDay>>,
    /// The texts that were printed since [`Console::divert`]; `None` if nothing is diverted.
    diverted: Mutex<Option<String>>,
    out: Layout,
    err: Layout,
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("out", &self.out).field("err", &self.err).finish_non_exhaustive()
    }
}

impl Console {
    /// Creates a console, and sets the colour choice of the whole process.
    pub(crate) fn new(color: ColorWhen) -> Self {
        match color {
            ColorWhen::Auto => ColorChoice::Auto,
            ColorWhen::Always => ColorChoice::Always,
            ColorWhen::Never => ColorChoice::Never,
        }
        .write_global();
        let here = env::current_dir().unwrap_or_default();
        Self {
            live: Mutex::default(),
            time: Mutex::default(),
            diverted: Mutex::default(),
            out: Layout::of(io::stdout(), io::stdout().is_terminal(), &here),
            err: Layout::of(io::stderr(), io::stderr().is_terminal(), &here),
        }
    }

    /// Writes to standard output. Drops the text if standard output is closed.
    ///
    /// # Errors
    /// [`CliError`] if the write fails, except for a closed standard output.
    pub(crate) fn print(&self, write: impl FnOnce(&mut Screen<'_>) -> io::Result<()>) -> Result<Delivery, CliError> {
        if self.is_diverted() {
            let mut out = AutoStream::never(Vec::new());
            return heard(write(&mut Screen::new(&mut out, &self.out)).map(|()| self.keep(&out.into_inner())));
        }
        heard(self.aside(self.out.is_terminal(), || {
            let mut out = BufWriter::new(AutoStream::auto(io::stdout().lock()));
            write(&mut Screen::new(&mut out, &self.out)).and_then(|()| out.flush())
        }))
    }

    /// Writes a document to standard output, byte for byte.
    ///
    /// # Errors
    /// The errors of [`Console::print`].
    pub(crate) fn print_exactly(
        &self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Delivery, CliError> {
        if self.is_diverted() {
            let mut out = Vec::new();
            return heard(write(&mut out).map(|()| self.keep(&out)));
        }
        heard(self.aside(self.out.is_terminal(), || {
            let mut out = BufWriter::new(io::stdout().lock());
            write(&mut out).and_then(|()| out.flush())
        }))
    }

    /// Writes bytes to standard error unchanged. Waits if nothing reads standard error.
    pub(crate) fn print_to_err_exactly(&self, bytes: &[u8]) {
        if self.is_diverted() {
            return self.keep(bytes);
        }
        self.aside(self.out.is_terminal() || self.err.is_terminal(), || {
            // A closed standard error is ignored.
            let _ = io::stderr().write_all(bytes);
        });
    }

    /// Returns the bytes that [`Console::print`] would write.
    ///
    /// # Errors
    /// The errors of `write`.
    pub(crate) fn rendered(&self, write: impl FnOnce(&mut Screen<'_>) -> io::Result<()>) -> io::Result<Vec<u8>> {
        let mut out = AutoStream::new(Vec::new(), AutoStream::choice(&io::stdout()));
        write(&mut Screen::new(&mut out, &self.out))?;
        Ok(out.into_inner())
    }

    pub(crate) fn out(&self) -> &Layout {
        &self.out
    }

    /// Returns the layout of standard error at the current size of the terminal.
    pub(crate) fn err(&self) -> Layout {
        self.err.resized(Self::err_size())
    }

    pub(crate) fn err_size() -> Size {
        Size::of(io::stderr())
    }

    /// Begins each later line on standard error with the text of `time`.
    pub(crate) fn begin_times(&self, time: impl Fn() -> String + Send + Sync + 'static) {
        *self.time.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(time));
    }

    pub(crate) fn end_times(&self) {
        *self.time.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns the text for the beginning of the next line; may be empty.
    pub(crate) fn time(&self) -> String {
        let time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
        time.as_ref().map_or_else(String::new, |time| time() + " ")
    }

    /// Keeps all later text instead of printing it, for a full-screen view.
    pub(crate) fn divert(&self) {
        self.diverted().get_or_insert_default();
    }

    /// Removes and returns the texts that [`Console::divert`] has kept so far.
    pub(crate) fn take_diverted(&self) -> String {
        self.diverted().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Ends [`Console::divert`], and prints the remaining texts on standard error.
    pub(crate) fn end_diversion(&self) {
        let kept = self.diverted().take().unwrap_or_default();
        self.live().say(&kept);
    }

    fn is_diverted(&self) -> bool {
        self.diverted().is_some()
    }

    fn keep(&self, text: &[u8]) {
        if let Some(kept) = self.diverted().as_mut().filter(|kept| kept.len() + text.len() <= MAX_DEFERRED) {
            kept.push_str(&String::from_utf8_lossy(text));
        }
    }

    fn diverted(&self) -> MutexGuard<'_, Option<String>> {
        self.diverted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a thread that writes to standard error. A blocked standard error then does not block
    /// the run.
    pub(crate) fn write_on_thread(&self) {
        self.live().writer.start_thread();
    }

    pub(crate) fn end_thread(&self) {
        self.live().writer.end_thread();
    }

    /// Opens the live area, which stays below everything that is printed later.
    pub(crate) fn attach(&self) {
        self.live().area.open();
    }

    /// Replaces the live area. The lines must fit on the screen. Draws nothing while this process
    /// is in the background.
    pub(crate) fn draw(&self, lines: Vec<String>) {
        let mut live = self.live();
        if is_in_foreground() {
            let drawn = live.area.replace(lines);
            live.change_area(&drawn);
        } else {
            live.area.abandon();
        }
    }

    /// Removes the live area until [`Console::reveal`], for instance while the process is
    /// suspended.
    pub(crate) fn conceal(&self) {
        let mut live = self.live();
        let erased = live.area.conceal();
        live.change_area(erased);
        live.writer.settle(SETTLE_TIMEOUT);
    }

    pub(crate) fn reveal(&self) {
        self.live().area.reveal();
    }

    pub(crate) fn detach(&self) {
        let mut live = self.live();
        let erased = live.area.close();
        live.change_area(erased);
    }

    /// Calls `print`. If the output is a terminal, removes the live area and defers lines on
    /// standard error meanwhile.
    fn aside<T>(&self, is_on_terminal: bool, print: impl FnOnce() -> T) -> T {
        if !is_on_terminal {
            return print();
        }
        self.live().begin_print();
        let printed = print();
        self.live().end_print();
        printed
    }

    /// Stops deferring lines. Called if nothing reads standard output.
    pub(crate) fn abandon_prints(&self) {
        let mut live = self.live();
        while live.prints > 0 {
            live.end_print();
        }
    }

    fn live(&self) -> MutexGuard<'_, ErrStream> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line to standard error.
    pub(crate) fn say(&self, line: impl Display) {
        let mut line = format!("{}{line}\n", self.time());
        if self.err.is_ascii() {
            line = line.replace('…', self.err.ellipsis());
        }
        if self.is_diverted() {
            return self.keep(strip_str(&line).to_string().as_bytes());
        }
        self.live().say(&in_colour(&line));
    }

    pub(crate) fn warn(&self, message: impl Display) {
        self.say(format_args!("{WARNING}warning:{WARNING:#} {}", Printable(&message.to_string())));
    }

    /// Prints an error and its hint, without passwords.
    pub(crate) fn error(&self, error: &CliError) {
        let message = without_passwords(error.message());
        self.say(format_args!("{ERROR}error:{ERROR:#} {}", Printable(&message)));
        if let Some(hint) = error.hint() {
            self.say(format_args!("{HINT}hint:{HINT:#} {}", Printable(&without_passwords(hint))));
        }
    }
}

fn in_colour(text: &str) -> String {
    let mut out = AutoStream::new(Vec::new(), AutoStream::choice(&io::stderr()));
    // Writing to memory cannot fail, and removing colours leaves valid UTF-8.
    let _ = out.write_all(text.as_bytes());
    String::from_utf8(out.into_inner()).unwrap_or_default()
}

/// True if this process is in the foreground, or standard error is not its terminal.
fn is_in_foreground() -> bool {
    tcgetpgrp(io::stderr()).map_or(true, |foreground| foreground == getpgrp())
}

fn heard(printed: io::Result<()>) -> Result<Delivery, CliError> {
    match printed {
        Ok(()) => Ok(Delivery::All),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Delivery::Cut),
        Err(error) => Err(CliError::io("cannot write to standard output", &error)),
    }
}
