//! Detects processes that were killed because memory ran out.
//!
//! # Theory of operation
//!
//! The kernel counts such kills for each control group and for the whole machine. The counts are in
//! `memory.events` (cgroups version 2), `memory.oom_control` (version 1) and `/proc/vmstat`. A
//! count rises before the process is killed. The guard reads the count at its own start, and again
//! after a SIGKILL.
//!
//! If the count of the guard's control group has risen, memory certainly ran out. The reason is
//! reported as possible if only the machine's count is known and has risen. The same applies if no
//! count can be read on Linux.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::Ending;

pub(super) const SIGKILL: i32 = 9;

const CGROUP_PATH: &str = "/proc/self/cgroup";

const CGROUP_ROOT: &str = "/sys/fs/cgroup";

const VMSTAT_PATH: &str = "/proc/vmstat";

pub(super) struct OomWatch {
    is_of_group: bool,
    path: PathBuf,
    count: Option<u64>,
}

impl OomWatch {
    pub(super) fn new() -> Self {
        let groups = fs::read_to_string(CGROUP_PATH).unwrap_or_default();
        let group = files_of(&groups).into_iter().map(|path| Self::of(path, true)).find(|watch| watch.count.is_some());
        group.unwrap_or_else(|| Self::of(VMSTAT_PATH.into(), false))
    }

    fn of(path: PathBuf, is_of_group: bool) -> Self {
        Self { is_of_group, count: count_in(&path), path }
    }

    pub(super) fn ending_of_killed(&mut self) -> Ending {
        let before = std::mem::replace(&mut self.count, count_in(&self.path));
        let has_risen = before.zip(self.count).map(|(before, now)| now > before);
        match has_risen {
            Some(false) => Ending::Signalled { signal: SIGKILL },
            Some(true) if self.is_of_group => Ending::OutOfMemory { is_certain: true },
            // Systems other than Linux have no such counts, so SIGKILL is not attributed to a lack
            // of memory.
            None if !cfg!(target_os = "linux") => Ending::Signalled { signal: SIGKILL },
            Some(true) | None => Ending::OutOfMemory { is_certain: false },
        }
    }
}

fn files_of(groups: &str) -> Vec<PathBuf> {
    let file = |line: &str| {
        let (controllers, group) = line.split_once(':')?.1.split_once(':')?;
        match controllers {
            "" => Some(format!("{CGROUP_ROOT}{group}/memory.events").into()),
            _ if controllers.split(',').any(|controller| controller == "memory") => {
                Some(format!("{CGROUP_ROOT}/memory{group}/memory.oom_control").into())
            }
            _ => None,
        }
    };
    groups.lines().filter_map(file).collect()
}

fn count_in(path: &Path) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_both_versions_are_found() {
        let groups = "5:cpu,memory:/job\n3:cpuset:/\n0::/user/job\n";
        let expected = ["/sys/fs/cgroup/memory/job/memory.oom_control", "/sys/fs/cgroup/user/job/memory.events"];
        assert_eq!(files_of(groups), expected.map(PathBuf::from));
        assert!(files_of("nonsense\n").is_empty());
    }

    #[test]
    fn a_count_that_rises_is_the_reason_of_one_kill() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("memory.events");
        let write = |count: u64| fs::write(&path, format!("oom 9\noom_kill {count}\n")).expect("written");
        write(2);
        for (is_of_group, is_certain) in [(true, true), (false, false)] {
            write(2);
            let mut watch = OomWatch::of(path.clone(), is_of_group);
            assert_eq!(watch.ending_of_killed(), Ending::Signalled { signal: SIGKILL });
            write(3);
            assert_eq!(watch.ending_of_killed(), Ending::OutOfMemory { is_certain });
            assert_eq!(watch.ending_of_killed(), Ending::Signalled { signal: SIGKILL }, "counted once");
        }
        let mut blind = OomWatch::of(folder.path().join("missing"), false);
        let possible = Ending::OutOfMemory { is_certain: false };
        assert_eq!(blind.ending_of_killed() == possible, cfg!(target_os = "linux"));
    }
}
