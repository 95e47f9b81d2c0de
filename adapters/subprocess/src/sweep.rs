//! Ends the processes that dead runs left behind.
//!
//! # Theory of operation
//!
//! A guard is a process that supervises commands of a run. A guard of a dead run may still be
//! alive, or may have been killed. The marker of a run is a variable in the environment of its
//! processes.
//!
//! The sweep handles each dead run in three steps:
//!
//! 1. Wait until no guard is alive. Meanwhile, kill the descendants of guards and all other
//!    processes with the marker. After a timeout, also kill the guards in this pid namespace.
//! 2. Kill the processes that killed guards left, and all processes with the marker. Repeat until
//!    several scans in a row have found nothing.
//! 3. Remove the records of the guards, and the folders for temporary files in these records.
//!
//! A run is unproven if one of its processes may be left. An unproven run keeps its records.
//!
//! # Limits
//!
//! The sweep spares its own process and the ancestors of this process. If one of them has the
//! marker, the run is unproven.
//!
//! The sweep misses a process if all of these conditions are met:
//!
//! - The guard was killed, and all ancestors of the process have ended.
//! - The process left its group and session.
//! - The process removed the marker, or its environment is unreadable.
//!
//! An unreadable environment does not make a run unproven. Otherwise, only root could prove that a
//! run left no process.
//!
//! Without `/proc`, only the process groups of killed guards are known. Another group may have
//! reused the number, so the sweep reports the group and does not kill it.

mod marked;
mod reaper;
mod records;
mod search;

use std::io;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use autoproc_domain::RunId;
use autoproc_domain::ports::{DeadRun, DeathEvidence, Location, Reaper, Unproven};
use autoproc_domain::recovery;

use crate::guard_record::{self, Contents};
use crate::process_table::{self, Marker, Process, Processes, SignalResult};

use records::{Abandoned, Records};
use search::{Search, Targets, Uncertainty};

/// The pause between scans of the process table, and the first pause between checks of living
/// guards.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

const MAX_POLL_INTERVAL: Duration = Duration::from_millis(160);

/// The maximum time to wait for killed processes to disappear. Only a process that is blocked in
/// the kernel takes longer.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// The number of scans in a row that must find nothing to kill. A single scan may miss a process
/// during a fork or execve(2).
const CLEAN_SCANS: u32 = 3;

/// The maximum number of dead runs to sweep at the same time. The threads mostly wait.
const MAX_SWEEPS: usize = 16;

/// The time that living guards get in addition to the grace time. The dead run may have had a
/// longer grace time.
const GRACE_MARGIN: Duration = Duration::from_secs(5);

/// The maximum timeout for living guards. Prevents an overflow of the deadline.
const MAX_TIMEOUT: Duration = Duration::from_secs(86_400);

/// Ends the processes that dead runs left behind.
#[derive(Debug, Clone)]
pub struct Sweeper {
    records_dir: PathBuf,
    timeout: Duration,
    project: PathBuf,
}

impl Sweeper {
    /// Creates a sweeper that gives living guards `grace` plus a margin of some seconds to exit.
    #[must_use]
    pub fn for_grace(records_dir: impl Into<PathBuf>, grace: Duration, project: impl Into<PathBuf>) -> Self {
        Self::new(records_dir, grace.saturating_add(GRACE_MARGIN), project)
    }

    /// Creates a sweeper that finds the records in `records_dir` and gives living guards `timeout`
    /// to exit.
    #[must_use]
    pub fn new(records_dir: impl Into<PathBuf>, timeout: Duration, project: impl Into<PathBuf>) -> Self {
        Self { records_dir: records_dir.into(), timeout, project: project.into() }
    }

