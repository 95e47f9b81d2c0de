use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use autoproc_domain::fingerprint::Completion;
use autoproc_domain::ports::{Runs, Storage, StorageError};
use autoproc_domain::request::{
    AnswerNeeded, Enqueue, ExchangeRequest, NewItem, RequestId, Scope, Selector, Settlement, Verdict,
};
use autoproc_domain::run_info::{Location, RunInfo};
use autoproc_domain::view::{Exchanged, PageRequest};
use autoproc_domain::{FilePath, Priority, QueueItem, RunId, Status, Timestamp};
use autoproc_json_store::{JsonStore, Mode, StoreConfig};
use autoproc_testkit::block_on;
use tempfile::TempDir;

pub(crate) const SNAPSHOT: &str = "QUEUE-STATE.json";

pub(crate) struct TempStore {
    folder: TempDir,
    notices: Arc<Mutex<Vec<String>>>,
}

impl TempStore {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), notices: Arc::default() }
    }

    pub(crate) fn with_snapshot(text: &str) -> Self {
        let temp = Self::new();
        fs::create_dir(temp.state_dir()).unwrap();
        fs::write(temp.path(SNAPSHOT), text).unwrap();
        temp
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.state_dir().join(name)
    }

    pub(crate) fn open(&self, mode: Mode) -> JsonStore {
        let notices = Arc::clone(&self.notices);
        JsonStore::open(StoreConfig {
            state_dir: self.state_dir(),
            base: PathBuf::from("/project"),
            lock_timeout: Duration::from_secs(30),
            mode,
            on_notice: Arc::new(move |notice| notices.lock().unwrap().push(notice.to_owned())),
        })
    }

    pub(crate) fn notices(&self) -> Vec<String> {
        self.notices.lock().unwrap().clone()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.state_dir())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn journal(&self) -> PathBuf {
        let journals: Vec<_> = self.names().into_iter().filter(|name| is_journal(name)).collect();
        assert_eq!(journals.len(), 1, "{journals:?}");
        self.path(&journals[0])
    }

    pub(crate) fn has_journal(&self) -> bool {
        self.names().iter().any(|name| is_journal(name))
    }

    pub(crate) fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let files = self.names().into_iter().filter(|name| name != "QUEUE-STATE.lock" && self.path(name).is_file());
        files.map(|name| (name.clone(), fs::read(self.path(&name)).unwrap())).collect()
    }

    pub(crate) fn copy_from(&self, other: &Self) {
        fs::create_dir_all(self.state_dir()).unwrap();
        for (name, bytes) in other.contents() {
            fs::write(self.path(&name), bytes).unwrap();
        }
    }
}

fn is_journal(name: &str) -> bool {
    name.starts_with("QUEUE-STATE.journal.") && !name.contains(".torn.") && !name.ends_with(".orphan")
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + seconds * 1_000_000)
}

pub(crate) fn path(text: impl AsRef<Path>) -> FilePath {
    FilePath::new(text).unwrap()
}

pub(crate) fn new_item(file: impl AsRef<Path>, priority: i32) -> NewItem {
    NewItem::new(path(file)).with_priority(Priority::new(priority))
}

/// Returns an addition that the store may append without reading the queue.
pub(crate) fn later(items: Vec<NewItem>) -> Enqueue {
    Enqueue { items, answer: AnswerNeeded::Later, ..Enqueue::default() }
}

pub(crate) fn run(name: &str) -> RunInfo {
    RunInfo {
        id: RunId::new(name),
        started_at: at(0),
        jobs: 2,
        max_attempts: 4,
        timeout: Duration::from_secs(300),
        recipe: None,
        work: None,
        location: Location {
            host: "here".into(),
            boot: "boot".into(),
            pid_namespace: "pid".into(),
            pid: 1,
            project: Path::new("/project").into(),
        },
    }
}

pub(crate) fn begin(store: &JsonStore, name: &str) {
    let live = block_on(store.live()).unwrap();
    if live.iter().all(|live| live.info.id.as_str() != name) {
        block_on(store.begin(run(name))).unwrap();
    }
}

pub(crate) fn exchange(run: &str, settlements: Vec<Settlement>, limit: usize) -> ExchangeRequest {
    static NEXT_ID: AtomicU64 = AtomicU64::new(1);
    let id = RequestId::new(NEXT_ID.fetch_add(1, Ordering::Relaxed));
    ExchangeRequest { run: RunId::new(run), id, settlements, limit, scope: Scope::Queue }
}

pub(crate) fn add(store: &JsonStore, file: &str) -> Result<(), StorageError> {
    block_on(store.enqueue(later(vec![new_item(file, 0)]), at(0))).map(drop)
}

pub(crate) fn claim(store: &JsonStore, run: &str, limit: usize) -> Result<Exchanged, StorageError> {
    begin(store, run);
    block_on(store.exchange(exchange(run, Vec::new(), limit), at(1)))
}

pub(crate) fn complete_one(store: &JsonStore) -> Result<(), StorageError> {
    let (token, _) = claim(store, "run", 1)?.claims.remove(0);
    let settlements = vec![Settlement { token, verdict: Verdict::Complete(Completion::default()) }];
    block_on(store.exchange(exchange("run", settlements, 0), at(2))).map(drop)
}

pub(crate) fn items(store: &JsonStore) -> Result<Vec<QueueItem>, StorageError> {
    block_on(store.page(PageRequest::default())).map(|page| page.items)
}

pub(crate) fn files(store: &JsonStore) -> Result<Vec<String>, StorageError> {
    Ok(items(store)?.iter().map(|item| item.file_path.to_string()).collect())
}

pub(crate) fn find(store: &JsonStore, file: &str) -> Option<QueueItem> {
    block_on(store.find(Selector::Path(path(file)))).unwrap()
}

pub(crate) fn status(store: &JsonStore, file: &str) -> Option<Status> {
    find(store, file).map(|item| item.status)
}
