use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

use crate::fixture::TempProject;

const TIMEOUT: Duration = Duration::from_secs(30);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A script in place of autoproc. It passes completion requests to the real binary and only records
/// the arguments of other calls.
const STAND_IN: &str = r#"#!/bin/sh
if test -n "$AUTOPROC_COMPLETE"; then exec BINARY "$@"; fi
{ printf '%s\037' "$@"; echo; } >> "$HOME/calls"
"#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(crate) struct Session {
    shell: Child,
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
    home: TempDir,
}

impl Shell {
    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }

    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Bash => &["--norc", "--noprofile", "-i"],
            Self::Zsh => &["-f", "-i"],
            Self::Fish => &["-i"],
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::Bash => ".local/share/bash-completion/completions/autoproc",
            Self::Zsh => ".zfunc/_autoproc",
            Self::Fish => ".config/fish/completions/autoproc.fish",
        }
    }

    fn load(self) -> &'static str {
        match self {
            Self::Bash => "source ~/.local/share/bash-completion/completions/autoproc",
            Self::Zsh => "fpath+=~/.zfunc; autoload -U compinit; compinit -u -D",
            Self::Fish => "true",
        }
    }

    fn is_installed(self) -> bool {
        Command::new(self.name()).args(["-c", "true"]).status().is_ok_and(|status| status.success())
    }
}

impl Session {
    /// Starts a shell in a project. Returns `None` if the shell is not installed.
    pub(crate) fn start(test: &str, shell: Shell, project: &TempProject) -> Option<Self> {
        if !shell.is_installed() {
            // Writes to standard error directly, because the test harness captures `eprintln!`.
            let _ = writeln!(io::stderr().lock(), "skipped: {test} needs {}", shell.name());
            return None;
        }
        let home = home(shell, project);
        let (child, terminal) = spawn(shell, &home, project);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (seen, mut output) = (Arc::clone(&screen), terminal.try_clone().expect("a descriptor"));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Reading fails once the other end is closed (pty(7)).
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                seen.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes[..length]);
            }
        });
        let mut session = Self { shell: child, keyboard: terminal, screen, home };
        // A shell may drop text that is typed before its first prompt.
        session.wait("a prompt", |session| !session.screen().is_empty());
        session.keys(&format!("{}\r", shell.load()));
        session.keys("autoproc ready\r");
        session.wait("the shell to be ready", |session| session.calls() == [["ready"]]);
        Some(session)
    }

    /// Types a line, Tab and Enter. Returns the arguments for autoproc, without trailing slashes.
    #[track_caller]
    pub(crate) fn complete(&mut self, line: &str) -> Vec<String> {
        let before = self.calls().len();
        self.keys(&format!("autoproc {line}\t\r"));
        self.wait(line, |session| session.calls().len() > before);
        self.calls().remove(before).iter().map(|word| word.trim_end_matches('/').to_owned()).collect()
    }

    #[track_caller]
    pub(crate) fn expect_list(&mut self, line: &str, text: &str) {
        self.keys(&format!("autoproc {line}\t\t"));
        self.wait(text, |session| session.screen().contains(text));
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap_or_else(PoisonError::into_inner)).replace('\0', "")
    }

    fn keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal");
    }

    fn calls(&self) -> Vec<Vec<String>> {
        let calls = fs::read_to_string(self.home.path().join("calls")).unwrap_or_default();
        let whole = calls.rfind('\n').map_or("", |end| &calls[..=end]);
        whole.lines().map(|line| line.split_terminator('\u{1f}').map(str::to_owned).collect()).collect()
    }

    #[track_caller]
    fn wait(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !condition(self) {
            assert!(began.elapsed() < TIMEOUT, "timed out waiting for {what:?}; the screen shows {:?}", self.screen());
            thread::sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

fn home(shell: Shell, project: &TempProject) -> TempDir {
    let home = tempfile::tempdir().expect("a folder for the test");
    let write = |name: &str, text: &[u8]| -> PathBuf {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder");
        fs::write(&path, text).expect("the file");
        path
    };
    let stand_in = write("bin/autoproc", STAND_IN.replace("BINARY", env!("CARGO_BIN_EXE_autoproc")).as_bytes());
    fs::set_permissions(stand_in, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
    write(shell.script(), &project.ask(["completions", shell.name()]).stdout);
    home
}

fn spawn(shell: Shell, home: &TempDir, project: &TempProject) -> (Child, File) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).and_then(|()| unlockpt(&terminal)).expect("it is ours");
    let name = ptsname(&terminal, Vec::new()).expect("its name").into_string().expect("text");
    let screen = || Stdio::from(File::options().read(true).write(true).open(&name).expect("its other end"));
    let path = format!("{}:{}", home.path().join("bin").display(), std::env::var("PATH").expect("a search path"));
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(shell.name()).args(shell.options()).current_dir(project.path("")).env_clear();
    command.env("HOME", home.path()).env("PATH", path).env("TERM", "vt100").env("LC_ALL", "C.UTF-8").env("PS1", "> ");
    let child = command.stdin(screen()).stdout(screen()).stderr(screen()).spawn().expect("setsid of util-linux");
    (child, File::from(terminal))
}
