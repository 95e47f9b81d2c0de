use autoproc_domain::RunId;
use autoproc_domain::item::AttemptNumber;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const START: Timestamp = Timestamp::from_micros(0);

fn of(id: u64) -> AttemptRef {
    AttemptRef {
        id: ItemId::new(id),
        file_path: FilePath::new(format!("/in/{id}")).expect("a path"),
        round: 1,
        attempt: AttemptNumber::FIRST,
        claim: None,
    }
}

fn started(id: u64) -> RunEventKind {
    RunEventKind::FileStarted { of: of(id), size_bytes: None, recipe: None }
}

fn completed(id: u64) -> RunEventKind {
    RunEventKind::FileCompleted { of: of(id), elapsed: SECOND, usage: None, input_changed: false }
}

fn failed(id: u64) -> RunEventKind {
    RunEventKind::FileFailed {
        of: of(id),
        elapsed: SECOND,
        usage: None,
        input_changed: false,
        error: "exit status 1".into(),
    }
}

fn requeued(id: u64, backoff: Duration) -> RunEventKind {
    RunEventKind::FileRequeued {
        of: of(id),
        elapsed: SECOND,
        usage: None,
        input_changed: false,
        backoff,
        error: "exit status 1".into(),
    }
}

fn counted(pending: usize, processing: usize) -> RunEventKind {
    RunEventKind::Progress { counts: Counts { pending, processing, ..Counts::default() }, next_due: None }
}

fn board(events: impl IntoIterator<Item = (u64, RunEventKind)>) -> Board {
    let mut board = Board::new(4);
    for (seconds, kind) in events {
        let since = Duration::from_secs(seconds);
        board.apply(&RunEvent { at: START.saturating_add(since), run: RunId::new("r"), kind }, since);
    }
    board
}

fn known(left: &str) -> Left {
    Left::Known(left.to_owned())
}

fn ids(picture: &Picture) -> Vec<u64> {
    picture.running.iter().map(|file| file.id.get()).collect()
}

#[test]
fn waits_of_earlier_runs_count_until_they_end_or_their_file_starts() {
    let mut board = Board::new(4);
    let due = |seconds| START.saturating_add(Duration::from_secs(seconds));
    board.set_waits(vec![(ItemId::new(1), due(9)), (ItemId::new(2), due(5)), (ItemId::new(3), due(7))]);
    let picture = board.picture(5, SECOND, START);
    assert_eq!((picture.retries, picture.first_retry), (3, Some(due(5))));
    let at = due(6);
    assert_eq!(board.picture(5, SECOND, at).retries, 2, "file 2 is due");
    board.apply(&RunEvent { at, run: RunId::new("r"), kind: started(3) }, SECOND);
    assert_eq!(board.picture(5, SECOND, at).first_retry, Some(due(9)));
}

#[test]
fn the_slowest_stand_first_and_the_others_are_counted() {
    let mut board = board((1..=5).map(|id| (10 - id, started(id))));
    assert_eq!(ids(&board.picture(5, 20 * SECOND, START)), [5, 4, 3, 2, 1]);
    let picture = board.picture(4, 20 * SECOND, START);
    assert_eq!((ids(&picture), picture.more_running), (vec![5, 4, 3], 2));
    let none = board.picture(0, 20 * SECOND, START);
    assert_eq!((ids(&none), none.more_running), (vec![], 5));
}

#[test]
fn a_file_is_shown_from_half_a_second_to_its_end() {
    let mut board = board([(1, started(1)), (1, started(2)), (2, completed(2))]);
    assert!(ids(&board.picture(5, SECOND + MIN_SHOWN / 2, START)).is_empty());
    assert_eq!(ids(&board.picture(5, 3 * SECOND, START)), [1]);
}

#[test]
fn each_way_to_end_ends() {
    let ends = [
        failed(1),
        requeued(1, SECOND),
        RunEventKind::FileTimeout {
            of: of(1),
            elapsed: SECOND,
            usage: None,
            input_changed: false,
            error: "timed out".into(),
        },
        RunEventKind::FileReleased { of: of(1), elapsed: SECOND, usage: None, input_changed: false },
        RunEventKind::ResultDiscarded { of: of(1) },
    ];
    for end in ends {
        let mut board = board([(0, started(1)), (1, end.clone())]);
        assert!(ids(&board.picture(5, 3 * SECOND, START)).is_empty(), "{end:?}");
    }
}

#[test]
fn files_that_others_add_count() {
    let mut board = board([(0, counted(3, 0)), (0, started(1)), (1, completed(1)), (1, failed(2))]);
    let picture = board.picture(5, SECOND, START);
    assert_eq!((picture.ended, picture.failed, picture.total), (2, 1, 3));
    board.apply(&RunEvent { at: START, run: RunId::new("r"), kind: counted(7, 1) }, SECOND);
    assert_eq!(board.picture(5, SECOND, START).total, 10);
}

#[test]
fn a_retry_waits_until_it_is_due_or_starts() {
    let mut board = board([
        (0, counted(9, 0)),
        (1, requeued(1, SECOND)),
        (1, requeued(2, 9 * SECOND)),
        (1, requeued(3, 5 * SECOND)),
    ]);
    let at = |seconds: u64| START.saturating_add(Duration::from_secs(seconds));
    let mut waiting = |seconds: u64| {
        let picture = board.picture(5, SECOND, at(seconds));
        (picture.retries, picture.first_retry)
    };
    assert_eq!(waiting(1), (3, Some(at(2))));
    assert_eq!(waiting(2), (2, Some(at(6))));
    board.apply(&RunEvent { at: at(3), run: RunId::new("r"), kind: started(3) }, SECOND);
    let picture = board.picture(5, SECOND, at(3));
    assert_eq!((picture.retries, picture.first_retry), (1, Some(at(10))));
}

