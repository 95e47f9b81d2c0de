//! Registers runs and finds live and dead ones.
//!
//! A live run holds an exclusive flock(2) on its file in `runs/`. The kernel releases the lock when
//! the process ends. A suspended process keeps the lock. A check for a live run tries to take a
//! *shared* lock. So two checks at the same time do not disturb each other.

mod record;

use autoproc_domain::ports::StorageError;
use autoproc_domain::queue::{Performed, Transaction};
use autoproc_domain::request::RecoverRequest;
use autoproc_domain::run_info::{DeadRun, DeathEvidence, LiveRun, Location, RunInfo};
use autoproc_domain::view::RecoveredItem;
use autoproc_domain::{RunId, Timestamp};

use crate::disk::{Access, Disk, Sharing, read_to_end, write_all};
use crate::engine::{Engine, HeldRun};
use crate::error::{classify, unreadable};
use crate::layout;
use record::ReadRecord;

impl<D: Disk> Engine<D> {
    /// Registers a run. Returns the other live runs.
    pub(crate) fn begin_run(&mut self, info: &RunInfo) -> Result<Vec<LiveRun>, StorageError> {
        self.locked(|engine| {
            engine.remove_unfinished_registrations()?;
            let file = engine.register(info)?;
            engine.hold_run(HeldRun { info: info.clone(), file });
            let mut live = engine.live_runs()?;
            live.retain(|live| live.info.id != info.id);
            Ok(live)
        })
    }

    /// Creates a run's lock file.
    ///
    /// Another process takes a run with an unlocked file for dead. So the file is locked before it
    /// gets its final name. The lock belongs to the open file and survives the rename (flock(2)).
    fn register(&self, info: &RunInfo) -> Result<D::File, StorageError> {
        let (name, new) = (layout::run(info.id.as_str()), layout::new_run(info.id.as_str()));
        if self.disk().stat(&name).map_err(classify(&name))?.is_some() {
            return Err(classify(&name)(std::io::ErrorKind::AlreadyExists.into()));
        }
        let file = self.disk().open(&new, Access::Create).map_err(classify(&name))?;
        // No sync is needed, because no run survives a power cut.
        let held = self.lock_and_describe(&file, info).and_then(|()| self.disk().rename(&new, &name));
        held.map_err(|error| {
            // If this fails, the next run that begins removes the file.
            let _ = self.disk().remove(&new);
            classify(&name)(error)
        })?;
        Ok(file)
    }

    /// Creates removed or replaced lock files of this engine's runs again. Requires the store's
    /// lock.
    ///
    /// Without lock files, other processes take the runs for dead.
    pub(crate) fn restore_runs(&mut self) {
        let lost: Vec<RunInfo> =
            self.held_runs().filter(|held| self.has_lost_name(held)).map(|held| held.info.clone()).collect();
        for info in lost {
            // Removes any other file that has taken the name. After an error, the next transaction
            // tries again.
            let _ = self.disk().remove(&layout::run(info.id.as_str()));
            if let Ok(file) = self.disk().prepare().map_err(classify("")).and_then(|()| self.register(&info)) {
                self.hold_run(HeldRun { info, file });
            }
        }
    }

    fn has_lost_name(&self, held: &HeldRun<D>) -> bool {
        match (self.disk().stat(&layout::run(held.info.id.as_str())), self.disk().stat_open(&held.file)) {
            (Ok(None), _) => true,
            (Ok(Some(named)), Ok(open)) => !named.is_same_file(&open),
            _ => false,
        }
    }

    fn lock_and_describe(&self, file: &D::File, info: &RunInfo) -> std::io::Result<()> {
        if !self.disk().try_lock(file, Sharing::Exclusive)? {
            return Err(std::io::Error::other("another process has locked a file that was just created"));
        }
        write_all(self.disk(), file, &record::write(info))
    }

    /// Removes the files of runs that were killed while registering.
    ///
    /// Requires the store's lock: no run may be registering.
    fn remove_unfinished_registrations(&self) -> Result<(), StorageError> {
        let names = self.disk().list(layout::RUNS).map_err(unreadable(layout::RUNS))?;
        for name in names.iter().filter(|name| layout::is_new_run(name)) {
            // If this fails, the file does no harm, because it does not count as a run.
            let _ = self.disk().remove(&format!("{}/{name}", layout::RUNS));
        }
        Ok(())
    }

