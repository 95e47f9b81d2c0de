use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::fixture::{TempProject, number, path_of, word};

#[derive(Default)]
pub(crate) struct Acknowledged {
    pub(crate) added: BTreeSet<String>,
    /// The number of attempts of each completed file, by path.
    pub(crate) completed: BTreeMap<String, u64>,
}

pub(crate) fn record(project: &TempProject) -> PathBuf {
    project.path("record")
}

impl Acknowledged {
    /// Returns the added files that are missing or listed more than once.
    pub(crate) fn lost(&self, project: &TempProject) -> Vec<String> {
        let mut found = BTreeMap::new();
        for item in project.items() {
            *found.entry(path_of(&item)).or_insert(0) += 1;
        }
        self.added.iter().filter(|path| found.get(*path) != Some(&1)).cloned().collect()
    }

    #[track_caller]
    pub(crate) fn check(&mut self, project: &TempProject, told: &str) {
        let lost = self.lost(project);
        assert!(lost.is_empty(), "{told}: acknowledged, and lost or doubled: {lost:?}");
        let items = project.items();
        let completed = items.iter().filter(|item| word(item, "status") == "completed");
        let completed: BTreeMap<_, _> = completed.map(|item| (path_of(item), number(item, "attempts"))).collect();
        for (path, attempts) in &self.completed {
            assert_eq!(completed.get(path), Some(attempts), "{told}: {path} was completed and is not, or not so");
        }
        check_record(project, &completed, told);
        self.completed = completed;
    }

    pub(crate) fn completed(&self) -> usize {
        self.completed.len()
    }
}

fn check_record(project: &TempProject, completed: &BTreeMap<String, u64>, told: &str) {
    let record = fs::read_to_string(record(project)).unwrap_or_default();
    let mut seen = BTreeSet::new();
    for line in record.lines() {
        assert!(seen.insert(line), "{told}: an attempt ran twice: {line}");
        let (path, attempt) = line.rsplit_once(' ').expect("a path and a number");
        let attempt: u64 = attempt.parse().expect("a number");
        assert!(completed.get(path).is_none_or(|last| attempt <= *last), "{told}: ran after completion: {line}");
    }
    for (path, attempts) in completed {
        assert!(seen.contains(format!("{path} {attempts}").as_str()), "{told}: {path} completed without having run");
    }
}
