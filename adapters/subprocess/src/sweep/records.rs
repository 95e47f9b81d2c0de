//! The guard records of one dead run.

use std::io;
use std::path::{Path, PathBuf};

use autoproc_domain::RunId;
use autoproc_domain::ports::Location;

use crate::guard_record::{self, Contents, Parsed, RecordState};
use crate::process_table::{self, Marker, ProcessId};
use crate::tmp_dir;

pub(super) struct Records<'a> {
    dir: &'a Path,
    run: &'a RunId,
}

#[derive(Debug, Default)]
pub(super) struct Living {
    /// The living guards in this boot and pid namespace.
    pub(super) here: Vec<ProcessId>,
    /// The number of other locked records.
    pub(super) elsewhere: usize,
}

#[derive(Debug, Default)]
pub(super) struct Abandoned {
    /// The records of killed guards that ran in this boot and pid namespace.
    pub(super) commands: Vec<Contents>,
    /// The reasons why the run may still have processes that the sweep does not search for.
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

    /// Returns the living guards. A process in a locked record counts as a guard only if the
    /// process has the marker and holds the record open. Otherwise, a forged record could make the
    /// sweep kill any process.
    pub(super) fn living(&self, own: &Location, marker: &Marker) -> io::Result<Living> {
        let mut living = Living::default();
        for (path, state) in self.inspect()? {
            match state {
                RecordState::Locked(Parsed::Contents(contents))
                    if position_of(&contents, own) == Position::Here && is_guard(&contents, &path, marker) =>
                {
                    living.here.push(contents.guard);
                }
                RecordState::Locked(_) => living.elsewhere += 1,
                RecordState::Missing | RecordState::Unlocked { .. } => {}
            }
        }
        Ok(living)
    }

    pub(super) fn abandoned(&self, own: &Location) -> io::Result<Abandoned> {
        let mut abandoned = Abandoned::default();
        for (path, state) in self.inspect()? {
            let shown = path.display();
            match state {
                RecordState::Missing | RecordState::Unlocked { parsed: Parsed::Incomplete, .. } => {}
                RecordState::Locked(_) => {
                    abandoned.uncertain.push(format!("the record {shown} has just been locked; try again"));
                }
                RecordState::Unlocked { parsed: Parsed::Invalid(reason), .. } => {
                    abandoned.uncertain.push(format!("{shown}: {reason}"));
                }
                RecordState::Unlocked { parsed: Parsed::Contents(contents), owner } => {
                    match names_foreign(&contents, own, owner, &path) {
                        Some(reason) => abandoned.uncertain.push(reason),
                        None => abandoned.add(contents, own),
                    }
                }
            }
        }
        Ok(abandoned)
    }

    /// Returns a reason why this process may miss processes of killed guards.
    pub(super) fn obstacle(&self, own: &Location) -> io::Result<Option<String>> {
        let mut abandoned = Abandoned::default();
        for (path, state) in self.inspect()? {
            match state {
                RecordState::Unlocked { parsed: Parsed::Invalid(reason), .. } => {
                    abandoned.uncertain.push(format!("{}: {reason}", path.display()));
                }
                RecordState::Unlocked { parsed: Parsed::Contents(contents), .. } => abandoned.add(contents, own),
                RecordState::Unlocked { parsed: Parsed::Incomplete, .. }
                | RecordState::Missing
                | RecordState::Locked(_) => {}
            }
        }
        Ok(abandoned.uncertain.into_iter().next())
    }

    pub(super) fn remove(&self) {
        remove_unlocked(&guard_record::all_of(self.dir, self.run).unwrap_or_default());
    }
}

