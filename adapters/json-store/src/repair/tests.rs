use std::fs::{self, File};

use autoproc_domain::ports::StorageError;
use autoproc_domain::request::{Enqueue, NewItem};
use autoproc_domain::run_info::{LiveRun, Location, RunInfo};
use autoproc_domain::{FilePath, RunId, Status};

use super::temp_store::{TempStore, now};
use super::{Examination, RepairMethod, RepairOutcome, RepairPlan, examine, plan_repair, repair};
use crate::engine::Mode;
use crate::layout::SNAPSHOT;
use crate::request::PendingRequest;

fn damage_line(bytes: &mut [u8], number: usize) {
    let lengths: Vec<_> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::len).collect();
    let begins: usize = lengths[..number].iter().map(|length| length + 1).sum();
    bytes[begins + lengths[number] / 2] ^= 1;
}

fn damaged(line: usize) -> TempStore {
    let temp = TempStore::with_journal(6);
    temp.alter(&temp.journal(), |bytes| damage_line(bytes, line));
    temp
}

const OF_THE_FILES: [RepairMethod; 3] = [RepairMethod::Truncate, RepairMethod::Salvage, RepairMethod::UseSnapshot];

fn plan(examination: &Examination, method: RepairMethod) -> &RepairPlan {
    examination.plans.iter().find(|plan| plan.method == method).expect("a possible repair")
}

fn done(temp: &TempStore, method: RepairMethod) -> RepairPlan {
    match repair(&temp.folder(), method, now()).expect("a repair") {
        RepairOutcome::Repaired { plan, .. } => plan,
        other => panic!("{other:?}"),
    }
}

fn names(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("/file-{number}")).collect()
}

#[test]
fn a_sound_store_is_left_alone() {
    for temp in [TempStore::new(), TempStore::with_journal(4), TempStore::with_snapshot(3)] {
        let before = temp.contents();
        assert!(plan_repair(&temp.folder()).expect("the store can be read").is_sound());
        for method in RepairMethod::ALL {
            assert!(matches!(repair(&temp.folder(), method, now()), Ok(RepairOutcome::Sound(_))));
        }
        assert_eq!(temp.contents(), before);
    }
}

#[test]
fn a_half_written_line_is_no_damage() {
    let temp = TempStore::with_journal(4);
    temp.alter(&temp.journal(), |bytes| bytes.extend_from_slice(b"{\"c\":\"0123"));
    let examination = examine(&temp.folder()).expect("the store can be read");
    assert!(examination.is_sound());
    assert!(examination.half_written_bytes > 0);
}

#[test]
fn an_examination_changes_no_byte() {
    let temp = damaged(2);
    let before = temp.contents();
    let looked = examine(&temp.folder()).expect("the store can be read");
    assert_eq!(plan_repair(&temp.folder()).expect("the store can be read"), looked);
    assert_eq!(temp.contents(), before);
    assert!(looked.damage[0].file.contains(".journal."), "{looked:?}");
    assert_eq!(looked.plans.len(), 3);
}

#[test]
fn truncate_keeps_what_is_before_the_damage() {
    // Line 3 adds `/file-2`.
    let temp = damaged(3);
    let plan = done(&temp, RepairMethod::Truncate);
    assert_eq!(temp.files(Status::Completed), names([0]));
    assert_eq!(temp.files(Status::Pending), names([1]));
    assert_eq!((plan.loses.additions, plan.loses.results), (3, 1), "the additions of 3 to 5, the completion of 1");
    assert!(plan.unreadable_bytes > 0);
}

#[test]
fn salvage_keeps_every_line_that_can_be_read() {
    let temp = damaged(3);
    let plan = done(&temp, RepairMethod::Salvage);
    assert_eq!(temp.files(Status::Completed), names([0, 1]), "what was recorded as completed does not run again");
    assert_eq!(temp.files(Status::Pending), names(3..6));
    assert_eq!((plan.keeps.additions, plan.keeps.results, plan.loses.total()), (3, 1, 0));
}

#[test]
fn a_completion_whose_claim_is_lost_still_counts() {
    // Line 1 claims `/file-0`.
    let temp = damaged(1);
    done(&temp, RepairMethod::Salvage);
    assert_eq!(temp.files(Status::Completed)[0], "/file-0");
}

