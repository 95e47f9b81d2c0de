//! Every way in which an attempt ends by itself, or does not begin.

use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{AttemptOutcome, Orchestrator};
use autoproc_domain::{ItemId, item::ClaimNumber};
use autoproc_subprocess::{CommandLine, CommandOrchestrator, Settings};

use crate::stage::{Stage, sh};

#[tokio::test]
async fn exit_status_and_signal_are_told() {
    let stage = Stage::new();
    assert_eq!(stage.outcome("exit 0").await, AttemptOutcome::Succeeded);
    assert_eq!(stage.outcome("exit 7").await, AttemptOutcome::Exited { code: 7 });
    assert_eq!(stage.outcome("exit 255").await, AttemptOutcome::Exited { code: 255 });
    assert_eq!(stage.outcome("kill -KILL $$").await, AttemptOutcome::Signalled { signal: 9 });
    assert_eq!(stage.outcome("kill -TERM $$").await, AttemptOutcome::Signalled { signal: 15 });
}

#[tokio::test]
async fn elapsed_covers_the_command() {
    let report = Stage::new().script("sleep 0.2").await;
    assert!(report.elapsed >= Duration::from_millis(200), "{:?}", report.elapsed);
}

/// The outcome's reason, after a check that no later attempt would do better.
async fn why_never(stage: &Stage, line: CommandLine) -> String {
    match stage.run(line, stage.attempt("file")).await.outcome {
        AttemptOutcome::CannotStart { reason, permanent: true } => reason.into(),
        other => panic!("{other:?}"),
    }
}

fn argv<const N: usize>(words: [&str; N]) -> CommandLine {
    CommandLine::argv(words).expect("valid")
}

#[tokio::test]
async fn what_cannot_start_says_why_and_that_it_never_will() {
    let stage = Stage::new();
    // Another process makes the files: none of ours may hold them open for writing while they are executed.
    stage.outcome("printf nonsense >garbage; chmod 755 garbage; printf x >plain; chmod 644 plain").await;
    assert!(
        why_never(&stage, argv(["no-such-program-anywhere"])).await.starts_with("no-such-program-anywhere: No such")
    );
    assert!(why_never(&stage, argv(["./garbage"])).await.contains("Exec format error"));
    assert!(why_never(&stage, argv(["./plain"])).await.contains("Permission denied"));
    assert!(why_never(&stage, argv(["./plain/below"])).await.contains("Not a directory"));
    let long = "x".repeat(4 << 20);
    assert!(why_never(&stage, argv(["true", &long])).await.contains("Argument list too long"));
}

#[tokio::test]
async fn a_missing_working_folder_says_so() {
    let stage = Stage::new();
    let settings = Settings { attempts_dir: stage.logs(), working_dir: Some(stage.path("missing")) };
    let orchestrator = CommandOrchestrator::new(sh("true"), settings, stage.guards());
    let report = orchestrator.execute(stage.attempt("file"), stage.stop.clone()).await.expect("an outcome");
    match report.outcome {
        AttemptOutcome::CannotStart { reason, permanent: true } => assert!(reason.contains("missing"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

/// Each command waits until all of them run, so that they succeed only together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_run_at_once_and_none_is_left() {
    let stage = Arc::new(Stage::new());
    let script = "echo $$ >pid.$AUTOPROC_ITEM_ID
        while [ $(ls pid.* | wc -l) -lt 24 ]; do sleep 0.02; done";
    let running = (0..24).map(|id| {
        let mut attempt = stage.attempt("file");
        (attempt.token.item, attempt.token.number) = (ItemId::new(id), ClaimNumber::new(id));
        let stage = Arc::clone(&stage);
        tokio::spawn(async move { stage.run(sh(script), attempt).await.outcome })
    });
    let outcomes = futures_util::future::join_all(running.collect::<Vec<_>>()).await;
    assert!(outcomes.into_iter().all(|outcome| outcome.expect("no panic") == AttemptOutcome::Succeeded));
    for id in 0..24 {
        stage.assert_gone(&format!("pid.{id}")).await;
    }
}
