//! Reads the queue from the disk.
//!
//! If other processes have only appended lines, only these lines are read.
//!
//! The lock file and this engine record a durable length of the journal. If the journal is shorter,
//! acknowledged changes are lost. The store then counts as damaged.

use autoproc_domain::FileQueue;
use autoproc_domain::ports::StorageError;

use crate::disk::{Access, Disk, Stamp, read_to_end, write_all};
use crate::engine::outlived::Outlived;
use crate::engine::validate::validate;
use crate::engine::{Base, Engine, Journal, Loaded, LockState, StoreIdentity};
use crate::error::{classify, damaged, unreadable};
use crate::journal::{self, Header, Position, Scan, Tail};
use crate::layout::{self, SNAPSHOT};
use crate::lock::{StoreLock, Tip};
use crate::ops::Op;
use crate::snapshot::{self, Extra, Numbering, Snapshot, StoreSection};

/// The maximum number of attempts to read the files without the lock. Another process may replace
/// the files during an attempt.
const MAX_LOCKLESS_READS: usize = 10;

impl<D: Disk> Engine<D> {
    /// Returns the current contents of the store.
    ///
    /// If the files were damaged since the last read, all later calls fail.
    pub(super) fn refresh(&mut self, lock_state: LockState) -> Result<&mut Loaded<D>, StorageError> {
        if let Some(outlived) = &self.outlived {
            return Err(outlived.error());
        }
        let refreshed = match lock_state {
            LockState::Locked => self.catch_up(lock_state).and_then(|mut loaded| {
                self.sync_journal(&mut loaded)?;
                loaded.durable = loaded.position;
                Ok(loaded)
            }),
            LockState::Lockless => self.catch_up_without_lock(),
        };
        match refreshed {
            Ok(loaded) => Ok(self.loaded.insert(loaded)),
            Err(error) => {
                self.outlived = self.loaded.take().and_then(|loaded| Outlived::new(loaded, &error));
                Err(error)
            }
        }
    }

    fn catch_up_without_lock(&mut self) -> Result<Loaded<D>, StorageError> {
        let mut last = None;
        for _ in 0..MAX_LOCKLESS_READS {
            match self.catch_up(LockState::Lockless) {
                Ok(loaded) if self.is_current(&loaded)? => return Ok(loaded),
                Ok(_) => {}
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| damaged(SNAPSHOT, "the file is replaced faster than it can be read")))
    }

    fn is_current(&self, loaded: &Loaded<D>) -> Result<bool, StorageError> {
        let stamp = self.disk.stat(SNAPSHOT).map_err(unreadable(SNAPSHOT))?;
        Ok(stamp == loaded.base.as_ref().map(|base| base.stamp))
    }

    /// True if the files have not changed since they were read.
    pub(super) fn has_read_all(&self, loaded: &Loaded<D>) -> bool {
        let journal_len = match loaded.journal_header() {
            Some((name, _)) => self.disk.stat(&name).map(|stamp| stamp.map_or(0, |stamp| stamp.len)),
            None => Ok(0),
        };
        let is_current = self.is_current(loaded).unwrap_or(false);
        is_current && journal_len.is_ok_and(|len| len == loaded.position.offset)
    }

    fn catch_up(&mut self, lock_state: LockState) -> Result<Loaded<D>, StorageError> {
        // The note must be read before the journal, which may grow between the two reads. A later
        // note would name an end beyond the lines that were read.
        let noted = self.noted_end();
        let Some(mut loaded) = self.loaded.take() else { return self.load(lock_state, &noted, None) };
        match self.catch_up_from(&mut loaded, lock_state, noted) {
            Ok(newer) => Ok(newer.unwrap_or(loaded)),
            Err(error) => {
                self.loaded = Some(loaded);
                Err(error)
            }
        }
    }

    /// Adds new journal lines to `loaded`. Returns new contents if the files were replaced.
    fn catch_up_from(
        &self,
        loaded: &mut Loaded<D>,
        lock_state: LockState,
        mut known: Vec<Tip>,
    ) -> Result<Option<Loaded<D>>, StorageError> {
        known.extend(loaded.durable_end());
        if self.is_current(loaded)? && self.extend(loaded, lock_state, &known)? {
            return Ok(None);
        }
        self.load(lock_state, &known, Some(loaded)).map(Some)
    }

    fn noted_end(&self) -> Vec<Tip> {
        let tip = match &self.lock {
            Some(lock) => lock.tip(&self.disk),
            None => StoreLock::open_existing(&self.disk).ok().flatten().and_then(|lock| lock.tip(&self.disk)),
        };
        tip.into_iter().collect()
    }

