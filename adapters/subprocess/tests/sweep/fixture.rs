use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use autoproc_domain::RunId;
use autoproc_domain::ports::{DeadRun, Unproven};
use autoproc_subprocess::guard_record;
use autoproc_subprocess::process_table::{self, ProcessId, Processes};
use autoproc_subprocess::sweep::Sweeper;
use tempfile::TempDir;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

static FIXTURES: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Fixture {
    dir: TempDir,
    pub(crate) run: RunId,
    nap: String,
    pub(crate) timeout: Duration,
    children: Vec<Child>,
}

pub(crate) struct Record {
    pub(crate) boot_id: String,
    pub(crate) pid_namespace: String,
    pub(crate) guard: ProcessId,
    pub(crate) session: i32,
    pub(crate) leader: ProcessId,
    pub(crate) tmp_dir: Option<PathBuf>,
    /// The device and inode of the record's file.
    pub(crate) file: Option<(u64, u64)>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let number = FIXTURES.fetch_add(1, Ordering::Relaxed);
        let own_pid = std::process::id();
        Self {
            dir: tempfile::tempdir().expect("a folder"),
            run: RunId::new(format!("dead-run-{own_pid}-{number}")),
            nap: format!("{}.{own_pid}{number:03}", 100_000),
            timeout: TIMEOUT,
            children: Vec::new(),
        }
    }

    pub(crate) fn record_path(&self, guard: u64) -> PathBuf {
        guard_record::path_of(self.dir.path(), &self.run, guard)
    }

    pub(crate) fn sweep(&self) -> Vec<Unproven> {
        Sweeper::new(self.dir.path(), self.timeout, self.dir.path()).sweep(&[DeadRun::gone(self.run.clone())])
    }

    pub(crate) fn unproven_reason(&self) -> String {
        match &self.sweep()[..] {
            [Unproven { run, reason }] if *run == self.run => reason.to_string(),
            other => panic!("{other:?}"),
        }
    }

    /// Starts a script with the run's marker. The script can use `$NAP`, `$RECORD` and `$DIR`.
    pub(crate) fn start(&mut self, script: &str) -> ProcessId {
        let mut command = self.script(script);
        command.env("AUTOPROC_RUN_ID", self.run.as_str());
        self.spawn(command)
    }

    pub(crate) fn start_unmarked(&mut self, script: &str) -> ProcessId {
        let command = self.script(script);
        self.spawn(command)
    }

    fn script(&self, script: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .env("NAP", &self.nap)
            .env("RECORD", self.record_path(1))
            .env("DIR", self.dir.path());
        command.stdin(Stdio::null()).process_group(0);
        command
    }

    fn spawn(&mut self, mut command: Command) -> ProcessId {
        let child = command.spawn().expect("a shell");
        let pid = i32::try_from(child.id()).expect("a number");
        self.children.push(child);
        process_table::read(pid).expect("it runs").id
    }

    pub(crate) fn sleepers(&self) -> Vec<i32> {
        let sleeps = |pid: &i32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).eq([&b"sleep"[..], self.nap.as_bytes(), b""])
        };
        let all = Processes::read().expect("a process table");
        all.iter().filter(|process| !process.is_zombie).map(|process| process.id.pid).filter(sleeps).collect()
    }

    pub(crate) fn assert_empty(&self) {
        assert_eq!(self.sleepers(), Vec::<i32>::new(), "left");
    }

    pub(crate) fn await_sleepers(&self, count: usize) {
        until(&format!("{count} sleepers"), || self.sleepers().len() == count);
    }

    pub(crate) fn await_file(&self, name: &str) -> String {
        let path = self.dir.path().join(name);
        until(name, || std::fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n')));
        std::fs::read_to_string(path).expect("there")
    }

    /// Reaps the started processes. Returns the exit statuses, `None` for a killed process.
    pub(crate) fn exit_codes(&mut self) -> Vec<Option<i32>> {
        self.children.iter_mut().map(|child| child.wait().expect("reaped").code()).collect()
    }

    pub(crate) fn write(&self, guard: u64, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.record_path(guard);
        std::fs::write(&path, bytes).expect("written");
        path
    }
}

impl Record {
    /// Writes the record, including the device and inode of its file.
    pub(crate) fn write(self, fixture: &Fixture, guard: u64) -> PathBuf {
        let metadata = fixture.write(guard, "").metadata().expect("the record");
        fixture.write(guard, Self { file: Some((metadata.dev(), metadata.ino())), ..self }.text())
    }

    pub(crate) fn of(leader: ProcessId) -> Self {
        Self {
            boot_id: process_table::boot_id().expect("a boot"),
            pid_namespace: process_table::pid_namespace().expect("a namespace"),
            guard: NO_PROCESS,
            session: 0,
            leader,
            tmp_dir: None,
            file: None,
        }
    }

    pub(crate) fn text(&self) -> String {
        let Self { boot_id, pid_namespace, guard, session, leader, tmp_dir, file } = self;
        let id = |id: &ProcessId| format!("{{\"pid\":{},\"started\":{}}}", id.pid, id.started);
        format!(
            "{{\"version\":1,\"boot_id\":\"{boot_id}\",\"pid_namespace\":\"{pid_namespace}\",\"guard\":{},\
             \"session\":{session}{},\"leader\":{}{}}}\n",
            id(guard),
            file.map(|(device, inode)| format!(",\"file\":[{device},{inode}]")).unwrap_or_default(),
            id(leader),
            tmp_dir.as_deref().map(tmp_fields).unwrap_or_default(),
        )
    }
}

fn tmp_fields(path: &Path) -> String {
    let (parent, name) = path.to_str().and_then(|path| path.rsplit_once('/')).expect("an absolute path");
    format!(",\"tmp_parent\":\"{parent}\",\"tmp_name\":\"{name}\"")
}

/// No process has this number, because the kernel's limit is 2^22 (proc(5), `pid_max`).
pub(crate) const NO_PROCESS: ProcessId = ProcessId { pid: i32::MAX, started: 1 };

pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started_at = Instant::now();
    while !condition() {
        assert!(started_at.elapsed() < TIMEOUT, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn exists(path: &Path) -> bool {
    path.try_exists().expect("a readable folder")
}

impl Drop for Fixture {
    fn drop(&mut self) {
        for pid in self.sleepers() {
            if let Ok(process) = process_table::read(pid) {
                let _ = process_table::kill(process.id);
            }
        }
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
