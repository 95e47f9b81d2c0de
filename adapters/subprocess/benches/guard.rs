//! What a guard costs: processes that do nothing, spawned and awaited plainly and run under guards, in turn.
//!
//! `cargo bench -p autoproc-subprocess`. Figures of the two ways are only worth something beside each other, since they
//! depend on what else the machine does; so rounds of both take turns, and the medians of the rounds are compared. A round
//! is a number of processes, divided among threads or slots.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has nothing to say")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use autoproc_domain::RunId;

use autoproc_subprocess::{Ending, GuardSettings, Guards, OutputLimits, ProcessSpec};
use autoproc_testkit::ScriptedStop;
use tempfile::TempDir;

/// Processes in a round, for each thread or slot.
const IN_A_ROUND: usize = 100;
/// What each process is given, in either way: true(1) of GNU looks up its language where it is given an argument, which
/// takes a quarter of its time.
const FILE: &str = "/srv/archive/recordings/2025/session-000001/audio.wav";
/// Rounds of each way.
const ROUNDS: usize = 15;
/// What an attempt may cost at most, in the time that a process without a guard takes.
const LIMIT: f64 = 1.25;

struct Bench {
    folder: TempDir,
    guards: Guards,
    runtime: tokio::runtime::Runtime,
}

fn main() {
    let bench = Bench::new();
    println!("/bin/true, microseconds a process, medians of {ROUNDS} rounds of {IN_A_ROUND} a slot");
    for slots in [1, 2] {
        let (plain, guarded) = bench.medians(slots);
        let ratio = guarded / plain;
        let verdict = if ratio <= LIMIT { "within" } else { "ABOVE" };
        println!(
            "{slots} at a time: plain {plain:.0}, under a guard {guarded:.0}, ratio {ratio:.3} ({verdict} {LIMIT})"
        );
    }
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let guards = Guards::new(GuardSettings {
            executable: env!("CARGO_BIN_EXE_autoproc-guard").into(),
            run: RunId::new("bench"),
            grace: Duration::from_secs(10),
            records_dir: Some(folder.path().to_owned()),
            output: OutputLimits::default(),
            give_back_after: autoproc_subprocess::DEFAULT_GIVE_BACK_AFTER,
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { folder, guards, runtime }
    }

    /// The median cost of one process in microseconds, plain and under a guard.
    fn medians(&self, slots: usize) -> (f64, f64) {
        let (mut plain, mut guarded) = (Vec::new(), Vec::new());
        // The first round warms up, and starts the guards.
        for _ in 0..=ROUNDS {
            plain.push(measured(slots, || plain_round(slots)));
            guarded.push(measured(slots, || self.guarded_round(slots)));
        }
        (median(plain.split_off(1)), median(guarded.split_off(1)))
    }

    /// As a run does it: one thread, with the runtime in it, and a guard for each slot.
    fn guarded_round(&self, slots: usize) {
        let slot = || async {
            for _ in 0..IN_A_ROUND {
                let report = self.guards.run(self.spec(), &ScriptedStop::alone()).await.unwrap();
                assert_eq!(report.ending, Ending::Exited { code: 0 });
            }
        };
        self.runtime.block_on(futures_util::future::join_all((0..slots).map(|_| slot())));
    }

    fn spec(&self) -> ProcessSpec {
        ProcessSpec {
            program: "/bin/true".into(),
            arguments: vec![FILE.into()],
            environment: vec![("AUTOPROC_FILE".into(), FILE.into())],
            working_dir: None,
            timeout: Duration::from_secs(300),
            log: Some(self.folder.path().join("1.1.1.log")),
            append_log: false,
            log_heading: Vec::new(),
            capture: 0,
        }
    }
}

/// Each thread starts a process, in a group of its own as a guard's, and waits for it.
fn plain_round(slots: usize) {
    use std::os::unix::process::CommandExt;
    let thread = || {
        for _ in 0..IN_A_ROUND {
            let mut command = Command::new("/bin/true");
            command.arg(FILE).env("AUTOPROC_FILE", FILE);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
            assert!(command.spawn().unwrap().wait().unwrap().success());
        }
    };
    thread::scope(|scope| {
        for _ in 0..slots {
            scope.spawn(thread);
        }
    });
}

fn measured(slots: usize, round: impl FnOnce()) -> f64 {
    let began = Instant::now();
    round();
    let processes = u32::try_from(slots * IN_A_ROUND).unwrap();
    began.elapsed().as_secs_f64() * 1e6 / f64::from(processes)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
