//! Compares the cost of guarded processes with directly spawned processes.
//!
//! Run with `cargo bench -p autoproc-subprocess`.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![expect(clippy::print_stdout, reason = "prints its figures")]

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use autoproc_domain::RunId;

use autoproc_domain::ports::NeverStop;
use autoproc_subprocess::{Ending, GuardSettings, Guards, OutputLimits, ProcessSpec};
use tempfile::TempDir;

const ROUND_PROCESSES: usize = 100;
/// The argument of each process. Without an argument, GNU true(1) skips setting up its locale.
const FILE: &str = "/srv/archive/recordings/2025/session-000001/audio.wav";
const ROUNDS: usize = 15;
/// The maximum ratio of the guarded cost to the direct cost.
const MAX_RATIO: f64 = 1.25;

struct Bench {
    folder: TempDir,
    guards: Guards,
    runtime: tokio::runtime::Runtime,
}

fn main() {
    let bench = Bench::new();
    println!("/bin/true, microseconds a process, medians of {ROUNDS} rounds of {ROUND_PROCESSES} a slot");
    for slots in [1, 2] {
        let (direct, guarded) = bench.medians(slots);
        let ratio = guarded / direct;
        let verdict = if ratio <= MAX_RATIO { "within" } else { "ABOVE" };
        println!(
            "{slots} at a time: direct {direct:.0}, guarded {guarded:.0}, ratio {ratio:.3} ({verdict} {MAX_RATIO})"
        );
    }
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let guards = Guards::new(GuardSettings {
            executable: env!("CARGO_BIN_EXE_autoproc-guard").into(),
            run: RunId::new("bench"),
            environment: Vec::new(),
            grace: Duration::from_secs(10),
            records_dir: Some(folder.path().to_owned()),
            output: OutputLimits::default(),
            keep_tmp: None,
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { folder, guards, runtime }
    }

    /// Returns the median costs of a process, direct and guarded, in microseconds.
    fn medians(&self, slots: usize) -> (f64, f64) {
        let (mut direct, mut guarded) = (Vec::new(), Vec::new());
        // The first round warms up and starts the guards.
        for _ in 0..=ROUNDS {
            direct.push(measured(slots, || direct_round(slots)));
            guarded.push(measured(slots, || self.guarded_round(slots)));
        }
        (median(direct.split_off(1)), median(guarded.split_off(1)))
    }

    fn guarded_round(&self, slots: usize) {
        let slot = || async {
            for _ in 0..ROUND_PROCESSES {
                let report = self.guards.run(self.spec(), &NeverStop).await.unwrap();
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
            stdin: Vec::new(),
            timeout: Duration::from_secs(300),
            log: Some(self.folder.path().join("1.1.1.log")),
            append_log: false,
            log_heading: Vec::new(),
            capture: 0,
            stdout_to: None,
        }
    }
}

fn direct_round(slots: usize) {
    use std::os::unix::process::CommandExt;
    let thread = || {
        for _ in 0..ROUND_PROCESSES {
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
    let processes = u32::try_from(slots * ROUND_PROCESSES).unwrap();
    began.elapsed().as_secs_f64() * 1e6 / f64::from(processes)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
