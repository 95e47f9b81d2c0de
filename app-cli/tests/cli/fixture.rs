use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Long enough for a slow machine.
const TIMEOUT: Duration = Duration::from_secs(60);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Tests remove these variables from the environment of the binary.
const FOREIGN_VARIABLES: [&str; 16] = [
    "AUTOPROC_ALLOW_NETWORK_FS",
    "AUTOPROC_MAP",
    "AUTOPROC_PROJECT_DIR",
    "AUTOPROC_STORE",
    "CLAUDE_PROJECT_DIR",
    "NO_COLOR",
    "CLICOLOR_FORCE",
    "CLICOLOR",
    "CI",
    "PGPASSFILE",
    "PGPASSWORD",
    "RUST_BACKTRACE",
    "COLUMNS",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
];

pub(crate) struct TempProject {
    dir: TempDir,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl TempProject {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder for the test") }
    }

    pub(crate) fn with_files(files: &[&str]) -> Self {
        let project = Self::new();
        for name in files {
            project.write(name, "");
        }
        project
    }

    /// Creates a project in which these files are pending.
    pub(crate) fn with_queue(files: &[&str]) -> Self {
        let project = Self::with_files(files);
        for name in files {
            project.ask(["queue", "add", name]).expect_code(0);
        }
        project
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.path(".claude/mission-control").join(name)
    }

    pub(crate) fn write(&self, name: impl AsRef<Path>, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder");
        fs::write(&path, text).expect("the file");
        path
    }

    pub(crate) fn command<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_autoproc"));
        command.args(words);
        command
    }

    /// Returns a command that runs `program` in this folder, without [`FOREIGN_VARIABLES`].
    pub(crate) fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        for name in FOREIGN_VARIABLES {
            command.env_remove(name);
        }
        command.env("LANG", "C.UTF-8");
        command
    }

    /// Runs the binary and waits for it.
    pub(crate) fn ask<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Answer {
        self.command(words).output().expect("the binary").into()
    }

    /// Runs the binary with `input` as its standard input.
    pub(crate) fn tell<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>, input: &[u8]) -> Answer {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary");
        child.stdin.take().expect("a pipe").write_all(input).expect("it reads");
        child.wait_with_output().expect("it ends").into()
    }

    /// Runs the binary with `--json`, expects this exit code, and returns the document.
    pub(crate) fn json_of<W: AsRef<OsStr>>(&self, code: i32, words: impl IntoIterator<Item = W>) -> Value {
        let mut command = self.command(words);
        Answer::from(command.arg("--json").output().expect("the binary")).expect_code(code).json()
    }

    /// Runs the binary with `--json` and returns the document.
    pub(crate) fn json<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Value {
        let mut command = self.command(words);
        let answer = Answer::from(command.arg("--json").output().expect("the binary"));
        answer.json()
    }

    pub(crate) fn start<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Child {
        let mut command = self.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary")
    }

    /// Kills a run, and waits until all guards of the run have ended.
    pub(crate) fn kill(&self, mut run: Child) {
        run.kill().expect("a child");
        run.wait().expect("it ends");
        let is_guard = |entry: fs::DirEntry| entry.file_name().to_string_lossy().contains(".guard-");
        let guards = || fs::read_dir(self.state("runs")).into_iter().flatten().flatten().any(is_guard);
        wait_until("the guards have ended", || !guards());
    }

    /// Returns the names of the files in the queue, in claim order.
    pub(crate) fn names(&self) -> Vec<String> {
        let name =
            |item: &Value| item["file_path"].as_str().map(|path| path.rsplit('/').next().unwrap_or(path).to_owned());
        self.items().iter().filter_map(name).collect()
    }

    /// Returns the items of the queue, in claim order.
    pub(crate) fn items(&self) -> Vec<Value> {
        self.json(["queue", "list"])["items"].as_array().expect("a list").clone()
    }

    pub(crate) fn status_of(&self, name: &str) -> String {
        self.json(["queue", "show", name])["status"].as_str().expect("a word").to_owned()
    }

    /// Returns the contents of the state folder, except locks and guard records. A guard record may
    /// still change after the run was killed.
    pub(crate) fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.path(".claude"), &mut files);
        files
    }
}

fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_record = entry.file_name().to_string_lossy().contains(".guard-");
        if path.is_dir() {
            collect(&path, files);
        } else if !is_record && path.extension().is_none_or(|extension| extension != "lock") {
            files.insert(path.clone(), fs::read(&path).expect("a file that is there"));
        }
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().or_else(|| Some(128 + output.status.signal()?)).expect("it ended"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Checks the exit code and the error line. Standard output must be empty.
    #[track_caller]
    pub(crate) fn expect_error(self, code: i32, words: &str) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        let line = self.err.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        assert!(line.contains(words), "no {words:?} in {self:#?}");
        assert!(!self.err.contains("panicked"), "{self:#?}");
        assert_eq!(self.out, "");
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{self:#?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// Returns a list of files that do not exist, one per line.
pub(crate) fn list_of(count: usize) -> Vec<u8> {
    (0..count).flat_map(|number| format!("f{number}\n").into_bytes()).collect()
}

/// Polls `condition` until it is true. Panics after [`TIMEOUT`].
#[track_caller]
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < TIMEOUT, "timed out waiting until {what}");
        thread::sleep(POLL_INTERVAL);
    }
}

/// Waits until a process ends. Kills the process after [`TIMEOUT`].
#[track_caller]
pub(crate) fn end_of(mut child: Child) -> Answer {
    let began = Instant::now();
    while child.try_wait().expect("a child").is_none() {
        if began.elapsed() > TIMEOUT {
            child.kill().expect("a child");
        }
        thread::sleep(POLL_INTERVAL);
    }
    child.wait_with_output().expect("it ended").into()
}
