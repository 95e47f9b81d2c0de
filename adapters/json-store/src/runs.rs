//! Which runs are alive: those whose lock cannot be had.
//!
//! A run holds an exclusive flock(2) on its file in `runs/` for life; the system frees it when the process is gone,
//! however it went, and keeps it while the process is merely stopped. Whoever asks tries for a *shared* lock, so that two
//! who ask at once do not take each other for the run.

use std::time::Duration;

use autoproc_domain::command::RecoverRequest;
use autoproc_domain::ports::{LiveRun, RunInfo, StorageError};
use autoproc_domain::queue::{Performed, Transaction};
use autoproc_domain::view::RecoveredItem;
use autoproc_domain::{RunId, Timestamp};
use autoproc_time_text::timestamp;
use serde::{Deserialize, Serialize};

use crate::disk::{Access, Disk, Sharing, read_to_end, write_all};
use crate::engine::Engine;
use crate::error::{classify, unreadable};
use crate::layout;

/// What stands in a run's lock file.
#[derive(Debug, Serialize, Deserialize)]
struct RunRecord {
    run_id: String,
    owner: String,
    #[serde(with = "timestamp::required")]
    started_at: Timestamp,
    jobs: usize,
    max_attempts: u32,
    timeout_s: f64,
}

impl<D: Disk> Engine<D> {
    /// Registers a run and answers with the others that live.
    pub(crate) fn begin_run(&mut self, info: &RunInfo) -> Result<Vec<LiveRun>, StorageError> {
        self.locked(|engine| {
            engine.clear_unbegun()?;
            let file = engine.register(info)?;
            engine.hold_run(info.id.clone(), file);
            let mut living = engine.living_runs()?;
            living.retain(|live| live.info.id != info.id);
            Ok(living)
        })
    }

    /// Makes a run's file, which is held from the moment that it has its name: who asks for dead runs has no lock of the
    /// store. The lock is the open file's and not the name's (flock(2)), so it comes along.
    fn register(&self, info: &RunInfo) -> Result<D::File, StorageError> {
        let (name, new) = (layout::run(info.id.as_str()), layout::new_run(info.id.as_str()));
        if self.disk().stat(&name).map_err(classify(&name))?.is_some() {
            return Err(classify(&name)(std::io::ErrorKind::AlreadyExists.into()));
        }
        let file = self.disk().open(&new, Access::Create).map_err(classify(&name))?;
        // Not synced: after a power cut no run lives, and neither what the file says nor its name matters any more.
        let held = self.hold_and_tell(&file, info).and_then(|()| self.disk().rename(&new, &name));
        held.map_err(|error| {
            // Left behind, it is cleared away when the next run begins.
            let _ = self.disk().remove(&new);
            classify(&name)(error)
        })?;
        Ok(file)
    }

    fn hold_and_tell(&self, file: &D::File, info: &RunInfo) -> std::io::Result<()> {
        if !self.disk().try_lock(file, Sharing::Exclusive)? {
            return Err(std::io::Error::other("somebody else holds a file that was just made"));
        }
        let record = RunRecord {
            run_id: info.id.as_str().to_owned(),
            owner: self.disk().identity(),
            started_at: info.started_at,
            jobs: info.jobs,
            max_attempts: info.max_attempts,
            timeout_s: info.timeout.as_secs_f64(),
        };
        write_all(self.disk(), file, &serde_json::to_vec(&record).unwrap_or_default())
    }

    /// Removes what is left of runs that were killed as they began. Under the store's lock, so none begins now.
    fn clear_unbegun(&self) -> Result<(), StorageError> {
        let names = self.disk().list(layout::RUNS).map_err(unreadable(layout::RUNS))?;
        for name in names.iter().filter(|name| layout::is_new_run(name)) {
            // One that stays is in nobody's way.
            let _ = self.disk().remove(&format!("{}/{name}", layout::RUNS));
        }
        Ok(())
    }

    /// Ends a run and answers with those still alive. Under the store's lock, so that of several that end at once exactly
    /// one is the last.
    pub(crate) fn end_run(&mut self, run: &RunId) -> Result<Vec<LiveRun>, StorageError> {
        self.locked(|engine| {
            engine.forget_run(run);
            engine.living_runs()
        })
    }

    /// The runs alive now. Needs no lock and no permission to write.
    pub(crate) fn living_runs(&self) -> Result<Vec<LiveRun>, StorageError> {
        let mut living = Vec::new();
        for id in self.known_runs()? {
            if self.is_alive(&id)? {
                living.push(self.live_run(id));
            }
        }
        living.sort_by(|a, b| a.info.id.cmp(&b.info.id));
        Ok(living)
    }

    /// Runs that are dead and left something: a file, or claims.
    pub(crate) fn dead_runs(&mut self) -> Result<Vec<RunId>, StorageError> {
        let mut suspects = self.known_runs()?;
        let claims = self.view()?.processing().filter_map(|item| item.claim.as_ref());
        suspects.extend(claims.map(|claim| claim.run.clone()));
        suspects.sort();
        suspects.dedup();
        self.only_dead(suspects)
    }

    /// Those of the runs that are dead.
    pub(crate) fn only_dead(&self, runs: Vec<RunId>) -> Result<Vec<RunId>, StorageError> {
        let judged = runs.into_iter().map(|run| Ok(if self.is_alive(&run)? { None } else { Some(run) }));
        judged.filter_map(Result::transpose).collect()
    }

    /// Takes back the claims of the named runs that are dead indeed, judged under the store's lock, and forgets them.
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

    /// Removes a run's file and with it the lock.
    pub(crate) fn forget_run(&mut self, run: &RunId) {
        let held = self.release_run(run);
        // A file that stays is a dead run without claims: the next recovery removes it.
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

    /// What a living run says of itself; where its file cannot be read, that it lives.
    fn live_run(&self, id: RunId) -> LiveRun {
        let name = layout::run(id.as_str());
        let bytes = self.disk().open(&name, Access::Read).and_then(|file| read_to_end(self.disk(), &file, 0));
        let record = bytes.ok().and_then(|bytes| serde_json::from_slice::<RunRecord>(&bytes).ok());
        match record {
            Some(record) => LiveRun {
                info: RunInfo {
                    id,
                    started_at: record.started_at,
                    jobs: record.jobs,
                    max_attempts: record.max_attempts,
                    timeout: Duration::try_from_secs_f64(record.timeout_s).unwrap_or_default(),
                },
                owner: record.owner,
            },
            None => LiveRun {
                info: RunInfo {
                    id,
                    started_at: Timestamp::from_micros(0),
                    jobs: 0,
                    max_attempts: 0,
                    timeout: Duration::ZERO,
                },
                owner: "an unknown process".into(),
            },
        }
    }
}
