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
    /// How many others there are: in another pid namespace, or about to write their file.
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
        let mut living = Living::default();
        for (_, found) in self.found()? {
            match found {
                Found::Held(Understood::Contents(contents)) if place_of(&contents) == Place::Here => {
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
        let mut judged = Judged::default();
        for (path, found) in self.found()? {
            match found {
                Found::Gone | Found::Free(Understood::Unwritten) => {}
                Found::Held(_) => judged.doubts.push(format!("{} was taken by a process just now", path.display())),
                Found::Free(Understood::Nothing(why)) => judged.doubts.push(format!("{}: {why}", path.display())),
                Found::Free(Understood::Contents(contents)) => judged.add(contents),
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
    fn add(&mut self, contents: Contents) {
        match place_of(&contents) {
            Place::Past => {}
            Place::Here => self.left.push(contents),
            Place::Elsewhere => self.doubts.push(format!(
                "it ran in another pid namespace ({}), which cannot be seen from here: another container, or one that is gone",
                contents.pid_namespace
            )),
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
}

fn place_of(contents: &Contents) -> Place {
    let is = |ours: io::Result<String>, theirs: &str| ours.unwrap_or_default() == theirs;
    if !is(process_table::boot_id(), &contents.boot_id) {
        Place::Past
    } else if is(process_table::pid_namespace(), &contents.pid_namespace) {
        Place::Here
    } else {
        Place::Elsewhere
    }
}
