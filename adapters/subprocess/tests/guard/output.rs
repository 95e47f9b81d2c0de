use autoproc_subprocess::{Ending, OUTPUT_TAIL_BYTES, OutputLimits, ProcessSpec};

use crate::fixture::{Fixture, LONG};

#[tokio::test]
async fn the_beginning_of_stdout_and_the_end_of_stderr_are_reported() {
    let fixture = Fixture::new(LONG);
    let script = "yes out | head -c 500000; (yes err | head -c 300000; echo; echo last) >&2";
    let report = fixture.run(ProcessSpec { capture: 70_001, ..fixture.script(script) }).await;
    assert_eq!((report.ending, report.stdout_bytes), (Ending::Exited { code: 0 }, 500_000));
    assert_eq!(report.stdout, "out\n".repeat(20_000).as_bytes()[..70_001]);
    assert_eq!(report.output_tail.len(), OUTPUT_TAIL_BYTES);
    assert!(report.output_tail.ends_with(b"err\n\nlast\n"), "{}", report.output_tail.escape_ascii());
}

#[tokio::test]
async fn nothing_is_captured_or_kept_unless_requested() {
    let fixture = Fixture::new(LONG);
    let report = fixture.run(ProcessSpec { log: None, ..fixture.script("echo words") }).await;
    assert_eq!((report.stdout, report.stdout_bytes), (Vec::new(), 6));
    assert!(!fixture.path("log").exists());
}

#[tokio::test]
async fn a_command_without_output_has_no_file() {
    let fixture = Fixture::new(LONG);
    fixture.run(fixture.script("echo words")).await;
    assert!(fixture.path("log").exists());
    fixture.run(fixture.script("true")).await;
    assert!(!fixture.path("log").exists(), "the file of an earlier queue is removed");
}

#[tokio::test]
async fn a_later_step_appends_to_the_file() {
    let fixture = Fixture::new(LONG);
    fixture.run(fixture.script("echo one")).await;
    fixture.run(ProcessSpec { append_log: true, ..fixture.script("echo two") }).await;
    assert_eq!(fixture.read("log"), "one\ntwo\n");
}

#[tokio::test]
async fn a_flood_on_both_streams_is_drained_and_limited() {
    let limits = OutputLimits { head: 10_000, tail: 10_000 };
    let fixture = Fixture::with(LONG, |settings| autoproc_subprocess::GuardSettings { output: limits, ..settings });
    let script = "head -c 50000000 /dev/zero & head -c 50000000 /dev/zero >&2; wait";
    let report = fixture.run(fixture.script(script)).await;
    assert_eq!((report.ending, report.stdout_bytes), (Ending::Exited { code: 0 }, 50_000_000));
    let kept = std::fs::metadata(fixture.path("log")).expect("a log").len();
    assert!((20_000..=limits.max_disk()).contains(&kept), "{kept}");
}

#[tokio::test]
async fn output_that_cannot_be_kept_is_reported_and_fails_nothing() {
    let fixture = Fixture::new(LONG);
    std::fs::write(fixture.path("file"), "").expect("a file");
    let spec = ProcessSpec { log: Some(fixture.path("file/log")), ..fixture.script("echo words; echo more >&2") };
    let report = fixture.run(spec).await;
    assert_eq!((report.ending, &report.output_tail[..]), (Ending::Exited { code: 0 }, &b"more\n"[..]));
    assert!(report.log_error.is_some());
}

#[tokio::test]
async fn a_command_reads_its_own_input_and_the_next_one_reads_nothing() {
    let fixture = Fixture::new(LONG);
    let (stdin, capture) = (b"line\n".repeat(50_000), 1000);
    let report = fixture.run(ProcessSpec { stdin, capture, ..fixture.script("cat | wc -c") }).await;
    assert_eq!((report.ending, report.stdout), (Ending::Exited { code: 0 }, b"250000\n".to_vec()));
    let report = fixture.run(ProcessSpec { capture, ..fixture.script("wc -c") }).await;
    assert_eq!(report.stdout, b"0\n");
}

#[tokio::test]
async fn a_command_may_leave_its_input_unread() {
    let fixture = Fixture::new(LONG);
    let spec = ProcessSpec { stdin: vec![b'x'; 1_000_000], ..fixture.script("exec 0<&-; exit 7") };
    assert_eq!(fixture.run(spec).await.ending, Ending::Exited { code: 7 });
}
