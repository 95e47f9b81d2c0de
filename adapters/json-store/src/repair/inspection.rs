//! Reads a store, intact or damaged, and determines the possible repairs.

use std::path::Path;

use autoproc_domain::ports::StorageError;
use autoproc_domain::{FileQueue, ItemId};

use super::{ChangeCounts, Damage, Examination, RepairMethod, RepairPlan, replay};
use crate::disk::{Access, Disk, read_to_end};
use crate::engine::Replacement;
use crate::error::unreadable;
use crate::journal::{self, Header, Position, Salvage, SalvagedLine, Scan, Tail};
use crate::layout::{self, SNAPSHOT};
use crate::lock::StoreLock;
use crate::ops::Op;
use crate::snapshot::{self, Extra, Numbering, Snapshot, SnapshotSum, StoreSection};

pub(super) struct Inspection {
    damage: Vec<Damage>,
    notices: Vec<String>,
    kept_aside: Vec<String>,
    /// The snapshot, or its readable part.
    snapshot: FileQueue,
    snapshot_is_whole: bool,
    has_snapshot: bool,
    extra: Extra,
    store: Option<StoreSection>,
    sum: SnapshotSum,
    numbering: Numbering,
    /// The queue from the snapshot and the valid lines of the journal.
    prefix: FileQueue,
    prefix_changes: ChangeCounts,
    seq: u64,
    /// The last transaction number in the lock file. 0 if the journal reaches that number.
    noted_seq: u64,
    salvaged: Vec<SalvagedLine>,
    unreadable_bytes: u64,
    /// The number of bytes, readable or not, that may have assigned unknown ids or claim numbers.
    lost_bytes: u64,
    half_written_bytes: u64,
    rescued: Option<Snapshot>,
}

impl Inspection {
    /// Reads the files. `opened` is the result of opening the store.
    ///
    /// # Errors
    /// [`StorageError`] if reading fails, or if a later version wrote the store.
    pub(super) fn read<D: Disk>(disk: &D, base: &Path, opened: Result<(), StorageError>) -> Result<Self, StorageError> {
        let refused = match opened {
            Ok(()) => None,
            Err(StorageError::Damaged { place, detail }) => Some(Damage { file: place, detail }),
            Err(error) => return Err(error),
        };
        let mut inspection = Self::empty();
        let is_refused = refused.as_ref().is_some_and(|damage| damage.file == SNAPSHOT);
        inspection.read_snapshot(disk, base, refused.clone().filter(|_| is_refused))?;
        let names = disk.list("").map_err(unreadable("the state folder"))?;
        // If the snapshot contains an invalid journal name, this is part of the damage.
        let written = inspection.store.as_ref().map(|store| store.journal.clone());
        let journal =
            written.filter(|name| layout::is_journal_name(name)).or_else(|| inspection.latest_journal(&names));
        if let Some(name) = journal {
            inspection.read_journal(disk, &name, base)?;
            inspection.add_noted_loss(disk, &name)?;
        }
        if inspection.damage.is_empty()
            && let Some(refused) = refused
        {
            // Acknowledged changes are missing. The unfinished last line may belong to one of them,
            // so its bytes count as unreadable.
            inspection.unreadable_bytes += std::mem::take(&mut inspection.half_written_bytes);
            inspection.damage.push(refused);
        }
        inspection.rescued = inspection.latest_rescued(disk, base, &names);
        inspection.kept_aside = names.into_iter().filter(|name| layout::is_kept_aside(name)).collect();
        inspection.kept_aside.sort();
        Ok(inspection)
    }

    pub(super) fn examination(&self) -> Examination {
        let is_sound = self.damage.is_empty();
        let repairs = RepairMethod::ALL.into_iter().filter(|_| !is_sound).filter_map(|method| self.repair(method));
        Examination {
            damage: self.damage.clone(),
            counts: is_sound.then(|| self.prefix.counts()),
            plans: repairs.map(|(plan, _)| plan).collect(),
            half_written_bytes: self.half_written_bytes,
            notices: self.notices.clone(),
            kept_aside: self.kept_aside.clone(),
        }
    }

    /// Returns the plan and the result of a repair if `method` is possible.
    pub(super) fn repair(&self, method: RepairMethod) -> Option<(RepairPlan, Replacement)> {
        let is_possible = match method {
            RepairMethod::Truncate | RepairMethod::UseSnapshot => self.snapshot_is_whole,
            RepairMethod::Salvage => self.has_snapshot || !self.salvaged.is_empty(),
            RepairMethod::UseRescued => return self.rescued_repair(),
        };
        is_possible.then(|| {
            let none = ChangeCounts::default();
            let (queue, keeps, loses) = match method {
                RepairMethod::Truncate => (self.renumbered(&self.prefix), none, self.salvaged_changes()),
                RepairMethod::UseSnapshot => {
                    (self.renumbered(&self.snapshot), none, self.prefix_changes + self.salvaged_changes())
                }
                RepairMethod::Salvage | RepairMethod::UseRescued => self.replayed(),
            };
            let counts = queue.counts();
            let missing_transactions = self.known_seq().saturating_sub(self.readable_seq());
            let unreadable_bytes = self.unreadable_bytes;
            let plan = RepairPlan { method, counts, keeps, loses, unreadable_bytes, missing_transactions };
            (plan, self.replacement(queue))
        })
    }