#[test]
fn salvage_loses_no_addition_but_the_damaged_one_wherever_the_damage_is() {
    let whole = TempStore::with_journal(6);
    let lines = whole.read(&whole.journal()).split(|byte| *byte == b'\n').count() - 1;
    for line in 0..lines - 1 {
        let temp = damaged(line);
        done(&temp, RepairMethod::Salvage);
        let items = temp.items();
        let lost: Vec<_> = names(0..6)
            .into_iter()
            .filter(|name| !items.iter().any(|item| item.file_path.to_string() == *name))
            .collect();
        assert!(lost.len() <= 1, "line {line}: {lost:?}");
        // A repair must not give a file the result of another file.
        let wrongly: Vec<_> =
            temp.files(Status::Completed).into_iter().filter(|name| !names(0..2).contains(name)).collect();
        assert!(wrongly.is_empty(), "line {line}: {wrongly:?}");
        assert!(plan_repair(&temp.folder()).expect("the store can be read").is_sound());
    }
}

#[test]
fn no_number_is_given_twice() {
    let before = TempStore::with_journal(6).queue();
    for method in OF_THE_FILES {
        let temp = damaged(0);
        done(&temp, method);
        let after = temp.queue();
        assert!(after.next_number() >= before.next_number(), "{method:?}");
        assert!(after.next_claim() >= before.next_claim(), "{method:?}");
    }
}

#[test]
fn use_snapshot_keeps_the_snapshot_alone() {
    let temp = damaged(3);
    let plan = done(&temp, RepairMethod::UseSnapshot);
    assert_eq!(temp.files(Status::Pending), names([0]));
    assert_eq!((plan.loses.additions, plan.loses.results), (4, 2));
}

#[test]
fn a_repair_does_what_its_plan_reported() {
    for line in 0..7 {
        for method in OF_THE_FILES {
            let temp = damaged(line);
            let planned = plan_repair(&temp.folder()).expect("the store can be read");
            let applied = done(&temp, method);
            assert_eq!(plan(&planned, method), &applied);
            assert_eq!(temp.queue().counts(), applied.counts);
        }
    }
}

#[test]
fn the_copy_is_complete_and_the_store_works() {
    for method in OF_THE_FILES {
        let temp = damaged(2);
        let (journal, mut before) = (temp.journal(), temp.contents());
        before.retain(|name, _| *name == SNAPSHOT || *name == journal);
        let RepairOutcome::Repaired { backup, .. } = repair(&temp.folder(), method, now()).expect("a repair") else {
            panic!("the damage is repaired");
        };
        for (name, bytes) in before {
            assert_eq!(fs::read(backup.join(&name)).expect("a copy"), bytes, "{name}");
        }
        assert!(temp.journals().is_empty());
        assert_eq!(backup.file_name().and_then(|name| name.to_str()), Some("backup-20231114T221320Z"));
        TempStore::add(&mut temp.engine(Mode::Command), "/after");
        assert!(temp.files(Status::Pending).contains(&"/after".to_owned()));
        assert_eq!(temp.contents().keys().filter(|name| name.ends_with(".orphan")).count(), 0);
    }
}

#[test]
fn a_snapshot_is_salvaged_line_by_line() {
    let temp = TempStore::with_snapshot(6);
    let text = String::from_utf8(temp.read(SNAPSHOT)).expect("text");
    let line = text.lines().position(|line| line.contains("/file-4")).expect("an item");
    let at = text.find("/file-4").expect("an item") - "\"file_path\":\"".len();
    temp.alter(SNAPSHOT, |bytes| bytes[at] = b'x');
    let planned = plan_repair(&temp.folder()).expect("the store can be read");
    assert_eq!(planned.plans.len(), 1, "line {line}: {planned:?}");
    assert_eq!(planned.notices, ["1 line of QUEUE-STATE.json cannot be read"]);
    for method in [RepairMethod::Truncate, RepairMethod::UseSnapshot] {
        let before = temp.contents();
        assert!(matches!(repair(&temp.folder(), method, now()), Ok(RepairOutcome::Impossible(_))));
        let after = temp.contents();
        assert_eq!(after[SNAPSHOT], before[SNAPSHOT]);
    }
    done(&temp, RepairMethod::Salvage);
    assert_eq!(temp.files(Status::Completed), names([0, 1]));
    assert_eq!(temp.files(Status::Pending), [names([2, 3, 5]), vec!["/last".into()]].concat());
}

#[test]
fn any_changed_byte_of_a_snapshot_costs_two_items_at_the_most() {
    let whole = TempStore::with_snapshot(4);
    let bytes = whole.read(SNAPSHOT);
    for at in (0..bytes.len()).step_by(3) {
        let temp = TempStore::new();
        temp.write(SNAPSHOT, &bytes);
        temp.alter(SNAPSHOT, |bytes| bytes[at] = 0);
        // Some changed bytes leave the document valid.
        if plan_repair(&temp.folder()).expect("the store can be read").is_sound() {
            continue;
        }
        done(&temp, RepairMethod::Salvage);
        assert!(temp.items().len() >= 3, "byte {at}: {:?}", temp.items());
    }
}

