//! What a seed decides before anything happens.

use std::collections::HashMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use autoproc_domain::command::NewItem;
use autoproc_domain::ports::AttemptOutcome;
use autoproc_domain::processor::Halt;
use autoproc_domain::{FilePath, Priority, RetryPolicy};

use super::disturbance::{Disturbance, disturbances};
use crate::{Random, Script, ScriptedAttempt};

/// Files in the longest queue: enough that all jobs are busy and some wait.
const MAX_FILES: u64 = 10;
/// Files come, and disturbances strike, within this time.
pub(super) const SPAN: Duration = Duration::from_secs(60);

/// The plan of one simulation.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// What goes on deciding while it is played out.
    pub(super) random: Random,
    pub(super) files: Vec<PlannedFile>,
    pub(super) jobs: NonZeroUsize,
    pub(super) timeout: Duration,
    pub(super) retry: RetryPolicy,
    pub(super) wait_for_backoff: bool,
    pub(super) halt: Option<Halt>,
    pub(super) disturbances: Vec<Disturbance>,
}

/// A file, when it comes, and what its attempts do.
#[derive(Debug, Clone)]
pub(super) struct PlannedFile {
    pub(super) new: NewItem,
    pub(super) comes_at: Duration,
    pub(super) script: Script,
}

impl Plan {
    /// What this seed decides.
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let files = (0..=random.below(MAX_FILES)).map(|number| planned_file(&mut random, number)).collect();
        let jobs =
            usize::try_from(random.below(3)).map_or(NonZeroUsize::MIN, |more| NonZeroUsize::MIN.saturating_add(more));
        let timeout = Duration::from_secs(1 + random.below(30));
        let retry = retry_policy(&mut random);
        let wait_for_backoff = !random.one_in(6);
        let disturbances = disturbances(&mut random);
        let halt = halt(&mut random);
        Self { random, files, jobs, timeout, retry, wait_for_backoff, halt, disturbances }
    }

    pub(super) fn scripts(&self) -> HashMap<FilePath, Script> {
        self.files.iter().map(|file| (file.new.file_path.clone(), file.script.clone())).collect()
    }
}

fn planned_file(random: &mut Random, number: u64) -> PlannedFile {
    let file_path = FilePath::new(format!("/in/{number}")).expect("it is short and holds no NUL");
    let priority = Priority::new(*random.pick(&[0, 0, 0, 1, 5, -1]));
    let comes_at = if random.one_in(3) { Duration::from_secs(random.below(SPAN.as_secs())) } else { Duration::ZERO };
    PlannedFile { new: NewItem { file_path, priority }, comes_at, script: script(random) }
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

/// One seed in four has a limit, of few enough files to be reached.
fn halt(random: &mut Random) -> Option<Halt> {
    match random.below(8) {
        0 => NonZeroU64::new(1 + random.below(3)).map(Halt::Files),
        1 => u8::try_from(10 + random.below(50)).ok().map(Halt::Percent),
        _ => None,
    }
}

/// What a file's attempts do: some number of them fail, and the one after them decides.
fn script(random: &mut Random) -> Script {
    let failures = if random.one_in(2) { random.below(6) } else { 0 };
    let mut script: Script = (0..failures).map(|_| failing_attempt(random)).collect();
    script.push(if random.one_in(6) { failing_attempt(random) } else { attempt(random, AttemptOutcome::Succeeded) });
    script
}

fn failing_attempt(random: &mut Random) -> ScriptedAttempt {
    let outcome = match random.below(12) {
        0..=4 => AttemptOutcome::Exited { code: 1 },
        5 => AttemptOutcome::Exited { code: 126 },
        6 => AttemptOutcome::Exited { code: 77 },
        7 => AttemptOutcome::Signalled { signal: 9 },
        8 => AttemptOutcome::CannotStart { reason: "no memory".into(), permanent: false },
        9 | 10 => return ScriptedAttempt { takes: Duration::MAX, outcome: Some(AttemptOutcome::Succeeded) },
        _ => return ScriptedAttempt { outcome: None, ..attempt(random, AttemptOutcome::Succeeded) },
    };
    attempt(random, outcome)
}

/// Most take whole seconds, so that ends, timeouts and due times fall together.
fn attempt(random: &mut Random, outcome: AttemptOutcome) -> ScriptedAttempt {
    let takes = match random.below(4) {
        0 => Duration::ZERO,
        1 => Duration::from_millis(random.below(3000)),
        _ => Duration::from_secs(random.below(20)),
    };
    ScriptedAttempt { takes, outcome: Some(outcome) }
}
