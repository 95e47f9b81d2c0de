//! Looks up completion values in the project.

use std::collections::BTreeSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use autoproc_domain::ports::{LiveRun, PastRun, RunFilter};
use autoproc_domain::signature::{FailureGroup, FailureGroups};
use autoproc_domain::view::PageRequest;
use autoproc_domain::{QueueItem, Status};
use autoproc_workflow::Catalogue;
use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter as _};

use super::Candidates;
use super::line::{Typed, home_expanded};
use crate::console::{ColorWhen, Console};
use crate::escape::printable;
use crate::failure_groups::{self, FAILED};
use crate::paths::absolute;
use crate::project::Project;
use crate::store_choice::{StoreChoice, StoreUrl};
use crate::view::time::local;
use crate::wiring::{OpenOptions, Purpose, Server, Wiring};

/// The time limit for reading the queue, history or live runs. A slow machine reads about 300,000
/// files in this time.
const TIMEOUT: Duration = Duration::from_millis(500);

/// The maximum number of files to offer, or to search for signatures. If more files match, none is
/// offered. From an incomplete list, the shell could insert a wrong prefix.
const MAX_FILES: usize = 10_000;

const MAX_RUNS: usize = 50;

/// Completion does not wait for locks.
const OPTIONS: OpenOptions = OpenOptions { lock_timeout: Duration::ZERO, allow_network_fs: false };

/// Marks candidates that may be paths.
const TAG: &str = "looked up";

pub(super) fn is_looked_up(candidate: &CompletionCandidate) -> bool {
    candidate.get_tag().is_some_and(|tag| tag.to_string() == TAG)
}

#[derive(Debug)]
pub(super) struct Lookup {
    cwd: PathBuf,
    project_dir: Option<PathBuf>,
    workflow_dir: Option<PathBuf>,
    store: Option<StoreUrl>,
    is_escaped: bool,
}

impl Lookup {
    pub(super) fn new(typed: &Typed, cwd: &Path) -> Self {
        Self {
            cwd: cwd.to_owned(),
            project_dir: typed.value_of("--project-dir"),
            workflow_dir: typed.value_of("--workflow-dir"),
            store: typed.value_of("--store").and_then(|url| url.to_str()?.parse().ok()),
            is_escaped: typed.is_escaped(),
        }
    }

    /// Returns the values that begin with `current`. Files and workflows are sorted with folders
    /// first. The zsh script relies on this order.
    pub(super) fn candidates(&self, which: Candidates, current: &OsStr) -> Vec<CompletionCandidate> {
        if self.is_option(current) {
            return Vec::new();
        }
        let Some(project) = self.project() else { return Vec::new() };
        // A database may answer too slowly for a Tab, except about its live runs, which are few.
        let is_quick = matches!(which, Candidates::Workflows | Candidates::LiveRuns | Candidates::LiveHosts);
        if self.store.is_some() && !is_quick {
            return Vec::new();
        }
        let mut found = match which {
            Candidates::Files(statuses) => self.files(project, statuses, current),
            Candidates::Workflows => self.workflows(&project, current),
            // The other values need no quotes, so they get no tag.
            Candidates::Runs => return runs(project, current),
            Candidates::Signatures => return signatures(project, current),
            Candidates::LiveRuns => return live_runs(self.live(project), current),
            Candidates::LiveHosts => return hosts(self.live(project), current),
        };
        found.sort_unstable_by(|one, other| rank(one).cmp(&rank(other)));
        found.dedup();
        found.into_iter().map(|value| CompletionCandidate::new(value).tag(Some(TAG.into()))).collect()
    }

    pub(super) fn is_option(&self, word: &OsStr) -> bool {
        word.as_bytes().starts_with(b"-") && !self.is_escaped
    }

    fn project(&self) -> Option<Project> {
        Project::find(self.project_dir.as_deref(), &self.cwd, |name| env::var_os(name)).ok()
    }

    fn live(&self, project: Project) -> Vec<LiveRun> {
        let store = self.store.clone();
        in_time(move || live(project, store.as_ref()))
    }

