//! Damage made on purpose, and what each choice makes of it, against what was acknowledged.

use std::fs::{self, File};

use autoproc_domain::Status;
use autoproc_domain::ports::{RunInfo, StorageError};
use autoproc_domain::{RunId, ports};

use super::place::{Place, now};
use super::{Choice, Examination, Prospect, Repaired, examine, plan_repair, repair};
use crate::layout::SNAPSHOT;
use crate::store::Mode;

/// Flips a bit in the middle of a line, counted from 0.
fn damage_line(bytes: &mut [u8], number: usize) {
    let lengths: Vec<_> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::len).collect();
    let begins: usize = lengths[..number].iter().map(|length| length + 1).sum();
    bytes[begins + lengths[number] / 2] ^= 1;
}

/// Six files were added, the first two of them completed: the journal's lines are the additions of `/file-1` and on, with
/// a claim and a completion behind the first and the third of these. One line is damaged.
fn damaged(line: usize) -> Place {
    let place = Place::with_journal(6);
    place.alter(&place.journal(), |bytes| damage_line(bytes, line));
    place
}

fn prospect(examination: &Examination, choice: Choice) -> &Prospect {
    examination.prospects.iter().find(|prospect| prospect.choice == choice).expect("a choice that can be made")
}

fn done(place: &Place, choice: Choice) -> Prospect {
    match repair(&place.site(), choice, now()).expect("a repair") {
        Repaired::Done { prospect, .. } => prospect,
        other => panic!("{other:?}"),
    }
}

fn names(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("/file-{number}")).collect()
}

#[test]
fn a_sound_store_is_left_alone() {
    for place in [Place::new(), Place::with_journal(4), Place::with_snapshot(3)] {
        let before = place.contents();
        assert!(plan_repair(&place.site()).expect("it can be read").is_sound());
        for choice in Choice::ALL {
            assert!(matches!(repair(&place.site(), choice, now()), Ok(Repaired::Sound(_))));
        }
        assert_eq!(place.contents(), before);
    }
}

#[test]
fn a_half_written_line_is_no_damage() {
    let place = Place::with_journal(4);
    place.alter(&place.journal(), |bytes| bytes.truncate(bytes.len() - 3));
    let examination = examine(&place.site()).expect("it can be read");
    assert!(examination.is_sound());
    assert!(examination.half_written_bytes > 0);
}

#[test]
fn looking_changes_nothing_byte_for_byte() {
    let place = damaged(2);
    let before = place.contents();
    let looked = examine(&place.site()).expect("it can be read");
    assert_eq!(plan_repair(&place.site()).expect("it can be read"), looked);
    assert_eq!(place.contents(), before);
    assert!(looked.damage[0].place.contains(".journal."), "{looked:?}");
    assert_eq!(looked.prospects.len(), 3);
}

#[test]
fn truncate_keeps_what_is_before_the_damage() {
    // Line 3 is the addition of `/file-2`.
    let place = damaged(3);
    let told = done(&place, Choice::Truncate);
    assert_eq!(place.files(Status::Completed), names([0]));
    assert_eq!(place.files(Status::Pending), names([1]));
    assert_eq!((told.loses.additions, told.loses.results), (3, 1), "the additions of 3 to 5, the completion of 1");
    assert!(told.unreadable_bytes > 0);
}

#[test]
fn salvage_keeps_every_line_that_can_be_read() {
    let place = damaged(3);
    let told = done(&place, Choice::Salvage);
    assert_eq!(place.files(Status::Completed), names([0, 1]), "what was recorded as completed does not run again");
    assert_eq!(place.files(Status::Pending), names(3..6));
    assert_eq!((told.keeps.additions, told.keeps.results, told.loses.total()), (3, 1, 0));
}

#[test]
fn a_completion_whose_claim_is_lost_still_counts() {
    // Line 1 is the claim of `/file-0`.
    let place = damaged(1);
    done(&place, Choice::Salvage);
    assert_eq!(place.files(Status::Completed)[0], "/file-0");
}