    /// Reads the snapshot and the journal.
    ///
    /// Fails if the journal is shorter than its length in `known`. Fails if the contents are older
    /// than `before`.
    fn load(
        &self,
        lock_state: LockState,
        known: &[Tip],
        before: Option<&Loaded<D>>,
    ) -> Result<Loaded<D>, StorageError> {
        let mut loaded = match self.disk.open(SNAPSHOT, Access::Read) {
            Ok(file) => self.load_files(file, lock_state, known)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Loaded::empty(),
            Err(error) => return Err(unreadable(SNAPSHOT)(error)),
        };
        before.map_or(Ok(()), |before| loaded.refuse_older_than(before))?;
        self.refuse_beside_newer(&loaded, known)?;
        if lock_state == LockState::Locked {
            self.remove_leftovers(&mut loaded)?;
        }
        Ok(loaded)
    }

    /// Fails if another file contains acknowledged changes that `loaded` lacks.
    ///
    /// When a process finds the store damaged, it saves its queue in a *rescued* file. These files
    /// contain such changes:
    ///
    /// - with a snapshot: a rescued file of the same store with more transactions
    /// - without a snapshot: any rescued file, or a journal in `known`
    ///
    /// Any other journal contains no acknowledged changes if the snapshot is missing: a power cut
    /// may have removed the snapshot.
    fn refuse_beside_newer(&self, loaded: &Loaded<D>, known: &[Tip]) -> Result<(), StorageError> {
        let names = self.disk.list("").map_err(unreadable("the state folder"))?;
        let store = loaded.identity();
        for name in names {
            let is_newer = match (&loaded.base, layout::is_rescued(&name)) {
                (None, is_rescued) => is_rescued || known.iter().any(|tip| tip.journal == name),
                (Some(_), true) => self.rescued_store(&name)?.is_some_and(|rescued| {
                    store.is_some_and(|store| store.id == rescued.id) && rescued.seq > loaded.position.seq
                }),
                (Some(_), false) => false,
            };
            if is_newer {
                let detail = match loaded.base {
                    Some(_) => format!("it lacks acknowledged changes that {name} contains"),
                    None => format!("it is missing, and {name} contains acknowledged changes"),
                };
                return Err(damaged(SNAPSHOT, detail));
            }
        }
        Ok(())
    }

    fn rescued_store(&self, name: &str) -> Result<Option<StoreSection>, StorageError> {
        match self.disk.open(name, Access::Read) {
            Ok(file) => snapshot::store_of(&self.disk, &file).map_err(unreadable(name)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(name)(error)),
        }
    }

    fn load_files(&self, file: D::File, lock_state: LockState, known: &[Tip]) -> Result<Loaded<D>, StorageError> {
        let (mut loaded, mut notices) = self.load_snapshot(file, Numbering::Kept)?;
        if !self.extend(&mut loaded, lock_state, known)?
            && loaded.journal.is_some()
            && let Some(base) = loaded.base.take()
        {
            (loaded, notices) = self.load_snapshot(base.file, Numbering::Version1)?;
            self.extend(&mut loaded, lock_state, known)?;
        }
        for notice in notices {
            self.notice(&notice);
        }
        Ok(loaded)
    }

    fn load_snapshot(&self, file: D::File, numbering: Numbering) -> Result<(Loaded<D>, Vec<String>), StorageError> {
        let snapshot = snapshot::read(&self.disk, &file, &self.settings.base, numbering)?;
        validate(&snapshot)?;
        let Snapshot { queue, extra, store, stamp, sum, is_canonical, notices } = snapshot;
        let seq = store.as_ref().map_or(0, |store| store.seq);
        let base = Some(Base { file, stamp, sum, store: store.map(StoreIdentity::from), is_canonical, numbering });
        let position = Position { offset: 0, seq, chain: 0 };
        Ok((Loaded { queue, extra, base, position, durable: position, ..Loaded::empty() }, notices))
    }

