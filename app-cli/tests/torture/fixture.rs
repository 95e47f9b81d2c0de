use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Environment variables that would select another queue.
const FOREIGN_VARIABLES: [&str; 2] = ["AUTOPROC_PROJECT_DIR", "CLAUDE_PROJECT_DIR"];

pub(crate) const SIGKILL: i32 = 9;

/// The number of items in a large queue. Its snapshot is larger than 256 KiB, so commands append to
/// a journal.
const LARGE: usize = 400;
const LONG: usize = 600;

pub(crate) struct TempProject {
    folder: PathBuf,
    _made: Option<TempDir>,
}

#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl TempProject {
    pub(crate) fn new() -> Self {
        let made = tempfile::tempdir().expect("a folder for the test");
        Self { folder: made.path().to_owned(), _made: Some(made) }
    }

    pub(crate) fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), _made: None }
    }

    pub(crate) fn with_items(count: usize) -> Self {
        let project = Self::new();
        project.add_many("item", count);
        project
    }

    pub(crate) fn large() -> Self {
        let project = Self::new();
        project.add_large();
        project
    }

    /// Adds three items named as in [`TempProject::with_items`], then [`LARGE`] items with long
    /// names.
    pub(crate) fn add_large(&self) {
        self.add_many("item", 3);
        self.add_many(&format!("item/{}", "x".repeat(LONG)), LARGE);
    }

    pub(crate) fn add_many(&self, kind: &str, count: usize) {
        let list = self.path("list");
        let names: Vec<_> = (0..count).map(|number| format!("/{kind}/{number}")).collect();
        fs::write(&list, names.join("\n")).expect("a list");
        let list = list.to_str().expect("a name that is text");
        self.run(["queue", "add", "--from-file", list]).expect_code(0);
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path(".claude/mission-control")
    }

    pub(crate) fn command<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        self.command_under(&[], words)
    }

    pub(crate) fn command_under<W: AsRef<OsStr>>(&self, tool: &[&str], words: impl IntoIterator<Item = W>) -> Command {
        let binary = env!("CARGO_BIN_EXE_autoproc");
        let mut command = Command::new(tool.first().unwrap_or(&binary));
        if let Some(options) = tool.get(1..) {
            command.args(options).arg(binary);
        }
        command.args(words).arg("--project-dir").arg(&self.folder).current_dir("/").stdin(Stdio::null());
        for name in FOREIGN_VARIABLES {
            command.env_remove(name);
        }
        command
    }

    /// Runs the binary until it exits. `words` must not contain `--`.
    pub(crate) fn run<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Done {
        Done::of(&self.command(words).output().expect("the binary"))
    }

    /// Returns a `run` command. Its attempts append the file's path and the attempt number to
    /// `record`.
    pub(crate) fn process(&self, record: &Path) -> Command {
        self.process_and(record, "true")
    }

    /// Like [`TempProject::process`], but the shell also executes `after` for each file.
    pub(crate) fn process_and(&self, record: &Path, after: &str) -> Command {
        let script = format!("echo \"$AUTOPROC_FILE $AUTOPROC_ATTEMPT\" >> '{}'; {after}", record.display());
        let mut command =
            self.command(["run", "--quiet", "--no-wait", "--min-free-disk", "0", "--backoff-base", "10ms"]);
        command.args(["--pause-on-same", "0", "--retries", "1000", "--shell", &script]);
        command
    }

    #[track_caller]
    pub(crate) fn items(&self) -> Vec<Value> {
        let listed = self.run(["queue", "list", "--json"]).expect_code(0);
        let mut document: Value = serde_json::from_str(&listed.out).expect("JSON");
        document["items"].as_array_mut().map(std::mem::take).expect("a list of items")
    }

    /// Returns the path, status and number of attempts of every item, in claim order.
    #[track_caller]
    pub(crate) fn summary(&self) -> Vec<(String, String, u64)> {
        self.items().iter().map(|item| (path_of(item), word(item, "status"), number(item, "attempts"))).collect()
    }

    pub(crate) fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut contents: Vec<_> = files_below(&self.path(".claude")).collect();
        contents.sort();
        contents
    }

    pub(crate) fn journal(&self) -> Option<PathBuf> {
        let is_journal = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with("QUEUE-STATE.journal.") && !name.contains(".torn.")
        };
        files_below(&self.state()).map(|(path, _)| path).find(is_journal)
    }

    /// Returns the length of the journal or, without a journal, of the snapshot.
    pub(crate) fn next_write(&self) -> u64 {
        let length_of = |is_meant: fn(&str) -> bool| {
            let entries = fs::read_dir(self.state()).into_iter().flatten().flatten();
            let meant = entries.filter(|entry| is_meant(&entry.file_name().to_string_lossy()));
            meant.filter_map(|entry| Some(entry.metadata().ok()?.len())).max()
        };
        let journal = length_of(|name| name.starts_with("QUEUE-STATE.journal.") && !name.contains(".torn."));
        journal.or_else(|| length_of(|name| name == "QUEUE-STATE.json")).unwrap_or(0)
    }

    /// Replaces the state of this project with a copy of the state of `other`.
    pub(crate) fn copy_state(&self, other: &Self) {
        let _ = fs::remove_dir_all(self.path(".claude"));
        let _ = fs::remove_dir_all(self.path("logs"));
        for (path, bytes) in files_below(&other.path(".claude")) {
            let to = self.folder.join(path.strip_prefix(&other.folder).expect("it is below"));
            fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            fs::write(to, bytes).expect("a copy");
        }
        fs::create_dir_all(self.state().join("runs")).expect("a folder");
    }
}

fn files_below(folder: &Path) -> Box<dyn Iterator<Item = (PathBuf, Vec<u8>)>> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    Box::new(entries.flat_map(|entry| -> Box<dyn Iterator<Item = (PathBuf, Vec<u8>)>> {
        let path = entry.path();
        if path.is_dir() {
            return files_below(&path);
        }
        Box::new(fs::read(&path).ok().map(|bytes| (path, bytes)).into_iter())
    }))
}

pub(crate) fn path_of(item: &Value) -> String {
    word(item, "file_path")
}

pub(crate) fn word(item: &Value, key: &str) -> String {
    item[key].as_str().unwrap_or_else(|| panic!("{key} in {item}")).to_owned()
}

pub(crate) fn number(item: &Value, key: &str) -> u64 {
    item[key].as_u64().unwrap_or_else(|| panic!("{key} in {item}"))
}

impl Done {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Self { status: output.status, out: text(&output.stdout), err: text(&output.stderr) }
    }

    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{}", self.err);
        self
    }

    #[track_caller]
    pub(crate) fn expect_no_more_work(self) {
        if self.status.code() != Some(75) {
            self.expect_code(0);
            return;
        }
        let result: Value = serde_json::from_str(&self.out).expect("JSON");
        assert_eq!(result["stopped_by"], "queue_empty", "{result}");
        let left = number(&result, "remaining") + number(&result, "processing");
        assert!(left > 0, "{result}");
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.status.signal() == Some(SIGKILL)
    }

    pub(crate) fn is_acknowledged(&self) -> bool {
        self.status.success()
    }
}