#[test]
fn salvage_loses_no_addition_but_the_damaged_one_wherever_the_damage_is() {
    let whole = Place::with_journal(6);
    let lines = whole.read(&whole.journal()).split(|byte| *byte == b'\n').count() - 1;
    for line in 0..lines - 1 {
        let place = damaged(line);
        done(&place, Choice::Salvage);
        let items = place.items();
        let lost: Vec<_> = names(0..6)
            .into_iter()
            .filter(|name| !items.iter().any(|item| item.file_path.to_string() == *name))
            .collect();
        assert!(lost.len() <= 1, "line {line}: {lost:?}");
        // No result is given to a file that it is not of.
        let wrongly: Vec<_> =
            place.files(Status::Completed).into_iter().filter(|name| !names(0..2).contains(name)).collect();
        assert!(wrongly.is_empty(), "line {line}: {wrongly:?}");
        assert!(plan_repair(&place.site()).expect("it can be read").is_sound());
    }
}

#[test]
fn no_number_is_given_twice() {
    let before = Place::with_journal(6).queue();
    for choice in Choice::ALL {
        let place = damaged(0);
        done(&place, choice);
        let after = place.queue();
        assert!(after.next_id() >= before.next_id(), "{choice:?}");
        assert!(after.next_claim() >= before.next_claim(), "{choice:?}");
    }
}

#[test]
fn use_snapshot_keeps_the_snapshot_alone() {
    let place = damaged(3);
    let told = done(&place, Choice::UseSnapshot);
    assert_eq!(place.files(Status::Pending), names([0]));
    assert_eq!((told.loses.additions, told.loses.results), (4, 2));
}

#[test]
fn what_is_told_beforehand_is_what_happens() {
    for line in 0..7 {
        for choice in Choice::ALL {
            let place = damaged(line);
            let planned = plan_repair(&place.site()).expect("it can be read");
            let told = done(&place, choice);
            assert_eq!(prospect(&planned, choice), &told);
            assert_eq!(place.queue().counts(), told.counts);
        }
    }
}

#[test]
fn the_copy_is_whole_and_the_store_goes_on() {
    for choice in Choice::ALL {
        let place = damaged(2);
        let (journal, mut before) = (place.journal(), place.contents());
        before.retain(|name, _| *name == SNAPSHOT || *name == journal);
        let Repaired::Done { backup, .. } = repair(&place.site(), choice, now()).expect("a repair") else {
            panic!("the damage is mended");
        };
        for (name, bytes) in before {
            assert_eq!(fs::read(backup.join(&name)).expect("a copy"), bytes, "{name}");
        }
        assert!(place.journals().is_empty());
        assert_eq!(backup.file_name().and_then(|name| name.to_str()), Some("backup-20231114T221320Z"));
        Place::add(&mut place.engine(Mode::Command), "/after");
        assert!(place.files(Status::Pending).contains(&"/after".to_owned()));
        assert_eq!(place.contents().keys().filter(|name| name.ends_with(".orphan")).count(), 0);
    }
}

#[test]
fn a_snapshot_is_salvaged_line_by_line() {
    let place = Place::with_snapshot(6);
    let text = String::from_utf8(place.read(SNAPSHOT)).expect("text");
    let line = text.lines().position(|line| line.contains("/file-4")).expect("an item");
    let at = text.find("/file-4").expect("an item") - "\"file_path\":\"".len();
    place.alter(SNAPSHOT, |bytes| bytes[at] = b'x');
    let planned = plan_repair(&place.site()).expect("it can be read");
    assert_eq!(planned.prospects.len(), 1, "line {line}: {planned:?}");
    for choice in [Choice::Truncate, Choice::UseSnapshot] {
        let before = place.contents();
        assert!(matches!(repair(&place.site(), choice, now()), Ok(Repaired::Impossible(_))));
        let after = place.contents();
        assert_eq!(after[SNAPSHOT], before[SNAPSHOT]);
    }
    done(&place, Choice::Salvage);
    assert_eq!(place.files(Status::Completed), names([0, 1]));
    assert_eq!(place.files(Status::Pending), [names([2, 3, 5]), vec!["/last".into()]].concat());
}

#[test]
fn any_changed_byte_of_a_snapshot_costs_two_items_at_the_most() {
    let whole = Place::with_snapshot(4);
    let bytes = whole.read(SNAPSHOT);
    for at in (0..bytes.len()).step_by(3) {
        let place = Place::new();
        place.write(SNAPSHOT, &bytes);
        place.alter(SNAPSHOT, |bytes| bytes[at] = 0);
        // Where the byte is one that nobody reads as wrong, the store is sound.
        if plan_repair(&place.site()).expect("it can be read").is_sound() {
            continue;
        }
        done(&place, Choice::Salvage);
        assert!(place.items().len() >= 3, "byte {at}: {:?}", place.items());
    }
}

