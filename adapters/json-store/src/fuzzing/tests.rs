use autoproc_domain::ports::StorageError;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::engine::Mode;
use crate::fuzzing;
use crate::layout::SNAPSHOT;
use crate::repair::temp_store::TempStore;

#[derive(Debug, Clone)]
enum Damage {
    Flip(Index, u8),
    Cut(Index, Index),
    Double(Index, Index),
    Insert(Index, Vec<u8>),
    Splice(Index, Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<Index>;
    prop_oneof![
        (index(), 1_u8..).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        (index(), index()).prop_map(|(from, to)| Damage::Cut(from, to)),
        (index(), index()).prop_map(|(from, to)| Damage::Double(from, to)),
        (index(), vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (index(), index(), index()).prop_map(|(from, to, at)| Damage::Splice(from, to, at)),
    ]
}

fn inflict(bytes: &mut Vec<u8>, damage: &Damage) {
    let ends = bytes.len() + 1;
    let range = |from: &Index, to: &Index| {
        let (from, to) = (from.index(ends), to.index(ends));
        from.min(to)..from.max(to)
    };
    match damage {
        Damage::Flip(at, bits) if !bytes.is_empty() => {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        Damage::Flip(..) => {}
        Damage::Cut(from, to) => drop(bytes.drain(range(from, to))),
        Damage::Double(from, to) => {
            let part = bytes[range(from, to)].to_vec();
            let end = range(from, to).end;
            bytes.splice(end..end, part);
        }
        Damage::Insert(at, new) => {
            let at = at.index(ends);
            bytes.splice(at..at, new.iter().copied());
        }
        Damage::Splice(from, to, at) => {
            let part = bytes[range(from, to)].to_vec();
            let at = at.index(ends);
            let over = (at + part.len()).min(bytes.len());
            bytes.splice(at..over, part);
        }
    }
}

fn bytes(seeds: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let damaged = (prop::sample::select(seeds), vec(damage(), 0..4)).prop_map(|(seed, damages)| {
        let mut bytes = seed.to_vec();
        for damage in &damages {
            inflict(&mut bytes, damage);
        }
        bytes
    });
    prop_oneof![1 => vec(any::<u8>(), 0..300), 9 => damaged]
}

macro_rules! seed {
    ($name:literal) => {
        include_bytes!(concat!("../../fuzz/corpus/", $name)).as_slice()
    };
}

const SNAPSHOTS: &[&[u8]] = &[
    seed!("snapshot/seed-written"),
    seed!("snapshot/seed-rounds"),
    seed!("snapshot/seed-by-hand"),
    seed!("snapshot/seed-original"),
    seed!("snapshot/seed-other-version"),
];
const JOURNALS: &[&[u8]] = &[seed!("journal/seed-a-run"), seed!("journal/seed-torn"), seed!("journal/seed-zeros")];
const BOTH: &[&[u8]] = &[seed!("snapshot_and_journal/seed-both")];
const OPERATIONS: &[&[u8]] =
    &[seed!("operations/seed-a-run"), seed!("operations/seed-another-run"), seed!("operations/seed-rounds")];
const ORIGINALS: &[&[u8]] = &[seed!("original/seed-items"), seed!("original/seed-one")];
const RUN_LOCKS: &[&[u8]] = &[seed!("run_lock/seed-living")];
const STORE_LOCKS: &[&[u8]] = &[seed!("store_lock/seed-notes")];

proptest! {
    #[test]
    fn any_snapshot(bytes in bytes(SNAPSHOTS)) {
        fuzzing::snapshot(&bytes);
    }

    #[test]
    fn any_journal(bytes in bytes(JOURNALS)) {
        fuzzing::journal(&bytes);
    }

    #[test]
    fn any_snapshot_and_journal(bytes in bytes(BOTH)) {
        fuzzing::snapshot_and_journal(&bytes);
    }

    #[test]
    fn any_operations(bytes in bytes(OPERATIONS)) {
        fuzzing::operations(&bytes);
    }

    #[test]
    fn any_items_of_the_original_program(bytes in bytes(ORIGINALS)) {
        fuzzing::original(&bytes);
    }

    #[test]
    fn any_lock_of_a_run(bytes in bytes(RUN_LOCKS)) {
        fuzzing::run_lock(&bytes);
    }

    #[test]
    fn any_lock_of_the_store(bytes in bytes(STORE_LOCKS)) {
        fuzzing::store_lock(&bytes);
    }
}

#[test]
fn a_snapshot_that_cannot_be_continued_is_refused() {
    let written = std::str::from_utf8(SNAPSHOTS[0]).expect("text");
    let max = u64::MAX.to_string();
    let changes = [
        ("QUEUE-STATE.journal.3-0a1b2c3d", "../../somewhere/else"),
        ("QUEUE-STATE.journal.3-0a1b2c3d", "QUEUE-STATE.json"),
        ("QUEUE-STATE.journal.3-0a1b2c3d", ""),
        ("QUEUE-STATE.journal.3-0a1b2c3d", "QUEUE-STATE.journal./../../somewhere"),
        ("\"generation\":3", &format!("\"generation\":{max}")),
        ("\"seq\":7", &format!("\"seq\":{max}")),
        ("\"next_id\":4", &format!("\"next_id\":{max}")),
        ("\"next_claim\":2", &format!("\"next_claim\":{max}")),
        ("\"id\":3", &format!("\"id\":{max}")),
        ("\"token\":1", &format!("\"token\":{max}")),
    ];
    for (there, instead) in changes {
        let text = written.replace(there, instead);
        assert_ne!(text, written, "{there}");
        fuzzing::snapshot(text.as_bytes());
        let store = TempStore::new();
        store.write(SNAPSHOT, text.as_bytes());
        let refused = store.engine(Mode::Command).view().map(drop);
        assert!(matches!(refused, Err(StorageError::Damaged { .. })), "{instead}: {refused:?}");
    }
}

#[test]
fn a_run_of_any_name_can_be_recovered() {
    let written = std::str::from_utf8(SNAPSHOTS[0]).expect("text");
    for name in ["../QUEUE-STATE", "/etc/passwd", "\\u0000", "..", "", &"long".repeat(100)] {
        fuzzing::snapshot(written.replace("\"run_id\":\"r\"", &format!("\"run_id\":\"{name}\"")).as_bytes());
    }
}
