//! Who is to be ended, weighed from what the system says of its processes at one moment. Signals nobody.

use std::collections::{HashMap, HashSet};
use std::fmt;

use rustix::io::Errno;

use crate::guard_record::Contents;
use crate::process_table::{Marker, Process, ProcessId, Processes};

/// What speaks against a process.
pub(super) struct Evidence<'a> {
    /// It bears this.
    pub(super) marker: &'a Marker,
    /// It belongs to a command that one of these guards was running when it was killed.
    pub(super) left: &'a [Contents],
    /// It descends from one of these guards, which live and are spared.
    pub(super) living: &'a [ProcessId],
}

/// The verdict.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Targets {
    /// These are to be ended, none of them a zombie.
    pub(super) to_end: Vec<Process>,
    /// These may be the dead run's work, and are not to be signalled.
    pub(super) doubts: Vec<Doubt>,
}

/// What cannot be ended, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The system refuses.
    Refused(Process, Errno),
    /// It is this process, or this process descends from it.
    OurOwn(Process),
    /// Its group or session has the number of the dead run's, and nothing else ties it to that.
    SameNumber(Process),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(process, errno) => write!(f, "{} cannot be ended: {errno}", process.in_words()),
            Self::OurOwn(process) => {
                write!(f, "{} belongs to it, and this command runs below that process", process.in_words())
            }
            Self::SameNumber(process) => write!(f, "{} may have been started by it", process.in_words()),
        }
    }
}

impl Evidence<'_> {
    /// Weighs it against all processes. `own_pid` is who asks.
    pub(super) fn weigh(&self, all: &Processes, own_pid: i32) -> Targets {
        let marked = |process: &Process| self.marker.is_borne_by(process.id.pid).unwrap_or(false);
        self.weigh_with(all, own_pid, marked)
    }

    /// The same, with somebody else to say who bears the marker.
    fn weigh_with(&self, all: &Processes, own_pid: i32, is_marked: impl Fn(&Process) -> bool) -> Targets {
        let accused = self.accused(all, is_marked);
        let mut spared: HashSet<ProcessId> = self.living.iter().copied().collect();
        if accused.contains_key(&own_pid) {
            // We come from the dead run's work ourselves, and so does what we started.
            spared.extend(all.descendants_of(own_pid).iter().map(|process| process.id));
        }
        let ours: HashSet<ProcessId> = all.lineage_of(own_pid).into_iter().collect();
        let mut targets = self.doubtful(all, &accused);
        for process in accused.into_values().filter(|process| !process.is_zombie && !spared.contains(&process.id)) {
            if ours.contains(&process.id) {
                targets.doubts.push(Doubt::OurOwn(process));
            } else {
                targets.to_end.push(process);
            }
        }
        targets
    }

    /// All against whom anything speaks, by number.
    fn accused(&self, all: &Processes, is_marked: impl Fn(&Process) -> bool) -> HashMap<i32, Process> {
        let direct = all.iter().filter(|process| self.is_of_a_command(process, all) || is_marked(process));
        let direct: Vec<Process> = direct.cloned().collect();
        let roots = direct.iter().map(|process| process.id.pid).chain(self.guards_in(all));
        let below: Vec<Process> = roots.flat_map(|pid| all.descendants_of(pid)).collect();
        direct.into_iter().chain(below).map(|process| (process.id.pid, process)).collect()
    }

    fn guards_in(&self, all: &Processes) -> impl Iterator<Item = i32> {
        self.living.iter().filter(|guard| is_there(all, **guard)).map(|guard| guard.pid)
    }

    /// Whether it is the leader of a command that was under way, or of the leader's group.
    ///
    /// No number is given away that a group or session still bears (`alloc_pid` in the kernel, and POSIX on process ids).
    /// While the leader is there, also as a zombie, the group is its own. When it is gone, the number may have come round:
    /// then the session must be the guard's as well. That both came round, in the same parts, does not happen.
    fn is_of_a_command(&self, process: &Process, all: &Processes) -> bool {
        self.left.iter().any(|contents| {
            contents.leader.is_some_and(|leader| {
                let is_member = process.group == leader.pid && process.id.started >= leader.started;
                process.id == leader
                    || is_member
                        && (is_there(all, leader) || is_vacant(all, leader) && is_in_session(process, contents))
            })
        })
    }

    /// Those with a number of the dead run's and no other tie to it.
    fn doubtful(&self, all: &Processes, accused: &HashMap<i32, Process>) -> Targets {
        let may_be = |process: &&Process| {
            self.left.iter().any(|contents| {
                let of_group = contents.leader.is_some_and(|leader| {
                    process.group == leader.pid && process.id.started >= leader.started && is_vacant(all, leader)
                });
                of_group || is_in_session(process, contents) && is_vacant(all, contents.guard)
            })
        };
        let unknown = all.iter().filter(|process| !process.is_zombie && !accused.contains_key(&process.id.pid));
        Targets { to_end: Vec::new(), doubts: unknown.filter(may_be).cloned().map(Doubt::SameNumber).collect() }
    }
}

/// Whether it is in the session that the guard led; where the guard led none, the session says nothing.
fn is_in_session(process: &Process, contents: &Contents) -> bool {
    contents.session == contents.guard.pid
        && process.session == contents.session
        && process.id.started >= contents.guard.started
}

fn is_there(all: &Processes, id: ProcessId) -> bool {
    all.get(id.pid).is_some_and(|process| process.id == id)
}

