//! Tests of processes that write to one disk at the same time.

use std::thread;

use autoproc_domain::FileQueue;

use super::flawed::Flaw;
use super::history::{addition, engine, transact};
use crate::disk::fake::FakeDisk;
use crate::engine::Mode;

const WRITERS: usize = 6;
const ADDITIONS: usize = 25;

pub(super) fn concurrent_writers(flaw: Option<Flaw>) -> Result<(), String> {
    let disk = FakeDisk::default();
    transact(&mut engine(disk.clone(), None, Mode::Command), addition("/first")).map_err(|error| error.to_string())?;
    let answers: Vec<Result<usize, String>> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let disk = disk.clone();
                scope.spawn(move || write(&disk, flaw, writer))
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap_or_else(|_| Err("a writer panicked".into()))).collect()
    });
    for answer in answers {
        answer?;
    }
    let found = engine(disk, None, Mode::Service).locked(|process| process.fresh_queue().cloned());
    let found: FileQueue = found.map_err(|error| error.to_string())?;
    let expected = 1 + WRITERS * ADDITIONS;
    if found.size() == expected { Ok(()) } else { Err(format!("{} of {expected} additions are there", found.size())) }
}

fn write(disk: &FakeDisk, flaw: Option<Flaw>, writer: usize) -> Result<usize, String> {
    let mode = if writer.is_multiple_of(2) { Mode::Command } else { Mode::Service };
    let mut process = engine(disk.clone(), flaw, mode);
    for number in 0..ADDITIONS {
        if number % 5 == 4 {
            process = engine(disk.clone(), flaw, mode);
        }
        let added = transact(&mut process, addition(&format!("/writer-{writer}/file-{number}")));
        added.map_err(|error| format!("writer {writer}: {error}"))?;
    }
    Ok(ADDITIONS)
}