#[test]
fn the_time_left_is_unknown_while_all_wait() {
    let mut board = board([(0, counted(3, 0)), (8, completed(1)), (8, requeued(2, 60 * SECOND))]);
    assert_eq!(board.picture(5, 8 * SECOND, START).left, known("16s left"));
    board.apply(&RunEvent { at: START, run: RunId::new("r"), kind: requeued(3, 60 * SECOND) }, 8 * SECOND);
    assert_eq!(board.picture(5, 8 * SECOND, START).left, Left::Unknown);
}

fn started_with(id: u64, megabytes: u64) -> RunEventKind {
    RunEventKind::FileStarted { of: of(id), size_bytes: Some(megabytes * 1_000_000), recipe: None }
}

fn after_five_files() -> Board {
    let completed = |id| RunEventKind::FileCompleted {
        of: of(id),
        elapsed: 10 * u32::try_from(id).unwrap_or(0) * SECOND,
        usage: None,
        input_changed: false,
    };
    let mut board =
        board([(0, RunEventKind::ProcessorStarted { jobs: 1, counts: Counts { pending: 7, ..Counts::default() } })]);
    board.expect((6..=7).map(|id| (ItemId::new(id), of(id).file_path)));
    for id in 1..=5 {
        board.apply(&RunEvent { at: START, run: RunId::new("r"), kind: started_with(id, id) }, 10 * SECOND);
        board.apply(&RunEvent { at: START, run: RunId::new("r"), kind: completed(id) }, 150 * SECOND);
    }
    board
}

#[test]
fn the_time_left_follows_the_sizes() {
    let mut board = after_five_files();
    let sizes = [(6, 8), (7, 16)].map(|(id, megabytes)| (ItemId::new(id), megabytes * 1_000_000));
    board.measure(&sizes.into_iter().collect());
    assert_eq!(board.picture(5, 150 * SECOND, START).left, known("4m left"));
    let starts = RunEvent { at: START, run: RunId::new("r"), kind: started_with(6, 8) };
    board.apply(&starts, 150 * SECOND);
    assert_eq!(board.picture(5, 200 * SECOND, START).left, known("3m 10s left"));
}

#[test]
fn files_of_unknown_size_count_like_the_average() {
    assert_eq!(after_five_files().picture(5, 150 * SECOND, START).left, known("1m left"));
}

#[test]
fn a_file_that_is_pending_again_keeps_its_size() {
    let mut board = after_five_files();
    let event = |kind| RunEvent { at: START, run: RunId::new("r"), kind };
    board.apply(&event(started_with(7, 16)), 150 * SECOND);
    board.apply(
        &event(RunEventKind::FileReleased { of: of(7), elapsed: SECOND, usage: None, input_changed: false }),
        150 * SECOND,
    );
    assert_eq!(board.picture(5, 150 * SECOND, START).left, known("3m 10s left"));
}

#[test]
fn short_attempts_are_not_forecast() {
    let mut board = board([(0, counted(12, 0))]);
    for id in 1..=6 {
        let completed =
            RunEventKind::FileCompleted { of: of(id), elapsed: SECOND / 20, usage: None, input_changed: false };
        board.apply(&RunEvent { at: START, run: RunId::new("r"), kind: started_with(id, 1) }, SECOND);
        board.apply(&RunEvent { at: START, run: RunId::new("r"), kind: completed }, 6 * SECOND);
    }
    // On average, a file ends every second.
    assert_eq!(board.picture(5, 6 * SECOND, START).left, known("6s left"));
}

#[test]
fn earlier_runs_give_a_forecast_before_the_first_end() {
    let mut board = board([(0, counted(2, 0))]);
    let mut earlier = Forecast::default();
    (0..5).for_each(|_| earlier.record_past(&of(9).file_path, 1_000_000, 30 * SECOND));
    board.learn(earlier);
    assert_eq!(board.picture(5, SECOND, START).left, known("1m left"));
}

fn two_running(sizes_mb: [u64; 2]) -> Board {
    let mut board = board([(0, counted(4, 0)), (0, started_with(1, sizes_mb[0])), (0, started_with(2, sizes_mb[1]))]);
    let mut earlier = Forecast::default();
    (0..30).for_each(|_| earlier.record_past(&of(9).file_path, 1_000_000, SECOND * 31 / 100));
    board.learn(earlier);
    board
}

#[test]
fn the_time_left_is_unknown_while_a_file_takes_longer_than_expected() {
    let mut board = two_running([1, 1]);
    assert_eq!(board.picture(5, SECOND, START).left, known("< 1s left"));
    let overdue = |board: &mut Board, seconds: u32| match board.picture(5, seconds * SECOND, START).left {
        Left::Overdue(files) => files,
        left => panic!("{left:?}"),
    };
    let mut both = overdue(&mut board, 2);
    both.sort();
    assert_eq!(both, [of(1).file_path, of(2).file_path]);
    board.apply(&RunEvent { at: START, run: RunId::new("r"), kind: completed(1) }, 2 * SECOND);
    assert_eq!(overdue(&mut board, 3), [of(2).file_path]);
}

#[test]
fn a_much_larger_file_makes_the_time_left_a_lower_bound() {
    let mut board = two_running([30, 30]);
    assert_eq!(board.picture(5, SECOND / 10, START).left, Left::Unknown, "less than a second");
    board.apply(&RunEvent { at: START, run: RunId::new("r"), kind: counted(20, 0) }, SECOND);
    assert_eq!(board.picture(5, 5 * SECOND, START).left, known("more than 2s left"));
}
