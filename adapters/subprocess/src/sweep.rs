//! Ending what dead runs left at work.
//!
//! # Theory of operation
//!
//! A run that died has guards that still end its work, or guards that were killed too, or none. For each run:
//!
//! 1. While a guard lives, everything below it is killed: nobody waits for the result any more, and the guard is done the
//!    sooner. One that has not ended when our patience is over is killed as well.
//! 2. What killed guards left is looked for: by the command that they were running when they died, its group and what
//!    descends from it, and by the run's marker in the environment of any process. All of it is killed, and looked for
//!    again, until several readings in a row find nothing.
//! 3. The guards' files are removed.
//!
//! A run is unproven, and keeps its files, where something that may be its work cannot be ended or cannot be seen: it is
//! in another pid namespace, the system refuses the signal, or it does not die.
//!
//! # Who is never signalled
//!
//! This process and those it descends from, whatever they bear: a sweep that was started from within the dead run's work
//! says so and proves nothing. Processes that no evidence ties to the dead run; `targets` weighs it.
//!
//! # Limits
//!
//! A process is missed that left its group and session, took the marker out of its environment, and whose parents have
//! all ended, where its guard was killed as well; or one that changed its user or gained rights by its file, and whose
//! parents have all ended, since its environment is not ours to read. That environments of other users' processes cannot
//! be read is no reason for doubt, else nobody but root could ever prove anything.
//!
//! Zombies have ended. They can do nothing more, and are their parents' to reap.
//!
//! Where there is no `/proc`, a guard that ended by itself still proves that nothing is left. What a killed one left is
//! known by its group alone: nothing tells the group from a stranger's of the same number, so it is named and not killed.

mod guards;
mod port;
mod targets;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use autoproc_domain::RunId;
use autoproc_domain::ports::Unproven;

use crate::guard_record::Contents;
use crate::process_table::{self, Marker, Process, Processes, Signalled};

use guards::{Guards, Judged};
use targets::{Doubt, Evidence, Targets};

/// Between two looks, at processes that were killed and at guards that are ending things.
const POLL: Duration = Duration::from_millis(10);

/// The same, for a guard that takes its time.
const LONGEST_POLL: Duration = Duration::from_millis(160);

/// How long killed processes have to vanish. Only one that is held in the kernel, by a dead disk for instance, takes
/// longer than an instant; then a person should know.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// Readings in a row, [`POLL`] apart, that must find nothing. One alone may miss who forks while it is made, or who shows
/// no environment for the moment between two programs (execve(2)).
const CLEAN_READINGS: u32 = 3;

/// What guards may need beyond the grace that they give to commands: a run may have been told of another one, and a
/// loaded machine takes its time.
const BEYOND_GRACE: Duration = Duration::from_secs(5);

/// Ends what dead runs left at work.
#[derive(Debug, Clone)]
pub struct Sweeper {
    records_dir: PathBuf,
    patience: Duration,
}

impl Sweeper {
    /// One for guards that give commands this grace.
    #[must_use]
    pub fn for_grace(records_dir: impl Into<PathBuf>, grace: Duration) -> Self {
        Self::new(records_dir, grace.saturating_add(BEYOND_GRACE))
    }

    /// One that finds the files of guards in `records_dir`, and gives guards that live `patience` to end what they run.
    #[must_use]
    pub fn new(records_dir: impl Into<PathBuf>, patience: Duration) -> Self {
        Self { records_dir: records_dir.into(), patience }
    }

    /// Ends what these runs left; they must be dead. Blocks until that is done. The answer is those of which it cannot be
    /// proven.
    #[must_use]
    pub fn sweep(&self, dead: &[RunId]) -> Vec<Unproven> {
        // Nobody waits longer than a day for a guard that was stopped; a time that cannot be added up is none.
        let deadline = Instant::now() + self.patience.min(Duration::from_secs(86_400));
        let unproven = |run: &RunId, reason: String| Unproven { run: run.clone(), reason: reason.into() };
        dead.iter().filter_map(|run| self.sweep_one(run, deadline).err().map(|reason| unproven(run, reason))).collect()
    }

    /// The same for a caller that may not block; on a thread of the tokio runtime it is called in.
    pub async fn sweep_aside(&self, dead: Vec<RunId>) -> Vec<Unproven> {
        let (sweeper, runs) = (self.clone(), dead.clone());
        let swept = tokio::task::spawn_blocking(move || sweeper.sweep(&runs)).await;
        swept.unwrap_or_else(|error| {
            let reason: Box<str> = format!("nobody looked for what is left of it: {error}").into();
            dead.into_iter().map(|run| Unproven { run, reason: reason.clone() }).collect()
        })
    }

