use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{AttemptOutcome, StartFault};
use autoproc_domain::{ItemId, item::ClaimNumber};
use autoproc_subprocess::CommandLine;

use crate::fixture::{Fixture, sh};

#[tokio::test]
async fn the_exit_status_and_the_signal_are_reported() {
    let fixture = Fixture::new();
    assert_eq!(fixture.outcome("exit 0").await, AttemptOutcome::Succeeded);
    assert_eq!(fixture.outcome("exit 7").await, AttemptOutcome::Exited { code: 7 });
    assert_eq!(fixture.outcome("exit 255").await, AttemptOutcome::Exited { code: 255 });
    assert_eq!(fixture.outcome("kill -KILL $$").await, AttemptOutcome::Signalled { signal: 9 });
    assert_eq!(fixture.outcome("kill -TERM $$").await, AttemptOutcome::Signalled { signal: 15 });
}

#[tokio::test]
async fn elapsed_includes_the_command() {
    let report = Fixture::new().script("sleep 0.2").await;
    assert!(report.elapsed >= Duration::from_millis(200), "{:?}", report.elapsed);
}

async fn permanent_reason(fixture: &Fixture, line: CommandLine) -> String {
    match fixture.run(line, fixture.attempt("file")).await.outcome {
        AttemptOutcome::CannotStart { reason, fault } if fault.is_permanent() => reason.into(),
        other => panic!("{other:?}"),
    }
}

fn argv<const N: usize>(words: [&str; N]) -> CommandLine {
    CommandLine::argv(words).expect("valid")
}

#[tokio::test]
async fn a_command_that_cannot_start_has_a_permanent_reason() {
    let fixture = Fixture::new();
    // Another process creates the files, because a file that is open for writing cannot be
    // executed.
    fixture.outcome("printf nonsense >garbage; chmod 755 garbage; printf x >plain; chmod 644 plain").await;
    assert!(
        permanent_reason(&fixture, argv(["no-such-program-anywhere"]))
            .await
            .starts_with("no-such-program-anywhere: No such")
    );
    assert!(permanent_reason(&fixture, argv(["./garbage"])).await.contains("Exec format error"));
    assert!(permanent_reason(&fixture, argv(["./plain"])).await.contains("Permission denied"));
    assert!(permanent_reason(&fixture, argv(["./plain/below"])).await.contains("Not a directory"));
    let long = "x".repeat(4 << 20);
    assert!(permanent_reason(&fixture, argv(["true", &long])).await.contains("Argument list too long"));
}

#[tokio::test]
async fn a_missing_working_directory_is_named() {
    let mut fixture = Fixture::new();
    fixture.working_dir = fixture.path("missing");
    let report = fixture.script("true").await;
    match report.outcome {
        AttemptOutcome::CannotStart { reason, fault: StartFault::Missing } => {
            assert!(reason.contains("missing"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

/// Each command waits until all commands run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_commands_run_concurrently_and_none_is_left() {
    let fixture = Arc::new(Fixture::new());
    let script = "echo $$ >pid.$AUTOPROC_ITEM_ID
        while [ $(ls pid.* | wc -l) -lt 24 ]; do sleep 0.02; done";
    let running = (0..24).map(|id| {
        let mut attempt = fixture.attempt("file");
        (attempt.token.item, attempt.token.number) = (ItemId::new(id), ClaimNumber::new(id));
        let fixture = Arc::clone(&fixture);
        tokio::spawn(async move { fixture.run(sh(script), attempt).await.outcome })
    });
    let outcomes = futures_util::future::join_all(running.collect::<Vec<_>>()).await;
    assert!(outcomes.into_iter().all(|outcome| outcome.expect("no panic") == AttemptOutcome::Succeeded));
    for id in 0..24 {
        fixture.assert_gone(&format!("pid.{id}")).await;
    }
}
