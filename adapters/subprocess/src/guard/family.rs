//! Everything that a command started, however it detached itself: seeing whether something is left, and signalling it.
//!
//! # How a process is signalled safely
//!
//! A process number is given away again only after the process was reaped. Our own children are reaped by nobody but us.
//! For others the start time is compared right before the signal, on a descriptor where the system has those
//! ([`process_table::signal`]).
//!
//! A process group is signalled at once and whole: no member can fork its way out, because the system lets no fork finish
//! while a signal to the group is pending (`fork`, POSIX: "atomic" with regard to signals to the group). It is only done to
//! groups that belong to the command: the one it was started in, and those led by one of its descendants.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait, waitpid};

use crate::process_table::{self, Process, ProcessId, Signalled};

/// Makes this process the one to which the orphans of its descendants fall.
pub(crate) fn adopt() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(())
}

/// What a round of signals came to.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// Whether it met processes that no earlier round had.
    pub(crate) met_new: bool,
    /// Those that may not be signalled, and why.
    pub(crate) refused: BTreeMap<i32, Errno>,
}

/// The descendants of this process, which are those of the one command that it runs.
pub(crate) struct Family {
    leader: Pid,
    met: HashSet<ProcessId>,
}

impl Family {
    /// Of the command whose first process is this one, the leader of its own group.
    pub(crate) fn new(leader: Pid) -> Self {
        Self { leader, met: HashSet::new() }
    }

    /// Reaps what has ended and fell to us, but not the leader, which is somebody else's to reap.
    pub(crate) fn reap_orphans(&self) {
        for child in members().iter().filter(|process| process.parent == own_pid() && process.is_zombie) {
            if let Some(pid) = Pid::from_raw(child.id.pid).filter(|pid| *pid != self.leader) {
                // Nobody else waits for our children; what is no child any more is what we want.
                let _ = waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
    }

    /// Reaps what has ended, the leader being reaped; says whether nothing is left at all.
    pub(crate) fn is_gone(&self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return false,
                // ECHILD: no child is left, and so no descendant, since they would all fall to us.
                Err(_) => return self.group_is_gone(),
            }
        }
    }

    /// Signals everything, each process once.
    pub(crate) fn signal(&mut self, signal: Signal) -> Round {
        let members = members();
        let groups = self.own_groups(&members);
        let mut round = Round::default();
        for group in groups.iter().filter_map(|group| Pid::from_raw(*group)) {
            // What of a group cannot be signalled is met again below, or is gone.
            let _ = kill_process_group(group, signal);
        }
        for process in members.iter().filter(|process| !process.is_zombie) {
            round.met_new |= self.met.insert(process.id);
            let is_done = groups.contains(&process.group) && signal != Signal::KILL;
            if !is_done && let Signalled::Refused(errno) = process_table::signal(process.id, signal) {
                round.refused.insert(process.id.pid, errno);
            }
        }
        round
    }

    /// Signals everything, and what is born meanwhile, until nothing new is met. For signals that keep a process from
    /// forking.
    pub(crate) fn signal_all(&mut self, signal: Signal) {
        self.met.clear();
        while self.signal(signal).met_new {}
    }

    /// The groups that belong to the command alone. After the leader was reaped, its group's number is ours only while a
    /// descendant bears it.
    fn own_groups(&self, members: &[Process]) -> BTreeSet<i32> {
        let leader = self.leader.as_raw_nonzero().get();
        let numbers: BTreeSet<i32> = members.iter().map(|process| process.id.pid).chain([leader]).collect();
        let groups = members.iter().map(|process| process.group).filter(|group| numbers.contains(group));
        #[cfg(not(target_os = "linux"))]
        let groups = groups.chain((!self.group_is_gone()).then_some(leader));
        groups.collect()
    }

    /// With a subreaper the group is a part of what `wait` answers for.
    #[cfg(target_os = "linux")]
    #[expect(clippy::unused_self, reason = "elsewhere it is asked for its group")]
    fn group_is_gone(&self) -> bool {
        true
    }

    /// Without one, it is all that can be asked.
    #[cfg(not(target_os = "linux"))]
    fn group_is_gone(&self) -> bool {
        use rustix::process::test_kill_process_group;
        matches!(test_kill_process_group(self.leader), Err(Errno::SRCH | Errno::PERM))
    }
}

/// What is still there, in words.
pub(crate) fn describe() -> String {
    let words = |process: &Process| format!("{} ({})", process.id.pid, process.name.escape_ascii());
    members().iter().map(words).collect::<Vec<_>>().join(", ")
}

/// A reading that fails shows nobody; the next one may not, and nobody takes it for proof.
fn members() -> Vec<Process> {
    process_table::descendants_of(own_pid()).unwrap_or_default()
}

fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}
