//! The guard records of one dead run.

use std::io;
use std::path::{Path, PathBuf};

use autoproc_domain::RunId;

use crate::guard_record::{self, Contents, Parsed, RecordState};
use crate::process_table::{self, ProcessId};

pub(super) struct Records<'a> {
    dir: &'a Path,
    run: &'a RunId,
}

/// Guards that are alive.
#[derive(Debug, Default)]
pub(super) struct Living {
    /// The guards in this boot and pid namespace.
    pub(super) here: Vec<ProcessId>,
    /// The number of other guards: in another pid namespace, in an unknown boot, or about to write
    /// their record.
    pub(super) elsewhere: usize,
}

/// The records of guards that were killed.
#[derive(Debug, Default)]
pub(super) struct Abandoned {
    /// The records from this boot and pid namespace.
    pub(super) commands: Vec<Contents>,
    /// The reasons why processes may be running that cannot be observed.
    pub(super) uncertain: Vec<String>,
}

impl<'a> Records<'a> {
    pub(super) fn new(dir: &'a Path, run: &'a RunId) -> Self {
        Self { dir, run }
    }

    fn inspect(&self) -> io::Result<Vec<(PathBuf, RecordState)>> {
        let paths = guard_record::all_of(self.dir, self.run)?;
        paths.into_iter().map(|path| guard_record::inspect(&path).map(|state| (path, state))).collect()
    }

    pub(super) fn living(&self) -> io::Result<Living> {
        let (mut living, own) = (Living::default(), ProcessSpace::own());
        for (_, state) in self.inspect()? {
            match state {
                RecordState::Locked(Parsed::Contents(contents)) if own.locate(&contents) == Location::Here => {
                    living.here.push(contents.guard);
                }
                RecordState::Locked(_) => living.elsewhere += 1,
                RecordState::Missing | RecordState::Unlocked(_) => {}
            }
        }
        Ok(living)
    }

    pub(super) fn abandoned(&self) -> io::Result<Abandoned> {
        let (mut abandoned, own) = (Abandoned::default(), ProcessSpace::own());
        for (path, state) in self.inspect()? {
            let path = path.display();
            match state {
                RecordState::Missing | RecordState::Unlocked(Parsed::Incomplete) => {}
                RecordState::Locked(_) => abandoned.uncertain.push(format!("{path} has just been locked by a process")),
                RecordState::Unlocked(Parsed::Invalid(reason)) => abandoned.uncertain.push(format!("{path}: {reason}")),
                RecordState::Unlocked(Parsed::Contents(contents)) => abandoned.add(contents, &own),
            }
        }
        Ok(abandoned)
    }

    /// Removes the records of guards that are not alive.
    pub(super) fn remove(&self) {
        for (path, state) in self.inspect().unwrap_or_default() {
            if matches!(state, RecordState::Unlocked(_)) {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

impl Living {
    pub(super) fn is_none(&self) -> bool {
        self.here.is_empty() && self.elsewhere == 0
    }

    /// Lists the guards for a person.
    pub(super) fn describe(&self) -> String {
        let pids = self.here.iter().map(|guard| guard.pid.to_string());
        let others = (self.elsewhere > 0).then(|| format!("{} that cannot be observed from here", self.elsewhere));
        pids.chain(others).collect::<Vec<_>>().join(", ")
    }
}

impl Abandoned {
    fn add(&mut self, contents: Contents, own: &ProcessSpace) {
        match own.locate(&contents) {
            Location::EarlierBoot => {}
            Location::Here => self.commands.push(contents),
            Location::OtherNamespace => self.uncertain.push(format!(
                "it ran in another pid namespace ({}), which cannot be observed from here: another container, or one that is gone",
                contents.pid_namespace
            )),
            Location::Unknown => self.uncertain.push(
                "whether the system has been restarted since is unknown: the boot id cannot be read, or could not be read then"
                    .to_owned(),
            ),
        }
    }
}

/// The location of a guard's processes relative to this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Location {
    /// In this boot and pid namespace.
    Here,
    /// In another pid namespace of this boot.
    OtherNamespace,
    /// In an earlier boot, so that none is left.
    EarlierBoot,
    /// The boot of the guard or of this process is unknown.
    Unknown,
}

/// The boot and the pid namespace that give meaning to a process number; empty if unknown.
struct ProcessSpace {
    boot_id: String,
    pid_namespace: String,
}

impl ProcessSpace {
    /// The space of this process.
    fn own() -> Self {
        let boot_id = process_table::boot_id().unwrap_or_default();
        Self { boot_id, pid_namespace: process_table::pid_namespace().unwrap_or_default() }
    }

    fn locate(&self, contents: &Contents) -> Location {
        let is_same_boot = self.boot_id == contents.boot_id;
        if !is_same_boot && (self.boot_id.is_empty() || contents.boot_id.is_empty()) {
            Location::Unknown
        } else if !is_same_boot {
            Location::EarlierBoot
        } else if self.pid_namespace == contents.pid_namespace {
            Location::Here
        } else {
            Location::OtherNamespace
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(boot_id: &str, pid_namespace: &str) -> Contents {
        let guard = ProcessId { pid: 2, started: 3 };
        Contents { boot_id: boot_id.into(), pid_namespace: pid_namespace.into(), guard, session: 0, leader: None }
    }

    fn locate(boot_id: &str, pid_namespace: &str, own: [&str; 2]) -> Location {
        let own = own.map(str::to_owned);
        let [own_boot_id, own_pid_namespace] = own;
        let space = ProcessSpace { boot_id: own_boot_id, pid_namespace: own_pid_namespace };
        space.locate(&contents(boot_id, pid_namespace))
    }

    #[test]
    fn only_a_known_other_boot_is_proof() {
        assert_eq!(locate("1", "a", ["1", "a"]), Location::Here);
        assert_eq!(locate("1", "a", ["1", "b"]), Location::OtherNamespace);
        assert_eq!(locate("1", "a", ["1", ""]), Location::OtherNamespace);
        assert_eq!(locate("1", "a", ["2", "a"]), Location::EarlierBoot);
        assert_eq!(locate("1", "a", ["", "a"]), Location::Unknown);
        assert_eq!(locate("", "", ["2", "a"]), Location::Unknown);
        // If the system has neither, a number is all there is.
        assert_eq!(locate("", "", ["", ""]), Location::Here);
    }

    #[test]
    fn a_record_that_may_be_of_this_boot_is_uncertain() {
        let mut abandoned = Abandoned::default();
        let own = ProcessSpace { boot_id: String::new(), pid_namespace: "a".into() };
        abandoned.add(contents("1", "a"), &own);
        assert!(abandoned.commands.is_empty() && abandoned.uncertain.len() == 1, "{abandoned:?}");
    }
}
