//! Checks the state folder.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use autoproc_json_store::{self as json_store, FileSystem, StateFolder};

use crate::error::LOCAL_PLACE;
use crate::escape::Shown;
use crate::exit_code::ExitCode;
use crate::maintenance::Finding;
use crate::view;
use crate::view::quoting::quoted_path;

/// The number of free inodes that causes a warning. Each attempt creates a file.
const FEW_FILES: u64 = 1_000;

const MIB: u64 = 1024 * 1024;

pub(super) fn findings(folder: &StateFolder) -> Vec<Finding> {
    let mut findings = Vec::new();
    match file_system(folder) {
        Ok((system, needed)) => {
            findings.push(nature(&system, folder.allow_network_fs));
            findings.push(room(system.free_bytes, system.free_files, needed));
        }
        Err(error) => findings.push(Finding::problem(
            "file system",
            ExitCode::Io,
            format!("the file system cannot be examined: {error}"),
            "check that the disk is mounted and healthy",
        )),
    }
    findings.extend(trials(&folder.state_dir));
    findings.push(permissions(&folder.state_dir));
    findings
}

fn file_system(folder: &StateFolder) -> io::Result<(FileSystem, u64)> {
    Ok((json_store::file_system(&folder.state_dir)?, json_store::room_needed(&folder.state_dir)?))
}

fn nature(system: &FileSystem, allow_network_fs: bool) -> Finding {
    const SUBJECT: &str = "file system";
    let name = &system.name;
    if system.is_network {
        let message = format!("{name} is, or may be, a network file system, where locks and syncs are unreliable");
        return if allow_network_fs {
            Finding::warning(SUBJECT, message, "keep the queue on a local disk; the files to process may be anywhere")
        } else {
            Finding::problem(SUBJECT, ExitCode::CannotWrite, message, LOCAL_PLACE)
        };
    }
    if system.is_volatile {
        let advice = "keep the queue on a disk if it must survive a reboot";
        return Finding::warning(
            SUBJECT,
            format!("{name} is in memory: the queue is lost when the machine is switched off"),
            advice,
        );
    }
    Finding::well(SUBJECT, name.as_str())
}

fn room(free: u64, files: Option<u64>, needed: u64) -> Finding {
    const SUBJECT: &str = "room";
    let room =
        files.map_or_else(String::new, |files| format!("; the disk can hold {}", view::counted(files, "more file")));
    let message = format!("{} MiB free{room}", free / MIB);
    if free < needed {
        let advice = format!("make room on the disk: the queue may need {} MiB of free space", needed.div_ceil(MIB));
        return Finding::warning(SUBJECT, message, advice);
    }
    if files.is_some_and(|files| files < FEW_FILES) {
        return Finding::warning(SUBJECT, message, "free some inodes: each attempt creates a file");
    }
    Finding::well(SUBJECT, message)
}

fn trials(state_dir: &Path) -> Vec<Finding> {
    let probe = match json_store::probe(state_dir) {
        Ok(probe) => probe,
        Err(error) => {
            let message = format!("no file can be created in {}: {error}", Shown(state_dir));
            let (code, advice) = if error.kind() == io::ErrorKind::StorageFull {
                (ExitCode::TryAgain, "make room")
            } else {
                (
                    ExitCode::CannotWrite,
                    "check the owner and the permissions of the folder; the queue can still be read",
                )
            };
            return vec![Finding::problem("writing", code, message, advice)];
        }
    };
    vec![
        match probe.locks {
            Ok(true) => Finding::well("locks", "locks work"),
            Ok(false) => Finding::problem(
                "locks",
                ExitCode::Io,
                "file locks have no effect here: two processes hold one lock",
                LOCAL_PLACE,
            ),
            Err(error) => {
                Finding::problem("locks", ExitCode::Io, format!("a lock cannot be taken: {error}"), LOCAL_PLACE)
            }
        },
        match probe.syncs {
            Ok(()) => Finding::well("syncs", "syncs of files and folders report success"),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                Finding::problem("writing", ExitCode::TryAgain, "the disk is full", "make room")
            }
            Err(error) => {
                let message = format!("a sync fails: {error}");
                Finding::problem("syncs", ExitCode::Io, message, "check the disk, or replace it")
            }
        },
    ]
}

fn permissions(folder: &Path) -> Finding {
    const SUBJECT: &str = "permissions";
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.is_symlink() => {
            return Finding::well(SUBJECT, "there is no state folder yet; the first change creates it");
        }
        Err(error) => {
            // Without a link, `NotFound` has been handled above.
            let is_other = matches!(error.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::NotFound);
            let advice = if is_other {
                "a folder is expected at this path: move away what is there"
            } else {
                "check its owner and its permissions"
            };
            let message = format!("{} cannot be read: {error}", Shown(folder));
            return Finding::problem(SUBJECT, ExitCode::CannotWrite, message, advice);
        }
    };
    let files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    if let Some(locked) = files.iter().find(|path| !is_open_to_us(path)) {
        let message = format!("this user cannot write to {}", Shown(locked));
        return Finding::problem(SUBJECT, ExitCode::CannotWrite, message, "check its owner and its permissions");
    }
    let exposed = files.iter().map(AsRef::as_ref).chain([folder]).find(|path| is_open_to_all(path));
    match exposed {
        Some(path) => {
            let advice = format!("chmod o-w {}", quoted_path(path));
            Finding::warning(SUBJECT, format!("every user can write to {}", Shown(path)), advice)
        }
        None => Finding::well(SUBJECT, "writable by this user, not by everyone"),
    }
}

fn is_open_to_us(path: &Path) -> bool {
    match fs::OpenOptions::new().read(true).append(true).open(path) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn is_open_to_all(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o002 != 0)
}
