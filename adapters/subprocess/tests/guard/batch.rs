use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::ports::{NeverStop, StartFault, StopLevel, StopSignal};
use autoproc_subprocess::process_table;
use autoproc_subprocess::{BatchEvent, BatchProcess, Ending, GuardSettings, ProcessSpec, fingerprint_of};
use futures_util::stream::{BoxStream, StreamExt};

use crate::fixture::{Fixture, LONG, TIMEOUT, until, write_program};
use crate::stop::Stop;

#[derive(Debug, PartialEq, Eq)]
enum Event {
    Ended(Ending),
    NotStarted(usize),
}

const SUCCEEDED: Event = Event::Ended(Ending::Exited { code: 0 });

const STARTED: &str = "echo >>started; while ! [ -e end ]; do sleep 0.01; done";

fn batch<'f>(
    fixture: &'f Fixture,
    specs: Vec<ProcessSpec>,
    stop: &Arc<dyn StopSignal>,
    start_within: Duration,
) -> BoxStream<'f, BatchEvent> {
    let processes = specs.into_iter().map(|spec| process(fixture, spec, stop.clone())).collect();
    fixture.guards.run_batch(processes, start_within)
}

fn process(fixture: &Fixture, spec: ProcessSpec, stop: Arc<dyn StopSignal>) -> BatchProcess {
    BatchProcess { spec, input: fixture.path(""), stop }
}

fn never() -> Arc<dyn StopSignal> {
    Arc::new(NeverStop)
}

async fn events_of(batch: BoxStream<'_, BatchEvent>) -> Vec<Event> {
    let events = batch.filter_map(async |event| match event {
        BatchEvent::Started(_) => None,
        BatchEvent::Ended(report) => Some(Event::Ended(report.expect("an ending").ending)),
        BatchEvent::NotStarted(count) => Some(Event::NotStarted(count)),
    });
    tokio::time::timeout(TIMEOUT, events.collect()).await.expect("ended in time")
}

async fn run(fixture: &Fixture, specs: Vec<ProcessSpec>, stop: Arc<dyn StopSignal>) -> Vec<Event> {
    events_of(batch(fixture, specs, &stop, LONG)).await
}

async fn next(batch: &mut BoxStream<'_, BatchEvent>) -> Option<BatchEvent> {
    loop {
        let event = tokio::time::timeout(TIMEOUT, batch.next()).await.expect("in time");
        if !matches!(event, Some(BatchEvent::Started(_))) {
            return event;
        }
    }
}

#[tokio::test]
async fn the_commands_of_a_batch_run_one_after_another() {
    let fixture = Fixture::new(LONG);
    let script = |number: u32| {
        fixture.script(&format!(
            "mkdir alone && echo {number} >>order && echo $PPID >>parents && sleep 0.01 && rmdir alone"
        ))
    };
    let events = run(&fixture, (0..8).map(script).collect(), never()).await;
    assert_eq!(events.len(), 8);
    assert!(events.iter().all(|event| *event == SUCCEEDED), "{events:?}");
    assert_eq!(fixture.read("order").lines().collect::<String>(), "01234567");
    assert_eq!(fixture.guard_pids().len(), 1);
    // The guard is free again.
    assert_eq!(fixture.run(fixture.script("echo $PPID >>parents")).await.ending, Ending::Exited { code: 0 });
    let parents = fixture.read("parents");
    assert!(parents.lines().all(|parent| parent == parents.lines().next().expect("a line")), "{parents}");
}

#[tokio::test]
async fn nothing_starts_after_a_failure() {
    for (script, timeout, ending) in [
        ("exit 3", LONG, Ending::Exited { code: 3 }),
        ("kill -9 $$", LONG, Ending::Signalled { signal: 9 }),
        ("sleep 3600", Duration::from_millis(50), Ending::TimedOut),
    ] {
        let fixture = Fixture::new(Duration::ZERO);
        let failing = ProcessSpec { timeout, ..fixture.script(script) };
        let other = || fixture.script(": >started");
        let specs = vec![fixture.script("true"), failing, other(), other()];
        let events = run(&fixture, specs, never()).await;
        assert_eq!(events, [SUCCEEDED, Event::NotStarted(2), Event::Ended(ending)]);
        assert!(!fixture.path("started").exists());
    }
}

