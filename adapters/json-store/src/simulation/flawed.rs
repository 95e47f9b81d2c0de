//! A disk with a deliberate flaw.
//!
//! Each flaw stands for a mistake in the store. The simulation must detect the flaw.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::disk::fake::{FakeDisk, FakeFile};
use crate::disk::{Access, Disk, FolderId, Sharing, Stamp};
use crate::layout::{self, LOCK, SNAPSHOT};

/// A deliberate mistake in the calls to the disk (`docs/durability.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    SnapshotNotSynced,
    RenameNotSynced,
    LineNotSynced,
    JournalNameNotSynced,
    OthersNamesNotSynced,
    OthersLinesNotSynced,
    TornTailKept,
    SyncRepeated,
    JournalRemovedEarly,
    LeftoversRemovedEarly,
    TipNotedEarly,
    StampRemembered,
    SnapshotLocked,
    NotLocked,
}

/// The last unsynced name change in the folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Renamed {
    #[default]
    Nothing,
    Journal,
    Snapshot,
    Other,
}

#[derive(Default)]
enum Delayed {
    #[default]
    Nothing,
    Folder,
    Journal(FakeFile),
}

#[derive(Default)]
struct State {
    renamed: Renamed,
    delayed: Delayed,
    snapshot: Option<Stamp>,
}

pub(super) struct FlawedDisk {
    disk: FakeDisk,
    flaw: Option<Flaw>,
    state: Arc<Mutex<State>>,
}

/// The last unsynced change to an open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unsynced {
    /// Perhaps a change by another process.
    Others,
    Line,
    Cut,
}

pub(super) struct FlawedFile {
    file: FakeFile,
    name: String,
    unsynced: Mutex<Unsynced>,
}

