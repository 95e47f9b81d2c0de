//! Everything that can be read of a store, sound or not.

use std::path::Path;

use autoproc_domain::event::Event;
use autoproc_domain::ports::StorageError;
use autoproc_domain::{FileQueue, ItemId};

use super::{Choice, Damage, Examination, Prospect, Tally, salvage};
use crate::disk::{Access, Disk, read_to_end};
use crate::engine::Replacement;
use crate::error::unreadable;
use crate::journal::{self, Header, Position, Scan, Stray, Strays, Tail};
use crate::layout::{self, SNAPSHOT};
use crate::snapshot::{self, Extra, Fingerprint, Snapshot, StoreSection};

/// A store, as far as it can be read.
pub(super) struct Found {
    damage: Vec<Damage>,
    notices: Vec<String>,
    kept_aside: Vec<String>,
    /// The snapshot; what is left of it where it is damaged.
    snapshot: FileQueue,
    snapshot_is_whole: bool,
    /// Whether anything of it could be read.
    has_remains: bool,
    extra: Extra,
    store: Option<StoreSection>,
    print: Fingerprint,
    /// The snapshot and the valid lines of its journal.
    prefix: FileQueue,
    /// What these lines say.
    prefix_tally: Tally,
    /// The number of the last transaction in the prefix.
    seq: u64,
    strays: Vec<Stray>,
    unreadable_bytes: u64,
    /// Everything behind the damage, readable or not.
    lost_bytes: u64,
    half_written_bytes: u64,
}

impl Found {
    /// Reads what there is. `verdict` is what the store says when it is opened: what it refuses is damaged.
    ///
    /// # Errors
    /// [`StorageError`] where the system fails at reading, or a newer version wrote it.
    pub(super) fn read<D: Disk>(
        disk: &D,
        base: &Path,
        verdict: Result<(), StorageError>,
    ) -> Result<Self, StorageError> {
        let refused = match verdict {
            Ok(()) => None,
            Err(StorageError::Damaged { place, detail }) => Some(Damage { place, detail }),
            Err(error) => return Err(error),
        };
        let mut found = Self::nothing();
        let is_refused = refused.as_ref().is_some_and(|damage| damage.place == SNAPSHOT);
        found.read_snapshot(disk, base, refused.filter(|_| is_refused))?;
        let names = disk.list("").map_err(unreadable("the state folder"))?;
        // A name that no journal of ours can have is part of the damage.
        let written =
            found.store.as_ref().map(|store| store.journal.clone()).filter(|name| layout::is_journal_name(name));
        let journal = written.or_else(|| found.likeliest(&names));
        if let Some(name) = journal {
            found.read_journal(disk, &name, base)?;
        }
        found.kept_aside = names.into_iter().filter(|name| layout::is_kept_aside(name)).collect();
        found.kept_aside.sort();
        Ok(found)
    }

    /// What to tell of it.
    pub(super) fn examination(&self) -> Examination {
        let is_sound = self.damage.is_empty();
        let outcomes = Choice::ALL.into_iter().filter(|_| !is_sound).filter_map(|choice| self.outcome(choice));
        Examination {
            damage: self.damage.clone(),
            counts: is_sound.then(|| self.prefix.counts()),
            prospects: outcomes.map(|(prospect, _)| prospect).collect(),
            half_written_bytes: self.half_written_bytes,
            notices: self.notices.clone(),
            kept_aside: self.kept_aside.clone(),
        }
    }

    /// What a choice leads to; `None` where it cannot be made.
    pub(super) fn outcome(&self, choice: Choice) -> Option<(Prospect, Replacement)> {
        let is_possible = match choice {
            Choice::Truncate | Choice::UseSnapshot => self.snapshot_is_whole,
            Choice::Salvage => self.has_remains || !self.strays.is_empty(),
        };
        is_possible.then(|| {
            let (queue, keeps, loses) = match choice {
                Choice::Truncate => (self.above(&self.prefix), Tally::default(), self.stray_tally()),
                Choice::UseSnapshot => {
                    (self.above(&self.snapshot), Tally::default(), sum(self.prefix_tally, self.stray_tally()))
                }
                Choice::Salvage => self.salvaged(),
            };
            let counts = queue.counts();
            let prospect = Prospect { choice, counts, keeps, loses, unreadable_bytes: self.unreadable_bytes };
            (prospect, self.replacement(queue))
        })
    }

    fn nothing() -> Self {
        Self {
            damage: Vec::new(),
            notices: Vec::new(),
            kept_aside: Vec::new(),
            snapshot: FileQueue::new(),
            snapshot_is_whole: true,
            has_remains: false,
            extra: Extra::default(),
            store: None,
            print: Fingerprint::default(),
            prefix: FileQueue::new(),
            prefix_tally: Tally::default(),
            seq: 0,
            strays: Vec::new(),
            unreadable_bytes: 0,
            lost_bytes: 0,
            half_written_bytes: 0,
        }
    }

