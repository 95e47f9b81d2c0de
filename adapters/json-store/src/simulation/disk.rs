//! A disk that keeps apart what was written and what is durable, for data and for names.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::disk::{Access, Disk, Sharing, Stamp};

/// A change of a file that is not durable yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Write {
    Bytes {
        offset: usize,
        bytes: Vec<u8>,
    },
    /// Bytes that carry a checksum of their own and that nothing depends on.
    Note {
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        len: usize,
    },
}

impl Write {
    pub(super) fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Self::Bytes { offset, bytes } | Self::Note { offset, bytes } => {
                let end = offset + bytes.len();
                if data.len() < end {
                    data.resize(end, 0);
                }
                data[*offset..end].copy_from_slice(bytes);
            }
            Self::Truncate { len } => data.resize(*len, 0),
        }
    }
}

/// A change of the folder that is not durable yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Naming {
    Link(String, usize),
    Unlink(String),
    Rename(String, String),
}

impl Naming {
    pub(super) fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(name, inode) => drop(names.insert(name.clone(), *inode)),
            Self::Unlink(name) => drop(names.remove(name)),
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }
}

/// A file: what every process sees, what would survive, and what lies between.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Inode {
    pub(super) seen: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) unsynced: Vec<Write>,
    /// Grows with every change, in the place of a clock.
    pub(super) version: u64,
}

impl Inode {
    fn write(&mut self, write: Write) {
        write.apply(&mut self.seen);
        self.unsynced.push(write);
        self.version += 1;
    }

    fn sync(&mut self) {
        for write in self.unsynced.drain(..) {
            write.apply(&mut self.durable);
        }
    }
}

/// Everything that outlives a process.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) inodes: Vec<Inode>,
    pub(super) names: BTreeMap<String, usize>,
    pub(super) durable_names: BTreeMap<String, usize>,
    pub(super) unsynced_names: Vec<Naming>,
    /// Exclusive holders, by inode: the open file that holds the lock.
    locks: BTreeMap<usize, u64>,
    handles: u64,
    nonces: u64,
}

impl World {
    fn rename_names(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.unsynced_names.push(naming);
    }

    fn sync_names(&mut self) {
        for naming in self.unsynced_names.drain(..) {
            naming.apply(&mut self.durable_names);
        }
    }

    fn inode(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// What goes wrong at one call of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The call fails and does nothing; a sync fails as disks do: what it should have made durable never will be, and the
    /// next sync says nothing of it.
    Eio,
    /// The call finds no room; a write does half of its work first.
    Enospc,
    /// Half of the call's work is done, then the process is killed. The machine lives on.
    KillMidway,
}

impl Fault {
    pub(super) const ALL: [Self; 3] = [Self::Eio, Self::Enospc, Self::KillMidway];
}

/// Looks at a disk between two calls of the process it stands beside.
type Bystander = Arc<dyn Fn() + Send + Sync>;

/// What one process does to the disk, call by call.
#[derive(Default)]
struct Process {
    calls: usize,
    fault: Option<(usize, Fault)>,
    is_dead: bool,
    /// The world before each call, where somebody wants to see it.
    trace: Option<Vec<World>>,
    /// Called before each call.
    bystander: Option<Bystander>,
}

/// The disk as one process sees it. Clones are the same process.
#[derive(Clone)]
pub(super) struct SimDisk {
    world: Arc<Mutex<World>>,
    process: Arc<Mutex<Process>>,
}

/// An open file. Dropping it frees its lock.
pub(super) struct SimFile {
    inode: usize,
    handle: u64,
    world: Arc<Mutex<World>>,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        lock(&self.world).locks.retain(|_, holder| *holder != self.handle);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a call may do.
enum Leave {
    Whole,
    /// Half of its work, then this error.
    Half(io::Error),
}

impl SimDisk {
    pub(super) fn new(world: World) -> Self {
        Self { world: Arc::new(Mutex::new(world)), process: Arc::default() }
    }

