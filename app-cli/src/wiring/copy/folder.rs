//! The queue of a folder as the source of a copy.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use std::vec;

use autoproc_domain::ports::{Location, Reaper};
use autoproc_domain::{ItemId, RunId, Timestamp};
use autoproc_json_store::LockedQueue;
use autoproc_subprocess::{AttemptLog, AttemptLogs};
use autoproc_system::{EventLogReader, RecordedEvents};
use autoproc_workflow::execution::{CopiedJournal, Executions, Place};

use super::cannot_read;
use crate::error::CliError;
use crate::project::Project;
use crate::wiring::copied_runs;
use crate::wiring::reaping::RunReaper;
use crate::wiring::server::{CopiedExecution, CopiedOutput, RunPlace};

pub(crate) struct FolderSource {
    pub(super) queue: LockedQueue,
    log: EventLogReader,
    log_path: PathBuf,
    here: Location,
    runs: BTreeSet<RunId>,
    copied_runs: BTreeMap<String, Place>,
    outputs: vec::IntoIter<AttemptLog>,
    executions: Executions,
    items: vec::IntoIter<ItemId>,
}

impl FolderSource {
    /// Opens the files of the folder. `queue` is locked, so no run changes these files.
    pub(super) fn open(queue: LockedQueue, project: &Project) -> Result<Self, CliError> {
        let (log_path, attempts) = (project.event_log(), project.attempts_dir());
        let executions = Executions::new(project.executions_dir());
        let runs_file = project.copied_runs_file();
        let items = executions.items().map_err(|error| cannot_read(&project.executions_dir(), &error))?;
        let outputs = AttemptLogs::new(&attempts).all().map_err(|error| cannot_read(&attempts, &error))?;
        Ok(Self {
            queue,
            log: EventLogReader::open(&log_path).map_err(|error| cannot_read(&log_path, &error))?,
            log_path,
            here: here(project),
            runs: BTreeSet::new(),
            copied_runs: copied_runs::read(&runs_file).map_err(|error| cannot_read(&runs_file, &error))?,
            outputs: outputs.into_iter(),
            executions,
            items: items.into_iter(),
        })
    }

    pub(super) fn next_events(&mut self, limit: usize) -> Result<RecordedEvents, CliError> {
        let read = self.log.next(limit).map_err(|error| cannot_read(&self.log_path, &error))?;
        for event in &read.events {
            self.runs.extend([&event.run].into_iter().chain(&event.attempt_run).cloned());
        }
        Ok(read)
    }

    pub(super) fn run_places(&mut self) -> Vec<RunPlace> {
        // Journals may name further runs: the event log may be missing, or incomplete after a power
        // cut.
        let journals = self.items.as_slice().iter().filter_map(|item| self.executions.journal(*item).ok()?);
        self.runs.extend(journals.map(|journal| journal.run));
        let place = |run: &RunId| match self.copied_runs.get(run.as_str()) {
            Some(Place { host, project_dir }) => {
                RunPlace { run: run.clone(), host: host.as_str().into(), project: project_dir.into() }
            }
            None => {
                RunPlace { run: run.clone(), host: self.here.host.clone(), project: self.here.project.to_path_buf() }
            }
        };
        self.runs.iter().map(place).collect()
    }

    pub(super) fn next_outputs(&mut self, limit: usize, max_bytes: u64) -> Result<Vec<CopiedOutput>, CliError> {
        let mut outputs = Vec::new();
        while outputs.len() < limit {
            let Some(log) = self.outputs.next() else { break };
            let unreadable = |error| cannot_read(&log.path, &error);
            let written = log.written_at().map_err(unreadable)?.unwrap_or(SystemTime::UNIX_EPOCH);
            let Some(end) = log.end_after_crash(max_bytes).map_err(unreadable)? else { continue };
            outputs.push(CopiedOutput {
                item: log.item,
                attempt: log.attempt,
                claim: log.claim,
                at: timestamp(written),
                host: self.here.host.clone(),
                bytes: end.length,
                ending: end.bytes,
                file: log.path,
            });
        }
        Ok(outputs)
    }

    pub(super) fn next_executions(&mut self, limit: usize, on_unreadable: impl Fn(&str)) -> Vec<CopiedExecution> {
        let (executions, mut read) = (&self.executions, Vec::new());
        while read.len() < limit {
            let Some(item) = self.items.next() else { break };
            match executions.journal(item) {
                Ok(journal) => read.extend(journal.map(execution)),
                Err(error) => on_unreadable(&error.to_string()),
            }
        }
        read
    }
}

pub(super) fn here(project: &Project) -> Location {
    RunReaper::new(project.clone(), Duration::ZERO).location()
}

fn execution(journal: CopiedJournal) -> CopiedExecution {
    let CopiedJournal { item, claim, run, completed_at, events } = journal;
    CopiedExecution { item, claim, run, completed_at, events }
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
