//! Tells whether a file system supports the guarantees of the store.
//!
//! The store needs a flock(2) that excludes all other processes. It also needs an fsync(2) that
//! makes data durable. Network file systems guarantee less:
//!
//! - NFS and SMB emulate flock with byte-range locks (flock(2), "NFS details").
//! - An NFS client may lose its locks while the server is unreachable (fcntl(2), "Lost locks").
//! - A FUSE or 9p mount may be backed by any file system.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::statfs;

use crate::disk::Sharing;
use crate::engine::MIN_CHECKPOINT_BYTES;
use crate::layout::SNAPSHOT;
use crate::lock;

/// A file system, as reported by statfs(2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// The name, or the magic number in hexadecimal if the name is unknown.
    pub name: String,
    /// True if this is, or may be, a network file system.
    pub is_network: bool,
    /// True if the contents are lost when the machine is switched off.
    pub is_volatile: bool,
    /// The free space for unprivileged users, in bytes.
    pub free_bytes: u64,
    /// The number of files that can still be created. `None` if there is no limit.
    pub free_files: Option<u64>,
}

/// The result of testing locks and syncs in a folder.
#[derive(Debug)]
pub struct Probe {
    /// True if a lock excludes other open files until it is released. An error if the test failed.
    pub locks: io::Result<bool>,
    /// An error if writing or syncing a file, or syncing its folder, failed.
    pub syncs: io::Result<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Local,
    Volatile,
    Network,
}

use Kind::{Local, Network, Volatile};

/// Magic numbers of file systems, from statfs(2) and linux/magic.h.
const FILE_SYSTEMS: [(u32, &str, Kind); 25] = [
    (0xEF53, "ext4", Local),
    (0x5846_5342, "xfs", Local),
    (0x9123_683E, "btrfs", Local),
    (0xF2F5_2010, "f2fs", Local),
    (0xCA45_1A4E, "bcachefs", Local),
    (0x2FC1_2FC1, "zfs", Local),
    (0x794C_7630, "overlayfs", Local),
    (0x3153_464A, "jfs", Local),
    (0x5265_4973, "reiserfs", Local),
    (0x0000_4D44, "vfat", Local),
    (0x2011_BAB0, "exfat", Local),
    (0x5346_544E, "ntfs", Local),
    (0x0102_1994, "tmpfs", Volatile),
    (0x8584_58F6, "ramfs", Volatile),
    (0x0000_6969, "nfs", Network),
    (0x0000_517B, "smb", Network),
    (0xFF53_4D42, "cifs", Network),
    (0xFE53_4D42, "smb2", Network),
    (0x0102_1997, "9p", Network),
    (0x6573_5546, "fuse", Network),
    (0x00C3_6400, "ceph", Network),
    (0x5346_414F, "afs", Network),
    (0x7375_7245, "coda", Network),
    (0x0BD0_0BD0, "lustre", Network),
    (0x786F_4256, "vboxsf", Network),
];

/// Returns the file system of the folder, or of its nearest existing parent.
///
/// # Errors
/// If statfs(2) fails.
pub fn file_system(folder: &Path) -> io::Result<FileSystem> {
    let stats = statfs(nearest(folder))?;
    let (name, kind) = kind_of(magic(&stats));
    let block = u64::try_from(stats.f_bsize).unwrap_or(0);
    Ok(FileSystem {
        name,
        is_network: kind == Network,
        is_volatile: kind == Volatile,
        free_bytes: stats.f_bavail.saturating_mul(block),
        free_files: (stats.f_files > 0).then_some(stats.f_ffree),
    })
}

/// Tests locks and syncs with a temporary file in the folder, or in its nearest existing parent.
///
/// # Errors
/// If the file cannot be created or removed.
pub fn probe(folder: &Path) -> io::Result<Probe> {
    let folder = nearest(folder);
    let path = folder.join(format!("autoproc-probe-{}", uuid::Uuid::new_v4().simple()));
    let first = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let probe = Probe { locks: excludes(&first, &path), syncs: syncs(&first, folder) };
    fs::remove_file(&path)?;
    Ok(probe)
}

