use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{
    AttemptRef, EndedAttempt, PastAttempt, PastEnd, PastRun, PastRunEnd, ResourceUsage, RunsSummary,
};
use autoproc_domain::run_info::StoppedBy;
use autoproc_domain::signature::FailureGroups;
use autoproc_domain::view::Counts;
use autoproc_domain::{FilePath, ItemId, Recipe, RunId, Status, Timestamp};

use super::super::axis::float;
use super::super::night::Night;
use super::super::page::Page;
use crate::commands::report::Report;
use crate::missing_files::MissingFiles;
use crate::view::time::Zone;

const PROJECT: &str = "/data/archive";

#[derive(Clone)]
pub(super) struct MadeUp {
    pub(super) attempts: Vec<PastAttempt>,
    /// The number of attempts that the history contains; `None` for all attempts.
    pub(super) known: Option<usize>,
    pub(super) is_live: bool,
    pub(super) is_failed_now: bool,
    pub(super) command: Option<String>,
    pub(super) project: PathBuf,
}

impl Default for MadeUp {
    fn default() -> Self {
        let project = PathBuf::from(PROJECT);
        Self { attempts: Vec::new(), known: None, is_live: false, is_failed_now: true, command: None, project }
    }
}

fn at(seconds: f64) -> Timestamp {
    let ten: Timestamp = "2026-11-28T22:00:00Z".parse().expect("a time");
    ten.saturating_add(Duration::from_secs_f64(seconds))
}

fn run() -> RunId {
    RunId::new("01a22575-a364-77a4-8836-dda3ace0febe")
}

fn attempt(number: u64, name: &str, (from, seconds): (f64, f64), end: PastEnd, error: Option<&str>) -> PastAttempt {
    PastAttempt {
        of: AttemptRef {
            id: ItemId::new(number),
            file_path: FilePath::new(format!("{PROJECT}/{name}")).expect("a path"),
            round: 1,
            attempt: AttemptNumber::FIRST,
            claim: None,
        },
        run: run(),
        started_at: Some(at(from)),
        end: Some(end),
        elapsed: Some(Duration::from_secs_f64(seconds)),
        usage: Some(ResourceUsage {
            user: Duration::from_secs_f64(seconds * 0.7),
            system: Duration::from_secs(1),
            peak_memory: (number % 90) << 20,
        }),
        error: error.map(Into::into),
        size_bytes: Some(number % 90 * 250_000),
        recipe: Recipe::from_hex("0011223344556677"),
        input_changed: false,
    }
}

fn end_of(attempt: &PastAttempt) -> Option<Timestamp> {
    attempt.started_at?.saturating_add(attempt.elapsed?).into()
}

impl MadeUp {
    pub(super) fn small() -> Self {
        let scan = |number: u64, time, end, error| attempt(number, &format!("scans/{number}.png"), time, end, error);
        let (slow, page) = (Some("timed out after 600 s"), Some("exit status 3: no such page"));
        let attempts = vec![
            scan(1, (0.0, 300.0), PastEnd::Completed, None),
            scan(2, (0.0, 420.0), PastEnd::Completed, None),
            scan(6, (300.0, 240.0), PastEnd::Requeued, page),
            scan(3, (420.0, 780.0), PastEnd::Completed, None),
            scan(4, (540.0, 60.0), PastEnd::Requeued, page),
            scan(6, (600.0, 960.0), PastEnd::Completed, None),
            scan(7, (1_200.0, 1_500.0), PastEnd::Completed, None),
            scan(4, (1_560.0, 600.0), PastEnd::Failed, page),
            scan(5, (3_600.0, 600.0), PastEnd::Timeout, slow),
        ];
        Self { attempts, command: Some("autoproc run scans -- ocr {}".to_owned()), ..Self::default() }
    }

    pub(super) fn of(attempts: u64, slots: u64, end: impl Fn(u64) -> PastEnd) -> Self {
        let one = |number: u64| {
            let (slot, turn) = (number % slots, number / slots);
            let seconds = 8.0 + float(number * 7 % 11) * 0.3;
            let from = float(turn) * 12.0 + float(slot) * 0.2;
            let end = end(number);
            let error = (end != PastEnd::Completed).then(|| format!("exit status {}: no page {number}", number % 40));
            let name = format!("scans/2026/a folder with a long name/page {number}.png");
            attempt(number, &name, (from, seconds), end, error.as_deref())
        };
        Self { attempts: (0..attempts).map(one).collect(), ..Self::default() }
    }

