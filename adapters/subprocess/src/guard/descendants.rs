//! Finds and signals the descendants of the guard.
//!
//! # Safe signalling
//!
//! A process number is reused only after its process was reaped. Only the guard reaps its own
//! children, so their numbers are safe. For other descendants, the guard compares the start time
//! right before the signal. If possible, the signal goes through a pidfd from before the comparison
//! ([`process_table::signal`]).
//!
//! A process group is signalled as a whole, so no member can escape by forking. A fork does not
//! complete while a signal to the group is pending (`fork`, POSIX). The guard signals the command's
//! own group, and groups whose leader is a descendant.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait, waitpid};

use crate::process_table::{self, Process, ProcessId, SignalResult, own_pid};

pub(crate) fn become_subreaper() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(())
}

#[derive(Debug, Default)]
pub(crate) struct SignalRound {
    pub(crate) found_new: bool,
    pub(crate) refused: BTreeMap<i32, Errno>,
}

pub(crate) struct Descendants {
    leader: Pid,
    seen: HashSet<ProcessId>,
}

impl Descendants {
    /// `leader` is the command's first process, which leads its own process group.
    pub(crate) fn new(leader: Pid) -> Self {
        Self { leader, seen: HashSet::new() }
    }

    /// Reaps ended children, except the leader. wait4(2) reaps the leader and returns its resource
    /// usage.
    pub(crate) fn reap_orphans(&self) {
        for child in descendants().iter().filter(|process| process.parent == own_pid() && process.is_zombie) {
            if let Some(pid) = Pid::from_raw(child.id.pid).filter(|pid| *pid != self.leader) {
                // Fails only if the process is no longer a child; then there is nothing to reap.
                let _ = waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
    }

    /// Reaps ended children. Returns true if no descendant is left. The leader must have been
    /// reaped.
    pub(crate) fn are_gone(&self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return false,
                // ECHILD: without a child there is no descendant, because orphans become children
                // of the guard.
                Err(_) => return self.group_is_gone(),
            }
        }
    }

    pub(crate) fn signal(&mut self, signal: Signal) -> SignalRound {
        let descendants = descendants();
        let groups = self.own_groups(&descendants);
        let mut round = SignalRound::default();
        for group in groups.iter().filter_map(|group| Pid::from_raw(*group)) {
            // An error is ignored. For SIGKILL, the loop below signals each member again and
            // reports refusals.
            let _ = kill_process_group(group, signal);
        }
        for process in descendants.iter().filter(|process| !process.is_zombie) {
            round.found_new |= self.seen.insert(process.id);
            let is_done = groups.contains(&process.group) && signal != Signal::KILL;
            if !is_done && let SignalResult::Refused(errno) = process_table::signal(process.id, signal) {
                round.refused.insert(process.id.pid, errno);
            }
        }
        round
    }

    /// Signals all descendants until no new one appears. The signal must prevent forks, as SIGSTOP
    /// does.
    pub(crate) fn signal_until_stable(&mut self, signal: Signal) {
        self.seen.clear();
        while self.signal(signal).found_new {}
    }

    /// Returns the command's process groups that have members. The number of an empty group may be
    /// in use again.
    fn own_groups(&self, descendants: &[Process]) -> BTreeSet<i32> {
        let leader = self.leader.as_raw_nonzero().get();
        let numbers: BTreeSet<i32> = descendants.iter().map(|process| process.id.pid).chain([leader]).collect();
        let groups = descendants.iter().map(|process| process.group).filter(|group| numbers.contains(group));
        #[cfg(not(target_os = "linux"))]
        let groups = groups.chain((!self.group_is_gone()).then_some(leader));
        groups.collect()
    }

    /// True on Linux: the caller has received ECHILD, so no descendant is left.
    #[cfg(target_os = "linux")]
    #[expect(clippy::unused_self, reason = "needed on other systems")]
    fn group_is_gone(&self) -> bool {
        true
    }

    #[cfg(not(target_os = "linux"))]
    fn group_is_gone(&self) -> bool {
        use rustix::process::test_kill_process_group;
        matches!(test_kill_process_group(self.leader), Err(Errno::SRCH | Errno::PERM))
    }
}

pub(crate) fn describe_descendants() -> String {
    let describe = |process: &Process| format!("{} ({})", process.id.pid, process.name.escape_ascii());
    descendants().iter().map(describe).collect::<Vec<_>>().join(", ")
}

/// Returns the guard's descendants, or nothing if the process table cannot be read. So an empty
/// result does not prove that no process is left; only ECHILD does.
fn descendants() -> Vec<Process> {
    process_table::descendants_of(own_pid()).unwrap_or_default()
}