    /// Ends the processes of the runs in `dead`, which must be dead runs of this host. Blocks until
    /// the processes have ended or a timeout has expired. Returns the runs that may still have
    /// processes, ordered by id.
    #[must_use]
    pub fn sweep(&self, dead: &[DeadRun]) -> Vec<Unproven> {
        let (own, deadline) = (self.location(), Instant::now() + self.timeout.min(MAX_TIMEOUT));
        let suspects = self.suspects(dead, &own);
        let next = AtomicUsize::new(0);
        let sweep_some = || {
            let runs = std::iter::from_fn(|| suspects.get(next.fetch_add(1, Ordering::Relaxed)));
            runs.filter_map(|suspect| self.sweep_suspect(suspect, &own, deadline)).collect::<Vec<_>>()
        };
        let mut unproven = thread::scope(|scope| {
            // If the system refuses to start a thread, the threads that exist sweep all runs.
            let spawn = |_| thread::Builder::new().spawn_scoped(scope, sweep_some).ok();
            let others: Vec<_> = (1..suspects.len().min(MAX_SWEEPS)).map_while(spawn).collect();
            let mut unproven = sweep_some();
            for other in others {
                unproven.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            unproven
        });
        unproven.sort_by(|one, other| one.run.cmp(&other.run));
        unproven
    }

    /// Returns the dead runs that may have left processes or records. Removes the records of runs
    /// that certainly left no process.
    fn suspects<'d>(&self, dead: &'d [DeadRun], own: &Location) -> Vec<Suspect<'d>> {
        let Ok(recorded) = guard_record::by_run(&self.records_dir) else { return Suspect::all(dead) };
        let is_over = |dead: &&DeadRun| is_over(dead, own);
        for dead in dead.iter().filter(is_over) {
            records::remove_unlocked(recorded.get(&guard_record::prefix_of(&dead.run)).into_iter().flatten());
        }
        let open: Vec<&DeadRun> = dead.iter().filter(|dead| !is_over(dead)).collect();
        let runs = open.iter().map(|dead| dead.run.as_str()).collect();
        let Ok(marked) = marked::runs_of_processes(&runs) else { return Suspect::all(open) };
        let suspects = open.into_iter().map(|dead| Suspect { dead, may_be_marked: marked.contains(dead.run.as_str()) });
        let is_recorded = |suspect: &Suspect<'_>| recorded.contains_key(&guard_record::prefix_of(&suspect.dead.run));
        suspects.filter(|suspect| suspect.may_be_marked || is_recorded(suspect)).collect()
    }

    /// Returns a reason why a [`sweep`](Self::sweep) cannot prove that the run left no process, if
    /// one is known in advance. Ends no process.
    #[must_use]
    pub fn obstacle(&self, dead: &DeadRun) -> Option<String> {
        let own = self.location();
        if !recovery::is_of_host(dead, &own) {
            return recovery::unproven_elsewhere(dead.clone()).map(|unproven| unproven.reason.into());
        }
        if is_over(dead, &own) {
            return None;
        }
        Records::new(&self.records_dir, &dead.run).obstacle(&own).ok().flatten()
    }

    fn sweep_suspect(&self, suspect: &Suspect<'_>, own: &Location, deadline: Instant) -> Option<Unproven> {
        let reason = self.sweep_one(suspect, own, deadline).err()?;
        Some(Unproven { run: suspect.dead.run.clone(), reason: reason.into() })
    }

    /// Removes the records of a run's killed guards, and the folders for temporary files that these
    /// records name. The caller must have proof that no process of the run is left.
    pub fn forget(&self, run: &RunId) {
        Records::new(&self.records_dir, run).remove();
    }

    fn sweep_one(&self, suspect: &Suspect<'_>, own: &Location, deadline: Instant) -> Result<(), String> {
        let run = &suspect.dead.run;
        let records = Records::new(&self.records_dir, run);
        let marker = Marker::of_run(run).in_project(&self.project);
        // If an expired lease is the only evidence of death, the run may be alive but suspended.
        // Its commands must be ended nevertheless, so this check is skipped.
        if suspect.may_be_marked && suspect.dead.evidence == DeathEvidence::Gone {
            refuse_if_alive(&marker)?;
        }
        wait_for_guards(&records, own, &marker, deadline)?;
        let Abandoned { commands, uncertain } = records.abandoned(own).map_err(|error| unreadable(&error))?;
        if suspect.may_be_marked || !commands.is_empty() {
            end_all(&marker, &commands)?;
        }
        if !uncertain.is_empty() {
            return Err(uncertain.join("; "));
        }
        // If a record cannot be removed, the next sweep repeats the search and finds nothing.
        records.remove();
        Ok(())
    }
}

/// A dead run that may have left processes or records.
struct Suspect<'d> {
    dead: &'d DeadRun,
    may_be_marked: bool,
}

impl<'d> Suspect<'d> {
    fn all(dead: impl IntoIterator<Item = &'d DeadRun>) -> Vec<Self> {
        dead.into_iter().map(|dead| Self { dead, may_be_marked: true }).collect()
    }
}

/// True if certainly no process of the dead run is left.
fn is_over(dead: &DeadRun, own: &Location) -> bool {
    reaper::is_of_earlier_boot(dead, own) || reaper::was_first_of_its_namespace(dead)
}

/// Fails if the run is alive. Its lock file may have been removed.
fn refuse_if_alive(marker: &Marker) -> Result<(), String> {
    // The check succeeds if the process table cannot be read.
    let all = Processes::read().unwrap_or_default();
    let runners = all.iter().filter_map(|process| marker.runner_of(process.id.pid));
    match runners.into_iter().find(|runner| process_table::is_alive(*runner)) {
        Some(runner) => Err(format!("the run is alive as process {}; only its lock file is missing", runner.pid)),
        None => Ok(()),
    }
}

