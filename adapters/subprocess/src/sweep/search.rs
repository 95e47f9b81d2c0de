//! Finds the processes of a dead run.

use std::collections::{HashMap, HashSet};
use std::fmt;

use rustix::io::Errno;

use crate::guard_record::Contents;
use crate::process_table::{Marker, Process, ProcessId, Processes};

/// The criteria for processes of a dead run. One criterion is enough.
pub(super) struct Search<'a> {
    pub(super) marker: &'a Marker,
    /// The records of killed guards, whose commands belong to the run.
    pub(super) killed_guards: &'a [Contents],
    /// The run's living guards. The guards are spared, and their descendants are to be killed.
    pub(super) living_guards: &'a [ProcessId],
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Targets {
    /// Processes of the dead run, without zombies.
    pub(super) to_kill: Vec<Process>,
    /// Processes that may belong to the dead run and must not be signalled.
    pub(super) uncertain: Vec<Uncertainty>,
}

/// The reason why a process is not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Uncertainty {
    Refused(Process, Errno),
    /// This process or one of its ancestors.
    OwnLineage(Process),
    /// The number of the group or session is in a record, but may have been reused.
    SameNumber(Process),
}

impl fmt::Display for Uncertainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(process, errno) => write!(f, "{} cannot be ended: {errno}", process.describe()),
            Self::OwnLineage(process) => {
                write!(f, "{} belongs to the dead run, and is this command or one of its ancestors", process.describe())
            }
            Self::SameNumber(process) => write!(f, "{} may have been started by the dead run", process.describe()),
        }
    }
}

impl Search<'_> {
    pub(super) fn run(&self, all: &Processes, own_pid: i32) -> Targets {
        let is_marked = |process: &Process| self.marker.matches(process.id.pid).unwrap_or(false);
        self.run_with(all, own_pid, is_marked)
    }

    fn run_with(&self, all: &Processes, own_pid: i32, is_marked: impl Fn(&Process) -> bool) -> Targets {
        let found = self.find(all, is_marked);
        let mut spared: HashSet<ProcessId> = self.living_guards.iter().copied().collect();
        if found.contains_key(&own_pid) {
            // The dead run started this process, so the descendants of this process are found too.
            // They are spared.
            spared.extend(all.descendants_of(own_pid).iter().map(|process| process.id));
        }
        let own_lineage: HashSet<ProcessId> = all.lineage_of(own_pid).into_iter().collect();
        let mut targets = Targets { to_kill: Vec::new(), uncertain: self.find_same_numbers(all, &found) };
        for process in found.into_values().filter(|process| !process.is_zombie && !spared.contains(&process.id)) {
            if own_lineage.contains(&process.id) {
                targets.uncertain.push(Uncertainty::OwnLineage(process));
            } else {
                targets.to_kill.push(process);
            }
        }
        targets
    }

    /// Returns all processes of the dead run, by pid.
    fn find(&self, all: &Processes, is_marked: impl Fn(&Process) -> bool) -> HashMap<i32, Process> {
        let direct = all.iter().filter(|process| self.is_of_a_command(process, all) || is_marked(process));
        let direct: Vec<Process> = direct.cloned().collect();
        let guards = self.living_guards.iter().filter(|guard| exists(all, **guard)).map(|guard| guard.pid);
        let roots = direct.iter().map(|process| process.id.pid).chain(guards);
        let below: Vec<Process> = roots.flat_map(|pid| all.descendants_of(pid)).collect();
        direct.into_iter().chain(below).map(|process| (process.id.pid, process)).collect()
    }

    /// True if the process is the leader of a killed guard's command, or in the leader's group.
    ///
    /// The kernel does not reuse the number of an existing group or session (`alloc_pid`). While
    /// the leader exists, even as a zombie, the group with the leader's number is therefore the
    /// leader's group. Later, another group may get the number. The process must then also be in
    /// the guard's session.
    fn is_of_a_command(&self, process: &Process, all: &Processes) -> bool {
        self.killed_guards.iter().any(|contents| {
            contents.leader.is_some_and(|leader| {
                let is_member = process.group == leader.pid && process.id.started >= leader.started;
                process.id == leader
                    || is_member && (exists(all, leader) || is_unused(all, leader) && is_in_session(process, contents))
            })
        })
    }

    fn find_same_numbers(&self, all: &Processes, found: &HashMap<i32, Process>) -> Vec<Uncertainty> {
        let has_same_number = |process: &&Process| {
            self.killed_guards.iter().any(|contents| {
                let of_group = contents.leader.is_some_and(|leader| {
                    process.group == leader.pid && process.id.started >= leader.started && is_unused(all, leader)
                });
                of_group || is_in_session(process, contents) && is_unused(all, contents.guard)
            })
        };
        let others = all.iter().filter(|process| !process.is_zombie && !found.contains_key(&process.id.pid));
        others.filter(has_same_number).cloned().map(Uncertainty::SameNumber).collect()
    }
}

/// True if the process is in the guard's own session.
fn is_in_session(process: &Process, contents: &Contents) -> bool {
    contents.session == contents.guard.pid
        && process.session == contents.session
        && process.id.started >= contents.guard.started
}

fn exists(all: &Processes, id: ProcessId) -> bool {
    all.get(id.pid).is_some_and(|process| process.id == id)
}

fn is_unused(all: &Processes, id: ProcessId) -> bool {
    all.get(id.pid).is_none()
}

#[cfg(test)]
mod tests {
    use autoproc_domain::RunId;

