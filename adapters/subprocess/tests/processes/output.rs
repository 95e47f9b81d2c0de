use std::os::unix::fs::PermissionsExt;

use autoproc_domain::ItemId;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::AttemptOutcome;
use autoproc_subprocess::AttemptLogs;

use crate::fixture::{Fixture, sh};

#[tokio::test]
async fn both_streams_go_to_one_private_file_in_order() {
    let fixture = Fixture::new();
    fixture.outcome("echo one; echo two >&2; echo three").await;
    let log = fixture.logs().join("7.2.30.log");
    let output = std::fs::read_to_string(&log).expect("output");
    let (stderr, stdout): (Vec<_>, Vec<_>) = output.lines().partition(|line| *line == "two");
    assert_eq!((stderr, stdout), (vec!["two"], vec!["one", "three"]));
    assert_eq!(std::fs::metadata(&log).expect("output").permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn the_output_of_a_deleted_queue_is_replaced() {
    let fixture = Fixture::new();
    std::fs::create_dir_all(fixture.logs()).expect("a folder");
    let log = fixture.logs().join("7.2.30.log");
    std::fs::write(&log, "much older output").expect("a file");
    fixture.outcome("echo new").await;
    assert_eq!(std::fs::read_to_string(&log).expect("output"), "new\n");
    assert_eq!(std::fs::metadata(&log).expect("output").permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn an_attempt_whose_output_cannot_be_kept_runs_with_one_notice() {
    let fixture = Fixture::new();
    std::fs::write(fixture.path("logs"), "in the way").expect("a file");
    let orchestrator = fixture.orchestrator(sh("echo lost; echo lost >&2; echo ran >>ran"));
    for _ in 0..2 {
        use autoproc_domain::ports::Orchestrator as _;
        let report = orchestrator.execute(fixture.attempt("file"), fixture.stop.clone()).await.expect("an outcome");
        assert_eq!(report.outcome, AttemptOutcome::Succeeded);
    }
    assert_eq!(fixture.read("ran"), "ran\nran\n");
    let notices = fixture.notices.lock().expect("unpoisoned");
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains("7.2.30.log"), "{notices:?}");
}

#[tokio::test]
async fn attempts_are_found_by_item_in_the_order_of_their_claims() {
    let fixture = Fixture::new();
    let logs = AttemptLogs::new(fixture.logs());
    assert_eq!(logs.attempts_of(ItemId::new(7)).expect("no folder, no attempts"), []);
    for claim in [101, 30, 9] {
        let mut attempt = fixture.attempt("file");
        attempt.token.number = ClaimNumber::new(claim);
        fixture.run(sh("echo $AUTOPROC_ATTEMPT"), attempt).await;
    }
    for other in ["70.1.1.log", "7.1.log", "7.0.1.log", "7.1.2.3.log", "7.1.1.txt", "x"] {
        std::fs::write(fixture.logs().join(other), "").expect("a file");
    }
    let found = logs.attempts_of(ItemId::new(7)).expect("a folder");
    assert_eq!(found.iter().map(|log| log.claim.get()).collect::<Vec<_>>(), [9, 30, 101]);
    assert!(found.iter().all(|log| log.attempt.get() == 2));
    assert_eq!(std::fs::read_to_string(&found[0].path).expect("output"), "2\n");
}
