//! The decisions made before a simulation begins.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::LazyLock;
use std::time::Duration;

use autoproc_domain::ports::{AttemptOutcome, LeaseTerms, StartFault};
use autoproc_domain::run::{DEFAULT_PROGRAM_WAIT, FailureLimit};
use autoproc_domain::{FilePath, Priority, Recipe, RetryPolicy};

use super::faults::{PlannedFault, RECIPES, SPAN, faults};
use crate::Random;

/// Enough files to keep all jobs busy while some files wait.
const MAX_FILES: usize = 10;
pub(super) const TERMS: LeaseTerms =
    LeaseTerms { lasts: Duration::from_secs(20), renewed_every: Duration::from_secs(5) };

static PATHS: LazyLock<Vec<FilePath>> = LazyLock::new(|| {
    (0..MAX_FILES).map(|number| FilePath::new(format!("/in/{number}")).expect("it is valid")).collect()
});

#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Generates the decisions that are made during the simulation.
    pub(super) random: Random,
    pub(super) files: Vec<PlannedFile>,
    pub(super) jobs: NonZeroUsize,
    pub(super) timeout: Duration,
    pub(super) retry: RetryPolicy,
    pub(super) wait_for_backoff: bool,
    pub(super) failure_limit: Option<FailureLimit>,
    pub(super) program_wait: Duration,
    /// A run pauses after this number of consecutive files fail in the same way.
    pub(super) pause_on_same: Option<NonZeroUsize>,
    pub(super) recipe: Option<Recipe>,
    /// The maximum number of attempts that the orchestrator accepts beyond the number of jobs.
    pub(super) max_prefetch: u64,
    pub(super) looks_at_files: bool,
    /// True if the runs have leases and are on two hosts.
    pub(super) has_leases: bool,
    pub(super) faults: Vec<PlannedFault>,
}

#[derive(Debug, Clone)]
pub(super) struct ScriptedAttempt {
    /// The duration if nothing ends the attempt earlier. [`Duration::MAX`] if the attempt hangs.
    pub(super) takes: Duration,
    /// The outcome at the end. `None` if the orchestrator loses track of the attempt.
    pub(super) outcome: Option<AttemptOutcome>,
}

#[derive(Debug, Clone)]
pub(super) struct PlannedFile {
    pub(super) path: FilePath,
    pub(super) priority: Priority,
    pub(super) added_at: Duration,
    /// The scripts for odd rounds, then for even rounds.
    pub(super) scripts: [Vec<ScriptedAttempt>; 2],
}

impl PlannedFile {
    /// Returns the script of an attempt. The last script repeats for all later attempts.
    pub(super) fn attempt(&self, round: u32, number: u32) -> &ScriptedAttempt {
        let script = &self.scripts[usize::from(round.is_multiple_of(2))];
        let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
        script.get(index).or(script.last()).expect("a planned script is not empty")
    }
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let count = 1 + random.below(MAX_FILES as u64);
        let files: Vec<_> = PATHS.iter().take(usize::try_from(count).unwrap_or(1)).cloned().collect();
        let files: Vec<_> = files.into_iter().map(|path| planned_file(&mut random, path)).collect();
        let jobs = *random.pick(&[1, 2, 3]);
        Self {
            jobs: NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN),
            timeout: Duration::from_secs(1 + random.below(30)),
            retry: retry_policy(&mut random),
            wait_for_backoff: !random.one_in(6),
            failure_limit: failure_limit(&mut random),
            program_wait: *random.pick(&[DEFAULT_PROGRAM_WAIT, Duration::from_secs(10), Duration::ZERO]),
            pause_on_same: NonZeroUsize::new(*random.pick(&[0, 0, 2, 3])),
            recipe: random.pick(&[None, Some(RECIPES[0]), Some(RECIPES[1])]).to_owned(),
            max_prefetch: *random.pick(&[0, 0, 1, 4]),
            looks_at_files: !random.one_in(3),
            has_leases: random.one_in(2),
            faults: faults(&mut random, files.len()),
            files,
            random,
        }
    }
}

fn planned_file(random: &mut Random, path: FilePath) -> PlannedFile {
    PlannedFile {
        path,
        priority: Priority::new(*random.pick(&[0, 0, 0, 1, 5, -1])),
        added_at: if random.one_in(3) { Duration::from_secs(random.below(SPAN.as_secs())) } else { Duration::ZERO },
        scripts: [script(random), script(random)],
    }
}

fn retry_policy(random: &mut Random) -> RetryPolicy {
    let default = RetryPolicy::default();
    RetryPolicy {
        retries: *random.pick(&[3, 3, 3, 0, 1, 5]),
        max_backoff: *random.pick(&[default.max_backoff, default.max_backoff, Duration::from_secs(5)]),
        retry_timeouts: !random.one_in(4),
        permanent_exits: [77].into(),
        ..default
    }
}

fn failure_limit(random: &mut Random) -> Option<FailureLimit> {
    match random.below(8) {
        0 => NonZeroU64::new(1 + random.below(3)).map(FailureLimit::Files),
        1 => u8::try_from(10 + random.below(50)).ok().map(FailureLimit::Percent),
        _ => None,
    }
}

fn script(random: &mut Random) -> Vec<ScriptedAttempt> {
    let failures = if random.one_in(2) { random.below(6) } else { 0 };
    let mut script: Vec<_> = (0..failures).map(|_| failing_attempt(random)).collect();
    script.push(if random.one_in(6) { failing_attempt(random) } else { attempt(random, AttemptOutcome::Succeeded) });
    script
}

fn failing_attempt(random: &mut Random) -> ScriptedAttempt {
    let outcome = match random.below(14) {
        0..=4 => AttemptOutcome::Exited { code: 1 },
        5 => AttemptOutcome::Exited { code: 126 },
        6 => AttemptOutcome::Exited { code: 77 },
        7 => AttemptOutcome::Signalled { signal: 9 },
        // SIGTERM, which the run may mistake for part of a stop.
        8 | 9 => AttemptOutcome::Signalled { signal: 15 },
        10 => AttemptOutcome::CannotStart { reason: "no memory".into(), fault: StartFault::Temporary },
        11 | 12 => return ScriptedAttempt { takes: Duration::MAX, outcome: Some(AttemptOutcome::Succeeded) },
        _ => return ScriptedAttempt { outcome: None, ..attempt(random, AttemptOutcome::Succeeded) },
    };
    attempt(random, outcome)
}

/// Most durations are whole seconds, to coincide with timeouts and backoffs.
fn attempt(random: &mut Random, outcome: AttemptOutcome) -> ScriptedAttempt {
    let takes = match random.below(4) {
        0 => Duration::ZERO,
        1 => Duration::from_millis(random.below(3000)),
        _ => Duration::from_secs(random.below(20)),
    };
    ScriptedAttempt { takes, outcome: Some(outcome) }
}
