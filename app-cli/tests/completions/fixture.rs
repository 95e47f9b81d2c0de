use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;

use tempfile::TempDir;

/// File names that are hard to complete.
pub(crate) const NAMES: [&str; 9] = [
    "my file.pdf",
    "it's.pdf",
    "say \"hi\".pdf",
    "cost $5.pdf",
    "a:b=c.pdf",
    r"back\slash.pdf",
    "größe.pdf",
    "wow!.pdf",
    "-dash.pdf",
];

pub(crate) struct TempProject {
    dir: TempDir,
}

impl TempProject {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder for the test") }
    }

    pub(crate) fn with_queues() -> Self {
        let project = Self::new();
        project.ask(["queue", "add", "broken.pdf"]);
        let run = project.command(["run", "-q", "-r", "0", "--", "false"]).status().expect("the binary");
        assert_eq!(run.code(), Some(100));
        project.ask(["queue", "add", "-p", "0", "--"].into_iter().chain(NAMES));
        project.ask(["queue", "add", "inbox/one.pdf"]);
        fs::create_dir(project.path("other")).expect("a folder");
        project.ask(["queue", "add", "--project-dir", "other", "other/there.pdf"]);
        project.write("notes.txt", "");
        project.write("core/workflows/wf-one.yaml", "id: wf-one\nphases: []\n");
        project.write("mine.yaml", "");
        project
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: impl AsRef<Path>, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder");
        fs::write(&path, text).expect("the file");
        path
    }

    pub(crate) fn command<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_autoproc"));
        command.args(words).current_dir(self.dir.path()).stdin(Stdio::null());
        command.env_remove("AUTOPROC_PROJECT_DIR").env_remove("CLAUDE_PROJECT_DIR");
        command
    }

    /// Runs the binary and returns its output. Panics if the binary fails.
    pub(crate) fn ask<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Output {
        let output = self.command(words).output().expect("the binary");
        assert!(output.status.success(), "{output:?}");
        output
    }

    pub(crate) fn files(&self) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
        let (mut files, mut folders) = (BTreeMap::new(), vec![self.path("")]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let changed = path.metadata().and_then(|metadata| metadata.modified()).expect("a time");
                    files.insert(path.clone(), (fs::read(&path).expect("a file"), changed));
                }
            }
        }
        files
    }
}
