//! Bytes that nobody wrote, in the journal: each is refused, or confined to the last line, of which a copy is kept.

use autoproc_domain::ports::StorageError;

use super::disk::{SimDisk, World};
use super::history::{Actors, Operation, addition, engine, transact};
use crate::layout;
use crate::store::Mode;

/// A closed machine's disk, everything on it durable: a store with this many lines in its journal.
pub(super) fn with_lines(lines: usize) -> World {
    let disk = SimDisk::new(World::default());
    let mut actors = Actors::new(disk.clone());
    for line in 0..=lines {
        let operation = if line % 3 == 2 { Operation::Exchange } else { Operation::Enqueue };
        let (expected, done) = actors.perform(operation);
        done.expect("nothing fails on a sound disk");
        actors.model = expected;
    }
    drop(actors);
    disk.world()
}

/// The journal's name and bytes.
pub(super) fn journal_of(world: &World) -> (String, Vec<u8>) {
    let name = world.names.keys().find(|name| layout::is_journal(name)).expect("the store has a journal").clone();
    let bytes = world.inodes[world.names[&name]].seen.clone();
    (name, bytes)
}

/// What became of a store whose journal has other bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Refused; `true` where nothing was touched.
    Refused(bool),
    /// Went on; `true` where a copy of what was cut off is kept.
    WentOn(bool),
}

pub(super) fn fate(world: &World, bytes: Vec<u8>) -> Result<Fate, String> {
    let (name, _) = journal_of(world);
    let mut world = world.clone();
    let inode = &mut world.inodes[world.names[&name]];
    inode.seen.clone_from(&bytes);
    inode.durable = bytes;
    let before = contents(&world);
    let disk = SimDisk::new(world);
    let mut process = engine(disk.clone(), Mode::Service);
    match transact(&mut process, addition("/after")) {
        Err(StorageError::Damaged { .. }) => Ok(Fate::Refused(contents(&disk.world()) == before)),
        Err(error) => Err(error.to_string()),
        Ok(_) => Ok(Fate::WentOn(disk.world().names.keys().any(|name| name.contains(".torn.")))),
    }
}

fn contents(world: &World) -> Vec<(String, Vec<u8>)> {
    let named = world.names.iter().filter(|(name, _)| *name != layout::LOCK);
    named.map(|(name, inode)| (name.clone(), world.inodes[*inode].seen.clone())).collect()
}

/// Every byte of the journal, changed in each of these ways.
pub(super) fn flips(world: &World, changes: impl Fn(u8) -> Vec<u8>) -> Result<u64, String> {
    let (_, bytes) = journal_of(world);
    let last_line = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut tried = 0;
    for index in 0..bytes.len() {
        for change in changes(bytes[index]).into_iter().filter(|change| *change != bytes[index]) {
            let mut flipped = bytes.clone();
            flipped[index] = change;
            tried += 1;
            match fate(world, flipped)? {
                Fate::Refused(true) => {}
                Fate::WentOn(true) if index >= last_line => {}
                other => return Err(format!("byte {index} of {} as {change:#04x}: {other:?}", bytes.len())),
            }
        }
    }
    Ok(tried)
}

/// Lines that are whole but not where they belong.
pub(super) fn misplaced_lines() -> Result<(), String> {
    let (world, other) = (with_lines(4), with_lines(5));
    let (_, bytes) = journal_of(&world);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let foreign = journal_of(&other).1;
    let cases = [
        ("missing", [lines[0], &lines[2..].concat()].concat()),
        ("swapped", [lines[0], lines[2], lines[1], lines[3]].concat()),
        ("doubled", [&bytes[..], lines[3]].concat()),
        ("without the first", lines[1..].concat()),
    ];
    for (what, bytes) in cases {
        match fate(&world, bytes)? {
            Fate::Refused(true) => {}
            other => return Err(format!("{what}: {other:?}")),
        }
    }
    // The same lines under another snapshot: as long, from the same store, and not its journal.
    let edited = with_other_snapshot(&world);
    match fate(&edited, foreign)? {
        Fate::Refused(true) => Ok(()),
        other => Err(format!("under another snapshot: {other:?}")),
    }
}

/// The same store, but somebody has changed a name in its snapshot.
fn with_other_snapshot(world: &World) -> World {
    let mut world = world.clone();
    let inode = &mut world.inodes[world.names[layout::SNAPSHOT]];
    let text = String::from_utf8_lossy(&inode.seen).replace("/file-1", "/eile-1");
    inode.seen = text.into_bytes();
    inode.durable.clone_from(&inode.seen);
    world
}
