//! Saves the queue of a running process if the files of the store become damaged.

use autoproc_domain::RunId;
use autoproc_domain::event::Event;
use autoproc_domain::ports::StorageError;

use crate::disk::{Access, Disk};
use crate::engine::{Engine, Loaded};
use crate::error::damaged;
use crate::layout;
use crate::request::{Change, Target};
use crate::snapshot;

/// The contents that were read before the files were damaged.
///
/// The engine writes them to a separate file for a repair. It makes no more changes to the damaged
/// files.
pub(super) struct Outlived<D: Disk> {
    loaded: Loaded<D>,
    /// The damaged file and a description of the damage.
    damage: (String, String),
    file: Option<String>,
}

impl<D: Disk> Outlived<D> {
    pub(super) fn new(loaded: Loaded<D>, error: &StorageError) -> Option<Self> {
        let StorageError::Damaged { place, detail } = error else { return None };
        Some(Self { loaded, damage: (place.clone(), detail.clone()), file: None })
    }

    pub(super) fn error(&self) -> StorageError {
        let (place, detail) = &self.damage;
        damaged(place, detail.clone())
    }
}

impl<D: Disk> Engine<D> {
    /// Applies `changes` in memory and saves the queue to a separate file.
    ///
    /// Skips claims, because their callers get an error.
    pub(super) fn rescue(&mut self, changes: &mut [Box<dyn Change>]) {
        let Some(mut outlived) = self.outlived.take() else { return };
        let mut queue = outlived.loaded.queue.clone();
        let Self { runs, latest, .. } = self;
        let is_own_run = |run: &RunId| runs.contains_key(run);
        let mut target = Target { queue: &mut queue, is_own_run: &is_own_run, latest };
        let events: Vec<_> = changes.iter_mut().flat_map(|change| change.perform(&mut target)).collect();
        for event in events.iter().filter(|event| !matches!(event, Event::Claimed { .. })) {
            outlived.loaded.queue.apply(event);
        }
        outlived.loaded.position.seq += 1;
        self.write_rescued(&mut outlived);
        self.outlived = Some(outlived);
    }

    /// Writes the contents to a new file, then removes the previous file.
    fn write_rescued(&self, outlived: &mut Outlived<D>) {
        let loaded = &outlived.loaded;
        let section = self.next_section(loaded.identity(), &loaded.queue, loaded.position.seq);
        let name = layout::rescued(&self.disk.nonce());
        // If the process is killed, the unfinished file must not count as a rescued queue.
        let temp = layout::temp(&self.disk.nonce());
        let written = self.disk.open(&temp, Access::Create).and_then(|file| {
            snapshot::write(&self.disk, &file, &loaded.queue, &loaded.extra, &section)?;
            self.disk.sync_all(&file)?;
            self.disk.rename(&temp, &name)?;
            self.disk.sync_folder()
        });
        match written {
            Ok(()) => {
                if let Some(before) = outlived.file.replace(name.clone()) {
                    let _ = self.disk.remove(&before);
                } else {
                    // Each later change replaces the file by one with another name, so the message
                    // gives a pattern.
                    self.notice(
                        "this run has saved its copy of the queue to QUEUE-STATE.rescued-*.json; see `autoproc queue repair`",
                    );
                }
            }
            Err(error) => {
                let _ = self.disk.remove(&temp);
                self.notice(&format!("this run could not save its queue to {name}: {error}"));
            }
        }
    }
}