    fn rescued_repair(&self) -> Option<(RepairPlan, Replacement)> {
        let rescued = self.rescued.as_ref()?;
        let queue = self.renumbered(&rescued.queue);
        let (none, counts) = (ChangeCounts::default(), queue.counts());
        let method = RepairMethod::UseRescued;
        let missing_transactions = self.known_seq().saturating_sub(seq_of(rescued));
        let plan = RepairPlan { method, counts, keeps: none, loses: none, unreadable_bytes: 0, missing_transactions };
        let mut replacement = self.replacement(queue);
        replacement.extra = rescued.extra.clone();
        replacement.store = replacement.store.or_else(|| rescued.store.clone());
        Some((plan, replacement))
    }

    fn empty() -> Self {
        Self {
            damage: Vec::new(),
            notices: Vec::new(),
            kept_aside: Vec::new(),
            snapshot: FileQueue::new(),
            snapshot_is_whole: true,
            has_snapshot: false,
            extra: Extra::default(),
            store: None,
            sum: SnapshotSum::default(),
            numbering: Numbering::Kept,
            prefix: FileQueue::new(),
            prefix_changes: ChangeCounts::default(),
            seq: 0,
            noted_seq: 0,
            salvaged: Vec::new(),
            unreadable_bytes: 0,
            lost_bytes: 0,
            half_written_bytes: 0,
            rescued: None,
        }
    }

