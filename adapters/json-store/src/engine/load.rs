//! Catching up with the disk: what is loaded is kept while it is true, extended where others appended, and read afresh
//! where the snapshot is another one.

use autoproc_domain::event::Event;
use autoproc_domain::ports::StorageError;

use crate::disk::{Access, Disk, read_to_end, write_all};
use crate::engine::{Base, Engine, Hold, Journal, Loaded, StoreIdentity, plausible};
use crate::error::{classify, damaged, unreadable};
use crate::journal::{self, Header, Position, Scan, Tail};
use crate::layout::{self, SNAPSHOT};
use crate::mistake::{Mistake, made};
use crate::snapshot::{self, Snapshot, StoreSection};

/// How often a reader without the lock starts over when a checkpoint moves the files under it. Checkpoints are rare; two
/// in the time of one read are an accident, ten are none.
const LOCKLESS_TRIES: usize = 10;

impl<D: Disk> Engine<D> {
    /// Brings what is loaded up to date.
    pub(super) fn refresh(&mut self, hold: Hold) -> Result<&mut Loaded<D>, StorageError> {
        let loaded = match hold {
            Hold::Locked => {
                let mut loaded = self.caught_up(hold)?;
                self.make_durable(&mut loaded)?;
                loaded
            }
            Hold::Lockless => self.caught_up_without_lock()?,
        };
        Ok(self.loaded.insert(loaded))
    }

    fn caught_up_without_lock(&mut self) -> Result<Loaded<D>, StorageError> {
        let mut last = None;
        for _ in 0..LOCKLESS_TRIES {
            match self.caught_up(Hold::Lockless) {
                Ok(loaded) if self.is_current(&loaded)? => return Ok(loaded),
                Ok(_) => {}
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| damaged(SNAPSHOT, "it is replaced faster than it can be read")))
    }

    /// Whether the snapshot is still the one that was read; else its journal may have been retired in the meantime.
    fn is_current(&self, loaded: &Loaded<D>) -> Result<bool, StorageError> {
        if made(Mistake::NewSnapshotUnnoticed) {
            return Ok(true);
        }
        let stamp = self.disk.stat(SNAPSHOT).map_err(unreadable(SNAPSHOT))?;
        Ok(stamp == loaded.base.as_ref().map(|base| base.stamp))
    }

    /// Whether the files are as long and as old as when they were read. What cannot be told counts as changed.
    pub(super) fn has_seen_all(&self, loaded: &Loaded<D>) -> bool {
        let journal_len = match loaded.journal_header() {
            Some((name, _)) => self.disk.stat(&name).map(|stamp| stamp.map_or(0, |stamp| stamp.len)),
            None => Ok(0),
        };
        let is_current = self.is_current(loaded).unwrap_or(false);
        is_current && journal_len.is_ok_and(|len| len == loaded.position.offset)
    }

    fn caught_up(&mut self, hold: Hold) -> Result<Loaded<D>, StorageError> {
        if let Some(mut loaded) = self.loaded.take()
            && self.is_current(&loaded)?
            && self.extend(&mut loaded, hold)?
        {
            return Ok(loaded);
        }
        self.load(hold)
    }

    /// Reads everything afresh.
    fn load(&self, hold: Hold) -> Result<Loaded<D>, StorageError> {
        let mut loaded = match self.disk.open(SNAPSHOT, Access::Read) {
            Ok(file) => self.load_snapshot(&file)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Loaded::empty(),
            Err(error) => return Err(unreadable(SNAPSHOT)(error)),
        };
        self.extend(&mut loaded, hold)?;
        if hold == Hold::Locked {
            self.clear_away(&mut loaded)?;
        }
        Ok(loaded)
    }

    fn load_snapshot(&self, file: &D::File) -> Result<Loaded<D>, StorageError> {
        let snapshot = snapshot::read(&self.disk, file, &self.settings.base)?;
        plausible::check(&snapshot)?;
        let Snapshot { queue, extra, store, stamp, print, notices } = snapshot;
        for notice in notices {
            self.notice(&notice);
        }
        let seq = store.as_ref().map_or(0, |store| store.seq);
        let base = Base { stamp, print, store: store.map(StoreIdentity::from) };
        Ok(Loaded {
            queue,
            extra,
            base: Some(base),
            journal: None,
            position: Position { offset: 0, seq, chain: 0 },
            folder_is_unsynced: !made(Mistake::NamesOfOthersTrusted),
            journal_is_unsynced: false,
        })
    }

    /// Takes in what the journal holds beyond what was read of it; says no where what was read is no longer a part of it.
    fn extend(&self, loaded: &mut Loaded<D>, hold: Hold) -> Result<bool, StorageError> {
        let Some((name, header)) = loaded.journal_header() else { return Ok(true) };
        let Some(stamp) = self.disk.stat(&name).map_err(unreadable(&name))? else {
            return Ok(loaded.position.offset == 0);
        };
        if stamp.len < loaded.position.offset {
            return Ok(false);
        }
        if stamp.len == loaded.position.offset && (loaded.journal.is_some() || hold == Hold::Lockless) {
            return Ok(true);
        }
        let is_writable = loaded.journal.as_ref().is_some_and(|journal| journal.is_writable);
        if loaded.journal.is_none() || (hold == Hold::Locked && !is_writable) {
            let access = if hold == Hold::Locked { Access::Append } else { Access::Read };
            let file = match self.disk.open(&name, access) {
                Ok(file) => file,
                // A checkpoint has retired it since; whoever reads without the lock starts over.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(unreadable(&name)(error)),
            };
            loaded.journal = Some(Journal { file, reserved: 0, is_writable: hold == Hold::Locked });
            // Whoever created it may have died, or failed, before its name was durable.
            loaded.folder_is_unsynced = !made(Mistake::NamesOfOthersTrusted);
        }
        self.read_journal(loaded, &name, &header, hold)?;
        Ok(true)
    }

