//! An in-memory disk for tests.
//!
//! The disk panics if the store uses an unexpected file name.

mod image;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use image::{DiskImage, Inode, NameChange, Write};

use crate::disk::{Access, Disk, FolderId, Sharing, Stamp};
use crate::layout::{LOCK, ORIGINAL, SNAPSHOT};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call fails without effect. A failed sync loses the unsynced data.
    Eio,
    /// The disk is full. A write stores half of its bytes.
    Enospc,
    /// The process is killed during the call. A write stores half of its bytes.
    KillMidway,
}

impl Fault {
    pub(crate) const ALL: [Self; 3] = [Self::Eio, Self::Enospc, Self::KillMidway];
}

type Observer = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Process {
    calls: usize,
    fault: Option<(usize, Fault)>,
    is_dead: bool,
    trace: Option<Vec<DiskImage>>,
    observer: Option<Observer>,
    unreadable: Option<String>,
    /// The maximum length of a file, unless more is reserved. `None` if the disk has room.
    max_length: Option<usize>,
}

/// The disk as seen by one process. Clones belong to the same process.
#[derive(Clone, Default)]
pub(crate) struct FakeDisk {
    image: Arc<Mutex<DiskImage>>,
    process: Arc<Mutex<Process>>,
}

pub(crate) struct FakeFile {
    inode: usize,
    handle: u64,
    image: Arc<Mutex<DiskImage>>,
}

impl Drop for FakeFile {
    fn drop(&mut self) {
        let mut image = lock(&self.image);
        image.locks.retain(|_, holder| *holder != self.handle);
        image.open.remove(&self.handle);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Permit {
    Whole,
    Half(io::Error),
}

impl FakeDisk {
    pub(crate) fn new(image: DiskImage) -> Self {
        Self { image: Arc::new(Mutex::new(image)), process: Arc::default() }
    }

    pub(crate) fn image(&self) -> DiskImage {
        let mut image = lock(&self.image).clone();
        image.locks.clear();
        image.open.clear();
        image
    }

    pub(crate) fn with_trace(self) -> Self {
        lock(&self.process).trace = Some(Vec::new());
        self
    }

    pub(crate) fn with_fault(self, at: usize, fault: Fault) -> Self {
        lock(&self.process).fault = Some((at, fault));
        self
    }

    pub(crate) fn with_observer(self, observer: impl Fn() + Send + Sync + 'static) -> Self {
        lock(&self.process).observer = Some(Arc::new(observer));
        self
    }

    /// Makes a file unreadable for this process.
    pub(crate) fn with_unreadable(self, name: &str) -> Self {
        lock(&self.process).unreadable = Some(name.to_owned());
        self
    }

    /// Makes the disk so full that this process cannot write files longer than `length`.
    pub(crate) fn fill_up_to(&self, length: usize) {
        lock(&self.process).max_length = Some(length);
    }

    pub(crate) fn of_another_process(&self) -> Self {
        Self { image: Arc::clone(&self.image), process: Arc::default() }
    }

    pub(crate) fn calls(&self) -> usize {
        lock(&self.process).calls
    }

    pub(crate) fn is_dead(&self) -> bool {
        lock(&self.process).is_dead
    }

    pub(crate) fn take_trace(&self) -> Vec<DiskImage> {
        lock(&self.process).trace.take().unwrap_or_default()
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        lock(&self.image).add(name, Inode::durable(bytes));
    }

    pub(crate) fn vanish(&self, name: &str) {
        lock(&self.image).change_names(NameChange::Unlink(name.to_owned()));
    }

    pub(crate) fn replace_folder(&self) {
        let mut image = lock(&self.image);
        image.replacements += 1;
        // Only the names are removed, because open files stay open.
        image.names.clear();
        image.durable_names.clear();
        image.unsynced_names.clear();
    }

    /// Locks a file as if another process had done it.
    pub(crate) fn hold(&self, name: &str) {
        let mut image = lock(&self.image);
        let inode = image.number_of(name).expect("a file to lock");
        image.locks.insert(inode, u64::MAX);
    }

    pub(crate) fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let image = lock(&self.image);
        let files = image.files().filter(|(name, _)| *name != LOCK);
        files.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect()
    }

    fn enter(&self) -> io::Result<Permit> {
        self.notify_observer();
        let mut process = lock(&self.process);
        if process.is_dead {
            return Err(killed());
        }
        let call = process.calls;
        process.calls += 1;
        if let Some(trace) = &mut process.trace {
            trace.push(self.image());
        }
        match process.fault {
            Some((at, fault)) if at == call => match fault {
                Fault::Eio => Err(io::Error::from_raw_os_error(5)),
                Fault::Enospc => Ok(Permit::Half(io::ErrorKind::StorageFull.into())),
                Fault::KillMidway => {
                    process.is_dead = true;
                    Ok(Permit::Half(killed()))
                }
            },
            _ => Ok(Permit::Whole),
        }
    }

    fn notify_observer(&self) {
        let observer = lock(&self.process).observer.clone();
        if let Some(observe) = observer {
            observe();
        }
    }

    fn change(&self, change: impl FnOnce(&mut DiskImage) -> io::Result<()>) -> io::Result<()> {
        match self.enter()? {
            Permit::Whole => change(&mut lock(&self.image)),
            Permit::Half(error) => Err(error),
        }
    }

    fn has_room(&self, inode: &Inode, length: usize) -> bool {
        lock(&self.process).max_length.is_none_or(|max| length <= max.max(inode.reserved))
    }

    fn alive(&self) -> io::Result<MutexGuard<'_, DiskImage>> {
        if self.is_dead() { Err(killed()) } else { Ok(lock(&self.image)) }
    }

