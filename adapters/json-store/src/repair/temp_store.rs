//! A store in a temporary folder, for tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::fingerprint::Completion;
use autoproc_domain::request::{Enqueue, ExchangeRequest, NewItem, RequestId, Scope, Settlement, Verdict};
use autoproc_domain::{FilePath, FileQueue, QueueItem, RunId, Status, Timestamp};
use tempfile::TempDir;

use super::StateFolder;
use crate::disk::RealDisk;
use crate::engine::Mode;
use crate::engine::{Engine, Limits, Settings};
use crate::layout;
use crate::request::{PendingRequest, Request, Unfenced};

pub(crate) struct TempStore {
    dir: TempDir,
}

impl TempStore {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder for the test") }
    }

    /// Creates a store with the journal of a killed run.
    pub(crate) fn with_journal(additions: usize) -> Self {
        let temp = Self::new();
        let mut store = temp.engine(Mode::Service);
        for number in 0..additions {
            Self::add(&mut store, &format!("/file-{number}"));
            if number == 1 || number == 3 {
                Self::complete_one(&mut store);
            }
        }
        temp
    }

    pub(crate) fn with_snapshot(additions: usize) -> Self {
        let temp = Self::with_journal(additions);
        let mut store = temp.engine(Mode::Command);
        Self::add(&mut store, "/last");
        assert!(temp.journals().is_empty());
        temp
    }

    pub(crate) fn folder(&self) -> StateFolder {
        StateFolder {
            state_dir: self.dir.path().join("state"),
            base: PathBuf::from("/project"),
            lock_timeout: Duration::from_millis(50),
            allow_network_fs: false,
        }
    }

    pub(crate) fn engine(&self, mode: Mode) -> Engine<RealDisk> {
        let settings = Settings {
            base: self.folder().base,
            lock_timeout: Duration::from_secs(30),
            limits: Limits::default(),
            mode,
            on_notice: Arc::new(|_| {}),
        };
        Engine::new(RealDisk::new(self.folder().state_dir), settings)
    }

    pub(crate) fn add(store: &mut Engine<RealDisk>, file: &str) {
        let file_path = FilePath::new(file).expect("a path");
        transact(store, Enqueue::new(vec![NewItem::new(file_path)]));
    }

    pub(crate) fn complete_one(store: &mut Engine<RealDisk>) {
        let request = |settlements, limit| {
            let (run, id, scope) = (RunId::new("run"), RequestId::default(), Scope::Queue);
            Unfenced(ExchangeRequest { run, id, settlements, limit, scope })
        };
        let (token, _) = transact(store, request(Vec::new(), 1)).claims.remove(0);
        transact(store, request(vec![Settlement { token, verdict: Verdict::Complete(Completion::default()) }], 0));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().state_dir.join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.folder().state_dir).expect("the folder");
        fs::write(self.path(name), bytes).expect("the file");
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("the file")
    }

    pub(crate) fn alter(&self, name: &str, alter: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.read(name);
        alter(&mut bytes);
        self.write(name, &bytes);
    }

    pub(crate) fn journals(&self) -> Vec<String> {
        self.contents().into_keys().filter(|name| layout::is_journal(name)).collect()
    }

    pub(crate) fn journal(&self) -> String {
        let mut journals = self.journals();
        assert_eq!(journals.len(), 1, "{journals:?}");
        journals.remove(0)
    }

    pub(crate) fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.folder().state_dir).into_iter().flatten().flatten();
        let files = entries.filter(|entry| entry.path().is_file());
        let name = |entry: &fs::DirEntry| entry.file_name().into_string().expect("a UTF-8 name");
        files.map(|entry| (name(&entry), fs::read(entry.path()).expect("the file"))).collect()
    }

    pub(crate) fn queue(&self) -> FileQueue {
        self.engine(Mode::Service).view().expect("a sound store").clone()
    }

    pub(crate) fn items(&self) -> Vec<QueueItem> {
        self.queue().items().cloned().collect()
    }

    pub(crate) fn files(&self, status: Status) -> Vec<String> {
        let items = self.items();
        items.iter().filter(|item| item.status == status).map(|item| item.file_path.to_string()).collect()
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000)
}

fn transact<T: Request>(store: &mut Engine<RealDisk>, request: T) -> T::Reply {
    let (pending, mut receiver) = PendingRequest::new(request, now());
    store.change(vec![Box::new(pending)]);
    let answer = receiver.try_recv().expect("the engine answers every change before it returns");
    answer.expect("a change that nothing refuses")
}
