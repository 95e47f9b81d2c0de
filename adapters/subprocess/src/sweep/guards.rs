//! The guards of one dead run, by their files.

use std::io;
use std::path::{Path, PathBuf};

use autoproc_domain::RunId;

use crate::guard_record::{self, Contents, Found, Understood};
use crate::process_table::{self, ProcessId};

/// The guards of a run.
pub(super) struct Guards<'a> {
    dir: &'a Path,
    run: &'a RunId,
}

/// Guards that live.
#[derive(Debug, Default)]
pub(super) struct Living {
    /// Those whose numbers mean here what they mean to them.
    pub(super) here: Vec<ProcessId>,
    /// How many others there are: in another pid namespace, in a boot that cannot be told, or about to write their file.
    pub(super) elsewhere: usize,
}

/// What the files of killed guards say.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// What was running here when the guard was killed.
    pub(super) left: Vec<Contents>,
    /// Why something may be running where it cannot be seen.
    pub(super) doubts: Vec<String>,
}

impl<'a> Guards<'a> {
    pub(super) fn new(dir: &'a Path, run: &'a RunId) -> Self {
        Self { dir, run }
    }

    fn found(&self) -> io::Result<Vec<(PathBuf, Found)>> {
        let paths = guard_record::all_of(self.dir, self.run)?;
        paths.into_iter().map(|path| guard_record::look(&path).map(|found| (path, found))).collect()
    }

    /// Those that live.
    pub(super) fn living(&self) -> io::Result<Living> {
        let (mut living, ours) = (Living::default(), Standpoint::here());
        for (_, found) in self.found()? {
            match found {
                Found::Held(Understood::Contents(contents)) if ours.place_of(&contents) == Place::Here => {
                    living.here.push(contents.guard);
                }
                Found::Held(_) => living.elsewhere += 1,
                Found::Gone | Found::Free(_) => {}
            }
        }
        Ok(living)
    }

    /// Judges the files of those that do not live.
    pub(super) fn judge(&self) -> io::Result<Judged> {
        let (mut judged, ours) = (Judged::default(), Standpoint::here());
        for (path, found) in self.found()? {
            match found {
                Found::Gone | Found::Free(Understood::Unwritten) => {}
                Found::Held(_) => judged.doubts.push(format!("{} was taken by a process just now", path.display())),
                Found::Free(Understood::Nothing(why)) => judged.doubts.push(format!("{}: {why}", path.display())),
                Found::Free(Understood::Contents(contents)) => judged.add(contents, &ours),
            }
        }
        Ok(judged)
    }

    /// Removes the files of guards that do not live.
    pub(super) fn remove(&self) {
        for (path, found) in self.found().unwrap_or_default() {
            if matches!(found, Found::Free(_)) {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

impl Living {
    pub(super) fn is_none(&self) -> bool {
        self.here.is_empty() && self.elsewhere == 0
    }

    pub(super) fn in_words(&self) -> String {
        let pids = self.here.iter().map(|guard| guard.pid.to_string());
        let others = (self.elsewhere > 0).then(|| format!("{} that cannot be seen from here", self.elsewhere));
        pids.chain(others).collect::<Vec<_>>().join(", ")
    }
}

impl Judged {
    fn add(&mut self, contents: Contents, ours: &Standpoint) {
        match ours.place_of(&contents) {
            Place::Past => {}
            Place::Here => self.left.push(contents),
            Place::Elsewhere => self.doubts.push(format!(
                "it ran in another pid namespace ({}), which cannot be seen from here: another container, or one that is gone",
                contents.pid_namespace
            )),
            Place::Unknown => self.doubts.push(
                "whether the system was started since cannot be told: the boot id cannot be read, or could not be then"
                    .to_owned(),
            ),
        }
    }
}

/// Where process numbers have the meaning they had to a guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In this boot and pid namespace.
    Here,
    /// In another pid namespace of this boot.
    Elsewhere,
    /// Nowhere: the system was started since, and nothing outlives that.
    Past,
    /// Here, elsewhere or nowhere: the guard or we could not read in which boot.
    Unknown,
}

/// Where we are; empty where the system does not say.
struct Standpoint {
    boot_id: String,
    pid_namespace: String,
}

impl Standpoint {
    fn here() -> Self {
        let boot_id = process_table::boot_id().unwrap_or_default();
        Self { boot_id, pid_namespace: process_table::pid_namespace().unwrap_or_default() }
    }

    fn place_of(&self, contents: &Contents) -> Place {
        let is_same_boot = self.boot_id == contents.boot_id;
        if !is_same_boot && (self.boot_id.is_empty() || contents.boot_id.is_empty()) {
            Place::Unknown
        } else if !is_same_boot {
            Place::Past
        } else if self.pid_namespace == contents.pid_namespace {
            Place::Here
        } else {
            Place::Elsewhere
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(boot_id: &str, pid_namespace: &str, ours: [&str; 2]) -> Place {
        let guard = ProcessId { pid: 2, started: 3 };
        let (boot_id, pid_namespace) = (boot_id.to_owned(), pid_namespace.to_owned());
        let contents = Contents { boot_id, pid_namespace, guard, session: 0, leader: None };
        let [boot_id, pid_namespace] = ours.map(str::to_owned);
        Standpoint { boot_id, pid_namespace }.place_of(&contents)
    }

    #[test]
    fn only_another_boot_that_is_known_is_proof() {
        assert_eq!(place("1", "a", ["1", "a"]), Place::Here);
        assert_eq!(place("1", "a", ["1", "b"]), Place::Elsewhere);
        assert_eq!(place("1", "a", ["1", ""]), Place::Elsewhere);
        assert_eq!(place("1", "a", ["2", "a"]), Place::Past);
        assert_eq!(place("1", "a", ["", "a"]), Place::Unknown);
        assert_eq!(place("", "", ["2", "a"]), Place::Unknown);
        // Where the system names none, a number is all there is.
        assert_eq!(place("", "", ["", ""]), Place::Here);
    }

    #[test]
    fn what_may_be_of_this_boot_is_in_doubt() {
        let guard = ProcessId { pid: 2, started: 3 };
        let contents = Contents { boot_id: "1".into(), pid_namespace: "a".into(), guard, session: 0, leader: None };
        let mut judged = Judged::default();
        judged.add(contents, &Standpoint { boot_id: String::new(), pid_namespace: "a".into() });
        assert!(judged.left.is_empty() && judged.doubts.len() == 1, "{judged:?}");
    }
}