    pub(super) fn world(&self) -> World {
        let mut world = lock(&self.world).clone();
        world.locks.clear();
        world
    }

    pub(super) fn with_trace(self) -> Self {
        lock(&self.process).trace = Some(Vec::new());
        self
    }

    pub(super) fn with_fault(self, at: usize, fault: Fault) -> Self {
        lock(&self.process).fault = Some((at, fault));
        self
    }

    /// The disk as another process sees it.
    pub(super) fn of_another_process(&self) -> Self {
        Self { world: Arc::clone(&self.world), process: Arc::default() }
    }

    pub(super) fn with_bystander(self, bystander: impl Fn() + Send + Sync + 'static) -> Self {
        lock(&self.process).bystander = Some(Arc::new(bystander));
        self
    }

    pub(super) fn calls(&self) -> usize {
        lock(&self.process).calls
    }

    pub(super) fn is_dead(&self) -> bool {
        lock(&self.process).is_dead
    }

    pub(super) fn take_trace(&self) -> Vec<World> {
        lock(&self.process).trace.take().unwrap_or_default()
    }

    /// Counts a call that changes something, and says how far it may go.
    fn enter(&self) -> io::Result<Leave> {
        self.be_watched();
        let mut process = lock(&self.process);
        if process.is_dead {
            return Err(dead());
        }
        let call = process.calls;
        process.calls += 1;
        if let Some(trace) = &mut process.trace {
            let mut world = lock(&self.world).clone();
            world.locks.clear();
            trace.push(world);
        }
        match process.fault {
            Some((at, fault)) if at == call => match fault {
                Fault::Eio => Err(io::Error::from_raw_os_error(5)),
                Fault::Enospc => Ok(Leave::Half(io::ErrorKind::StorageFull.into())),
                Fault::KillMidway => {
                    process.is_dead = true;
                    Ok(Leave::Half(dead()))
                }
            },
            _ => Ok(Leave::Whole),
        }
    }

    fn be_watched(&self) {
        let bystander = lock(&self.process).bystander.clone();
        if let Some(look) = bystander {
            look();
        }
    }

    /// For calls that happen or do not.
    fn change(&self, change: impl FnOnce(&mut World) -> io::Result<()>) -> io::Result<()> {
        match self.enter()? {
            Leave::Whole => change(&mut lock(&self.world)),
            Leave::Half(error) => Err(error),
        }
    }

    fn alive(&self) -> io::Result<MutexGuard<'_, World>> {
        if self.is_dead() { Err(dead()) } else { Ok(lock(&self.world)) }
    }

    /// A sync that fails: the kernel drops the dirty pages, keeps showing them, and forgets.
    fn sync(&self, file: &SimFile) -> io::Result<()> {
        match self.enter() {
            Ok(Leave::Whole) => {
                lock(&self.world).inodes[file.inode].sync();
                Ok(())
            }
            Ok(Leave::Half(error)) | Err(error) => {
                if !self.is_dead() {
                    lock(&self.world).inodes[file.inode].unsynced.clear();
                }
                Err(error)
            }
        }
    }
}

fn dead() -> io::Error {
    io::Error::other("this process was killed")
}

impl Disk for SimDisk {
    type File = SimFile;

    fn prepare(&self) -> io::Result<()> {
        self.alive().map(drop)
    }