    fn files(&self, project: Project, statuses: &[Status], current: &OsStr) -> Vec<OsString> {
        let request = PageRequest { statuses: statuses.to_vec(), after: None, limit: None };
        let items = in_time(move || items(project, request));
        let Some(prefix) = Prefix::new(current, &self.cwd) else { return Vec::new() };
        let paths = items.iter().filter_map(|item| prefix.completed(item.file_path.as_path()));
        let mut paths: Vec<_> = paths.take(MAX_FILES + 1).collect();
        if paths.len() > MAX_FILES {
            paths.clear();
        }
        paths
    }

    fn workflows(&self, project: &Project, current: &OsStr) -> Vec<OsString> {
        let folder = self.workflow_dir.as_ref().map(|folder| self.cwd.join(folder));
        let listed = Catalogue::new(project.root(), folder.as_deref()).list().unwrap_or_default();
        let ids = listed.into_iter().filter(|listed| !listed.is_hidden).map(|listed| listed.id);
        let ids = ids.filter(|id| id.as_bytes().starts_with(current.as_bytes())).map(OsString::from);
        let is_yaml = |path: &Path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        let files = PathCompleter::any().current_dir(&self.cwd).filter(is_yaml).complete(current);
        ids.chain(files.iter().map(|file| file.get_value().to_owned())).collect()
    }
}

fn runs(project: Project, current: &OsStr) -> Vec<CompletionCandidate> {
    let runs = in_time(move || past_runs(project));
    let matching = runs.into_iter().filter(|run| run.id.as_str().as_bytes().starts_with(current.as_bytes()));
    let candidate = |run: PastRun| {
        let began = run.started_at.map(|at| local(at).into());
        CompletionCandidate::new(run.id.as_str()).help(began)
    };
    matching.map(candidate).collect()
}

fn live_runs(runs: Vec<LiveRun>, current: &OsStr) -> Vec<CompletionCandidate> {
    let matching = runs.into_iter().filter(|run| run.info.id.as_str().as_bytes().starts_with(current.as_bytes()));
    let candidate = |run: LiveRun| {
        let place = printable(&run.info.location);
        CompletionCandidate::new(run.info.id.as_str()).help(Some(place.into()))
    };
    matching.map(candidate).collect()
}

fn hosts(runs: Vec<LiveRun>, current: &OsStr) -> Vec<CompletionCandidate> {
    let hosts: BTreeSet<_> = runs.into_iter().map(|run| run.info.location.host).collect();
    let matching = hosts.into_iter().filter(|host| host.as_bytes().starts_with(current.as_bytes()));
    matching.map(|host| CompletionCandidate::new(&*host)).collect()
}

fn signatures(project: Project, current: &OsStr) -> Vec<CompletionCandidate> {
    let request = PageRequest { statuses: FAILED.to_vec(), after: None, limit: Some(MAX_FILES) };
    let items = in_time(move || items(project, request));
    let mut groups = FailureGroups::default();
    for item in &items {
        failure_groups::add(&mut groups, item);
    }
    let candidate = |group: &FailureGroup| {
        let (id, reason) = (group.signature.id().to_string(), printable(&group.signature.reason()));
        id.as_bytes().starts_with(current.as_bytes()).then(|| CompletionCandidate::new(id).help(Some(reason.into())))
    };
    groups.largest_first().into_iter().filter_map(candidate).collect()
}

fn rank(value: &OsStr) -> (bool, &OsStr) {
    (!value.as_bytes().ends_with(b"/"), value)
}

/// Calls `read` on another thread. Returns the default value after [`TIMEOUT`].
fn in_time<T: Default + Send + 'static>(read: impl FnOnce() -> Option<T> + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    // Sending fails if the receiver has timed out.
    let read = move || sender.send(read().unwrap_or_default()).unwrap_or_default();
    let is_started = thread::Builder::new().spawn(read).is_ok();
    if is_started { receiver.recv_timeout(TIMEOUT).unwrap_or_default() } else { T::default() }
}

