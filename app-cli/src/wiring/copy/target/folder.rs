//! The queue of a folder as the target of a copy.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use autoproc_domain::item::ClaimToken;
use autoproc_domain::ports::RecordedEvent;
use autoproc_domain::{FileQueue, Timestamp};
use autoproc_json_store::LockedQueue;
use autoproc_regular_file::folder_of;
use autoproc_subprocess::{AttemptLogs, LogEnd};
use autoproc_system::{NewEventLog, replace_durably};
use autoproc_workflow::execution::{CopiedJournal, Executions, Place};

use crate::error::CliError;
use crate::escape::Shown;
use crate::project::Project;
use crate::wiring::copied_runs;
use crate::wiring::copy::folder::here;
use crate::wiring::server::{CopiedExecution, CopiedOutput, RunPlace};

/// The target of a copy. [`FolderTarget::commit`] moves outputs and executions to their final
/// folders.
pub(crate) struct FolderTarget {
    locked: LockedQueue,
    project: Project,
    /// `None` until the first events are added.
    log: Option<NewEventLog>,
    queue: FileQueue,
    copied_runs: BTreeMap<String, Place>,
    attempts: Staged,
    executions: Staged,
}

impl FolderTarget {
    pub(super) fn new(locked: LockedQueue, project: Project) -> Self {
        let (attempts, executions) = (Staged::beside(project.attempts_dir()), Staged::beside(project.executions_dir()));
        let (log, queue, copied_runs) = (None, FileQueue::new(), BTreeMap::new());
        Self { locked, project, log, queue, copied_runs, attempts, executions }
    }

    pub(super) fn is_empty(&mut self) -> Result<bool, CliError> {
        Ok(self.locked.queue()?.counts().total() == 0)
    }

    pub(super) fn add_queue(&mut self, queue: FileQueue) {
        self.queue = queue;
    }

    pub(super) fn add_events(&mut self, events: &[RecordedEvent]) -> Result<(), CliError> {
        let path = self.project.event_log();
        let log = match self.log.take() {
            Some(log) => Ok(log),
            None => NewEventLog::create(&path),
        };
        let added = log.and_then(|mut log| {
            log.add(events)?;
            Ok(log)
        });
        self.log = Some(added.map_err(|error| CliError::cannot_write(&path, &error))?);
        Ok(())
    }

    pub(super) fn add_run_places(&mut self, places: Vec<RunPlace>) {
        let here = here(&self.project);
        let elsewhere = places.into_iter().filter(|place| place.host != here.host || *place.project != *here.project);
        self.copied_runs = elsewhere
            .map(|RunPlace { run, host, project }| {
                (run.to_string(), Place { host: host.into(), project_dir: project.to_string_lossy().into_owned() })
            })
            .collect();
    }

    pub(super) fn add_outputs(&mut self, outputs: Vec<CopiedOutput>) -> Result<u64, CliError> {
        let logs = AttemptLogs::new(&self.attempts.staged);
        let count = outputs.len() as u64;
        for CopiedOutput { item, attempt, claim, at, bytes, ending, .. } in outputs {
            let (token, end) = (ClaimToken { item, number: claim }, LogEnd { length: bytes, bytes: ending });
            logs.add(token, attempt, &end, time(at)).map_err(|error| self.attempts.unwritten(&error))?;
        }
        Ok(count)
    }

    pub(super) fn add_execution(&mut self, execution: CopiedExecution) -> Result<(), CliError> {
        let CopiedExecution { item, claim, run, completed_at, events } = execution;
        let journal = CopiedJournal { item, claim, run, completed_at, events };
        let executions = Executions::new(&self.executions.staged);
        executions.add(&journal).map_err(|error| self.executions.unwritten(&error))
    }

    /// Installs the log first and the queue last. A marker file exists in between. If the process
    /// dies in between, the queue is still empty. The next copy then calls [`remove_interrupted`].
    pub(super) fn commit(mut self) -> Result<(), CliError> {
        self.install_log()?;
        let note = note(&self.project);
        replace_durably(&note, b"", None).map_err(|error| CliError::cannot_write(&note, &error))?;
        if !self.copied_runs.is_empty() {
            let file = self.project.copied_runs_file();
            copied_runs::write(&file, self.copied_runs).map_err(|error| CliError::cannot_write(&file, &error))?;
        }
        self.attempts.install()?;
        self.executions.install()?;
        self.locked.replace(self.queue)?;
        remove_if_exists(&note)
    }

    fn install_log(&mut self) -> Result<(), CliError> {
        let path = self.project.event_log();
        let is_free = match self.log.take() {
            Some(log) => log.finish().map_err(|error| CliError::cannot_write(&path, &error))?,
            None => match fs::metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => true,
                log => log.map_err(|error| CliError::cannot_write(&path, &error))?.len() == 0,
            },
        };
        if !is_free {
            return Err(CliError::usage(format!("the history of the target is not empty: {}", Shown(&path)))
                .with_hint("move that file away, or name another folder"));
        }
        Ok(())
    }
}

/// Removes the remains of an interrupted copy. Does nothing if a run wrote to the event log after
/// the copy.
///
/// # Errors
/// [`CliError`] if a file cannot be removed.
pub(in crate::wiring::copy) fn remove_interrupted(project: &Project) -> Result<(), CliError> {
    let (note, log) = (note(project), project.event_log());
    let modified = |file: &Path| fs::metadata(file).and_then(|file| file.modified()).ok();
    let Some(begun) = modified(&note) else { return Ok(()) };
    if modified(&log).is_some_and(|written| written > begun) {
        return Ok(());
    }
    for folder in [project.attempts_dir(), project.executions_dir()] {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(CliError::cannot_write(&folder, &error));
            }
            _ => {}
        }
    }
    remove_if_exists(&log)?;
    remove_if_exists(&project.copied_runs_file())?;
    remove_if_exists(&note)
}

fn note(project: &Project) -> PathBuf {
    project.copied_runs_file().with_file_name("COPY-BEGUN")
}

fn remove_if_exists(file: &Path) -> Result<(), CliError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(CliError::cannot_write(file, &error)),
        _ => Ok(()),
    }
}

/// A folder that is not yet at its final path.
struct Staged {
    staged: PathBuf,
    path: PathBuf,
}

impl Staged {
    fn beside(path: PathBuf) -> Self {
        let begun = Self { staged: path.with_extension("copying"), path };
        begun.remove();
        begun
    }

    /// Makes the files durable, and moves the folder to its final path.
    fn install(&self) -> Result<(), CliError> {
        if !self.staged.exists() {
            return Ok(());
        }
        self.rename().map_err(|error| self.unwritten(&error))
    }

    fn rename(&self) -> io::Result<()> {
        rustix::fs::syncfs(File::open(&self.staged)?)?;
        fs::rename(&self.staged, &self.path)?;
        File::open(folder_of(&self.path))?.sync_all()
    }

    fn remove(&self) {
        let _ = fs::remove_dir_all(&self.staged);
    }

    fn unwritten(&self, error: &io::Error) -> CliError {
        CliError::cannot_write(&self.path, error)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.remove();
    }
}

fn time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(at.as_micros()).unwrap_or(0))
}
