//! Ends the processes that a killed guard leaves behind.
//!
//! # Theory of operation
//!
//! After a call of [`adopt_orphans`](crate::adopt_orphans), the processes of a killed guard become
//! children of this process. If this process starts only guards, every other child is an orphan.
//! All orphans and their descendants are killed and reaped repeatedly until none is left.
//!
//! Otherwise, orphans are recognised by the run's marker in their environment, or by the session of
//! the killed guard. A process escapes if it has removed the marker, begun a session, and lost all
//! ancestors.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use autoproc_domain::RunId;
use rustix::process::{Pid, WaitOptions, waitpid};

use crate::adoption::adopts_only_of_guards;
use crate::process_table::{Marker, Process, ProcessId, Processes, kill, own_pid};

/// The maximum time to wait for killed processes to disappear. Only a process that is blocked in
/// the kernel or belongs to another user takes longer.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);

const KILL_INTERVAL: Duration = Duration::from_millis(5);

static GUARDS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// While this lock is held, no guard can be spawned. So a new guard is never mistaken for an
/// orphan.
pub(crate) struct ReapLock(MutexGuard<'static, BTreeSet<i32>>);

impl ReapLock {
    pub(crate) fn acquire() -> Self {
        Self(GUARDS.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn spawn(&mut self, command: &mut Command) -> io::Result<Child> {
        let child = command.spawn()?;
        self.0.insert(child.id().cast_signed());
        Ok(child)
    }

    pub(crate) fn forget(&mut self, child: &Child) {
        self.0.remove(&child.id().cast_signed());
    }

    fn kill_orphans(&self, marker: &Marker, guard: ProcessId) -> io::Result<Vec<Process>> {
        let orphans = self.orphans(marker, guard)?;
        orphans.iter().for_each(kill_and_reap);
        Ok(orphans)
    }

    fn orphans(&self, marker: &Marker, guard: ProcessId) -> io::Result<Vec<Process>> {
        let all = Processes::read()?;
        let own = own_pid();
        let ancestors: HashSet<ProcessId> = all.lineage_of(own).into_iter().collect();
        let guarded: BTreeSet<i32> =
            self.0.iter().flat_map(|guard| all.descendants_of(*guard)).map(|process| process.id.pid).collect();
        let is_orphan = |process: &&Process| {
            let is_child = adopts_only_of_guards() && process.parent == own;
            let is_in_session = process.session == guard.pid && process.id.started >= guard.started;
            is_child || is_in_session || (!process.is_zombie && marker.matches(process.id.pid).unwrap_or(false))
        };
        let is_eligible = |process: &Process| {
            let pid = process.id.pid;
            !self.0.contains(&pid) && !guarded.contains(&pid) && !ancestors.contains(&process.id)
        };
        let roots: Vec<&Process> = all.iter().filter(|process| is_eligible(process)).filter(is_orphan).collect();
        let below = roots.iter().flat_map(|root| all.descendants_of(root.id.pid));
        let found = roots.iter().map(|root| (*root).clone()).chain(below);
        Ok(found.filter(|process| is_eligible(process) && (!process.is_zombie || process.parent == own)).collect())
    }
}

/// Ends the processes that killed guards of this run left behind. Blocks until none is left.
///
/// # Errors
/// If the process table cannot be read, or a process still exists after [`KILL_TIMEOUT`].
pub(crate) fn end_orphans(run: &RunId, guard: ProcessId) -> io::Result<()> {
    let marker = Marker::of_run(run);
    repeat_until_none_left(|lock| lock.kill_orphans(&marker, guard))
}

/// Reaps the ended children of this process that are not guards. Signals no process.
pub(crate) fn reap_other_children() {
    let lock = ReapLock::acquire();
    let own = own_pid();
    let Ok(all) = Processes::read() else { return };
    for child in all.iter().filter(|child| child.parent == own && child.is_zombie) {
        if !lock.0.contains(&child.id.pid)
            && let Some(pid) = Pid::from_raw(child.id.pid)
        {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

/// Releases the lock after each call, so that guards can be spawned.
fn repeat_until_none_left(mut round: impl FnMut(&ReapLock) -> io::Result<Vec<Process>>) -> io::Result<()> {
    let started_at = Instant::now();
    let mut seen: HashSet<ProcessId> = HashSet::new();
    loop {
        let orphans = round(&ReapLock::acquire())?;
        if orphans.is_empty() {
            return Ok(());
        }
        if started_at.elapsed() >= KILL_TIMEOUT {
            return Err(still_exist(&orphans));
        }
        let seen_before = seen.len();
        seen.extend(orphans.iter().map(|orphan| orphan.id));
        // There is no pause after a round that found new processes: killing must be faster than a
        // process that forks continuously.
        if seen.len() == seen_before {
            sleep(KILL_INTERVAL);
        }
    }
}

fn kill_and_reap(orphan: &Process) {
    // If the orphan survives, the next round finds it again.
    let _ = kill(orphan.id);
    if orphan.parent == own_pid()
        && let Some(pid) = Pid::from_raw(orphan.id.pid)
    {
        // Guards and the children of other code must not be reaped here.
        let _ = waitpid(Some(pid), WaitOptions::NOHANG);
    }
}

fn still_exist(orphans: &[Process]) -> io::Error {
    let pids: Vec<String> = orphans.iter().map(|orphan| orphan.id.pid.to_string()).collect();
    io::Error::other(format!("its guard was killed, and these processes cannot be ended: {}", pids.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn any_process() -> Process {
        let id = ProcessId { pid: i32::MAX, started: 1 };
        Process {
            id,
            name: Box::default(),
            parent: 1,
            group: 0,
            session: 0,
            is_zombie: false,
            is_stopped: false,
            is_blocked: false,
            cpu_ticks: 0,
        }
    }

    #[test]
    fn a_guard_can_be_spawned_while_orphans_take_long_to_die() {
        let (has_begun, was_acquired) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let ended = scope.spawn(|| {
                repeat_until_none_left(|_| {
                    has_begun.store(true, Ordering::SeqCst);
                    Ok(if was_acquired.load(Ordering::SeqCst) { Vec::new() } else { vec![any_process()] })
                })
            });
            while !has_begun.load(Ordering::SeqCst) {
                sleep(KILL_INTERVAL);
            }
            drop(ReapLock::acquire());
            was_acquired.store(true, Ordering::SeqCst);
            ended.join().expect("no panic").expect("no orphan is left");
        });
    }
}
