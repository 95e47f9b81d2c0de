use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use autoproc_subprocess::{AttemptLogs, Retention};
use proptest::collection::btree_map;
use proptest::prelude::*;

/// Maps a claim number to an age in seconds and a length in bytes.
type Outputs = BTreeMap<u64, (u64, usize)>;

fn write(path: &Path, length: usize, age: u64, now: SystemTime) {
    fs::write(path, vec![b'x'; length]).expect("a file");
    let file = File::options().write(true).open(path).expect("a file");
    file.set_modified(now - Duration::from_secs(age)).expect("its time");
}

/// Records an age check, but removes nothing.
fn look(logs: &AttemptLogs, at: SystemTime) {
    let retention = Retention { max_age: Some(Duration::MAX), max_total: None };
    assert_eq!(logs.prune(&retention, at, |_| true).expect("a folder").outputs, 0);
}

fn claims_in(dir: &Path) -> BTreeSet<u64> {
    let names = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("a file").file_name());
    let claim = |name: &str| name.strip_suffix(".log")?.rsplit('.').next()?.parse().ok();
    names.filter_map(|name| claim(name.to_str()?)).collect()
}

fn model(outputs: &Outputs, retention: &Retention, keep: u64) -> BTreeSet<u64> {
    let mut left: Vec<_> = outputs.iter().map(|(claim, (age, length))| (*age, *claim, *length)).collect();
    let old = |age: u64| retention.max_age.is_some_and(|most| Duration::from_secs(age) > most);
    left.retain(|(age, claim, _)| !old(*age) || *claim == keep);
    left.sort_unstable();
    let total = |left: &[(u64, u64, usize)]| left.iter().map(|(.., length)| *length as u64).sum::<u64>();
    while retention.max_total.is_some_and(|most| total(&left) > most) {
        let Some(oldest) = left.iter().rposition(|(_, claim, _)| *claim != keep) else { break };
        left.remove(oldest);
    }
    left.into_iter().map(|(_, claim, _)| claim).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_oldest_are_removed_until_the_rest_fits(
        ages in btree_map(1..10_000_u64, (1..60_u64, 0..100_usize), 0..12),
        max_age in proptest::option::of(0..10_000_u64),
        max_total in proptest::option::of(0..600_u64),
    ) {
        let dir = tempfile::tempdir().expect("a folder");
        let now = SystemTime::now();
        // Each age occurs once, so that the order is unambiguous.
        let outputs: Outputs = ages.iter().map(|(age, (claim, length))| (*claim, (*age, *length))).collect();
        for (claim, (age, length)) in &outputs {
            write(&dir.path().join(format!("3.1.{claim}.log")), *length, *age, now);
        }
        let logs = AttemptLogs::new(dir.path());
        look(&logs, now + Duration::from_secs(1));
        let retention = Retention { max_age: max_age.map(Duration::from_secs), max_total };
        let keep = outputs.keys().next().copied().unwrap_or(0);
        let pruned = logs.prune(&retention, now, |log| log.claim.get() == keep).expect("a folder");
        prop_assert!(pruned.first_error.is_none());
        let left = model(&outputs, &retention, keep);
        prop_assert_eq!(pruned.outputs, outputs.len() - left.len());
        prop_assert_eq!(claims_in(dir.path()), left.clone());
        let newest = outputs.iter().filter(|(claim, _)| !left.contains(claim)).map(|(_, (age, _))| *age).min();
        let until = logs.pruned_until().expect("a folder");
        prop_assert_eq!(until.is_some(), newest.is_some());
        if let (Some(until), Some(age)) = (until, newest) {
            prop_assert!(until >= now - Duration::from_secs(age), "output after the mark was removed");
            prop_assert!(until < now - Duration::from_secs(age) + Duration::from_secs(1));
        }
    }
}

