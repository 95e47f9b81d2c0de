use std::sync::{Arc, Mutex};
use std::time::Duration;

use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use autoproc_domain::ports::{AttemptRef, ResourceUsage, RunEvent, RunEventKind, StopCause, StopLevel};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::view::Counts;
use autoproc_domain::{FilePath, ItemId, ProcessingResult, Recipe, RunId, Timestamp};
use autoproc_system::OnWarning;

pub(crate) fn event(kind: RunEventKind) -> RunEvent {
    at(1_000_002, kind)
}

pub(crate) fn at(micros: i64, kind: RunEventKind) -> RunEvent {
    RunEvent { at: Timestamp::from_micros(micros), run: RunId::new("run-1"), kind }
}

pub(crate) fn of(path: impl AsRef<std::path::Path>) -> AttemptRef {
    let file_path = FilePath::new(path).expect("a path");
    AttemptRef {
        id: ItemId::new(7),
        file_path,
        round: 1,
        attempt: AttemptNumber::new(2).expect("not zero"),
        claim: Some(ClaimNumber::new(9)),
    }
}

pub(crate) fn begun(of: AttemptRef) -> RunEventKind {
    RunEventKind::FileStarted { of, size_bytes: None, recipe: None }
}

pub(crate) fn started(id: u64, path: &str) -> RunEventKind {
    begun(AttemptRef { id: ItemId::new(id), ..of(path) })
}

pub(crate) fn completed(id: u64, path: &str) -> RunEventKind {
    let of = AttemptRef { id: ItemId::new(id), ..of(path) };
    RunEventKind::FileCompleted { of, elapsed: Duration::from_millis(1500), usage: None, input_changed: false }
}

pub(crate) fn counts() -> Counts {
    Counts { pending: 1, processing: 2, completed: 3, failed: 4, timeout: 5, held: 0 }
}

pub(crate) fn processor_started() -> RunEventKind {
    RunEventKind::ProcessorStarted { jobs: 2, counts: counts() }
}

pub(crate) fn processor_stopped(stopped_by: StoppedBy) -> RunEventKind {
    let result = ProcessingResult {
        processed: 6,
        changed: 5,
        failed: 7,
        retried: 8,
        remaining: 9,
        held: 3,
        processing: 2,
        failed_in_scope: 7,
        stopped_by,
        stop_level: StopLevel::Draining,
    };
    RunEventKind::ProcessorStopped { result }
}

pub(crate) fn usage() -> ResourceUsage {
    ResourceUsage { user: Duration::from_millis(1250), system: Duration::from_millis(250), peak_memory: 4096 }
}

pub(crate) fn recipe() -> Recipe {
    Recipe::new([0, 1, 2, 3, 4, 5, 6, 255])
}

pub(crate) fn every_kind() -> Vec<RunEventKind> {
    let (elapsed, of) = (Duration::from_millis(1500), of("/d/a"));
    let usage = Some(usage());
    vec![
        processor_started(),
        RunEventKind::StopSignalCleared,
        RunEventKind::FileRecovered {
            of: of.clone(),
            dead_run: RunId::new("run-0"),
            requeued: true,
            cancelled: true,
            in_scope: true,
        },
        RunEventKind::RecoveryWithheld { dead_run: RunId::new("run-0"), reason: "process 1 may be at work".into() },
        RunEventKind::StartsHeld { reason: "1 MB free".into(), probe_at: None },
        RunEventKind::StartsResumed { because: None },
        RunEventKind::ProcessorPaused,
        RunEventKind::ProcessorResumed,
        RunEventKind::FileStarted { of: of.clone(), size_bytes: Some(12), recipe: Some(recipe()) },
        RunEventKind::FileCompleted { of: of.clone(), elapsed, usage, input_changed: true },
        RunEventKind::FileRequeued {
            of: of.clone(),
            elapsed,
            usage,
            input_changed: false,
            backoff: Duration::from_secs(2),
            error: "exit status 1".into(),
        },
        RunEventKind::FileFailed { of: of.clone(), elapsed, usage, input_changed: true, error: "exit status 2".into() },
        RunEventKind::FileTimeout {
            of: of.clone(),
            elapsed,
            usage: None,
            input_changed: false,
            error: "timed out".into(),
        },
        RunEventKind::FileReleased { of: of.clone(), elapsed, usage, input_changed: false },
        RunEventKind::ResultDiscarded { of },
        RunEventKind::StopRequested { level: StopLevel::Draining, cause: StopCause::StopFile },
        RunEventKind::StorageTrouble { error: "locked\nby \"x\"".into() },
        RunEventKind::Progress { counts: counts(), next_due: None },
        processor_stopped(StoppedBy::Request(StopCause::StopFile)),
    ]
}

#[derive(Clone, Default)]
pub(crate) struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    pub(crate) fn callback(&self) -> OnWarning {
        let warnings = Arc::clone(&self.0);
        Arc::new(move |text| warnings.lock().expect("unpoisoned").push(text.to_owned()))
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().expect("unpoisoned").clone()
    }
}
