use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const TIMEOUT: Duration = Duration::from_secs(300);

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Environment variables that would select another queue.
const FOREIGN_VARIABLES: [&str; 2] = ["AUTOPROC_PROJECT_DIR", "CLAUDE_PROJECT_DIR"];

/// The minimum duration of an attempt, in seconds. During shorter attempts, a run may claim more
/// files than it has free slots (docs/adr/0013).
const MIN_SECONDS: &str = "0.12";

pub(crate) struct TempProject {
    dir: TempDir,
    min_seconds: &'static str,
}

pub(crate) struct Started {
    child: Child,
    out: File,
    err: File,
}

#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl TempProject {
    /// Creates an empty project in which each attempt takes at least [`MIN_SECONDS`].
    pub(crate) fn new() -> Self {
        Self::with_attempts_of(MIN_SECONDS)
    }

    pub(crate) fn with_short_attempts() -> Self {
        Self::with_attempts_of("0")
    }

    fn with_attempts_of(min_seconds: &'static str) -> Self {
        let project = Self { dir: tempfile::tempdir().expect("a folder for the test"), min_seconds };
        fs::create_dir(project.inbox()).expect("a folder for files");
        fs::write(project.path("command.sh"), include_str!("command.sh")).expect("the command");
        fs::write(project.command_log(), "").expect("the command's log");
        project
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.path(".claude/mission-control").join(name)
    }

    pub(crate) fn inbox(&self) -> PathBuf {
        self.path("in")
    }

    pub(crate) fn command_log(&self) -> PathBuf {
        self.path("command.log")
    }

    /// Allows the attempts on files named `held-…` to end.
    pub(crate) fn open_gate(&self) {
        fs::write(self.path("gate"), "").expect("the gate");
    }

    pub(crate) fn create<N: AsRef<OsStr>>(&self, names: &[N]) {
        for name in names {
            File::create(self.inbox().join(name.as_ref())).expect("a file");
        }
    }

    pub(crate) fn start_adding<N: AsRef<OsStr>>(&self, priority: i32, names: &[N]) -> Started {
        let mut list = tempfile::NamedTempFile::new_in(self.dir.path()).expect("a list").into_temp_path();
        list.disable_cleanup(true);
        let paths = names.iter().flat_map(|name| {
            let path = self.inbox().join(name.as_ref());
            [path.as_os_str().as_bytes(), b"\0"].concat()
        });
        fs::write(&list, paths.collect::<Vec<u8>>()).expect("a list");
        let mut words: Vec<OsString> = ["queue", "add", "--json", "-0", "-p"].map(OsString::from).to_vec();
        words.extend([priority.to_string().into(), "--from-file".into(), list.as_os_str().to_owned()]);
        self.start(words)
    }

    pub(crate) fn add<N: AsRef<OsStr>>(&self, priority: i32, names: &[N]) -> Value {
        self.start_adding(priority, names).wait().expect_code(0).json()
    }

    pub(crate) fn start_run(&self, options: &[&str]) -> Started {
        // Disables the start hold and the breaker, because these tests cause exit statuses 126 and
        // 127 and repeated failures on purpose.
        let words = ["run", "--quiet", "--json", "--program-wait", "0", "--pause-on-same", "0"];
        let mut words: Vec<OsString> = words.map(OsString::from).to_vec();
        words.extend(options.iter().map(OsString::from));
        words.extend(["--", "sh"].map(OsString::from));
        let paths = [self.path("command.sh"), self.command_log(), self.path("gate")];
        words.extend(paths.map(OsString::from).into_iter().chain([self.min_seconds, "{}"].map(OsString::from)));
        self.start(words)
    }

    pub(crate) fn start<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Started {
        self.start_in("", words)
    }

    pub(crate) fn start_in<W: AsRef<OsStr>>(&self, folder: &str, words: impl IntoIterator<Item = W>) -> Started {
        let [out, err] = [(); 2].map(|()| tempfile::tempfile().expect("a file for the output"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_autoproc"));
        command.args(words).current_dir(self.path(folder)).stdin(Stdio::null());
        command.stdout(out.try_clone().expect("a handle")).stderr(err.try_clone().expect("a handle"));
        for name in FOREIGN_VARIABLES {
            command.env_remove(name);
        }
        Started { child: command.spawn().expect("the binary"), out, err }
    }

    pub(crate) fn json<const N: usize>(&self, words: [&str; N]) -> Value {
        self.start(words.into_iter().chain(["--json"])).wait().expect_code(0).json()
    }

    pub(crate) fn count(&self, status: &str) -> u64 {
        self.json(["status"])["counts"][status].as_u64().expect("a count")
    }
}

impl Started {
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a live child");
    }

    #[track_caller]
    pub(crate) fn wait(mut self) -> Finished {
        let mut status = None;
        wait_until("the binary has ended", || {
            status = self.child.try_wait().expect("a child");
            status.is_some()
        });
        Finished {
            status: status.expect("waited for"),
            out: read_from_start(&mut self.out),
            err: read_from_start(&mut self.err),
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_from_start(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().expect("a file");
    file.read_to_string(&mut text).expect("text");
    text
}

impl Finished {
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{}", self.err);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {:?}, {}", self.out, self.err))
    }

    #[track_caller]
    pub(crate) fn result(self) -> Value {
        let result = self.json();
        let is_done = result["remaining"] == 0 && result["processing"] == 0;
        let has_failed = result["failed"] != 0 || result["failed_in_scope"] != 0;
        let code = match (has_failed, is_done) {
            (true, _) => 100,
            (false, false) => 75,
            (false, true) => 0,
        };
        assert_eq!(self.status.code(), Some(code), "{result}, {}", self.err);
        result
    }
}

#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < TIMEOUT, "timed out waiting until {what}");
        thread::sleep(POLL_INTERVAL);
    }
}