    /// Applies the new lines of the journal. Returns `false` if the journal was removed, shortened
    /// or replaced, or if it has another [`Numbering`]. The caller must then read the snapshot and
    /// the journal again.
    ///
    /// Fails if the journal is damaged or is shorter than its length in `known`.
    fn extend(&self, loaded: &mut Loaded<D>, lock_state: LockState, known: &[Tip]) -> Result<bool, StorageError> {
        let Some((name, header)) = loaded.journal_header() else { return Ok(true) };
        let is_of = |tip: &&Tip| loaded.base.as_ref().is_some_and(|base| tip.snapshot == base.stamp);
        let ends = known.iter().filter(|tip| tip.journal == name).filter(is_of).map(|tip| tip.position.offset);
        let known_len = ends.max().unwrap_or(0);
        let stamp = self.disk.stat(&name).map_err(unreadable(&name))?;
        let len = stamp.map_or(0, |stamp| stamp.len);
        if len < known_len {
            return Err(damaged(&name, format!("saved changes are missing: {len} bytes are left of {known_len}")));
        }
        let Some(stamp) = stamp else { return Ok(loaded.position.offset == 0) };
        if len < loaded.position.offset || self.is_replaced(loaded, &stamp)? {
            return Ok(false);
        }
        if len == loaded.position.offset && (loaded.journal.is_some() || lock_state == LockState::Lockless) {
            return Ok(true);
        }
        let is_writable = loaded.journal.as_ref().is_some_and(|journal| journal.is_writable);
        if loaded.journal.is_none() || (lock_state == LockState::Locked && !is_writable) {
            let access = if lock_state == LockState::Locked { Access::Append } else { Access::Read };
            let file = match self.disk.open(&name, access) {
                Ok(file) => file,
                // A checkpoint removed the journal meanwhile. A reader without the lock starts
                // again.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(unreadable(&name)(error)),
            };
            loaded.journal = Some(Journal { file, reserved: 0, is_writable: lock_state == LockState::Locked });
            // The process that created the journal may have died before the journal's name was
            // durable.
            loaded.folder_is_unsynced = true;
        }
        self.read_journal(loaded, &name, &header, lock_state, known_len)
    }

    fn is_replaced(&self, loaded: &Loaded<D>, named: &Stamp) -> Result<bool, StorageError> {
        let Some(journal) = &loaded.journal else { return Ok(false) };
        let open = self.disk.stat_open(&journal.file).map_err(unreadable("the open journal"))?;
        Ok(!named.is_same_file(&open))
    }

    fn read_journal(
        &self,
        loaded: &mut Loaded<D>,
        name: &str,
        header: &Header,
        lock_state: LockState,
        known_len: u64,
    ) -> Result<bool, StorageError> {
        let Some(journal) = &loaded.journal else { return Ok(true) };
        let before = loaded.position;
        let bytes = read_to_end(&self.disk, &journal.file, before.offset).map_err(unreadable(name))?;
        if before.offset == 0 && journal::numbering(&bytes).is_some_and(|numbering| numbering != header.numbering) {
            return Ok(false);
        }
        let queue = &mut loaded.queue;
        let apply = |op: Op<'_>| op.apply_to(queue, &self.settings.base).map(drop);
        let Scan { position, tail } = journal::scan(&bytes, before, header, apply);
        loaded.position = position;
        loaded.journal_is_unsynced |= position != before;
        match tail {
            Tail::Clean => Ok(true),
            Tail::Torn if position.offset < known_len => {
                let whole = position.offset;
                Err(damaged(
                    name,
                    format!("saved changes are missing: only {whole} of {known_len} bytes are complete lines"),
                ))
            }
            Tail::Torn if lock_state == LockState::Lockless => Ok(true),
            Tail::Torn => {
                let valid = usize::try_from(position.offset - before.offset).unwrap_or(bytes.len());
                self.cut_torn_tail(loaded, name, &bytes[valid..]).map(|()| true)
            }
            Tail::Damaged { offset, detail } => Err(damaged(
                name,
                format!(
                    "{detail}, at byte {offset}, after transaction {}; everything before it is sound",
                    position.seq
                ),
            )),
        }
    }

    /// Copies an unfinished last line, then cuts it off. A line appended after it could never be
    /// read.
    fn cut_torn_tail(&self, loaded: &mut Loaded<D>, name: &str, torn: &[u8]) -> Result<(), StorageError> {
        let Some(journal) = &loaded.journal else { return Ok(()) };
        let copy = layout::torn(name, loaded.position.seq);
        let is_kept = self.keep(&copy, torn);
        self.disk.truncate(&journal.file, loaded.position.offset).map_err(classify(name))?;
        self.disk.sync_data(&journal.file).map_err(classify(name))?;
        let place = if is_kept { format!("a copy is in {copy}") } else { "no copy could be kept".into() };
        self.notice(&format!(
            "the last {} bytes of {name} were half-written, as after a crash, and were cut off; {place}",
            torn.len()
        ));
        Ok(())
    }

    /// Copies `bytes` to a new file. Returns `false` after an error, because the store must open
    /// even on a full disk.
    fn keep(&self, name: &str, bytes: &[u8]) -> bool {
        let written = self.disk.open(name, Access::Create).and_then(|file| {
            write_all(&self.disk, &file, bytes)?;
            self.disk.sync_all(&file)
        });
        written.is_ok()
    }