#[test]
fn a_snapshot_of_which_nothing_is_left_needs_a_person() {
    for text in [&b""[..], b"not JSON", &[0; 4096]] {
        let place = Place::new();
        place.write(SNAPSHOT, text);
        let planned = plan_repair(&place.site()).expect("it can be read");
        assert!(!planned.is_sound() && planned.prospects.is_empty(), "{planned:?}");
        assert!(matches!(repair(&place.site(), Choice::Salvage, now()), Ok(Repaired::Impossible(_))));
        assert_eq!(place.read(SNAPSHOT), text);
    }
}

#[test]
fn a_lost_snapshot_leaves_the_additions_of_its_journal() {
    let place = Place::with_journal(6);
    place.write(SNAPSHOT, &[0; 300]);
    done(&place, Choice::Salvage);
    assert_eq!(place.files(Status::Pending), names(1..6));
}

#[test]
fn an_edit_beside_a_journal_can_be_kept_with_what_the_journal_adds() {
    let place = Place::with_journal(6);
    place.alter(SNAPSHOT, |bytes| {
        let text = String::from_utf8(bytes.clone()).expect("text");
        *bytes = text.replace("\"priority\":0", "\"priority\":7").into_bytes();
    });
    done(&place, Choice::Salvage);
    assert_eq!(place.files(Status::Completed), names([0]));
    assert_eq!(place.files(Status::Pending), names(1..6), "the journal cannot tell which number `/file-1` has");
    assert_eq!(place.items()[0].priority.get(), 7);
}

#[test]
fn a_newer_format_is_not_ours_to_mend() {
    let place = Place::new();
    place.write(SNAPSHOT, b"{\n\"version\": \"9.0.0\",\n\"items\": [\n{\"file_path\":\"/a\",\n]\n}\n");
    assert!(matches!(plan_repair(&place.site()), Err(StorageError::Unsupported { .. })));
}

#[test]
fn a_living_run_or_a_held_lock_keeps_the_repair_away() {
    let place = damaged(2);
    let before = place.contents();
    let lock = File::open(place.path("QUEUE-STATE.lock")).expect("the lock");
    lock.lock().expect("nobody else holds it");
    assert!(matches!(plan_repair(&place.site()), Err(StorageError::Busy { .. })));
    drop(lock);
    let mut run = place.engine(Mode::Service);
    let info = RunInfo {
        id: RunId::new("alive"),
        started_at: now(),
        jobs: 1,
        max_attempts: 1,
        timeout: std::time::Duration::from_secs(1),
    };
    let others: Vec<ports::LiveRun> = run.begin_run(&info).expect("a run can begin beside any damage");
    assert!(others.is_empty());
    for choice in Choice::ALL {
        let refused = repair(&place.site(), choice, now()).expect_err("a run is alive");
        assert!(refused.to_string().contains("alive"), "{refused}");
    }
    let mut after = place.contents();
    after.insert("QUEUE-STATE.lock".into(), before["QUEUE-STATE.lock"].clone());
    assert_eq!(after, before);
}

#[test]
fn what_the_store_refuses_is_damage_and_can_be_mended() {
    for (sound, odd) in [
        ("\"next_id\":8", "\"next_id\":18446744073709551615".to_owned()),
        ("\"id\":7,", "\"id\":18446744073709551614,".to_owned()),
        ("QUEUE-STATE.journal.", "../elsewhere.".to_owned()),
    ] {
        let place = Place::with_snapshot(6);
        place.alter(SNAPSHOT, |bytes| {
            let text = String::from_utf8(bytes.clone()).expect("text");
            assert!(text.contains(sound), "{text}");
            *bytes = text.replacen(sound, &odd, 1).into_bytes();
        });
        assert!(place.engine(Mode::Command).view().is_err(), "{odd}");
        done(&place, Choice::Salvage);
        assert_eq!(place.items().len(), 7, "{odd}");
        assert_eq!(place.files(Status::Completed), names([0, 1]));
    }
}

#[test]
fn a_journal_that_a_crash_left_behind_the_repair_is_cleared_away() {
    let place = damaged(3);
    let journal = place.journal();
    let bytes = place.read(&journal);
    done(&place, Choice::Truncate);
    place.write(&journal, &bytes);
    let pending = place.files(Status::Pending);
    Place::add(&mut place.engine(Mode::Command), "/after");
    assert!(place.contents().keys().all(|name| !name.starts_with(&journal)), "{:?}", place.contents().keys());
    assert_eq!(place.files(Status::Pending), [pending, vec!["/after".to_owned()]].concat());
}
