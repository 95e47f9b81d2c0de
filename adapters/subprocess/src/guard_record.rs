//! The record of a guard: a file that identifies the processes of a killed guard.
//!
//! # Theory of operation
//!
//! A guard creates its record before its first command, and holds an exclusive flock(2) on it. The
//! guard removes the record only while it has no process. So if the run is dead, there are three
//! cases:
//!
//! - The record is locked: the guard is alive and is ending its processes.
//! - The record is missing: no process is left, or the guard could not keep a record, for instance
//!   on a full disk. Such processes are found only by the run's marker.
//! - The record is unlocked: the guard was killed, and its command may still be running.
//!
//! A guard that has no record yet does no harm: once its run is dead, the guard starts nothing.
//!
//! # Format
//!
//! A record is one line of JSON. The guard overwrites three fields of fixed width in place:
//!
//! - The number of commands begun, before each command.
//! - The process number and the start time of the command's leader, after each start.
//! - The name of the temporary folder, before its creation. A later run removes the folder of a
//!   killed guard.
//!
//! The file is not synced. If only the guard is killed, none of its writes is lost. After a power
//! failure, no process is left.

mod contents;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use autoproc_domain::RunId;
use autoproc_regular_file::{self as regular_file, Links};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::process_table::{ProcessId, StartTimes};

use contents::Offsets;
pub use contents::{Contents, FORMAT_VERSION, Parsed};

/// Only the owner may read a record, because a record lists processes.
const FILE_MODE: u32 = 0o600;

/// The maximum length of a run's id in a file name. The run's lock file has the same limit.
const MAX_RUN_CHARS: usize = 100;

const INFIX: &str = ".guard-";

/// The record of this guard, which the guard holds locked.
#[derive(Debug)]
pub struct GuardRecord {
    path: PathBuf,
    file: File,
    offsets: Offsets,
    begun: u64,
    start_times: StartTimes,
}

/// The state of another guard's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordState {
    /// There is no record.
    Missing,
    /// The record is locked, so its guard is alive.
    Locked(Parsed),
    /// The record is not locked, so its guard was killed.
    Unlocked {
        /// The contents of the record.
        parsed: Parsed,
        /// The user id of the file's owner.
        owner: u32,
    },
}

/// Returns the path of a guard's record. `guard` must be unique within the run.
#[must_use]
pub fn path_of(dir: &Path, run: &RunId, guard: u64) -> PathBuf {
    dir.join(format!("{}{guard}", prefix_of(run)))
}

/// Returns the paths of all records of a run.
///
/// # Errors
/// If the folder exists and cannot be read.
pub fn all_of(dir: &Path, run: &RunId) -> io::Result<Vec<PathBuf>> {
    let entries = match dir.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let prefix = prefix_of(run);
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

/// Returns the paths of all records, grouped by run ([`prefix_of`]). Returns nothing if the folder
/// is missing.
pub(crate) fn by_run(dir: &Path) -> io::Result<HashMap<String, Vec<PathBuf>>> {
    let entries = match dir.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(error),
    };
    let mut records: HashMap<String, Vec<PathBuf>> = HashMap::new();
    for entry in entries {
        let entry = entry?;
        if let Some((run, _)) = entry.file_name().to_str().and_then(|name| name.rsplit_once(INFIX)) {
            records.entry(format!("{run}{INFIX}")).or_default().push(entry.path());
        }
    }
    Ok(records)
}