    fn read_journal(
        &self,
        loaded: &mut Loaded<D>,
        name: &str,
        header: &Header,
        hold: Hold,
    ) -> Result<(), StorageError> {
        let Some(journal) = &loaded.journal else { return Ok(()) };
        let before = loaded.position;
        let bytes = read_to_end(&self.disk, &journal.file, before.offset).map_err(unreadable(name))?;
        let queue = &mut loaded.queue;
        let take = |event: &Event| queue.apply(event);
        let Scan { position, tail } = journal::scan(&bytes, before, header, &self.settings.base, take);
        loaded.position = position;
        loaded.journal_is_unsynced |= position != before;
        match tail {
            Tail::Clean => Ok(()),
            Tail::Torn if hold == Hold::Lockless => Ok(()),
            Tail::Torn => {
                let valid = usize::try_from(position.offset - before.offset).unwrap_or(bytes.len());
                self.cut_torn_tail(loaded, name, &bytes[valid..])
            }
            Tail::Damaged { offset, what } => Err(damaged(
                name,
                format!("{what}, at byte {offset}, after transaction {}; everything before it is sound", position.seq),
            )),
        }
    }

    /// Keeps a copy of a torn tail, then cuts it off: whatever is appended after it could never be read again.
    fn cut_torn_tail(&self, loaded: &mut Loaded<D>, name: &str, torn: &[u8]) -> Result<(), StorageError> {
        let Some(journal) = loaded.journal.as_ref().filter(|_| !made(Mistake::TornTailLeft)) else { return Ok(()) };
        let copy = layout::torn(name, loaded.position.seq);
        let kept = self.keep(&copy, torn);
        self.disk.truncate(&journal.file, loaded.position.offset).map_err(classify(name))?;
        self.disk.sync_data(&journal.file).map_err(classify(name))?;
        let where_to = if kept { format!("a copy is in {copy}") } else { "no copy could be kept".into() };
        self.notice(&format!(
            "the last {} bytes of {name} were half-written, as after a crash, and were cut off; {where_to}",
            torn.len()
        ));
        Ok(())
    }

    /// Keeps bytes under a name that is not taken; says whether that worked. A full disk must not keep a queue shut.
    fn keep(&self, name: &str, bytes: &[u8]) -> bool {
        let written = self.disk.open(name, Access::Create).and_then(|file| {
            write_all(&self.disk, &file, bytes)?;
            self.disk.sync_all(&file)
        });
        written.is_ok()
    }

    /// Syncs what others may have left unsynced. Their change could otherwise be lost *after* ours that builds on it was
    /// acknowledged, or an answer be given that a power cut takes back.
    fn make_durable(&self, loaded: &mut Loaded<D>) -> Result<(), StorageError> {
        let is_unsynced = loaded.journal_is_unsynced && !made(Mistake::RecordsOfOthersTrusted);
        if let Some(journal) = loaded.journal.as_ref().filter(|_| is_unsynced) {
            let name = loaded.journal_header().map_or_else(String::new, |(name, _)| name);
            self.disk.sync_data(&journal.file).map_err(classify(&name))?;
            loaded.journal_is_unsynced = false;
        }
        Ok(())
    }

    /// Removes what dead processes left, under the lock: snapshots in the making, and journals that the snapshot has in it.
    fn clear_away(&self, loaded: &mut Loaded<D>) -> Result<(), StorageError> {
        let ours = loaded.journal_header().map(|(name, _)| name);
        let names = self.disk.list("").map_err(unreadable("the state folder"))?;
        let stale: Vec<_> = names
            .into_iter()
            .filter(|name| layout::is_temp(name) || (layout::is_journal(name) && Some(name) != ours.as_ref()))
            .collect();
        if stale.is_empty() {
            return Ok(());
        }
        // A removal must not become durable before the rename that made the file stale.
        if !made(Mistake::ClearedAwayEarly) {
            self.sync_folder(loaded)?;
        }
        for name in stale {
            self.put_away(&name, loaded.position.seq)?;
        }
        Ok(())
    }

    /// Removes a stale file, or keeps it under another name where it holds more than the state does.
    fn put_away(&self, name: &str, seq: u64) -> Result<(), StorageError> {
        let holds_more = layout::is_journal(name) && self.last_seq_of(name)?.is_some_and(|last| last > seq);
        if !holds_more {
            return self.disk.remove(name).map_err(classify(name));
        }
        let orphan = layout::orphan(name);
        self.disk.rename(name, &orphan).map_err(classify(name))?;
        self.notice(&format!("{name} belongs to no snapshot and holds later changes; it is kept as {orphan}"));
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
    fn empty() -> Self {
        Self {
            queue: autoproc_domain::FileQueue::new(),
            extra: snapshot::Extra::default(),
            base: None,
            journal: None,
            position: Position { offset: 0, seq: 0, chain: 0 },
            folder_is_unsynced: true,
            journal_is_unsynced: false,
        }
    }

    /// The journal's name and first line, where there is a snapshot that names one.
    pub(super) fn journal_header(&self) -> Option<(String, Header)> {
        let base = self.base.as_ref()?;
        let store = base.store.as_ref()?;
        let header = Header {
            store: store.id.clone(),
            generation: store.generation,
            seq: store.seq,
            snapshot_len: base.print.len,
            snapshot_crc: base.print.crc,
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