/// Returns the free space that the store may need, in bytes. The space is for a second snapshot and
/// for a journal of maximum length.
///
/// # Errors
/// If the snapshot exists and its length cannot be read.
pub fn room_needed(state_dir: &Path) -> io::Result<u64> {
    match fs::metadata(state_dir.join(SNAPSHOT)) {
        Ok(metadata) => Ok(metadata.len() + MIN_CHECKPOINT_BYTES.max(2 * metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(MIN_CHECKPOINT_BYTES),
        Err(error) => Err(error),
    }
}

/// Refuses a folder that may be on a network file system.
pub(crate) fn refuse_network(folder: &Path) -> io::Result<()> {
    match statfs(nearest(folder)) {
        Ok(stats) => refuse(magic(&stats)),
        Err(_) => Ok(()),
    }
}

fn refuse(magic: u32) -> io::Result<()> {
    match kind_of(magic) {
        (name, Network) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!(
                "the folder is, or may be, on a network file system ({name}), where locks and syncs are unreliable"
            ),
        )),
        _ => Ok(()),
    }
}

fn kind_of(magic: u32) -> (String, Kind) {
    match FILE_SYSTEMS.into_iter().find(|(number, _, _)| *number == magic) {
        Some((_, name, kind)) => (name.to_owned(), kind),
        None => (format!("file system {magic:#x}"), Local),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the numbers have 32 bits (statfs(2))")]
#[allow(clippy::unnecessary_cast, reason = "the field's type differs between machines")]
fn magic(stats: &rustix::fs::StatFs) -> u32 {
    stats.f_type as u32
}

fn nearest(folder: &Path) -> &Path {
    let root = Path::new(if folder.has_root() { "/" } else { "." });
    folder.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(root)
}

fn excludes(first: &File, path: &Path) -> io::Result<bool> {
    let second = OpenOptions::new().write(true).open(path)?;
    if !lock::try_lock(first, Sharing::Exclusive)? {
        return Ok(false);
    }
    let excludes = !lock::try_lock(&second, Sharing::Exclusive)?;
    lock::unlock(first)?;
    let comes_free = lock::try_lock(&second, Sharing::Exclusive)?;
    lock::unlock(&second)?;
    Ok(excludes && comes_free)
}

fn syncs(file: &File, folder: &Path) -> io::Result<()> {
    io::Write::write_all(&mut &*file, b"autoproc\n")?;
    file.sync_data()?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use autoproc_domain::ports::StorageError;

    use super::*;
    use crate::error::classify;

    #[test]
    fn network_file_systems_are_refused_as_places_that_cannot_be_written() {
        for (number, name, kind) in FILE_SYSTEMS {
            let refused = refuse(number).map_err(classify(""));
            assert_eq!(matches!(refused, Err(StorageError::NotWritable { .. })), kind == Network, "{name}");
        }
        for number in [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42, 0x0102_1997, 0x6573_5546] {
            assert!(refuse(number).is_err(), "{number:#x}");
        }
        assert!(refuse(0x1234_5678).is_ok(), "an unknown file system passes");
    }

    #[test]
    fn a_relative_folder_is_in_the_current_folder() {
        assert_eq!(nearest(Path::new("not-there/either")), Path::new("."));
        assert_eq!(nearest(Path::new("src/not-there")), Path::new("src"));
    }

    #[test]
    fn a_probe_finds_locks_and_syncs_and_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let missing = folder.path().join("not/there");
        let probe = probe(&missing).expect("the folder can be written");
        assert!(probe.locks.expect("locks are supported"));
        probe.syncs.expect("syncs are supported");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
        assert!(file_system(&missing).expect("statfs works").free_bytes > 0);
    }
}
