//! The guards that this process has as children, so that they are told from the orphans of a guard that was killed; and
//! the end of those.
//!
//! # Theory of operation
//!
//! A guard that is killed can end nothing any more. What it looked after falls to this process, where that called
//! [`adopt_orphans`](crate::adopt_orphans): then every child of ours that is no guard is such an orphan. Each is killed
//! with all its descendants, and reaped, until there is none.
//!
//! Where this process adopts nobody, orphans are known by their run's marker in their environment; those that took it out
//! escape.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use autoproc_domain::RunId;
use rustix::process::{Pid, WaitOptions, waitpid};

use crate::adoption::adopts_orphans;
use crate::process_table::{Marker, Process, ProcessId, Processes, kill};

/// How long killed processes may take to vanish; as for a guard.
const AFTER_KILL: Duration = Duration::from_secs(30);

/// How long to wait between two rounds that met the same processes.
const BETWEEN_KILLS: Duration = Duration::from_millis(5);

/// The numbers of all guards of this process that are not reaped.
static GUARDS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Whoever is here is alone: no guard is born while somebody looks for orphans and ends those that were found.
pub(crate) struct Nursery(MutexGuard<'static, BTreeSet<i32>>);

impl Nursery {
    pub(crate) fn enter() -> Self {
        Self(GUARDS.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts a guard.
    pub(crate) fn spawn(&mut self, command: &mut Command) -> io::Result<Child> {
        let child = command.spawn()?;
        self.0.insert(child.id().cast_signed());
        Ok(child)
    }

    /// Forgets a guard that is reaped.
    pub(crate) fn forget(&mut self, child: &Child) {
        self.0.remove(&child.id().cast_signed());
    }

    /// Kills what killed guards of this run left behind, each process once, and reaps what has ended; says what there was.
    fn kill_orphans(&self, marker: &Marker) -> io::Result<Vec<Process>> {
        let orphans = self.orphans(marker)?;
        orphans.iter().for_each(end);
        Ok(orphans)
    }

    /// Everything that a guard of ours should be looking after and none is. Zombies count where they are ours to reap.
    fn orphans(&self, marker: &Marker) -> io::Result<Vec<Process>> {
        let all = Processes::read()?;
        let own = own_pid();
        let line: HashSet<ProcessId> = all.lineage_of(own).into_iter().collect();
        let cared_for: BTreeSet<i32> =
            self.0.iter().flat_map(|guard| all.descendants_of(*guard)).map(|process| process.id.pid).collect();
        let is_orphan = |process: &&Process| {
            let is_child = adopts_orphans() && process.parent == own;
            is_child || (!process.is_zombie && marker.is_borne_by(process.id.pid).unwrap_or(false))
        };
        let is_ours_to_end = |process: &Process| {
            let pid = process.id.pid;
            !self.0.contains(&pid) && !cared_for.contains(&pid) && !line.contains(&process.id)
        };
        let roots: Vec<&Process> = all.iter().filter(|process| is_ours_to_end(process)).filter(is_orphan).collect();
        let below = roots.iter().flat_map(|root| all.descendants_of(root.id.pid));
        let found = roots.iter().map(|root| (*root).clone()).chain(below);
        Ok(found.filter(|process| is_ours_to_end(process) && (!process.is_zombie || process.parent == own)).collect())
    }
}

/// Ends what killed guards of this run left behind. Blocks until nothing is left; guards may be born meanwhile.
///
/// # Errors
/// Where the processes cannot be read, or some are still there after a long time.
pub(crate) fn end_orphans(run: &RunId) -> io::Result<()> {
    let marker = Marker::of_run(run);
    until_none_is_left(|nursery| nursery.kill_orphans(&marker))
}

/// Goes round until a round meets nobody. The nursery is entered for each anew: whoever waits there for a guard to be born may
/// be the runtime's only thread, and what does not die may take all the time there is.
fn until_none_is_left(mut round: impl FnMut(&Nursery) -> io::Result<Vec<Process>>) -> io::Result<()> {
    let began = Instant::now();
    let mut met: HashSet<ProcessId> = HashSet::new();
    loop {
        let orphans = round(&Nursery::enter())?;
        if orphans.is_empty() {
            return Ok(());
        }
        if began.elapsed() >= AFTER_KILL {
            return Err(still_there(&orphans));
        }
        let met_before = met.len();
        met.extend(orphans.iter().map(|orphan| orphan.id));
        // Who forks all the time must find us faster.
        if met.len() == met_before {
            sleep(BETWEEN_KILLS);
        }
    }
}

/// Kills it, and reaps it where it is our child and has ended.
fn end(orphan: &Process) {
    // What cannot be killed is met again.
    let _ = kill(orphan.id);
    if orphan.parent == own_pid()
        && let Some(pid) = Pid::from_raw(orphan.id.pid)
    {
        // By its number: another's child is not ours to reap, and neither is a guard.
        let _ = waitpid(Some(pid), WaitOptions::NOHANG);
    }
}

fn still_there(orphans: &[Process]) -> io::Error {
    let pids: Vec<String> = orphans.iter().map(|orphan| orphan.id.pid.to_string()).collect();
    io::Error::other(format!("its guard was killed, and these processes cannot be ended: {}", pids.join(", ")))
}

fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn somebody() -> Process {
        let id = ProcessId { pid: i32::MAX, started: 1 };
        Process { id, name: Box::default(), parent: 1, group: 0, session: 0, is_zombie: false }
    }

    /// Orphans that do not die until somebody has entered: where nobody can, they are there to the end.
    #[test]
    fn a_guard_can_be_born_while_orphans_take_their_time_to_die() {
        let (has_begun, has_entered) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let ended = scope.spawn(|| {
                until_none_is_left(|_| {
                    has_begun.store(true, Ordering::SeqCst);
                    Ok(if has_entered.load(Ordering::SeqCst) { Vec::new() } else { vec![somebody()] })
                })
            });
            while !has_begun.load(Ordering::SeqCst) {
                sleep(BETWEEN_KILLS);
            }
            drop(Nursery::enter());
            has_entered.store(true, Ordering::SeqCst);
            ended.join().expect("no panic").expect("nobody is left");
        });
    }
}