/// Replaces the kind of a delayed sync's error. A later call returns the error, and must not report
/// a full disk.
fn delayed_error(error: io::Error) -> io::Error {
    io::Error::other(error)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FlawedDisk {
    pub(super) fn new(disk: FakeDisk, flaw: Option<Flaw>) -> Self {
        Self { disk, flaw, state: Arc::default() }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn change<T>(&self, is_awaited: bool, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let delayed = std::mem::take(&mut self.state().delayed);
        let sync = || match &delayed {
            Delayed::Nothing => Ok(()),
            Delayed::Folder => self.disk.sync_folder().map_err(delayed_error),
            Delayed::Journal(file) => self.disk.sync_data(file).map_err(delayed_error),
        };
        if is_awaited {
            let done = call()?;
            sync()?;
            return Ok(done);
        }
        sync()?;
        call()
    }

    fn is_delayed_until_removal(&self) -> bool {
        matches!(self.state().delayed, Delayed::Folder)
    }

    fn sync_journal(&self, file: &FlawedFile) -> io::Result<()> {
        let unsynced = std::mem::replace(&mut *lock(&file.unsynced), Unsynced::Others);
        let dropped = match unsynced {
            Unsynced::Line => self.has(Flaw::LineNotSynced),
            Unsynced::Others => self.has(Flaw::OthersLinesNotSynced),
            Unsynced::Cut => false,
        };
        if dropped {
            return Ok(());
        }
        if unsynced == Unsynced::Line && self.has(Flaw::TipNotedEarly) {
            let again = self.disk.open(&file.name, Access::Read)?;
            self.state().delayed = Delayed::Journal(again);
            return Ok(());
        }
        let synced = self.change(false, || self.disk.sync_data(&file.file));
        if synced.is_err() && self.has(Flaw::SyncRepeated) { self.disk.sync_data(&file.file) } else { synced }
    }
}

impl Disk for FlawedDisk {
    type File = FlawedFile;

    fn prepare(&self) -> io::Result<()> {
        self.disk.prepare()
    }

    fn identify_folder(&self) -> io::Result<FolderId> {
        self.disk.identify_folder()
    }

    fn stat(&self, name: &str) -> io::Result<Option<Stamp>> {
        let remembered = self.state().snapshot.filter(|_| name == SNAPSHOT && self.has(Flaw::StampRemembered));
        if remembered.is_some() { Ok(remembered) } else { self.disk.stat(name) }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.disk.list(folder)
    }

    fn open(&self, name: &str, access: Access) -> io::Result<FlawedFile> {
        let real_name = if name == LOCK && self.has(Flaw::SnapshotLocked) { SNAPSHOT } else { name };
        let open = || self.disk.open(real_name, access);
        let file = if access == Access::Create { self.change(false, open)? } else { open()? };
        if access == Access::Create {
            self.state().renamed = if layout::is_journal(name) { Renamed::Journal } else { Renamed::Other };
        }
        Ok(FlawedFile { file, name: name.to_owned(), unsynced: Mutex::new(Unsynced::Others) })
    }

    fn stat_open(&self, file: &FlawedFile) -> io::Result<Stamp> {
        let stamp = self.disk.stat_open(&file.file)?;
        if file.name != LOCK && !layout::is_journal(&file.name) {
            self.state().snapshot = Some(stamp);
        }
        Ok(stamp)
    }

    fn read_at(&self, file: &FlawedFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.read_at(&file.file, offset, buffer)
    }

    fn write(&self, file: &FlawedFile, bytes: &[u8]) -> io::Result<usize> {
        *lock(&file.unsynced) = Unsynced::Line;
        self.change(false, || self.disk.write(&file.file, bytes))
    }

    fn overwrite(&self, file: &FlawedFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.has(Flaw::SnapshotLocked) {
            return Ok(());
        }
        let is_tip = offset > 0;
        self.change(is_tip && self.has(Flaw::TipNotedEarly), || self.disk.overwrite(&file.file, offset, bytes))
    }

    fn truncate(&self, file: &FlawedFile, len: u64) -> io::Result<()> {
        let unsynced = std::mem::replace(&mut *lock(&file.unsynced), Unsynced::Cut);
        if unsynced == Unsynced::Others && self.has(Flaw::TornTailKept) {
            return Ok(());
        }
        self.change(false, || self.disk.truncate(&file.file, len))
    }

    fn reserve(&self, file: &FlawedFile, len: u64) -> io::Result<()> {
        self.change(false, || self.disk.reserve(&file.file, len))
    }

    fn sync_data(&self, file: &FlawedFile) -> io::Result<()> {
        self.sync_journal(file)
    }

    fn sync_all(&self, file: &FlawedFile) -> io::Result<()> {
        if layout::is_temp(&file.name) && self.has(Flaw::SnapshotNotSynced) {
            return Ok(());
        }
        self.change(false, || self.disk.sync_all(&file.file))
    }

    fn sync_folder(&self) -> io::Result<()> {
        let renamed = std::mem::take(&mut self.state().renamed);
        let (dropped, delayed) = match renamed {
            Renamed::Nothing => (self.has(Flaw::OthersNamesNotSynced), self.has(Flaw::LeftoversRemovedEarly)),
            Renamed::Journal => (self.has(Flaw::JournalNameNotSynced), false),
            Renamed::Snapshot => (self.has(Flaw::RenameNotSynced), self.has(Flaw::JournalRemovedEarly)),
            Renamed::Other => (false, false),
        };
        if delayed {
            self.state().delayed = Delayed::Folder;
        }
        if dropped || delayed { Ok(()) } else { self.change(false, || self.disk.sync_folder()) }
    }

    fn copy_mode(&self, name: &str, file: &FlawedFile) -> io::Result<()> {
        self.disk.copy_mode(name, &file.file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let is_removal = to != SNAPSHOT && self.is_delayed_until_removal();
        self.state().renamed = if to == SNAPSHOT { Renamed::Snapshot } else { Renamed::Other };
        self.change(is_removal, || self.disk.rename(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.state().renamed = Renamed::Other;
        self.change(self.is_delayed_until_removal(), || self.disk.remove(name))
    }

    fn try_lock(&self, file: &FlawedFile, sharing: Sharing) -> io::Result<bool> {
        if file.name == LOCK && self.has(Flaw::NotLocked) {
            return Ok(true);
        }
        self.disk.try_lock(&file.file, sharing)
    }

    fn unlock(&self, file: &FlawedFile) -> io::Result<()> {
        self.change(false, || self.disk.unlock(&file.file))
    }

    fn pause(&self, span: Duration) {
        self.disk.pause(span);
    }

    fn nonce(&self) -> String {
        self.disk.nonce()
    }

    fn identity(&self) -> String {
        self.disk.identity()
    }
}
