//! Finds runs by the markers of processes.

use std::collections::HashSet;
use std::io;
use std::thread;

use crate::process_table::{self, Processes};
use crate::sweep::{CLEAN_SCANS, POLL_INTERVAL};

/// Returns those `runs` whose marker is in the environment of a process. Scans the process table
/// several times, because a single scan may miss some processes.
pub(super) fn runs_of_processes(runs: &HashSet<&str>) -> io::Result<HashSet<String>> {
    let mut marked = HashSet::new();
    if runs.is_empty() {
        return Ok(marked);
    }
    for scan in 0..CLEAN_SCANS {
        if scan > 0 {
            thread::sleep(POLL_INTERVAL);
        }
        let all = Processes::read()?;
        let named = all.iter().filter_map(|process| process_table::marked_run(process.id.pid));
        marked.extend(named.filter(|run| runs.contains(run.as_str())));
    }
    Ok(marked)
}
