//! Our own program, asked as a peer is: by its command line, in a project folder of its own.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::peers::{Jobs, Peer, Queue};
use crate::process::{Running, Usage, ask, measure_run, wait_until};
use crate::results::OURS;
use crate::scratch::path_in_list;

/// The program that cargo built for this benchmark, with the same profile.
const PROGRAM: &str = env!("CARGO_BIN_EXE_autoproc");

/// Where it keeps its queue, under the project folder.
const STATE: &str = ".claude/mission-control";

/// Where it writes what happened, under the project folder.
const EVENTS: &str = "logs/autonomous-processing.jsonl";

/// More than the slowest of the runs needs.
const LIMIT: Duration = Duration::from_secs(600);

/// The program as a contestant.
pub(crate) struct Autoproc;

impl Peer for Autoproc {
    fn name(&self) -> &'static str {
        OURS
    }

    fn keeps(&self) -> &'static str {
        "the queue, every claim and every result, synced"
    }

    fn version(&self) -> Option<String> {
        Some(env!("CARGO_PKG_VERSION").to_owned())
    }

    fn drain(&self, jobs: &Jobs, place: &Path) -> io::Result<Usage> {
        let project = Project::new(place)?;
        project.add_list(&jobs.list)?;
        measure_run(&mut project.run(jobs))
    }

    fn queue(&self, place: &Path) -> io::Result<Option<Box<dyn Queue>>> {
        Ok(Some(Box::new(Project::new(place)?)))
    }
}

/// A project folder.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    root: PathBuf,
}

impl Project {
    /// A project in a folder that is there.
    ///
    /// # Errors
    /// Its state folder cannot be made.
    pub(crate) fn new(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join(STATE))?;
        Ok(Self { root: root.to_owned() })
    }

    /// A command of the program on this project.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--project-dir").arg(&self.root).args(words);
        command
    }

    /// The file that holds its queue while no journal lies beside it.
    pub(crate) fn snapshot(&self) -> PathBuf {
        self.state().join("QUEUE-STATE.json")
    }

    /// Its state folder.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.join(STATE)
    }

    /// The command that adds every path of a list.
    pub(crate) fn adding(&self, list: &Path) -> Command {
        let mut add = self.command(&["queue", "add", "--from-file"]);
        add.arg(list);
        add
    }

    /// Adds every path of a list.
    ///
    /// # Errors
    /// The program failed.
    pub(crate) fn add_list(&self, list: &Path) -> io::Result<()> {
        ask(&mut self.adding(list)).map(|_| ())
    }

    /// The command that runs jobs which are queued.
    pub(crate) fn run(&self, jobs: &Jobs) -> Command {
        let mut run = self.command(&["run", "-q", "--no-wait", "-j"]);
        run.arg(jobs.at_once.to_string()).arg("--").args(&jobs.command);
        run
    }

    /// Makes the queue one of files that failed once and are due in the far future. As a person would: by writing the
    /// file.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn write_backing_off(&self, count: u64) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(self.snapshot())?);
        write!(file, "{{\"version\": \"1.0.0\", \"items\": [")?;
        for number in 0..count {
            let (comma, path) = (if number == 0 { "" } else { "," }, path_in_list("backing", number));
            write!(
                file,
                "{comma}\n{{\"file_path\": \"{path}\", \"attempts\": 1, \"not_before\": \"2999-01-01T00:00:00Z\"}}"
            )?;
        }
        write!(file, "\n]}}\n")?;
        file.flush()
    }

    /// Starts a run, lets it complete so many files, asks it to stop, and returns both what passed until they were
    /// completed and what the whole run took.
    ///
    /// # Errors
    /// The program failed, or did not complete them within a generous limit.
    pub(crate) fn run_until(&self, jobs: &Jobs, completions: usize) -> io::Result<(Duration, Usage)> {
        let started = std::time::Instant::now();
        let run = Running::start(self.run(jobs).stdout(Stdio::null()))?;
        let mut log = Completions::new(self.root.join(EVENTS));
        let reached = wait_until("the files' completion", LIMIT, || log.count() >= completions);
        let passed = started.elapsed();
        let usage = run.stop()?;
        reached.map(|()| (passed, usage))
    }
}

impl Queue for Project {
    fn add(&self, job: &[String]) -> Command {
        let mut add = self.command(&["queue", "add"]);
        add.args(job.last());
        add
    }
}

/// Counts the files completed, by following the event log.
struct Completions {
    log: PathBuf,
    reader: Option<BufReader<File>>,
    line: Vec<u8>,
    seen: usize,
}

impl Completions {
    fn new(log: PathBuf) -> Self {
        Self { log, reader: None, line: Vec::new(), seen: 0 }
    }

    /// How many there are by now. A line that is being written is read on with the next call.
    fn count(&mut self) -> usize {
        if self.reader.is_none() {
            self.reader = File::open(&self.log).ok().map(BufReader::new);
        }
        let Some(reader) = &mut self.reader else { return 0 };
        while reader.read_until(b'\n', &mut self.line).is_ok_and(|read| read > 0) && self.line.ends_with(b"\n") {
            self.seen += usize::from(holds(&self.line, b"\"file_completed\""));
            self.line.clear();
        }
        self.seen
    }
}

fn holds(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|window| window == word)
}
