//! The descendants of the guard: detects whether there are any, and signals them.
//!
//! # Safe signalling
//!
//! A process number is reused only after its process was reaped. Only the guard reaps its own
//! children, so their numbers are safe. For any other descendant, the start time is compared right
//! before the signal. If the system has pidfds, the signal is sent through a pidfd that was opened
//! before the comparison ([`process_table::signal`]).
//!
//! A process group is signalled as a whole: no member can escape by forking, because a fork does
//! not complete while a signal to the group is pending (`fork`, POSIX: "atomic" with regard to
//! signals to the group). The guard signals only groups that belong to the command: the group in
//! which the command was started, and groups whose leader is a descendant of the guard.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait, waitpid};

use crate::process_table::{self, Process, ProcessId, SignalResult, own_pid};

/// Makes this process adopt its descendants when their parents have ended.
pub(crate) fn become_subreaper() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(())
}

#[derive(Debug, Default)]
pub(crate) struct SignalRound {
    /// True if this round found a process that no earlier round had found.
    pub(crate) found_new: bool,
    /// The numbers of the processes that could not be signalled, each with the error.
    pub(crate) refused: BTreeMap<i32, Errno>,
}

/// The descendants of this process. All belong to the running command.
pub(crate) struct Descendants {
    leader: Pid,
    seen: HashSet<ProcessId>,
}

impl Descendants {
    /// `leader` is the command's first process, which leads its own process group.
    pub(crate) fn new(leader: Pid) -> Self {
        Self { leader, seen: HashSet::new() }
    }

    /// Reaps children that have ended, except the leader. The leader must be reaped with wait4(2),
    /// which returns its resource usage.
    pub(crate) fn reap_orphans(&self) {
        for child in descendants().iter().filter(|process| process.parent == own_pid() && process.is_zombie) {
            if let Some(pid) = Pid::from_raw(child.id.pid).filter(|pid| *pid != self.leader) {
                // `waitpid` fails only if the process is no longer a child and need not be reaped.
                let _ = waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
    }

    /// Reaps children that have ended; returns true if no descendant is left. The leader must have
    /// been reaped.
    pub(crate) fn are_gone(&self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return false,
                // The error is ECHILD. Without a child there is no descendant, because all orphans
                // become children of the guard.
                Err(_) => return self.group_is_gone(),
            }
        }
    }

    pub(crate) fn signal(&mut self, signal: Signal) -> SignalRound {
        let descendants = descendants();
        let groups = self.own_groups(&descendants);
        let mut round = SignalRound::default();
        for group in groups.iter().filter_map(|group| Pid::from_raw(*group)) {
            // An error is ignored. If the signal is SIGKILL, the loop below signals each member
            // again and reports refusals.
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

    /// Signals every descendant, and repeats this until no new descendant is found. Use it with
    /// signals after which a process cannot fork.
    pub(crate) fn signal_until_stable(&mut self, signal: Signal) {
        self.seen.clear();
        while self.signal(signal).found_new {}
    }

    /// Returns the process groups that belong to the command alone. After the leader is reaped, its
    /// group is included only if a descendant is a member, because the number of the group may have
    /// been reused.
    fn own_groups(&self, descendants: &[Process]) -> BTreeSet<i32> {
        let leader = self.leader.as_raw_nonzero().get();
        let numbers: BTreeSet<i32> = descendants.iter().map(|process| process.id.pid).chain([leader]).collect();
        let groups = descendants.iter().map(|process| process.group).filter(|group| numbers.contains(group));
        #[cfg(not(target_os = "linux"))]
        let groups = groups.chain((!self.group_is_gone()).then_some(leader));
        groups.collect()
    }

    /// True if the command's process group is gone. Always true on Linux: there, the ECHILD that
    /// the caller has received shows that no descendant is left.
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

/// Returns the descendants; empty if the process table cannot be read. An empty list does not prove
/// that no process is left; only ECHILD does.
fn descendants() -> Vec<Process> {
    process_table::descendants_of(own_pid()).unwrap_or_default()
}