/// Kills all processes with `marker` and all processes that killed guards left. Fails with the
/// reasons why processes may be left.
fn end_all(marker: &Marker, killed_guards: &[Contents]) -> Result<(), String> {
    if Processes::read().is_err() {
        return check_groups(killed_guards);
    }
    let search = Search { marker, killed_guards, living_guards: &[] };
    let deadline = Instant::now() + KILL_TIMEOUT;
    let mut clean = 0;
    loop {
        let outcome = kill_once(&search).map_err(|error| unreadable(&error))?;
        clean = if outcome.killed.is_empty() { clean + 1 } else { 0 };
        let is_late = clean == 0 && Instant::now() > deadline;
        if is_late || clean == CLEAN_SCANS {
            return outcome.verdict();
        }
        thread::sleep(POLL_INTERVAL);
    }
}

struct Outcome {
    killed: Vec<Process>,
    uncertain: Vec<Uncertainty>,
}

impl Outcome {
    fn verdict(&self) -> Result<(), String> {
        let killed = self.killed.iter().map(|process| format!("{} does not end after SIGKILL", process.describe()));
        let reasons: Vec<_> = killed.chain(self.uncertain.iter().map(ToString::to_string)).collect();
        if reasons.is_empty() { Ok(()) } else { Err(reasons.join("; ")) }
    }
}

fn kill_once(search: &Search<'_>) -> io::Result<Outcome> {
    let Targets { to_kill, mut uncertain } = search.run(&Processes::read()?, process_table::own_pid());
    let mut killed = Vec::new();
    for process in to_kill {
        match process_table::kill(process.id) {
            SignalResult::Sent => killed.push(process),
            SignalResult::Gone => {}
            SignalResult::Refused(errno) => uncertain.push(Uncertainty::Refused(process, errno)),
        }
    }
    Ok(Outcome { killed, uncertain })
}

/// Kills the descendants of the run's guards and the other processes with `marker`, until no guard
/// is alive. After `deadline`, also kills the guards in this pid namespace. Fails if a guard is
/// still alive after a further [`KILL_TIMEOUT`].
fn wait_for_guards(records: &Records<'_>, own: &Location, marker: &Marker, deadline: Instant) -> Result<(), String> {
    let mut pause = POLL_INTERVAL;
    loop {
        let living = records.living(own, marker).map_err(|error| unreadable(&error))?;
        let now = Instant::now();
        if living.is_none() {
            return Ok(());
        }
        if now > deadline + KILL_TIMEOUT {
            return Err(format!("guards of the dead run have not exited: {}", living.describe()));
        }
        // If the process table cannot be read, nothing is killed here, and the guards must end
        // their own processes.
        let _ = kill_once(&Search { marker, killed_guards: &[], living_guards: &living.here });
        if now > deadline {
            for guard in living.here {
                let _ = process_table::kill(guard);
            }
        }
        thread::sleep(pause);
        // The pause grows, because a scan of thousands of processes takes tens of milliseconds, and
        // a slow guard needs seconds to exit.
        pause = (2 * pause).min(MAX_POLL_INTERVAL);
    }
}

fn unreadable(error: &io::Error) -> String {
    format!("the processes of the dead run cannot be determined: {error}")
}

fn check_groups(killed_guards: &[Contents]) -> Result<(), String> {
    use rustix::io::Errno;
    use rustix::process::test_kill_process_group;

    let leaders = killed_guards.iter().filter_map(|contents| contents.leader);
    let groups = leaders.filter_map(|leader| process_table::positive_pid(leader.pid));
    let existing: Vec<_> = groups
        .filter(|group| test_kill_process_group(*group) != Err(Errno::SRCH))
        .map(|group| group.as_raw_nonzero().to_string())
        .collect();
    if existing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "process groups still exist that may belong to the dead run: {}; this cannot be verified without /proc",
        existing.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_without_traces_are_not_searched_for() {
        let dir = tempfile::tempdir().expect("a folder");
        let sweeper = Sweeper::new(dir.path(), Duration::ZERO, dir.path());
        let mut dead: Vec<DeadRun> = (0..9).map(|number| DeadRun::gone(RunId::new(format!("r{number}")))).collect();
        let record = |dead: &DeadRun| guard_record::path_of(dir.path(), &dead.run, 1);
        std::fs::write(record(&dead[3]), "").expect("a record");
        std::fs::write(record(&dead[5]), "").expect("a record");
        let first = Location { pid: 1, pid_namespace: "pid:[7]".into(), ..sweeper.location() };
        dead[5] = DeadRun { location: Some(first), evidence: DeathEvidence::Gone, ..dead[5].clone() };
        let suspects = sweeper.suspects(&dead, &sweeper.location());
        let suspects: Vec<_> = suspects.iter().map(|suspect| suspect.dead.run.as_str()).collect();
        assert_eq!(suspects, ["r3"]);
        assert!(!record(&dead[5]).exists(), "its namespace is gone");
        assert_eq!(sweeper.sweep(&dead), []);
    }
}