    pub(super) fn with_texts(name: &str, error: &str, command: &str, project: &str) -> Self {
        let name = name.replace('\0', "\u{1}").replace('/', "\u{2215}");
        let ends = [PastEnd::Completed, PastEnd::Requeued, PastEnd::Completed, PastEnd::Failed];
        let one = |(number, end): (u64, PastEnd)| {
            let error = (end != PastEnd::Completed).then_some(error);
            attempt(number % 2, &format!("{name}{}.png", number % 2), (float(number) * 10.0, 9.0), end, error)
        };
        let attempts = (1..).zip(ends).map(one).collect();
        let project = PathBuf::from(format!("/{}", project.replace('\0', "")));
        Self { attempts, command: Some(command.to_owned()), project, ..Self::default() }
    }

    pub(super) fn all() -> Vec<(&'static str, Self)> {
        let mixed = |number| match number % 50 {
            0 => PastEnd::Requeued,
            1 => PastEnd::Failed,
            2 => PastEnd::Timeout,
            3 => PastEnd::Released,
            _ => PastEnd::Completed,
        };
        let long = "<\u{202e}>".repeat(60);
        vec![
            ("no run", Self::default()),
            ("small", Self::small()),
            ("live", Self { is_live: true, ..Self::small() }),
            ("3,000 files", Self::of(3_000, 4, mixed)),
            ("10,000 files", Self::of(10_000, 64, mixed)),
            ("10,000 files one after the other", Self::of(10_000, 1, mixed)),
            ("only failures", Self::of(300, 2, |_| PastEnd::Failed)),
            ("hostile", Self::with_texts(&long, &"&".repeat(500), &long.repeat(50), &long)),
        ]
    }

    pub(super) fn night(&self) -> Night {
        let live = self.is_live.then(run).into_iter().collect();
        let mut night = Night::new(&self.runs(), &live, at(5_000.0));
        for attempt in self.attempts.iter().take(self.known.unwrap_or(usize::MAX)) {
            night.add(attempt, end_of(attempt));
        }
        night
    }

    pub(super) fn page(&self) -> String {
        let (report, night) = (self.report(), self.night());
        let page = Page {
            report: &report,
            night: &night,
            project: &self.project,
            command: self.command.clone(),
            now: at(5_000.0),
            zone: &Zone::utc(),
            refresh_s: self.is_live.then_some(5),
        };
        page.document()
    }

    fn count(&self, ends: &[PastEnd]) -> u64 {
        self.attempts.iter().filter(|attempt| attempt.end.is_some_and(|end| ends.contains(&end))).count() as u64
    }

    fn runs(&self) -> Vec<PastRun> {
        let Some(last) = self.attempts.iter().filter_map(end_of).max() else { return Vec::new() };
        vec![PastRun {
            id: run(),
            started_at: Some(at(0.0)),
            last_event_at: last,
            end: (!self.is_live).then_some(PastRunEnd { at: last, stopped_by: Some(StoppedBy::QueueEmpty) }),
            stop: None,
            completed: self.count(&[PastEnd::Completed]),
            failed: self.count(&[PastEnd::Failed, PastEnd::Timeout]),
            retried: self.count(&[PastEnd::Requeued]),
        }]
    }

    fn report(&self) -> Report {
        let mut groups = FailureGroups::default();
        let is_failed = |attempt: &&PastAttempt| matches!(attempt.end, Some(PastEnd::Failed | PastEnd::Timeout));
        let failures: Vec<_> = self.attempts.iter().filter(is_failed).take(RunsSummary::MAX_FAILURES).collect();
        for attempt in &failures {
            groups.add(attempt.error.as_deref(), &attempt.of.file_path, attempt.started_at);
        }
        let now = if self.is_failed_now { Status::Failed } else { Status::Completed };
        let summary = RunsSummary {
            runs: self.runs(),
            failed_files: self.count(&[PastEnd::Failed, PastEnd::Timeout]),
            failures: failures
                .into_iter()
                .map(|attempt| EndedAttempt { attempt: attempt.clone(), ended_at: at(1.0) })
                .collect(),
            changed_files: 1,
            first_changed: self.attempts.first().map(|attempt| attempt.of.file_path.clone()),
            slowest: Vec::new(),
        };
        Report {
            since: None,
            later: Vec::new(),
            is_latest: true,
            command: None,
            live: self.is_live.then(run).into_iter().collect::<HashSet<_>>(),
            now: summary.failures.iter().map(|_| Some(now)).collect(),
            groups,
            counts: Counts { pending: 2, held: 1, completed: 5, failed: 1, timeout: 1, ..Counts::default() },
            missing: MissingFiles::among(&[]),
            project_option: String::new(),
            summary,
        }
    }
}
