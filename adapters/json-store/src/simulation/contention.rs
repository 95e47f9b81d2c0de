//! Several processes at once on one disk, as threads: what each was told must be there in the end.

use std::thread;

use autoproc_domain::FileQueue;

use super::disk::{SimDisk, World};
use super::history::{addition, engine, transact};
use crate::mistake::{Mistake, while_making};
use crate::store::Mode;

const WRITERS: usize = 6;
const ADDITIONS: usize = 25;

pub(super) fn writers_at_once(mistake: Option<Mistake>) -> Result<(), String> {
    let disk = SimDisk::new(World::default());
    let told: Vec<Result<usize, String>> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let disk = disk.clone();
                scope.spawn(move || while_making(mistake, || write(&disk, writer)))
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap_or_else(|_| Err("a writer panicked".into()))).collect()
    });
    for told in told {
        told?;
    }
    let found = engine(disk, Mode::Service).locked(|process| process.fresh_queue().cloned());
    let found: FileQueue = found.map_err(|error| error.to_string())?;
    if found.size() == WRITERS * ADDITIONS {
        return Ok(());
    }
    Err(format!("{} of {} additions are there", found.size(), WRITERS * ADDITIONS))
}

/// Commands and runs by turns, each addition through a process that has seen the store or through a fresh one.
fn write(disk: &SimDisk, writer: usize) -> Result<usize, String> {
    let mode = if writer.is_multiple_of(2) { Mode::Command } else { Mode::Service };
    let mut process = engine(disk.clone(), mode);
    for number in 0..ADDITIONS {
        if number % 5 == 4 {
            process = engine(disk.clone(), mode);
        }
        let added = transact(&mut process, addition(&format!("/writer-{writer}/file-{number}")));
        added.map_err(|error| format!("writer {writer}: {error}"))?;
    }
    Ok(ADDITIONS)
}
