//! A dead run as a test plays it: processes with its marker, and files of its guards.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use autoproc_domain::RunId;
use autoproc_domain::ports::Unproven;
use autoproc_subprocess::guard_record;
use autoproc_subprocess::process_table::{self, ProcessId, Processes};
use autoproc_subprocess::sweep::Sweeper;
use tempfile::TempDir;

/// What never takes this long takes for ever.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

static SCENES: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Scene {
    dir: TempDir,
    pub(crate) run: RunId,
    /// A number of seconds that only this scene's processes sleep.
    nap: String,
    pub(crate) patience: Duration,
    children: Vec<Child>,
}

/// A guard's file, as a test makes it up.
pub(crate) struct Record {
    pub(crate) boot_id: String,
    pub(crate) pid_namespace: String,
    pub(crate) guard: ProcessId,
    pub(crate) session: i32,
    pub(crate) leader: ProcessId,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let number = SCENES.fetch_add(1, Ordering::Relaxed);
        let us = std::process::id();
        Self {
            dir: tempfile::tempdir().expect("a folder"),
            run: RunId::new(format!("dead-run-{us}-{number}")),
            nap: format!("{}.{us}{number:03}", 100_000),
            patience: BOUND,
            children: Vec::new(),
        }
    }

    pub(crate) fn record_path(&self, guard: u64) -> PathBuf {
        guard_record::path_of(self.dir.path(), &self.run, guard)
    }

    pub(crate) fn sweep(&self) -> Vec<Unproven> {
        Sweeper::new(self.dir.path(), self.patience).sweep(std::slice::from_ref(&self.run))
    }

    /// The one reason why the run is not proven to be over.
    pub(crate) fn doubt(&self) -> String {
        match &self.sweep()[..] {
            [Unproven { run, reason }] if *run == self.run => reason.to_string(),
            other => panic!("{other:?}"),
        }
    }

    /// Starts a script in a group of its own, with the run's marker. `$NAP` is the scene's number, `$RECORD` the path of
    /// the run's first guard's file, `$DIR` the scene's folder.
    pub(crate) fn start(&mut self, script: &str) -> ProcessId {
        let mut command = self.script(script);
        command.env("AUTOPROC_RUN_ID", self.run.as_str());
        self.spawn(command)
    }

    /// The same without the marker.
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

    /// The processes of this scene that sleep, wherever they are.
    pub(crate) fn sleepers(&self) -> Vec<i32> {
        let sleeps = |pid: &i32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).eq([&b"sleep"[..], self.nap.as_bytes(), b""])
        };
        let all = Processes::read().expect("a process table");
        all.iter().filter(|process| !process.is_zombie).map(|process| process.id.pid).filter(sleeps).collect()
    }

    pub(crate) fn assert_empty(&self) {
        assert_eq!(self.sleepers(), Vec::<i32>::new(), "still asleep");
    }

    pub(crate) fn await_sleepers(&self, count: usize) {
        until(&format!("{count} sleepers"), || self.sleepers().len() == count);
    }

    pub(crate) fn await_file(&self, name: &str) -> String {
        let path = self.dir.path().join(name);
        until(name, || std::fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n')));
        std::fs::read_to_string(path).expect("there")
    }

    /// Waits for the processes that were started, which have ended by themselves or were killed.
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
    /// The file of a guard that was killed here and now while it ran the command under `leader`.
    pub(crate) fn of(leader: ProcessId) -> Self {
        Self {
            boot_id: process_table::boot_id().expect("a boot"),
            pid_namespace: process_table::pid_namespace().expect("a namespace"),
            guard: NOBODY,
            session: 0,
            leader,
        }
    }

    pub(crate) fn text(&self) -> String {
        let Self { boot_id, pid_namespace, guard, session, leader } = self;
        let id = |id: &ProcessId| format!("{{\"pid\":{},\"started\":{}}}", id.pid, id.started);
        format!(
            "{{\"version\":1,\"boot_id\":\"{boot_id}\",\"pid_namespace\":\"{pid_namespace}\",\"guard\":{},\
             \"session\":{session},\"leader\":{}}}\n",
            id(guard),
            id(leader)
        )
    }
}

/// No process has this number: it is the largest there is, and the kernel's limit is 2^22 (proc(5), `pid_max`).
pub(crate) const NOBODY: ProcessId = ProcessId { pid: i32::MAX, started: 1 };

pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < BOUND, "{what}: never came true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn exists(path: &Path) -> bool {
    path.try_exists().expect("a folder that can be read")
}

/// Whatever a failed test leaves.
impl Drop for Scene {
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
