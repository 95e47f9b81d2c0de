use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use autoproc_domain::RunId;

use autoproc_domain::ports::NeverStop;
use autoproc_subprocess::{GuardSettings, Guards, OutputLimits, ProcessReport, ProcessSpec};
use tempfile::TempDir;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
pub(crate) const LONG: Duration = Duration::from_secs(3600);

static FIXTURES: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Fixture {
    dir: TempDir,
    pub(crate) guards: Guards,
}

impl Fixture {
    pub(crate) fn new(grace: Duration) -> Self {
        Self::with(grace, |settings| settings)
    }

    pub(crate) fn with(grace: Duration, change: impl FnOnce(GuardSettings) -> GuardSettings) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        // The id is unique across processes, so that no fixture ends the commands of another.
        let run = format!("guard-{}-{}", std::process::id(), FIXTURES.fetch_add(1, Ordering::Relaxed));
        let settings = GuardSettings {
            executable: env!("CARGO_BIN_EXE_autoproc-guard").into(),
            run: RunId::new(run),
            environment: vec![("TMPDIR".into(), dir.path().into())],
            grace,
            records_dir: Some(dir.path().to_owned()),
            output: OutputLimits::default(),
            keep_tmp: None,
        };
        Self { guards: Guards::new(change(settings)), dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect(name)
    }

    pub(crate) fn script(&self, script: &str) -> ProcessSpec {
        ProcessSpec {
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: Vec::new(),
            working_dir: Some(self.dir.path().to_owned()),
            stdin: Vec::new(),
            timeout: LONG,
            log: Some(self.path("log")),
            append_log: false,
            log_heading: Vec::new(),
            capture: 0,
            stdout_to: None,
        }
    }

    pub(crate) async fn run(&self, spec: ProcessSpec) -> ProcessReport {
        let stop = NeverStop;
        let run = self.guards.run(spec, &stop);
        tokio::time::timeout(TIMEOUT, run).await.expect("over in time").expect("an ending")
    }

    pub(crate) fn guard_pids(&self) -> Vec<i32> {
        let entries = std::fs::read_dir(self.dir.path()).expect("a folder").flatten();
        let records = entries.filter(|entry| entry.file_name().to_string_lossy().contains(".guard-"));
        let texts = records.filter_map(|record| std::fs::read_to_string(record.path()).ok());
        texts.filter_map(|text| guard_of(&text)).collect()
    }
}

fn guard_of(record: &str) -> Option<i32> {
    let (_, after) = record.split_once("\"guard\":{\"pid\":")?;
    after.split_once(',')?.0.parse().ok()
}

/// Writes an executable file through a child process. Otherwise, another test's child could inherit
/// the open file, and execution would fail (ETXTBSY).
pub(crate) fn write_program(path: &Path, text: &str) {
    let mut source = tempfile::tempfile().expect("a file");
    source.write_all(text.as_bytes()).and_then(|()| source.rewind()).expect("written");
    let mut copy = Command::new("sh");
    copy.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(path).stdin(source);
    assert!(copy.status().expect("a shell").success());
}

pub(crate) async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.expect("the condition comes true");
}
