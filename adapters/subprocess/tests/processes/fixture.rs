use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use autoproc_domain::item::{AttemptNumber, ClaimNumber, ClaimToken};
use autoproc_domain::ports::{Attempt, AttemptOutcome, AttemptReport, Clock, Orchestrator, StopLevel, StopSignal};
use autoproc_domain::{FilePath, ItemId, RunId, Timestamp};
use autoproc_subprocess::{
    BatchSettings, CommandLine, CommandOrchestrator, GuardSettings, Guards, OutputLimits, Settings,
};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use tempfile::TempDir;

use crate::stop::Stop;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
pub(crate) const LONG: Duration = Duration::from_secs(3600);

pub(crate) struct Fixture {
    dir: TempDir,
    pub(crate) stop: Arc<Stop>,
    pub(crate) working_dir: PathBuf,
    pub(crate) grace: Duration,
    pub(crate) notices: Arc<Mutex<Vec<String>>>,
    /// The time that the clock always shows.
    pub(crate) now: Timestamp,
    pub(crate) batches: BatchSettings,
}

struct StoppedClock(Timestamp);

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        self.0
    }

    async fn sleep_until(&self, _deadline: Timestamp) {}
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        Self {
            working_dir: dir.path().to_owned(),
            dir,
            stop: Arc::new(Stop::new()),
            grace: LONG,
            notices: Arc::default(),
            now: Timestamp::from_micros(0),
            batches: BatchSettings { slots: NonZeroUsize::MIN, may_batch: false },
        }
    }

    pub(crate) fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.dir.path().join(name.as_ref())
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect(name)
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.path("logs/attempts")
    }

    pub(crate) fn orchestrator(&self, line: CommandLine) -> CommandOrchestrator {
        let notices = Arc::clone(&self.notices);
        let settings = Settings {
            attempts_dir: self.logs(),
            working_dir: Some(self.working_dir.clone()),
            stdout_to: None,
            project_dir: self.dir.path().to_owned(),
            batches: self.batches,
            clock: Arc::new(StoppedClock(self.now)),
            on_notice: Arc::new(move |notice| notices.lock().expect("unpoisoned").push(notice.to_owned())),
        };
        CommandOrchestrator::new(line, settings, self.guards())
    }

    pub(crate) fn guards(&self) -> Arc<Guards> {
        Arc::new(Guards::new(GuardSettings {
            executable: env!("CARGO_BIN_EXE_autoproc-guard").into(),
            run: RunId::new("run-1"),
            environment: vec![("TMPDIR".into(), self.dir.path().into())],
            grace: self.grace,
            records_dir: None,
            output: OutputLimits::default(),
            keep_tmp: None,
        }))
    }

    /// Returns an attempt on a file. Creates the file if it is missing.
    pub(crate) fn attempt(&self, name: impl AsRef<OsStr>) -> Attempt {
        let name = name.as_ref();
        let file = OpenOptions::new().append(true).create(true).open(self.path(name));
        file.expect("the file");
        Attempt {
            token: ClaimToken { item: ItemId::new(7), number: ClaimNumber::new(30) },
            run: RunId::new("run-1"),
            file_path: FilePath::new(self.path(name)).expect("a path"),
            depth: 0,
            round: 1,
            follows_completion: false,
            number: AttemptNumber::new(2).expect("not zero"),
            max_attempts: 4,
            timeout: LONG,
        }
    }

    pub(crate) async fn run(&self, line: CommandLine, attempt: Attempt) -> AttemptReport {
        let stop: Arc<dyn StopSignal> = self.stop.clone();
        let orchestrator = self.orchestrator(line);
        let ended = tokio::time::timeout(TIMEOUT, orchestrator.execute(attempt, stop)).await;
        ended.expect("ended in time").expect("an outcome")
    }

    pub(crate) async fn script(&self, script: &str) -> AttemptReport {
        self.run(sh(script), self.attempt("file")).await
    }

    pub(crate) async fn outcome(&self, script: &str) -> AttemptOutcome {
        self.script(script).await.outcome
    }

    /// Waits until the file `name` exists, and then raises the stop level.
    pub(crate) async fn raise_at(&self, name: &str, level: StopLevel) {
        let path = self.path(name);
        until(|| path.exists()).await;
        self.stop.raise(level);
    }

    /// Waits until the process whose number is in the file `name` has been reaped.
    pub(crate) async fn assert_gone(&self, name: &str) {
        let number = self.read(name).trim().parse().expect("a number");
        let pid = Pid::from_raw(number).expect("not zero");
        until(|| test_kill_process(pid) == Err(Errno::SRCH)).await;
    }
}

pub(crate) fn sh(script: &str) -> CommandLine {
    CommandLine::argv(["sh", "-c", script, "sh"]).expect("valid")
}

pub(crate) async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.expect("the condition comes true");
}

pub(crate) fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}