    /// Syncs a file.
    ///
    /// After a failed sync, the unsynced data stays visible but never becomes durable. The Linux
    /// kernel does the same.
    fn sync(&self, file: &FakeFile) -> io::Result<()> {
        match self.enter() {
            Ok(Permit::Whole) => {
                lock(&self.image).inodes[file.inode].sync();
                Ok(())
            }
            Ok(Permit::Half(error)) | Err(error) => {
                if !self.is_dead() {
                    lock(&self.image).inodes[file.inode].unsynced.clear();
                }
                Err(error)
            }
        }
    }
}

fn killed() -> io::Error {
    io::Error::other("this process was killed")
}

fn assert_own(name: &str) {
    let own = name.strip_prefix("QUEUE-STATE.").or_else(|| name.strip_prefix("runs/"));
    assert!(own.is_some_and(|rest| !rest.contains(['/', '\0'])), "{name:?} is none of the store's files");
}

const PERMANENT: [&str; 3] = [SNAPSHOT, LOCK, ORIGINAL];

fn assert_removable(name: &str) {
    assert_own(name);
    assert!(name == ORIGINAL || !PERMANENT.contains(&name), "{name} would be lost");
}

impl Disk for FakeDisk {
    type File = FakeFile;

    fn prepare(&self) -> io::Result<()> {
        self.alive().map(drop)
    }

    fn identify_folder(&self) -> io::Result<FolderId> {
        Ok(FolderId { device: 0, inode: self.alive()?.replacements })
    }

    fn stat(&self, name: &str) -> io::Result<Option<Stamp>> {
        assert_own(name);
        let image = self.alive()?;
        Ok(image.names.get(name).map(|inode| image.stamp(*inode)))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let image = self.alive()?;
        let names = image.names.keys().map(|name| name.rsplit_once('/').unwrap_or(("", name)));
        Ok(names.filter(|(within, _)| *within == folder).map(|(_, name)| name.to_owned()).collect())
    }

    fn open(&self, name: &str, access: Access) -> io::Result<FakeFile> {
        assert_own(name);
        let exists = self.alive()?.names.contains_key(name);
        let is_new = match access {
            Access::Create if exists => return Err(io::ErrorKind::AlreadyExists.into()),
            Access::Create => true,
            Access::Lock => !exists,
            Access::Read | Access::Append => false,
        };
        if is_new {
            self.change(|image| {
                image.add(name, Inode::default());
                Ok(())
            })?;
        }
        if matches!(access, Access::Read | Access::Append) && lock(&self.process).unreadable.as_deref() == Some(name) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut image = self.alive()?;
        image.handles += 1;
        let (inode, handle) = (image.number_of(name)?, image.handles);
        image.open.insert(handle, inode);
        Ok(FakeFile { inode, handle, image: Arc::clone(&self.image) })
    }

