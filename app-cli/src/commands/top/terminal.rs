//! Switches the terminal to full screen and back.
//!
//! # Theory of operation
//!
//! [`FullScreen::open`] switches the terminal to full screen: the alternate screen and raw mode.
//! Dropping the [`FullScreen`] restores the terminal. A panic in any thread also restores the
//! terminal, before the panic message is printed.
//!
//! While the process is suspended, the shell uses the terminal. Another thread calls [`give_up`]
//! before a suspension and [`take`] after it. A lock separates these calls from drawing.

use std::io::{self, Stdout, Write, stdout};
use std::mem::ManuallyDrop;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::style::Print;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::crossterm::{execute, terminal};
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};

/// Enables reports of mouse buttons and the wheel, but not of movements.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// True while the view uses the terminal.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Locked while the view draws, takes or restores the terminal. A panic restores the terminal
/// without this lock.
static IN_USE: Mutex<()> = Mutex::new(());

/// The whole terminal. Dropping it restores the terminal.
pub(super) struct FullScreen {
    /// Never dropped. The drop of `Terminal` would panic if the terminal is closed.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
}

impl FullScreen {
    /// Switches the terminal to full screen. Restores the terminal on a panic.
    ///
    /// # Errors
    /// If the terminal cannot be changed.
    pub(super) fn open() -> io::Result<Self> {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            restore();
            report(panic);
        }));
        take()?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout())).inspect_err(|_| restore())?;
        Ok(Self { terminal: ManuallyDrop::new(terminal) })
    }

    /// Draws the changes, unless the process is suspended.
    ///
    /// # Errors
    /// If the terminal cannot be written.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        let _in_use = in_use();
        if IS_TAKEN.load(Ordering::SeqCst) {
            self.terminal.draw(draw)?;
        }
        Ok(())
    }

    /// Erases the screen and adapts to its size. The next drawing is complete.
    ///
    /// # Errors
    /// If the terminal cannot be written.
    pub(super) fn erase(&mut self) -> io::Result<()> {
        let _in_use = in_use();
        let (columns, rows) = terminal::size()?;
        self.terminal.resize(Rect::new(0, 0, columns, rows))
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        give_up();
    }
}

/// Switches the terminal to full screen, if necessary.
///
/// # Errors
/// If the terminal cannot be switched. The terminal is then restored.
pub(super) fn take() -> io::Result<()> {
    let _in_use = in_use();
    if !IS_TAKEN.swap(true, Ordering::SeqCst) {
        enable_raw_mode().and_then(|()| begin(&mut stdout())).inspect_err(|_| restore())?;
    }
    Ok(())
}

/// Restores the terminal, if the view uses it.
pub(super) fn give_up() {
    let _in_use = in_use();
    restore();
}

/// Restores the terminal. Takes no lock, because a drawing that panicked may hold the lock.
fn restore() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        let _ = end(&mut stdout());
        let _ = disable_raw_mode();
    }
}

fn begin(out: &mut impl Write) -> io::Result<()> {
    execute!(out, EnterAlternateScreen, Hide, Print(MOUSE_ON))
}

fn end(out: &mut impl Write) -> io::Result<()> {
    execute!(out, Print(MOUSE_OFF), LeaveAlternateScreen, Show)
}

fn in_use() -> MutexGuard<'static, ()> {
    IN_USE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::{Command, Output, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    #[ignore = "needs a terminal; a_panic_restores_the_terminal_before_its_message starts it in one"]
    fn panic_during_a_drawing() {
        let mut screen = FullScreen::open().expect("a terminal");
        let _ = screen.draw(|_| panic!("on purpose"));
    }

    fn tmux(socket: &std::path::Path, words: &[&str]) -> Option<Output> {
        let mut tmux = Command::new("tmux");
        tmux.arg("-S").arg(socket).args(words).stdin(Stdio::null()).env_remove("TMUX");
        tmux.env("TERM", "xterm").env("LANG", "C.UTF-8").env("SHELL", "/bin/sh").output().ok()
    }

    #[test]
    fn a_panic_restores_the_terminal_before_its_message() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("tmux");
        let panicking = "commands::top::terminal::tests::panic_during_a_drawing";
        let test = env::current_exe().expect("this test").display().to_string();
        let raw = "stty -a | grep -q -- ' -icanon' && echo the terminal is raw";
        let line = format!("'{test}' --ignored --nocapture --exact {panicking}; {raw}; echo over; exec sleep 1000");
        let opened = tmux(&socket, &["-f", "/dev/null", "new-session", "-d", "-x", "90", "-y", "50", &line]);
        if !opened.is_some_and(|opened| opened.status.success()) {
            // Writes to standard error directly, because the test harness captures `eprintln!`.
            let _ = writeln!(io::stderr().lock(), "skipped: a panic in a terminal needs tmux");
            return;
        }
        let (began, mut shown) = (Instant::now(), String::new());
        while !shown.lines().any(|line| line == "over") && began.elapsed() < Duration::from_secs(60) {
            thread::sleep(Duration::from_millis(50));
            let captured = tmux(&socket, &["capture-pane", "-p", "-S", "-"]).expect("tmux");
            shown = String::from_utf8_lossy(&captured.stdout).into_owned();
        }
        let modes = tmux(&socket, &["display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}"]);
        let modes = modes.expect("tmux").stdout;
        tmux(&socket, &["kill-server"]);
        assert!(shown.contains("on purpose") && !shown.contains("the terminal is raw"), "{shown}");
        assert_eq!(String::from_utf8_lossy(&modes).trim(), "0 1 0", "{shown}");
    }

    #[test]
    fn every_mode_is_left_again() {
        let (mut begun, mut ended) = (Vec::new(), Vec::new());
        begin(&mut begun).and_then(|()| end(&mut ended)).expect("memory takes all");
        let modes = |text: Vec<u8>, is_set: char| -> Vec<String> {
            let text = String::from_utf8(text).expect("text");
            let modes = text.split("\x1b[?").skip(1).filter_map(|mode| Some(mode.strip_suffix(is_set)?.to_owned()));
            let mut modes: Vec<_> = modes.collect();
            modes.sort();
            modes
        };
        let both = (modes(begun.clone(), 'h'), modes(begun, 'l'));
        assert_eq!(both, (["1000", "1006", "1049"].map(str::to_owned).into(), vec!["25".to_owned()]));
        let both = (modes(ended.clone(), 'l'), modes(ended, 'h'));
        assert_eq!(both, (["1000", "1006", "1049"].map(str::to_owned).into(), vec!["25".to_owned()]));
    }
}
