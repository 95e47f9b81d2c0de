use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio_postgres::{Config, Error, NoTls, SimpleQueryMessage, SimpleQueryRow};

use super::witness;
use crate::fixture::{Done, TempProject};
use crate::killed_runs::{MARK, left_of};

const TIMEOUT: Duration = Duration::from_secs(300);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
const RESTART_DELAY: Duration = Duration::from_millis(100);

const BATCH: usize = 6;
/// The test adds no files while this many files wait.
const MAX_WAITING: usize = 60;

/// A simulated machine, or a project folder on the real machine.
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) project: TempProject,
    /// The URL of the queue, as seen from this machine.
    pub(super) url: String,
    /// The prefix of a command line that runs on the machine.
    pub(super) tool: Vec<String>,
}

impl Machine {
    pub(super) fn here(name: &str, url: &str) -> Self {
        Self { name: name.into(), project: TempProject::new(), url: url.into(), tool: Vec::new() }
    }
}

struct Batch {
    files: Vec<String>,
    is_acknowledged: bool,
}

/// A queue in a database, and the runs that process its files.
pub(super) struct Night {
    config: Config,
    client: Machine,
    share: TempProject,
    batches: Mutex<Vec<Batch>>,
    is_fed: AtomicBool,
    is_over: AtomicBool,
}

/// Ends the night on drop, even after a panic. Otherwise threads would wait forever.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Night {
    pub(super) fn begin(url: &str, config: Config) -> Self {
        let share = TempProject::new();
        for folder in ["in", "locks", "beats"] {
            fs::create_dir(share.path(folder)).expect("a folder");
        }
        let client = Machine::here("client", url);
        let (batches, is_fed, is_over) = Default::default();
        let night = Self { config, client, share, batches, is_fed, is_over };
        night.ask(&["store", "init"]).expect_code(0);
        night.rows(witness::SCHEMA);
        night
    }

    /// Processes files on these machines until `disturb` has returned and all files are completed.
    pub(super) fn spend<'env>(
        &'env self,
        machines: &[&'env Machine],
        disturb: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>),
    ) {
        thread::scope(|scope| {
            let _ending = Ending(&self.is_over);
            for machine in machines.iter().copied() {
                scope.spawn(|| self.keep_running(machine));
            }
            let feeder = scope.spawn(|| self.add_files());
            disturb(scope);
            self.is_fed.store(true, Ordering::SeqCst);
            feeder.join().expect("files are added");
            wait_until("every file is completed", || self.is_over() || self.unfinished() == 0);
        });
        wait_until("no process is left", || left_of(&self.share).is_empty());
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    pub(super) fn keep_running(&self, machine: &Machine) {
        while !self.is_over() {
            let mut run = self.run(machine, &[]);
            let done = Done::of(&run.stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("the binary"));
            assert!(matches!(done.status.code(), Some(0 | 75)), "{}: {done:?}", machine.name);
            thread::sleep(RESTART_DELAY);
        }
    }

    pub(super) fn run(&self, machine: &Machine, options: &[&str]) -> Command {
        let limits = ["run", "-qq", "-j", "2", "--retries", "1000", "--backoff-base", "10ms", "--pause-on-same", "0"];
        let words = [&["--store", &machine.url], &limits[..], options, &["--shell", witness::COMMAND]].concat();
        let tool: Vec<_> = machine.tool.iter().map(String::as_str).collect();
        let mut command = machine.project.command_under(&tool, words);
        command.env("W", self.share.path("")).env("MACHINE", &machine.name).env(MARK, self.share.path(""));
        command
    }

    fn ask(&self, words: &[&str]) -> Done {
        let words = [&["--store", &self.client.url], words].concat();
        self.client.project.run(words)
    }

    fn add_files(&self) {
        while !self.is_fed.load(Ordering::SeqCst) && !self.is_over() {
            let [acknowledged, _] = self.additions();
            if acknowledged.len() * BATCH < MAX_WAITING + self.trace("ends").lines().count() {
                self.add_batch();
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn add_batch(&self) {
        let number = self.batches.lock().expect("no panic").len() * BATCH;
        let create = |number| {
            let file = self.share.path("in").join(format!("f{number}"));
            fs::write(&file, "").expect("a file");
            file.to_str().expect("text").to_owned()
        };
        let files: Vec<String> = (number..number + BATCH).map(create).collect();
        let words: Vec<_> = ["queue", "add"].into_iter().chain(files.iter().map(String::as_str)).collect();
        let done = self.ask(&words);
        assert!(matches!(done.status.code(), Some(0 | 75)), "{done:?}");
        let is_acknowledged = done.is_acknowledged();
        self.batches.lock().expect("no panic").push(Batch { files, is_acknowledged });
    }

    pub(super) fn wait_for_progress(&self) {
        let completed = || self.number("select count(*) from witness.settlement");
        let before = completed();
        wait_until("a further file is completed", || self.is_over() || completed() > before);
    }

    fn unfinished(&self) -> usize {
        self.number("select count(*) from autoproc.item where status <> 2")
    }

    /// Returns the acknowledged additions, then the other additions, as lists of files.
    pub(super) fn additions(&self) -> [Vec<Vec<String>>; 2] {
        let batches = self.batches.lock().expect("no panic");
        [true, false].map(|is_acknowledged| {
            let batches = batches.iter().filter(|batch| batch.is_acknowledged == is_acknowledged);
            batches.map(|batch| batch.files.clone()).collect()
        })
    }

    /// Returns the path of a file in which commands leave a trace.
    pub(super) fn trace_path(&self, name: &str) -> PathBuf {
        self.share.path(name)
    }

    pub(super) fn trace(&self, name: &str) -> String {
        fs::read_to_string(self.trace_path(name)).unwrap_or_default()
    }

    pub(super) fn number(&self, sql: &str) -> usize {
        self.rows(sql)[0].get(0).expect("a column").parse().expect("a number")
    }

    pub(super) fn rows(&self, sql: &str) -> Vec<SimpleQueryRow> {
        execute(&self.config, sql).expect(sql)
    }
}

/// Executes statements on a new connection. Returns all rows.
pub(super) fn execute(config: &Config, sql: &str) -> Result<Vec<SimpleQueryRow>, Error> {
    Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(async {
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        let answers = client.simple_query(sql).await?;
        let row = |answer| if let SimpleQueryMessage::Row(row) = answer { Some(row) } else { None };
        Ok(answers.into_iter().filter_map(row).collect())
    })
}

#[track_caller]
pub(super) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < TIMEOUT, "waited for {TIMEOUT:?} until {what}");
        thread::sleep(POLL_INTERVAL);
    }
}