    fn stat_open(&self, file: &FakeFile) -> io::Result<Stamp> {
        Ok(self.alive()?.stamp(file.inode))
    }

    fn read_at(&self, file: &FakeFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let image = self.alive()?;
        let data = &image.inodes[file.inode].visible;
        let mut rest = data.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        io::Read::read(&mut rest, buffer)
    }

    fn write(&self, file: &FakeFile, bytes: &[u8]) -> io::Result<usize> {
        let mut permit = self.enter()?;
        let inode = lock(&self.image).inodes[file.inode].clone();
        if !self.has_room(&inode, inode.visible.len() + bytes.len()) {
            permit = Permit::Half(io::ErrorKind::StorageFull.into());
        }
        let length = match permit {
            Permit::Whole => bytes.len(),
            Permit::Half(_) => bytes.len() / 2,
        };
        let mut image = lock(&self.image);
        let inode = &mut image.inodes[file.inode];
        inode.write(Write::Bytes { offset: inode.visible.len(), bytes: bytes[..length].to_vec() });
        match permit {
            Permit::Whole => Ok(length),
            Permit::Half(error) => Err(error),
        }
    }

    fn overwrite(&self, file: &FakeFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        if offset == 0 {
            // Offset 0 holds the name of the lock's holder, on which no test depends.
            return self.alive().map(drop);
        }
        self.change(|image| {
            image.inodes[file.inode].write(Write::Note { offset, bytes: bytes.to_vec() });
            Ok(())
        })
    }

    fn truncate(&self, file: &FakeFile, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.change(|image| {
            assert!(!image.is_named(file.inode, &PERMANENT), "a file that must stay is cut");
            let inode = &mut image.inodes[file.inode];
            inode.write(Write::Truncate { len });
            // Linux also frees reserved space behind the new end (ext4, XFS).
            inode.reserved = inode.reserved.min(len);
            Ok(())
        })
    }

    fn reserve(&self, file: &FakeFile, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.change(|image| {
            let inode = &mut image.inodes[file.inode];
            if !self.has_room(inode, len) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            inode.reserved = inode.reserved.max(len);
            Ok(())
        })
    }

    fn sync_data(&self, file: &FakeFile) -> io::Result<()> {
        self.sync(file)
    }

    fn sync_all(&self, file: &FakeFile) -> io::Result<()> {
        self.sync(file)
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.change(|image| {
            image.sync_names();
            Ok(())
        })
    }

    fn copy_mode(&self, _: &str, _: &FakeFile) -> io::Result<()> {
        self.alive().map(drop)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        assert_removable(from);
        assert_own(to);
        self.change(|image| {
            image.number_of(from)?;
            image.change_names(NameChange::Rename(from.to_owned(), to.to_owned()));
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        assert_removable(name);
        self.change(|image| {
            image.number_of(name)?;
            image.change_names(NameChange::Unlink(name.to_owned()));
            Ok(())
        })
    }

    fn try_lock(&self, file: &FakeFile, sharing: Sharing) -> io::Result<bool> {
        self.notify_observer();
        let mut image = self.alive()?;
        let holder = image.locks.get(&file.inode).copied();
        let is_free = holder.is_none_or(|holder| holder == file.handle);
        if is_free && sharing == Sharing::Exclusive {
            image.locks.insert(file.inode, file.handle);
        }
        Ok(is_free)
    }

    fn unlock(&self, file: &FakeFile) -> io::Result<()> {
        self.alive()?.locks.retain(|_, holder| *holder != file.handle);
        Ok(())
    }

    fn pause(&self, span: Duration) {
        // Only tests with threads wait here. A shorter sleep makes them faster.
        std::thread::sleep(span / 10);
    }

    fn nonce(&self) -> String {
        let mut image = lock(&self.image);
        image.nonces += 1;
        format!("{:08x}", image.nonces)
    }

    fn identity(&self) -> String {
        "a simulated process".into()
    }
}
