use std::io::{self, Write};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::fixture::TempProject;

/// Long enough for a slow machine.
const TIMEOUT: Duration = Duration::from_secs(60);

const POLL_INTERVAL: Duration = Duration::from_millis(50);

pub(crate) struct Terminal<'a> {
    project: &'a TempProject,
}

impl<'a> Terminal<'a> {
    /// Runs the binary in a new terminal. The arguments are in shell syntax.
    pub(crate) fn open(project: &'a TempProject, size: (usize, usize), words: &str) -> Self {
        let terminal = Self { project };
        let line = format!("'{}' {words}; echo over; exec sleep 1000", env!("CARGO_BIN_EXE_autoproc"));
        let (columns, rows) = (size.0.to_string(), size.1.to_string());
        let opened = terminal.tmux(&["-f", "/dev/null", "-u", "new-session", "-d", "-x", &columns, "-y", &rows, &line]);
        assert!(opened.status.success(), "{opened:?}");
        terminal
    }

    pub(crate) fn tmux(&self, words: &[&str]) -> Output {
        let mut command = self.project.program("tmux");
        command.arg("-S").arg(self.project.path("tmux")).args(words);
        for name in ["TMUX", "LC_ALL", "LC_CTYPE"] {
            command.env_remove(name);
        }
        command.env("LANG", "C.UTF-8").env("TERM", "xterm").env("SHELL", "/bin/sh").output().expect("tmux")
    }

    pub(crate) fn resize(&self, (columns, rows): (usize, usize)) {
        let resized = self.tmux(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
        assert!(resized.status.success(), "{resized:?}");
    }

    /// Returns all lines, including the scrolled ones. Joins wrapped lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        let shown = self.tmux(&["capture-pane", "-p", "-J", "-S", "-"]).stdout;
        let text = String::from_utf8(shown).expect("it is text");
        text.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
    }

    /// Waits until `of` returns `expected` for the lines of the screen.
    #[track_caller]
    pub(crate) fn expect<T: PartialEq + std::fmt::Debug>(&self, of: impl Fn(&[String]) -> T, expected: &T) {
        let began = Instant::now();
        loop {
            let lines = self.lines();
            let found = of(&lines);
            if found == *expected {
                return;
            }
            assert!(began.elapsed() < TIMEOUT, "{found:#?}\nin place of {expected:#?}\nin {lines:#?}");
            thread::sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

pub(crate) fn has_tmux() -> bool {
    let found = Command::new("tmux").arg("-V").stdin(Stdio::null()).output().is_ok_and(|tmux| tmux.status.success());
    if !found {
        // Writes to standard error directly, because the test harness captures `eprintln!`.
        let _ = writeln!(io::stderr().lock(), "skipped: a view in a terminal needs tmux");
    }
    found
}