#[test]
fn an_unreadable_snapshot_needs_a_person() {
    for text in [&b""[..], b"not JSON", &[0; 4096]] {
        let temp = TempStore::new();
        temp.write(SNAPSHOT, text);
        let planned = plan_repair(&temp.folder()).expect("the store can be read");
        assert!(!planned.is_sound() && planned.plans.is_empty(), "{planned:?}");
        assert!(matches!(repair(&temp.folder(), RepairMethod::Salvage, now()), Ok(RepairOutcome::Impossible(_))));
        assert_eq!(temp.read(SNAPSHOT), text);
    }
}

#[test]
fn a_lost_snapshot_leaves_the_additions_of_its_journal() {
    let temp = TempStore::with_journal(6);
    temp.write(SNAPSHOT, &[0; 300]);
    done(&temp, RepairMethod::Salvage);
    assert_eq!(temp.files(Status::Pending), names(1..6));
}

#[test]
fn an_edit_during_a_journal_is_kept_with_the_additions_of_the_journal() {
    let temp = TempStore::with_journal(6);
    temp.alter(SNAPSHOT, |bytes| {
        let text = String::from_utf8(bytes.clone()).expect("text");
        *bytes = text.replace("\"priority\":0", "\"priority\":7").into_bytes();
    });
    done(&temp, RepairMethod::Salvage);
    assert_eq!(temp.files(Status::Completed), names([0]));
    assert_eq!(temp.files(Status::Pending), names(1..6), "the journal cannot tell which number `/file-1` has");
    assert_eq!(temp.items()[0].priority.get(), 7);
}

#[test]
fn a_later_format_is_refused() {
    let temp = TempStore::new();
    temp.write(SNAPSHOT, b"{\n\"version\": \"9.0.0\",\n\"items\": [\n{\"file_path\":\"/a\",\n]\n}\n");
    assert!(matches!(plan_repair(&temp.folder()), Err(StorageError::Unsupported { .. })));
}

#[test]
fn a_live_run_or_a_held_lock_refuses_the_repair() {
    let temp = damaged(2);
    let before = temp.contents();
    let lock = File::open(temp.path("QUEUE-STATE.lock")).expect("the lock");
    lock.lock().expect("the lock is free");
    assert!(matches!(plan_repair(&temp.folder()), Err(StorageError::Busy { .. })));
    drop(lock);
    let mut run = temp.engine(Mode::Service);
    let info = RunInfo {
        id: RunId::new("alive"),
        started_at: now(),
        jobs: 1,
        max_attempts: 1,
        timeout: std::time::Duration::from_secs(1),
        recipe: None,
        work: None,
        location: Location {
            host: "here".into(),
            boot: "boot".into(),
            pid_namespace: "pid".into(),
            pid: 1,
            project: std::path::Path::new("/project").into(),
        },
    };
    let others: Vec<LiveRun> = run.begin_run(&info).expect("a run can begin in a damaged store");
    assert!(others.is_empty());
    for method in RepairMethod::ALL {
        let refused = repair(&temp.folder(), method, now()).expect_err("a run is alive");
        assert!(refused.to_string().contains("alive"), "{refused}");
    }
    let mut after = temp.contents();
    after.insert("QUEUE-STATE.lock".into(), before["QUEUE-STATE.lock"].clone());
    assert_eq!(after, before);
}

#[test]
fn a_refused_snapshot_can_be_repaired() {
    for (sound, odd) in [
        ("\"next_id\":8", "\"next_id\":18446744073709551615".to_owned()),
        ("\"id\":7,", "\"id\":18446744073709551614,".to_owned()),
        ("QUEUE-STATE.journal.", "../elsewhere.".to_owned()),
    ] {
        let temp = TempStore::with_snapshot(6);
        temp.alter(SNAPSHOT, |bytes| {
            let text = String::from_utf8(bytes.clone()).expect("text");
            assert!(text.contains(sound), "{text}");
            *bytes = text.replacen(sound, &odd, 1).into_bytes();
        });
        assert!(temp.engine(Mode::Command).view().is_err(), "{odd}");
        done(&temp, RepairMethod::Salvage);
        assert_eq!(temp.items().len(), 7, "{odd}");
        assert_eq!(temp.files(Status::Completed), names([0, 1]));
    }
}

