//! Tests changed bytes in the journal.

use autoproc_domain::ports::StorageError;

use super::history::{Operation, Processes, addition, engine, transact};
use crate::disk::fake::{DiskImage, FakeDisk, Inode};
use crate::engine::Mode;
use crate::layout;

pub(super) fn with_lines(lines: usize) -> DiskImage {
    let disk = FakeDisk::new(DiskImage::default());
    let mut processes = Processes::new(disk.clone(), None);
    for line in 0..=lines {
        let operation = if line % 3 == 2 { Operation::Exchange } else { Operation::Enqueue };
        let (expected, done) = processes.perform(operation);
        done.expect("nothing fails on a sound disk");
        processes.model = expected;
    }
    drop(processes);
    disk.image()
}

pub(super) fn journal_of(image: &DiskImage) -> (String, Vec<u8>) {
    let (name, bytes) = image.files().find(|(name, _)| layout::is_journal(name)).expect("the store has a journal");
    (name.to_owned(), bytes.to_vec())
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Refused { is_unchanged: bool },
    Changed { has_copy_of_tail: bool },
}

const CLEANLY_REFUSED: Outcome = Outcome::Refused { is_unchanged: true };

pub(super) fn change_with(image: &DiskImage, bytes: &[u8]) -> Result<Outcome, String> {
    let (name, _) = journal_of(image);
    let mut image = image.clone();
    image.inode_mut(&name).expect("the journal").clone_from(&Inode::durable(bytes));
    let disk = FakeDisk::new(image);
    // The note in the lock file would reveal some of the changes.
    disk.put(layout::LOCK, b"");
    let before = disk.contents();
    let mut process = engine(disk.clone(), None, Mode::Service);
    match transact(&mut process, addition("/after")) {
        Err(StorageError::Damaged { .. }) => Ok(Outcome::Refused { is_unchanged: disk.contents() == before }),
        Err(error) => Err(error.to_string()),
        Ok(_) => {
            let has_copy_of_tail = disk.contents().iter().any(|(name, _)| name.contains(".torn."));
            Ok(Outcome::Changed { has_copy_of_tail })
        }
    }
}

/// Replaces one byte of the journal at a time and checks the store. Returns the number of
/// replacements.
pub(super) fn flips(image: &DiskImage, changes: impl Fn(u8) -> Vec<u8>) -> Result<u64, String> {
    let (_, bytes) = journal_of(image);
    let last_line = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut tried = 0;
    for index in 0..bytes.len() {
        for change in changes(bytes[index]).into_iter().filter(|change| *change != bytes[index]) {
            let mut flipped = bytes.clone();
            flipped[index] = change;
            tried += 1;
            match change_with(image, &flipped)? {
                CLEANLY_REFUSED => {}
                Outcome::Changed { has_copy_of_tail: true } if index >= last_line => {}
                other => return Err(format!("byte {index} of {} as {change:#04x}: {other:?}", bytes.len())),
            }
        }
    }
    Ok(tried)
}

pub(super) fn misplaced_lines() -> Result<(), String> {
    let (image, other) = (with_lines(4), with_lines(5));
    let (_, bytes) = journal_of(&image);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let foreign = journal_of(&other).1;
    let cases = [
        ("missing", [lines[0], &lines[2..].concat()].concat()),
        ("swapped", [lines[0], lines[2], lines[1], lines[3]].concat()),
        ("doubled", [&bytes[..], lines[3]].concat()),
        ("without the first", lines[1..].concat()),
    ];
    for (case, bytes) in cases {
        match change_with(&image, &bytes)? {
            CLEANLY_REFUSED => {}
            other => return Err(format!("{case}: {other:?}")),
        }
    }
    // `foreign` is the journal of another snapshot with the same store id and the same length.
    let edited = with_other_snapshot(&image);
    match change_with(&edited, &foreign)? {
        CLEANLY_REFUSED => Ok(()),
        other => Err(format!("under another snapshot: {other:?}")),
    }
}

fn with_other_snapshot(image: &DiskImage) -> DiskImage {
    let mut image = image.clone();
    let inode = image.inode_mut(layout::SNAPSHOT).expect("a snapshot");
    let text = String::from_utf8_lossy(&inode.visible).replace("/file-1", "/eile-1");
    *inode = Inode::durable(text.as_bytes());
    image
}