impl GuardRecord {
    /// Creates and locks the record of this process. The folder must exist.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if the path exists; the existing file is not changed. Other
    /// errors if the file cannot be created or written, for instance on a full disk. A new file is
    /// then removed if possible.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let mut options = OpenOptions::new();
        options.write(true).mode(FILE_MODE);
        let mut file = regular_file::create(&mut options, &path)?;
        let offsets = lock_and_fill(&mut file).inspect_err(|_| {
            // An incomplete record would mean that the guard was killed before it started anything.
            let _ = std::fs::remove_file(&path);
        })?;
        Ok(Self { path, file, offsets, begun: 0, start_times: StartTimes::default() })
    }

    /// Records that one more process begins. Call this before the process is started.
    ///
    /// # Errors
    /// If the file cannot be written. The record then counts too few processes, so the caller must
    /// [close](Self::close) it.
    pub fn begin_process(&mut self) -> io::Result<()> {
        self.begun += 1;
        self.file.write_all_at(contents::begun_field(self.begun).as_bytes(), self.offsets.begun)
    }

    /// Records the leader of the running command, which must not have been reaped. `start_tick` is
    /// the clock tick, counted from boot, in which the leader started. If it is known, the process
    /// table usually need not be read.
    ///
    /// # Errors
    /// If the process cannot be read or the file cannot be written. A later run can then find the
    /// command only by the run's marker.
    pub fn set_leader(&mut self, pid: i32, start_tick: Option<u64>) -> io::Result<()> {
        let leader = match self.start_times.identify(pid, start_tick) {
            Ok(leader) => leader,
            // Without a process table, the start time is unknown.
            Err(_) if !cfg!(target_os = "linux") => ProcessId { pid, started: 0 },
            Err(error) => return Err(error),
        };
        self.file.write_all_at(contents::leader_fields(leader).as_bytes(), self.offsets.leader)
    }

    /// Records the name of the temporary folder. Call this before the folder is created.
    ///
    /// # Errors
    /// If the file cannot be written. A later run then does not find the folder.
    pub(crate) fn set_tmp_dir(&mut self, path: Option<&Path>) -> io::Result<()> {
        let name = path.and_then(Path::file_name).and_then(OsStr::to_str);
        self.file.write_all_at(contents::tmp_name_field(name).as_bytes(), self.offsets.tmp_name)
    }

    /// Removes the record. Call this only when the guard has no processes.
    ///
    /// # Errors
    /// If the file cannot be removed. The remaining record is harmless: a later run finds no
    /// process to end.
    pub fn close(self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

fn lock_and_fill(file: &mut File) -> io::Result<Offsets> {
    // Blocks only while another process briefly inspects the record under a shared lock.
    while let Err(errno) = flock(&*file, FlockOperation::LockExclusive) {
        if errno != Errno::INTR {
            return Err(errno.into());
        }
    }
    let (line, offsets) = Contents::of_this_process(identity_of(&file.metadata()?))?.to_line()?;
    file.write_all(line.as_bytes())?;
    Ok(offsets)
}

fn identity_of(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Inspects a record. Tries a *shared* lock, so that concurrent inspections do not mistake each
/// other for the guard.
///
/// # Errors
/// If the file exists and cannot be opened, locked or read.
pub fn inspect(path: &Path) -> io::Result<RecordState> {
    let mut file = match regular_file::open_to_read(Links::Refuse, path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(RecordState::Missing),
        Err(error) => return Err(error),
    };
    let is_locked = match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => false,
        Err(Errno::WOULDBLOCK) => true,
        Err(errno) => return Err(errno.into()),
    };
    let mut bytes = Vec::new();
    // A longer file is not a record.
    (&mut file).take(contents::MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    let metadata = file.metadata()?;
    let parsed = match contents::parse(&bytes) {
        // The file is a copy, as in a copied project folder: it names processes of the original.
        Parsed::Contents(Contents { file: Some(recorded), .. }) if recorded != identity_of(&metadata) => {
            Parsed::Incomplete
        }
        parsed => parsed,
    };
    if is_locked {
        return Ok(RecordState::Locked(parsed));
    }
    // After the file was opened, the guard may have removed it and exited.
    Ok(if path.exists() { RecordState::Unlocked { parsed, owner: metadata.uid() } } else { RecordState::Missing })
}

pub(crate) fn of_killed(path: &Path, guard: u32) -> Option<(Contents, u32)> {
    match inspect(path) {
        Ok(RecordState::Unlocked { parsed: Parsed::Contents(contents), owner })
            if contents.guard.pid == guard.cast_signed() =>
        {
            Some((contents, owner))
        }
        _ => None,
    }
}

/// Returns the beginning of a run's record names. Replaces characters that could lead out of the
/// folder.
pub(crate) fn prefix_of(run: &RunId) -> String {
    let is_safe = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let name = run.as_str().chars().take(MAX_RUN_CHARS);
    name.map(|character| if is_safe(character) { character } else { '%' }).chain(INFIX.chars()).collect()
}