    /// Ends a run. Returns the live runs.
    ///
    /// Runs end under the store's lock. So only the last run gets an empty list.
    pub(crate) fn end_run(&mut self, run: &RunId) -> Result<Vec<LiveRun>, StorageError> {
        self.locked(|engine| {
            engine.forget_run(run);
            engine.live_runs()
        })
    }

    /// Returns the live runs. Takes no store lock, and needs no write permission.
    pub(crate) fn live_runs(&self) -> Result<Vec<LiveRun>, StorageError> {
        let mut live = Vec::new();
        for id in self.known_runs()? {
            if self.is_alive(&id)? {
                live.push(self.live_run(id));
            }
        }
        live.sort_by(|a, b| a.info.id.cmp(&b.info.id));
        Ok(live)
    }

    pub(crate) fn live_run_of_version_1(&self) -> Result<Option<Location>, StorageError> {
        for id in self.known_runs()? {
            let record = self.read_record(&id);
            if record.is_version_1() && self.is_alive(&id)? {
                return Ok(record.location());
            }
        }
        Ok(None)
    }

    /// Returns the dead runs that left a lock file or claimed files.
    pub(crate) fn dead_runs(&mut self) -> Result<Vec<DeadRun>, StorageError> {
        let mut suspects = self.known_runs()?;
        let claims = self.view()?.processing().filter_map(|item| item.claim.as_ref());
        suspects.extend(claims.map(|claim| claim.run.clone()));
        suspects.sort();
        suspects.dedup();
        Ok(self.only_dead(suspects)?.into_iter().map(|run| self.dead_run(run)).collect())
    }

    pub(crate) fn only_dead(&self, runs: Vec<RunId>) -> Result<Vec<RunId>, StorageError> {
        let judged = runs.into_iter().map(|run| Ok(if self.is_alive(&run)? { None } else { Some(run) }));
        judged.filter_map(Result::transpose).collect()
    }

    /// Recovers the items of the requested runs that are dead, and removes their lock files.
    pub(crate) fn recover(
        &mut self,
        request: RecoverRequest,
        now: Timestamp,
    ) -> Result<Vec<RecoveredItem>, StorageError> {
        self.locked(|engine| {
            let runs = engine.only_dead(request.runs)?;
            let request = RecoverRequest { runs, ..request };
            let Performed { events, reply } = request.perform(engine.fresh_queue()?, now)?;
            engine.commit(&events)?;
            for run in &request.runs {
                engine.forget_run(run);
            }
            Ok(reply)
        })
    }

    pub(crate) fn forget_run(&mut self, run: &RunId) {
        let held = self.release_run(run);
        // If this fails, the run counts as dead without claims, and the next recovery removes the
        // file.
        let _ = self.disk().remove(&layout::run(run.as_str()));
        drop(held);
    }

    fn known_runs(&self) -> Result<Vec<RunId>, StorageError> {
        let names = self.disk().list(layout::RUNS).map_err(unreadable(layout::RUNS))?;
        Ok(names.iter().filter_map(|name| layout::run_of(name)).map(RunId::new).collect())
    }

    fn is_alive(&self, run: &RunId) -> Result<bool, StorageError> {
        let name = layout::run(run.as_str());
        let file = match self.disk().open(&name, Access::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(unreadable(&name)(error)),
        };
        let is_free = self.disk().try_lock(&file, Sharing::Shared).map_err(unreadable(&name))?;
        if is_free {
            self.disk().unlock(&file).map_err(unreadable(&name))?;
        }
        Ok(!is_free)
    }

    fn read_record(&self, run: &RunId) -> ReadRecord {
        let name = layout::run(run.as_str());
        let bytes = self.disk().open(&name, Access::Read).and_then(|file| read_to_end(self.disk(), &file, 0));
        bytes.map_or_else(|_| ReadRecord::default(), |bytes| ReadRecord::read(&bytes))
    }

    fn live_run(&self, id: RunId) -> LiveRun {
        LiveRun { info: self.read_record(&id).into_info(id), heard_of: None }
    }

    fn dead_run(&self, run: RunId) -> DeadRun {
        let location = self.read_record(&run).location();
        DeadRun { run, location, evidence: DeathEvidence::Gone }
    }
}
