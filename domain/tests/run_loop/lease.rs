use autoproc_domain::RunConfig;
use autoproc_domain::ports::{AttemptOutcome, RunEventKind, StorageError};
use autoproc_domain::run::{Action, Input, ProcessorError};

use super::fixture::{Run, claims};

fn working() -> Run {
    let mut run = Run::begun(RunConfig::default());
    run.answer(claims(&[1, 2], true)).actions();
    run.start(1).succeed(2).actions();
    run
}

fn ends_without_settling(mut run: Run) {
    assert!(matches!(run.actions()[..], [Action::Abort]));
    run.feed(Input::Woken);
    assert!(run.actions().is_empty());
    run.end(1, AttemptOutcome::Aborted);
    let actions = run.actions();
    let [Action::End(Err(ProcessorError::Storage(StorageError::LeaseLost { .. })))] = &actions[..] else {
        panic!("{actions:?}")
    };
    assert_eq!(run.count(|kind| matches!(kind, RunEventKind::FileCompleted { .. })), 0);
}

#[test]
fn the_run_aborts_settles_nothing_and_ends() {
    let mut run = working();
    run.feed(Input::LeaseLost);
    ends_without_settling(run);
}

#[test]
fn a_store_that_refuses_the_run_has_the_same_effect() {
    let mut run = working();
    run.refuse(StorageError::LeaseLost { run: autoproc_domain::RunId::new("run") });
    ends_without_settling(run);
}

#[test]
fn both_together_abort_once() {
    let mut run = working();
    run.feed(Input::LeaseLost).feed(Input::LeaseLost);
    ends_without_settling(run);
}
