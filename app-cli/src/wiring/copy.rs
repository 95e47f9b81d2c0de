//! The source and the target when a queue is copied.

mod folder;
mod target;

use std::path::{Path, PathBuf};

use autoproc_domain::FileQueue;
use autoproc_json_store::{LockedQueue, StateFolder};
use autoproc_system::RecordedEvents;
use autoproc_workflow::runners::store_section;

use super::OpenOptions;
use super::server::{CopiedExecution, CopiedOutput, LockedDatabase, RunPlace, Server};
use crate::console::Console;
use crate::error::CliError;
use crate::escape::{Printable, Shown};
use crate::project::Project;
use crate::store_choice::{NamedBy, StoreChoice, StoreUrl};
use crate::view::quoting::quoted_path;

use folder::FolderSource;
pub(crate) use target::Target;

pub(crate) enum Place {
    Folder(Project),
    Database(Box<Server>),
}

impl Place {
    /// Parses a folder or the address of a database.
    ///
    /// # Errors
    /// [`CliError`] if the value is neither a folder nor the address of a database.
    pub(crate) fn named(
        word: &StoreUrl,
        option: &'static str,
        cwd: &Path,
        console: &Console,
    ) -> Result<Self, CliError> {
        if word.is_address() {
            let choice = StoreChoice { url: word.clone(), named_by: NamedBy::Place(option) };
            return Server::open(&choice, None, console).map(|server| Self::Database(Box::new(server)));
        }
        Project::at(cwd, Path::new(word.secret()), option).map(Self::Folder)
    }

    /// Describes the queue: "queue of FOLDER" or "queue at ADDRESS".
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Folder(project) => format!("queue of {}", Shown(project.root())),
            Self::Database(server) => format!("queue at {}", Printable(&server.place())),
        }
    }

    /// Returns the folder, or the address without user and password.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Folder(project) => project.root().to_string_lossy().into_owned(),
            Self::Database(server) => server.place(),
        }
    }

    /// Returns the option that selects this queue in another command.
    pub(crate) fn option(&self) -> String {
        match self {
            Self::Folder(project) => format!("--project-dir {}", quoted_path(project.root())),
            Self::Database(server) => server.option().trim_start().to_owned(),
        }
    }

    /// True if both are the same queue.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Folder(one), Self::Folder(other)) => real(one.root()) == real(other.root()),
            (Self::Database(one), Self::Database(other)) => {
                (one.place(), one.schema()) == (other.place(), other.schema())
            }
            _ => false,
        }
    }

    pub(crate) fn lacks_queue(&self) -> bool {
        matches!(self, Self::Folder(project) if !project.has_queue())
    }

    /// True if `autoproc.toml` in the folder names a database.
    pub(crate) fn names_a_database(&self) -> bool {
        let section = match self {
            Self::Folder(project) => store_section(project.root()),
            Self::Database(_) => Ok(None),
        };
        section.ok().flatten().is_some_and(|section| section.url.is_some())
    }

    /// Locks the queue for reading.
    ///
    /// # Errors
    /// [`CliError`] if the queue cannot be used or read, if it is locked, or if a run is alive.
    pub(crate) async fn lock_to_read(&self, options: OpenOptions) -> Result<Source<'_>, CliError> {
        match self {
            Self::Folder(project) => {
                let queue = LockedQueue::lock(&folder(project, options))?;
                Ok(Source::Folder(Box::new(FolderSource::open(queue, project)?)))
            }
            Self::Database(server) => Ok(Source::Database(Box::new(server.lock_for_copy(options.lock_timeout).await?))),
        }
    }

    /// Locks the queue for a copy into it. Removes the remains of an interrupted copy.
    ///
    /// # Errors
    /// [`CliError`] if the queue cannot be used, if it is locked, if a run is alive, or if the
    /// folder of an empty queue has outputs or executions of an earlier queue.
    pub(crate) async fn lock_to_fill(&self, options: OpenOptions) -> Result<Target<'_>, CliError> {
        match self {
            Self::Folder(project) => {
                let mut queue = LockedQueue::lock(&folder(project, options))?;
                if queue.queue()?.counts().total() == 0 {
                    target::remove_interrupted(project)?;
                    refuse_leftovers(project)?;
                }
                Ok(Target::in_folder(queue, project))
            }
            Self::Database(server) => Ok(Target::Database(Box::new(server.lock_for_copy(options.lock_timeout).await?))),
        }
    }
}