    use super::*;

    const GUARD: ProcessId = ProcessId { pid: 50, started: 500 };
    const LEADER: ProcessId = ProcessId { pid: 60, started: 600 };
    const OWN: i32 = 9;

    fn process(pid: i32, parent: i32, group: i32, session: i32) -> Process {
        let id = ProcessId { pid, started: u64::try_from(pid).expect("positive") * 10 };
        Process {
            id,
            name: Box::default(),
            parent,
            group,
            session,
            is_zombie: false,
            is_stopped: false,
            is_blocked: false,
            cpu_ticks: 0,
        }
    }

    fn leader() -> Process {
        process(60, 1, 60, 50)
    }

    fn killed_guard(session: i32) -> Contents {
        Contents {
            boot_id: String::new(),
            pid_namespace: String::new(),
            guard: GUARD,
            session,
            file: None,
            leader: Some(LEADER),
            begun: 0,
            tmp_parent: None,
            tmp_name: None,
        }
    }

    fn all(others: impl IntoIterator<Item = Process>) -> Processes {
        [process(1, 0, 1, 1), process(8, 1, 8, 8), process(OWN, 8, 8, 8)].into_iter().chain(others).collect()
    }

    fn search(
        all: &Processes,
        killed: &[Contents],
        living: &[ProcessId],
        bearers: &[i32],
    ) -> (Vec<i32>, Vec<Uncertainty>) {
        let marker = Marker::of_run(&RunId::new("r"));
        let search = Search { marker: &marker, killed_guards: killed, living_guards: living };
        let targets = search.run_with(all, OWN, |process| bearers.contains(&process.id.pid));
        let mut to_kill: Vec<i32> = targets.to_kill.iter().map(|process| process.id.pid).collect();
        to_kill.sort_unstable();
        (to_kill, targets.uncertain)
    }

    #[test]
    fn the_command_of_a_killed_guard_is_found_with_its_group_and_descendants() {
        let all = all([
            leader(),
            process(61, 1, 60, 50),
            process(62, 60, 62, 62),
            process(63, 62, 63, 63),
            process(70, 1, 70, 70),
        ]);
        assert_eq!(search(&all, &[killed_guard(50)], &[], &[]), (vec![60, 61, 62, 63], vec![]));
    }

    #[test]
    fn a_zombie_leader_identifies_its_group_and_is_not_killed_itself() {
        let all = all([Process { is_zombie: true, ..leader() }, process(61, 1, 60, 99)]);
        assert_eq!(search(&all, &[killed_guard(99)], &[], &[]), (vec![61], vec![]));
    }

    #[test]
    fn another_process_with_the_leaders_number_is_spared_with_its_group() {
        let other = Process { id: ProcessId { pid: 60, started: 601 }, session: 70, ..leader() };
        let all = all([other, process(61, 60, 60, 70)]);
        assert_eq!(search(&all, &[killed_guard(50)], &[], &[]), (vec![], vec![]));
    }

    #[test]
    fn a_group_without_its_leader_is_found_only_in_the_guards_own_session() {
        let all = all([process(61, 1, 60, 50)]);
        assert_eq!(search(&all, &[killed_guard(50)], &[], &[]), (vec![61], vec![]));
        let uncertain = vec![Uncertainty::SameNumber(process(61, 1, 60, 50))];
        assert_eq!(search(&all, &[killed_guard(8)], &[], &[]), (vec![], uncertain));
    }

    #[test]
    fn a_process_older_than_the_leader_is_not_of_its_group() {
        let older = Process { id: ProcessId { pid: 61, started: 499 }, ..process(61, 1, 60, 50) };
        assert_eq!(search(&all([older]), &[killed_guard(50)], &[], &[]), (vec![], vec![]));
    }

    #[test]
    fn a_process_that_only_shares_the_guards_session_is_uncertain() {
        let other = process(65, 1, 65, 50);
        assert_eq!(
            search(&all([other.clone()]), &[killed_guard(50)], &[], &[]),
            (vec![], vec![Uncertainty::SameNumber(other)])
        );
    }

    #[test]
    fn a_marked_process_is_found_with_its_descendants() {
        let all = all([process(80, 1, 80, 80), process(81, 80, 81, 81), process(90, 1, 90, 90)]);
        assert_eq!(search(&all, &[], &[], &[80]), (vec![80, 81], vec![]));
    }

    #[test]
    fn a_living_guard_is_spared_and_its_descendants_are_not() {
        let all = all([process(50, 1, 50, 50), process(60, 50, 60, 50), process(61, 60, 61, 61)]);
        assert_eq!(search(&all, &[], &[GUARD], &[50, 60]), (vec![60, 61], vec![]));
        let other = ProcessId { started: 499, ..GUARD };
        assert_eq!(search(&all, &[], &[other], &[]), (vec![], vec![]));
    }

    #[test]
    fn this_process_and_its_ancestors_are_uncertain_and_never_killed() {
        let all = all([process(10, OWN, 10, 10), process(11, 8, 11, 11)]);
        let (to_kill, uncertain) = search(&all, &[], &[], &[8]);
        assert_eq!(to_kill, [11], "children of this process are spared, other children of its parent are not");
        let mut pids: Vec<i32> = uncertain
            .iter()
            .map(|uncertainty| match uncertainty {
                Uncertainty::OwnLineage(process) => process.id.pid,
                other => panic!("{other}"),
            })
            .collect();
        pids.sort_unstable();
        assert_eq!(pids, [8, OWN]);
    }
}
