//! Finds attempts whose processes use no CPU time.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::thread;
use std::time::Duration;

use autoproc_domain::ItemId;

use crate::process_table::{Marker, ProcessId, Processes};

/// Returns the items whose attempts use no CPU time during `period`. Blocks for this period.
///
/// The kernel counts CPU time in clock ticks of usually 10 ms. `marker` is the marker of the run.
/// Attempts without a readable process are left out: the environment of a process of another user
/// cannot be read. Work of processes outside the attempt is not seen, for example in a container
/// that the command started.
///
/// # Errors
/// If `/proc` cannot be listed.
pub fn idle_items(marker: &Marker, period: Duration) -> io::Result<BTreeSet<ItemId>> {
    let before = cpu_ticks(marker)?;
    thread::sleep(period);
    let after = cpu_ticks(marker)?;
    Ok(before.into_iter().filter(|(item, ticks)| after.get(item) == Some(ticks)).map(|(item, _)| item).collect())
}

/// Returns the CPU time of each attempt, in clock ticks. It includes ended processes if a process
/// of the attempt has reaped them.
fn cpu_ticks(marker: &Marker) -> io::Result<HashMap<ItemId, u64>> {
    let all = Processes::read()?;
    let mut processes: HashMap<_, HashMap<ProcessId, u64>> = HashMap::new();
    for process in all.iter() {
        let Some(item) = marker.item_of(process.id.pid) else { continue };
        let descendants = all.descendants_of(process.id.pid);
        let family = descendants.iter().chain([process]).map(|process| (process.id, process.cpu_ticks));
        processes.entry(item).or_default().extend(family);
    }
    Ok(processes.into_iter().map(|(item, ticks)| (item, ticks.values().sum())).collect())
}
