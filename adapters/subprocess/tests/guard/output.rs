//! What a command prints: kept, captured, quoted and counted.

use autoproc_subprocess::{Ending, OutputLimits, ProcessSpec, STDERR_TAIL};

use crate::stage::{LONG, Stage};

#[tokio::test]
async fn the_beginning_of_stdout_and_the_end_of_stderr_are_reported() {
    let stage = Stage::new(LONG);
    let script = "yes out | head -c 500000; (yes err | head -c 300000; echo; echo last) >&2";
    let report = stage.run(ProcessSpec { capture: 70_001, ..stage.script(script) }).await;
    assert_eq!((report.ending, report.stdout_bytes), (Ending::Exited { code: 0 }, 500_000));
    assert_eq!(report.stdout, "out\n".repeat(20_000).as_bytes()[..70_001]);
    assert_eq!(report.stderr_tail.len(), STDERR_TAIL);
    assert!(report.stderr_tail.ends_with(b"err\n\nlast\n"), "{}", report.stderr_tail.escape_ascii());
}

#[tokio::test]
async fn nothing_is_captured_that_nobody_wants() {
    let stage = Stage::new(LONG);
    let report = stage.run(ProcessSpec { log: None, ..stage.script("echo words") }).await;
    assert_eq!((report.stdout, report.stdout_bytes), (Vec::new(), 6));
    assert!(!stage.path("log").exists());
}

#[tokio::test]
async fn no_file_is_made_for_a_command_that_prints_nothing() {
    let stage = Stage::new(LONG);
    stage.run(stage.script("echo words")).await;
    assert!(stage.path("log").exists());
    stage.run(stage.script("true")).await;
    assert!(!stage.path("log").exists(), "and the file of an earlier queue is not taken for its own");
}

#[tokio::test]
async fn a_later_step_continues_the_file() {
    let stage = Stage::new(LONG);
    stage.run(stage.script("echo one")).await;
    stage.run(ProcessSpec { append_log: true, ..stage.script("echo two") }).await;
    assert_eq!(stage.read("log"), "one\ntwo\n");
}

/// The pipes hold 64 KiB each: a guard that did not read would have the command wait for ever.
#[tokio::test]
async fn a_flood_on_both_streams_ends_and_is_bounded() {
    let limits = OutputLimits { head: 10_000, tail: 10_000 };
    let stage = Stage::with(LONG, |settings| autoproc_subprocess::GuardSettings { output: limits, ..settings });
    let script = "head -c 50000000 /dev/zero & head -c 50000000 /dev/zero >&2; wait";
    let report = stage.run(stage.script(script)).await;
    assert_eq!((report.ending, report.stdout_bytes), (Ending::Exited { code: 0 }, 50_000_000));
    let kept = std::fs::metadata(stage.path("log")).expect("a log").len();
    assert!((20_000..=limits.max_disk()).contains(&kept), "{kept}");
}

#[tokio::test]
async fn output_that_cannot_be_kept_is_told_and_fails_nothing() {
    let stage = Stage::new(LONG);
    std::fs::write(stage.path("file"), "").expect("a file");
    let spec = ProcessSpec { log: Some(stage.path("file/log")), ..stage.script("echo words; echo more >&2") };
    let report = stage.run(spec).await;
    assert_eq!((report.ending, &report.stderr_tail[..]), (Ending::Exited { code: 0 }, &b"more\n"[..]));
    assert!(report.log_error.is_some());
}