/// Whether nobody bears the number now.
fn is_vacant(all: &Processes, id: ProcessId) -> bool {
    all.get(id.pid).is_none()
}

#[cfg(test)]
mod tests {
    use autoproc_domain::RunId;

    use super::*;

    const GUARD: ProcessId = ProcessId { pid: 50, started: 500 };
    const LEADER: ProcessId = ProcessId { pid: 60, started: 600 };
    const US: i32 = 9;

    fn process(pid: i32, parent: i32, group: i32, session: i32) -> Process {
        let id = ProcessId { pid, started: u64::try_from(pid).expect("positive") * 10 };
        Process { id, name: Box::default(), parent, group, session, is_zombie: false }
    }

    fn leader() -> Process {
        process(60, 1, 60, 50)
    }

    fn killed_guard(session: i32) -> Contents {
        let (boot_id, pid_namespace) = (String::new(), String::new());
        Contents { boot_id, pid_namespace, guard: GUARD, session, leader: Some(LEADER) }
    }

    /// Us, our parent and the first process, with the others.
    fn all(others: impl IntoIterator<Item = Process>) -> Processes {
        [process(1, 0, 1, 1), process(8, 1, 8, 8), process(US, 8, 8, 8)].into_iter().chain(others).collect()
    }

    fn weigh(all: &Processes, left: &[Contents], living: &[ProcessId], bearers: &[i32]) -> (Vec<i32>, Vec<Doubt>) {
        let marker = Marker::of_run(&RunId::new("r"));
        let evidence = Evidence { marker: &marker, left, living };
        let targets = evidence.weigh_with(all, US, |process| bearers.contains(&process.id.pid));
        let mut to_end: Vec<i32> = targets.to_end.iter().map(|process| process.id.pid).collect();
        to_end.sort_unstable();
        (to_end, targets.doubts)
    }

    #[test]
    fn a_killed_guards_command_is_ended_with_its_group_and_what_descends_from_it() {
        let all = all([
            leader(),
            process(61, 1, 60, 50),
            process(62, 60, 62, 62),
            process(63, 62, 63, 63),
            process(70, 1, 70, 70),
        ]);
        assert_eq!(weigh(&all, &[killed_guard(50)], &[], &[]), (vec![60, 61, 62, 63], vec![]));
    }

    #[test]
    fn a_zombie_leader_still_holds_its_group_and_is_not_ended_itself() {
        let all = all([Process { is_zombie: true, ..leader() }, process(61, 1, 60, 99)]);
        assert_eq!(weigh(&all, &[killed_guard(99)], &[], &[]), (vec![61], vec![]));
    }

    #[test]
    fn a_stranger_with_the_leaders_number_is_left_alone_with_its_group() {
        let stranger = Process { id: ProcessId { pid: 60, started: 601 }, session: 70, ..leader() };
        let all = all([stranger, process(61, 60, 60, 70)]);
        assert_eq!(weigh(&all, &[killed_guard(50)], &[], &[]), (vec![], vec![]));
    }

    #[test]
    fn a_group_without_its_leader_is_ended_in_the_guards_own_session_alone() {
        let all = all([process(61, 1, 60, 50)]);
        assert_eq!(weigh(&all, &[killed_guard(50)], &[], &[]), (vec![61], vec![]));
        let doubt = vec![Doubt::SameNumber(process(61, 1, 60, 50))];
        assert_eq!(weigh(&all, &[killed_guard(8)], &[], &[]), (vec![], doubt));
    }

    #[test]
    fn what_is_older_than_the_leader_is_none_of_its_group() {
        let older = Process { id: ProcessId { pid: 61, started: 499 }, ..process(61, 1, 60, 50) };
        assert_eq!(weigh(&all([older]), &[killed_guard(50)], &[], &[]), (vec![], vec![]));
    }

    #[test]
    fn what_only_shares_the_guards_session_is_in_doubt() {
        let other = process(65, 1, 65, 50);
        assert_eq!(
            weigh(&all([other.clone()]), &[killed_guard(50)], &[], &[]),
            (vec![], vec![Doubt::SameNumber(other)])
        );
    }

    #[test]
    fn what_bears_the_marker_is_ended_with_what_descends_from_it() {
        let all = all([process(80, 1, 80, 80), process(81, 80, 81, 81), process(90, 1, 90, 90)]);
        assert_eq!(weigh(&all, &[], &[], &[80]), (vec![80, 81], vec![]));
    }

    #[test]
    fn a_living_guard_is_spared_and_what_is_below_it_is_not() {
        let all = all([process(50, 1, 50, 50), process(60, 50, 60, 50), process(61, 60, 61, 61)]);
        assert_eq!(weigh(&all, &[], &[GUARD], &[50, 60]), (vec![60, 61], vec![]));
        let stranger = ProcessId { started: 499, ..GUARD };
        assert_eq!(weigh(&all, &[], &[stranger], &[]), (vec![], vec![]));
    }

    #[test]
    fn we_and_those_we_descend_from_are_doubts_and_never_ended() {
        let all = all([process(10, US, 10, 10), process(11, 8, 11, 11)]);
        let (to_end, doubts) = weigh(&all, &[], &[], &[8]);
        assert_eq!(to_end, [11], "what we started is ours, what else our parent started is not");
        let mut doubted: Vec<i32> = doubts
            .iter()
            .map(|doubt| match doubt {
                Doubt::OurOwn(process) => process.id.pid,
                other => panic!("{other}"),
            })
            .collect();
        doubted.sort_unstable();
        assert_eq!(doubted, [8, US]);
    }
}
