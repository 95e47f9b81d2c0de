//! The file by which a guard proves, after the death of its runner and maybe its own, what is left of its work.
//!
//! # Theory of operation
//!
//! A guard makes its file before it starts its first command, holds an exclusive flock(2) on it for life, and removes it
//! only when it has seen that nothing of its work is left (`ECHILD`). So for a run that is dead:
//!
//! - the lock is held: the guard lives, and is ending things;
//! - the file is gone: nothing is left;
//! - the file is there and the lock is free: the guard was killed, and what it was running may still run. The file says
//!   what that was, and since when, on what boot, in which pid namespace.
//!
//! A guard whose runner is dead must start nothing more, even where a request for it was still under way; and it bears the
//! run's marker in its own environment. Thus one that was killed, or is only just starting, before it has made its file
//! hides nothing: it is found by the marker.
//!
//! # Format
//!
//! One line of JSON, made at once; only the number and start time of the command's leader change, in place, in fields of
//! fixed width. Nothing is synced: a reader looks when the writer was killed, which loses nothing of what it had written;
//! after a loss of power nothing runs any more, whatever the file says.

mod contents;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use autoproc_domain::RunId;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::process_table::{Births, ProcessId};

pub use contents::{Contents, FORMAT_VERSION, Understood};

/// It names processes of its owner; nobody else needs to know them.
const OWNER_ONLY: u32 = 0o600;

/// Of a run's id, what the name of its file is made of: as in the name of the run's own file, which stands beside it.
const RUN_NAME: usize = 100;

/// Stands between a run and its guard in the name of a file.
const INFIX: &str = ".guard-";

/// A guard's own file, made, locked and written by the guard.
#[derive(Debug)]
pub struct GuardRecord {
    path: PathBuf,
    file: File,
    /// Where the leader's fields begin.
    leader_at: u64,
    births: Births,
}

/// Somebody else's file, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// There is none.
    Gone,
    /// Its guard lives.
    Held(Understood),
    /// Its guard does not.
    Free(Understood),
}

/// The file of one of a run's guards. `guard` sets it apart from the run's others, those that are dead included: a number
/// that the run gives to no two guards.
#[must_use]
pub fn path_of(dir: &Path, run: &RunId, guard: u64) -> PathBuf {
    dir.join(format!("{}{guard}", prefix_of(run)))
}

/// The files of all of a run's guards.
///
/// # Errors
/// Where the folder is there and cannot be read.
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

impl GuardRecord {
    /// Makes the file at `path` for this process, and locks it. Its folder must be there.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] where another guard's file is there; others as the system gives them, a full disk
    /// among them. No file is left, unless it cannot be removed.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(&path)?;
        let leader_at = lock_and_fill(&mut file).inspect_err(|_| {
            // Left empty, it would say of a guard that goes on without it that it was killed before it could start anything.
            let _ = std::fs::remove_file(&path);
        })?;
        Ok(Self { path, file, leader_at, births: Births::default() })
    }

    /// Notes that the process with this number leads the command that runs now. It must not have been reaped. `born` is
    /// the clock tick since the boot in which it was started, where that is known; it saves the asking.
    ///
    /// # Errors
    /// Where the process or the file cannot be found or written: then nobody could end the command after the guard.
    pub fn attempt(&mut self, pid: i32, born: Option<u64>) -> io::Result<()> {
        let leader = match self.births.identify(pid, born) {
            Ok(leader) => leader,
            // Where there is no such table, the number alone.
            Err(_) if !cfg!(target_os = "linux") => ProcessId { pid, started: 0 },
            Err(error) => return Err(error),
        };
        self.file.write_all_at(contents::leader_fields(leader).as_bytes(), self.leader_at)
    }

    /// Removes the file and with it the lock. Only for a guard that has seen that nothing is left.
    ///
    /// # Errors
    /// Where the file cannot be removed. It stays, and a later sweep finds nothing to end.
    pub fn close(self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

/// Says where the leader's fields begin.
fn lock_and_fill(file: &mut File) -> io::Result<u64> {
    // Waits, because somebody who asks whether it is locked holds it for an instant.
    while let Err(errno) = flock(&*file, FlockOperation::LockExclusive) {
        if errno != Errno::INTR {
            return Err(errno.into());
        }
    }
    let (line, leader_at) = Contents::of_this_process()?.to_line()?;
    file.write_all(line.as_bytes())?;
    Ok(leader_at)
}

/// Looks at a guard's file. Tries for a *shared* lock, so that two who look at once do not take each other for the guard.
///
/// # Errors
/// Where the file is there and cannot be opened, locked or read.
pub fn look(path: &Path) -> io::Result<Found> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Gone),
        Err(error) => return Err(error),
    };
    let is_held = match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => false,
        Err(Errno::WOULDBLOCK) => true,
        Err(errno) => return Err(errno.into()),
    };
    let mut bytes = Vec::new();
    // Longer than any that was ever written is none of ours, and need not fit into memory.
    (&mut file).take(contents::LONGEST).read_to_end(&mut bytes)?;
    let understood = contents::understand(&bytes);
    if is_held {
        return Ok(Found::Held(understood));
    }
    // Its owner may have removed it after we opened it, and ended since.
    Ok(if path.exists() { Found::Free(understood) } else { Found::Gone })
}

/// An id that somebody else made up leads to no file but one in the folder.
fn prefix_of(run: &RunId) -> String {
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let name = run.as_str().chars().take(RUN_NAME);
    name.map(|character| if fits(character) { character } else { '%' }).chain(INFIX.chars()).collect()
}