#[test]
fn a_journal_that_a_crash_left_after_the_repair_is_removed() {
    let temp = damaged(3);
    let journal = temp.journal();
    let bytes = temp.read(&journal);
    done(&temp, RepairMethod::Truncate);
    temp.write(&journal, &bytes);
    let pending = temp.files(Status::Pending);
    TempStore::add(&mut temp.engine(Mode::Command), "/after");
    assert!(temp.contents().keys().all(|name| !name.starts_with(&journal)), "{:?}", temp.contents().keys());
    assert_eq!(temp.files(Status::Pending), [pending, vec!["/after".to_owned()]].concat());
}

#[test]
fn lost_lines_are_damage_and_their_numbers_are_not_given_again() {
    let whole = TempStore::with_journal(6).queue();
    for method in OF_THE_FILES {
        for lines_left in 0..3 {
            let temp = TempStore::with_journal(6);
            let mut lines = 0;
            temp.alter(&temp.journal(), |bytes| {
                let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
                let left = ends.clone().take(lines_left).last().unwrap_or(0);
                lines = ends.count();
                bytes.truncate(left);
            });
            let planned = plan_repair(&temp.folder()).expect("the store can be read");
            let missing = u64::try_from(lines - lines_left).expect("a small number");
            assert!(planned.plans.iter().all(|plan| plan.missing_transactions == missing), "{planned:?}");
            assert!(planned.damage[0].detail.starts_with("saved changes are missing"), "{planned:?}");
            done(&temp, method);
            assert!(temp.queue().next_number() >= whole.next_number(), "{method:?}, {lines_left} lines");
            assert!(plan_repair(&temp.folder()).expect("the store can be read").is_sound());
            TempStore::add(&mut temp.engine(Mode::Command), "/after");
        }
    }
}

fn rescued() -> TempStore {
    let temp = TempStore::with_journal(6);
    let mut run = temp.engine(Mode::Service);
    run.locked(|run| run.fresh_queue().map(drop)).expect("a sound store");
    fs::remove_file(temp.path(&temp.journal())).expect("removed");
    let file_path = FilePath::new("/file-6").expect("a path");
    let (request, mut reply) = PendingRequest::new(Enqueue::new(vec![NewItem::new(file_path)]), now());
    run.change(vec![Box::new(request)]);
    assert!(matches!(reply.try_recv(), Ok(Err(StorageError::Damaged { .. }))));
    drop(run);
    temp
}

#[test]
fn the_contents_that_a_run_wrote_beside_the_damage_can_be_taken() {
    let temp = rescued();
    let planned = plan_repair(&temp.folder()).expect("the store can be read");
    assert_eq!(planned.plans.len(), 4, "{planned:?}");
    assert!(planned.plans.iter().all(|plan| {
        let is_rescued = plan.method == RepairMethod::UseRescued;
        is_rescued == (plan.missing_transactions == 0)
    }));
    done(&temp, RepairMethod::UseRescued);
    assert_eq!(temp.files(Status::Completed), names([0, 1]));
    assert_eq!(temp.files(Status::Pending), names(2..7));
    assert!(temp.contents().keys().all(|name| !crate::layout::is_rescued(name)));
}

#[test]
fn a_repair_without_the_snapshot_keeps_the_id_of_the_store_and_its_generations() {
    let temp = rescued();
    let section = || {
        let document: serde_json::Value = serde_json::from_slice(&temp.read(SNAPSHOT)).expect("a document");
        (document["store"]["id"].clone(), document["store"]["generation"].as_u64())
    };
    let (id, generation) = section();
    fs::remove_file(temp.path(SNAPSHOT)).expect("removed");
    let planned = plan_repair(&temp.folder()).expect("the store can be read");
    let detail = &planned.damage[0].detail;
    assert!(detail.starts_with("it is missing, and QUEUE-STATE.rescued-"), "{detail}");
    done(&temp, RepairMethod::UseRescued);
    let repaired = section();
    assert!(repaired.0 == id && repaired.1 > generation, "{repaired:?} after {id} {generation:?}");
}

#[test]
fn a_rescued_queue_that_stays_after_a_repair_is_no_damage() {
    for method in RepairMethod::ALL {
        let temp = rescued();
        let left: Vec<_> = temp.contents().into_iter().filter(|(name, _)| crate::layout::is_rescued(name)).collect();
        done(&temp, method);
        for (name, bytes) in left {
            temp.write(&name, &bytes);
        }
        assert!(plan_repair(&temp.folder()).expect("the store can be read").is_sound(), "{method:?}");
        TempStore::add(&mut temp.engine(Mode::Command), "/after");
    }
}
