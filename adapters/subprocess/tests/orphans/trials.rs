use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use autoproc_subprocess::process_table::{self, Process};
use autoproc_subprocess::{Ending, Guards, ProcessReport, ProcessSpec};

use crate::runner::{self, After, GRACE};
use crate::{leftovers, stubborn};

const MAX_DELAY: Duration = Duration::from_secs(20);

/// Runs all trials. The trials with runners come first: later, every child counts as an orphan.
pub(crate) fn all(trials: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let killed_runners = trials / 5;
    let slowest = (0..killed_runners).map(|trial| kill_runner(trial, folder.path())).max().unwrap_or_default();
    println!("{killed_runners} runners killed: no process left, at most {slowest:.0?} after the kill");
    autoproc_subprocess::adopt_orphans();
    let fixture = Fixture::new(folder.path());
    let latest = (killed_runners..trials).map(|trial| fixture.run_trial(trial)).max().unwrap_or_default();
    let ended = trials - killed_runners;
    println!("{ended} attempts ended: no process left, at most {latest:.0?} after timeout and grace");
    fixture.close();
}

fn kill_runner(trial: usize, folder: &Path) -> Duration {
    let (tag, run) = names(trial, "killed");
    let program = std::env::current_exe().expect("a program");
    let mut runner = Command::new(program);
    runner.args([runner::MODE, &tag, &run]).current_dir(folder).stdin(Stdio::null());
    let mut runner = runner.spawn().expect("a runner");
    leftovers::until("a command of the runner", || marked_count(&run) > 1);
    std::thread::sleep(moment(trial));
    runner.kill().expect("killed");
    runner.wait().expect("reaped");
    let killed = Instant::now();
    leftovers::until("the end of all that the runner had started", || leftovers::of(&tag, &run).is_empty());
    let took = killed.elapsed();
    // The guard removes its record last, after the proof that nothing is left.
    leftovers::until("the removal of the guard's record", || records(folder, &run) == 0);
    took
}

struct Fixture<'a> {
    folder: &'a Path,
    run: String,
    guards: Guards,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Fixture<'a> {
    fn new(folder: &'a Path) -> Self {
        let run = names(0, "lives").1;
        let guards = runner::guards(&run, folder);
        Self { folder, guards, run, runtime: runner::runtime() }
    }

    /// Runs one attempt. After a timeout, returns the delay beyond the grace time.
    fn run_trial(&self, trial: usize) -> Duration {
        let (tag, _) = names(trial, "lives");
        match trial % 4 {
            0 => self.exits(trial, &tag),
            1 => return self.times_out(trial, &tag),
            2 => self.is_aborted(trial, &tag),
            _ => self.loses_its_guard(trial, &tag),
        }
        Duration::ZERO
    }

    fn exits(&self, trial: usize, tag: &str) {
        let report = self.run(stubborn::spec(trial, tag, true, self.folder), &After::never());
        assert_eq!(report.ending, Ending::Exited { code: 7 });
        self.assert_nothing_left(tag);
    }

    fn times_out(&self, trial: usize, tag: &str) -> Duration {
        let timeout = moment(trial);
        let report =
            self.run(ProcessSpec { timeout, ..stubborn::spec(trial, tag, false, self.folder) }, &After::never());
        assert_eq!(report.ending, Ending::TimedOut);
        self.assert_nothing_left(tag);
        let delay = report.elapsed.saturating_sub(timeout + GRACE);
        assert!(delay < MAX_DELAY, "{delay:?}");
        delay
    }

    fn is_aborted(&self, trial: usize, tag: &str) {
        let report = self.run(stubborn::spec(trial, tag, false, self.folder), &After::new(moment(trial)));
        assert_eq!(report.ending, Ending::Aborted);
        self.assert_nothing_left(tag);
    }

    fn loses_its_guard(&self, trial: usize, tag: &str) {
        let never = After::never();
        let victim = self.guards.run(stubborn::spec(trial, tag, false, self.folder), &never);
        let bystander = ProcessSpec {
            arguments: vec!["-c".into(), "sleep 0.3".into()],
            ..stubborn::spec(trial, "bystander", false, self.folder)
        };
        let bystander = self.guards.run(bystander, &never);
        let (folder, tag) = (self.folder.to_owned(), tag.to_owned());
        let ready = folder.join(&tag);
        let (victim, bystander) = self.runtime.block_on(async {
            let kill = tokio::task::spawn_blocking(move || kill_guard_of(&tag, &ready));
            let (victim, bystander, done) = futures_util::future::join3(victim, bystander, kill).await;
            done.expect("a guard was killed");
            (victim.expect("an ending"), bystander.expect("an ending"))
        });
        assert_eq!((victim.ending, bystander.ending), (Ending::GuardDied, Ending::Exited { code: 0 }));
        self.assert_nothing_left(&names(trial, "lives").0);
    }

    fn run(&self, spec: ProcessSpec, stop: &After) -> ProcessReport {
        self.runtime.block_on(self.guards.run(spec, stop)).expect("an ending")
    }

    fn assert_nothing_left(&self, tag: &str) {
        assert_eq!(leftovers::of(tag, &self.run), Vec::<String>::new());
    }

    fn close(self) {
        assert!(records(self.folder, &self.run) > 0, "living guards have records");
        self.runtime.block_on(self.guards.close());
        assert_eq!(records(self.folder, &self.run), 0);
    }
}

fn kill_guard_of(tag: &str, ready: &Path) {
    leftovers::until("a command that is ready", || ready.exists());
    let own = std::process::id().cast_signed();
    let below = process_table::descendants_of(own).expect("descendants");
    let has_tag = |guard: &&Process| {
        let commands = process_table::descendants_of(guard.id.pid).expect("descendants");
        commands.iter().any(|command| {
            let words = std::fs::read(format!("/proc/{}/cmdline", command.id.pid)).unwrap_or_default();
            words.split(|byte| *byte == 0).any(|word| word == tag.as_bytes())
        })
    };
    let guard = below.iter().filter(|process| process.parent == own).find(has_tag).expect("a guard");
    assert_eq!(process_table::kill(guard.id), process_table::SignalResult::Sent);
}

/// Returns a unique tag and a unique run id.
fn names(trial: usize, kind: &str) -> (String, String) {
    let own = std::process::id();
    (format!("3600.{own}{trial:05}"), format!("orphans-{kind}-{own}-{trial}"))
}

fn moment(trial: usize) -> Duration {
    Duration::from_millis((trial as u64).wrapping_mul(7919) % 120)
}

fn marked_count(run: &str) -> usize {
    leftovers::of("no tag", run).len()
}

fn records(folder: &Path, run: &str) -> usize {
    let names = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().starts_with(&format!("{run}.guard-"))).count()
}