    fn stat(&self, name: &str) -> io::Result<Option<Stamp>> {
        let world = self.alive()?;
        Ok(world.names.get(name).map(|inode| stamp(&world, *inode)))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let world = self.alive()?;
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let names = world.names.keys().filter_map(|name| name.strip_prefix(&prefix));
        Ok(names.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }

    fn open(&self, name: &str, access: Access) -> io::Result<SimFile> {
        let exists = self.alive()?.names.contains_key(name);
        let is_new = match access {
            Access::Create if exists => return Err(io::ErrorKind::AlreadyExists.into()),
            Access::Create => true,
            Access::Lock => !exists,
            Access::Read | Access::Append => false,
        };
        if is_new {
            self.change(|world| {
                world.inodes.push(Inode::default());
                let inode = world.inodes.len() - 1;
                world.rename_names(Naming::Link(name.to_owned(), inode));
                Ok(())
            })?;
        }
        let mut world = self.alive()?;
        world.handles += 1;
        Ok(SimFile { inode: world.inode(name)?, handle: world.handles, world: Arc::clone(&self.world) })
    }

    fn stat_open(&self, file: &SimFile) -> io::Result<Stamp> {
        Ok(stamp(&*self.alive()?, file.inode))
    }

    fn read_at(&self, file: &SimFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let world = self.alive()?;
        let data = &world.inodes[file.inode].seen;
        let rest = data.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write(&self, file: &SimFile, bytes: &[u8]) -> io::Result<usize> {
        let leave = self.enter()?;
        let length = match leave {
            Leave::Whole => bytes.len(),
            Leave::Half(_) => bytes.len() / 2,
        };
        let mut world = lock(&self.world);
        let inode = &mut world.inodes[file.inode];
        inode.write(Write::Bytes { offset: inode.seen.len(), bytes: bytes[..length].to_vec() });
        match leave {
            Leave::Whole => Ok(length),
            Leave::Half(error) => Err(error),
        }
    }

    fn overwrite(&self, file: &SimFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        if offset == 0 {
            // The holder's name; nothing depends on it.
            return self.alive().map(drop);
        }
        self.change(|world| {
            world.inodes[file.inode].write(Write::Note { offset, bytes: bytes.to_vec() });
            Ok(())
        })
    }

    fn truncate(&self, file: &SimFile, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.change(|world| {
            world.inodes[file.inode].write(Write::Truncate { len });
            Ok(())
        })
    }

    fn reserve(&self, _: &SimFile, _: u64) -> io::Result<()> {
        self.change(|_| Ok(()))
    }

    fn sync_data(&self, file: &SimFile) -> io::Result<()> {
        self.sync(file)
    }

    fn sync_all(&self, file: &SimFile) -> io::Result<()> {
        self.sync(file)
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.change(|world| {
            world.sync_names();
            Ok(())
        })
    }

    fn copy_mode(&self, _: &str, _: &SimFile) -> io::Result<()> {
        self.alive().map(drop)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(|world| {
            let inode = world.inode(from)?;
            world.inodes[inode].version += 1;
            world.rename_names(Naming::Rename(from.to_owned(), to.to_owned()));
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(|world| {
            world.inode(name)?;
            world.rename_names(Naming::Unlink(name.to_owned()));
            Ok(())
        })
    }

    fn try_lock(&self, file: &SimFile, sharing: Sharing) -> io::Result<bool> {
        self.be_watched();
        let mut world = self.alive()?;
        let holder = world.locks.get(&file.inode).copied();
        let is_free = holder.is_none_or(|holder| holder == file.handle);
        if is_free && sharing == Sharing::Exclusive {
            world.locks.insert(file.inode, file.handle);
        }
        Ok(is_free)
    }

    fn unlock(&self, file: &SimFile) -> io::Result<()> {
        self.alive()?.locks.retain(|_, holder| *holder != file.handle);
        Ok(())
    }

    fn pause(&self, span: Duration) {
        // Only processes on threads of their own ever wait.
        std::thread::sleep(span / 10);
    }

    fn nonce(&self) -> String {
        let mut world = lock(&self.world);
        world.nonces += 1;
        format!("{:08x}", world.nonces)
    }

    fn identity(&self) -> String {
        "a simulated process".into()
    }
}

fn stamp(world: &World, inode: usize) -> Stamp {
    let Inode { seen, version, .. } = &world.inodes[inode];
    let version = i64::try_from(*version).unwrap_or(i64::MAX);
    Stamp { device: 0, inode: inode as u64, len: seen.len() as u64, modified: (version, 0), changed: (version, 0) }
}
