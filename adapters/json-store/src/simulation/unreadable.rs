//! Tests of files that exist but cannot be read.

use super::history::{addition, engine, transact};
use crate::disk::fake::FakeDisk;
use crate::engine::Mode;
use crate::layout::{self, SNAPSHOT};

/// A command writes one file, and a run adds a journal.
fn store_of(mode: Mode) -> FakeDisk {
    let disk = FakeDisk::default();
    let mut engine = engine(disk.of_another_process(), None, mode);
    for file in ["/first", "/second"] {
        transact(&mut engine, addition(file)).expect("added");
    }
    disk
}

fn journal(disk: &FakeDisk) -> String {
    let names = disk.contents().into_iter().map(|(name, _)| name);
    names.into_iter().find(|name| layout::is_journal(name)).expect("a journal")
}

#[test]
fn an_unreadable_file_is_an_error_and_nothing_changes() {
    let (single, plain, rescued) = (store_of(Mode::Command), store_of(Mode::Service), store_of(Mode::Service));
    let copy = layout::rescued("1");
    let snapshot = rescued.contents().into_iter().find(|(name, _)| name == SNAPSHOT).expect("a snapshot").1;
    rescued.put(&copy, &snapshot);
    let cases =
        [(&single, SNAPSHOT.to_owned()), (&plain, SNAPSHOT.to_owned()), (&plain, journal(&plain)), (&rescued, copy)];
    for (disk, name) in cases {
        let before = disk.contents();
        for mode in [Mode::Command, Mode::Service] {
            let mut other = engine(disk.of_another_process().with_unreadable(&name), None, mode);
            assert!(other.view().is_err(), "{name} is read");
            assert!(transact(&mut other, addition("/third")).is_err(), "{name} is ignored");
        }
        assert!(disk.contents() == before, "{name} is unreadable, but the store was changed");
        let mut own = engine(disk.of_another_process(), None, Mode::Command);
        assert_eq!(own.view().expect("a sound store").counts().total(), 2);
    }
}