/// Refuses a folder with outputs or executions of an earlier queue. Copied items may have the ids
/// of earlier items, so these files would count as theirs.
fn refuse_leftovers(project: &Project) -> Result<(), CliError> {
    let dirs = [project.attempts_dir(), project.executions_dir()];
    let Some(dir) = dirs.iter().find(|dir| dir.read_dir().is_ok_and(|mut entries| entries.next().is_some())) else {
        return Ok(());
    };
    Err(CliError::usage(format!("the target is not empty: it has files of attempts in {}", Shown(dir)))
        .with_hint("name an empty target; if these files are of a queue that is gone, move that folder away"))
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn folder(project: &Project, options: OpenOptions) -> StateFolder {
    StateFolder {
        state_dir: project.state_dir(),
        base: project.root().to_owned(),
        lock_timeout: options.lock_timeout,
        allow_network_fs: options.allow_network_fs,
    }
}

fn cannot_read(path: &Path, error: &std::io::Error) -> CliError {
    CliError::io(format!("cannot read {}", Shown(path)), error)
}

pub(crate) enum Source<'p> {
    Folder(Box<FolderSource>),
    Database(Box<LockedDatabase<'p>>),
}

impl Source<'_> {
    pub(crate) async fn queue(&mut self) -> Result<FileQueue, CliError> {
        match self {
            Self::Folder(folder) => Ok(folder.queue.queue()?.clone()),
            Self::Database(locked) => Ok(locked.queue().await?),
        }
    }

    /// True if the files of the queue have unknown keys. A copy omits these keys.
    ///
    /// # Errors
    /// [`CliError`] if the queue cannot be read.
    pub(crate) fn has_unknown_keys(&mut self) -> Result<bool, CliError> {
        match self {
            Self::Folder(folder) => Ok(folder.queue.has_unknown_keys()?),
            Self::Database(_) => Ok(false),
        }
    }

    /// Reads at most `limit` further events, and counts the lines that are not events of a run. For
    /// a folder, these lines count towards `limit`. At the end of the history, returns no events and
    /// the count 0.
    ///
    /// # Errors
    /// [`CliError`] if the history cannot be read.
    pub(crate) async fn next_events(&mut self, limit: usize) -> Result<RecordedEvents, CliError> {
        match self {
            Self::Folder(folder) => folder.next_events(limit),
            Self::Database(locked) => Ok(RecordedEvents { events: locked.next_events(limit).await?, skipped: 0 }),
        }
    }

    /// Returns the machine and the project folder of each run. Call it after all events were read,
    /// and before executions are read.
    ///
    /// # Errors
    /// [`CliError`] if they cannot be read.
    pub(crate) async fn run_places(&mut self) -> Result<Vec<RunPlace>, CliError> {
        match self {
            Self::Folder(folder) => Ok(folder.run_places()),
            Self::Database(locked) => Ok(locked.run_places().await?),
        }
    }

    /// Reads at most `limit` further outputs. From a folder, reads only the last `max_bytes` of
    /// each.
    ///
    /// # Errors
    /// [`CliError`] if the outputs cannot be read.
    pub(crate) async fn next_outputs(&mut self, limit: usize, max_bytes: u64) -> Result<Vec<CopiedOutput>, CliError> {
        match self {
            Self::Folder(folder) => folder.next_outputs(limit, max_bytes),
            Self::Database(locked) => Ok(locked.next_outputs(limit).await?),
        }
    }

    /// Reads at most `limit` further workflow executions. Skips unreadable journals of a folder,
    /// and passes their errors to `on_unreadable`.
    ///
    /// # Errors
    /// [`CliError`] if the executions cannot be read.
    pub(crate) async fn next_executions(
        &mut self,
        limit: usize,
        on_unreadable: impl Fn(&str),
    ) -> Result<Vec<CopiedExecution>, CliError> {
        match self {
            Self::Folder(folder) => Ok(folder.next_executions(limit, on_unreadable)),
            Self::Database(locked) => Ok(locked.next_executions(limit).await?),
        }
    }
}