fn items(project: Project, request: PageRequest) -> Option<Vec<QueueItem>> {
    let storage = wiring(project)?.storage();
    runtime()?.block_on(storage.page(request)).ok().map(|page| page.items)
}

fn past_runs(project: Project) -> Option<Vec<PastRun>> {
    let history = wiring(project)?.history();
    runtime()?.block_on(history.runs(RunFilter::Latest(MAX_RUNS))).ok().map(|summary| summary.runs)
}

fn live(project: Project, store: Option<&StoreUrl>) -> Option<Vec<LiveRun>> {
    let choice = StoreChoice::find(store, &project, |name| env::var_os(name)).ok()??;
    let console = silent_console();
    let server = Server::open(&choice, None, &console).ok()?;
    let runs = Wiring::new(project, Some(server), OPTIONS, Purpose::Completion, console).runs();
    runtime()?.block_on(runs.live()).ok()
}

fn silent_console() -> Arc<Console> {
    let console = Console::new(ColorWhen::Never);
    console.divert();
    Arc::new(console)
}

/// Opens the queue, unless it is in a database. A database may answer too slowly.
fn wiring(project: Project) -> Option<Wiring> {
    if StoreChoice::find(None, &project, |name| env::var_os(name)).ok()?.is_some() {
        return None;
    }
    Some(Wiring::new(project, None, OPTIONS, Purpose::Completion, silent_console()))
}

fn runtime() -> Option<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().build().ok()
}

/// The typed part of a path.
struct Prefix<'t> {
    folder: &'t [u8],
    name: &'t [u8],
    /// The absolute path of `folder`, with a slash at its end.
    root: Vec<u8>,
}

impl<'t> Prefix<'t> {
    fn new(typed: &'t OsStr, cwd: &Path) -> Option<Self> {
        let bytes = typed.as_bytes();
        let (folder, name) = bytes.split_at(bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1));
        let root = match folder {
            [] => cwd.join(""),
            folder => absolute(cwd, &home_expanded(OsStr::from_bytes(folder))).ok()?.as_path().join(""),
        };
        Some(Self { folder, name, root: root.into_os_string().into_vec() })
    }

    fn completed(&self, path: &Path) -> Option<OsString> {
        let Some(rest) = path.as_os_str().as_bytes().strip_prefix(self.root.as_slice()) else {
            return self.is_empty().then(|| path.as_os_str().to_owned());
        };
        if !rest.starts_with(self.name) {
            return None;
        }
        // A relative path with a leading dash would be read as an option.
        let folder = if self.is_empty() && rest.starts_with(b"-") { b"./" } else { self.folder };
        Some(OsString::from_vec([folder, rest].concat()))
    }

    fn is_empty(&self) -> bool {
        self.folder.is_empty() && self.name.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(typed: &str, path: &str) -> Option<String> {
        let prefix = Prefix::new(OsStr::new(typed), Path::new("/a/b")).expect("a path");
        prefix.completed(Path::new(path)).map(|path| path.into_string().expect("text"))
    }

    #[test]
    fn a_path_continues_what_is_typed() {
        for (typed, path, expected) in [
            ("", "/a/b/c/d.pdf", Some("c/d.pdf")),
            ("", "/a/x.pdf", Some("/a/x.pdf")),
            ("", "/a/b/-x", Some("./-x")),
            ("c", "/a/b/c/d.pdf", Some("c/d.pdf")),
            ("c/", "/a/b/c/d.pdf", Some("c/d.pdf")),
            ("c/e", "/a/b/c/d.pdf", None),
            ("./c", "/a/b/c/d.pdf", Some("./c/d.pdf")),
            ("../x", "/a/x.pdf", Some("../x.pdf")),
            ("/a/b/c", "/a/b/c/d.pdf", Some("/a/b/c/d.pdf")),
            ("x", "/a/x.pdf", None),
        ] {
            assert_eq!(completed(typed, path).as_deref(), expected, "{typed:?} and {path}");
        }
    }
}