    /// Syncs the lines of other processes.
    ///
    /// A reply may depend on these lines. Without the sync, a power cut could remove them.
    fn sync_journal(&self, loaded: &mut Loaded<D>) -> Result<(), StorageError> {
        if let Some(journal) = loaded.journal.as_ref().filter(|_| loaded.journal_is_unsynced) {
            let name = loaded.journal_header().map_or_else(String::new, |(name, _)| name);
            self.disk.sync_data(&journal.file).map_err(classify(&name))?;
            loaded.journal_is_unsynced = false;
        }
        Ok(())
    }

    /// Removes the unused files of dead processes. Requires the lock.
    fn remove_leftovers(&self, loaded: &mut Loaded<D>) -> Result<(), StorageError> {
        let current = loaded.journal_header().map(|(name, _)| name);
        let names = self.disk.list("").map_err(unreadable("the state folder"))?;
        let stale: Vec<_> = names
            .into_iter()
            .filter(|name| layout::is_temp(name) || (layout::is_journal(name) && Some(name) != current.as_ref()))
            .collect();
        if stale.is_empty() {
            return Ok(());
        }
        // The rename that made these files useless must be durable before they are removed.
        self.sync_folder(loaded)?;
        for name in stale {
            self.remove_stale(&name, loaded.position.seq)?;
        }
        Ok(())
    }

    fn remove_stale(&self, name: &str, seq: u64) -> Result<(), StorageError> {
        let is_ahead = layout::is_journal(name) && self.last_seq_of(name)?.is_some_and(|last| last > seq);
        if !is_ahead {
            return self.disk.remove(name).map_err(classify(name));
        }
        let orphan = layout::orphan(name);
        self.disk.rename(name, &orphan).map_err(classify(name))?;
        self.notice(&format!(
            "{name} does not belong to QUEUE-STATE.json but contains newer changes; it was renamed to {orphan}"
        ));
        Ok(())
    }

    fn last_seq_of(&self, name: &str) -> Result<Option<u64>, StorageError> {
        let file = self.disk.open(name, Access::Read).map_err(unreadable(name))?;
        let bytes = read_to_end(&self.disk, &file, 0).map_err(unreadable(name))?;
        Ok(journal::last_seq(&bytes))
    }

    pub(super) fn sync_folder(&self, loaded: &mut Loaded<D>) -> Result<(), StorageError> {
        if loaded.folder_is_unsynced {
            self.disk.sync_folder().map_err(classify(""))?;
            loaded.folder_is_unsynced = false;
        }
        Ok(())
    }
}

impl<D: Disk> Loaded<D> {
    /// Returns the state of a store without files. The folder counts as unsynced, because other
    /// processes may have changed names in it.
    pub(super) fn empty() -> Self {
        Self {
            queue: FileQueue::new(),
            extra: Extra::default(),
            base: None,
            journal: None,
            position: Position { offset: 0, seq: 0, chain: 0 },
            durable: Position { offset: 0, seq: 0, chain: 0 },
            folder_is_unsynced: true,
            journal_is_unsynced: false,
        }
    }

    pub(super) fn identity(&self) -> Option<&StoreIdentity> {
        self.base.as_ref()?.store.as_ref()
    }

    pub(super) fn durable_end(&self) -> Option<Tip> {
        let (journal, header) = self.journal_header()?;
        let snapshot = self.base.as_ref()?.stamp;
        Some(Tip { snapshot, journal, header, position: self.durable })
    }

    /// Fails if the snapshot of `before` is missing, or if the same store lacks durable
    /// transactions of `before`.
    fn refuse_older_than(&self, before: &Self) -> Result<(), StorageError> {
        let store = |loaded: &Self| loaded.identity().map(|store| store.id.clone());
        let is_missing = before.base.is_some() && self.base.is_none();
        let is_older = store(self) == store(before) && self.position.seq < before.durable.seq;
        if !is_missing && !is_older {
            return Ok(());
        }
        let (found, known) = (self.position.seq, before.durable.seq);
        let what = if is_missing { "it is missing" } else { "an older file was put in its place" };
        Err(damaged(SNAPSHOT, format!("{what}: {found} of {known} transactions are left")))
    }

    pub(super) fn journal_header(&self) -> Option<(String, Header)> {
        let base = self.base.as_ref()?;
        let store = base.store.as_ref()?;
        let header = Header {
            store: store.id.clone(),
            generation: store.generation,
            seq: store.seq,
            snapshot_len: base.sum.len,
            snapshot_crc: base.sum.crc,
            numbering: base.numbering,
        };
        Some((store.journal.clone(), header))
    }
}

impl From<StoreSection> for StoreIdentity {
    fn from(section: StoreSection) -> Self {
        let StoreSection { id, generation, seq, journal, .. } = section;
        Self { id, generation, seq, journal }
    }
}
