use std::time::Duration;

use autoproc_domain::item::Backoff;
use autoproc_domain::signature::FailureGroups;
use autoproc_domain::view::Counts;
use autoproc_domain::{FilePath, ItemId, Priority, QueueItem, Timestamp};

use super::HOME;
use crate::commands::top::snapshot::{Done, Progress, RunningFile, RunsNow, Snapshot};
use crate::commands::top::throughput::Throughput;
use crate::delay::Delay;

/// 2026-11-28 03:20:00 UTC.
const NOW: i64 = 1_795_836_000;

pub(super) const HOSTILE: &str = "in/\u{1b}[2Jevil\u{7}\u{202e}gpj.議事録.pdf";

pub(super) fn at(seconds_ago: i64) -> Timestamp {
    Timestamp::from_micros((NOW - seconds_ago) * 1_000_000)
}

pub(super) fn path(name: &str) -> FilePath {
    FilePath::new(format!("{HOME}/{name}")).expect("a path")
}

fn running(id: u64, name: &str, seconds: i64) -> RunningFile {
    RunningFile {
        id: ItemId::new(id),
        file_path: path(name),
        host: None,
        progress: Progress::Since(at(seconds)),
        expected: Some("about 52s (31s to 1m 20s)".to_owned()),
        last_line: Some("page 31 of 40".to_owned()),
        delay: None,
        attempt: 1,
        log: None,
    }
}

fn pending(id: u64, name: &str) -> QueueItem {
    QueueItem::added(ItemId::new(id), path(name), Priority::new(0), at(9_000))
}

pub(super) fn night() -> Snapshot {
    let slow = RunningFile {
        delay: Some(Delay::Slow),
        attempt: 2,
        host: Some("scan2".to_owned()),
        ..running(8, HOSTILE, 540)
    };
    let dead =
        RunningFile { progress: Progress::Abandoned, expected: None, last_line: None, ..running(9, "in/lost.pdf", 0) };
    let mut groups = FailureGroups::default();
    for number in 0..24 {
        let name = format!("in/b{number}.gz");
        groups.add(Some("exit status 1: not in gzip format"), &path(&name), Some(at(480 + number)));
    }
    groups.add(Some("timed out after 5m"), &path("in/long.pdf"), Some(at(90_000)));
    let urgent = QueueItem { priority: Priority::new(5), ..pending(20, "in/0500.pdf") };
    let backoff = Backoff { not_before: at(-75), ordered_at: at(45) };
    let retried = QueueItem {
        backoff: Some(backoff),
        attempts: 1,
        last_error: Some("exit status 3: \u{1b}[31mno model".into()),
        ..pending(21, HOSTILE)
    };
    let held =
        QueueItem { is_held: true, ..pending(22, "in/a-name-that-is-longer-than-a-narrow-screen-has-room-for.pdf") };
    let others = (23..60).map(|id| pending(id, &format!("in/{id:04}.pdf")));
    Snapshot {
        now: at(0),
        queue: format!("queue of {HOME}"),
        counts: Counts { pending: 2255, held: 1, processing: 3, completed: 4812, failed: 24, timeout: 1 },
        runs: RunsNow::Live {
            runs: 3,
            machines: 2,
            jobs: 8,
            elapsed: Duration::from_secs(8_040),
            done: Some(Done { ended: 680, total: 1000 }),
        },
        notices: vec!["not starting new files: 41 MB are free".to_owned()],
        time_left: Some("time left about 2h 21m (1h 36m to 3h 11m)".to_owned()),
        throughput: Throughput { bars: vec![1, 2, 4, 5, 5, 4, 5, 6, 5, 0, 4, 5], window: Duration::from_mins(4) },
        running: vec![slow, running(7, "in/2024/0412.pdf", 48), dead],
        groups: groups.largest_first().into_iter().cloned().collect(),
        next: [urgent, retried, held].into_iter().chain(others).collect(),
    }
}

pub(super) fn nothing() -> Snapshot {
    Snapshot {
        counts: Counts::default(),
        runs: RunsNow::None("no run is live".to_owned()),
        notices: Vec::new(),
        time_left: None,
        throughput: Throughput::default(),
        running: Vec::new(),
        groups: Vec::new(),
        next: Vec::new(),
        ..night()
    }
}
