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
use serde::{Deserialize, Serialize};

use crate::disk::{Access, Disk, Sharing, read_to_end};
use crate::engine::Engine;
use crate::error::{classify, unreadable};
use crate::{layout, timestamp};

/// An asker's lock is held between two system calls.
const ASKERS_INSTANT: Duration = Duration::from_micros(100);

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
    /// Registers a run and answers with the others that live. Under the store's lock, so that nobody finds the file
    /// before it is locked.
    pub(crate) fn begin_run(&mut self, info: &RunInfo) -> Result<Vec<LiveRun>, StorageError> {
        self.locked(|engine| {
            let name = layout::run(info.id.as_str());
            let file = engine.disk().open(&name, Access::Create).map_err(classify(&name))?;
            // Somebody who asks whether the run lives may hold it shared for an instant.
            while !engine.disk().try_lock(&file, Sharing::Exclusive).map_err(classify(&name))? {
                engine.disk().pause(ASKERS_INSTANT);
            }
            let record = RunRecord {
                run_id: info.id.as_str().to_owned(),
                owner: engine.disk().identity(),
                started_at: info.started_at,
                jobs: info.jobs,
                max_attempts: info.max_attempts,
                timeout_s: info.timeout.as_secs_f64(),
            };
            // Not synced: after a power cut no run lives, and what the file says no longer matters.
            let json = serde_json::to_vec(&record).unwrap_or_default();
            crate::disk::write_all(engine.disk(), &file, &json).map_err(classify(&name))?;
            engine.hold_run(info.id.clone(), file);
            let mut living = engine.living_runs()?;
            living.retain(|live| live.info.id != info.id);
            Ok(living)
        })
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