#[tokio::test]
async fn nothing_starts_after_a_command_that_cannot_start() {
    let fixture = Fixture::new(LONG);
    let missing = ProcessSpec { program: "/no/such/program".into(), ..fixture.script("") };
    let events = run(&fixture, vec![missing, fixture.script(": >started")], never()).await;
    assert!(
        matches!(
            &*events,
            [Event::NotStarted(1), Event::Ended(Ending::CannotStart { fault: StartFault::Missing, .. })]
        ),
        "{events:?}"
    );
    assert!(!fixture.path("started").exists());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_guard_without_descriptors_reports_a_shortage_and_is_ended() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    let fixture = Fixture::new(LONG);
    fixture.run(fixture.script("true")).await;
    let guard = Pid::from_raw(fixture.guard_pids()[0]);
    let standard_streams_only = Rlimit { current: Some(3), maximum: Some(3) };
    prlimit(guard, Resource::Nofile, standard_streams_only).expect("a limit for the guard");
    let script = || fixture.script(": >started");
    let events = run(&fixture, vec![script(), script()], never()).await;
    assert!(
        matches!(
            &*events,
            [Event::NotStarted(1), Event::Ended(Ending::CannotStart { fault: StartFault::Shortage, .. })]
        ),
        "{events:?}"
    );
    assert!(!fixture.path("started").exists() && fixture.guard_pids().is_empty());
    assert_eq!(fixture.run(script()).await.ending, Ending::Exited { code: 0 });
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn other_work_continues_while_idle_guards_are_ended() {
    use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

    let fixture = Fixture::new(LONG);
    let script =
        |own: &str, other: &str| fixture.script(&format!(": >{own}; until [ -e {other} ]; do sleep 0.02; done"));
    tokio::join!(fixture.run(script("a", "b")), fixture.run(script("b", "a")));
    let guards = fixture.guard_pids();
    for pid in &guards {
        let guard = Pid::from_raw(*pid).expect("a process number");
        let standard_streams_only = Rlimit { current: Some(3), maximum: Some(3) };
        prlimit(Some(guard), Resource::Nofile, standard_streams_only).expect("a limit for the guard");
        kill_process(guard, Signal::STOP).expect("it lives");
    }
    until(|| guards.iter().all(|pid| process_table::read(*pid).is_ok_and(|guard| guard.is_stopped))).await;
    let run = fixture.run(fixture.script(": >started"));
    tokio::pin!(run);
    tokio::select! {
        biased;
        report = &mut run => panic!("the runner has waited without doing anything else: {report:?}"),
        () = until(|| fixture.guard_pids().len() == 1) => {}
    }
    kill_process(Pid::from_raw(fixture.guard_pids()[0]).expect("a process number"), Signal::CONT).expect("it lives");
    assert!(matches!(run.await.ending, Ending::CannotStart { fault: StartFault::Shortage, .. }));
    assert!(fixture.guard_pids().is_empty());
}

#[tokio::test]
async fn commands_that_wait_too_long_are_returned_before_the_long_one_ends() {
    let fixture = Fixture::new(LONG);
    let long = fixture.script("while ! [ -e end ]; do sleep 0.01; done");
    let specs = vec![long, fixture.script(": >started")];
    let mut events = batch(&fixture, specs, &never(), Duration::from_millis(200));
    assert!(matches!(next(&mut events).await, Some(BatchEvent::NotStarted(1))));
    std::fs::write(fixture.path("end"), "").expect("written");
    let last = next(&mut events).await;
    assert!(matches!(last, Some(BatchEvent::Ended(Ok(report))) if report.ending == Ending::Exited { code: 0 }));
    assert!(next(&mut events).await.is_none());
    assert!(!fixture.path("started").exists());
}

#[tokio::test]
async fn a_report_does_not_wait_for_the_next_command_to_end() {
    let fixture = Fixture::new(LONG);
    let long = fixture.script("while ! [ -e reported ]; do sleep 0.01; done");
    let mut events = batch(&fixture, vec![fixture.script("true"), long], &never(), LONG);
    let first = next(&mut events).await;
    assert!(matches!(first, Some(BatchEvent::Ended(Ok(_)))), "{first:?}");
    std::fs::write(fixture.path("reported"), "").expect("written");
    assert_eq!(events_of(events).await, [SUCCEEDED]);
}

#[tokio::test]
async fn nothing_starts_after_a_stop() {
    for level in [StopLevel::Draining, StopLevel::Aborting, StopLevel::Killing] {
        let fixture = Fixture::new(LONG);
        let signal = Arc::new(Stop::new());
        let batch = run(&fixture, vec![fixture.script(STARTED), fixture.script(STARTED)], signal.clone());
        let stop = async {
            until(|| fixture.path("started").exists()).await;
            signal.raise(level);
            // Lets the guard receive the stop level before the command ends.
            tokio::task::yield_now().await;
            if level == StopLevel::Draining {
                std::fs::write(fixture.path("end"), "").expect("written");
            }
        };
        let (events, ()) = tokio::join!(batch, stop);
        let ending = if level == StopLevel::Draining { Ending::Exited { code: 0 } } else { Ending::Aborted };
        assert_eq!(events, [Event::NotStarted(1), Event::Ended(ending)], "{level:?}");
        assert_eq!(fixture.read("started"), "\n");
    }
}

#[tokio::test]
async fn after_a_stop_only_the_first_command_starts() {
    for (level, ending) in [(StopLevel::Draining, Ending::Exited { code: 0 }), (StopLevel::Aborting, Ending::Aborted)] {
        let fixture = Fixture::new(LONG);
        let stop = Arc::new(Stop::new());
        stop.raise(level);
        let events = run(&fixture, vec![fixture.script("true"), fixture.script(": >started")], stop).await;
        assert_eq!(events, [Event::NotStarted(1), Event::Ended(ending)], "{level:?}");
        assert!(!fixture.path("started").exists());
    }
}

#[tokio::test]
async fn a_late_abort_of_one_command_spares_the_next() {
    let fixture = Fixture::new(LONG);
    let cancelled = Arc::new(Stop::new());
    let first = process(&fixture, fixture.script("true"), cancelled.clone());
    let second = process(&fixture, fixture.script(STARTED), never());
    let batch = fixture.guards.run_batch(vec![first, second], LONG);
    let cancel = async {
        // Blocks the runtime, so that the report is not read before the abort is sent.
        let started_at = std::time::Instant::now();
        while !fixture.path("started").exists() && started_at.elapsed() < TIMEOUT {
            std::thread::sleep(Duration::from_millis(1));
        }
        cancelled.raise(StopLevel::Aborting);
        tokio::task::yield_now().await;
        std::fs::write(fixture.path("end"), "").expect("written");
    };
    let (events, ()) = tokio::join!(events_of(batch), cancel);
    assert_eq!(events, [SUCCEEDED, SUCCEEDED]);
}

fn killed_in_the_third(fixture: &Fixture) -> Vec<ProcessSpec> {
    ["true", "true", "kill -9 $PPID; sleep 3600", ": >started", ": >started"].map(|line| fixture.script(line)).into()
}

#[tokio::test]
async fn a_killed_guard_loses_only_the_command_that_was_running() {
    let fixture = Fixture::new(LONG);
    assert_eq!(fixture.run(fixture.script("true")).await.ending, Ending::Exited { code: 0 });
    let events = run(&fixture, killed_in_the_third(&fixture), never()).await;
    assert_eq!(events, [SUCCEEDED, SUCCEEDED, Event::NotStarted(2), Event::Ended(Ending::GuardDied)]);
    assert!(!fixture.path("started").exists());
}

#[tokio::test]
async fn without_a_record_a_killed_guard_loses_all_commands_without_a_report() {
    let fixture = Fixture::with(LONG, |settings| GuardSettings { records_dir: None, ..settings });
    let events = run(&fixture, killed_in_the_third(&fixture), never()).await;
    assert_eq!(events.len(), 5);
    let lost = Event::Ended(Ending::GuardDied);
    assert!(events[..2].iter().all(|event| *event == SUCCEEDED || *event == lost), "{events:?}");
    assert!(events[2..].iter().all(|event| *event == lost), "{events:?}");
    assert!(!fixture.path("started").exists());
}

#[tokio::test]
async fn a_command_that_a_killed_guard_has_not_begun_gets_another_guard() {
    let dir = tempfile::tempdir().expect("a folder");
    let (program, folder) = (dir.path().join("guard"), dir.path().display());
    let guard = env!("CARGO_BIN_EXE_autoproc-guard");
    let script = format!(
        "#!/bin/sh\nmkfifo '{folder}/fifo' 2>/dev/null && head -c1 >/dev/null && exec '{guard}' \"$@\" <>'{folder}/fifo'\n\
         exec '{guard}' \"$@\"\n"
    );
    write_program(&program, &script);
    let fixture = Fixture::with(LONG, |settings| GuardSettings { executable: program, ..settings });
    let script = || fixture.script("echo >>started");
    let batch = run(&fixture, vec![script(), script()], never());
    let kill = async {
        until(|| !fixture.guard_pids().is_empty()).await;
        let guard = process_table::read(fixture.guard_pids()[0]).expect("a guard").id;
        assert_eq!(process_table::kill(guard), process_table::SignalResult::Sent);
    };
    let (events, ()) = tokio::join!(batch, kill);
    assert_eq!(events, [Event::NotStarted(1), SUCCEEDED]);
    assert_eq!(fixture.read("started"), "\n");
}

#[tokio::test]
async fn nothing_starts_after_a_pause() {
    let fixture = Fixture::new(LONG);
    let batch = run(&fixture, vec![fixture.script(STARTED), fixture.script(STARTED)], never());
    let pause = async {
        until(|| fixture.path("started").exists()).await;
        fixture.guards.pause();
        std::fs::write(fixture.path("end"), "").expect("written");
        fixture.guards.resume();
    };
    let (events, ()) = tokio::join!(batch, pause);
    assert_eq!(events, [Event::NotStarted(1), SUCCEEDED]);
    assert_eq!(fixture.read("started"), "\n");
}

#[tokio::test]
async fn a_batch_too_long_for_a_message_is_reduced_to_its_first_command() {
    let fixture = Fixture::new(LONG);
    let mut large = fixture.script(": >>started");
    large.log = None;
    large.environment = (0..33).map(|number| (format!("V{number}").into(), "x".repeat(1 << 20).into())).collect();
    let events = run(&fixture, vec![large.clone(), large], never()).await;
    assert!(matches!(&*events, [Event::NotStarted(1), Event::Ended(Ending::CannotStart { .. })]), "{events:?}");
}

#[tokio::test]
async fn each_start_is_reported_with_the_fingerprint_of_its_input() {
    let fixture = Fixture::new(LONG);
    std::fs::write(fixture.path("input"), "old").expect("written");
    let before = fingerprint_of(&fixture.path("input"));
    let process = |script| BatchProcess { input: fixture.path("input"), ..process(&fixture, script, never()) };
    let missing = BatchProcess { input: fixture.path("missing"), ..process(fixture.script("true")) };
    let batch = vec![process(fixture.script("echo longer >input")), process(fixture.script("true")), missing];
    let events: Vec<_> = fixture.guards.run_batch(batch, LONG).collect().await;
    let starts: Vec<_> = events
        .into_iter()
        .filter_map(|event| if let BatchEvent::Started(fingerprint) = event { Some(fingerprint) } else { None })
        .collect();
    assert_eq!(starts, [before, fingerprint_of(&fixture.path("input")), None]);
}

#[tokio::test]
async fn each_end_reports_how_the_input_is_left() {
    let fixture = Fixture::new(LONG);
    std::fs::write(fixture.path("input"), "old").expect("written");
    let late = "trap '' TERM; (while kill -0 $$ 2>/dev/null; do sleep 0.01; done; echo late >>input) >/dev/null 2>&1 &";
    let scripts = [
        ("true", Some(3)),
        ("echo more >>input", Some(8)),
        ("cat input", Some(8)),
        (late, Some(13)),
        ("mv input moved", None),
        ("mv moved input", Some(13)),
        ("echo more >>input; exit 3", Some(18)),
    ];
    let process = |script| BatchProcess { input: fixture.path("input"), ..process(&fixture, script, never()) };
    let batch = scripts.map(|(script, _)| process(fixture.script(script))).into();
    let events = fixture.guards.run_batch(batch, LONG).filter_map(async |event| match event {
        BatchEvent::Ended(report) => Some(report.expect("an ending").input_after.map(|input| input.size)),
        BatchEvent::Started(_) | BatchEvent::NotStarted(_) => None,
    });
    let sizes: Vec<_> = tokio::time::timeout(TIMEOUT, events.collect()).await.expect("ended in time");
    assert_eq!(sizes, scripts.map(|(_, size)| size));
}
