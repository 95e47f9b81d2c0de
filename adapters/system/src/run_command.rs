//! Records the command line of the latest run.
//!
//! The record contains the path and inode of its folder. In a copy, for instance in a cloned
//! repository, they differ from the actual folder. A copy must not choose the command that runs
//! here.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use autoproc_domain::RunId;
use autoproc_regular_file::folder_of;
use serde::{Deserialize, Serialize};

use crate::replace::replace_durably;
use crate::state_document::{StateFileError, read_document};

/// The maximum size of a record, in bytes. On Linux, a command line can have up to 6 MiB.
const MAX_BYTES: u64 = 16 << 20;

/// The command line of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCommand {
    /// The id of the run; `None` in a record of an earlier version.
    pub run: Option<RunId>,
    /// The arguments of the program, without its name.
    pub words: Vec<OsString>,
    /// The current folder of the run, an absolute path.
    pub current_dir: PathBuf,
    /// True if the run read its list of files from a source that cannot be read again, such as
    /// standard input.
    pub is_read_once: bool,
}

/// A command line that was read from a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCommand {
    /// The command line.
    pub command: RunCommand,
    /// True if the record was written in the folder from which it was read; false for a copy.
    pub is_own: bool,
}

/// Writes the record at `path`, whose folder must exist. Only the owner can read the file, and its
/// content survives a power cut. After an error, removes any file at `path`, because an older
/// record belongs to another run.
///
/// # Errors
/// If the folder cannot be examined, or the file cannot be written, synced or renamed.
pub fn write_run_command(path: &Path, command: &RunCommand) -> io::Result<()> {
    try_write(path, command).inspect_err(|_| drop(fs::remove_file(path)))
}

fn try_write(path: &Path, command: &RunCommand) -> io::Result<()> {
    let (folder, folder_inode) = identity(folder_of(path))?;
    let document = Document {
        run: command.run.as_ref().map(ToString::to_string),
        words: command.words.iter().map(|word| Word::from(word.as_os_str())).collect(),
        current_dir: command.current_dir.as_os_str().into(),
        is_read_once: command.is_read_once,
        folder: folder.as_os_str().into(),
        folder_inode,
    };
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    replace_durably(path, &bytes, None)
}

/// Reads the record at `path`; `None` if it does not exist.
///
/// # Errors
/// [`StateFileError`] if the file exists but cannot be read or parsed.
pub fn read_run_command(path: &Path) -> Result<Option<RecordedCommand>, StateFileError> {
    let Some(document) = read_document::<Document>(path, MAX_BYTES)? else { return Ok(None) };
    let written = (PathBuf::from(OsString::from(document.folder)), document.folder_inode);
    let is_own = identity(folder_of(path)).is_ok_and(|here| here == written);
    let command = RunCommand {
        run: document.run.map(RunId::new),
        words: document.words.into_iter().map(OsString::from).collect(),
        current_dir: OsString::from(document.current_dir).into(),
        is_read_once: document.is_read_once,
    };
    Ok(Some(RecordedCommand { command, is_own }))
}

fn identity(folder: &Path) -> io::Result<(PathBuf, u64)> {
    Ok((folder.canonicalize()?, folder.metadata()?.ino()))
}

#[derive(Serialize, Deserialize)]
struct Document {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    words: Vec<Word>,
    current_dir: Word,
    #[serde(default)]
    is_read_once: bool,
    folder: Word,
    folder_inode: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Word {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<&OsStr> for Word {
    fn from(word: &OsStr) -> Self {
        word.to_str().map_or_else(|| Self::Bytes(word.as_bytes().to_vec()), |text| Self::Text(text.to_owned()))
    }
}

impl From<Word> for OsString {
    fn from(word: Word) -> Self {
        match word {
            Word::Text(text) => text.into(),
            Word::Bytes(bytes) => Self::from_vec(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_command_comes_back_exactly_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("LAST-RUN.json");
        assert_eq!(read_run_command(&path).expect("no error"), None);
        let odd = OsString::from_vec(b"\xff $HOME".to_vec());
        let words = vec!["run".into(), "--".into(), "it's".into(), odd.clone(), OsString::new()];
        let command = RunCommand {
            run: Some(RunId::new("r")),
            words,
            current_dir: Path::new("/srv").join(odd),
            is_read_once: true,
        };
        write_run_command(&path, &command).expect("written");
        let read = read_run_command(&path).expect("readable");
        assert_eq!(read, Some(RecordedCommand { command, is_own: true }));
        assert_eq!(path.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
        assert_eq!(dir.path().read_dir().expect("a folder").count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_copy_in_another_folder_is_recognised() {
        let dir = tempfile::tempdir().expect("a folder");
        let (first, second) = (dir.path().join("a"), dir.path().join("b"));
        let file = |folder: &Path| folder.join("LAST-RUN.json");
        std::fs::create_dir(&first).expect("a folder");
        let command = RunCommand { run: None, words: Vec::new(), current_dir: "/".into(), is_read_once: false };
        write_run_command(&file(&first), &command).expect("written");
        let is_own = |folder: &Path| read_run_command(&file(folder)).expect("readable").expect("there").is_own;
        std::fs::create_dir(&second).expect("a folder");
        std::fs::copy(file(&first), file(&second)).expect("a copy");
        assert!(is_own(&first) && !is_own(&second));
        // The inodes differ, because the first folder still exists under another name.
        std::fs::rename(&first, dir.path().join("moved")).expect("renamed");
        std::fs::rename(&second, &first).expect("renamed");
        assert!(!is_own(&first));
    }
}