    fn read_snapshot<D: Disk>(&mut self, disk: &D, base: &Path, refused: Option<Damage>) -> Result<(), StorageError> {
        let file = match disk.open(SNAPSHOT, Access::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(SNAPSHOT)(error)),
        };
        let damage = match (snapshot::read(disk, &file, base), refused) {
            (Ok(snapshot), None) => {
                self.take_snapshot(snapshot);
                return Ok(());
            }
            (Ok(_), Some(damage)) => damage,
            (Err(StorageError::Damaged { place, detail }), _) => Damage { place, detail },
            (Err(error), _) => return Err(error),
        };
        self.damage.push(damage);
        self.take_remains(disk, &file, base)
    }

    fn take_remains<D: Disk>(&mut self, disk: &D, file: &D::File, base: &Path) -> Result<(), StorageError> {
        self.snapshot_is_whole = false;
        let stamp = disk.stat_open(file).map_err(unreadable(SNAPSHOT))?;
        let bytes = read_to_end(disk, file, 0).map_err(unreadable(SNAPSHOT))?;
        self.lost_bytes = bytes.len() as u64;
        self.unreadable_bytes = self.lost_bytes;
        if let Some(remains) = snapshot::remains(&bytes, base, stamp)? {
            self.notices.push(format!("{} lines of {SNAPSHOT} cannot be read", remains.lost_lines));
            self.unreadable_bytes = remains.lost_bytes;
            self.take_snapshot(remains.snapshot);
        }
        Ok(())
    }

    fn take_snapshot(&mut self, snapshot: Snapshot) {
        self.has_remains = true;
        self.prefix = snapshot.queue.clone();
        self.snapshot = snapshot.queue;
        self.extra = snapshot.extra;
        self.seq = snapshot.store.as_ref().map_or(0, |store| store.seq);
        self.store = snapshot.store;
        self.print = snapshot.print;
        self.notices.extend(snapshot.notices);
    }

    /// The journal of a damaged snapshot that no longer says its name: the one of the latest generation.
    fn likeliest(&self, names: &[String]) -> Option<String> {
        let journals = names.iter().filter(|name| !self.snapshot_is_whole && layout::is_journal(name));
        journals.max_by_key(|name| layout::generation_of(name)).cloned()
    }

    fn read_journal<D: Disk>(&mut self, disk: &D, name: &str, base: &Path) -> Result<(), StorageError> {
        let file = match disk.open(name, Access::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(name)(error)),
        };
        let bytes = read_to_end(disk, &file, 0).map_err(unreadable(name))?;
        let mut valid = 0;
        if let Some(header) = self.header() {
            let scan = self.scan(&bytes, &header, base);
            valid = usize::try_from(scan.position.offset).unwrap_or(bytes.len());
            match scan.tail {
                Tail::Clean => return Ok(()),
                Tail::Torn => {
                    self.half_written_bytes = (bytes.len() - valid) as u64;
                    return Ok(());
                }
                Tail::Damaged { offset, what } => {
                    let detail = format!("{what}, at byte {offset}, after transaction {}", scan.position.seq);
                    self.damage.push(Damage { place: name.to_owned(), detail });
                }
            }
        }
        let lost = (bytes.len() - valid) as u64;
        self.lost_bytes += lost;
        self.take_strays(journal::strays(&bytes[valid..], base), lost);
        Ok(())
    }

    /// The header that the journal of a whole snapshot begins with.
    fn header(&self) -> Option<Header> {
        let store = self.store.as_ref().filter(|_| self.snapshot_is_whole)?;
        Some(Header {
            store: store.id.clone(),
            generation: store.generation,
            seq: store.seq,
            snapshot_len: self.print.len,
            snapshot_crc: self.print.crc,
        })
    }

    /// Takes in the valid lines.
    fn scan(&mut self, bytes: &[u8], header: &Header, base: &Path) -> Scan {
        let (queue, tally) = (&mut self.prefix, &mut self.prefix_tally);
        let take = |event: &Event| {
            queue.apply(event);
            tally.count(event);
        };
        let scan = journal::scan(bytes, Position { offset: 0, seq: header.seq, chain: 0 }, header, base, take);
        self.seq = scan.position.seq;
        scan
    }

    /// Lines of another store's journal say nothing about this one.
    fn take_strays(&mut self, strays: Strays, lost: u64) {
        let ours = self.store.as_ref().map(|store| store.id.as_str());
        let is_foreign =
            |stray: &Stray| stray.store.as_deref().is_some_and(|theirs| ours.is_some_and(|ours| ours != theirs));
        if strays.lines.iter().any(is_foreign) {
            self.unreadable_bytes += lost;
            return;
        }
        self.unreadable_bytes += strays.unreadable_bytes;
        self.strays = strays.lines;
    }

    fn salvaged(&self) -> (FileQueue, Tally, Tally) {
        // Numbers that a person gave out anew, by editing, are none that the journal can mean.
        let given = self.store.as_ref().filter(|_| self.prefix_tally.total() == 0);
        let known_below =
            given.map_or(self.prefix.next_id(), |store| ItemId::new(store.next_id).min(self.prefix.next_id()));
        let mut queue = self.above(&self.prefix);
        let (keeps, loses) = salvage::apply(&mut queue, known_below, self.seq, &self.strays);
        (queue, keeps, loses)
    }

    fn above(&self, queue: &FileQueue) -> FileQueue {
        salvage::numbered_above(queue, self.lost_bytes)
    }

    fn stray_tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.strays.iter().flat_map(|stray| &stray.events).for_each(|event| tally.count(event));
        tally
    }

    fn replacement(&self, queue: FileQueue) -> Replacement {
        let seq = self.strays.iter().map(|stray| stray.seq).fold(self.seq, u64::max);
        Replacement { queue, extra: self.extra.clone(), store: self.store.clone(), seq }
    }
}

fn sum(a: Tally, b: Tally) -> Tally {
    Tally { additions: a.additions + b.additions, results: a.results + b.results, others: a.others + b.others }
}
