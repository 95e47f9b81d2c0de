use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use autoproc_regular_file::{self as regular_file, Links, folder_of};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::{Errno, retry_on_intr};

use crate::disk::{Access, Disk, FolderId, Sharing, Stamp};
use crate::layout::RUNS;
use crate::{file_system, lock};

/// File paths may be confidential, so only the owner may read.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

pub(crate) struct RealDisk {
    folder: PathBuf,
    allow_network_fs: bool,
}

impl RealDisk {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, allow_network_fs: false }
    }

    pub(crate) fn allowing_network_fs(self, allow_network_fs: bool) -> Self {
        Self { allow_network_fs, ..self }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Disk for RealDisk {
    type File = File;

    fn prepare(&self) -> io::Result<()> {
        if !self.allow_network_fs {
            file_system::refuse_network(&self.folder)?;
        }
        create_folder(&self.folder)?;
        // No sync is needed: no run survives a power cut, and the next call creates the folder
        // again.
        match regular_file::create_folder(&self.path(RUNS), FOLDER_MODE) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    fn identify_folder(&self) -> io::Result<FolderId> {
        let metadata = fs::metadata(&self.folder)?;
        Ok(FolderId { device: metadata.dev(), inode: metadata.ino() })
    }

    fn stat(&self, name: &str) -> io::Result<Option<Stamp>> {
        match fs::symlink_metadata(self.path(name)) {
            Ok(metadata) => Ok(Some(stamp(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.path(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        // The store never creates a file whose name is not UTF-8.
        let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn open(&self, name: &str, access: Access) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).mode(FILE_MODE);
        let path = self.path(name);
        match access {
            Access::Read => regular_file::open(&mut options, Links::Refuse, &path),
            Access::Append => regular_file::open(options.append(true), Links::Refuse, &path),
            Access::Create => regular_file::create(options.append(true), &path),
            Access::Lock => regular_file::open_or_create(options.write(true), &path),
        }
    }

    fn stat_open(&self, file: &File) -> io::Result<Stamp> {
        Ok(stamp(&file.metadata()?))
    }

    fn read_at(&self, file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        file.read_at(buffer, offset)
    }

    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    fn overwrite(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    fn reserve(&self, file: &File, len: u64) -> io::Result<()> {
        // `KEEP_SIZE` keeps the file's length (fallocate(2)); fs2's `allocate` would change it.
        match retry_on_intr(|| fallocate(file, FallocateFlags::KEEP_SIZE, 0, len)) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_all(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn copy_mode(&self, name: &str, file: &File) -> io::Result<()> {
        match fs::metadata(self.path(name)) {
            // Setting the same mode again would change the metadata, which the next sync would then
            // write.
            Ok(metadata) if metadata.mode() == file.metadata()?.mode() => Ok(()),
            Ok(metadata) => file.set_permissions(Permissions::from_mode(metadata.mode() & 0o7777)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn try_lock(&self, file: &File, sharing: Sharing) -> io::Result<bool> {
        lock::try_lock(file, sharing)
    }

    fn unlock(&self, file: &File) -> io::Result<()> {
        lock::unlock(file)
    }

    fn pause(&self, span: Duration) {
        std::thread::sleep(span);
    }

    fn nonce(&self) -> String {
        uuid::Uuid::new_v4().simple().to_string()
    }

    fn identity(&self) -> String {
        let host = rustix::system::uname();
        format!("process {} on {}", std::process::id(), host.nodename().to_string_lossy())
    }
}

/// Creates a folder and its missing parents, durably (fsync(2)).
fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let missing: Vec<_> = folder.ancestors().take_while(|ancestor| is_missing(ancestor)).collect();
    regular_file::create_folders(folder, FOLDER_MODE)?;
    for created in missing {
        File::open(folder_of(created))?.sync_all()?;
    }
    Ok(())
}

fn is_missing(path: &Path) -> bool {
    !path.as_os_str().is_empty() && !path.exists()
}

fn stamp(metadata: &fs::Metadata) -> Stamp {
    Stamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        len: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    }
}
