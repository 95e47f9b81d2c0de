//! Computes the memory available to new processes.
//!
//! Respects the limit of this process's own control group (version 2). Ignores the limits of parent
//! groups.

use std::fs;
use std::path::Path;

const MEMINFO_PATH: &str = "/proc/meminfo";

const CGROUP_PATH: &str = "/proc/self/cgroup";

const CGROUP_ROOT: &str = "/sys/fs/cgroup";

pub(super) fn available() -> Option<u64> {
    let machine = available_of(&fs::read_to_string(MEMINFO_PATH).ok()?)?;
    let group = group().and_then(|folder| available_in(Path::new(&folder)));
    Some(group.map_or(machine, |group| group.min(machine)))
}

fn group() -> Option<String> {
    let groups = fs::read_to_string(CGROUP_PATH).ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(format!("{CGROUP_ROOT}{own}"))
}

/// Returns the memory that a control group may still use, in bytes. Inactive file pages count as
/// free, because the kernel drops them first.
fn available_in(folder: &Path) -> Option<u64> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let limit: u64 = read("memory.max")?.trim().parse().ok()?;
    let used: u64 = read("memory.current")?.trim().parse().ok()?;
    let droppable = read("memory.stat").and_then(|text| field(&text, "inactive_file")).unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(droppable)))
}

fn available_of(meminfo: &str) -> Option<u64> {
    field(meminfo, "MemAvailable:").map(|kibibytes| kibibytes.saturating_mul(1024))
}

fn field(text: &str, name: &str) -> Option<u64> {
    let words = text.lines().map(str::split_whitespace);
    words.into_iter().find_map(|mut words| words.next().filter(|first| *first == name).and(words.next()))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_available_memory_of_the_machine_is_read() {
        let text = "MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:    2000 kB\n";
        assert_eq!(available_of(text), Some(2000 * 1024));
        assert_eq!(available_of("MemFree: 1000 kB\n"), None);
    }

    #[test]
    fn a_group_with_a_limit_has_what_is_left_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        assert_eq!(available_in(folder.path()), None);
        write("memory.current", "700\n");
        write("memory.stat", "anon 500\ninactive_file 100\n");
        write("memory.max", "max\n");
        assert_eq!(available_in(folder.path()), None, "it has no limit");
        write("memory.max", "1000\n");
        assert_eq!(available_in(folder.path()), Some(400));
    }
}