    fn read_snapshot<D: Disk>(&mut self, disk: &D, base: &Path, refused: Option<Damage>) -> Result<(), StorageError> {
        let file = match disk.open(SNAPSHOT, Access::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.snapshot_is_whole = refused.is_none();
                self.damage.extend(refused);
                return Ok(());
            }
            Err(error) => return Err(unreadable(SNAPSHOT)(error)),
        };
        let damage = match (snapshot::read(disk, &file, base, Numbering::Kept), refused) {
            (Ok(snapshot), None) => {
                self.numbering = numbering(disk, &snapshot);
                let snapshot = match self.numbering {
                    Numbering::Kept => snapshot,
                    Numbering::Version1 => snapshot::read(disk, &file, base, Numbering::Version1)?,
                };
                self.add_snapshot(snapshot);
                return Ok(());
            }
            (Ok(_), Some(damage)) => damage,
            (Err(StorageError::Damaged { place, detail }), _) => Damage { file: place, detail },
            (Err(error), _) => return Err(error),
        };
        self.damage.push(damage);
        self.salvage_snapshot(disk, &file, base)
    }

    fn salvage_snapshot<D: Disk>(&mut self, disk: &D, file: &D::File, base: &Path) -> Result<(), StorageError> {
        self.snapshot_is_whole = false;
        let stamp = disk.stat_open(file).map_err(unreadable(SNAPSHOT))?;
        let bytes = read_to_end(disk, file, 0).map_err(unreadable(SNAPSHOT))?;
        self.lost_bytes = bytes.len() as u64;
        self.unreadable_bytes = self.lost_bytes;
        if let Some(salvaged) = snapshot::salvage(&bytes, base, stamp)? {
            self.notices.extend(match salvaged.lost_lines {
                0 => None,
                1 => Some(format!("1 line of {SNAPSHOT} cannot be read")),
                lines => Some(format!("{lines} lines of {SNAPSHOT} cannot be read")),
            });
            self.unreadable_bytes = salvaged.lost_bytes;
            self.add_snapshot(salvaged.snapshot);
        }
        Ok(())
    }

    fn add_snapshot(&mut self, snapshot: Snapshot) {
        self.has_snapshot = true;
        self.prefix = snapshot.queue.clone();
        self.snapshot = snapshot.queue;
        self.extra = snapshot.extra;
        self.seq = snapshot.store.as_ref().map_or(0, |store| store.seq);
        self.store = snapshot.store;
        self.sum = snapshot.sum;
        self.notices.extend(snapshot.notices);
    }

    /// If the snapshot is damaged, returns the journal with the highest generation number.
    ///
    /// A damaged snapshot may not name its journal.
    fn latest_journal(&self, names: &[String]) -> Option<String> {
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
                Tail::Damaged { offset, detail } => {
                    let detail = format!("{detail}, at byte {offset}, after transaction {}", scan.position.seq);
                    self.damage.push(Damage { file: name.to_owned(), detail });
                }
            }
        }
        let lost = (bytes.len() - valid) as u64;
        self.lost_bytes += lost;
        self.add_salvage(journal::salvage(&bytes[valid..], base), lost);
        Ok(())
    }

    /// Records the loss of transactions that the lock file proves.
    ///
    /// Their numbers must not be assigned again.
    fn add_noted_loss<D: Disk>(&mut self, disk: &D, journal: &str) -> Result<(), StorageError> {
        let noted = StoreLock::open_existing(disk)?.and_then(|lock| lock.tip(disk));
        if let Some(tip) = noted.filter(|tip| tip.journal == journal && tip.position.seq > self.seq) {
            self.noted_seq = tip.position.seq;
            self.lost_bytes += tip.position.offset;
        }
        Ok(())
    }

    /// Returns the rescued queue with the most transactions, if it is newer than the other files.
    fn latest_rescued<D: Disk>(&self, disk: &D, base: &Path, names: &[String]) -> Option<Snapshot> {
        let files = names.iter().filter(|name| layout::is_rescued(name));
        let files = files.filter_map(|name| disk.open(name, Access::Read).ok());
        let rescued = files.filter_map(|file| snapshot::read(disk, &file, base, Numbering::Kept).ok());
        let id = |store: &Option<StoreSection>| store.as_ref().map(|store| store.id.clone());
        let own = rescued.filter(|rescued| self.store.is_none() || id(&rescued.store) == id(&self.store));
        own.filter(|rescued| seq_of(rescued) > self.readable_seq()).max_by_key(seq_of)
    }

    /// Returns the number of the last readable transaction.
    fn readable_seq(&self) -> u64 {
        self.salvaged.iter().map(|line| line.seq).fold(self.seq, u64::max)
    }

    /// Returns the number of the last transaction that is known to have been acknowledged.
    fn known_seq(&self) -> u64 {
        let rescued = self.rescued.as_ref().map_or(0, seq_of);
        self.readable_seq().max(self.noted_seq).max(rescued)
    }

    fn header(&self) -> Option<Header> {
        let store = self.store.as_ref().filter(|_| self.snapshot_is_whole)?;
        Some(Header {
            store: store.id.clone(),
            generation: store.generation,
            seq: store.seq,
            snapshot_len: self.sum.len,
            snapshot_crc: self.sum.crc,
            numbering: self.numbering,
        })
    }

    fn scan(&mut self, bytes: &[u8], header: &Header, base: &Path) -> Scan {
        let (queue, changes) = (&mut self.prefix, &mut self.prefix_changes);
        let apply = |op: Op<'_>| {
            changes.count(&op.apply_to(queue, base)?);
            Ok(())
        };
        let scan = journal::scan(bytes, Position { offset: 0, seq: header.seq, chain: 0 }, header, apply);
        self.seq = scan.position.seq;
        scan
    }

    /// Adds the readable lines, unless a line belongs to another store.
    fn add_salvage(&mut self, salvage: Salvage, lost: u64) {
        let own = self.store.as_ref().map(|store| store.id.as_str());
        let is_foreign = |line: &SalvagedLine| line.store.as_deref().is_some_and(|id| own.is_some_and(|own| own != id));
        if salvage.lines.iter().any(is_foreign) {
            self.unreadable_bytes += lost;
            return;
        }
        self.unreadable_bytes += salvage.unreadable_bytes;
        self.salvaged = salvage.lines;
    }

    fn replayed(&self) -> (FileQueue, ChangeCounts, ChangeCounts) {
        // If a user has added items to the snapshot, the journal may use their numbers for other
        // items. The events in the journal are not applied to such items.
        let given = self.store.as_ref().filter(|_| self.prefix_changes.total() == 0);
        let next = self.prefix.next_number();
        let known_below = ItemId::new(given.map_or(next, |store| store.next_id.min(next)));
        let mut queue = self.renumbered(&self.prefix);
        let (keeps, loses) = replay::replay(&mut queue, known_below, self.seq, &self.salvaged);
        (queue, keeps, loses)
    }

    fn renumbered(&self, queue: &FileQueue) -> FileQueue {
        replay::numbered_above(queue, self.lost_bytes)
    }

    fn salvaged_changes(&self) -> ChangeCounts {
        let mut changes = ChangeCounts::default();
        self.salvaged.iter().flat_map(|line| &line.events).for_each(|event| changes.count(event));
        changes
    }

    fn replacement(&self, queue: FileQueue) -> Replacement {
        // A rescued queue that stays after the repair must not seem newer than the repaired queue.
        Replacement { queue, extra: self.extra.clone(), store: self.store.clone(), seq: self.known_seq() }
    }
}

fn seq_of(snapshot: &Snapshot) -> u64 {
    snapshot.store.as_ref().map_or(0, |store| store.seq)
}

fn numbering<D: Disk>(disk: &D, snapshot: &Snapshot) -> Numbering {
    let journal =
        snapshot.store.as_ref().map(|store| store.journal.as_str()).filter(|name| layout::is_journal_name(name));
    let file = journal.and_then(|name| disk.open(name, Access::Read).ok());
    let bytes = file.and_then(|file| read_to_end(disk, &file, 0).ok()).unwrap_or_default();
    journal::numbering(&bytes).unwrap_or(Numbering::Kept)
}
