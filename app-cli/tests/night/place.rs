//! A project folder with files to process, and the binary to do it.

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

/// A wait as long as this is in vain on any machine, also a wait for the end of a whole night.
const PATIENCE: Duration = Duration::from_secs(300);

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The variables that would lead the binary to another queue.
const FOREIGN: [&str; 2] = ["AUTOPROC_PROJECT_DIR", "CLAUDE_PROJECT_DIR"];

/// How long an attempt lasts at the least, in seconds. A run whose attempts take less than 100 ms claims ahead of its free
/// slots (docs/adr/0013): then a claim may have been made long before its attempt begins, an attempt may begin before it is
/// known on the disk how the one before it ended, and a claim that was given back is made again by whoever comes first.
/// What these tests say of the order of things holds where a claim is made for a free slot.
const NEVER_SHORT: &str = "0.12";

/// A project folder. The files lie in `in`, beside the command and its record.
pub(crate) struct Place {
    dir: TempDir,
    least: &'static str,
}

/// The binary at work.
pub(crate) struct Started {
    child: Child,
    out: File,
    err: File,
}

/// What the binary left behind.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    /// One without files, where no attempt is so short that runs claim ahead.
    pub(crate) fn new() -> Self {
        Self::with_attempts_of(NEVER_SHORT)
    }

    /// One where attempts are as short as they can be.
    pub(crate) fn with_short_attempts() -> Self {
        Self::with_attempts_of("0")
    }

    fn with_attempts_of(least: &'static str) -> Self {
        let place = Self { dir: tempfile::tempdir().expect("a folder for the test"), least };
        fs::create_dir(place.inbox()).expect("a folder for files");
        fs::write(place.path("command.sh"), include_str!("command.sh")).expect("the command");
        fs::write(place.record(), "").expect("the record");
        place
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

    pub(crate) fn record(&self) -> PathBuf {
        self.path("record")
    }

    /// Lets the files named `held-…` be done.
    pub(crate) fn open_gate(&self) {
        fs::write(self.path("gate"), "").expect("the gate");
    }

    /// Creates files of these names.
    pub(crate) fn create<N: AsRef<OsStr>>(&self, names: &[N]) {
        for name in names {
            File::create(self.inbox().join(name.as_ref())).expect("a file");
        }
    }

    /// Starts to add files, the list of them given in a file, NUL after each name.
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

    /// Adds files and says what came of it.
    pub(crate) fn add<N: AsRef<OsStr>>(&self, priority: i32, names: &[N]) -> Value {
        self.start_adding(priority, names).wait().expect_code(0).json()
    }

    /// Starts a run of the command, with these options.
    pub(crate) fn start_run(&self, options: &[&str]) -> Started {
        let mut words: Vec<OsString> = ["run", "--quiet", "--json"].map(OsString::from).to_vec();
        words.extend(options.iter().map(OsString::from));
        words.extend(["--", "sh"].map(OsString::from));
        let paths = [self.path("command.sh"), self.record(), self.path("gate")];
        words.extend(paths.map(OsString::from).into_iter().chain([self.least, "{}"].map(OsString::from)));
        self.start(words)
    }

    /// Starts the binary in the project folder.
    pub(crate) fn start<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Started {
        self.start_in("", words)
    }

    /// Starts the binary in this folder of the project.
    pub(crate) fn start_in<W: AsRef<OsStr>>(&self, folder: &str, words: impl IntoIterator<Item = W>) -> Started {
        let [out, err] = [(); 2].map(|()| tempfile::tempfile().expect("a file for the output"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_autoproc"));
        command.args(words).current_dir(self.path(folder)).stdin(Stdio::null());
        command.stdout(out.try_clone().expect("a handle")).stderr(err.try_clone().expect("a handle"));
        for name in FOREIGN {
            command.env_remove(name);
        }
        Started { child: command.spawn().expect("the binary"), out, err }
    }

    /// What the binary prints with `--json`.
    pub(crate) fn json<const N: usize>(&self, words: [&str; N]) -> Value {
        self.start(words.into_iter().chain(["--json"])).wait().expect_code(0).json()
    }

    /// How many items stand in a status.
    pub(crate) fn count(&self, status: &str) -> u64 {
        self.json(["status"])["counts"][status].as_u64().expect("a count")
    }
}

impl Started {
    /// Kills it, without a chance to do anything about it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is ours to kill");
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Over {
        let mut status = None;
        wait_until("the binary has ended", || {
            status = self.child.try_wait().expect("it is our child");
            status.is_some()
        });
        Over {
            status: status.expect("waited for"),
            out: read_from_start(&mut self.out),
            err: read_from_start(&mut self.err),
        }
    }
}

/// A test that failed leaves no run behind.
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

impl Over {
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{}", self.err);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {:?}, {}", self.out, self.err))
    }

    /// What a run that ended by itself says of itself. Its exit code must say the same.
    #[track_caller]
    pub(crate) fn result(self) -> Value {
        let result = self.json();
        let code = if result["failed"] == 0 { 0 } else { 100 };
        assert_eq!(self.status.code(), Some(code), "{result}, {}", self.err);
        result
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(LOOK_EVERY);
    }
}