    /// Removes the files of a run's killed guards, whatever may be left of their work: somebody else answers for that.
    pub fn forget(&self, run: &RunId) {
        Guards::new(&self.records_dir, run).remove();
    }

    fn sweep_one(&self, run: &RunId, deadline: Instant) -> Result<(), String> {
        let guards = Guards::new(&self.records_dir, run);
        let marker = Marker::of_run(run);
        outlive(&guards, &marker, deadline)?;
        let Judged { left, doubts } = guards.judge().map_err(|error| unseen(&error))?;
        end_all(&marker, &left)?;
        if !doubts.is_empty() {
            return Err(doubts.join("; "));
        }
        // A file that stays is found by the next sweep, which has as little to end.
        guards.remove();
        Ok(())
    }
}

/// Ends everything that bears `marker`, and what is left of the commands that the guards of `left` were running. They must
/// be dead. Blocks until nothing of it is left.
///
/// # Errors
/// What may be left, and why, in words for a person.
pub fn end_all(marker: &Marker, left: &[Contents]) -> Result<(), String> {
    if Processes::read().is_err() {
        return only_groups(left);
    }
    let evidence = Evidence { marker, left, living: &[] };
    let deadline = Instant::now() + AFTER_KILL;
    let mut clean = 0;
    loop {
        let outcome = end_once(&evidence).map_err(|error| unseen(&error))?;
        clean = if outcome.is_clean() { clean + 1 } else { 0 };
        let is_late = !outcome.is_clean() && Instant::now() > deadline;
        if is_late || clean == CLEAN_READINGS {
            return outcome.judged();
        }
        std::thread::sleep(POLL);
    }
}

/// What one reading found.
struct Outcome {
    /// Was there, and was killed now.
    killed: Vec<Process>,
    /// Cannot be ended, or may be a stranger's.
    doubts: Vec<Doubt>,
}

impl Outcome {
    fn is_clean(&self) -> bool {
        self.killed.is_empty()
    }

    /// What is said of a run when nothing more can be done.
    fn judged(&self) -> Result<(), String> {
        let killed = self.killed.iter().map(|process| format!("{} was killed and does not end", process.in_words()));
        let reasons: Vec<_> = killed.chain(self.doubts.iter().map(ToString::to_string)).collect();
        if reasons.is_empty() { Ok(()) } else { Err(reasons.join("; ")) }
    }
}

/// Kills what the evidence speaks against, once.
fn end_once(evidence: &Evidence<'_>) -> io::Result<Outcome> {
    let Targets { to_end, mut doubts } = evidence.weigh(&Processes::read()?, process_table::own_pid());
    let mut killed = Vec::new();
    for process in to_end {
        match process_table::kill(process.id) {
            Signalled::Sent => killed.push(process),
            Signalled::Gone => {}
            Signalled::Refused(errno) => doubts.push(Doubt::Refused(process, errno)),
        }
    }
    Ok(Outcome { killed, doubts })
}

/// Waits until no guard of the run lives, and helps: by killing what is below it, and itself when it takes too long.
fn outlive(guards: &Guards<'_>, marker: &Marker, deadline: Instant) -> Result<(), String> {
    let mut pause = POLL;
    loop {
        let living = guards.living().map_err(|error| unseen(&error))?;
        let now = Instant::now();
        if living.is_none() {
            return Ok(());
        }
        if now > deadline + AFTER_KILL {
            return Err(format!("what guards its commands has not ended: process {}", living.in_words()));
        }
        // Where there is no process table, the guard alone can end what it runs.
        let _ = end_once(&Evidence { marker, left: &[], living: &living.here });
        if now > deadline {
            for guard in living.here {
                let _ = process_table::kill(guard);
            }
        }
        std::thread::sleep(pause);
        // A reading of thousands of processes costs tens of milliseconds, and a stubborn guard takes seconds.
        pause = (2 * pause).min(LONGEST_POLL);
    }
}

fn unseen(error: &io::Error) -> String {
    format!("what is left of it cannot be found out: {error}")
}

/// What can be said where the system shows no processes.
fn only_groups(left: &[Contents]) -> Result<(), String> {
    use rustix::io::Errno;
    use rustix::process::test_kill_process_group;

    let leaders = left.iter().filter_map(|contents| contents.leader);
    let groups = leaders.filter_map(|leader| process_table::signallable(leader.pid));
    let there: Vec<_> = groups
        .filter(|group| test_kill_process_group(*group) != Err(Errno::SRCH))
        .map(|group| group.as_raw_nonzero().to_string())
        .collect();
    if there.is_empty() {
        return Ok(());
    }
    Err(format!("process group {} has the number of the one its command ran in", there.join(", ")))
}
