use std::path::Path;
use std::time::Duration;

use autoproc_domain::{FilePath, ItemId};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn file(seconds: u64, name: &str) -> RunningFile {
    RunningFile {
        id: ItemId::new(1),
        file_path: FilePath::new(format!("/home/ada/{name}")).expect("a path"),
        attempt: 1,
        max_attempts: 4,
        elapsed: Duration::from_secs(seconds),
        step: None,
    }
}

fn busy() -> Picture {
    Picture {
        elapsed: 3725 * SECOND,
        running: vec![
            RunningFile { attempt: 2, ..file(3661, "talks/2026/an-opening-with-a-long-name-by-many-people.mp4") },
            RunningFile {
                step: Some("step 3/10 transcribe".to_owned()),
                attempt: 4,
                ..file(75, "talks/2026/a-closing-with-a-long-name-by-many-people.mp4")
            },
            file(3, "a.mp4"),
        ],
        more_running: 3,
        ended: 12,
        failed: 1,
        total: 40,
        retries: 2,
        first_retry: Some(Timestamp::from_micros(8_045_000_000)),
        rate: Some("5m 10s a file".to_owned()),
        left: Left::Known("2h 24m left".to_owned()),
        held: None,
        is_stopping: false,
        is_paused: false,
    }
}

fn at(columns: usize, rows: usize, picture: &Picture) -> String {
    let layout = Layout::on_terminal(Path::new("/home/ada"), columns);
    let (size, zone) = (Size { columns, rows }, Zone::utc());
    let terminal = Terminal { layout: &layout, size, zone: &zone, now: Timestamp::from_micros(8_000_000_000) };
    let lines = frame(picture, &terminal);
    assert!(lines.iter().all(|line| line.width() <= columns), "{columns}x{rows}: {lines:#?}");
    assert!(!lines.is_empty() && lines.len() < rows.max(2), "{columns}x{rows}: {lines:#?}");
    lines.join("\n")
}

#[test]
fn at_100_by_30() {
    let expected = [
        "  1h 1m  talks/2026/an-opening-with-a-long-name-by-many-people.mp4, attempt 2 of 4",
        " 1m 15s  talks/2026/a-clos…with-a-long-name-by-many-people.mp4, attempt 4 of 4, step 3/10 transcribe",
        "     3s  a.mp4",
        "         and 3 more",
        "  1h 2m  [=======>                 ] 12/40 files, 1 failed, 2 wait for a retry,",
        "         the first until 02:14:05, 5m 10s a file, 2h 24m left",
    ];
    assert_eq!(at(100, 30, &busy()), expected.join("\n"));
}

#[test]
fn at_60_by_20() {
    let expected = [
        "  1h 1m  talks/2026/…name-by-many-people.mp4, attempt 2 of 4",
        " 1m 15s  talks/…ny-people.mp4, attempt 4 of 4, step 3/10 tr…",
        "     3s  a.mp4",
        "         and 3 more",
        "  1h 2m  [====>          ] 12/40 files, 1 failed,",
        "         2 wait for a retry, the first until 02:14:05,",
        "         5m 10s a file, 2h 24m left",
    ];
    assert_eq!(at(60, 20, &busy()), expected.join("\n"));
}

#[test]
fn at_40_by_10() {
    let expected = [
        "  1h 1m  talk…people.mp4, attempt 2 of 4",
        " 1m 15s  talk…ople.mp4, attempt 4 of 4,…",
        "     3s  a.mp4",
        "         and 3 more",
        "  1h 2m  [===>      ] 12/40 files,",
        "  1 failed, 2 wait for a retry,",
        "  the first until 02:14:05,",
        "  5m 10s a file, 2h 24m left",
    ];
    assert_eq!(at(40, 10, &busy()), expected.join("\n"));
}

#[test]
fn the_beginning_and_the_end() {
    let begun = Picture { total: 40, ..Picture::default() };
    assert_eq!(at(80, 24, &begun), "     0s  [>                   ] 0/40 files");
    let over = Picture { elapsed: 9 * SECOND, ended: 40, total: 40, rate: Some("4.4 files/s".into()), ..begun };
    assert_eq!(at(80, 24, &over), "     9s  [====================] 40/40 files, 4.4 files/s");
}

#[test]
fn overdue_files_are_named_if_there_is_room() {
    let overdue = |names: &[&str], columns| {
        let left = Left::Overdue(names.iter().map(|name| file(1, name).file_path).collect());
        at(columns, 24, &Picture { total: 2, left, ..Picture::default() })
    };
    let head = "     0s  [>                   ] 0/2 files";
    let line = |text: &str| format!("{head},\n         {text}");
    assert_eq!(overdue(&["a12.dat"], 80), line("time left unknown: a12.dat takes longer than expected"));
    assert_eq!(overdue(&["a12.dat", "b"], 80), line("time left unknown: 2 files take longer than expected"));
    let name = "a-name-that-leaves-room.dat";
    assert_eq!((overdue(&[name], 83).lines().count(), overdue(&[name], 82).lines().count()), (2, 1));
    assert_eq!(overdue(&["a-name-that-leaves-too-little-room.dat"], 80), head);
}

#[test]
fn the_reasons_for_a_slow_run() {
    let slow = Picture {
        ended: 1,
        total: 2,
        retries: 1,
        first_retry: Some(Timestamp::from_micros(90_000_000_000)),
        held: Some("only 3 MB are free on the disk of \u{1b}[2J".to_owned()),
        is_stopping: true,
        is_paused: false,
        ..Picture::default()
    };
    let expected = "     0s  [==========>         ] 1/2 files,
         1 waits for a retry until 1970-01-02 01:00:00, stopping
         not starting new files: only 3 MB are free on the disk of \\u{1b}[2J";
    assert_eq!(at(80, 24, &slow), expected);
}

#[test]
fn names_are_escaped_and_wide_characters_counted() {
    let names = ["日本語の名前日本語の名前日本語の名前.pdf", "\u{1b}[2J.pdf"];
    let strange = Picture { running: names.iter().map(|name| file(1, name)).collect(), total: 2, ..Picture::default() };
    let shown = at(40, 24, &strange);
    assert!(shown.contains("\\u{1b}[2J.pdf") && !shown.contains('\u{1b}') && shown.contains('…'), "{shown}");
}

#[test]
fn every_size_fits() {
    let held = Picture { held: Some("a reason ".repeat(20)), ..busy() };
    for columns in 1..=200 {
        for rows in [1, 2, 3, 5, 10, 50] {
            at(columns, rows, &busy());
            at(columns, rows, &held);
        }
    }
}

#[test]
fn a_name_keeps_a_third_of_the_line() {
    let step = Some("step 3/10 a-step-with-a-name-that-is-longer-than-the-line".to_owned());
    let running = vec![RunningFile { step, ..file(1, "a-file-with-a-name-that-is-long-too.mp4") }];
    let shown = at(60, 24, &Picture { running, total: 1, ..Picture::default() });
    assert!(shown.starts_with("     1s  a-file…-long-too.mp4, step 3/10 a-step-"), "{shown}");
}