#[test]
fn all_files_of_an_output_are_removed_together_and_no_others() {
    let dir = tempfile::tempdir().expect("a folder");
    let now = SystemTime::now();
    let at = |name: &str| dir.path().join(name);
    for name in [
        "1.1.1.log",
        "1.1.1.log.tail",
        "1.1.1.log.tail.new",
        "1.1.1.log.streams",
        "2.1.2.log.tail",
        "6.1.6.log.streams",
    ] {
        write(&at(name), 10, 100, now);
    }
    let others = [
        "x",
        "01.1.1.log",
        "+1.1.1.log",
        "1.0.1.log",
        "1.1.1.log.tail.old",
        "1.1.1.log.streams.new",
        "1.1.log",
        "1.1.1.1.log",
    ];
    for name in others {
        write(&at(name), 10, 100, now);
    }
    fs::create_dir(at("4.1.4.log")).expect("a folder");
    File::open(at("4.1.4.log")).expect("a folder").set_modified(now - Duration::from_secs(100)).expect("its time");
    std::os::unix::fs::symlink(at("x"), at("5.1.5.log")).expect("a link");
    // This output is young, because its `.tail` is young.
    write(&at("3.1.3.log"), 10, 100, now);
    write(&at("3.1.3.log.tail"), 10, 5, now);
    let retention = Retention { max_age: Some(Duration::from_secs(50)), max_total: None };
    let logs = AttemptLogs::new(dir.path());
    look(&logs, now + Duration::from_secs(1));
    let pruned = logs.prune(&retention, now, |_| false).expect("a folder");
    assert!(pruned.first_error.is_none(), "{pruned:?}");
    assert_eq!((pruned.outputs, pruned.bytes), (3, 60));
    let names = fs::read_dir(dir.path()).expect("a folder");
    let left: BTreeSet<_> = names.map(|entry| entry.expect("a file").file_name()).collect();
    let stay = ["3.1.3.log", "3.1.3.log.tail", "4.1.4.log", "5.1.5.log", "looked", "pruned"];
    assert_eq!(left, others.iter().chain(&stay).map(Into::into).collect());
}

#[test]
fn an_output_that_is_being_written_stays() {
    let dir = tempfile::tempdir().expect("a folder");
    let now = SystemTime::now();
    write(&dir.path().join("1.1.1.log"), 10, 0, now);
    let nothing = Retention { max_age: Some(Duration::ZERO), max_total: Some(0) };
    let logs = AttemptLogs::new(dir.path());
    assert_eq!(logs.prune(&nothing, now, |_| false).expect("a folder").outputs, 0);
    assert_eq!(logs.prune(&nothing, now + Duration::from_secs(1), |_| false).expect("a folder").outputs, 1);
}

#[test]
fn output_is_removed_by_age_only_if_two_looks_an_hour_apart_find_it_old() {
    const HOUR: Duration = Duration::from_secs(3600);
    let dir = tempfile::tempdir().expect("a folder");
    let now = SystemTime::now();
    let logs = AttemptLogs::new(dir.path());
    let retention = Retention { max_age: Some(24 * HOUR), max_total: None };
    let removed = |at| logs.prune(&retention, at, |_| false).expect("a folder").outputs;
    write(&dir.path().join("1.1.1.log"), 10, 0, now);
    assert_eq!(removed(now + HOUR), 0, "young, and the first look");
    assert_eq!(removed(now + 1000 * HOUR), 0, "the clock is ahead");
    assert_eq!(removed(now + 1000 * HOUR), 0, "the end of the same run");
    assert_eq!(removed(now + 2 * HOUR), 0, "the clock was corrected");
    assert_eq!(removed(now + 25 * HOUR), 0, "old, but young at the previous look");
    assert_eq!(removed(now + 25 * HOUR + HOUR / 2), 0, "too soon after the previous look");
    assert_eq!(removed(now + 26 * HOUR), 1);
}

#[test]
fn the_mark_never_moves_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let now = SystemTime::now();
    let logs = AttemptLogs::new(dir.path());
    let mut until = None;
    for (age, grows) in [(300, true), (200, true), (400, false), (100, true)] {
        write(&dir.path().join("1.1.1.log"), 10, age, now);
        let nothing = Retention { max_age: None, max_total: Some(0) };
        assert_eq!(logs.prune(&nothing, now, |_| false).expect("a folder").outputs, 1);
        let later = logs.pruned_until().expect("a folder");
        assert_eq!(later > until, grows, "{age} seconds ago");
        until = later;
    }
}

#[test]
fn a_missing_folder_is_empty() {
    let dir = tempfile::tempdir().expect("a folder");
    let logs = AttemptLogs::new(dir.path().join("missing"));
    let pruned = logs.prune(&Retention::default(), SystemTime::now(), |_| false).expect("nothing to do");
    assert_eq!(pruned.outputs, 0);
    assert_eq!(logs.pruned_until().expect("nothing to know"), None);
}