/// Removes each unlocked record and its folder for temporary files. All processes of these guards
/// must have ended.
pub(super) fn remove_unlocked<'p>(paths: impl IntoIterator<Item = &'p PathBuf>) {
    for path in paths {
        if let Ok(RecordState::Unlocked { parsed, owner }) = guard_record::inspect(path) {
            if let Parsed::Contents(contents) = parsed {
                tmp_dir::remove_of_record(&contents, owner);
            }
            // A record that remains does no harm: a later sweep finds no process to end.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Living {
    pub(super) fn is_none(&self) -> bool {
        self.here.is_empty() && self.elsewhere == 0
    }

    pub(super) fn describe(&self) -> String {
        let pids = self.here.iter().map(|guard| format!("process {}", guard.pid));
        let others = (self.elsewhere > 0).then(|| format!("{} that cannot be observed from here", self.elsewhere));
        pids.chain(others).collect::<Vec<_>>().join(", ")
    }
}

impl Abandoned {
    fn add(&mut self, contents: Contents, own: &Location) {
        match position_of(&contents, own) {
            Position::EarlierBoot => {}
            Position::Here => self.commands.push(contents),
            Position::OtherNamespace => self.uncertain.push(format!(
                "one of its guards ran in another pid namespace ({}), which cannot be observed from here: another container, or one that is gone",
                contents.pid_namespace
            )),
            Position::Unknown => self.uncertain.push(
                "it is unknown whether the system has restarted since the run began: no boot id here or in the record"
                    .to_owned(),
            ),
        }
    }
}

fn is_guard(contents: &Contents, path: &Path, marker: &Marker) -> bool {
    let ProcessId { pid, .. } = contents.guard;
    process_table::is_alive(contents.guard)
        && marker.matches(pid).unwrap_or(false)
        && process_table::has_open(pid, path)
}

/// Returns a reason if a living process in the record may not belong to `owner`, the owner of the
/// record. Without this check, any user who can write to the folder could make root kill any
/// process.
fn names_foreign(contents: &Contents, own: &Location, owner: u32, path: &Path) -> Option<String> {
    let is_alive = |leader: &ProcessId| process_table::is_alive(*leader);
    let leader = contents.leader.filter(|leader| position_of(contents, own) == Position::Here && is_alive(leader))?;
    let found = process_table::owner_of(leader.pid);
    // The owner of a process that has ended meanwhile is unknown, and does not matter.
    foreign(leader.pid, found, owner, path).filter(|_| is_alive(&leader))
}

fn foreign(pid: i32, found: io::Result<u32>, owner: u32, record: &Path) -> Option<String> {
    let record = record.display();
    match found {
        Ok(found) if found == owner => None,
        Ok(_) => Some(format!("process {pid} does not belong to the owner of {record}")),
        Err(error) => Some(format!("process {pid} may not belong to the owner of {record}: {error}")),
    }
}

/// Where a guard runs, relative to this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    /// In this boot and pid namespace.
    Here,
    OtherNamespace,
    EarlierBoot,
    Unknown,
}

fn position_of(contents: &Contents, own: &Location) -> Position {
    let is_same_boot = *own.boot == *contents.boot_id;
    if !is_same_boot && (own.boot.is_empty() || contents.boot_id.is_empty()) {
        Position::Unknown
    } else if !is_same_boot {
        Position::EarlierBoot
    } else if *own.pid_namespace == *contents.pid_namespace {
        Position::Here
    } else {
        Position::OtherNamespace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(boot_id: &str, pid_namespace: &str) -> Contents {
        let guard = ProcessId { pid: 2, started: 3 };
        Contents {
            boot_id: boot_id.into(),
            pid_namespace: pid_namespace.into(),
            guard,
            session: 0,
            file: None,
            leader: None,
            begun: 0,
            tmp_parent: None,
            tmp_name: None,
        }
    }

    fn own(boot: &str, pid_namespace: &str) -> Location {
        let project = std::path::Path::new("/").into();
        Location { host: "h".into(), boot: boot.into(), pid_namespace: pid_namespace.into(), pid: 1, project }
    }

    fn position(boot_id: &str, pid_namespace: &str, [own_boot, own_namespace]: [&str; 2]) -> Position {
        position_of(&contents(boot_id, pid_namespace), &own(own_boot, own_namespace))
    }

    #[test]
    fn only_a_known_other_boot_is_proof() {
        assert_eq!(position("1", "a", ["1", "a"]), Position::Here);
        assert_eq!(position("1", "a", ["1", "b"]), Position::OtherNamespace);
        assert_eq!(position("1", "a", ["1", ""]), Position::OtherNamespace);
        assert_eq!(position("1", "a", ["2", "a"]), Position::EarlierBoot);
        assert_eq!(position("1", "a", ["", "a"]), Position::Unknown);
        assert_eq!(position("", "", ["2", "a"]), Position::Unknown);
        // A system may provide neither a boot id nor a pid namespace.
        assert_eq!(position("", "", ["", ""]), Position::Here);
    }

    #[test]
    fn a_record_is_not_believed_about_a_process_of_another_user() {
        let Ok(first) = process_table::read(1) else { return };
        let own = own(&process_table::boot_id().expect("a boot"), "a");
        let contents = Contents { leader: Some(first.id), ..contents(&own.boot, "a") };
        let owner = process_table::owner_of(1).expect("a user");
        let record = Path::new("record");
        assert_eq!(names_foreign(&contents, &own, owner, record), None);
        let reason = names_foreign(&contents, &own, owner + 1, record).expect("a reason");
        assert_eq!(reason, "process 1 does not belong to the owner of record");
        let elsewhere = Contents { pid_namespace: "b".into(), ..contents };
        assert_eq!(names_foreign(&elsewhere, &own, owner + 1, record), None, "its numbers mean other processes");
    }

    #[test]
    fn a_process_of_an_unknown_user_is_foreign() {
        let record = Path::new("record");
        let reason = foreign(4711, Err(io::ErrorKind::PermissionDenied.into()), 0, record).expect("a reason");
        assert_eq!(reason, "process 4711 may not belong to the owner of record: permission denied");
        assert_eq!(foreign(4711, Ok(7), 7, record), None);
    }

    #[test]
    fn a_record_that_may_be_of_this_boot_is_uncertain() {
        let mut abandoned = Abandoned::default();
        abandoned.add(contents("1", "a"), &own("", "a"));
        assert!(abandoned.commands.is_empty() && abandoned.uncertain.len() == 1, "{abandoned:?}");
    }
}
