//! A disk in memory, on which everything works.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::disk::{Access, Disk, Sharing, Stamp};
use crate::layout;

/// A folder of files. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct MemoryDisk(Arc<Mutex<World>>);

#[derive(Default)]
struct World {
    files: BTreeMap<String, MemoryFile>,
    /// Files whose lock a process that is not of this test holds.
    held: BTreeSet<String>,
    /// Grows with every change and every name that is asked for.
    ticks: u64,
}

/// An open file.
#[derive(Clone)]
pub(crate) struct MemoryFile {
    name: String,
    inode: Arc<Mutex<Inode>>,
}

#[derive(Default)]
struct Inode {
    number: u64,
    bytes: Vec<u8>,
    changed: i64,
}

impl MemoryDisk {
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let file = self.create(name);
        file.inode().bytes = bytes.to_vec();
    }

    pub(super) fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.world().files.get(name).map(|file| file.inode().bytes.clone())
    }

    /// Makes somebody else hold a file's lock.
    pub(super) fn hold(&self, name: &str) {
        self.world().held.insert(name.to_owned());
    }

    /// Every file with its bytes, but the store's lock, whose notes change.
    pub(super) fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let world = self.world();
        let files = world.files.iter().filter(|(name, _)| *name != layout::LOCK);
        files.map(|(name, file)| (name.clone(), file.inode().bytes.clone())).collect()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) -> u64 {
        let mut world = self.world();
        world.ticks += 1;
        world.ticks
    }

    fn create(&self, name: &str) -> MemoryFile {
        let number = self.tick();
        let inode = Arc::new(Mutex::new(Inode { number, ..Inode::default() }));
        let file = MemoryFile { name: name.to_owned(), inode };
        self.world().files.insert(name.to_owned(), file.clone());
        file
    }

    fn change<T>(&self, file: &MemoryFile, change: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let tick = self.tick();
        let mut inode = file.inode();
        inode.changed = i64::try_from(tick).unwrap_or(i64::MAX);
        change(&mut inode.bytes)
    }
}

impl MemoryFile {
    fn inode(&self) -> MutexGuard<'_, Inode> {
        self.inode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stamp(&self) -> Stamp {
        let inode = self.inode();
        let (len, at) = (inode.bytes.len() as u64, (inode.changed, 0));
        Stamp { device: 1, inode: inode.number, len, modified: at, changed: at }
    }
}

/// The store has no business with any file whose name is not one of its own. A name with a folder in it could be any file.
fn check(name: &str) {
    let own = name.strip_prefix("QUEUE-STATE.").or_else(|| name.strip_prefix("runs/"));
    assert!(own.is_some_and(|rest| !rest.contains(['/', '\0'])), "{name:?} is none of the store's files");
}

/// The snapshot, the lock and the copy of the original are never taken away, whatever a file says.
fn check_removable(name: &str) {
    check(name);
    assert!(![layout::SNAPSHOT, layout::LOCK, layout::ORIGINAL].contains(&name), "{name} would be lost");
}

fn slice(bytes: &[u8], offset: u64) -> &[u8] {
    usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default()
}

impl Disk for MemoryDisk {
    type File = MemoryFile;

    fn prepare(&self) -> io::Result<()> {
        Ok(())
    }

    fn stat(&self, name: &str) -> io::Result<Option<Stamp>> {
        check(name);
        Ok(self.world().files.get(name).map(MemoryFile::stamp))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let world = self.world();
        let names = world.files.keys().map(|name| name.rsplit_once('/').unwrap_or(("", name)));
        Ok(names.filter(|(within, _)| *within == folder).map(|(_, name)| name.to_owned()).collect())
    }

    fn open(&self, name: &str, access: Access) -> io::Result<MemoryFile> {
        check(name);
        let found = self.world().files.get(name).cloned();
        match (found, access) {
            (Some(_), Access::Create) => Err(io::ErrorKind::AlreadyExists.into()),
            (Some(file), _) => Ok(file),
            (None, Access::Create | Access::Lock) => Ok(self.create(name)),
            (None, Access::Read | Access::Append) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn stat_open(&self, file: &MemoryFile) -> io::Result<Stamp> {
        Ok(file.stamp())
    }

    fn read_at(&self, file: &MemoryFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut slice(&file.inode().bytes, offset), buffer)
    }

    fn write(&self, file: &MemoryFile, bytes: &[u8]) -> io::Result<usize> {
        self.change(file, |content| content.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn overwrite(&self, file: &MemoryFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.change(file, |content| {
            content.resize(content.len().max(offset + bytes.len()), 0);
            content[offset..offset + bytes.len()].copy_from_slice(bytes);
        });
        Ok(())
    }

    fn truncate(&self, file: &MemoryFile, len: u64) -> io::Result<()> {
        check_removable(&file.name);
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.change(file, |content| content.resize(len, 0));
        Ok(())
    }

    fn reserve(&self, _: &MemoryFile, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync_data(&self, _: &MemoryFile) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self, _: &MemoryFile) -> io::Result<()> {
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        Ok(())
    }

    fn copy_mode(&self, _: &str, _: &MemoryFile) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_removable(from);
        check(to);
        let mut world = self.world();
        let file = world.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        world.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        check_removable(name);
        self.world().files.remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn try_lock(&self, file: &MemoryFile, _: Sharing) -> io::Result<bool> {
        Ok(!self.world().held.contains(&file.name))
    }

    fn unlock(&self, _: &MemoryFile) -> io::Result<()> {
        Ok(())
    }

    fn pause(&self, _: Duration) {}

    fn nonce(&self) -> String {
        format!("{:08x}", self.tick())
    }

    fn identity(&self) -> String {
        "the fuzzer".into()
    }
}
